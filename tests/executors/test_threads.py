"""The thread pool of our own: what only it does."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Claim


def lane_job(make_job, func, *args, **options):
    job = make_job(func, *args, **options)
    job._fire, job._busy = time.time_ns() // 1000, 1
    return job


def wait_until_free(job, recorder, events=1):
    with recorder.changed:
        assert recorder.changed.wait_for(lambda: len(recorder.events) >= events, 10)
    assert job._busy == 0


def test_a_plain_job_runs_without_a_claim_and_is_free_afterwards(make_job, recorder, started):
    executor = started(ThreadPoolExecutor(2))
    job = lane_job(make_job, lambda: 42)
    assert executor.submit_claims([job]) == []
    wait_until_free(job, recorder)
    assert recorder.events[0].retval == 42
    assert job._ledger.entry(job._last).outcome is Outcome.EXECUTED


def test_a_plain_job_that_fails_is_settled_by_the_scheduler(make_job, recorder, started):
    executor = started(ThreadPoolExecutor(1))
    executor.submit_claims([lane_job(make_job, lambda: 1 / 0)])
    (result,) = recorder.wait(1, 0)
    assert result.outcome is Outcome.FAILED
    assert isinstance(result.exception, ZeroDivisionError)


def test_no_more_threads_are_made_than_there_is_work_for(make_claim, recorder, started):
    executor = started(ThreadPoolExecutor(10))
    for number in range(5):
        executor.submit_claims([make_claim(lambda: None)])
        recorder.wait(number + 1)
        while executor.running_count():
            pass
    assert len(executor._pool._workers) == 1


def test_ten_jobs_run_side_by_side_on_ten_workers(make_claim, recorder, started):
    executor = started(ThreadPoolExecutor(10))
    meeting = threading.Barrier(10)
    executor.submit_claims([make_claim(meeting.wait, 10) for _ in range(10)])
    assert {result.outcome for result in recorder.wait(10)} == {Outcome.EXECUTED}


def test_an_unknown_option_names_the_closest_known_one():
    with pytest.raises(TypeError, match="thread_name_prefix"):
        ThreadPoolExecutor(pool_kwargs={"thread_name_prefx": "x"})


def test_the_initializer_runs_once_in_each_thread(make_claim, recorder, started):
    seen = []
    executor = started(
        ThreadPoolExecutor(
            1,
            {
                "thread_name_prefix": "crew",
                "initializer": lambda name: seen.append((name, threading.current_thread().name)),
                "initargs": ("x",),
            },
        )
    )
    executor.submit_claims([make_claim(lambda: None) for _ in range(3)])
    recorder.wait(3)
    assert seen == [("x", "crew_0")]


def test_a_raising_initializer_fails_the_jobs_that_wait(make_claim, recorder, started):
    executor = started(ThreadPoolExecutor(1, {"initializer": lambda: 1 / 0}))
    executor.submit_claims([make_claim(lambda: None) for _ in range(3)])
    assert {result.outcome for result in recorder.wait(3)} == {Outcome.FAILED}


@pytest.mark.trap(72)
def test_a_pool_that_was_shut_down_works_again_after_start(make_claim, recorder, started):
    executor = started(ThreadPoolExecutor(3))
    executor.shutdown()
    claim = make_claim(lambda: None)
    ((refused, why),) = executor.submit_claims([claim])
    assert refused is claim
    assert isinstance(why, RuntimeError)
    started(executor)
    assert executor._pool._max_workers == 3
    assert executor.submit_claims([claim]) == []
    assert recorder.wait()[0].outcome is Outcome.EXECUTED


def test_capacity_stays_after_twenty_jobs_that_never_come_back(
    make_claim, recorder, started, caplog
):
    executor = started(ThreadPoolExecutor(2))
    executor.timeout_grace = 0.05
    hold = threading.Event()
    executor.submit_claims([make_claim(hold.wait, timeout=0.02) for _ in range(20)])
    assert {result.outcome for result in recorder.wait(20)} == {Outcome.TIMED_OUT}
    meeting = threading.Barrier(2)
    recorder.results.clear()
    recorder.released.clear()
    executor.submit_claims([make_claim(meeting.wait, 10) for _ in range(2)])
    assert {result.outcome for result in recorder.wait(2)} == {Outcome.EXECUTED}
    assert "hold.wait" in caplog.text or "in wait" in caplog.text
    hold.set()


def test_the_rest_of_a_hung_claim_runs_on_another_worker(make_job, recorder, started):
    executor = started(ThreadPoolExecutor(1))
    executor.timeout_grace = 0.05
    hold, calls = threading.Event(), []

    def hang_first():
        calls.append(threading.get_ident())
        if len(calls) == 1:
            hold.wait()

    claim = Claim(make_job(hang_first, timeout=0.05), [1, 2, 3], recorder)
    executor.submit_claims([claim])
    recorder.wait(3, 1)
    assert recorder.outcomes == [Outcome.TIMED_OUT, Outcome.EXECUTED, Outcome.EXECUTED]
    assert len(set(calls)) == 2
    hold.set()


def test_a_coroutine_beyond_its_timeout_is_cancelled_at_its_await(make_claim, recorder, started):
    executor = started(ThreadPoolExecutor(1))
    executor._pool.watchdog.grace = 60.0  # no interrupt comes in its stead
    seen, ended = [], threading.Event()

    async def waits():
        try:
            await asyncio.sleep(60)
        except BaseException as exc:
            seen.append(type(exc))
            ended.set()
            raise

    executor.submit_claims([make_claim(waits, timeout=0.05)])
    (result,) = recorder.wait(1)
    assert result.outcome is Outcome.TIMED_OUT
    assert ended.wait(20)
    assert seen == [asyncio.CancelledError]
