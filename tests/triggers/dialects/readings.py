"""Slow readings of the dialects, written apart from the product's: does a wall time match?"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from triggers.clock_changes import us
from triggers.crontab.reading import Reading

from apscheduler.triggers.cron import CronTrigger

Matcher = Callable[[datetime], bool]
MONTHS = [name.lower() for name in calendar.month_abbr]
FROM_MONDAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def matcher(dialect: str, expression: Any) -> Matcher:
    if dialect == "crontab":
        return Reading(NICKNAMES.get(expression, expression)).matches
    if dialect == "quartz":
        return lambda wall: quartz(expression, wall)
    if dialect == "systemd":
        return lambda wall: systemd(expression, wall)
    trigger = CronTrigger(**expression, timezone=UTC)
    return lambda wall: trigger.next_us(None, us(wall)) == us(wall)


NICKNAMES = {"@weekly": "0 0 * * 0", "@yearly": "0 0 1 1 *", "@hourly": "0 * * * *"}


def length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def quartz(expression: str, wall: datetime) -> bool:
    second, minute, hour, day, month, weekday, *year = expression.upper().split()
    plain = [(second, wall.second, 59), (minute, wall.minute, 59), (hour, wall.hour, 23)]
    return (
        all(_quartz_has(text, value, 0, high) for text, value, high in plain)
        and _quartz_has(_numbered(month, MONTHS), wall.month, 1, 12)
        and (not year or _quartz_has(year[0], wall.year, 1970, 2099))
        and (day == "?" or _quartz_day(day, wall))
        and (weekday == "?" or _quartz_weekday(weekday, wall))
    )


def _numbered(text: str, names: list[str]) -> str:
    for number, name in enumerate(names):
        if name:
            text = text.replace(name.upper(), str(number))
    return text


def _quartz_has(text: str, value: int, low: int, high: int) -> bool:
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        begin = low if first == "*" else int(first)
        end = int(last) if dash else (high if slash or first == "*" else begin)
        if begin > end:  # over the end of the range and on
            end += high - low + 1
        steps = range(begin, end + 1, int(step or 1))
        if value in steps or value + high - low + 1 in steps:
            return True
    return False


def _quartz_day(text: str, day: date) -> bool:
    workdays = [n for n in range(1, length(day) + 1) if day.replace(day=n).weekday() < 5]
    if text == "LW":
        return day.day == workdays[-1]
    if text.startswith("L"):
        return day.day == length(day) - int(text.removeprefix("L-") if "-" in text else 0)
    if text.endswith("W"):
        wanted = int(text[:-1])
        return wanted <= length(day) and day.day == min(workdays, key=lambda n: abs(n - wanted))
    return _quartz_has(text, day.day, 1, 31)


def _quartz_weekday(text: str, day: date) -> bool:
    text = _numbered(text, ["", *FROM_MONDAY[-1:], *FROM_MONDAY[:-1]])
    number = day.isoweekday() % 7 + 1
    if text == "L":
        return number == 7
    if text.endswith("L"):
        return number == int(text[:-1]) and day.day + 7 > length(day)
    if "#" in text:
        wanted, nth = text.split("#")
        return number == int(wanted) and (day.day + 6) // 7 == int(nth)
    return _quartz_has(text, number, 1, 7)


def systemd(expression: str, wall: datetime) -> bool:
    words = expression.split()
    if words[0][0].isalpha() and not _systemd_weekday(words.pop(0), wall.weekday()):
        return False
    if "-" in words[0] or "~" in words[0]:
        text = words.pop(0)
        mark = "~" if "~" in text else "-"
        before, day = text.rsplit(mark, 1)
        year, _, month = before.rpartition("-")
        if len(year) == 2 or year == "26..27":
            year = "..".join(f"20{each}" for each in year.split(".."))
        if year and not _systemd_has(year, wall.year, 1970, 2199):
            return False
        if not _systemd_has(month, wall.month, 1, 12):
            return False
        if mark == "~":
            if not _systemd_from_end(day, length(wall) - wall.day + 1):
                return False
        elif not _systemd_has(day, wall.day, 1, 31):
            return False
    time = words.pop(0) if words else "00:00:00"
    parts = [*time.split(":"), "00"][:3]
    limits = zip(parts, (wall.hour, wall.minute, wall.second), (23, 59, 59), strict=True)
    return all(_systemd_has(text, value, 0, high) for text, value, high in limits)


def _systemd_weekday(text: str, weekday: int) -> bool:
    for part in text.lower().split(","):
        first, _, last = part.replace("-", "..").partition("..")
        begin = FROM_MONDAY.index(first[:3])
        end = FROM_MONDAY.index(last[:3]) if last else begin
        if begin <= weekday <= end:
            return True
    return False


def _systemd_has(text: str, value: int, low: int, high: int) -> bool:
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dots, last = span.partition("..")
        begin = low if first == "*" else int(first)
        end = int(last) if dots else (high if slash or first == "*" else begin)
        if value in range(begin, end + 1, int(step or 1)):
            return True
    return False


def _systemd_from_end(text: str, value: int) -> bool:
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dots, last = span.partition("..")
        if span == "*" or (dots and value in range(int(first), int(last) + 1, int(step or 1))):
            return True
        if not dots and value in (range(int(first), 0, -int(step)) if slash else (int(first),)):
            return True
    return False
