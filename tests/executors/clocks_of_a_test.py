"""What tests need that move the clock by which calls in other people's processes are looked after."""

from __future__ import annotations

import time
from types import SimpleNamespace

from executors.pools_of_others import OfThisHost


class Clock:
    """The monotonic clock, and how far the test has moved it."""

    def __init__(self):
        self.ahead = 0.0
        self.stands_at = None

    def __call__(self):
        now = time.monotonic() if self.stands_at is None else self.stands_at
        return now + self.ahead


class Processes(OfThisHost):
    """A pool that has processes."""

    def __init__(self):
        super().__init__()
        self.killed = []
        self._processes = {
            number: SimpleNamespace(kill=lambda number=number: self.killed.append(number))
            for number in (1, 2)
        }


def submitted(executor, claim):
    assert executor.submit_claims([claim]) == []
    return executor._engine.open()[-1]


def look(clocks, clock, seconds=0.0):
    """Have them look after so many seconds more."""
    clock.ahead += seconds
    with clocks._lock:
        clocks._next = 0.0
    clocks.look_safely()
