"""What is written in the place of ``args``, or of a trigger's name, and is a schedule."""

from __future__ import annotations

import re
from datetime import date, timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_TEXTS = {"crontab": "expression", "rrule": "rrule"}
"""Triggers that take a text in the place of ``args``, and their argument for it."""
_FIELDS = re.compile(r"@\w+|[\w*?/,~#+()-]+(\s+[\w*?/,~#+()-]+){4,6}", re.ASCII)
_SETTING = re.compile(r"(?:CRON_)?TZ=\S+\s+\S", re.ASCII)


def read(trigger: str, args: Any, trigger_args: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """Return ``args`` and the trigger's arguments, after a schedule in the place of ``args`` was moved to these.

    :raises TypeError: if a schedule stands there that the trigger takes by name only
    """
    name = _TEXTS.get(trigger)
    if name is not None and name not in trigger_args and _is_schedule(trigger, args):
        return None, {name: args, **trigger_args}
    instead = _instead(trigger, args)
    if instead is None:
        return args, trigger_args
    raise TypeError(
        f"args are the arguments of the function, a list or tuple, and {args!r} is none: "
        f"to say when it runs, write {instead}"
    )


def what_name_means(name: str) -> str | None:
    """Return what to write instead of a schedule in the place of a trigger's name, ``None`` if it is no schedule."""
    text = name.strip()
    if _FIELDS.fullmatch(text) or _SETTING.match(text):
        return f"{name!r} is a crontab line and no trigger's name: write {_crontab(text)}"
    if re.match(r"(RRULE:|DTSTART|FREQ=)", text, re.IGNORECASE):
        return (
            f"{name!r} is a recurrence rule and no trigger's name: "
            f'write add_job(func, "rrule", {name!r})'
        )
    return None


def _is_schedule(trigger: str, args: Any) -> bool:
    if isinstance(args, str):
        return True
    if trigger != "rrule":
        return False
    from apscheduler.triggers.rrule_dateutil import is_dateutils

    return is_dateutils(args)


def _instead(trigger: str, args: Any) -> str | None:
    if trigger == "cron" and isinstance(args, str):
        return _crontab(args.strip())
    if trigger == "interval" and isinstance(args, str | int | float | timedelta):
        return (
            'add_job(func, "interval", minutes=…): weeks, days, hours, minutes, seconds are known'
        )
    if trigger == "date" and isinstance(args, str | date):
        return f'add_job(func, "date", run_date={args!r})'
    return None


def _crontab(text: str) -> str:
    return (
        f'add_job(func, "crontab", {text!r}), which counts as crontab does, or '
        f"add_job(func, CronTrigger.from_crontab({text!r})) with 3.x's weekdays from Monday = 0"
    )
