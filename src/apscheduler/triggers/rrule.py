"""A trigger for recurrence rules of RFC 5545 (iCalendar): RRULE with its EXRULE, RDATE and EXDATE lines.

The rules make wall times of one zone; here they become instants. A wall time that comes twice means the first of the
two instants. One that a clock change leaves out is read with the offset before the change (RFC 5545, section 3.3.5), so
it is shown as a wall time that exists. Fire times are in the order of their instants.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from apscheduler import clocks
from apscheduler._engine.instants import DAY, LATEST, SECOND, to_us
from apscheduler._engine.recurrence.rule import Recurrence
from apscheduler._engine.recurrence.year_bits import DAY_SECONDS
from apscheduler._engine.zones import EARLIEST, ZoneLine, zone_line
from apscheduler.moments import convert_to_datetime, datetime_repr
from apscheduler.triggers.arguments import checked_jitter, delayed, state_of, stored_zone, zone_of
from apscheduler.triggers.base import (
    SEALED,
    BaseTrigger,
    jittered_by_hook,
    moves_its_own,
    speaks_integers,
)
from apscheduler.triggers.rrule_text import RecurrenceText, RuleText, wall_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.triggers.rrule_text import Moment

_VERSION = 1
EXCLUDED = 10_000
"""How many fire times in a row may be excluded; then the search ends, which is logged."""
_FEW = 50
"""After every ``_FEW`` excluded fire times the search skips the days that EXRULEs take out as a whole."""


class RRuleTrigger(BaseTrigger):
    """Fires as a recurrence rule of RFC 5545 says. New.

    :param rrule: the rule, ``"FREQ=MONTHLY;BYDAY=-1FR"``, or several lines of DTSTART, RRULE, EXRULE, RDATE and EXDATE; or
        an ``rrule`` or ``rruleset`` of dateutil, which keeps the zone of its dtstart. A date without a time takes out its
        whole day in EXDATE, and means DTSTART's time of that day in RDATE; a period fires when it begins
    :param start_date: DTSTART, where the text has none: datetime, date or text (now if left out)
    :param end_date: latest possible fire time, beside UNTIL and COUNT
    :param timezone: zone or its name, in whose wall time the rule counts (default: that of DTSTART or the dates, else the
        local one)
    :param jitter: each run is delayed by up to so many seconds
    :raises ValueError: for a text that is no recurrence, saying which part is wrong
    :raises TypeError: if an argument is of another type
    """

    __slots__ = (
        "_end",
        "_given",
        "_line",
        "_rules",
        "end_date",
        "jitter",
        "rrule",
        "start_date",
        "timezone",
    )

    native = property(speaks_integers)

    def __init__(
        self,
        rrule: Any,
        start_date: Any = None,
        end_date: Any = None,
        timezone: Any = None,
        jitter: float | None = None,
    ) -> None:
        text = RecurrenceText(rrule)
        if text.start is not None and start_date is not None:
            raise ValueError(
                "DTSTART is in the text already; give it there or as start_date, not both"
            )
        self.timezone = zone = text.zone or zone_of(timezone, start_date, end_date)
        self._given = text.start is not None or start_date is not None
        if text.start is not None:
            start = text.start
            start = start.replace(tzinfo=zone) if start.tzinfo is None else start
        elif start_date is not None:
            start = convert_to_datetime(start_date, zone, "start_date")
        else:
            start = clocks.now(zone)
        self.end_date = convert_to_datetime(end_date, zone, "end_date")
        self.jitter = checked_jitter(jitter)
        self._prepare(text, start.astimezone(zone))
        if self._end < to_us(self.start_date):
            raise ValueError(
                f"end_date {datetime_repr(self.end_date)} lies before start_date "
                f"{datetime_repr(self.start_date)}, so this trigger could never fire"
            )

    def _prepare(self, text: RecurrenceText, start: datetime) -> None:
        self.rrule = text.text
        self.start_date = start.replace(microsecond=0)
        self._line = zone_line(self.timezone)
        self._end = LATEST if self.end_date is None else to_us(self.end_date)
        self._rules = _Recurrences(text, self._line, self.start_date)

    def begin_at(self, now: int) -> None:
        if not self._given:
            self._prepare(RecurrenceText(self.rrule), self.at(now))

    def at(self, instant: int) -> datetime:
        return self._line.at(instant)

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        line = self._line
        before = None if previous_fire_time is None else line.instant(previous_fire_time)
        found = self._next(before, line.instant(now))
        if moves_its_own(self):
            return jittered_by_hook(self, found, now, self._end)
        found = self._moved(found)
        return None if found is None else self.at(found)

    def next_us(self, previous: int | None, now: int) -> int | None:
        return self._moved(self._next(previous, now))

    def _moved(self, found: int | None) -> int | None:
        return found if found is None or not self.jitter else delayed(found, self.jitter, self._end)

    def _next(self, previous: int | None, now: int) -> int | None:
        """Return the fire time after ``previous``, without jitter."""
        found = self._rules.first_from(now if previous is None else previous + 1)
        return None if found is None or found > self._end else found

    def latest_us(self, first: int, now: int) -> int | None:
        found = self._rules.last_until(min(now, self._end))
        return first if found is None or found < first else found

    def previous_us(self, instant: int) -> int | None:
        """Return the last fire time before an instant (microseconds UTC), ``None`` if there is none."""
        return self._rules.last_until(min(instant - 1, self._end))

    def __getstate__(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "rrule": self.rrule,
            "start_date": self.start_date,
            "end_date": self.end_date,
            "timezone": self.timezone,
            "jitter": self.jitter,
        }

    def __setstate__(self, state: Any) -> None:
        values = state_of(state, self, _VERSION)
        self.timezone = stored_zone(values["timezone"])
        self.end_date = values["end_date"]
        self.jitter = values["jitter"]
        self._given = True
        self._prepare(
            RecurrenceText(values["rrule"]), values["start_date"].astimezone(self.timezone)
        )

    def __str__(self) -> str:
        return f"rrule[{'; '.join(self.rrule.splitlines())}]"

    def __repr__(self) -> str:
        options = [repr(self.rrule), f"start_date='{datetime_repr(self.start_date)}'"]
        if self.end_date:
            options.append(f"end_date='{datetime_repr(self.end_date)}'")
        if self.jitter:
            options.append(f"jitter={self.jitter}")
        return f"<{type(self).__name__} ({', '.join(options)}, timezone='{self.timezone}')>"


SEALED.add(RRuleTrigger)


class _Recurrences:
    """All lines of a recurrence: its rules and dates without what is excluded."""

    def __init__(self, text: RecurrenceText, line: ZoneLine, start: datetime) -> None:
        self._rules = [_ZonedRule(rule, line, start) for rule in text.rules]
        self._exrules = [_ZonedRule(rule, line, start) for rule in text.exrules]
        has_time = text.start is not None or bool(text.rules)
        at = start - start.replace(hour=0, minute=0, second=0) if has_time else timedelta(0)
        self._line = line
        self._dates = sorted({_instant(each, line, at) for each in text.rdates})
        self._exdates = {_instant(each, line) for each in text.exdates if not each[2]}
        self._exdays = {wall_seconds(each[0]) // DAY_SECONDS for each in text.exdates if each[2]}
        excluded = [rule.values for rule in text.exrules]
        self._is_void = not text.rdates and all(rule.values in excluded for rule in text.rules)

    def first_from(self, floor: int) -> int | None:
        """Return the first fire time at or after an instant."""
        for number in range(0 if self._is_void else EXCLUDED):
            found = min(self._firsts(floor), default=None)
            if found is None:
                return None
            if number and number % _FEW == 0:
                beyond = self._beyond_excluded_days(found)
                if beyond is None:
                    break
                if beyond > found:
                    floor = beyond
                    continue
            day = self._excluded_day(found)
            if day is not None:
                floor = max(found + 1, _image((day + 1) * DAY, self._line))
            elif self._is_excluded(found):
                floor = found + 1
            else:
                return found
        _say_given_up(floor)
        return None

    def last_until(self, ceiling: int) -> int | None:
        """Return the last fire time at or before an instant."""
        for _ in range(0 if self._is_void else EXCLUDED):
            found = max(self._lasts(ceiling), default=None)
            if found is None:
                return None
            day = self._excluded_day(found)
            if day is not None:
                ceiling = min(found, _image(day * DAY, self._line)) - 1
            elif self._is_excluded(found):
                ceiling = found - 1
            else:
                return found
        _say_given_up(ceiling)
        return None

    def _beyond_excluded_days(self, found: int) -> int | None:
        """Return the instant at which to go on searching; ``None`` if all members from ``found`` on are excluded.

        EXRULEs that have no end take out the whole days from that of ``found`` up to there.
        """
        endless = [rule.recurrence for rule in self._exrules if rule.is_endless]
        day = (found + self._line.offset(found)) // DAY
        days = [rule.recurrence.day_left_by(endless, day) for rule in self._rules]
        left = [_image(each * DAY, self._line) for each in days if each is not None]
        at = bisect_left(self._dates, found)
        return min((*left, *self._dates[at : at + 1]), default=None)

    def _firsts(self, floor: int) -> Iterator[int]:
        for rule in self._rules:
            found = rule.first_from(floor)
            if found is not None:
                yield found
        at = bisect_left(self._dates, floor)
        if at < len(self._dates):
            yield self._dates[at]

    def _lasts(self, ceiling: int) -> Iterator[int]:
        for rule in self._rules:
            found = rule.last_until(ceiling)
            if found is not None:
                yield found
        at = bisect_right(self._dates, ceiling)
        if at:
            yield self._dates[at - 1]

    def _excluded_day(self, instant: int) -> int | None:
        """Return the day of an instant (since 1970, on the zone's clock) if an EXDATE takes out all of it."""
        if not self._exdays:
            return None
        day = (instant + self._line.offset(instant)) // DAY
        return day if day in self._exdays else None

    def _is_excluded(self, instant: int) -> bool:
        return instant in self._exdates or any(
            rule.first_from(instant) == instant for rule in self._exrules
        )


class _ZonedRule:
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
            self._last = LATEST if wall is None else _image(wall * SECOND, self._line)
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


def _image(local: int, line: ZoneLine) -> int:
    """Return the instant of a wall time (RFC 5545, section 3.3.5)."""
    found = line.instants(local)
    if found:
        return found[0]
    gap = line.gap(local)
    return min(local, LATEST) if gap is None else gap.instant + local - gap.start


def _instant(given: Moment, line: ZoneLine, at: timedelta = timedelta(0)) -> int:
    """Return the instant of a moment; a date alone means the time ``at`` of that day."""
    moment, zone, is_date = given
    if moment.tzinfo is UTC:
        return to_us(moment)
    seconds = wall_seconds(moment) + (int(at.total_seconds()) if is_date else 0)
    return _image(seconds * SECOND, line if zone is None else zone_line(zone))


def _until(text: RuleText, line: ZoneLine) -> int:
    if text.until is None:
        return LATEST
    moment, is_date = text.until
    if moment.tzinfo is not None:
        return to_us(moment)
    seconds = wall_seconds(moment) + (DAY_SECONDS - 1 if is_date else 0)
    return _image(seconds * SECOND, line)


def _say_given_up(instant: int) -> None:
    from apscheduler.logs import logger_named  # start-up time

    logger_named("apscheduler.triggers").warning(
        "A recurrence has no next fire time: all of them, or %d in a row, up to %s, are excluded by its EXRULE or "
        "EXDATE lines",
        EXCLUDED,
        zone_line(UTC).at(instant),
    )
