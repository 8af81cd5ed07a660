"""Crontab's days of a month as bit masks: two fields of which either or both must match."""

from __future__ import annotations

from typing import NamedTuple

from apscheduler._engine.cron_days import month_span, weekday_position, weekdays_of_month

_WEEKEND = (5, 6)


class CrontabDays(NamedTuple):
    """Which days of a month match: the days of the month, the weekdays, or both.

    :ivar numbers: days of the month as bits, bit 1 = the 1st
    :ivar before_last: days counted back from the last one as bits, bit 0 = the last
    :ivar nearest: days as bits, bit 1 = the 1st; of each, the nearest Monday to Friday in the month matches
    :ivar last_workday: the last Monday to Friday of the month matches
    :ivar weekdays: weekdays as bits, bit 0 = Monday
    :ivar positions: ``(n, weekday)`` pairs, n = 0-4 for the 1st to 5th, ``LAST`` for the last
    :ivar either: whether one of the two is enough (OR); else both must match (AND)
    """

    numbers: int
    before_last: int = 0
    nearest: int = 0
    last_workday: bool = False
    weekdays: int = 0
    positions: tuple[tuple[int, int], ...] = ()
    either: bool = False

    def mask(self, year: int, month: int) -> int:
        """Return the matching days of a month as bits."""
        dates = self.dates(year, month)
        first, length = month_span(year, month)
        on = weekdays_of_month(self.weekdays, first, length)
        for position, weekday in self.positions:
            on |= weekday_position(position, weekday, first, length)
        return dates | on if self.either else dates & on

    def dates(self, year: int, month: int) -> int:
        """Return the days that the day-of-month field alone matches, as bits."""
        first, length = month_span(year, month)
        found = self.numbers >> 1 & ((1 << length) - 1)
        for back in range(self.before_last.bit_length()):
            if self.before_last >> back & 1 and back < length:
                found |= 1 << (length - 1 - back)
        for day in range(1, min(self.nearest.bit_length(), length + 1)):
            if self.nearest >> day & 1:
                found |= 1 << (_workday_near(day, first, length) - 1)
        if self.last_workday:
            found |= 1 << (_workday_near(length, first, length) - 1)
        return found


def _workday_near(day: int, first: int, length: int) -> int:
    """Return the Monday to Friday that is nearest to a day and in its month."""
    weekday = (first + day - 1 + 3) % 7
    if weekday not in _WEEKEND:
        return day
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    return day + 1 if day < length else day - 2
