"""Calendars, and the triggers that came with them, as plain values for signed JSON.

Days given by a callable are refused, because signed JSON keeps names of things to call out of its data. (Register such
a calendar on the scheduler, and store its name.)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.calendars import (
    Blackout,
    Blackouts,
    BusinessDays,
    Calendar,
    ClosedDays,
    DailyBlackout,
    OpenDays,
)
from apscheduler.calendars.daysets import DaySet
from apscheduler.serializers._values import Entry, checked, fields, known_zone
from apscheduler.texts import line
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.rrule import RRuleTrigger

_NONE = type(None)
_LIMIT = 10_000


def _keys(plain: Any, *names: str) -> list[Any]:
    """Return the values of a state that has these keys, in their order.

    :raises TypeError, ValueError: if it has others, or a version that is not known
    """
    state = checked(plain, dict)
    if set(state) != {"version", *names}:
        raise ValueError(f"expected the keys version, {', '.join(names)}")
    if checked(state["version"], int) != 1:
        raise ValueError(f"expected version 1, not {state['version']!r}")
    return [state[name] for name in names]


def _trigger_plain(trigger: CalendarTrigger) -> dict[str, Any]:
    calendars = list(trigger.calendars)
    return {
        "version": 1,
        "trigger": trigger.trigger,
        "calendars": calendars,
        "closed": trigger.closed,
    }


def _trigger(plain: Any) -> CalendarTrigger:
    trigger, calendars, closed = _keys(plain, "trigger", "calendars", "closed")
    if not isinstance(trigger, BaseTrigger):
        raise TypeError("expected a trigger")
    for each in checked(calendars, list):
        if not isinstance(each, str | Calendar):
            raise TypeError("expected calendars and names of calendars")
    return CalendarTrigger(trigger, calendars, checked(closed, str))


def _rrule_plain(trigger: RRuleTrigger) -> dict[str, Any]:
    state = trigger.__getstate__()
    state["timezone"] = known_zone(state["timezone"])
    return state


def _rrule(plain: Any) -> RRuleTrigger:
    names = ("rrule", "start_date", "end_date", "timezone", "jitter")
    text, start, end, zone, jitter = _keys(plain, *names)
    if len(checked(text, str)) > _LIMIT:
        raise ValueError(f"a recurrence of more than {_LIMIT} characters")
    checked(start, datetime)
    checked(end, _NONE, datetime)
    checked(zone, timezone, ZoneInfo)
    checked(jitter, _NONE, int, float)
    trigger = RRuleTrigger.__new__(RRuleTrigger)
    trigger.__setstate__(plain)
    return trigger


def _days_plain(days: DaySet | None) -> Any:
    if days is None:
        return None
    kind, given = days.plain() if days.kind != "callable" else ("callable", None)
    if kind == "callable" or (kind == "mapping" and type(given) is not dict):
        raise TypeError(
            f"{line(str(days))} cannot be written as JSON: give dates or a country's code, or register the calendar with "
            "add_calendar(name, …) and give its name"
        )
    return [kind, given]


def _days(plain: Any) -> DaySet:
    kind, given = fields(plain, 2)
    if kind == "dates":
        return DaySet([checked(each, str) for each in checked(given, list)])
    if kind == "mapping":
        pairs = checked(given, dict).items()
        return DaySet({checked(day, date): checked(name, str) for day, name in pairs})
    if kind != "country":
        raise ValueError("expected dates, a mapping or a country's code")
    return DaySet.restored((kind, checked(given, str)))


def _closed_plain(calendar: ClosedDays) -> dict[str, Any]:
    return {"version": 1, "days": _days_plain(calendar._days)}


def _closed(cls: type[ClosedDays]) -> Callable[[Any], Any]:
    def from_plain(plain: Any) -> Any:
        (days,) = _keys(plain, "days")
        return _restored(cls, {"version": 1, "days": _days(days).plain()})

    return from_plain


def _business_plain(calendar: BusinessDays) -> dict[str, Any]:
    holidays = _days_plain(calendar._holidays)
    weekend = None if calendar._weekend is None else list(calendar._weekend)
    return {"version": 1, "holidays": holidays, "weekend": weekend}


def _business(plain: Any) -> BusinessDays:
    holidays, weekend = _keys(plain, "holidays", "weekend")
    numbers = None
    if checked(weekend, _NONE, list) is not None:
        numbers = [checked(number, int) for number in weekend]
    made = BusinessDays(None, numbers)
    made._holidays = None if holidays is None else _days(holidays)
    if numbers is None and made._holidays is not None and made._holidays.knows_weekends:
        made._weekend = None
    return made


def _blackout(plain: Any) -> Blackout:
    start, end, reason = _keys(plain, "start", "end", "reason")
    return Blackout(
        checked(start, _NONE, datetime), checked(end, _NONE, datetime), checked(reason, _NONE, str)
    )


def _blackouts_plain(calendar: Blackouts) -> list[Blackout]:
    return list(calendar.windows)


def _blackouts(plain: Any) -> Blackouts:
    return Blackouts(*checked(plain, list))


def _daily_plain(calendar: DailyBlackout) -> dict[str, Any]:
    state = calendar.__getstate__()
    state["timezone"] = known_zone(state["timezone"])
    return state


def _daily(plain: Any) -> DailyBlackout:
    start, end, days, reason, zone = _keys(plain, "start", "end", "days", "reason", "timezone")
    return DailyBlackout(
        checked(start, str),
        checked(end, str),
        [checked(number, int) for number in checked(days, list)],
        checked(reason, _NONE, str),
        checked(zone, _NONE, timezone, ZoneInfo),
    )


def _restored(cls: Any, state: dict[str, Any]) -> Any:
    made = cls.__new__(cls)
    made.__setstate__(state)
    return made


CALENDARS: tuple[Entry, ...] = (
    ("calendar:blackout", Blackout, Blackout.__getstate__, _blackout),
    ("calendar:blackouts", Blackouts, _blackouts_plain, _blackouts),
    ("calendar:business", BusinessDays, _business_plain, _business),
    ("calendar:closed", ClosedDays, _closed_plain, _closed(ClosedDays)),
    ("calendar:daily", DailyBlackout, _daily_plain, _daily),
    ("calendar:open", OpenDays, _closed_plain, _closed(OpenDays)),
    ("trigger:calendar", CalendarTrigger, _trigger_plain, _trigger),
    ("trigger:rrule", RRuleTrigger, _rrule_plain, _rrule),
)
