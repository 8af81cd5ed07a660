"""What every host does alike. Runs in a thread beside the host's loop; see drivers.py."""

from __future__ import annotations

import functools
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from hosts.drivers import PATIENCE
from hosts.told import ENDED, Told

from apscheduler import current_run
from apscheduler import events as ev
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers import SchedulerAlreadyRunningError, SchedulerNotRunningError

LONG = 3600


def seven():
    return 7


async def aseven():
    return 7


def fail():
    raise ValueError("the job's own")


async def afail():
    raise ValueError("the job's own")


class Callable:
    async def __call__(self):
        return 7

    async def method(self):
        return 7


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


# -- jobs ---------------------------------------------------------------------------------------------


@pytest.mark.trap(90, 94, 95, 96)
@pytest.mark.parametrize(
    "function",
    [
        seven,
        aseven,
        functools.partial(aseven),
        functools.partial(functools.partial(aseven)),
        Callable(),
        Callable().method,
        decorated(aseven),
        decorated(decorated(Callable())),
    ],
    ids=lambda function: type(function).__name__,
)
def test_a_job_added_in_another_thread_runs_to_its_value(scheduler, told, function):
    scheduler.add_job(function, id="job")
    event = told.wait_for(ENDED, "job")
    assert (event.code, event.retval) == (ev.EVENT_JOB_EXECUTED, 7)
    assert scheduler.get_runs("job")[0].outcome == "executed"


def test_a_job_added_in_the_loops_thread_runs(host, scheduler, told):
    host.call(lambda: scheduler.add_job(seven, id="job"))
    assert told.wait_for(ENDED, "job").retval == 7


@pytest.mark.parametrize("function", [fail, afail, decorated(afail)])
def test_a_job_that_raises_is_an_error_with_its_traceback(scheduler, told, function):
    scheduler.add_job(function, id="job")
    event = told.wait_for(ENDED, "job")
    assert event.code == ev.EVENT_JOB_ERROR
    assert isinstance(event.exception, ValueError)
    assert "the job's own" in event.traceback
    run = scheduler.get_runs("job")[0]
    assert (run.outcome, run.error) == ("failed", "ValueError: the job's own")


def test_what_runs_is_listed_while_it_runs(scheduler, told):
    scheduler.add_job(lambda: [run.job_id for run in scheduler.get_running()], id="job")
    assert told.wait_for(ENDED, "job").retval == ["job"]


@pytest.mark.parametrize("kind", ["function", "coroutine", "decorated"])
def test_a_job_knows_its_run(host, scheduler, told, kind):
    def function():
        return current_run()

    async def coroutine():
        await host.asleep(0.001)
        return current_run()

    jobs = {"function": function, "coroutine": coroutine, "decorated": decorated(coroutine)}
    scheduler.add_job(jobs[kind], id="one")
    scheduler.add_job(jobs[kind], id="two")
    for job_id in ("one", "two"):
        event = told.wait_for(ENDED, job_id)
        assert event.retval.job_id == job_id
        assert event.retval.scheduled_time == event.scheduled_run_time
    assert current_run() is None


@pytest.mark.parametrize("kind", ["function", "coroutine", "decorated"])
def test_a_job_that_outlives_its_timeout_is_stopped(host, scheduler, told, kind):
    stopped = threading.Event()

    def function():
        try:
            for _ in range(LONG * 100):
                host.sleep(0.01)
        finally:
            stopped.set()

    async def coroutine():
        try:
            for _ in range(LONG * 100):
                await host.asleep(0.01)
        finally:
            stopped.set()

    jobs = {"function": function, "coroutine": coroutine, "decorated": decorated(coroutine)}
    scheduler.add_job(jobs[kind], id="job", timeout=0.1)
    event = told.wait_for(ENDED, "job")
    assert event.code == ev.EVENT_JOB_ERROR
    assert isinstance(event.exception, TimeoutError)
    assert scheduler.get_runs("job")[0].outcome == "timed_out"
    assert stopped.wait(PATIENCE)
    scheduler.add_job(jobs["coroutine"], id="again", timeout=0.1)
    assert isinstance(told.wait_for(ENDED, "again").exception, TimeoutError)


