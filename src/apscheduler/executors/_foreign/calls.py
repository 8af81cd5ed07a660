"""Makes what a pool is given for a claim: a function and its arguments, in the form that suits the pool."""

from __future__ import annotations

import threading
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

from apscheduler import clocks
from apscheduler.executors._attempt.answers import facts_of, refuse_unpicklable
from apscheduler.executors._foreign import away
from apscheduler.executors._foreign.board import CallBoard
from apscheduler.executors._foreign.host import host_key
from apscheduler.executors._foreign.kinds import has_our_threads
from apscheduler.executors._wire import calls as remote
from apscheduler.executors._wire.errors import said
from apscheduler.executors.base import begin_all

if TYPE_CHECKING:
    from apscheduler.executors._foreign.needs import RunsForCalls
    from apscheduler.executors._foreign.submission import Submission

_SLOTS = 4096


class PoolCalls:
    """Makes the calls of one executor, and gives them slots on its board."""

    def __init__(self, runs: RunsForCalls) -> None:
        self._runs = runs
        self._owner = runs.owner
        self._board: CallBoard | None = None
        self._has_complained = False
        self._lock = threading.Lock()

    def close(self) -> None:
        """Delete the board, because no call needs it any more."""
        if self._board is not None:
            self._board.remove()

    def call_for(self, submission: Submission) -> tuple[Any, ...] | None:
        """Return function and arguments for the pool; ``None`` if it cannot get the claim, which is then dealt with."""
        claim, job = submission.claim, submission.claim.job
        if has_our_threads(submission.pool):
            return (self._runs.threads.run, submission)
        if not begin_all(claim):
            return None
        facts = tuple(facts_of(claim, submission.fires))
        if not isinstance(submission.pool, ProcessPoolExecutor):
            self._owner._log_start(job, submission.fires[0])
            ticket = tuple(self._ticket(submission))
            return (away.run_object, job.func, job.args, job.kwargs, facts, ticket)
        try:
            blob = remote.pack_call(job, submission.fires[0])
        except BaseException as exc:  # noqa: BLE001 - a user's __reduce__ may raise anything
            refuse_unpicklable(claim, self._owner._now_us(), exc)
            return None
        self._owner._log_start(job, submission.fires[0])
        return (away.run_pickled, blob, facts, tuple(self._ticket(submission)))

    def _ticket(self, submission: Submission) -> away.Ticket:
        board = self._made_board()
        place = None if board is None else board.hand_out(submission.number)
        if place is not None:
            submission.board = board
            submission.slot = place
        return away.Ticket(
            self._runs.key,
            host_key(),
            submission.number,
            "" if board is None else board.path,
            submission.slot,
            self._on_wall_clock(submission.claim.start_by),
        )

    def _made_board(self) -> CallBoard | None:
        """Return the board, ``None`` while its file cannot be made: then calls go without, as to another host."""
        with self._lock:
            if self._board is None:
                try:
                    self._board = CallBoard(_SLOTS)
                except OSError as exc:
                    self._complain(exc)
            return self._board

    def _complain(self, exc: OSError) -> None:
        """Log once that the board cannot be made."""
        if not self._has_complained:
            self._has_complained = True
            self._owner._logger.warning(
                "executor %r cannot make its file among the temporary ones (%s): what its pool has begun is not seen "
                "from here until it can; make room, or name another folder in TMPDIR",
                self._owner._alias,
                said(exc),
            )

    def _on_wall_clock(self, start_by: int | None) -> int | None:
        """Convert an instant from this host's boot clock to microseconds UTC, the one clock that other hosts share."""
        return None if start_by is None else clocks.now_us() + start_by - clocks.boot_us()

    def limit_of(self, submission: Submission) -> float | None:
        """Return after how many seconds the pool may end the process, if it can: well after our own timeout."""
        if submission.timeout is None:
            return None
        grace: float = self._owner.timeout_grace
        return (submission.timeout + 2 * grace) * len(submission.fires)
