"""The dialect of :class:`CrontabTrigger`: the Open Cron Pattern Specification."""

from __future__ import annotations

from apscheduler.triggers.crontab.compiling import field_bits
from apscheduler.triggers.crontab.fields import (
    LAST_OF_MONTH,
    Field,
    LastDay,
    NearestWorkday,
    Nth,
)
from apscheduler.triggers.crontab.parsing import parse
from apscheduler.triggers.dialects.pattern import (
    DAY_NAMES,
    LAST,
    LAST_WORKDAY,
    ConversionError,
    Dates,
    Pattern,
    Weekdays,
    listed,
    names_of,
    values_of,
)

_MEANING = ("{} days before the last", "the last Monday to Friday of the month")
FIRST_YEAR, LAST_YEAR = 1970, 2199


def read(expression: object, lenient: bool = False) -> Pattern:
    """Return what a crontab expression says.

    :param lenient: as for :class:`CrontabTrigger`
    :raises CrontabError: if it cannot be read
    """
    schedule = parse(expression, lenient=lenient)  # type: ignore[arg-type] # what is no text is refused there
    if schedule.reboot:
        raise ConversionError("@reboot is no wall time, so no other dialect can say it")
    if schedule.has_hash:
        raise ConversionError(
            "H stands for a value that a job's id chooses, so it has no other form"
        )
    return Pattern(
        _values(schedule.second),
        _values(schedule.minute),
        _values(schedule.hour),
        None if schedule.day.is_any else _dates(schedule.day),
        _values(schedule.month),
        None if schedule.weekday.is_any else _weekdays(schedule.weekday),
        None if schedule.year.is_any else _values(schedule.year),
        both=schedule.day_and_weekday,
    )


def say(pattern: Pattern, lenient: bool = False) -> str:
    """Return the pattern as a crontab expression.

    :param lenient: whether it may be one that only ``lenient=True`` reads
    :raises ConversionError: if it cannot be said; it tells whether ``lenient`` can
    """
    if pattern.weeks is not None:
        raise ConversionError("weeks of the year cannot be said in crontab")
    parts = [listed(pattern.minutes, 0, 59), listed(pattern.hours, 0, 23)]
    parts += [_said_dates(pattern.dates, lenient), listed(pattern.months, 1, 12)]
    plus = (
        "+" if pattern.both and pattern.dates is not None and pattern.weekdays is not None else ""
    )
    parts.append(plus + _said_weekdays(pattern.weekdays))
    if pattern.seconds != {0} or pattern.years is not None:
        parts.insert(0, listed(pattern.seconds, 0, 59))
    if pattern.years is not None:
        outside = [year for year in pattern.years if not FIRST_YEAR <= year <= LAST_YEAR]
        if outside:
            raise ConversionError(
                f"the year {min(outside)} cannot be said in crontab ({FIRST_YEAR}-{LAST_YEAR})"
            )
        parts.append(listed(pattern.years, FIRST_YEAR, LAST_YEAR))
    return " ".join(parts)


def _values(field: Field) -> frozenset[int]:
    return values_of(field_bits(field))


def _dates(field: Field) -> Dates:
    nearest = [item.day for item in field.items if isinstance(item, NearestWorkday)]
    before = frozenset(item.before for item in field.items if isinstance(item, LastDay))
    return Dates(_values(field), before, (nearest[0] or LAST_WORKDAY) if nearest else None)


def _weekdays(field: Field) -> Weekdays:
    nth = frozenset(
        (item.weekday, LAST if item.number == LAST_OF_MONTH else item.number)
        for item in field.items
        if isinstance(item, Nth)
    )
    return Weekdays(_values(field), nth)


def _said_dates(dates: Dates | None, lenient: bool) -> str:
    if dates is None:
        return "*"
    if dates.nearest is not None and (dates.numbers or dates.before_last):
        raise ConversionError("W together with other days cannot be said in crontab")
    last = [f"L-{back}" if back else "L" for back in sorted(dates.before_last)]
    if dates.nearest == LAST_WORKDAY:
        last = ["LW"]
    elif dates.nearest is not None:
        last = [f"{dates.nearest}W"]
    numbers = [listed(dates.numbers, 1, 31)] if dates.numbers else []
    beyond = [each for each in last if each[0] == "L" and each != "L"]
    if beyond and not lenient:
        raise ConversionError(
            f"{_MEANING[beyond[-1] == 'LW'].format(beyond[-1][2:])} ({beyond[-1]}) cannot be said in crontab; "
            f"with lenient=True it is {','.join(numbers + last)}, which CrontabTrigger(…, lenient=True) runs"
        )
    return ",".join(numbers + last)


def _said_weekdays(weekdays: Weekdays | None) -> str:
    if weekdays is None:
        return "*"
    parts = names_of(weekdays.days, [name.upper() for name in DAY_NAMES])
    for day, number in sorted(weekdays.nth):
        parts.append(f"{DAY_NAMES[day].upper()}#{'L' if number == LAST else number}")
    return ",".join(parts)
