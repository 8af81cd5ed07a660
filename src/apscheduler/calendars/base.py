"""The contract of calendars: which instants are closed, and why.

A trigger asks its calendars about each fire time (triggers/calendar.py). A closed fire time is dropped, which the
ledger records with the calendar's reason, or moved to an open day. Calendars know no scheduler and no clock.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from datetime import date, datetime, tzinfo
from typing import Any

from apscheduler._engine.instants import DAY
from apscheduler._engine.spans import Span, clipped
from apscheduler._engine.zones import ZoneLine, zone_line
from apscheduler.moments import local_zone

EPOCH_DAY = date(1970, 1, 1).toordinal()


class UnknownCalendarError(LookupError):
    """A trigger names a calendar that is not registered on its scheduler, so it cannot say what may run."""


class Calendar(metaclass=ABCMeta):
    """Abstract base class of all calendars: says of instants whether they are closed, and why."""

    by_day: bool = False
    """Whether whole days are open or closed: only then can a fire time be moved to an open day."""

    @abstractmethod
    def span(self, instant: int, line: ZoneLine) -> Span:
        """Return the answer for an instant (microseconds UTC), and around it the span for which it is the same.

        :param line: the zone in which the trigger shows its fire times
        """

    def why_closed(self, moment: datetime) -> str | None:
        """Return why this (aware) moment is closed, in words; ``None`` if it is open."""
        line = zone_line(moment.tzinfo or local_zone())
        return self.span(line.instant(moment), line).reason

    @abstractmethod
    def __getstate__(self) -> dict[str, Any]: ...

    @abstractmethod
    def __setstate__(self, state: dict[str, Any]) -> None: ...

    def __str__(self) -> str:
        return type(self).__qualname__

    def __repr__(self) -> str:
        return f"<{self}>"


class DayCalendar(Calendar):
    """A calendar of whole days, on the wall clock of the trigger. Subclasses say which are closed."""

    by_day = True

    @abstractmethod
    def why_day_closed(self, day: date) -> str | None:
        """Return why this day is closed, as a few words ("New Year's Day"); ``None`` if it is open."""

    def span(self, instant: int, line: ZoneLine) -> Span:
        number = (instant + line.offset(instant)) // DAY
        why = self.why_number_closed(number)
        return clipped(line, instant, number * DAY, (number + 1) * DAY, why)

    def why_number_closed(self, number: int) -> str | None:
        """Return why a day is closed, in words; ``None`` if it is open.

        :param number: the day, counted from 1970-01-01
        """
        ordinal = number + EPOCH_DAY
        if not 1 <= ordinal <= date.max.toordinal():
            return None
        day = date.fromordinal(ordinal)
        why = self.why_day_closed(day)
        return None if why is None else f"{day} is {why}"


def stored(state: dict[str, Any], calendar: Calendar) -> dict[str, Any]:
    """Return the values of a calendar's state.

    :raises ValueError: if a later release wrote it
    """
    version = state.get("version", 1)
    if version > 1:
        raise ValueError(
            f"this {type(calendar).__name__} was stored in version {version} of its format, and this "
            "release reads version 1: upgrade it, or store the job again"
        )
    return state


def zone_or_none(zone: tzinfo | None, line: ZoneLine) -> ZoneLine:
    """Return the line of the calendar's own zone, else the trigger's."""
    return line if zone is None else zone_line(zone)
