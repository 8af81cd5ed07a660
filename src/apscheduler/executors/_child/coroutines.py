"""Runs coroutines in a worker process. It is imported when the first one is met."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import Any

_runner: Any = None


def run_coroutine(awaitable: Any, timeout: float | None) -> Any:
    """Await and return the value: in this thread, or in another one if this one already runs a loop."""
    global _runner  # noqa: PLW0603 - one event loop per process, in its main thread

    async def main() -> Any:
        if timeout is None:
            return await awaitable
        async with asyncio.timeout(timeout):
            return await awaitable

    on_main = threading.current_thread() is threading.main_thread()
    if not on_main or asyncio._get_running_loop() is not None:
        return _run_in_own_loop(main())
    if _runner is None:
        _runner = asyncio.Runner()
    try:
        # A copy each time, because the runner's own context is that of the first run in this process.
        return _runner.run(main(), context=copy_context())
    except BaseException:
        runner, _runner = _runner, None
        runner.close()
        raise


def _run_in_own_loop(awaitable: Any) -> Any:
    from apscheduler.loops.coroutines import CoroutineRunner
    from apscheduler.runs.context import run_context

    coroutines = CoroutineRunner()
    try:
        return coroutines.run_anywhere(awaitable, run_context.get())
    finally:
        coroutines.close()
