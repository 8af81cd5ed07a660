"""Checks and converts what rows hold, whoever wrote them: a bad row must do no harm to the others.

Other programs write into these tables too: a repair by hand, a half-done migration, a client in another language. A value
that is not a time, bytes or a number must not reach arithmetic or a conversion that the other rows need.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from decimal import Decimal

from apscheduler._engine.instants import EARLIEST, LATEST, NEVER, SECOND, from_us, nearest_datetime
from apscheduler.job_options import CHECKS, DELIVERIES
from apscheduler.triggers.base import BaseTrigger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

EARLIEST_SECONDS: Final = EARLIEST / SECOND
LATEST_SECONDS: Final = LATEST / SECOND
"""The first and last value of ``next_run_time`` that is a time, in seconds."""
LAST_GENERATION: Final = 1 << 62
_SHORT: Final = 200
_ZONE_VERSION: Final = re.compile(r"[0-9]{4}[a-z]{1,2}")
_ARGUMENTS: Final = (tuple, list)
_CHECKED: Final = ("executor", "max_instances", "misfire_grace_time", "timeout", "delivery")


def short(value: object) -> str:
    """Return a value's ``repr``, cut short. Never raises."""
    try:
        text = repr(value)
    except Exception as exc:  # noqa: BLE001 - the value came out of a row: its class is anyone's
        return f"<{type(value).__name__} whose repr raised {type(exc).__name__}>"
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"


def to_float(due: int) -> float | None:
    """Return a next fire time as 3.x's column has it: seconds, exact to the microsecond."""
    return None if due == NEVER else due / SECOND


def from_float(moment: float | None) -> int:
    """Return a valid value of the column as an instant; ``NEVER`` for a paused job."""
    if moment is None:
        return NEVER
    instant = round(moment * SECOND)
    # No call of min(), to be fast: each job of each claim comes this way.
    return instant if instant < LATEST else LATEST


def is_time(moment: Any) -> bool:
    """Return whether the column's value is a time (``None`` is: the job is paused)."""
    if moment is None:
        return True
    numbers = (float, Decimal, int)  # SQLAlchemy makes decimals of MariaDB's doubles
    return isinstance(moment, numbers) and EARLIEST_SECONDS <= moment <= LATEST_SECONDS


def due_of(moment: Any) -> int:
    """Return the column's value as an instant.

    :raises ValueError: if it is not a time; the text says what to do
    """
    if not is_time(moment):
        shown = short(float(moment) if isinstance(moment, Decimal) else moment)
        raise ValueError(
            f"its next_run_time in the table is {shown}, and seconds since 1970 up to the year 9999 are "
            "expected: add the job again with replace_existing=True, or remove it, or set the column to NULL, "
            "which pauses the job"
        )
    return from_float(moment)


def as_read(value: Any) -> Any:
    """Return a memoryview or bytearray, which some drivers give, as bytes; any other value as it is."""
    return bytes(value) if isinstance(value, bytearray | memoryview) else value


def bytes_of(value: Any) -> bytes:
    """Return a job's bytes.

    :raises TypeError: if the row holds something else
    """
    found = as_read(value)
    if not isinstance(found, bytes):
        raise TypeError(f"its job_state in the table is {short(value)}, and bytes are expected")
    return found


def id_text(id: Any) -> str:
    """Return a row's id as a text that can be shown."""
    return id if isinstance(id, str) else short(id)


def is_generation(generation: Any) -> bool:
    """Return whether a job's generation is a number that can still be increased."""
    return isinstance(generation, int) and 0 <= generation < LAST_GENERATION


def check_generation(generation: Any) -> None:
    """Check a job's generation.

    :raises ValueError: if it is not a number that can still be increased
    """
    if not is_generation(generation):
        raise ValueError(
            f"its generation in the table is {short(generation)}, and a number from 0 on is expected: add the "
            "job again with replace_existing=True, or remove it"
        )


def check_shape(job: Any) -> None:
    """Check that the attributes of a job that was read have the types and values that the engine expects.

    :raises TypeError, ValueError: if one has not
    """
    # First the shape that almost all jobs have: a claim of thousands checks each of them.
    grace = job.misfire_grace_time
    if (
        BaseTrigger in job.trigger.__class__.__mro__
        and job.args.__class__ in _ARGUMENTS
        and job.kwargs.__class__ is dict
        and job.name.__class__ is str
        and job.executor.__class__ is str
        and job.max_instances.__class__ is int
        and job.max_instances > 0
        and (grace is None or (grace.__class__ is int and grace > 0))
        and job.timeout is None
        and job.delivery.__class__ is str
        and job.delivery in DELIVERIES
    ):
        return
    if not isinstance(job.trigger, BaseTrigger):
        raise TypeError(f"its trigger is {short(job.trigger)}")
    if not isinstance(job.args, tuple | list) or not isinstance(job.kwargs, dict):
        raise TypeError(f"its arguments are {short(job.args)} and {short(job.kwargs)}")
    if not isinstance(job.name, str):
        raise TypeError(f"its name is {short(job.name)}")
    for name in _CHECKED:
        CHECKS[name](job, getattr(job, name))


def zone_version(text: object) -> str | None:
    """Return the text if it is a version of the zone data, such as ``"2026a"``, else ``None``."""
    return text if isinstance(text, str) and _ZONE_VERSION.fullmatch(text) else None


class Times:
    """Converts the instants of one row. A value that is not a time is shown as the nearest time, and noted.

    :ivar faults: what was wrong, in words
    """

    def __init__(self) -> None:
        self.faults: list[str] = []

    def shown(self, name: str, instant: Any, zone: tzinfo = UTC) -> datetime:
        """Return an instant (microseconds UTC) of the column ``name`` as a datetime."""
        if not isinstance(instant, int):
            self.faults.append(f"{name} is {short(instant)}")
            return nearest_datetime(EARLIEST)
        if not EARLIEST <= instant <= LATEST:
            self.faults.append(f"{name} is {instant}")
            return nearest_datetime(instant)
        try:
            return from_us(instant, zone)
        except (OverflowError, ValueError):  # at the ends of time some zones cannot show it
            return from_us(instant, UTC)

    def shown_or_none(self, name: str, instant: Any, zone: tzinfo = UTC) -> datetime | None:
        """Return the same, ``None`` for NULL."""
        return None if instant is None else self.shown(name, instant, zone)
