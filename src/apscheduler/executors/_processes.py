"""Our own pool of processes: one pipe per worker, one thread that gives and takes.

Why not ``concurrent.futures``: there one killed worker breaks the pool and every run in it, what does not unpickle
kills it too, and a call costs 120 µs. Here each worker has a pipe of its own, everything of the user's travels as
bytes (see ``_remote``), and very short calls travel many in a message.

The rules of giving: a worker gets one call at a time, unless the jobs are known to be very short; if one of those
turns out slow, what waits behind it is taken back (see ``_board``). A worker that dies fails the fire time it was
in, and nothing else: what it had not begun goes to another worker. All state but ``queue`` and ``closing`` belongs
to the managing thread.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import multiprocessing.util  # its own exit function must be registered before ours, to run after it
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any
from weakref import WeakSet

from apscheduler.executors import _process_worker, _remote
from apscheduler.executors._answers import facts_of, fail_rest, take_answer
from apscheduler.executors._attempt import timed_out, timeout_of
from apscheduler.executors._board import NO_LIMIT, Board
from apscheduler.executors._runner import Rest
from apscheduler.executors.base import InterpreterEndingError, WorkerDiedError
from apscheduler.forks import after_fork
from apscheduler.runs.claims import Claim, Result
from apscheduler.runs.outcomes import Outcome

SHORT_SECONDS = 0.001
"""Calls that took less than this so far travel several in a message."""
BATCH_SECONDS = 0.004
BATCH_CALLS = 100
TAKE_BACK_SECONDS = 0.02
_KNOWN_JOBS = 10_000
_START_ATTEMPTS = 3
_LONGEST_BACKOFF = 30.0
_END_SECONDS = 5.0
_MESSAGE_BYTES = 32 * 1024
"""What fits into an empty pipe without waiting; larger messages are written by a thread of their own."""

_pools: WeakSet[ProcessPool] = WeakSet()
_exiting = False


@dataclass(slots=True)
class Sent:
    """One call on its way through a worker."""

    number: int
    claim: Claim
    fires: list[int]
    timeout: float | None
    blob: bytes = b""
    facts: Any = None
    timed_out: bool = False

    @property
    def function(self) -> str:
        """What is called, as far as durations are concerned: jobs of one function are alike."""
        return _function_of(self.claim.job)


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """One worker, seen from the managing thread."""

    process: Any
    pipe: Connection
    slot: int
    started: float
    ready: bool = False
    leaving: bool = False
    taken_back: bool = False
    calls_left: int | None = None
    sent: deque[Sent] = field(default_factory=deque)


class ProcessPool:
    """Processes that run claims."""

    def __init__(
        self,
        max_workers: int,
        mp_context: Any,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        max_tasks_per_child: int | None = None,
    ) -> None:
        self._max_workers = max_workers
        self._context = mp_context
        self._initializer = initializer
        self._initargs = initargs
        self._max_tasks = max_tasks_per_child
        self.owner: Any = None
        self.queue: deque[Claim | Rest] = deque()
        self.closing = False
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._workers: list[WorkerProcess] = []
        self._free_slots = list(range(self._max_workers))
        self._numbers = count()
        self._seconds: dict[str, float] = {}
        self._board: Board | None = None
        self._asleep = False
        self._warm_up = False
        self._main_file: str | None = None
        self._start_failures = 0
        self._start_after = 0.0
        self._waker: Connection | None = None
        self._wakened: Connection | None = None

    # -- called from anywhere --------------------------------------------------------------------------

    def start(self, owner: Any) -> None:
        """Make ready: one process starts now, so that the first run need not wait for it; others on demand."""
        self.owner = owner
        self._main_file = getattr(sys.modules.get("__main__"), "__file__", None)
        _pools.add(self)
        if not self.closing and not _is_reimporting():
            self._warm_up = True
            self._start_thread()
            self._wake()

    def submit(self, items: Sequence[Any]) -> None:
        """Queue the items.

        :raises RuntimeError: if the pool was shut down, or this process may not start processes yet
        """
        if self.closing:
            raise (
                InterpreterEndingError()
                if _exiting
                else RuntimeError("this executor was shut down")
            )
        if _is_reimporting():
            raise RuntimeError(
                "this process is still importing its main module and can start no processes"
            )
        self.queue.extend(items)
        if self._thread is None:
            self._start_thread()
        self._wake()

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None:
                self._wakened, self._waker = multiprocessing.Pipe(duplex=False)
                thread = threading.Thread(
                    target=self._manage,
                    name=f"apscheduler-{self.owner._alias}-processes",
                    daemon=True,
                )
                thread.start()
                self._thread = thread

    def _wake(self) -> None:
        if self._asleep and self._waker is not None:
            self._asleep = False
            with suppress(OSError):  # the thread is just ending
                self._waker.send_bytes(b"!")

    def shutdown(self, wait: bool) -> None:
        """Take nothing more; what is queued still runs. ``wait``: until all of it has ended."""
        self.closing = True
        thread = self._thread
        if thread is None:
            return
        self._asleep = True
        self._wake()
        if wait and thread is not threading.current_thread():
            thread.join()

    def kill(self) -> None:
        """End all processes now."""
        for worker in list(self._workers):
            worker.process.kill()

    def forked(self) -> None:
        """In a child process: the parent's workers are none of ours."""
        for worker in self._workers:
            worker.pipe.close()
        self.queue.clear()
        self.closing = True
        self._reset()

    def in_flight(self) -> list[Any]:
        """Return the claims that are queued or running (a snapshot)."""
        running = [sent.claim for worker in list(self._workers) for sent in worker.sent.copy()]
        waiting = [i.claim if isinstance(i, Rest) else i for i in self.queue.copy()]
        return running + waiting

    def busy_count(self) -> int:
        """Return how many items are running or waiting."""
        return len(self.in_flight())

    def running_count(self) -> int:
        """Return how many workers have something to do."""
        return sum(bool(worker.sent) for worker in list(self._workers))

    # -- the managing thread -------------------------------------------------------------------------------

    def _manage(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(
                signal.SIG_BLOCK, [signal.SIGINT]
            )  # inherited by starting workers
        while True:
            try:
                if self._turn():
                    break
            except Exception:
                self.owner._logger.exception(
                    "executor %r met an error of its own and goes on", self.owner._alias
                )
        self._end()

    def _turn(self) -> bool:
        """Give, wait, take; ``True`` when the pool has closed and everything is done."""
        self._give()
        if self.closing and not self.queue and not any(worker.sent for worker in self._workers):
            return True
        self._asleep = True
        pause = 0.0 if self.queue and self._can_give() else self._pause()
        handles: list[Any] = [self._wakened]
        for worker in self._workers:
            handles += (worker.pipe, worker.process.sentinel)
        ready = set(wait(handles, pause))
        self._asleep = False
        if self._wakened in ready and self._wakened is not None:
            self._wakened.recv_bytes()
        for worker in list(self._workers):
            if worker.pipe in ready:
                self._take(worker)
            elif worker.process.sentinel in ready:
                self._bury(worker)
        self._check_clocks()
        return False

    def _pause(self) -> float | None:
        """Return for how many seconds to wait at most."""
        now = monotonic()
        pauses = [self._start_after - now] if self.queue and self._start_after > now else []
        for worker in self._workers:
            if not worker.sent:
                continue
            if worker.sent[0].timeout is not None:
                pauses.append(max(0.01, self._overdue_at(worker) - now))
            if len(worker.sent) > 1 and not worker.taken_back:
                pauses.append(TAKE_BACK_SECONDS)
        return max(0.0, min(pauses)) if pauses else None

    # -- giving ------------------------------------------------------------------------------------------------

    def _can_give(self) -> bool:
        """Return whether there is more to do for what is queued, without waiting."""
        return any(self._is_free(worker) for worker in self._workers) or (
            self._wants_worker() and monotonic() >= self._start_after
        )

    def _is_free(self, worker: WorkerProcess) -> bool:
        return worker.ready and not worker.sent and not worker.leaving

    def _wants_worker(self) -> bool:
        booting = sum(not worker.ready for worker in self._workers)
        return bool(self._free_slots) and booting < len(self.queue)

    def _give(self) -> None:
        if self._warm_up:
            self._warm_up = False
            if not self._workers:
                self._start_worker()
        for worker in self._workers:
            if not self.queue:
                return
            if self._is_free(worker):
                self._send(worker)
        if not self.queue:
            return
        if self._wants_worker() and monotonic() >= self._start_after:
            self._start_worker()
        for worker in self._workers:
            if self.queue and self._takes_more(worker) and self._is_short(self.queue[0]):
                self._send(worker)

    def _takes_more(self, worker: WorkerProcess) -> bool:
        """Return whether a busy worker may have calls in advance: all it has are short and few are left."""
        sent = worker.sent
        return (
            worker.ready
            and not worker.leaving
            and not worker.taken_back
            and 0 < len(sent) <= BATCH_CALLS // 2
            and sent[-1].timeout is None
            and self._seconds.get(sent[-1].function, 1.0) < SHORT_SECONDS
            and self._seconds.get(sent[0].function, 1.0) < SHORT_SECONDS
        )

    def _is_short(self, item: Claim | Rest) -> bool:
        if isinstance(item, Rest) or len(item.fires) > 1 or timeout_of(item.job) is not None:
            return False
        return self._seconds.get(_function_of(item.job), 1.0) < SHORT_SECONDS

    def _send(self, worker: WorkerProcess) -> None:
        """Send the next call, or as many short ones as make a message."""
        batch: list[Sent] = []
        share = max(1, min(BATCH_CALLS, len(self.queue) // max(1, len(self._workers))))
        seconds = 0.0
        while self.queue and len(batch) < share and seconds < BATCH_SECONDS:
            if batch and not self._is_short(self.queue[0]):
                break
            short = self._is_short(self.queue[0])
            if worker.calls_left is not None and len(batch) >= worker.calls_left:
                break
            sent = self._packed(self.queue.popleft())
            if sent is not None:
                batch.append(sent)
                seconds += self._seconds.get(sent.function, 1.0)
            if not short:
                break
        if not batch:
            return
        if worker.calls_left is not None:
            worker.calls_left -= len(batch)
            worker.leaving = worker.calls_left <= 0
        worker.sent.extend(batch)
        message = pickle.dumps([(sent.number, sent.blob, sent.facts) for sent in batch], 5)
        for sent in batch:
            sent.blob = b""
        self._write(worker, message)
        if worker.leaving:
            self._write(worker, b"")

    def _write(self, worker: WorkerProcess, message: bytes) -> None:
        if len(message) > _MESSAGE_BYTES:
            writer = threading.Thread(target=_write_all, args=(worker.pipe, message), daemon=True)
            with suppress(RuntimeError):  # no more threads: the interpreter is ending
                writer.start()
                if not worker.leaving:
                    return
                writer.join()
                return
        _write_all(worker.pipe, message)

    def _packed(self, item: Claim | Rest) -> Sent | None:
        claim, first = (item.claim, item.first) if isinstance(item, Rest) else (item, 0)
        facts = facts_of(claim, first)
        fires = facts[2]
        if not fires:
            claim.sink.release(claim)
            return None
        try:
            blob = _remote.pack_call(claim.job, fires[0])
        except BaseException as exc:  # noqa: BLE001 - a user's __reduce__ may raise anything
            problem = TypeError(
                f"job {claim.job.id!r} cannot be sent to another process: its function or an argument "
                f"cannot be pickled ({_remote.said(exc)}); use a function of a module and plain arguments"
            )
            fail_rest(claim, fires, self.owner._now_us(), problem)
            claim.sink.release(claim)
            return None
        self.owner._log_start(claim.job, fires[0])
        return Sent(next(self._numbers), claim, fires, facts[5], blob, facts)

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
        said = pickle.loads(message)  # noqa: S301 - from a worker process of ours
        if said.__class__ is tuple:
            self._greet(worker, *said)
            return
        for number, answer, done in said:
            sent = worker.sent[0] if worker.sent else None
            if sent is None or sent.number != number:
                continue
            if answer is None:
                worker.sent.popleft()
                self.queue.appendleft(sent.claim)
                continue
            if done:
                worker.sent.popleft()
            self._settle(sent, answer, done=done)
        if not worker.sent and worker.taken_back and self._board is not None:
            worker.taken_back = False
            self._board.limit(worker.slot, NO_LIMIT)

    def _settle(self, sent: Sent, answer: _remote.Answer, *, done: bool) -> None:
        claim = sent.claim
        if answer[1] == _remote.EXECUTED:
            if self.owner._info:
                self.owner._log_success(claim.job)
            self._learn(sent.function, (answer[3] - answer[2]) / 1e6)
        take_answer(claim, answer, self.why_late())
        if done:
            claim.sink.release(claim)

    def _learn(self, function: str, seconds: float) -> None:
        before = self._seconds.get(function)
        if before is None and len(self._seconds) >= _KNOWN_JOBS:
            self._seconds.clear()
        slow = before is None or seconds > before
        self._seconds[function] = seconds if slow else 0.8 * before + 0.2 * seconds  # type: ignore[operator]

    def why_late(self) -> str:
        """Return why something waited for a worker."""
        if self.running_count() >= self._max_workers:
            return f"all {self._max_workers} workers of executor {self.owner._alias!r} were busy"
        return f"it waited for a worker process of executor {self.owner._alias!r}"

    # -- clocks ---------------------------------------------------------------------------------------------------

    def _overdue_at(self, worker: WorkerProcess) -> float:
        """Return when the call at work has to be ended by force (monotonic seconds)."""
        sent, board = worker.sent[0], self._board
        if board is None or sent.timeout is None or board.number(worker.slot) != sent.number:
            return monotonic() + 0.05  # it has not begun yet
        started = board.start(worker.slot)[1]
        if not started:
            return monotonic() + 0.05
        return started + sent.timeout + float(self.owner.timeout_grace)

    def _check_clocks(self) -> None:
        now = monotonic()
        for worker in list(self._workers):
            if not worker.sent:
                continue
            if worker.sent[0].timeout is not None:
                if not worker.sent[0].timed_out and self._overdue_at(worker) <= now:
                    self._end_hung(worker)
            elif len(worker.sent) > 1 and not worker.taken_back:
                self._take_back(worker, now)

    def _end_hung(self, worker: WorkerProcess) -> None:
        sent, board = worker.sent[0], self._board
        if board is None:
            return
        sent.timed_out = True
        index, started = board.start(worker.slot)
        now = self.owner._now_us()
        begun = now - round((monotonic() - started) * 1e6)
        claim = sent.claim
        claim.sink.settle(claim, timed_out(claim.job, sent.fires[index], begun, now))
        worker.process.kill()
        self.owner._logger.error(
            "job %s was told to stop at its timeout of %s s and did not: its worker process %s was killed "
            "and is replaced",
            claim.job.id,
            sent.timeout,
            worker.process.pid,
        )

    def _take_back(self, worker: WorkerProcess, now: float) -> None:
        """Take back what waits behind a call that turned out slow."""
        board = self._board
        if board is None:
            return
        number = board.number(worker.slot)
        started = board.start(worker.slot)[1]
        if not worker.sent[0].number <= number < worker.sent[-1].number:
            return  # it has not begun with them, or nothing is left to take
        if not started or now - started < TAKE_BACK_SECONDS:
            return
        board.limit(worker.slot, number + 1)
        worker.taken_back = True
        number = board.number(
            worker.slot
        )  # it may have gone on meanwhile; then it says what it did
        while worker.sent[-1].number > number:
            self.queue.appendleft(worker.sent.pop().claim)

    # -- beginnings and ends of workers --------------------------------------------------------------------------------

    def _start_worker(self) -> None:
        if self._board is None:
            self._board = Board.make(self._max_workers)
        slot = self._free_slots.pop()
        self._board.clear(slot)
        pipe, theirs = multiprocessing.Pipe()
        forks = self._context.get_start_method() == "fork"
        inherited = [pipe, *(worker.pipe for worker in self._workers)] if forks else []
        _restore_main_file(self._main_file)
        try:
            process = self._context.Process(
                target=_process_worker.main,
                args=(theirs, self._board.path, slot, self._initializer, self._initargs, inherited),
                name=f"apscheduler-{self.owner._alias}-{slot}",
            )
            process.start()
        except Exception as exc:  # noqa: BLE001 - unpicklable initializers, no memory, interpreter ending
            self._free_slots.append(slot)
            pipe.close()
            self._start_failed(f"a worker process cannot be started: {_remote.said(exc)}", exc)
            return
        finally:
            theirs.close()
        self._workers.append(
            WorkerProcess(process, pipe, slot, monotonic(), calls_left=self._max_tasks)
        )

    def _greet(self, worker: WorkerProcess, word: str, said: Any) -> None:
        if word == _process_worker.READY:
            worker.ready = True
            self._start_failures = 0
            return
        worker.leaving = True
        exc, traceback = _remote.unpack_error(said)
        why = f"the initializer of the worker processes raised {_remote.said(exc)}\n{traceback}"
        self._start_failed(why, exc)

    def _start_failed(self, why: str, exc: BaseException | None) -> None:
        """Try again a little later; after a few times let go of what waits."""
        self._start_failures += 1
        backoff = min(_LONGEST_BACKOFF, 0.05 * 2.0**self._start_failures)
        self._start_after = monotonic() + backoff
        if _exiting:
            self._start_failures = _START_ATTEMPTS
        self.owner._logger.error("executor %r: %s", self.owner._alias, why)
        if self._start_failures < _START_ATTEMPTS or any(w.ready for w in self._workers):
            return
        problem = WorkerDiedError(f"no worker process could be started: {why}")
        problem.__cause__ = exc
        while self.queue:
            item = self.queue.popleft()
            claim = item.claim if isinstance(item, Rest) else item
            fail_rest(claim, claim.unsettled, self.owner._now_us(), problem)
            claim.sink.release(claim)

    def _bury(self, worker: WorkerProcess) -> None:
        """A worker has ended: say what that means for each call it had, and let it go."""
        if worker not in self._workers:
            return
        with suppress(EOFError, OSError):
            while worker.pipe.poll():
                self._read(worker, worker.pipe.recv_bytes())
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.join(_END_SECONDS)
        code = worker.process.exitcode
        if code is None:
            worker.process.kill()
        self._free_slots.append(worker.slot)
        if self.closing and code == 0 and not self.queue and not worker.sent:
            return  # it was still starting when the pool had nothing more to do
        if not worker.ready and not worker.leaving:
            self._start_failed(
                f"a worker process ended ({_exit_text(code)}) before it was ready; what it said is on stderr",
                None,
            )
        board = self._board
        number = -1 if board is None else board.number(worker.slot)
        for sent in reversed(worker.sent):
            if sent.number > number:
                self._queue_again(sent, 0)
            elif sent.number < number:
                self._lose(sent, code)
            else:
                index = 0 if board is None else board.start(worker.slot)[0]
                self._fail_killed(sent, index, code)

    def _queue_again(self, sent: Sent, index: int) -> None:
        first = sent.claim.fires.index(sent.fires[index])
        self.queue.appendleft(Rest(sent.claim, first) if first else sent.claim)

    def _lose(self, sent: Sent, code: int | None) -> None:
        now = self.owner._now_us()
        reason = (
            f"its worker process ended ({_exit_text(code)}) before it could say how the run ended"
        )
        for fire in sent.fires:
            sent.claim.sink.settle(sent.claim, Result(fire, Outcome.LOST, 0, now, reason=reason))
        sent.claim.sink.release(sent.claim)

    def _fail_killed(self, sent: Sent, index: int, code: int | None) -> None:
        claim = sent.claim
        if not sent.timed_out:
            problem = WorkerDiedError(
                f"the worker process that ran job {claim.job.id!r} ended in the middle of it ({_exit_text(code)})"
            )
            now = self.owner._now_us()
            fail_rest(claim, sent.fires[index : index + 1], now, problem)
        if index + 1 < len(sent.fires):
            self._queue_again(sent, index + 1)
        else:
            claim.sink.release(claim)

    def _end(self) -> None:
        """Let the workers end, and end those that do not."""
        with self._lock:
            self._thread = None
        for worker in self._workers:
            with suppress(OSError):
                worker.pipe.send_bytes(b"")
        until = monotonic() + _END_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, until - monotonic()))
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join(_END_SECONDS)
            worker.pipe.close()
        self._workers.clear()
        if self._board is not None:
            self._board.remove()
        for end in (self._waker, self._wakened):
            if end is not None:
                end.close()


def _function_of(job: Any) -> str:
    return str(job.func_ref or job.id)


def _restore_main_file(path: str | None) -> None:
    """Give the main module its ``__file__`` back, which Python takes away when the script has ended.

    A scheduler may outlive it, and a worker that is spawned then has to import it by this path.
    """
    main = sys.modules.get("__main__")
    if main is not None and path is not None and not hasattr(main, "__file__"):
        main.__file__ = path


def _is_reimporting() -> bool:
    """Return whether this is a process that only imports its parent's main module."""
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))


def _write_all(pipe: Connection, message: bytes) -> None:
    with suppress(OSError):  # the worker has ended: its sentinel says so
        pipe.send_bytes(message)


def _exit_text(code: int | None) -> str:
    if code is None:
        return "it did not say how"
    if code < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _finish_at_exit() -> None:
    """Let what runs and waits end before the interpreter does; a further Ctrl-C ends it."""
    global _exiting  # noqa: PLW0603 - the interpreter ends once
    _exiting = True
    pools: list[ProcessPool] = []
    try:
        pools += _pools
        for pool in pools:
            pool.shutdown(wait=False)
        for pool in pools:
            pool.shutdown(wait=True)
    except KeyboardInterrupt:
        left = sum(len(pool.in_flight()) for pool in pools)
        for pool in pools:
            pool.kill()
        logging.getLogger("apscheduler.executors").warning(
            "interrupted at exit: %d jobs that were queued or running are left unfinished", left
        )


def _forget_parent() -> None:
    for pool in list(_pools):
        pool.forked()


atexit.register(_finish_at_exit)
after_fork(_forget_parent)
