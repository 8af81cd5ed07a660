"""The base of schedulers in the program's event loop: waits by a timer there, and tells the listeners there."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections import deque

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers._api.listeners import tell
from apscheduler.schedulers._hosts.loop_timer import LoopTimer
from apscheduler.schedulers.base import STATE_STOPPED, BaseScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from typing import Any

    from apscheduler.events import SchedulerEvent
    from apscheduler.loops.port import Port


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
            in the loop's own thread, this method returns at once, and the jobs are cancelled later. Added in 1.0.
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
