"""Says, once for each zone that is used, that newer data with other rules for it is installed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from apscheduler._engine.zones import watch_zones

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging

    from apscheduler.zones.data import Source

_told: set[str] = set()
"""Zones that this process has looked at."""


def watch(logger: logging.Logger) -> None:
    """Look at each zone of zoneinfo at its first use, also at those used before, and log what is outdated."""

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
    said = outdated_clock(zone, datetime.now(UTC))
    if said is not None:
        logger.warning("%s", said)


def outdated_clock(zone: tzinfo, since: datetime) -> str | None:
    """Return what to say of a zone of which newer data is installed that has another clock, ``None`` if nothing.

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
    """Return the data in use and the newer one, looked at once per process; ``None`` if all is well."""
    from apscheduler.zones.data import outdated

    return outdated()
