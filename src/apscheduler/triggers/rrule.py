"""A trigger for recurrence rules of RFC 5545 (iCalendar): RRULE with its EXRULE, RDATE and EXDATE lines.

The rules make wall times of one zone; here they become instants. A wall time that comes twice means the first of the
two instants. One that a clock change leaves out is read with the offset before the change (RFC 5545, section 3.3.5), so
it is shown as a wall time that exists. Fire times are in the order of their instants.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apscheduler import clocks
from apscheduler._engine.instants import DAY, LATEST, to_us
from apscheduler._engine.zones import EARLIEST, zone_line
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
    SEALED,
    BaseTrigger,
    jittered_by_hook,
    moves_its_own,
    speaks_integers,
)
from apscheduler.triggers.rrule_set import RecurrenceSet
from apscheduler.triggers.rrule_text import RecurrenceText

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.triggers._words.parts import Said

_VERSION = 1


class RRuleTrigger(BaseTrigger):
    """Fires as a recurrence rule of RFC 5545 says. Added in 1.0.

    :param rrule: the rule, ``"FREQ=MONTHLY;BYDAY=-1FR"``, or several lines of DTSTART, RRULE, EXRULE, RDATE and EXDATE; or
        an ``rrule`` or ``rruleset`` of dateutil, which keeps the zone of its dtstart. A date without a time takes out its
        whole day in EXDATE, and means DTSTART's time of that day in RDATE; a period fires when it begins
    :param start_date: DTSTART, where the text has none: datetime, date or text (now if left out)
    :param end_date: latest possible fire time, beside UNTIL and COUNT
    :param timezone: zone or its name, in whose wall time the rule counts (default: that of DTSTART or the dates, else the
        local one)
    :param jitter: the most seconds by which a run is delayed, at random
    :raises ValueError: for a text that is no recurrence, saying which part is wrong
    :raises TypeError: if an argument is of another type
    """

    __slots__ = (
        "_end",
        "_given",
        "_line",
        "_rules",
        "end_date",
        "jitter",
        "rrule",
        "start_date",
        "timezone",
    )

    native = property(speaks_integers)

    def __init__(
        self,
        rrule: Any,
        start_date: Any = None,
        end_date: Any = None,
        timezone: Any = None,
        jitter: float | None = None,
    ) -> None:
        text = RecurrenceText(rrule)
        if text.start is not None and start_date is not None:
            raise ValueError(
                "DTSTART is in the text already; give it there or as start_date, not both"
            )
        self.timezone = zone = text.zone or zone_of(timezone, start_date, end_date)
        self._given = text.start is not None or start_date is not None
        if text.start is not None:
            start = text.start
            start = start.replace(tzinfo=zone) if start.tzinfo is None else start
        elif start_date is not None:
            start = convert_to_datetime(start_date, zone, "start_date")
        else:
            start = clocks.now(zone)
        self.end_date = convert_to_datetime(end_date, zone, "end_date")
        self.jitter = checked_jitter(jitter)
        self._prepare(text, start.astimezone(zone))
        if self._end < to_us(self.start_date):
            raise ValueError(
                f"end_date {datetime_repr(self.end_date)} lies before start_date "
                f"{datetime_repr(self.start_date)}, so this trigger could never fire"
            )

    def _prepare(self, text: RecurrenceText, start: datetime) -> None:
        self.rrule = text.text
        self.start_date = start.replace(microsecond=0)
        self._line = zone_line(self.timezone)
        self._end = LATEST if self.end_date is None else to_us(self.end_date)
        self._rules = RecurrenceSet(text, self._line, self.start_date)

    def begin_at(self, now: int) -> None:
        if not self._given:
            self._prepare(RecurrenceText(self.rrule), self.at(now))

    def at(self, instant: int) -> datetime:
        return self._line.at(instant)

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        line = self._line
        before = None if previous_fire_time is None else line.instant(previous_fire_time)
        found = self._next(before, line.instant(now))
        if moves_its_own(self):
            return jittered_by_hook(self, found, now, self._end)
        found = self._moved(found)
        return None if found is None else self.at(found)

    def next_us(self, previous: int | None, now: int) -> int | None:
        return self._moved(self._next(previous, now))

    def _moved(self, found: int | None) -> int | None:
        return found if found is None or not self.jitter else delayed(found, self.jitter, self._end)

    def _next(self, previous: int | None, now: int) -> int | None:
        """Return the fire time after ``previous``, without jitter."""
        found = self._rules.first_from(now if previous is None else previous + 1)
        return None if found is None or found > self._end else found

    def latest_us(self, first: int, now: int) -> int | None:
        found = self._rules.last_until(min(now, self._end))
        return first if found is None or found < first else found

    def previous_us(self, instant: int) -> int | None:
        """Return the last fire time before an instant (microseconds UTC), ``None`` if there is none."""
        return self._rules.last_until(min(instant - 1, self._end))

    def says(self) -> Said:
        from apscheduler.triggers._words.parts import Recurring
        from apscheduler.triggers._words.rules import rule_of
        from apscheduler.triggers._words.zones import limits, moment

        start, text = self.start_date, RecurrenceText(self.rrule)
        return Recurring(
            "; ".join(self.rrule.splitlines()),
            moment(start, self.timezone),
            limits(self.timezone, end=self.end_date, jitter=self.jitter),
            tuple(rule_of(rule, start) for rule in text.rules),
            tuple(rule_of(rule, start) for rule in text.exrules),
            len(text.rdates),
            len(text.exdates),
            never=self.next_us(None, EARLIEST + DAY) is None,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "rrule": self.rrule,
            "start_date": self.start_date,
            "end_date": self.end_date,
            "timezone": self.timezone,
            "jitter": self.jitter,
        }

    def __setstate__(self, state: Any) -> None:
        values = state_of(state, self, _VERSION)
        self.timezone = stored_zone(values["timezone"])
        self.end_date = values["end_date"]
        self.jitter = values["jitter"]
        self._given = True
        self._prepare(
            RecurrenceText(values["rrule"]), values["start_date"].astimezone(self.timezone)
        )

    def __str__(self) -> str:
        return f"rrule[{'; '.join(self.rrule.splitlines())}]"

    def __repr__(self) -> str:
        return shown(self, [repr(self.rrule)])


SEALED.add(RRuleTrigger)
