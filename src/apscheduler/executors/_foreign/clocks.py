"""Watches calls in a pool's processes: settles those beyond their timeout, and those whose answer will not come."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from apscheduler.clocks import monotonic
from apscheduler.executors._attempt.calling import drop, tell_own_error
from apscheduler.executors._foreign.host import is_gone
from apscheduler.executors._foreign.kinds import (
    end_pool,
    moved_on,
    processes_of,
)
from apscheduler.executors.base import JobTimeoutError, WorkerDiedError

if TYPE_CHECKING:
    from apscheduler.executors._foreign.board import Seen
    from apscheduler.executors._foreign.needs import RunsForClocks
    from apscheduler.executors._foreign.submission import Submission

_TICK_SECONDS = 0.1
_LOOK_SECONDS = 1.0
_GONE_SECONDS = 2.0
"""Seconds that a pool has, after its process has ended, to report that itself or to bring an answer it still had."""
_SILENT_SECONDS = 30.0
"""Seconds that a pool has to bring the answer of a call that has ended. With a timeout, it has until that is over."""


class PoolClocks:
    """Watches the submissions of one executor that have a slot on the board. The thread that takes answers calls it."""

    def __init__(self, runs: RunsForClocks) -> None:
        self._runs = runs
        self._owner = runs.owner
        self._lock = threading.Lock()
        self._moved = False  # whether it was logged that a pool had stopped
        self._next: float | None = None  # when to look; guarded by the lock

    def expect(self, submission: Submission) -> bool:
        """Plan to look at this submission in time; return whether that is sooner than what was planned before."""
        if submission.slot < 0 or submission.here:
            return False
        hurried = submission.timeout is not None or submission.orphaned is not None
        at = monotonic() + (_TICK_SECONDS if hurried else _LOOK_SECONDS)
        with self._lock:
            if self._next is not None and self._next <= at:
                return False
            self._next = at
            return True

    def pause(self) -> float | None:
        """Return in how many seconds to look again, ``None`` where there is nothing to look at."""
        at = self._next
        return None if at is None else max(0.0, at - monotonic())

    def look_safely(self) -> None:
        """Look at all submissions once, if it is time to. Never raises."""
        with self._lock:
            if self._next is None or self._next > monotonic():
                return
            self._next = None
        for submission in self._runs.open():
            if submission.slot < 0 or submission.here:
                continue
            try:
                self._look_at(submission)
            except BaseException as exc:  # noqa: BLE001 - a pool, a listener, a log handler: anyone's
                tell_own_error(self._owner, exc)
            self.expect(submission)

    def _look_at(self, submission: Submission) -> None:
        seen, now = submission.seen(), monotonic()
        if not seen.begun:
            self._move(submission.pool)
            return
        if self._is_overdue(submission, seen, now):
            self._leave_behind(submission, seen)
        elif submission.orphaned is not None:
            self._runs.settling.look_after(submission)
        else:
            self._look_for_silence(submission, seen, now)

    def _move(self, pool: Any) -> None:
        """Make a pool in which calls wait start a process if it lacks one, and log that once."""
        if moved_on(pool) and not self._moved:
            self._moved = True
            self._owner._logger.warning(
                "the pool of executor %r has ended all its processes by max_tasks_per_child and started no other, "
                "though calls wait in it: it was made to",
                self._owner._alias,
            )

    def _is_overdue(self, submission: Submission, seen: Seen, now: float) -> bool:
        if submission.timeout is None or not seen.is_running:
            return False
        grace: float = self._owner.timeout_grace
        return now - seen.started > submission.timeout + grace / 2

    def _look_for_silence(self, submission: Submission, seen: Seen, now: float) -> None:
        """Settle a call that has ended, or whose process has, if the pool's future has been silent for too long."""
        has_ended = seen.ended >= len(submission.fires)
        if not has_ended and not is_gone(seen.pid):
            submission.changed_at = 0.0
            return
        since = submission.changed_at = submission.changed_at or now
        patience = _GONE_SECONDS
        if has_ended:
            patience = _SILENT_SECONDS
            if submission.timeout is not None:
                left = seen.started + submission.timeout - since
                patience = max(0.0, left) + self._owner.timeout_grace / 2
        if now - since < patience:
            return
        why = "its pool did not bring the answer"
        if not has_ended:
            why = f"process {seen.pid}, which ran the job, is gone, and its pool does not say so"
        self._runs.settling.settle_as_seen(submission, WorkerDiedError(why))

    def _leave_behind(self, submission: Submission, seen: Seen) -> None:
        """Settle a fire time that runs beyond its timeout because its process does not end it."""
        claim, index = submission.claim, seen.latest
        if submission.board is not None:
            submission.board.limit(submission.slot, index + 1)  # it must not go on if it comes back
        why = JobTimeoutError(
            f"what followed did not end within its timeout of {claim.job.timeout} s"
        )
        self._runs.settling.settle_begun(submission, seen, why)
        renewed = self._retire(submission)
        self._owner._logger.error(
            "job %s was told to stop at its timeout of %s s and does not: %s",
            claim.job.id,
            submission.timeout,
            "the process that runs it is given up"
            if renewed
            else f"the worker of the pool that runs it, in process {seen.pid}, stays busy until it ends",
        )
        submission.stuck = True
        self._runs.forget(submission)
        if claim.unsettled:
            try:
                self._runs.send(claim)
            except BaseException as exc:  # noqa: BLE001 - a pool of someone else may raise anything
                drop(claim, self._owner._now_us(), exc)
        else:
            claim.sink.release(claim)

    # -- pools that can be built again ---------------------------------------------------------------------

    def _retire(self, submission: Submission) -> bool:
        """Give new work to a new pool, if there can be one; return whether there is. The old pool ends later."""
        pool = submission.pool
        if self._runs.pool is not pool:
            return True
        if not processes_of(pool) or not self._runs.source.retire(pool):
            return False
        ender = threading.Thread(target=self._end_pool, args=(pool,), daemon=True)
        with suppress(RuntimeError):
            ender.start()
        return True

    def _end_pool(self, pool: Any) -> None:
        """End a retired pool when no call runs in it any more, except those that were given up."""
        processes = processes_of(pool)
        self._runs.wait_until(lambda: not self._at_work(pool))
        for submission in self._runs.open():
            if submission.pool is pool:
                submission.revoke()  # it must not begin here any more
        self._runs.wait_until(lambda: not self._at_work(pool))
        for process in processes:
            process.kill()  # what had not begun is sent to the new pool then
        end_pool(pool, wait=False)

    def _at_work(self, pool: Any) -> bool:
        """Return whether calls are under way in the pool."""
        return any(
            each.pool is pool and (each.slot < 0 or each.seen().begun) for each in self._runs.open()
        )
