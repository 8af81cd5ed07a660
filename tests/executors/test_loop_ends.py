"""Functions that a loop's executor runs in threads, and its end, where the test is the loop."""

from __future__ import annotations

import asyncio

import pytest
from executors.loop_of_a_test import Executor, wait_and_swallow, wait_once

from apscheduler.executors._tasks import runs as runs_module
from apscheduler.executors._tasks.threads import LoopRunner
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.context import make_context, run_context
from tests.executors import sample_jobs

SHUT_DOWN = "the scheduler was shut down"


@pytest.fixture
def executor(started, monkeypatch):
    monkeypatch.setattr(runs_module, "outlive", lambda runs: None)
    executor = started(Executor())
    yield executor
    executor.port.end()


@pytest.fixture
def port(executor):
    return executor.port


@pytest.fixture
def runs(executor):
    return executor._runs


# -- functions in threads ---------------------------------------------------------------------------------------


def test_a_function_runs_in_the_pool_and_what_it_leaves_is_awaited_in_the_loop(
    executor, port, make_claim, recorder
):
    coroutine = sample_jobs.double(4)
    claim = make_claim(lambda: coroutine)
    executor.submit_claims([claim])
    (thread,) = executor.threads
    assert port.tasks == []
    assert executor._pending_futures == {thread}
    thread.function()
    awaitable, context, watched = recorder.results[0].retval
    assert awaitable is coroutine
    assert (context.fire_id, watched) == (f"job@{claim.fires[0]}", None)
    thread.ended()
    assert executor.in_flight() == []
    assert len(recorder.results) == 1
    coroutine.close()


def test_a_function_with_a_timeout_has_its_awaiting_watched(executor, make_claim, recorder):
    coroutine = sample_jobs.double(4)
    executor.submit_claims([make_claim(lambda: coroutine, timeout=60)])
    (thread,) = executor.threads
    thread.function()
    assert recorder.results[0].retval[2] is not None
    thread.ended()
    coroutine.close()


def test_a_thread_that_never_began_is_cancelled(executor, runs, make_claim, recorder):
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    (thread,) = executor.threads
    thread.ended()
    assert recorder.results[0].reason == "its task was cancelled before it began"
    thread.function()
    assert len(recorder.results) == 1
    assert recorder.late_words == []


def test_one_watchdog_looks_after_all_threads(executor, runs):
    executor.timeout_grace = 0.25
    watchdog = runs.watchdog()
    assert runs.watchdog() is watchdog
    assert watchdog.grace == 0.25
    assert watchdog._name == "apscheduler-default"
    closed = []
    watchdog.close = lambda: closed.append(1)
    executor.shutdown()
    assert closed == [1]


def test_a_thread_that_hangs_is_forgotten_and_its_rest_starts_anew(
    executor, port, runs, make_claim, recorder
):
    claim, other = make_claim(sample_jobs.nothing, fires=3), make_claim(sample_jobs.nothing)
    executor.submit_claims([claim, other])
    hanging = executor.threads[0]
    (runner,) = [each.runner for each in runs._flights.values() if each.claim is claim]
    runner.take_turn()
    for fire in claim.fires[:2]:
        claim.take(fire)
    said = runs.replace_thread(runner, None)
    assert said == "it keeps a thread of the pool"
    assert executor.in_flight() == [other]
    assert hanging not in executor._pending_futures
    runs.replace_thread(runner, claim)
    assert executor.in_flight() == [other, claim]
    port.turn()
    executor.threads[-1].function()
    assert [each.fire for each in recorder.results] == [claim.fires[2]]


def test_a_rest_that_cannot_start_anew_has_failed_and_is_let_go(
    executor, port, runs, make_claim, recorder, monkeypatch
):
    def refuse(*_):
        raise RuntimeError("no more")

    claim = make_claim(sample_jobs.nothing, fires=3)
    executor.submit_claims([claim])
    (flight,) = runs._flights.values()
    flight.runner.take_turn()
    claim.take(claim.fires[0])
    monkeypatch.setattr(runs, "_pool", refuse)
    runs.replace_thread(flight.runner, claim)
    port.turn()
    assert [each.fire for each in recorder.results] == claim.fires[1:]
    assert recorder.outcomes == [Outcome.FAILED] * 2
    assert recorder.released == [claim]
    assert executor.in_flight() == []


def test_why_something_came_late_is_said(runs):
    assert runs.why_late() == "the event loop or the pool was busy"
    assert LoopRunner(runs).why_late() == runs.why_late()


