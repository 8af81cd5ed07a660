"""The dialect of systemd's ``OnCalendar=`` (systemd.time(7)): ``Mon..Fri *-*-* 10:00:00``."""

from __future__ import annotations

import re

from apscheduler.texts import line
from apscheduler.triggers.dialects.pattern import (
    LAST,
    ConversionError,
    Dates,
    Pattern,
    Weekdays,
    runs,
    step_of,
    week_of_month,
)
from apscheduler.triggers.dialects.words import Vocabulary

FIRST_YEAR, LAST_YEAR = 1970, 2199

SHORTHANDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    **dict.fromkeys(
        ("semiannually", "semi-annually", "biannually", "bi-annually"), "*-01,07-01 00:00:00"
    ),
    **dict.fromkeys(("yearly", "annually", "anually"), "*-01-01 00:00:00"),
}
LAST_FROM_END = 28
"""The farthest that ``~`` counts back from the end of a month, so that every month has the day."""
_LONG_NAMES = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_FROM_MONDAY = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DATE = re.compile(r"(?:([^-~ ]+)-)?([^-~ ]+)([-~])([^-~ ]+)")
_TIME = re.compile(r"([^: ]+):([^: ]+)(?::([^: ]+))?")


class _Field(Vocabulary):
    """A field as systemd reads it: ``*`` stands alone, and a step must lead to another value."""

    def values(self, text: str) -> frozenset[int]:
        if text == "*":
            return frozenset(range(self.low, self.high + 1))
        return super().values(text)

    def _part(self, part: str) -> set[int]:
        span, slash, step = part.partition("/")
        if span == "*" or (slash and not span):
            self.fail(f"{part!r}: * stands alone; for a step write {self.low:02}/{step or 'n'}")
        if slash and self.dash not in span:
            first, by = self.value(span), self._step(step)
            if first + by > self.high:
                self.fail(f"the step of {part} leads beyond {self.high}, so it has no second value")
        return super()._part(part)


class _Year(_Field):
    """Years; those of two digits are 1970 to 2069."""

    def value(self, text: str) -> int:
        if re.fullmatch("[0-9]+", text) and len(text) < 10 and int(text) < 100:
            text = str(int(text) + (2000 if int(text) < 70 else 1900))
        return super().value(text)


class _FromTheEnd(_Field):
    """Days counted back from the last: ranges go up, a step after a single value goes down to the last day."""

    def _part(self, part: str) -> set[int]:
        span, slash, step = part.partition("/")
        if not slash or self.dash in span or span == "*":
            return super()._part(part)
        first, by = self.value(span), self._step(step)
        if first - by < 1:
            self.fail(
                f"the step of {part} leads beyond the last day, so it has no second value; "
                f"the last {step} days are ~{self.low:02}..{min(by, self.high):02}"
            )
        return set(range(first, 0, -by))


class _Weekdays(_Field):
    """Weekdays; ``Mon-Fri`` is how older versions wrote ``Mon..Fri``."""

    def _part(self, part: str) -> set[int]:
        if "/" in part or part == "*":
            self.fail(f"{part!r} is no weekday, nor a range of them")
        return super()._part(part.replace("-", self.dash))


def _field(field: str, low: int, high: int) -> _Field:
    return _Field("systemd", field, low, high, dash="..")


_MONTH, _DAY, _HOUR = _field("month", 1, 12), _field("day", 1, 31), _field("hour", 0, 23)
_MINUTE, _SECOND = _field("minute", 0, 59), _field("second", 0, 59)
_YEAR = _Year("systemd", "year", FIRST_YEAR, LAST_YEAR, dash="..")
_FROM_END = _FromTheEnd("systemd", "day before the month's end", 1, LAST_FROM_END, dash="..")
_WEEKDAY = _Weekdays("systemd", "weekday", 0, 6, _FROM_MONDAY, dash="..")


def read(expression: object) -> Pattern:
    """Return what an ``OnCalendar=`` expression says.

    :raises ConversionError: if it cannot be read, or names a time zone (which is the trigger's)
    """
    if not isinstance(expression, str):
        raise TypeError(f"an OnCalendar expression is a text, not {expression!r}")
    short, *rest = expression.split() or [""]
    text = " ".join([SHORTHANDS.get(short.lower(), short), *rest])
    words = text.split()
    weekdays, date, time = None, "*-*-*", "00:00:00"
    if words and re.match(r"[A-Za-z]", words[0]):
        weekdays = _weekdays(words.pop(0))
    if words and _DATE.fullmatch(words[0]):
        date = words.pop(0)
    elif words and weekdays is None and not _TIME.fullmatch(words[0]):
        raise ConversionError(f"systemd: {words[0]!r} in {expression!r} is no date and no time")
    if words and _TIME.fullmatch(words[0]):
        time = words.pop(0)
    if words or not text.strip():
        zone = bool(words and re.match(r"[A-Za-z]", words[0]))
        raise ConversionError(
            f"systemd: {words[0]!r} in {expression!r} is a time zone, which a trigger has apart from its times"
            if zone
            else f"systemd: {expression!r} is not 'WEEKDAYS YEAR-MONTH-DAY HOUR:MINUTE:SECOND'"
        )
    return _pattern(weekdays, date, time)


