"""Says what to write instead of a schedule that is in the wrong place, or is written for another program.

Only what is accepted is advised: each way is tried before it is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from apscheduler.triggers.arguments import limits_of, reason_against_zone
from apscheduler.triggers.cron.fields import FIELDS_MAP, fields_of
from apscheduler.triggers.crontab.errors import CrontabError
from apscheduler.triggers.crontab.parsing import parse
from apscheduler.triggers.dialects import convert
from apscheduler.triggers.interval import IntervalTrigger
from apscheduler.triggers.rates import interval_for

_AWS = re.compile(r"cron\((.*)\)", re.ASCII)
_SETTING = re.compile(r"(?:CRON_)?TZ\s*=\s*[\"']?([^\s\"']+)[\"']?\s+(\S.*)", re.ASCII)
_PAIR = r"(\w+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s,=]+))"
_PAIRS = re.compile(rf"{_PAIR}(?:[\s,]+{_PAIR})*", re.ASCII)


def call_for(text: str) -> str | None:
    """Return the call that makes a job of this schedule, ``None`` where no way of writing it is known."""
    text = text.strip()
    setting = _SETTING.fullmatch(text)
    if setting is not None:
        is_zone = reason_against_zone(setting[1]) is None
        return _crontab(setting[2], setting[1]) if is_zone else None
    every = interval_for(text)
    if every is not None:
        return every
    if _AWS.fullmatch(text):
        return _aws(text)
    if (
        "?" in text and len(text.split()) > 5
    ):  # in seven fields too, which mean something else in crontab
        return _quartz(text)
    return _crontab(text) or _named_fields(text)


def is_for_from_crontab(text: str) -> bool:
    """Return whether ``CronTrigger.from_crontab`` takes this text."""
    values = text.split()
    names = ("minute", "hour", "day", "month", "day_of_week")
    if len(values) != len(names):
        return False
    try:
        fields_of(dict(zip(names, values, strict=True)))
    except ValueError:
        return False
    return True


def in_five_fields(text: str) -> str | None:
    """Return an expression of Quartz (with ``?``) as one that ``from_crontab`` and crontab both take, in the same sense."""
    try:
        found = str(convert(text, "quartz", "crontab"))
    except ValueError:
        return None
    return found if is_for_from_crontab(found) else None


def _crontab(text: str, zone: str | None = None) -> str | None:
    for lenient in (False, True):
        try:
            parse(text, lenient=lenient)
        except CrontabError:
            continue
        more = f", timezone={zone!r}" if zone else ""
        more += ", lenient=True" if lenient else ""
        return f'add_job(func, "crontab", {text!r}{more})'
    return None


def _quartz(text: str) -> str | None:
    try:
        return _crontab(str(convert(text, "quartz", "crontab")))
    except ValueError:
        return None


def _aws(text: str) -> str | None:
    """Return the call for EventBridge's ``cron(…)``: Quartz without seconds."""
    fields = _AWS.fullmatch(text)
    return None if fields is None else _quartz(f"0 {fields[1]}")


def _named_fields(text: str) -> str | None:
    """Return the call for ``hour=5, minute=30`` in one text."""
    if not _PAIRS.fullmatch(text):
        return None
    given = {
        name: double or single or bare for name, double, single, bare in re.findall(_PAIR, text)
    }
    values = {name: int(value) if value.isdecimal() else value for name, value in given.items()}
    for alias, takes in _TAKE_NAMES.items():
        try:
            takes(**{"timezone": "UTC", **values})
        except (TypeError, ValueError, LookupError):
            continue
        named = ", ".join(f"{name}={value!r}" for name, value in values.items())
        return f'add_job(func, "{alias}", {named})'
    return None


def _read_for_cron(
    timezone: Any = None,
    start_date: Any = None,
    end_date: Any = None,
    jitter: Any = None,
    **fields: Any,
) -> None:
    """Read what the cron trigger would be given.

    :raises TypeError, ValueError, LookupError: if it would refuse that
    """
    limits_of(timezone, start_date, end_date, jitter)
    unknown = fields.keys() - FIELDS_MAP.keys()
    if unknown:
        raise TypeError(f"no fields: {unknown}")
    fields_of(fields)


_TAKE_NAMES: dict[str, Callable[..., object]] = {
    "cron": _read_for_cron,
    "interval": IntervalTrigger,
}
