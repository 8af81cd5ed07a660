"""Which zone of the tz database keeps the same time as one without a name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeAlias

from apscheduler.zones.names import known_names

Span: TypeAlias = tuple[datetime, datetime]
Clock: TypeAlias = list[tuple[datetime, timedelta | None, str | None]]

SPAN_OF_FILES: Span = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC))
"""What names guarantee of a file's content: the tz database tells zones apart by their clocks since 1970."""

SPAN_OF_RULES: Span = (datetime(2025, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC))
"""Rules say nothing of the past; 16 years have every weekday on every date."""

_STEP = timedelta(hours=23)  # less than a day: no hour of the day is left out


def named_alike(
    zone: tzinfo, span: Span, first: str = "", *, but: frozenset[str] = frozenset()
) -> str | None:
    """Return the name of the zone whose clock shows the same all through a span, ``None`` if there is none.

    Of several it is one with the same abbreviations too, if there is one; then ``first``, or how that begins
    (EST5EDT and CET have no place), then the one that Windows has for this clock.

    :param but: names that are known to be wrong
    """
    from zoneinfo import ZoneInfo

    wanted = _clock(zone, span)
    found = None
    for name in sorted(known_names() - but, key=_ranked(first)):
        likeness = _likeness(wanted, ZoneInfo(name))
        if likeness == "letters too":
            return name
        if likeness is not None:
            found = found or name
    return found


def _clock(zone: tzinfo, span: Span) -> Clock:
    """Return what the zone's clock shows, from the end on: zones differ by their newest rules first."""
    clock = []
    moment = span[1]
    while moment > span[0]:
        shown = moment.astimezone(zone)
        clock.append((moment, shown.utcoffset(), shown.tzname()))
        moment -= _STEP
    return clock


def _likeness(wanted: Clock, zone: tzinfo) -> str | None:
    """Return whether the zone's clock shows the same, and whether it has the same abbreviations too."""
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
