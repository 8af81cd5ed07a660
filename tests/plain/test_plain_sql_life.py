"""A SQL store without a claim protocol: whose its connections are, and what is said and hidden of its troubles."""

from __future__ import annotations

import sqlite3

import plain.stranger  # noqa: F401 - registers the dialect
import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import ManualScheduler
from apscheduler.testing._contract_jobs import NOW, make_job

CANARY = "k4n4r1"


@pytest.fixture
def opened(tmp_path):
    """Return a function that starts a store on a file."""
    made = []

    def start(**options):
        engine = create_engine(f"stranger:///{tmp_path}/jobs.sqlite", poolclass=QueuePool)
        made.append(engine)
        store = SQLAlchemyJobStore(engine=engine, **options)
        store.start(ManualScheduler(), "default")
        return store

    yield start
    for engine in made:
        engine.dispose()


def job(store, id="a"):
    return make_job(store._scheduler, id, NOW)


def connection_of(store):
    """Return a driver's connection that lies in the pool."""
    with store.engine.connect() as connection:
        return connection.connection.driver_connection


# -- connections ------------------------------------------------------------------------------------------------


def test_its_end_closes_the_pools_connections(opened):
    store = opened()
    before = connection_of(store)
    store.shutdown()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        before.execute("SELECT 1")


@pytest.mark.parametrize("use", ["forked", "get_all_jobs"])
def test_a_child_process_leaves_its_parents_connections_alone_and_takes_its_own(opened, use):
    store = opened()
    parents = connection_of(store)
    store._pid -= 1  # it was made in another process
    getattr(store, use)()
    parents.execute("SELECT 1")  # still open: it is the parent's
    pool = store.engine.pool
    own = connection_of(store)
    assert own is not parents
    store.forked()
    store.get_all_jobs()
    assert store.engine.pool is pool
    assert connection_of(store) is own
    parents.close()


def test_in_its_own_process_it_keeps_its_connections(opened):
    store = opened()
    before = connection_of(store)
    store.forked()
    store.add_job(job(store))
    assert store.lookup_job("a").id == "a"
    assert connection_of(store) is before


# -- troubles ---------------------------------------------------------------------------------------------------


@pytest.fixture
def secretive(tmp_path):
    """A store on an engine of one's own, whose address has a secret part."""
    store = SQLAlchemyJobStore(
        engine=create_engine(f"stranger:///{tmp_path}/jobs.sqlite?key={CANARY}")
    )
    yield store
    store.engine.dispose()


@pytest.mark.filterwarnings("ignore:Query string")
def test_a_start_that_cannot_make_the_table_fails_and_shows_no_secret(secretive):
    def refused(connection, cursor, statement, *_):
        if statement.lstrip().startswith("CREATE"):
            raise sqlite3.OperationalError(f"no entry with {CANARY}")

    event.listen(secretive.engine, "before_cursor_execute", refused)
    with pytest.raises(OperationalError, match="no entry") as caught:
        secretive.start(ManualScheduler(), "default")
    assert CANARY not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Query string")
def test_a_trouble_that_it_is_told_says_what_to_do_and_no_secret(secretive, tmp_path):
    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite3.connect(tmp_path / "nowhere" / "jobs.sqlite")
    caught.value.args = (f"{caught.value} {CANARY}",)
    exc = OperationalError("SELECT", {}, caught.value)
    assert secretive.tell_trouble("the store fails", exc) is False
    assert "give a path to a file in a folder that exists" in str(exc)
    assert "unable to open database file" in str(exc)
    assert CANARY not in str(exc)


def test_a_row_that_the_database_refuses_is_no_conflict_of_ids(opened):
    store = opened()
    with store.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON apscheduler_jobs BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    with pytest.raises(DBAPIError, match="no room") as caught:
        store.add_job(job(store))
    assert not isinstance(caught.value, ConflictingIdError)
    assert store.get_all_jobs() == []


def test_the_statements_that_make_its_table_make_it(opened, tmp_path):
    statements = opened(tablename="mine").ddl()
    other = sqlite3.connect(tmp_path / "other.sqlite")
    other.executescript(statements)
    made = other.execute("SELECT type, name FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type")
    assert made.fetchall() == [("index", "ix_mine_next_run_time"), ("table", "mine")]
    other.close()
