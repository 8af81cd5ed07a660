"""Triggers made of triggers: all of them at once (and), any of them (or).

Every child keeps its own schedule: it is asked for its first fire time after an instant. It is never told that another
child's fire time was its own. (3.x did that, so Or starved children, and And met too rarely or never returned.)
Children of foreign classes may count from the previous fire time, so they are still asked as in 3.x.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from apscheduler._engine.instants import LATEST, from_us, to_us
from apscheduler.elsewhere import names_of_3x
from apscheduler.texts import line
from apscheduler.triggers.arguments import (
    checked_jitter,
    delayed,
    restored,
    state_of,
    stored,
    with_state,
)
from apscheduler.triggers.base import (
    BaseTrigger,
    jittered_by_hook,
    moves_its_own,
    said_within,
    speaks_integers,
)
from apscheduler.triggers.foreign import after, in_zone
from apscheduler.triggers.grids import Grid, meeting_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler._engine.zones import ZoneLine
    from apscheduler.triggers._words.parts import RemarkSaid, Said

_VERSION = 1

ROUNDS = 20_000
"""How many times And lets its children advance in search of a common fire time (about 0.1 s) before it gives up."""


class BaseCombiningTrigger(BaseTrigger):
    """What both combinations share.

    :param triggers: the triggers to combine
    :param jitter: the most seconds by which a run is delayed, at random, but never past the next one
    :raises TypeError: if a member is no trigger, or jitter no number
    :raises ValueError: if there are no triggers, or jitter is negative
    """

    __slots__ = ("jitter", "triggers")

    goes_on = True

    def __init__(self, triggers: Sequence[Any], jitter: float | None = None) -> None:
        self.triggers = _checked(triggers, type(self).__name__)
        self.jitter = checked_jitter(jitter)

    @property
    def native(self) -> bool:  # type: ignore[override]
        """Whether it and all children are triggers of this package, and ask nobody else's calendars."""
        return speaks_integers(self) and all(
            trigger.native and not trigger.binds for trigger in self.triggers
        )

    def begin_at(self, now: int) -> None:
        for trigger in self.triggers:
            trigger.begin_at(now)

    def for_job(self, job_id: str) -> BaseTrigger:
        children = [trigger.for_job(job_id) for trigger in self.triggers]
        if all(new is old for new, old in zip(children, self.triggers, strict=True)):
            return self
        bound: BaseCombiningTrigger = with_state(self)
        bound.triggers = children
        return bound

    def _said(self, *, together: bool) -> Said:
        from apscheduler.triggers._words.parts import Combined, seconds_text

        return Combined(together, tuple(map(said_within, self.triggers)), seconds_text(self.jitter))

    def _untouched(self) -> BaseTrigger:
        return type(self)([child._untouched() for child in self.triggers], self.jitter)

    def _remarks(self, instant: int, line: ZoneLine) -> list[RemarkSaid]:
        from apscheduler.triggers._words.remarks import jittered

        children = self._firing_at(instant)
        found = [each for child in children for each in child._remarks(instant, line)]
        return list(dict.fromkeys([*found, *jittered(self, instant)]))

    def _firing_at(self, instant: int) -> list[Any]:
        """Return the triggers whose fire time this one is."""
        from apscheduler.triggers._words.remarks import fires_at

        return [child for child in self.triggers if fires_at(child, instant)]

    def __getstate__(self) -> dict[str, Any]:
        children = [stored(child) for child in self.triggers]
        return {"version": _VERSION, "triggers": children, "jitter": self.jitter}

    def __setstate__(self, state: Any) -> None:
        values = state_of(state, self, _VERSION)
        self.jitter = values.get("jitter")
        self.triggers = [restored(ref, child) for ref, child in values["triggers"]]

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
        return _next_datetime(self, previous_fire_time, now)

    def next_us(self, previous: int | None, now: int) -> int | None:
        return _jittered(self, self._next(previous, now), now)

    def at(self, instant: int) -> datetime:
        first: BaseTrigger = self.triggers[0]
        return first.at(instant)

    def _next(self, previous: int | None, now: int) -> int | None:
        times = _first_times(self.triggers, previous, now)
        if not times or min(times) == max(times):
            return times[0] if times else None
        grid = _grid(self.triggers)
        if grid is None:
            return None
        others = [trigger for trigger in self.triggers if _grid_of(trigger) is None]
        on_grid = [trigger for trigger in self.triggers if _grid_of(trigger) is not None]
        target = max(times)
        for _ in range(ROUNDS):
            if any(trigger.next_us(None, target) is None for trigger in on_grid):
                return None  # a trigger has ended; the grid itself has no end
            latest = grid.at_or_after(target)
            for trigger in others:
                reached = _reach(trigger, previous, latest)
                if reached is None:
                    return None
                latest = reached
            if latest == target:
                on_time = all(trigger.next_us(None, target) == target for trigger in on_grid)
                return target if on_time else None
            target = latest
        _log_giving_up(self, max(times), target)
        return None

    def says(self) -> Said:
        return self._said(together=True)

    def without_jitter(self) -> BaseTrigger:
        return type(self)(self.triggers) if self.native and self.jitter else self

    def _firing_at(self, instant: int) -> list[Any]:
        return list(self.triggers)

    def latest_us(self, first: int, now: int) -> int | None:
        starts, grid = _first_times(self.triggers, first, first + 1), _grid(self.triggers)
        if not starts or grid is None:
            return first
        target, earliest = now, max(starts)
        for _ in range(ROUNDS):
            if target < earliest:
                return first
            lowest = grid.at_or_before(target)
            for trigger, start in zip(self.triggers, starts, strict=True):
                latest = _asked(trigger).latest_us(start, target)
                if latest is None:
                    return None
                lowest = min(lowest, latest)
            if lowest == target:
                return target
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
        return _next_datetime(self, previous_fire_time, now)

    def next_us(self, previous: int | None, now: int) -> int | None:
        return _jittered(self, self._next(previous, now), now)

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

    def says(self) -> Said:
        return self._said(together=False)

    def without_jitter(self) -> BaseTrigger:
        children = [child.without_jitter() for child in self.triggers]
        moved = any(new is not old for new, old in zip(children, self.triggers, strict=True))
        return type(self)(children) if moved or self.jitter else self

    def _left_out(self, previous: int, instant: int) -> list[RemarkSaid]:
        found = [each for child in self.triggers for each in child._left_out(previous, instant)]
        return list(dict.fromkeys(found))

    def latest_us(self, first: int, now: int) -> int | None:
        found = first
        for trigger in self.triggers:
            start = after(trigger, first, first + 1)
            if start is None or start > now:
                continue
            latest = _asked(trigger).latest_us(start, now)
            if latest is None:
                return None
            found = max(found, latest)
        return found

    def __str__(self) -> str:
        return f"or[{', '.join(map(str, self.triggers))}]"


