"""Time inside the engine: integer microseconds since 1970 on the UTC line.

Order and arithmetic happen on these integers; datetimes exist at the API only. Two aware datetimes of one zone are
never compared or subtracted by wall clock, as Python does it: that ignores the fold.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NEVER = 1 << 62
"""Later than every instant a datetime can hold: the due time of a paused or finished job."""

EARLIEST = -62_135_596_800_000_000
"""0001-01-01T00:00:00 UTC, the first instant a datetime can hold."""

LATEST = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999 UTC, the last instant a datetime can hold."""

AT_NEXT_START = 253_402_128_000_000_000
"""9999-12-30T00:00:00 UTC, the due time of a job that waits for the next start of a scheduler (``@reboot``)."""


def to_us(moment: datetime) -> int:
    """Return the UTC instant of an aware datetime in microseconds since 1970."""
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def from_us(instant: int, zone: tzinfo) -> datetime:
    """Return the instant as an aware datetime in ``zone``: a wall time that exists, with its fold."""
    moment = EPOCH + timedelta(0, 0, instant)
    return moment if zone is UTC else moment.astimezone(zone)


def nearest_datetime(instant: int) -> datetime:
    """Return the instant as a datetime in UTC, or the first or last datetime there is; this never raises."""
    return from_us(min(max(instant, EARLIEST), LATEST), UTC)


def duration_us(delta: timedelta) -> int:
    """Return a timedelta in microseconds."""
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds
