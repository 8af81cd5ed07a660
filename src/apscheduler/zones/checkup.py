"""Says for ``apscheduler doctor`` which zone data and which local zone there is, and what to do about it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from datetime import datetime, timezone, tzinfo
from pathlib import Path

from apscheduler.zones import data, local

Said = tuple[str, str | None]
"""What is said, and the remedy (``None``: nothing is wrong)."""

_OLD_MONTHS = 12
_FILES = ("/etc/timezone", "/etc/localtime")


def of_data(now: datetime) -> Iterator[Said]:
    """Say which zone data is in use, its version and age, and for which zones newer data has another clock."""
    sources = [*data.folders(), *filter(None, [data.package()])]
    if not sources:
        yield "there is none", "pip install tzdata"
        return
    others = (
        f"; for what that lacks: {', then '.join(map(str, sources[1:]))}" if sources[1:] else ""
    )
    yield f"{sources[0]}{_age(sources[0], now)}{others}", None
    stale = data.outdated()
    if stale is None:
        return
    differ = data.differences(now)
    used, packaged = stale
    if differ:
        said = f"{used} is in use, and {packaged} has another clock for {_listed(differ)}"
        yield said, data.CHOICE
    else:
        yield f"{packaged} has the same clocks for the next five years", None


def _listed(differ: list[data.Difference]) -> str:
    """Return zones as a text, by the day from which on they differ."""
    days: dict[str, list[str]] = {}
    for each in sorted(differ, key=lambda each: each.since):
        days.setdefault(f"{each.since:%Y-%m-%d}", []).append(each.zone)
    return "; ".join(f"{', '.join(zones)} (from {day} on)" for day, zones in days.items())


def of_local_zone() -> Said:
    """Say which zone is this machine's, and how it was found."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            found = local.find()
        except (ImportError, LookupError, ValueError, OSError) as error:
            return f"cannot be found: {error.args[0] if error.args else error}", local.REMEDY
    said = f"{_shown(found.zone)}, found {_by(found)}"
    trouble = found.trouble or (str(heard[0].message) if heard else None)
    return (said, None) if trouble is None else (f"{said}: {trouble}", local.REMEDY)


def _shown(zone: tzinfo) -> str:
    """Return the zone's text, with its offset if that is always the same."""
    offset = str(timezone(zone.utcoffset(None))) if type(zone) is timezone else str(zone)
    return str(zone) if str(zone) == offset else f"{zone} ({offset})"


def _age(source: data.Source, now: datetime) -> str:
    if source.version is None:
        return ""
    months = data.least_age(source.version, now.date())
    hint = " (see whether there is a newer one)" if months >= _OLD_MONTHS else ""
    return f", at least {months} months old{hint}" if months else ""


def _by(found: local.Found) -> str:
    """Return how the zone was found; if by files, then by those that name it."""
    if found.how != local.BY_FILES:
        return found.how
    naming = [file for file in _FILES if _names(Path(file), str(found.zone))]
    return f"by {' and '.join(naming)}" if naming else found.how


def _names(file: Path, zone: str) -> bool:
    if file.is_symlink():
        return os.path.realpath(file).endswith(f"/{zone}")
    try:
        return file.read_text("ascii").strip() == zone
    except (OSError, UnicodeDecodeError):
        return False
