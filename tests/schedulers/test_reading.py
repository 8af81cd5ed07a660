"""Reading before starting, and from anywhere: what only looks changes nothing, announces nothing, and names what is there.

Neighbours tried beyond the reported ones: empty databases and tables of 3.x alone on SQLite, PostgreSQL and MariaDB, plain
stores before the start and after the end (those that keep what cannot be restored: ``tests/plain/running.py``), paused
jobs and next runs that are no time in quarantine, their zones, edits of such jobs, pending jobs, jobs at their only run,
runs in processes and in pools of someone else's, names in other letters, and arguments that are no text, number or time.
"""

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
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from databases import URLS, require
from schedulers.test_loop_survives import TheirStore
from sqlalchemy import create_engine, inspect, text

from apscheduler.events import EVENT_EVERYTHING, EVENT_JOB_QUARANTINED
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores.base import JobLookupError, QuarantinedJobError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
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


def written(url, **options):
    """Have two jobs run in a store; leave them there."""
    scheduler = ManualScheduler(
        clock=FakeClock(START), jobstores={"shop": SQLAlchemyJobStore(url)}, timezone="UTC"
    )
    scheduler.start()
    for func in (nothing, fail):
        scheduler.add_job(func, "interval", minutes=1, id=func.__name__, jobstore="shop", **options)
    scheduler.advance(60)
    scheduler.get_runs()  # what it knows is written now, for others to read
    return scheduler


def test_every_question_has_an_empty_answer_where_nothing_is_and_nothing_is_made(url):
    scheduler = reader(url)
    assert list(questions(scheduler).values()) == [[], [], {}, [], []]
    assert tables(url) == []


def test_runs_that_are_read_before_the_start_name_their_store(url):
    written(url).shutdown()
    assert {run.jobstore for run in reader(url).get_runs()} == {"shop"}


def test_no_file_is_made_where_there_is_none(tmp_path):
    path = tmp_path / "mistyped.db"
    scheduler = reader(f"sqlite:///{path}")
    assert list(questions(scheduler).values()) == [[], [], {}, [], []]
    with pytest.raises(LookupError):
        scheduler.get_runs("a")
    assert not path.exists()


@pytest.mark.parametrize("when", ["before the start", "after the end"])
def test_a_plain_store_answers_every_question_whenever_it_is_asked(when):
    store = TheirStore()
    scheduler = ManualScheduler(clock=FakeClock(START), jobstores={"shop": store})
    if when == "after the end":
        scheduler.start()
        scheduler.add_job(fail, "interval", minutes=1, id="fail", jobstore="shop")
        scheduler.advance(60)
        scheduler.shutdown()
    ran = when == "after the end"
    found = questions(scheduler)
    assert [run.jobstore for run in found.pop("runs")] == ["shop"] * ran
    assert found.pop("counts") == ({Outcome.FAILED: 1} if ran else {})
    assert list(found.values()) == [[], [], []]
    for alias in (None, "shop"):
        with pytest.raises(JobLookupError, match="no job with the id 'never'"):
            scheduler.get_runs("never", alias)
    assert store.calls.count("update_job") == ran


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


@pytest.fixture(params=["sqlite", *sorted(URLS)])
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


QUESTIONS = {
    "runs": (lambda it, alias: it.get_runs(jobstore=alias), []),
    "running": (lambda it, alias: it.get_running(), []),
    "counts": (lambda it, alias: it.outcome_counts(), {}),
    "nodes": (lambda it, alias: it.nodes(alias), []),
    "quarantined": (lambda it, alias: it.get_quarantined(alias), []),
    "job": (lambda it, alias: it.get_job("never", alias), None),
    "jobs": (lambda it, alias: it.get_jobs(alias), []),
    "printed": (lambda it, alias: it.print_jobs(alias, io.StringIO()), None),
    "preview": (lambda it, alias: list(it.preview(jobstore=alias)), []),
}
UNKNOWN = {
    "runs": lambda it, alias: it.get_runs("never", alias),
    "runs of an outcome": lambda it, alias: it.get_runs("never", alias, outcome="failed"),
    "preview": lambda it, alias: it.preview(jobstore=alias, job_id="never"),
}


@pytest.mark.parametrize("alias", [None, "shop"])
@pytest.mark.parametrize("written", ["nothing", "a table of 3.x", "a table of 3.x with a job"])
def test_an_unknown_job_is_one_too_where_nothing_or_only_3x_has_written(place, written, alias):
    url, name = place
    if written != "nothing":
        make_table_of_3x(url, name, with_job=written.endswith("job"))
    scheduler = reader(url, tablename=name)
    for ask, answer in QUESTIONS.values():
        assert ask(scheduler, alias) == answer
    for ask in UNKNOWN.values():
        with pytest.raises(JobLookupError, match="no job with the id 'never'"):
            ask(scheduler, alias)
    if written.endswith("job"):
        assert scheduler.get_runs("daily", alias) == []
        with pytest.raises(JobLookupError, match="did you mean 'daily'"):
            scheduler.get_runs("dayly", alias)
    made = [each for each in tables(url) if each.startswith(name)]
    assert made == ([] if written == "nothing" else [name])


def make_table_of_3x(url, name, *, with_job):
    """Have a table as 3.x makes it, and nothing of ours."""
    scheduler = ManualScheduler(
        clock=FakeClock(START), jobstores={"shop": SQLAlchemyJobStore(url, tablename=name)}
    )
    scheduler.start()
    if with_job:
        scheduler.add_job(nothing, "cron", hour=9, id="daily", jobstore="shop")
    scheduler.shutdown()
    ours = [each for each in tables(url) if each.startswith(f"{name}_")]
    with connected(url) as connection:
        for each in ours:
            connection.execute(text(f"DROP TABLE {each}"))


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


def unimportable(url, **options):
    """Have a job stored whose function is not to be found any more."""
    scheduler = written(url, **options)
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


QUARANTINED_AT = {
    "the trigger's zone": ("", "2026-03-01 18:02:00 JST"),
    "the scheduler's, where the trigger cannot be read": (
        "job_state = x'00'",
        "2026-03-01 04:02:00 EST",
    ),
    "no time": ("next_run_time = 1e300", None),
    "paused": ("next_run_time = NULL", "paused"),
}


@pytest.mark.parametrize("how", QUARANTINED_AT)
def test_the_next_run_of_a_quarantined_job_is_shown_in_its_own_zone(url, how):
    change, shown = QUARANTINED_AT[how]
    unimportable(url, timezone="Asia/Tokyo")
    if change:
        with connected(url) as connection:
            connection.execute(text(f"UPDATE apscheduler_jobs SET {change} WHERE id = 'nothing'"))
    scheduler = BackgroundScheduler(
        jobstores={"shop": SQLAlchemyJobStore(url)}, timezone="America/New_York"
    )
    (found,) = scheduler.get_quarantined()
    assert found.is_paused == (how == "paused")
    if shown in (None, "paused"):
        assert found.next_run_time is None
    else:
        assert found.next_run_time == START + timedelta(minutes=2)
        assert f"{found.next_run_time:%Y-%m-%d %H:%M:%S %Z}" == shown
    scheduler.start(paused=True)
    out = io.StringIO()
    scheduler.print_jobs(out=out)
    scheduler.shutdown()
    (line,) = [each for each in out.getvalue().split("\n") if "quarantined" in each]
    assert (shown or "(trigger: interval[0:01:00]; quarantined") in line
    assert ("paused" in line) == (how == "paused")


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
    "plain": lambda url: TheirStore(),  # 3.x's eight methods
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
        queued = store != "rows"  # a store that is shared leaves it to who has room
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
    with pytest.raises(ValueError, match="there is no outcome 7; there are: executed, "):
        scheduler.get_runs(outcome=7)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("FAILED", "failed"),
        ("Failed", "failed"),
        ("timeout", "timed_out"),
        ("TIMEDOUT", "timed_out"),
        ("timed-out", "timed_out"),
        ("canceled", "cancelled"),
    ],
)
@each_store
def test_an_outcome_in_other_letters_is_answered_with_the_one_that_is_near(scheduler, given, meant):
    with pytest.raises(ValueError, match=rf"'{given}'; did you mean '{meant}'\? There are: ex"):
        scheduler.get_runs(outcome=given)


