"""Settles the calls that a worker process had when it died.

A call that it had not begun runs elsewhere, and so do the fire times that it had not begun of the call at work. What had
begun is settled before that, because a claim that is queued again runs with all that is left of it.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from apscheduler.executors._attempt.calling import drop, tell_own_error
from apscheduler.executors.base import WorkerDiedError
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apscheduler.executors._contract import Owner
    from apscheduler.executors._processes.worker import Sent, WorkerProcess
    from apscheduler.executors._wire.board import Board
    from apscheduler.runs.claims import Claim


def settle_dead(
    owner: Owner, worker: WorkerProcess, board: Board | None, code: int | None
) -> Iterator[Claim]:
    """Settle what the dead worker had begun; yield the claims that others may still run, the last one first.

    :param board: shows which call it was running
    :param code: its exit code, ``None`` if it did not end
    """
    number = -1 if board is None else board.number(worker.slot)
    index, started = (0, 0.0) if board is None else board.start(worker.slot)
    if not started:
        index = 0  # the call's first fire time had not begun yet: this is an earlier call's
    for sent in reversed(worker.sent):
        try:
            if sent.number == number:
                _settle_begun(owner, sent, index, code)
            elif sent.number < number:
                _lose(owner, sent, sent.fires, code)
            is_over = not sent.claim.unsettled
            if is_over:
                sent.claim.sink.release(sent.claim)
        except BaseException as exc:  # noqa: BLE001 - a listener, a store: anyone's
            tell_own_error(owner, exc)
            drop(sent.claim, owner._now_us(), exc)
        else:
            if not is_over:
                yield sent.claim


def _settle_begun(owner: Owner, sent: Sent, index: int, code: int | None) -> None:
    """Settle the fire times up to the one at this index, at which the worker was when it died."""
    _lose(owner, sent, sent.fires[:index], code)  # they had ended
    claim = sent.claim
    problem = WorkerDiedError(
        f"the worker process that ran job {claim.job.id!r} ended in the middle of it ({exit_text(code)})"
    )
    for fire in sent.fires[index : index + 1]:
        if claim.is_open(fire):  # not if it was killed at its timeout
            result = Result(fire, Outcome.FAILED, 0, owner._now_us(), exception=problem)
            claim.sink.settle(claim, result)


def _lose(owner: Owner, sent: Sent, fires: list[int], code: int | None) -> None:
    """Settle fire times that had ended, if their answers did not arrive."""
    claim, now = sent.claim, owner._now_us()
    reason = f"its worker process ended ({exit_text(code)}) before it could say how the run ended"
    for fire in fires:
        if claim.is_open(fire):
            claim.sink.settle(claim, Result(fire, Outcome.LOST, 0, now, reason=reason))


def exit_text(code: int | None) -> str:
    """Return an exit code in words."""
    if code is None:
        return "it did not say how"
    if code < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
