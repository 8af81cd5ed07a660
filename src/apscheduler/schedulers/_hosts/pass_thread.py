"""The thread beside an event loop, in which passes run that could hold the loop up."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread, current_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


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
