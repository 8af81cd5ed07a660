"""Reading the five fields of a crontab line the way 3.x does, and saying where crontab itself would differ."""

from __future__ import annotations

import re
import warnings
from difflib import get_close_matches
from threading import Lock

from apscheduler.triggers.cron.compiling import field_bits
from apscheduler.triggers.cron.expressions import WEEKDAYS
from apscheduler.triggers.cron.fields import DayOfWeekField

_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * sun",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_NUMERIC = re.compile(r"(?:^|,)\s*\d")
_WARNED_KEPT = 10_000

_warned: set[str] = set()
_warned_lock = Lock()


class CrontabWeekdayWarning(UserWarning):
    """A numeric weekday in a crontab expression means another day here than it does in crontab."""


def crontab_fields(expr: str) -> dict[str, str]:
    """Return the fields of a crontab expression by their names here.

    :raises ValueError: if there are not exactly five
    """
    values = expr.split()
    if len(values) != 5:
        raise ValueError(
            f"a crontab expression has 5 fields (minute hour day month weekday); {expr!r} has "
            f"{len(values)}{_hint(expr)}"
        )
    minute, hour, day, month, day_of_week = values
    _warn_of_numeric_weekday(expr, day_of_week)
    return {
        "minute": minute,
        "hour": hour,
        "day": day,
        "month": month,
        "day_of_week": day_of_week,
    }


def _hint(expr: str) -> str:
    word = expr.strip().lower()
    if word.startswith("@"):
        close = get_close_matches(word, list(_NICKNAMES), 1)
        return f"; instead of {close[0]} write {_NICKNAMES[close[0]]!r}" if close else ""
    setting = re.match(r"\s*(CRON_TZ|TZ)=(\S+)", expr)
    if setting:
        return f"; {setting[1]}= is no field: leave it out and give timezone={setting[2]!r}"
    if len(expr.splitlines()) > 1 and expr.strip().count("\n"):
        return "; give one line of a crontab at a time"
    if "," in expr and re.search(r",\s|\s,", expr):
        return "; no blanks are allowed within a field"
    values = expr.split()
    if len(values) > 5 and re.match(r"[A-Za-z_./~\"'$]", values[5]):
        return f"; a user or a command is no part of it: give {' '.join(values[:5])!r}"
    if len(values) in (6, 7):
        return "; the trigger 'crontab' takes seconds first and the year last"
    return ""


def _warn_of_numeric_weekday(expr: str, weekdays: str) -> None:
    if not _NUMERIC.search(weekdays):
        return
    try:
        bits = field_bits(DayOfWeekField("day_of_week", weekdays))
    except ValueError:
        return  # the trigger's own constructor says what is wrong with it
    here = {day for day in range(7) if bits >> day & 1}
    there = _crontab_days(weekdays)
    if here == there or _seen(expr):
        return
    warnings.warn(
        f"from_crontab({expr!r}): weekday {weekdays!r} fires on {_named(here)} here (0 is Monday), "
        f"where crontab would fire on {_named(there)} (0 is Sunday); write names instead of numbers, or use the "
        f"trigger 'crontab', which means what crontab means",
        CrontabWeekdayWarning,
        stacklevel=4,
    )


def _crontab_days(weekdays: str) -> set[int]:
    """Return the days that crontab means by a weekday field, as numbers from Monday = 0."""
    days: set[int] = set()
    for part in weekdays.split(","):
        bits = field_bits(DayOfWeekField("day_of_week", part))
        shift = 6 if part.strip()[:1].isdigit() else 0
        days |= {(day + shift) % 7 for day in range(7) if bits >> day & 1}
    return days


def _seen(expr: str) -> bool:
    with _warned_lock:
        if expr in _warned:
            return True
        if len(_warned) >= _WARNED_KEPT:
            _warned.clear()
        _warned.add(expr)
        return False


def _named(days: set[int]) -> str:
    return ", ".join(WEEKDAYS[day] for day in sorted(days))
