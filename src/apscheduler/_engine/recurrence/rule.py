"""A recurrence rule's wall times: integer seconds since 1970-01-01T00:00 on the zone's clock."""

from __future__ import annotations

from functools import cached_property

from apscheduler._engine.recurrence.day_times import DayTimes
from apscheduler._engine.recurrence.sets import Sets
from apscheduler._engine.recurrence.times import UNITS, Times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler._engine.recurrence.days import Days
    from apscheduler._engine.recurrence.parts import Parts


class Recurrence:
    """The wall times of one rule from DTSTART on, without its COUNT and UNTIL."""

    def __init__(self, parts: Parts) -> None:
        self.start = parts.start
        self._members: Times | DayTimes | Sets
        if parts.frequency in UNITS:
            self._members = Times(parts)
        elif parts.bysetpos and parts.frequency != "DAILY":
            self._members = Sets(parts)
        else:
            self._members = DayTimes(parts)
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
        if isinstance(self._members, Sets):
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
