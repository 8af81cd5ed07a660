"""Says how many claims an executor can start soon: its free slots, and those that short jobs will free.

A node that shares a store claims what it can start and leaves the rest to others. If it counted free slots only, ten
threads would need a transaction for every ten runs. But with jobs of a millisecond they start hundreds of runs in the
time of one transaction. So the mean of recent run times says how many start within ``AHEAD``. A crash loses at most
that many more.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from apscheduler.executors.base import BaseExecutor

AHEAD: Final = 25_000
"""Microseconds of work that may wait in an executor's queue."""
_OVERHEAD: Final = 15
"""Microseconds that a run takes beside its function. More workers do not shorten it: they share one interpreter."""
_MEMORY: Final = 64
"""Number of recent runs in the mean, about: one run that waited for the interpreter must not halve the next batch."""
UNLIMITED: Final = 2_000
"""Claims at a time for an executor that cannot say how many it can start."""


class Pace:
    """Mean run times by executor alias. Any thread reports; a lost report does not matter."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}

    def ran(self, alias: str, microseconds: int) -> None:
        """Take note of how long a run took."""
        mean = self._means.get(alias)
        self._means[alias] = (
            float(microseconds) if mean is None else mean + (microseconds - mean) / _MEMORY
        )

    def slots(self, alias: str, executor: BaseExecutor) -> int:
        """Return how many claims this executor can start soon."""
        free = executor.free_slots()
        if free is None:
            return UNLIMITED
        mean = self._means.get(alias)
        if mean is None:
            return max(0, int(free))
        workers = executor.capacity or 1
        ahead = int(AHEAD / max(mean / workers, _OVERHEAD))
        return max(0, int(free) + ahead)
