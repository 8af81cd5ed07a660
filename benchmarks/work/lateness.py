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
    forget()
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


def forget() -> None:
    """Forget the runs that were noted so far."""
    _starts.clear()


def measured(base: float, per_second: int, seconds: int, period: float = 1.0) -> dict[str, float]:
    """How late runs of jobs were that are due once a ``period``, and which share of the due ones began."""
    since = [start - base for start in _starts]
    counted = [moment for moment in since if moment < seconds]
    late = percentiles([moment % period for moment in counted])
    return late | {"delivered": len(counted) / (per_second * seconds)}


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return the middle, the 99th percentile and the longest, in milliseconds."""
    ordered = sorted(seconds) or [float("inf")]
    return {
        "p50_ms": ordered[len(ordered) // 2] * 1e3,
        "p99_ms": ordered[floor(len(ordered) * 0.99)] * 1e3,
        "longest_ms": ordered[-1] * 1e3,
    }


def _sleep_until(moment: float) -> None:
    left = moment - time()
    if left > 0:
        sleep(left)
