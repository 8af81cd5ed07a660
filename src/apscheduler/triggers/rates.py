"""Reads intervals as other programs write them: ``@every 1h30m`` (Go) and ``rate(5 minutes)`` (AWS)."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_UNITS: Final = {"h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:\d+[hms])+", re.ASCII)
_EVERY = re.compile(r"@every\s+(\S+)", re.ASCII | re.IGNORECASE)
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)", re.ASCII)
_MOST_DIGITS = 9


def interval_for(text: str) -> str | None:
    """Return the call that makes a job of such an interval, ``None`` if the text is none."""
    rate, every = _RATE.fullmatch(text.strip()), _EVERY.fullmatch(text.strip())
    parts: list[tuple[str, str]] = []
    if rate is not None:
        parts = [(rate[1], f"{rate[2]}s")]
    elif every is not None and _DURATION.fullmatch(every[1]):
        parts = [(number, _UNITS[unit]) for number, unit in re.findall(r"(\d+)([hms])", every[1])]
    if not any(int(number) for number, _ in parts) or len(dict(parts)) < len(parts):
        return None
    if any(len(number) > _MOST_DIGITS for number, _ in parts):
        return None
    units = ", ".join(f"{unit}={int(number)}" for number, unit in parts)
    return f'add_job(func, "interval", {units})'
