"""Warns, at the program's end, if a script meant to run jobs and did not: it ended at once, or started nothing.

There is no warning after an exception or Ctrl-C, which is the better reason, or if another process may run the jobs.
"""

from __future__ import annotations

import os
import sys

from apscheduler.clocks import monotonic
from apscheduler.executors._ending.waits import names_of, told
from apscheduler.texts import counted, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Protocol

    from apscheduler.schedulers._contract import HasExecutors, HasPending, HasStores, Logs
    from apscheduler.schedulers._dispatch.leading import Leading
    from apscheduler.schedulers._dispatch.loop import Dispatcher

    class Ended(HasExecutors, HasPending, HasStores, Logs, Protocol):
        """What is asked of a scheduler before the last words."""

        _pending_by: int
        _started_at_monotonic: float
        _how_to_last: str
        _lead: Leading | None

        @property
        def _runs_beside(self) -> bool: ...

        @property
        def _dispatcher(self) -> Dispatcher: ...


SECONDS = 30.0
"""Seconds after a start. A script that ends later has kept running on purpose, so there is no warning."""


def tell_of_no_start(scheduler: Ended) -> None:
    """Warn if jobs of a script wait for a start() that was never called."""
    script, pending = scheduler._pending_by, list(scheduler._pending_jobs)
    if script != os.getpid() or not pending or _has_failed():
        return
    names = [name_of(job) for job, _, _ in pending]
    were = "was" if len(names) == 1 else "were"
    again = " again" if scheduler._started_at_monotonic else ""
    scheduler._logger.warning(
        "The program ends and this %s was not started%s: %s %s added and will not run: %s. Call its start()",
        *(type(scheduler).__name__, again, counted(len(names), "job"), were, told(names)),
    )


def tell_of_early_end(scheduler: Ended) -> None:
    """Warn if the program ends right after a start, before any job has run."""
    if not scheduler._runs_beside or scheduler._lead is not None or _has_failed():
        return
    if monotonic() - scheduler._started_at_monotonic > SECONDS or _has_run_any(scheduler):
        return
    due = _next_due(scheduler)
    if due is not None:
        scheduler._logger.warning(
            "The program ends right after this %s was started, before any job has run: the next was due at %s. %s",
            *(type(scheduler).__name__, due, scheduler._how_to_last),
        )


def _has_failed() -> bool:
    """Return whether the main thread was ended by an exception."""
    return getattr(sys, "last_value", None) is not None


def _has_run_any(scheduler: Ended) -> bool:
    """Return whether anything was handed to an executor since the start, as far as is known here."""
    if names_of(scheduler._executors.values()) or scheduler._dispatcher.pace._means:
        return True
    stores = (store for _, store in scheduler._claiming_stores() if not store.paced)
    return any(store.outcome_counts() for store in stores)


def _next_due(scheduler: Ended) -> datetime | None:
    """Return when the next job is due, ``None`` where none is or a store does not say."""
    found: list[datetime] = []
    for alias, store in list(scheduler._jobstores.items()):
        if scheduler._dispatcher.stores.is_down(alias):
            return None  # this store does not answer
        due = store.get_next_run_time()
        if due is not None:
            found.append(due)
    return min(found, default=None)
