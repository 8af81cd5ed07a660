"""A trigger that fires at a constant distance in real time, whatever wall clocks do."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

from apscheduler._engine.instants import LATEST, SECOND, duration_us, to_us
from apscheduler._engine.zones import ZoneLine, zone_line
from apscheduler.elsewhere import names_of_3x
from apscheduler.moments import convert_to_datetime, datetime_repr
from apscheduler.triggers.arguments import (
    checked_jitter,
    delayed,
    shown,
    state_of,
    stored_zone,
    zone_of,
)
from apscheduler.triggers.base import (
    LONGEST_STEP,
    SEALED,
    STEPPED,
    BaseTrigger,
    jittered_by_hook,
    moves_its_own,
    speaks_integers,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.triggers._words.parts import Said

_VERSION = 2


class IntervalTrigger(BaseTrigger):
    """Fires again and again after the same length of time, from ``start_date`` on.

    The interval is the sum of its parts, which may be fractions; a sum of 0 becomes one second, as in 3.x.
    It is real time: ``days=1`` are 24 hours, also on the day on which clocks are moved.

    :param weeks, days, hours, minutes, seconds: a part of the interval
    :param start_date: first fire time: datetime, date or text (now plus the interval if left out)
    :param end_date: latest possible fire time
    :param timezone: zone or its name, in which dates are read and fire times shown; that of the dates or
        the local one if left out
    :param jitter: the most seconds by which a run is delayed, at random; the schedule stays as it is
    :raises TypeError: if an argument is of another type
    :raises ValueError: if the interval or jitter is negative, or the end lies before the start
    :raises OverflowError: if the interval is too long for a timedelta
    """

    # Six slots: there may be a million of these. What few triggers have lies in _more: end, its instant, jitter.
    __slots__ = ("_line", "_more", "_shown", "_start", "_step", "_zone")

    native = property(speaks_integers)

    _zone: tzinfo
    _start: int
    _step: int
    _shown: datetime | None
    _more: tuple[datetime | None, int, float | None] | None
    _line: ZoneLine

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
        try:
            self._step = _interval_us(weeks, days, hours, minutes, seconds)
        except TypeError:
            raise TypeError(_not_numbers(weeks, days, hours, minutes, seconds)) from None
        if start_date == "":  # as in 3.x: a field of a form that was left empty
            start_date = None
        self._zone = zone = zone_of(timezone, start_date, end_date)
        self._line = zone_line(zone)
        if start_date is None:
            self._shown = None
            self._start = to_us(datetime.now(zone)) + self._step
        else:
            self._shown = convert_to_datetime(start_date, zone, "start_date")
            self._start = to_us(self._shown)
        self._more = None
        if end_date is not None or jitter is not None:
            self._set_more(convert_to_datetime(end_date, zone, "end_date"), checked_jitter(jitter))
        if start_date is not None:
            self._check_order()

    def _check_order(self) -> None:
        if self._more is not None and self._more[1] < self._start:
            raise ValueError(
                f"end_date {datetime_repr(self.end_date)} lies before start_date "
                f"{datetime_repr(self.start_date)}, so this trigger could never fire"
            )

    def _set_more(self, end_date: datetime | None, jitter: float | None) -> None:
        if end_date is None and not jitter:
            self._more = None if jitter is None else (None, LATEST, jitter)
            return
        self._more = (end_date, LATEST if end_date is None else to_us(end_date), jitter)

    def begin_at(self, now: int) -> None:
        if self._shown is None:
            self._start = now + self._step

    @property
    def timezone(self) -> tzinfo:
        """The zone in which fire times are shown."""
        return self._zone

    @timezone.setter
    def timezone(self, timezone: tzinfo) -> None:
        self._zone, self._line = timezone, zone_line(timezone)

    @property
    def interval(self) -> timedelta:
        """The distance of the fire times."""
        return timedelta(microseconds=self._step)

    @interval.setter
    def interval(self, interval: timedelta) -> None:
        self._step = duration_us(interval) or SECOND

    @property
    def interval_length(self) -> float:
        """The distance of the fire times in seconds."""
        return self._step / SECOND

    @property
    def start_date(self) -> datetime:
        """The first fire time (aware)."""
        return self._shown or self._line.at(self._start)

    @start_date.setter
    def start_date(self, start_date: datetime) -> None:
        self._shown, self._start = start_date, to_us(start_date)

    @property
    def end_date(self) -> datetime | None:
        """The latest possible fire time (aware), ``None`` where there is no end."""
        return self._more and self._more[0]

    @end_date.setter
    def end_date(self, end_date: datetime | None) -> None:
        self._set_more(end_date, self.jitter)

    @property
    def jitter(self) -> float | None:
        """By how many seconds at most each run is delayed."""
        return self._more and self._more[2]

    @jitter.setter
    def jitter(self, jitter: float | None) -> None:
        self._set_more(self.end_date, jitter)

    @property
    def step_us(self) -> int:  # type: ignore[override]
        """The interval in microseconds, 0 with jitter or an end date, and in subclasses, which may change."""
        is_plain = self._more is None and type(self) is IntervalTrigger
        return self._step if is_plain and self._step <= LONGEST_STEP else 0

    @property
    def grid_us(self) -> tuple[int, int] | None:
        """The start and the step of the fire times in microseconds, ``None`` with jitter."""
        return None if self.jitter else (self._start, self._step)

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        if (
            self._more is None
            and previous_fire_time is not None
            and previous_fire_time.tzinfo is self._zone
        ):
            try:
                return _later(previous_fire_time, _delta(self._step))
            except OverflowError:
                return None
        line = self._line
        before = None if previous_fire_time is None else line.instant(previous_fire_time)
        if self.jitter and moves_its_own(self):
            found = self._scheduled(before, line.instant(now))
            return jittered_by_hook(self, found, now, self._more[1] if self._more else LATEST)
        following = self._next(before, line.instant(now))
        return None if following is None else line.at(following)

    def at(self, instant: int) -> datetime:
        return self._line.at(instant)

    def next_us(self, previous: int | None, now: int) -> int | None:
        if previous is not None and self._more is None:
            following = previous + self._step
            return following if following <= LATEST else None
        return self._next(previous, now)

    def _next(self, previous: int | None, now: int) -> int | None:
        following = self._scheduled(previous, now)
        if following is None or self._more is None or not self._more[2]:
            return following
        return delayed(following, self._more[2], self._more[1])

    def _scheduled(self, previous: int | None, now: int) -> int | None:
        """Return the next fire time, without jitter."""
        _, end, jitter = self._more or (None, LATEST, None)
        step, start = self._step, self._start
        if previous is not None:
            following = previous + step
            if (
                jitter
            ):  # the one before was delayed; its successor is the next on the schedule itself
                following -= (previous - start) % step
        else:
            following = now + (start - now) % step if now > start else start
        return following if following <= end else None

    def latest_us(self, first: int, now: int) -> int | None:
        _, end, jitter = self._more or (None, LATEST, None)
        last = min(now, end)
        if last <= first:
            return first
        if jitter:
            return max(first, last - (last - self._start) % self._step)
        return last - (last - first) % self._step

    def count_us(self, first: int, last: int, limit: int) -> int:
        return min(max(last - first, 0) // self._step + 1, limit)

    def says(self) -> Said:
        from apscheduler.triggers._words.parts import Every
        from apscheduler.triggers._words.zones import limits, moment

        whole, rest = divmod(self.interval // timedelta(microseconds=1), SECOND)
        fraction = f".{rest:06}".rstrip("0") if rest else ""
        return Every(
            whole // 3600,
            whole // 60 % 60,
            f"{whole % 60}{fraction}",
            moment(self.start_date, self.timezone),
            limits(self.timezone, end=self.end_date, jitter=self.jitter),
        )

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
        self._zone = zone = stored_zone(values["timezone"])
        self._line = zone_line(zone)
        start: datetime = values["start_date"]
        self._shown, self._start = start, to_us(start)
        self._step = duration_us(values["interval"]) or SECOND
        self._set_more(values["end_date"], values.get("jitter"))

    def __str__(self) -> str:
        return f"interval[{self.interval}]"

    def __repr__(self) -> str:
        return shown(self, [f"interval={self.interval!r}"])


SEALED.add(IntervalTrigger)
STEPPED.append(IntervalTrigger)


@lru_cache(maxsize=1024)
def _delta(step: int) -> timedelta:
    return timedelta(microseconds=step)


def _later(moment: datetime, interval: timedelta) -> datetime:
    """Return the datetime moved on by ``interval`` in real time; integers would take twice as long."""
    zone, offset = moment.tzinfo, moment.utcoffset()
    if zone is None or offset is None:
        return moment + interval
    # Offset and step at once: the sum is wall time of UTC, as fromutc() expects it.
    return zone.fromutc(moment + (interval - offset))


@lru_cache(maxsize=1024)
def _interval_us(weeks: float, days: float, hours: float, minutes: float, seconds: float) -> int:
    """Return the sum in microseconds; triggers of the same interval share one integer object."""
    interval = timedelta(days, seconds, 0, 0, minutes, hours, weeks)
    if interval.days < 0:
        raise ValueError(
            f"an interval cannot be negative ({interval}): the next run lies in the future"
        )
    return duration_us(interval) or SECOND


def _not_numbers(*parts: Any) -> str:
    names = ("weeks", "days", "hours", "minutes", "seconds")
    wrong = [
        f"{name}={part!r}"
        for name, part in zip(names, parts, strict=True)
        if not isinstance(part, int | float)
    ]
    return f"an interval is made of numbers, not {', '.join(wrong)}: give for example seconds=5"


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
