"""The base of schedulers in an asyncio loop: finds the loop, and offers a shutdown that can be awaited."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from threading import Thread

from apscheduler.loops.answers import keep, unfinished
from apscheduler.loops.port import AsyncioPort
from apscheduler.schedulers._end.ending import leave_behind, withdraw
from apscheduler.schedulers._hosts.callback import CallbackScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from typing import Any

_AFTER_CANCEL = 1.0
"""Seconds that cancelled jobs have to end before ``ashutdown`` returns without them."""


class ListeningPort(AsyncioPort):
    """The asyncio loop of a scheduler; keeps references to the tasks of async listeners."""

    def finish(self, coroutine: Any) -> asyncio.Task[Any]:
        """Start a task that awaits what an async listener returned."""
        task = super().finish(coroutine)
        keep(task)
        return task


class AsyncioHost(CallbackScheduler):
    """A scheduler in an asyncio event loop."""

    _how_to_last = "Jobs run while its event loop does; have the coroutine that called start() wait: await asyncio.Event().wait()"

    _eventloop: Any = None
    _found: Any = None
    """The loop that a start has found by itself; a later start may find another."""

    def _find_port(self) -> AsyncioPort:
        if self._eventloop is None or self._eventloop is self._found:
            self._eventloop = self._found = self._find_loop()
        if self._eventloop.is_closed():
            raise RuntimeError(
                f"the event loop given to this {type(self).__name__} is closed; "
                "give it one that is not, or none and start it where one is running"
            )
        return ListeningPort(self._eventloop)

    def _find_loop(self) -> asyncio.AbstractEventLoop:
        raise NotImplementedError

    def _before_loop_end(self, port: Any, function: Callable[[], object]) -> object:
        return port.before_end(function)

    async def ashutdown(
        self,
        wait: bool = True,
        *,
        timeout: float | timedelta | None = None,  # noqa: ASYNC109 - it cancels the jobs, asyncio.timeout would not
    ) -> None:
        """Shut down without holding up the loop, and wait for running jobs. Added in 1.0.

        :param wait: whether to wait for running jobs; if not, they are cancelled and recorded as such
        :param timeout: after how many seconds running jobs are cancelled. They get up to a second to end; then
            this returns, and threads that still run a job are left to themselves
        :raises SchedulerNotRunningError: if the scheduler is not running
        """
        seconds = self._begin_shutdown(timeout)
        shutdown = self._shutdown
        try:
            await self._ashutdown(wait, seconds)
        finally:
            if shutdown is not None:
                shutdown.is_over.set()

    async def _ashutdown(self, wait: bool, seconds: float | None) -> None:
        if seconds is not None:
            withdraw(self)
        timer = self._timer
        if timer is not None:
            timer.close()
        done = asyncio.get_running_loop().create_future()
        arguments = (self._shut_down_beside, done, wait, timer, seconds)
        Thread(
            target=copy_context().run, args=arguments, name="APScheduler shutdown", daemon=True
        ).start()
        try:
            await asyncio.wait_for(asyncio.shield(done), seconds)
        except TimeoutError:
            self._stop_executors(wait=False)
            await asyncio.wait({done}, timeout=_AFTER_CANCEL)
            if not done.done():
                leave_behind(self, seconds or 0.0)
        await _end_of_listeners(patience=seconds)

    def _shut_down_beside(
        self, done: asyncio.Future[None], wait: bool, timer: Any, seconds: float | None
    ) -> None:
        if timer is not None:
            timer.beside.join()
        self._finish_shutdown(wait=wait, tells=seconds is None)
        try:
            done.get_loop().call_soon_threadsafe(_set_done, done)
        except RuntimeError:
            return  # the loop was closed meanwhile


def _set_done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _end_of_listeners(patience: float | None) -> None:
    """Wait for this loop's async listeners, which may still be handling the shutdown, at most ``patience`` seconds."""
    loop = asyncio.get_running_loop()
    here = asyncio.current_task()
    tasks = {task for task in unfinished if task.get_loop() is loop and task is not here}
    if tasks:
        await asyncio.wait(tasks, timeout=patience)
