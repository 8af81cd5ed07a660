"""How often a transaction is tried again, how long it may take, and what a child process leaves alone."""

from __future__ import annotations

import gc
import sqlite3
import sys
import weakref
from threading import Thread
from types import SimpleNamespace

import pytest
from databases import SERVERS, Place
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from apscheduler.jobstores._sql.connection import database
from apscheduler.jobstores._sql.connection.database import (
    Database,
    leave_alone,
    make_engine,
)
from apscheduler.testing import ManualScheduler

BOUNDS = (7.0, 11.0)


# -- trying again -----------------------------------------------------------------------------------------------


@pytest.fixture
def own(monkeypatch):
    """A database, with the pauses that it made."""
    engine = create_engine("sqlite://")
    own = Database(engine, is_own=True, statement_seconds=5.0)
    own.pauses = []
    monkeypatch.setattr(
        database, "time", SimpleNamespace(sleep=own.pauses.append, monotonic=lambda: 0.0)
    )
    monkeypatch.setattr(database.random, "uniform", lambda low, high: low)
    yield own
    own.close()
    engine.dispose()


class Failing:
    """Work that fails so many times."""

    def __init__(self, times: int, said: str) -> None:
        self.left, self.said, self.calls = times, said, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise OperationalError("", {}, Exception(self.said))
        return "done"


@pytest.mark.parametrize(
    ("said", "times", "calls"),
    [("Deadlock found", 0, 1), ("Deadlock found", 4, 5), ("database is locked", 1, 2)],
)
def test_what_the_database_asks_to_try_again_is_tried_again(own, said, times, calls):
    work = Failing(times, said)
    assert own.retried(work) == "done"
    assert work.calls == calls
    assert own.pauses == pytest.approx([0.002 * (tries + 1) for tries in range(calls - 1)])


@pytest.mark.parametrize(
    ("said", "calls"), [("Deadlock found", 5), ("database is locked", 2), ("no such table: a", 1)]
)
def test_what_fails_again_and_again_is_raised_in_the_end(own, said, calls):
    work = Failing(99, said)
    with pytest.raises(OperationalError, match=said):
        own.retried(work)
    assert work.calls == calls


# -- what a transaction may take ----------------------------------------------------------------------------------


class Asked:
    """A connection that keeps what it is asked, and does not know some of it."""

    def __init__(self, *, unknown: str = "nothing") -> None:
        self.info: dict = {}
        self.statements: list[str] = []
        self.values: list[dict] = []
        self._unknown = unknown

    def exec_driver_sql(self, statement: str) -> None:
        self.statements.append(statement)
        if self._unknown in statement:
            raise OperationalError(statement, {}, Exception("unknown"))

    def execute(self, statement, values) -> None:
        self.values.append(values)


def of(url: str, seconds: float) -> Database:
    return Database(make_engine(url, {}, BOUNDS), is_own=True, statement_seconds=seconds)


@pytest.mark.parametrize(("seconds", "bound"), [(7.5, 7), (2.0, 2), (0.2, 1)])
def test_mysql_is_bounded_once_for_each_connection(seconds, bound):
    mysql, connection = of("mysql+pymysql://u@127.0.0.1:1/d", seconds), Asked()
    for _ in range(2):
        mysql._bound(connection)
    assert connection.statements == [
        f"SET SESSION {name}={bound}"
        for name in ("innodb_lock_wait_timeout", "idle_transaction_timeout", "max_statement_time")
    ]
    assert connection.values == []


def test_a_mysql_that_does_not_know_a_bound_is_asked_for_it_once():
    mysql = of("mysql+pymysql://u@127.0.0.1:1/d", 5.0)
    connection = Asked(unknown="idle_transaction")
    for _ in range(2):
        mysql._bound(connection)
    assert len(connection.statements) == 2


@pytest.mark.parametrize(("seconds", "bound"), [(7.5, "7500"), (0.01, "200")])
def test_postgresql_is_bounded_in_each_transaction(seconds, bound):
    pytest.importorskip("psycopg")
    postgresql, connection = of("postgresql+psycopg://u@127.0.0.1:1/d", seconds), Asked()
    for _ in range(2):
        postgresql._bound(connection)
    assert connection.values == [{"ms": bound}] * 2
    assert connection.statements == []


def test_a_database_without_a_protocol_of_claims_is_refused():
    other = create_engine("sqlite://")
    other.dialect.name = "oracle"
    with pytest.raises(ValueError, match="needs PostgreSQL, MariaDB, MySQL or SQLite, not oracle"):
        Database(other, is_own=False, statement_seconds=5.0)


