"""Any trigger under calendars: what falls on closed times is dropped, or moved to an open day.

Fire times that are *dropped* stay fire times: the scheduler looks at each when it is due, and records it as skipped with
the calendar's reason (``_engine/open_planning.py``). So if a calendar that is registered by name changes between two
fire times, the changed calendar decides about the second. Fire times that are *moved* are moved here (``rolling.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from apscheduler._engine.instants import AT_NEXT_START, DAY, LATEST
from apscheduler._engine.spans import ALWAYS_END, ALWAYS_START, Span
from apscheduler._engine.zones import ZoneLine, zone_line
from apscheduler.calendars.base import Calendar, DayCalendar
from apscheduler.names import hint
from apscheduler.texts import line
from apscheduler.triggers.arguments import restored, state_of, stored
from apscheduler.triggers.base import (
    BaseTrigger,
    jittered_by_hook,
    moves_its_own,
    said_within,
    speaks_integers,
)
from apscheduler.triggers.calendars_given import Unregistered, calendars_of
from apscheduler.triggers.foreign import in_zone
from apscheduler.triggers.rolling import Rolling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.triggers._words.parts import RemarkSaid, Said

_VERSION = 1
CLOSED = ("drop", "next", "previous")


class CalendarTrigger(BaseTrigger):
    """Fires as another trigger does, but not when one of its calendars is closed.

    :param trigger: any trigger; a combination is wrapped as a whole
    :param calendars: one calendar or a list: :class:`~apscheduler.calendars.Calendar` objects, names of calendars that are
        registered on the scheduler (``add_calendar``), or what :class:`~apscheduler.calendars.ClosedDays` takes for days
        (but no text, which is a name)
    :param closed: what becomes of a fire time on a closed day: ``"drop"`` (recorded as skipped), ``"next"`` (moved to
        the next open day, at the same time of day) or ``"previous"`` (to the last open day before). Fire times within
        blackouts, which are no days, are always dropped
    :raises TypeError, ValueError: for arguments that are not right
    """

    __slots__ = ("_bound", "_line", "_rolling", "calendars", "closed", "trigger")

    binds = True
    guarded = True

    def __init__(self, trigger: BaseTrigger, calendars: Any, closed: str = "drop") -> None:
        if not isinstance(trigger, BaseTrigger):
            raise TypeError(
                f"CalendarTrigger wraps a trigger, not {trigger!r}: give an object like CronTrigger(hour=3)"
            )
        if isinstance(trigger, CalendarTrigger) and trigger.drops:
            raise TypeError(
                f"give all calendars to one CalendarTrigger, as a list: {line(str(trigger))} has some already"
            )
        if closed not in CLOSED:
            raise ValueError(
                f"closed must be one of {', '.join(map(repr, CLOSED))}, not {closed!r}; {hint(closed, CLOSED)}"
            )
        if closed != "drop" and trigger.at_start:
            raise ValueError(
                f"closed={closed!r} moves fire times, and {line(str(trigger))} has none of its own; it can only be dropped: "
                'closed="drop"'
            )
        self._set(trigger, calendars_of(calendars), closed)
        if closed != "drop" and not any(
            isinstance(each, str) or each.by_day for each in self.calendars
        ):
            raise ValueError(
                f"closed={closed!r} moves fire times to open days, and none of these calendars is one of days: "
                + line(", ".join(map(str, self.calendars)))
            )

    def _set(
        self, trigger: BaseTrigger, calendars: tuple[Calendar | str, ...], closed: str
    ) -> None:
        self.trigger, self.calendars, self.closed = trigger, calendars, closed
        self._bound: tuple[tuple[str, Calendar], ...] | None = None
        self._line: ZoneLine | None = None
        self._rolling: Rolling | None = None
        if not self.names:
            self._bound = tuple(
                (str(each), each) for each in calendars if isinstance(each, Calendar)
            )

    # -- names -------------------------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """The names of those calendars that are registered on the scheduler."""
        return tuple(each for each in self.calendars if isinstance(each, str))

    def bound(self, known: Mapping[str, Calendar], zone: tzinfo | None = None) -> CalendarTrigger:
        """Return the trigger with its calendar names looked up; an unknown one raises when it is asked.

        :param known: the calendars of the scheduler, by name
        :param zone: in which a trigger of someone else's is asked
        """
        made = CalendarTrigger.__new__(CalendarTrigger)
        inner = self.trigger if self.trigger.native else in_zone(self.trigger, zone)
        made._set(inner, self.calendars, self.closed)
        made._bound = tuple(
            (f"calendar {each!r}", known.get(each) or Unregistered(each, known))
            if isinstance(each, str)
            else (str(each), each)
            for each in self.calendars
        )
        return made

    def _known(self) -> tuple[tuple[str, Calendar], ...]:
        if self._bound is None:
            return self.bound({})._known()
        return self._bound

    # -- what the engine asks ----------------------------------------------------------------------------------

    @property
    def native(self) -> bool:  # type: ignore[override]
        """Whether it and its trigger are triggers of this package, and its calendar names are looked up."""
        return self.trigger.native and self._bound is not None and speaks_integers(self)

    @property
    def at_start(self) -> bool:  # type: ignore[override]
        """Whether the trigger fires at the start of a scheduler."""
        return self.trigger.at_start

    @property
    def drops(self) -> bool:  # type: ignore[override]
        """Whether some of its fire times may be dropped when they are due, so that only a scheduler can tell."""
        return self.closed == "drop" or any(
            isinstance(each, str) or not each.by_day for each in self.calendars
        )

    @property
    def timezone(self) -> tzinfo:
        """The zone on whose wall clock days are open or closed: that of the trigger."""
        return self.trigger.at(0).tzinfo or UTC

    @property
    def _zone_line(self) -> ZoneLine:
        if self._line is None:
            self._line = zone_line(self.timezone)
        return self._line

    def span(self, instant: int) -> Span:
        """Return what the calendars say around an instant (microseconds UTC).

        :raises UnknownCalendarError: if one of them is a name that is not known
        """
        start, end = ALWAYS_START, ALWAYS_END
        for label, calendar in self._known():
            said = calendar.span(instant, self._zone_line)
            if said.reason is not None:
                return Span(said.start, said.end, f"closed by {label}: {said.reason}")
            start, end = max(start, said.start), min(end, said.end)
        return Span(start, end, None)

    def why_late_closed(self, now: int) -> str | None:
        """Return why nothing overdue may start at ``now``: a blackout; ``None`` if it may."""
        for label, calendar in self._known():
            if not calendar.by_day:
                said = calendar.span(now, self._zone_line)
                if said.reason is not None:
                    return f"closed by {label}: {said.reason}"
        return None

    def why_closed(self, moment: datetime) -> str | None:
        """Return why a fire time at this (aware) moment is dropped, in words; ``None`` if it runs.

        :raises UnknownCalendarError: if a calendar is a name and the trigger is not :meth:`bound` to those known
        """
        return self.span(self._zone_line.instant(moment)).reason

    def moved_from(self, moment: datetime) -> datetime | None:
        """Return the closed day's fire time that was moved to this one, ``None`` if it was not moved."""
        rolling = self._rolled()
        if rolling is None:
            return None
        found = rolling.source_of(self._zone_line.instant(moment))
        return None if found is None else self.at(found)

    def _rolled(self) -> Rolling | None:
        if self.closed == "drop":
            return None
        if self._rolling is None:
            days = [
                each for _, each in self._known() if each.by_day or isinstance(each, Unregistered)
            ]

            def is_open(number: int) -> bool:
                return not any(_why(each, number, self._zone_line) for each in days)

            self._rolling = Rolling(
                self.trigger, self._zone_line, is_open, forward=self.closed == "next"
            )
        return self._rolling

    def begin_at(self, now: int) -> None:
        self.trigger.begin_at(now)

    def for_job(self, job_id: str) -> BaseTrigger:
        inner = self.trigger.for_job(job_id)
        return self if inner is self.trigger else self.around(inner)

    def around(self, trigger: BaseTrigger) -> CalendarTrigger:
        """Return another trigger under the same calendars, bound as this one is."""
        made = CalendarTrigger.__new__(CalendarTrigger)
        made._set(trigger, self.calendars, self.closed)
        made._bound = self._bound
        return made

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        line = self._zone_line
        before = None if previous_fire_time is None else line.instant(previous_fire_time)
        found = self._next(before, line.instant(now))
        if found == AT_NEXT_START:
            return None
        if moves_its_own(self):
            return jittered_by_hook(self, found, now, LATEST)
        return None if found is None else self.at(found)

    def at(self, instant: int) -> datetime:
        return self.trigger.at(instant)

    def next_us(self, previous: int | None, now: int) -> int | None:
        rolling = self._rolled()
        if rolling is None:
            return in_zone(self.trigger, None).next_us(previous, now)  # type: ignore[no-any-return]
        if previous is not None:
            return rolling.first_from(previous + 1)
        # The first fire time of a trigger with a start of its own may lie before now.
        first = in_zone(self.trigger, None).next_us(None, now)
        return None if first is None else rolling.first_from(min(first, now))

    _next = next_us  # stays, whatever a subclass makes of next_us

    def latest_us(self, first: int, now: int) -> int | None:
        rolling = self._rolled()
        if rolling is None:
            return in_zone(self.trigger, None).latest_us(first, now)  # type: ignore[no-any-return]
        if not self.trigger.native:
            return None
        found = rolling.last_until(now, first)
        return first if found is None else found

    def count_us(self, first: int, last: int, limit: int) -> int:
        if self.closed == "drop":
            return in_zone(self.trigger, None).count_us(first, last, limit)  # type: ignore[no-any-return]
        return super().count_us(first, last, limit)

    # -- what is said of it ------------------------------------------------------------------------------------

    def says(self) -> Said:
        from apscheduler.triggers._words.calendars import calendar_text
        from apscheduler.triggers._words.parts import UnderCalendars

        given = [each for each in self.calendars if not isinstance(each, str)]
        return UnderCalendars(
            said_within(self.trigger),
            days=tuple(calendar_text(each) for each in given if each.by_day),
            windows=tuple(calendar_text(each) for each in given if not each.by_day),
            names=self.names,
            closed=self.closed,
        )

    def _untouched(self) -> CalendarTrigger:
        return self.around(self.trigger._untouched())

    def without_jitter(self) -> CalendarTrigger:
        plain = self.trigger.without_jitter()
        return self if plain is self.trigger else self.around(plain)

    def _remarks(self, instant: int, line: ZoneLine) -> list[RemarkSaid]:
        from apscheduler.triggers._words.zones import twice

        source = None
        if (
            self.trigger.native
        ):  # a foreign trigger would be asked about the past, and that may change it
            source = self.without_jitter().moved_from(self.at(instant))
        if source is None:
            return self.trigger._remarks(instant, line)
        return [("moved", (str(source.date()),)), *twice(instant, line)]

    def _left_out(self, previous: int, instant: int) -> list[RemarkSaid]:
        return self.trigger._left_out(previous, instant)

    def _end_remark(self, instant: int, shown: datetime) -> list[RemarkSaid]:
        return self.trigger._end_remark(instant, shown)

    # -- wire format -------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "trigger": stored(self.trigger),
            "calendars": [
                each if isinstance(each, str) else stored(each) for each in self.calendars
            ],
            "closed": self.closed,
        }

    def __setstate__(self, state: Any) -> None:
        values = state_of(state, self, _VERSION)
        calendars = (
            each if isinstance(each, str) else restored(*each) for each in values["calendars"]
        )
        self._set(restored(*values["trigger"]), tuple(calendars), values["closed"])

    def __str__(self) -> str:
        rule = "" if self.closed == "drop" else f", {self.closed} open day"
        return f"{self.trigger} on open days of [{', '.join(map(_named, self.calendars))}]{rule}"

    def __repr__(self) -> str:
        return (
            f"<CalendarTrigger({self.trigger!r}, {list(self.calendars)!r}, closed={self.closed!r})>"
        )


def _why(calendar: Calendar, number: int, line: ZoneLine) -> str | None:
    """Return why a day is closed by a calendar of days."""
    if isinstance(calendar, DayCalendar):
        return calendar.why_number_closed(number)
    return calendar.span(number * DAY, line).reason  # a name that is not known raises here


def _named(calendar: Calendar | str) -> str:
    return repr(calendar) if isinstance(calendar, str) else str(calendar)