@pytest.mark.parametrize("limit", ["3", "", True, False, 1.5, 1.0, None, [3], Decimal(3)])
@each_store
def test_a_limit_that_is_no_whole_number_is_refused_with_what_to_write(scheduler, limit):
    with pytest.raises(TypeError) as caught:
        scheduler.get_runs(limit=limit)
    for part in ("limit is a whole number", "1 or more", f"not {limit!r} ({type(limit).__name__})"):
        assert part in str(caught.value)


@pytest.mark.parametrize("limit", [0, -1, -(10**30)])
@each_store
def test_a_limit_below_one_is_refused(scheduler, limit):
    with pytest.raises(ValueError, match=rf"limit .* 1 or more, not {limit}"):
        scheduler.get_runs(limit=limit)


class Three:
    def __index__(self):
        return 3


@each_store
def test_a_limit_may_be_any_whole_number(scheduler):
    scheduler.advance(600)
    assert len(scheduler.get_runs("prices", limit=Three())) == 3
    assert len(scheduler.get_runs("prices", limit=1)) == 1
    assert len(scheduler.get_runs("prices", limit=10**30)) == 10


@pytest.mark.parametrize("given", [7, b"prices", ["prices"], ("prices",), Decimal(1)])
@pytest.mark.parametrize("name", ["job_id", "node"])
@each_store
def test_an_id_and_a_nodes_name_are_texts(scheduler, name, given):
    with pytest.raises(TypeError) as caught:
        scheduler.get_runs(**{name: given})
    assert str(caught.value).startswith(f"{name} is ")
    assert f"a text, not {given!r} ({type(given).__name__})" in str(caught.value)


@each_store
def test_a_job_in_the_place_of_its_id_is_answered_with_its_id(scheduler):
    with pytest.raises(TypeError, match=r"job_id is the id of a job, a text.*; give its id"):
        scheduler.get_runs(scheduler.get_job("prices"))


@pytest.mark.parametrize("jobstore", [["default"], {"default": 1}, {"default"}])
@each_store
def test_several_stores_in_the_place_of_one_are_refused(scheduler, jobstore):
    for ask in (scheduler.get_runs, scheduler.get_quarantined, scheduler.nodes):
        with pytest.raises(
            TypeError, match=r"jobstore is the alias of one job store, not .*default"
        ):
            ask(jobstore=jobstore)


@each_store
def test_a_store_in_other_letters_is_answered_with_the_one_there_is(scheduler):
    for ask in (scheduler.get_runs, scheduler.get_quarantined, scheduler.nodes, scheduler.preview):
        with pytest.raises(KeyError, match="did you mean 'default'"):
            ask(jobstore="DEFAULT")


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


@pytest.mark.parametrize("store", STORES)
def test_a_job_at_its_only_run_is_known_all_the_way(store, url):
    scheduler = BackgroundScheduler(jobstores={"default": STORES[store](url)}, timezone="UTC")
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


BOUNDS = {
    "2030-01-01": "datetime.fromisoformat(text)",
    5: "datetime.fromtimestamp(seconds, UTC)",
    2.5: "datetime.fromtimestamp(seconds, UTC)",
    date(2030, 1, 1): "datetime.combine(date, time())",
    timedelta(days=1): "datetime.now(UTC) - duration",
    b"x": "a datetime",
}


@pytest.mark.parametrize("moment", BOUNDS)
@pytest.mark.parametrize("name", ["since", "until"])
def test_a_bound_that_is_no_datetime_is_refused_with_what_makes_one(name, moment):
    with pytest.raises(TypeError) as caught:
        ManualScheduler().get_runs(**{name: moment})
    said = str(caught.value)
    assert said.startswith(
        f"{name} is a datetime, aware or in the scheduler's zone, not {moment!r}"
    )
    assert BOUNDS[moment] in said
