"""The base of schedulers in the program's event loop: one timer, the pass beside the loop, events in the loop.

    wakeup()   from any thread: the loop looks soon (several calls at once count as one)
    look       in the loop: starts a pass, unless one is under way
    pass       in the loop, a small batch at a time, if all stores are memory stores and there is no leader lock; else
               in one thread beside the loop, so that no store, however slow, holds the loop up
    passed     in the loop: sets the timer

Listeners are called in the loop's thread, in the order of the events, whichever thread an event comes from. Executors
take claims from any thread. So only the pass itself depends on the thread that it runs in.

Some loops say that they are about to end: an asyncio loop before it waits for its default executor, and the reactor.
Such a loop is given nothing more, and what has not begun is given back, if others share the store.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections import deque
from queue import SimpleQueue
from threading import Thread, current_thread

from apscheduler._engine.instants import NEVER
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.logs import say
from apscheduler.schedulers._api.listeners import tell
from apscheduler.schedulers._dispatch.loop import BATCH, BATCHES
from apscheduler.schedulers._hosts.waiting import LONGEST_WAIT
from apscheduler.schedulers.base import STATE_RUNNING, STATE_STOPPED, BaseScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from typing import Any

    from apscheduler.events import SchedulerEvent
    from apscheduler.loops.port import Handle, Port

LOOP_BATCH = 200
"""Jobs claimed at a time in the loop itself. This takes about two milliseconds; then the loop does its other work."""


class PassThread:
    """The thread beside the loop, made when it is first needed."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def call(self, function: Callable[[], object]) -> None:
        """Have the function called in this thread, after those that were given before.

        :raises RuntimeError: if no thread can be started; the function is not called then
        """
        if self._thread is None:
            thread = Thread(target=self._run, name="APScheduler", daemon=True)
            thread.start()
            self._thread = thread
        self._calls.put(function)

    def close(self) -> None:
        """Have the thread end after the functions that were given before."""
        self._calls.put(None)

    def join(self) -> None:
        """Wait until the thread has ended; return at once if called in that thread."""
        thread = self._thread
        if thread is not None and thread is not current_thread():
            thread.join()

    def _run(self) -> None:
        while (function := self._calls.get()) is not None:
            function()


