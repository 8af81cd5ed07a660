"""Ends runs in threads at their timeout: one thread watches the deadlines, and interrupts no other code than the run.

A watched run goes through these phases; each change is made under the watch's own lock::

    RUNNING ── finish() by its thread ──► IN_TIME
       │ deadline: the exception is raised in the thread (once), a coroutine is cancelled
       ▼
    EXPIRED ── finish() ──► CAME_BACK      the pending exception, if any, is taken back here
       │ grace over
       ▼
    STUCK ──── finish() ──► stays STUCK    the thread was given up and replaced

An exception is set only while the phase is RUNNING or EXPIRED, so after ``finish()`` none can arrive any more; one
that arrives between the function's last instruction and ``finish()`` is absorbed by :func:`watched_call`.
"""

from __future__ import annotations

import heapq
import sys
import threading
from collections.abc import Callable
from itertools import count

from apscheduler.clocks import monotonic
from apscheduler.runs.errors import JobTimeoutError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any

RUNNING, IN_TIME, EXPIRED, CAME_BACK, STUCK = range(5)
GRACE_SECONDS = 0.5
_COMPACT_FROM = 64


def raise_in_thread(ident: int, exception: type[BaseException] | None) -> None:
    """Raise the exception in another thread at its next bytecode; ``None`` takes a pending one back."""
    try:
        import ctypes
    except ImportError:
        return  # a Python built without it: the thread is given up after the grace instead
    target = None if exception is None else ctypes.py_object(exception)
    set_in_thread = ctypes.pythonapi.PyThreadState_SetAsyncExc
    set_in_thread(ctypes.c_ulong(ident), target)
    if sys.version_info < (3, 12):
        # CPython 3.11 has one note for all threads, that some thread has an exception to take. A thread that is traced
        # or profiled loops at its next function's entry until some thread has taken one: after a `None`, for ever. So
        # this thread raises one in itself and takes it. The other thread makes the note again for an exception of its
        # own when it gets the interpreter's lock.
        try:
            own = ctypes.c_ulong(threading.get_ident())
            while set_in_thread(own, ctypes.py_object(_Taken)):
                pass
        except _Taken:
            return


class _Taken(BaseException):
    """What a thread raises in itself, see above."""


