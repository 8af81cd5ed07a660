"""The calendars that a trigger is given: objects, names that a scheduler knows, or what ``ClosedDays`` takes for days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from apscheduler._engine.spans import Span
from apscheduler._engine.zones import ZoneLine
from apscheduler.calendars.base import Calendar, UnknownCalendarError
from apscheduler.calendars.days import ClosedDays
from apscheduler.names import hint

_CALLABLE = ": say ClosedDays(…) or OpenDays(…) of a callable"


def calendars_of(given: Any) -> tuple[Calendar | str, ...]:
    """Return the calendars given: one, or a list of them.

    :raises TypeError, ValueError: if one of them is none
    """
    if isinstance(given, str | Calendar) or not isinstance(given, list | tuple):
        given = (given,)
    if not given:
        raise ValueError("CalendarTrigger needs at least one calendar")
    return tuple(map(_calendar, given))


def _calendar(given: Any) -> Calendar | str:
    if isinstance(given, Calendar):
        return given
    if isinstance(given, str):
        if not given.strip():
            raise ValueError("the name of a calendar cannot be empty")
        return given
    if isinstance(given, Mapping | set | frozenset):
        return ClosedDays(given)
    raise TypeError(
        f"a calendar is a Calendar such as BusinessDays('DE'), the name of one on the scheduler, a set of dates or a "
        f"holidays object, not {given!r}" + (_CALLABLE if callable(given) else "")
    )


class Unregistered(Calendar):
    """Takes the place of a calendar name that is not registered: raises when it is asked."""

    def __init__(self, name: str, known: Mapping[str, Calendar]) -> None:
        self._name = name
        self._names = list(known)

    def span(self, instant: int, line: ZoneLine) -> Span:
        raise unknown_calendar(self._name, self._names)

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError("a stand-in is never stored")

    def __setstate__(self, state: dict[str, Any]) -> None:
        raise TypeError("a stand-in is never stored")


def unknown_calendar(name: str, known: Iterable[str]) -> UnknownCalendarError:
    """Return the error for a calendar that a scheduler does not know by this name."""
    return UnknownCalendarError(
        f"there is no calendar {name!r} on this scheduler, so nothing of its jobs is run: register it with "
        f"add_calendar({name!r}, …); {hint(name, known)}"
    )
