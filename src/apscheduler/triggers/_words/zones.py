"""Moments and zones as text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import pairwise

from apscheduler import clocks
from apscheduler._engine.instants import DAY, LATEST, SECOND, to_us
from apscheduler._engine.zones import EARLIEST, ZoneLine, zone_line
from apscheduler.moments import astimezone
from apscheduler.triggers._words.clock import clock
from apscheduler.triggers._words.parts import Limits, Moment, RemarkSaid, seconds_text

_FILE = re.compile(r"tzfile\(b?'(.+)'\)")
"""The ``repr`` of dateutil's zones."""
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_LOOKED_AHEAD = 10 * 366 * DAY


def moment(given: datetime, zone: tzinfo) -> Moment:
    """Return a moment on the wall clock of the zone, to the microsecond; in UTC where the zone's calendar ends."""
    instant = to_us(given)
    line = zone_line(zone)
    local = instant + line.offset(instant)
    if not EARLIEST <= local <= LATEST:
        return moment(given, UTC)._replace(offset="UTC")
    day = date.fromordinal(_EPOCH_ORDINAL + local // DAY)
    seconds, rest = divmod(local % DAY, SECOND)
    text = clock(seconds)
    if rest:
        text = f"{text}:00" if seconds % 60 == 0 else text
        text += f".{rest:06}".rstrip("0")
    twice = len(line.instants(local)) > 1
    return Moment(day, text, _offset_text(local - instant) if twice else None)


def twice(instant: int, line: ZoneLine) -> list[RemarkSaid]:
    """Return the remark of a preview on a wall time that comes twice."""
    local = instant + line.offset(instant)
    instants = line.instants(local)
    if len(instants) < 2:
        return []
    text = clock(local % DAY // SECOND)
    return [("first" if instant == instants[0] else "second", (text,))]


def limits(
    zone: tzinfo,
    start: datetime | None = None,
    end: datetime | None = None,
    jitter: float | None = None,
) -> Limits:
    """Return what narrows or blurs a schedule that goes by the wall clock of a zone."""
    return Limits(
        zone_name(zone),
        None if start is None else moment(start, zone),
        None if end is None else moment(end, zone),
        seconds_text(jitter),
    )


def has_changes_ahead(line: ZoneLine) -> bool:
    """Return whether a zone's clocks will be moved, as far as its tz database knows (looked at for ten years)."""
    now = clocks.now_us()
    windows = line.windows(now, now + _LOOKED_AHEAD)
    return any(early.offset != late.offset for early, late in pairwise(windows))


def zone_name(zone: tzinfo) -> str:
    """Return the name of a zone: that of the tz database, its offset, or its ``repr`` without a path."""
    zone = astimezone(zone) or zone
    if isinstance(zone, timezone):
        offset = zone.utcoffset(None) // timedelta(microseconds=1)
        return _offset_text(offset) if offset else "UTC"
    key = getattr(zone, "key", None)
    if isinstance(key, str) and type(zone).__name__ == "ZoneInfo":
        return key
    file = _FILE.fullmatch(repr(zone))
    if file is None:
        return repr(zone)
    return f"{_named_by(file[1])} (dateutil)"  # whose clock is another one after 2037


def _named_by(path: str) -> str:
    """Return the name at the end of a path, or the file's alone where no zone is called so."""
    from apscheduler.zones.names import known_names

    parts = re.split(r"[/\\\\]", path)
    names = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((name for name in names if name in known_names()), parts[-1])


def _offset_text(offset: int) -> str:
    sign = "-" if offset < 0 else "+"
    seconds, rest = divmod(abs(offset), SECOND)
    fraction = f".{rest:06}" if rest else ""
    text = clock(seconds)
    return f"UTC{sign}{text}{':00' if fraction and not seconds % 60 else ''}{fraction}"
