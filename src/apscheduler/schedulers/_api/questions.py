"""Checks the arguments of questions about runs before any store is asked: a driver's error would not name them."""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from operator import index

from apscheduler.job import Job
from apscheduler.moments import localize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_MAKES_A_DATETIME: Final = (
    (str, "datetime.fromisoformat(text)"),
    (date, "datetime.combine(date, time())"),
    (timedelta, "datetime.now(UTC) - duration"),
    ((int, float), "datetime.fromtimestamp(seconds, UTC)"),
)


def text_of(name: str, what: str, given: Any) -> str | None:
    """Return the given text, or ``None``.

    :raises TypeError: for anything else
    """
    if given is None or isinstance(given, str):
        return given
    cure = f"; give its id, {given.id!r}" if isinstance(given, Job) else ""
    raise TypeError(f"{name} is {what}, a text, not {_shown(given)}{cure}")


def limit_of(given: Any) -> int:
    """Return how many runs to answer with at most.

    :raises TypeError: if it is no whole number
    :raises ValueError: if it is below 1
    """
    expected = "limit is a whole number of runs, 1 or more"
    try:
        limit = None if isinstance(given, bool) else index(given)
    except TypeError:
        limit = None
    if limit is None:
        raise TypeError(f"{expected}, not {_shown(given)}; leave it out for 100, or give an int")
    if limit < 1:
        raise ValueError(f"{expected}, not {given!r}; leave it out for 100")
    return min(limit, sys.maxsize)


def moment_of(name: str, given: Any, zone: Any) -> datetime | None:
    """Return a bound of fire times, aware; without a zone it is in ``zone``.

    :raises TypeError: if it is no datetime
    """
    if given is None:
        return None
    if not isinstance(given, datetime):
        makes = (how for kind, how in _MAKES_A_DATETIME if isinstance(given, kind))
        cure = next(makes, "give a datetime")
        raise TypeError(
            f"{name} is a datetime, aware or in the scheduler's zone, not {_shown(given)}; {cure}"
            + ("" if cure.startswith("give") else " makes one")
        )
    return given if given.tzinfo is not None else localize(given, zone)


def _shown(given: Any) -> str:
    return f"{given!r} ({type(given).__name__})"
