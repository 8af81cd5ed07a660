"""Lets users treat our pools as those of ``concurrent.futures``: make calls of their own, and look at the queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC
from typing import Any

from apscheduler._engine.instants import from_us
from apscheduler.executors._v3.runs import DirectClaim
from apscheduler.history.outcomes import Outcome
from apscheduler.job import Job
from apscheduler.runs.claims import Claim, Result


class FutureSink:
    """Hands the outcome of a call to its future; no scheduler hears of it."""

    is_call = True

    def __init__(self) -> None:
        self.future: Future[Any] = Future()

    def settle(self, claim: Claim, result: Result) -> bool:
        """Settle the future; return ``False`` if the call had an outcome already, or its future was cancelled."""
        if not claim.take(result.fire) or not self.future.set_running_or_notify_cancel():
            return False
        if result.outcome is Outcome.EXECUTED:
            self.future.set_result(result.retval)
        else:
            self.future.set_exception(result.exception or RuntimeError(result.reason))
        return True

    def release(self, claim: Claim) -> None:
        """Do nothing: a call holds no instance slot."""

    def give_back(self, claim: Claim) -> None:
        """Do nothing: nobody else can make the call."""

    def hand_back(self, claim: Claim) -> bool:
        """Return ``False``: nobody else can make the call."""
        return False


def called_in(
    pool: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Future[Any]:
    """Have a pool of ours call a function, and return its future.

    :raises RuntimeError: if the pool was shut down
    """
    if pool.owner is None:
        pool.start(pool.maker)
    sink = FutureSink()
    job = Job(None, func=function, args=args, kwargs=kwargs, misfire_grace_time=None)
    pool.take([DirectClaim(job, None, [from_us(pool.owner._now_us(), UTC)], sink)])
    return sink.future


class WorkQueue:
    """Shows the items that wait in a pool by methods of :class:`queue.SimpleQueue`."""

    def __init__(self, items: deque[Any]) -> None:
        self._items = items

    def qsize(self) -> int:
        """Return how many items wait."""
        return len(self._items)

    def empty(self) -> bool:
        """Return whether no item waits."""
        return not self._items
