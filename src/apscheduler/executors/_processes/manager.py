"""Manages the workers of a pool of processes in one thread: has them given calls, and takes their answers.

A worker gets one call at a time, unless its jobs are known to be very short (``giving.py``). If one of those turns out
slow, the calls that wait behind it are taken back (``clocks.py``). If a worker dies, only the fire time that it was
running fails; what it had not begun goes to another worker (``deaths.py``). Only this thread changes the state here,
except for waking.
"""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from apscheduler.clocks import monotonic
from apscheduler.executors._attempt.answers import take_answer
from apscheduler.executors._attempt.calling import drop, failed, tell_own_error
from apscheduler.executors._processes.clocks import (
    TAKE_BACK_SECONDS,
    end_hung,
    overdue_at,
    taken_back,
)
from apscheduler.executors._processes.crew import Crew
from apscheduler.executors._processes.deaths import settle_dead
from apscheduler.executors._processes.durations import Durations
from apscheduler.executors._processes.giving import Giving
from apscheduler.executors._wire.calls import EXECUTED, answer_from, unpack_said
from apscheduler.executors._wire.cells import NO_LIMIT
from apscheduler.history.reasons import all_busy

if TYPE_CHECKING:
    from apscheduler.executors._processes.needs import Managed
    from apscheduler.executors._processes.starts import WorkerStarts
    from apscheduler.executors._processes.worker import Sent, WorkerProcess
    from apscheduler.executors._threads.runner import UnderWay
    from apscheduler.executors._wire.calls import Answer


class ProcessManager:
    """Has what its pool has queued given to worker processes, and takes their answers.

    :ivar crew: the workers
    :ivar warm_up: whether to start a worker even if nothing is queued
    """

    def __init__(self, pool: Managed, starts: WorkerStarts) -> None:
        self._pool = pool
        self._queue = pool.queue
        self.warm_up = False
        self.crew = Crew(pool, starts)
        self._durations = Durations()
        self._giving = Giving(pool, self.crew, self._durations)
        self._asleep = False
        self._waker: Connection | None = None
        self._wakened: Connection | None = None

    @property
    def workers(self) -> list[WorkerProcess]:
        """The workers; other threads than the manager's may copy the list."""
        return self.crew.workers

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
        board, now = self.crew.board, self._pool.owner._now_us()
        for worker in list(self.crew.workers):
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
        return sum(bool(worker.sent) for worker in list(self.crew.workers))

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
        if self.warm_up:
            self.warm_up = False
            if not self.workers:
                self.crew.start_worker()
        self._giving.give()
        if (
            self._pool.closing
            and not self._queue
            and not any(worker.sent for worker in self.workers)
        ):
            return True
        self._asleep = True
        pause = 0.0 if self._queue and self._giving.can_give() else self._pause()
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
        pauses = [self.crew.pause()] if self._queue and self.crew.pause() else []
        for worker in self.workers:
            if not worker.sent:
                continue
            if worker.sent[0].timeout is not None:
                pauses.append(max(0.01, overdue_at(worker, self.crew.board, self._grace) - now))
            if len(worker.sent) > 1 and not worker.taken_back:
                pauses.append(TAKE_BACK_SECONDS)
        return max(0.0, min(pauses)) if pauses else None

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
        told = unpack_said(message)
        if isinstance(told, tuple):
            self.crew.greeted(worker, *told)
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
            self._settle_safely(sent, answer_from(answer), done=done)
        if not worker.sent and worker.taken_back and self.crew.board is not None:
            worker.taken_back = False
            self.crew.board.limit(worker.slot, NO_LIMIT)

    def _settle_safely(self, sent: Sent, answer: Answer, *, done: bool) -> None:
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

    def _settle(self, sent: Sent, answer: Answer, *, done: bool) -> None:
        claim = sent.claim
        if answer.outcome == EXECUTED:
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

    def _bury(self, worker: WorkerProcess) -> None:
        """Called when a worker has ended: take its last answers, remove it, and queue again what it had not begun."""
        if worker not in self.workers:
            return
        with suppress(EOFError, OSError):
            while worker.pipe.poll():
                self._read(worker, worker.pipe.recv_bytes())
        code = self.crew.remove(worker)
        for claim in settle_dead(self._pool.owner, worker, self.crew.board, code):
            self._queue.appendleft(claim)

    def _end(self) -> None:
        """End the workers, and this thread."""
        self._pool.thread_ended()
        self.crew.end()
        for end in (self._waker, self._wakened):
            if end is not None:
                end.close()

    # -- clocks ---------------------------------------------------------------------------------------------------

    @property
    def _grace(self) -> float:
        return float(self._pool.owner.timeout_grace)

    def _check_clocks(self) -> None:
        board = self.crew.board
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
