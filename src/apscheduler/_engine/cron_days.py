"""Days of a month as bit masks: the calendar arithmetic of cron, on integers.

Bit 0 of a month's mask is the 1st. Weekdays count from Monday = 0. ISO weeks follow ISO 8601.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import NamedTuple

FIRST_YEAR = 1970
LAST_YEAR = 9999

ALL_WEEKDAYS = 0x7F
ALL_WEEKS = (1 << 54) - 2
LAST = 5
"""The position that stands for the last weekday of its kind in a month."""

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_ENDS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)
_LEAP_ENDS = (0, *(31 + 29 + end - 59 if end >= 59 else end for end in _ENDS[1:]))


def is_leap(year: int) -> bool:
    """Return whether the year has a February 29th."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def year_start(year: int) -> int:
    """Return January 1st as days since 1970-01-01."""
    past = year - 1
    return 365 * past + past // 4 - past // 100 + past // 400 + 1 - _EPOCH_ORDINAL


def month_end(year: int, month: int) -> int:
    """Return how many days the year has had when the month (1-12; 0 for none) is over."""
    return (_LEAP_ENDS if is_leap(year) else _ENDS)[month]


def year_shape(year: int, start: int) -> int:
    """Return a number that two years share only if their days, weekdays and ISO weeks are the same.

    Its bit 1 says whether the year is a leap year; ``start`` is its January 1st.
    """
    return (start + 3) % 7 * 4 + is_leap(year) * 2 + is_leap(year - 1)


@lru_cache(maxsize=128)
def _weekday_masks(weekdays: int) -> tuple[int, ...]:
    """Return the days of a month on the given weekdays, for each weekday that the 1st can have."""
    return tuple(
        sum(1 << day for day in range(31) if weekdays >> (first + day) % 7 & 1)
        for first in range(7)
    )


class MonthDays(NamedTuple):
    """Which days of a month match: day of month AND ISO week AND weekday.

    :ivar numbers: days of the month as bits, bit 1 = the 1st
    :ivar last: the last day of the month matches too
    :ivar positions: ``(n, weekday)`` pairs, n = 0-4 for the 1st to 5th, ``LAST`` for the last
    :ivar weeks: ISO weeks as bits, bit 1 = week 1
    :ivar weekdays: weekdays as bits, bit 0 = Monday
    """

    numbers: int
    last: bool = False
    positions: tuple[tuple[int, int], ...] = ()
    weeks: int = ALL_WEEKS
    weekdays: int = ALL_WEEKDAYS

    def mask(self, year: int, month: int) -> int:
        """Return the matching days of a month as bits."""
        found = self.dates(year, month)
        if self.weekdays != ALL_WEEKDAYS:
            found &= weekdays_of_month(self.weekdays, *month_span(year, month))
        if self.weeks != ALL_WEEKS and found:
            found &= self._in_weeks(year, month)
        return found

    def dates(self, year: int, month: int) -> int:
        """Return the days that the day-of-month field alone matches, as bits."""
        first, length = month_span(year, month)
        found = self.numbers >> 1 & ((1 << length) - 1)
        if self.last:
            found |= 1 << (length - 1)
        for position, weekday in self.positions:
            found |= weekday_position(position, weekday, first, length)
        return found

    def _in_weeks(self, year: int, month: int) -> int:
        first, length = month_span(year, month)
        found, day = 0, 0
        while day < length:
            until = min(day + 7 - (first + day + 3) % 7, length)
            week = date.fromordinal(first + day + _EPOCH_ORDINAL).isocalendar()[1]
            if self.weeks >> week & 1:
                found |= (1 << until) - (1 << day)
            day = until
        return found


def weekdays_of_month(weekdays: int, first: int, length: int) -> int:
    """Return the days of a month that fall on the given weekdays, as bits (see :func:`month_span`)."""
    return _weekday_masks(weekdays)[(first + 3) % 7] & ((1 << length) - 1)


def weekday_position(position: int, weekday: int, first: int, length: int) -> int:
    """Return the n-th of a weekday in a month as a bit, 0 if the month has none (see :class:`MonthDays`)."""
    day = (weekday - first - 3) % 7
    day += (length - 1 - day) // 7 * 7 if position == LAST else 7 * position
    return 1 << day if day < length else 0


def month_span(year: int, month: int) -> tuple[int, int]:
    """Return the first day of a month (since 1970) and its length."""
    before = month_end(year, month - 1)
    return year_start(year) + before, month_end(year, month) - before
