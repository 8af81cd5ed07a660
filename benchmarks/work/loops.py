"""Schedulers in an asyncio loop: how long they hold it up, how late their coroutines start, what that costs."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import floor
from pathlib import Path
from time import process_time, sleep, time
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from benchmarks.work import lateness

_EVERY = 0.001
_STATEMENT = 0.05


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
        stalls = sorted(self.stalls)
        return {
            "stall_p99_ms": stalls[floor(len(stalls) * 0.99)] * 1e3,
            "stall_longest_ms": stalls[-1] * 1e3,
        }


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
        return lateness.measured(base, per_second, seconds) | metrics | {"cores": cores}
    finally:
        scheduler.shutdown()
        gc.unfreeze()
        gc.collect()


def slow_store(seconds: int) -> dict[str, float]:
    """Ten jobs a second in a database each of whose statements takes 50 ms."""
    with _database() as engine:
        return asyncio.run(_slow_store(engine, seconds))


async def _slow_store(engine: Any, seconds: int) -> dict[str, float]:
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

    store = SQLAlchemyJobStore(engine=engine)
    scheduler = AsyncIOScheduler(timezone=UTC, jobstores={"default": store})
    for number in range(10):
        due = datetime.now(UTC) + timedelta(seconds=2 + number / 10)
        options = {"id": f"job-{number}", "misfire_grace_time": None}
        scheduler.add_job(nothing, "interval", seconds=1, next_run_time=due, **options)
    scheduler.start()
    try:
        await asyncio.sleep(0.5)
        probe = Probe()
        await asyncio.sleep(seconds + 1)
        return probe.metrics()
    finally:
        scheduler.shutdown()


async def nothing() -> None:
    """A job that costs nothing."""


@contextmanager
def _database() -> Iterator[Any]:
    from sqlalchemy import create_engine, event

    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{Path(folder, 'jobs.db')}")
        event.listen(engine, "before_cursor_execute", lambda *_: sleep(_STATEMENT))
        try:
            yield engine
        finally:
            engine.dispose()
