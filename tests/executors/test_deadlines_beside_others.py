"""A timeout is met at its time whatever else is watched, and what hangs costs no fire after it its outcome."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import threading
import time

import pytest
from executors import sample_jobs
from executors.pools_of_others import OfThisHost

from apscheduler.executors._attempt.watchdog import Watch, Watchdog
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.schedulers.background import BackgroundScheduler


def users_pool(workers: int) -> concurrent.futures.ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(workers, mp_context=context)


EXECUTORS = {
    "threads": lambda: ThreadPoolExecutor(2),
    "processes": lambda: ProcessPoolExecutor(2),
    "futures-threads": lambda: FuturesExecutor(concurrent.futures.ThreadPoolExecutor(2)),
    "futures-processes": lambda: FuturesExecutor(users_pool(2)),
}


@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_short_timeout_behind_a_long_one_is_met(kind, started, make_claim, recorder):
    executor = started(EXECUTORS[kind]())
    long = make_claim(sample_jobs.hang_and_swallow, 6, timeout=1000)
    short = make_claim(sample_jobs.hang_and_swallow, 12, timeout=0.2)
    executor.submit_claims([long])
    executor.submit_claims([short])
    results = {each.fire: each for each in recorder.wait(2)}
    late, ended = results[short.fires[0]], results[long.fires[0]]
    assert ended.outcome is Outcome.EXECUTED
    assert late.outcome is Outcome.TIMED_OUT
    assert late.finished - late.started < 3_000_000, "it was ended at its own time"


def test_the_watchdog_that_waits_for_a_far_deadline_is_told_of_a_nearer_one():
    dog = Watchdog("watchdog")
    ident = threading.get_ident()
    far = [Watch(ident, 1000, lambda: None, lambda: None) for _ in range(3)]
    try:
        for each in far:
            dog.add(each)
            expired = threading.Event()
            # No thread has this number: nobody is interrupted.
            dog.add(Watch(2**31, 0.05, expired.set, lambda: None))
            assert expired.wait(20)
    finally:
        assert [each.finish() for each in far] == [True] * 3
        dog.close()


def test_calls_with_a_timeout_are_looked_at_in_time_behind_one_without(
    started, make_claim, recorder
):
    pool = OfThisHost()
    executor = started(FuturesExecutor(pool))
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    executor.submit_claims([make_claim(sample_jobs.nothing, timeout=1)])
    pauses = [executor._engine.clocks.pause() for _ in range(10)]
    assert all(each is None or each <= 0.11 for each in pauses)
    for number in (0, 1):
        pool.answer(pool.run_here(number), number)
    recorder.wait(2)


def test_what_waits_behind_a_hung_call_of_a_users_pool_runs_in_a_new_one(
    started, make_claim, recorder
):
    executor = started(FuturesExecutor(users_pool(1)))
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    recorder.wait(1)
    (process,) = executor._pool._processes.values()
    hung = make_claim(sample_jobs.hang_and_swallow, 60, timeout=0.2)
    behind = make_claim(sample_jobs.add, 1)
    executor.submit_claims([hung, behind])
    recorder.wait(3)
    later = make_claim(sample_jobs.add, 2)
    executor.submit_claims([later])
    results = {each.fire: each for each in recorder.wait(4)}
    assert results[hung.fires[0]].outcome is Outcome.TIMED_OUT
    assert [results[each.fires[0]].retval for each in (behind, later)] == [2, 3]
    process.join(20)
    assert not process.is_alive(), "who hangs is ended"


def test_the_fire_after_a_hung_one_in_a_users_process_pool_has_its_outcome(tmp_path):
    pool = users_pool(1)
    scheduler = BackgroundScheduler(timezone="UTC", executors={"default": pool})
    scheduler.start()
    try:
        scheduler.add_job(
            sample_jobs.swallow_first,
            "interval",
            (60, str(tmp_path / "hung")),
            seconds=1,
            id="job",
            timeout=0.3,
            misfire_grace_time=None,
        )
        deadline = time.monotonic() + 60
        while True:
            outcomes = [run.outcome for run in scheduler.get_runs("job")]
            if Outcome.EXECUTED in outcomes:
                break
            assert time.monotonic() < deadline, outcomes
            time.sleep(0.05)
        assert outcomes[-1] is Outcome.TIMED_OUT, "the first fire is the last of the list"
        assert set(outcomes) <= {Outcome.TIMED_OUT, Outcome.EXECUTED, Outcome.SKIPPED}
    finally:
        scheduler.shutdown()
