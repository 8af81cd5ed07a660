"""Starts worker processes, one at a time; if a start fails, it is tried again a little later."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from apscheduler._engine.backoff import delay
from apscheduler.clocks import monotonic
from apscheduler.executors._child import worker as process_worker
from apscheduler.executors._processes.worker import WorkerProcess

ATTEMPTS = 3
"""After this many failed starts in a row, what waits for a worker fails."""
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.1, 30.0
"""Seconds until a failed start is tried again: at first, and at most."""


class WorkerStarts:
    """Starts the processes of one pool.

    :param context: a context of :mod:`multiprocessing`
    :param initializer: called in each worker first, with ``initargs``
    :param max_tasks: calls after which a worker is replaced
    """

    def __init__(
        self,
        context: Any,
        initializer: Callable[..., object] | None,
        initargs: tuple[Any, ...],
        max_tasks: int | None,
    ) -> None:
        self._context = context
        self._initializer = initializer
        self._initargs = initargs
        self._max_tasks = max_tasks
        self._main_file: str | None = None
        self.reset()

    def reset(self) -> None:
        """Forget failures."""
        self.failures = 0
        self._not_before = 0.0

    def remember_main(self) -> None:
        """Keep the main module's file for later starts."""
        self._main_file = getattr(sys.modules.get("__main__"), "__file__", None)

    @property
    def pause(self) -> float:
        """Seconds until the next try, 0 if it may be now."""
        return max(0.0, self._not_before - monotonic())

    def failed(self) -> None:
        """Put off the next try, longer each time."""
        self.failures += 1
        self._not_before = monotonic() + delay(self.failures, _FIRST_BACKOFF, _LONGEST_BACKOFF)

    def start(
        self, name: str, slot: int, board: str, others: Sequence[WorkerProcess]
    ) -> WorkerProcess:
        """Start a worker, which sends a message when it is ready.

        :param board: path of the board on which workers show what they are running
        :param others: the workers that are there already
        :raises Exception: if the initializer cannot be pickled, there is no memory, or the interpreter is ending
        """
        pipe, theirs = multiprocessing.Pipe()
        _restore_main_file(self._main_file)
        try:
            inherited = self._inherited(pipe, others)
            process = self._context.Process(
                target=process_worker.main,
                args=(theirs, board, slot, self._initializer, self._initargs, inherited),
                name=name,
            )
            process.start()
        except BaseException:
            pipe.close()
            raise
        finally:
            theirs.close()
        return WorkerProcess(process, pipe, slot, monotonic(), calls_left=self._max_tasks)

    def _inherited(self, pipe: Connection, others: Sequence[WorkerProcess]) -> list[Connection]:
        """Return the pipes that a forked worker has to close: they are its siblings'."""
        if self._context.get_start_method() != "fork":
            return []
        return [pipe, *(worker.pipe for worker in others)]


def _restore_main_file(path: str | None) -> None:
    """Give the main module its ``__file__`` back, which Python takes away when the script has ended.

    A scheduler may outlive the script, and a worker that is spawned then has to import the main module by this path.
    """
    main = sys.modules.get("__main__")
    if main is not None and path is not None and not hasattr(main, "__file__"):
        main.__file__ = path


def is_reimporting() -> bool:
    """Return whether this process is still importing its parent's main module."""
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))
