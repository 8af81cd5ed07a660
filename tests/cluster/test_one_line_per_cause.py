"""A store in trouble for a while: one line per cause and ten seconds, nothing lost, and on it goes afterwards."""

from __future__ import annotations

import logging
import secrets
import shutil
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest
from cluster.support.mounts import disk
from cluster.support.servers import MariaDBServer, PostgresServer
from cluster.support.servers import require as require_server
from databases import URLS, require
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from apscheduler._engine.instants import SECOND, to_us
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

pytestmark = [pytest.mark.serial, pytest.mark.slow, pytest.mark.timeout(180)]

WAIT = 30.0
BETWEEN = 10.0
"""Seconds between two lines about one cause, at least."""


class Lines(logging.Handler):
    """What was logged of warnings and worse, as it would be read, and when."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[tuple[float, str]] = []

    def emit(self, record) -> None:
        self.found.append((time.monotonic(), self.format(record)))

    def texts(self, words: str = "") -> list[str]:
        return [text for _, text in self.found if words in text]

    def check(self, words: str) -> None:
        """Each is one line, and those with these words have ten seconds between them."""
        assert [text for text in self.texts() if "\n" in text] == []
        moments = [moment for moment, text in self.found if words in text]
        # A clock that is read after the one that decides, hence the tenth.
        assert all(later - earlier > BETWEEN - 0.1 for earlier, later in pairwise(moments))


@pytest.fixture
def lines():
    handler = Lines()
    loggers = [logging.getLogger(f"apscheduler.{each}") for each in ("scheduler", "jobstores")]
    for logger in loggers:
        logger.addHandler(handler)
    yield handler
    for logger in loggers:
        logger.removeHandler(handler)


class Work:
    """Jobs' functions: one says that it was called, one fails with a text when it may."""

    def __init__(self, monkeypatch) -> None:
        self.size = 2000
        self.called = Event()
        self.begun = Event()
        self.may_end = Event()
        monkeypatch.setitem(
            sys.modules, "troubled_work", SimpleNamespace(call=self.call, fail=self.fail)
        )

    def call(self) -> str:
        self.called.set()
        return secrets.token_hex(
            self.size
        )  # kept as its result: soon no page has room for one more

    def fail(self) -> None:
        self.begun.set()
        assert self.may_end.wait(WAIT * 3)
        raise ValueError("what was said at the end ☃")

    def goes_on(self, within: float = WAIT) -> bool:
        self.called.clear()
        return self.called.wait(within)


@pytest.fixture
def work(monkeypatch):
    return Work(monkeypatch)


@pytest.fixture
def started():
    made = []

    def start(url, **options):
        store = SQLAlchemyJobStore(url, **options)
        scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
        made.append(scheduler)
        scheduler.start()
        return scheduler

    yield start
    for scheduler in made:
        if scheduler.running:
            scheduler.shutdown(wait=False)


# -- a listener whose session is ended -----------------------------------------------------------------------


@pytest.fixture
def hasty():
    """A URL of a role whose idle sessions are ended after a second, and a schema of its own."""
    require("postgresql")
    name = f"t_{secrets.token_hex(6)}"
    engine = create_engine(URLS["postgresql"], isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN"))
        connection.execute(text(f"CREATE SCHEMA {name} AUTHORIZATION {name}"))
        connection.execute(text(f"ALTER ROLE {name} SET idle_session_timeout = '1s'"))
        connection.execute(text(f"ALTER ROLE {name} SET search_path = {name}"))
    url = make_url(URLS["postgresql"]).set(username=name)
    yield url.render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :name"),
            {"name": name},
        )
        connection.execute(text(f"DROP OWNED BY {name}"))
        connection.execute(text(f"DROP ROLE {name}"))
    engine.dispose()


def end_sessions(url: str) -> None:
    """End all sessions of a role, the listener's among them."""
    role = make_url(url).username
    engine = create_engine(URLS["postgresql"], isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :name"),
            {"name": role},
        )
    engine.dispose()


def test_sessions_that_the_server_ends_for_idleness_are_one_line_in_ten_seconds(
    hasty, work, lines, started
):
    scheduler = started(hasty)
    scheduler.add_job("troubled_work:call", "interval", seconds=3)
    until = time.monotonic() + 25
    while time.monotonic() < until:
        assert work.goes_on()
        end_sessions(hasty)  # as if each was idle
    lines.check("terminat")
    assert len(lines.texts()) <= 2 * (1 + 25 / BETWEEN), lines.texts()  # two causes at most
    assert all(run.outcome == "executed" for run in scheduler.get_runs(limit=1000))


