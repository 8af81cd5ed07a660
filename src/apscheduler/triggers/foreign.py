"""Lets the engine ask foreign triggers in integers, by way of datetimes in a zone; 3.x uses the scheduler's.

It knows triggers by what it asks of them, not by their classes, which stand on it.
"""

from __future__ import annotations

from datetime import tzinfo

from apscheduler._engine.instants import from_us, to_us

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any, Protocol

    from apscheduler._engine.zones import ZoneLine
    from apscheduler.triggers._words.parts import RemarkSaid

    class Trigger(Protocol):
        """What is asked of a trigger here; :class:`~apscheduler.triggers.base.BaseTrigger` says what each means."""

        @property
        def native(self) -> bool: ...
        @property
        def goes_on(self) -> bool: ...
        def speaks_integers(self) -> bool: ...
        def at(self, instant: int) -> datetime: ...
        def describe(self, locale: str = "en") -> str: ...
        def get_next_fire_time(
            self, previous_fire_time: datetime | None, now: datetime
        ) -> datetime | None: ...
        def next_us(self, previous: int | None, now: int) -> int | None: ...
        def latest_us(self, first: int, now: int) -> int | None: ...

    class Series(Protocol):
        """What is walked: a trigger, or what asks it."""

        def next_us(self, previous: int | None, now: int) -> int | None: ...


class Asked:
    """A trigger that is asked by ``get_next_fire_time`` alone, with times as it shows them."""

    __slots__ = ("trigger",)

    native = False
    guarded = False

    def __init__(self, trigger: Trigger) -> None:
        self.trigger = trigger

    def __str__(self) -> str:
        return str(self.trigger)

    def describe(self, locale: str = "en") -> str:
        """Return what the trigger says of itself."""
        return self.trigger.describe(locale)

    def at(self, instant: int) -> datetime:
        """Return the instant as the trigger shows it."""
        return self.trigger.at(instant)

    def next_us(self, previous: int | None, now: int) -> int | None:
        """Return the fire time after ``previous``."""
        before = None if previous is None else self.at(previous)
        found = self.trigger.get_next_fire_time(before, self.at(now))
        return None if found is None else to_us(found)

    def latest_us(self, first: int, now: int) -> int | None:
        """Return ``None``: it cannot look backwards."""
        return None

    def count_us(self, first: int, last: int, limit: int) -> int:
        """Return the number of fire times from ``first`` to ``last``."""
        return count_by_steps(self, first, last, limit)

    # -- what previews ask, of a foreign trigger under calendars that are bound --------------------------------

    def _untouched(self) -> Asked:
        from copy import deepcopy

        return deepcopy(self)

    def without_jitter(self) -> Asked:
        return self

    def _remarks(self, instant: int, line: ZoneLine) -> list[RemarkSaid]:
        from apscheduler.triggers._words.zones import twice

        return twice(instant, line)

    def _left_out(self, previous: int, instant: int) -> list[RemarkSaid]:
        return []

    def _end_remark(self, instant: int, shown: datetime) -> list[RemarkSaid]:
        return [("last", ())]


class InZone(Asked):
    """A trigger without a zone of its own, which is given times of ``zone``."""

    __slots__ = ("zone",)

    def __init__(self, trigger: Trigger, zone: tzinfo) -> None:
        super().__init__(trigger)
        self.zone = zone

    def at(self, instant: int) -> datetime:
        """Return the instant as an aware datetime of the zone."""
        return from_us(instant, self.zone)


def series_of(trigger: Any, scheduler: Any) -> Any:
    """Return the trigger as the engine asks it for this scheduler: in its zone, with its calendars."""
    if trigger.native:
        return trigger
    zone = getattr(scheduler, "timezone", None)
    if trigger.binds:
        known = getattr(scheduler, "_calendars", {})
        return trigger.bound(known, zone)
    return in_zone(trigger, zone)


def in_zone(trigger: Trigger | Asked, zone: Any) -> Any:
    """Return the trigger itself if it knows the integers, else an object that asks it, in its zone or in ``zone``."""
    if isinstance(trigger, Asked) or trigger.speaks_integers():
        return trigger
    if isinstance(zone, tzinfo) and not _has_zone(trigger):
        return InZone(trigger, zone)
    return Asked(trigger)


def after(trigger: Trigger | Asked, previous: int | None, now: int) -> int | None:
    """Return the trigger's first fire time, or the first after ``previous`` on its own schedule."""
    if isinstance(trigger, Asked) or not trigger.native:  # it may count from the previous fire time
        following: int | None = in_zone(trigger, None).next_us(previous, now)
        if previous is None:
            return following
        return None if following is None or following <= previous else following
    if previous is None:
        return trigger.next_us(None, now)
    if trigger.goes_on:
        return trigger.next_us(previous, previous + 1)
    first = trigger.next_us(None, previous + 1)
    if first is None or first > previous:
        return first
    # Its series began at a fixed instant, not after ``previous``: go on along it.
    latest = trigger.latest_us(first, previous)
    return trigger.next_us(first if latest is None else latest, previous + 1)


def count_by_steps(series: Series, first: int, last: int, limit: int) -> int:
    """Return how many fire times a series has from ``first`` to ``last``, both included, counted up to ``limit``."""
    count, current = 1, first
    while current < last and count < limit:
        following = series.next_us(current, last)
        if following is None or following <= current:
            break
        current, count = following, count + 1
    return count


def _has_zone(trigger: Trigger) -> bool:
    """Return whether a trigger has a zone, or is one of ours, which shows its times in one."""
    own_way = getattr(type(trigger), "_own_way", None)
    return bool(getattr(trigger, "timezone", None)) or own_way is not None
