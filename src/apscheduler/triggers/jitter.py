"""Checks of arguments that several triggers take."""

from __future__ import annotations

from typing import Any


def check_jitter(jitter: Any) -> float | None:
    """Return the jitter if it is ``None`` or a number of seconds that is not negative.

    :raises TypeError, ValueError: if it is not
    """
    if jitter is None:
        return None
    if isinstance(jitter, bool) or not isinstance(jitter, int | float):
        raise TypeError(f"jitter must be a number of seconds or None, not {jitter!r}")
    if jitter < 0:
        raise ValueError(
            f"jitter must not be negative: runs are delayed, never hurried ({jitter!r})"
        )
    return jitter


def check_span(trigger: Any, start_date: Any) -> None:
    """Refuse an end before an explicit start.

    :raises ValueError: in that case
    """
    if start_date is not None and trigger.end_date < trigger.start_date:
        raise ValueError(
            f"end_date ({trigger.end_date}) is before start_date ({trigger.start_date})"
        )
