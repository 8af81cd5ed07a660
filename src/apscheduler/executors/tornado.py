"""An executor for Tornado: coroutine jobs run in the IOLoop, functions in threads of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from apscheduler.elsewhere import names_of_3x
from apscheduler.executors._tasks.asyncio import AsyncioLoopExecutor
from apscheduler.executors.pool import checked_workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class TornadoExecutor(AsyncioLoopExecutor):
    """Runs coroutine jobs (``async def`` and ``tornado.gen.coroutine``) in the IOLoop, functions in threads.

    It shuts down as :class:`~apscheduler.executors.asyncio.AsyncIOExecutor` does.

    :param max_workers: how many functions can run at a time
    :raises ValueError: if ``max_workers`` is less than 1
    """

    _pool_name = "the executor's pool of threads"
    _runs_by = __name__

    def __init__(self, max_workers: int = 10) -> None:
        super().__init__()
        self._max_workers = checked_workers(max_workers)

    def start(self, scheduler: Any, alias: str) -> None:
        """Called by the scheduler; may be called again after :meth:`shutdown`."""
        self._threads = ThreadPoolExecutor(
            self._max_workers, thread_name_prefix=f"apscheduler-{alias}"
        )
        super().start(scheduler, alias)

    def is_coroutine_job(self, job: Any) -> bool:
        """Return whether the job's function is to be called in the loop rather than in a thread. Added in 1.0."""
        function = job.func
        while isinstance(function, partial):
            function = function.func
        marked = getattr(function, "__tornado_coroutine__", False)
        return marked is True or super().is_coroutine_job(job)

    def shutdown(self, wait: bool = True) -> None:
        """Take nothing more. See :meth:`LoopExecutor.shutdown`."""
        super().shutdown(wait)
        if self._threads is not None:
            self._threads.shutdown(wait=False)  # its work was waited for above, where possible


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
