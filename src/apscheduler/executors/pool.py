"""Executors that run jobs in pools: threads of ours, processes of ours, or any pool you bring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from apscheduler.amounts import read_option
from apscheduler.elsewhere import names_of_3x
from apscheduler.executors._claiming import OwnExecutor
from apscheduler.names import hint
from apscheduler.runs.raised import traceback_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future
    from datetime import datetime
    from typing import Any, Protocol

    from apscheduler.executors._processes.pool import ProcessPool
    from apscheduler.executors._threads.pool import WorkerPool
    from apscheduler.executors._threads.runner import UnderWay
    from apscheduler.job import Job

    class Engine(Protocol):
        """What runs the claims of an executor: a pool of ours, or the runs in a pool of others."""

        def drives(self, pool: Any) -> bool:
            """Return whether what is submitted here goes to that pool."""

        def in_flight(self) -> list[Any]:
            """Return the items that are queued or running (a snapshot)."""

        def under_way(self) -> list[UnderWay]:
            """Return what is known to run, each with its fire time and since when."""

        def busy_count(self) -> int:
            """Return how many items are running or waiting."""

        def running_count(self) -> int:
            """Return how many items are running."""

        def shutdown(self, wait: bool) -> None:
            """Take nothing more; with ``wait``, return when all of it has ended."""


class BasePoolExecutor(OwnExecutor):
    """Runs jobs in any ``concurrent.futures.Executor``, the standard library's or someone else's.

    :param pool: the pool, an object with ``submit(function, *args)`` that returns a future
    """

    _engine: Engine | None = None
    _runs_by = __name__

    def __init__(self, pool: Any) -> None:
        super().__init__()
        self._pool = pool
        self._given = None if hasattr(pool, "submit") else pool  # a function that returns pools
        self._aside: list[Engine] = []  # the engines of pools that another pool has replaced

    def start(self, scheduler: Any, alias: str) -> None:
        """Called by the scheduler; may be called again after :meth:`shutdown`."""
        super().start(scheduler, alias)
        self._start_engine()

    def _start_engine(self) -> None:
        self._aside = []
        if self._pool is not self._own_pool:
            self._start_runs()
            return
        if self._pool.closing:
            self._pool = self._own_pool = self._make_pool()
        self._engine = self._pool
        self._start_own_pool()

    def _make_pool(self) -> Any:
        """Return a pool of ours."""
        raise NotImplementedError

    def _start_own_pool(self) -> None:
        """Start the pool of ours."""
        self._own_pool.start(self)

    def _start_runs(self) -> None:
        from apscheduler.executors._foreign.pool import FutureRuns

        engine = self._engine
        if not isinstance(engine, FutureRuns) or engine.closed:
            self._engine = runs = FutureRuns(self, self._given or self._pool)
            self._pool = runs.pool
            runs.warm_up()

    def _heed_pool(self) -> None:
        """Go on with the pool in ``_pool`` if user code has put another one there, or has put an earlier one back."""
        engine = self._engine
        if engine is None or engine.drives(self._pool):
            return
        from apscheduler.executors._foreign.pool import FutureRuns

        known = [each for each in self._aside if each.drives(self._pool)]
        self._aside = [*(each for each in self._aside if each not in known), engine]
        self._engine = known[0] if known else FutureRuns(self, self._pool)

    def _submit(self, items: Sequence[Any]) -> list[tuple[Any, BaseException]]:
        pool: Any = self._pool
        if self._engine is not pool or pool is not self._own_pool:
            self._heed_pool()
        runs: Any = self._engine
        try:
            if pool is not self._own_pool:
                refused: list[tuple[Any, BaseException]] = runs.submit(items)
                return refused
            pool.take(items)
        except RuntimeError as exc:
            return [(item, exc) for item in items]
        return []

    def _run_by(self, run: Any, job: Job, run_times: list[datetime]) -> None:
        def answer(future: Future[Any]) -> None:
            exc = future.exception()
            if exc is None:
                self._run_job_success(job.id, future.result())
            else:
                self._run_job_error(job.id, exc, traceback_of(exc))

        args = (job, job._jobstore_alias, run_times, self._logger.name)
        self._pool.submit(run, *args).add_done_callback(answer)

    def shutdown(self, wait: bool = True) -> None:
        """Take nothing more; what was submitted still runs.

        :param wait: whether to wait until all of it has ended
        """
        self._heed_pool()
        for engine in (*self._aside, self._engine):
            if engine is not None:
                engine.shutdown(wait)

    def leave_behind(self) -> None:
        """Have the program's end not wait for what still runs here; a standard library's pool waits anyway. Added in 1.0."""
        leave = getattr(self._engine, "leave_behind", None)
        if leave is not None:
            leave()

    # -- what the scheduler asks ---------------------------------------------------------------------

    def in_flight(self) -> list[Any]:
        """Return the claims (and plain jobs) that are queued or running: a snapshot. Added in 1.0."""
        items = [] if self._engine is None else self._engine.in_flight()
        for engine in self._aside:
            items += engine.in_flight()
        return items

    def under_way(self) -> list[Any]:
        """Return what is known to run, each with its fire time and since when (microseconds UTC). Added in 1.0."""
        return [] if self._engine is None else self._engine.under_way()

    @property
    def capacity(self) -> int | None:  # type: ignore[override] # read only: the pool's
        """How many jobs can run at a time, ``None`` where the pool does not say. Added in 1.0."""
        return getattr(self._pool, "_max_workers", None)

    def free_slots(self) -> int | None:
        """Return how many jobs could start at once (-2 if two wait). Added in 1.0."""
        if self.capacity is None or self._engine is None:
            return self.capacity
        return self.capacity - self._engine.busy_count()

    def running_count(self) -> int:
        """Return how many jobs are running now. Added in 1.0."""
        return 0 if self._engine is None else self._engine.running_count()


class ThreadPoolExecutor(BasePoolExecutor):
    """Runs jobs in threads of its own.

    ``async def`` functions run to their end in an event loop of the worker's thread.

    :param max_workers: how many jobs can run at a time
    :param pool_kwargs: ``thread_name_prefix``, ``initializer`` and ``initargs``, as in
        :class:`concurrent.futures.ThreadPoolExecutor`
    :raises ValueError: if ``max_workers`` is less than 1
    :raises TypeError: if ``pool_kwargs`` has an unknown name
    """

    lane = True
    any_thread = True
    _own_pool: WorkerPool

    def __init__(self, max_workers: int = 10, pool_kwargs: Mapping[str, Any] | None = None) -> None:
        self._options = checked_options(
            type(self), pool_kwargs, ("thread_name_prefix", "initializer", "initargs")
        )
        self._max_workers = checked_workers(max_workers)
        self._own_pool = self._make_pool()
        super().__init__(self._own_pool)

    def _make_pool(self) -> WorkerPool:
        from apscheduler.executors._threads.pool import WorkerPool

        return WorkerPool(self._max_workers, **self._options, maker=self)

    def _start_own_pool(self) -> None:
        # Without a daemon thread the scheduler outlives the main thread, and then no thread can be made.
        outlives = vars(self._scheduler).get("_daemon") is False
        self._own_pool.start(self, all_workers=outlives)


def checked_workers(max_workers: Any) -> int:
    """Return how many workers were asked for.

    :raises ValueError: if it is not a whole number above 0
    """
    workers = read_option(int, "max_workers", max_workers, "a whole number above 0")
    if workers < 1:
        raise ValueError(f"max_workers must be at least 1, not {max_workers!r}")
    return workers


def checked_options(
    owner: type, options: Mapping[str, Any] | None, known: Sequence[str]
) -> dict[str, Any]:
    """Return the pool's options.

    :raises TypeError: if one has an unknown name, or the initializer cannot be called
    """
    options = dict(options or {})
    for name in options:
        if name not in known:
            raise TypeError(
                f"pool_kwargs of {owner.__name__} has an unknown option {name!r}; "
                f"{hint(name, known)}"
            )
    initializer: Callable[..., object] | None = options.get("initializer")
    if initializer is not None and not callable(initializer):
        raise TypeError(f"initializer must be a callable, not {initializer!r}")
    return options


class ProcessPoolExecutor(BasePoolExecutor):
    """Runs jobs in processes of its own.

    Functions travel by reference, arguments and results by pickle; what does not pickle fails its own run only. A
    worker that is killed or hangs costs the run it was in, and is replaced. ``async def`` functions run to their end.

    :param max_workers: how many jobs can run at a time
    :param pool_kwargs: ``mp_context`` (a context of :mod:`multiprocessing` or its name, ``"spawn"`` if not given),
        ``initializer``, ``initargs`` and ``max_tasks_per_child``, as in
        :class:`concurrent.futures.ProcessPoolExecutor`
    :raises ValueError: if ``max_workers`` is less than 1, or there is no such context
    :raises TypeError: if ``pool_kwargs`` has an unknown name
    """

    any_thread = True
    _own_pool: ProcessPool

    def __init__(self, max_workers: int = 10, pool_kwargs: Mapping[str, Any] | None = None) -> None:
        known = ("mp_context", "initializer", "initargs", "max_tasks_per_child")
        self._options = checked_options(type(self), pool_kwargs, known)
        self._options["mp_context"] = checked_context(self._options.get("mp_context"))
        checked_tasks(self._options.get("max_tasks_per_child"))
        self._max_workers = checked_workers(max_workers)
        self._own_pool = self._make_pool()
        super().__init__(self._own_pool)

    def _make_pool(self) -> ProcessPool:
        from apscheduler.executors._processes.pool import ProcessPool

        return ProcessPool(self._max_workers, **self._options, maker=self)


def checked_context(context: Any) -> Any:
    """Return the multiprocessing context that was asked for.

    :raises ValueError: if this platform has none of that name
    """
    import multiprocessing

    if context is None:
        context = "spawn"
    if not isinstance(context, str):
        return context
    known = multiprocessing.get_all_start_methods()
    if context not in known:
        raise ValueError(
            f"this platform has no multiprocessing context {context!r}; {hint(context, known)}"
        )
    return multiprocessing.get_context(context)


def checked_tasks(tasks: Any) -> None:
    """Check after how many calls a worker process is replaced.

    :raises TypeError: if it is not an integer
    :raises ValueError: if it is less than 1
    """
    if tasks is None:
        return
    if not isinstance(tasks, int):
        raise TypeError(f"max_tasks_per_child must be an integer or None, not {tasks!r}")
    if tasks < 1:
        raise ValueError(f"max_tasks_per_child must be at least 1, not {tasks!r}")


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
