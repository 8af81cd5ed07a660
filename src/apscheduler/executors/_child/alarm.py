"""Calls a function with a timeout inside a worker process.

In the main thread, on systems that have timer signals, a signal ends the function, even in a ``time.sleep``. Elsewhere
a watchdog does.
"""

from __future__ import annotations

import signal
import threading
from contextvars import copy_context
from queue import Empty, SimpleQueue

from apscheduler.runs.errors import JobTimeoutError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_COROUTINE_GRACE = 0.25
_BESIDE_GRACE = 0.5


def call_in_time(
    func: Callable[[], Any], timeout: float, *, alone: bool = False
) -> tuple[Any, BaseException | None, bool]:
    """Call the function; return its value, its exception, and whether it ended in time. Never raises.

    :param alone: whether no other process watches the timeout; then this returns in time even if the function does not
    """
    on_main = threading.current_thread() is threading.main_thread()
    if on_main and hasattr(signal, "setitimer"):
        return _call_with_signal(func, timeout)
    if alone:
        return _call_beside(func, timeout)
    return _call_with_watchdog(func, timeout)


def _call_beside(func: Callable[[], Any], timeout: float) -> tuple[Any, BaseException | None, bool]:
    """Call the function in a new thread; leave the thread behind if it does not end when it is told to."""
    said: SimpleQueue[tuple[Any, BaseException | None, bool]] = SimpleQueue()
    context = copy_context()

    def call() -> None:
        said.put(context.run(_call_with_watchdog, func, timeout))

    threading.Thread(target=call, name="apscheduler-call", daemon=True).start()
    try:
        return said.get(timeout=timeout + _BESIDE_GRACE)
    except Empty:
        return None, None, False


class _Alarm:
    """A signal handler that raises ``JobTimeoutError`` once, and only while the call runs."""

    def __init__(self) -> None:
        self.armed = True
        self.rang = False

    def ring(self, _signal: int, _frame: object) -> None:
        if self.armed and not self.rang:
            self.rang = True
            raise JobTimeoutError("the job's timeout is over")


def _call_with_signal(
    func: Callable[[], Any], timeout: float
) -> tuple[Any, BaseException | None, bool]:
    alarm = _Alarm()
    value: Any = None
    error: BaseException | None = None
    cancelled = False
    before = signal.signal(signal.SIGALRM, alarm.ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, timeout)
        try:
            value = func()
            if value is not None and hasattr(value.__class__, "__await__"):
                # The deadline cancels the coroutine; the signal comes a little later, for one that does not yield.
                left = signal.setitimer(signal.ITIMER_REAL, timeout + _COROUTINE_GRACE)[0]
                signal.setitimer(signal.ITIMER_REAL, left + _COROUTINE_GRACE)
                value, cancelled = _await(value, left)
        except BaseException as exc:  # noqa: BLE001 - whatever a job raises is its outcome
            error = exc
        alarm.armed = False
    except JobTimeoutError:  # the signal came after the function's end
        alarm.armed = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    return value, error, not (alarm.rang or cancelled)


def _await(awaitable: Any, left: float) -> tuple[Any, bool]:
    """Await for at most ``left`` seconds; return the value, and whether the time was over before the end."""
    from apscheduler.executors._child.coroutines import run_coroutine

    inner: list[BaseException] = []

    async def guarded() -> Any:
        try:
            return await awaitable
        except TimeoutError as exc:  # the job's own, not ours
            inner.append(exc)
            raise

    try:
        return run_coroutine(guarded(), left), False
    except TimeoutError:
        if inner:
            raise
        return None, True


def _call_with_watchdog(
    func: Callable[[], Any], timeout: float
) -> tuple[Any, BaseException | None, bool]:
    from apscheduler.executors._attempt.watchdog import (
        Watch,
        Watchdog,
        watched_call,
    )
    from apscheduler.loops.coroutines import CoroutineRunner
    from apscheduler.runs.context import run_context

    dog = Watchdog("apscheduler-worker-watchdog")
    watch = Watch(threading.get_ident(), timeout)
    coroutines = CoroutineRunner()

    def call() -> Any:
        dog.add(watch)
        value = func()
        if value is not None and hasattr(value.__class__, "__await__"):
            value = coroutines.run_anywhere(value, run_context.get(), watch)
        return value

    try:
        return watched_call(watch, call)
    finally:
        coroutines.close()
        dog.close()
