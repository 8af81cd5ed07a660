"""One recurrence rule in a zone: its wall times as instants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from apscheduler._engine.instants import DAY, LATEST, SECOND, to_us
from apscheduler._engine.recurrence.rule import Recurrence
from apscheduler._engine.recurrence.year_bits import DAY_SECONDS
from apscheduler._engine.zones import EARLIEST, ZoneLine
from apscheduler.triggers.rrule_text import RuleText, wall_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime


class ZonedRule:
    """One rule's members as instants."""

    def __init__(self, text: RuleText, line: ZoneLine, start: datetime) -> None:
        self._line = line
        self.recurrence = Recurrence(text.parts(wall_seconds(start)))
        self.is_endless = text.count is None and text.until is None
        self._count = text.count
        self._last: int | None = None if text.count is not None else _until(text, line)

    def first_from(self, floor: int) -> int | None:
        """Return the first member at or after an instant."""
        line, walls = self._line, self.recurrence.first_from
        floor = max(floor, EARLIEST + DAY)
        if self._is_beyond(floor):
            return None
        local = floor + line.offset(floor)
        candidates: list[int | None] = []
        for before, after in _changes(line, floor):
            size = after.offset - before.offset
            local = max(local, after.start + before.offset)  # repeated ones fire the first time
            if size > 0 and floor < after.start + size:  # wall times of the gap fire now
                end = after.start + after.offset
                wall = _wall(walls, floor + before.offset)
                if wall is not None and wall < end:
                    candidates.append(wall - before.offset)
        wall = _wall(walls, local)
        candidates += self._images(wall, lambda gap_end: _wall(walls, gap_end))
        found = min(
            (each for each in candidates if each is not None and each >= floor), default=None
        )
        return None if found is None or self._is_beyond(found) else found

    def _images(
        self, wall: int | None, beyond: Callable[[int], int | None]
    ) -> Iterator[int | None]:
        """Yield the instants that may come first at or after a wall time."""
        if wall is None:
            return
        found = self._line.instants(wall)
        if found:
            yield found[0]
            return
        gap = self._line.gap(wall)
        if gap is None:
            return  # at the end of the calendar
        yield gap.instant + wall - gap.start
        after = beyond(gap.end)
        if after is not None:
            yield next(iter(self._line.instants(after)), None)

    def last_until(self, ceiling: int) -> int | None:
        """Return the last member at or before an instant."""
        line, walls = self._line, self.recurrence.last_until
        if self._is_beyond(ceiling):
            ceiling = self._end()
        if ceiling < EARLIEST + DAY:
            return None
        local = ceiling + line.offset(ceiling)
        candidates = list(self._of_gaps(ceiling, ceiling))
        for before, after in _changes(line, ceiling):
            if after.offset < before.offset:
                local = max(local, after.start + before.offset - SECOND)
        wall = _wall_before(walls, local)
        while wall is not None and not (instants := line.instants(wall)):
            gap = line.gap(wall)
            if gap is not None:
                candidates.append(gap.instant + wall - gap.start)
            wall = None if gap is None else _wall_before(walls, gap.start - SECOND)
        if wall is not None:
            candidates.append(instants[0])
            candidates += self._of_gaps(instants[0], ceiling)  # a gap of a day ends later than that
        return max((each for each in candidates if each <= ceiling), default=None)

    def _of_gaps(self, instant: int, ceiling: int) -> Iterator[int]:
        """Yield, for each gap in the 24 hours up to an instant, its last member until ``ceiling``."""
        for before, after in _changes(self._line, instant):
            begin, end = after.start + before.offset, after.start + after.offset
            last = min(end - SECOND, ceiling + before.offset)
            wall = _wall_before(self.recurrence.last_until, last) if end > begin else None
            if wall is not None and wall >= begin:
                yield wall - before.offset

    def _is_beyond(self, instant: int) -> bool:
        """Return whether an instant lies after the last one; members are counted only if there may be COUNT of them."""
        if self._last is None:
            wall = (instant + self._line.offset(instant) + DAY) // SECOND
            if self.recurrence.has_fewer(self._count or 1, wall):
                return False
        return instant > self._end()

    def _end(self) -> int:
        """Return the last possible instant; if COUNT sets it, it is searched at the first call."""
        if self._last is None:
            wall = self.recurrence.nth(self._count or 1)
            self._last = LATEST if wall is None else image(wall * SECOND, self._line)
        return self._last


def _changes(line: ZoneLine, instant: int) -> Iterator[tuple[Any, Any]]:
    """Yield the windows before and after each move of the clock in the 24 hours up to an instant."""
    if line.window(instant).start > instant - DAY:
        for before, after in pairwise(line.windows(instant - DAY, instant)):
            if before.offset != after.offset and after.start <= instant:
                yield before, after


def _wall(walls: Callable[[int], int | None], local: int) -> int | None:
    """Return the first wall time from ``local`` on, microseconds."""
    found = walls(-(-local // SECOND))
    return None if found is None else found * SECOND


def _wall_before(walls: Callable[[int], int | None], local: int) -> int | None:
    found = walls(local // SECOND)
    return None if found is None else found * SECOND


def image(local: int, line: ZoneLine) -> int:
    """Return the instant of a wall time (RFC 5545, section 3.3.5)."""
    found = line.instants(local)
    if found:
        return found[0]
    gap = line.gap(local)
    return min(local, LATEST) if gap is None else gap.instant + local - gap.start


def _until(text: RuleText, line: ZoneLine) -> int:
    if text.until is None:
        return LATEST
    moment, is_date = text.until
    if moment.tzinfo is not None:
        return to_us(moment)
    seconds = wall_seconds(moment) + (DAY_SECONDS - 1 if is_date else 0)
    return image(seconds * SECOND, line)
