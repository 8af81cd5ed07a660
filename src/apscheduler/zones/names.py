"""Names of zones beside those of the tz database: Windows', those in calendar files, and offsets.

Windows' names are those of the CLDR table that tzlocal carries. A TZID may have quotes, and a prefix that makes it
unique (RFC 5545, section 3.2.19): ``/freeassociation.sourceforge.net/Europe/Berlin``. An offset is read as ISO 8601
has it, ahead of UTC where it is positive, and only with minutes: ``UTC+3`` means three hours ahead in calendars and
three behind in a TZ variable, so it is refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_OFFSET = re.compile(r"(?:UTC|GMT)?\s?([+-])(\d\d):?([0-5]\d)", re.ASCII | re.IGNORECASE)
_BARE_OFFSET = re.compile(r"(?:UTC|GMT|Z)?\s?[+-](\d{1,2})", re.ASCII | re.IGNORECASE)
_CUTOFF = 0.8
_CUTOFF_OF_WORDS = 0.85  # "Central Time (US & Canada)" is not Mexico's
_LONGEST_ABBREVIATION = 5
SEASONS = tuple(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(weeks=week) for week in range(53))
"""A year: zones whose clocks are moved on other dates differ in it."""


def zone_called(name: str) -> tzinfo | None:
    """Return the zone that calendars or Windows call so, ``None`` if they call none so."""
    text = name.strip().strip('"').strip()
    return _at_offset(text) or _of_names(text if text != name else None, text)


def unknown(name: str) -> str:
    """Return what to say of a name that is no zone's, with the names that may be meant."""
    bare = _BARE_OFFSET.fullmatch(name.strip().strip('"'))
    if bare is not None:
        hours = f"{int(bare[1]):02}:00"
        return (
            f"there is no time zone {name!r}: write 'UTC+{hours}' for a clock ahead of UTC (east of "
            f"Greenwich), 'UTC-{hours}' for one behind it"
        )
    close = suggestions(name)
    if close:
        return f"there is no time zone {name!r}; did you mean {' or '.join(close)}?"
    return (
        f"there is no time zone {name!r}: expected a name of the tz database, like 'Europe/Berlin'"
    )


def suggestions(name: str) -> list[str]:
    """Return up to three names that are most like this one, all with the same offsets.

    None where the name itself speaks of an offset: digits, or an abbreviation such as CEST.
    """
    asked = _folded(name)
    known = _by_folded()
    if asked in known:
        return [known[asked]]
    is_short = len(name) <= _LONGEST_ABBREVIATION and "/" not in name
    if is_short or re.search(r"\d", name):
        return []
    from difflib import SequenceMatcher, get_close_matches

    cutoff = _CUTOFF_OF_WORDS if " " in name.strip() else _CUTOFF
    close = get_close_matches(asked, known, n=3, cutoff=cutoff)
    ratios = [SequenceMatcher(None, each, asked).ratio() for each in close]
    best = [each for each, ratio in zip(close, ratios, strict=True) if ratio == ratios[0]]
    if len({_offsets(known[each]) for each in best}) > 1:
        return []
    return [known[each] for each in close if _offsets(known[each]) == _offsets(known[close[0]])]


@lru_cache(maxsize=1)
def known_names() -> frozenset[str]:
    """Return the names of the tz database here."""
    from zoneinfo import available_timezones

    return frozenset(available_timezones() - {"localtime"})


def _at_offset(text: str) -> tzinfo | None:
    match = _OFFSET.fullmatch(text.replace("\N{MINUS SIGN}", "-"))
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    if offset >= timedelta(days=1):
        return None
    return timezone(-offset if match[1] == "-" else offset) if offset else UTC


def _of_names(unquoted: str | None, text: str) -> tzinfo | None:
    from zoneinfo import ZoneInfo

    windows = _windows_names().get(text.lower())
    if windows is not None and (" " in text or text.isupper()):  # "utc" is misspelt
        return ZoneInfo(windows)
    if unquoted in known_names():
        return ZoneInfo(text)
    parts = text.split("/")
    if "." not in parts[0] and parts[0]:  # neither "/…" nor "mozilla.org/…"
        return None
    ends = ("/".join(parts[start:]) for start in range(1, len(parts)))
    found = next((end for end in ends if end in known_names()), None)
    return ZoneInfo(found) if found else None


@lru_cache(maxsize=1)
def _windows_names() -> dict[str, str]:
    from tzlocal.windows_tz import win_tz

    return {name.lower(): zone for name, zone in win_tz.items()}


@lru_cache(maxsize=1)
def _by_folded() -> dict[str, str]:
    """Return every name by its folded form: of zones, of their last parts, and Windows'."""
    from tzlocal.windows_tz import win_tz

    names = sorted(known_names())
    lasts = {_folded(name.rpartition("/")[2]): name for name in names if "/" in name}
    whole = {_folded(name): name for name in (*win_tz, *names)}
    return lasts | whole


def _folded(name: str) -> str:
    return name.strip().strip('"').lower().replace(" ", "_")


def _offsets(name: str) -> tuple[timedelta | None, ...]:
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(_windows_names().get(name.lower(), name))
    return tuple(season.astimezone(zone).utcoffset() for season in SEASONS)
