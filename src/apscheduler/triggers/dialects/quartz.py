"""The dialect of Quartz: six fields or seven, seconds first; Sunday is 1; one of the day fields is ``?``."""

from __future__ import annotations

import re

from apscheduler.triggers.dialects.pattern import (
    DAY_NAMES,
    LAST,
    LAST_WORKDAY,
    MONTH_NAMES,
    WEEK,
    ConversionError,
    Dates,
    Pattern,
    Weekdays,
    names_of,
    runs,
    step_of,
)
from apscheduler.triggers.dialects.words import Vocabulary

FIRST_YEAR, LAST_YEAR = 1970, 2099

_SECOND = Vocabulary("quartz", "seconds", 0, 59, wraps=True)
_MINUTE = Vocabulary("quartz", "minutes", 0, 59, wraps=True)
_HOUR = Vocabulary("quartz", "hours", 0, 23, wraps=True)
_DAY = Vocabulary("quartz", "day of month", 1, 31, wraps=True)
_MONTH = Vocabulary("quartz", "month", 1, 12, MONTH_NAMES, wraps=True)
_WEEKDAY = Vocabulary("quartz", "day of week", 1, 7, DAY_NAMES, wraps=True)
_YEAR = Vocabulary("quartz", "year", FIRST_YEAR, LAST_YEAR)


def read(expression: object) -> Pattern:
    """Return what a Quartz expression says.

    :raises ConversionError: if it cannot be read
    """
    if not isinstance(expression, str):
        raise TypeError(f"a Quartz expression is a text, not {expression!r}")
    words = expression.split()
    if not 6 <= len(words) <= 7:
        raise ConversionError(
            f"quartz: {expression!r} has {len(words)} fields instead of 6 or 7 "
            "(seconds minutes hours day-of-month month day-of-week [year])"
        )
    second, minute, hour, day, month, weekday = words[:6]
    if (day == "?") == (weekday == "?"):
        raise ConversionError(
            f"quartz: {expression!r}: one of day of month and day of week is ?, and only one"
        )
    return Pattern(
        _SECOND.values(second),
        _MINUTE.values(minute),
        _HOUR.values(hour),
        None if day == "?" else _dates(day.upper()),
        _MONTH.values(month),
        None if weekday == "?" else _weekdays(weekday.upper()),
        _YEAR.values(words[6]) if words[6:] and words[6] != "*" else None,
    )


def say(pattern: Pattern) -> str:
    """Return the pattern as a Quartz expression.

    :raises ConversionError: if it cannot be said
    """
    if pattern.weeks is not None:
        raise ConversionError("weeks of the year cannot be said in quartz")
    if pattern.dates is not None and pattern.weekdays is not None:
        word = "AND" if pattern.both else "OR"
        raise ConversionError(f"day of month {word} day of week cannot be said in quartz")
    parts = [
        _said(pattern.seconds, 0, 59),
        _said(pattern.minutes, 0, 59),
        _said(pattern.hours, 0, 23),
        "?" if pattern.weekdays is not None else _said_dates(pattern.dates),
        _said(pattern.months, 1, 12),
        "?" if pattern.weekdays is None else _said_weekdays(pattern.weekdays),
    ]
    if pattern.years is not None:
        outside = [year for year in pattern.years if not FIRST_YEAR <= year <= LAST_YEAR]
        if outside:
            raise ConversionError(
                f"the year {min(outside)} cannot be said in quartz ({FIRST_YEAR}-{LAST_YEAR})"
            )
        parts.append(_said(pattern.years, FIRST_YEAR, LAST_YEAR))
    return " ".join(parts)


def _dates(text: str) -> Dates:
    if text == "LW":
        return Dates(nearest=LAST_WORKDAY)
    counted = re.fullmatch(r"L(?:-([0-9]{1,2}))?", text)
    if counted:
        back = int(counted[1] or 0)
        if back > 30:
            _DAY.fail(f"{back} days before the last is not within 0-30")
        return Dates(before_last=frozenset({back}))
    near = re.fullmatch(r"([0-9]{1,2})W", text)
    if near:
        return Dates(nearest=_DAY.value(near[1]))
    return Dates(_DAY.values(text))


def _weekdays(text: str) -> Weekdays:
    if text == "L":
        return Weekdays(frozenset({6}))
    special = re.fullmatch(r"([0-9A-Z]+?)(?:L|#([0-9]+))", text)
    if special:
        day = _WEEKDAY.value(special[1]) - 1
        number = int(special[2][:3]) if special[2] else LAST
        if number != LAST and not 1 <= number <= 5:
            _WEEKDAY.fail(f"a month has no weekday number {number}")
        return Weekdays(nth=frozenset({(day, number)}))
    return Weekdays(frozenset(value - 1 for value in _WEEKDAY.values(text)))


def _said(values: frozenset[int], low: int, high: int) -> str:
    if len(values) == high - low + 1:
        return "*"
    stepped = step_of(values, high)
    if stepped is not None and stepped[1] > 1:
        first, step = stepped
        return f"{first}/{step}"
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs(values))


def _said_dates(dates: Dates | None) -> str:
    if dates is None:
        return "*"
    special = []
    if dates.nearest is not None:
        special.append("LW" if dates.nearest == LAST_WORKDAY else f"{dates.nearest}W")
    special += [f"L-{back}" if back else "L" for back in sorted(dates.before_last)]
    if not special:
        return _said(dates.numbers, 1, 31)
    if dates.numbers or len(special) > 1:
        raise ConversionError(f"{special[0]} together with other days cannot be said in quartz")
    return special[0]


def _said_weekdays(weekdays: Weekdays) -> str:
    if not weekdays.nth:
        return ",".join(names_of(weekdays.days & WEEK, [name.upper() for name in DAY_NAMES]))
    if weekdays.days or len(weekdays.nth) > 1:
        raise ConversionError(
            "the n-th of a weekday together with other weekdays cannot be said in quartz"
        )
    ((day, number),) = weekdays.nth
    return f"{day + 1}L" if number == LAST else f"{day + 1}#{number}"
