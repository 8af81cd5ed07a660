"""What the applications of this folder tell the tests: one line of JSON at a time on standard output."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter

PATIENCE_SECONDS = 30


def report(**facts) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def ledger(scheduler) -> list[dict[str, object]]:
    """Return what our ledger knows of the scheduler's runs, oldest first."""
    runs = scheduler.get_runs(limit=10_000)
    return [
        {"job": run.job_id, "fire_time": run.fire_time.timestamp(), "outcome": str(run.outcome)}
        for run in reversed(runs)
    ]


class Tally:
    """Counts by name, and lets others wait until a count is reached."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._changed = threading.Condition()

    def add(self, name: str) -> None:
        with self._changed:
            self._counts[name] += 1
            self._changed.notify_all()

    def __getitem__(self, name: str) -> int:
        with self._changed:
            return self._counts[name]

    def reached(self, name: str, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._counts[name] >= count, PATIENCE_SECONDS)
