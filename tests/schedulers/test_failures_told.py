"""A failure says what failed: in the log record that handlers get, in the ledger, once, wherever the function ran.

Neighbours tried beyond the reported ones: causes, contexts and ``from None``, exceptions that do not travel between
processes, ``SystemExit``, texts of two lines and with escapes that would forge a record, coroutines, greenlets, executors
and pools of someone else's in threads, loops and processes, a store of rows, other log levels, the locals of the frames.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import io
import logging
import multiprocessing
import threading
import traceback

import gevent
import gevent.event
import pytest

from apscheduler.events import EVENT_JOB_ERROR
from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.executors.base import BaseExecutor, run_coroutine_job, run_job
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.executors.gevent import GeventExecutor
from apscheduler.executors.pool import BasePoolExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.gevent import GeventScheduler

PATIENCE = 30


def key_error():
    return {}["price"]


def with_a_cause():
    secret = "a local"
    try:
        key_error()
    except KeyError as exc:
        raise ValueError(f"no price{secret[9:]}") from exc


def with_a_context():
    try:
        key_error()
    except KeyError:
        raise LookupError("gone\nin two lines")  # noqa: B904 - a context that is no cause is the subject


def without_its_context():
    try:
        key_error()
    except KeyError:
        raise LookupError("alone") from None


async def in_a_coroutine():
    with_a_cause()


class UntravelledError(Exception):
    def __init__(self, left, right):
        super().__init__(f"{left} {right}")


def does_not_travel():
    try:
        key_error()
    except KeyError as exc:
        raise UntravelledError("bad", "luck") from exc


def leaves():
    raise SystemExit(3)


class Own(BaseExecutor):
    """As they were written for 3.x: ``run_job`` in the thread that submits."""

    def _do_submit_job(self, job, run_times):
        events = run_job(job, job._jobstore_alias, run_times, self._logger.name)
        self._run_job_success(job.id, events)


class OwnThread(BaseExecutor):
    """``run_job`` in a thread of its own."""

    def _do_submit_job(self, job, run_times):
        def work():
            events = run_job(job, job._jobstore_alias, run_times, self._logger.name)
            self._run_job_success(job.id, events)

        threading.Thread(target=work).start()


class OwnLoop(BaseExecutor):
    """``run_coroutine_job`` in an event loop of its own."""

    def _do_submit_job(self, job, run_times):
        events = asyncio.run(
            run_coroutine_job(job, job._jobstore_alias, run_times, self._logger.name)
        )
        self._run_job_success(job.id, events)


class OwnProcesses(BaseExecutor):
    """``run_job`` in processes, which is how 3.x's own executor of processes works."""

    start_method = "spawn"

    def start(self, scheduler, alias):
        super().start(scheduler, alias)
        context = multiprocessing.get_context(self.start_method)
        self.pool = concurrent.futures.ProcessPoolExecutor(1, mp_context=context)

    def shutdown(self, wait=True):
        self.pool.shutdown(wait)

    def _do_submit_job(self, job, run_times):
        call = (run_job, job, job._jobstore_alias, run_times, self._logger.name)
        self.pool.submit(*call).add_done_callback(
            lambda done: self._run_job_success(job.id, done.result())
        )


class OwnForked(OwnProcesses):
    start_method = "fork"


class Hooked(ThreadPoolExecutor):
    """A subclass of ours that overrides one of 3.x's hooks."""

    def _run_job_success(self, job_id, events):
        super()._run_job_success(job_id, events)


def spawned_pool():
    return concurrent.futures.ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn")
    )


EXECUTORS = {
    "debug": DebugExecutor,
    "threads": lambda: ThreadPoolExecutor(2),
    "processes": lambda: ProcessPoolExecutor(1),
    "threads of others": lambda: FuturesExecutor(concurrent.futures.ThreadPoolExecutor(1)),
    "processes of others": lambda: FuturesExecutor(spawned_pool()),
    "pool by 3.x's name": lambda: BasePoolExecutor(concurrent.futures.ThreadPoolExecutor(1)),
    "own": Own,
    "own thread": OwnThread,
    "own loop": OwnLoop,
    "own processes": OwnProcesses,
    "own forked": OwnForked,
    "hooked": Hooked,
}
PROCESSES = {"processes", "processes of others", "own processes", "own forked"}
FAILURES = {
    key_error: ("KeyError: 'price'", ["in key_error"]),
    with_a_cause: (
        "ValueError: no price",
        ["KeyError: 'price'", "direct cause", "in with_a_cause"],
    ),
    with_a_context: ("LookupError: gone in two lines", ["KeyError: 'price'", "another exception"]),
    without_its_context: ("LookupError: alone", ["in without_its_context"]),
    in_a_coroutine: ("ValueError: no price", ["KeyError: 'price'", "in in_a_coroutine"]),
    does_not_travel: ("UntravelledError: bad luck", ["KeyError: 'price'", "in does_not_travel"]),
    leaves: ("SystemExit: 3", ["in leaves"]),
}