def test_the_fire_times_of_one_instance_run_one_after_another(scheduler, told):
    times = []

    async def note():
        times.append(current_run().scheduled_time)

    start = datetime.now(UTC) - timedelta(seconds=3)
    scheduler.add_job(
        note,
        "interval",
        seconds=1,
        start_date=start,
        end_date=start + timedelta(seconds=2),
        next_run_time=start,
        coalesce=False,
        misfire_grace_time=None,
        id="job",
    )
    told.wait_for(ENDED, "job", 3)
    assert times == [start + timedelta(seconds=number) for number in range(3)]


def test_one_instance_too_many_is_skipped_and_told(host, scheduler, told):
    go_on = threading.Event()

    async def busy():
        while not go_on.is_set():
            await host.asleep(0.005)

    scheduler.add_job(busy, "interval", seconds=0.05, id="job")
    told.wait_for(ev.EVENT_JOB_MAX_INSTANCES, "job")
    go_on.set()
    assert told.wait_for(ENDED, "job").code == ev.EVENT_JOB_EXECUTED


# -- events -------------------------------------------------------------------------------------------


@pytest.mark.trap(98)
def test_a_run_is_told_as_submitted_before_it_is_told_as_executed(scheduler, told):
    scheduler.add_jobs(
        [
            {"func": function, "id": f"{function.__name__}{number}", "misfire_grace_time": None}
            for number in range(60)
            for function in (seven, aseven)
        ]
    )
    told.wait_for(ENDED, count=120)
    order: dict[str, list[int]] = {}
    for event in told.events:
        if event.code & (ENDED | ev.EVENT_JOB_SUBMITTED):
            order.setdefault(event.job_id, []).append(event.code)
    assert set(map(tuple, order.values())) == {(ev.EVENT_JOB_SUBMITTED, ev.EVENT_JOB_EXECUTED)}


@pytest.mark.trap(91)
def test_an_async_listener_is_awaited(host, scheduler):
    heard = threading.Event()

    async def listener(event):
        await host.asleep(0.001)
        heard.set()

    scheduler.add_listener(listener, ev.EVENT_JOB_EXECUTED)
    scheduler.add_job(seven)
    assert heard.wait(PATIENCE)


def test_listeners_are_called_in_the_loops_thread(host, scheduler, told):
    scheduler.add_job(seven, id="one")
    scheduler.add_job(aseven, id="two")
    told.wait_for(ENDED, "one")
    told.wait_for(ENDED, "two")
    if host.in_loop or "qt" in host.path:
        assert set(told.threads) == {host.loop_thread}


def test_a_listener_that_raises_disturbs_nobody(scheduler, told):
    def raising(event):
        raise RuntimeError("the listener's own")

    async def araising(event):
        raise RuntimeError("the listener's own")

    scheduler.add_listener(raising)
    scheduler.add_listener(araising)
    scheduler.add_job(aseven, id="job")
    assert told.wait_for(ENDED, "job").retval == 7


# -- waiting ------------------------------------------------------------------------------------------


@pytest.mark.trap(55)
def test_a_wait_for_years_overflows_nothing_and_ends_when_something_comes(scheduler, told):
    scheduler.add_job(seven, "date", run_date=datetime(9000, 1, 1, tzinfo=UTC), id="far")
    scheduler.add_job(seven, "interval", weeks=5000, id="farther")
    scheduler.add_job(seven, id="near")
    assert told.wait_for(ENDED, "near").retval == 7
    assert scheduler.get_job("far") is not None


def test_a_job_made_earlier_is_not_slept_through(scheduler, told):
    scheduler.add_job(seven, "interval", hours=1, id="job")
    scheduler.modify_job("job", next_run_time=datetime.now(UTC))
    assert told.wait_for(ENDED, "job").retval == 7


def test_intervals_go_on(scheduler, told):
    scheduler.add_job(aseven, "interval", seconds=0.05, id="job")
    told.wait_for(ENDED, "job", 5)


def test_a_paused_scheduler_runs_nothing_until_it_is_resumed(host, made):
    scheduler = made()
    told = Told(scheduler)
    host.start(scheduler, paused=True)
    scheduler.add_job(seven, id="job", misfire_grace_time=None)
    scheduler.add_executor("debug", "another")
    assert scheduler.get_job("job") is not None
    scheduler.resume()
    assert told.wait_for(ENDED, "job").retval == 7
    scheduler.pause()
    scheduler.add_job(seven, id="later", misfire_grace_time=None)
    host.call(scheduler.wakeup)
    assert scheduler.get_job("later") is not None


