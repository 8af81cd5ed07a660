"""What only an asyncio host does: finding its loop, the shutdown that is awaited, programs that own the loop."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path

import anyio
import pytest

from apscheduler import events as ev
from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers import SchedulerNotRunningError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from tools import TESTED, commands, environments

PATIENCE = 30


def made(**options):
    return AsyncIOScheduler(timezone=UTC, **options)


async def nothing():
    pass


def outcomes(scheduler):
    return [(run.job_id, run.outcome, run.reason) for run in scheduler.get_runs()]


class Sleeper:
    """A coroutine job that says when it has begun and how it ended."""

    def __init__(self, seconds=3600.0):
        self.began = asyncio.Event()
        self.over = asyncio.Event()
        self.ended: list[str] = []
        self._seconds = seconds

    async def __call__(self):
        self.began.set()
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        else:
            self.ended.append("well")
        finally:
            self.over.set()


# -- the loop -----------------------------------------------------------------------------------------


@pytest.mark.trap(93)
def test_a_start_without_a_loop_says_how_to_have_one():
    scheduler = made()
    with pytest.raises(RuntimeError, match=r"asyncio\.run\(main\(\)\).*event_loop=loop"):
        scheduler.start()
    assert not scheduler.running


@pytest.mark.trap(93)
def test_a_configured_loop_need_not_run_yet():
    loop = asyncio.new_event_loop()
    scheduler = made(event_loop=loop)

    async def stop():
        loop.stop()

    scheduler.add_job(stop)
    scheduler.start()
    loop.run_forever()
    loop.run_until_complete(scheduler.ashutdown())
    loop.close()
    (run,) = scheduler.get_runs()
    assert run.outcome == "executed"


@pytest.mark.trap(93)
def test_a_configured_loop_that_is_closed_is_refused():
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(RuntimeError, match="is closed; give it one that is not"):
        made(event_loop=loop).start()


@pytest.mark.trap(95)
def test_it_is_started_from_a_thread_beside_its_loop():
    async def main():
        scheduler = made(event_loop=asyncio.get_running_loop())
        ran = asyncio.Event()

        async def job():
            ran.set()

        await asyncio.to_thread(scheduler.start)
        await asyncio.to_thread(scheduler.add_job, job)
        await asyncio.wait_for(ran.wait(), PATIENCE)
        await scheduler.ashutdown()

    asyncio.run(main())


def test_a_loop_closed_under_it_is_noticed_and_it_starts_in_another_one(caplog):
    scheduler = made()
    sleeper = None

    async def left_running():
        nonlocal sleeper
        sleeper = Sleeper()
        scheduler.start()
        scheduler.add_job(sleeper, id="cut off")
        scheduler.add_job(nothing, "interval", hours=1, id="kept")
        await asyncio.wait_for(sleeper.began.wait(), PATIENCE)

    async def again():
        scheduler.start()
        scheduler.add_job(nothing, id="next")
        await asyncio.wait_for(ended_of(scheduler, "next"), PATIENCE)
        await scheduler.ashutdown()

    asyncio.run(left_running())
    assert not scheduler.running
    assert scheduler.get_job("kept") is not None
    asyncio.run(again())
    assert sleeper.ended == ["cancelled"]
    found = {job_id: outcome for job_id, outcome, _ in outcomes(scheduler)}
    assert found == {"cut off": "cancelled", "next": "executed"}
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert "cancelled (its task was cancelled)" in caplog.text


async def ended_of(scheduler, job_id):
    """Wait for a run's end."""
    ended = asyncio.Event()
    scheduler.add_listener(
        lambda event: ended.set() if event.job_id == job_id else None, ev.EVENT_JOB_EXECUTED
    )
    if not scheduler.get_runs(job_id):
        await ended.wait()


# -- the shutdown -------------------------------------------------------------------------------------


def test_a_job_that_shuts_down_without_waiting_cancels_the_others_and_goes_on():
    async def main():
        scheduler = made()
        sleeper = Sleeper()
        ended = asyncio.Event()

        async def ender():
            await asyncio.wait_for(sleeper.began.wait(), PATIENCE)
            scheduler.shutdown(wait=False)
            await asyncio.sleep(0)
            ended.set()

        scheduler.start()
        scheduler.add_job(ender, id="ender")
        scheduler.add_job(sleeper, id="sleeper")
        await asyncio.gather(ended.wait(), sleeper.over.wait())
        assert sleeper.ended == ["cancelled"]

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


