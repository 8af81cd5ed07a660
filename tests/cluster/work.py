"""What the jobs of these tests do: tell the outside judge, in a file, that they started and ended."""

from __future__ import annotations

import os
import time
from pathlib import Path

from cluster.support.judge import mark

from apscheduler import current_run
from apscheduler._engine.instants import to_us


def run(log: str, seconds: float = 0.0) -> None:
    """Mark the start, take a while, mark the end."""
    told = current_run()
    fire = to_us(told.scheduled_time)
    mark(log, told.job_id, fire, told.token, told.attempt, "start")
    if seconds:
        time.sleep(seconds)
    mark(log, told.job_id, fire, told.token, told.attempt, "end")


def run_as_told(log: str) -> None:
    """Do the same, for as long as a file beside the marks says now."""
    run(log, float(Path(f"{log}.seconds").read_text(encoding="ascii")))


def die_at_first(log: str) -> None:
    """Mark the start, and kill the process at the first attempt."""
    told = current_run()
    fire = to_us(told.scheduled_time)
    mark(log, told.job_id, fire, told.token, told.attempt, "start")
    if told.attempt == 1:
        os.kill(os.getpid(), 9)
    mark(log, told.job_id, fire, told.token, told.attempt, "end")
