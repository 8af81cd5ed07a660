"""Finds the days and times that the table of a cron trigger says."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from apscheduler._engine.clock_rules import ELAPSED, ONCE, ONCE_AND_NEVER_LOST, UTC_LINE, ClockRule
from apscheduler._engine.cron import CronTable
from apscheduler._engine.cron_days import ALL_WEEKDAYS, ALL_WEEKS, FIRST_YEAR, MonthDays
from apscheduler._engine.crontab_days import CrontabDays
from apscheduler._engine.instants import SECOND
from apscheduler.triggers._words.parts import (
    ClockChanges,
    Dates,
    Days,
    Fields,
    Listed,
    Numbers,
    Position,
    Stepped,
    Times,
    Weekdays,
)

CHANGES: Final[dict[ClockRule, ClockChanges]] = {
    ONCE_AND_NEVER_LOST: "moved",
    ELAPSED: "elapsed",
    ONCE: "once",
    UTC_LINE: "utc-line",
}
"""What the rules of crontab triggers are called in :class:`OnClock`."""
_ALL_DATES = (1 << 32) - 2
_DAY_SECONDS = 86_400
_HOUR_SECONDS = 3600
_FEW = 3
_LISTED = 8
_MOST_SPANS = 3


def days_of(table: CronTable, first_year: int, last_year: int) -> Days:
    """Return the days that a table says.

    :param first_year: all years from this one to ``last_year`` mean no restriction
    """
    rule = table.days
    all_years = ((1 << (last_year + 1 - first_year)) - 1) << (first_year - FIRST_YEAR)
    months = numbers(table.months)
    found = Days(months=None if len(months) == 12 else months)
    if table.years != all_years:
        found = found._replace(years=tuple(FIRST_YEAR + each for each in numbers(table.years)))
    if isinstance(rule, CrontabDays):
        return _crontab_days(rule, found)
    if isinstance(rule, MonthDays):
        return _cron_days(rule, found)
    raise TypeError(f"there are no words for days of {type(rule).__name__}")


def _cron_days(rule: MonthDays, found: Days) -> Days:
    all_dates = rule.numbers & _ALL_DATES == _ALL_DATES
    dates = Dates(
        numbers(rule.numbers),
        before_last=(0,) if rule.last else (),
        positions=tuple(Position(*each) for each in sorted(set(rule.positions))),
    )
    weekdays = Weekdays(numbers(rule.weekdays))
    return found._replace(
        dates=None if all_dates else dates,
        weekdays=None if rule.weekdays == ALL_WEEKDAYS else weekdays,
        weeks=None if rule.weeks == ALL_WEEKS else numbers(rule.weeks),
    )


def _crontab_days(rule: CrontabDays, found: Days) -> Days:
    all_dates = rule.numbers & _ALL_DATES == _ALL_DATES
    if all_dates and rule.either:
        return found
    dates = Dates(
        numbers(rule.numbers), numbers(rule.before_last), numbers(rule.nearest), rule.last_workday
    )
    weekdays = Weekdays(
        numbers(rule.weekdays), tuple(Position(*each) for each in sorted(set(rule.positions)))
    )
    any_weekday = rule.weekdays == ALL_WEEKDAYS and not rule.either
    return found._replace(
        dates=None if all_dates else dates,
        weekdays=None if any_weekday else weekdays,
        either=rule.either,
    )


def times_of(table: CronTable) -> Times:
    """Return the times of day that a table says."""
    hours = numbers(table.hours)
    marks = [mark // SECOND for mark in table.marks]
    if len(hours) * len(marks) <= _FEW:
        return Listed(tuple(map(clock, _times(hours, marks))))
    stepped = _stepped(hours, marks)
    if stepped is not None:
        return stepped
    if len(hours) * len(marks) <= _LISTED:
        return Listed(tuple(map(clock, _times(hours, marks))))
    minutes = tuple(sorted({mark // 60 for mark in marks}))
    seconds = tuple(sorted({mark % 60 for mark in marks}))
    return Fields(
        None if len(hours) == 24 else hours,
        None if len(minutes) == 60 else minutes,
        None if len(seconds) == 60 else seconds,
    )


def _times(hours: Numbers, marks: list[int]) -> list[int]:
    return [hour * _HOUR_SECONDS + mark for hour in hours for mark in marks]


def _stepped(hours: Numbers, marks: list[int]) -> Stepped | None:
    """Return the times as a few stretches with one step, ``None`` if they are not."""
    spans = [hours] if _step_of(hours, marks) is not None else _stretches(hours)
    steps = {_step_of(span, marks) for span in spans}
    step = steps.pop()
    if len(spans) > _MOST_SPANS or steps or step is None:
        return None
    first = hours[0] * _HOUR_SECONDS + marks[0]
    around = len(spans) == 1 and first < step and len(hours) * len(marks) * step == _DAY_SECONDS
    plain = not first or step == 60 or (step == _HOUR_SECONDS and not first % 60)
    if around and plain:
        return Stepped(step, first, ())
    ends = [
        (span[0] * _HOUR_SECONDS + marks[0], span[-1] * _HOUR_SECONDS + marks[-1]) for span in spans
    ]
    return Stepped(step, first, tuple((clock(early), clock(late)) for early, late in ends))


def _stretches(hours: Numbers) -> list[Numbers]:
    found: list[Numbers] = []
    for hour in hours:
        if found and found[-1][-1] == hour - 1:
            found[-1] = (*found[-1], hour)
        else:
            found.append((hour,))
    return found


def _step_of(hours: Numbers, marks: list[int]) -> int | None:
    """Return the constant distance of three or more times (each mark of each hour), ``None`` if it varies."""
    if len(hours) * len(marks) < _FEW:
        return None
    if len(marks) == 1:
        step = _distance(hours)
        return None if step is None else step * _HOUR_SECONDS
    step = _distance(marks)
    goes_on = marks[0] + _HOUR_SECONDS - marks[-1] == step and _distance(hours) == 1
    return step if len(hours) == 1 or goes_on else None


def _distance(values: Sequence[int]) -> int | None:
    """Return the constant distance of two or more numbers."""
    if len(values) < 2:
        return None
    step = values[1] - values[0]
    return step if all(late - early == step for early, late in pairwise(values)) else None


def clock(seconds: int) -> str:
    """Return seconds from midnight as ``10:00``, or ``10:00:30``."""
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
    return f"{text}:{seconds % 60:02}" if seconds % 60 else text


def numbers(bits: int) -> Numbers:
    """Return the numbers of a bit set."""
    return tuple(value for value in range(bits.bit_length()) if bits >> value & 1)
