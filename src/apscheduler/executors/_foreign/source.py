"""Chooses the pool that an executor gives its calls to: the one it was given, or a new one after that broke."""

from __future__ import annotations

import threading
from concurrent.futures import BrokenExecutor
from typing import TYPE_CHECKING, Any

from apscheduler.executors._foreign.kinds import Submit, rebuilt, revived, submitter

if TYPE_CHECKING:
    from apscheduler.executors._foreign.needs import PoolOwner


class PoolSource:
    """The pool in use. A lock guards its replacement; no code of a pool is called while it is held.

    :param given: a pool, or a callable that returns one: it is called at each start, and when its pool broke
    :ivar current: the pool that gets new work, and the function that gives it a call
    :ivar before: the pool that the current one has replaced, if any
    """

    def __init__(self, owner: PoolOwner, given: Any) -> None:
        self._owner = owner
        self._factory = None if hasattr(given, "submit") else given
        pool = revived(given) if self._factory is None else self._factory()
        self.current: tuple[Any, Submit] = (pool, submitter(pool))
        self.before = given if self._factory is None else None
        self._lock = threading.Lock()

    @property
    def pool(self) -> Any:
        """The pool that gets new work."""
        return self.current[0]

    def refused(self, pool: Any, exc: BaseException) -> bool:
        """Called if a pool takes nothing more: replace it if possible. Return whether another pool is in its place."""
        if not isinstance(exc, BrokenExecutor) and self._factory is None:
            return self.pool is not pool
        fresh = self._another(pool)
        if self.pool is not pool:
            return True
        if fresh is pool or (fresh is None and not isinstance(exc, BrokenExecutor)):
            return False
        if fresh is not None:
            self._put(pool, fresh)
        from apscheduler.executors._wire.errors import said

        self._owner._logger.error(
            "the pool of executor %r is broken (%s): %s",
            self._owner._alias,
            said(exc),
            "it cannot be built again, give the scheduler another one, or a function that returns a new one"
            if fresh is None
            else "another one took its place"
            if self._factory is not None
            else "it was built again with the same options",
        )
        return self.pool is not pool

    def retire(self, pool: Any) -> bool:
        """Replace a pool by a new one like it; return ``False`` if none can be built, or it was replaced before."""
        if self._factory is not None or self.pool is not pool:
            return False
        fresh = rebuilt(pool)
        return fresh is not None and fresh is not pool and self._put(pool, fresh)

    def _another(self, pool: Any) -> Any:
        if self._factory is None:
            return rebuilt(pool)
        try:
            return self._factory()
        except Exception:
            self._owner._logger.exception(
                "executor %r asked for another pool and got none", self._owner._alias
            )
            return None

    def _put(self, old: Any, fresh: Any) -> bool:
        submit = submitter(fresh)
        with self._lock:
            if self.pool is not old:
                return False
            self.before = old
            self.current = (fresh, submit)
            self._owner._pool = fresh
            return True
