"""The connection of the RethinkDB store: whose it is, and what happens where it is lost."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import rethinkdb
from plain.rethink_place import RethinkPlace
from plain.running import FUNCTION, started
from rethinkdb.errors import ReqlAuthError, ReqlDriverError
from rethinkdb.ql2_pb2 import Term

from apscheduler._engine.instants import SECOND
from apscheduler.jobstores import rethinkdb as module
from apscheduler.jobstores.rethinkdb import RethinkDBJobStore
from apscheduler.testing._contract_jobs import NOW, moment

# rethinkdb 2.4.10 leaves the socket of a lost connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def place():
    made = RethinkPlace()
    yield made
    made.close()


def store_of(scheduler):
    return scheduler._jobstores["default"]


def test_a_read_over_a_lost_connection_is_asked_again(scheduler, place):
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    place.double.hang_up()
    scheduler.advance(10)
    assert [run.job_id for run in scheduler.get_runs()] == ["a"]


def test_a_write_over_a_lost_connection_is_an_error_and_the_next_is_none(scheduler, place):
    place.double.hang_up()
    with pytest.raises(ReqlDriverError):
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    assert list(place.documents) == ["a"]


def test_while_the_server_is_away_jobs_wait_and_one_line_says_so(scheduler, place, caplog):
    caplog.set_level(logging.WARNING)
    scheduler.add_job(
        FUNCTION, "interval", ["a"], seconds=10, id="a", misfire_grace_time=None, coalesce=False
    )
    place.double.__exit__()
    scheduler.advance(5)
    assert scheduler.get_runs() == []
    with pytest.raises(ReqlDriverError, match="Could not connect"):
        scheduler.get_jobs()
    (told,) = [record for record in caplog.records if record.name.startswith("apscheduler")]
    assert told.getMessage().startswith(
        f"Job store 'default' at 127.0.0.1:{place.double.port} is not reachable (Connection refused); its jobs wait"
    )
    assert told.exc_info is None
    place.double.__enter__()
    scheduler.advance(25)
    assert [run.job_id for run in scheduler.get_runs()] == ["a"] * 3


def test_threads_use_the_one_connection_in_turn(scheduler, place):
    def work(number):
        for turn in range(10):
            job_id = f"{number}.{turn}"
            scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id=job_id)
            assert scheduler.get_job(job_id).id == job_id
            assert job_id in [job.id for job in scheduler.get_jobs()]

    alone = []
    place.double.batch = 3
    place.double.on_query = lambda term: alone.append(store_of(scheduler)._line._lock.locked())
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert len(place.documents) == 40
    assert all(alone)


def test_a_child_process_opens_a_connection_of_its_own(scheduler):
    store = store_of(scheduler)
    parents = store.conn
    store._line._process = (
        -1
    )  # as a child process finds it, while a thread of the parent asks something
    store._line._lock.acquire()
    assert store.get_all_jobs() == []
    assert store.conn is not parents
    assert parents.is_open()
    parents.close()


def test_a_child_process_that_ends_leaves_the_connection_open(place):
    store = place.store()
    scheduler = started(store)
    parents = store.conn
    store._line._process = -1  # as a child process finds it
    scheduler.shutdown()
    assert parents.is_open()
    parents.close()


def test_an_error_over_a_connection_that_is_open_is_not_asked_again(scheduler):
    calls = []

    def fail(found):
        calls.append(found)
        raise ReqlDriverError("not understood")

    store = store_of(scheduler)
    with pytest.raises(ReqlDriverError, match="not understood"):
        store._line.read(store.r.db_list(), fail)
    assert len(calls) == 1


def test_a_shutdown_ends_a_query_that_has_no_answer(place, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    scheduler = started(place.store())
    store = store_of(scheduler)
    asked, goes_on = Event(), Event()

    def hold(term):
        if term[0] == Term.TermType.GET:
            asked.set()
            goes_on.wait(60)

    place.double.on_query = hold
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(store.lookup_job, "a")
        assert asked.wait(60)
        scheduler.shutdown()
        with pytest.raises(ReqlDriverError):
            held.result(60)
        goes_on.set()


def test_a_store_that_was_shut_down_opens_no_connection_until_it_is_started_again(place):
    store = place.store()
    store.shutdown()  # never started
    scheduler = started(store)
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    scheduler.shutdown()
    for call in (store.get_all_jobs, store.remove_all_jobs):
        with pytest.raises(ReqlDriverError, match="was shut down"):
            call()
    scheduler.start()
    assert [job.id for job in scheduler.get_jobs()] == ["a"]
    scheduler.shutdown()
    assert not store.conn.is_open()


def test_a_shutdown_without_a_server_is_quiet(place):
    scheduler = started(place.store())
    place.double.__exit__()
    scheduler.shutdown()
    place.double.__enter__()


class GIVEN:
    """What a text reference leads to."""

    client = None


@pytest.mark.parametrize("as_text", [False, True])
def test_a_given_client_is_used_whatever_its_database_and_closed_with_the_scheduler(place, as_text):
    client = GIVEN.client = place.connect(db="test")
    given = f"{__name__}:GIVEN.client" if as_text else client
    store = RethinkDBJobStore("kept", client=given)
    scheduler = started(store)
    assert store.conn is client
    scheduler.add_job(FUNCTION, "date", ["a"], run_date=moment(NOW + SECOND), id="a")
    assert list(place.documents) == ["a"]
    assert place.double.tables.databases["test"] == {}
    scheduler.shutdown()
    assert not client.is_open()
    scheduler.start()
    assert client.is_open()
    scheduler.advance(1)
    assert [run.job_id for run in scheduler.get_runs()] == ["a"]
    scheduler.shutdown()


def test_a_given_client_that_was_lost_is_opened_again(place):
    client = place.connect()
    store = RethinkDBJobStore("kept", client=client)
    scheduler = started(store)
    place.double.__exit__()
    for _ in range(2):  # after a reconnect that failed, the driver's is_open() fails too
        with pytest.raises(ReqlDriverError):
            store.get_all_jobs()
    place.double.__enter__()
    assert store.get_all_jobs() == []
    assert store.conn is client
    scheduler.shutdown()


def test_a_wrong_password_is_the_drivers_error(place):
    place.double.password = "right"
    with pytest.raises(ReqlAuthError, match="Wrong password"):
        place.store(password="wrong").start(None, "default")
    started(place.store(password="right")).shutdown()


def test_a_store_without_a_server_raises_its_drivers_error():
    with pytest.raises(ReqlDriverError, match="Could not connect"):
        RethinkDBJobStore(host="127.0.0.1", port=1).start(None, "default")


def test_a_driver_that_is_made_asynchronous_elsewhere_is_none_of_the_stores(place):
    rethinkdb.r.set_loop_type("asyncio")
    try:
        started(place.store()).shutdown()
    finally:
        rethinkdb.r.set_loop_type(None)
