"""Writes one log line for each run, with the job's name and id, the fire time, and how the run ended.

Loggers and levels are those of 3.x. So are the words that users' code looks for: "executed successfully" and "raised an
exception".
"""

from __future__ import annotations

import logging

from apscheduler._engine.instants import SECOND
from apscheduler.history.outcomes import Outcome
from apscheduler.logs import say
from apscheduler.runs.errors import InterpreterEndingError
from apscheduler.runs.ledger import one_line
from apscheduler.runs.raised import traceback_of
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from apscheduler.runs.claims import Result

_HEADLINE: Final = 159
"""The most characters that a failure's first line has, unless its other parts are too long for that."""
_AT_LEAST: Final = 30
"""Characters of an exception's text that are shown even if the line then gets longer than ``_HEADLINE``."""


def named(job: Any) -> str:
    """Return what a job is called in a log line: its name and its id, or its id alone where they are the same."""
    name, key = getattr(job, "name", None), getattr(job, "id", None)
    return f'"{name}" ({key})' if isinstance(name, str) and name != key else f'"{key}"'


def shown(moment: Any, *, exactly: bool = True) -> str:
    """Return a fire time for a log line.

    :param exactly: whether to show the milliseconds of a time that is not at a full second
    """
    try:
        part = f".{moment.microsecond // 1000:03d}" if exactly and moment.microsecond else ""
        return f"{moment:%Y-%m-%d %H:%M:%S}{part} {moment:%Z}".rstrip()
    except Exception:  # noqa: BLE001 - a zone of someone else, or no datetime at all
        return str(moment)


def span(first: Any, last: Any) -> str:
    """Return a range of fire times, from the first to the last, for a log line."""
    if first == last:
        return shown(first, exactly=False)
    start, end = shown(first, exactly=False), shown(last, exactly=False)
    if start[:10] == end[:10] and start[19:] == end[19:]:
        return f"{start[:19]} to {end[11:]}"
    return f"{start} to {end}"


def log_start(logger: logging.Logger, job: Any, moment: Any) -> None:
    """Log that a job's function is called."""
    say(logger, logging.DEBUG, "Job %s starts (due %s)", named(job), shown(moment))


def log_success(logger: logging.Logger, job: Any, moment: Any, microseconds: int) -> None:
    """Log that a job's function returned, and after how long."""
    text = "Job %s executed successfully in %.3f s (due %s)"
    say(logger, logging.INFO, text, named(job), microseconds / SECOND, shown(moment))


def log_outcome(logger: logging.Logger, job: Any, moment: Any, result: Result) -> None:
    """Log an outcome other than success, for people who may have to act on it; a failure with its exception."""
    outcome = result.outcome
    if outcome is Outcome.MISSED:
        _log_missed(logger, job, moment, result)
    elif outcome is Outcome.CANCELLED:
        _log_cancelled(logger, job, moment, result)
    elif outcome is not Outcome.EXECUTED:
        _log_failed(logger, job, moment, result)


def _log_failed(logger: logging.Logger, job: Any, moment: Any, result: Result) -> None:
    exc = result.exception
    text, seconds = _failed(result)
    text = f"Job %s, due %s, {text}: %s%s"
    words = (named(job), shown(moment), *seconds)
    because = f" ({result.reason})" if result.reason and exc is not None else ""
    if exc is None:
        say(logger, logging.ERROR, text, *words, _why(result), because)
        return
    why = _cut(_why(result), line(text % (*words, "", because)))
    info = (type(exc), exc, traceback_of(exc))
    say(logger, logging.ERROR, text, *words, why, because, exc_info=info)


def _cut(why: str, rest: str) -> str:
    """Cut an exception's text to the room that the headline has for it; the traceback below shows all of it."""
    room = max(_HEADLINE - len(rest), _AT_LEAST)
    return why if len(why) <= room else f"{why[: room - 1]}…"


def _failed(result: Result) -> tuple[str, tuple[float, ...]]:
    """Return the headline's words for how a run failed, and the number of seconds if they have a place for it."""
    if result.outcome is Outcome.TIMED_OUT:
        return "timed out", ()
    if result.outcome is Outcome.LOST:
        return "was lost", ()
    if not (result.started or result.traceback):
        return "failed", ()  # it was not called, or its worker is gone
    if not result.started:
        return "raised an exception", ()
    return "raised an exception after %.3f s", ((result.finished - result.started) / SECOND,)


def _log_missed(logger: logging.Logger, job: Any, moment: Any, result: Result) -> None:
    """Log which run was missed, how late it was, why, and the job's ``misfire_grace_time``."""
    say(
        logger,
        logging.WARNING,
        "Job %s missed %s by %.3f s: %s; misfire_grace_time is %s",
        named(job),
        shown(moment, exactly=False),
        (result.finished - result.fire) / SECOND,
        result.reason or "it came late to its executor",
        _seconds(job.misfire_grace_time),
    )


def _seconds(grace: Any) -> str:
    return f"{grace:g} s" if isinstance(grace, int | float) else str(grace)


def _log_cancelled(logger: logging.Logger, job: Any, moment: Any, result: Result) -> None:
    """Log a run that was called off or interrupted. Nothing is wrong in the job, so no traceback is logged."""
    # A program with an interval of milliseconds always ends with such a run, so this is no warning.
    ends = isinstance(result.exception, InterpreterEndingError)
    level = logging.INFO if ends else logging.WARNING
    why = result.reason or _why(result)
    say(logger, level, "Job %s, due %s: cancelled (%s)", named(job), shown(moment), why)


def _why(result: Result) -> str:
    """Return the exception's type and text (some have no text), or the reason if there is no exception."""
    if result.exception is not None:
        return one_line(result.exception)
    return result.reason or "no reason given"
