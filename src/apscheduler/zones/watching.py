"""Warns, once for each zone that is used, if newer data that is installed has other rules for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from apscheduler import clocks
from apscheduler._engine.zones import watch_zones

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging

    from apscheduler.zones.data import Source

_told: set[str] = set()
"""Zones that this process has looked at."""


def watch(logger: logging.Logger) -> None:
    """Look at each zone of zoneinfo at its first use, and now at those used before; log which are outdated."""

    def look(zone: tzinfo) -> None:
        if type(zone).__name__ == "ZoneInfo":
            _look(zone, logger)

    watch_zones(look)


def look_at(names: Iterable[str], logger: logging.Logger) -> None:
    """Look at zones of the tz database that are not used yet."""
    from zoneinfo import ZoneInfo

    for name in sorted(names):
        _look(ZoneInfo(name), logger)


def _look(zone: tzinfo, logger: logging.Logger) -> None:
    if str(zone) in _told:
        return
    _told.add(str(zone))
    said = outdated_clock(zone, clocks.now(UTC))
    if said is not None:
        logger.warning("%s", said)


def outdated_clock(zone: tzinfo, since: datetime) -> str | None:
    """Return what to say of a zone that has another clock in newer data that is installed, ``None`` if it has not.

    :param since: earlier differences do not count
    """
    stale = outdated_data()
    if stale is None:
        return None
    from apscheduler.zones.data import CHOICE, difference

    found = difference(zone, since)
    if found is None:
        return None
    used, packaged = stale
    return (
        f"{zone} has another clock from {found.since:%Y-%m-%d} on by {packaged}, which is installed, than by the "
        f"zone data in use, {used}: {CHOICE}"
    )


@lru_cache(maxsize=1)
def outdated_data() -> tuple[Source, Source] | None:
    """Return the data in use and newer data if installed, looked for once per process; ``None`` if there is none."""
    from apscheduler.zones.data import outdated

    return outdated()
