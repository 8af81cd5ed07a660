"""What a trigger says, not yet in a language: plain values, equal only if they fire alike.

A locale (:class:`Locale`) turns each kind of part into words. Weekdays count from Monday = 0, times of day are texts such as
``"10:00"``, limits are (aware) moments in the zone named.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date
from typing import Literal, NamedTuple, final

Numbers = tuple[int, ...]
ClockChanges = Literal["moved", "elapsed", "once", "utc-line"]
"""What a crontab trigger does where clocks are moved. ``moved``: a skipped time fires at the end of the gap, a repeated
one once. ``elapsed``: the schedule goes by elapsed time. ``once``: each time fires once, a skipped one never.
``utc-line``: as cron triggers do."""

LAST = 5
"""The number of a :class:`Position` that means the last of its kind in the month."""


class Moment(NamedTuple):
    """A moment on the wall clock of a zone.

    :ivar offset: the UTC offset as text where the wall time comes twice, else ``None``
    """

    day: date
    time: str
    offset: str | None = None


class Limits(NamedTuple):
    """What narrows or blurs a schedule."""

    zone: str
    start: Moment | None = None
    end: Moment | None = None
    jitter: str | None = None


class Position(NamedTuple):
    """The n-th (0-4) or last (``LAST``) of a weekday in its month."""

    number: int
    weekday: int


class Dates(NamedTuple):
    """Days of a month: any of these.

    :ivar before_last: days given by how many days they are before the last one
    :ivar nearest: the Monday to Friday nearest to each of these days
    :ivar last_workday: the last Monday to Friday
    """

    numbers: Numbers = ()
    before_last: Numbers = ()
    nearest: Numbers = ()
    last_workday: bool = False
    positions: tuple[Position, ...] = ()


class Weekdays(NamedTuple):
    """Days of the week, and n-th ones of the month."""

    days: Numbers = ()
    positions: tuple[Position, ...] = ()


class Days(NamedTuple):
    """Which days; ``None`` is no restriction.

    :ivar either: dates or weekdays are enough, else both must match
    """

    dates: Dates | None = None
    weekdays: Weekdays | None = None
    either: bool = False
    months: Numbers | None = None
    weeks: Numbers | None = None
    years: Numbers | None = None


class Listed(NamedTuple):
    """Times of day, one by one."""

    times: tuple[str, ...]


class Stepped(NamedTuple):
    """Times of day a constant step apart.

    :ivar step: in seconds
    :ivar first: the first one, in seconds from midnight
    :ivar spans: first and last time of each stretch; none if they go around the clock from midnight, or are one in each
        minute, or one in each hour on a whole minute
    """

    step: int
    first: int
    spans: tuple[tuple[str, str], ...]


class Fields(NamedTuple):
    """All times with one of these hours, minutes and seconds; ``None`` stands for all of them."""

    hours: Numbers | None
    minutes: Numbers | None
    seconds: Numbers | None


Times = Listed | Stepped | Fields


class Once(NamedTuple):
    """One moment."""

    moment: Moment
    zone: str


class Every(NamedTuple):
    """A constant distance in real time: hours, minutes and seconds (a text), counted from a moment."""

    hours: int
    minutes: int
    seconds: str
    start: Moment
    limits: Limits


class OnClock(NamedTuple):
    """Times of day on days of the calendar.

    :ivar changes: ``None`` where the zone's clocks are not moved any more, and for cron triggers
    :ivar never: whether there is no such day, or none within the limits
    """

    days: Days
    times: Times
    limits: Limits
    changes: ClockChanges | None = None
    never: bool = False


class OnDates(NamedTuple):
    """A time of day on dates a number of months and days apart.

    :ivar short_months: months that do not have the day reached are passed over
    """

    months: int
    days: int
    time: str
    first: date
    last: date | None
    short_months: bool
    limits: Limits


class AtStart(NamedTuple):
    """Each start of a scheduler."""


class Unsettled(NamedTuple):
    """A crontab expression with values that a job's id will choose."""

    expression: str
    limits: Limits
    changes: ClockChanges | None


class Combined(NamedTuple):
    """Several triggers: all at the same moment, or any."""

    together: bool
    said: tuple[str, ...]
    jitter: str | None


class UnderCalendars(NamedTuple):
    """Another trigger's words, and the calendars that are closed.

    :ivar days: calendars of whole days, ``windows`` other ones, ``names`` those that the scheduler knows by name
    :ivar closed: what becomes of a closed day: ``"drop"``, ``"next"`` or ``"previous"``
    """

    said: str
    days: tuple[str, ...]
    windows: tuple[str, ...]
    names: tuple[str, ...]
    closed: str


