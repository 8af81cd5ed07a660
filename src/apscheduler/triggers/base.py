"""The contract of every trigger, spoken twice: datetimes for users, integer microseconds for the engine.

A trigger of someone else's overrides :meth:`BaseTrigger.get_next_fire_time` alone; the integer methods
then go through it. Our own triggers override the integer methods too, which is where their speed comes from.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from datetime import UTC, datetime, timedelta

from apscheduler._engine.instants import from_us, to_us

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.triggers.previews import FireTime


_INTEGER_METHODS = ("next_us", "latest_us", "count_us")


class BaseTrigger(metaclass=ABCMeta):
    """Abstract base class of all triggers."""

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A subclass that changes the datetime method alone must be asked through it by the engine too.
        if "get_next_fire_time" in cls.__dict__ and "next_us" not in cls.__dict__:
            for name in _INTEGER_METHODS:
                setattr(cls, name, BaseTrigger.__dict__[name])
            cls.step_us = 0
            cls.native = False

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

    binds: bool = False
    """Whether it has to be bound to its scheduler's calendars before it is asked (see ``triggers/calendar.py``)."""

    drops: bool = False
    """Whether only a scheduler can tell, when they are due, which of its fire times run."""

    guarded: bool = False
    """Whether some of its fire times may be dropped by calendars when they are due."""

    step_us: int = 0
    """The constant distance of the fire times in microseconds, where they have one (0 elsewhere)."""

    at_start: bool = False
    """Whether it has no fire times of its own, but each start of a scheduler makes the job due (``@reboot``)."""

    def at(self, instant: int) -> datetime:
        """Return the instant (microseconds, UTC) as users are shown it: aware, in the trigger's zone."""
        return from_us(instant, getattr(self, "timezone", None) or UTC)

    def begin_at(self, now: int) -> None:
        """Take ``now`` (microseconds UTC) for the current time where one was read at construction.

        For schedulers whose clock is not the system's; triggers with nothing but explicit dates ignore it.
        """

    def for_job(self, job_id: str) -> BaseTrigger:
        """Return the trigger as the job of this id has it: itself, where its fire times do not depend on the id."""
        return self

    def next_us(self, previous: int | None, now: int) -> int | None:
        """Return :meth:`get_next_fire_time` on integer microseconds."""
        before = None if previous is None else self.at(previous)
        found = self.get_next_fire_time(before, self.at(now))
        return None if found is None else to_us(found)

    def latest_us(self, first: int, now: int) -> int | None:
        """Return the last fire time up to and including ``now`` of the series that begins with ``first``.

        ``None`` says that the trigger cannot tell without walking the series; ours always can.
        ``first`` itself is a fire time whatever the trigger says (a user may have set it) and is <= ``now``.
        """
        return None

    def count_us(self, first: int, last: int, limit: int) -> int:
        """Return how many fire times the series has from ``first`` to ``last``, both included, counted up to ``limit``."""
        count, current = 1, first
        while current < last and count < limit:
            following = self.next_us(current, last)
            if following is None or following <= current:
                break
            current, count = following, count + 1
        return count

    def describe(self, locale: str = "en") -> str:
        """Return what the trigger does in words, exact: triggers with equal words fire alike. New.

        A trigger of your own is described by its ``repr`` (or ``str``); override this to say it better.

        :param locale: ``"en"`` or ``"zh"``
        :raises ValueError: for a locale that there is not
        """
        from apscheduler.triggers._words import describe

        return describe(self, locale)

    def preview(
        self, n: int = 10, start: datetime | None = None, *, locale: str = "en"
    ) -> list[FireTime]:
        """Return the fire times of a job that is added at ``start``, with remarks. New.

        :param n: how many at most; fewer say that the trigger has no more
        :param start: the (aware) time; a naive one is read in the trigger's zone; now if left out
        :param locale: of the remarks
        :raises ValueError: for a locale that there is not, or an ``n`` below 1
        """
        from apscheduler.triggers.previews import preview

        return preview(self, n, start, locale)

    def _apply_jitter(
        self, next_fire_time: datetime | None, jitter: float | None, now: datetime
    ) -> datetime | None:
        """Return the fire time delayed by up to ``jitter`` seconds (never moved earlier)."""
        if next_fire_time is None or not jitter:
            return next_fire_time
        import random

        delayed = next_fire_time.astimezone(UTC) + timedelta(seconds=random.uniform(0, jitter))  # noqa: S311 - spreads load, guards nothing
        return delayed.astimezone(next_fire_time.tzinfo)
