"""What the two cron triggers share: the fire times of a table of wall times in a zone, under a clock rule."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import datetime, tzinfo

from apscheduler._engine.clock_rules import ONCE, ClockRule
from apscheduler._engine.cron import CronTable
from apscheduler._engine.cron_line import count_fires, latest_fire, next_fire, previous_fire
from apscheduler._engine.instants import AT_NEXT_START, DAY, HOUR, NEVER, to_us
from apscheduler._engine.zones import EARLIEST, ZoneLine, zone_line
from apscheduler.triggers.arguments import delayed, shown, stored_zone
from apscheduler.triggers.base import (
    OWN_JITTER,
    SEALED,
    BaseTrigger,
    jittered_by_hook,
    moves_its_own,
    speaks_integers,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from apscheduler.triggers._words.parts import ClockChanges, Limits, RemarkSaid, Said

_NO_WINDOW: tuple[int, int, int, tuple[int, ...]] = (0, 1, 0, ())
_LONG_AGO = -NEVER


class WallClockTrigger(BaseTrigger):
    """Fires where the wall clock of its zone shows a time that its table holds.

    A subclass calls :meth:`_limit`, and :meth:`_prepare` when its public attributes are set.
    """

    __slots__ = (
        "_end",
        "_end_date",
        "_line",
        "_rule",
        "_start",
        "_start_date",
        "_table",
        "_timezone",
        "_window",
        "jitter",
    )

    native = property(speaks_integers)

    _timezone: tzinfo
    _start_date: datetime | None
    _end_date: datetime | None
    jitter: float | None
    _table: CronTable
    _rule: ClockRule
    _line: ZoneLine
    _start: int
    _end: int
    # The hour in which fire times can be read off: (its instant, first and last start that it answers, marks).
    _window: tuple[int, int, int, tuple[int, ...]]

    def _limit(
        self, zone: tzinfo, start: datetime | None, end: datetime | None, jitter: float | None
    ) -> None:
        self._timezone, self._start_date, self._end_date = zone, start, end
        self.jitter = jitter

    def _limit_as_stored(self, values: Mapping[str, Any]) -> None:
        zone = stored_zone(values["timezone"])
        self._limit(zone, values["start_date"], values["end_date"], values.get("jitter"))

    def _prepare(self, table: CronTable, rule: ClockRule) -> None:
        self._table = table
        self._rule = rule
        self._line = zone_line(self._timezone)
        self._start = _LONG_AGO if self._start_date is None else to_us(self._start_date)
        self._end = NEVER if self._end_date is None else to_us(self._end_date)
        self._window = _NO_WINDOW

    def _take_over(self) -> None:
        """Go by the public attributes as they are now, if all of them are set."""
        if hasattr(self, "_table"):
            self._prepare(self._table, self._rule)

    @property
    def timezone(self) -> tzinfo:
        """The zone whose wall clock it goes by."""
        return self._timezone

    @timezone.setter
    def timezone(self, zone: tzinfo) -> None:
        self._timezone = zone
        self._take_over()

    @property
    def start_date(self) -> datetime | None:
        """The earliest possible fire time (aware), ``None`` where there is none."""
        return self._start_date

    @start_date.setter
    def start_date(self, moment: datetime | None) -> None:
        self._start_date = moment
        self._take_over()

    @property
    def end_date(self) -> datetime | None:
        """The latest possible fire time (aware), ``None`` where there is none."""
        return self._end_date

    @end_date.setter
    def end_date(self, moment: datetime | None) -> None:
        self._end_date = moment
        self._take_over()

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the next fire time in the trigger's zone, ``None`` if there is none.

        :param previous_fire_time: the fire time before it; ``None`` for the first, which ``start_date`` bounds
        :param now: the current time
        """
        cls = type(self)
        if cls._apply_jitter is not OWN_JITTER or (cls not in SEALED and self._is_changed()):
            return self._moved_by_hook(previous_fire_time, now)
        line = self._line
        present = line.instant(now)
        if previous_fire_time is None:
            previous = None
            start = present if present > self._start else self._start
        else:
            previous = present if previous_fire_time is now else line.instant(previous_fire_time)
            start = previous + 1 if previous <= present else present
        base, low, high, marks = self._window
        if low <= start <= high:
            return line.at(base + marks[bisect_left(marks, start - base)])
        found = self._search(start, previous)
        return None if found is None or found == AT_NEXT_START else line.at(found)

    def get_previous_fire_time(
        self, next_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the last fire time up to ``now``, ``None`` if there is none; jitter is left aside. Added in 1.0.

        :param next_fire_time: the fire time after it, for walking back: the one found lies before it; or ``None``
        :param now: the latest time that it may have
        """
        until = self._line.instant(now)
        if next_fire_time is not None:
            until = min(until, self._line.instant(next_fire_time) - 1)
        found = self.previous_us(until)
        return None if found is None else self._line.at(found)

    def fire_times(self, start: datetime, *, backwards: bool = False) -> Iterator[datetime]:
        """Yield the fire times at or after ``start``, or, ``backwards``, those at or before it, latest first. Added in 1.0.

        Jitter is left aside. The iterator ends where the trigger does.

        :param start: the (aware) time to begin at
        :param backwards: whether to walk into the past
        """
        instant: int | None = self._line.instant(start)
        while instant is not None:
            instant = self.previous_us(instant) if backwards else self._following(instant)
            if instant is not None:
                yield self._line.at(instant)
                instant += -1 if backwards else 1

    def previous_us(self, until: int) -> int | None:
        """Return the last fire time up to ``until``, in microseconds, jitter left aside. Added in 1.0."""
        base, _, high, marks = self._window
        if base < until <= high:
            index = bisect_right(marks, until - base)
            if index and base + marks[index - 1] >= self._start:
                return base + marks[index - 1]
        return self._search_back(min(until, self._end))

    def _search_back(self, until: int) -> int | None:
        found = previous_fire(self._table, self._line, self._rule, until, self._start)
        if found is not None and not self.jitter and len(self._table.marks) > 1:
            self._remember(found)
        return found

    def _following(self, start: int) -> int | None:
        found = next_fire(self._table, self._line, self._rule, max(start, self._start))
        return None if found is None or found > self._end else found

    def next_us(self, previous: int | None, now: int) -> int | None:
        """Return the fire time after ``previous``, in microseconds."""
        if previous is None:
            start = now if now > self._start else self._start
        else:
            start = previous + 1 if previous <= now else now
        base, low, high, marks = self._window
        if low <= start <= high:
            return base + marks[bisect_left(marks, start - base)]
        return self._search(start, previous)

    _next = next_us  # stays, whatever a subclass makes of next_us

    def _is_changed(self) -> bool:
        """Return whether the object has another ``_apply_jitter`` than ours."""
        return moves_its_own(self)

    def _moved_by_hook(self, previous: datetime | None, now: datetime) -> datetime | None:
        found = self._first_after(
            None if previous is None else self._line.instant(previous), self._line.instant(now)
        )
        return jittered_by_hook(self, found, now, self._end)

    def _first_after(self, previous: int | None, now: int) -> int | None:
        """Return the fire time after ``previous``, the first from ``now`` on if that is ``None``; jitter left aside."""
        return self._following(now if previous is None else previous + 1)

    def latest_us(self, first: int, now: int) -> int | None:
        """Return the last fire time up to ``now`` of the series from ``first``, jitter left aside."""
        until = min(now, self._end)
        if until <= first:
            return first
        return latest_fire(self._table, self._line, self._rule, first, until)

    def count_us(self, first: int, last: int, limit: int) -> int:
        """Return how many fire times lie from ``first`` to ``last``, counted up to ``limit``."""
        until = min(last, self._end)
        return min(
            1 + count_fires(self._table, self._line, self._rule, first, until, limit - 1), limit
        )

    def _options(self) -> list[str]:
        """Return what its table is made of, as it is written in a call."""
        return []

    def __repr__(self) -> str:
        return shown(self, self._options())

    # -- what is said of it ------------------------------------------------------------------------------------

    def _limits(self) -> Limits:
        from apscheduler.triggers._words.zones import limits

        return limits(self.timezone, self.start_date, self.end_date, self.jitter)

    def _on_clock(
        self, first_year: int, last_year: int, changes: ClockChanges | None = None
    ) -> Said:
        """Return what its table says; all years from the first to the last one mean no restriction."""
        from apscheduler.triggers._words.clock import days_of, times_of
        from apscheduler.triggers._words.parts import OnClock

        days = days_of(self._table, first_year, last_year)
        never = self.next_us(None, EARLIEST + DAY) is None
        return OnClock(days, times_of(self._table), self._limits(), changes, never)

    def _remarks(self, instant: int, line: ZoneLine) -> list[RemarkSaid]:
        from apscheduler.triggers._words.remarks import fires_at, out_of_gap

        moved = out_of_gap(instant, self._line, self._table) if fires_at(self, instant) else []
        return [*moved, *super()._remarks(instant, line)]

    def _left_out(self, previous: int, instant: int) -> list[RemarkSaid]:
        if self._rule is not ONCE:
            return []
        from apscheduler.triggers._words.remarks import gaps, left_out

        found = []
        for early, late in gaps(self._line, previous, instant):
            wanted = self._table.next_local(early.end + early.offset)
            inside = wanted is not None and wanted < late.start + late.offset
            if inside and wanted is not None and self._start <= late.start <= self._end:
                found.append(left_out(wanted))
        return list(dict.fromkeys(found))

    # -- the search --------------------------------------------------------------------------------------------

    def _search(self, start: int, previous: int | None) -> int | None:
        found = next_fire(self._table, self._line, self._rule, start)
        if found is None or found > self._end:
            return None
        if self.jitter:
            return self._delayed(found, previous)
        if len(self._table.marks) > 1:
            self._remember(found)
        return found

    def _delayed(self, base: int, previous: int | None) -> int | None:
        """Return the fire time moved later at random, within ``end_date`` and always after ``previous``."""
        if previous is not None and base <= previous:
            later = next_fire(self._table, self._line, self._rule, previous + 1)
            if later is None or later > self._end:
                return None
            base = later
        return delayed(base, self.jitter, self._end)

    def _remember(self, found: int) -> None:
        """Keep the hour of ``found``: while its offset holds, fire times in it are read off the marks."""
        window = self._line.window(found)
        base = found - (found + window.offset) % HOUR
        if base < window.start + DAY:  # the clock may just have been moved: the rule decides
            return
        marks = self._table.marks
        last = min(base + marks[-1], window.end - 1, self._end)
        if last < base + marks[-1]:
            index = bisect_left(marks, last - base + 1)
            last = base + marks[index - 1]
        self._window = (base, base, last, marks)
