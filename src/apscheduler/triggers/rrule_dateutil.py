"""Reads ``dateutil.rrule`` objects: their own texts leave out the zones of DTSTART and UNTIL, and sets have no text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from apscheduler.moments import astimezone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo


def is_dateutils(given: Any) -> bool:
    """Return whether this is an object of dateutil's (which is not imported here)."""
    return type(given).__module__.startswith("dateutil.") or any(
        cls.__module__ == "dateutil.rrule" for cls in type(given).__mro__
    )


def text_of(given: Any) -> tuple[str, tzinfo | None]:
    """Return an ``rrule`` or ``rruleset`` as a text, and the zone of its DTSTART.

    :raises TypeError: if it is another object
    :raises ValueError: if rules of a set begin at different times
    """
    if hasattr(given, "_dtstart"):
        rules, others, dates, exdates = [given], [], [], []
    elif hasattr(given, "_rrule"):
        rules, others = list(given._rrule), list(given._exrule)
        dates, exdates = list(given._rdate), list(given._exdate)
    else:
        raise TypeError(f"expected an rrule or an rruleset of dateutil, not {given!r}")
    zone, lines = _start([rule._dtstart for rule in rules + others])
    lines += [f"RRULE:{_rule(rule)}" for rule in rules]
    lines += [f"EXRULE:{_rule(rule)}" for rule in others]
    lines += [f"RDATE:{_moment(each)}" for each in dates]
    lines += [f"EXDATE:{_moment(each)}" for each in exdates]
    return "\n".join(lines), zone


def _start(starts: list[datetime]) -> tuple[tzinfo | None, list[str]]:
    if not starts:
        return None, []
    first = starts[0]
    for other in starts[1:]:
        if other != first:
            raise ValueError(
                f"the rules of this rruleset begin at different times, {first} and {other}: give all of them one "
                "dtstart, as rule.replace(dtstart=…) does, or make a trigger of each and join them with OrTrigger"
            )
    zone = astimezone(first.tzinfo)
    name = getattr(zone, "key", None)
    if zone is None:
        return None, [f"DTSTART:{first:%Y%m%dT%H%M%S}"]
    if name is None:
        return zone, [f"DTSTART:{_moment(first)}"]
    return zone, [f"DTSTART;TZID={name}:{first:%Y%m%dT%H%M%S}"]


def _rule(rule: Any) -> str:
    text = next(line for line in str(rule).split("\n") if not line.startswith("DTSTART"))
    parts = text.removeprefix("RRULE:").split(";")
    until = rule._until
    return ";".join(
        f"UNTIL={_moment(until)}" if until is not None and part.startswith("UNTIL=") else part
        for part in parts
    )


def _moment(moment: datetime) -> str:
    if moment.tzinfo is None:
        return f"{moment:%Y%m%dT%H%M%S}"
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S}Z"
