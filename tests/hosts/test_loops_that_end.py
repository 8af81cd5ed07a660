"""Event loops that end before their scheduler is shut down: what ran in them has an outcome all the same."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path

import pytest

from apscheduler import events as ev
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler

PATIENCE = 30
ENDED = ev.EVENT_JOB_EXECUTED | ev.EVENT_JOB_ERROR | ev.EVENT_JOB_CANCELLED
CUT_OFF = "its event loop {} while it ran"


class Jobs:
    """What the jobs of this module, which a store can write down, wait for and say."""

    def __init__(self):
        self.began = [threading.Event(), threading.Event()]
        self.go_on = threading.Event()
        self.runs = 0


jobs = Jobs()


async def coroutine():
    jobs.began[0].set()
    await asyncio.sleep(3600)


async def stubborn():
    jobs.began[0].set()
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        await asyncio.sleep(0)


def function():
    jobs.began[1].set()
    jobs.go_on.wait(PATIENCE)


def count():
    jobs.runs += 1


@pytest.fixture(autouse=True)
def _jobs(monkeypatch):
    monkeypatch.setitem(globals(), "jobs", Jobs())
    yield
    jobs.go_on.set()
    gc.collect()  # asyncio logs tasks that a closed loop has left, in this test and in no other one


@pytest.fixture
def database(tmp_path):
    return f"sqlite:///{tmp_path / 'jobs.sqlite'}"


@pytest.fixture(params=["memory", "database"])
def scheduler(request, database):
    shared = {"default": SQLAlchemyJobStore(database)}
    scheduler = AsyncIOScheduler(
        timezone=UTC, jobstores=shared if request.param == "database" else {}
    )
    yield scheduler
    jobs.go_on.set()
    if scheduler.state:
        scheduler.shutdown()


@pytest.fixture
def told(scheduler):
    told = []
    scheduler.add_listener(lambda event: told.append((event.job_id, event.code)), ENDED)
    return told


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


async def begin(scheduler, *functions):
    """Start, and return when these run."""
    scheduler.start()
    for each in functions:
        scheduler.add_job(each, id=each.__name__, misfire_grace_time=PATIENCE)
    for number, each in enumerate((coroutine, function)):
        if each in functions or (each is coroutine and stubborn in functions):
            assert await asyncio.to_thread(jobs.began[number].wait, PATIENCE)


def outcomes(scheduler):
    """Return what became of each run; the heartbeat's thread writes what comes after a shutdown."""
    deadline = time.monotonic() + PATIENCE
    while scheduler.get_running() and time.monotonic() < deadline:
        time.sleep(0.01)
    return {run.job_id: (run.outcome, run.reason) for run in scheduler.get_runs()}


def shut_down_beside(scheduler):
    """Shut down in another thread, as a program does whose loop had one."""
    thread = threading.Thread(target=scheduler.shutdown)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()


async def shut_down_in_another_loop(scheduler):
    await asyncio.wait_for(scheduler.ashutdown(), PATIENCE)


SHUTDOWNS = {
    "waits": lambda scheduler: scheduler.shutdown(),
    "does not wait": lambda scheduler: scheduler.shutdown(wait=False),
    "waits a while": lambda scheduler: scheduler.shutdown(timeout=PATIENCE),
    "beside": shut_down_beside,
    "in another loop": lambda scheduler: asyncio.run(shut_down_in_another_loop(scheduler)),
}


@pytest.mark.parametrize("how", SHUTDOWNS)
@pytest.mark.parametrize("ended", ["ended", "had stopped"])
def test_a_shutdown_after_the_loops_end_settles_what_ran_in_it(
    scheduler, told, loop, caplog, ended, how
):
    before = set(threading.enumerate())  # what other tests have left
    loop.run_until_complete(begin(scheduler, coroutine))
    if ended == "ended":
        loop.close()
    SHUTDOWNS[how](scheduler)
    reason = CUT_OFF.format(ended)
    assert told == [("coroutine", ev.EVENT_JOB_CANCELLED)]
    assert f"cancelled ({reason})" in caplog.text
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("APScheduler"):
            thread.join(PATIENCE)
            assert not thread.is_alive(), thread.name
    assert scheduler.get_running() == []
    assert outcomes(scheduler) == {"coroutine": ("cancelled", reason)}


def test_a_shutdown_after_the_loops_end_waits_for_functions(scheduler, told, loop):
    loop.run_until_complete(begin(scheduler, coroutine, function))
    loop.close()
    threading.Timer(0.1, jobs.go_on.set).start()
    scheduler.shutdown()
    assert sorted(told) == [
        ("coroutine", ev.EVENT_JOB_CANCELLED),
        ("function", ev.EVENT_JOB_EXECUTED),
    ]
    assert outcomes(scheduler)["function"] == ("executed", None)


