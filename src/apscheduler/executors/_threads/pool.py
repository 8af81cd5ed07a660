"""Runs claims in our own pool of threads: its workers share one queue, start on demand, and are woken if they sleep.

A ``concurrent.futures`` pool makes a Future, a Condition and an RLock per job, which costs 15.7 µs. Here a plain job
costs its worker about half a microsecond, because no object that the garbage collector follows is made for it. A plain
job is one whose claim is noted on the job itself (``_fire``, ``_busy``); everything else comes as a Claim.

Any thread may change ``queue`` and ``parked`` (deques, so each step is atomic). ``_workers`` and ``closing`` are
changed under ``_lock``. Only a worker itself changes its ``current`` and ``fire``.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count

from apscheduler.executors._ending.pools import Ending
from apscheduler.executors._threads.runner import UnderWay
from apscheduler.executors._threads.worker import Worker
from apscheduler.runs.context import caller_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Any

    from apscheduler.executors._attempt.watchdog import Watchdog
    from apscheduler.executors._contract import LaneOwner
    from apscheduler.executors._v3.calls import WorkQueue
    from apscheduler.runs.claims import Claim

_ending = Ending(wait=lambda pool: wait_for_workers(list(pool._workers)))
_pool_numbers = count()


class WorkerPool:
    """Threads that run claims and plain jobs.

    :param maker: the executor whose pool this is; a ``submit()`` before that is started starts the pool for it
    """

    def __init__(
        self,
        max_workers: int,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        maker: Any = None,
    ) -> None:
        self._max_workers = max_workers
        self._prefix = thread_name_prefix or f"apscheduler-threads-{next(_pool_numbers)}"
        self.initializer = initializer
        self.initargs = initargs
        self.queue: deque[Any] = deque()
        self.parked: deque[Worker] = deque()
        self.closing = False
        self.owner: LaneOwner = None  # type: ignore[assignment] # start() sets it
        self.maker = maker
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._workers: set[Worker] = set()
        self._numbers = count()
        self._watchdog: Watchdog | None = None
        self._said_ending = False

    # -- life ---------------------------------------------------------------------------------------

    def start(self, owner: LaneOwner, *, all_workers: bool = False) -> None:
        """Get ready for submissions of this executor: start one thread at least, while threads can be started.

        :param all_workers: whether to start all threads now, because the main thread may end before they are needed
        """
        self.owner = owner
        _ending.pools.add(self)
        with self._lock:
            self._add_workers(self._max_workers if all_workers else 1)

    def shutdown(self, wait: bool) -> None:
        """Take nothing more; what is queued still runs. With ``wait``, return when all of it has ended."""
        with self._lock:
            self.closing = True
            workers = list(self._workers)
        self._wake(len(workers))
        if self._watchdog is not None and not workers:
            self._watchdog.close()
        if wait:
            wait_for_workers(workers)

    def drives(self, pool: Any) -> bool:
        """Return whether what is submitted here goes to that pool."""
        return pool is self

    def leave_behind(self) -> None:
        """Have the interpreter's end not wait for what runs here."""
        _ending.leave_behind(self)

    def forked(self) -> None:
        """Called in a forked child: forget the parent's threads and work, and take nothing more."""
        self.queue.clear()
        self.parked.clear()
        self.closing = True
        self._reset()

    # -- work ---------------------------------------------------------------------------------------

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call any function in one of the workers and return its future, as ``concurrent.futures`` does.

        :raises RuntimeError: if the pool was shut down
        """
        from apscheduler.executors._v3.calls import called_in

        return called_in(self, function, args, kwargs)

    def take(self, items: Sequence[Any]) -> None:
        """Queue items and wake as many sleeping workers as there are items.

        :raises RuntimeError: if the pool was shut down
        """
        if self.closing:
            raise _ending.refusal(self)
        self.queue.extend(items)
        missing = self._wake(len(items))
        if missing and (len(self._workers) < self._max_workers or self.closing):
            with self._lock:
                self._add_workers(missing)

    def _wake(self, wanted: int) -> int:
        """Wake at most ``wanted`` sleeping workers; return how many more are wanted."""
        parked = self.parked
        while wanted and parked:
            try:
                worker = parked.pop()
            except IndexError:
                break
            worker.wake.release()
            wanted -= 1
        return wanted

    def _add_workers(self, wanted: int) -> None:
        """Start at most ``wanted`` threads. The caller holds the lock."""
        for _ in range(min(wanted, self._max_workers - len(self._workers))):
            worker = Worker(self, f"{self._prefix}_{next(self._numbers)}")
            self._workers.add(worker)
            try:
                worker.thread.start()
            except RuntimeError:
                self._workers.discard(worker)
                self._cannot_start_thread()
                return

    def _cannot_start_thread(self) -> None:
        if not self._said_ending:
            self._said_ending = True
            self.owner._logger.warning(
                "no more threads can be started (the interpreter is ending or out of threads): "
                "executor %r goes on with %d of %d workers",
                self.owner._alias,
                len(self._workers),
                self._max_workers,
            )

    @property
    def watchdog(self) -> Watchdog:
        """The watchdog of this pool, made at the first timeout."""
        with self._lock:
            if self._watchdog is None:
                from apscheduler.executors._attempt.watchdog import Watchdog

                self._watchdog = Watchdog(f"{self._prefix}_watchdog", self.owner.timeout_grace)
            return self._watchdog

    # -- what workers report ---------------------------------------------------------------------------

    def give_up(self, worker: Worker, rest: Claim | None) -> None:
        """Replace a worker whose thread is stuck; another worker takes what is left of its claim."""
        with self._lock:
            self._workers.discard(worker)
            if rest is not None:
                self.queue.appendleft(rest)
            if self.queue or not self.closing:
                self._add_workers(1)

    def left(self, worker: Worker) -> None:
        """Take note that a worker's thread is at its end."""
        with self._lock:
            self._workers.discard(worker)
            if self._watchdog is not None and self.closing and not self._workers:
                self._watchdog.close()

    # -- what others ask -------------------------------------------------------------------------------

    def in_flight(self) -> list[Any]:
        """Return the items that are queued or running (a snapshot)."""
        running = [item for worker in list(self._workers) if (item := worker.current) is not None]
        return [*running, *self.queue.copy()]

    @property
    def _threads(self) -> set[threading.Thread]:
        """The threads, under the name that ``concurrent.futures`` gives them."""
        return {worker.thread for worker in list(self._workers)}

    @property
    def _work_queue(self) -> WorkQueue:
        """The items that wait, under the name that ``concurrent.futures`` gives them."""
        from apscheduler.executors._v3.calls import WorkQueue

        return WorkQueue(self.queue)

    def under_way(self) -> list[UnderWay]:
        """Return what runs, each with its fire time and since when."""
        return [found for worker in list(self._workers) if (found := worker.under_way())]

    def running_count(self) -> int:
        """Return how many workers have something to do."""
        return max(0, len(self._workers) - len(self.parked))

    def busy_count(self) -> int:
        """Return how many items are running or waiting."""
        return self.running_count() + len(self.queue)

    def why_late(self) -> str:
        """Return why something waited in this pool's queue."""
        if self.running_count() >= self._max_workers:
            from apscheduler.history.reasons import all_busy

            return all_busy(self._max_workers, self.owner._alias)
        return f"it waited in the queue of executor {self.owner._alias!r}"


def wait_for_workers(workers: list[Worker]) -> None:
    """Wait until each worker has left, was given up, or waits here itself (a job may shut its executor down)."""
    ident = caller_ident()
    own = next((worker for worker in workers if worker.ident == ident), None)
    if own is not None:
        own.left.set()
    for worker in workers:
        worker.left.wait()
