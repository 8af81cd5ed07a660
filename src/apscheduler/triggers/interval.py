"""Every so often: fire times at a constant distance of elapsed time."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, tzinfo
from typing import Any

from apscheduler._engine.instants import (
    LATEST,
    SECOND,
    duration_us,
    from_us,
    to_us,
)
from apscheduler.moments import astimezone, convert_to_datetime, datetime_repr, local_zone, timezone_repr
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.jitter import check_jitter, check_span


class IntervalTrigger(BaseTrigger):
    """Fires every ``interval`` from ``start_date`` on, until ``end_date``.

    :param weeks: number of weeks to wait
    :param days: number of days (of 24 hours) to wait
    :param hours: number of hours to wait
    :param minutes: number of minutes to wait
    :param seconds: number of seconds to wait; parts may be fractions, and nothing at all means one second
    :param start_date: first fire time (default: one interval from now)
    :param end_date: last possible fire time
    :param timezone: zone of the dates and of the fire times (default: the start date's, else the machine's)
    :param jitter: delay each fire time by up to so many seconds, at random
    :raises TypeError, ValueError: for a negative interval, an end before the start, or what is no number or date
    """

    __slots__ = ("_end", "_end_shown", "_length", "_start", "_start_shown", "jitter", "step_us", "timezone")

    native = True

    timezone: tzinfo
    jitter: float | None

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
        if weeks or days or hours or minutes or seconds.__class__ is not int:
            delta = timedelta(
                weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds
            )
            length = duration_us(delta)
        else:
            length = seconds * SECOND  # the common case, six times as fast
        if length < 0:
            raise ValueError(
                f"an interval cannot be negative: {timedelta(microseconds=length)!r} "
                f"(weeks={weeks!r}, days={days!r}, hours={hours!r}, minutes={minutes!r}, "
                f"seconds={seconds!r})"
            )
        self._set_zone(timezone, start_date, end_date)
        self._set_dates(length or SECOND, start_date, end_date)
        self.jitter = check_jitter(jitter)
        self._set_step(length or SECOND)

    def _set_zone(self, zone: Any, start_date: Any, end_date: Any) -> None:
        if zone is not None:
            self.timezone = _as_zone(zone)
        elif isinstance(start_date, datetime) and start_date.tzinfo is not None:
            self.timezone = _as_zone(start_date.tzinfo)
        elif isinstance(end_date, datetime) and end_date.tzinfo is not None:
            self.timezone = _as_zone(end_date.tzinfo)
        else:
            self.timezone = local_zone()

    def _set_dates(self, length: int, start_date: Any, end_date: Any) -> None:
        self._start_shown = self._end_shown = self._end = None
        if start_date is None:
            self._start = to_us(datetime.now(self.timezone)) + length
        else:
            shown = convert_to_datetime(start_date, self.timezone, "start_date")
            self._start_shown, self._start = shown, to_us(shown)  # type: ignore[arg-type]
        if end_date is not None:
            shown = convert_to_datetime(end_date, self.timezone, "end_date")
            self._end_shown, self._end = shown, to_us(shown)  # type: ignore[arg-type]
            check_span(self, start_date)

    def _set_step(self, length: int) -> None:
        self._length = length
        self.step_us = length if self._end is None and not self.jitter else 0

    @property
    def interval(self) -> timedelta:
        """The distance of the fire times."""
        return timedelta(microseconds=self._length)

    @property
    def interval_length(self) -> float:
        """The distance of the fire times in seconds."""
        return self._length / SECOND

    @property
    def start_date(self) -> datetime:
        """The first fire time (aware)."""
        return self._start_shown or from_us(self._start, self.timezone)

    @property
    def end_date(self) -> datetime | None:
        """The last possible fire time (aware)."""
        return self._end_shown

    def begin_at(self, now: int) -> None:
        if self._start_shown is None:
            self._start = now + self._length

    def next_us(self, previous: int | None, now: int) -> int | None:
        step = self.step_us
        if step and previous is not None:
            following = previous + step
            return following if following <= LATEST else None
        return self._next(previous, now)

    def _next(self, previous: int | None, now: int) -> int | None:
        length, start = self._length, self._start
        if previous is not None:
            base = previous + length
            if self.jitter and previous >= start:
                base = start + ((previous - start) // length + 1) * length
        elif now <= start:
            base = start
        else:
            base = start - (start - now) // length * length
        end = self._end
        if base > LATEST or (end is not None and base > end):
            return None
        if self.jitter:
            base += round(random.uniform(0, self.jitter) * SECOND)  # noqa: S311 - spreads load, guards nothing
            if end is not None and base > end:
                return end
        return base

    def latest_us(self, first: int, now: int) -> int | None:
        end = self._end
        until = now if end is None or end > now else end
        if until <= first:
            return first
        return first + (until - first) // self._length * self._length

    def count_us(self, first: int, last: int, limit: int) -> int:
        return min(limit, (last - first) // self._length + 1)

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        previous = None if previous_fire_time is None else to_us(previous_fire_time)
        found = self.next_us(previous, 0 if previous is not None else to_us(now))
        return None if found is None else from_us(found, self.timezone)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "version": 2,
            "timezone": self.timezone,
            "start_date": self.start_date,
            "end_date": self.end_date,
            "interval": self.interval,
            "jitter": self.jitter,
        }

    def __setstate__(self, state: Any) -> None:
        # A tuple of two: the dictionary of the class and that of the slots, as 3.0 wrote it.
        if isinstance(state, tuple):
            state = state[1]
        if state.get("version", 1) > 2:
            raise ValueError(
                f"this interval trigger was written as version {state['version']}; "
                "versions 1 and 2 can be read here"
            )
        self.timezone = _as_zone(state["timezone"])
        start, end = state["start_date"], state["end_date"]
        self._start_shown, self._start = start, to_us(start)
        self._end_shown, self._end = end, None if end is None else to_us(end)
        self.jitter = state.get("jitter")
        self._set_step(duration_us(state["interval"]))

    def __str__(self) -> str:
        return f"interval[{self.interval!s}]"

    def __repr__(self) -> str:
        options = [f"interval={self.interval!r}", f"start_date={datetime_repr(self.start_date)!r}"]
        if self.end_date:
            options.append(f"end_date={datetime_repr(self.end_date)!r}")
        if self.jitter:
            options.append(f"jitter={self.jitter}")
        options.append(f"timezone={timezone_repr(self.timezone)!r}")
        return f"<{type(self).__name__} ({', '.join(options)})>"


def _as_zone(zone: Any) -> tzinfo:
    found = astimezone(zone)
    return local_zone() if found is None else found


