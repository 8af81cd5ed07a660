"""Rules in the environment variable TZ, as POSIX has them: ``CST-8``, ``<+03>-3``, ``EST5EDT,M3.2.0,M11.1.0``.

Their sign is the reverse of ISO 8601's: hours to be added to reach UTC. A rule with one offset becomes one of
:class:`datetime.timezone`; a rule with summer time becomes the zone of the tz database that keeps it, so that stored
jobs name a zone that every process, and 3.x, can load (docs/decisions/0019-zones-as-machines-have-them.md).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.zones.likeness import SPAN_OF_RULES, named_alike

_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_OFFSET = r"[+-]?\d{1,2}(?::\d{1,2}){0,2}"
_OF_UTC = frozenset({"UTC", "GMT", "UCT"})
"""Names that are not kept for a clock with an offset: ``UTC+3``, three hours behind UTC, would be called UTC."""
_FORM = re.compile(
    rf"(?P<name>{_NAME})(?P<offset>{_OFFSET})(?:(?P<summer>{_NAME})(?P<other>{_OFFSET})?(?P<rules>,.*)?)?",
    re.ASCII,
)


def is_posix(text: str) -> bool:
    """Return whether a value of TZ begins as a rule does; libc obeys as much of a rule as it can read."""
    return re.match(rf":?{_NAME}{_OFFSET}", text, re.ASCII) is not None


@lru_cache(maxsize=8)
def posix_zone(text: str) -> tzinfo:
    """Return the zone of a POSIX rule.

    :raises zoneinfo.ZoneInfoNotFoundError: if the rule cannot be followed exactly; the error says what to write instead
    """
    match = _FORM.fullmatch(text.removeprefix(":"))
    ahead = _ahead(match["offset"]) if match else None
    if match is None or ahead is None:
        raise ZoneInfoNotFoundError(_refused(text, "it is no rule of POSIX"))
    if match["summer"] is None:
        return _fixed(ahead, match["name"].strip("<>"))
    if match["rules"] is None:
        raise ZoneInfoNotFoundError(
            _refused(text, "it does not say when summer time begins and ends")
        )
    zone = _with_summer_time(match, ahead)
    name = named_alike(zone, SPAN_OF_RULES, match["name"] + match["offset"] + match["summer"])
    if name is None:
        raise ZoneInfoNotFoundError(_refused(text, "no zone of the tz database keeps this rule"))
    return ZoneInfo(name)


def _refused(text: str, why: str) -> str:
    return (
        f"the environment variable TZ is {text!r}, and {why}: set it to the name of a zone, like "
        "'Europe/Berlin', or give a timezone"
    )


def _ahead(text: str) -> timedelta | None:
    """Return how far ahead of UTC the clock is, ``None`` if no clock can be so far."""
    hours, minutes, seconds = (*(int(part) for part in text.lstrip("+-").split(":")), 0, 0)[:3]
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    behind = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return behind if text[0] == "-" else -behind


def _fixed(ahead: timedelta, name: str) -> tzinfo:
    if not ahead:
        return UTC
    return timezone(ahead) if name.upper() in _OF_UTC else timezone(ahead, name)


def _with_summer_time(match: re.Match[str], ahead: timedelta) -> tzinfo:
    """Return the zone that zoneinfo makes of the rule, given as the end of a file of the tz database (RFC 9636)."""
    from io import BytesIO
    from struct import pack

    name = match["name"].strip("<>").encode() + b"\0"
    header = pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, 0, 1, len(name))
    block = header + pack(">lbb", int(ahead.total_seconds()), 0, 0) + name
    try:
        zone = ZoneInfo.from_file(BytesIO(block + block + b"\n" + match[0].encode() + b"\n"))
        zone.utcoffset(datetime(2026, 1, 1))  # noqa: DTZ001 - a wall time: the rule is computed
    except ValueError as error:
        raise ZoneInfoNotFoundError(
            _refused(match[0], f"its rule cannot be read ({error})")
        ) from None
    return zone
