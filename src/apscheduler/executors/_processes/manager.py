"""Manages the workers of a pool of processes in one thread: starts them, gives them calls, and takes their answers.

A worker gets one call at a time, unless its jobs are known to be very short. If one of those turns out slow, the calls
that wait behind it are taken back (see ``clocks.py``). If a worker dies, only the fire time that it was running
fails; the calls that it had not begun go to another worker. Only this thread changes the state here, except for waking.
"""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from apscheduler.clocks import monotonic
from apscheduler.executors._attempt.calling import drop, failed, tell_own_error
from apscheduler.executors._processes.answers import facts_of, take_answer
from apscheduler.executors._processes.clocks import (
    TAKE_BACK_SECONDS,
    end_hung,
    overdue_at,
    taken_back,
)
from apscheduler.executors._processes.deaths import exit_text, settle_dead
from apscheduler.executors._processes.durations import SHORT_SECONDS, Durations
from apscheduler.executors._processes.starts import ATTEMPTS, WorkerStarts
from apscheduler.executors._processes.worker import Sent, WorkerProcess
from apscheduler.executors._threads.runner import UnderWay
from apscheduler.executors._wire import calls as remote
from apscheduler.executors._wire.board import NO_LIMIT, Board
from apscheduler.executors._wire.errors import said, unpack_error
from apscheduler.executors.base import WorkerDiedError, begin_all
from apscheduler.history.outcomes import Outcome
from apscheduler.history.reasons import all_busy
from apscheduler.runs.claims import Claim
from apscheduler.runs.raised import set_cause

if TYPE_CHECKING:
    from apscheduler.executors._processes.pool import ProcessPool

BATCH_SECONDS = 0.004
BATCH_CALLS = 100
_END_SECONDS = 5.0


