"""Handles worker processes that take too long: over a call's timeout, or over a call that others wait behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apscheduler.clocks import monotonic
from apscheduler.executors._attempt.calling import timed_out

if TYPE_CHECKING:
    from apscheduler.executors._contract import Owner
    from apscheduler.executors._processes.worker import WorkerProcess
    from apscheduler.executors._wire.board import Board
    from apscheduler.runs.claims import Claim

TAKE_BACK_SECONDS = 0.02
"""Seconds. If a call takes longer, the calls that wait behind it are taken back."""
_LOOK_AGAIN = 0.05


def overdue_at(worker: WorkerProcess, board: Board | None, grace: float) -> float:
    """Return when the current call has to be ended by force (monotonic seconds).

    :param grace: seconds that a function has to end by itself after it was told to
    """
    sent = worker.sent[0]
    if board is None or sent.timeout is None or board.number(worker.slot) != sent.number:
        return monotonic() + _LOOK_AGAIN  # it has not begun yet
    _, started = board.start(worker.slot)
    if not started:
        return monotonic() + _LOOK_AGAIN
    return started + sent.timeout + grace


def end_hung(owner: Owner, worker: WorkerProcess, board: Board) -> None:
    """Kill the process of the current call, and settle the call as timed out. The manager then notices the death."""
    sent = worker.sent[0]
    sent.timed_out = True
    index, started = board.start(worker.slot)
    now = owner._now_us()
    begun = now - round((monotonic() - started) * 1e6)
    claim = sent.claim
    worker.process.kill()  # first, because settling may raise anything
    claim.sink.settle(claim, timed_out(claim.job, sent.fires[index], begun, now))
    owner._logger.error(
        "job %s was told to stop at its timeout of %s s and did not: its worker process %s was killed "
        "and is replaced",
        claim.job.id,
        sent.timeout,
        worker.process.pid,
    )


def taken_back(worker: WorkerProcess, board: Board, now: float) -> list[Claim]:
    """Take back the calls that wait behind a slow one; return their claims, the last one first."""
    number = board.number(worker.slot)
    _, started = board.start(worker.slot)
    if not worker.sent[0].number <= number < worker.sent[-1].number:
        return []  # it has not begun with them, or nothing is left to take
    if not started or now - started < TAKE_BACK_SECONDS:
        return []
    board.limit(worker.slot, number + 1)
    worker.taken_back = True
    number = board.number(worker.slot)  # it may have begun the next one meanwhile, and answers that
    taken: list[Claim] = []
    while worker.sent[-1].number > number:
        taken.append(worker.sent.pop().claim)
    return taken
