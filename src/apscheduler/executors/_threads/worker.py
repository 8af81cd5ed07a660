"""Runs one thread of our pool: the loop that takes items off the queue."""

from __future__ import annotations

import threading

from apscheduler.executors._attempt.calling import drop, failed, tell_own_error
from apscheduler.executors._threads.runner import Runner
from apscheduler.job import Job
from apscheduler.runs.context import lane_workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from typing import Any, Protocol

    from apscheduler.executors._attempt.watchdog import Watchdog
    from apscheduler.executors._contract import LaneOwner
    from apscheduler.runs.claims import Claim

    class Pool(Protocol):
        """What a worker needs of its pool."""

        owner: LaneOwner
        queue: deque[Any]
        parked: deque[Worker]
        closing: bool
        initializer: Callable[..., object] | None
        initargs: tuple[Any, ...]
        _workers: set[Worker]

        @property
        def watchdog(self) -> Watchdog:
            """The watchdog of the pool's timeouts."""

        def why_late(self) -> str:
            """Return why something waited in the pool's queue."""

        def give_up(self, worker: Worker, rest: Claim | None) -> None:
            """Replace a worker whose thread is stuck."""

        def left(self, worker: Worker) -> None:
            """Take note that a worker's thread is at its end."""

        def _cannot_start_thread(self) -> None:
            """Log that no thread can be started any more."""


class Worker(Runner):
    """A thread that takes items off the pool's queue until the pool closes."""

    __slots__ = (
        "left",
        "pool",
        "thread",
        "wake",
    )

    def __init__(self, pool: Pool, name: str) -> None:
        super().__init__(pool.owner)
        self.pool = pool
        self.left = threading.Event()
        self.wake = threading.Lock()
        self.wake.acquire()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def why_late(self) -> str:
        """Return why an item came late to this worker."""
        return self.pool.why_late()

    def watchdog(self) -> Watchdog:
        """Return the pool's watchdog."""
        return self.pool.watchdog

    def unwatched(self) -> None:
        """Take note that no thread can be started any more."""
        self.pool._cannot_start_thread()

    def replace(self, rest: Claim | None) -> str:
        """Leave this thread behind and let another one take its place."""
        self.pool.give_up(self, rest)
        self.left.set()
        return f"its thread {self.thread.name} is left behind and replaced"

    # -- the thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        self.ident = threading.get_ident()
        lane_workers[self.ident] = self
        try:
            if self._initialize():
                while not self._work():
                    pass
        finally:
            lane_workers.pop(self.ident, None)
            self.close()
            self.pool.left(self)
            self.left.set()

    def _initialize(self) -> bool:
        pool = self.pool
        if pool.initializer is None:
            return True
        try:
            pool.initializer(*pool.initargs)
        except BaseException as exc:
            self.owner._logger.exception(
                "the initializer of executor %r raised: jobs that wait for a worker fail",
                self.owner._alias,
            )
            self._fail_waiting(exc)
            return False
        return True

    def _fail_waiting(self, exc: BaseException) -> None:
        pool = self.pool
        pool.left(self)
        while pool.queue and not pool._workers:
            try:
                item = pool.queue.popleft()
            except IndexError:
                return
            now = self.owner._now_us()
            if isinstance(item, Job):
                self.owner._lane_sink.settle(item, failed(item._fire, 0, now, exc))
                continue
            drop(item, now, exc)

    def _work(self) -> bool:
        """Run items; return ``True`` when this thread is to end. An error of ours fails one item."""
        try:
            self.take_items(self.pool.queue.popleft, self._park)
        except BaseException as exc:  # noqa: BLE001 - no error may end a worker
            text = "a worker of executor %r met an error of its own and goes on"
            tell_own_error(self.owner, exc, text)
            return self.drop_current(exc)
        return True

    def _park(self) -> bool:
        """Sleep until woken; return ``False`` if the pool has closed and nothing waits."""
        pool = self.pool
        self.current = None
        pool.parked.append(self)
        if pool.queue or pool.closing:
            try:
                pool.parked.remove(self)
            except ValueError:
                self.wake.acquire()  # another thread has chosen this worker already
            return bool(pool.queue) or not pool.closing
        self.wake.acquire()
        return True
