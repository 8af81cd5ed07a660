"""Finds what triggers say: each of ours by its parts, all others by their own text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any

from apscheduler import clocks
from apscheduler._engine.clock_rules import ELAPSED, ONCE, ONCE_AND_NEVER_LOST, UTC_LINE
from apscheduler._engine.cron_days import FIRST_YEAR, LAST_YEAR
from apscheduler._engine.instants import DAY, SECOND
from apscheduler._engine.zones import EARLIEST, ZoneLine
from apscheduler.triggers._words.calendars import calendar_text
from apscheduler.triggers._words.clock import clock, days_of, times_of
from apscheduler.triggers._words.parts import (
    AtStart,
    ClockChanges,
    Combined,
    Every,
    Foreign,
    Limits,
    Moment,
    Once,
    OnClock,
    OnDates,
    Recurring,
    Said,
    UnderCalendars,
    Unsettled,
)
from apscheduler.triggers._words.rules import rule_of
from apscheduler.triggers._words.zones import moment, zone_name
from apscheduler.triggers.base import BaseTrigger, speaks_integers
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, BaseCombiningTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabTrigger
from apscheduler.triggers.crontab.fields import YEAR
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from apscheduler.triggers.rrule import RRuleTrigger
from apscheduler.triggers.rrule_text import RecurrenceText

Describe = Callable[[BaseTrigger], str]

_FIRING = ("get_next_fire_time", "next_us", "at")
_CHANGES: dict[Any, ClockChanges] = {
    ONCE_AND_NEVER_LOST: "moved",
    ELAPSED: "elapsed",
    ONCE: "once",
    UTC_LINE: "utc-line",
}
_SHORTEST_MONTH = 28
_LOOKED_AHEAD = 10 * 366 * DAY


def said_by(trigger: BaseTrigger, describe: Describe) -> Said:
    """Return what a trigger says.

    :param describe: gives the words of the triggers within it
    """
    read = READERS.get(_known_type(trigger))
    return Foreign(own_text(trigger)) if read is None else read(trigger, describe)


def _known_type(trigger: BaseTrigger) -> type | None:
    """Return the class of ours that says how the trigger fires, ``None`` if a subclass or a patch changed that."""
    if not speaks_integers(trigger) or getattr(getattr(trigger, "_table", None), "asks", False):
        return None
    for cls in type(trigger).__mro__:
        if cls in READERS:
            return cls
        if any(name in vars(cls) for name in _FIRING):
            return None
    return None


def own_text(trigger: Any) -> str:
    """Return a trigger's ``repr``, or its ``str`` where that alone was written for it."""
    cls: Any = type(trigger)
    if cls.__repr__ is object.__repr__ and cls.__str__ is not object.__str__:
        return f"{trigger} {trigger!r}"
    return repr(trigger)


# -- each of ours ------------------------------------------------------------------------------------------


def _date(trigger: DateTrigger, _describe: Describe) -> Said:
    zone = trigger.run_date.tzinfo or UTC
    return Once(moment(trigger.run_date, zone), zone_name(zone))


