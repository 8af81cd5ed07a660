"""An executor for asyncio: coroutine jobs run in the event loop, functions in the loop's default pool of threads."""

from __future__ import annotations

from functools import partial

from apscheduler.elsewhere import names_of_3x
from apscheduler.executors._ending import waits as waited_for
from apscheduler.executors._tasks.asyncio import AsyncioLoopExecutor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.executors._tasks.runs import TaskRuns


class AsyncIOExecutor(AsyncioLoopExecutor):
    """Runs coroutine jobs in the scheduler's event loop, and functions in the loop's default executor.

    ``shutdown(wait=True)`` lets running jobs end. In another thread it waits for them; in the loop's own thread it
    cannot, but ``await scheduler.ashutdown()`` can. ``shutdown(wait=False)`` cancels them and records that.

    :raises RuntimeError: at the start, if the scheduler has no asyncio event loop
    """

    _runs_by = __name__

    def _name_what_is_left(self, runs: TaskRuns) -> None:
        """Have the loop's end log what it waits for; and Python's, if nobody ends the loop or Ctrl-C ends its wait."""
        import concurrent.futures.thread  # noqa: F401 - it must register before us, to be called after us

        super()._name_what_is_left(runs)
        port = runs.port

        def tell_later() -> None:
            first = runs.waited_for()
            if first:  # the loop runs while it waits; once it is closed, nothing is logged
                arguments = (first, runs.waited_for, waited_for.BY_LOOP)
                port.later(waited_for.PATIENCE, partial(waited_for.tell_left, *arguments))

        runs.loop_end = port.before_end(tell_later)


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
