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

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.executors import debug, pool
from apscheduler.executors.base import BaseExecutor, run_coroutine_job, run_job
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.pool import BasePoolExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
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