def _interval(trigger: IntervalTrigger, _describe: Describe) -> Said:
    whole, rest = divmod(trigger.interval // timedelta(microseconds=1), SECOND)
    fraction = f".{rest:06}".rstrip("0") if rest else ""
    return Every(
        whole // 3600,
        whole // 60 % 60,
        f"{whole % 60}{fraction}",
        moment(trigger.start_date, trigger.timezone),
        Limits(
            zone_name(trigger.timezone),
            end=_moment_or_none(trigger.end_date, trigger.timezone),
            jitter=seconds_text(trigger.jitter),
        ),
    )


def _cron(trigger: CronTrigger, _describe: Describe) -> Said:
    table = trigger._table
    days = days_of(table, FIRST_YEAR, LAST_YEAR)
    return OnClock(days, times_of(table), _limits(trigger), never=_never(trigger))


def _crontab(trigger: CrontabTrigger, _describe: Describe) -> Said:
    if trigger.schedule.reboot:
        return AtStart()
    changes = _CHANGES[trigger._rule] if has_changes_ahead(trigger._line) else None
    if trigger.schedule.has_hash and trigger.job_id is None:
        text = f"{trigger.expression!r}" + (" (lenient)" if trigger.lenient else "")
        return Unsettled(text, _limits(trigger), changes)
    table = trigger._table
    days = days_of(table, YEAR.low, YEAR.high)
    return OnClock(days, times_of(table), _limits(trigger), changes, _never(trigger))


def _calendarinterval(trigger: CalendarIntervalTrigger, _describe: Describe) -> Said:
    months, days = trigger.years * 12 + trigger.months, trigger.weeks * 7 + trigger.days
    return OnDates(
        months,
        days,
        clock(trigger._time_us // SECOND),
        trigger.start_date,
        trigger.end_date,
        bool(months) and (bool(days) or trigger.start_date.day > _SHORTEST_MONTH),
        Limits(zone_name(trigger.timezone), jitter=seconds_text(trigger.jitter)),
    )


def _combined(trigger: BaseCombiningTrigger, describe: Describe) -> Said:
    children = tuple(map(describe, trigger.triggers))
    return Combined(isinstance(trigger, AndTrigger), children, seconds_text(trigger.jitter))


def _under_calendars(trigger: CalendarTrigger, describe: Describe) -> Said:
    given = trigger.calendars
    return UnderCalendars(
        describe(trigger.trigger),
        days=tuple(
            calendar_text(each) for each in given if not isinstance(each, str) and each.by_day
        ),
        windows=tuple(
            calendar_text(each) for each in given if not isinstance(each, str) and not each.by_day
        ),
        names=trigger.names,
        closed=trigger.closed,
    )


def _never(trigger: BaseTrigger) -> bool:
    """Return whether a trigger has no fire time at all."""
    return trigger.next_us(None, EARLIEST + DAY) is None


def has_changes_ahead(line: ZoneLine) -> bool:
    """Return whether a zone's clocks will be moved, as far as its tz database knows (looked at for ten years)."""
    now = clocks.now_us()
    windows = line.windows(now, now + _LOOKED_AHEAD)
    return any(early.offset != late.offset for early, late in pairwise(windows))


def _rrule(trigger: RRuleTrigger, _describe: Describe) -> Said:
    start, end = trigger.start_date, trigger.end_date
    text = RecurrenceText(trigger.rrule)
    return Recurring(
        "; ".join(trigger.rrule.splitlines()),
        moment(start, trigger.timezone),
        Limits(
            zone_name(trigger.timezone),
            end=_moment_or_none(end, trigger.timezone),
            jitter=seconds_text(trigger.jitter),
        ),
        tuple(rule_of(rule, start) for rule in text.rules),
        tuple(rule_of(rule, start) for rule in text.exrules),
        len(text.rdates),
        len(text.exdates),
        _never(trigger),
    )


READERS: dict[type | None, Callable[[Any, Describe], Said]] = {
    AndTrigger: _combined,
    CalendarIntervalTrigger: _calendarinterval,
    CalendarTrigger: _under_calendars,
    CronTrigger: _cron,
    CrontabTrigger: _crontab,
    DateTrigger: _date,
    IntervalTrigger: _interval,
    OrTrigger: _combined,
    RRuleTrigger: _rrule,
}


def _limits(trigger: CronTrigger | CrontabTrigger) -> Limits:
    zone = trigger.timezone
    return Limits(
        zone_name(zone),
        _moment_or_none(trigger.start_date, zone),
        _moment_or_none(trigger.end_date, zone),
        seconds_text(trigger.jitter),
    )


def _moment_or_none(given: datetime | None, zone: tzinfo) -> Moment | None:
    return None if given is None else moment(given, zone)


def seconds_text(jitter: float | None) -> str | None:
    """Return a jitter as text, ``None`` if it moves nothing."""
    if not jitter:
        return None
    jitter = abs(jitter)
    return str(int(jitter)) if jitter == int(jitter) else repr(float(jitter))
