"""Claims in a loop that ended under them, where the test is the loop."""

from __future__ import annotations

import asyncio
import gc
import threading
from types import SimpleNamespace

import pytest
from executors.loop_of_a_test import Executor, Port, wait_and_swallow, wait_once

from apscheduler.executors._tasks import coroutines, deaths
from apscheduler.executors._tasks import runs as tasks
from apscheduler.history.outcomes import Outcome
from tests.executors import sample_jobs

SECONDS = 20
WHILE, BEFORE = "while it ran", "before it began"


@pytest.fixture
def executor(started, monkeypatch):
    monkeypatch.setattr(deaths, "_TURN_SECONDS", 0)
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


def told(recorder):
    return [(each.outcome, each.reason) for each in recorder.results]


def end(port, how):
    port.here = False
    setattr(port, *{"ended": ("closed", True), "had stopped": ("running", False)}[how])


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("how", ["ended", "had stopped"])
def test_a_coroutine_is_cancelled_by_the_shutdown_that_finds_its_loop_standing(
    executor, port, make_claim, recorder, how, wait
):
    claim = make_claim(wait_once, fires=2)
    executor.submit_claims([claim])
    (task,) = port.tasks
    task.step()
    end(port, how)
    executor.shutdown(wait=wait)
    first, second = sorted(recorder.results, key=lambda each: each.fire)
    assert (first.outcome, first.reason) == (Outcome.CANCELLED, f"its event loop {how} {WHILE}")
    assert (first.started, second.started) == (claim.begun_at, 0)
    assert second.outcome is Outcome.CANCELLED
    assert recorder.released == [claim]
    assert (executor.in_flight(), executor._pending_futures) == ([], set())


@pytest.mark.parametrize("job", [wait_once, wait_and_swallow])
def test_a_loop_that_is_turned_again_ends_the_coroutine_and_tells_nothing_twice(
    executor, port, make_claim, recorder, caplog, job
):
    caplog.set_level("INFO")
    claim = make_claim(job)
    executor.submit_claims([claim])
    (task,) = port.tasks
    task.step()
    end(port, "had stopped")
    executor.shutdown()
    assert task.cancelled == 0
    port.here = port.running = True
    port.turn()
    assert task.cancelled == 1
    if job is wait_once:
        with pytest.raises(asyncio.CancelledError):
            task.step(asyncio.CancelledError())
    else:
        task.step(asyncio.CancelledError())
        task.step()
    assert told(recorder) == [(Outcome.CANCELLED, f"its event loop had stopped {WHILE}")]
    assert (recorder.late_words, recorder.released) == ([], [claim])
    assert "executed successfully" not in caplog.text


@pytest.mark.parametrize("ignored", [True, False])
def test_a_timeout_that_ended_after_the_loop_is_the_outcome(
    executor, port, make_claim, recorder, monkeypatch, ignored
):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(coroutines, "monotonic", lambda: clock.now)
    claim = make_claim(wait_once, timeout=5)
    executor.submit_claims([claim])
    port.tasks[0].step()
    end(port, "ended")
    clock.now += 4.9 if ignored else 5
    executor.shutdown()
    (result,) = recorder.results
    assert result.outcome is (Outcome.CANCELLED if ignored else Outcome.TIMED_OUT)
    assert result.started == claim.begun_at
    port.tasks[0].coroutine.close()  # as the collector does with what is left of a closed loop
    assert port.forgiven == 0


def test_a_claim_that_a_closed_loop_refuses_shows_that_what_is_in_it_has_ended(
    executor, port, make_claim, recorder
):
    claim, late = make_claim(wait_once, id="running"), make_claim(wait_once, id="late")
    executor.submit_claims([claim])
    port.tasks[0].step()
    end(port, "ended")
    ((refused, _),) = executor.submit_claims([late])
    assert refused is late
    assert told(recorder) == [(Outcome.CANCELLED, f"its event loop ended {WHILE}")]
    assert (recorder.released, late.unsettled) == ([claim], late.fires)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("job", [wait_once, sample_jobs.nothing])
def test_what_was_on_its_way_into_the_loop_is_given_back_or_cancelled(
    executor, port, make_claim, recorder, job, shared
):
    recorder.hand_back = lambda claim: shared
    port.here = False
    executor.submit_claims([make_claim(job)])
    end(port, "ended")
    executor.shutdown()
    reason = f"its event loop ended {BEFORE}"
    assert told(recorder) == ([] if shared else [(Outcome.CANCELLED, reason)])
    assert executor.in_flight() == []
    port.turn()
    assert (port.tasks, executor.threads) == ([], [])


def test_a_task_that_has_not_begun_is_given_back(executor, port, make_claim, recorder):
    recorder.hand_back = lambda claim: True
    executor.submit_claims([make_claim(wait_once)])
    end(port, "ended")
    executor.shutdown()
    assert (recorder.results, executor.in_flight()) == ([], [])


