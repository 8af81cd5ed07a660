"""An executor for asyncio: coroutine jobs run in the event loop, functions in the loop's default pool of threads."""

from __future__ import annotations

from apscheduler.elsewhere import names_of_3x
from apscheduler.executors._asyncio_executor import AsyncioLoopExecutor


class AsyncIOExecutor(AsyncioLoopExecutor):
    """Runs coroutine jobs in the scheduler's event loop, and functions in the loop's default executor.

    ``shutdown(wait=True)`` lets what runs come to its end; from another thread it waits for it, in the loop's own
    thread it cannot (``await scheduler.ashutdown()`` does). ``shutdown(wait=False)`` cancels and records it.

    :raises RuntimeError: at the start, if the scheduler has no asyncio event loop
    """

    _runs_by = __name__


TYPE_CHECKING = False
if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
