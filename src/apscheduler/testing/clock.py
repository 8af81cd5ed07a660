"""A clock that moves when told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from apscheduler._engine.instants import SECOND, duration_us, from_us, to_us


class FakeClock:
    """The time of a scheduler under test: ``BackgroundScheduler(clock=FakeClock(...))``.

    :param now: the (aware) time to begin with
    :raises ValueError: for a naive time
    """

    def __init__(self, now: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._instant = 0
        self.set(now)

    def now_us(self) -> int:
        """Return the time in microseconds since 1970, UTC."""
        return self._instant

    def now(self) -> datetime:
        """Return the time (aware, UTC)."""
        return from_us(self._instant, UTC)

    def set(self, now: datetime) -> None:
        """Set the time, forwards or backwards.

        :raises ValueError: for a naive time
        """
        if now.tzinfo is None:
            raise ValueError(f"a fake clock needs an aware time, with a time zone, not {now!r}")
        self._instant = to_us(now)

    def advance(self, by: timedelta | float) -> None:
        """Move the time on by a timedelta or seconds."""
        self._instant += duration_us(by) if isinstance(by, timedelta) else round(by * SECOND)