def say(pattern: Pattern) -> str:
    """Return the pattern as an ``OnCalendar=`` expression.

    :raises ConversionError: if it cannot be said
    """
    if pattern.weeks is not None:
        raise ConversionError("weeks of the year cannot be said in systemd")
    if pattern.dates is not None and pattern.weekdays is not None and not pattern.both:
        raise ConversionError("day of month OR day of week cannot be said in systemd")
    years = "*"
    if pattern.years is not None:
        outside = [year for year in pattern.years if not FIRST_YEAR <= year <= LAST_YEAR]
        if outside:
            raise ConversionError(
                f"the year {min(outside)} cannot be said in systemd ({FIRST_YEAR}-{LAST_YEAR})"
            )
        years = _said(pattern.years, FIRST_YEAR, LAST_YEAR)
    weekdays, day = _said_days(pattern)
    date = f"{years}-{_said(pattern.months, 1, 12)}{day}"
    time = ":".join(
        [_said(pattern.hours, 0, 23), _said(pattern.minutes, 0, 59), _said(pattern.seconds, 0, 59)]
    )
    return f"{weekdays} {date} {time}".lstrip()


def _pattern(weekdays: Weekdays | None, date: str, time: str) -> Pattern:
    on, at = _DATE.fullmatch(date), _TIME.fullmatch(time)
    if on is None or at is None:
        raise ConversionError(line(f"systemd: {date} {time} is no date and time"))
    year, month, mark, day = on.groups()
    hour, minute, second = at.groups()
    return Pattern(
        frozenset({0}) if second is None else _SECOND.values(second),
        _MINUTE.values(minute),
        _HOUR.values(hour),
        _days(mark, day),
        _MONTH.values(month),
        weekdays,
        None if year in (None, "*") else _YEAR.values(year),
    )


def _weekdays(text: str) -> Weekdays:
    short = re.sub("[A-Za-z]+", lambda word: _short(word[0]), text.rstrip(","))
    return Weekdays(frozenset((value + 1) % 7 for value in _WEEKDAY.values(short)))


def _short(word: str) -> str:
    return word.lower()[:3] if word.lower() in _LONG_NAMES else word


def _days(mark: str, text: str) -> Dates | None:
    if text == "*":
        return None
    if mark == "-":
        return Dates(_DAY.values(text))
    return Dates(before_last=frozenset(day - 1 for day in _FROM_END.values(text)))


def _said(values: frozenset[int], low: int, high: int) -> str:
    if len(values) == high - low + 1:
        return "*"
    stepped = step_of(values, high)
    if stepped is not None and stepped[1] > 1:
        return f"{stepped[0]:02}/{stepped[1]}"
    return ",".join(f"{a:02}" if a == b else f"{a:02}..{b:02}" for a, b in runs(values))


def _said_days(pattern: Pattern) -> tuple[str, str]:
    """Return the weekdays and the day with its mark."""
    dates, weekdays = pattern.dates, pattern.weekdays
    if weekdays is None or not weekdays.nth:
        shown = "" if weekdays is None else _said_weekdays(weekdays.days)
        return shown, _said_dates(dates)
    days = {day for day, _ in weekdays.nth}
    numbers = {number for _, number in weekdays.nth}
    whole = {(day, number) for day in days for number in numbers}
    if weekdays.days or whole != weekdays.nth or (LAST in numbers and len(numbers) > 1):
        raise ConversionError("different weekdays of the month together cannot be said in systemd")
    if LAST in numbers:
        if dates is not None:
            raise ConversionError(
                "days of the month AND the last of a weekday cannot be said in systemd"
            )
        return _said_weekdays(days), "~07/1"
    weeks = frozenset(day for number in numbers for day in week_of_month(number))
    if dates is None:
        return _said_weekdays(days), _said_dates(Dates(weeks))
    if not dates.plain:
        raise ConversionError("L or W AND the n-th of a weekday cannot be said in systemd")
    if not weeks & dates.numbers:
        raise ConversionError("the days of the month never meet the n-th of a weekday")
    return _said_weekdays(days), _said_dates(Dates(weeks & dates.numbers))


def _said_weekdays(days: set[int] | frozenset[int]) -> str:
    names = [name.capitalize() for name in _FROM_MONDAY]
    from_monday = {(day - 1) % 7 for day in days}
    return ",".join(names[a] if a == b else f"{names[a]}..{names[b]}" for a, b in runs(from_monday))


def _said_dates(dates: Dates | None) -> str:
    if dates is None:
        return "-*"
    if dates.nearest is not None:
        raise ConversionError("W (the nearest Monday to Friday) cannot be said in systemd")
    if dates.before_last and dates.numbers:
        raise ConversionError("L together with other days of the month cannot be said in systemd")
    if dates.before_last:
        back = max(dates.before_last)
        if back >= LAST_FROM_END:
            raise ConversionError(
                f"{back} days before the last (L-{back}) cannot be said in systemd: ~ goes to {LAST_FROM_END}"
            )
        return "~" + ",".join(f"{back + 1:02}" for back in sorted(dates.before_last))
    return "-" + _said(dates.numbers, 1, 31)
