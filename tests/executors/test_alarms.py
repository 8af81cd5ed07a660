"""Timeouts in a worker process: by a signal in the main thread, by a watchdog in others."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from functools import partial

import pytest

from apscheduler import current_run
from apscheduler.executors._child import alarm as alarm_module
from apscheduler.executors._child import coroutines
from apscheduler.executors._child.alarm import call_in_time
from apscheduler.executors.base import JobTimeoutError
from apscheduler.runs.context import make_context, run_context
from tests.executors import sample_jobs


@pytest.fixture(autouse=True)
def _alone(suites_alarm, own_runner):
    pass


def in_a_thread(*args, **options):
    """Call beside the main thread; return what that said and in which thread it was."""
    said = []
    thread = threading.Thread(target=lambda: said.append(call_in_time(*args, **options)))
    thread.start()
    thread.join()
    return said[0], thread


def watchdogs():
    return [each for each in threading.enumerate() if each.name == "apscheduler-worker-watchdog"]


async def loop():
    return asyncio.get_running_loop()


# -- in the main thread ----------------------------------------------------------------------------------


def test_a_call_that_ends_in_time_leaves_no_alarm_behind():
    def before(*_):
        raise AssertionError

    signal.signal(signal.SIGALRM, before)
    assert call_in_time(partial(sample_jobs.add, 1, b=2), 30) == (3, None, True)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("alone", [True, False])
def test_the_main_thread_runs_its_calls_itself(alone):
    thread, _, _ = call_in_time(threading.current_thread, 30, alone=alone)
    assert thread is threading.main_thread()


def test_what_the_call_raises_is_returned():
    value, error, in_time = call_in_time(sample_jobs.raise_system_exit, 30)
    assert (value, type(error), in_time) == (None, SystemExit, True)


def test_a_sleep_is_ended_by_the_alarm():
    began = time.monotonic()
    value, error, in_time = call_in_time(partial(time.sleep, 20), 0.05)
    assert (value, type(error), in_time) == (None, JobTimeoutError, False)
    assert time.monotonic() - began < 10


def test_a_call_that_ends_beyond_its_timeout_was_not_in_time_and_is_told_once():
    def swallow_one():
        with pytest.raises(JobTimeoutError):
            time.sleep(20)
        signal.raise_signal(signal.SIGALRM)
        return 5

    assert call_in_time(swallow_one, 0.02) == (5, None, False)


def test_a_coroutine_is_cancelled_before_it_is_interrupted():
    seen = []

    async def waits():
        try:
            await asyncio.sleep(20)
        except BaseException as exc:
            seen.append(type(exc))
            raise

    assert call_in_time(waits, 0.05) == (None, None, False)
    assert seen == [asyncio.CancelledError]


def test_a_coroutine_that_does_not_yield_is_interrupted():
    async def busy():
        await asyncio.sleep(0)
        sample_jobs.hang(20)

    began = time.monotonic()
    _, _, in_time = call_in_time(busy, 0.05)
    assert not in_time
    assert time.monotonic() - began < 10


def test_a_coroutine_has_what_the_function_left_of_the_time(monkeypatch):
    run, given = coroutines.run_coroutine, []

    def noted(awaitable, seconds):
        given.append(seconds)
        return run(awaitable, seconds)

    def slowly():
        time.sleep(0.05)
        return sample_jobs.double(4)

    monkeypatch.setattr(coroutines, "run_coroutine", noted)
    assert call_in_time(slowly, 30) == (8, None, True)
    (left,) = given
    assert 0 < left <= 30 - 0.05


def test_a_coroutine_that_does_not_yield_has_no_more_than_its_grace_beyond_the_time():
    async def look():
        return signal.getitimer(signal.ITIMER_REAL)[0]

    def slowly():
        time.sleep(0.05)
        return look()

    left, _, in_time = call_in_time(slowly, 10)
    assert in_time
    assert left <= 10 - 0.05 + alarm_module._COROUTINE_GRACE


def test_a_coroutine_that_ends_in_time_says_its_value_or_its_own_error():
    assert call_in_time(partial(sample_jobs.returns_coroutine, 21), 30) == (42, None, True)
    _, error, in_time = call_in_time(sample_jobs.time_out_async, 30)
    assert (type(error), str(error), in_time) == (TimeoutError, "the job's own", True)


def test_an_alarm_that_comes_after_the_calls_end_hurts_nobody():
    alarm = alarm_module._Alarm()
    alarm.armed = False
    alarm.ring(0, None)
    alarm.armed = True
    with pytest.raises(JobTimeoutError, match="the job's timeout is over"):
        alarm.ring(0, None)
    alarm.ring(0, None)


# -- in other threads --------------------------------------------------------------------------------------


def test_a_threads_call_runs_in_it_and_its_watchdog_ends_with_it():
    before = set(watchdogs())
    seen = []

    def look():
        seen.extend(set(watchdogs()) - before)
        return threading.current_thread()

    (where, error, in_time), thread = in_a_thread(look, 30)
    assert (where, error, in_time) == (thread, None, True)
    (watchdog,) = seen
    watchdog.join(10)
    assert not watchdog.is_alive()


def test_a_threads_call_is_ended_by_its_watchdog():
    (value, _, in_time), _ = in_a_thread(partial(sample_jobs.busy, 20), 0.02)
    assert (value, in_time) == (None, False)


@pytest.mark.parametrize("alone", [True, False])
def test_a_threads_coroutine_runs_to_its_end_in_a_loop_that_is_closed_then(alone):
    (made, error, in_time), _ = in_a_thread(loop, 30, alone=alone)
    assert (error, in_time) == (None, True)
    assert made.is_closed()


def test_a_threads_coroutine_is_cancelled():
    (value, error, in_time), _ = in_a_thread(partial(asyncio.sleep, 20), 0.02)
    assert (value, type(error), in_time) == (None, asyncio.CancelledError, False)


@pytest.mark.parametrize("func", [current_run, sample_jobs.whoami_async])
@pytest.mark.parametrize("alone", [True, False])
def test_a_call_sees_its_run_wherever_it_runs(func, alone):
    moment = time.time_ns() // 1000
    context = make_context("me", "default", None, moment)

    def call():
        token = run_context.set(context)
        try:
            return call_in_time(func, 30, alone=alone)
        finally:
            run_context.reset(token)

    said = []
    thread = threading.Thread(target=lambda: said.append(call()))
    thread.start()
    thread.join()
    value = said[0][0]
    assert (value.fire_id if func is current_run else value[4]) == f"me@{moment}"


def test_a_call_that_nobody_else_looks_after_runs_beside():
    (where, error, in_time), thread = in_a_thread(threading.current_thread, 30, alone=True)
    assert (where.name, where.daemon, error, in_time) == ("apscheduler-call", True, None, True)
    assert where is not thread


def test_a_call_that_nobody_else_looks_after_is_left_behind(monkeypatch):
    monkeypatch.setattr(alarm_module, "_BESIDE_GRACE", 0.1)
    held = threading.Lock()
    held.acquire()  # who waits for it is not interrupted
    began = time.monotonic()
    (said, _) = in_a_thread(held.acquire, 0.1, alone=True)
    assert said == (None, None, False)
    assert 0.15 < time.monotonic() - began < 10
    held.release()
