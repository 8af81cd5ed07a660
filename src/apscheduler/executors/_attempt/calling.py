"""Makes what executors need for one call of a job's function: its results, its timeout and its run context."""

from __future__ import annotations

import os.path
import sys
from collections.abc import Iterable
from contextlib import suppress

from apscheduler.history.outcomes import Outcome, fire_id
from apscheduler.runs.claims import Claim, Result
from apscheduler.runs.context import RunContext, current_run, make_context
from apscheduler.runs.errors import JobTimeoutError
from apscheduler.runs.failures import capped, told
from apscheduler.runs.raised import set_traceback, traceback_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from apscheduler.executors._contract import Owner

_PACKAGE = __file__.rpartition("executors")[0]
_OUR_FOLDERS = (
    _PACKAGE + "executors" + os.sep,
    _PACKAGE + "loops" + os.sep,
    os.__file__.removesuffix("os.py") + "asyncio" + os.sep,
)
"""Folders of the code that calls jobs, ours and asyncio's: their frames at a traceback's beginning say nothing about the job."""

_PLAIN_VALUES = frozenset((bool, int, float, str, bytes, list, tuple, dict, set, type(None)))


def is_awaitable(value: object) -> bool:
    """Return whether a function's return value still has to be awaited."""
    kind = value.__class__
    return kind not in _PLAIN_VALUES and hasattr(kind, "__await__")


def let_go(exc: BaseException) -> tuple[str, str]:
    """Cut our own frames off an exception's traceback; return the other frames as text, and all that Python prints."""
    traceback: TracebackType | None = traceback_of(exc)
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_OUR_FOLDERS):
        traceback = traceback.tb_next
    if traceback is None:
        texts = told(exc)  # the call itself failed: our frame is all there is to show
        set_traceback(exc, None)
        return texts
    set_traceback(exc, traceback)
    return told(exc)


def failed(fire: int, started: int, finished: int, exc: BaseException) -> Result:
    """Return the result of a call that raised."""
    frames, story = let_go(exc)
    return Result(fire, Outcome.FAILED, started, finished, None, exc, frames, story=story)


def fail_all(claim: Claim, now: int, exc: BaseException) -> None:
    """Settle the claim's open fire times as failed by an exception that kept them from being called; release the claim."""
    frames, story = let_go(exc)
    claim.close(Outcome.FAILED, now, exception=exc, traceback=frames, story=story)


def drop(claim: Claim, now: int, exc: BaseException) -> None:
    """Do the same after an error of ours. Never raises."""
    with suppress(BaseException):
        fail_all(claim, now, exc)
    with suppress(BaseException):
        claim.sink.release(claim)  # even if a fire time could not be settled


def tell_own_error(
    owner: Owner, exc: BaseException, text: str = "executor %r met an error of its own"
) -> None:
    """Log an error of ours, not of a job. Never raises, even if a log handler does."""
    with suppress(BaseException):
        owner._logger.error(text, owner._alias, exc_info=exc)


def executed(fire: int, started: int, finished: int, retval: Any) -> Result:
    """Return the result of a call that returned."""
    return Result(fire, Outcome.EXECUTED, started, finished, retval)


def missed(fire: int, now: int, reason: str | None) -> Result:
    """Return the result of a run that came too late to start."""
    return Result(fire, Outcome.MISSED, 0, now, reason=reason)


def timed_out(
    job: Any, fire: int, started: int, finished: int, reason: str | None = None
) -> Result:
    """Return the result of a run that did not end in time."""
    exc = JobTimeoutError(f"job {job.id!r} did not end within its timeout of {job.timeout} s")
    return Result(fire, Outcome.TIMED_OUT, started, finished, exception=exc, reason=reason)


def timeout_of(job: Any) -> float | None:
    """Return the job's timeout in seconds, or ``None``: other kinds of job may lack it, and a mock's is no number."""
    timeout = getattr(job, "timeout", None)
    return timeout if timeout.__class__ in (int, float) else None


def context_of(job: Any, fire: int, attempt: int = 1, token: int = 1) -> RunContext:
    """Return what ``current_run()`` returns inside this run."""
    return make_context(
        job.id, job._jobstore_alias or "default", job._at(fire), fire, attempt, token
    )


def context_of_item(item: Any, fire: int) -> RunContext:
    """Return what ``current_run()`` returns inside this run of a claim or of a plain job."""
    if isinstance(item, Claim):
        return context_of(item.job, fire, item.attempt, item.token)
    return context_of(item, fire)


def claim_of_caller(claims: Iterable[Claim]) -> Claim | None:
    """Return the one of these claims whose job runs the calling code, ``None`` if none does."""
    run = current_run()
    if run is None:
        return None
    for claim in claims:
        if run.fire_id in (fire_id(claim.job.id, fire) for fire in claim.fires):
            return claim
    return None


def thread_stack(ident: int) -> str:
    """Return the stack of a running thread as text."""
    import traceback

    frame = sys._current_frames().get(ident)
    return "" if frame is None else capped("".join(traceback.format_stack(frame)))
