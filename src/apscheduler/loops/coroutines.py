"""Awaits what a job's function has returned, in an event loop of the calling thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from apscheduler.runs.context import RunContext, run_context

Started = Callable[[asyncio.AbstractEventLoop, "asyncio.Task[Any]"], None]
"""Called with the loop and the task when the awaiting begins, so that a timeout can cancel the task."""


class Watching(Protocol):
    """Watches the timeout of the calling thread's run."""

    def hold(self) -> None:
        """Raise nothing in the calling thread until the awaiting begins, because that thread now makes a loop."""

    def awaiting(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
        """Take note that the awaiting begins: from now on a timeout cancels the task."""


class CoroutineRunner:
    """An event loop of one thread: made at the first coroutine, used for all that follow."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None

    def run(
        self, awaitable: Awaitable[Any], context: RunContext | None, watch: Watching | None = None
    ) -> Any:
        """Await to the end and return the value; tasks left behind are cancelled, as by asyncio.run."""
        if watch is not None:
            watch.hold()  # a loop that is interrupted while it is made is never closed
        started = None if watch is None else watch.awaiting
        if self._runner is None:
            self._runner = asyncio.Runner()
        runner = self._runner
        try:
            try:
                return runner.run(awaiting(awaitable, context, started))
            finally:
                leftover = asyncio.all_tasks(runner.get_loop())
                if leftover:
                    runner.run(_cancel(leftover))
        except Exception:
            raise
        except BaseException:
            self.close()  # interrupted inside the loop: the next coroutine gets a new loop
            raise

    def run_anywhere(
        self, awaitable: Awaitable[Any], context: RunContext | None, watch: Watching | None = None
    ) -> Any:
        """Await to the end and return the value; if the calling thread already runs a loop, in another thread."""
        if asyncio._get_running_loop() is None:
            return self.run(awaitable, context, watch)
        said: list[Any] = []
        beside = threading.Thread(
            target=_run_beside,
            args=(awaitable, context, watch, said),
            name="apscheduler-coroutine",
        )
        beside.start()
        beside.join()
        value, exc = said.pop()
        if exc is not None:
            raise exc
        return value

    def close(self) -> None:
        """Close the loop; the next coroutine makes another."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()


async def awaiting(
    awaitable: Awaitable[Any], context: RunContext | None, started: Started | None
) -> Any:
    """Await in the context of a run."""
    run_context.set(context)
    if started is not None:
        task = asyncio.current_task()
        if task is not None:
            started(asyncio.get_running_loop(), task)
    return await awaitable


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _run_beside(
    awaitable: Awaitable[Any], context: RunContext | None, watch: Watching | None, said: list[Any]
) -> None:
    runner = CoroutineRunner()
    try:
        said.append((runner.run(awaitable, context, watch), None))
    except BaseException as exc:  # noqa: BLE001 - raised again in the thread that waits
        said.append((None, exc))
    finally:
        runner.close()
