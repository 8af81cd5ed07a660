"""Computes next fire times for edits of jobs, from what the store knows of the job (a :class:`Standing`).

While an edit computes a next fire time, the store goes on claiming. So the edit is written only if what the store knew
is still so; else it is computed again. What was claimed is not handed out again. Only a user can set a job back to an
instant at which it already ran, by naming that instant.
"""

from __future__ import annotations

from apscheduler._engine.instants import NEVER, SECOND
from apscheduler._engine.records import Record

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
"""Most microseconds between the clocks of two processes of a cluster; if they differ by more, a clock was set."""

EDIT_TRIES = 50
"""Number of times that an edit is tried if others change a busy job first; each try takes a moment."""


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
    """Make a trigger that read the time when it was made begin by the store's clock, if the host's is plainly wrong.

    :param now: the time by the store's clock, microseconds UTC
    :param offset: microseconds from the host's clock to the store's
    """
    if abs(offset) >= CLOCK_ERROR:
        trigger.begin_at(now)


def first_after(series: Series, now: int, standing: Standing, *, same: bool) -> int | None:
    """Return the first fire time from ``now`` on that was not claimed yet; ``None`` if there is none.

    :param now: the time by this host's clock, microseconds UTC
    :param same: whether the schedule is the one that the claims belong to. A new schedule does not wait for claims that
        lie ahead because a clock was set back.
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
    """Give a job the next fire time of the one that it replaces, if both have the same schedule."""
    if same_schedule(standing.job.trigger, job.trigger):
        job._due, job._shown = standing.job._due, standing.job._shown
    else:
        pass_claims(job, standing)


def same_schedule(one: BaseTrigger, other: BaseTrigger) -> bool:
    """Return whether users said the same about both triggers; the moments at which they were made do not count."""
    if one is other:
        return True
    return type(one) is type(other) and str(one) == str(other) and _limits(one) == _limits(other)


def _limits(trigger: BaseTrigger) -> list[str]:
    """Return what a trigger was given and does not always say in its own text."""
    return [str(getattr(trigger, name, None)) for name in ("timezone", "end_date", "jitter")]


def _not_claimed(series: Series, first: int | None, claimed: int, *, same: bool) -> int | None:
    if first is None or first > claimed or (not same and claimed - first > CLOCK_ERROR):
        return first
    later = series.next_us(None, claimed + 1)
    return first if later is not None and later <= claimed else later
