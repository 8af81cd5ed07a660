"""Finds out whether the host's clock was set since the loop last looked, and logs what that did to a store's jobs.

Stores that processes share go by a clock of their own. The others go by the host's clock. If it is set forward, the
jobs of the time that was skipped become due at once. If it is set back, jobs wait until their times come again. Both
are logged.
"""

from __future__ import annotations

import logging

from apscheduler._engine.instants import NEVER, SECOND
from apscheduler.clocks import boot_us, counts_sleep, monotonic_ns
from apscheduler.logs import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from apscheduler.job import Job
    from apscheduler.jobstores.base import ClaimBatch


_APART: Final = SECOND // 2
_CAN_TELL: Final = counts_sleep()
"""Whether :func:`boot_us` goes on while the machine sleeps; if not, a sleep would look like a clock that was set."""


class ClockSteps:
    """What the loop knows of the host's clock. Used by the loop's thread.

    :ivar step: microseconds by which the clock was set before this pass (negative: back); 0 for less than a second
    """

    def __init__(self) -> None:
        self.step = 0
        self._base: int | None = None
        self._asked_at = NEVER
        self._asked_ticks = 0
        self._found: dict[str, int] = {}

    def pass_began(self, now: int, *, is_real: bool) -> None:
        """Called when a pass begins: look whether the clock was set.

        :param is_real: whether ``now`` is the host's clock
        """
        self.step = 0
        # boot_us() costs a system call, and there may be ten thousand passes a second. So it is called at most twice a
        # second, and when `now` itself shows a step of the clock.
        ticks = monotonic_ns() // 1000
        if 0 <= now - self._asked_at < _APART and ticks - self._asked_ticks < _APART:
            return
        self._asked_at, self._asked_ticks = now, ticks
        if not is_real or not _CAN_TELL:
            self._base = None
            return
        base, known = now - boot_us(), self._base
        self._base = base
        if known is not None and not -SECOND < base - known < SECOND:
            self.step = base - known

    def found(self, alias: str, lanes: dict[str, list[Job]], batch: ClaimBatch) -> None:
        """Count the fire times that a store found to be due; called before they are handed over."""
        count = sum(len(jobs) for jobs in lanes.values())
        count += sum(len(claim.fires) for claim in batch.claims)
        count += sum(len(fires) for _, fires in batch.skipped)
        count += sum(len(results) for _, results in batch.refused)
        count += sum(rollup.count for _, _, rollup in batch.rolled)
        count += sum(drop.count for _, drops in batch.dropped for drop in drops)
        self._found[alias] = self._found.get(alias, 0) + count

    def tell(self, alias: str, logger: logging.Logger) -> None:
        """Log in one line what the step did to the jobs of a store."""
        found = self._found.pop(alias, 0)
        seconds = abs(self.step) / SECOND
        if self.step > 0:
            said = "The clock of this host was set forward by %.1f s: in job store %r %s at once"
            what = "1 fire time became due" if found == 1 else f"{found} fire times became due"
        else:
            said = "The clock of this host was set back by %.1f s: in job store %r %s"
            what = "jobs wait until it comes to their times again"
        say(logger, logging.WARNING, said, seconds, alias, what)
