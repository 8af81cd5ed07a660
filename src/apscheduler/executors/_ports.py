"""The one thing hosts and executors need of an event loop: a port, the same for every kind of loop.

A port's ``call`` may be used from any thread; ``later`` and ``start`` in the loop's thread only.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
from collections.abc import Callable, Coroutine

from apscheduler.executors._coroutines import awaiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from apscheduler.executors._coroutines import Started
    from apscheduler.runs.context import RunContext

    class Handle(Protocol):
        """Something planned or started that can be cancelled."""

        def cancel(self) -> object:
            """Cancel it."""

    class Port(Protocol):
        """An event loop, as hosts and executors see it."""

        def call(self, function: Callable[..., object], *args: Any) -> None:
            """Have the function called in the loop's thread soon, in order. Raises RuntimeError if it is closed."""

        def later(self, seconds: float, function: Callable[[], object]) -> Handle:
            """Have the function called after so many seconds."""

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

            Called in that thread; what it returns has to be kept until then.
            """

        def forgive(self) -> None:
            """Called in a task that was cancelled by its timeout and goes on: it is not being cancelled any more."""

        def result_of(
            self, awaitable: Any, context: RunContext | None, started: Started | None
        ) -> Any:
            """Called in another thread: await in the loop and return the value."""


_LOOK_SECONDS = 1.0


class LoopEnd:
    """What an asyncio loop closes at its end, as it closes async generators: before it waits for its default executor."""

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
        """Have the function called after so many seconds."""
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
        """Have the function called by ``loop.shutdown_asyncgens()``; never in a loop that has no such thing."""
        is_known = sys.get_asyncgen_hooks().firstiter
        if is_known is None or getattr(self.loop, "_asyncgens_shutdown_called", False):
            return None
        end: Any = LoopEnd(function)  # no generator: nobody minds if nothing ever closes it
        is_known(end)
        return end

    def start(
        self, coroutine: Coroutine[Any, Any, Any], ended: Callable[[], object]
    ) -> asyncio.Task[Any]:
        """Start a task."""
        task = self.loop.create_task(coroutine)

        def done(task: asyncio.Task[Any]) -> None:
            if not task.cancelled():
                task.exception()  # told by the run itself
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
