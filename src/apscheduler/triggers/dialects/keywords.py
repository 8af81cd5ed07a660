"""The dialect of :class:`CronTrigger`: APScheduler 3's keywords."""

from __future__ import annotations

from collections.abc import Mapping

from apscheduler._engine.cron_days import LAST as LAST_POSITION
from apscheduler.triggers.cron.compiling import field_bits
from apscheduler.triggers.cron.expressions import (
    LastDayOfMonthExpression,
    WeekdayPositionExpression,
)
from apscheduler.triggers.cron.fields import FIELD_NAMES, BaseField, fields_of
from apscheduler.triggers.dialects.pattern import (
    DAY_NAMES,
    LAST,
    WEEK,
    ConversionError,
    Dates,
    Pattern,
    Weekdays,
    listed,
    names_of,
    values_of,
)

_ORDINALS = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 5: "5th", LAST: "last"}
_FROM_MONDAY = (*DAY_NAMES[1:], DAY_NAMES[0])


def read(given: object) -> Pattern:
    """Return what the fields of a cron trigger say.

    :param given: a mapping of field names to values, or a :class:`CronTrigger`
    :raises ValueError: if a field cannot be read
    """
    fields = {field.name: field for field in _fields(given)}
    dates, weekdays, both = _days(fields["day"], fields["day_of_week"])
    years, weeks = _values(fields["year"]), _values(fields["week"])
    return Pattern(
        _values(fields["second"]),
        _values(fields["minute"]),
        _values(fields["hour"]),
        dates,
        _values(fields["month"]),
        weekdays,
        None if len(years) == 9999 - 1970 + 1 else years,
        both=both,
        weeks=None if len(weeks) == 53 else weeks,
    )


def _fields(given: object) -> list[BaseField]:
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - set(FIELD_NAMES))
        if unknown:
            raise ConversionError(
                f"{unknown[0]!r} is no field of a cron trigger; those are {', '.join(FIELD_NAMES)}"
            )
        return fields_of(given)
    fields = getattr(given, "fields", None)
    if isinstance(fields, list) and all(isinstance(each, BaseField) for each in fields):
        return fields
    raise TypeError(
        f"in the dialect 'cron' an expression is a mapping such as {{'hour': 10}}, not {given!r}"
    )


def say(pattern: Pattern) -> dict[str, str]:
    """Return the pattern as keywords of a cron trigger.

    :raises ConversionError: if it cannot be said
    """
    found: dict[str, str] = {}
    if pattern.years is not None:
        found["year"] = listed(pattern.years, 1970, 9999)
    if len(pattern.months) < 12:
        found["month"] = listed(pattern.months, 1, 12)
    found.update(_said_days(pattern))
    if pattern.weeks is not None:
        found["week"] = listed(pattern.weeks, 1, 53)
    found["hour"] = listed(pattern.hours, 0, 23)
    found["minute"] = listed(pattern.minutes, 0, 59)
    if pattern.seconds != {0}:
        found["second"] = listed(pattern.seconds, 0, 59)
    return found


def _values(field: BaseField) -> frozenset[int]:
    return values_of(field_bits(field))


def _days(day: BaseField, day_of_week: BaseField) -> tuple[Dates | None, Weekdays | None, bool]:
    from_sunday = frozenset((value + 1) % 7 for value in _values(day_of_week))
    last = any(isinstance(part, LastDayOfMonthExpression) for part in day.expressions)
    dates = Dates(_values(day), frozenset({0} if last else ()))
    nth = frozenset(
        ((part.weekday + 1) % 7, LAST if part.option_num == LAST_POSITION else part.option_num + 1)
        for part in day.expressions
        if isinstance(part, WeekdayPositionExpression)
    )
    if not nth:
        return dates, Weekdays(from_sunday), True
    if from_sunday == WEEK:
        return (
            (None, Weekdays(nth=nth), True)
            if dates == Dates()
            else (dates, Weekdays(nth=nth), False)
        )
    if dates != Dates():
        raise ConversionError(
            f"day={str(day)!r} together with day_of_week={str(day_of_week)!r} cannot be said in any other dialect"
        )
    kept = frozenset(each for each in nth if each[0] in from_sunday)
    if not kept:
        raise ConversionError(f"day={str(day)!r} never falls on day_of_week={str(day_of_week)!r}")
    return None, Weekdays(nth=kept), True


def _said_days(pattern: Pattern) -> dict[str, str]:
    dates, weekdays = pattern.dates, pattern.weekdays
    if dates is not None:
        _check_dates(dates)
    if weekdays is None:
        return {} if dates is None else {"day": ",".join(_said_dates(dates))}
    positions = [f"{_ORDINALS[n]} {DAY_NAMES[day]}" for day, n in sorted(weekdays.nth)]
    if pattern.both and not weekdays.nth:
        found = {} if dates is None else {"day": ",".join(_said_dates(dates))}
        from_monday = [(day - 1) % 7 for day in weekdays.days]
        return {**found, "day_of_week": ",".join(names_of(from_monday, _FROM_MONDAY))}
    if pattern.both and dates is not None:
        raise ConversionError(
            "days of the month AND the n-th of a weekday cannot be said with the keywords of a cron trigger"
        )
    # Only expressions of one field are joined by OR, so every Friday is said as the 1st to the 5th Friday.
    for day in sorted(weekdays.days):
        positions += [f"{_ORDINALS[n]} {DAY_NAMES[day]}" for n in range(1, 6)]
    return {"day": ",".join([*(() if dates is None else _said_dates(dates)), *positions])}


def _check_dates(dates: Dates) -> None:
    if dates.nearest is not None:
        raise ConversionError(
            "W (the nearest Monday to Friday) cannot be said with the keywords of a cron trigger"
        )
    if any(dates.before_last - {0}):
        back = max(dates.before_last)
        raise ConversionError(
            f"{back} days before the last (L-{back}) cannot be said with the keywords of a cron trigger"
        )


def _said_dates(dates: Dates) -> list[str]:
    found = [listed(dates.numbers, 1, 31)] if dates.numbers else []
    return [*found, *("last" for _ in dates.before_last)]