def test_the_listeners_session_may_be_idle_for_longer_than_others(hasty, started):
    started(hasty)
    engine = create_engine(URLS["postgresql"], isolation_level="AUTOCOMMIT")
    listens = text(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = :name AND query LIKE '%idle_session_timeout%' "
        "AND state = 'idle' AND clock_timestamp() - state_change > interval '1.5 seconds'"
    )
    until = time.monotonic() + 30
    with engine.connect() as connection:
        while not connection.scalar(listens, {"name": make_url(hasty).username}):
            assert time.monotonic() < until, "the listener's session was ended with the others"
            time.sleep(0.1)
    engine.dispose()


# -- a full disk ---------------------------------------------------------------------------------------------------


def fill(folder):
    """Use up a file system to its last byte, and return the file that does."""
    path = folder / "ballast"
    size = 1 << 16
    with path.open("ab", buffering=0) as file:
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2
    return path


def survives_a_full_disk(scheduler, folder, work, lines) -> None:
    scheduler.add_job(
        "troubled_work:call",
        "interval",
        seconds=0.5,
        id="often",
        coalesce=False,
        misfire_grace_time=None,
    )
    scheduler.add_job("troubled_work:fail", id="held", misfire_grace_time=None)
    assert work.begun.wait(WAIT)
    assert work.goes_on()
    ballast = fill(folder)
    began = time.monotonic()
    work.may_end.set()  # its outcome, with a text, comes in the middle of it
    while time.monotonic() < began + 14:
        time.sleep(0.5)
        if shutil.disk_usage(folder).free:
            fill(folder)  # what a rolled-back transaction gave back
    full = lines.texts("the disk of the database is full")
    ballast.unlink()
    assert work.goes_on()
    assert 1 <= len(full) <= 2, full
    lines.check("the disk of the database is full")
    assert [line for line in lines.texts() if "is full" not in line] == []
    deadline = time.monotonic() + WAIT
    while not settled(scheduler, "held"):
        assert time.monotonic() < deadline, "the outcome was never written"
        time.sleep(0.1)
    (held,) = settled(scheduler, "held")
    assert held.outcome == "failed"
    assert held.error == "ValueError: what was said at the end ☃"
    every_fire_has_a_row(scheduler)


def settled(scheduler, job_id):
    return [run for run in scheduler.get_runs(job_id) if run.finished_at is not None]


def every_fire_has_a_row(scheduler) -> None:
    """From the first to the last fire time that was claimed, each half second has one row, and ran."""
    runs = scheduler.get_runs("often", limit=10_000)
    fires = sorted(to_us(run.fire_time) for run in runs)
    assert [later - earlier for earlier, later in pairwise(fires)] == [SECOND // 2] * (
        len(fires) - 1
    )
    assert {str(run.outcome) for run in runs if run.finished_at} == {"executed"}


def test_a_full_disk_under_sqlite(tmp_path, work, lines, started):
    with disk(tmp_path / "disk", "600k") as folder:
        scheduler = started(f"sqlite:///{folder}/jobs.sqlite", lease=60, keep_results=True)
        survives_a_full_disk(scheduler, folder, work, lines)
        scheduler.shutdown()


def test_a_full_disk_under_postgresql(tmp_path, work, lines, started):
    require_server(PostgresServer)
    with PostgresServer(fsync=False) as server:
        where = server.directory / "tablespace"
        with disk(where, "4m") as folder:
            shutil.chown(folder, server.user, server.user)
            engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text(f"CREATE TABLESPACE small LOCATION '{folder}'"))
                connection.execute(text("ALTER ROLE postgres SET default_tablespace = small"))
            engine.dispose()
            scheduler = started(server.url, lease=60, keep_results=True)
            survives_a_full_disk(scheduler, folder, work, lines)
            scheduler.shutdown()
            server.stop()


def test_a_full_disk_under_mariadb(work, lines, started):
    require_server(MariaDBServer)
    work.size = 16_000  # InnoDB takes some hundred kilobytes ahead
    above = Path(
        tempfile.mkdtemp(prefix="disk-")
    )  # pytest's folders have paths too long for a socket
    try:
        with (
            disk(above / "disk", "160m") as folder,
            MariaDBServer(folder / "server", fsync=False) as server,
        ):
            scheduler = started(server.url, lease=60, keep_results=True)
            survives_a_full_disk(scheduler, folder, work, lines)
            scheduler.shutdown()
    finally:
        shutil.rmtree(above)
