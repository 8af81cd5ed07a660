"""What the arguments and the states of triggers have in common: zones, limits, jitter, and how they are shown and stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo

from apscheduler._engine.instants import SECOND
from apscheduler.moments import (
    astimezone,
    convert_to_datetime,
    datetime_repr,
    local_zone,
    zone_named,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LONGEST_JITTER = 9999 * 366 * 86_400
"""In seconds: longer than all the years that a datetime can have."""


def zone_of(timezone: Any, *dates: Any) -> tzinfo:
    """Return the zone given, else that of the first date that has one, else the local one."""
    if timezone:
        zone = astimezone(timezone)
        if zone is not None:
            return zone
    for moment in dates:
        zone = astimezone(getattr(moment, "tzinfo", None))
        if zone is not None:
            return zone
    return local_zone()


def reason_against_zone(name: str) -> str | None:
    """Return why ``timezone=`` refuses a name, ``None`` if it takes it."""
    try:
        zone_named(name)
    except (LookupError, ValueError) as error:
        return str(error.args[0])
    return None


def stored_zone(zone: Any) -> tzinfo:
    """Return the zone of a stored trigger; releases before 3.10 wrote names and ``"local"`` too."""
    return zone_of(None if zone == "local" else zone)


def limits_of(
    timezone: Any, start_date: Any, end_date: Any, jitter: Any
) -> tuple[tzinfo, datetime | None, datetime | None, float | None]:
    """Return zone, first and last possible fire time, and jitter, as users give them to a trigger of wall times.

    :raises TypeError, ValueError, LookupError: if one of them is not right
    """
    zone = zone_of(timezone, start_date, end_date)
    start = convert_to_datetime(start_date, zone, "start_date")
    end = convert_to_datetime(end_date, zone, "end_date")
    return zone, start, end, checked_jitter(jitter)


def checked_jitter(jitter: Any) -> float | None:
    """Return the jitter if it is one; ``False`` and an empty text stand for none, as in 3.x.

    :raises TypeError: if it is no number
    :raises ValueError: if it is negative, or longer than the calendar
    """
    if jitter is None or jitter is False or jitter == "":
        return None
    if isinstance(jitter, bool) or not isinstance(jitter, int | float):
        raise TypeError(
            f"jitter must be a number of seconds or None, not {type(jitter).__name__} ({jitter!r})"
        )
    if not 0 <= jitter <= _LONGEST_JITTER:
        raise ValueError(
            f"jitter is the most seconds a run may be delayed, so it cannot be {jitter!r}: "
            f"give 0 to {_LONGEST_JITTER} (as long as the calendar)"
        )
    return jitter


def delayed(instant: int, jitter: float | None, end: int) -> int:
    """Return the instant moved later by up to ``jitter`` seconds, not beyond ``end``."""
    import random

    # Stored triggers may hold a negative jitter, which 3.x accepted.
    spread = abs(jitter or 0) * SECOND
    return min(instant + int(random.uniform(0, spread)), end)  # noqa: S311 - spreads load, guards nothing


def state_of(state: Any, trigger: object, newest: int) -> Mapping[str, Any]:
    """Return the values of a pickled state.

    :raises ValueError: if a later release wrote it
    """
    # The first releases of 3.x wrote pairs, as pickle does for slots.
    values: Mapping[str, Any] = state[1] if isinstance(state, tuple) else state
    version = values.get("version", 1)
    if version > newest:
        raise ValueError(
            f"this {type(trigger).__name__} was stored in version {version} of its format, and this "
            f"release reads versions up to {newest}: upgrade it, or store the job again"
        )
    return values


def stored(part: Any) -> tuple[str, Any]:
    """Return a trigger or a calendar as it is stored within a trigger: the path of its class, and its state."""
    from apscheduler.references import obj_to_ref

    return obj_to_ref(type(part)), part.__getstate__()


def restored(ref: str, state: Any) -> Any:
    """Return the part of a trigger that was stored so."""
    from apscheduler.references import ref_to_obj

    child = ref_to_obj(ref)
    trigger = child.__new__(child)
    if hasattr(trigger, "__setstate__"):
        trigger.__setstate__(state)
    else:
        trigger.__dict__.update(state or {})
    return trigger


def with_state(trigger: Any, **changes: Any) -> Any:
    """Return a trigger whose state differs in some values."""
    cls: Any = type(trigger)
    made = cls.__new__(cls)
    made.__setstate__({**trigger.__getstate__(), **changes})
    return made


def shown(trigger: Any, options: Iterable[str]) -> str:
    """Return a trigger's ``repr``: its own options, then what limits and shows its fire times.

    :param options: as they are written in a call
    """
    parts = [*options]
    for name in ("start_date", "end_date"):
        moment = getattr(trigger, name)
        if moment:
            parts.append(f"{name}='{datetime_repr(moment)}'")
    if trigger.jitter:
        parts.append(f"jitter={trigger.jitter}")
    return f"<{type(trigger).__name__} ({', '.join(parts)}, timezone='{trigger.timezone}')>"


def better_type_error(
    cls: Any, name: str, given: Iterable[str], exc: TypeError, others: Iterable[str] = ()
) -> TypeError:
    """Return the error with the names that a trigger did not understand and their closest known ones.

    :param cls: the trigger's class, whose constructor raised ``exc``
    :param name: what it was asked for by
    :param given: the names of the arguments it was given
    :param others: names that could have been meant too, though the trigger does not take them
    """
    from inspect import signature

    from apscheduler.names import not_taken

    try:
        parameters = signature(cls).parameters
    except (TypeError, ValueError):
        return exc
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return exc
    unknown = [key for key in given if key not in parameters]
    if not unknown:
        return exc
    return TypeError(not_taken(f"the {name!r} trigger", unknown, parameters, others))
