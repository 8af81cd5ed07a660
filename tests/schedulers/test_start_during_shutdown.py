"""start(), and what else changes a scheduler, while a shutdown of it is under way in another thread."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor as FuturesPool
from datetime import UTC, datetime
from functools import partial

import pytest

from apscheduler import events
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers import SchedulerAlreadyRunningError, SchedulerNotRunningError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import (
    STATE_PAUSED,
    STATE_RUNNING,
    STATE_STOPPED,
    BaseScheduler,
)
from apscheduler.schedulers.blocking import BlockingScheduler

PATIENCE = 20


class Gate:
    """A job that runs until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        self.may_end.wait(PATIENCE)


class Recorder:
    """A log handler that lets a test wait for a line."""

    def __init__(self, part: str) -> None:
        self.said = threading.Event()
        self.part = part

    def filter(self, record: logging.LogRecord) -> bool:
        if self.part in record.getMessage():
            self.said.set()
        return True


@pytest.fixture
def waits(caplog):
    """An event that tells that a call waits for the shutdown."""
    logger = logging.getLogger("apscheduler.scheduler")
    recorder = Recorder("() waits for the shutdown")
    caplog.set_level(logging.INFO, logger.name)
    logger.addFilter(recorder.filter)
    yield recorder.said
    logger.removeFilter(recorder.filter)


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.may_end.set()


def in_thread(function, *args, **kwargs) -> threading.Thread:
    thread = threading.Thread(target=function, args=args, kwargs=kwargs)
    thread.start()
    return thread


def ended(*threads: threading.Thread) -> None:
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def is_stopped(scheduler) -> None:
    while scheduler.state:
        threading.Event().wait(0.001)


def run_job(scheduler, function, **options) -> None:
    scheduler.add_job(
        function, "date", run_date=datetime.now(UTC), misfire_grace_time=None, **options
    )


def make(kind: str, store: str, tmp_path) -> BackgroundScheduler:
    pool = ThreadPoolExecutor(3) if kind == "own" else FuturesExecutor(partial(FuturesPool, 3))
    kept = MemoryJobStore() if store == "memory" else SQLAlchemyJobStore(f"sqlite:///{tmp_path}/x")
    return BackgroundScheduler(
        executor=pool, jobstores={"default": MemoryJobStore(), "kept": kept}, timezone="UTC"
    )


def threads_of_ours() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if "apscheduler" in each.name.lower()}


@pytest.fixture
def at_work(gate):
    """Return a function that has a scheduler run the gate and begins to shut it down in a thread."""

    def begin(scheduler, job=gate, **options) -> threading.Thread:
        scheduler.start()
        run_job(scheduler, job)
        assert gate.begun.wait(PATIENCE)
        thread = in_thread(scheduler.shutdown, **options)
        is_stopped(scheduler)
        return thread

    return begin


# -- start() waits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", ["memory", "sqlite"])
@pytest.mark.parametrize("kind", ["own", "futures"])
def test_a_start_beside_a_shutdown_waits_for_it_and_jobs_run(
    tmp_path, gate, waits, at_work, kind, store
):
    before = threads_of_ours()
    scheduler = make(kind, store, tmp_path)
    first = at_work(scheduler)
    second = in_thread(scheduler.start)
    assert waits.wait(PATIENCE)
    assert scheduler.state == STATE_STOPPED
    gate.may_end.set()
    ended(first, second)
    assert scheduler.state == STATE_RUNNING
    ran = threading.Event()
    scheduler.add_listener(lambda _: ran.set(), events.EVENT_JOB_EXECUTED)
    run_job(scheduler, "os:getpid", jobstore="kept")
    assert ran.wait(PATIENCE)
    scheduler.shutdown()
    for each in threads_of_ours() - before:
        each.join(PATIENCE)
    assert threads_of_ours() <= before


def test_of_two_starts_beside_a_shutdown_one_is_refused(gate, waits, at_work):
    scheduler = BackgroundScheduler()
    first = at_work(scheduler)
    second = in_thread(scheduler.start)
    assert waits.wait(PATIENCE)
    with pytest.raises(SchedulerAlreadyRunningError, match="another thread"):
        scheduler.start()
    gate.may_end.set()
    ended(first, second)
    scheduler.shutdown()


