"""Recurrence rules of days or longer: the same times on each of the rule's days."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import product

from apscheduler._engine.recurrence.days import DayMatch, Days
from apscheduler._engine.recurrence.grids import grid_of
from apscheduler._engine.recurrence.times import picked_places
from apscheduler._engine.recurrence.year_bits import DAY_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from apscheduler._engine.recurrence.parts import Parts


class DayTimes:
    """The members of a rule whose periods are days or longer: the same times on each of its days."""

    def __init__(self, parts: Parts) -> None:
        self.days = Days(DayMatch(parts), grid_of(parts))
        # Only a DAILY rule can have BYSETPOS here. Its period is the day, so the same times are picked on each.
        self._times = picked_places(day_times(parts), parts.bysetpos)
        self._first_day = parts.start // DAY_SECONDS

    def first_from(self, wall: int) -> int | None:
        day, within = divmod(wall, DAY_SECONDS)
        place = bisect_left(self._times, within)
        found = self._next(day if place < len(self._times) else day + 1)
        if found is None:
            return None
        return found * DAY_SECONDS + self._times[place if found == day else 0]

    def last_until(self, wall: int) -> int | None:
        day, within = divmod(wall, DAY_SECONDS)
        place = bisect_right(self._times, within)
        found = self.days.last(day if place else day - 1) if self._times else None
        if found is None:
            return None
        return found * DAY_SECONDS + self._times[place - 1 if found == day else -1]

    def nth(self, start: int, count: int) -> int | None:
        found = self.first_from(start)
        if found is None:
            return None
        day, within = divmod(found, DAY_SECONDS)
        further, place = divmod(self._times.index(within) + count - 1, len(self._times))
        last = self.days.nth(day, further + 1)
        return None if last is None else last * DAY_SECONDS + self._times[place]

    def seconds_of_a_day(self) -> int:
        return sum(1 << at for at in self._times)

    def most_until(self, wall: int) -> int:
        return (wall // DAY_SECONDS - self._first_day + 1) * len(self._times)

    def _next(self, day: int) -> int | None:
        return self.days.next(day) if self._times else None


def day_times(parts: Parts) -> list[int]:
    """Return the times of day of a rule, in seconds from midnight."""
    times: Iterable[tuple[int, int, int]] = product(parts.byhour, parts.byminute, parts.bysecond)
    return sorted(hour * 3600 + minute * 60 + second for hour, minute, second in times)
