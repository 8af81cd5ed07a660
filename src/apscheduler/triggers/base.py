"""The contract of every trigger, spoken twice: datetimes for users, integer microseconds for the engine.

A user's own trigger overrides :meth:`BaseTrigger.get_next_fire_time` alone; the integer methods then call it.
Our own triggers override the integer methods too, which is where their speed comes from.

The two must say the same. So a class remembers which ``get_next_fire_time`` and which ``_apply_jitter`` its integer methods
stand for. Where a subclass, a mixin, a patch or an attribute of the object has put another one in their place, the
trigger is asked by its datetime method (see :func:`speaks_integers`).
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from apscheduler._engine.instants import SECOND, from_us, to_us
from apscheduler.elsewhere import names_of_3x

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler._engine.zones import ZoneLine
    from apscheduler.triggers._words.parts import RemarkSaid, Said
    from apscheduler.triggers.previews import FireTime

_INTEGER_METHODS = ("next_us", "latest_us", "count_us")
_ASKED = frozenset(("get_next_fire_time", "_apply_jitter"))
_firing_of = attrgetter("get_next_fire_time", "_apply_jitter", "next_us", "at")
"""Gives the methods of a class that decide when its triggers fire, and in which zone."""


SEALED: set[type] = set()
"""Classes of this package whose objects take no attributes, so that a method can be replaced only on the class."""


def is_own(cls: type[BaseTrigger]) -> bool:
    """Return whether the integer methods of a trigger's class agree with its ``get_next_fire_time`` as it is now."""
    return cls.get_next_fire_time is cls._own_way and cls._apply_jitter is cls._own_jitter


def speaks_integers(trigger: BaseTrigger) -> bool:
    """Return whether a trigger may be asked by its integer methods, as no method that they stand for was replaced."""
    cls = type(trigger)
    # The same as is_own(), without the call: a claim of thousands of jobs asks for each.
    if cls.get_next_fire_time is not cls._own_way or cls._apply_jitter is not cls._own_jitter:
        return False
    if cls in SEALED:
        return True
    given = getattr(trigger, "__dict__", None)
    return not given or _ASKED.isdisjoint(given)


