"""Handles a schedule that was given in the place of ``args``, or of a trigger's name.

Some triggers take it as their argument. Otherwise an error says what to write instead.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from apscheduler.triggers.base import BaseTrigger

    MakeTrigger = Callable[[str, Mapping[str, Any]], BaseTrigger]
    """Makes a trigger: of which name, with which arguments."""

_TEXTS = {"crontab": "expression", "rrule": "rrule"}
"""Triggers that take a text in the place of ``args``, each with the argument that this text becomes."""
_FIELDS = re.compile(r"@\w+|[\w*?/,~#+()-]+(\s+[\w*?/,~#+()-]+){4,6}", re.ASCII)
_SETTING = re.compile(r"(?:CRON_)?TZ\s*=\s*[\"']?([^\s\"']+)", re.ASCII)
_ENDS = "timezone start_date end_date jitter"
_ARGUMENTS = {
    "cron": frozenset(f"year month day week day_of_week hour minute second {_ENDS}".split()),
    "interval": frozenset(f"weeks days hours minutes seconds {_ENDS}".split()),
    "date": frozenset(["run_date", "timezone"]),
    "calendarinterval": frozenset(f"years months weeks days hour minute second {_ENDS}".split()),
    "crontab": frozenset(f"expression dst lenient {_ENDS}".split()),
    "rrule": frozenset(f"rrule {_ENDS}".split()),
}
_EXAMPLE = 'name the fields, like add_job(func, "cron", hour=10, minute=30)'


def args_and_trigger(
    trigger: str, args: Any, trigger_args: Mapping[str, Any], make: MakeTrigger
) -> tuple[Any, BaseTrigger]:
    """Return ``args`` and the trigger; a schedule given as ``args`` becomes an argument of the trigger.

    :raises TypeError: if ``args`` is a schedule that the trigger takes by name only
    """
    args, trigger_args = _read(trigger, args, trigger_args)
    made = make(trigger, trigger_args)  # as in 3.x, its errors come first
    _refuse(args, _instead(trigger, args))
    return args, made


def _read(
    trigger: str, args: Any, trigger_args: Mapping[str, Any]
) -> tuple[Any, Mapping[str, Any]]:
    """Return ``args`` and the trigger's arguments; a schedule given as ``args`` is moved to these arguments."""
    name = _TEXTS.get(trigger)
    if name is not None and name not in trigger_args and _is_schedule(trigger, args):
        return None, {name: args, **trigger_args}
    if not trigger_args and isinstance(args, dict):
        _refuse(args, _with_names(trigger, args))
    return args, trigger_args


def _refuse(args: Any, instead: str | None) -> None:
    if instead is not None:
        raise TypeError(
            f"args are the arguments of the function, a list or tuple, and {args!r} is none: "
            f"to say when it runs, {instead}"
        )


def what_name_means(name: str) -> str | None:
    """Return what to write instead, if a trigger's name is really a schedule; ``None`` if it is no schedule."""
    from apscheduler.triggers.advice import call_for

    text = name.strip()
    if re.match(r"(RRULE:|DTSTART|FREQ=)", text, re.IGNORECASE):
        return (
            f"{name!r} is a recurrence rule and no trigger's name: "
            f'write add_job(func, "rrule", {name!r})'
        )
    if _FIELDS.fullmatch(text) or _SETTING.match(text):
        return f"{name!r} is a crontab line and no trigger's name: {_crontab(text)}"
    call = call_for(text)
    return None if call is None else f"{name!r} is a schedule and no trigger's name: write {call}"


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
        return 'write add_job(func, "interval", minutes=…): weeks, days, hours, minutes, seconds are known'
    if trigger == "date" and isinstance(args, str | date):
        return f'write add_job(func, "date", run_date={args!r})'
    return None


def _with_names(trigger: str, args: dict[Any, Any]) -> str | None:
    """Return the call to write if ``args`` holds the trigger's arguments; 3.x would pass its keys to the function."""
    known = _ARGUMENTS.get(trigger, frozenset())
    if not args or not known.issuperset(args):
        return None
    named = ", ".join(f"{name}={value!r}" for name, value in args.items())
    return f'write add_job(func, "{trigger}", {named})'


def _crontab(text: str) -> str:
    from apscheduler.triggers.advice import call_for, is_for_from_crontab

    call = call_for(text)
    if call is None:
        return _why_not(text)
    if not is_for_from_crontab(text):
        return f"write {call}"
    return (
        f"write {call}, which counts as crontab does, or "
        f"add_job(func, CronTrigger.from_crontab({text!r})) with 3.x's weekdays from Monday = 0"
    )


def _why_not(text: str) -> str:
    """Return an example, and what is wrong with a crontab line that no trigger takes."""
    from apscheduler.triggers.arguments import reason_against_zone

    setting = _SETTING.match(text)
    if setting is not None:
        reason = reason_against_zone(setting[1])
        return f"{_EXAMPLE}{f'; {reason}' if reason else ''}"
    if _FIELDS.fullmatch(text):
        from apscheduler.triggers.crontab import CrontabError
        from apscheduler.triggers.crontab.parsing import parse

        try:
            parse(text)
        except CrontabError as error:
            return f"{_EXAMPLE}; as a crontab line it has a mistake: {error.reason}"
    return _EXAMPLE
