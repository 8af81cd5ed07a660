"""Cron on a calendar without zones: which wall times match, forwards and backwards, on integers.

A wall time is local microseconds since 1970-01-01T00:00. A compiled table answers two questions in bounded
time, ``next_local`` (first match at or after) and ``previous_local`` (last match at or before). Nothing here knows of
time zones or of what to do where a wall time comes twice or never; that is the caller's policy.

    day      month and a day rule give each year a bit mask of its matching days (years come in 28 shapes)
    hour     a tuple of next values
    marks    minute and second together: the microseconds within an hour at which it fires, searched by bisection
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date
from functools import lru_cache
from typing import Protocol

from apscheduler._engine.cron_days import FIRST_YEAR, LAST_YEAR, month_end, year_shape, year_start
from apscheduler._engine.instants import DAY, HOUR, MINUTE, SECOND

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_LAST_DAY = date(LAST_YEAR, 12, 31).toordinal() - _EPOCH_ORDINAL
_PATIENCE = 3  # after this many years without a match all years are looked at, once per table
_ALL_MONTHS = 0b1_1111_1111_1110


class DayRule(Protocol):
    """Says which days of a month match, by whatever rules."""

    def mask(self, year: int, month: int) -> int:
        """Return the matching days of a month as bits: bit 0 is the 1st."""

    def dates(self, year: int, month: int) -> int:
        """Return the days that the day-of-month field alone matches, as bits."""


@lru_cache(maxsize=128)
def hour_marks(minutes: int, seconds: int) -> tuple[int, ...]:
    """Return the microseconds within an hour that the minute and second bits name."""
    return tuple(
        minute * MINUTE + second * SECOND
        for minute in range(60)
        if minutes >> minute & 1
        for second in range(60)
        if seconds >> second & 1
    )


@lru_cache(maxsize=4096, typed=True)
def cron_table(
    years: int, months: int, days: DayRule, hours: int, minutes: int, seconds: int
) -> CronTable:
    """Return the table of these bit sets (bit n = value n; years count from 1970), shared by equal schedules."""
    return CronTable(years, months, days, hours, minutes, seconds)


class CronTable:
    """A compiled cron schedule. Its caches are immutable values replaced whole, so threads may share it."""

    asks = False  # whether it asks fields of someone else's

    __slots__ = (
        "_first_time",
        "_following_hour",
        "_last_time",
        "_live",
        "_shapes",
        "_year",
        "days",
        "hours",
        "marks",
        "months",
        "years",
    )

    def __init__(
        self, years: int, months: int, days: DayRule, hours: int, minutes: int, seconds: int
    ) -> None:
        self.years = self._live = years
        self.months = months & _ALL_MONTHS
        self.days = days
        self.hours = hours
        self.marks = hour_marks(minutes, seconds)
        self._following_hour = _following(hours)
        self._first_time = _lowest(hours) * HOUR + self.marks[0]
        self._last_time = (hours.bit_length() - 1) * HOUR + self.marks[-1]
        # Of the year asked for last: its first day, the day after its last one, its matching days.
        self._year: tuple[int, int, int] = (0, 0, 0)
        self._shapes: dict[int, int] = {}

    @property
    def per_day(self) -> int:
        """How many matches each matching day has."""
        return self.hours.bit_count() * len(self.marks)

    def next_local(self, local: int) -> int | None:
        """Return the first matching wall time at or after ``local``, ``None`` if there is none up to year 9999."""
        day, rest = divmod(local, DAY)
        hit = self.next_day(day)
        if hit == day:
            hour, inner = divmod(rest, HOUR)
            if self.hours >> hour & 1 and inner <= self.marks[-1]:
                return local - inner + self.marks[bisect_left(self.marks, inner)]
            hour = self._following_hour[hour]
            if hour:
                return local - rest + hour * HOUR + self.marks[0]
            hit = self.next_day(day + 1)
        return None if hit is None else hit * DAY + self._first_time

    def previous_local(self, local: int) -> int | None:
        """Return the last matching wall time at or before ``local``, ``None`` if there is none since 1970."""
        day, rest = divmod(local, DAY)
        hit = self.previous_day(day)
        if hit == day:
            hour, inner = divmod(rest, HOUR)
            if self.hours >> hour & 1 and inner >= self.marks[0]:
                return local - inner + self.marks[bisect_right(self.marks, inner) - 1]
            earlier = self.hours & ((1 << hour) - 1)
            if earlier:
                return local - rest + (earlier.bit_length() - 1) * HOUR + self.marks[-1]
            hit = self.previous_day(day - 1)
        return None if hit is None else hit * DAY + self._last_time

    def next_day(self, day: int) -> int | None:
        """Return the first matching day at or after ``day`` (days since 1970)."""
        first, end, mask = self._year
        if first <= day < end:
            rest = mask >> (day - first)
            if rest:
                return day + (rest & -rest).bit_length() - 1
            day = end
        if day > _LAST_DAY:
            return None
        year = date.fromordinal(day + _EPOCH_ORDINAL).year if day > 0 else FIRST_YEAR
        return self._next_from(year, day)

    def previous_day(self, day: int) -> int | None:
        """Return the last matching day at or before ``day`` (days since 1970)."""
        first, end, mask = self._year
        if first <= day < end:
            rest = mask & ((2 << (day - first)) - 1)
            if rest:
                return first + rest.bit_length() - 1
            day = first - 1
        if day < 0:
            return None
        day = min(day, _LAST_DAY)
        return self._previous_from(date.fromordinal(day + _EPOCH_ORDINAL).year, day)

    def count_days(self, first: int, last: int, limit: int) -> int:
        """Return how many days from ``first`` to ``last`` match; counting stops when there are more than ``limit``."""
        count = 0
        day = self.next_day(first)
        while day is not None and day <= last and count <= limit:
            start, end, mask = self._load(date.fromordinal(day + _EPOCH_ORDINAL).year)
            inside = (mask >> (day - start)) & ((1 << (min(end - 1, last) - day + 1)) - 1)
            count += inside.bit_count()
            day = self.next_day(end)
        return count

    def count_local(self, first: int, end: int, limit: int) -> int:
        """Return how many matches lie in ``first <= local < end``: the exact number, or one not below ``limit``."""
        if first >= end:
            return 0
        first_day, last_day = first // DAY, (end - 1) // DAY
        edge = -self._before(first_day, first - first_day * DAY)
        edge -= self._before(last_day, DAY) - self._before(last_day, end - last_day * DAY)
        days = self.count_days(first_day, last_day, limit // self.per_day + 2)
        return days * self.per_day + edge

    def _before(self, day: int, rest: int) -> int:
        """Return how many matches of the day come in its first ``rest`` microseconds."""
        if self.next_day(day) != day:
            return 0
        hour, inner = divmod(rest, HOUR)
        whole = (self.hours & ((1 << hour) - 1)).bit_count() * len(self.marks)
        return whole + (bisect_left(self.marks, inner) if self.hours >> hour & 1 else 0)

    def _next_from(self, year: int, day: int) -> int | None:
        left = self._live >> (year - FIRST_YEAR)
        vain = 0
        while left:
            skip = _lowest(left)
            left >>= skip + 1
            year += skip
            first, _, mask = found = self._load(year)
            rest = mask >> max(day - first, 0)
            if rest:
                self._year = found
                return max(day, first) + _lowest(rest)
            year += 1
            vain += 1
            if vain == _PATIENCE:
                left &= self._sift() >> (year - FIRST_YEAR)
        return None

    def _previous_from(self, year: int, day: int) -> int | None:
        left = self._live & ((2 << (year - FIRST_YEAR)) - 1)
        vain = 0
        while left:
            top = left.bit_length() - 1
            left ^= 1 << top
            first, _, mask = found = self._load(FIRST_YEAR + top)
            rest = mask & ((2 << (day - first)) - 1)
            if rest:
                self._year = found
                return first + rest.bit_length() - 1
            vain += 1
            if vain == _PATIENCE:
                left &= self._sift()
        return None

    def _sift(self) -> int:
        """Drop the years without a match for good (400 tell, as the calendar repeats then); return the others."""
        cycle = range(FIRST_YEAR, FIRST_YEAR + 400)
        good = sum(1 << (year - FIRST_YEAR) for year in cycle if self._load(year)[2])
        for length in (400, 800, 1600, 3200, 6400):
            good |= good << length
        self._live = self.years & good
        return self._live

    def _load(self, year: int) -> tuple[int, int, int]:
        """Return a year's first day, the day after its last one, and its matching days as bits."""
        first = year_start(year)
        shape = year_shape(year, first)
        mask = self._shapes.get(shape)
        if mask is None:
            mask = self._shapes[shape] = self._mask(year)
        return first, first + 365 + (shape >> 1 & 1), mask

    def _mask(self, year: int) -> int:
        mask = 0
        for month in range(1, 13):
            if self.months >> month & 1:
                mask |= self.days.mask(year, month) << month_end(year, month - 1)
        return mask


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _following(hours: int) -> tuple[int, ...]:
    """Return for each hour the next matching one after it, 0 where the day has none left."""
    later = [hours >> (hour + 1) << (hour + 1) for hour in range(24)]
    return tuple(_lowest(bits) if bits else 0 for bits in later)