class ProcessManager:
    """Gives what its pool has queued to worker processes.

    :ivar workers: changed by the manager's thread only; other threads may copy it
    :ivar warm_up: whether to start a worker even if nothing is queued
    """

    def __init__(self, pool: ProcessPool, starts: WorkerStarts) -> None:
        self._pool = pool
        self._starts = starts
        self._queue = pool.queue
        self.workers: list[WorkerProcess] = []
        self.warm_up = False
        self._free_slots = list(range(pool._max_workers))
        self._numbers = count()
        self._durations = Durations()
        self._board: Board | None = None
        self._asleep = False
        self._waker: Connection | None = None
        self._wakened: Connection | None = None

    # -- called from anywhere --------------------------------------------------------------------------

    def open(self) -> None:
        """Open the pipe by which other threads wake the manager. Called before it runs."""
        self._wakened, self._waker = multiprocessing.Pipe(duplex=False)

    def wake(self, *, surely: bool = False) -> None:
        """Wake the manager, so that it looks at the queue.

        :param surely: whether to wake it even if it seems awake, because it may have looked at the queue already
        """
        if (self._asleep or surely) and self._waker is not None:
            self._asleep = False
            with suppress(OSError):  # the thread is just ending
                self._waker.send_bytes(b"!")

    def under_way(self) -> list[UnderWay]:
        """Return what runs, each with its fire time and since when (a snapshot)."""
        found: list[UnderWay] = []
        board, now = self._board, self._pool.owner._now_us()
        for worker in list(self.workers):
            number = -1 if board is None else board.number(worker.slot)
            for sent in worker.sent.copy():
                if board is not None and sent.number == number:
                    index, started = board.start(worker.slot)
                    if started and index < len(sent.fires):
                        began = now - round((monotonic() - started) * 1e6)
                        found.append((sent.claim, sent.fires[index], began))
        return found

    def running_count(self) -> int:
        """Return how many workers have something to do."""
        return sum(bool(worker.sent) for worker in list(self.workers))

    # -- the thread ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Give calls and take answers until the pool has closed and everything is done; then end the workers."""
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(
                signal.SIG_BLOCK, [signal.SIGINT]
            )  # inherited by starting workers
        while True:
            try:
                if self._turn():
                    break
            except BaseException as exc:  # noqa: BLE001 - no error may end this thread: all that is queued waits for it
                text = "executor %r met an error of its own and goes on"
                tell_own_error(self._pool.owner, exc, text)
        self._end()

    def _turn(self) -> bool:
        """Give calls, wait, take answers; return ``True`` when the pool has closed and everything is done."""
        self._give()
        if (
            self._pool.closing
            and not self._queue
            and not any(worker.sent for worker in self.workers)
        ):
            return True
        self._asleep = True
        pause = 0.0 if self._queue and self._can_give() else self._pause()
        handles: list[Any] = [self._wakened]
        for worker in self.workers:
            handles += (worker.pipe, worker.process.sentinel)
        ready = set(wait(handles, pause))
        self._asleep = False
        if self._wakened in ready and self._wakened is not None:
            self._wakened.recv_bytes()
        for worker in list(self.workers):
            if worker.pipe in ready:
                self._take(worker)
            elif worker.process.sentinel in ready:
                self._bury(worker)
        self._check_clocks()
        return False

    def _pause(self) -> float | None:
        """Return for how many seconds to wait at most; ``None`` means without limit."""
        now = monotonic()
        pauses = [self._starts.pause] if self._queue and self._starts.pause else []
        for worker in self.workers:
            if not worker.sent:
                continue
            if worker.sent[0].timeout is not None:
                pauses.append(max(0.01, overdue_at(worker, self._board, self._grace) - now))
            if len(worker.sent) > 1 and not worker.taken_back:
                pauses.append(TAKE_BACK_SECONDS)
        return max(0.0, min(pauses)) if pauses else None

    # -- giving ------------------------------------------------------------------------------------------------

    def _can_give(self) -> bool:
        """Return whether a queued call can be given, or a worker started for it, without waiting."""
        return any(worker.is_free for worker in self.workers) or (
            self._wants_worker() and not self._starts.pause
        )

    def _wants_worker(self) -> bool:
        booting = sum(not worker.ready for worker in self.workers)
        return bool(self._free_slots) and booting < len(self._queue)

    def _give(self) -> None:
        if self.warm_up:
            self.warm_up = False
            if not self.workers:
                self._start_worker()
        for worker in self.workers:
            if not self._queue:
                return
            if worker.is_free:
                self._send(worker)
        if not self._queue:
            return
        if self._wants_worker() and not self._starts.pause:
            self._start_worker()
        for worker in self.workers:
            if (
                self._queue
                and self._takes_more(worker)
                and self._durations.is_short(self._queue[0])
            ):
                self._send(worker)

    def _takes_more(self, worker: WorkerProcess) -> bool:
        """Return whether a busy worker may get calls in advance: those that it has are short, and few are left."""
        sent = worker.sent
        return (
            worker.ready
            and not worker.leaving
            and not worker.taken_back
            and 0 < len(sent) <= BATCH_CALLS // 2
            and sent[-1].timeout is None
            and self._durations.of(sent[-1].claim.job) < SHORT_SECONDS
            and self._durations.of(sent[0].claim.job) < SHORT_SECONDS
        )

    def _send(self, worker: WorkerProcess) -> None:
        """Send the worker the next call, or several short ones in one message."""
        batch: list[Sent] = []
        share = max(1, min(BATCH_CALLS, len(self._queue) // max(1, len(self.workers))))
        seconds = 0.0
        while self._queue and len(batch) < share and seconds < BATCH_SECONDS:
            short = self._durations.is_short(self._queue[0])
            if batch and not short:
                break
            if worker.calls_left is not None and len(batch) >= worker.calls_left:
                break
            sent = self._packed(self._queue.popleft())
            if sent is not None:
                batch.append(sent)
                seconds += self._durations.of(sent.claim.job)
            if not short:
                break
        if not batch:
            return
        worker.count_calls(len(batch))
        worker.sent.extend(batch)
        message = remote.pack_calls((sent.number, sent.blob, sent.facts) for sent in batch)
        for sent in batch:
            sent.blob = b""
        worker.write(message)

    def _packed(self, claim: Claim) -> Sent | None:
        if not begin_all(claim):
            return None
        fires = claim.unsettled
        if not fires:  # somebody has settled them at this moment
            claim.sink.release(claim)
            return None
        facts = facts_of(claim, fires)
        try:
            blob = remote.pack_call(claim.job, fires[0])
        except BaseException as exc:  # noqa: BLE001 - a user's __reduce__ may raise anything
            problem = TypeError(
                f"job {claim.job.id!r} cannot be sent to another process: its function or an argument "
                f"cannot be pickled ({said(exc)}); use a function of a module and plain arguments"
            )
            claim.close(Outcome.FAILED, self._pool.owner._now_us(), exception=problem)
            return None
        self._pool.owner._log_start(claim.job, fires[0])
        return Sent(next(self._numbers), claim, facts, blob)

    # -- taking --------------------------------------------------------------------------------------------------

    def _take(self, worker: WorkerProcess) -> None:
        try:
            while True:
                self._read(worker, worker.pipe.recv_bytes())
                if not worker.pipe.poll():
                    return
        except (EOFError, OSError):
            self._bury(worker)

    def _read(self, worker: WorkerProcess, message: bytes) -> None:
        told = remote.unpack_said(message)
        if isinstance(told, tuple):
            self._greet(worker, *told)
            return
        for number, answer, done in told:
            sent = worker.sent[0] if worker.sent else None
            if sent is None or sent.number != number:
                continue
            if answer is None:
                worker.sent.popleft()
                self._queue.appendleft(sent.claim)
                continue
            if done:
                worker.sent.popleft()
            self._settle_safely(sent, answer, done=done)
        if not worker.sent and worker.taken_back and self._board is not None:
            worker.taken_back = False
            self._board.limit(worker.slot, NO_LIMIT)

    def _settle_safely(self, sent: Sent, answer: remote.Answer, *, done: bool) -> None:
        """Settle the answer's fire time. After an error of ours, that fire time fails and the claim is let go."""
        try:
            self._settle(sent, answer, done=done)
        except BaseException as exc:  # noqa: BLE001 - from a listener, a store or an exception's own methods
            tell_own_error(self._pool.owner, exc)
            claim, now = sent.claim, self._pool.owner._now_us()
            with suppress(BaseException):
                claim.sink.settle(claim, failed(answer.fire, answer.started, now, exc))
            if done:
                drop(claim, now, exc)

    def _settle(self, sent: Sent, answer: remote.Answer, *, done: bool) -> None:
        claim = sent.claim
        if answer.outcome == remote.EXECUTED:
            fire, started, finished = answer.fire, answer.started, answer.finished
            if self._pool.owner._info:
                self._pool.owner._log_success(claim.job, fire, started, finished)
            self._durations.learn(claim.job, (finished - started) / 1e6)
        take_answer(claim, answer, self.why_late())
        if done:
            claim.sink.release(claim)

    def why_late(self) -> str:
        """Return why something waited for a worker."""
        if self.running_count() >= self._pool._max_workers:
            return all_busy(self._pool._max_workers, self._pool.owner._alias)
        return f"it waited for a worker process of executor {self._pool.owner._alias!r}"

    # -- beginnings and ends of workers --------------------------------------------------------------------------------

    def _start_worker(self) -> None:
        if self._board is None:
            self._board = Board.make(self._pool._max_workers)
        slot = self._free_slots.pop()
        self._board.clear(slot)
        name = f"apscheduler-{self._pool.owner._alias}-{slot}"
        try:
            worker = self._starts.start(name, slot, self._board.path, self.workers)
        except Exception as exc:  # noqa: BLE001 - whatever keeps it from starting
            self._free_slots.append(slot)
            self._start_failed(f"a worker process cannot be started: {said(exc)}", exc)
            return
        self.workers.append(worker)

    def _greet(self, worker: WorkerProcess, word: str, answer: Any) -> None:
        if word == remote.READY:
            worker.ready = True
            self._starts.failures = 0
            return
        worker.leaving = True
        exc = unpack_error(answer)[0]
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
        while self._queue:
            claim = self._queue.popleft()
            claim.close(Outcome.FAILED, self._pool.owner._now_us(), exception=problem)

    def _bury(self, worker: WorkerProcess) -> None:
        """Called when a worker has ended: settle or queue again each call that it had, and remove the worker."""
        if worker not in self.workers:
            return
        with suppress(EOFError, OSError):
            while worker.pipe.poll():
                self._read(worker, worker.pipe.recv_bytes())
        self.workers.remove(worker)
        worker.pipe.close()
        worker.process.join(_END_SECONDS)
        code = worker.process.exitcode
        if code is None:
            worker.process.kill()
        self._free_slots.append(worker.slot)
        if self._pool.closing and code == 0 and not self._queue and not worker.sent:
            return  # it was still starting when the pool had nothing more to do
        if not worker.ready and not worker.leaving:
            self._start_failed(
                f"a worker process ended ({exit_text(code)}) before it was ready; what it said is on stderr",
                None,
            )
        for claim in settle_dead(self._pool.owner, worker, self._board, code):
            self._queue.appendleft(claim)

    def _end(self) -> None:
        """Tell the workers to end, and kill those that do not."""
        self._pool.thread_ended()
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
        if self._board is not None:
            self._board.remove()
        for end in (self._waker, self._wakened):
            if end is not None:
                end.close()

    # -- clocks ---------------------------------------------------------------------------------------------------

    @property
    def _grace(self) -> float:
        return float(self._pool.owner.timeout_grace)

    def _check_clocks(self) -> None:
        board = self._board
        if board is None:
            return
        now = monotonic()
        for worker in list(self.workers):
            if not worker.sent:
                continue
            first = worker.sent[0]
            if first.timeout is not None:
                if not first.timed_out and overdue_at(worker, board, self._grace) <= now:
                    end_hung(self._pool.owner, worker, board)
            elif len(worker.sent) > 1 and not worker.taken_back:
                self._queue.extendleft(taken_back(worker, board, now))