@pytest.mark.parametrize("job", [coroutine, stubborn])
def test_a_loop_that_goes_on_after_the_shutdown_tells_no_run_twice(scheduler, told, loop, job):
    loop.run_until_complete(begin(scheduler, job))
    scheduler.shutdown()
    loop.run_until_complete(asyncio.sleep(0.05))
    assert asyncio.all_tasks(loop) == set()
    assert told == [(job.__name__, ev.EVENT_JOB_CANCELLED)]
    assert outcomes(scheduler) == {job.__name__: ("cancelled", CUT_OFF.format("had stopped"))}


def test_a_loop_closed_after_a_shutdown_in_it_leaves_no_run_without_an_outcome(
    scheduler, told, loop
):
    async def main():
        await begin(scheduler, coroutine)
        scheduler.shutdown()

    ended = threading.Event()
    scheduler.add_listener(lambda event: ended.set(), ENDED)
    loop.run_until_complete(main())
    loop.close()
    assert ended.wait(PATIENCE)
    assert told == [("coroutine", ev.EVENT_JOB_CANCELLED)]
    assert outcomes(scheduler) == {"coroutine": ("cancelled", CUT_OFF.format("ended"))}


def test_a_coroutine_that_swallows_the_shutdowns_cancellation_is_told_as_executed(scheduler, told):
    async def main():
        await begin(scheduler, stubborn)
        await scheduler.ashutdown(timeout=0.01)

    asyncio.run(main())
    assert told == [("stubborn", ev.EVENT_JOB_EXECUTED)]
    assert outcomes(scheduler) == {"stubborn": ("executed", None)}


def test_while_a_loops_end_waits_for_a_function_nothing_is_claimed_for_it(scheduler, told):
    async def main():
        await begin(scheduler, function)
        loop, end = asyncio.get_running_loop(), asyncio.get_running_loop().shutdown_default_executor

        async def late(*args):
            scheduler.add_job(count, id="count", misfire_grace_time=PATIENCE)
            loop.call_later(0.2, jobs.go_on.set)
            await end(*args)

        loop.shutdown_default_executor = late

    asyncio.run(main())
    assert told == [("function", ev.EVENT_JOB_EXECUTED)]
    assert jobs.runs == 0
    assert [job.id for job in scheduler.get_jobs()] == ["count"]
    scheduler.shutdown()
    assert outcomes(scheduler) == {"function": ("executed", None)}


@pytest.mark.parametrize("scheduler", ["database"], indirect=True)
def test_what_waits_for_a_thread_at_a_loops_end_is_given_back(scheduler, told, database):
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        submitted = asyncio.Event()
        scheduler.add_listener(
            lambda event: submitted.set() if event.job_id == "count" else None,
            ev.EVENT_JOB_SUBMITTED,
        )
        scheduler.start()
        scheduler.add_job(function, id="function")
        while not jobs.began[1].is_set():  # noqa: ASYNC110 - set by a thread; the one pool is taken
            await asyncio.sleep(0.01)
        scheduler.add_job(count, id="count", misfire_grace_time=PATIENCE)
        await asyncio.wait_for(submitted.wait(), PATIENCE)
        loop.call_later(0.5, jobs.go_on.set)

    asyncio.run(main())
    assert (jobs.runs, told) == (0, [("function", ev.EVENT_JOB_EXECUTED)])
    other = BackgroundScheduler(
        timezone=UTC, jobstores={"default": {"type": "sqlalchemy", "url": database}}
    )
    ran = threading.Event()
    other.add_listener(lambda event: ran.set(), ev.EVENT_JOB_EXECUTED)
    other.start()
    assert ran.wait(PATIENCE)
    other.shutdown()
    assert (jobs.runs, told[1:]) == (1, [])


# -- other hosts, and an end without a shutdown --------------------------------------------------------------------


@pytest.mark.parametrize("end", ["shutdown", "without a shutdown"])
@pytest.mark.parametrize("host", ["twisted", "tornado"])
def test_what_ran_in_a_loop_of_another_host_is_settled(host, end):
    pytest.importorskip(host)
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("programs_that_end.py")), host, end],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == str(
        [f"cut off cancelled {CUT_OFF.format('ended')}", "function executed", "too late timed_out"]
    )
    assert "cancelled (its event loop ended while it ran)" in ended.stderr
