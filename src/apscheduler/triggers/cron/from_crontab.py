"""Reading the five fields of a crontab line the way 3.x does, and saying where crontab itself would differ."""

from __future__ import annotations

import re
import warnings
from difflib import get_close_matches
from threading import Lock

from apscheduler.triggers.arguments import reason_against_zone
from apscheduler.triggers.cron.compiling import field_bits
from apscheduler.triggers.cron.expressions import WEEKDAYS
from apscheduler.triggers.cron.fields import DayOfWeekField
from apscheduler.triggers.rates import interval_for

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
    values = expr.split()
    if expr.strip().startswith("@"):
        return _of_nickname(expr.strip().lower())
    setting = re.match(r"\s*(CRON_TZ|TZ)\s*=\s*(\S+)", expr)
    if setting:
        return _of_setting(setting[1], setting[2].strip("\"'"))
    if len(expr.splitlines()) > 1 and expr.strip().count("\n"):
        return "; give one line of a crontab at a time"
    if "," in expr and re.search(r",\s|\s,", expr):
        return "; no blanks are allowed within a field"
    if len(values) in (6, 7):
        said = _of_more_fields(expr)
        if said:
            return said
    from apscheduler.triggers import advice

    five = " ".join(values[:5])
    if len(values) > 5 and _is_command(values[5]) and advice.is_for_from_crontab(five):
        return f"; a user or a command is no part of it: give {five!r}"
    call = advice.call_for(expr)
    return f"; write {call}" if call else ""


def _of_nickname(word: str) -> str:
    every = interval_for(word)
    if every is not None:
        return f"; @every is an interval: write {every}"
    if word.startswith("@every"):
        return '; @every is an interval: write it like add_job(func, "interval", minutes=5)'
    if word == "@reboot":
        return "; the trigger 'crontab' takes it: write add_job(func, \"crontab\", '@reboot')"
    close = get_close_matches(word, list(_NICKNAMES), 1) if " " not in word else []
    return f"; instead of {close[0]} write {_NICKNAMES[close[0]]!r}" if close else ""


def _of_setting(name: str, zone: str) -> str:
    reason = reason_against_zone(zone)
    if reason is None:
        return f"; {name}= is no field: leave it out and give timezone={zone!r}"
    return f"; {name}= is no field: leave it out and give timezone= ({reason})"


def _of_more_fields(expr: str) -> str:
    from apscheduler.triggers import advice

    if "?" in expr:
        quartz = advice.in_five_fields(expr)
        if quartz is not None:
            return f"; it is one of Quartz: give {quartz!r}"
    call = advice.call_for(expr)
    if call is None or not call.startswith('add_job(func, "crontab"'):
        return ""
    return f"; the trigger 'crontab' takes seconds first and the year last: write {call}"


def _is_command(word: str) -> bool:
    return bool(re.match(r"[A-Za-z_./~\"'$]", word)) and word[:3].lower() not in WEEKDAYS


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