class BaseTrigger(metaclass=ABCMeta):
    """Abstract base class of all triggers."""

    __slots__ = ()

    # The two methods that the integer methods stand for; None where those only ask get_next_fire_time.
    _own_way: Any = None
    _own_jitter: Any = None
    # The says() of a class, the class that wrote it, and the methods by which that one fired then.
    _telling: tuple[Any, Any, Any] = (None, None, None)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "next_us" in cls.__dict__:
            cls._own_way, cls._own_jitter = cls.get_next_fire_time, cls._apply_jitter
        elif not is_own(cls):
            for name in _INTEGER_METHODS:
                setattr(cls, name, BaseTrigger.__dict__[name])
        says, teller, _ = cls._telling
        if teller is not None and cls.says == says and _firing_of(cls) != _firing_of(teller):
            setattr(cls, "says", BaseTrigger.says)  # noqa: B010 - what the other class says is not true of it
        if cls.says != says:
            cls._telling = cls.says, cls, _firing_of(cls)

    @abstractmethod
    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the next fire time, or ``None`` if there is none.

        :param previous_fire_time: the fire time before it (aware), ``None`` for the first
        :param now: the current time (aware)
        """

    native: bool = False
    """Whether the integer methods are the trigger's own: quick, without side effects, never waiting."""

    speaks_integers = speaks_integers

    goes_on: bool = False
    """Whether its integer methods find the fire time after any instant, be it one of its fire times or not."""

    binds: bool = False
    """Whether it has to be bound to its scheduler's calendars before it is asked (see ``triggers/calendar.py``)."""

    drops: bool = False
    """Whether only a scheduler can tell which of its fire times run, and only when they are due."""

    guarded: bool = False
    """Whether some of its fire times may be dropped by calendars when they are due."""

    step_us: int = 0
    """The constant distance of the fire times in microseconds; 0 if there is none, or it is over ``LONGEST_STEP``."""

    at_start: bool = False
    """Whether it has no fire times of its own, but each start of a scheduler makes the job due (``@reboot``)."""

    def at(self, instant: int) -> datetime:
        """Return the instant (microseconds UTC) as users see it: an aware datetime in the trigger's zone."""
        return from_us(instant, getattr(self, "timezone", None) or UTC)

    def begin_at(self, now: int) -> None:
        """Put ``now`` (microseconds UTC) in the place of the current time that was read at construction.

        It is for schedulers whose clock is not the system's. A trigger that read no current time ignores it.
        """

    def for_job(self, job_id: str) -> BaseTrigger:
        """Return the trigger for the job of this id: itself, if its fire times do not depend on the id."""
        return self

    def next_us(self, previous: int | None, now: int) -> int | None:
        """Return :meth:`get_next_fire_time` on integer microseconds."""
        before = None if previous is None else self.at(previous)
        found = self.get_next_fire_time(before, self.at(now))
        return None if found is None else to_us(found)

    def latest_us(self, first: int, now: int) -> int | None:
        """Return the last fire time up to and including ``now`` of the series that begins with ``first``.

        ``None`` means that the trigger cannot tell without walking the series; ours always can.
        ``first`` itself is a fire time whatever the trigger says (a user may have set it) and is <= ``now``.
        """
        return None

    def count_us(self, first: int, last: int, limit: int) -> int:
        """Return how many fire times the series has from ``first`` to ``last``, both included, counted up to ``limit``."""
        from apscheduler.triggers.foreign import count_by_steps

        return count_by_steps(self, first, last, limit)

    def says(self) -> Said:
        """Return what the trigger does, as a value that each language puts into words. Added in 1.0.

        :meth:`describe` asks for it. A trigger of your own says its ``repr`` (or ``str``) until its class overrides this;
        the values are those of :mod:`apscheduler.triggers.parts`, or what another trigger ``says()``. They are exact:
        triggers that say the same fire alike. A subclass that fires in another way than the class that wrote ``says()``
        says its ``repr`` until it writes it anew.
        """
        from apscheduler.triggers._words.parts import named

        return named(self)

    def describe(self, locale: str = "en") -> str:
        """Return what the trigger does in words, exact: triggers with equal words fire alike. Added in 1.0.

        A trigger of your own is described by its ``repr`` (or ``str``); override :meth:`says` to say it in each language,
        or this to say it in your own words.

        :param locale: ``"en"`` or ``"zh"``
        :raises ValueError: for a locale that there is not
        """
        from apscheduler.triggers._words import locale_named

        return locale_named(locale).say(_said_by(self))

    def preview(
        self, n: int = 10, start: datetime | None = None, *, locale: str = "en"
    ) -> list[FireTime]:
        """Return the fire times of a job that is added at ``start``, with remarks. Added in 1.0.

        :param n: how many at most; fewer say that the trigger has no more
        :param start: the (aware) time; a naive one is read in the trigger's zone; now if left out
        :param locale: of the remarks
        :raises ValueError: for a locale that there is not, or an ``n`` below 1
        """
        from apscheduler.triggers.previews import preview

        return preview(self, n, start, locale)

    # -- what previews ask; triggers that are made of others answer for those ----------------------------------

    def _untouched(self) -> BaseTrigger:
        """Return the trigger with all foreign triggers in it copied, because asking may change them."""
        from copy import deepcopy

        return self if self.native else deepcopy(self)

    def without_jitter(self) -> BaseTrigger:
        """Return a trigger of ours without its jitter; others as they are."""
        if not self.native or not getattr(self, "jitter", None):
            return self
        from apscheduler.triggers.arguments import with_state

        return with_state(self, jitter=None)  # type: ignore[no-any-return]

    def _remarks(self, instant: int, line: ZoneLine) -> list[RemarkSaid]:
        """Return what is remarked on a fire time in a zone."""
        from apscheduler.triggers._words.remarks import jittered
        from apscheduler.triggers._words.zones import twice

        found = twice(instant, line)
        return [*found, *jittered(self, instant)] if self.native else found

    def _left_out(self, previous: int, instant: int) -> list[RemarkSaid]:
        """Return remarks on wall times after ``previous`` that it passes over because they do not exist."""
        return []

    def _end_remark(self, instant: int, shown: datetime) -> list[RemarkSaid]:
        """Return the remark on its last fire time."""
        from apscheduler.triggers._words.remarks import end_of

        return end_of(self, instant, shown)

    def _apply_jitter(
        self, next_fire_time: datetime | None, jitter: float | None, now: datetime
    ) -> datetime | None:
        """Return the fire time delayed by up to ``jitter`` seconds (never moved earlier)."""
        if next_fire_time is None or not jitter:
            return next_fire_time
        import random

        delayed = next_fire_time.astimezone(UTC) + timedelta(seconds=random.uniform(0, jitter))  # noqa: S311 - spreads load, guards nothing
        return delayed.astimezone(next_fire_time.tzinfo)


OWN_JITTER = BaseTrigger._apply_jitter
"""The jitter that our own triggers apply themselves; they call the method only where it was replaced."""


def said_within(trigger: BaseTrigger) -> Said:
    """Return what a trigger says as a part of another one: in its own words, where its class has some."""
    if type(trigger).describe is BaseTrigger.describe:
        return _said_by(trigger)
    from apscheduler.triggers._words.parts import Worded

    return Worded(trigger.describe)


def _said_by(trigger: BaseTrigger) -> Said:
    """Return what a trigger says, but its name alone where it fires in another way than the class that wrote that."""
    cls = type(trigger)
    changed = not _ASKED.isdisjoint(getattr(trigger, "__dict__", None) or ())
    if changed or _firing_of(cls) != cls._telling[2]:
        return BaseTrigger.says(trigger)
    return trigger.says()


LONGEST_STEP = 366 * 86_400 * SECOND
"""The longest ``step_us``, in microseconds: farther from the end of the calendar no step leads past it."""

STEPPED: list[type[BaseTrigger]] = []
"""Classes of ``SEALED`` whose objects may have a :attr:`BaseTrigger.step_us`; jobs keep it."""


def moves_its_own(trigger: BaseTrigger) -> bool:
    """Return whether a trigger's ``_apply_jitter`` was replaced."""
    cls = type(trigger)
    if cls in SEALED:
        return cls._apply_jitter is not OWN_JITTER
    return getattr(trigger._apply_jitter, "__func__", None) is not OWN_JITTER


def jittered_by_hook(
    trigger: BaseTrigger, found: int | None, now: datetime, end: int
) -> datetime | None:
    """Return a fire time as a trigger's own ``_apply_jitter`` moves it, not beyond ``end``."""
    if found is None:
        return None
    jitter: float | None = getattr(trigger, "jitter", None)
    moved = trigger._apply_jitter(trigger.at(found), jitter, now)
    return moved if moved is None or to_us(moved) <= end else trigger.at(end)


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
