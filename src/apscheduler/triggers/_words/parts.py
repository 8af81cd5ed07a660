"""What a trigger says, not yet in a language: plain values, equal only if they fire alike.

A language (``locale.py``) turns each kind of part into words. Weekdays count from Monday = 0, times of day are texts such as
``"10:00"``, limits are moments on the wall clock of the zone named.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Literal, NamedTuple

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
    said: tuple[Said, ...]
    jitter: str | None = None


class UnderCalendars(NamedTuple):
    """Another trigger, and the calendars that are closed.

    :ivar days: calendars of whole days, ``windows`` other ones, ``names`` those that the scheduler knows by name
    :ivar closed: what becomes of a closed day: ``"drop"``, ``"next"`` or ``"previous"``
    """

    said: Said
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
    """A trigger that says nothing but its name: a text, the same in each language."""

    text: str


class Worded(NamedTuple):
    """A trigger that has words of its own.

    :ivar describe: gives them in a locale
    """

    describe: Callable[[str], str]


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
    | Worded
)

RemarkSaid = tuple[str, tuple[str, ...]]
"""What a remark on a fire time says: its kind (see :class:`apscheduler.triggers.previews.Remark`), and its values."""


def named(trigger: Any) -> Foreign:
    """Return a trigger's ``repr``, or its ``str`` where that alone was written for it."""
    cls: Any = type(trigger)
    if cls.__repr__ is object.__repr__ and cls.__str__ is not object.__str__:
        return Foreign(f"{trigger} {trigger!r}")
    return Foreign(repr(trigger))


def seconds_text(jitter: float | None) -> str | None:
    """Return a jitter as text, ``None`` if it moves nothing."""
    if not jitter:
        return None
    jitter = abs(jitter)
    return str(int(jitter)) if jitter == int(jitter) else repr(float(jitter))
