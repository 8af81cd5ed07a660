"""Settles the calls that a worker process had when it died."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from apscheduler.executors._attempt.calling import drop, tell_own_error
from apscheduler.executors._processes.answers import fail_rest
from apscheduler.executors._processes.worker import Sent, WorkerProcess
from apscheduler.executors._threads.runner import Rest
from apscheduler.executors._wire.board import Board
from apscheduler.executors.base import WorkerDiedError
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Claim, Result


def settle_dead(
    owner: Any, worker: WorkerProcess, board: Board | None, code: int | None
) -> Iterator[Claim | Rest]:
    """Settle what the dead worker had begun; yield what others may still run, the last one first.

    :param board: shows which call it was running
    :param code: its exit code, ``None`` if it did not end
    """
    number = -1 if board is None else board.number(worker.slot)
    index = 0 if board is None else board.start(worker.slot)[0]
    for sent in reversed(worker.sent):
        try:
            rest = _settled(owner, sent, number, index, code)
        except BaseException as exc:  # noqa: BLE001 - a listener, a store: anyone's
            tell_own_error(owner, exc)
            drop(sent.claim, owner._now_us(), exc)
        else:
            if rest is not None:
                yield rest


def _settled(
    owner: Any, sent: Sent, number: int, index: int, code: int | None
) -> Claim | Rest | None:
    if sent.number > number:
        return _rest_of(sent, 0)
    if sent.number < number:
        _lose(owner, sent, code)
        return None
    _fail_killed(owner, sent, index, code)
    if index + 1 < len(sent.fires):
        return _rest_of(sent, index + 1)
    sent.claim.sink.release(sent.claim)
    return None


def _rest_of(sent: Sent, index: int) -> Claim | Rest:
    first = sent.claim.fires.index(sent.fires[index])
    return Rest(sent.claim, first) if first else sent.claim


def _lose(owner: Any, sent: Sent, code: int | None) -> None:
    now = owner._now_us()
    reason = f"its worker process ended ({exit_text(code)}) before it could say how the run ended"
    for fire in sent.fires:
        sent.claim.sink.settle(sent.claim, Result(fire, Outcome.LOST, 0, now, reason=reason))
    sent.claim.sink.release(sent.claim)


def _fail_killed(owner: Any, sent: Sent, index: int, code: int | None) -> None:
    if sent.timed_out:
        return  # its outcome is known
    claim = sent.claim
    problem = WorkerDiedError(
        f"the worker process that ran job {claim.job.id!r} ended in the middle of it ({exit_text(code)})"
    )
    fail_rest(claim, sent.fires[index : index + 1], owner._now_us(), problem)


def exit_text(code: int | None) -> str:
    """Return an exit code in words."""
    if code is None:
        return "it did not say how"
    if code < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
