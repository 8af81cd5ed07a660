"""Bytes per job, as the operating system sees them, in a fresh process each time."""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path


def per_job(count: int, *, shared: bool) -> dict[str, float]:
    """Resident bytes that each of many jobs adds; ``shared``: all have one trigger."""
    command = [sys.executable, "-m", "benchmarks.work.memory", str(count), str(int(shared))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"bytes": float(done.stdout)}


def _resident() -> int:
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text("ascii").split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _fill(count: int, *, shared: bool) -> float:
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.interval import IntervalTrigger
    from benchmarks.work.jobs import job

    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.start(paused=True)
    far, one = datetime.now(UTC) + timedelta(days=30), IntervalTrigger(hours=1, timezone=UTC)
    scheduler.add_job(job, one, id="first", next_run_time=far)
    before = _resident()
    for number in range(count):
        trigger = one if shared else IntervalTrigger(hours=1, timezone=UTC)
        when = far + timedelta(seconds=number)
        scheduler.add_job(job, trigger, id=f"job-{number}", next_run_time=when)
    return (_resident() - before) / count


if __name__ == "__main__":
    print(_fill(int(sys.argv[1]), shared=bool(int(sys.argv[2]))))