# -- life ---------------------------------------------------------------------------------------------


@pytest.mark.trap(73)
def test_a_second_start_is_refused(host, scheduler):
    with pytest.raises(SchedulerAlreadyRunningError):
        host.start(scheduler)
    assert scheduler.running


@pytest.mark.trap(84)
def test_a_shutdown_of_what_does_not_run_is_refused(host, made, scheduler):
    with pytest.raises(SchedulerNotRunningError):
        host.call(made().shutdown)
    host.call(scheduler.shutdown)
    with pytest.raises(SchedulerNotRunningError):
        host.call(scheduler.shutdown)


@pytest.mark.trap(84)
def test_a_shutdown_leaves_no_thread_of_the_scheduler(host, made, tmp_path):
    scheduler = made(
        jobstores={"default": {"type": "sqlalchemy", "url": f"sqlite:///{tmp_path}/jobs.db"}}
    )
    told = Told(scheduler)
    before = set(threading.enumerate())
    host.start(scheduler)
    scheduler.add_job(seven, id="job")
    told.wait_for(ENDED, "job")
    host.call(scheduler.shutdown)
    for thread in set(threading.enumerate()) - before:
        if "pscheduler" in thread.name or thread.name == "blocking":
            thread.join(PATIENCE)
            assert not thread.is_alive(), thread


@pytest.mark.trap(72)
def test_it_starts_again_after_a_shutdown(host, scheduler, told):
    for number in range(2):
        host.call(scheduler.shutdown)
        assert not scheduler.running
        host.start(scheduler)
        for function in (seven, aseven):
            job_id = f"{function.__name__}{number}"
            scheduler.add_job(function, id=job_id)
            assert told.wait_for(ENDED, job_id).retval == 7


@pytest.mark.trap(74)
@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_a_job_may_shut_its_scheduler_down(scheduler, told, kind):
    def function():
        scheduler.shutdown()
        return 7

    async def coroutine():
        return function()

    scheduler.add_job(function if kind == "function" else coroutine, id="job", name="a hang")
    told.wait_for(ev.EVENT_SCHEDULER_SHUTDOWN)
    assert not scheduler.running
    assert told.wait_for(ENDED, "job").retval == 7


@pytest.mark.trap(74)
def test_a_listener_may_shut_its_scheduler_down(scheduler, told):
    scheduler.add_listener(lambda event: scheduler.shutdown(wait=False), ev.EVENT_JOB_EXECUTED)
    scheduler.add_job(seven)
    told.wait_for(ev.EVENT_SCHEDULER_SHUTDOWN)
    assert not scheduler.running


@pytest.mark.trap(92)
@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_a_shutdown_in_another_thread_waits_for_what_runs(host, scheduler, told, kind):
    began, ended = threading.Event(), []

    def function():
        began.set()
        host.sleep(0.1)
        ended.append(True)

    async def coroutine():
        began.set()
        await host.asleep(0.1)
        ended.append(True)

    scheduler.add_job(function if kind == "function" else coroutine, id="job", name="a hang")
    assert began.wait(PATIENCE)
    scheduler.shutdown(wait=True)
    assert ended == [True]
    assert not scheduler.running
    assert scheduler.get_runs("job")[0].outcome == "executed"


@pytest.mark.trap(92)
def test_a_shutdown_without_waiting_cancels_coroutines_and_records_them(host, scheduler, told):
    began, go_on, left = threading.Event(), threading.Event(), threading.Event()

    async def forever():
        began.set()
        try:
            while not go_on.is_set():
                await host.asleep(0.01)
        finally:
            left.set()

    scheduler.add_job(forever, id="job")
    assert began.wait(PATIENCE)
    host.call(lambda: scheduler.shutdown(wait=False))
    assert not scheduler.running
    if host.stops_coroutines:
        event = told.wait_for(ENDED, "job")
        assert event.code == ev.EVENT_JOB_CANCELLED
        run = scheduler.get_runs("job")[0]
        assert (run.outcome, run.reason) == ("cancelled", "the scheduler was shut down")
    go_on.set()
    assert left.wait(PATIENCE)


