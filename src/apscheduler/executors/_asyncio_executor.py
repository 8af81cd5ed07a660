"""What the executors on an asyncio loop share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from apscheduler.executors._loop_executor import LoopExecutor
from apscheduler.executors._ports import AsyncioPort
from apscheduler.executors._tasks import TaskRuns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from apscheduler.job import Job


class AsyncioLoopExecutor(LoopExecutor):
    """Runs coroutine jobs in an asyncio loop and functions in a pool of threads that the loop waits for."""

    _eventloop: Any = None
    _pool_name = "the loop's default executor"
    _threads: Any = None
    """The pool, ``None`` for the loop's default executor."""

    def _make_runs(self, scheduler: Any) -> TaskRuns:
        self._eventloop = event_loop_of(scheduler, type(self).__name__)
        return TaskRuns(self, AsyncioPort(self._eventloop), self._in_thread, self._pool_name)

    def _run_by(self, run: Any, job: Job, run_times: list[datetime]) -> None:
        """Have someone else's function run a job: in the loop, or in a thread where it is no coroutine job."""
        port = AsyncioPort(self._eventloop)
        if self._runner_of(job) == "run_job":
            port.call(self._in_thread, super()._run_by, (run, job, run_times), _nothing)
        else:
            port.call(port.start, self._awaited(run, job, run_times), _nothing)

    async def _awaited(self, run: Any, job: Job, run_times: list[datetime]) -> None:
        try:
            events = await run(job, job._jobstore_alias, run_times, self._logger.name)
        except BaseException as exc:  # noqa: BLE001 - whatever it raises is the job's outcome, as in 3.x
            self._run_job_error(job.id, exc, exc.__traceback__)
        else:
            self._run_job_success(job.id, events)

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


def _nothing() -> None:
    pass


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
