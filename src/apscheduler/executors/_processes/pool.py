"""Runs claims in our own pool of processes: each worker has a pipe, and one thread gives calls and takes answers.

It is used in place of ``concurrent.futures`` for three reasons. There, one killed worker breaks the pool and every run
in it; so does an object that cannot be unpickled; and a call costs 120 µs. Here each worker has a pipe of its own, the
user's objects travel as bytes (see ``_wire``), and many very short calls share one message.
"""

from __future__ import annotations

import multiprocessing.util  # noqa: F401 - its own exit function must be registered before ours, to run after it
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from apscheduler.executors._ending.pools import Ending
from apscheduler.executors._processes.manager import ProcessManager
from apscheduler.executors._processes.starts import WorkerStarts, is_reimporting
from apscheduler.runs.claims import Claim

if TYPE_CHECKING:
    from concurrent.futures import Future

    from apscheduler.executors._contract import Owner
    from apscheduler.executors._threads.runner import UnderWay
    from apscheduler.executors._v3.calls import WorkQueue

_ending = Ending(wait=lambda pool: pool.shutdown(wait=True), kill=lambda pool: pool.kill())


class ProcessPool:
    """A pool of processes that run claims. This is its interface; its manager does the work (``manager.py``).

    :param maker: the executor whose pool this is; a ``submit()`` before that is started starts the pool for it
    """

    def __init__(
        self,
        max_workers: int,
        mp_context: Any,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        max_tasks_per_child: int | None = None,
        *,
        maker: Owner | None = None,
    ) -> None:
        self._max_workers = max_workers
        self.owner: Owner = None  # type: ignore[assignment] # start() sets it
        self.maker = maker
        self.queue: deque[Claim] = deque()
        self.closing = False
        self._starts = WorkerStarts(mp_context, initializer, initargs, max_tasks_per_child)
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._starts.reset()
        self._manager = ProcessManager(self, self._starts)

    def start(self, owner: Owner) -> None:
        """Get ready for this executor: start one process now, so that the first run need not wait; others on demand."""
        self.owner = owner
        self._starts.remember_main()
        _ending.pools.add(self)
        if not self.closing and not is_reimporting():
            self._manager.warm_up = True
            self._start_thread()
            self._manager.wake()

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call any function in one of the workers and return its future, as ``concurrent.futures`` does.

        :raises RuntimeError: if the pool was shut down
        """
        from apscheduler.executors._v3.calls import called_in

        return called_in(self, function, args, kwargs)

    def take(self, items: Sequence[Claim]) -> None:
        """Queue the items.

        :raises RuntimeError: if the pool was shut down, or this process may not start processes yet
        """
        if self.closing:
            raise _ending.refusal(self)
        if is_reimporting():
            raise RuntimeError(
                "this process is still importing its main module and can start no processes"
            )
        self.queue.extend(items)
        if self._thread is None:
            self._start_thread()
        self._manager.wake()

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None:
                self._manager.open()
                thread = threading.Thread(
                    target=self._manager.run,
                    name=f"apscheduler-{self.owner._alias}-processes",
                    daemon=True,
                )
                thread.start()
                self._thread = thread

    def thread_ended(self) -> None:
        """Called by the manager's thread when it has nothing more to do."""
        with self._lock:
            self._thread = None

    @property
    def is_ending(self) -> bool:
        """Whether the interpreter is ending."""
        return _ending.begun

    def shutdown(self, wait: bool) -> None:
        """Take nothing more; what is queued still runs. With ``wait``, return when all of it has ended."""
        self.closing = True
        thread = self._thread
        if thread is None:
            return
        self._manager.wake(surely=True)
        if wait and thread is not threading.current_thread():
            thread.join()

    def drives(self, pool: Any) -> bool:
        """Return whether what is submitted here goes to that pool."""
        return pool is self

    def leave_behind(self) -> None:
        """Have the interpreter's end not wait for what runs here: its processes end with it."""
        _ending.leave_behind(self)

    def kill(self) -> None:
        """End all processes now."""
        for worker in list(self._manager.workers):
            worker.process.kill()

    def forked(self) -> None:
        """Called in a forked child: forget the parent's workers and queue, and take nothing more."""
        for worker in self._manager.workers:
            worker.pipe.close()
        self.queue.clear()
        self.closing = True
        self._reset()

    def in_flight(self) -> list[Claim]:
        """Return the claims that are queued or running (a snapshot)."""
        running = [
            sent.claim for worker in list(self._manager.workers) for sent in worker.sent.copy()
        ]
        return running + list(self.queue.copy())

    @property
    def _work_queue(self) -> WorkQueue:
        """The items that wait, under the name that ``concurrent.futures`` gives them."""
        from apscheduler.executors._v3.calls import WorkQueue

        return WorkQueue(self.queue)

    def under_way(self) -> list[UnderWay]:
        """Return what runs, each with its fire time and since when."""
        return self._manager.under_way()

    def busy_count(self) -> int:
        """Return how many items are running or waiting."""
        return len(self.in_flight())

    def running_count(self) -> int:
        """Return how many workers have something to do."""
        return self._manager.running_count()
