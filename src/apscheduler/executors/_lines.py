"""The log lines of runs: one for each, with the job's name and id, its fire time, and how it ended.

Loggers and levels are 3.x's, and so are the words that code looks for: "executed successfully", "raised an exception".
"""

from __future__ import annotations

import logging

from apscheduler._engine.instants import SECOND
from apscheduler.executors.base import InterpreterEndingError
from apscheduler.logs import say
from apscheduler.runs.ledger import one_line
from apscheduler.runs.outcomes import Outcome
from apscheduler.runs.raised import traceback_of
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from apscheduler.runs.claims import Result

_HEADLINE: Final = 159
"""Characters of a failure's first line, where the job's name and id leave room for it."""
_AT_LEAST: Final = 30
"""So much of an exception's text stands there anyway."""


def named(job: Any) -> str:
    """Return what a job is called in a log line: its name and its id, or its id alone where they are the same."""
    name, key = getattr(job, "name", None), getattr(job, "id", None)
    return f'"{name}" ({key})' if isinstance(name, str) and name != key else f'"{key}"'


def shown(moment: Any, *, exactly: bool = True) -> str:
    """Return a fire time for a log line.

    :param exactly: to the millisecond, where it is not at a full second
    """
    try:
        part = f".{moment.microsecond // 1000:03d}" if exactly and moment.microsecond else ""
        return f"{moment:%Y-%m-%d %H:%M:%S}{part} {moment:%Z}".rstrip()
    except Exception:  # noqa: BLE001 - a zone of someone else, or no datetime at all
        return str(moment)


def span(first: Any, last: Any) -> str:
    """Return the fire times from one to another for a log line."""
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
    """Log that a job's function returned after so long."""
    text = "Job %s executed successfully in %.3f s (due %s)"
    say(logger, logging.INFO, text, named(job), microseconds / SECOND, shown(moment))


def log_outcome(logger: logging.Logger, job: Any, moment: Any, result: Result) -> None:
    """Log an outcome that somebody may have to act on; what failed is told with its exception."""
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
    """Return an exception's text as far as a readable headline has room for it: below it the whole of it is told."""
    room = max(_HEADLINE - len(rest), _AT_LEAST)
    return why if len(why) <= room else f"{why[: room - 1]}…"


def _failed(result: Result) -> tuple[str, tuple[float, ...]]:
    """Return what a headline says of how a run failed, and after how many seconds, where it was called."""
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
    """Log which run was missed, how late it was, why, and the setting that would have run it."""
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
    """Log a run that was called off or cut off; where it stood then is nobody's error, so without a traceback."""
    # Every program with an interval of milliseconds ends like this: it is recorded, but no warning.
    ends = isinstance(result.exception, InterpreterEndingError)
    level = logging.INFO if ends else logging.WARNING
    why = result.reason or _why(result)
    say(logger, level, "Job %s, due %s: cancelled (%s)", named(job), shown(moment), why)


def _why(result: Result) -> str:
    """Return the exception by its type and text, since some have no text; else the reason."""
    if result.exception is not None:
        return one_line(result.exception)
    return result.reason or "no reason given"
