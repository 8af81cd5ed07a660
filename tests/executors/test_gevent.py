"""Jobs in greenlets, in a hub of a thread that the test makes."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from datetime import UTC, datetime

import pytest

from apscheduler import current_run
from apscheduler.executors.base import JobTimeoutError
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.context import make_context, run_context
from tests.executors import sample_jobs

gevent = pytest.importorskip("gevent", reason="gevent is not installed")
greenlets = pytest.importorskip("apscheduler.executors.gevent")

SECONDS = 20


def in_a_hub(program):
    """Run the program in a thread with a hub of its own, and raise here what it raises there."""
    failures = []

    def run():
        try:
            with gevent.Timeout(SECONDS):
                program()
        except BaseException as exc:
            failures.append(exc)
        finally:
            gevent.get_hub().destroy(destroy_loop=True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


@pytest.fixture
def executor():
    return greenlets.GeventExecutor()


@pytest.fixture
def run(scheduler, executor):
    """Start the executor in a hub, run the program there, and wait for what it left."""

    def run(program):
        def whole():
            executor.start(scheduler, "default")
            program()
            executor.shutdown(wait=True)

        in_a_hub(whole)

    return run


class Waiting:
    """An async function that waits for long, and what ended it."""

    def __init__(self):
        self.begun, self.over, self.seen = threading.Event(), threading.Event(), []

    async def __call__(self):
        self.begun.set()
        try:
            await asyncio.sleep(10)
        except BaseException as exc:
            self.seen.append(type(exc))
            self.over.set()
            raise


def submitted(executor, *claims):
    assert executor.submit_claims(claims) == []
    return list(executor._greenlets)


def until(condition):
    while not condition():
        gevent.sleep(0.001)


# -- running ----------------------------------------------------------------------------------------------


def test_each_job_runs_in_a_greenlet_of_its_own(run, executor, make_claim, recorder):
    seen = []

    def meet():
        seen.append(gevent.getcurrent())
        until(lambda: len(seen) == 2)
        return current_run().fire_id

    claims = [make_claim(meet), make_claim(meet)]

    def program():
        submitted(executor, *claims)
        assert executor.running_count() == 2
        assert executor.in_flight() == claims
        assert (seen, executor.under_way()) == ([], [])
        until(lambda: seen)
        assert (claims[0], claims[0].fires[0], claims[0].begun_at) in executor.under_way()

    run(program)
    assert len(set(seen)) == 2
    assert {each.retval for each in recorder.results} == {f"job@{c.fires[0]}" for c in claims}
    assert (executor.in_flight(), executor.running_count()) == ([], 0)
    assert set(recorder.released) == set(claims)


def test_a_coroutine_runs_in_a_thread_and_keeps_no_greenlet(run, executor, make_claim, recorder):
    seen = []
    ended = threading.Event()

    async def look():
        seen.append((greenlets.native_ident(), current_run().fire_id, asyncio.get_running_loop()))
        await asyncio.to_thread(ended.wait, SECONDS)
        return 7

    claim = make_claim(look)

    def program():
        here = greenlets.native_ident()
        submitted(executor, claim)
        until(lambda: seen)  # which only a hub that works on can do
        assert seen[0][0] != here
        ended.set()

    run(program)
    assert recorder.results[0].retval == 7
    ((_, fire_id, loop),) = seen
    assert fire_id == f"job@{claim.fires[0]}"
    assert loop.is_closed()


def test_what_comes_too_late_says_why(run, executor, make_claim, recorder):
    run(lambda: submitted(executor, make_claim(sample_jobs.fail, late=5, grace=1)))
    (result,) = recorder.results
    assert (result.outcome, result.reason) == (Outcome.MISSED, "other greenlets kept the thread")


def test_a_job_submitted_the_old_way_gives_its_events_to_the_scheduler(
    run, executor, make_job, recorder
):
    now = datetime.now(UTC)
    run(lambda: executor.submit_job(make_job(sample_jobs.add, 1), [now]))
    (event,) = recorder.events
    assert (event.scheduled_run_time, event.retval) == (now, 2)
    assert executor._instances == {}


# -- timeouts ---------------------------------------------------------------------------------------------------


def test_a_job_that_yields_is_ended_at_its_timeout(run, executor, make_claim, recorder):
    run(lambda: submitted(executor, make_claim(gevent.sleep, 10, timeout=0.02)))
    (result,) = recorder.results
    assert result.outcome is Outcome.TIMED_OUT
    assert isinstance(result.exception, JobTimeoutError)
    assert 0 < result.finished - result.started < 5_000_000


@pytest.mark.parametrize("raises", [True, False])
def test_a_job_that_never_yields_is_judged_when_it_returns(
    run, executor, make_claim, recorder, raises
):
    problem = ValueError("boom")

    def busy():
        time.sleep(0.03)
        if raises:
            raise problem

    run(lambda: submitted(executor, make_claim(busy, timeout=0.02)))
    assert recorder.outcomes == [Outcome.TIMED_OUT]
    assert problem.__traceback__ is None


def test_a_job_that_ends_in_time_leaves_no_timeout_behind(
    run, executor, make_claim, recorder, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    start_new, timers = gevent.Timeout.start_new, []

    def noted(seconds):
        timers.append(start_new(seconds))
        return timers[-1]

    monkeypatch.setattr(gevent.Timeout, "start_new", noted)

    def quick():
        return gevent.getcurrent()

    def program():
        submitted(executor, make_claim(quick, timeout=30))
        submitted(executor, make_claim(sample_jobs.fail, timeout=30, fires=2))
        until(lambda: len(recorder.results) == 3)
        assert [timer.pending for timer in timers] == [False] * 3

    run(program)
    executed, failed = Outcome.EXECUTED, Outcome.FAILED
    assert recorder.outcomes == [executed, failed, failed]
    assert recorder.results[0].retval is not None
    assert len([each for each in caplog.messages if "executed successfully" in each]) == 1
    assert 0 < recorder.results[0].started <= recorder.results[0].finished
    assert str(recorder.results[1].exception) == "boom"


def test_a_timeout_of_the_jobs_own_is_a_failure(run, executor, make_claim, recorder):
    def own():
        with gevent.Timeout(0.01):
            gevent.sleep(10)

    run(lambda: submitted(executor, make_claim(own, timeout=30)))
    assert recorder.outcomes == [Outcome.FAILED]
    assert isinstance(recorder.results[0].exception, gevent.Timeout)


def test_a_coroutine_is_cancelled_at_its_timeout(run, executor, make_claim, recorder):
    waits = Waiting()

    def program():
        submitted(executor, make_claim(waits, timeout=0.05))
        until(waits.over.is_set)

    run(program)
    assert recorder.outcomes == [Outcome.TIMED_OUT]
    assert waits.seen == [asyncio.CancelledError]


def test_a_coroutine_whose_timeout_is_over_before_its_loop_is_made_is_cancelled_as_it_begins(
    run, executor, make_claim, recorder, monkeypatch
):
    make, late, waits = asyncio.events.new_event_loop, threading.Event(), Waiting()

    def make_late():
        late.wait(20)
        return make()

    def program():
        submitted(executor, make_claim(waits, timeout=0.02))
        until(lambda: recorder.results)
        late.set()
        until(waits.over.is_set)

    monkeypatch.setattr(asyncio.events, "new_event_loop", make_late)
    run(program)
    assert recorder.outcomes == [Outcome.TIMED_OUT]
    assert waits.seen == [asyncio.CancelledError]


# -- greenlets that are killed ------------------------------------------------------------------------------


def test_what_a_killed_greenlet_awaits_is_cancelled_without_a_word(
    run, executor, make_claim, recorder, capfd
):
    waits = Waiting()

    def program():
        (greenlet,) = submitted(executor, make_claim(waits))
        until(waits.begun.is_set)
        greenlet.kill()
        until(waits.over.is_set)

    run(program)
    assert recorder.outcomes == [Outcome.FAILED]
    assert waits.seen == [asyncio.CancelledError]
    assert "Traceback" not in capfd.readouterr().err


def test_a_greenlet_that_is_killed_fails_the_fire_time_it_is_at(
    run, executor, make_claim, recorder
):
    pauses = [0.0, 10.0]
    claim = make_claim(lambda: gevent.sleep(pauses.pop()), fires=2)

    def program():
        (greenlet,) = submitted(executor, claim)
        until(lambda: claim.begun)
        greenlet.kill()

    run(program)
    assert recorder.outcomes == [Outcome.FAILED, Outcome.EXECUTED]
    assert isinstance(recorder.results[0].exception, gevent.GreenletExit)


def test_a_greenlet_that_is_killed_before_it_began_says_so(run, executor, make_claim, recorder):
    claim = make_claim(sample_jobs.nothing, fires=2)

    def program():
        (greenlet,) = submitted(executor, claim)
        greenlet.kill()

    run(program)
    assert recorder.outcomes == [Outcome.FAILED] * 2
    assert {each.started for each in recorder.results} == {0}
    assert isinstance(recorder.results[0].exception, gevent.GreenletExit)
    assert recorder.released == [claim]
    assert executor.in_flight() == []


@pytest.mark.parametrize("kind", [KeyError, gevent.GreenletExit])
def test_an_error_of_ours_costs_one_claim(
    run, executor, make_claim, recorder, monkeypatch, caplog, kind
):
    claim, other = make_claim(sample_jobs.nothing, fires=2), make_claim(sample_jobs.add, 1)
    log_success, asked = executor._log_success, []

    def fail_once(*run):
        asked.append(run)
        if len(asked) == 1:
            raise kind("ours")
        log_success(*run)

    monkeypatch.setattr(executor, "_log_success", fail_once)
    run(lambda: submitted(executor, claim, other))
    assert recorder.outcomes == [Outcome.FAILED, Outcome.FAILED, Outcome.EXECUTED]
    assert isinstance(recorder.results[0].exception, kind)
    assert recorder.released == [claim, other]
    assert ("met an error of its own" in caplog.text) is (kind is KeyError)


# -- the end ----------------------------------------------------------------------------------------------------


def test_an_end_takes_nothing_more_and_waits_if_asked_to(scheduler, executor, make_claim, recorder):
    claim = make_claim(gevent.sleep, 0.02)

    def program():
        executor.start(scheduler, "default")
        submitted(executor, claim)
        executor.shutdown(wait=False)
        assert recorder.results == []
        ((refused, exc),) = executor.submit_claims([claim])
        assert refused is claim
        assert "this executor was shut down" in str(exc)
        executor.shutdown(wait=True)
        assert recorder.outcomes == [Outcome.EXECUTED]
        executor.start(scheduler, "default")
        submitted(executor, make_claim(sample_jobs.nothing))
        executor.shutdown()
        assert recorder.outcomes == [Outcome.EXECUTED] * 2

    in_a_hub(program)


def test_a_job_that_ends_its_executor_does_not_wait_for_itself(run, executor, make_claim, recorder):
    ended = []

    def slow():
        gevent.sleep(0.02)
        ended.append("slow")

    def end():
        executor.shutdown(wait=True)
        ended.append("the end")

    run(lambda: submitted(executor, make_claim(slow, id="slow"), make_claim(end, id="end")))
    assert ended == ["slow", "the end"]
    assert recorder.outcomes == [Outcome.EXECUTED] * 2


def test_an_end_waits_from_another_thread_too(scheduler, executor, make_claim, recorder):
    over, go_on = threading.Event(), []

    def shut_down():
        executor.shutdown(wait=True)
        over.set()

    def program():
        executor.start(scheduler, "default")
        submitted(executor, make_claim(until, lambda: go_on))
        thread = threading.Thread(target=shut_down)
        thread.start()
        until(lambda: executor._closed)
        gevent.sleep(0.05)
        assert not over.is_set()
        go_on.append(1)
        until(over.is_set)
        assert recorder.outcomes == [Outcome.EXECUTED]
        thread.join(SECONDS)
        executor.shutdown(wait=True)  # nothing is left to wait for

    in_a_hub(program)


def test_an_end_from_another_thread_with_nothing_to_wait_for_returns(scheduler, executor):
    in_a_hub(lambda: executor.start(scheduler, "default"))
    executor.shutdown(wait=True)
    assert executor._closed


def test_an_end_for_a_claim_leaves_that_claim(scheduler, executor, make_claim, recorder):
    claim = make_claim(gevent.sleep, 10)

    def program():
        executor.start(scheduler, "default")
        (greenlet,) = submitted(executor, claim)
        token = run_context.set(make_context("job", "default", None, claim.fires[0]))
        executor.shutdown(wait=True)
        run_context.reset(token)
        assert executor.in_flight() == [claim]
        greenlet.kill()

    in_a_hub(program)
