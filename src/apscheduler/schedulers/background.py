"""A scheduler that runs in a thread of its own: ``start()`` returns at once."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Thread, current_thread

from apscheduler.amounts import read_truth
from apscheduler.elsewhere import names_of_3x
from apscheduler.ends import at_wait
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_END_SECONDS = 10.0


_LEAVE_SECONDS = 2.0

_leaving: list[Thread] = []
"""Threads that were shut down in a pass of their own, and have not yet reported what became of its runs."""


def _let_leave() -> None:
    """Called when the interpreter ends: wait a short time for each of these threads."""
    for thread in _leaving:
        thread.join(_LEAVE_SECONDS)


at_wait(_let_leave)


class BackgroundScheduler(BlockingScheduler):
    """A scheduler beside the rest of the program.

    Takes one more option:

    :param daemon: whether the program may end while the scheduler runs (default: yes)
    """

    _thread: Thread | None = None
    _daemon = True
    _blocks = False
    _how_to_last = (
        "start() returned at once; have the main thread wait, for example with threading.Event().wait(), or use "
        "BlockingScheduler, whose start() waits"
    )

    def _configure(self, config: Mapping[str, Any]) -> None:
        self._daemon = read_truth("daemon", config.get("daemon", True))
        super()._configure(config)

    def start(self, *args: Any, **kwargs: Any) -> None:
        """Start the scheduler in a thread of its own.

        :param paused: whether to process no jobs until :meth:`resume`
        """
        self._begin_waiting()
        BaseScheduler.start(self, *args, **kwargs)
        if self.running:
            thread = Thread(target=self._main_loop, name="APScheduler", daemon=self._daemon)
            self._thread = thread  # first: a listener in it may shut the scheduler down at once
            try:
                thread.start()
            except RuntimeError:  # the limit of threads is reached
                self.shutdown(wait=False)
                raise

    def shutdown(self, *args: Any, **kwargs: Any) -> None:
        """Stop processing jobs and end the thread. See :meth:`BaseScheduler.shutdown`.

        :param wait: as there
        :param timeout: as there; by name
        """
        thread = self._thread
        super().shutdown(*args, **kwargs)
        if (
            self._thread is thread
        ):  # else a listener of the shutdown, or another thread, has started it again
            self._thread = None
        if thread is None or not thread.is_alive():
            return
        if thread is current_thread():  # a listener or a job in this thread ends its scheduler
            _leaving[:] = [*(each for each in _leaving if each.is_alive()), thread]
        else:
            thread.join(_END_SECONDS)  # it may wait for a store that does not answer

    def _after_fork_in_child(self) -> None:
        super()._after_fork_in_child()
        self._thread = None


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
