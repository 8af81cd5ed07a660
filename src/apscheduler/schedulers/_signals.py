"""SIGTERM while a ``BlockingScheduler`` runs: it comes to its end, and then the process dies of the signal all the same.

The handler runs in the main thread, between any two of its steps. So it takes no lock and only leaves a note; where the
loop sleeps it raises, because nothing else ends that sleep. All fields are the main thread's alone.

A child of a fork has the handler too until it has put it back, and Python forgets there which signals came so far. So
the signal waits meanwhile: it is blocked in the thread that forks, from before the fork until the child is done.
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
    from typing import Any

RUNNING_SECONDS = 8.0
"""So long running jobs are waited for: Docker kills ten seconds after SIGTERM, others later."""
_STUCK_SECONDS = 1.5
"""So much later the process ends though its main thread does not."""


class _WokenError(BaseException):
    """Ends the loop's sleep; never seen outside of it."""


class Termination:
    """What becomes of SIGTERM between :meth:`watch` and :meth:`unwatch`.

    :param scheduler: whose loop sleeps by :meth:`sleep`
    :ivar told: the signal that came, 0 before one does
    """

    def __init__(self, scheduler: Any) -> None:
        self.told = 0
        self._scheduler = scheduler
        self._sleeping = False
        self._before: Any = None
        self._process = os.getpid()

    def watch(self) -> None:
        """Install the handler."""
        self._before = signal.signal(signal.SIGTERM, self._tell)

    def unwatch(self) -> None:
        """Put back what was there before, unless somebody else has put something there meanwhile."""
        if signal.getsignal(signal.SIGTERM) == self._tell:
            signal.signal(signal.SIGTERM, self._before)

    def _tell(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            self.unwatch()  # it came to a forked child before that was done
            signal.raise_signal(number)
            return
        if self.told:
            return  # process groups and their leaders pass it on, so that it often comes twice
        self.told = number
        self._scheduler._ends = True
        _thread.start_new_thread(_end_if_stuck, (number,))
        if self._sleeping:
            raise _WokenError

    def sleep(self, wait: Callable[[], object]) -> None:
        """Wait, unless it was told already, or until it is."""
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
        """Shut down, sign off, and die of the signal.

        :raises SystemExit: where the signal does not end the process: the first one of a container ignores it
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


def termination_for(scheduler: Any, wanted: bool | None) -> Termination | None:
    """Return who handles SIGTERM for this scheduler; ``None`` where nobody of ours does.

    :param wanted: as the option ``handle_signals``
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
    # After those of ``forks``, which put the handler back: these are called in the order of their registration.
    os.register_at_fork(after_in_child=_let_go)
