"""What a subclass, a patch or an attribute puts in the place of an executor's methods is asked, from then on.

``executors.py`` plays one scenario here and on 3.11.3, whose answers are golden data.
"""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent import futures
from importlib import import_module
from typing import Any
from unittest import mock

import pytest
from overrides.playing import played_by, played_here
from sqlalchemy import select

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_SUBMITTED,
    JobExecutionEvent,
    SchedulerEvent,
)
from apscheduler.executors import debug, pool
from apscheduler.executors.base import (
    BaseExecutor,
    MaxInstancesReachedError,
    run_coroutine_job,
    run_job,
)
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.pool import BasePoolExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.runs.claims import Result
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.tornado import TornadoScheduler
from apscheduler.testing.manual import ManualScheduler
from tools import ROOT


def nothing() -> None:
    pass


PROGRAM = ROOT / "tests/overrides/executors.py"
GOLDEN = json.loads((ROOT / "tests/data/overrides-of-executors-3.11.3.json").read_text("utf-8"))


def test_what_is_overridden_is_asked_where_3x_asks_it() -> None:
    ours = played_here(PROGRAM)
    missing = {
        f"{kind}: {way}: {step}: {name}"
        for kind, ways in GOLDEN.items()
        for way, steps in ways.items()
        for step, names in steps.items()
        for name in set(names) - set(ours[kind][way][step])
    }
    assert missing == set()


def test_the_golden_data_are_what_the_reference_says(reference_python) -> None:
    assert played_by(reference_python, PROGRAM) == GOLDEN


# -- run_job --------------------------------------------------------------------------------------------------


def test_a_run_job_of_ones_own_runs_the_jobs_of_threads() -> None:
    asked: list[Any] = []
    done = threading.Event()

    def mine(job, alias, times, logger_name):
        asked.append((job.id, alias, len(times), logger_name))
        return run_job(job, alias, times, logger_name)

    scheduler = BackgroundScheduler()
    scheduler.start()
    with mock.patch.object(pool, "run_job", mine):
        scheduler.add_job(done.set, id="a")
        assert done.wait(30)
    scheduler.shutdown()
    assert asked == [("a", "default", 1, "apscheduler.executors.default")]
    assert [run.outcome for run in scheduler.get_runs()] == ["executed"]


def test_a_run_job_that_raises_fails_the_run() -> None:
    scheduler = ManualScheduler(executors={"default": DebugExecutor()})
    scheduler.start()
    scheduler.add_job(print, id="a")
    with mock.patch.object(debug, "run_job", side_effect=OSError("no")):
        scheduler.tick()
    assert [(run.outcome, str(run.error)) for run in scheduler.get_runs()] == [
        ("failed", "OSError: no")
    ]
    scheduler.add_job(print, id="b", args=[""], kwargs={"end": ""})
    scheduler.tick()
    assert scheduler.get_runs()[0].outcome == "executed"
    scheduler.shutdown()


def test_a_run_job_that_raises_in_a_thread_fails_the_run() -> None:
    failed = threading.Event()
    scheduler = BackgroundScheduler()
    scheduler.add_listener(lambda event: failed.set(), EVENT_JOB_ERROR)
    scheduler.start()
    with mock.patch.object(pool, "run_job", side_effect=OSError("no")):
        scheduler.add_job(print, id="a")
        assert failed.wait(30)
    scheduler.shutdown()
    assert [(run.outcome, str(run.error)) for run in scheduler.get_runs()] == [
        ("failed", "OSError: no")
    ]


