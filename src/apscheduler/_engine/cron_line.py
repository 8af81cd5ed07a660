"""A cron table laid along the UTC line of a zone: the fire times, forwards, backwards and counted.

Between two changes of the clock, instants and wall times differ by a constant, so the table is asked window by window.
What happens at the changes is the clock rule's. A schedule, a zone and a rule make one set of fire times: ``next_fire``
gives its first member from an instant on, ``previous_fire`` its last one up to an instant.
"""

from __future__ import annotations

from apscheduler._engine.clock_rules import ClockRule
from apscheduler._engine.cron import CronTable
from apscheduler._engine.instants import DAY, LATEST
from apscheduler._engine.zones import EARLIEST, Window, ZoneLine

_REACH = 2 * DAY
"""Two days in microseconds: no clock is moved by as much."""
_WALKED = 50
"""Fewer fire times than this are counted one by one, so that a rare schedule does not ask for all clock changes."""


def next_fire(table: CronTable, line: ZoneLine, rule: ClockRule, start: int) -> int | None:
    """Return the first fire time at or after the instant ``start``, ``None`` if there is none."""
    while start <= LATEST:
        window = line.window(start)
        late = None
        if start < window.start + _REACH:
            start, late = _after_change(table, line, rule, window, start)
            if start >= window.end and late is None:
                continue
        found = table.next_local(start + window.offset)
        if found is None:
            if late is not None or window.end > start + _REACH:
                return late
        else:
            fire = found - window.offset
            if late is not None and late <= fire:
                return late
            if fire < window.end:
                return fire if fire <= LATEST else None
            if fire > start + 2 * _REACH and window.end > start + _REACH:  # nothing comes before it
                start = fire - _REACH
                continue
            jumped = _in_gap(table, line, rule, window, found)
            if jumped is not None:
                return jumped
        start = window.end
    return None


def previous_fire(
    table: CronTable, line: ZoneLine, rule: ClockRule, instant: int, floor: int
) -> int | None:
    """Return the last fire time from ``floor`` to ``instant``, ``None`` if there is none."""
    floor = max(floor, EARLIEST)
    while instant >= floor:
        window = line.window(instant)
        local = instant + window.offset
        found = table.previous_local(local)
        if found is not None and found - window.offset >= window.start + _REACH:
            return found - window.offset if found - window.offset >= floor else None
        near = _near_change(table, line, rule, window, instant, found)
        if near is not None:
            return near if near >= floor else None
        if window.start < instant - _REACH:
            if found is None:
                return None
            if found < local - 2 * _REACH:
                instant = min(found - window.offset + _REACH, window.start - 1)
                continue
        instant = window.start - 1
    return None


def latest_fire(table: CronTable, line: ZoneLine, rule: ClockRule, first: int, now: int) -> int:
    """Return the last fire time <= ``now`` of the series that begins with ``first`` (<= ``now``)."""
    latest = previous_fire(table, line, rule, now, first)
    return first if latest is None else latest


def count_fires(
    table: CronTable, line: ZoneLine, rule: ClockRule, first: int, last: int, limit: int
) -> int:
    """Return how many fire times lie in ``first < instant <= last``, counted up to ``limit``."""
    count = 0
    fire = next_fire(table, line, rule, first + 1)
    while fire is not None and fire <= last and count < _WALKED:
        count += 1
        fire = next_fire(table, line, rule, fire + 1)
    if count < _WALKED:
        return min(count, limit)
    return _count_by_windows(table, line, rule, first, last, limit)


def _count_by_windows(
    table: CronTable, line: ZoneLine, rule: ClockRule, first: int, last: int, limit: int
) -> int:
    count = 0
    for window in line.windows(first + 1, last):
        start, end, offset = window
        before = _before_change(line, window)
        low = max(start, first + 1)
        if before is not None:
            if before.end == start:
                fire = _jumped_before(table, line, rule, before)
                if fire is not None and first < fire <= last:
                    count += _is_extra(table, line, fire)
            if not rule.repeats:
                low = max(low, before.end + before.offset - offset)
        high = min(end, last + 1)
        count += table.count_local(low + offset, high + offset, limit)
        if count >= limit:
            return limit
    return count


def _is_extra(table: CronTable, line: ZoneLine, instant: int) -> bool:
    local = instant + line.offset(instant)
    return table.next_local(local) != local


def _after_change(
    table: CronTable, line: ZoneLine, rule: ClockRule, window: Window, start: int
) -> tuple[int, int | None]:
    """Return the instant from which on matches fire, and the fire time of the gap before it if still to come."""
    before = _before_change(line, window)
    if before is None:
        return start, None
    late = _jumped_before(table, line, rule, before)
    if not rule.repeats:
        start = max(start, before.end + before.offset - window.offset)
    return start, late if late is not None and late >= start else None


def _near_change(
    table: CronTable,
    line: ZoneLine,
    rule: ClockRule,
    window: Window,
    instant: int,
    found: int | None,
) -> int | None:
    """Return the last fire time in the window up to ``instant``, where that lies near the window's start."""
    fires = []
    before = _before_change(line, window)
    low = window.start
    if before is not None:
        late = _jumped_before(table, line, rule, before)
        if late is not None and low <= late <= instant:
            fires.append(late)
        if not rule.repeats:
            low = max(low, before.end + before.offset - window.offset)
    if found is not None and found - window.offset >= low:
        fires.append(found - window.offset)
    return max(fires, default=None)


def _before_change(line: ZoneLine, window: Window) -> Window | None:
    """Return the window before the last clock change up to this window's start, if that is within ``_REACH``."""
    start = window.start
    while start > window.start - _REACH:
        before = line.window(start - 1)
        if before.offset != window.offset:
            return before
        if before.start >= start:  # the zone's only window
            return None
        start = before.start
    return None


def _jumped_before(table: CronTable, line: ZoneLine, rule: ClockRule, before: Window) -> int | None:
    """Return the fire time that the gap at the end of the window ``before`` gives, ``None`` if it gives none."""
    if rule.instead_of is None:
        return None
    found = table.next_local(before.end + before.offset)
    return None if found is None else _in_gap(table, line, rule, before, found)


def _in_gap(
    table: CronTable, line: ZoneLine, rule: ClockRule, window: Window, found: int
) -> int | None:
    """Return the instant at which the match ``found`` fires, if it lies in the gap after the window and fires at all."""
    after = line.window(window.end)
    if rule.instead_of is None or not (
        window.end + window.offset <= found < window.end + after.offset
    ):
        return None
    return rule.instead_of(table, window, after, found)
