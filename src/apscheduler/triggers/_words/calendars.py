"""Describes calendars as text: exactly, so that two with the same text are closed at the same times."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from copy import deepcopy
from datetime import date
from typing import Any
from zlib import crc32

from apscheduler.calendars.base import Calendar
from apscheduler.calendars.days import BusinessDays, ClosedDays
from apscheduler.calendars.daysets import DaySet, _of_country, _reading
from apscheduler.calendars.windows import Blackout, Blackouts, DailyBlackout
from apscheduler.references import obj_to_ref
from apscheduler.triggers._words.zones import moment, zone_name

_YEARS = range(2000, 2051)
"""The years in which two objects of holidays are compared."""


def calendar_text(calendar: Calendar) -> str:
    """Return the text of a calendar: all that one of this package was given; of another one, its own text."""
    if type(calendar) is Blackout:
        return f"Blackout({_blackout(calendar)})"
    if type(calendar) is Blackouts:
        return f"Blackouts({'; '.join(map(_blackout, calendar.windows))})"
    if type(calendar) is DailyBlackout:
        return f"DailyBlackout({_daily(calendar)})"
    if type(calendar) is BusinessDays:
        return _named(calendar, calendar._holidays, _weekend(calendar))
    if isinstance(calendar, ClosedDays) and type(calendar).__module__ == ClosedDays.__module__:
        return _named(calendar, calendar._days)
    return _own_text(calendar)


def _own_text(calendar: Any) -> str:
    cls: Any = type(calendar)
    if cls.__str__ is not Calendar.__str__:
        return f"{cls.__qualname__} {calendar}"
    return repr(calendar) if cls.__repr__ is not Calendar.__repr__ else object.__repr__(calendar)


def _named(calendar: Calendar, days: DaySet | None, *more: str) -> str:
    parts = [] if days is None else [_days(days)]
    return f"{type(calendar).__name__}({', '.join([*parts, *filter(None, more)])})"


def _weekend(calendar: BusinessDays) -> str:
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    if not calendar.shows_weekend:
        return ""
    return f"weekend={'+'.join(names[day] for day in calendar.weekend)}"


def _blackout(window: Blackout) -> str:
    ends = [
        "ever" if each is None else _moment(each, each.tzinfo)
        for each in (window.start, window.end)
    ]
    return f"{ends[0]} to {ends[1]}"


def _moment(given: Any, zone: Any) -> str:
    shown = moment(given, zone)
    return f"{shown.day} {shown.time} {shown.offset or zone_name(zone)}"


def _daily(window: DailyBlackout) -> str:
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    parts = [f"{_short(window.start)} to {_short(window.end)}"]
    if len(window.days) < 7:
        parts.append("+".join(names[day] for day in window.days))
    if window.timezone is not None:
        parts.append(zone_name(window.timezone))
    return ", ".join(parts)


def _short(at: Any) -> str:
    text: str = at.isoformat()
    return text.removesuffix(":00") if len(text) > 5 else text


def _days(days: DaySet) -> str:
    if days.kind == "callable":
        try:
            return obj_to_ref(days.given)
        except ValueError:
            return repr(days.given)
    if days.kind == "mapping" and type(days.given) is not dict:
        return _holidays(days.given)
    if days.kind == "country":
        return repr(days.given.upper())
    return str(days)


def _holidays(given: Mapping[date, str]) -> str:
    """Return the text of an object that finds its days when asked; objects that find the same days share it."""
    asked = deepcopy(given)
    country, part = getattr(given, "country", None), getattr(given, "subdiv", None)
    code = f"{country}-{part}" if part else str(country)
    with _reading, warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of years that the library does not know: nobody asked for them
        for year in _YEARS:
            asked.get(date(year, 1, 1))  # it learns a year when it is asked for a day of it
        found = sorted(day for day in asked if day.year in _YEARS)
        if isinstance(country, str) and found == [
            *sorted(day for year in _YEARS for day in _of_country(code, year))
        ]:
            return repr(code)
    check = crc32(" ".join(map(str, found)).encode())
    name = code if country else type(given).__name__
    return f"{name}, {len(found)} dates in {_YEARS[0]} to {_YEARS[-1]} (checksum {check:08x})"