@pytest.mark.trap(92)
def test_an_awaited_shutdown_waits_for_jobs_while_the_loop_goes_on():
    async def main():
        scheduler = made()
        go_on, go_on_there = asyncio.Event(), threading.Event()
        ended = []

        async def coroutine():
            await go_on.wait()
            ended.append("coroutine")

        def function():
            go_on_there.wait(PATIENCE)
            ended.append("function")

        scheduler.start()
        submitted = asyncio.Semaphore(0)
        scheduler.add_listener(lambda event: submitted.release(), ev.EVENT_JOB_SUBMITTED)
        scheduler.add_job(coroutine, id="coroutine")
        scheduler.add_job(function, id="function")
        for _ in range(2):
            await asyncio.wait_for(submitted.acquire(), PATIENCE)
        shutdown = asyncio.create_task(scheduler.ashutdown())
        await asyncio.sleep(0)
        assert not scheduler.running
        assert not shutdown.done()
        go_on.set()
        go_on_there.set()
        await asyncio.wait_for(shutdown, PATIENCE)
        assert sorted(ended) == ["coroutine", "function"]
        assert {outcome for _, outcome, _ in outcomes(scheduler)} == {"executed"}

    asyncio.run(main())


@pytest.mark.trap(92)
@pytest.mark.parametrize("options", [{"timeout": 0.05}, {"wait": False}], ids=str)
def test_an_awaited_shutdown_that_does_not_wait_longer_cancels_and_records(options):
    async def main():
        scheduler = made()
        sleeper = Sleeper()
        scheduler.start()
        scheduler.add_job(sleeper, id="job")
        await asyncio.wait_for(sleeper.began.wait(), PATIENCE)
        await asyncio.wait_for(scheduler.ashutdown(**options), PATIENCE)
        assert sleeper.ended == ["cancelled"]
        assert outcomes(scheduler) == [("job", "cancelled", "the scheduler was shut down")]

    asyncio.run(main())


def test_an_awaited_shutdown_leaves_a_thread_that_goes_on_to_itself_and_names_its_job(caplog):
    go_on = threading.Event()

    async def main():
        scheduler = made()
        scheduler.start()
        began = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stubborn():
            loop.call_soon_threadsafe(began.set)
            go_on.wait(PATIENCE)

        scheduler.add_job(stubborn, id="stubborn", name="stuck")
        await asyncio.wait_for(began.wait(), PATIENCE)
        await scheduler.ashutdown(timeout=0.05)
        assert "these jobs still run: stuck (stubborn)" in caplog.text
        go_on.set()

    asyncio.run(main())


@pytest.mark.trap(91, 92)
@pytest.mark.parametrize(
    ("options", "said"), [({"timeout": 5}, ["withdraws", "ends"]), ({}, ["ends"])]
)
def test_an_awaited_shutdown_that_is_bounded_lets_others_have_what_has_not_begun(options, said):
    told = []

    class Telling(MemoryJobStore):
        def withdraw(self):
            told.append("withdraws")

        def shutdown(self):
            told.append("ends")
            super().shutdown()

    async def main():
        scheduler = made(jobstores={"default": Telling()})
        scheduler.start()
        await scheduler.ashutdown(**options)

    asyncio.run(main())
    assert told == said


def test_an_awaited_shutdown_waits_for_what_async_listeners_still_do():
    heard = []

    async def main():
        scheduler = made()

        async def listener(event):
            await asyncio.sleep(0.05)  # longer than the end of asyncio.run waits for it
            heard.append(event.code)

        scheduler.add_listener(listener, ev.EVENT_SCHEDULER_SHUTDOWN)
        scheduler.start()
        await scheduler.ashutdown()

    asyncio.run(main())
    assert heard == [ev.EVENT_SCHEDULER_SHUTDOWN]


@pytest.mark.trap(92)
def test_a_second_awaited_shutdown_is_refused():
    async def main():
        scheduler = made()
        with pytest.raises(SchedulerNotRunningError):
            await scheduler.ashutdown()
        scheduler.start()
        await scheduler.ashutdown()
        assert not scheduler.running
        with pytest.raises(SchedulerNotRunningError):
            await scheduler.ashutdown()

    asyncio.run(main())


