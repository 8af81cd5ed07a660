"""The parts of a recurrence rule (RFC 5545, section 3.3.10), with what it takes from its start."""

from __future__ import annotations

from apscheduler._engine.records import Record
from apscheduler._engine.recurrence.year_bits import DAY_SECONDS, shown

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")


class Parts(Record):
    """The parts of a rule; :meth:`complete` fills in what the rule takes from DTSTART.

    :ivar start: DTSTART as wall time in seconds
    :ivar byday: (position, weekday from Monday = 0) pairs; position 0 means every such weekday
    """

    __slots__ = (
        *("byday", "byhour", "byminute", "bymonth", "bymonthday", "bysecond", "bysetpos"),
        *("byweekno", "byyearday", "frequency", "interval", "start", "wkst"),
    )

    def __init__(self, frequency: str, start: int, interval: int = 1, wkst: int = 0) -> None:
        self.frequency = frequency
        self.start = start
        self.interval = interval
        self.wkst = wkst
        self.byday: tuple[tuple[int, int], ...] = ()
        self.byhour: tuple[int, ...] = ()
        self.byminute: tuple[int, ...] = ()
        self.bysecond: tuple[int, ...] = ()
        self.bymonth: tuple[int, ...] = ()
        self.bymonthday: tuple[int, ...] = ()
        self.byyearday: tuple[int, ...] = ()
        self.byweekno: tuple[int, ...] = ()
        self.bysetpos: tuple[int, ...] = ()

    def complete(self) -> Parts:
        """Fill in from DTSTART what the rule does not say."""
        day = shown(self.start // DAY_SECONDS)
        at = self.start % DAY_SECONDS
        level = FREQUENCIES.index(self.frequency)
        days_said = self.bymonthday or self.byday or self.byyearday or self.byweekno
        if not days_said and self.frequency == "YEARLY":
            self.bymonth = self.bymonth or (day.month,)
            self.bymonthday = (day.day,)
        elif not days_said and self.frequency == "MONTHLY":
            self.bymonthday = (day.day,)
        elif (self.frequency == "WEEKLY" and not self.byday) or (
            self.byweekno and not (self.byday or self.bymonthday or self.byyearday)
        ):
            self.byday = ((0, day.weekday()),)
        if not self.byhour and level < 4:
            self.byhour = (at // 3600,)
        if not self.byminute and level < 5:
            self.byminute = (at // 60 % 60,)
        if not self.bysecond and level < 6:
            self.bysecond = (at % 60,)
        return self