def test_a_connection_whose_transaction_the_file_has_ended_itself_is_not_used_again(tmp_path):
    shared = of(f"sqlite:///{tmp_path}/a.sqlite", 5.0)
    used = []

    def fails(connection) -> None:
        used.append(connection.connection.driver_connection)
        connection.exec_driver_sql("ROLLBACK")  # as SQLite does when the disk is full
        raise RuntimeError("whatever")

    with pytest.raises(RuntimeError, match="whatever"), shared.transaction() as connection:
        fails(connection)
    with shared.transaction() as connection:
        assert connection.connection.driver_connection not in used
    shared.close()


def test_texts_of_an_engine_with_a_reading_of_its_own_stay_so(tmp_path):
    def connect() -> sqlite3.Connection:
        made = sqlite3.connect(tmp_path / "a.sqlite", check_same_thread=False)
        made.text_factory = lambda raw: raw.decode().upper()
        return made

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)
    theirs = Database(engine, is_own=False, statement_seconds=5.0)
    for way in (theirs.reading, theirs.transaction):
        with way() as connection:
            assert connection.exec_driver_sql("SELECT 'a'").scalar() == "A"
    engine.dispose()


# -- processes and ends ---------------------------------------------------------------------------------------------


def test_what_is_left_alone_is_kept_until_the_process_ends(monkeypatch):
    class Thing:
        """Anything of the parent's."""

    kept: list = []
    monkeypatch.setattr(database, "_inherited", kept)
    before = sys.getrefcount(kept)
    held = []
    for _ in range(2):
        thing = Thing()
        held.append(weakref.ref(thing))
        leave_alone(thing)
        assert sys.getrefcount(kept) == before + 1, "the list itself is never freed"
    del thing
    gc.collect()
    assert all(each() is not None for each in held)


def test_a_child_process_has_connections_and_locks_of_its_own(tmp_path, monkeypatch):
    left: list = []
    monkeypatch.setattr(database, "_inherited", left)
    engine = create_engine(f"sqlite:///{tmp_path}/a.sqlite")
    shared = Database(engine, is_own=True, statement_seconds=5.0)
    idle, waiting = engine.connect(), engine.connect()
    parents = idle.connection.driver_connection
    idle.close()
    pool = engine.pool
    holder = Thread(target=shared.writing.acquire)  # who held it is not in the child
    holder.start()
    holder.join()
    unfinished = waiting.connection.driver_connection
    unfinished.execute("BEGIN")
    with shared.watch.call():
        shared.forked()
        assert not shared.watch._calls
    waiting.close()
    assert unfinished.in_transaction, "no word of it reached the parent's server"
    unfinished.rollback()
    with shared.reading() as connection:
        assert connection.connection.driver_connection is not parents
    assert left == [pool]
    assert parents.execute("SELECT 1").fetchone() == (1,), "nothing of the parent's was closed"
    shared.close()
    pool.dispose()


def test_a_private_database_goes_along_into_the_child_process(monkeypatch):
    monkeypatch.setattr(database, "_inherited", [])
    private = Database(make_engine("sqlite://", {}, BOUNDS), is_own=True, statement_seconds=5.0)
    with private.transaction() as connection:
        connection.execute(text("CREATE TABLE a (b)"))
    private.forked()
    private.close()
    with private.reading() as connection:
        assert connection.execute(text("SELECT * FROM a")).keys() == ["b"]
    private.engine.dispose()


@pytest.mark.parametrize("is_own", [True, False])
def test_only_an_engine_of_our_own_is_closed_when_nobody_can_ask_it_any_more(tmp_path, is_own):
    engine = create_engine(f"sqlite:///{tmp_path}/a.sqlite")
    shared = Database(engine, is_own=is_own, statement_seconds=5.0)
    with shared.reading() as connection:
        raw = connection.connection.driver_connection
    del shared, connection
    gc.collect()
    if is_own:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            raw.execute("SELECT 1")
    else:
        assert raw.execute("SELECT 1").fetchone() == (1,)
    engine.dispose()


def test_a_fork_waits_for_who_is_at_work_in_sqlite_and_for_no_server(own):
    server = of("mysql+pymysql://u@127.0.0.1:1/d", 5.0)
    free = {}

    def ask() -> None:
        for name, each in (("sqlite", own), ("server", server)):
            free[name] = each.writing.acquire(timeout=0)
            if free[name]:
                each.writing.release()

    for during in (True, False):
        if during:
            database._hold()
        asker = Thread(target=ask)
        asker.start()
        asker.join()
        assert free == {"sqlite": not during, "server": True}
        database._go_on()


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
def test_the_wait_for_a_commit_is_watched_from_its_begin(kind, tmp_path):
    place = Place(kind, tmp_path)
    store = place.store()
    store.start(ManualScheduler(), "default")
    ways, waits = store._database, []
    event.listen(store.engine, "commit", lambda _: waits.append((call.age, call.asked)))
    with ways.transaction() as connection:
        connection.execute(text("SELECT 1"))
        call = ways.watch._local.call
        assert not call.asked
        call.age = 9.0
    assert waits == [(0.0, True)]
    store.shutdown()
    place.close()