@pytest.mark.trap(92)
def test_a_shutdown_that_is_not_awaited_returns_at_once_and_jobs_come_to_their_end():
    async def main():
        scheduler = made()
        sleeper = Sleeper(0.01)
        scheduler.start()
        scheduler.add_job(sleeper, id="job")
        await asyncio.wait_for(sleeper.began.wait(), PATIENCE)
        scheduler.shutdown(wait=True)
        assert not scheduler.running
        assert sleeper.ended == []
        await until(lambda: outcomes(scheduler))
        assert sleeper.ended == ["well"]
        assert outcomes(scheduler) == [("job", "executed", None)]

    asyncio.run(main())


def test_a_coroutine_that_keeps_the_loop_beyond_its_timeout_is_recorded_as_timed_out():
    async def main():
        scheduler = made()

        async def keeps_the_loop():
            time.sleep(0.05)  # noqa: ASYNC251 - that is the fault

        scheduler.start()
        scheduler.add_job(keeps_the_loop, id="job", timeout=0.01)
        await until(lambda: outcomes(scheduler))
        assert outcomes(scheduler)[0][:2] == ("job", "timed_out")
        await scheduler.ashutdown()

    asyncio.run(main())


def test_a_coroutine_that_does_not_stop_at_its_timeout_has_its_outcome_all_the_same():
    async def main():
        executor, go_on = AsyncIOExecutor(), asyncio.Event()
        executor.timeout_grace = 2 * PATIENCE
        scheduler = made(executors={"default": executor})

        async def does_not_stop():
            try:
                await asyncio.sleep(PATIENCE)
            except asyncio.CancelledError:
                await go_on.wait()

        scheduler.start()
        scheduler.add_job(does_not_stop, id="job", timeout=0.01)
        await until(lambda: outcomes(scheduler))
        assert outcomes(scheduler)[0][:2] == ("job", "timed_out")
        go_on.set()
        await scheduler.ashutdown()
        assert len(outcomes(scheduler)) == 1

    asyncio.run(main())


def test_a_coroutine_is_logged_as_it_starts_and_as_it_ends(caplog):
    async def main():
        scheduler = made()
        scheduler.start()
        scheduler.add_job(nothing, id="job")
        await until(lambda: outcomes(scheduler))
        await scheduler.ashutdown()

    with caplog.at_level(logging.INFO, logger="apscheduler.executors.default"):
        asyncio.run(main())
    assert sum("executed successfully" in each for each in caplog.messages) == 1


@pytest.mark.parametrize("by", ["a coroutine function", "a function that returns a coroutine"])
@pytest.mark.parametrize("executor", ["asyncio", "threads"])
def test_what_a_coroutine_returns_is_in_its_event(executor, by):
    async def main():
        scheduler, told = made(executors={"threads": {"type": "threadpool"}}), []
        if executor == "asyncio":
            scheduler.add_executor("asyncio", "asyncio")
        scheduler.add_listener(told.append, ev.EVENT_JOB_EXECUTED)

        async def answers():
            await asyncio.sleep(0)
            return 42

        def gives():
            return answers()

        function = answers if by == "a coroutine function" else gives
        scheduler.start()
        scheduler.add_job(function, id="job", executor=executor)
        await until(lambda: told)
        await scheduler.ashutdown()
        assert [event.retval for event in told] == [42]

    asyncio.run(main())


# -- programs that own the loop ------------------------------------------------------------------------


def test_it_lives_in_a_task_group_of_anyio():
    async def main():
        scheduler = made()
        seen = []

        async def in_anyio(number):
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 0)
            with anyio.move_on_after(0):
                await anyio.sleep_forever()
            seen.append(await anyio.to_thread.run_sync(lambda: number))

        async with anyio.create_task_group() as group:
            scheduler.start()
            for number in range(5):
                scheduler.add_job(in_anyio, args=[number], id=str(number))
            await until(lambda: len(seen) == 5)
            group.cancel_scope.cancel()
            assert scheduler.running
        await scheduler.ashutdown()
        assert sorted(seen) == list(range(5))
        assert {outcome for _, outcome, _ in outcomes(scheduler)} == {"executed"}

    anyio.run(main, backend="asyncio")


CELLS = [
    """
import asyncio
from apscheduler.schedulers.asyncio import AsyncIOScheduler
ran = asyncio.Event()
async def job():
    ran.set()
scheduler = AsyncIOScheduler(timezone='UTC')
scheduler.start()
scheduler.add_job(job, 'interval', seconds=0.05, id='job')
print(scheduler.running)
""",
    "await asyncio.wait_for(ran.wait(), 30); print(scheduler.get_runs('job')[-1].outcome)",
    "await scheduler.ashutdown(); print(scheduler.running)",
]


