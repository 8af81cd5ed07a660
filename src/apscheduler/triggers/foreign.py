"""Lets the engine ask foreign triggers in integers, by way of datetimes in a zone; 3.x uses the scheduler's."""

from __future__ import annotations

from datetime import tzinfo

from apscheduler._engine.instants import from_us, to_us
from apscheduler.triggers.base import BaseTrigger, speaks_integers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any


class Asked:
    """A trigger that is asked by ``get_next_fire_time`` alone, with times as it shows them."""

    __slots__ = ("trigger",)

    native = False
    guarded = False

    def __init__(self, trigger: BaseTrigger) -> None:
        self.trigger = trigger

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
        return BaseTrigger.count_us(self, first, last, limit)  # type: ignore[arg-type] # needs next_us only


class InZone(Asked):
    """A trigger without a zone of its own, which is given times of ``zone``."""

    __slots__ = ("zone",)

    def __init__(self, trigger: BaseTrigger, zone: tzinfo) -> None:
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


def in_zone(trigger: BaseTrigger, zone: Any) -> Any:
    """Return the trigger itself if it knows the integers, else an object that asks it, in its zone or in ``zone``."""
    if isinstance(trigger, Asked) or speaks_integers(trigger):
        return trigger
    if isinstance(zone, tzinfo) and not _has_zone(trigger):
        return InZone(trigger, zone)
    return Asked(trigger)


def _has_zone(trigger: BaseTrigger) -> bool:
    """Return whether a trigger has a zone, or is one of ours, which shows its times in one."""
    return bool(getattr(trigger, "timezone", None)) or type(trigger)._own_way is not None
