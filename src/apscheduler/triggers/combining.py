"""Triggers made of triggers: all of them at once (and), any of them (or).

Every child keeps its own schedule: it is asked for its first fire time after an instant, never told that another
child's fire time was its own (3.x did, so that Or starved children and And met too rarely, or never returned).
Children of other authors, who may count from the fire time before, are still asked as in 3.x.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import reduce
from math import gcd
from typing import Any

from apscheduler._engine.instants import LATEST, to_us
from apscheduler.references import obj_to_ref, ref_to_obj
from apscheduler.triggers.arguments import checked_jitter, delayed, state_of
from apscheduler.triggers.base import BaseTrigger

_VERSION = 1

ROUNDS = 20_000
"""So often And lets its children advance in search of a common fire time (about 0.1 s); then it gives up."""

Grid = tuple[int, int]
"""Fire times at a constant distance: one of them and the distance, in microseconds."""


class BaseCombiningTrigger(BaseTrigger):
    """What both combinations share.

    :param triggers: the triggers to combine
    :param jitter: each run is delayed by up to so many seconds
    :raises TypeError: if a member is no trigger, or jitter no number
    :raises ValueError: if there are no triggers, or jitter is negative
    """

    __slots__ = ("jitter", "triggers")

    def __init__(self, triggers: Sequence[Any], jitter: float | None = None) -> None:
        self.triggers = _checked(triggers, type(self).__name__)
        self.jitter = checked_jitter(jitter)

    @property
    def native(self) -> bool:  # type: ignore[override]
        """Whether all children are triggers of this package."""
        return all(trigger.native for trigger in self.triggers)

    @property
    def timezone(self) -> Any:
        """The zone of the first child, in which fire times are shown where nothing else is known."""
        first: BaseTrigger = self.triggers[0]
        return first.at(0).tzinfo

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        previous = None if previous_fire_time is None else to_us(previous_fire_time)
        found = self.next_us(previous, to_us(now))
        return None if found is None else self.at(found)

    def next_us(self, previous: int | None, now: int) -> int | None:
        found = self._next(previous, now)
        if found is None or not self.jitter:
            return found
        return delayed(found, self.jitter, LATEST)

    def begin_at(self, now: int) -> None:
        for trigger in self.triggers:
            trigger.begin_at(now)

    @abstractmethod
    def _next(self, previous: int | None, now: int) -> int | None:
        """Return the next fire time, not yet delayed."""

    def __getstate__(self) -> dict[str, Any]:
        children = [(obj_to_ref(type(child)), child.__getstate__()) for child in self.triggers]
        return {"version": _VERSION, "triggers": children, "jitter": self.jitter}

    def __setstate__(self, state: Any) -> None:
        values = state_of(state, self, _VERSION)
        self.jitter = values.get("jitter")
        self.triggers = [_restored(ref, child) for ref, child in values["triggers"]]

    def __repr__(self) -> str:
        jitter = f", jitter={self.jitter}" if self.jitter else ""
        return f"<{type(self).__name__}({self.triggers!r}{jitter})>"


class AndTrigger(BaseCombiningTrigger):
    """Fires when all its triggers fire at the same instant.

    It is exhausted when one of them is, when they cannot meet, and when they did not meet in a
    bounded search (which is logged).
    """

    __slots__ = ()

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        return super().get_next_fire_time(previous_fire_time, now)

    next_us = BaseCombiningTrigger.next_us

    def at(self, instant: int) -> datetime:
        first: BaseTrigger = self.triggers[0]
        return first.at(instant)

    def _next(self, previous: int | None, now: int) -> int | None:
        times = _first_times(self.triggers, previous, now)
        if times is None or min(times) == max(times):
            return times and times[0]
        grid = _common_grid(self.triggers)
        if grid is None:
            return None
        others = [trigger for trigger in self.triggers if grid_of(trigger) is None]
        ends = [trigger for trigger in self.triggers if grid_of(trigger) is not None]
        target = max(times)
        for _ in range(ROUNDS):
            meeting = _on_grid(grid, target)
            for trigger in others:
                reached = _reach(trigger, previous, meeting)
                if reached is None:
                    return None
                if reached > meeting:
                    meeting = reached
            if meeting == target or not others:
                return meeting if all(_fires_at(t, meeting) for t in ends) else None
            target = meeting
        _log_giving_up(self, target)
        return None

    def latest_us(self, first: int, now: int) -> int | None:
        starts = _first_times(self.triggers, first, first + 1)
        if starts is None or max(starts) > now:
            return first
        target = now
        for _ in range(ROUNDS):
            times = [_latest(child, start, target) for child, start in zip(self.triggers, starts, strict=True)]
            known = [time for time in times if time is not None]
            if len(known) < len(times):
                return None
            lowest = min(known)
            if lowest <= first or any(time < start for time, start in zip(known, starts, strict=True)):
                return first
            if lowest == max(known):
                return lowest
            if lowest < max(starts):
                return first
            target = lowest
        return None

    def __str__(self) -> str:
        return f"and[{', '.join(map(str, self.triggers))}]"


class OrTrigger(BaseCombiningTrigger):
    """Fires whenever any of its triggers does; exhausted when all of them are."""

    __slots__ = ()

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        return super().get_next_fire_time(previous_fire_time, now)

    next_us = BaseCombiningTrigger.next_us

    def at(self, instant: int) -> datetime:
        shown: list[datetime] = [trigger.at(instant) for trigger in self.triggers]
        if any(other.tzinfo is not shown[0].tzinfo for other in shown):
            for trigger, moment in zip(self.triggers, shown, strict=True):
                if trigger.native and after(trigger, instant - 1, instant) == instant:
                    return moment
        return shown[0]

    def _next(self, previous: int | None, now: int) -> int | None:
        times = [after(trigger, previous, now) for trigger in self.triggers]
        return min((time for time in times if time is not None), default=None)

    def latest_us(self, first: int, now: int) -> int | None:
        found = first
        for trigger in self.triggers:
            start = after(trigger, first, first + 1)
            if start is None or start > now:
                continue
            latest = trigger.latest_us(start, now)
            if latest is None:
                return None
            found = max(found, latest)
        return found

    def __str__(self) -> str:
        return f"or[{', '.join(map(str, self.triggers))}]"