class LoopTimer:
    """Starts the passes of one scheduler in one loop, from a start to the next shutdown.

    All methods but ``wake`` and ``close`` are called in the loop's thread, or by the pass; there is one pass at a time.

    :ivar sleeping_until: when it looks again by itself (microseconds UTC); NEVER while it is awake
    """

    def __init__(self, scheduler: CallbackScheduler, port: Port) -> None:
        self.port = port
        self.sleeping_until = NEVER
        self.beside = PassThread()
        self._scheduler = scheduler
        self._handle: Handle | None = None
        self._woken = False
        self._passing = False
        self._again = False
        self._closed = False
        self._is_met = False
        self._loop_end: object = None

    def wake(self) -> None:
        """Have the loop look soon; may be called from any thread."""
        if self._woken or self._closed:
            return
        self._woken = True
        try:
            self.port.call(self._look)
        except RuntimeError:  # the loop is closed, and so `running` is false
            self._woken = False

    def close(self) -> None:
        """Look no more; may be called from any thread."""
        self._closed = True
        self.beside.close()
        if self.port.is_here():
            self._end()
            return
        try:
            self.port.call(self._end)
        except RuntimeError:
            return  # a closed loop has no timers

    def _end(self) -> None:
        self.stop()
        if self._scheduler._timer is self:  # else the scheduler was started again meanwhile
            self._scheduler._stop_timer()

    def stop(self) -> None:
        """Cancel the timer; called in the loop."""
        handle, self._handle = self._handle, None
        self.sleeping_until = NEVER
        if handle is not None:
            handle.cancel()

    def _look(self) -> None:
        self._woken = False
        if self._closed:
            self.stop()
            return
        if not self._is_met:
            self._is_met = True
            self._loop_end = self._scheduler._before_loop_end(self.port, self._stop_claiming)
        self._scheduler._stop_timer()
        if self._scheduler.state != STATE_RUNNING:
            return
        if self._passing:
            self._again = True
            return
        self._passing = True
        beside = self._scheduler._stores_may_block()
        dispatcher = self._scheduler._dispatcher
        if beside:
            dispatcher.batch, dispatcher.batches = BATCH, BATCHES
            try:
                self.beside.call(self._pass_beside)
            except RuntimeError as exc:  # the limit of threads is reached
                self._passed(self._met(exc))
        else:
            dispatcher.batch, dispatcher.batches = LOOP_BATCH, 1
            try:
                seconds = self._pass()
            except BaseException:
                self._passed(
                    0
                )  # a Ctrl-C in the loop's own thread: the next look comes all the same
                raise
            self._passed(seconds)

    def _stop_claiming(self) -> None:
        """Called in the loop before it ends: start nothing more in it, and give back what has not begun."""
        scheduler = self._scheduler
        if self._closed or scheduler._timer is not self:
            return
        scheduler._ends = True
        self.stop()
        for executor in list(scheduler._executors.values()):
            ends = getattr(executor, "loop_ends", None)
            if callable(ends):
                ends()
        if scheduler._stores_may_block():
            try:
                self.beside.call(self._withdraw)
            except RuntimeError:  # no thread starts: the end of the process gives it back
                return

    def _withdraw(self) -> None:
        from apscheduler.schedulers._end.ending import withdraw

        try:
            withdraw(self._scheduler)
        except Exception as exc:  # noqa: BLE001 - whatever a store raises
            text = "What has not begun could not be given back at the event loop's end"
            say(self._scheduler._logger, 40, text, exc_info=exc)

    def _pass(self) -> float | None:
        try:
            return self._scheduler._process_jobs()
        except Exception as exc:  # noqa: BLE001 - the loop outlives everything
            return self._met(exc)

    def _met(self, exc: Exception) -> float:
        """Log an error, and return after how many seconds to look again."""
        text = "The scheduler's loop met an error and goes on"
        say(self._scheduler._logger, 40, text, exc_info=exc)
        return 1.0

    def _pass_beside(self) -> None:
        seconds = self._pass()
        try:
            self.port.call(self._passed, seconds)
        except RuntimeError:
            return  # the loop was closed meanwhile

    def _passed(self, seconds: float | None) -> None:
        self._passing = False
        if self._closed or self._scheduler.state != STATE_RUNNING:
            return
        if self._again:
            self._again, seconds = False, 0
        try:
            self._scheduler._start_timer(seconds)
        except Exception as exc:  # noqa: BLE001 - from an override; the loop outlives everything
            self.start(self._met(exc))

    def start(self, seconds: float | None) -> None:
        """Set the timer to look again after ``seconds`` (``None``: when there is news); called in the loop."""
        self.stop()
        if self._closed:
            return
        if seconds is None or seconds > LONGEST_WAIT:
            seconds = LONGEST_WAIT
        self.sleeping_until = self._scheduler._dispatcher.wake_at if seconds else NEVER
        self._handle = self.port.later(seconds, self._look)


