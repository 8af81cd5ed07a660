"""What a store knows of a job when somebody edits it, and what follows for its next fire time.

An edit that computes a next fire time from the clock does so while the store goes on claiming. So it is computed from
what the store says (a :class:`Standing`), written only if that is still so, and else computed again. What was claimed is
not handed out again: only a user who names an instant himself sets a job back to one that already ran.
"""

from __future__ import annotations

from apscheduler._engine.instants import NEVER, SECOND
from apscheduler._engine.records import Record
from apscheduler.triggers.wording import same_schedule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from apscheduler._engine.planning import Series
    from apscheduler.job import Job
    from apscheduler.triggers.base import BaseTrigger

    Change = Callable[["Standing"], dict[str, Any] | None]
    Revise = Callable[["Standing"], None]

CLOCK_ERROR = SECOND
"""So far (microseconds) the clocks of two processes of a cluster are apart at most; beyond, a clock was set."""

EDIT_TRIES = 50
"""So often an edit is computed again because others were faster; each try takes a moment of a busy job's."""


class Standing(Record):
    """A job as its store has it, for an edit to compute from.

    :ivar job: the stored job
    :ivar claimed: the newest of its fire times that were claimed (microseconds UTC), 0 where none is known
    :ivar offset: microseconds from this host's clock to the one that says when it is due
    """

    __slots__ = ("claimed", "job", "offset")

    def __init__(self, job: Job, claimed: int = 0, offset: int = 0) -> None:
        self.job = job
        self.claimed = claimed
        self.offset = offset


def begin_by_store(trigger: BaseTrigger, now: int, offset: int) -> None:
    """Have a trigger that read the time when it was made begin by the store's clock, where the host's is plainly wrong.

    :param now: by the store's clock, microseconds UTC
    :param offset: from the host's clock to it
    """
    if abs(offset) >= CLOCK_ERROR:
        trigger.begin_at(now)


def first_after(series: Series, now: int, standing: Standing, *, same: bool) -> int | None:
    """Return the first fire time from ``now`` on that was not claimed yet; ``None`` if there is none.

    :param now: by this host's clock, microseconds UTC
    :param same: whether the schedule is the one that the claims belong to. A new schedule does not wait for those
        that lie ahead because a clock was set back.
    """
    first = series.next_us(None, now + standing.offset)
    return _not_claimed(series, first, standing.claimed, same=same)


def pass_claims(job: Job, standing: Standing) -> None:
    """Move a job that is to replace the stored one past what was claimed, unless a user said when it runs first."""
    if job._shown is not None or job._due == NEVER or job._due > standing.claimed:
        return
    same = same_schedule(standing.job.trigger, job.trigger)
    following = _not_claimed(job._series(), job._due, standing.claimed, same=same)
    if following is not None:
        job._due = following


def hand_on_time(job: Job, standing: Standing) -> None:
    """Give a job the next fire time of the one that it replaces, if their triggers say the same."""
    if same_schedule(standing.job.trigger, job.trigger):
        job._due, job._shown = standing.job._due, standing.job._shown
    else:
        pass_claims(job, standing)


def _not_claimed(series: Series, first: int | None, claimed: int, *, same: bool) -> int | None:
    if first is None or first > claimed or (not same and claimed - first > CLOCK_ERROR):
        return first
    later = series.next_us(None, claimed + 1)
    return first if later is not None and later <= claimed else later
