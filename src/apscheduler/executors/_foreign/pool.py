"""Runs claims in a ``concurrent.futures`` pool of the user's, or in any object with such a ``submit``.

A pool is given a function and arguments. The standard library's pool of processes gets them as bytes (see ``_wire``);
every other pool gets the objects themselves, so that its own way of pickling applies. A future may be cancelled, lost
or silent while its call runs on. So there are two sources for what runs where: the pool's future, and our own board or
thread (see ``away.py``).
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from itertools import count
from typing import Any

from apscheduler.executors._foreign import at_exit, away
from apscheduler.executors._foreign.answers import PoolAnswers, started_us
from apscheduler.executors._foreign.calls import PoolCalls
from apscheduler.executors._foreign.clocks import PoolClocks
from apscheduler.executors._foreign.collecting import Collector
from apscheduler.executors._foreign.kinds import (
    Submit,
    end_pool,
    interpreter_is_ending,
    is_standard,
    no_ctrl_c_for_workers,
    nothing,
    wait_until,
)
from apscheduler.executors._foreign.runner import in_threads
from apscheduler.executors._foreign.source import PoolSource
from apscheduler.executors._foreign.submission import Submission
from apscheduler.executors._foreign.threads import PoolThreads, runs_here
from apscheduler.executors._threads.runner import UnderWay, under_way
from apscheduler.executors.base import InterpreterEndingError, cancel_interrupted
from apscheduler.history.reasons import all_busy
from apscheduler.runs.claims import Claim
from apscheduler.runs.context import caller_ident
from apscheduler.texts import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.executors._ending.waits import Claims
    from apscheduler.executors._foreign.needs import PoolOwner


class FutureRuns:
    """The claims that run in one pool.

    ``_lock`` guards the set of submissions; no code of the pool is called while it is held.

    :ivar key: a call that runs in a thread of this process finds this object by it
    """

    def __init__(self, owner: PoolOwner, pool: Any) -> None:
        self.owner = owner
        self.source = PoolSource(owner, pool)
        self.closed = False
        self.key = f"{os.getpid()}-{uuid.uuid4().hex}"
        self.threads = PoolThreads(self)
        self._calls = PoolCalls(self)
        self.settling = PoolAnswers(self)
        self.clocks = PoolClocks(self)
        self.collector = Collector(self)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._open: dict[int, Submission] = {}
        self._numbers = count(1)
        away.here[self.key] = self
        at_exit.watch(self)

    @property
    def pool(self) -> Any:
        """The pool that gets new work."""
        return self.source.pool

    def drives(self, pool: Any) -> bool:
        """Return whether what is submitted here goes to that pool, or to the one that took its place."""
        return pool is self.pool or pool is self.source.before

    def warm_up(self) -> None:
        """Have a pool of processes start now, so that the first run need not wait for that."""
        pool = self.pool
        if isinstance(pool, ProcessPoolExecutor):
            with (
                suppress(RuntimeError),
                no_ctrl_c_for_workers(pool),
            ):  # the first job tells what is wrong
                pool.submit(nothing)

    # -- in ---------------------------------------------------------------------------------------------

    def submit(self, items: Sequence[Claim]) -> list[tuple[Any, BaseException]]:
        """Hand the claims to the pool; return those that it refused, each with its exception."""
        if self.closed:
            raise RuntimeError("this executor was shut down")
        refused: list[tuple[Any, BaseException]] = []
        for claim in items:
            try:
                self.send(claim)
            except KeyboardInterrupt:
                first = items.index(claim) + (claim in self.in_flight())
                cancel_interrupted(items[first:], self.owner._now_us())
                raise
            except BaseException as exc:  # noqa: BLE001 - a pool of someone else may raise anything
                refused.append((claim, exc))
        return refused

    def send(self, claim: Claim, tries: int = 1) -> None:
        """Hand what is left of a claim to the pool; if that is broken, to a new pool."""
        pool, submit = self.source.current
        try:
            self._send_to(pool, submit, claim, tries)
        except RuntimeError as exc:  # what broken and closed pools raise
            if interpreter_is_ending():
                raise InterpreterEndingError from exc
            if not self.source.refused(pool, exc):
                raise
            self._send_to(*self.source.current, claim, tries)

    def _send_to(self, pool: Any, submit: Submit, claim: Claim, tries: int) -> None:
        submission = Submission(claim, pool, next(self._numbers), tries)
        call = self._calls.call_for(submission)
        if call is None:
            return
        with self._lock:
            self._open[submission.number] = submission
        try:
            with no_ctrl_c_for_workers(pool):
                future = submit(call, self._calls.limit_of(submission))
            self._listen(submission, future)
        except BaseException as exc:
            if submission.revoke():
                self.forget(submission)
                raise
            self._go_without_future(submission, exc)
            if isinstance(exc, KeyboardInterrupt):
                raise

    def _listen(self, submission: Submission, future: Any) -> None:
        """Take the future's answer when it comes.

        :raises TypeError: if the pool has returned something else than a future
        """
        if not hasattr(future, "add_done_callback"):
            pool, kind = type(submission.pool).__name__, type(future).__name__
            raise TypeError(f"{pool}.submit returned a {kind}, which is no future")
        submission.future = future
        self.collector.ensure_thread()
        future.add_done_callback(lambda done: self.collector.answered(submission, done))
        if self.clocks.expect(submission):
            self.collector.wake()  # it has to look at the clock from now on

    def _go_without_future(self, submission: Submission, why: BaseException) -> None:
        """Called if ``submit`` raised after the call had begun: rely on the board or the thread for its outcome."""
        submission.future = None
        self.collector.ensure_thread()
        failed: Future[None] = Future()
        failed.set_exception(why)
        self.collector.answered(submission, failed)

    def run_here(self, number: int) -> None:
        """Run the submission with this number in the calling thread, a thread of the pool in this process."""
        submission = self._open.get(number)
        if submission is not None:
            self.threads.run(submission)

    # -- out ------------------------------------------------------------------------------------------------

    def forget(self, submission: Submission) -> None:
        """Drop a submission that its claim does not need any more, and free its slot on the board."""
        submission.future = None  # its callback holds the submission
        with self._changed:
            self._open.pop(submission.number, None)
            slot, submission.slot = submission.slot, -1
            self._changed.notify_all()
        if slot >= 0 and submission.board is not None:
            submission.board.take_back(slot)
        if self.closed:
            self.collector.wake()

    def wait_until(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait until the condition holds, and return whether it does; it is tested when a submission is dropped."""
        return wait_until(condition, self._changed, self.pool, seconds)

    def wait_until_empty(self, seconds: float | None = None) -> None:
        """Wait until nothing is in the pool."""
        self.wait_until(lambda: not self._open, seconds)

    # -- the end -----------------------------------------------------------------------------------------------------

    def shutdown(self, wait: bool) -> None:
        """Take nothing more; with ``wait``, return when everything that was submitted has ended.

        Without ``wait``, a pool that is not the standard library's is shut down only after its last run has ended: to
        shut it down earlier would cancel what runs in some pools, and block in others.
        """
        self.closed = True
        here = threading.current_thread()
        wait = wait and here is not self.collector.thread and not runs_here(caller_ident())
        if wait:
            self.wait_until_empty()
        self.threads.close()
        may_wait = not wait and bool(self._open) and not is_standard(self.pool)
        later = may_wait and self.collector.takes_end_over()
        self.collector.wake()
        if not later:
            end_pool(self.pool, wait=wait)
        if wait:
            self._calls.close()

    # -- what others ask ------------------------------------------------------------------------------------------

    def open(self) -> list[Submission]:
        """Return the submissions that are in the pool (a snapshot, taken in one step)."""
        return list(self._open.values())

    def in_flight(self) -> list[Claim]:
        """Return the claims that are in the pool (a snapshot)."""
        return [submission.claim for submission in self.open()]

    def waited_for(self) -> Claims:
        """Return the claims that the pool's end waits for, each with its job in words."""
        return {claim: name_of(claim.job) for claim in self.in_flight()} | in_threads(self.threads)

    def under_way(self) -> list[UnderWay]:
        """Return what is known to run, each with its fire time and since when."""
        return [found for each in self.open() if (found := self._under_way(each))]

    def _under_way(self, submission: Submission) -> UnderWay | None:
        claim, seen = submission.claim, submission.seen()
        if submission.here:
            return under_way(claim)
        if not seen.is_running or seen.latest >= len(submission.fires):
            return None
        started = started_us(seen.started, self.owner._now_us())
        return claim, submission.fires[seen.latest], started

    def busy_count(self) -> int:
        """Return how many items are running or waiting."""
        return len(self._open)

    def running_count(self) -> int:
        """Return how many claims run, as far as is known."""
        return sum(map(_is_running, self.open()))

    def why_late(self) -> str:
        """Return why something waited in this pool."""
        workers = getattr(self.pool, "_max_workers", None)
        if workers is not None and len(self._open) >= workers:
            return all_busy(workers, self.owner._alias)
        return f"it waited in the pool of executor {self.owner._alias!r}"


def _is_running(submission: Submission) -> bool:
    if submission.here or submission.seen().is_running:
        return True
    running = getattr(submission.future, "running", None)
    return running is not None and bool(running())
