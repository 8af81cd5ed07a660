"""Claims in an event loop, where the test is the loop: how they start, and what becomes of coroutines."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from types import SimpleNamespace

import pytest
from executors.loop_of_a_test import Executor, Handle, Once, wait_and_swallow, wait_once
from tornado import gen

from apscheduler import current_run
from apscheduler.executors._attempt import steps
from apscheduler.executors._tasks import coroutines
from apscheduler.executors._tasks import runs as tasks
from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.executors.base import JobTimeoutError
from apscheduler.executors.tornado import TornadoExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.schedulers.background import BackgroundScheduler
from tests.executors import sample_jobs

SHUT_DOWN = "the scheduler was shut down"


@pytest.fixture
def executor(started, monkeypatch):
    monkeypatch.setattr(tasks, "outlive", lambda runs: None)
    executor = started(Executor())
    yield executor
    executor.port.end()


@pytest.fixture
def port(executor):
    return executor.port


@pytest.fixture
def runs(executor):
    return executor._runs


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(coroutines, "monotonic", lambda: clock.now)
    return clock


def test_a_coroutine_job_is_a_task_and_its_value_the_outcome(
    executor, port, make_claim, recorder, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    points = []
    monkeypatch.setattr(steps, "reached", lambda point: points.append((point, recorder.results[:])))
    claim = make_claim(wait_once)
    assert executor.submit_claims([claim]) == []
    (task,) = port.tasks
    assert executor._pending_futures == {task}
    assert executor.in_flight() == [claim]
    assert task.step()
    assert recorder.results == []
    assert not task.step()
    (result,) = recorder.results
    assert (result.outcome, result.retval) == (Outcome.EXECUTED, "done")
    assert 0 < result.started <= result.finished
    assert recorder.released == [claim]
    assert points == [
        ("run.starting", []),
        ("run.ended", []),
    ]  # where a program may die before the outcome is known
    assert "executed successfully" in caplog.text
    assert (executor.in_flight(), executor._pending_futures) == ([], set())


def test_fire_times_run_one_after_another_each_in_its_context(executor, port, make_claim, recorder):
    seen = []

    async def look():
        seen.append(current_run().fire_id)
        await Once()

    claim = make_claim(look, fires=2)
    executor.submit_claims([claim])
    (task,) = port.tasks
    assert task.step()
    assert task.step()
    assert not task.step()
    assert seen == [f"job@{fire}" for fire in claim.fires]
    assert recorder.outcomes == [Outcome.EXECUTED] * 2


@pytest.mark.parametrize("there", [True, False])
def test_claims_start_in_the_loops_thread(executor, port, make_claim, there):
    port.here = there
    executor.submit_claims([make_claim(wait_once), make_claim(wait_once)])
    assert len(port.tasks) == (2 if there else 0)
    assert len(executor.in_flight()) == 2
    port.turn()
    assert len(port.tasks) == 2


def test_a_claim_that_is_called_off_on_its_way_does_not_start(
    executor, port, runs, make_claim, recorder
):
    port.here = False
    claims = [make_claim(wait_once), make_claim(wait_once)]
    executor.submit_claims(claims[:1])
    executor.shutdown(wait=False)
    runs.closed = False
    executor.submit_claims(claims[1:])
    port.turn()
    assert len(port.tasks) == 1
    assert executor.in_flight() == claims[1:]
    (result,) = recorder.results
    assert (result.fire, result.outcome, result.reason) == (
        claims[0].fires[0],
        Outcome.CANCELLED,
        SHUT_DOWN,
    )


def test_a_claim_that_was_called_off_beside_others_keeps_none_from_starting(
    executor, port, runs, make_claim
):
    port.here = False
    claims = [make_claim(wait_once), make_claim(wait_once)]
    executor.submit_claims(claims)
    runs._flights.pop(next(iter(runs._flights)))
    port.turn()
    assert len(port.tasks) == 1


@pytest.mark.parametrize("why", ["shut down", "closed"])
def test_claims_are_refused_and_forgotten_where_nothing_starts(executor, port, make_claim, why):
    port.here = False
    if why == "closed":
        port.closed = True
    else:
        executor.shutdown()
    claims = [make_claim(wait_once), make_claim(wait_once)]
    refused = executor.submit_claims(claims)
    assert [claim for claim, _ in refused] == claims
    assert ("shut down" if why == "shut down" else "closed") in str(refused[0][1])
    assert executor.in_flight() == []


def test_what_cannot_be_started_has_failed(executor, port, make_claim, recorder, monkeypatch):
    def refuse(*_):
        raise RuntimeError("no more")

    monkeypatch.setattr(executor._runs, "_pool", refuse)
    claim, other = make_claim(sample_jobs.nothing, fires=2), make_claim(wait_once)
    executor.submit_claims([claim, other])
    assert recorder.outcomes == [Outcome.FAILED] * 2
    assert str(recorder.results[0].exception) == "no more"
    assert recorder.results[0].started == 0
    assert recorder.released == [claim]
    assert executor.in_flight() == [other]


def test_a_task_that_ended_at_its_start_is_not_kept(executor, port, make_claim, monkeypatch):
    def at_once(coroutine, ended):
        handle = Handle(coroutine, ended)
        assert not handle.step()
        return handle

    monkeypatch.setattr(port, "start", at_once)
    executor.submit_claims([make_claim(sample_jobs.whoami_async)])
    assert (executor.in_flight(), executor._pending_futures) == ([], set())


# -- what a coroutine raises --------------------------------------------------------------------------------


def test_an_exception_is_the_outcome_of_its_fire_time_alone(executor, port, make_claim, recorder):
    async def fail():
        await Once()
        raise ValueError("boom")

    executor.submit_claims([make_claim(fail, fires=2)])
    (task,) = port.tasks
    task.step()
    task.step()
    assert not task.step()
    assert recorder.outcomes == [Outcome.FAILED] * 2
    assert "in fail" in recorder.results[0].traceback


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit])
def test_a_cancelled_task_ends_with_all_its_fire_times(
    executor, port, runs, make_claim, recorder, kind, closed
):
    claim = make_claim(wait_once, fires=2)
    executor.submit_claims([claim])
    (task,) = port.tasks
    task.step()
    runs.closed = closed
    with pytest.raises(kind):
        task.step(kind())
    assert recorder.outcomes == [Outcome.CANCELLED] * 2
    first, second = recorder.results
    assert first.reason == (SHUT_DOWN if closed else "its task was cancelled")
    assert second.reason == (SHUT_DOWN if closed else "its task was cancelled before it began")
    assert first.started > 0
    assert kind is GeneratorExit or "in wait_once" in first.traceback
    assert (second.started, recorder.released) == (0, [claim])


def test_ctrl_c_in_a_job_fails_it_and_reaches_the_loop(executor, port, make_claim, recorder):
    executor.submit_claims([make_claim(wait_once, fires=2)])
    (task,) = port.tasks
    task.step()
    with pytest.raises(KeyboardInterrupt):
        task.step(KeyboardInterrupt())
    assert recorder.outcomes == [Outcome.FAILED, Outcome.CANCELLED]


def test_a_system_exit_of_a_job_does_not_end_its_task(executor, port, make_claim, recorder):
    executor.submit_claims([make_claim(wait_once, fires=2)])
    (task,) = port.tasks
    task.step()
    assert task.step(SystemExit())
    task.step()
    assert recorder.outcomes == [Outcome.FAILED, Outcome.EXECUTED]


# -- timeouts ----------------------------------------------------------------------------------------------


def test_a_job_that_ends_in_time_leaves_no_timer(executor, port, clock, make_claim, recorder):
    executor.submit_claims([make_claim(wait_once, timeout=5)])
    (task,) = port.tasks
    task.step()
    (timer,) = port.timers
    assert (timer.seconds, timer.cancelled) == (5, 0)
    clock.now += 4.9
    task.step()
    assert timer.cancelled == 1
    assert recorder.outcomes == [Outcome.EXECUTED]
    assert port.forgiven == 0


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_a_job_that_kept_the_loop_busy_beyond_its_time_was_not_in_time(
    executor, port, clock, make_claim, recorder, ends
):
    executor.submit_claims([make_claim(wait_once, fires=2, timeout=5)])
    (task,) = port.tasks
    task.step()
    clock.now += 5.0
    task.step(ValueError() if ends == "badly" else None)
    (result,) = recorder.results
    assert result.outcome is Outcome.TIMED_OUT
    assert isinstance(result.exception, JobTimeoutError)
    assert 0 < result.started <= result.finished
    assert port.forgiven == 1
    task.step()
    assert recorder.outcomes == [Outcome.TIMED_OUT, Outcome.EXECUTED]


def test_a_job_is_cancelled_at_its_timeout_and_its_outcome_known_then(
    executor, port, clock, make_claim, recorder
):
    claim = make_claim(wait_once, fires=2, timeout=5)
    executor.submit_claims([claim])
    (task,) = port.tasks
    task.step()
    port.timers[0].function()
    assert [(each.fire, each.outcome) for each in recorder.results] == [
        (claim.fires[0], Outcome.TIMED_OUT)
    ]
    assert task.cancelled == 1
    assert recorder.released == []
    exc = asyncio.CancelledError()
    assert task.step(exc)  # on with the next one
    assert exc.__traceback__ is None
    assert port.forgiven == 1
    port.timers[-1].function()
    assert recorder.released == [claim]  # with the last outcome
    assert recorder.outcomes == [Outcome.TIMED_OUT] * 2
    assert not task.step(asyncio.CancelledError())
    assert recorder.late_words == []


def test_a_job_that_goes_on_is_cancelled_once_more_and_told_of(
    executor, port, clock, make_claim, recorder, caplog
):
    executor.timeout_grace = 7
    executor.submit_claims([make_claim(wait_and_swallow, timeout=5)])
    (task,) = port.tasks
    task.step()
    port.timers[0].function()
    assert port.timers[1].seconds == 7
    assert task.step(asyncio.CancelledError())
    assert "goes on" not in caplog.text
    port.timers[1].function()
    assert task.cancelled == 2
    assert "job job was cancelled at its timeout of 5 s and goes on" in caplog.text
    assert len(port.timers) == 3
    port.timers[2].function()
    assert (task.cancelled, len(port.timers)) == (2, 3)
    assert not task.step()
    assert port.timers[2].cancelled == 1
    assert recorder.outcomes == [Outcome.TIMED_OUT]
    assert port.forgiven == 1


# -- an executor that is not in a loop ----------------------------------------------------------------------------------


def test_an_executor_that_was_not_started_refuses_in_words(make_claim, make_job):
    executor = AsyncIOExecutor()
    ((_, exc),) = executor._submit([make_claim(wait_once)])
    assert str(exc) == "this executor was not started"
    with pytest.raises(RuntimeError, match="was not started"):
        executor._run_by(print, make_job(wait_once), [])
    executor.shutdown()
    assert (executor.in_flight(), executor.running_count()) == ([], 0)


def test_a_scheduler_without_a_loop_is_named_with_the_way_out():
    scheduler = BackgroundScheduler(executors={"default": AsyncIOExecutor()})
    with pytest.raises(
        RuntimeError, match="AsyncIOExecutor needs a scheduler with an asyncio event lo"
    ):
        scheduler.start()


def test_what_runs_is_counted(executor, port, make_claim):
    executor.submit_claims([make_claim(wait_once), make_claim(wait_once)])
    assert executor.running_count() == 2
    while port.tasks[0].step():
        pass
    assert executor.running_count() == 1


def test_a_part_of_a_coroutine_function_runs_in_tornados_loop(make_job):
    @gen.coroutine
    def marked(x):
        yield x

    executor = TornadoExecutor()
    for function in (marked, sample_jobs.double):
        assert executor.is_coroutine_job(make_job(partial(partial(function), 1)))
    assert not executor.is_coroutine_job(make_job(partial(sample_jobs.add, 1)))
