"""Runs a pool's calls in its threads of this process, with timeouts and log lines as in our own threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from apscheduler.executors._attempt.calling import drop
from apscheduler.executors._attempt.watchdog import Watchdog
from apscheduler.executors._foreign.kinds import has_our_threads, nothing
from apscheduler.executors._foreign.runner import PoolRunner

if TYPE_CHECKING:
    from apscheduler.executors._foreign.needs import RunsForThreads
    from apscheduler.executors._foreign.submission import Submission
    from apscheduler.runs.claims import Claim


class PoolThreads:
    """The runs of one executor in threads that are not ours."""

    def __init__(self, runs: RunsForThreads) -> None:
        self.owner = runs.owner
        self._runs = runs
        self._dog: Watchdog | None = None
        self._lock = threading.Lock()

    def run(self, submission: Submission) -> None:
        """Run a submission in the calling thread, unless it has begun already or may not begin any more."""
        if not submission.begin_here():
            return
        try:
            PoolRunner(self).run(submission.claim)
        finally:
            self._runs.forget(submission)

    def why_late(self) -> str:
        """Return why a run came late to its thread."""
        return self._runs.why_late()

    def watchdog(self) -> Watchdog:
        """Return the watchdog of these runs, which the first call makes."""
        with self._lock:
            if self._dog is None:
                self._dog = Watchdog(f"apscheduler-{self.owner._alias}", self.owner.timeout_grace)
            return self._dog

    def close(self) -> None:
        """End the watchdog as soon as nothing is watched any more."""
        if self._dog is not None:
            self._dog.close()

    def replace_thread(self, runner: PoolRunner, rest: Claim | None) -> str:
        """Give up a stuck thread, let the pool start another if it can, send the claim's rest; say what was done."""
        claim = runner.current
        for submission in self._runs.open():
            if submission.claim is claim and submission.here:
                submission.stuck = True
                self._runs.forget(submission)
        pool = self._runs.pool
        grows = has_our_threads(pool) and hasattr(pool, "_max_workers")
        if grows:
            pool._max_workers += 1
        try:
            if rest is not None:
                self._runs.send(rest)
            elif grows:
                pool.submit(nothing)  # lets it start the thread, if something waits
        except BaseException as exc:  # noqa: BLE001 - a pool of someone else may raise anything
            self._fail(rest, exc)
        return "its thread is left behind" + (", and the pool got another one" if grows else "")

    def _fail(self, rest: Claim | None, exc: BaseException) -> None:
        if rest is not None:
            drop(rest, self.owner._now_us(), exc)


def runs_here(ident: int) -> Any:
    """Return whether the thread with this number runs a claim for a pool that is not ours."""
    from apscheduler.runs.context import lane_workers

    return isinstance(lane_workers.get(ident), PoolRunner)
