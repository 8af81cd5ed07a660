"""An executor for any pool with the interface of :class:`concurrent.futures.Executor`."""

from __future__ import annotations

from apscheduler.executors.pool import BasePoolExecutor


class FuturesExecutor(BasePoolExecutor):
    """Runs jobs in a pool you bring: the standard library's, or any object with its ``submit`` method. Added in 1.0.

    In the standard library's ``ProcessPoolExecutor`` functions travel by reference, arguments and results by pickle,
    and what does not pickle fails its own run only. When one of its processes dies, the runs in the pool fail, and a
    pool with the same options takes its place; what had not begun runs there. Other pools send function and arguments
    in their own way; ``docs/how-to/pools-of-others.md`` says what each of them can do.

    :param pool: the pool, or a callable without arguments that returns one: it is called when the scheduler starts,
        and again when that pool broke or takes nothing more, as in ``FuturesExecutor(get_reusable_executor)`` of
        loky. :meth:`shutdown` shuts the pool down, as in 3.x
    :raises TypeError: if it has no ``submit`` method and cannot be called, or its ``submit`` wants more than a
        function before the function's arguments
    """

    def __init__(self, pool: object) -> None:
        if callable(getattr(pool, "submit", None)):
            from apscheduler.executors._foreign.kinds import submitter

            submitter(pool)
        elif not callable(pool):
            raise TypeError(
                "a pool with a submit() method is needed, such as a concurrent.futures.Executor, or a function that "
                f"returns one, not {pool!r}"
            )
        super().__init__(pool)
