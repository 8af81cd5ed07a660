"""What a schedule does where its zone's clock is moved: at wall times that come twice, or never.

Each rule says whether a wall time that comes twice fires both times. It also says at which instant a matching wall time
that is jumped over fires instead, if at all. A gap gives one fire at most.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from apscheduler._engine.cron import CronTable
from apscheduler._engine.cron_days import FIRST_YEAR
from apscheduler._engine.instants import DAY, HOUR
from apscheduler._engine.zones import Window

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

InsteadOf = Callable[[CronTable, Window, Window, int], "int | None"]


class ClockRule(NamedTuple):
    """One of the rules below.

    :ivar repeats: whether a wall time that comes twice fires both times, not only the first
    :ivar instead_of: a function of ``(table, before, after, found)``. ``found`` is the first match in the gap between
        the windows ``before`` and ``after``; the function returns the instant at which it fires, ``None`` if it does
        not. ``None`` instead of a function: no match in a gap fires
    """

    repeats: bool
    instead_of: InsteadOf | None


def _as_if_unmoved(table: CronTable, before: Window, after: Window, found: int) -> int | None:
    """Return the instant that ``found`` would have had under the offset before the gap (3.11.3's rule).

    The rule was observed from outside. The first matching wall time of a gap fires once (02:30 of a gap from 02:00 to
    03:00 fires at 03:30), unless a match that exists comes no later. It does not fire where 3.x's search reaches the
    gap by counting on: with ``hour=*`` the hour before the gap matches, so 02:xx is passed over like any hour that has
    no match. The same holds for days where the gap is at midnight.
    """
    if _counted_on(table, before.end + before.offset - 1, found):
        return None
    return fire_of_gap(table, before, after, found)


def fire_of_gap(table: CronTable, before: Window, after: Window, found: int) -> int | None:
    """Return the instant that ``found`` would have had without the gap, unless a match that exists comes no later."""
    fire = found - before.offset
    exists = table.next_local(before.end + after.offset)
    if exists is not None and exists - after.offset < min(fire, after.end):
        return None
    return fire


def _at_its_end(_table: CronTable, before: Window, _after: Window, _found: int) -> int:
    return before.end


UTC_LINE = ClockRule(repeats=True, instead_of=_as_if_unmoved)
"""CronTrigger's rule: every instant whose wall time matches, and some wall times of gaps (:func:`_as_if_unmoved`)."""

ELAPSED = ClockRule(repeats=True, instead_of=None)
"""Every instant whose wall time matches, and no other: schedules that count hours or minutes go on as before."""

ONCE = ClockRule(repeats=False, instead_of=None)
"""Each wall time once, the first time it comes; not at all if it never comes (OCPS 1.4)."""

ONCE_AND_NEVER_LOST = ClockRule(repeats=False, instead_of=_at_its_end)
"""Each wall time once, the first time it comes; at the end of the gap if it never comes (Debian's cron)."""


def _counted_on(table: CronTable, before: int, found: int) -> bool:
    """Return whether 3.x's search counts on from the last wall time before a gap instead of jumping to ``found``.

    It counts on if the highest field in which the two wall times differ matches before the gap too.
    """
    if before // HOUR == found // HOUR:
        return False
    day = before // DAY
    if day == found // DAY:
        return bool(table.hours >> before % DAY // HOUR & 1)
    earlier = date.fromordinal(day + _EPOCH_ORDINAL)
    later = date.fromordinal(found // DAY + _EPOCH_ORDINAL)
    if earlier.year != later.year:
        return earlier.year < FIRST_YEAR or bool(table.years >> (earlier.year - FIRST_YEAR) & 1)
    if earlier.month != later.month:
        return bool(table.months >> earlier.month & 1)
    return bool(table.days.dates(earlier.year, earlier.month) >> (earlier.day - 1) & 1)
