"""The plan: what becomes of a job's due fire times at one instant. A pure function of its arguments.

A job's due times up to ``now`` are a series that begins with its next fire time. Each member of it is put
into exactly one group, and the job gets a new next fire time after ``now``:

    run         handed to the executor together, in order; the worker still decides lateness where it starts
    coalesced   rolled into the last one because the job says ``coalesce``
    missed      beyond the limit on catch-up work (without ``coalesce``); runs that are only late are left to the worker

Jobs that obey calendars have a fourth group, ``dropped``; open_planning.py sorts theirs.

The work is constant with coalesce where the trigger can look backwards, and bounded otherwise.
"""

from __future__ import annotations

from collections import deque

from apscheduler._engine.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Series(Protocol):
        """What planning asks of a trigger, on integer microseconds."""

        def next_us(self, previous: int | None, now: int) -> int | None:
            """Return the fire time after ``previous``."""

        def latest_us(self, first: int, now: int) -> int | None:
            """Return the last member <= ``now`` of the series from ``first``, ``None`` if it cannot look backwards."""

        def count_us(self, first: int, last: int, limit: int) -> int:
            """Return the number of members from ``first`` to ``last``."""


COUNT_LIMIT = 10_000
"""Fire times are counted up to this number; a larger count is given as this number."""

CERTAIN_MISSES = 100
"""How many fire times that are already too late are handed on one by one; older ones become one record."""

WALK_LIMIT = 1_000_000
"""How many fire times of a trigger that cannot look backwards are walked through; then it goes on from ``now``."""


class Rollup(Record):
    """Neighbouring fire times that share one fate.

    :ivar count: how many (at most ``COUNT_LIMIT`` are counted)
    :ivar reason: why, ``None`` for the usual reason of this fate
    """

    __slots__ = ("count", "first", "last", "reason")

    def __init__(self, count: int, first: int, last: int, reason: str | None = None) -> None:
        self.count = count
        self.first = first
        self.last = last
        self.reason = reason


class Drop(Record):
    """Neighbouring fire times that a calendar drops.

    :ivar count: how many (at most ``COUNT_LIMIT`` are counted)
    :ivar reason: which calendar, and why
    """

    __slots__ = ("count", "first", "last", "reason")

    def __init__(self, count: int, first: int, last: int, reason: str) -> None:
        self.count = count
        self.first = first
        self.last = last
        self.reason = reason


class Plan(Record):
    """What becomes of the due fire times, and the next one after them (``None``: no more)."""

    __slots__ = ("coalesced", "dropped", "missed", "next", "run")

    def __init__(
        self,
        run: list[int],
        next: int | None,
        coalesced: Rollup | None = None,
        missed: Rollup | None = None,
        dropped: list[Drop] | None = None,
    ) -> None:
        self.run = run
        self.next = next
        self.coalesced = coalesced
        self.missed = missed
        self.dropped = dropped

    @property
    def is_plain(self) -> bool:
        """Whether all due fire times run."""
        return self.coalesced is None and self.missed is None and self.dropped is None


def plan(
    trigger: Series, due: int, now: int, *, coalesce: bool, grace: int | None, limit: int
) -> Plan:
    """Return the plan for the series that begins at ``due`` (<= ``now``).

    :param grace: how late a run may start, in microseconds; ``None`` for no limit
    :param limit: how many fire times may run in one go without coalesce
    """
    following = fire_after(trigger, due, now)
    if following is None or following > now:
        return Plan([due], following)
    latest = trigger.latest_us(due, now)
    if latest is None:
        return _walked_forward(trigger, due, now, 1 if coalesce else limit, coalesce=coalesce)
    run = [latest] if coalesce else _walked_back(trigger, due, latest, now, grace, limit)
    rolled = _rollup_before(trigger, due, run[0])
    after = fire_after(trigger, latest, now)
    return Plan(run, after, coalesced=rolled) if coalesce else Plan(run, after, missed=rolled)


def without(plan: Plan, since: int, reason: str) -> Plan:
    """Return the plan without the runs before ``since``: they and what was rolled into them are missed."""
    gone = [fire for fire in plan.run if fire < since]
    if not gone:
        return plan
    rolled = [each for each in (plan.coalesced, plan.missed) if each is not None]
    count = min(sum(each.count for each in rolled) + len(gone), COUNT_LIMIT)
    first = min([gone[0], *(each.first for each in rolled)])
    record = Rollup(count, first, gone[-1], reason)
    return Plan(plan.run[len(gone) :], plan.next, missed=record, dropped=plan.dropped)


def fire_after(trigger: Series, previous: int, now: int) -> int | None:
    """Return the next fire time, never one at or before ``previous``, so that the series always goes on."""
    following = trigger.next_us(previous, now)
    if following is not None and following <= previous:
        following = trigger.next_us(previous, previous + 1)
        if following is not None and following <= previous:
            return None
    return following


def previous_member(trigger: Series, due: int, instant: int) -> int:
    """Return the member before ``instant`` (> ``due``) of the series from ``due``."""
    before = trigger.latest_us(due, instant - 1)
    return due if before is None else before


def _rollup_before(trigger: Series, due: int, instant: int) -> Rollup | None:
    """Return the record of all members before ``instant``."""
    if instant <= due:
        return None
    last = previous_member(trigger, due, instant)
    return Rollup(trigger.count_us(due, last, COUNT_LIMIT), due, last)


def _walked_back(
    trigger: Series, due: int, latest: int, now: int, grace: int | None, limit: int
) -> list[int]:
    """Return the last members of the series, in order: at most ``limit``, about ``CERTAIN_MISSES`` of them too late."""
    run, late = [latest], 0
    while run[-1] > due and len(run) < limit and late < CERTAIN_MISSES:
        before = previous_member(trigger, due, run[-1])
        if grace is not None and now - before > grace:
            late += 1
        run.append(before)
    run.reverse()
    return run


def _walked_forward(trigger: Series, due: int, now: int, keep: int, *, coalesce: bool) -> Plan:
    """Return the plan for a trigger that cannot look backwards, keeping the last ``keep`` members."""
    run, rolled, last_rolled = deque([due]), 0, due
    following = fire_after(trigger, due, now)
    while following is not None and following <= now:
        run.append(following)
        if len(run) > keep:
            last_rolled, rolled = run.popleft(), rolled + 1
        if rolled + len(run) > WALK_LIMIT:
            following = trigger.next_us(None, now + 1)
            if following is not None and following <= now:  # it ignores now: walk on next time
                following = fire_after(trigger, run[-1], now)
            break
        following = fire_after(trigger, following, now)
    record = Rollup(min(rolled, COUNT_LIMIT), due, last_rolled) if rolled else None
    if coalesce:
        return Plan(list(run), following, coalesced=record)
    return Plan(list(run), following, missed=record)
