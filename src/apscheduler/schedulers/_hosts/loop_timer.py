"""The timer of a scheduler in the program's event loop: starts each pass, in the loop or beside it.

    wakeup()   from any thread: the loop looks soon (several calls at once count as one)
    look       in the loop: starts a pass, unless one is under way
    pass       in the loop, a small batch at a time, if all stores are memory stores and there is no leader lock; else
               in one thread beside the loop, so that no store, however slow, holds the loop up
    passed     in the loop: sets the timer

Listeners are called in the loop's thread, in the order of the events, whichever thread an event comes from
(``callback.py``). Executors take claims from any thread. So only the pass itself depends on the thread that it runs in.

Some loops say that they are about to end: an asyncio loop before it waits for its default executor, and the reactor.
Such a loop is given nothing more, and what has not begun is given back, if others share the store.
"""

from __future__ import annotations

from apscheduler._engine.instants import NEVER
from apscheduler.logs import say
from apscheduler.schedulers._dispatch.loop import BATCH, BATCHES
from apscheduler.schedulers._hosts.pass_thread import PassThread
from apscheduler.schedulers._hosts.waiting import LONGEST_WAIT
from apscheduler.schedulers._states import STATE_RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from apscheduler.loops.port import Handle, Port
    from apscheduler.schedulers._contract import HasExecutors, HasStores, Logs
    from apscheduler.schedulers._dispatch.loop import Dispatcher

    class Timed(HasExecutors, HasStores, Logs, Protocol):
        """What the timer needs of its scheduler."""

        _ends: bool
        _timer: LoopTimer | None

        @property
        def state(self) -> int: ...

        @property
        def _dispatcher(self) -> Dispatcher: ...

        def _process_jobs(self) -> float | None: ...

        def _stores_may_block(self) -> bool: ...

        def _start_timer(self, wait_seconds: float | None) -> None: ...

        def _stop_timer(self) -> None: ...

        def _before_loop_end(self, _port: Port, _function: Callable[[], object]) -> object: ...


LOOP_BATCH = 200
"""Jobs claimed at a time in the loop itself. This takes about two milliseconds; then the loop does its other work."""


class LoopTimer:
    """Starts the passes of one scheduler in one loop, from a start to the next shutdown.

    All methods but ``wake`` and ``close`` are called in the loop's thread, or by the pass; there is one pass at a time.

    :ivar sleeping_until: when it looks again by itself (microseconds UTC); NEVER while it is awake
    """

    def __init__(self, scheduler: Timed, port: Port) -> None:
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
