"""An executor for any pool with the interface of :class:`concurrent.futures.Executor`."""

from __future__ import annotations

from apscheduler.executors.pool import BasePoolExecutor


class FuturesExecutor(BasePoolExecutor):
    """Runs jobs in a pool you bring: the standard library's, or any object with its ``submit`` method.

    In the standard library's ``ProcessPoolExecutor`` functions travel by reference, arguments and results by pickle,
    and what does not pickle fails its own run only. When a process of it dies, the runs in it fail, and a pool with
    the same options takes its place.

    :param pool: the pool; :meth:`shutdown` shuts it down, as in 3.x
    :raises TypeError: if it has no ``submit`` method
    """

    def __init__(self, pool: object) -> None:
        if not callable(getattr(pool, "submit", None)):
            raise TypeError(
                f"a pool with a submit() method is needed, such as a concurrent.futures.Executor, not {pool!r}"
            )
        super().__init__(pool)
