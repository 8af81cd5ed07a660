"""Describes a stored job that cannot be restored, by as much as its bytes still say."""

from __future__ import annotations

from datetime import UTC, tzinfo

from apscheduler._engine.instants import from_us, nearest_datetime
from apscheduler.jobstores.base import Quarantined
from apscheduler.triggers.foreign import series_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any


def outlined(
    scheduler: Any,
    alias: str | None,
    job_id: str,
    reason: str,
    due: int | None,
    state: Any,
    *,
    is_paused: bool,
) -> Quarantined:
    """Return the description of a job that cannot be restored.

    :param due: its next fire time (microseconds UTC), ``None`` where it has none or that is not known
    :param state: what its bytes hold, ``None`` where they cannot be read
    """
    name, trigger, func = _texts(state)
    when = None if due is None else _shown(due, state, scheduler)
    return Quarantined(job_id, str(alias), reason, when, name, trigger, func, is_paused=is_paused)


def _texts(state: Any) -> tuple[str | None, str | None, str | None]:
    try:
        found = [state.get(key) for key in ("name", "trigger", "func")]
        name, trigger, func = (None if each is None else str(each) for each in found)
    except (Exception, SystemExit):  # noqa: BLE001 - whatever a trigger of anyone's, or bytes, raise
        return (None, None, None)
    return (name, trigger, func)


def _shown(due: int, state: Any, scheduler: Any) -> datetime:
    """Return a fire time in the zone of the trigger, or else of the scheduler, or else in UTC."""
    try:
        moment: datetime = series_of(state["trigger"], scheduler).at(due)
    except (Exception, SystemExit):  # noqa: BLE001 - as above
        return _in_zone_of(scheduler, due)
    return moment


def _in_zone_of(scheduler: Any, due: int) -> datetime:
    zone = getattr(scheduler, "timezone", None)
    try:
        return from_us(due, zone if isinstance(zone, tzinfo) else UTC)
    except (OverflowError, ValueError):  # at the ends of time some zones cannot show it
        return nearest_datetime(due)
