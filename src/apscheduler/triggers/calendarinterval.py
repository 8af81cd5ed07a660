"""A trigger that fires at one wall time on days a calendar interval apart.

Each date is computed from the one before: months are added first, until the day exists in the month; then
weeks and days. A date on which the wall time does not exist (clocks jumped over it) is passed over, and counting
goes on from it. A wall time that comes twice fires the first time. All of this is what 3.x does.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, time, tzinfo
from typing import Any

from apscheduler._engine.instants import DAY, SECOND
from apscheduler._engine.zones import ZoneLine, zone_line
from apscheduler.elsewhere import names_of_3x
from apscheduler.moments import asdate, timezone_repr
from apscheduler.triggers.arguments import checked_jitter, delayed, state_of, stored_zone, zone_of
from apscheduler.triggers.base import (
    SEALED,
    BaseTrigger,
    jittered_by_hook,
    moves_its_own,
    speaks_integers,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.triggers._words.parts import RemarkSaid, Said

_VERSION = 1
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_SHORTEST_MONTH = 28


class CalendarIntervalTrigger(BaseTrigger):
    """Fires at a time of day, each time a number of years, months, weeks and days after the last time, from ``start_date`` on.

    :param years, months, weeks, days: a part of the distance between two dates
    :param hour, minute, second: a part of the time of day
    :param start_date: the first date: a date or text ``YYYY-MM-DD`` (today if left out)
    :param end_date: the last possible date
    :param timezone: zone of the wall time, or its name; the local one if left out
    :param jitter: the most seconds by which a run is delayed, at random; the dates stay in place
    :raises TypeError: if an argument is of another type
    :raises ValueError: if the interval is less than a day, the time is none, or the end lies before the start
    """

    __slots__ = (
        "_line",
        "_now_read",
        "_time",
        "_time_us",
        "days",
        "end_date",
        "jitter",
        "months",
        "start_date",
        "timezone",
        "weeks",
        "years",
    )

    native = property(speaks_integers)

    def __init__(
        self,
        *,
        years: int = 0,
        months: int = 0,
        weeks: int = 0,
        days: int = 0,
        hour: int = 0,
        minute: int = 0,
        second: int = 0,
        start_date: date | str | None = None,
        end_date: date | str | None = None,
        timezone: str | tzinfo | None = None,
        jitter: int | None = None,
    ) -> None:
        self.timezone = zone_of(timezone)
        self.years, self.months = _whole("years", years), _whole("months", months)
        self.weeks, self.days = _whole("weeks", weeks), _whole("days", days)
        self.jitter = checked_jitter(jitter)
        self._check_progress()
        parts = _whole("hour", hour), _whole("minute", minute), _whole("second", second)
        self._now_read = start_date is None
        if start_date is None:
            self.start_date = datetime.now().date()  # noqa: DTZ005 - this machine's date, as in 3.x
        else:
            self.start_date = _day("start_date", start_date)
        self.end_date = None if end_date is None else _day("end_date", end_date)
        if self.end_date is not None and self.end_date < self.start_date:
            raise ValueError(
                f"end_date {self.end_date} lies before start_date {self.start_date}, so this trigger "
                "could never fire"
            )
        self._prepare(time(*parts, tzinfo=self.timezone))

    def _check_progress(self) -> None:
        months = self.years * 12 + self.months
        if months < 0 or months * _SHORTEST_MONTH + self.weeks * 7 + self.days < 1:
            raise ValueError(
                f"years={self.years}, months={self.months}, weeks={self.weeks}, days={self.days} are not "
                "an interval of at least one day: give for example days=1"
            )

    def _prepare(self, at: time) -> None:
        self._time = at
        self._time_us = (at.hour * 3600 + at.minute * 60 + at.second) * SECOND
        self._line: ZoneLine = zone_line(self.timezone)

    def begin_at(self, now: int) -> None:
        if self._now_read:
            today = self.at(now).date()
            if self.end_date is None or today <= self.end_date:
                self.start_date = today

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        line = self._line
        previous = None if previous_fire_time is None else line.instant(previous_fire_time)
        if moves_its_own(self):
            return jittered_by_hook(self, self._next(previous), now, self._end())
        found = self._moved(self._next(previous))
        return None if found is None else line.at(found)

    def at(self, instant: int) -> datetime:
        return self._line.at(instant)

    def next_us(self, previous: int | None, now: int) -> int | None:
        return self._moved(self._next(previous))

    def _moved(self, found: int | None) -> int | None:
        if found is None or not self.jitter:
            return found
        return delayed(found, self.jitter, self._end())

    def _next(self, previous: int | None) -> int | None:
        """Return the fire time after ``previous``, without jitter."""
        if previous is None:
            day: date | None = self.start_date
        else:
            day = self._after(self._scheduled(previous) if self.jitter else self._date(previous))
        return self._fire_from(day)

    def latest_us(self, first: int, now: int) -> int | None:
        day = self._scheduled(first) if self.jitter else self._date(first)
        latest = self._latest(day, first, now)
        return first if latest is None else latest

    def _latest(self, start: date, first: int, now: int) -> int | None:
        """Return the last fire time in ``first < time <= now`` on the dates that follow ``start``, ``None`` if none."""
        limit = self._date(min(now, self._end()))
        day: date | None = self._last_date(start, limit)
        while day is not None and day > start:
            found = self._instant(day)
            if found is not None and first < found <= now:
                return found
            if found is not None and found <= first:
                return None
            day = self._before(day, start)
        return None

    def _last_date(self, start: date, limit: date) -> date:
        """Return the last of the dates from ``start`` that is not after ``limit``."""
        if limit <= start:
            return start
        months, days = self.years * 12 + self.months, self.weeks * 7 + self.days
        if not months:
            reach = limit.toordinal() - start.toordinal()
            return date.fromordinal(limit.toordinal() - reach % days)
        if not days:
            reach = (limit.year - start.year) * 12 + limit.month - start.month
            found = _shifted(start, reach - reach % months, -months)
            return found if found <= limit else self._before(found, start)
        day = start
        while (following := self._after(day)) is not None and following <= limit:
            day = following
        return day

    def _before(self, day: date, start: date) -> date:
        """Return the date before ``day`` in the series of dates that begins with ``start``."""
        months, days = self.years * 12 + self.months, self.weeks * 7 + self.days
        if not months:
            return date.fromordinal(max(day.toordinal() - days, start.toordinal()))
        if not days:
            return max(_shifted(day, -months, -months), start)
        before = start
        while (following := self._after(before)) is not None and following < day:
            before = following
        return before

    def _scheduled(self, fired: int) -> date:
        """Return the date whose fire time, delayed by jitter, was ``fired``."""
        last = self._last_date(self.start_date, self._date(fired))
        found = self._instant(last)
        if found is not None and found > fired and last > self.start_date:
            return self._before(last, self.start_date)
        return last if last <= self._date(fired) else self._date(fired)

    def _after(self, day: date) -> date | None:
        """Return the date that follows ``day``, ``None`` beyond year 9999."""
        months = self.years * 12 + self.months
        try:
            shifted = _shifted(day, months, months) if months else day
            return date.fromordinal(shifted.toordinal() + self.weeks * 7 + self.days)
        except (ValueError, OverflowError):
            return None

    def _fire_from(self, day: date | None) -> int | None:
        """Return the fire time of the first date from ``day`` on that has one."""
        while day is not None and (self.end_date is None or day <= self.end_date):
            found = self._instant(day)
            if found is not None:
                return found
            day = self._after(day)
        return None

    def _instant(self, day: date) -> int | None:
        local = (day.toordinal() - _EPOCH_ORDINAL) * DAY + self._time_us
        found = self._line.instants(local)
        return found[0] if found else None

    def _date(self, instant: int) -> date:
        local = instant + self._line.offset(instant)
        return date.fromordinal(local // DAY + _EPOCH_ORDINAL)

    def _end(self) -> int:
        """Return the last instant of the last date."""
        last = self.end_date or date.max
        local = (last.toordinal() - _EPOCH_ORDINAL + 1) * DAY - 1
        return local - self._line.offset(local)

    def says(self) -> Said:
        from apscheduler.triggers._words.clock import clock
        from apscheduler.triggers._words.parts import OnDates
        from apscheduler.triggers._words.zones import limits

        months, days = self.years * 12 + self.months, self.weeks * 7 + self.days
        return OnDates(
            months,
            days,
            clock(self._time_us // SECOND),
            self.start_date,
            self.end_date,
            bool(months) and (bool(days) or self.start_date.day > _SHORTEST_MONTH),
            limits(self.timezone, jitter=self.jitter),
        )

    def _left_out(self, previous: int, instant: int) -> list[RemarkSaid]:
        from apscheduler.triggers._words.remarks import dates_between, gaps, left_out

        found = []
        for early, late in gaps(self._line, previous, instant):
            start, end = early.end + early.offset, late.start + late.offset
            for day, midnight in dates_between(start, end):
                inside = start <= midnight + self._time_us < end
                if inside and self._last_date(self.start_date, day) == day:
                    found.append(left_out(midnight + self._time_us))
        return list(dict.fromkeys(found))

    def __getstate__(self) -> dict[str, Any]:
        at = self._time
        return {
            "version": _VERSION,
            "interval": [self.years, self.months, self.weeks, self.days],
            "time": [at.hour, at.minute, at.second],
            "start_date": self.start_date,
            "end_date": self.end_date,
            "timezone": self.timezone,
            "jitter": self.jitter,
        }

    def __setstate__(self, state: Any) -> None:
        values = state_of(state, self, _VERSION)
        self.years, self.months, self.weeks, self.days = map(int, values["interval"])
        self.timezone = stored_zone(values["timezone"])
        self.start_date = _day("start_date", values["start_date"])
        end = values["end_date"]
        self.end_date = None if end is None else _day("end_date", end)
        self.jitter = values.get("jitter")
        self._now_read = False
        hour, minute, second = values["time"]
        self._prepare(time(hour, minute, second, tzinfo=self.timezone))

    def __repr__(self) -> str:
        units = ("years", "months", "weeks", "days")
        options = [f"{unit}={getattr(self, unit)}" for unit in units if getattr(self, unit) > 0]
        options += [f"time='{self._time}'", f"start_date='{self.start_date}'"]
        if self.end_date:
            options.append(f"end_date='{self.end_date}'")
        options.append(f"timezone='{timezone_repr(self.timezone)}'")
        return f"{type(self).__name__}({', '.join(options)})"


SEALED.add(CalendarIntervalTrigger)


def _shifted(day: date, months: int, again: int) -> date:
    """Return ``day`` moved by ``months``, and then by ``again`` months until the month has that day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if day.day > _SHORTEST_MONTH:
        while day.day > monthrange(year, month + 1)[1]:
            year, month = divmod(year * 12 + month + again, 12)
    return date(year, month + 1, day.day)


def _whole(name: str, number: Any) -> int:
    if isinstance(number, int | float) and number % 1 == 0:
        return int(number)
    raise TypeError(f"{name} must be a whole number, not {number!r}")


def _day(name: str, given: Any) -> date:
    day = asdate(given)
    if isinstance(day, datetime):
        return day.date()
    if isinstance(day, date):
        return day
    raise TypeError(
        f"{name} must be a date or a text like '2030-01-31', not {type(given).__name__} ({given!r})"
    )


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
