"""An executor for asyncio: coroutine jobs run in the event loop, functions in the loop's default pool of threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from apscheduler.executors._loop_executor import LoopExecutor
from apscheduler.executors._ports import AsyncioPort
from apscheduler.executors._tasks import TaskRuns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class AsyncIOExecutor(LoopExecutor):
    """Runs coroutine jobs in the scheduler's event loop, and functions in the loop's default executor.

    ``shutdown(wait=True)`` lets what runs come to its end; from another thread it waits for it, in the loop's own
    thread it cannot (``await scheduler.ashutdown()`` does). ``shutdown(wait=False)`` cancels and records it.

    :raises RuntimeError: at the start, if the scheduler has no asyncio event loop
    """

    _eventloop: Any = None

    def _make_runs(self, scheduler: Any) -> TaskRuns:
        self._eventloop = event_loop_of(scheduler, type(self).__name__)
        return TaskRuns(
            self, AsyncioPort(self._eventloop), self._in_thread, "the loop's default executor"
        )

    def _in_thread(
        self,
        function: Callable[..., object],
        arguments: tuple[Any, ...],
        ended: Callable[[], object],
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._eventloop.run_in_executor(None, function, *arguments)
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
            f"{type(scheduler).__name__} has none. Its default executor runs coroutine jobs too."
        )
    result: asyncio.AbstractEventLoop = loop
    return result
