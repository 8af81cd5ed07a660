"""Converts schedules from one dialect of cron into another: ``convert("0 10 * * 1-5", "crontab", "systemd")``.

Each dialect is a file with ``read`` (its text into a :class:`Pattern` of ``pattern.py``) and ``say`` (a pattern into its
text): ``keywords.py`` for :class:`CronTrigger`, ``crontab.py``, ``quartz.py`` and ``systemd.py``. ``words.py`` reads lists of
numbers and names for the last two. Users call ``convert``; so does the advice in error messages.

Easy to get wrong: what the target has no words for is an error that names it, never something near. A pattern counts
weekdays from Sunday = 0, and knows no zone and no clock changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from apscheduler.names import hint
from apscheduler.texts import line
from apscheduler.triggers.dialects import crontab, keywords, quartz, systemd
from apscheduler.triggers.dialects.pattern import ConversionError, Pattern

__all__ = ("DIALECTS", "ConversionError", "convert")

_DIALECTS: Final[dict[str, tuple[Callable[[Any], Pattern], Callable[[Pattern], Any]]]] = {
    "cron": (keywords.read, keywords.say),
    "crontab": (crontab.read, crontab.say),
    "ocps": (crontab.read, crontab.say),
    "quartz": (quartz.read, quartz.say),
    "systemd": (systemd.read, systemd.say),
}
DIALECTS: Final = tuple(_DIALECTS)


def convert(
    expression: str | Mapping[str, Any], source: str, target: str, *, lenient: bool = False
) -> str | dict[str, str]:
    """Return an expression of one dialect in another: the same wall times, or an error.

    The dialects: ``"crontab"`` (or ``"ocps"``: what :class:`CrontabTrigger` reads), ``"cron"`` (the keywords of
    :class:`CronTrigger`, as a mapping), ``"quartz"`` and ``"systemd"`` (``OnCalendar=``). What happens where
    clocks are moved is no part of an expression.

    :param expression: the expression; in the dialect ``"cron"`` a mapping such as ``{"hour": 10}``
    :param source: the dialect that it is written in
    :param target: the dialect wanted; for ``"cron"`` the result is a dictionary of keywords
    :param lenient: whether ``"crontab"`` means what ``CrontabTrigger(…, lenient=True)`` reads, on either side: ``LW``,
        ``L-3`` and more
    :raises ConversionError: (a ValueError) for what cannot be read in the source, or said in the target: it is named
    :raises ValueError: for a field that its trigger refuses
    :raises LookupError: for an unknown dialect
    """
    for name in (source, target):
        if name not in _DIALECTS:
            raise LookupError(f"there is no dialect {name!r}; {hint(name, _DIALECTS)}")
    reads, says = _DIALECTS[source][0], _DIALECTS[target][1]
    if lenient:
        reads = _lenient.get(reads, reads)
        says = _lenient.get(says, says)
    pattern = reads(expression).normal()
    try:
        found: str | dict[str, str] = says(pattern)
    except ConversionError as exc:
        raise ConversionError(f"{expression!r} ({source}): {line(str(exc))}") from None
    return found


_lenient: Final[dict[Callable[[Any], Any], Callable[[Any], Any]]] = {
    crontab.read: partial(crontab.read, lenient=True),
    crontab.say: partial(crontab.say, lenient=True),
}
