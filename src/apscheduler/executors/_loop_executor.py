"""What the executors of event loops share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from apscheduler.callables import iscoroutinefunction_partial
from apscheduler.executors._own import OwnExecutor
from apscheduler.executors._runner import under_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors._tasks import TaskRuns


class LoopExecutor(OwnExecutor):
    """Runs coroutine jobs in its host's loop and functions in threads; see :class:`TaskRuns`."""

    any_thread = True
    _runs: TaskRuns | None = None

    def __init__(self) -> None:
        super().__init__()
        self._pending_futures: set[Any] = set()

    def start(self, scheduler: Any, alias: str) -> None:
        """Called by the scheduler; may be called again after :meth:`shutdown`."""
        super().start(scheduler, alias)
        self._runs = self._make_runs(scheduler)

    @abstractmethod
    def _make_runs(self, scheduler: Any) -> TaskRuns:
        """Return the engine for this scheduler's loop."""

    def is_coroutine_job(self, job: Any) -> bool:
        """Return whether the job's function is to be called in the loop rather than in a thread. New."""
        return iscoroutinefunction_partial(job.func)

    def _runner_of(self, job: Any) -> str:
        return "run_coroutine_job" if self.is_coroutine_job(job) else "run_job"

    def _submit(self, items: Sequence[Any]) -> list[tuple[Any, BaseException]]:
        if self._runs is None:
            return [(item, RuntimeError("this executor was not started")) for item in items]
        try:
            self._runs.submit(items)
        except RuntimeError as exc:
            return [(item, exc) for item in items]
        return []

    def shutdown(self, wait: bool = True) -> None:
        """Take nothing more.

        :param wait: whether what was submitted comes to its end (and is waited for, outside of the loop's thread);
            if not, coroutines and what has not begun are cancelled, and recorded as such
        """
        if self._runs is not None:
            self._runs.shutdown(wait)

    def in_flight(self) -> list[Any]:
        """Return the claims that are queued or running: a snapshot. New."""
        return [] if self._runs is None else list(self._runs.in_flight())

    def under_way(self) -> list[Any]:
        """Return what runs, each with its fire time and since when (microseconds UTC). New."""
        return [found for claim in self.in_flight() if (found := under_way(claim))]

    def running_count(self) -> int:
        """Return how many jobs are running now. New."""
        return len(self.in_flight())