class Watch:
    """One run that must end in time. ``phase`` is guarded by the lock.

    :ivar ident: of the run's thread
    :ivar seconds: how long it may take
    :ivar on_timeout: called when the time is over, if anything is
    :ivar on_stuck: called when the grace is over too, if anything is
    """

    __slots__ = (
        "_held",
        "_lock",
        "_raised",
        "_task",
        "ident",
        "on_stuck",
        "on_timeout",
        "phase",
        "seconds",
    )

    def __init__(
        self,
        ident: int,
        seconds: float,
        on_timeout: Callable[[], None] | None = None,
        on_stuck: Callable[[], None] | None = None,
    ) -> None:
        self.ident = ident
        self.seconds = seconds
        self.on_timeout = on_timeout
        self.on_stuck = on_stuck
        self.phase = RUNNING
        self._lock = threading.Lock()
        self._held = False
        self._raised = False
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    def hold(self) -> None:
        """Called by the run's thread: raise nothing in it until it calls ``awaiting``."""
        with self._lock:
            self._held = True

    def awaiting(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
        """Take note that the run became a task, which is cancelled rather than interrupted."""
        with self._lock:
            self._task = (loop, task)
            self._held = False
            late = self.phase != RUNNING
        if late:
            task.cancel()

    def finish(self) -> bool:
        """Called by the run's thread at the run's end. Return whether the run was in time."""
        with self._lock:
            if self.phase == RUNNING:
                self.phase = IN_TIME
            elif self.phase == EXPIRED:
                self.phase = CAME_BACK
            if self._raised:
                raise_in_thread(self.ident, None)
                self._raised = False
            self._task = None
            if self.phase != IN_TIME:
                return False
            self.on_timeout = self.on_stuck = None  # they hold the job, the heap holds the watch
            return True

    def expire(self) -> bool:
        """Called at the deadline: interrupt the run. Return whether it was still running."""
        with self._lock:
            if self.phase != RUNNING:
                return False
            self.phase = EXPIRED
            if self._held:
                return True
            if self._task is None:
                self._raise()
                return True
            loop, task = self._task
        try:
            loop.call_soon_threadsafe(task.cancel)
        except RuntimeError:  # the loop closed this moment: the run is at its end
            return True
        return True

    def press(self) -> None:
        """Called in the middle of the grace: interrupt a task that has not yielded, like a function."""
        with self._lock:
            if self.phase == EXPIRED and self._task is not None and not self._raised:
                self._raise()

    def give_up(self) -> bool:
        """Called when the grace is over. Return whether the thread is stuck."""
        with self._lock:
            if self.phase != EXPIRED:
                return False
            self.phase = STUCK
            return True

    def _raise(self) -> None:
        self._raised = True
        raise_in_thread(self.ident, JobTimeoutError)


def watched_call(watch: Watch, call: Callable[[], Any]) -> tuple[Any, BaseException | None, bool]:
    """Make the call; return its value, its exception, and whether it ended in time. Never raises."""
    value: Any = None
    error: BaseException | None = None
    try:
        try:
            value = call()
        except BaseException as exc:  # noqa: BLE001 - whatever a job raises is its outcome
            error = exc
        in_time = watch.finish()
    except JobTimeoutError:  # arrived after the function's end; at most one ever comes
        in_time = watch.finish()
    return value, error, in_time


class Watchdog:
    """The thread that watches deadlines: started by the first watch, ended by ``close()``.

    :ivar grace: how many seconds an interrupted run has to come back before its thread is given up
    """

    def __init__(self, name: str, grace: float = GRACE_SECONDS) -> None:
        self.grace = grace
        self._name = name
        self._changed = threading.Condition(threading.Lock())
        self._heap: list[tuple[float, int, int, Watch]] = []  # when, number, stage, watch
        self._numbers = count()
        self._compact_at = _COMPACT_FROM
        self._thread: threading.Thread | None = None
        self._closing = False

    def add(self, watch: Watch) -> None:
        """Watch this run from now on."""
        with self._changed:
            self._closing = False
            if len(self._heap) >= self._compact_at:
                self._compact()
            self._push(monotonic() + watch.seconds, 0, watch)
            if self._thread is None:
                self._start()
            elif self._heap[0][3] is watch:
                self._changed.notify()

    def close(self) -> None:
        """End the thread as soon as nothing is watched any more."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        thread.start()  # raises where the interpreter is ending: the caller decides
        self._thread = thread

    def _push(self, when: float, stage: int, watch: Watch) -> None:
        heapq.heappush(self._heap, (when, next(self._numbers), stage, watch))

    def _compact(self) -> None:
        """Drop the watches that ended in time (most, with long timeouts)."""
        self._heap = [entry for entry in self._heap if entry[3].phase in (RUNNING, EXPIRED)]
        heapq.heapify(self._heap)
        self._compact_at = max(_COMPACT_FROM, 2 * len(self._heap))

    def _run(self) -> None:
        while True:
            due = self._wait_for_due()
            if not due:
                return
            reports = [report for stage, watch in due if (report := self._visit(stage, watch))]
            if reports:
                self._report(reports)

    def _wait_for_due(self) -> list[tuple[int, Watch]]:
        """Wait for stages that are due and return them; an empty list when it is time to end."""
        with self._changed:
            while True:
                if self._closing:
                    self._compact()
                    if not self._heap:
                        self._thread = None
                        return []
                now = monotonic()
                due = []
                while self._heap and self._heap[0][0] <= now:
                    _, _, stage, watch = heapq.heappop(self._heap)
                    due.append((stage, watch))
                if due:
                    return due
                pause = min(self._heap[0][0] - now, threading.TIMEOUT_MAX) if self._heap else None
                self._changed.wait(pause)

    def _visit(self, stage: int, watch: Watch) -> Callable[[], None] | None:
        if stage == 0:
            if not watch.expire():
                return None
            self._again(1, watch)
            return watch.on_timeout
        if stage == 1:
            watch.press()
            self._again(2, watch)
            return None
        return watch.on_stuck if watch.give_up() else None

    def _again(self, stage: int, watch: Watch) -> None:
        with self._changed:
            self._push(monotonic() + self.grace / 2, stage, watch)

    def _report(self, reports: list[Callable[[], None]]) -> None:
        """Call the reports in another thread, because a listener that waits must not stop the watch."""
        teller = threading.Thread(target=_tell, args=(reports,), name=self._name, daemon=True)
        try:
            teller.start()
        except RuntimeError:  # the interpreter is ending and starts no more threads
            _tell(reports)


def _tell(reports: list[Callable[[], None]]) -> None:
    for report in reports:
        try:
            report()
        except BaseException:  # noqa: BLE001 - whatever a listener or handler raises: the watch goes on
            from apscheduler.logs import logger_named

            logger_named("apscheduler.executors").exception("reporting a timeout failed")
