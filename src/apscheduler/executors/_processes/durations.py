"""Remembers how long the calls of each function took: several very short calls are sent in one message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apscheduler.executors._attempt.calling import timeout_of

if TYPE_CHECKING:
    from apscheduler.job import Job
    from apscheduler.runs.claims import Claim

SHORT_SECONDS = 0.001
"""Seconds. If a function's calls have taken less so far, several of them are sent in one message."""
_KNOWN_FUNCTIONS = 10_000


class Durations:
    """Seconds that a call takes, by function. A slow call raises the figure at once; quick ones lower it slowly."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def learn(self, job: Job, seconds: float) -> None:
        """Take note of a call that ended well."""
        function = _function_of(job)
        before = self._seconds.get(function)
        if before is None and len(self._seconds) >= _KNOWN_FUNCTIONS:
            self._seconds.clear()
        slow = before is None or seconds > before
        self._seconds[function] = seconds if slow else 0.8 * before + 0.2 * seconds  # type: ignore[operator]

    def of(self, job: Job) -> float:
        """Return how many seconds a call of this job's function takes, 1 if nothing is known of it."""
        return self._seconds.get(_function_of(job), 1.0)

    def is_short(self, claim: Claim) -> bool:
        """Return whether a claim is one call that will end very soon."""
        if len(claim.fires) > 1 or timeout_of(claim.job) is not None:
            return False
        return self.of(claim.job) < SHORT_SECONDS


def _function_of(job: Job) -> str:
    """Return the key for the job's function: jobs with the same function share their durations."""
    return str(job.func_ref or job.id)
