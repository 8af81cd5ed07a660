"""An executor for Twisted: coroutine jobs run in the reactor, functions in the reactor's pool of threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from apscheduler.elsewhere import names_of_3x
from apscheduler.executors._ending.waits import BY_REACTOR, tell_later
from apscheduler.executors._tasks.executor import LoopExecutor
from apscheduler.executors._tasks.runs import TaskRuns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class TwistedExecutor(LoopExecutor):
    """Runs coroutine jobs in the reactor (they may await Deferreds), and functions in the reactor's thread pool.

    A Deferred or coroutine that a function returns is awaited in the reactor. The executor shuts down as
    :class:`~apscheduler.executors.asyncio.AsyncIOExecutor` does.

    :raises RuntimeError: at the start, if the scheduler has no reactor
    """

    _reactor: Any = None
    _runs_by = __name__

    def _make_runs(self, scheduler: Any) -> TaskRuns:
        from apscheduler.loops.twisted import TwistedPort

        self._reactor = getattr(scheduler, "_reactor", None)
        if self._reactor is None:
            raise RuntimeError(
                f"{type(self).__name__} needs a scheduler with a reactor (TwistedScheduler); "
                f"{type(scheduler).__name__} has none"
            )
        return TaskRuns(
            self, TwistedPort(self._reactor), self._in_thread, "the reactor's thread pool"
        )

    def _name_what_is_left(self, runs: TaskRuns) -> None:
        """Have the reactor's end log what it waits for; and Python's, if the reactor was not stopped."""
        super()._name_what_is_left(runs)
        runs.port.before_end(partial(tell_later, runs.waited_for, BY_REACTOR))

    def _in_thread(
        self,
        function: Callable[..., object],
        arguments: tuple[Any, ...],
        ended: Callable[[], object],
    ) -> Any:
        from twisted.internet.threads import deferToThreadPool

        pool = self._reactor.getThreadPool()
        deferred = deferToThreadPool(self._reactor, pool, function, *arguments)
        deferred.addBoth(lambda _: ended())
        return deferred


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
