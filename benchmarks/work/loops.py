"""Schedulers in an asyncio loop: how long they hold it up, how late their coroutines start, what that costs."""

from __future__ import annotations

import asyncio
import gc
from datetime import UTC, datetime, timedelta
from time import process_time, time
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from benchmarks.work import lateness
from benchmarks.work.slow_database import slow_database

_EVERY = 0.001
_STORED_PER_SECOND = 4  # runs out of the slow store: more than five are more than the reference can
_PERIOD = 3  # seconds between two runs of a job in it: none may be later than that
_STORED = _STORED_PER_SECOND * _PERIOD
_HEAD_START = timedelta(seconds=5)  # the slow store takes two or three seconds to be filled


async def job(offset: float) -> None:
    """Note when this run started, as the plain job does."""
    lateness.job(offset)


class Probe:
    """A timer of the program's own, each millisecond; a stall is how much later than asked for it comes."""

    def __init__(self) -> None:
        self.stalls: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._ask()

    def _ask(self) -> None:
        self._due = self._loop.time() + _EVERY
        self._handle = self._loop.call_at(self._due, self._come)

    def _come(self) -> None:
        self.stalls.append(self._loop.time() - self._due)
        self._ask()

    def metrics(self) -> dict[str, float]:
        """End it and return what it saw, in milliseconds."""
        self._handle.cancel()
        return {f"stall_{name}": value for name, value in lateness.percentiles(self.stalls).items()}


def spread(per_second: int, seconds: int) -> dict[str, float]:
    """So many coroutine jobs, each once a second, evenly spread over it; all options are the defaults."""
    return asyncio.run(_spread(per_second, seconds))


async def _spread(per_second: int, seconds: int) -> dict[str, float]:
    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.start(paused=True)
    try:
        base = lateness.add_all(scheduler, per_second, 1.0, timedelta(seconds=1), job)
        scheduler.resume()
        await asyncio.sleep(base - time())
        gc.freeze()  # what the jobs themselves are is no part of a stall, on either side
        probe, began = Probe(), process_time()
        await asyncio.sleep(base + seconds - time())
        cores = (process_time() - began) / seconds
        metrics = probe.metrics()
        await asyncio.sleep(0.5)  # what is late still counts
        late = delivered(lateness.measured(base, per_second, seconds))
        return late | metrics | {"cores": cores}
    finally:
        scheduler.shutdown()
        gc.unfreeze()
        gc.collect()


def slow_store(seconds: int) -> dict[str, float]:
    """Four runs a second out of a database each of whose statements takes 50 ms, for a multiple of 3 seconds."""
    with slow_database() as engine:
        return asyncio.run(_slow_store(engine, seconds))


async def _slow_store(engine: Any, seconds: int) -> dict[str, float]:
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

    store = SQLAlchemyJobStore(engine=engine)
    scheduler = AsyncIOScheduler(timezone=UTC, jobstores={"default": store})
    first = datetime.now(UTC) + _HEAD_START
    base = first.timestamp()
    for number in range(_STORED):
        offset = number / _STORED * _PERIOD
        due = first + timedelta(seconds=offset)
        options = {"id": f"job-{number}", "misfire_grace_time": None}
        scheduler.add_job(job, "interval", (offset,), seconds=_PERIOD, next_run_time=due, **options)
    lateness.forget()
    scheduler.start()
    try:
        await asyncio.sleep(base - time())
        probe = Probe()
        await asyncio.sleep(base + seconds - time())
        metrics = probe.metrics()
        await asyncio.sleep(_PERIOD)  # what is late still counts
        return delivered(lateness.measured(base, _STORED_PER_SECOND, seconds, _PERIOD)) | metrics
    finally:
        await _stopped(scheduler)


async def _stopped(scheduler: Any) -> None:
    """Stop; where that can be awaited no thread is left that goes on trying the database in later rounds."""
    if hasattr(scheduler, "ashutdown"):
        await scheduler.ashutdown()
    else:
        scheduler.shutdown()


def delivered(metrics: dict[str, float]) -> dict[str, float]:
    """Refuse a measurement in which not all due runs began: who leaves some out holds up no loop."""
    if metrics["delivered"] < 0.95:
        raise RuntimeError(f"only {metrics['delivered']:.0%} of the due runs began")
    return metrics
