"""All lines of a recurrence in a zone: what RRULE and RDATE name, without what EXRULE and EXDATE take out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from apscheduler._engine.instants import DAY, SECOND, to_us
from apscheduler._engine.recurrence.year_bits import DAY_SECONDS
from apscheduler._engine.zones import ZoneLine, zone_line
from apscheduler.triggers.rrule_in_zone import ZonedRule, image
from apscheduler.triggers.rrule_text import RecurrenceText, wall_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.triggers.rrule_text import Moment

EXCLUDED = 10_000
"""How many fire times in a row may be excluded; then the search ends, which is logged."""
_FEW = 50
"""After every ``_FEW`` excluded fire times the search skips the days that EXRULEs take out as a whole."""


class RecurrenceSet:
    """All lines of a recurrence: its rules and dates without what is excluded."""

    def __init__(self, text: RecurrenceText, line: ZoneLine, start: datetime) -> None:
        self._rules = [ZonedRule(rule, line, start) for rule in text.rules]
        self._exrules = [ZonedRule(rule, line, start) for rule in text.exrules]
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
                floor = max(found + 1, image((day + 1) * DAY, self._line))
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
                ceiling = min(found, image(day * DAY, self._line)) - 1
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
        left = [image(each * DAY, self._line) for each in days if each is not None]
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


def _instant(given: Moment, line: ZoneLine, at: timedelta = timedelta(0)) -> int:
    """Return the instant of a moment; a date alone means the time ``at`` of that day."""
    moment, zone, is_date = given
    if moment.tzinfo is UTC:
        return to_us(moment)
    seconds = wall_seconds(moment) + (int(at.total_seconds()) if is_date else 0)
    return image(seconds * SECOND, line if zone is None else zone_line(zone))


def _say_given_up(instant: int) -> None:
    from apscheduler.logs import logger_named  # start-up time

    logger_named("apscheduler.triggers").warning(
        "A recurrence has no next fire time: all of them, or %d in a row, up to %s, are excluded by its EXRULE or "
        "EXDATE lines",
        EXCLUDED,
        zone_line(UTC).at(instant),
    )
