"""A scheduler that runs in a thread of its own: ``start()`` returns at once."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Thread, current_thread

from apscheduler.moments import asbool
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class BackgroundScheduler(BlockingScheduler):
    """A scheduler beside the rest of the program.

    Takes one more option:

    :param daemon: whether the program may end while the scheduler runs (default: yes)
    """

    _thread: Thread | None = None
    _daemon = True

    def _configure(self, config: Mapping[str, Any]) -> None:
        self._daemon = asbool(config.get("daemon", True))
        super()._configure(config)

    def start(self, *args: Any, **kwargs: Any) -> None:
        """Start the scheduler in a thread of its own.

        :param paused: whether to wait for :meth:`resume` with processing jobs
        """
        self._begin_waiting()
        BaseScheduler.start(self, *args, **kwargs)
        if self.running:
            self._thread = Thread(target=self._main_loop, name="APScheduler", daemon=self._daemon)
            self._thread.start()

    def shutdown(self, *args: Any, **kwargs: Any) -> None:
        """Stop processing jobs and end the thread. See :meth:`BaseScheduler.shutdown`."""
        super().shutdown(*args, **kwargs)
        thread, self._thread = self._thread, None
        if thread is not None and thread is not current_thread() and thread.is_alive():
            thread.join()

    def _after_fork_in_child(self) -> None:
        super()._after_fork_in_child()
        self._thread = None