def _next_datetime(
    trigger: AndTrigger | OrTrigger, previous: datetime | None, now: datetime
) -> datetime | None:
    instant = to_us(now)
    found = trigger._next(None if previous is None else to_us(previous), instant)
    if moves_its_own(trigger):
        return jittered_by_hook(trigger, found, now, LATEST)
    found = _jittered(trigger, found, instant)
    return None if found is None else trigger.at(found)


def _jittered(trigger: AndTrigger | OrTrigger, found: int | None, now: int) -> int | None:
    """Return the fire time delayed by the jitter, but not past the next one, so that none gets lost."""
    if found is None or not trigger.jitter:
        return found
    following = trigger._next(found, now) if trigger.native else None
    return delayed(found, trigger.jitter, LATEST if following is None else following - 1)


def _asked(trigger: BaseTrigger) -> Any:
    """Return the child itself if it is native, else as an object that asks it by its datetime method."""
    return trigger if trigger.native else in_zone(trigger, None)


def _first_times(
    triggers: Sequence[BaseTrigger], previous: int | None, now: int
) -> list[int] | None:
    """Return each trigger's first fire time after ``previous``, ``None`` if one has none."""
    times = [after(trigger, previous, now) for trigger in triggers]
    known = [time for time in times if time is not None]
    return known if len(known) == len(times) else None


def _reach(trigger: BaseTrigger, previous: int | None, target: int) -> int | None:
    """Return the trigger's first fire time at or after ``target``."""
    if trigger.native:
        return after(trigger, target - 1, target)
    asked = _asked(trigger)
    found: int | None = asked.next_us(previous, target)
    for _ in range(ROUNDS):
        if found is None or found >= target:
            return found
        following = asked.next_us(found, target)
        if following is None or following <= found:
            return None
        found = following
    return None


def _grid_of(trigger: BaseTrigger) -> Grid | None:
    found = getattr(trigger, "grid_us", None) if trigger.native else None
    return Grid(*found) if found else None


def _grid(triggers: Sequence[BaseTrigger]) -> Grid | None:
    """Return the grid on which all triggers with a constant distance meet, ``None`` if they never do."""
    return meeting_of(grid for grid in map(_grid_of, triggers) if grid is not None)


def _log_giving_up(trigger: AndTrigger, start: int, end: int) -> None:
    from apscheduler.logs import logger_named  # start-up time

    logger_named("apscheduler.triggers").warning(
        "%s has no next fire time: from %s to %s its triggers never fired at one instant, and the "
        "search ends after %d steps. Its job ends with this; use triggers that meet",
        trigger,
        from_us(start, UTC),
        from_us(end, UTC),
        ROUNDS,
    )


def _checked(triggers: Any, name: str) -> Any:
    if isinstance(triggers, BaseTrigger) or not isinstance(triggers, Sequence):
        raise TypeError(
            f"{name} combines a list of triggers, not {triggers!r}: put them into [...]"
        )
    for trigger in triggers:
        if not isinstance(trigger, BaseTrigger):
            raise TypeError(
                f"{name} combines triggers, and {trigger!r} ({type(trigger).__name__}) is none: "
                "give objects like CronTrigger(hour=3)"
            )
        if trigger.at_start:
            raise ValueError(
                f"{name} combines fire times, and {line(str(trigger))} has none of its own: give it a job of its own"
            )
        if trigger.drops:
            raise TypeError(
                f"{name} cannot combine what calendars may drop ({line(str(trigger))}): wrap the combination, as in "
                f"CalendarTrigger({name}([...]), ...)"
            )
    if not triggers:
        raise ValueError(f"{name} needs at least one trigger to combine")
    return triggers


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