@pytest.mark.parametrize("kind", ["function", "coroutine"])
@pytest.mark.parametrize("where", ["another thread", "the loop's thread"])
def test_a_shutdown_waits_no_longer_than_its_timeout_and_names_what_still_runs(
    host, scheduler, told, caplog, kind, where
):
    began, go_on, left = threading.Event(), threading.Event(), threading.Event()

    def function():
        began.set()
        while not go_on.is_set():
            host.sleep(0.01)
        left.set()

    async def coroutine():
        began.set()
        try:
            while not go_on.is_set():
                await host.asleep(0.01)
        finally:
            left.set()

    scheduler.add_job(function if kind == "function" else coroutine, id="job", name="a hang")
    assert began.wait(PATIENCE)
    before = time.monotonic()
    if where == "another thread":
        scheduler.shutdown(timeout=0.2)
    else:
        host.call(lambda: scheduler.shutdown(timeout=0.2))
    assert time.monotonic() - before < PATIENCE / 3
    assert not scheduler.running
    if kind == "coroutine" and host.stops_coroutines:
        assert told.wait_for(ENDED, "job").code == ev.EVENT_JOB_CANCELLED
    else:
        wait_until(lambda: "these jobs still run: a hang (job)" in caplog.text)
        assert not left.is_set()
    go_on.set()
    assert left.wait(PATIENCE)
    told.wait_for(ENDED, "job")


@pytest.mark.parametrize("patience", [PATIENCE, timedelta(seconds=PATIENCE)])
@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_a_shutdown_with_a_timeout_ends_as_soon_as_what_runs(
    host, scheduler, caplog, kind, patience
):
    began = threading.Event()

    def function():
        began.set()
        host.sleep(0.1)

    async def coroutine():
        began.set()
        await host.asleep(0.1)

    scheduler.add_job(function if kind == "function" else coroutine, id="job", name="a hang")
    assert began.wait(PATIENCE)
    before = time.monotonic()
    scheduler.shutdown(timeout=patience)
    assert time.monotonic() - before < PATIENCE / 2
    assert scheduler.get_runs("job")[0].outcome == "executed"
    assert "still run" not in caplog.text


def test_a_job_that_shuts_down_with_a_timeout_is_not_waited_for(scheduler, told, caplog):
    scheduler.add_job(lambda: scheduler.shutdown(timeout=PATIENCE), id="job")
    assert told.wait_for(ENDED, "job").code == ev.EVENT_JOB_EXECUTED
    assert not scheduler.running
    assert "still run" not in caplog.text


@pytest.mark.parametrize(
    ("timeout", "error"), [(-1, ValueError), ("5", TypeError), (True, TypeError)]
)
def test_a_timeout_that_is_no_number_of_seconds_is_refused_before_anything_stops(
    host, scheduler, timeout, error
):
    with pytest.raises(error, match="timeout must be"):
        host.call(lambda: scheduler.shutdown(timeout=timeout))
    assert scheduler.running


def wait_until(condition):
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


# -- stores -------------------------------------------------------------------------------------------


def test_a_shared_store_means_the_same_here(host, made, tmp_path):
    scheduler = made(
        jobstores={"default": {"type": "sqlalchemy", "url": f"sqlite:///{tmp_path}/jobs.db"}}
    )
    told = Told(scheduler)
    host.start(scheduler)
    scheduler.add_job(seven, id="function", delivery="at_least_once")
    scheduler.add_job(aseven, id="coroutine")
    scheduler.add_job(aseven, "interval", hours=1, id="kept")
    assert told.wait_for(ENDED, "function").retval == 7
    assert told.wait_for(ENDED, "coroutine").retval == 7
    assert len(scheduler.nodes()) == 1
    host.call(scheduler.shutdown)
    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path}/jobs.db")
    other = made(jobstores={"default": store})
    host.start(other, paused=True)
    assert other.get_job("kept") is not None
    assert {(run.job_id, run.outcome) for run in other.get_runs()} == {
        ("function", "executed"),
        ("coroutine", "executed"),
    }
