"""How late jobs start, what that costs in processor time, and how many start at all."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta
from math import floor
from time import perf_counter, process_time, sleep, time
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

_starts: list[float] = []


def job(offset: float, note: Any = _starts.append, clock: Any = time) -> None:
    """Note when this run started, seen from its place within the second."""
    note(clock() - offset)


def spread(per_second: int, seconds: int) -> dict[str, float]:
    """So many jobs, each once a second, evenly spread over it; all options are the defaults."""
    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.start(paused=True)
    try:
        base = add_all(scheduler, per_second, spread_over=1.0, period=timedelta(seconds=1))
        scheduler.resume()
        _sleep_until(base)
        began = process_time()
        _sleep_until(base + seconds)
        cores = (process_time() - began) / seconds
        sleep(0.5)  # what is late still counts
        return measured(base, per_second, seconds) | {"cores": cores}
    finally:
        scheduler.shutdown()
        gc.collect()


def burst(count: int) -> dict[str, float]:
    """All jobs due at one instant that lies ahead."""
    scheduler = BackgroundScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None})
    scheduler.start(paused=True)
    try:
        base = add_all(scheduler, count, spread_over=0.0, period=timedelta(hours=1))
        scheduler.resume()
        _sleep_until(base)
        while len(_starts) < count and time() < base + 60:
            sleep(0.05)
        late = sorted(start - base for start in _starts)
        return {"p99_ms": late[floor(len(late) * 0.99)] * 1e3, "delivered": len(late) / count}
    finally:
        scheduler.shutdown()
        gc.collect()


def add_all(
    scheduler: Any, count: int, spread_over: float, period: timedelta, function: Any = job
) -> float:
    """Add the jobs and return the instant at which the first one is due, which is still ahead."""
    sample = min(count, 500)
    began = perf_counter()
    _add(scheduler, sample, datetime.now(UTC) + timedelta(hours=1), spread_over, period, function)
    needed = (perf_counter() - began) / sample * count * 1.5 + 1.0
    scheduler.remove_all_jobs()
    base = datetime.now(UTC) + timedelta(seconds=needed)
    _add(scheduler, count, base, spread_over, period, function)
    _starts.clear()
    gc.collect()
    if datetime.now(UTC) >= base:
        raise TimeoutError("adding the jobs took longer than its sample said")
    return base.timestamp()


def _add(
    scheduler: Any,
    count: int,
    base: datetime,
    spread_over: float,
    period: timedelta,
    function: Any,
) -> None:
    for number in range(count):
        offset = number / count * spread_over
        due = base + timedelta(seconds=offset)
        trigger = IntervalTrigger(
            seconds=round(period.total_seconds()), start_date=due, timezone=UTC
        )
        scheduler.add_job(function, trigger, (offset,), id=f"job-{number}", next_run_time=due)


def measured(base: float, per_second: int, seconds: int) -> dict[str, float]:
    since = [start - base for start in _starts]
    counted = [moment for moment in since if moment < seconds]
    late = sorted(moment % 1.0 for moment in counted)
    p99 = late[floor(len(late) * 0.99)] if late else float("inf")
    return {"p99_ms": p99 * 1e3, "delivered": len(counted) / (per_second * seconds)}


def _sleep_until(moment: float) -> None:
    left = moment - time()
    if left > 0:
        sleep(left)
