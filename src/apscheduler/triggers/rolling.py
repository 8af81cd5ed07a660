"""Fire times moved from closed days to open ones: the next open day, or the one before, at the same time of day.

The fire times of a rolled schedule are a set: two that are moved to one instant are one. A day's fire times come from
its *sources*: itself and the closed days that are moved to it. Wall times follow the rules of the whole project: one
that a clock change leaves out becomes the instant after the gap, one that comes twice is the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from apscheduler._engine.instants import DAY
from apscheduler._engine.zones import ZoneLine
from apscheduler.triggers.combining import after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST_CLOSED = 400
"""So many closed days in a row are looked over; a fire time with more of them around it has no open day."""

_ROUNDS = 4000


class Rolling:
    """A trigger's fire times, moved to open days.

    :param is_open: whether a day (its number from 1970-01-01) is open
    :param forward: whether to the next open day, else to the one before
    """

    def __init__(
        self, trigger: Any, line: ZoneLine, is_open: Callable[[int], bool], *, forward: bool
    ) -> None:
        self._trigger = trigger
        self._line = line
        self._is_open = is_open
        self._forward = forward

    def first_from(self, floor: int) -> int | None:
        """Return the first fire time at or after an instant."""
        day = self._open_from(self._day(floor))
        for _ in range(_ROUNDS):
            if day is None:
                return None
            sources = list(self._sources(day))
            found = [
                image
                for source in sources
                if (image := self._first_image(source, day, floor)) is not None
            ]
            if found:
                return min(found)
            coming = self._fire_from(self._start(max(sources) + 1))
            if coming is None:
                return None
            day = self._target_after(self._day(coming), day)
        return None

    def last_until(self, ceiling: int, floor: int) -> int | None:
        """Return the last fire time at or before ``ceiling`` that lies after ``floor``."""
        lowest = self._day(floor)
        day = self._day(ceiling)
        while day >= lowest:
            if self._is_open(day):
                found = [
                    image
                    for source in self._sources(day)
                    if (image := self._last_image(source, day, ceiling, floor)) is not None
                ]
                if found:
                    return max(found)
            day -= 1
        return None

    def source_of(self, instant: int) -> int | None:
        """Return the fire time that was moved to this one; ``None`` if it was not moved."""
        day = self._day(instant)
        for source in sorted(self._sources(day), key=lambda each: abs(each - day)):
            at = self._moved(instant, source)
            found = self._fire_from(at)
            if found is None or self._day(found) != source:
                continue
            if self._image(found, source, day) == instant:
                return None if source == day else found
        return None

    # -- days -------------------------------------------------------------------------------------------------

    def _day(self, instant: int) -> int:
        return (instant + self._line.offset(instant)) // DAY

    def _start(self, day: int) -> int:
        return self._at(day * DAY)

    def _at(self, local: int) -> int:
        found = self._line.instants(local)
        if found:
            return found[0]
        gap = self._line.gap(local)
        return local - self._line.offset(local) if gap is None else gap.instant

    def _open_from(self, day: int) -> int | None:
        for number in range(day, day + LONGEST_CLOSED):
            if self._is_open(number):
                return number
        return None

    def _target_after(self, day: int, done: int) -> int | None:
        """Return the open day after ``done`` to which this day's fire times come."""
        if self._forward or self._is_open(day):
            return self._open_from(day)
        for number in range(day, max(done, day - LONGEST_CLOSED), -1):
            if self._is_open(number):
                return number
        return self._open_from(day)

    def _sources(self, day: int) -> Iterator[int]:
        """Yield the days whose fire times come to an open day: itself, then the closed ones beside it."""
        yield day
        step = -1 if self._forward else 1
        for number in range(day + step, day + step * LONGEST_CLOSED, step):
            if self._is_open(number):
                return
            yield number

    # -- fire times -------------------------------------------------------------------------------------------

    def _fire_from(self, instant: int) -> int | None:
        return after(self._trigger, instant - 1, instant)

    def _moved(self, instant: int, day: int) -> int:
        """Return the instant at which the wall clock shows the same time on another day."""
        return self._at(day * DAY + (instant + self._line.offset(instant)) % DAY)

    def _image(self, fire: int, source: int, day: int) -> int:
        return fire if source == day else self._moved(fire, day)

    def _first_image(self, source: int, day: int, floor: int) -> int | None:
        begin, end = self._start(source), self._start(source + 1)
        if self._day(floor) == day:
            begin = floor if source == day else max(begin, self._moved(floor, source))
        fire = self._fire_from(begin)
        while fire is not None and fire < end:
            image = self._image(fire, source, day)
            if image >= floor:
                return image
            fire = self._fire_from(fire + 1)
        return None

    def _last_image(self, source: int, day: int, ceiling: int, floor: int) -> int | None:
        begin, end = self._start(source), self._start(source + 1) - 1
        if self._day(ceiling) == day:
            end = ceiling if source == day else min(end, self._moved(ceiling, source))
        first = self._fire_from(begin)
        while first is not None and first <= end:
            last: int | None = self._trigger.latest_us(first, end)
            if last is None:
                return None
            image = self._image(last, source, day)
            if image <= floor:
                return None
            if image <= ceiling:
                return image
            end = last - 1
        return None
