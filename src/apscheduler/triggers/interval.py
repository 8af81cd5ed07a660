"""A trigger that fires at a constant distance in real time, whatever wall clocks do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apscheduler._engine.instants import LATEST, SECOND, duration_us, to_us
from apscheduler._engine.zones import ZoneLine, zone_line
from apscheduler.moments import convert_to_datetime, datetime_repr
from apscheduler.triggers.arguments import checked_jitter, delayed, state_of, stored_zone, zone_of
from apscheduler.triggers.base import BaseTrigger

_VERSION = 2
_NO_LAST = -(1 << 62)
_SHORTEST = timedelta(seconds=1)


class IntervalTrigger(BaseTrigger):
    """Fires every so often, from ``start_date`` on.

    The interval is the sum of its parts, which may be fractions; a sum of 0 becomes one second, as in 3.x.
    It is real time: ``days=1`` are 24 hours, also on the day on which clocks are moved.

    :param start_date: first fire time: datetime, date or text (now plus the interval if left out)
    :param end_date: latest possible fire time
    :param timezone: zone or its name, in which dates are read and fire times shown; that of the dates or
        the local one if left out
    :param jitter: each run is delayed by up to so many seconds; the schedule itself stays in place
    :raises TypeError: if an argument is of another type
    :raises ValueError: if the interval or jitter is negative, or the end lies before the start
    :raises OverflowError: if the interval is too long for a timedelta
    """

    __slots__ = (
        "_end",
        "_last",
        "_line",
        "_now_read",
        "_start",
        "_step",
        "end_date",
        "interval",
        "interval_length",
        "jitter",
        "start_date",
        "timezone",
    )

    native = True

    def __init__(
        self,
        weeks: float = 0,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        start_date: Any = None,
        end_date: Any = None,
        timezone: Any = None,
        jitter: float | None = None,
    ) -> None:
        self.interval = _interval(weeks, days, hours, minutes, seconds)
        self.timezone = zone_of(timezone, start_date, end_date)
        self.jitter = None if jitter is None else checked_jitter(jitter)
        self._now_read = start_date is None
        if start_date is None:
            self.start_date = _later(datetime.now(self.timezone), self.interval)
        else:
            self.start_date = convert_to_datetime(start_date, self.timezone, "start_date")
        self.end_date = None
        if end_date is not None:
            self.end_date = convert_to_datetime(end_date, self.timezone, "end_date")
        self._prepare()
        if self._end < self._start and not self._now_read:
            raise ValueError(
                f"end_date {datetime_repr(self.end_date)} lies before start_date "
                f"{datetime_repr(self.start_date)}, so this trigger could never fire"
            )

    def _prepare(self) -> None:
        """Keep the integers that fire times are computed from."""
        step = duration_us(self.interval)
        self._step = step
        self.interval_length = step / SECOND
        self._line: ZoneLine = zone_line(self.timezone)
        self._start = to_us(self.start_date)
        self._end = LATEST if self.end_date is None else to_us(self.end_date)
        # No instant is at or before _NO_LAST: with jitter every call goes the long way.
        self._last = _NO_LAST if self.jitter else self._end

    def begin_at(self, now: int) -> None:
        if self._now_read:
            self._start = now + self._step
            self.start_date = self.at(self._start)

    @property
    def step_us(self) -> int:  # type: ignore[override]
        """The interval in microseconds, 0 with jitter or an end date."""
        return self._step if self.end_date is None and not self.jitter else 0

    @property
    def grid_us(self) -> tuple[int, int] | None:
        """The start and the step of the fire times in microseconds, ``None`` with jitter."""
        return None if self.jitter else (self._start, self._step)

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        if (
            previous_fire_time is None
            or previous_fire_time.tzinfo is not self.timezone
            or self._last != LATEST
        ):
            line = self._line
            before = None if previous_fire_time is None else line.instant(previous_fire_time)
            found = self.next_us(before, line.instant(now))
            return None if found is None else line.at(found)
        try:
            return _later(previous_fire_time, self.interval)
        except OverflowError:
            return None

    def at(self, instant: int) -> datetime:
        return self._line.at(instant)

    def next_us(self, previous: int | None, now: int) -> int | None:
        if previous is not None:
            following = previous + self._step
            if following <= self._last:
                return following
            if not self.jitter:
                return None
            # The fire time before was delayed; its successor is the next on the schedule itself.
            following = previous + self._step - (previous - self._start) % self._step
        elif now > self._start:
            following = now + (self._start - now) % self._step
        else:
            following = self._start
        if following > self._end:
            return None
        return delayed(following, self.jitter, self._end) if self.jitter else following

    def latest_us(self, first: int, now: int) -> int | None:
        last = min(now, self._end)
        if last <= first:
            return first
        if self.jitter:
            return max(first, last - (last - self._start) % self._step)
        return last - (last - first) % self._step

    def count_us(self, first: int, last: int, limit: int) -> int:
        return min(max(last - first, 0) // self._step + 1, limit)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "timezone": self.timezone,
            "start_date": self.start_date,
            "end_date": self.end_date,
            "interval": self.interval,
            "jitter": self.jitter,
        }

    def __setstate__(self, state: Any) -> None:
        values = state_of(state, self, _VERSION)
        self.timezone = stored_zone(values["timezone"])
        self.start_date = values["start_date"]
        self.end_date = values["end_date"]
        self.interval = values["interval"] or _SHORTEST
        self.jitter = values.get("jitter")
        self._now_read = False
        self._prepare()

    def __str__(self) -> str:
        return f"interval[{self.interval}]"

    def __repr__(self) -> str:
        options = [
            f"interval={self.interval!r}",
            f"start_date='{datetime_repr(self.start_date)}'",
        ]
        if self.end_date:
            options.append(f"end_date='{datetime_repr(self.end_date)}'")
        if self.jitter:
            options.append(f"jitter={self.jitter}")
        return f"<{type(self).__name__} ({', '.join(options)}, timezone='{self.timezone}')>"


def _interval(weeks: float, days: float, hours: float, minutes: float, seconds: float) -> timedelta:
    try:
        if weeks or days or hours or minutes:
            interval = timedelta(days, seconds, 0, 0, minutes, hours, weeks)
        else:
            interval = timedelta(0, seconds)
    except TypeError:
        raise TypeError(_not_numbers(weeks, days, hours, minutes, seconds)) from None
    if interval.days < 0:
        raise ValueError(
            f"an interval cannot be negative ({interval}): the next run lies in the future"
        )
    return interval or _SHORTEST


def _later(moment: datetime, interval: timedelta) -> datetime:
    """Return the datetime so much later in real time: ``datetime_utc_add`` in half its time."""
    zone, offset = moment.tzinfo, moment.utcoffset()
    if zone is None or offset is None:
        return moment + interval
    # Offset and step at once: the sum is wall time of UTC, as fromutc() expects it.
    return zone.fromutc(moment + (interval - offset))


def _not_numbers(*parts: Any) -> str:
    names = ("weeks", "days", "hours", "minutes", "seconds")
    wrong = [
        f"{name}={part!r}"
        for name, part in zip(names, parts, strict=True)
        if not isinstance(part, int | float)
    ]
    return f"an interval is made of numbers, not {', '.join(wrong)}: give for example seconds=5"
