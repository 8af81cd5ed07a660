"""What a recurrence rule says, with what it takes from its start."""

from __future__ import annotations

from datetime import datetime
from itertools import product

from apscheduler.triggers._words.clock import clock
from apscheduler.triggers._words.parts import Numbers, Rule
from apscheduler.triggers.rrule_text import RuleText, wall_seconds

_FEW = 6
_OF_DAYS = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY")


def rule_of(text: RuleText, start: datetime) -> Rule:
    """Return what a rule says that counts from this moment."""
    parts = text.parts(wall_seconds(start.replace(tzinfo=None)))
    of_days = parts.frequency in _OF_DAYS
    many = len(parts.byhour) * len(parts.byminute) * len(parts.bysecond)
    times: tuple[str, ...] = ()
    if of_days and many <= _FEW:
        each = product(parts.byhour, parts.byminute, parts.bysecond)
        times = tuple(clock(hour * 3600 + minute * 60 + second) for hour, minute, second in each)
    weeks_count = bool(parts.byweekno) or (
        parts.frequency == "WEEKLY" and (parts.interval > 1 or bool(parts.bysetpos))
    )
    hours, minutes, seconds = parts.byhour, parts.byminute, parts.bysecond
    return Rule(
        parts.frequency,
        parts.interval,
        parts.byday,
        parts.frequency == "MONTHLY" or bool(parts.bymonth),
        parts.bymonth,
        parts.bymonthday,
        parts.byyearday,
        parts.byweekno,
        times,
        *((), (), ()) if times else (hours, minutes, _seconds(seconds, parts.frequency)),
        picked=parts.bysetpos,
        week_start=parts.wkst if weeks_count and parts.wkst else None,
        total=text.count,
        until=text.values.get("UNTIL"),
    )


def _seconds(seconds: Numbers, frequency: str) -> Numbers:
    """Return the seconds if they are worth saying."""
    return () if seconds == (0,) and frequency != "SECONDLY" else seconds


def until_text(text: str) -> str:
    """Return an UNTIL as it is read: ``1997-12-24 00:00 UTC``, or a date."""
    day = f"{text[:4]}-{text[4:6]}-{text[6:8]}"
    if "T" not in text:
        return day
    at = clock(int(text[9:11]) * 3600 + int(text[11:13]) * 60 + int(text[13:15]))
    return f"{day} {at}{' UTC' if text.endswith('Z') else ''}"
