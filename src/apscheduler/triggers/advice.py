"""Says what to write instead of a schedule that is in the wrong place, or is written for another program.

Only what is accepted is advised: each way is tried before it is said.
"""

from __future__ import annotations

import re
from datetime import UTC

from apscheduler.moments import zone_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:\d+[hms])+", re.ASCII)
_EVERY = re.compile(r"@every\s+(\S+)", re.ASCII | re.IGNORECASE)
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)", re.ASCII)
_AWS = re.compile(r"cron\((.*)\)", re.ASCII)
_SETTING = re.compile(r"(?:CRON_)?TZ\s*=\s*[\"']?([^\s\"']+)[\"']?\s+(\S.*)", re.ASCII)
_PAIR = r"(\w+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s,=]+))"
_PAIRS = re.compile(rf"{_PAIR}(?:[\s,]+{_PAIR})*", re.ASCII)
_MOST_DIGITS = 9


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


def interval_for(text: str) -> str | None:
    """Return the call for ``@every 1h30m`` (Go) and ``rate(5 minutes)`` (AWS)."""
    rate, every = _RATE.fullmatch(text.strip()), _EVERY.fullmatch(text.strip())
    parts: list[tuple[str, str]] = []
    if rate is not None:
        parts = [(rate[1], f"{rate[2]}s")]
    elif every is not None and _DURATION.fullmatch(every[1]):
        parts = [(number, _UNITS[unit]) for number, unit in re.findall(r"(\d+)([hms])", every[1])]
    if not any(int(number) for number, _ in parts) or len(dict(parts)) < len(parts):
        return None
    if any(len(number) > _MOST_DIGITS for number, _ in parts):
        return None
    units = ", ".join(f"{unit}={int(number)}" for number, unit in parts)
    return f'add_job(func, "interval", {units})'


def reason_against_zone(name: str) -> str | None:
    """Return why ``timezone=`` refuses a name, ``None`` if it takes it."""
    try:
        zone_named(name)
    except (LookupError, ValueError) as error:
        return str(error.args[0])
    return None


def is_for_from_crontab(text: str) -> bool:
    """Return whether ``CronTrigger.from_crontab`` takes this text."""
    from apscheduler.triggers.cron import CronTrigger

    values = text.split()
    names = ("minute", "hour", "day", "month", "day_of_week")
    if len(values) != len(names):
        return False
    try:
        CronTrigger(**dict(zip(names, values, strict=True)), timezone=UTC)  # type: ignore[arg-type] # fields alone
    except ValueError:
        return False
    return True


def in_five_fields(text: str) -> str | None:
    """Return an expression of Quartz (with ``?``) as one that ``from_crontab`` and crontab both take, in the same sense."""
    from apscheduler.triggers.dialects import convert

    try:
        found = str(convert(text, "quartz", "crontab"))
    except ValueError:
        return None
    return found if is_for_from_crontab(found) else None


def _crontab(text: str, zone: str | None = None) -> str | None:
    from apscheduler.triggers.crontab.errors import CrontabError
    from apscheduler.triggers.crontab.parsing import parse

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
    from apscheduler.triggers.dialects import convert

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
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    if not _PAIRS.fullmatch(text):
        return None
    given = {
        name: double or single or bare for name, double, single, bare in re.findall(_PAIR, text)
    }
    values = {name: int(value) if value.isdecimal() else value for name, value in given.items()}
    for alias, trigger in (("cron", CronTrigger), ("interval", IntervalTrigger)):
        try:
            trigger(**{"timezone": "UTC", **values})  # type: ignore[arg-type] # it says what it does not take
        except (TypeError, ValueError, LookupError):
            continue
        named = ", ".join(f"{name}={value!r}" for name, value in values.items())
        return f'add_job(func, "{alias}", {named})'
    return None
