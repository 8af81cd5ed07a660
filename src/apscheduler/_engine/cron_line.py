"""CronTrigger's rule for clocks that are moved: a cron table laid along the UTC line.

It fires at every instant whose wall time matches, so in a fold at both. A wall time that never comes is
looked at only where the calendar walk jumps right onto it, which is 3.11.3's rule, observed from outside:

- The first matching wall time of a gap fires once, at the instant it would have had under the offset before the gap
  (02:30 of a gap from 02:00 to 03:00 fires at 03:30), unless a match that exists comes no later.
- It does not fire where the schedule reaches the gap by counting on: with ``hour=*`` the hour before the gap
  matches, so 02:xx is passed over like any hour that has no match. Same with days at midnight gaps.

So there is one series for a schedule and a zone, whatever instant it is asked from.
"""

from __future__ import annotations

from datetime import date

from apscheduler._engine.cron import CronTable
from apscheduler._engine.cron_days import FIRST_YEAR
from apscheduler._engine.instants import DAY, HOUR, LATEST
from apscheduler._engine.zones import Window, ZoneLine

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_REACH = 2 * DAY
"""Wall times come again, or are jumped over, by less than this."""
_WALKED = 50
"""Fewer fire times than this are counted one by one: a rare schedule need not know all clock changes between."""


def next_fire(table: CronTable, line: ZoneLine, start: int) -> int | None:
    """Return the first fire time at or after the instant ``start``, ``None`` if there is none."""
    while start <= LATEST:
        window = line.window(start)
        found = table.next_local(start + window.offset)
        if found is None:
            if window.end > start + _REACH:
                return None
        else:
            fire = found - window.offset
            if fire < window.end:
                return fire if fire <= LATEST else None
            if fire > start + 2 * _REACH and window.end > start + _REACH:  # nothing comes before it
                start = fire - _REACH
                continue
            jumped = _in_gap(table, line, window, found)
            if jumped is not None:
                return jumped
        start = window.end
    return None


def latest_match(table: CronTable, line: ZoneLine, instant: int, floor: int) -> int | None:
    """Return the last instant from ``floor`` to ``instant`` whose wall time matches, gaps left aside."""
    while instant >= floor:
        window = line.window(instant)
        local = instant + window.offset
        found = table.previous_local(local)
        if found is None:
            if window.start < instant - _REACH:
                return None
        else:
            if found - window.offset >= max(window.start, floor):
                return found - window.offset
            if found < local - 2 * _REACH and window.start < instant - _REACH:
                instant = found - window.offset + _REACH
                continue
        instant = window.start - 1
    return None


def latest_fire(table: CronTable, line: ZoneLine, first: int, now: int) -> int:
    """Return the last fire time <= ``now`` of the series that begins with ``first`` (<= ``now``)."""
    latest = latest_match(table, line, now, first)
    if latest is None:
        latest = first
    # Only the fire of a gap can still come after the last match.
    following = next_fire(table, line, latest + 1)
    while following is not None and following <= now:
        latest = following
        following = next_fire(table, line, latest + 1)
    return latest


def count_fires(table: CronTable, line: ZoneLine, first: int, last: int, limit: int) -> int:
    """Return how many fire times lie in ``first < instant <= last``, counted up to ``limit``."""
    count = 0
    fire = next_fire(table, line, first + 1)
    while fire is not None and fire <= last and count < _WALKED:
        count += 1
        fire = next_fire(table, line, fire + 1)
    if count < _WALKED:
        return min(count, limit)
    return _count_by_windows(table, line, first, last, limit)


def _count_by_windows(table: CronTable, line: ZoneLine, first: int, last: int, limit: int) -> int:
    count = 0
    before: Window | None = None
    for window in line.windows(first + 1, last):
        start, end, offset = window
        if before is not None and before.offset < offset:
            found = table.next_local(start + before.offset)
            jumped = None if found is None else _in_gap(table, line, before, found)
            if jumped is not None and first < jumped <= last:
                count += _is_extra(table, line, jumped)
        low, high = max(start, first + 1), min(end, last + 1)
        count += table.count_local(low + offset, high + offset, limit)
        if count >= limit:
            return limit
        before = window
    return count


def _is_extra(table: CronTable, line: ZoneLine, instant: int) -> bool:
    local = instant + line.offset(instant)
    return table.next_local(local) != local


def _in_gap(table: CronTable, line: ZoneLine, window: Window, found: int) -> int | None:
    """Return the instant at which the match ``found`` fires, if it lies in the gap after the window and fires at all."""
    after = line.window(window.end)
    if not window.end + window.offset <= found < window.end + after.offset:
        return None
    if _counted_on(table, window.end + window.offset - 1, found):
        return None
    fire = found - window.offset
    exists = table.next_local(window.end + after.offset)
    if exists is not None and exists - after.offset < min(fire, after.end):
        return None
    return fire


def _counted_on(table: CronTable, before: int, found: int) -> bool:
    """Return whether the walk counts on from the last wall time before a gap instead of jumping to ``found``.

    It does where the highest field in which the two differ matches before the gap too.
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
