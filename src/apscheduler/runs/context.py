"""What a job can know about its own run: ``from apscheduler import current_run``."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime
from threading import get_ident

from apscheduler._engine.records import Record
from apscheduler.history.outcomes import fire_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class LaneWorker(Protocol):
        """A thread that runs jobs without making a context for each; it can say what it runs when asked."""

        def current_run(self) -> RunContext | None:
            """Return the context of the job this thread is calling."""


class RunContext(Record):
    """The run that the calling code is part of.

    :ivar job_id: identifier of the job
    :ivar jobstore: alias of its job store
    :ivar scheduled_time: the fire time (aware)
    :ivar attempt: 1 for the first attempt
    :ivar fire_id: an idempotency key, the same for each attempt of this fire time
    :ivar token: grows with each change of owner of this fire time: a fence for resources outside
    """

    __slots__ = ("attempt", "fire_id", "job_id", "jobstore", "scheduled_time", "token")

    def __init__(
        self,
        job_id: str,
        jobstore: str,
        scheduled_time: datetime,
        attempt: int,
        fire_id: str,
        token: int = 1,
    ) -> None:
        self.job_id = job_id
        self.jobstore = jobstore
        self.scheduled_time = scheduled_time
        self.attempt = attempt
        self.fire_id = fire_id
        self.token = token


run_context: ContextVar[RunContext | None] = ContextVar("apscheduler_run", default=None)
lane_workers: dict[int, LaneWorker] = {}
"""Worker threads by thread ident; each writes and removes its own entry."""


acting_for: ContextVar[int] = ContextVar("apscheduler_acting_for", default=0)
"""The thread that waits for the calling code, 0 if none does. The code must not wait for what runs in that thread."""


def caller_ident() -> int:
    """Return which thread the calling code belongs to: its own, or the one that waits for it."""
    return acting_for.get() or get_ident()


def current_run() -> RunContext | None:
    """Return the run that the calling code is part of: job id, scheduled time, attempt and fire id.

    Works in every executor, worker processes and coroutines included. Returns ``None`` outside of a job.
    """
    context = run_context.get()
    if context is None and (worker := lane_workers.get(caller_ident())) is not None:
        context = worker.current_run()
    return context


def make_context(
    job_id: str,
    jobstore: str,
    scheduled_time: datetime,
    instant: int,
    attempt: int = 1,
    token: int = 1,
) -> RunContext:
    """Return the context of one attempt at the fire time ``instant`` (microseconds, UTC)."""
    return RunContext(job_id, jobstore, scheduled_time, attempt, fire_id(job_id, instant), token)