class Heard(logging.Handler):
    """Keeps the records, and what a handler like Sentry's reads of each when it gets it."""

    def __init__(self):
        super().__init__()
        self.records = []
        self.locals = {}

    def emit(self, record):
        self.records.append(record)
        self.format(record)
        frames = record.exc_info and record.exc_info[2]
        for frame, _ in traceback.walk_tb(frames or None):
            self.locals.update(frame.f_locals)

    def failures(self):
        return [each for each in self.records if each.levelno >= logging.ERROR]


@pytest.fixture
def heard():
    handler = Heard()
    logger = logging.getLogger("apscheduler")
    before = logger.level
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


class Ended:
    """Waits for events."""

    def __init__(self):
        self.events = []
        self._more = threading.Condition()

    def __call__(self, event):
        with self._more:
            self.events.append(event)
            self._more.notify_all()

    def wait(self, count=1):
        with self._more:
            assert self._more.wait_for(lambda: len(self.events) >= count, PATIENCE), self.events
        return self.events


def fail_in(executor, func, store, info=logging.INFO):
    """Run a job that fails once; return its row and its event."""
    logging.getLogger("apscheduler").setLevel(info)
    scheduler = BackgroundScheduler(
        executors={"there": executor}, jobstores={"default": store}, timezone="UTC"
    )
    ended = Ended()
    scheduler.add_listener(ended, EVENT_JOB_ERROR)
    scheduler.start()
    try:
        scheduler.add_job(
            func, id="shop", name="read prices", executor="there", misfire_grace_time=None
        )
        ended.wait()
        (run,) = scheduler.get_runs("shop")
    finally:
        scheduler.shutdown()
    assert len(ended.events) == 1
    return run, ended.events[0]


def check(record, run, event, func):
    headline, parts = FAILURES[func]
    message = record.getMessage()
    assert headline in message
    assert "read prices" in message
    assert "shop" in message
    assert "\n" not in message
    kind, exc, frames = record.exc_info
    assert exc is event.exception
    assert kind is type(exc)
    assert frames is exc.__traceback__
    printed = logging.Formatter().format(record)
    for part in parts:
        assert part in printed
        assert part in run.traceback
    assert headline in run.error
    assert headline.partition(" in two")[0] in run.traceback
    assert run.traceback.startswith("Traceback (most recent call last):\n")
    last = run.traceback.rstrip().rpartition("\nTraceback")[2]
    assert headline.partition(" in two")[0] in last


def cases():
    """Return each executor with each failure; of those in processes, which start slowly, with those that differ there."""
    for kind in EXECUTORS:
        if (
            kind.startswith("own") and kind in PROCESSES
        ):  # an exception that does not travel ends their callback
            differing = [with_a_cause, without_its_context]
        else:
            differing = [with_a_cause, without_its_context, does_not_travel]
        for func in differing if kind in PROCESSES else FAILURES:
            yield pytest.param(kind, func, id=f"{kind}-{func.__name__}")


@pytest.mark.parametrize(("kind", "func"), list(cases()))
def test_a_failure_is_logged_once_with_type_text_and_exception(kind, func, heard, capfd):
    run, event = fail_in(EXECUTORS[kind](), func, MemoryJobStore())
    (record,) = heard.failures()
    assert record.name == "apscheduler.executors.there"
    check(record, run, event, func)
    assert "raised an exception" not in capfd.readouterr().err  # in no process beside ours either


@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING])
@pytest.mark.parametrize("kind", ["threads", "processes", "own"])
def test_a_store_of_rows_and_other_levels_tell_the_same(kind, level, heard, tmp_path):
    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path}/jobs.db")
    run, event = fail_in(EXECUTORS[kind](), with_a_cause, store, level)
    (record,) = heard.failures()
    check(record, run, event, with_a_cause)


