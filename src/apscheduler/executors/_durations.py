"""How long the calls of each function took so far: very short ones travel several in a message."""

from __future__ import annotations

from typing import Any

from apscheduler.executors._attempt import timeout_of
from apscheduler.executors._runner import Rest
from apscheduler.runs.claims import Claim

SHORT_SECONDS = 0.001
"""Calls that took less than this so far travel several in a message."""
_KNOWN_FUNCTIONS = 10_000


class Durations:
    """Seconds by function: a slow call counts at once, quick ones little by little."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def learn(self, job: Any, seconds: float) -> None:
        """Take note of a call that ended well."""
        function = _function_of(job)
        before = self._seconds.get(function)
        if before is None and len(self._seconds) >= _KNOWN_FUNCTIONS:
            self._seconds.clear()
        slow = before is None or seconds > before
        self._seconds[function] = seconds if slow else 0.8 * before + 0.2 * seconds  # type: ignore[operator]

    def of(self, job: Any) -> float:
        """Return how long a call of this job's function takes, a second where nothing is known."""
        return self._seconds.get(_function_of(job), 1.0)

    def is_short(self, item: Claim | Rest) -> bool:
        """Return whether an item is one call that will end very soon."""
        if isinstance(item, Rest) or len(item.fires) > 1 or timeout_of(item.job) is not None:
            return False
        return self.of(item.job) < SHORT_SECONDS


def _function_of(job: Any) -> str:
    """Return what is called, as far as durations are concerned: jobs of one function are alike."""
    return str(job.func_ref or job.id)
