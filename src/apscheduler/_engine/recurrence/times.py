"""Recurrence rules of hours, minutes and seconds: the allowed periods of a day are the bits of an integer."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import product
from math import gcd

from apscheduler._engine.recurrence.days import DayMatch, Days
from apscheduler._engine.recurrence.grids import Grid
from apscheduler._engine.recurrence.year_bits import (
    DAY_SECONDS,
    EPOCH,
    LAST_DAY,
    bits,
    every,
    nth_bit,
    shown,
    year_start,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from apscheduler._engine.recurrence.parts import Parts

UNITS = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}
DAYS_LOOKED_AT = 1_600


class Times:
    """The wall times of a rule whose periods are shorter than a day.

    A period is an hour, a minute or a second; a new one begins every ``interval`` of these units. In each period that
    its day and the BY-parts allow, the rule has the same times, as seconds from the period's start.

    :ivar is_even: whether all days that have periods have the same ones
    """

    def __init__(self, parts: Parts) -> None:
        self._unit = UNITS[parts.frequency]
        self._in_day = DAY_SECONDS // self._unit
        self._step = parts.interval
        self._first = parts.start // self._unit
        self._times = _times(parts, self._unit)
        self._allowed = _allowed(parts, self._unit)
        self._allowed_bytes = self._allowed.to_bytes(self._in_day // 8, "little")
        self._is_sparse = self._step * 64 > self._in_day
        match = DayMatch(parts)
        step = max(self._step // self._in_day, 1)
        self.is_even = not (self._step % self._in_day and self._in_day % self._step)
        first_day = self._first // self._in_day
        self.days = Days(match, Grid(first_day, 1, step if self.is_even else 1))
        self._sizes: dict[int, int] = {}
        self._never = not (self._times and self._is_reachable(match))

    def first_from(self, wall: int) -> int | None:
        """Return the first member at or after a wall time, which is not before the rule's start."""
        unit, within = divmod(wall, self._unit)
        place = bisect_left(self._times, within)
        period = self._next(unit if place < len(self._times) else unit + 1)
        if period is None:
            return None
        return period * self._unit + self._times[place if period == unit else 0]

    def last_until(self, wall: int) -> int | None:
        """Return the last member at or before a wall time; it may lie before the rule's start."""
        unit, within = divmod(wall, self._unit)
        place = bisect_right(self._times, within)
        period = self._last(unit if place else unit - 1)
        if period is None:
            return None
        return period * self._unit + self._times[place - 1 if period == unit else -1]

    def seconds_of_a_day(self) -> int | None:
        """Return the seconds at which each day has members, as bits, ``None`` if days differ."""
        if not self.is_even:
            return None
        periods = self._periods(self._first // self._in_day)
        seconds = f"{sum(1 << at for at in self._times):0{self._unit}b}"
        parts = {"0": "0" * self._unit, "1": seconds}
        return int("".join(parts[bit] for bit in f"{periods:b}"), 2)

    def nth(self, start: int, count: int) -> int | None:
        """Return the ``count``-th member (from 1) at or after a wall time, ``None`` if there are fewer."""
        found = self.first_from(start)
        if found is None:
            return None
        period, within = divmod(found, self._unit)
        place = self._times.index(within) + count - 1
        if place < len(self._times):
            return period * self._unit + self._times[place]
        further, place = divmod(place, len(self._times))
        last = self._nth_period(period, further + 1)
        return None if last is None else last * self._unit + self._times[place]

    def most_until(self, wall: int) -> int:
        """Return an upper bound of the number of members up to a wall time."""
        return ((wall // self._unit - self._first) // self._step + 1) * len(self._times)

    def _periods(self, day: int) -> int:
        """Return the periods of a day that are allowed, as bits."""
        phase = (self._first - day * self._in_day) % self._step
        if self._is_sparse:
            found = 0
            for period in range(phase, self._in_day, self._step):
                if self._allowed_bytes[period >> 3] >> (period & 7) & 1:
                    found |= 1 << period
            return found
        return self._allowed & every(self._step, phase, self._in_day)

    def _next(self, period: int) -> int | None:
        if self._never:
            return None
        day: int | None = period // self._in_day
        for _ in range(DAYS_LOOKED_AT):
            day = self.days.next(day)  # type: ignore[arg-type] # the loop's end
            if day is None:
                return None
            start = day * self._in_day
            ahead = max(period - start, 0)
            mask = self._periods(day) >> ahead
            if mask:
                return start + ahead + (mask & -mask).bit_length() - 1
            day = max(day + 1, self._period_from(start + self._in_day) // self._in_day)
        return None

    def _last(self, period: int) -> int | None:
        if self._never:
            return None
        day: int | None = period // self._in_day
        for _ in range(DAYS_LOOKED_AT):
            day = self.days.last(day)  # type: ignore[arg-type] # the loop's end
            if day is None or (day + 1) * self._in_day <= self._first:
                return None
            start = day * self._in_day
            mask = self._periods(day) & (2 << min(period - start, self._in_day)) - 1
            if mask:
                return start + mask.bit_length() - 1
            day = min(day - 1, (self._period_from(start) - self._step) // self._in_day)
        return None

    def _period_from(self, period: int) -> int:
        """Return the rule's first period at or after ``period``, allowed or not."""
        return period + (self._first - period) % self._step

    def _nth_period(self, period: int, count: int) -> int | None:
        day, at = divmod(period, self._in_day)
        mask = self._periods(day) >> at << at
        size = mask.bit_count()
        if count > size and self.is_even:
            skipped, count = divmod(count - size - 1, self._size(day))
            found = self.days.nth(day + 1, skipped + 1)
            if found is None:
                return None
            day, mask, count = found, self._periods(found), count + 1
        elif count > size:
            for later, many in self._days_from(day + 1):
                count -= size
                day, size = later, many
                if count <= size:
                    break
            else:
                return None
            mask = self._periods(day)
        return day * self._in_day + nth_bit(mask, count)

    def count(self, start: int, end: int) -> int:
        """Return how many members lie in ``start <= wall time < end``."""
        if self._never or end <= start:
            return 0
        return (
            self._before(end)
            - self._before(start)
            + self._on_days(start // DAY_SECONDS, end // DAY_SECONDS)
        )

    def _before(self, wall: int) -> int:
        """Return how many members of a wall time's day lie before it."""
        unit, within = divmod(wall, self._unit)
        day, at = divmod(unit, self._in_day)
        if not self.days.has(day):
            return 0
        mask = self._periods(day)
        whole = (mask & (1 << at) - 1).bit_count() * len(self._times)
        return whole + (bisect_left(self._times, within) if mask >> at & 1 else 0)

    def _on_days(self, first: int, end: int) -> int:
        """Return how many members the days of a span have."""
        return sum(size for _, size in self._days_from(first, end)) * len(self._times)

    def _days_from(self, first: int, end: int = LAST_DAY + 1) -> Iterator[tuple[int, int]]:
        """Yield each day of a span that may have periods, with the number of its periods."""
        sizes, step, in_day = self._sizes, self._step, self._in_day
        while first < end:
            year = shown(first).year
            start = year_start(year)
            mask = self.days.year(year) >> (first - start) & (1 << min(end - first, 366)) - 1
            phase = self._first - first * in_day
            for bit in bits(mask):
                at = (phase - bit * in_day) % step
                yield first + bit, sizes[at] if at in sizes else self._size(first + bit)
            first = year_start(year + 1) if year < 9999 else end

    def _size(self, day: int) -> int:
        phase = (self._first - day * self._in_day) % self._step
        found = self._sizes.get(phase)
        if found is None:
            found = self._sizes[phase] = self._periods(day).bit_count()
        return found

    def _is_reachable(self, match: DayMatch) -> bool:
        """Return whether a period can ever fall on an allowed time of an allowed weekday."""
        step = gcd(self._step, 7 * self._in_day)
        for weekday in match.weekdays():
            day = (weekday + 1 - EPOCH) % 7  # ordinal 1 was a Monday
            phase = (self._first - day * self._in_day) % step
            if self._allowed & every(step, phase, self._in_day):
                return True
        return False


def _times(parts: Parts, unit: int) -> list[int]:
    minutes = parts.byminute if unit == 3600 else (0,)
    seconds = parts.bysecond if unit >= 60 else (0,)
    times = sorted(minute * 60 + second for minute, second in product(minutes, seconds))
    return picked_places(times, parts.bysetpos)


def picked_places(times: list[int], positions: Iterable[int]) -> list[int]:
    """Return the times at the positions (from 1, or from -1 backwards); without positions, all times."""
    places = {at - 1 if at > 0 else len(times) + at for at in positions}
    return [times[at] for at in sorted(places) if 0 <= at < len(times)] if places else times


def _allowed(parts: Parts, unit: int) -> int:
    """Return the periods of a day that BYHOUR, BYMINUTE and BYSECOND allow, as bits."""
    mask, size = 1, 1
    levels = [(parts.bysecond, 60, 1), (parts.byminute, 60, 60), (parts.byhour, 24, 3600)]
    for numbers, many, length in levels:
        if length < unit:
            continue
        row = 0
        for number in numbers or range(many):
            row |= mask << number * size
        mask, size = row, size * many
    return mask