class CallbackScheduler(BaseScheduler):
    """A scheduler that waits by a timer in the program's event loop."""

    _runs_beside = True
    _how_to_last = "Jobs run while its event loop does; keep that running"
    _timer: LoopTimer | None = None
    _telling = False

    def __init__(self, *args: Any, **options: Any) -> None:
        self._untold: deque[SchedulerEvent] = deque()
        super().__init__(*args, **options)

    @abstractmethod
    def _find_port(self) -> Port:
        """Return the event loop to start in.

        :raises RuntimeError: if there is none
        """

    def start(self, paused: bool = False) -> None:
        """Start the scheduler in its event loop, and return. See :meth:`BaseScheduler.start`.

        :param paused: whether to process no jobs until :meth:`resume`
        :raises RuntimeError: if there is no event loop
        """
        if self.state != STATE_STOPPED and not self.running:
            self.shutdown(wait=False)  # its loop was closed while it ran
        if self.state == STATE_STOPPED:
            self._let_shutdown_end("start")
            self._timer = LoopTimer(self, self._find_port())
            self._loop = None  # a new dispatcher: a pass from before the last shutdown may still use the old one
        super().start(paused)

    def shutdown(self, wait: bool = True, *, timeout: float | timedelta | None = None) -> None:
        """Stop processing jobs. See :meth:`BaseScheduler.shutdown`.

        :param wait: whether running jobs come to their end (waited for only where that does not hold up the loop)
        :param timeout: after how many seconds coroutine jobs that still run are cancelled and recorded as such. Called
            in the loop's own thread, this method returns at once, and the jobs are cancelled later. New.
        """
        seconds = self._begin_shutdown(timeout)
        if self._timer is not None:
            self._timer.close()
        self._finish_shutdown(wait=wait, timeout=seconds)

    def _before_loop_end(self, _port: Any, _function: Callable[[], object]) -> object:
        """Have the loop call the function before it ends, if it can; the caller keeps what is returned until then."""
        return None

    def _let_pass_end(self) -> None:
        if self._timer is None or not self._timer.port.is_here():
            super()._let_pass_end()  # else the loop would be held up

    def _call_within(self, function: Callable[[], object], seconds: float) -> bool:
        port = None if self._timer is None else self._timer.port
        if port is None or not port.is_here():
            return super()._call_within(function, seconds)
        from apscheduler.schedulers._end.ending import leave_behind, still_running

        timer = self._timer

        def cut_off() -> None:
            if self._timer is timer and still_running(self):
                leave_behind(self, seconds)

        super()._call_within(function, 0)
        port.later(seconds, cut_off)
        return True

    def _is_in_loop(self) -> bool:
        if self._timer is not None and self._timer.port.is_here():
            return True
        asyncio = sys.modules.get("asyncio")
        return asyncio is not None and asyncio._get_running_loop() is not None

    @property
    def running(self) -> bool:
        """Whether the scheduler has been started, and its event loop has not been closed since."""
        return self.state != STATE_STOPPED and not (
            self._timer is not None and self._timer.port.is_closed()
        )

    def wakeup(self) -> None:
        if self._timer is not None and self.state != STATE_STOPPED:
            self._timer.wake()

    def _start_timer(self, wait_seconds: float | None) -> None:
        """Have the loop look again after ``wait_seconds`` (a method of 3.x, which other code overrides)."""
        if self._timer is not None:
            self._timer.start(wait_seconds)

    def _stop_timer(self) -> None:
        """Cancel the timer (a method of 3.x, which other code overrides)."""
        if self._timer is not None:
            self._timer.stop()

    def _wake_for(self, due: int) -> None:
        if self._timer is not None and due < self._timer.sleeping_until:
            self.wakeup()

    def _stores_may_block(self) -> bool:
        """Return whether a leader lock or a store may do I/O; all stores but memory stores may."""
        return self._lead is not None or any(
            type(store) is not MemoryJobStore for store in list(self._jobstores.values())
        )

    def _dispatch_event(self, event: SchedulerEvent) -> None:
        """Tell the listeners of an event; while the loop runs, in its thread.

        An event that nobody listens to has earlier ones told too: the loop may have stopped before it told them.
        """
        self._heed_listeners()
        if self._listener_mask & event.code:
            self._untold.append(event)
        elif not self._untold:
            return
        port = None if self._timer is None else self._timer.port
        if port is None or port.is_here() or not port.is_running():
            self._tell()
        elif not self._telling:
            self._telling = True
            try:
                port.call(self._tell)
            except RuntimeError:
                self._tell()

    _own_dispatch = (_dispatch_event,)

    def _tell(self) -> None:
        self._telling = False
        timer = self._timer
        start = None if timer is None or not timer.port.is_here() else timer.port.finish
        while self._untold:
            try:
                event = self._untold.popleft()
            except IndexError:
                return
            tell(self._listeners, event, self._logger, start, self)

    def _tell_the_rest(self) -> None:
        if self._untold and not (self._timer is not None and self._timer.port.is_running()):
            self._tell()

    def _after_fork_in_child(self) -> None:
        super()._after_fork_in_child()
        self._timer = None
        self._untold.clear()
