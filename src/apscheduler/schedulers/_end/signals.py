"""Shuts a ``BlockingScheduler`` down on SIGTERM; then the process dies of the signal, as it would have without this.

The handler runs in the main thread, between any two steps of its code. So it takes no lock and only leaves a note. If
the loop is asleep, the handler raises, because nothing else ends that sleep. Only the main thread uses the fields.

After a fork, the child has the handler too until it has put the old one back, and Python forgets in the child which
signals came so far. So SIGTERM is blocked in the forking thread, from before the fork until the child is done.
"""

from __future__ import annotations

import _thread
import os
import signal
from threading import current_thread, local, main_thread
from time import sleep

from apscheduler.forks import around_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, Protocol

    from apscheduler.schedulers._contract import Logs

    class Terminated(Logs, Protocol):
        """What the handler of the signal needs of the scheduler."""

        _ends: bool

        @property
        def running(self) -> bool: ...

        def shutdown(self, wait: bool = True, *, timeout: float | None = None) -> None: ...

        def _last_word(self) -> None: ...


RUNNING_SECONDS = 8.0
"""Seconds that running jobs have to end after SIGTERM; Docker kills after ten seconds, other systems later."""
_STUCK_SECONDS = 1.5
"""Seconds after ``RUNNING_SECONDS`` until the process ends, even if its main thread is still busy."""


class _WokenError(BaseException):
    """Raised by the handler to end the loop's sleep; :meth:`Termination.sleep` catches it."""


class Termination:
    """Handles SIGTERM between :meth:`watch` and :meth:`unwatch`.

    :param scheduler: the scheduler whose loop sleeps in :meth:`sleep`
    :ivar told: number of the signal that came, 0 if none has come
    """

    def __init__(self, scheduler: Terminated) -> None:
        self.told = 0
        self._scheduler = scheduler
        self._sleeping = False
        self._before: Any = None
        self._process = os.getpid()

    def watch(self) -> None:
        """Install the handler."""
        self._before = signal.signal(signal.SIGTERM, self._tell)

    def unwatch(self) -> None:
        """Put the previous handler back, unless other code has installed its own meanwhile."""
        if signal.getsignal(signal.SIGTERM) == self._tell:
            signal.signal(signal.SIGTERM, self._before)

    def _tell(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            self.unwatch()  # a forked child got the signal before it had put the old handler back
            signal.raise_signal(number)
            return
        if self.told:
            return  # it often comes twice: once to the process group, once passed on by the group's leader
        self.told = number
        self._scheduler._ends = True
        _thread.start_new_thread(_end_if_stuck, (number,))
        if self._sleeping:
            raise _WokenError

    def sleep(self, wait: Callable[[], object]) -> None:
        """Call ``wait``, unless the signal has come already; return early if it comes meanwhile."""
        try:
            try:
                self._sleeping = True
                if not self.told:
                    wait()
            finally:
                self._sleeping = False
        except _WokenError:
            return

    def end(self) -> None:
        """Shut the scheduler down, sign off from its stores, and die of the signal.

        :raises SystemExit: if the signal does not end the process; the first process of a container ignores it
        """
        scheduler = self._scheduler
        scheduler._logger.info(
            "SIGTERM: the scheduler shuts down; running jobs have %g s", RUNNING_SECONDS
        )
        if scheduler.running:
            scheduler.shutdown(timeout=RUNNING_SECONDS)
        scheduler._last_word()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(self.told)
        raise SystemExit(128 + self.told)


def _end_if_stuck(number: int) -> None:
    sleep(RUNNING_SECONDS + _STUCK_SECONDS)
    text = f"SIGTERM: after {RUNNING_SECONDS + _STUCK_SECONDS:g} s the main thread is still busy; the process ends\n"
    os.write(2, text.encode())
    os._exit(128 + number)


def termination_for(scheduler: Terminated, wanted: bool | None) -> Termination | None:
    """Return what handles SIGTERM for this scheduler; ``None`` if we leave the signal alone.

    :param wanted: the option ``handle_signals``
    :raises RuntimeError: if it is wanted in a thread that cannot handle signals
    """
    if wanted is False or os.name == "nt":
        return None
    if current_thread() is not main_thread():
        if wanted:
            raise RuntimeError(
                "handle_signals=True needs start() in the main thread, which alone handles signals"
            )
        return None
    if wanted is None and signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return None
    return Termination(scheduler)


# -- around a fork ---------------------------------------------------------------------------------------

_forking = local()


def _hold() -> None:
    handler = signal.getsignal(signal.SIGTERM)
    if isinstance(getattr(handler, "__self__", None), Termination):
        _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def _let_go() -> None:
    mask, _forking.mask = getattr(_forking, "mask", None), None
    if mask is not None and signal.SIGTERM not in mask:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


if hasattr(signal, "pthread_sigmask"):
    around_fork(_hold, _let_go)
    # Registered after the callback of ``forks``, which has the old handler put back: they run in this order.
    os.register_at_fork(after_in_child=_let_go)
