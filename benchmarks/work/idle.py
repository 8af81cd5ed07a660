"""What a scheduler does while nothing is due."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from time import process_time, sleep


def waiting(jobs: int, seconds: float, copies: int) -> dict[str, float]:
    """Medians of several processes that wait at the same time."""
    command = [sys.executable, "-m", "benchmarks.work.idle", str(jobs), str(seconds)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(copies)]
    answers = [process.communicate()[0].split() for process in running]
    return {
        "wakeups": statistics.median(float(answer[0]) for answer in answers),
        "cpu_ms": statistics.median(float(answer[1]) for answer in answers),
    }


def _wait(jobs: int, seconds: float) -> tuple[float, float]:
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.interval import IntervalTrigger
    from benchmarks.work.jobs import job

    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.start()
    far, one = datetime.now(UTC) + timedelta(days=30), IntervalTrigger(hours=1, timezone=UTC)
    for number in range(jobs):
        when = far + timedelta(seconds=number)
        scheduler.add_job(job, one, id=f"job-{number}", next_run_time=when)
    sleep(1)
    switches, cpu = _switches(), process_time()
    sleep(seconds)
    # One switch is this thread's own sleep.
    return (_switches() - switches - 1) / seconds, (process_time() - cpu) / seconds * 1e3


def _switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


if __name__ == "__main__":
    print(*_wait(int(sys.argv[1]), float(sys.argv[2])))
