"""The periods of a rule, a year at a time: which of its days lie in one."""

from __future__ import annotations

from math import gcd

from apscheduler._engine.recurrence.year_bits import (
    DAY_SECONDS,
    LAST_DAY,
    every,
    month_bits,
    shown,
    union,
    year_start,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler._engine.recurrence.parts import Parts

_YEAR = 366
_WHOLE = (1 << _YEAR) - 1


class Grid:
    """Periods of days or weeks; gives the days of one year at a time.

    :param first: the day that the first period begins with
    :param size: days in a period
    :param step: days from one period to the next
    """

    def __init__(self, first: int, size: int, step: int) -> None:
        self._first, self._size, self._step = first, size, step
        self._begins = shown(first).year
        self._block = (1 << size) - 1

    def year(self, year: int) -> int:
        """Return the days of a year that lie in a period, as bits."""
        if self._step == 1:
            return _WHOLE
        start = year_start(year)
        phase = (self._first - start) % self._step
        found = 0
        if phase < _YEAR:
            found = every(self._step, phase, _YEAR)
            if self._size > 1:
                found = union(found << day for day in range(self._size))
        before = self._step - phase
        if before < self._size:
            found |= self._block >> before
        return found & _WHOLE

    def months(self) -> list[int]:
        """Return the months (from 1) in which a period can lie."""
        return list(range(1, 13))

    def year_after(self, year: int) -> int | None:
        """Return the next year that can have days, ``None`` at the end of the calendar."""
        if year >= 9999:
            return None
        if self._step <= _YEAR:
            return year + 1
        following = year_start(year + 1)
        number = (following - self._first) // self._step
        if following >= self._first + number * self._step + self._size:
            number += 1
        day = max(self._first + number * self._step, following)
        return shown(day).year if day <= LAST_DAY else None

    def year_before(self, year: int) -> int | None:
        """Return the last year before one that can have days, ``None`` before the first period."""
        if year <= self._begins or year <= 1:
            return None
        if self._step <= _YEAR:
            return year - 1
        number = (year_start(year) - 1 - self._first) // self._step
        day = min(self._first + number * self._step + self._size, year_start(year)) - 1
        return shown(day).year if number >= 0 else None


class MonthGrid:
    """Periods of months or years; gives the days of one year at a time.

    :param first: the month that the first period begins with (years * 12 + months from 0)
    :param size: months in a period
    :param step: months from one period to the next
    """

    def __init__(self, first: int, size: int, step: int) -> None:
        self._first, self._size, self._step = first, size, step

    def year(self, year: int) -> int:
        """Return the days of a year that lie in a period, as bits."""
        first, step = self._first, self._step
        if not step % 12 and (self._size == 12 or step == 12):
            behind = (year * 12 - first) % step
            if self._size == 12:
                return 0 if behind else _WHOLE
            return month_bits(year, [-behind % step + 1]) if -behind % step < 12 else 0
        if step == self._size:
            return _WHOLE
        chosen = [
            month + 1 for month in range(12) if (year * 12 + month - first) % step < self._size
        ]
        return month_bits(year, chosen) if chosen else 0

    def months(self) -> list[int]:
        """Return the months (from 1) in which a period can lie."""
        step = gcd(self._step, 12)
        return [month + 1 for month in range(12) if (month - self._first) % step < self._size]

    def year_after(self, year: int) -> int | None:
        """Return the next year that can have days, ``None`` at the end of the calendar."""
        following = (year + 1) * 12
        behind = (following - self._first) % self._step
        if behind >= self._size:
            following += self._step - behind
        return following // 12 if following < 120_000 else None

    def year_before(self, year: int) -> int | None:
        """Return the last year before one that can have days, ``None`` before the first period."""
        last = year * 12 - 1
        behind = (last - self._first) % self._step
        last -= max(behind - self._size + 1, 0)
        return last // 12 if last >= max(self._first, 12) else None


def grid_of(parts: Parts) -> Grid | MonthGrid:
    """Return the periods of a rule of days or longer."""
    first = parts.start // DAY_SECONDS
    day = shown(first)
    if parts.frequency == "DAILY":
        return Grid(first, 1, parts.interval)
    if parts.frequency == "WEEKLY":
        return Grid(first - (day.weekday() - parts.wkst) % 7, 7, 7 * parts.interval)
    if parts.frequency == "MONTHLY":
        return MonthGrid(day.year * 12 + day.month - 1, 1, parts.interval)
    return MonthGrid(day.year * 12, 12, 12 * parts.interval)
