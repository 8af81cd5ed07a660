"""Makes copies of triggers that previews can ask: copies may change, and have no jitter."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.combining import AndTrigger, BaseCombiningTrigger, OrTrigger


def untouched(trigger: BaseTrigger) -> BaseTrigger:
    """Return the trigger with all foreign triggers in it copied, because asking may change them."""
    if isinstance(trigger, CalendarTrigger):
        return trigger.around(untouched(trigger.trigger))
    if isinstance(trigger, BaseCombiningTrigger):
        return type(trigger)([untouched(child) for child in trigger.triggers], trigger.jitter)
    return trigger if trigger.native else deepcopy(trigger)


def without_jitter(trigger: BaseTrigger) -> BaseTrigger:
    """Return a trigger of ours without its jitter; others as they are."""
    if isinstance(trigger, CalendarTrigger):
        plain = without_jitter(trigger.trigger)
        return trigger if plain is trigger.trigger else trigger.around(plain)
    if isinstance(trigger, OrTrigger):
        children = [without_jitter(child) for child in trigger.triggers]
        moved = any(new is not old for new, old in zip(children, trigger.triggers, strict=True))
        return type(trigger)(children) if moved or trigger.jitter else trigger
    if not trigger.native or not getattr(trigger, "jitter", None):
        return trigger
    if isinstance(trigger, AndTrigger):
        return type(trigger)(trigger.triggers)
    return _with_state(trigger, jitter=None)


def without_end(trigger: BaseTrigger) -> BaseTrigger:
    """Return a trigger of ours that has an end date without it; others as they are."""
    if not trigger.native or getattr(trigger, "end_date", None) is None:
        return trigger
    return _with_state(trigger, end_date=None)


def _with_state(trigger: BaseTrigger, **changes: Any) -> BaseTrigger:
    made: Any = type(trigger).__new__(type(trigger))
    state: Any = trigger.__getstate__()
    made.__setstate__({**state, **changes})
    return made  # type: ignore[no-any-return]