def test_a_blocking_scheduler_is_started_again_in_another_thread(gate, waits, at_work):
    scheduler = BlockingScheduler()
    main = in_thread(scheduler.start)
    while not scheduler.running:
        threading.Event().wait(0.001)
    run_job(scheduler, gate)
    assert gate.begun.wait(PATIENCE)
    first = in_thread(scheduler.shutdown)
    is_stopped(scheduler)
    second = in_thread(scheduler.start)
    assert waits.wait(PATIENCE)
    gate.may_end.set()
    ended(first, main)
    ran = threading.Event()
    run_job(scheduler, ran.set)
    assert ran.wait(PATIENCE)
    scheduler.shutdown()
    ended(second)


def test_options_are_set_anew_once_the_shutdown_has_ended(gate, waits, at_work):
    store = MemoryJobStore()
    scheduler = BackgroundScheduler(jobstores={"default": store})
    first = at_work(scheduler)
    second = in_thread(scheduler.configure, {})
    assert waits.wait(PATIENCE)
    assert scheduler._jobstores == {"default": store}
    gate.may_end.set()
    ended(first, second)
    assert scheduler._jobstores == {}


def test_a_shutdown_that_is_not_waited_for_is_followed_by_a_start_at_once(gate):
    scheduler = BackgroundScheduler()
    scheduler.start()
    run_job(scheduler, gate)
    assert gate.begun.wait(PATIENCE)
    scheduler.shutdown(wait=False)
    scheduler.start()
    ran = threading.Event()
    run_job(scheduler, ran.set)
    assert ran.wait(PATIENCE)
    gate.may_end.set()
    scheduler.shutdown()


def test_a_start_after_a_shutdown_that_a_ctrl_c_has_ended_closes_the_stores_first(monkeypatch):
    told = []

    class Store(MemoryJobStore):
        def start(self, scheduler, alias):
            told.append("start")
            super().start(scheduler, alias)

        def shutdown(self):
            told.append("shutdown")
            super().shutdown()

    def interrupted(wait=True):
        raise KeyboardInterrupt

    scheduler = BackgroundScheduler(jobstores={"default": Store()})
    scheduler.start()
    executor = scheduler._executors["default"]
    with monkeypatch.context() as there:
        there.setattr(executor, "shutdown", interrupted)
        with pytest.raises(KeyboardInterrupt):
            scheduler.shutdown()
    scheduler.start()
    assert told == ["start", "shutdown", "start"]
    scheduler.shutdown()


def test_a_shutdown_that_gave_up_on_a_job_leaves_the_next_start_alone(gate):
    other = ThreadPoolExecutor(1)
    scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(1), "other": other})
    scheduler.start()
    run_job(scheduler, gate)
    assert gate.begun.wait(PATIENCE)
    scheduler.shutdown(timeout=0.01)
    scheduler.start()
    (left,) = (each for each in threading.enumerate() if each.name == "APScheduler shutdown")
    gate.may_end.set()
    ended(left)
    ran = threading.Event()
    run_job(scheduler, ran.set, executor="other")
    assert ran.wait(PATIENCE)
    scheduler.shutdown()


# -- whoever the shutdown waits for is refused ------------------------------------------------------------


@pytest.mark.parametrize("kind", ["own", "futures"])
@pytest.mark.parametrize("where", ["job", "listener"])
def test_who_is_waited_for_by_the_shutdown_cannot_start(tmp_path, gate, at_work, kind, where):
    scheduler = make(kind, "memory", tmp_path)
    refused = []

    def start(_=None) -> None:
        with pytest.raises(SchedulerAlreadyRunningError) as raised:
            scheduler.start()
        refused.append(str(raised.value))

    def job() -> None:
        gate()
        if where == "job":
            start()

    if where == "listener":
        scheduler.add_listener(start, events.EVENT_JOB_EXECUTED)
    thread = at_work(scheduler, job)
    gate.may_end.set()
    ended(thread)
    (text,) = refused
    assert "waits for" in text
    assert "after" in text


def test_a_job_of_another_scheduler_may_wait(gate, waits, at_work):
    scheduler, other = BackgroundScheduler(), BackgroundScheduler()
    other.start()
    first = at_work(scheduler)
    run_job(other, scheduler.start)
    assert waits.wait(PATIENCE)
    gate.may_end.set()
    ended(first)
    other.shutdown()
    assert scheduler.running
    scheduler.shutdown()


