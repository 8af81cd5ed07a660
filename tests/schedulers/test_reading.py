"""Reading before starting, and from anywhere: what only looks changes nothing, announces nothing, and names what is there."""

from __future__ import annotations

import concurrent.futures
import gc
import io
import logging
import pickle
import secrets
import threading
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from databases import URLS, require
from sqlalchemy import create_engine, inspect, text

from apscheduler.events import EVENT_EVERYTHING, EVENT_JOB_QUARANTINED
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError, QuarantinedJobError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.runs.outcomes import Outcome
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import FakeClock, ManualScheduler

PATIENCE = 30
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def nothing():
    pass


def fail():
    raise ValueError("no price")


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/jobs.db"


def questions(scheduler):
    return {
        "runs": scheduler.get_runs(),
        "running": scheduler.get_running(),
        "counts": scheduler.outcome_counts(),
        "nodes": scheduler.nodes(),
        "quarantined": scheduler.get_quarantined(),
    }


@contextmanager
def connected(url):
    """Enter a transaction; its connection is closed afterwards."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def tables(url):
    with connected(url) as connection:
        return sorted(inspect(connection).get_table_names())


def reader(url, **options):
    return BackgroundScheduler(
        jobstores={"shop": SQLAlchemyJobStore(url, **options)}, timezone="UTC"
    )


def written(url):
    """Have two jobs run in a store; leave them there."""
    scheduler = ManualScheduler(
        clock=FakeClock(START), jobstores={"shop": SQLAlchemyJobStore(url)}, timezone="UTC"
    )
    scheduler.start()
    for func in (nothing, fail):
        scheduler.add_job(func, "interval", minutes=1, id=func.__name__, jobstore="shop")
    scheduler.advance(60)
    scheduler.get_runs()  # what it knows is written now, for others to read
    return scheduler


def test_every_question_has_an_empty_answer_where_nothing_is_and_nothing_is_made(url):
    scheduler = reader(url)
    assert list(questions(scheduler).values()) == [[], [], {}, [], []]
    assert tables(url) == []


def test_a_table_of_3x_is_looked_at_without_a_trace(url):
    with connected(url) as connection:
        connection.execute(
            text(
                "CREATE TABLE apscheduler_jobs (id VARCHAR(191) PRIMARY KEY, next_run_time FLOAT, job_state BLOB)"
            )
        )
        row = {"state": pickle.dumps({"version": 1, "name": "x", "func": "gone:f"})}
        connection.execute(
            text("INSERT INTO apscheduler_jobs VALUES ('a', 2000000000, :state)"), row
        )
    scheduler = reader(url)
    found = questions(scheduler)
    (quarantined,) = found.pop("quarantined")
    assert (quarantined.job_id, quarantined.jobstore) == ("a", "shop")
    assert list(found.values()) == [[], [], {}, []]
    assert tables(url) == ["apscheduler_jobs"]


@pytest.fixture(params=sorted(URLS))
def place(request, tmp_path):
    """A database of each kind, and the name of a table that nobody else has."""
    require(request.param)
    url = f"sqlite:///{tmp_path}/jobs.db" if request.param == "sqlite" else URLS[request.param]
    name = f"read_{secrets.token_hex(6)}"
    yield url, name
    engine = create_engine(url)
    with engine.begin() as connection:
        for each in inspect(engine).get_table_names():
            if each.startswith(name):
                connection.execute(text(f"DROP TABLE {each}"))
    engine.dispose()


def test_a_store_is_read_before_the_start_and_after_the_end(place):
    url, name = place
    scheduler = ManualScheduler(
        clock=FakeClock(START), jobstores={"shop": SQLAlchemyJobStore(url, tablename=name)}
    )
    scheduler.start()
    scheduler.add_job(fail, "interval", minutes=1, id="fail", jobstore="shop")
    scheduler.advance(60)
    assert len(scheduler.get_runs()) == 1  # what it knows is written now, for others to read
    other = reader(url, tablename=name)
    told = []
    other.add_listener(told.append, EVENT_EVERYTHING)
    found = questions(other)
    (run,) = found["runs"]
    assert (run.job_id, run.jobstore, run.outcome, run.state) == (
        ("fail", "shop", Outcome.FAILED, "ended")
    )
    assert found["counts"] == {Outcome.FAILED: 1}
    (node,) = found["nodes"]
    assert (node.jobstore, node.is_self) == ("shop", False)
    assert found["quarantined"] == []
    assert told == []
    assert len(scheduler.nodes()) == 1
    scheduler.shutdown()
    assert [each.job_id for each in scheduler.get_runs()] == ["fail"]
    assert scheduler.nodes() == []


# -- jobs that cannot be restored here ------------------------------------------------------------------


def unimportable(url):
    """Have a job stored whose function is not to be found any more."""
    scheduler = written(url)
    scheduler.shutdown()
    with connected(url) as connection:
        blob = connection.scalar(
            text("SELECT job_state FROM apscheduler_jobs WHERE id = 'nothing'")
        )
        state = pickle.loads(blob)
        state.update(func="shop_of_yesterday:update", name="update prices")
        row = {"state": pickle.dumps(state)}
        connection.execute(
            text("UPDATE apscheduler_jobs SET job_state = :state WHERE id = 'nothing'"), row
        )


@pytest.mark.parametrize("paused", [True, False])
def test_who_only_looks_lists_what_cannot_be_restored_and_announces_nothing(url, paused, caplog):
    unimportable(url)
    scheduler = reader(url)
    told = []
    scheduler.add_listener(told.append, EVENT_JOB_QUARANTINED)
    if paused:
        scheduler.start(paused=True)
    caplog.clear()
    caplog.set_level(logging.INFO, logger="apscheduler")
    (found,) = scheduler.get_quarantined()
    if paused:
        out = io.StringIO()
        scheduler.print_jobs(out=out)
        (line,) = [each for each in out.getvalue().split("\n") if "update prices" in each]
        assert "interval[0:01:00]" in line
        assert "next run at: 2026-03-01 09:02:00 UTC" in line
        assert "shop_of_yesterday" in line
        assert [job.id for job in scheduler.get_jobs()] == ["fail"]
        scheduler.shutdown()
    assert (found.job_id, found.name, found.func) == (
        ("nothing", "update prices", "shop_of_yesterday:update")
    )
    assert found.trigger == "interval[0:01:00]"
    assert found.next_run_time == START + timedelta(minutes=2)
    assert "shop_of_yesterday" in found.reason
    assert told == []
    assert "quarantined" not in caplog.text


def test_who_runs_jobs_announces_what_was_only_looked_at_before(url, caplog):
    unimportable(url)
    scheduler = ManualScheduler(
        clock=FakeClock(START + timedelta(minutes=1)),
        jobstores={"shop": SQLAlchemyJobStore(url)},
    )
    told = []
    scheduler.add_listener(told.append, EVENT_JOB_QUARANTINED)
    assert len(scheduler.get_quarantined()) == 1
    scheduler.start()
    assert told == []
    scheduler.advance(60)
    scheduler.advance(60)
    scheduler.shutdown()
    assert [event.job_id for event in told] == ["nothing"]


def test_bytes_that_are_no_state_are_listed_without_a_name(url):
    unimportable(url)
    with connected(url) as connection:
        connection.execute(
            text("UPDATE apscheduler_jobs SET job_state = x'00' WHERE id = 'nothing'")
        )
    (found,) = reader(url).get_quarantined()
    assert (found.name, found.trigger, found.func) == (None, None, None)


EDITS = {
    "modify": lambda scheduler: scheduler.modify_job("nothing", name="x"),
    "modify in its store": lambda scheduler: scheduler.modify_job("nothing", "shop", name="x"),
    "pause": lambda scheduler: scheduler.pause_job("nothing"),
    "resume": lambda scheduler: scheduler.resume_job("nothing"),
    "reschedule": lambda scheduler: scheduler.reschedule_job("nothing", trigger="date"),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.trap(120)
def test_an_edit_of_a_quarantined_job_says_that_it_is_and_what_repairs_it(url, edit):
    unimportable(url)
    scheduler = reader(url)
    scheduler.start(paused=True)
    with pytest.raises(QuarantinedJobError) as caught:
        EDITS[edit](scheduler)
    scheduler.shutdown()
    said = str(caught.value)
    for part in ("'nothing'", "quarantined", "shop_of_yesterday", "mend", "replace_existing"):
        assert part in said


# -- what runs ------------------------------------------------------------------------------------------


gate = threading.Event()
begun = threading.Event()


def hold():
    begun.set()
    assert gate.wait(PATIENCE)


STORES = {
    "memory": lambda url: MemoryJobStore(),
    "rows": SQLAlchemyJobStore,
}
EXECUTORS = {
    "threads": lambda: ThreadPoolExecutor(1),
    "threads of others": lambda: FuturesExecutor(concurrent.futures.ThreadPoolExecutor(1)),
}


@pytest.mark.parametrize("info", [logging.INFO, logging.WARNING])
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("store", STORES)
def test_what_runs_is_told_from_what_is_queued_with_its_start(store, executor, info, url):
    logging.getLogger("apscheduler.executors.default").setLevel(info)
    gate.clear()
    begun.clear()
    scheduler = BackgroundScheduler(
        jobstores={"default": STORES[store](url)},
        executors={"default": EXECUTORS[executor]()},
        timezone="UTC",
    )
    scheduler.start()
    before = datetime.now(UTC)
    try:
        scheduler.add_job(hold, id="a", misfire_grace_time=None)
        assert begun.wait(PATIENCE)
        after = datetime.now(UTC)
        scheduler.add_job(nothing, id="b", misfire_grace_time=None)
        queued = store == "memory"  # a store that is shared leaves it to who has room
        seen = wait_for(lambda: by_id(scheduler), lambda found: len(found) == 1 + queued)
        assert seen["a"].state == "running"
        assert before <= seen["a"].started_at <= after
        assert seen["a"].outcome is None
        if queued:
            assert (seen["b"].state, seen["b"].started_at) == ("queued", None)
        assert seen["a"].fire_id.startswith("a@")
        if store == "rows":
            (run,) = [each for each in reader(url).get_running() if each.job_id == "a"]
            assert (run.state, run.jobstore) == ("claimed", "shop")
    finally:
        gate.set()
        scheduler.shutdown()
        logging.getLogger("apscheduler.executors.default").setLevel(logging.NOTSET)
    assert scheduler.get_running() == []


def by_id(scheduler):
    return {run.job_id: run for run in scheduler.get_running()}


def wait_for(ask, is_right):
    deadline = threading.Event()
    for _ in range(PATIENCE * 100):
        found = ask()
        if is_right(found):
            return found
        deadline.wait(0.01)
    raise AssertionError(found)


def wait_for_file(path):
    import pathlib
    import time

    ends = time.monotonic() + PATIENCE
    while not pathlib.Path(path).exists() and time.monotonic() < ends:
        time.sleep(0.01)


@pytest.mark.parametrize("store", STORES)
def test_what_runs_in_a_process_is_told_with_its_start(store, url, tmp_path):
    scheduler = BackgroundScheduler(
        jobstores={"default": STORES[store](url)}, executors={"default": ProcessPoolExecutor(1)}
    )
    scheduler.start()
    before = datetime.now(UTC)
    done = tmp_path / "done"
    try:
        scheduler.add_job(wait_for_file, args=[str(done)], id="a", misfire_grace_time=None)
        seen = wait_for(
            lambda: by_id(scheduler), lambda found: found and found["a"].state == "running"
        )
        assert before - timedelta(seconds=1) <= seen["a"].started_at <= datetime.now(UTC)
    finally:
        done.touch()
        scheduler.shutdown()


def test_a_job_sees_itself_run_in_the_thread_of_the_scheduler():
    seen = []
    scheduler = ManualScheduler(executors={"default": DebugExecutor()}, clock=FakeClock(START))
    scheduler.add_job(lambda: seen.extend(scheduler.get_running()), "interval", minutes=1, id="a")
    scheduler.start()
    scheduler.advance(60)
    scheduler.shutdown()
    assert [(run.job_id, run.state, run.started_at) for run in seen] == [
        ("a", "running", START + timedelta(minutes=1))
    ]


# -- questions that are not right -----------------------------------------------------------------------


@pytest.fixture
def scheduler(request, url):
    scheduler = ManualScheduler(
        clock=FakeClock(START),
        jobstores={"default": STORES[request.param](url)},
        timezone="America/New_York",
    )
    scheduler.start()
    scheduler.add_job(nothing, "interval", minutes=1, id="prices")
    scheduler.add_job(nothing, "interval", hours=9, id="later")
    yield scheduler
    scheduler.shutdown()


each_store = pytest.mark.parametrize("scheduler", STORES, indirect=True)


@each_store
def test_an_outcome_that_does_not_exist_is_answered_with_those_that_do(scheduler):
    with pytest.raises(ValueError, match="did you mean 'failed'") as caught:
        scheduler.get_runs(outcome="fail")
    assert all(str(outcome) in str(caught.value) for outcome in Outcome)
    with pytest.raises(ValueError, match="there is no outcome 7"):
        scheduler.get_runs(outcome=7)


@each_store
def test_a_naive_time_is_one_of_the_schedulers_zone(scheduler):
    scheduler.advance(600)
    zone = ZoneInfo("America/New_York")
    edge = (START + timedelta(minutes=5)).astimezone(zone)
    for moment in (edge, edge.replace(tzinfo=None)):
        assert len(scheduler.get_runs("prices", since=moment)) == 6
        assert len(scheduler.get_runs("prices", until=moment)) == 4


@each_store
def test_an_id_that_never_was_is_told_from_one_without_runs(scheduler):
    assert scheduler.get_runs("later") == []
    assert scheduler.get_runs("prices") == []
    with pytest.raises(
        JobLookupError, match=r"no job with the id 'price', .*did you mean 'prices'"
    ):
        scheduler.get_runs("price")
    scheduler.advance(60)
    scheduler.remove_job("prices")
    assert len(scheduler.get_runs("prices")) == 1
    assert scheduler.get_runs("prices", outcome="missed") == []


def test_a_pending_job_and_a_quarantined_one_are_known(url):
    unimportable(url)
    scheduler = reader(url)
    scheduler.add_job(nothing, "interval", minutes=1, id="pending", jobstore="shop")
    assert scheduler.get_runs("pending") == []
    assert len(scheduler.get_runs("nothing")) == 1
    assert scheduler.get_runs("nothing", outcome="lost") == []
    with pytest.raises(JobLookupError):
        scheduler.get_runs("never")


@each_store
def test_a_store_that_is_not_there_is_no_empty_one(scheduler):
    for ask in (scheduler.get_runs, scheduler.get_quarantined, scheduler.nodes):
        with pytest.raises(KeyError, match="defaul"):
            ask(jobstore="defaul")


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_a_job_at_its_only_run_is_known_all_the_way(store, url):
    jobstore = MemoryJobStore() if store == "memory" else SQLAlchemyJobStore(url)
    scheduler = BackgroundScheduler(jobstores={"default": jobstore}, timezone="UTC")
    began, go_on, told = threading.Event(), threading.Event(), []

    def ask(_):
        told.append(scheduler.get_runs("once"))

    scheduler.add_listener(ask, EVENT_EVERYTHING)
    HELD["once"] = (began, go_on)
    scheduler.start()
    scheduler.add_job(hold_once, id="once")
    assert began.wait(PATIENCE)
    assert scheduler.get_job("once") is None
    assert scheduler.get_runs("once") == []
    go_on.set()
    scheduler.shutdown()
    assert [run.outcome for run in scheduler.get_runs("once")] == [Outcome.EXECUTED]
    assert len(told) > 2


HELD = {}


def hold_once():
    began, go_on = HELD["once"]
    began.set()
    assert go_on.wait(PATIENCE)


def test_a_store_that_was_only_looked_at_closes_its_connections_with_itself(url):
    written(url).shutdown()
    store = SQLAlchemyJobStore(url)
    scheduler = BackgroundScheduler(jobstores={"shop": store}, timezone="UTC")
    assert len(scheduler.get_runs()) == 2
    pool = store.engine.pool
    assert pool.checkedin() == 1
    del scheduler, store
    gc.collect()
    assert pool.checkedin() == 0


@pytest.mark.parametrize("moment", ["2030-01-01", 5, date(2030, 1, 1), timedelta(days=1)])
@pytest.mark.parametrize("name", ["since", "until"])
def test_a_bound_that_is_no_datetime_is_refused(name, moment):
    with pytest.raises(TypeError, match="since and until are datetimes"):
        ManualScheduler().get_runs(**{name: moment})
