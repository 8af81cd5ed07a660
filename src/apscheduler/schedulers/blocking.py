"""A scheduler that runs in the foreground: ``start()`` blocks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from threading import current_thread, get_ident, main_thread

from apscheduler._engine.instants import NEVER
from apscheduler.amounts import read_truth
from apscheduler.elsewhere import names_of_3x
from apscheduler.schedulers._hosts.waiting import LONGEST_WAIT, Wakeup
from apscheduler.schedulers.base import STATE_STOPPED, BaseScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Any

    from apscheduler.schedulers._end.signals import Termination

__all__ = ["STATE_STOPPED", "BlockingScheduler"]

SHORTEST_WAIT = 0.0001
"""Seconds of sleep before a pass that has something due at once. What becomes due meanwhile shares the pass: at 50,000
fires a second there are a sixth of the passes, and a start is half as late at the 99th percentile."""

FIRST_WAIT = 0.1
"""Seconds. Each longer sleep begins with a short one of this length. Python misses a signal that comes after it gave up
the GIL and before it sleeps, which happens when a job starts at that moment. The signal is then handled after the short
sleep, not after the whole one."""


class BlockingScheduler(BaseScheduler):
    """A scheduler for programs that do nothing else: :meth:`start` returns after :meth:`shutdown`.

    Takes one more option:

    :param handle_signals: whether SIGTERM shuts the scheduler down before the process dies of it: nothing more is
        claimed, what has not begun is given back, and running jobs are waited for at most 8 seconds. ``None``
        (default): where nobody else handles it, and :meth:`start` is called in the main thread; ``False``: never;
        ``True``: though there is a handler, which comes back when :meth:`start` returns. Nothing is done on Windows.
        Added in 1.0.
    """

    _event: Any = None
    _handle_signals: bool | None = None
    _termination: Termination | None = None
    _blocks = True
    """Whether ``start()`` blocks the thread that calls it."""
    _started_in = 0
    """Ident of the thread that :meth:`start` blocks, 0 before the start."""
    _how_to_last = "Call start() in the main thread, or have that wait: thread.join()"

    @property
    def _runs_beside(self) -> bool:  # type: ignore[override] # of this instance
        return not self._blocks or self._started_in not in (0, main_thread().ident)

    def _configure(self, config: Mapping[str, Any]) -> None:
        given = config.get("handle_signals")
        self._handle_signals = None if given is None else read_truth("handle_signals", given)
        if self._handle_signals and not self._blocks:
            raise ValueError(
                f"handle_signals is for BlockingScheduler: the start() of {type(self).__name__} returns, so signals are "
                "the program's to handle"
            )
        super()._configure(config)

    def start(self, *args: Any, **kwargs: Any) -> None:
        """Start the scheduler and process jobs in the calling thread until :meth:`shutdown`.

        :param paused: whether to process no jobs until :meth:`resume`
        """
        from apscheduler.schedulers._end.signals import termination_for

        self._begin_waiting()
        termination = termination_for(self, self._handle_signals)
        self._started_in = get_ident()
        super().start(*args, **kwargs)
        if self.state == STATE_STOPPED:
            return
        if termination is None:
            self._main_loop()
        else:
            self._run_until(termination)

    def _run_until(self, termination: Termination) -> None:
        self._termination = termination
        termination.watch()
        try:
            self._main_loop()
            if termination.told:
                termination.end()
        finally:
            self._termination = None
            termination.unwatch()

    def _begin_waiting(self) -> None:
        if self._event is None or self.state == STATE_STOPPED:
            self._let_shutdown_end("start")
            self._event = Wakeup()

    def shutdown(self, wait: bool = True, *, timeout: float | timedelta | None = None) -> None:
        """Stop processing jobs; :meth:`start` returns. See :meth:`BaseScheduler.shutdown`."""
        event = self._event
        super().shutdown(wait, timeout=timeout)
        event.set()

    def wakeup(self) -> None:
        if self._event is not None:
            self._event.set()

    def _wake_for(self, due: int) -> None:
        if due < self._sleeping_until:
            self.wakeup()

    _sleeping_until = NEVER
    """When the sleeping loop will look again by itself; NEVER while it is awake. The loop's thread writes it."""

    def _tell_of_error(self, exc: Exception) -> None:
        from apscheduler.logs import say

        say(self._logger, 40, "The scheduler's loop met an error and goes on", exc_info=exc)

    def _main_loop(self) -> None:
        """Process jobs until the scheduler is stopped, whatever raises."""
        event, starts = self._event, self._starts
        while self.state != STATE_STOPPED and self._starts == starts:
            try:
                wait_seconds = self._process_jobs()
            except Exception as exc:  # noqa: BLE001 - the loop outlives everything
                self._tell_of_error(exc)
                wait_seconds = 1.0
            if wait_seconds is None or wait_seconds > LONGEST_WAIT:
                wait_seconds = LONGEST_WAIT
            elif wait_seconds <= 0:
                wait_seconds = SHORTEST_WAIT
            self._sleeping_until = self._dispatcher.wake_at
            if self._termination is None:
                _sleep(event, wait_seconds)
            else:
                self._termination.sleep(partial(_sleep, event, wait_seconds))
            self._sleeping_until = NEVER
            if self._ends:
                return  # a signal may have ended the sleep, so the event is left as it is
            event.clear()

    def _after_fork_in_child(self) -> None:
        super()._after_fork_in_child()
        termination, self._termination = self._termination, None
        if termination is not None:
            termination.unwatch()


def _sleep(event: Any, seconds: float) -> None:
    """Wait for the event; in the main thread, which handles the signals, in two parts (see ``FIRST_WAIT``)."""
    if seconds > FIRST_WAIT and current_thread() is main_thread():
        if event.wait(FIRST_WAIT):
            return
        seconds -= FIRST_WAIT
    event.wait(seconds)


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
