"""From triggers to what they say: each of ours by its parts, all others by their own text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

from apscheduler._engine.clock_rules import ELAPSED, ONCE, ONCE_AND_NEVER_LOST, UTC_LINE
from apscheduler._engine.cron_days import FIRST_YEAR, LAST_YEAR
from apscheduler._engine.instants import DAY, LATEST, SECOND, to_us
from apscheduler._engine.zones import EARLIEST, zone_line
from apscheduler.moments import astimezone
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
    Said,
    Unsettled,
)
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, BaseCombiningTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabTrigger
from apscheduler.triggers.crontab.fields import YEAR
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

Describe = Callable[[BaseTrigger], str]

_FIRING = ("get_next_fire_time", "next_us", "at")
_CHANGES: dict[Any, ClockChanges] = {
    ONCE_AND_NEVER_LOST: "moved",
    ELAPSED: "elapsed",
    ONCE: "once",
    UTC_LINE: "utc-line",
}
_SHORTEST_MONTH = 28
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def said_by(trigger: BaseTrigger, describe: Describe) -> Said:
    """Return what a trigger says.

    :param describe: gives the words of the triggers within it
    """
    read = READERS.get(_known_type(trigger))
    return Foreign(own_text(trigger)) if read is None else read(trigger, describe)


def _known_type(trigger: BaseTrigger) -> type | None:
    """Return the class of ours that says how the trigger fires, ``None`` where a subclass changed that."""
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
    return OnClock(days_of(table, FIRST_YEAR, LAST_YEAR), times_of(table), _limits(trigger))


def _crontab(trigger: CrontabTrigger, _describe: Describe) -> Said:
    if trigger.schedule.reboot:
        return AtStart()
    changes = _CHANGES[trigger._rule]
    if trigger.schedule.has_hash and trigger.job_id is None:
        text = f"{trigger.expression!r}" + (" (lenient)" if trigger.lenient else "")
        return Unsettled(text, _limits(trigger), changes)
    table = trigger._table
    days = days_of(table, YEAR.low, YEAR.high)
    return OnClock(days, times_of(table), _limits(trigger), changes)


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


READERS: dict[type | None, Callable[[Any, Describe], Said]] = {
    AndTrigger: _combined,
    CalendarIntervalTrigger: _calendarinterval,
    CronTrigger: _cron,
    CrontabTrigger: _crontab,
    DateTrigger: _date,
    IntervalTrigger: _interval,
    OrTrigger: _combined,
}


def _limits(trigger: CronTrigger | CrontabTrigger) -> Limits:
    zone = trigger.timezone
    return Limits(
        zone_name(zone),
        _moment_or_none(trigger.start_date, zone),
        _moment_or_none(trigger.end_date, zone),
        seconds_text(trigger.jitter),
    )


# -- moments and zones ---------------------------------------------------------------------------------------


def moment(given: datetime, zone: tzinfo) -> Moment:
    """Return a moment on the wall clock of the zone, to the microsecond; in UTC where the zone's calendar ends."""
    instant = to_us(given)
    line = zone_line(zone)
    local = instant + line.offset(instant)
    if not EARLIEST <= local <= LATEST:
        return moment(given, UTC)._replace(offset="UTC")
    day = date.fromordinal(_EPOCH_ORDINAL + local // DAY)
    seconds, rest = divmod(local % DAY, SECOND)
    text = clock(seconds)
    if rest:
        text = f"{text}:00" if seconds % 60 == 0 else text
        text += f".{rest:06}".rstrip("0")
    twice = len(line.instants(local)) > 1
    return Moment(day, text, _offset_text(local - instant) if twice else None)


def _moment_or_none(given: datetime | None, zone: tzinfo) -> Moment | None:
    return None if given is None else moment(given, zone)


def zone_name(zone: tzinfo) -> str:
    """Return the name of a zone: that of the tz database, its offset, or its ``repr``."""
    zone = astimezone(zone) or zone
    if isinstance(zone, timezone):
        offset = zone.utcoffset(None) // timedelta(microseconds=1)
        return _offset_text(offset) if offset else "UTC"
    key = getattr(zone, "key", None)
    return key if isinstance(key, str) and type(zone).__name__ == "ZoneInfo" else repr(zone)


def _offset_text(offset: int) -> str:
    sign = "-" if offset < 0 else "+"
    seconds, rest = divmod(abs(offset), SECOND)
    fraction = f".{rest:06}" if rest else ""
    text = clock(seconds)
    return f"UTC{sign}{text}{':00' if fraction and not seconds % 60 else ''}{fraction}"


def seconds_text(jitter: float | None) -> str | None:
    """Return a jitter as text, ``None`` if it moves nothing."""
    if not jitter:
        return None
    jitter = abs(jitter)
    return str(int(jitter)) if jitter == int(jitter) else repr(float(jitter))