@pytest.mark.slow
def test_it_lives_in_a_notebook_whose_loop_runs_already():
    try:
        python = commands.notebook()
    except environments.SetupError as error:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"a Jupyter kernel could not be installed: {error}")
    ended = subprocess.run(
        [str(python), str(Path(__file__).with_name("notebook.py"))],
        input=json.dumps(CELLS),
        env={**os.environ, "PYTHONPATH": str(TESTED), "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == ["True\n", "executed\n", "False\n"]


# -- threads ------------------------------------------------------------------------------------------


@pytest.mark.trap(95)
def test_many_threads_edit_jobs_while_the_loop_runs_them():
    def edit(scheduler, thread):
        for number in range(25):
            job_id = f"{thread}-{number}"
            scheduler.add_job(nothing, "interval", hours=1, id=job_id)
            scheduler.modify_job(job_id, name="edited")
            scheduler.pause_job(job_id)
            scheduler.resume_job(job_id)
            scheduler.reschedule_job(job_id, trigger="interval", hours=2)
            if number % 2:
                scheduler.remove_job(job_id)
                with pytest.raises(JobLookupError):
                    scheduler.pause_job(job_id)
            scheduler.add_job(nothing, id=f"run {job_id}", misfire_grace_time=None)

    async def main():
        scheduler = made()
        scheduler.start()
        executed = asyncio.Semaphore(0)
        scheduler.add_listener(lambda event: executed.release(), ev.EVENT_JOB_EXECUTED)
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(8) as threads:
            edits = [loop.run_in_executor(threads, edit, scheduler, number) for number in range(8)]
            await asyncio.gather(*edits)
        for _ in range(200):
            await asyncio.wait_for(executed.acquire(), PATIENCE)
        assert [job.name for job in scheduler.get_jobs()] == ["edited"] * 8 * 13
        await scheduler.ashutdown()
        assert {outcome for _, outcome, _ in outcomes(scheduler)} == {"executed"}

    asyncio.run(main())


# -- parts of it elsewhere ------------------------------------------------------------------------------


def test_its_executor_serves_a_background_scheduler_that_is_given_the_loop():
    async def main():
        loop = asyncio.get_running_loop()
        scheduler = BackgroundScheduler(timezone=UTC, executors={"default": AsyncIOExecutor()})
        scheduler._eventloop = loop
        here = threading.get_ident()
        ran = asyncio.Event()
        threads = []

        async def job():
            threads.append(threading.get_ident())
            ran.set()

        scheduler.start()
        scheduler.add_job(job)
        await asyncio.wait_for(ran.wait(), PATIENCE)
        await asyncio.to_thread(scheduler.shutdown)
        assert threads == [here]

    asyncio.run(main())


def test_what_its_executor_has_under_way_is_in_pending_futures():
    """Bot libraries wait for these."""

    async def main():
        scheduler = made()
        executor = AsyncIOExecutor()
        scheduler.add_executor(executor)
        sleeper = Sleeper(0.01)
        scheduler.start()
        scheduler.add_job(sleeper, id="job")
        await asyncio.wait_for(sleeper.began.wait(), PATIENCE)
        (future,) = executor._pending_futures
        await asyncio.gather(*executor._pending_futures)
        assert sleeper.ended == ["well"]
        assert future.done()
        await asyncio.sleep(0)
        assert not executor._pending_futures
        await scheduler.ashutdown()

    asyncio.run(main())


def test_of_two_with_a_leader_lock_one_runs_the_job_and_the_other_takes_over(tmp_path):
    async def main():
        ran = []
        schedulers = [made(leader_lock=str(tmp_path / "leader")) for _ in range(2)]
        for number, scheduler in enumerate(schedulers):
            scheduler.add_job(ran.append, "interval", seconds=0.05, args=[number], id="job")
            scheduler.start()
            await until(lambda: schedulers[0].is_leader)
        first, second = schedulers
        await until(lambda: ran.count(0) >= 2)
        assert (first.is_leader, second.is_leader, ran.count(1)) == (True, False, 0)
        await first.ashutdown()
        await until(lambda: second.is_leader and ran.count(1) >= 2)
        await second.ashutdown()
        reasons = {reason for _, outcome, reason in outcomes(second) if outcome != "executed"}
        assert reasons <= {"it was due while another scheduler led, or none"}

    asyncio.run(main())


async def until(condition):
    """Wait for something that another thread brings."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - there is no event of it
            await asyncio.sleep(0.005)