def test_a_function_that_waits_for_a_thread_is_given_back_or_cancelled(
    executor, port, make_claim, recorder
):
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    (thread,) = executor.threads
    end(port, "ended")
    executor.shutdown()
    thread.function()
    assert told(recorder) == [(Outcome.CANCELLED, f"its event loop ended {BEFORE}")]
    assert (recorder.late_words, executor.in_flight()) == ([], [])


def test_a_shutdown_waits_for_functions_that_outlive_their_loop(
    executor, port, make_claim, recorder
):
    begun, go_on = threading.Event(), threading.Event()

    def function():
        begun.set()
        go_on.wait(SECONDS)

    claim = make_claim(function)
    executor.submit_claims([claim])
    (handle,) = executor.threads
    thread = threading.Thread(target=handle.function)
    thread.start()
    assert begun.wait(SECONDS)
    end(port, "ended")
    shutdown = threading.Thread(target=executor.shutdown)
    shutdown.start()
    shutdown.join(0.05)
    assert shutdown.is_alive()
    go_on.set()
    shutdown.join(SECONDS)
    assert not shutdown.is_alive()
    thread.join()
    assert recorder.outcomes == [Outcome.EXECUTED]
    assert executor.in_flight() == []


def test_the_rest_of_a_hanging_threads_claim_is_called_off_in_a_closed_loop(
    executor, port, runs, make_claim, recorder
):
    claim = make_claim(sample_jobs.nothing, fires=2)
    end(port, "ended")
    claim.take(claim.fires[0])
    runs.replace_thread(None, claim)
    assert told(recorder) == [(Outcome.CANCELLED, f"its event loop ended {BEFORE}")]
    assert executor.in_flight() == []


def test_a_loop_that_is_turned_bit_by_bit_does_not_stand(monkeypatch):
    port = Port()
    port.running = False
    monkeypatch.setattr(deaths, "sleep", lambda seconds: setattr(port, "running", True))
    assert not deaths.stands(port)


def test_coroutines_left_by_a_shutdown_in_the_loop_are_looked_after(
    executor, port, runs, make_claim, recorder, monkeypatch
):
    monkeypatch.setattr(tasks, "outlive", deaths.outlive)
    claim = make_claim(wait_once)
    executor.submit_claims([claim])
    port.tasks[0].step()
    executor.shutdown()
    assert recorder.results == []
    port.closed = True
    recorder.wait()
    assert told(recorder) == [(Outcome.CANCELLED, f"its event loop ended {WHILE}")]


@pytest.mark.parametrize("left", ["nothing", "a function"])
def test_nobody_looks_where_no_coroutine_is_left(executor, runs, make_claim, monkeypatch, left):
    monkeypatch.setattr(deaths, "Thread", None)
    if left == "a function":
        executor.submit_claims([make_claim(sample_jobs.nothing)])
    deaths.outlive(runs)


def test_at_its_limit_of_threads_nobody_looks(executor, runs, make_claim, monkeypatch):
    def refuse(**_):
        raise RuntimeError

    monkeypatch.setattr(deaths, "Thread", refuse)
    executor.submit_claims([make_claim(wait_once)])
    deaths.outlive(runs)


@pytest.mark.parametrize("running", [True, False])
def test_the_end_of_the_interpreter_settles_what_is_left_in_a_loop_that_stands(
    executor, port, runs, make_claim, recorder, monkeypatch, running
):
    gc.collect()
    monkeypatch.setattr(deaths, "_living", {runs})
    executor.submit_claims([make_claim(wait_once)])
    port.tasks[0].step()
    port.here, port.running = False, running
    deaths._settle_at_end()
    assert len(recorder.results) == (not running)


# -- an end that is announced ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [True, False])
def test_nothing_is_started_in_a_loop_that_is_about_to_end(
    executor, port, make_claim, recorder, shared
):
    recorder.hand_back = lambda claim: shared
    port.here = False
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    executor.loop_ends()
    port.turn()
    reason = f"its event loop ended {BEFORE}"
    assert told(recorder) == ([] if shared else [(Outcome.CANCELLED, reason)])
    ((_, why),) = executor.submit_claims([make_claim(wait_once)])
    assert "the event loop ends" in str(why)
    assert (executor.threads, executor.in_flight()) == ([], [])


def test_an_executor_that_was_not_started_hears_of_no_end():
    Executor().loop_ends()


def test_a_loop_that_nobody_has_any_more_is_looked_at_no_more(
    executor, runs, make_claim, monkeypatch
):
    known = [runs]
    executor.submit_claims([make_claim(wait_once)])

    class Event:
        """What the look waits for: meanwhile the loop is collected."""

        def wait(self, seconds):
            known.clear()

        def clear(self):
            pass

    monkeypatch.setattr(runs, "ended_one", Event())
    deaths._look(lambda: known[0] if known else None)
    assert known == []
