"""Says of a stored job that cannot be restored what it is, by as much as its bytes still say, and why."""

from __future__ import annotations

from datetime import UTC, tzinfo

from apscheduler._engine.instants import from_us, nearest_datetime
from apscheduler.events import EVENT_JOB_QUARANTINED, QuarantineEvent
from apscheduler.jobstores.base import Quarantined
from apscheduler.texts import line
from apscheduler.triggers.foreign import series_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any, Final

    from apscheduler.jobstores.base import BaseJobStore

_LONGEST_TEXT: Final = 1000
"""Characters of an error's text that a reason has at most."""


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


def said_of(exc: BaseException) -> str:
    """Return why a job cannot be restored, by what was raised."""
    kind = type(exc).__name__
    try:
        text = str(exc.args[0]) if isinstance(exc, LookupError) and exc.args else str(exc)
    except Exception:  # noqa: BLE001 - raised by a class that a row named
        return kind
    return f"{kind}: {line(text[:_LONGEST_TEXT])}" if text else kind


def announce(store: BaseJobStore, job_id: str, reason: str) -> None:
    """Log that a store's job is in quarantine, and tell the scheduler's listeners."""
    store._logger.error(
        "Job %r cannot be restored and is quarantined: %s. It stays in the store and is not run; "
        "it comes back by itself when it loads again",
        job_id,
        reason,
    )
    tell: Callable[[Any], None] | None = getattr(store._scheduler, "_dispatch_event", None)
    if tell is not None:
        tell(QuarantineEvent(EVENT_JOB_QUARANTINED, job_id, store._alias, reason))