@pytest.mark.parametrize("host", ["asyncio", "tornado"])
def test_runners_of_ones_own_run_the_jobs_of_event_loops(host) -> None:
    asked: list[Any] = []
    module = import_module(f"apscheduler.executors.{host}")
    scheduler_class = {"asyncio": AsyncIOScheduler, "tornado": TornadoScheduler}[host]

    def run_function(job, alias, times, logger_name):
        asked.append(("function", threading.current_thread() is threading.main_thread()))
        return run_job(job, alias, times, logger_name)

    async def run_coroutine(job, alias, times, logger_name):
        asked.append(("coroutine", threading.current_thread() is threading.main_thread()))
        if job.id == "broken":
            raise OSError("no")
        return await run_coroutine_job(job, alias, times, logger_name)

    async def main() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        async def job() -> None:
            await asyncio.sleep(0)

        def tell(event: Any) -> None:
            if len(scheduler.get_runs()) == len(jobs):
                loop.call_soon_threadsafe(ended.set)

        scheduler = scheduler_class()
        scheduler.start()
        scheduler.add_listener(tell, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        jobs = {"function": nothing, "coroutine": job, "broken": job}
        for name, function in jobs.items():
            scheduler.add_job(function, id=name)
        await asyncio.wait_for(ended.wait(), 30)
        outcomes = {run.job_id: (run.outcome, str(run.error)) for run in scheduler.get_runs()}
        scheduler.shutdown()
        assert outcomes == {
            "function": ("executed", "None"),
            "coroutine": ("executed", "None"),
            "broken": ("failed", "OSError: no"),
        }

    with (
        mock.patch.object(module, "run_job", run_function, create=True),
        mock.patch.object(module, "run_coroutine_job", run_coroutine, create=True),
    ):
        asyncio.run(main())
    assert sorted(asked) == [("coroutine", True), ("coroutine", True), ("function", False)]


# -- hooks after the start ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["instance", "class"])
@pytest.mark.parametrize("name", ["submit_job", "_do_submit_job", "_run_job_success"])
def test_a_hook_is_called_from_when_it_is_there(way, name) -> None:
    scheduler = ManualScheduler(executors={"default": DebugExecutor()})
    scheduler.start()
    ran: list[int] = []
    scheduler.add_job(ran.append, "interval", hours=1, args=[1])
    executor = scheduler._executors["default"]
    scheduler.advance(3600)
    owner: Any = executor if way == "instance" else BaseExecutor
    if way == "class" and name == "_do_submit_job":
        owner = DebugExecutor
    real, asked = getattr(owner, name), []

    def hook(*args):
        asked.append(name)
        return real(*args)

    with mock.patch.object(owner, name, hook):
        scheduler.advance(3600)
    assert (asked, len(ran)) == ([name], 2)
    scheduler.advance(3600)
    assert (asked, len(ran)) == ([name], 3)
    scheduler.shutdown()


def test_failures_are_told_to_a_hook_that_came_later() -> None:
    asked: list[Any] = []
    scheduler = ManualScheduler(executors={"default": DebugExecutor()})
    scheduler.start()
    executor = scheduler._executors["default"]
    executor._do_submit_job = lambda job, times: executor._run_job_error(job.id, OSError("no"))
    with mock.patch.object(
        executor, "_run_job_error", side_effect=lambda *args: asked.append(args[0])
    ):
        scheduler.add_job(print, id="a")
        scheduler.tick()
    assert asked == ["a"]
    scheduler.shutdown(wait=False)


# -- pools ----------------------------------------------------------------------------------------------------


def test_a_pool_that_is_made_in_start_runs_after_each_start() -> None:
    class Made(BasePoolExecutor):
        def __init__(self):
            super().__init__(None)

        def start(self, scheduler, alias):
            self._pool = futures.ThreadPoolExecutor(2)
            super().start(scheduler, alias)

    scheduler = BackgroundScheduler(executors={"default": Made()})
    for _ in range(3):
        done = threading.Event()
        scheduler.start()
        scheduler.add_job(done.set)
        assert done.wait(30)
        scheduler.shutdown()


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_a_pool_takes_calls_before_the_start(kind) -> None:
    executor = kind(2)
    assert executor._pool.submit(divmod, 9, 4).result(30) == (2, 1)
    assert executor._pool._max_workers == 2
    assert executor._pool._work_queue.empty()
    scheduler = BackgroundScheduler(executors={"default": executor})
    scheduler.start()
    scheduler.add_job(divmod, args=[9, 4], misfire_grace_time=None)
    scheduler.shutdown()
    assert executor._pool.closing
    scheduler.start()
    assert executor._pool.submit(divmod, 9, 4).result(30) == (2, 1)
    scheduler.shutdown()


def in_init(cls, pool):
    class Mine(cls):
        def __init__(self):
            super().__init__()
            self._pool = pool()

    return Mine()


def instead_of_init(cls, pool):
    class Mine(cls):
        def __init__(self):
            BasePoolExecutor.__init__(self, pool())

    return Mine()


def before_start(cls, pool):
    class Mine(cls):
        def start(self, scheduler, alias):
            self._pool = pool()
            super().start(scheduler, alias)

    return Mine()


def after_start(cls, pool):
    class Mine(cls):
        def start(self, scheduler, alias):
            super().start(scheduler, alias)
            self._pool = pool()

    return Mine()


class PoolOnes(BasePoolExecutor):
    def __init__(self):
        super().__init__(futures.ThreadPoolExecutor(1, thread_name_prefix="given"))


@pytest.mark.parametrize("way", [in_init, instead_of_init, before_start, after_start])
@pytest.mark.parametrize("cls", [ThreadPoolExecutor, ProcessPoolExecutor, PoolOnes])
def test_a_pool_that_is_put_in_the_place_of_one_is_used(cls, way) -> None:
    executor = way(cls, lambda: futures.ThreadPoolExecutor(1, thread_name_prefix="mine"))
    scheduler = BackgroundScheduler(executors={"default": executor})
    names = []
    for _ in range(2):
        done = threading.Event()

        def work(done=done) -> None:
            names.append(threading.current_thread().name)
            done.set()

        scheduler.start()
        scheduler.add_job(work)
        assert done.wait(30)
        pool = executor._pool
        scheduler.shutdown()
        with pytest.raises(RuntimeError):
            pool.submit(work)
    assert [name.partition("_")[0] for name in names] == ["mine", "mine"]


@pytest.mark.parametrize("cls", [ThreadPoolExecutor, PoolOnes])
def test_a_pool_that_is_patched_for_a_while_is_used_for_so_long(cls) -> None:
    executor = cls()
    scheduler = BackgroundScheduler(executors={"default": executor})
    scheduler.start()
    own = executor._pool
    names = []

    def run() -> None:
        done = threading.Event()

        def work() -> None:
            names.append(threading.current_thread().name.startswith("mine"))
            done.set()

        scheduler.add_job(work)
        assert done.wait(30)

    run()
    with (
        futures.ThreadPoolExecutor(1, thread_name_prefix="mine") as mine,
        mock.patch.object(executor, "_pool", mine),
    ):
        run()
    assert executor._pool is own
    run()
    scheduler.shutdown()
    assert names == [False, True, False]
    with pytest.raises(RuntimeError):
        own.submit(run)


# -- pickles --------------------------------------------------------------------------------------------------


def protocols(store: Any) -> list[int]:
    with store.engine.connect() as connection:
        rows = connection.execute(select(store.jobs_t.c.job_state)).all()
    return [bytes(row[0])[1] for row in rows]


def test_the_protocol_of_pickles_is_the_attributes() -> None:
    store = SQLAlchemyJobStore("sqlite://", pickle_protocol=2)
    scheduler = ManualScheduler(jobstores={"default": store})
    scheduler.start()
    scheduler.add_job(print, "interval", hours=1, id="a")
    assert (store.pickle_protocol, protocols(store)) == (2, [2])
    store.pickle_protocol = 4
    scheduler.modify_job("a", name="A")
    assert (store.pickle_protocol, protocols(store)) == (4, [4])
    store.pickle_protocol = 99
    with pytest.raises(ValueError, match="protocol"):
        scheduler.add_job(print, id="b")
    scheduler.shutdown()


# -- a submit_job that refuses --------------------------------------------------------------------------------


class Refusing:
    def submit_job(self, job, run_times):
        raise MaxInstancesReachedError(job)


class RefusingThreads(Refusing, ThreadPoolExecutor):
    pass


class RefusingDebug(Refusing, DebugExecutor):
    pass


class RefusingOther(Refusing, BaseExecutor):
    def _do_submit_job(self, job, run_times):
        raise NotImplementedError


@pytest.mark.parametrize("kind", [RefusingThreads, RefusingDebug, RefusingOther])
def test_an_executor_that_refuses_an_instance_has_only_that_told(kind, caplog) -> None:
    scheduler = ManualScheduler(executors={"default": kind(), "other": DebugExecutor()})
    told: list[Any] = []
    mask = EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES
    scheduler.add_listener(lambda event: told.append((event.job_id, event.code)), mask)
    scheduler.start()
    scheduler.add_job(nothing, "interval", hours=1, id="refused")
    scheduler.add_job(nothing, "interval", hours=1, id="taken", executor="other")
    scheduler.advance(3600)
    assert sorted(told) == [
        ("refused", EVENT_JOB_MAX_INSTANCES),
        ("taken", EVENT_JOB_SUBMITTED),
    ]
    assert "still running" not in caplog.text
    assert "executor 'default' refused it as one instance too many" in caplog.text
    [run] = scheduler.get_runs("refused")
    assert run.outcome == "skipped"
    assert "refused it" in run.reason
    scheduler.shutdown()


def test_an_executor_of_ones_own_that_takes_a_job_has_it_told_as_submitted() -> None:
    class Taking(ThreadPoolExecutor):
        def submit_job(self, job, run_times):
            if job.id == "no":
                raise MaxInstancesReachedError(job)
            super().submit_job(job, run_times)

    scheduler = ManualScheduler(executors={"default": Taking()})
    told: list[Any] = []
    mask = EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES
    scheduler.add_listener(lambda event: told.append((event.job_id, event.code)), mask)
    scheduler.start()
    for name in ("no", "yes"):
        scheduler.add_job(nothing, "interval", hours=1, id=name)
    scheduler.advance(3600)
    scheduler.shutdown()
    assert sorted(told) == [("no", EVENT_JOB_MAX_INSTANCES), ("yes", EVENT_JOB_SUBMITTED)]


# -- what is done to the events of a run ----------------------------------------------------------------------


class HostEvent(JobExecutionEvent):
    """An event of someone's own."""


def masked(events):
    for event in events:
        event.retval, event.host = "***", "here"
    return events


def replaced(events):
    return [HostEvent(each.code, each.job_id, "x", each.scheduled_run_time) for each in events]


CHANGES = {
    "masked": (masked, [(JobExecutionEvent, EVENT_JOB_EXECUTED, "***", "here")]),
    "replaced": (replaced, [(HostEvent, EVENT_JOB_EXECUTED, None, None)]),
    "dropped": (lambda events: [], []),
    "twice": (lambda events: events * 2, [(JobExecutionEvent, EVENT_JOB_EXECUTED, 3, None)] * 2),
    "one more": (
        lambda events: [*events, SchedulerEvent(EVENT_JOB_ERROR)],
        [
            (JobExecutionEvent, EVENT_JOB_EXECUTED, 3, None),
            (SchedulerEvent, EVENT_JOB_ERROR, None, None),
        ],
    ),
}


def three() -> int:
    return 3


def seen_by_a_listener(scheduler: Any) -> list[Any]:
    told: list[Any] = []

    def tell(event: Any) -> None:
        values = getattr(event, "retval", None), getattr(event, "host", None)
        told.append((type(event), event.code, *values))

    scheduler.add_listener(tell, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
    scheduler.start()
    scheduler.add_job(three, "interval", hours=1, id="a")
    scheduler.advance(3600)
    scheduler.shutdown()
    return told


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", [DebugExecutor, ThreadPoolExecutor])
def test_listeners_get_the_events_that_a_hook_hands_on(kind, change) -> None:
    changed, expected = CHANGES[change]

    class Mine(kind):
        def _run_job_success(self, job_id, events):
            super()._run_job_success(job_id, changed(events))

    scheduler = ManualScheduler(executors={"default": Mine()})
    assert seen_by_a_listener(scheduler) == expected
    assert [run.outcome for run in scheduler.get_runs()] == ["executed"]
    assert scheduler._executors["default"]._known_ends == {}


@pytest.mark.parametrize("change", CHANGES)
def test_listeners_get_the_events_that_a_run_job_returns(change, caplog) -> None:
    changed, expected = CHANGES[change]

    def mine(*arguments):
        return changed(run_job(*arguments))

    scheduler = ManualScheduler(executors={"default": DebugExecutor()})
    with mock.patch.object(debug, "run_job", mine):
        assert seen_by_a_listener(scheduler) == expected
    outcome = "lost" if change == "dropped" else "executed"
    assert [run.outcome for run in scheduler.get_runs()] == [outcome]
    assert ("without a word" in caplog.text) is (change == "dropped")


def test_listeners_get_the_events_that_a_run_coroutine_job_returns() -> None:
    module = import_module("apscheduler.executors.asyncio")
    told: list[Any] = []

    async def mine(*arguments):
        return masked(await run_coroutine_job(*arguments))

    async def job() -> int:
        return 3

    async def main() -> None:
        ended = asyncio.Event()

        def tell(event: Any) -> None:
            told.append((event.retval, event.host))
            ended.set()

        scheduler = AsyncIOScheduler()
        scheduler.add_listener(tell, EVENT_JOB_EXECUTED)
        scheduler.start()
        scheduler.add_job(job)
        await asyncio.wait_for(ended.wait(), 30)
        scheduler.shutdown()

    with mock.patch.object(module, "run_coroutine_job", mine, create=True):
        asyncio.run(main())
    assert told == [("***", "here")]


def test_a_late_answer_to_a_run_that_was_settled_is_told_to_nobody() -> None:
    class Late(BaseExecutor):
        def _do_submit_job(self, job, run_times):
            [claim] = self._open_claims[job.id]
            [fire] = claim.fires
            claim.sink.settle(claim, Result(fire, Outcome.CANCELLED, 0, fire))
            event = JobExecutionEvent(EVENT_JOB_EXECUTED, job.id, "default", run_times[0])
            self._run_job_success(job.id, [event])

    scheduler = ManualScheduler(executors={"default": Late()})
    assert seen_by_a_listener(scheduler) == []
    assert [run.outcome for run in scheduler.get_runs()] == ["cancelled"]
