"""Runs in a ``concurrent.futures`` pool of the user's, or in anything that has its ``submit``.

Three kinds of pools: the standard library's threads (jobs run there as in our own threads, timeouts included), the
standard library's processes (jobs travel as bytes, see ``_remote``), and everyone else's (function and arguments are
given to the pool as they are, so that its own way of pickling applies).

Futures are answered on one thread of ours: a listener that shuts the scheduler down must not stand in the pool's own
thread. That thread also looks after timeouts in processes that do not answer.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import (
    BrokenExecutor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from apscheduler.executors import _remote
from apscheduler.executors._answers import facts_of, fail_rest, take_answer
from apscheduler.executors._attempt import timed_out, timeout_of
from apscheduler.executors._board import Board
from apscheduler.executors._foreign_pools import (
    no_ctrl_c_for_workers,
    nothing,
    processes_of,
    rebuilt,
    revived,
    wait_for_end,
)
from apscheduler.executors._pool_runner import PoolRunner
from apscheduler.executors._runner import Rest
from apscheduler.executors._watchdog import Watchdog
from apscheduler.executors.base import WorkerDiedError, cancel_interrupted
from apscheduler.runs.claims import Claim, Result
from apscheduler.runs.context import lane_workers
from apscheduler.runs.outcomes import Outcome

_TICK_SECONDS = 0.1
_SLOTS = 1024
_TRIES = 3


class Submission:
    """One claim (or what is left of it) in the pool."""

    __slots__ = (
        "claim",
        "first",
        "future",
        "pool",
        "raw",
        "slot",
        "stuck",
        "timeout",
        "tries",
    )

    def __init__(self, claim: Claim, first: int, pool: Any) -> None:
        self.claim = claim
        self.first = first
        self.pool = pool
        self.tries = 1
        self.raw = False
        self.slot = -1
        self.stuck = False
        self.timeout = timeout_of(claim.job)
        self.future: Any = None


class FutureRuns:
    """The claims that run in one pool.

    ``_lock`` guards the set of submissions and the exchange of the pool; it is held over no foreign call.
    """

    def __init__(self, owner: Any, pool: Any) -> None:
        self.owner = owner
        self.pool = revived(pool)
        self.closed = False
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._open: set[Submission] = set()
        self._answers: SimpleQueue[tuple[Submission, Any] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._dog: Watchdog | None = None
        self._board: Board | None = None
        self._slots = deque(range(_SLOTS))

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
        """Hand the claims to the pool; return those that it refused, with why."""
        if self.closed:
            raise RuntimeError("this executor was shut down")
        refused: list[tuple[Any, BaseException]] = []
        for claim in items:
            try:
                self._send(claim, 0)
            except KeyboardInterrupt:
                cancel_interrupted(items[items.index(claim) :], self.owner._now_us())
                raise
            except BaseException as exc:  # noqa: BLE001 - a pool of someone else may raise anything
                refused.append((claim, exc))
        return refused

    def _send(self, claim: Claim, first: int, tries: int = 1) -> None:
        pool = self.pool
        try:
            self._send_to(pool, claim, first, tries)
        except BrokenExecutor as exc:
            self._rebuild(pool, exc)
            if self.pool is pool:
                raise
            self._send_to(self.pool, claim, first, tries)

    def _send_to(self, pool: Any, claim: Claim, first: int, tries: int) -> None:
        submission = Submission(claim, first, pool)
        submission.tries = tries
        call = self._call_for(submission)
        if call is None:
            return
        self.owner._log_start(claim.job, claim.fires[first])
        with self._lock:
            self._open.add(submission)
        try:
            with no_ctrl_c_for_workers(pool):
                future = pool.submit(*call)
        except BaseException:
            self._forget(submission)
            raise
        submission.future = future
        self._ensure_thread()
        future.add_done_callback(lambda done: self._answered(submission, done))
        if submission.timeout is not None and submission.slot >= 0:
            self._answers.put(None)  # the thread has to look at the clock from now on

    def _call_for(self, submission: Submission) -> tuple[Any, ...] | None:
        """Return function and arguments for the pool; ``None`` if the job cannot go there and was settled."""
        claim, pool = submission.claim, submission.pool
        if isinstance(pool, ThreadPoolExecutor):
            return (self._run_in_thread, submission)
        facts = facts_of(claim, submission.first)
        if not isinstance(pool, ProcessPoolExecutor):
            submission.raw = True
            job = claim.job
            return (_remote.run_object, job.func, job.args, job.kwargs, facts)
        try:
            blob = _remote.pack_call(claim.job, claim.fires[submission.first])
        except BaseException as exc:  # noqa: BLE001 - a user's __reduce__ may raise anything
            self.refuse_unpicklable(claim, facts[2], exc)
            return None
        with self._lock:
            if self._board is None:
                self._board = Board.make(_SLOTS)
            if not self._slots:  # so many are waiting that nobody can tell which have begun
                return (_remote.run_call, blob, facts)
            submission.slot = self._slots.popleft()
        self._board.clear(submission.slot)
        return (_remote.run_marked, blob, facts, self._board.path, submission.slot)

    def refuse_unpicklable(self, claim: Claim, fires: list[int], exc: BaseException) -> None:
        """Settle a claim whose function or arguments do not pickle."""
        problem = TypeError(
            f"job {claim.job.id!r} cannot be sent to another process: its function or an argument cannot "
            f"be pickled ({_remote.said(exc)}); use a function of a module and plain arguments"
        )
        fail_rest(claim, fires, self.owner._now_us(), problem)
        claim.sink.release(claim)

    # -- threads ------------------------------------------------------------------------------------------

    def _run_in_thread(self, submission: Submission) -> None:
        PoolRunner(self).run(submission.claim, submission.first)

    def watchdog(self) -> Watchdog:
        """Return who watches timeouts on the pool's threads."""
        with self._lock:
            if self._dog is None:
                self._dog = Watchdog(f"apscheduler-{self.owner._alias}", self.owner.timeout_grace)
            return self._dog

    def replace_thread(self, runner: PoolRunner, rest: Rest | None) -> str:
        """Let the pool have one thread more, and send it the rest of the claim."""
        claim = runner.current
        with self._changed:
            for submission in list(self._open):
                if submission.claim is claim:
                    submission.stuck = True
                    self._open.discard(submission)
            self._changed.notify_all()
        pool = self.pool
        if not isinstance(pool, ThreadPoolExecutor):
            return "its thread is left behind"
        pool._max_workers += 1
        try:
            if rest is not None and not self.closed:
                self._send(rest.claim, rest.first)
            else:
                pool.submit(nothing)  # lets it start the thread, if something waits
        except RuntimeError as exc:
            if rest is not None:
                fail_rest(rest.claim, rest.claim.unsettled, self.owner._now_us(), exc)
                rest.claim.sink.release(rest.claim)
        return "its thread is left behind, and the pool got another one"

    # -- out ------------------------------------------------------------------------------------------------

    def _answered(self, submission: Submission, future: Any) -> None:
        if self._thread is None:
            self._take_answer(submission, future)
        else:
            self._answers.put((submission, future))

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._thread is not None or self.closed:
                return
            thread = threading.Thread(
                target=self._collect, name=f"apscheduler-{self.owner._alias}-answers", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending: answers are taken where they come
                return
            self._thread = thread

    def _collect(self) -> None:
        while True:
            timed = any(s.timeout is not None and s.slot >= 0 for s in self._open.copy())
            with suppress(Empty):
                answer = self._answers.get(timeout=_TICK_SECONDS if timed else None)
                if answer is not None:
                    self._take_answer_safely(*answer)
            if timed:
                self._check_timeouts_safely()
            if self.closed and self._done():
                return

    def _done(self) -> bool:
        with self._lock:
            if self._open or not self.closed or not self._answers.empty():
                return False
            self._thread = None
            return True

    def _take_answer_safely(self, submission: Submission, future: Any) -> None:
        try:
            self._take_answer(submission, future)
        except BaseException:
            self.owner._logger.exception("executor %r met an error of its own", self.owner._alias)

    def _take_answer(self, submission: Submission, future: Any) -> None:
        try:
            self._settle(submission, future)
        finally:
            self._forget(submission)

    def _settle(self, submission: Submission, future: Any) -> None:
        claim = submission.claim
        if submission.stuck:
            self._note_late(submission)
            return
        if future.cancelled():
            self._settle_cancelled(claim)
            claim.sink.release(claim)
            return
        if (exc := future.exception()) is not None:
            if isinstance(exc, BrokenExecutor):
                self._rebuild(submission.pool, exc)
                if self._send_again(submission):
                    return
                exc = _died(exc)
            fail_rest(claim, claim.unsettled, self.owner._now_us(), exc)
        elif (answers := future.result()) is not None:
            if not answers and claim.unsettled and not self.closed:
                self._send(claim, submission.first)  # it was kept from beginning in a retired pool
                return
            for answer in answers:
                if answer[1] == _remote.EXECUTED:
                    self.owner._log_success(claim.job)
                take_answer(claim, answer, self.why_late(), raw=submission.raw)
        else:
            return  # a thread of the pool ran it and has told everything itself
        claim.sink.release(claim)

    def _send_again(self, submission: Submission) -> bool:
        """Send a claim of a broken pool to the new one, if it is sure that it had not begun."""
        board, pool = self._board, submission.pool
        if board is None or submission.slot < 0 or self.closed or self.pool is pool:
            return False
        wait_for_end(pool)  # until then a process of it might still begin with it
        if board.number(submission.slot) != -1 or submission.tries >= _TRIES:
            return False
        try:
            self._send(submission.claim, submission.first, submission.tries + 1)
        except RuntimeError:
            return False
        return True

    def _note_late(self, submission: Submission) -> None:
        if isinstance(submission.pool, ThreadPoolExecutor):
            return  # its runner has said so
        self.owner._logger.warning(
            "job %s has ended after all, long after its timeout; its outcome stays timed out",
            submission.claim.job.id,
        )

    def _settle_cancelled(self, claim: Claim) -> None:
        now = self.owner._now_us()
        for fire in claim.unsettled:
            reason = "the pool was shut down before it came to this run"
            claim.sink.settle(claim, Result(fire, Outcome.CANCELLED, 0, now, reason=reason))

    def _forget(self, submission: Submission) -> None:
        submission.future = None  # its callback holds the submission
        with self._changed:
            self._open.discard(submission)
            if submission.slot >= 0:
                self._slots.append(submission.slot)
                submission.slot = -1
            self._changed.notify_all()

    # -- timeouts in processes ---------------------------------------------------------------------------------

    def _check_timeouts_safely(self) -> None:
        try:
            self._check_timeouts()
        except Exception:
            self.owner._logger.exception("executor %r met an error of its own", self.owner._alias)

    def _check_timeouts(self) -> None:
        """Settle what runs beyond its timeout in a process that does not end it itself."""
        board = self._board
        if board is None:
            return
        now = monotonic()
        for submission in self._open.copy():
            if submission.slot < 0 or submission.timeout is None:
                continue
            index, started = board.start(submission.slot)
            if started and now - started > submission.timeout + self.owner.timeout_grace / 2:
                self._leave_behind(submission, index, started)

    def _leave_behind(self, submission: Submission, index: int, started: float) -> None:
        claim = submission.claim
        if self._board is not None:
            self._board.limit(submission.slot, index + 1)  # it must not go on if it comes back
        submission.slot = -1
        submission.stuck = True
        fires = facts_of(claim, submission.first)[2]
        now = self.owner._now_us()
        begun = now - round((monotonic() - started) * 1e6)
        for fire in fires[index : index + 1]:
            claim.sink.settle(claim, timed_out(claim.job, fire, begun, now))
        self.owner._logger.error(
            "job %s was told to stop at its timeout of %s s and does not: the process that runs it is given up",
            claim.job.id,
            submission.timeout,
        )
        rest = fires[index + 1 :]
        self._forget(submission)
        self._retire(submission.pool)
        if rest:
            with suppress(ValueError, RuntimeError):
                self._send(claim, claim.fires.index(rest[0]))
        else:
            claim.sink.release(claim)

    def _retire(self, pool: Any) -> None:
        """Give new work to a new pool; the old one ends when only stuck processes are left in it."""
        with self._lock:
            if self.pool is not pool:
                return
            fresh = rebuilt(pool)
            if fresh is None:
                return
            self.pool = self.owner._pool = fresh
        ender = threading.Thread(target=self._end_pool, args=(pool,), daemon=True)
        with suppress(RuntimeError):
            ender.start()

    def _end_pool(self, pool: Any) -> None:
        """End a retired pool when nothing is at work in it but what was given up."""
        processes = processes_of(pool)
        with self._changed:
            self._changed.wait_for(lambda: not any(self._at_work(s, pool) for s in self._open))
            board = self._board
            for submission in self._open:
                if board is not None and submission.pool is pool and submission.slot >= 0:
                    board.limit(submission.slot, 0)  # it must not begin here any more
            self._changed.wait_for(lambda: not any(self._at_work(s, pool) for s in self._open))
        for process in processes:
            process.kill()  # what had not begun is sent to the new pool then
        pool.shutdown(wait=False)

    def _at_work(self, submission: Submission, pool: Any) -> bool:
        if submission.pool is not pool:
            return False
        board = self._board
        return board is None or submission.slot < 0 or board.number(submission.slot) != -1

    # -- pools that broke ----------------------------------------------------------------------------------------

    def _rebuild(self, pool: Any, exc: BaseException) -> None:
        """Put a pool with the same options in the place of a broken one."""
        with self._lock:
            if self.pool is not pool or self.closed:
                return
            fresh = rebuilt(pool)
            if fresh is not None:
                self.pool = self.owner._pool = fresh
        self.owner._logger.error(
            "the pool of executor %r is broken (%s): %s",
            self.owner._alias,
            exc,
            "it cannot be built again, give the scheduler another one"
            if fresh is None
            else "it was built again with the same options",
        )

    # -- the end -----------------------------------------------------------------------------------------------------

    def shutdown(self, wait: bool) -> None:
        """Take nothing more; ``wait``: until everything submitted has ended."""
        self.closed = True
        here = threading.current_thread()
        own = here is self._thread or isinstance(lane_workers.get(here.ident or 0), PoolRunner)
        wait = wait and not own
        if wait:
            with self._changed:
                self._changed.wait_for(lambda: not self._open)
        self._answers.put(None)
        if self._dog is not None:
            self._dog.close()
        pool_shutdown = getattr(self.pool, "shutdown", None)
        if pool_shutdown is not None:
            pool_shutdown(wait=wait)
        if wait and self._board is not None:
            self._board.remove()

    # -- what others ask ------------------------------------------------------------------------------------------

    def in_flight(self) -> list[Any]:
        """Return the claims that are in the pool (a snapshot)."""
        return [submission.claim for submission in self._open.copy()]

    def busy_count(self) -> int:
        """Return how many items are running or waiting."""
        return len(self.in_flight())

    def running_count(self) -> int:
        """Return how many claims run, as far as the pool says."""
        futures = [submission.future for submission in self._open.copy()]
        return sum(future is not None and future.running() for future in futures)

    def why_late(self) -> str:
        """Return why something waited in this pool."""
        workers = getattr(self.pool, "_max_workers", None)
        if workers is not None and len(self._open) >= workers:
            return f"all {workers} workers of executor {self.owner._alias!r} were busy"
        return f"it waited in the pool of executor {self.owner._alias!r}"


def _died(exc: BaseException) -> WorkerDiedError:
    died = WorkerDiedError(
        f"the process that ran the job, or one beside it in its pool, ended: {exc}"
    )
    died.__cause__ = exc
    return died
