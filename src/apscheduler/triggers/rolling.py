"""Fire times moved from closed days to open ones: the next open day, or the one before, at the same time of day.

The fire times of a rolled schedule are a set: two that are moved to one instant are one. A day's fire times come from
its *sources*: itself and the closed days that are moved to it. A fire time of a source gives an *image* on the day.
Wall times follow the rules of the whole project: one that a clock change leaves out becomes the instant after the gap,
and one that comes twice is the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from apscheduler._engine.instants import DAY
from apscheduler._engine.zones import ZoneLine
from apscheduler.triggers.foreign import after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST_CLOSED = 400
"""How many days in a row are looked at for an open one; if all are closed, a fire time has no open day."""

_ROUNDS = 4000


class Rolling:
    """A trigger's fire times, moved to open days.

    :param is_open: whether a day (its number from 1970-01-01) is open
    :param forward: whether fire times are moved to the next open day, else to the one before
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
        day = self._open_from(self._days_at(floor)[0])
        for _ in range(_ROUNDS):
            if day is None:
                return None
            sources, shown = list(self._sources(day)), self._shown(day, floor)
            found = [self._first(source, day, floor, shown) for source in sources]
            images = [image for image, _ in filter(None, found)]
            if images:
                return min(images)
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
                shown = self._shown(day, ceiling + 1)
                last = max(
                    (
                        image
                        for source in self._sources(day)
                        for image in self._lasts(source, day, ceiling, shown)
                    ),
                    default=None,
                )
                if last is not None:
                    return last if last > floor else None
            day -= 1
        return None

    def source_of(self, instant: int) -> int | None:
        """Return the fire time that was moved to this one; ``None`` if it was not moved."""
        for day in filter(self._is_open, self._days_at(instant)):
            shown = self._shown(day, instant)
            for source in self._sources(day):  # the nearest first
                found = self._first(source, day, instant, shown)
                if found is not None and found[0] == instant:
                    return None if source == day else found[1]
        return None

    # -- days -------------------------------------------------------------------------------------------------

    def _day(self, instant: int) -> int:
        """Return the day of an instant: the last that has begun, also where the clock is set back over midnight."""
        window = self._line.window(instant)
        day = (instant + window.offset) // DAY
        set_back = window.start > instant - DAY and self._start(day + 1) <= instant
        return day + 1 if set_back else day

    def _days_at(self, instant: int) -> range:
        """Return the days that may have a fire time at an instant: several at the end of a gap over midnight."""
        return range(self._day(instant - 1), self._day(instant) + 1)

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
        """Return the open day after ``done`` to which this day's fire times are moved."""
        if self._forward or self._is_open(day):
            return self._open_from(day)
        for number in range(day, max(done, day - LONGEST_CLOSED), -1):
            if self._is_open(number):
                return number
        return self._open_from(day)

    def _sources(self, day: int) -> Iterator[int]:
        """Yield the days whose fire times belong to an open day: the day itself, then the closed ones beside it."""
        yield day
        step = -1 if self._forward else 1
        for number in range(day + step, day + step * LONGEST_CLOSED, step):
            if self._is_open(number):
                return
            yield number

    # -- fire times -------------------------------------------------------------------------------------------

    def _fire_from(self, instant: int) -> int | None:
        return after(self._trigger, instant - 1, instant)

    def _image(self, fire: int, source: int, day: int) -> int:
        """Return the instant at which the wall clock shows a fire time's time of day on another day."""
        if source == day:
            return fire
        return self._at(day * DAY + (fire + self._line.offset(fire)) % DAY)

    def _first(self, source: int, day: int, floor: int, shown: int) -> tuple[int, int] | None:
        """Return the first image at or after ``floor``, with its fire time."""
        found = []
        for begin, end, offset in self._parts(source):
            low = max(begin, floor if source == day else source * DAY + shown - offset)
            fire = self._fire_from(low) if low < end else None
            if fire is not None and fire < end:
                found.append((self._image(fire, source, day), fire))
        return min(found, default=None)

    def _lasts(self, source: int, day: int, ceiling: int, shown: int) -> Iterator[int]:
        """Yield the last image at or before ``ceiling`` of each part of a source."""
        for begin, end, offset in self._parts(source):
            high = ceiling + 1 if source == day else source * DAY + shown - offset
            last = self._fire_before(begin, min(end, high))
            if last is not None:
                yield self._image(last, source, day)

    def _fire_before(self, begin: int, end: int) -> int | None:
        first = self._fire_from(begin) if begin < end else None
        if first is None or first >= end:
            return None
        last: int | None = self._trigger.latest_us(first, end - 1)
        return last

    def _parts(self, day: int) -> Iterator[tuple[int, int, int]]:
        """Yield the instants of a day as spans with one offset: begin, end, offset."""
        first, last = self._start(day), self._start(day + 1)
        for begin, end, offset in self._line.windows(first, last - 1):
            yield max(begin, first), min(end, last), offset

    def _shown(self, day: int, instant: int) -> int:
        """Return the latest time of day that the day's clock showed before an instant: 0 before it, ``DAY`` after."""
        if instant > self._start(day + 1):
            return DAY
        reached = (
            min(end, instant) + offset - day * DAY
            for begin, end, offset in self._parts(day)
            if begin < instant
        )
        return max(reached, default=0)
