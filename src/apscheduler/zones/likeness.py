"""Which zone of the tz database keeps the same time as one without a name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

from apscheduler._engine.instants import to_us
from apscheduler._engine.zones import ZoneLine
from apscheduler.zones.names import known_names

Span = tuple[datetime, datetime]
Clock = list[tuple[datetime, timedelta | None, str | None]]

SPAN_OF_FILES: Span = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC))
"""The span for files: the tz database tells zones apart by their clocks since 1970."""

SPAN_OF_RULES: Span = (datetime(2025, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC))
"""The span for rules, which say nothing of the past. In 16 years every date falls on every weekday."""

_STEP = timedelta(days=10)  # for a first look, before all moves are compared


def named_alike(
    zone: tzinfo, span: Span, first: str = "", *, but: frozenset[str] = frozenset()
) -> str | None:
    """Return the name of the zone whose clock shows the same all through a span, ``None`` if there is none.

    Of several zones, one that has the same abbreviations too is preferred. After that it is ``first``, or a name with
    which ``first`` begins and which names no place (EST5EDT, CET), then the one that Windows has for this clock.

    :param but: names that are known to be wrong
    """
    from zoneinfo import ZoneInfo

    wanted, exactly = _clock(zone, span), moves(zone, span)
    found = None
    for name in sorted(known_names() - but, key=_ranked(first)):
        other = ZoneInfo(name)
        likeness = _likeness(wanted, other)
        if likeness is None or moves(other, span) != exactly:
            continue
        if likeness == "letters too":
            return name
        found = found or name
    return found


def moves(zone: tzinfo, span: Span) -> list[tuple[int, int]]:
    """Return each instant at which the zone's clock is moved, with its offset from then on; first the span's start."""
    first, last = map(to_us, span)
    found: list[tuple[int, int]] = []
    for window in ZoneLine(zone).windows(first, last):
        if window.start <= last and (not found or window.offset != found[-1][1]):
            found.append((max(first, window.start), window.offset))
    return found


def _clock(zone: tzinfo, span: Span) -> Clock:
    """Return what the zone's clock shows, from the end backwards, because zones differ in their newest rules first."""
    clock = []
    moment = span[1]
    while moment > span[0]:
        shown = moment.astimezone(zone)
        clock.append((moment, shown.utcoffset(), shown.tzname()))
        moment -= _STEP
    return clock


def _likeness(wanted: Clock, zone: tzinfo) -> str | None:
    """Return "letters too" if clock and abbreviations are the same, "offsets" if only the clock is, else ``None``."""
    letters_too = True
    for moment, offset, letters in wanted:
        shown = moment.astimezone(zone)
        if shown.utcoffset() != offset:
            return None
        letters_too = letters_too and shown.tzname() == letters
    return "letters too" if letters_too else "offsets"


def _ranked(first: str) -> Callable[[str], tuple[bool, bool, int, bool, str]]:
    from tzlocal.windows_tz import win_tz

    places = {name: place for place, name in enumerate(("UTC", *win_tz.values()))}

    def rank(name: str) -> tuple[bool, bool, int, bool, str]:
        begins = "/" not in name and first.startswith(name)
        return name != first, not begins, places.get(name, len(places)), "/" not in name, name

    return rank
