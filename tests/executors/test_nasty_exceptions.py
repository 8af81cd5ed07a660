"""Exceptions that refuse what is done with exceptions: each costs its own run, is told as what it is, and nothing more."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
from datetime import UTC, datetime
from queue import SimpleQueue

import pytest

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from tests.executors import sample_jobs

SECONDS = 30


def spawned_pool():
    context = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(2, mp_context=context)


MAKERS = {
    "threads": lambda: ThreadPoolExecutor(2),
    "processes": lambda: ProcessPoolExecutor(2),
    "futures-threads": lambda: FuturesExecutor(concurrent.futures.ThreadPoolExecutor(2)),
    "futures-processes": lambda: FuturesExecutor(spawned_pool()),
}


@pytest.fixture(scope="module", params=MAKERS)
def running(request):
    """A scheduler with the executor of each kind."""
    scheduler = BackgroundScheduler(executors={"default": MAKERS[request.param]()}, timezone=UTC)
    scheduler.start()
    yield scheduler
    scheduler.shutdown()


@pytest.fixture
def told(running):
    """Run a job now; return its row."""
    events = SimpleQueue()
    running.add_listener(events.put, EVENT_JOB_ERROR | EVENT_JOB_EXECUTED)

    def told(func, *args, **options):
        job = running.add_job(
            func, args=args, run_date=datetime.now(UTC), trigger="date", **options
        )
        assert events.get(timeout=SECONDS).job_id == job.id
        (row,) = running.get_runs(job_id=job.id)
        return row

    yield told
    running.remove_listener(events.put)


def test_a_text_that_exits_costs_its_own_run_only(told):
    for kind in (SystemExit, KeyboardInterrupt, GeneratorExit):
        row = told(sample_jobs.raise_fatal_text, kind)
        assert row.outcome == "failed"
        assert row.error.startswith("FatalTextError: (its ")
        assert "in raise_fatal_text" in row.traceback
    assert told(sample_jobs.nothing).outcome == "executed"


FROZEN = [
    sample_jobs.raise_frozen,
    sample_jobs.raise_frozen_async,
    sample_jobs.raise_frozen_from_a_cause,
]


@pytest.mark.parametrize("timeout", [None, 20])
@pytest.mark.parametrize("func", FROZEN, ids=lambda func: func.__name__)
def test_an_exception_that_cannot_be_set_anything_is_the_outcome(told, func, timeout):
    row = told(func, timeout=timeout)
    assert (row.outcome, row.error) == ("failed", "FrozenError: 5")
    assert f"in {func.__name__}" in row.traceback
    assert "FrozenInstanceError" not in row.traceback
    assert ("FrozenError: 4" in row.traceback) is (func is sample_jobs.raise_frozen_from_a_cause)


def test_an_exception_that_lets_its_traceback_alone_be_set_is_the_outcome(told):
    row = told(sample_jobs.raise_traceback_only)
    assert (row.outcome, row.error) == ("failed", "TracebackOnlyError: q")


@pytest.mark.parametrize("timeout", [None, 20])
def test_an_exception_that_cannot_be_looked_at_costs_its_own_run_only(told, timeout):
    row = told(sample_jobs.raise_untouchable, timeout=timeout)
    assert row.outcome == "failed"
    assert "UntouchableError" in row.error
    assert told(sample_jobs.nothing, timeout=timeout).outcome == "executed"
