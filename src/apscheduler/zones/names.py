"""Names of zones beside those of the tz database: Windows', those in calendar files, and offsets.

Windows' names are those of the CLDR table that tzlocal carries. A TZID may have quotes, and a prefix that makes it
unique (RFC 5545, section 3.2.19): ``/freeassociation.sourceforge.net/Europe/Berlin``. An offset is read as in ISO 8601
(a positive one is ahead of UTC), and it must have minutes: ``UTC+3`` is refused, because it means three hours ahead in
calendars and three hours behind in a TZ variable.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_OFFSET = re.compile(r"(?:UTC|GMT)?\s?([+-])(\d\d):?([0-5]\d)", re.ASCII | re.IGNORECASE)
_BARE_OFFSET = re.compile(r"(?:UTC|GMT|Z)?\s?[+-](\d{1,2})", re.ASCII | re.IGNORECASE)
_BREAKS = re.compile(r"[\s/_.-]+")
_SHORTEST = 5  # letters of a word that may have a slip: "Laos" is not Lagos, nor "Iraq" Iran
_SHORTEST_SURE = 6  # letters if one of them is wrong: "Asia/China" is not Chita
_CLIPPED = frozenset({"standard", "time"})  # words that are no zone's own
_BESIDE = "cajamarca cordova granada guiana harar kingstown malaba maniwa monterey rosarito samar"
_PLACES_BESIDE = frozenset(_BESIDE.split())
"""Places whose names differ in one letter from a zone's, and whose clock is another one."""
_NO_PLACES = (
    "acre central continental east eastern general mountain north pacific south victoria west"
)
_REGIONS = frozenset(_NO_PLACES.split())
"""Last parts of names (``Australia/West``) that mean no place without the first part."""
SEASONS = tuple(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(weeks=week) for week in range(53))
"""Instants of one year, a week apart: at one of them zones whose clocks are moved on different dates differ."""


def zone_called(name: str) -> tzinfo | None:
    """Return the zone that has this name in calendars or on Windows, ``None`` if there is none."""
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
    below = _below(name)
    if below:
        return f"there is no time zone {name!r}: the zones of that folder have names like {' or '.join(below)}"
    close = suggestions(name)
    if close:
        return f"there is no time zone {name!r}; did you mean {' or '.join(close)}?"
    return (
        f"there is no time zone {name!r}: expected a name of the tz database, like 'Europe/Berlin'"
    )


def suggestions(name: str) -> list[str]:
    """Return up to three names that may be meant if this one has a slip of the keyboard, all with the same clock.

    A slip is one letter missing, too many or wrong, or two letters swapped, in a word long enough not to become another
    word by it. There are no suggestions if the names that may be meant have different clocks, or if the name has
    digits: it may speak of an offset.
    """
    same = _by_letters().get(_letters(name), [])
    close = same or _slipped(name)
    clocks = {_offsets(each) for each in close}
    return close[:3] if len(clocks) == 1 else []


def _below(name: str) -> list[str]:
    """Return up to three of the names in the folder of this name."""
    folder = name.strip().strip("/").lower() + "/"
    return [each for each in sorted(known_names()) if each.lower().startswith(folder)][:3]


def plain(name: str) -> str:
    """Return the name without the folder ``right/`` before it.

    Data in ``right/`` counts leap seconds, which Python's clock does not. By that data clocks are moved 27 seconds
    late.
    """
    folder, _, rest = name.partition("/")
    return rest if folder == "right" and rest in known_names() else name


def _slipped(name: str) -> list[str]:
    words = _words(name)
    if len(words) < 2 or re.search(r"\d", name):
        return []
    return [each for each, parts in _in_words().items() if _is_slip(words, parts)]


def _is_slip(given: list[str], known: list[str]) -> bool:
    """Return whether exactly one word has a slip, and the others are the same."""
    if len(given) != len(known):
        return False
    differing = [pair for pair in zip(given, known, strict=True) if pair[0] != pair[1]]
    return len(differing) == 1 and _is_slip_of_word(*differing[0])


def _is_slip_of_word(given: str, known: str) -> bool:
    if given[0] != known[0] or given in _PLACES_BESIDE:
        return False
    if known in _CLIPPED:
        return _lacks_one(known, given) or _lacks_one(given, known)
    if min(len(given), len(known)) < _SHORTEST:
        return False
    if len(given) != len(known):
        return _lacks_one(given, known) or _lacks_one(known, given)
    differ = [at for at, pair in enumerate(zip(given, known, strict=True)) if pair[0] != pair[1]]
    if len(differ) == 1:
        return len(known) >= _SHORTEST_SURE
    first, last = differ[0], differ[-1]
    return last - first == 1 and given[first : last + 1] == known[last] + known[first]


def _lacks_one(short: str, long: str) -> bool:
    """Return whether ``short`` is ``long`` without one of its letters."""
    return any(short == long[:at] + long[at + 1 :] for at in range(len(long)))


@lru_cache(maxsize=1)
def known_names() -> frozenset[str]:
    """Return the names of all zones that zoneinfo finds here."""
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
def _known() -> tuple[str, ...]:
    """Return the names of the tz database, and those of Windows as it writes them."""
    from tzlocal.windows_tz import win_tz

    return (*sorted(known_names()), *win_tz)


@lru_cache(maxsize=1)
def _by_letters() -> dict[str, list[str]]:
    """Return lists of names by the letters of the whole name, or of the place that its last part names."""
    whole: dict[str, list[str]] = {}
    places: dict[str, list[str]] = {}
    for name in _known():
        whole.setdefault(_letters(name), []).append(name)
        last = name.rpartition("/")[2]
        if name.count("/") == 1 and last.lower() not in _REGIONS and not re.search(r"\d", last):
            places.setdefault(_letters(last), []).append(name)
    return places | whole


@lru_cache(maxsize=1)
def _in_words() -> dict[str, list[str]]:
    """Return the words of each name."""
    return {name: _words(name) for name in _known()}


def _letters(name: str) -> str:
    """Return a name in lower case, without blanks and the signs that are written for blanks."""
    return re.sub(r"[\s_./]+|-(?!\d)", "", name.strip().strip('"').lower())


def _words(name: str) -> list[str]:
    return [word for word in _BREAKS.split(name.strip().strip('"').lower()) if word]


def _offsets(name: str) -> tuple[timedelta | None, ...]:
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(_windows_names().get(name.lower(), name))
    return tuple(season.astimezone(zone).utcoffset() for season in SEASONS)
