"""A slow reading of the Open Cron Pattern Specification, written apart from the product's: an oracle.

Sets of numbers, the calendar walked day by day, the wall clock asked instant by instant.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
MONTHS = [name.lower() for name in calendar.month_abbr]  # the first is empty
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def number(text: str, names: list[str]) -> int:
    return names.index(text.lower()) if text.lower() in names else int(text)


def numbers(text: str, low: int, high: int, names: list[str] = []) -> set[int]:  # noqa: B006 - read only
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        else:
            first, _, end = span.partition("-")
            first = number(first, names)
            last = number(end, names) if end else first
        found |= set(range(first, last + 1, int(step or 1)))
    return found


def month_days(day: date) -> list[date]:
    return [day.replace(day=n + 1) for n in range(calendar.monthrange(day.year, day.month)[1])]


def is_day_of_month(text: str, day: date) -> bool:
    month = month_days(day)
    for part in text.split(","):
        if part == "L":
            if day == month[-1]:
                return True
        elif part.endswith("W"):
            wanted = int(part[:-1])
            if wanted <= len(month):
                workdays = [each for each in month if each.weekday() < 5]
                # The nearest; Saturday goes to Friday, Sunday to Monday, so no two are equally near.
                if day == min(workdays, key=lambda each: abs(each.day - wanted)):
                    return True
        elif day.day in numbers(part, 1, 31):
            return True
    return False


def is_day_of_week(text: str, day: date) -> bool:
    from_sunday = day.isoweekday() % 7
    same = [each for each in month_days(day) if each.weekday() == day.weekday()]
    for part in text.split(","):
        if part.endswith("L"):
            wanted = number(part.removesuffix("L").removesuffix("#"), DAYS) % 7
            if from_sunday == wanted and day == same[-1]:
                return True
        elif "#" in part:
            wanted, _, nth = part.partition("#")
            if from_sunday == number(wanted, DAYS) % 7 and same.index(day) + 1 == int(nth):
                return True
        elif from_sunday in {each % 7 for each in numbers(part, 0, 7, DAYS)}:
            return True
    return False


class Reading:
    """An expression of five to seven fields as a yes or no to each wall time."""

    def __init__(self, expression: str) -> None:
        parts = expression.split()
        if len(parts) == 5:
            parts = ["0", *parts]
        if len(parts) == 6:
            parts = [*parts, "*"]
        second, minute, hour, self.day, month, self.weekday, year = parts
        self.seconds, self.minutes = numbers(second, 0, 59), numbers(minute, 0, 59)
        self.hours, self.months = numbers(hour, 0, 23), numbers(month, 1, 12, MONTHS)
        self.years = numbers(year, 1970, 2199)
        self.counts = minute.startswith("*") or hour.startswith("*")  # as for Debian's cron
        self.is_day = cache(self._is_day)

    def _is_day(self, day: date) -> bool:
        if day.year not in self.years or day.month not in self.months:
            return False
        both = self.weekday.startswith("+")
        weekday = self.weekday.removeprefix("+")
        free = [self.day in ("*", "?"), weekday in ("*", "?")]
        on_day = free[0] or is_day_of_month(self.day, day)
        on_weekday = free[1] or is_day_of_week(weekday, day)
        if both or any(free):
            return on_day and on_weekday
        return on_day or on_weekday

    def matches(self, wall: datetime) -> bool:
        return (
            wall.second in self.seconds
            and wall.minute in self.minutes
            and wall.hour in self.hours
            and wall.microsecond == 0
            and self.is_day(wall.date())
        )


def fires(
    reading: Reading, zone: str, dst: str, start: datetime, end: datetime, step: timedelta
) -> list[int]:
    """Return the fire times in ``start <= instant < end`` by looking at each instant a step apart.

    With ``"utc-line"`` those of wall times that are jumped over are left out (see the tests of CronTrigger).
    """
    info, found = ZoneInfo(zone), []
    moment = start
    before = (start - step).astimezone(info)
    while moment < end:
        wall = moment.astimezone(info)
        hit = reading.matches(wall)
        if dst == "ocps" or (dst == "debian" and not reading.counts):
            hit = hit and not wall.fold
        if dst == "debian" and not reading.counts and not hit:
            jumped = before.replace(tzinfo=None) + step
            while jumped < wall.replace(tzinfo=None) and not hit:
                hit = reading.matches(jumped)
                jumped += step
        if hit:
            found.append((moment - EPOCH) // MICRO)
        before = wall
        moment += step
    return found
