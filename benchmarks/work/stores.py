"""Schedulers whose jobs are in a SQL database: both run the same code."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter, sleep
from typing import Any

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from benchmarks.work.databases import engine, is_due, place

_ends: list[float] = []


def job(note: Any = _ends.append, clock: Any = perf_counter) -> None:
    """Each run notes its own end, so nobody has to watch while they run."""
    note(clock())


first_run: list[float] = []


def note_first(clock: Any = perf_counter) -> None:
    """The first run notes when it began."""
    if not first_run:
        first_run.append(clock())


def scheduler_of(url: str, table: str) -> Any:
    """A scheduler with ten threads (the default) and one SQL store with default options."""
    store = SQLAlchemyJobStore(url, tablename=table)
    return BackgroundScheduler(jobstores={"default": store}, timezone=UTC)


def descriptions(count: int, when: datetime, function: Any = job) -> Iterator[dict[str, Any]]:
    """The arguments of ``add_job`` for interval jobs that are due at one instant."""
    one = IntervalTrigger(hours=1, timezone=UTC)
    for number in range(count):
        yield {
            "func": function,
            "trigger": one,
            "id": f"job-{number}",
            "next_run_time": when,
            "misfire_grace_time": None,
        }


def fires(database: str, count: int) -> dict[str, float]:
    """From ``resume()`` until every job has run, is due later, and all of it is committed."""
    due = datetime.now(UTC) - timedelta(seconds=1)
    with place(database) as (url, table), _started(url, table) as scheduler:
        add(scheduler, descriptions(count, due))
        _ends.clear()
        gc.collect()
        began = perf_counter()
        scheduler.resume()
        _wait_for_runs(count, began + 200)
        _wait_for_commits(scheduler, url, table, count)
        return {"us": (perf_counter() - began) / count * 1e6}


def add(scheduler: Any, jobs: Iterator[dict[str, Any]]) -> None:
    """Add jobs in the fastest way that the scheduler has."""
    if hasattr(scheduler, "add_jobs"):
        scheduler.add_jobs(jobs)
        return
    for one in jobs:
        scheduler.add_job(**one)


@contextmanager
def _started(url: str, table: str) -> Iterator[Any]:
    scheduler = scheduler_of(url, table)
    scheduler.start(paused=True)
    try:
        yield scheduler
    finally:
        scheduler.shutdown()


def _wait_for_runs(count: int, deadline: float) -> None:
    while len(_ends) < count:
        if perf_counter() > deadline:
            raise TimeoutError(f"{len(_ends)} of {count} jobs had run")
        sleep(0.005)


def _wait_for_commits(scheduler: Any, url: str, table: str, count: int) -> None:
    """Wait for the new next run times, and for the outcomes of whoever keeps some."""
    deadline = perf_counter() + 30
    now = datetime.now(UTC).timestamp()
    with engine(url) as made, made.connect() as connection:
        while is_due(connection, table, now) or accounted(scheduler, count) < count:
            if perf_counter() > deadline:
                raise TimeoutError("the rows of jobs that have run did not come")
            sleep(0.005)


def accounted(scheduler: Any, count: int) -> int:
    """How many fire times have an outcome in the ledger; ``count`` where there is none."""
    if not hasattr(scheduler, "outcome_counts"):
        return count
    return sum(scheduler.outcome_counts().values())


def pending(database: str, count: int) -> dict[str, float]:
    """``add_job`` for each before the start, and the start, which writes them; the tables exist."""
    with place(database) as (url, table):
        with _started(url, table):
            pass
        scheduler = scheduler_of(url, table)
        jobs = list(descriptions(count, datetime.now(UTC) + timedelta(days=30)))
        gc.collect()
        began = perf_counter()
        for one in jobs:
            scheduler.add_job(**one)
        scheduler.start(paused=True)
        passed = perf_counter() - began
        scheduler.shutdown()
        return {"us": passed / count * 1e6}


def bulk(database: str, count: int) -> dict[str, float]:
    """One call of ``add_jobs`` while the scheduler runs, which the reference has not."""
    with place(database) as (url, table), _started(url, table) as scheduler:
        jobs = list(descriptions(count, datetime.now(UTC) + timedelta(days=30)))
        gc.collect()
        began = perf_counter()
        scheduler.add_jobs(jobs)
        return {"us": (perf_counter() - began) / count * 1e6}