@pytest.mark.parametrize("func", [with_a_cause, in_a_coroutine])
def test_a_failure_in_an_event_loop_is_told_alike(func, heard):
    async def main():
        scheduler = AsyncIOScheduler(executors={"there": AsyncIOExecutor()}, timezone="UTC")
        ended = asyncio.Queue()
        scheduler.add_listener(ended.put_nowait, EVENT_JOB_ERROR)
        scheduler.start()
        scheduler.add_job(func, id="shop", name="read prices", executor="there")
        event = await asyncio.wait_for(ended.get(), PATIENCE)
        (run,) = scheduler.get_runs("shop")
        scheduler.shutdown()
        return run, event

    logging.getLogger("apscheduler").setLevel(logging.INFO)
    run, event = asyncio.run(main())
    (record,) = heard.failures()
    check(record, run, event, func)


@pytest.mark.parametrize("func", [with_a_cause, in_a_coroutine])
def test_a_failure_in_a_greenlet_is_told_alike(func, heard):
    logging.getLogger("apscheduler").setLevel(logging.INFO)
    scheduler = GeventScheduler(executors={"there": GeventExecutor()}, timezone="UTC")
    ended = gevent.event.AsyncResult()
    scheduler.add_listener(ended.set, EVENT_JOB_ERROR)
    scheduler.start()
    scheduler.add_job(func, id="shop", name="read prices", executor="there")
    event = ended.get(timeout=PATIENCE)
    (run,) = scheduler.get_runs("shop")
    scheduler.shutdown()
    (record,) = heard.failures()
    check(record, run, event, func)


@pytest.mark.parametrize("kind", sorted(set(EXECUTORS) - PROCESSES))
def test_handlers_see_the_frames_with_their_locals_and_nobody_keeps_them(kind, heard):
    _, event = fail_in(EXECUTORS[kind](), with_a_cause, MemoryJobStore())
    assert heard.locals["secret"] == "a local"
    kept = [frame.f_locals for frame, _ in traceback.walk_tb(event.exception.__traceback__)]
    assert {} in kept
    assert not any("secret" in each for each in kept)


@pytest.mark.parametrize("kind", sorted(PROCESSES - {"own processes", "own forked"}))
def test_causes_come_back_from_a_process_as_exceptions(kind, heard):
    _, event = fail_in(EXECUTORS[kind](), with_a_cause, MemoryJobStore())
    assert isinstance(event.exception.__cause__, KeyError)
    assert "in key_error" in str(event.exception.__cause__.__cause__)
    _, event = fail_in(EXECUTORS[kind](), without_its_context, MemoryJobStore())
    assert event.exception.__context__ is None


def test_a_message_that_looks_like_records_forges_none(heard):
    stream = io.StringIO()
    logging.getLogger("apscheduler").addHandler(plain := logging.StreamHandler(stream))
    try:
        fail_in(ProcessPoolExecutor(1), forges, MemoryJobStore())
        fail_in(ThreadPoolExecutor(1), forges, MemoryJobStore())
    finally:
        logging.getLogger("apscheduler").removeHandler(plain)
    assert "\x1b" not in stream.getvalue()
    assert not [line for line in stream.getvalue().split("\n") if line.startswith("ERROR:root")]


def forges():
    try:
        {}["x\nERROR:root:first\x1b[2K"]
    except KeyError as exc:
        raise ValueError("y\nERROR:root:second\x1b[2K") from exc


def test_a_coroutine_that_failed_a_future_of_the_job_goes_on(heard):
    async def main():
        scheduler = AsyncIOScheduler(timezone="UTC")
        promise, more = asyncio.get_running_loop().create_future(), asyncio.Queue()
        ended = asyncio.Queue()

        async def server():
            try:
                key_error()
            except KeyError as exc:
                promise.set_exception(exc)
            return await more.get()

        async def client():
            return await promise

        serving = asyncio.create_task(server())
        scheduler.add_listener(ended.put_nowait, EVENT_JOB_ERROR)
        scheduler.start()
        scheduler.add_job(client)
        await asyncio.wait_for(ended.get(), PATIENCE)
        more.put_nowait("still here")
        assert await asyncio.wait_for(serving, PATIENCE) == "still here"
        scheduler.shutdown()

    asyncio.run(main())
