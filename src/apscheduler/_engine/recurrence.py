"""Recurrence rules of RFC 5545, section 3.3.10, as wall times: integer seconds since 1970-01-01T00:00 on the zone's clock.

A rule makes one *set* per period (year, month, week, ... second) from its BY-parts; BYSETPOS picks from each set. Periods
are numbered from that of DTSTART, so any of them can be computed at once, forwards and backwards. The search for the
next period with a member is bounded: after 2,000 years or periods without one there is none, and this is remembered.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date
from functools import cached_property
from itertools import product

from apscheduler._engine.records import Record
from apscheduler._engine.recurrence_days import (
    EPOCH,
    LAST_DAY,
    DayMatch,
    Days,
    Grid,
    MonthGrid,
    shown,
)
from apscheduler._engine.recurrence_times import UNITS, Times, picked_places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
PERIODS_LOOKED_AT = 2_000
DAY_SECONDS = 86_400


class Parts(Record):
    """The parts of a rule; :meth:`complete` fills in what the rule takes from DTSTART.

    :ivar start: DTSTART as wall time in seconds
    :ivar byday: (position, weekday from Monday = 0) pairs; position 0 means every such weekday
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
        day = shown(self.start // DAY_SECONDS)
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
        self._members: Times | _DayTimes | _Sets
        if parts.frequency in UNITS:
            self._members = Times(parts)
        elif parts.bysetpos and parts.frequency != "DAILY":
            self._members = _Sets(parts)
        else:
            self._members = _DayTimes(parts)
        self._none_from: int | None = None
        self._counted, self._counted_until = 0, self.start

    def first_from(self, wall: int) -> int | None:
        """Return the first member at or after a wall time."""
        wall = max(wall, self.start)
        if self._none_from is not None and wall >= self._none_from:
            return None
        found = self._members.first_from(wall)
        if found is None:
            self._none_from = wall
        return found

    def last_until(self, wall: int) -> int | None:
        """Return the last member at or before a wall time."""
        if wall < self.start or self._none_from == self.start:
            return None
        found = self._members.last_until(wall)
        return found if found is not None and found >= self.start else None

    def day_left_by(self, others: list[Recurrence], day: int) -> int | None:
        """Return the first day (since 1970) at or after ``day`` on which the others may leave a member.

        The others are rules of the same start. The result is ``day`` itself if that cannot be told, and ``None`` if
        they take out all days.
        """
        if self._whole_days is None:
            return day
        days, seconds = self._whole_days
        wholes = (each._whole_days for each in others)
        covering = [whole[0] for whole in wholes if whole and not seconds & ~whole[1]]
        return days.next_without(day, covering) if covering else day

    @cached_property
    def _whole_days(self) -> tuple[Days, int] | None:
        """The rule's days, and the seconds at which each of them has members, as bits; ``None`` if its days differ."""
        if isinstance(self._members, _Sets):
            return None
        seconds = self._members.seconds_of_a_day()
        return None if seconds is None else (self._members.days, seconds)

    def nth(self, count: int) -> int | None:
        """Return the member number ``count`` (from 1), ``None`` if there are fewer."""
        return self._members.nth(self.start, count)

    def has_fewer(self, count: int, wall: int) -> bool:
        """Return ``True`` if there are surely fewer than ``count`` members before a wall time, ``False`` if unsure.

        Only members of a rule whose days differ from each other are counted day by day, and each day once.
        """
        members = self._members
        if members.most_until(wall) < count:
            return True
        if not isinstance(members, Times) or members.is_even:
            return False
        if wall > self._counted_until:
            self._counted += members.count(self._counted_until, wall)
            self._counted_until = wall
        return self._counted < count


class _DayTimes:
    """The members of a rule whose periods are days or longer: the same times on each of its days."""

    def __init__(self, parts: Parts) -> None:
        self.days = Days(DayMatch(parts), _grid(parts))
        # Only a DAILY rule can have BYSETPOS here. Its period is the day, so the same times are picked on each.
        self._times = picked_places(_day_times(parts), parts.bysetpos)
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


class _Sets:
    """The members of a rule whose BYSETPOS picks from its weeks, months or years."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._match = DayMatch(parts)
        self._times = _day_times(parts)
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
        months = _grid(self._parts).months()
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


def _grid(parts: Parts) -> Grid | MonthGrid:
    first = parts.start // DAY_SECONDS
    day = shown(first)
    if parts.frequency == "DAILY":
        return Grid(first, 1, parts.interval)
    if parts.frequency == "WEEKLY":
        return Grid(first - (day.weekday() - parts.wkst) % 7, 7, 7 * parts.interval)
    if parts.frequency == "MONTHLY":
        return MonthGrid(day.year * 12 + day.month - 1, 1, parts.interval)
    return MonthGrid(day.year * 12, 12, 12 * parts.interval)


def _day_times(parts: Parts) -> list[int]:
    times: Iterable[tuple[int, int, int]] = product(parts.byhour, parts.byminute, parts.bysecond)
    return sorted(hour * 3600 + minute * 60 + second for hour, minute, second in times)


def _month_start(month: int) -> int:
    """Return the day on which a month (years * 12 + months from 0) begins; beyond year 9999 a day after its end."""
    if month >= 120_000:
        return LAST_DAY + 1 + (month - 120_000) * 28
    return date(max(month // 12, 1), month % 12 + 1, 1).toordinal() - EPOCH