# -- the end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [True, False])
def test_an_end_at_once_cancels_tasks_and_what_has_not_begun(
    executor, port, make_claim, recorder, there
):
    running = make_claim(wait_once, id="running", fires=2)
    waiting = make_claim(sample_jobs.nothing, id="waiting")
    begun = make_claim(sample_jobs.nothing, id="begun")
    executor.submit_claims([running, waiting, begun])
    flights = list(executor._runs._flights.values())
    flights[2].runner.take_turn()
    (task,) = port.tasks
    task.step()
    port.here = there
    executor.shutdown(wait=False)
    port.turn()
    assert recorder.outcomes == [Outcome.CANCELLED] * 2
    assert {each.reason for each in recorder.results} == {SHUT_DOWN}
    assert (
        running.unsettled == running.fires[:1]
    )  # told to stop: what it makes of that is its outcome
    assert recorder.released == [waiting]
    assert [task.cancelled, *(each.cancelled for each in executor.threads)] == [1, 1, 0]
    assert executor.in_flight() == [running, begun]
    with pytest.raises(asyncio.CancelledError):
        task.step(asyncio.CancelledError())
    assert executor.in_flight() == [begun]
    assert recorder.outcomes == [Outcome.CANCELLED] * 3
    assert (recorder.results[-1].fire, recorder.results[-1].reason) == (running.fires[0], SHUT_DOWN)
    assert recorder.released == [waiting, running]


def test_a_coroutine_that_swallows_its_cancellation_is_told_by_how_it_ends(
    executor, port, make_claim, recorder
):
    executor.submit_claims([make_claim(wait_and_swallow)])
    (task,) = port.tasks
    task.step()
    executor.shutdown(wait=False)
    assert task.cancelled == 1
    assert recorder.results == []
    assert task.step(asyncio.CancelledError())
    assert not task.step()
    assert [(each.outcome, each.retval) for each in recorder.results] == [
        (Outcome.EXECUTED, "went on")
    ]


def test_an_end_hands_back_what_others_can_run(executor, port, make_claim, recorder):
    recorder.hand_back = lambda claim: True
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    executor.shutdown(wait=False)
    assert recorder.results == []
    assert executor.in_flight() == []


def test_an_end_leaves_the_claim_of_the_job_that_calls_it(executor, port, make_claim, recorder):
    own, other = make_claim(wait_once, id="own"), make_claim(wait_once, id="other")
    executor.submit_claims([own, other])
    token = run_context.set(make_context("own", "default", None, own.fires[0]))
    try:
        executor.shutdown(wait=False)
    finally:
        run_context.reset(token)
    assert [each.cancelled for each in port.tasks] == [0, 1]
    assert recorder.released == [other]


def test_an_end_in_a_closed_loop_has_nothing_to_cancel(executor, port, make_claim, recorder):
    executor.submit_claims([make_claim(wait_once)])
    port.here, port.closed = False, True
    executor.shutdown(wait=False)
    assert recorder.outcomes == [Outcome.CANCELLED]
    assert port.tasks[0].cancelled == 0


class Event:
    """An event whose wait is the test's."""

    def __init__(self, on_wait):
        self.on_wait = on_wait
        self.waits = []

    def set(self):
        self.waits.append("set")

    def clear(self):
        self.waits.append("clear")

    def wait(self, seconds):
        self.waits.append(seconds)
        self.on_wait()


def test_an_end_waits_outside_of_the_loop_until_nothing_is_in_flight(
    executor, port, runs, make_claim, recorder
):
    own = make_claim(wait_once, id="own")
    executor.submit_claims([own, make_claim(wait_once), make_claim(wait_once)])
    tasks = port.tasks[1:]

    def let_one_end():
        task = tasks.pop()
        task.step()
        task.step()

    port.here = False
    runs.ended_one = event = Event(let_one_end)
    token = run_context.set(make_context("own", "default", None, own.fires[0]))
    try:
        executor.shutdown(wait=True)
    finally:
        run_context.reset(token)
    assert event.waits == ["clear", 0.5, "set", "clear", 0.5, "set", "clear"]
    assert recorder.outcomes == [Outcome.EXECUTED] * 2


def test_an_end_in_the_loop_does_not_wait(executor, runs, port, make_claim):
    def fail():
        raise AssertionError

    executor.submit_claims([make_claim(wait_once)])
    runs.ended_one = Event(fail)
    executor.shutdown(wait=True)
    assert len(executor.in_flight()) == 1
    assert port.tasks[0].cancelled == 0
