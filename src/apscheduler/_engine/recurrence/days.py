"""The days that a recurrence rule allows, a year at a time.

What the BY-parts allow depends only on the year's kind: its length, the weekday it begins with, and the lengths of the
years before and after it. The next year's length matters because its first week can hold this year's last days, and a
negative BYWEEKNO counts that week from the next year's end. So a rule has few such sets of days, and a year is looked at
in one step.
"""

from __future__ import annotations

from calendar import isleap
from datetime import date

from apscheduler._engine.recurrence.year_bits import (
    LAST_DAY,
    bits,
    every,
    month_bits,
    months_of,
    nth_bit,
    shown,
    union,
    year_start,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from apscheduler._engine.recurrence.grids import Grid, MonthGrid
    from apscheduler._engine.recurrence.parts import Parts

YEARS_LOOKED_AT = 2_000
YEARS_BESIDE = 800
_YEAR = 366
_CYCLE = 400
"""After this many years the calendar is the same again, weekdays included."""
_KINDS = range(1999, 2027)
"""Years among which each kind of year comes up once."""


class DayMatch:
    """Which days a rule's BYMONTH, BYWEEKNO, BYYEARDAY, BYMONTHDAY and BYDAY allow."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._nth = [each for each in parts.byday if each[0]]
        self._nth_in_month = parts.frequency == "MONTHLY" or bool(parts.bymonth)
        self._years: dict[int, int] = {}
        self._kinds: dict[tuple[bool, int, bool, bool], int] = {}

    def year(self, year: int) -> int:
        """Return the days of a year that are allowed, as bits."""
        found = self._years.get(year % _CYCLE)
        if found is None:
            found = self._years[year % _CYCLE] = self._of_kind(year)
        return found

    def _of_kind(self, year: int) -> int:
        kind = (isleap(year), date(year, 1, 1).weekday(), isleap(year - 1), isleap(year + 1))
        found = self._kinds.get(kind)
        if found is None:
            found = self._kinds[kind] = self._made(year)
        return found

    def is_ever(self, months: list[int]) -> bool:
        """Return whether a year of any kind has an allowed day in these months (from 1)."""
        if len(months) == 12:
            return any(map(self.year, _KINDS))
        return any(self.year(year) & month_bits(year, months) for year in _KINDS)

    def most(self, months: list[int], *, together: bool) -> int:
        """Return the most allowed days that one of these months can have, or all of them together in one year."""
        groups = [months] if together else [[month] for month in months]
        return max(
            (
                (self.year(year) & month_bits(year, group)).bit_count()
                for year in _KINDS
                for group in groups
            ),
            default=0,
        )

    def within(self, first: int, end: int) -> list[int]:
        """Return the days of a span that are allowed."""
        found: list[int] = []
        for start, mask in self._cut(first, end):
            found.extend(start + bit for bit in bits(mask))
        return found

    def count(self, first: int, end: int) -> int:
        """Return how many days of a span are allowed."""
        return sum(mask.bit_count() for _, mask in self._cut(first, end))

    def weekdays(self) -> set[int]:
        """Return the weekdays that can be allowed."""
        return {weekday for _, weekday in self._parts.byday} or set(range(7))

    def _cut(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        while first < end:
            year = shown(first).year
            start = year_start(year)
            until = min(end, start + (366 if isleap(year) else 365))
            yield first, self.year(year) >> (first - start) & (1 << (until - first)) - 1
            first = until

    def _made(self, year: int) -> int:
        parts = self._parts
        length = 366 if isleap(year) else 365
        mask = (1 << length) - 1
        if parts.bymonth:
            mask &= month_bits(year, parts.bymonth)
        if parts.bymonthday:
            mask &= self._monthdays(year)
        if parts.byday:
            mask &= self._weekdays(year, length) | self._nth_days(year, length)
        if parts.byyearday:
            places = (day - 1 if day > 0 else length + day for day in parts.byyearday)
            mask &= union(1 << place for place in places if 0 <= place < length)
        if parts.byweekno:
            mask &= self._weeks(year, length)
        return mask

    def _monthdays(self, year: int) -> int:
        found = 0
        for start, length in months_of(year):
            for day in self._parts.bymonthday:
                place = day - 1 if day > 0 else length + day
                if 0 <= place < length:
                    found |= 1 << start + place
        return found

    def _weekdays(self, year: int, length: int) -> int:
        first = date(year, 1, 1).weekday()
        return union(
            every(7, (weekday - first) % 7, length)
            for position, weekday in self._parts.byday
            if not position
        )

    def _nth_days(self, year: int, length: int) -> int:
        found, first = 0, date(year, 1, 1).weekday()
        for start, size in months_of(year) if self._nth_in_month else [(0, length)]:
            for position, weekday in self._nth:
                earliest = (weekday - first - start) % 7
                number = (size - 1 - earliest) // 7 + 1
                at = position - 1 if position > 0 else number + position
                if 0 <= at < number:
                    found |= 1 << start + earliest + 7 * at
        return found

    def _weeks(self, year: int, length: int) -> int:
        """Return the days in the weeks of BYWEEKNO: all days of a week have its number."""
        found, first = 0, date(year, 1, 1)
        at = -((first.weekday() - self._parts.wkst) % 7)
        while at < length:
            if self._is_week(first.toordinal() + at):
                found |= 0b1111111 << at if at >= 0 else 0b1111111 >> -at
            at += 7
        return found & (1 << length) - 1

    def _is_week(self, start: int) -> bool:
        middle = start + 3
        if not 1 <= middle <= date.max.toordinal():
            return False
        year = date.fromordinal(middle).year
        number = _week_number(middle, year)
        last = date(year, 12, 28)
        weeks = _week_number(last.toordinal() - (last.weekday() - self._parts.wkst) % 7 + 3, year)
        return number in self._parts.byweekno or number - weeks - 1 in self._parts.byweekno


class Days:
    """The allowed days that lie in the periods of a rule, in order, without end.

    :param grid: the periods
    """

    def __init__(self, match: DayMatch, grid: Grid | MonthGrid) -> None:
        self._match = match
        self._grid = grid
        self._never = not match.is_ever(grid.months())

    def year(self, year: int) -> int:
        """Return the days of a year, as bits."""
        chosen = self._grid.year(year)
        return chosen and chosen & self._match.year(year)

    def has(self, day: int) -> bool:
        """Return whether a day is one of them."""
        year = shown(day).year
        return bool(self.year(year) >> (day - year_start(year)) & 1)

    def next(self, day: int) -> int | None:
        """Return the first of these days at or after ``day``, ``None`` if there is none."""
        if day > LAST_DAY or self._never:
            return None
        year = shown(day).year
        for _ in range(YEARS_LOOKED_AT):
            whole = self.year(year)
            if whole:
                start = year_start(year)
                mask = whole >> max(day - start, 0)
                if mask:
                    return max(day, start) + (mask & -mask).bit_length() - 1
            following = self._grid.year_after(year)
            if following is None:
                return None
            year = following
        return None

    def last(self, day: int) -> int | None:
        """Return the last of these days at or before ``day``, ``None`` if there is none."""
        if self._never:
            return None
        year = shown(day).year
        for _ in range(YEARS_LOOKED_AT):
            start = year_start(year)
            mask = self.year(year) & (2 << min(day - start, _YEAR)) - 1
            if mask:
                return start + mask.bit_length() - 1
            before = self._grid.year_before(year)
            if before is None:
                return None
            year = before
        return None

    def next_without(self, day: int, others: list[Days]) -> int | None:
        """Return the first of these days at or after ``day`` that the others lack, within ``YEARS_BESIDE`` years."""
        if day > LAST_DAY or self._never:
            return None
        first = shown(day).year
        for year in range(first, min(first + YEARS_BESIDE, 10_000)):
            whole = self.year(year)
            for other in others if whole else ():
                whole &= ~other.year(year)
            start = year_start(year)
            mask = whole >> max(day - start, 0)
            if mask:
                return max(day, start) + (mask & -mask).bit_length() - 1
        return None

    def nth(self, day: int, count: int) -> int | None:
        """Return the ``count``-th (from 1) of these days at or after ``day``, ``None`` if there are fewer."""
        year: int | None = shown(day).year
        empty = 0
        while year is not None and empty < YEARS_LOOKED_AT:
            start = year_start(year)
            mask = self.year(year) >> max(day - start, 0)
            size = mask.bit_count()
            if size >= count:
                return max(day, start) + nth_bit(mask, count)
            count -= size
            empty = 0 if size else empty + 1
            year = self._grid.year_after(year)
        return None


def _week_number(middle: int, year: int) -> int:
    return (middle - date(year, 1, 1).toordinal()) // 7 + 1
