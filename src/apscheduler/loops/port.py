"""Gives schedulers and executors the same interface to every kind of event loop: a port.

Any thread may use a port's ``call``; only the loop's thread may use ``later`` and ``start``.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
from collections.abc import Callable, Coroutine

from apscheduler.loops.coroutines import awaiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from apscheduler.loops.coroutines import Started
    from apscheduler.runs.context import RunContext

    class Handle(Protocol):
        """Something planned or started that can be cancelled."""

        def cancel(self) -> object:
            """Cancel it."""

    class Port(Protocol):
        """An event loop, as schedulers and executors see it."""

        def call(self, function: Callable[..., object], *args: Any) -> None:
            """Have the function called in the loop's thread soon, in order. Raises RuntimeError if it is closed."""

        def later(self, seconds: float, function: Callable[[], object]) -> Handle:
            """Have the function called after this many seconds."""

        def is_here(self) -> bool:
            """Return whether the calling code runs in the loop's thread."""

        def is_running(self) -> bool:
            """Return whether the loop runs, so that what is asked of it will be done."""

        def is_closed(self) -> bool:
            """Return whether the loop can never run again."""

        def finish(self, coroutine: Coroutine[Any, Any, Any]) -> Handle:
            """Start awaiting what an async listener returned."""

    class TaskPort(Port, Protocol):
        """An event loop that can await coroutines."""

        def start(self, coroutine: Coroutine[Any, Any, Any], ended: Callable[[], object]) -> Handle:
            """Start awaiting the coroutine; ``ended`` is called in the loop's thread after its end."""

        def before_end(self, function: Callable[[], object]) -> object:
            """Have the function called in the loop's thread when the loop ends, before it waits for its threads.

            This is called in the loop's thread too. The caller has to keep what it returns until the loop ends.
            """

        def forgive(self) -> None:
            """Called in a task that goes on after its timeout cancelled it: take that cancellation back."""

        def result_of(
            self, awaitable: Any, context: RunContext | None, started: Started | None
        ) -> Any:
            """Called in another thread: await in the loop and return the value."""


_LOOK_SECONDS = 1.0


class LoopEnd:
    """An object that an asyncio loop closes at its end like an async generator, before it waits for its threads."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    async def aclose(self) -> None:
        """Called by ``loop.shutdown_asyncgens()``."""
        self._function()


class AsyncioPort:
    """An asyncio loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Have the function called in the loop's thread soon."""
        self.loop.call_soon_threadsafe(function, *args)

    def later(self, seconds: float, function: Callable[[], object]) -> asyncio.TimerHandle:
        """Have the function called after this many seconds."""
        return self.loop.call_later(seconds, function)

    def is_here(self) -> bool:
        """Return whether the calling code runs in this loop."""
        return asyncio._get_running_loop() is self.loop

    def is_running(self) -> bool:
        """Return whether the loop runs."""
        return self.loop.is_running()

    def is_closed(self) -> bool:
        """Return whether the loop was closed."""
        return self.loop.is_closed()

    def before_end(self, function: Callable[[], object]) -> object:
        """Have the function called by ``loop.shutdown_asyncgens()``. A loop without that never calls it."""
        is_known = sys.get_asyncgen_hooks().firstiter
        if is_known is None or getattr(self.loop, "_asyncgens_shutdown_called", False):
            return None
        end: Any = LoopEnd(function)  # no generator: Python does not warn if it is never closed
        is_known(end)
        return end

    def start(
        self, coroutine: Coroutine[Any, Any, Any], ended: Callable[[], object]
    ) -> asyncio.Task[Any]:
        """Start a task."""
        task = self.loop.create_task(coroutine)

        def done(task: asyncio.Task[Any]) -> None:
            if not task.cancelled():
                task.exception()  # marked as seen, because the run itself has reported it
            ended()

        task.add_done_callback(done)
        return task

    def finish(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task."""
        return self.loop.create_task(coroutine)

    def forgive(self) -> None:
        """Take the timeout's cancellation back, so that the task's later waits are not cut short."""
        task = asyncio.current_task()
        while task is not None and task.cancelling():
            task.uncancel()

    def result_of(self, awaitable: Any, context: RunContext | None, started: Started | None) -> Any:
        """Await in the loop; give up when it stops."""
        future = asyncio.run_coroutine_threadsafe(awaiting(awaitable, context, started), self.loop)
        while True:
            try:
                return future.result(_LOOK_SECONDS)
            except concurrent.futures.TimeoutError:
                if future.done():
                    raise
                if not self.loop.is_running():
                    future.cancel()
                    raise RuntimeError("the event loop ended before the job did") from None
