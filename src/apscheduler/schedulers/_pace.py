"""How many claims an executor can start soon: its free slots, and those that short jobs will have freed.

A node that shares a store claims what it can start and leaves the rest to others. Were that the free slots alone, ten
threads would mean a transaction per ten runs; with jobs of a millisecond they start hundreds in the time of one.
So the mean run time of late says how many start within ``AHEAD``. A crash loses at most that much more.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

AHEAD: Final = 25_000
"""Microseconds of work that may wait in an executor's queue."""
_OVERHEAD: Final = 15
"""Microseconds that a run takes beside its function: threads share one interpreter."""
_MEMORY: Final = 64
"""Over about so many runs the mean goes: one that the interpreter left waiting in its middle must not halve a page."""
UNLIMITED: Final = 2_000
"""For executors that cannot say."""


class Pace:
    """Mean run times by executor alias. Any thread reports; a lost report does not matter."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}

    def ran(self, alias: str, microseconds: int) -> None:
        """Take note of a run."""
        mean = self._means.get(alias)
        self._means[alias] = (
            float(microseconds) if mean is None else mean + (microseconds - mean) / _MEMORY
        )

    def slots(self, alias: str, executor: Any) -> int:
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
