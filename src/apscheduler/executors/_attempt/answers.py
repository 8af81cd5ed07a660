"""Tells another process what it must know of a claim that it runs, and makes results of its answers."""

from __future__ import annotations

import pickle
from typing import Any

from apscheduler.executors._attempt.calling import timed_out, timeout_of
from apscheduler.executors._wire import calls
from apscheduler.executors._wire.errors import RemoteError, said, unpack_error
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Claim, Result


def facts_of(claim: Claim, fires: list[int]) -> calls.Facts:
    """Return what a worker process must know about these fire times of the claim, besides the call itself."""
    job = claim.job
    return calls.Facts(
        str(job.id),
        job._jobstore_alias or "default",
        fires,
        claim.grace,
        claim.attempt,
        timeout_of(job),
        claim.token,
        claim.start_by,
    )


def refuse_unpicklable(claim: Claim, now: int, exc: BaseException) -> None:
    """Settle a claim whose function or arguments cannot be pickled, and release it.

    :param now: microseconds UTC
    :param exc: what pickling raised
    """
    problem = TypeError(
        f"job {claim.job.id!r} cannot be sent to another process: its function or an argument cannot be pickled "
        f"({said(exc)}); use a function of a module and plain arguments"
    )
    claim.close(Outcome.FAILED, now, exception=problem)


def take_answer(claim: Claim, answer: calls.Answer, why_late: str) -> None:
    """Settle the fire time that the answer is about, or give the claim back if its lease ended before the call."""
    if answer.outcome == calls.FENCED:
        claim.sink.give_back(claim)
    else:
        claim.sink.settle(claim, result_of(claim, answer, why_late))


def result_of(claim: Claim, answer: calls.Answer, why_late: str) -> Result:
    """Return the answer as a result."""
    fire, outcome, started, finished, value, error = answer
    if outcome == calls.MISSED:
        reason = claim.late_because or why_late
        return Result(fire, Outcome.MISSED, 0, finished, reason=reason)
    if outcome == calls.TIMED_OUT:
        return timed_out(claim.job, fire, started, finished)
    if error is not None:
        exc, frames, story = unpack_error(error)
        return Result(fire, Outcome.FAILED, started, finished, None, exc, frames, story=story)
    if value is None:
        return Result(fire, Outcome.EXECUTED, started, finished, value)
    try:
        return Result(fire, Outcome.EXECUTED, started, finished, _load(value))
    except BaseException as problem:  # noqa: BLE001 - a user's __setstate__ or __init__
        why = "what the function returned cannot be rebuilt in this process: " + said(problem)
        return Result(fire, Outcome.FAILED, started, finished, None, RemoteError(why))


def _load(value: bytes) -> Any:
    return pickle.loads(value)  # noqa: S301 - from a worker process of ours
