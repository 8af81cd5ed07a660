"""Holds what the executors that run jobs in an event loop share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from apscheduler.callables import iscoroutinefunction_partial
from apscheduler.executors._claiming import OwnExecutor
from apscheduler.executors._threads.runner import under_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from apscheduler.executors._tasks.runs import TaskRuns
    from apscheduler.job import Job


class LoopExecutor(OwnExecutor):
    """Runs coroutine jobs in the scheduler's event loop, and functions in threads; see :class:`TaskRuns`."""

    any_thread = True
    _runs: TaskRuns | None = None

    def __init__(self) -> None:
        super().__init__()
        self._pending_futures: set[Any] = set()

    def start(self, scheduler: Any, alias: str) -> None:
        """Called by the scheduler; may be called again after :meth:`shutdown`."""
        super().start(scheduler, alias)
        self._runs = self._make_runs(scheduler)

    def _name_what_is_left(self, runs: TaskRuns) -> None:
        """Have Python's end log which jobs it waits for. Called in the loop's thread before a thread is first used."""
        from apscheduler.executors._ending.python_end import name_what_is_left

        name_what_is_left(runs)

    @abstractmethod
    def _make_runs(self, scheduler: Any) -> TaskRuns:
        """Return the engine for this scheduler's loop."""

    def is_coroutine_job(self, job: Any) -> bool:
        """Return whether the job's function is to be called in the loop rather than in a thread. Added in 1.0."""
        return iscoroutinefunction_partial(job.func)

    def _runner_of(self, job: Any) -> str:
        return "run_coroutine_job" if self.is_coroutine_job(job) else "run_job"

    def _run_by(self, run: Any, job: Job, run_times: list[datetime]) -> None:
        """Run a job with a user's replacement of ``run_job`` in a thread, or of ``run_coroutine_job`` in the loop."""
        if self._runs is None:
            raise RuntimeError("this executor was not started")
        port = self._runs.port
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

    @abstractmethod
    def _in_thread(
        self,
        function: Callable[..., object],
        arguments: tuple[Any, ...],
        ended: Callable[[], object],
    ) -> Any:
        """Called in the loop's thread: have a function called in another thread, and then ``ended`` in the loop's."""

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

    def loop_ends(self) -> None:
        """Start nothing more: the loop is about to end, and waits for nothing but its threads. Added in 1.0."""
        if self._runs is not None:
            self._runs.loop_ends = True

    def in_flight(self) -> list[Any]:
        """Return the claims that are queued or running: a snapshot. Added in 1.0."""
        return [] if self._runs is None else list(self._runs.in_flight())

    def under_way(self) -> list[Any]:
        """Return what runs, each with its fire time and since when (microseconds UTC). Added in 1.0."""
        return [found for claim in self.in_flight() if (found := under_way(claim))]

    def running_count(self) -> int:
        """Return how many jobs are running now. Added in 1.0."""
        return len(self.in_flight())


def _nothing() -> None:
    pass
