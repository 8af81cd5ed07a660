"""This machine's zone: by the environment variable TZ, else by the files that tzlocal knows, else by content.

The zone found has a name that every process can load, or an offset, because jobs are stored with it. A file that has no
name (``/etc/localtime`` mounted into a container) is recognised by its content.
"""

from __future__ import annotations

import os
from collections import namedtuple
from datetime import UTC, tzinfo
from functools import lru_cache

from apscheduler.zones.names import SEASONS, plain, suggestions, zone_called

_FILES = ("/etc/localtime", "/usr/local/etc/localtime")
"""The files whose content tzlocal reads if nothing names a zone."""
BY_FILES = "by this machine's files"
REMEDY = (
    "set the environment variable TZ to a zone's name, like 'Europe/Berlin', or give a timezone"
)
_UTC_NAMES = frozenset(
    {
        "UTC",
        "UCT",
        "GMT",
        "Zulu",
        "Universal",
        "Etc/UTC",
        "Etc/UCT",
        "Etc/GMT",
        "Etc/Zulu",
        "Etc/Universal",
    }
)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    class Found(NamedTuple):
        """The local zone, and how it was found."""

        zone: tzinfo
        how: str
        trouble: str | None = None
        """What is wrong with it, ``None`` if nothing is; ``REMEDY`` says what to do."""

else:  # the same without typing, which would delay a start by 3 ms
    Found = namedtuple("Found", ("zone", "how", "trouble"), defaults=(None,))  # noqa: PYI024 - see above


def find() -> Found:
    """Return this machine's zone, or UTC and what is wrong if nothing names a zone.

    :raises zoneinfo.ZoneInfoNotFoundError: if TZ holds a rule of POSIX that cannot be followed exactly
    """
    from tzlocal import get_localzone  # on use: start-up time

    given = os.environ.get("TZ", "")
    damaged = _damaged(given)
    if damaged is not None:
        return _nothing(f"{damaged} is damaged: it is no whole TZif file")
    try:
        zone = _with_plain_name(given) or get_localzone()
    except (LookupError, ValueError, OSError) as error:
        return _by_rule(given, error)
    how = f"by the environment variable TZ={given}" if given else BY_FILES
    return _named(zone, given, how)


def _with_plain_name(given: str) -> tzinfo | None:
    """Return the zone where TZ names one in the folder ``right/``."""
    from zoneinfo import ZoneInfo

    named = given.removeprefix(":")
    name = plain(named)
    return None if name == named else ZoneInfo(name)


def _by_rule(given: str, error: Exception) -> Found:
    from apscheduler.zones.posix import is_posix, posix_zone

    if is_posix(given):
        return Found(posix_zone(given), f"by the POSIX rule in the environment variable TZ={given}")
    return _nothing(_no_zone(given.removeprefix(":")) if given else str(error).strip())


def _no_zone(name: str) -> str:
    """Return what to say of a TZ that names no zone, with the zones that may be meant."""
    known = zone_called(name)
    meant = suggestions(name) if known is None else [str(known)]
    hint = f"; did you mean {' or '.join(meant)}?" if meant else ""
    return f"the environment variable TZ is {name!r}, which is no zone here{hint}"


def _nothing(why: str) -> Found:
    trouble = f"the local time zone cannot be found ({why}), so UTC is used"
    return Found(UTC, "by nothing", trouble)


def _damaged(given: str) -> str | None:
    """Return the file that would be read for its content if it is damaged: zoneinfo may not return from such a file."""
    from tzlocal import get_localzone_name

    from apscheduler.zones.files import is_whole

    named = given.removeprefix(":")
    if given:
        return named if os.path.isabs(named) and is_whole(named) is False else None
    file = next((file for file in _FILES if os.path.exists(file)), None)
    if file is None or is_whole(file) is not False:
        return None
    is_needed = os.path.islink(file) or get_localzone_name() is None
    return file if is_needed else None


@lru_cache(maxsize=8)
def _named(zone: tzinfo, given: str, how: str) -> Found:
    """Return the zone under a name that leads to it again."""
    from zoneinfo import ZoneInfo

    if not _is_zoneinfo(zone):
        return Found(zone, how)
    name = plain(str(zone))
    if name != str(zone):
        return Found(ZoneInfo(name), how)
    is_nameless, is_false = _is_nameless(zone), _is_false(zone)
    if not (is_nameless or is_false):
        return Found(zone, how)
    file = given.removeprefix(":")
    file = file if os.path.isabs(file) else "/etc/localtime"
    named = _by_content(zone, _UTC_NAMES if is_false else frozenset())
    if named is not None:
        return Found(named, f"by the content of {file}")
    if is_false:
        said = f"the zone data here has another clock than UTC under the name of {zone}"
    else:
        said = f"{file} has no name, and its content is no zone of the tz database here, so jobs with it cannot be stored"
    return Found(zone, f"by the content of {file}, which no zone's is", said)


def _is_zoneinfo(zone: tzinfo) -> bool:
    return type(zone).__name__ == "ZoneInfo" and type(zone).__module__ == "zoneinfo"


def _is_nameless(zone: tzinfo) -> bool:
    """Return whether the zone was made of a file, so that its key finds no zone, or another one."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(str(zone)) is not zone
    except (LookupError, ValueError, OSError):
        return True


def _is_false(zone: tzinfo) -> bool:
    """Return whether another zone has UTC's name: /etc/localtime was a link, and a file was mounted over UTC's."""
    return str(zone) in _UTC_NAMES and any(
        season.astimezone(zone).utcoffset() for season in SEASONS
    )


def _by_content(zone: tzinfo, but: frozenset[str]) -> tzinfo | None:
    from zoneinfo import ZoneInfo

    from apscheduler.zones.likeness import SPAN_OF_FILES, named_alike

    name = named_alike(zone, SPAN_OF_FILES, str(zone), but=but)
    return ZoneInfo(name) if name else None