def test_a_listener_of_the_shutdown_may_start_and_no_thread_stays():
    scheduler = BackgroundScheduler()
    before = threads_of_ours()
    scheduler.start()
    loop = scheduler._thread

    def again(_) -> None:
        scheduler.remove_listener(again)
        scheduler.start()

    scheduler.add_listener(again, events.EVENT_SCHEDULER_SHUTDOWN)
    scheduler.shutdown()
    assert scheduler.state == STATE_RUNNING
    assert not loop.is_alive()
    ran = threading.Event()
    run_job(scheduler, ran.set)
    assert ran.wait(PATIENCE)
    scheduler.shutdown()
    assert threads_of_ours() <= before


def test_a_job_in_the_loops_own_thread_may_start_after_its_own_shutdown():
    scheduler = BackgroundScheduler(executors={"default": {"type": "debug"}})
    done = threading.Event()

    def again() -> None:
        scheduler.shutdown()
        scheduler.start()
        done.set()

    scheduler.start()
    loop = scheduler._thread
    run_job(scheduler, again)
    assert done.wait(PATIENCE)
    ended(loop)
    ran = threading.Event()
    run_job(scheduler, ran.set)
    assert ran.wait(PATIENCE)
    scheduler.shutdown()


# -- event loops ------------------------------------------------------------------------------------------


def test_a_start_in_the_loop_is_refused_while_an_awaited_shutdown_is_under_way():
    async def main() -> None:
        scheduler = AsyncIOScheduler()
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def job() -> None:
            begun.set()
            await may_end.wait()

        scheduler.start()
        run_job(scheduler, job)
        await asyncio.wait_for(begun.wait(), PATIENCE)
        ending = asyncio.create_task(scheduler.ashutdown())
        await asyncio.sleep(0)
        with pytest.raises(SchedulerAlreadyRunningError, match="event loop"):
            scheduler.start()
        may_end.set()
        await ending
        scheduler.start()
        assert scheduler.running
        await scheduler.ashutdown()

    asyncio.run(main())


def test_a_start_in_the_loop_is_refused_while_another_thread_shuts_down():
    async def main() -> None:
        scheduler = AsyncIOScheduler()
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def job() -> None:
            begun.set()
            await may_end.wait()

        scheduler.start()
        run_job(scheduler, job)
        await asyncio.wait_for(begun.wait(), PATIENCE)
        ending = asyncio.create_task(asyncio.to_thread(scheduler.shutdown))
        await asyncio.to_thread(is_stopped, scheduler)
        with pytest.raises(SchedulerAlreadyRunningError, match="event loop"):
            scheduler.start()
        may_end.set()
        await ending
        scheduler.start()
        await scheduler.ashutdown()

    asyncio.run(main())


def test_after_an_awaited_shutdown_that_gave_up_a_start_is_left_alone(gate):
    told = []

    class Store(MemoryJobStore):
        def shutdown(self):
            told.append("shutdown")
            super().shutdown()

    async def main() -> None:
        scheduler = AsyncIOScheduler(jobstores={"default": Store()})
        scheduler.start()
        run_job(scheduler, gate)
        await asyncio.to_thread(gate.begun.wait, PATIENCE)
        await scheduler.ashutdown(timeout=0.01)
        (left,) = (each for each in threading.enumerate() if each.name == "APScheduler shutdown")
        scheduler.start()
        assert told == ["shutdown"]
        gate.may_end.set()
        await asyncio.to_thread(left.join, PATIENCE)
        assert told == ["shutdown"]
        ran = asyncio.Event()
        scheduler.add_listener(lambda _: ran.set(), events.EVENT_JOB_EXECUTED)
        run_job(scheduler, "os:getpid")
        await asyncio.wait_for(ran.wait(), PATIENCE)
        await scheduler.ashutdown()

    asyncio.run(main())


def test_a_shutdown_in_the_loop_cuts_off_nothing_of_the_next_start():
    async def main() -> None:
        scheduler = AsyncIOScheduler()
        begun, ended = asyncio.Event(), asyncio.Event()
        told = []

        async def job() -> None:
            begun.set()
            await asyncio.sleep(0.1)

        async def lasting() -> None:
            await asyncio.sleep(0.2)
            ended.set()

        scheduler.start()
        run_job(scheduler, job)
        await asyncio.wait_for(begun.wait(), PATIENCE)
        scheduler.shutdown(timeout=0.05)
        scheduler.start()
        scheduler.add_listener(told.append, events.EVENT_JOB_CANCELLED)
        run_job(scheduler, lasting)
        await asyncio.wait_for(ended.wait(), PATIENCE)
        assert told == []
        await scheduler.ashutdown()

    asyncio.run(main())


