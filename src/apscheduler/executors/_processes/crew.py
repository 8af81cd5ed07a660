"""Keeps the workers of a pool: starts them, hears whether they are ready, and takes those away that have ended."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from apscheduler.clocks import monotonic
from apscheduler.executors._processes.deaths import exit_text
from apscheduler.executors._processes.starts import ATTEMPTS
from apscheduler.executors._wire.board import Board
from apscheduler.executors._wire.calls import READY
from apscheduler.executors._wire.errors import said, unpack_error
from apscheduler.executors.base import WorkerDiedError
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.raised import set_cause

if TYPE_CHECKING:
    from apscheduler.executors._processes.needs import Queueing
    from apscheduler.executors._processes.starts import WorkerStarts
    from apscheduler.executors._processes.worker import WorkerProcess

_END_SECONDS = 5.0
"""Seconds that a worker has to end before it is killed."""


class Crew:
    """The workers of one pool. Only the manager's thread calls it.

    :ivar workers: those that were started and have not ended; other threads may copy the list
    :ivar board: on it the workers show what they run; ``None`` until the first one is started
    """

    def __init__(self, pool: Queueing, starts: WorkerStarts) -> None:
        self._pool = pool
        self._starts = starts
        self.workers: list[WorkerProcess] = []
        self.board: Board | None = None
        self.free_slots = list(range(pool._max_workers))

    # -- beginnings ------------------------------------------------------------------------------------

    def can_grow(self) -> bool:
        """Return whether a worker is wanted for what is queued and may be started now."""
        booting = sum(not worker.ready for worker in self.workers)
        wanted = bool(self.free_slots) and booting < len(self._pool.queue)
        return wanted and not self._starts.pause

    def pause(self) -> float:
        """Return for how many seconds a start that failed is not tried again, 0 if one may be tried now."""
        return self._starts.pause

    def start_worker(self) -> None:
        """Start a worker. If that fails, it is tried again later."""
        if self.board is None:
            try:
                self.board = Board.make(self._pool._max_workers)
            except OSError as exc:
                self._start_failed(f"the file of the workers cannot be made: {said(exc)}", exc)
                return
        slot = self.free_slots.pop()
        self.board.clear(slot)
        name = f"apscheduler-{self._pool.owner._alias}-{slot}"
        try:
            worker = self._starts.start(name, slot, self.board.path, self.workers)
        except Exception as exc:  # noqa: BLE001 - whatever keeps it from starting
            self.free_slots.append(slot)
            self._start_failed(f"a worker process cannot be started: {said(exc)}", exc)
            return
        self.workers.append(worker)

    def greeted(self, worker: WorkerProcess, word: str, told: Any) -> None:
        """Called with a worker's first message: it is ready, or its initializer raised and it ends."""
        if word == READY:
            worker.ready = True
            self._starts.failures = 0
            return
        worker.leaving = True
        exc, _, _ = unpack_error(told)
        why = f"the initializer of the worker processes raised {said(exc)}"
        self._start_failed(why, exc)

    def _start_failed(self, why: str, exc: BaseException | None) -> None:
        """Plan another try a little later; after a few failures in a row, fail what waits."""
        self._starts.failed()
        if self._pool.is_ending:
            self._starts.failures = ATTEMPTS
        owner = self._pool.owner
        with suppress(BaseException):  # to show a user's exception may raise anything
            owner._logger.error("executor %r: %s", owner._alias, why, exc_info=exc)
        if self._starts.failures < ATTEMPTS or any(w.ready for w in self.workers):
            return
        problem = WorkerDiedError(f"no worker process could be started: {why}")
        set_cause(problem, exc)
        while self._pool.queue:
            claim = self._pool.queue.popleft()
            claim.close(Outcome.FAILED, owner._now_us(), exception=problem)

    # -- ends --------------------------------------------------------------------------------------------

    def remove(self, worker: WorkerProcess) -> int | None:
        """Take a worker away that has ended; return its exit code, ``None`` if it did not end and was killed."""
        self.workers.remove(worker)
        worker.pipe.close()
        worker.process.join(_END_SECONDS)
        code: int | None = worker.process.exitcode
        if code is None:
            worker.process.kill()
        self.free_slots.append(worker.slot)
        if not worker.ready and not worker.leaving and not self._was_not_needed(worker, code):
            self._start_failed(
                f"a worker process ended ({exit_text(code)}) before it was ready; what it said is on stderr",
                None,
            )
        return code

    def _was_not_needed(self, worker: WorkerProcess, code: int | None) -> bool:
        """Return whether the worker was still starting when the pool had nothing more to do."""
        return self._pool.closing and code == 0 and not self._pool.queue and not worker.sent

    def end(self) -> None:
        """Tell the workers to end, and kill those that do not."""
        for worker in self.workers:
            with suppress(OSError):
                worker.pipe.send_bytes(b"")
        until = monotonic() + _END_SECONDS
        for worker in self.workers:
            worker.process.join(max(0.0, until - monotonic()))
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join(_END_SECONDS)
            worker.pipe.close()
        self.workers.clear()
        if self.board is not None:
            self.board.remove()
