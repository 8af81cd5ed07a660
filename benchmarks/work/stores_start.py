"""Starts on stores that hold many jobs: how long until it runs, and until the first of many due jobs has run."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from apscheduler.triggers.date import DateTrigger
from benchmarks.work.databases import engine, is_due, place
from benchmarks.work.stores import add, descriptions, first_run, scheduler_of

_BATCH = 50_000


def waiting(database: str, count: int) -> dict[str, float]:
    """``start()`` until it returns, of a scheduler whose jobs are due in a month."""
    with place(database) as (url, table):
        _fill(url, table, count, one_shot=False)
        scheduler = scheduler_of(url, table)
        gc.collect()
        began = perf_counter()
        scheduler.start()
        passed = perf_counter() - began
        scheduler.shutdown()
        return {"ms": passed * 1e3}


def flood(database: str, count: int) -> dict[str, float]:
    """In a fresh process: ``start()`` until the first of many due one-shots, and its peak memory until the last."""
    with place(database) as (url, table):
        _fill(url, table, count, one_shot=True)
        command = [sys.executable, "-m", "benchmarks.work.stores_start", url, table]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        first, last, peak = map(float, done.stdout.split())
        return {"s": first, "us": last / count * 1e6, "peak_mb": peak}


def _fill(url: str, table: str, count: int, *, one_shot: bool) -> None:
    now = datetime.now(UTC)
    when = now - timedelta(seconds=1) if one_shot else now + timedelta(days=30)
    scheduler = scheduler_of(url, table)
    scheduler.start(paused=True)
    for first in range(0, count, _BATCH):
        size = min(_BATCH, count - first)
        add(scheduler, _numbered(size, first, when, one_shot=one_shot))
    scheduler.shutdown()


def _numbered(count: int, first: int, when: datetime, *, one_shot: bool) -> Any:
    function = "benchmarks.work.stores:note_first" if one_shot else "os:getpid"
    for number, description in enumerate(descriptions(count, when, function), first):
        if one_shot:
            description["trigger"] = DateTrigger(when)
        yield description | {"id": f"job-{number}"}


def _run_all(url: str, table: str) -> tuple[float, float]:
    """Return the seconds until the first run and until no job is left."""
    scheduler = scheduler_of(url, table)
    began = perf_counter()
    scheduler.start()
    with engine(url) as made, made.connect() as connection:
        while is_due(connection, table, datetime.now(UTC).timestamp()):
            sleep(0.1)
    last = perf_counter() - began
    scheduler.shutdown()
    return first_run[0] - began, last


def _peak_mb() -> float:
    """The most resident memory that this process ever had, in millions of bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        words = status.read_text("ascii").split()
        return int(words[words.index("VmHWM:") + 1]) * 1024 / 1e6
    # Elsewhere the number includes the process that this one was made from.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (peak if sys.platform == "darwin" else peak * 1024) / 1e6


if __name__ == "__main__":
    print(*_run_all(sys.argv[1], sys.argv[2]), _peak_mb(), flush=True)
    os._exit(0)