def test_a_greenlet_waits_for_another_one_and_a_job_is_refused(tmp_path):
    pytest.importorskip("gevent")
    path = tmp_path / "program.py"
    path.write_text(GREENLETS)
    done = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout.split() == ["refused", "waits", "started", "ran"], done.stderr


GREENLETS = """
from datetime import UTC, datetime

import gevent
from gevent.event import Event

from apscheduler.schedulers import SchedulerAlreadyRunningError
from apscheduler.schedulers.gevent import GeventScheduler

scheduler = GeventScheduler(timezone="UTC")
begun, stops, may_end, ran = Event(), Event(), Event(), Event()

def job():
    begun.set()
    stops.wait()
    try:
        scheduler.start()
    except SchedulerAlreadyRunningError:
        print("refused")
    may_end.wait()

def run(function):
    scheduler.add_job(function, run_date=datetime.now(UTC), misfire_grace_time=None)

scheduler.start()
run(job)
begun.wait()
first = gevent.spawn(scheduler.shutdown)
gevent.sleep(0.02)
stops.set()
gevent.sleep(0.02)
second = gevent.spawn(scheduler.start)
gevent.sleep(0.05)
print("started too early" if scheduler.running else "waits")
may_end.set()
gevent.joinall([first, second])
print("started" if scheduler.running else "not started")
run(ran.set)
print("ran" if ran.wait(10) else "did not run")
scheduler.shutdown()
"""


# -- the rest of the kind -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pause", "resume", "shutdown"])
def test_what_needs_a_running_scheduler_is_refused_while_it_stops(gate, at_work, name):
    scheduler = BackgroundScheduler()
    thread = at_work(scheduler)
    with pytest.raises(SchedulerNotRunningError):
        getattr(scheduler, name)()
    gate.may_end.set()
    ended(thread)
    scheduler.start(paused=True)
    assert scheduler.state == STATE_PAUSED
    scheduler.shutdown()


def test_what_is_added_while_it_stops_is_neither_started_nor_stopped(gate, at_work):
    told = []

    class Store(MemoryJobStore):
        def start(self, scheduler, alias):
            told.append("store starts")
            super().start(scheduler, alias)

        def shutdown(self):
            told.append("store stops")

    class Executor(ThreadPoolExecutor):
        def start(self, scheduler, alias):
            told.append("executor starts")
            super().start(scheduler, alias)

        def shutdown(self, wait=True):
            told.append("executor stops")
            super().shutdown(wait)

    scheduler = BackgroundScheduler()
    thread = at_work(scheduler)
    scheduler.add_executor(Executor(), "later")
    scheduler.add_jobstore(Store(), "later")
    gate.may_end.set()
    ended(thread)
    assert told == []
    scheduler.start()
    scheduler.shutdown()
    assert sorted(told) == ["executor starts", "executor stops", "store starts", "store stops"]


def test_what_is_removed_while_it_stops_is_stopped_once(gate, at_work):
    told = []

    class Store(MemoryJobStore):
        def shutdown(self):
            told.append("store stops")

    scheduler = BackgroundScheduler(jobstores={"other": Store()})
    thread = at_work(scheduler)
    scheduler.remove_jobstore("other")
    gate.may_end.set()
    ended(thread)
    assert told == ["store stops"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_that_was_forked_meanwhile_may_start(gate, at_work):
    scheduler = BackgroundScheduler()
    thread = at_work(scheduler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        scheduler.start()
        os._exit(scheduler.state)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == STATE_RUNNING
    gate.may_end.set()
    ended(thread)


class Bare(BaseScheduler):
    """A scheduler with a host of someone else's, which does not wait for a shutdown itself."""

    def shutdown(self, wait=True):
        super().shutdown(wait)

    def wakeup(self):
        """Do nothing: the test makes the passes."""


def test_a_host_of_someone_else_starts_after_the_shutdown_too(gate, waits):
    scheduler = Bare(executor=ThreadPoolExecutor(1), timezone="UTC")
    scheduler.start()
    run_job(scheduler, gate)
    scheduler._process_jobs()
    assert gate.begun.wait(PATIENCE)
    ending = in_thread(scheduler.shutdown)
    is_stopped(scheduler)
    starting = in_thread(scheduler.start)
    assert waits.wait(PATIENCE)
    assert scheduler.state == STATE_STOPPED
    gate.may_end.set()
    ended(ending, starting)
    assert scheduler.state == STATE_RUNNING
    scheduler.shutdown()