class Rule(NamedTuple):
    """What a recurrence rule says, with what it takes from its start.

    :ivar unit: ``"YEARLY"`` … ``"SECONDLY"``
    :ivar byday: (position, weekday); position 0 is every one, negative ones count from the end
    :ivar in_month: whether positions count in the month, else in the year
    :ivar times: the times of day where the unit is a day or longer and they are few
    :ivar hours: with ``minutes`` and ``seconds`` those that were given, where there are no ``times``
    :ivar picked: the positions (BYSETPOS) that are taken from each period
    :ivar total: how often it comes in all (COUNT)
    :ivar week_start: the weekday that weeks begin with, where that makes a difference
    """

    unit: str
    interval: int
    byday: tuple[tuple[int, int], ...]
    in_month: bool
    months: Numbers
    monthdays: Numbers
    yeardays: Numbers
    weeks: Numbers
    times: tuple[str, ...]
    hours: Numbers
    minutes: Numbers
    seconds: Numbers
    picked: Numbers
    week_start: int | None
    total: int | None
    until: str | None


class Recurring(NamedTuple):
    """A recurrence of RFC 5545: what its rules say, and as it was written, counted from a moment.

    :ivar excluded: the rules of EXRULE
    :ivar added: how many dates are added, ``left_out`` how many are excluded
    """

    rule: str
    start: Moment
    limits: Limits
    rules: tuple[Rule, ...] = ()
    excluded: tuple[Rule, ...] = ()
    added: int = 0
    left_out: int = 0
    never: bool = False


class Foreign(NamedTuple):
    """A trigger that says nothing but its name."""

    text: str


Said = (
    Once
    | Every
    | OnClock
    | OnDates
    | AtStart
    | Unsettled
    | Combined
    | UnderCalendars
    | Recurring
    | Foreign
)


class Locale(ABC):
    """A language: one file in ``locales`` with a subclass named ``Words``."""

    @final
    def say(self, said: Said) -> str:  # noqa: C901 - a case for each kind
        """Return the words for what a trigger says."""
        match said:
            case Once():
                return self.once(said)
            case Every():
                return self.every(said)
            case OnClock():
                return self.on_clock(said)
            case OnDates():
                return self.on_dates(said)
            case AtStart():
                return self.at_start()
            case Unsettled():
                return self.unsettled(said)
            case Combined():
                return self.combined(said)
            case UnderCalendars():
                return self.under_calendars(said)
            case Recurring():
                return self.recurring(said)
            case Foreign():
                return self.foreign(said)

    @abstractmethod
    def once(self, said: Once) -> str:
        """Return the words for one moment."""

    @abstractmethod
    def every(self, said: Every) -> str:
        """Return the words for a constant distance."""

    @abstractmethod
    def on_clock(self, said: OnClock) -> str:
        """Return the words for times of day on days of the calendar."""

    @abstractmethod
    def on_dates(self, said: OnDates) -> str:
        """Return the words for a time of day on dates some months and days apart."""

    @abstractmethod
    def at_start(self) -> str:
        """Return the words for each start of a scheduler."""

    @abstractmethod
    def unsettled(self, said: Unsettled) -> str:
        """Return the words for an expression that waits for a job's id."""

    @abstractmethod
    def combined(self, said: Combined) -> str:
        """Return the words for a combination."""

    @abstractmethod
    def under_calendars(self, said: UnderCalendars) -> str:
        """Return the words for a trigger that obeys calendars."""

    @abstractmethod
    def recurring(self, said: Recurring) -> str:
        """Return the words for a recurrence rule."""

    @abstractmethod
    def foreign(self, said: Foreign) -> str:
        """Return the words for a trigger of someone else's."""

    @abstractmethod
    def remark(self, kind: str, values: tuple[str, ...]) -> str:
        """Return the words for a remark of a preview (see :mod:`apscheduler.triggers.previews`)."""


def runs(values: Numbers) -> list[tuple[int, int, int]]:
    """Return sorted numbers as runs: first, last and step.

    Five or more numbers a constant step apart make one run; else three or more neighbours do.
    """
    if len(values) >= 5:
        step = values[1] - values[0]
        if step > 1 and values == tuple(range(values[0], values[-1] + 1, step)):
            return [(values[0], values[-1], step)]
    found: list[tuple[int, int, int]] = []
    for value in values:
        if found and found[-1][1] == value - 1:
            found[-1] = (found[-1][0], value, 1)
        else:
            found.append((value, value, 1))
    pairs = [[(first, first, 1), (last, last, 1)] for first, last, _ in found]
    return [
        each
        for run, pair in zip(found, pairs, strict=True)
        for each in (pair if run[1] - run[0] == 1 else [run])
    ]


def around_the_week(days: Numbers) -> tuple[int, int] | None:
    """Return first and last weekday where they are three or more in a row, the week's end included."""
    if not 3 <= len(days) <= 6:
        return None
    starts = [day for day in days if (day - 1) % 7 not in days]
    return (starts[0], (starts[0] + len(days) - 1) % 7) if len(starts) == 1 else None
