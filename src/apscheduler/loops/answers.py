"""Runs the coroutines that async listeners return, where there is no port, or one that leaves it to the thread."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

unfinished: set[Any] = set()
"""Tasks of async listeners that have not ended. The loop itself keeps only a weak reference to each."""


def finish(coroutine: Any) -> None:
    """Start an async listener's coroutine in the thread's running loop; without a running loop, run it to its end."""
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(coroutine)
        return
    keep(loop.create_task(coroutine))


def keep(task: Any) -> None:
    """Hold the task until it has ended."""
    unfinished.add(task)
    task.add_done_callback(unfinished.discard)
