"""Recurrence rules of RFC 5545, section 3.3.10, as wall times: integer seconds since 1970-01-01T00:00 on the zone's clock.

A rule makes one *set* per period (year, month, week, ... second) from its BY-parts; BYSETPOS picks from each set. Periods
are counted from that of DTSTART, so any of them is reached at once, in both directions. The search for the next period
with a member is bounded: after ``DAYS_LOOKED_AT`` days and steps without one (164 years of days) there is none.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import isleap, monthrange
from collections.abc import Sequence
from datetime import date
from itertools import product

from apscheduler._engine.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
DAYS_LOOKED_AT = 60_000
DAY_SECONDS = 86_400

_EPOCH = date(1970, 1, 1).toordinal()
_LAST_DAY = date.max.toordinal() - _EPOCH
_UNITS = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}


class Parts(Record):
    """The parts of a rule, complete: what a rule takes from DTSTART has been filled in.

    :ivar start: DTSTART as wall time in seconds
    :ivar byday: (position, weekday from Monday = 0); position 0 for every one of them
    """

    __slots__ = (
        *("byday", "byhour", "byminute", "bymonth", "bymonthday", "bysecond", "bysetpos"),
        *("byweekno", "byyearday", "frequency", "interval", "start", "wkst"),
    )

    def __init__(self, frequency: str, start: int, interval: int = 1, wkst: int = 0) -> None:
        self.frequency = frequency
        self.start = start
        self.interval = interval
        self.wkst = wkst
        self.byday: tuple[tuple[int, int], ...] = ()
        self.byhour: tuple[int, ...] = ()
        self.byminute: tuple[int, ...] = ()
        self.bysecond: tuple[int, ...] = ()
        self.bymonth: tuple[int, ...] = ()
        self.bymonthday: tuple[int, ...] = ()
        self.byyearday: tuple[int, ...] = ()
        self.byweekno: tuple[int, ...] = ()
        self.bysetpos: tuple[int, ...] = ()

    def complete(self) -> Parts:
        """Fill in from DTSTART what the rule does not say."""
        day = _date(self.start // DAY_SECONDS)
        at = self.start % DAY_SECONDS
        level = FREQUENCIES.index(self.frequency)
        days_said = self.bymonthday or self.byday or self.byyearday or self.byweekno
        if not days_said and self.frequency == "YEARLY":
            self.bymonth = self.bymonth or (day.month,)
            self.bymonthday = (day.day,)
        elif not days_said and self.frequency == "MONTHLY":
            self.bymonthday = (day.day,)
        elif (self.frequency == "WEEKLY" and not self.byday) or (
            self.byweekno and not (self.byday or self.bymonthday or self.byyearday)
        ):
            self.byday = ((0, day.weekday()),)
        if not self.byhour and level < 4:
            self.byhour = (at // 3600,)
        if not self.byminute and level < 5:
            self.byminute = (at // 60 % 60,)
        if not self.bysecond and level < 6:
            self.bysecond = (at % 60,)
        return self


class Recurrence:
    """The wall times of one rule from DTSTART on, without its COUNT and UNTIL."""

    def __init__(self, parts: Parts) -> None:
        self.start = parts.start
        self._periods = _Times(parts) if parts.frequency in _UNITS else _Days(parts)

    def first_from(self, wall: int) -> int | None:
        """Return the first member at or after a wall time."""
        wall = max(wall, self.start)
        left = DAYS_LOOKED_AT
        number: int | None = self._periods.number(wall)
        while left > 0 and number is not None:
            members, number, cost = self._periods.members(number, 1)
            at = bisect_left(members, wall)
            if at < len(members):
                return members[at]
            left -= cost
        return None

    def last_until(self, wall: int) -> int | None:
        """Return the last member at or before a wall time."""
        left = DAYS_LOOKED_AT
        number: int | None = self._periods.number(wall)
        while left > 0 and number is not None and number >= 0:
            members, number, cost = self._periods.members(number, -1)
            at = bisect_right(members, wall)
            if at:
                found = members[at - 1]
                return found if found >= self.start else None
            left -= cost
        return None

    def nth(self, count: int) -> int | None:
        """Return the member number ``count`` (from 1), ``None`` if there are not so many."""
        left = DAYS_LOOKED_AT
        number: int | None = self._periods.number(self.start)
        while left > 0 and number is not None:
            members, number, cost = self._periods.members(number, 1)
            skipped = bisect_left(members, self.start)
            if len(members) - skipped >= count:
                return members[skipped + count - 1]
            if len(members) > skipped:
                count -= len(members) - skipped
                left = DAYS_LOOKED_AT
            left -= cost
        return None


class _Days:
    """Periods of a day or longer."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._match = DayMatch(parts)
        first = parts.start // DAY_SECONDS
        day = _date(first)
        self._year, self._month = day.year, day.year * 12 + day.month - 1
        self._week = first - (day.weekday() - parts.wkst) % 7
        self._first = first
        product_of = product(parts.byhour, parts.byminute, parts.bysecond)
        self._times = sorted(
            hour * 3600 + minute * 60 + second for hour, minute, second in product_of
        )

    def number(self, wall: int) -> int:
        """Return the number of the period that a wall time lies in, or that follows it."""
        day = min(wall // DAY_SECONDS, _LAST_DAY)
        frequency, interval = self._parts.frequency, self._parts.interval
        if frequency == "DAILY":
            return (day - self._first) // interval
        if frequency == "WEEKLY":
            return (day - self._week) // (7 * interval)
        shown = _date(day)
        if frequency == "MONTHLY":
            return (shown.year * 12 + shown.month - 1 - self._month) // interval
        return (shown.year - self._year) // interval

    def members(self, number: int, way: int) -> tuple[Sequence[int], int | None, int]:
        """Return a period's members, the number of the period to look at next, and what it cost to look."""
        first, end = self._bounds(number)
        if first > _LAST_DAY:
            return [], None, 1
        days = self._match.days(first, min(end, _LAST_DAY + 1))
        members = Members(days, self._times)
        return picked(members, self._parts.bysetpos), number + way, end - first

    def _bounds(self, number: int) -> tuple[int, int]:
        frequency, interval = self._parts.frequency, self._parts.interval
        if frequency == "DAILY":
            first = self._first + number * interval
            return first, first + 1
        if frequency == "WEEKLY":
            first = self._week + number * 7 * interval
            return first, first + 7
        step = 1
        month = self._month + number * interval
        if frequency == "YEARLY":
            month, step = (self._year + number * interval) * 12, 12
        return _month_start(month), _month_start(month + step)


class _Times:
    """Periods of hours, minutes or seconds."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._match = DayMatch(parts)
        self._unit = _UNITS[parts.frequency]
        self._first = parts.start - parts.start % self._unit
        self._step = self._unit * parts.interval
        minutes = parts.byminute if self._unit == 3600 else (0,)
        seconds = parts.bysecond if self._unit >= 60 else (0,)
        self._times = sorted(minute * 60 + second for minute, second in product(minutes, seconds))
        self._day, self._day_matches = -1, False

    def number(self, wall: int) -> int:
        """Return the number of the period that a wall time lies in, or that follows it."""
        return (wall - self._first) // self._step

    def members(self, number: int, way: int) -> tuple[Sequence[int], int | None, int]:
        """Return a period's members, the number of the period to look at next, and what it cost to look."""
        at = self._first + number * self._step
        if at // DAY_SECONDS > _LAST_DAY:
            return [], None, 1
        closed = self._closed_span(at)
        if closed is not None:
            if way > 0:
                return [], max(number + 1, -((self._first - closed[1]) // self._step)), 1
            return [], min(number - 1, (closed[0] - 1 - self._first) // self._step), 1
        members = [at + time for time in self._times]
        return picked(members, self._parts.bysetpos), number + way, 1

    def _closed_span(self, at: int) -> tuple[int, int] | None:
        """Return the span around a wall time without any member, ``None`` if its period has some."""
        parts = self._parts
        day = at // DAY_SECONDS
        if day != self._day:
            self._day, self._day_matches = day, self._match.matches(_date(day))
        if not self._day_matches:
            return self._closed_days(day)
        if parts.byhour and at % DAY_SECONDS // 3600 not in parts.byhour:
            return _around(at, 3600)
        if self._unit < 3600 and parts.byminute and at // 60 % 60 not in parts.byminute:
            return _around(at, 60)
        if self._unit < 60 and parts.bysecond and at % 60 not in parts.bysecond:
            return at, at + 1
        return None

    def _closed_days(self, day: int) -> tuple[int, int]:
        shown = _date(day)
        if self._parts.bymonth and shown.month not in self._parts.bymonth:
            month = shown.year * 12 + shown.month - 1
            return _month_start(month) * DAY_SECONDS, _month_start(month + 1) * DAY_SECONDS
        return day * DAY_SECONDS, (day + 1) * DAY_SECONDS


class DayMatch:
    """Which days a rule's BYMONTH, BYWEEKNO, BYYEARDAY, BYMONTHDAY and BYDAY allow."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._weekdays = {weekday for position, weekday in parts.byday if not position}
        self._nth = [each for each in parts.byday if each[0]]
        self._nth_in_month = parts.frequency == "MONTHLY" or bool(parts.bymonth)

    def days(self, first: int, end: int) -> list[int]:
        """Return the days of a span that are allowed."""
        months, matches = self._parts.bymonth, self.matches
        found: list[int] = []
        day = first
        while day < end:
            shown = _date(day)
            if months and shown.month not in months:
                day = _month_start(shown.year * 12 + shown.month)
                continue
            if matches(shown):
                found.append(day)
            day += 1
        return found

    def matches(self, day: date) -> bool:
        """Return whether a day is allowed."""
        parts = self._parts
        return (
            (not parts.bymonth or day.month in parts.bymonth)
            and (not parts.bymonthday or self._monthday(day))
            and (not parts.byday or day.weekday() in self._weekdays or self._is_nth(day))
            and (not parts.byyearday or self._yearday(day))
            and (not parts.byweekno or self._weekno(day))
        )

    def _monthday(self, day: date) -> bool:
        days = self._parts.bymonthday
        return day.day in days or day.day - monthrange(day.year, day.month)[1] - 1 in days

    def _yearday(self, day: date) -> bool:
        number = day.timetuple().tm_yday
        days = self._parts.byyearday
        return number in days or number - (366 if isleap(day.year) else 365) - 1 in days

    def _weekno(self, day: date) -> bool:
        ordinal = day.toordinal()
        middle = ordinal - (day.weekday() - self._parts.wkst) % 7 + 3
        if not 1 <= middle <= date.max.toordinal():
            return False
        year = date.fromordinal(middle).year
        number = _week_number(middle, year)
        last = date(year, 12, 28)
        weeks = _week_number(last.toordinal() - (last.weekday() - self._parts.wkst) % 7 + 3, year)
        return number in self._parts.byweekno or number - weeks - 1 in self._parts.byweekno

    def _is_nth(self, day: date) -> bool:
        if not self._nth:
            return False
        if self._nth_in_month:
            at, length = day.day, monthrange(day.year, day.month)[1]
        else:
            at, length = day.timetuple().tm_yday, 366 if isleap(day.year) else 365
        forward, backward = (at - 1) // 7 + 1, -((length - at) // 7 + 1)
        weekday = day.weekday()
        return any(
            weekday == wanted and position in (forward, backward) for position, wanted in self._nth
        )


class Members(Sequence[int]):
    """A period's members in order, without making them all: each of its days at each of its times."""

    def __init__(self, days: list[int], times: list[int]) -> None:
        self._days = days
        self._times = times

    def __len__(self) -> int:
        return len(self._days) * len(self._times)

    def __getitem__(self, place: Any) -> Any:
        day, at = divmod(place, len(self._times))
        return self._days[day] * DAY_SECONDS + self._times[at]


def picked(members: Sequence[int], positions: Iterable[int]) -> Sequence[int]:
    """Return the members at these positions (from 1, or from -1 backwards); all without positions."""
    if not positions:
        return members
    size = len(members)
    places = {at - 1 if at > 0 else size + at for at in positions}
    return [members[place] for place in sorted(places) if 0 <= place < size]


def _week_number(middle: int, year: int) -> int:
    return (middle - date(year, 1, 1).toordinal()) // 7 + 1


def _around(at: int, size: int) -> tuple[int, int]:
    first = at - at % size
    return first, first + size


def _date(day: int) -> date:
    return date.fromordinal(min(max(day + _EPOCH, 1), date.max.toordinal()))


def _month_start(month: int) -> int:
    """Return the day on which a month (years * 12 + months from 0) begins; beyond year 9999 the day after it."""
    if month >= 120_000:
        return _LAST_DAY + 1 + (month - 120_000) * 28
    return date(max(month // 12, 1), month % 12 + 1, 1).toordinal() - _EPOCH
