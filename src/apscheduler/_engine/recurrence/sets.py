"""Recurrence rules whose BYSETPOS picks from the set of each week, month or year."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date

from apscheduler._engine.recurrence.day_times import day_times
from apscheduler._engine.recurrence.days import DayMatch
from apscheduler._engine.recurrence.grids import grid_of
from apscheduler._engine.recurrence.year_bits import DAY_SECONDS, EPOCH, LAST_DAY, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler._engine.recurrence.parts import Parts

PERIODS_LOOKED_AT = 2_000


class Sets:
    """The members of a rule whose BYSETPOS picks from its weeks, months or years."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._match = DayMatch(parts)
        self._times = day_times(parts)
        first = parts.start // DAY_SECONDS
        day = shown(first)
        self._year, self._month = day.year, day.year * 12 + day.month - 1
        self._week = first - (day.weekday() - parts.wkst) % 7
        self._can_be: bool | None = None

    def first_from(self, wall: int) -> int | None:
        number = self._number(wall)
        for _ in range(self._looked_at()):
            first, end = self._bounds(number)
            if first > LAST_DAY:
                return None
            members = self._members(first, end)
            at = bisect_left(members, wall)
            if at < len(members):
                return members[at]
            number += 1
        return None

    def last_until(self, wall: int) -> int | None:
        number = self._number(wall)
        for _ in range(self._looked_at()):
            if number < 0:
                return None
            members = self._members(*self._bounds(number))
            at = bisect_right(members, wall)
            if at:
                return members[at - 1]
            number -= 1
        return None

    def nth(self, start: int, count: int) -> int | None:
        number, empty = 0, 0
        while empty < self._looked_at():
            first, end = self._bounds(number)
            if first > LAST_DAY:
                return None
            size = len(self._places(self._match.count(first, min(end, LAST_DAY + 1))))
            if number == 0 or size >= count:
                members = [each for each in self._members(first, end) if each >= start]
                size = len(members)
                if size >= count:
                    return members[count - 1]
            count -= size
            empty = 0 if size else empty + 1
            number += 1
        return None

    def most_until(self, wall: int) -> int:
        return (self._number(wall) + 1) * len(self._parts.bysetpos)

    def _looked_at(self) -> int:
        """Return how many periods are looked at: none where no period is long enough for the positions."""
        if self._can_be is None:
            self._can_be = self._is_long_enough(min(map(abs, self._parts.bysetpos)))
        return PERIODS_LOOKED_AT if self._can_be else 0

    def _is_long_enough(self, nearest: int) -> bool:
        """Return whether any period has at least ``nearest`` members, so that a position can pick one."""
        frequency = self._parts.frequency
        if frequency == "WEEKLY":
            return nearest <= len(self._match.weekdays()) * len(self._times)
        months = grid_of(self._parts).months()
        if nearest <= len(self._times):  # one day has members enough
            return self._match.is_ever(months)
        most = self._match.most(months, together=frequency == "YEARLY")
        return nearest <= most * len(self._times)

    def _number(self, wall: int) -> int:
        """Return the number of the period that a wall time lies in, or that follows it."""
        day = min(wall // DAY_SECONDS, LAST_DAY)
        frequency, interval = self._parts.frequency, self._parts.interval
        if frequency == "WEEKLY":
            return (day - self._week) // (7 * interval)
        date_ = shown(day)
        if frequency == "MONTHLY":
            return (date_.year * 12 + date_.month - 1 - self._month) // interval
        return (date_.year - self._year) // interval

    def _bounds(self, number: int) -> tuple[int, int]:
        frequency, interval = self._parts.frequency, self._parts.interval
        if frequency == "WEEKLY":
            first = self._week + number * 7 * interval
            return first, first + 7
        step = 1
        month = self._month + number * interval
        if frequency == "YEARLY":
            month, step = (self._year + number * interval) * 12, 12
        return _month_start(month), _month_start(month + step)

    def _members(self, first: int, end: int) -> Sequence[int]:
        end = min(end, LAST_DAY + 1)
        places = self._places(self._match.count(first, end))
        if not places:
            return ()
        members = Members(self._match.within(first, end), self._times)
        return [members[place] for place in places]

    def _places(self, days: int) -> list[int]:
        size = days * len(self._times)
        places = {at - 1 if at > 0 else size + at for at in self._parts.bysetpos}
        return sorted(place for place in places if 0 <= place < size)


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


def _month_start(month: int) -> int:
    """Return the day on which a month (years * 12 + months from 0) begins; beyond year 9999 a day after its end."""
    if month >= 120_000:
        return LAST_DAY + 1 + (month - 120_000) * 28
    return date(max(month // 12, 1), month % 12 + 1, 1).toordinal() - EPOCH
