"""Takes the answers of a pool's futures in a thread of our own, which also looks at the clocks of calls in processes.

A listener that shuts the scheduler down must not run in the pool's own thread, so the answers are not taken there.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from apscheduler.executors._foreign.kinds import end_pool

if TYPE_CHECKING:
    from apscheduler.executors._foreign.needs import RunsForCollector
    from apscheduler.executors._foreign.submission import Submission


class Collector:
    """The thread of one executor: it starts with the first call, and ends after the last one of a closed executor.

    ``_lock`` guards the thread, and the duty to shut the pool down.

    :ivar thread: ``None`` while there is none: then whoever brings an answer takes it
    """

    def __init__(self, runs: RunsForCollector) -> None:
        self._runs = runs
        self._answers: SimpleQueue[tuple[Submission, Any] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self.thread: threading.Thread | None = None
        self._ends_pool = False

    def answered(self, submission: Submission, future: Any) -> None:
        """Called by any thread when a future is done."""
        if self.thread is None:
            self._runs.settling.take_safely(submission, future)
        else:
            self._answers.put((submission, future))

    def wake(self) -> None:
        """Have the thread look at the clocks, and whether it is to end."""
        self._answers.put(None)

    def ensure_thread(self) -> None:
        """Start the thread, unless it runs or has nothing more to do."""
        with self._lock:
            if self.thread is not None or (self._runs.closed and not self._runs.busy_count()):
                return
            thread = threading.Thread(
                target=self._collect,
                name=f"apscheduler-{self._runs.owner._alias}-answers",
                daemon=True,
            )
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending: whoever brings an answer takes it
                return
            self.thread = thread

    def _collect(self) -> None:
        runs = self._runs
        while True:
            with suppress(Empty):
                answer = self._answers.get(timeout=runs.clocks.pause())
                if answer is not None:
                    runs.settling.take_safely(*answer)
            answer = None  # some pools run a call again while its future is still referenced
            runs.clocks.look_safely()
            if runs.closed and self._is_done():
                self._end_pool_late()
                return

    def _is_done(self) -> bool:
        with self._lock:
            if self._runs.busy_count() or not self._answers.empty():
                return False
            self.thread = None
            return True

    # -- the pool's end -------------------------------------------------------------------------------------

    def takes_end_over(self) -> bool:
        """Have the thread shut the pool down when nothing is in it any more; return ``False`` if there is no thread."""
        with self._lock:
            self._ends_pool = self.thread is not None
            return self._ends_pool

    def _end_pool_late(self) -> None:
        with self._lock:
            due, self._ends_pool = self._ends_pool, False
        if due:
            try:
                end_pool(self._runs.pool, wait=False)
            except Exception:
                owner = self._runs.owner
                owner._logger.exception(
                    "the pool of executor %r could not be shut down", owner._alias
                )
