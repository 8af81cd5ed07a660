"""Lets our pools finish what runs and waits in them before the interpreter ends, unless Ctrl-C is pressed."""

from __future__ import annotations

from weakref import WeakSet

from apscheduler import ends
from apscheduler.executors._ending.waits import tell_at_exit
from apscheduler.forks import after_fork
from apscheduler.logs import logger_named
from apscheduler.runs.errors import InterpreterEndingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Ending:
    """Ends the pools of one kind at the interpreter's exit, and makes a forked child forget them.

    :param wait: called with a pool that takes nothing more; waits until its work has ended
    :param kill: called with a pool after Ctrl-C; ends what still runs in it
    :ivar begun: whether the interpreter is ending
    """

    def __init__(
        self, wait: Callable[[Any], object], kill: Callable[[Any], object] | None = None
    ) -> None:
        self.pools: WeakSet[Any] = WeakSet()
        self.begun = False
        self._closed: WeakSet[Any] = WeakSet()
        self._wait = wait
        self._kill = kill
        ends.at_wait(self._finish)
        after_fork(self._forget_parent)

    def leave_behind(self, pool: Any) -> None:
        """Do not wait for this pool: whoever shut it down has waited long enough."""
        self.pools.discard(pool)

    def refusal(self, pool: Any) -> RuntimeError:
        """Return why a closed pool refuses work: the interpreter is ending, or the pool was shut down before that."""
        if pool in self._closed:
            return InterpreterEndingError()
        return RuntimeError("this executor was shut down")

    def _finish(self) -> None:
        self.begun = True
        pools: list[Any] = []
        try:
            self._closed.update(pool for pool in self.pools if not pool.closing)
            ends.begin()
            pools += self.pools
            for pool in pools:
                pool.shutdown(wait=False)
            if pools:
                tell_at_exit(pools, logger_named("apscheduler.executors"))
            for pool in pools:
                self._wait(pool)
        except KeyboardInterrupt:
            left = sum(len(pool.in_flight()) for pool in pools)
            if self._kill is not None:
                for pool in pools:
                    self._kill(pool)
            logger_named("apscheduler.executors").warning(
                "interrupted at exit: %d jobs that were queued or running are left unfinished", left
            )

    def _forget_parent(self) -> None:
        self.begun = False
        self._closed.clear()
        for pool in list(self.pools):
            pool.forked()
