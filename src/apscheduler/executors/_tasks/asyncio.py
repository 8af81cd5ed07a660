"""Holds what the executors on an asyncio loop share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from apscheduler.executors._tasks.executor import LoopExecutor
from apscheduler.executors._tasks.runs import TaskRuns
from apscheduler.loops.port import AsyncioPort

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class AsyncioLoopExecutor(LoopExecutor):
    """Runs coroutine jobs in an asyncio loop, and functions in a pool of threads by the loop's ``run_in_executor``."""

    _eventloop: Any = None
    _pool_name = "the loop's default executor"
    _threads: Any = None
    """The pool of threads; ``None`` means the loop's default executor."""

    def _make_runs(self, scheduler: Any) -> TaskRuns:
        self._eventloop = event_loop_of(scheduler, type(self).__name__)
        return TaskRuns(self, AsyncioPort(self._eventloop), self._in_thread, self._pool_name)

    def _in_thread(
        self,
        function: Callable[..., object],
        arguments: tuple[Any, ...],
        ended: Callable[[], object],
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._eventloop.run_in_executor(
            self._threads, function, *arguments
        )
        future.add_done_callback(lambda _: ended())
        return future


def event_loop_of(scheduler: Any, executor: str) -> asyncio.AbstractEventLoop:
    """Return the scheduler's asyncio loop.

    :raises RuntimeError: if it has none
    """
    loop = getattr(scheduler, "_eventloop", None)
    if loop is None:
        raise RuntimeError(
            f"{executor} needs a scheduler with an asyncio event loop (AsyncIOScheduler, TornadoScheduler); "
            f"{type(scheduler).__name__} has none. Its default executor runs coroutine jobs too"
        )
    result: asyncio.AbstractEventLoop = loop
    return result
