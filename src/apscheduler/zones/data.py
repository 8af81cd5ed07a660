"""Which zone data is in use, how old it is, and whether newer data that is installed has other rules.

zoneinfo takes each zone from the first folder of its search path that has it, however old that is, and from the PyPI
package ``tzdata`` only where no folder has it. That is a choice of the whole process, so it is left alone here unless
:func:`use_newest_data` is called (docs/decisions/0021-zone-data-belongs-to-the-process.md).
"""

from __future__ import annotations

import re
from collections import namedtuple
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

from apscheduler._engine.instants import from_us
from apscheduler.zones.likeness import moves

CHOICE = (
    "to use tzdata's, set the environment variable PYTHONTZPATH to nothing (PYTHONTZPATH=), or upgrade the system's; more "
    "in docs/how-to/time-zones.md"
)
_AHEAD = timedelta(days=5 * 366)
_VERSION = (
    r"(?:# version )?(\d{4}[a-z]{1,2})\b"  # compiled where it is used: most starts do not ask
)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    class _Source(NamedTuple):
        where: str
        version: str | None

    class Difference(NamedTuple):
        """A zone to which two sources of data give different clocks, and from when on."""

        zone: str
        since: datetime

else:  # the same without typing, which would delay a start by 3 ms
    _Source = namedtuple("_Source", ("where", "version"))  # noqa: PYI024 - see above
    Difference = namedtuple("Difference", ("zone", "since"))  # noqa: PYI024 - see above


class Source(_Source):
    """One place that zone data comes from.

    :ivar where: the folder, or ``tzdata`` for the package
    :ivar version: the tz database's, like 2026a; ``None`` where it does not say
    """

    __slots__ = ()

    def __str__(self) -> str:
        version = self.version or "of an unknown version"
        return (
            f"tzdata {version} (PyPI)" if self.where == "tzdata" else f"{version} in {self.where}"
        )


def folders() -> list[Source]:
    """Return the folders that zoneinfo asks, in its order."""
    from zoneinfo import TZPATH

    return [Source(path, _version_in(Path(path))) for path in TZPATH if Path(path).is_dir()]


def package() -> Source | None:
    """Return the PyPI package, ``None`` if it is not installed."""
    try:
        from tzdata import IANA_VERSION  # type: ignore[import-untyped]
    except ImportError:
        return None
    return Source("tzdata", IANA_VERSION)


def in_use() -> Source | None:
    """Return the data that zones are taken from first, ``None`` if there is none."""
    return next(iter(folders()), None) or package()


def outdated() -> tuple[Source, Source] | None:
    """Return the data in use and the package if the package is newer, or may be; ``None`` if not."""
    packaged = package()
    used = next(iter(folders()), None)
    if packaged is None or packaged.version is None or used is None:
        return None
    if used.version is not None and used.version >= packaged.version:
        return None
    return used, packaged


def difference(zone: tzinfo, since: datetime) -> Difference | None:
    """Return from when on the package's clock of a zone differs from the one in use, ``None`` if not within five years.

    :param zone: one of zoneinfo
    :param since: earlier differences do not count
    """
    newer = _packaged(str(zone)) if _is_the_systems(str(zone)) else None
    if newer is None:
        return None
    span = since, since + _AHEAD
    ours, theirs = set(moves(zone, span)), set(moves(newer, span))
    only = ours ^ theirs
    return Difference(str(zone), from_us(min(only)[0], UTC)) if only else None


def differences(since: datetime) -> list[Difference]:
    """Return the differences of all zones, if the data in use is outdated."""
    from zoneinfo import ZoneInfo

    from apscheduler.zones.names import known_names

    if outdated() is None:
        return []
    found = (difference(ZoneInfo(name), since) for name in sorted(known_names()))
    return [each for each in found if each is not None]


def use_newest_data() -> Source | None:
    """Have zoneinfo take its zones from the PyPI package where that is newer than the system's data.

    This concerns the whole process, and only zones made from now on: call it first, before zones, triggers and
    schedulers are made.

    :return: the data in use now
    """
    import zoneinfo

    from apscheduler.moments import zone_named
    from apscheduler.zones.names import known_names

    stale = outdated()
    if stale is not None and stale[0].version is not None:
        zoneinfo.reset_tzpath(())
        zoneinfo.ZoneInfo.clear_cache()
        known_names.cache_clear()
        zone_named.cache_clear()
    return in_use()


def least_age(version: str, today: date) -> int:
    """Return how many months old data is at least, as a version names only its year."""
    return max(0, (today.year - int(version[:4]) - 1) * 12 + today.month - 1)


def _version_in(folder: Path) -> str | None:
    for name in ("tzdata.zi", "+VERSION", "version"):
        try:
            with (folder / name).open(encoding="ascii") as file:
                match = re.match(_VERSION, file.readline(100))
        except (OSError, UnicodeDecodeError):
            continue
        if match is not None:
            return match[1]
    return None


def _is_the_systems(name: str) -> bool:
    from zoneinfo import TZPATH

    return any(Path(folder, name).is_file() for folder in TZPATH)


def _packaged(name: str) -> tzinfo | None:
    from importlib.resources import files
    from zoneinfo import ZoneInfo

    file = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    if not file.is_file():
        return None
    try:
        with file.open("rb") as data:
            return ZoneInfo.from_file(data, key=name)
    except (OSError, ValueError):  # damaged: it is not the newer one
        return None
