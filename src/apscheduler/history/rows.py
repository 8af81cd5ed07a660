"""The ledger as users see it: one row per fire time, and questions about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from apscheduler.history.outcomes import Outcome

ENDED, QUEUED, RUNNING, CLAIMED, WAITING = "ended", "queued", "running", "claimed", "waiting"


@dataclass(frozen=True, slots=True)
class Run:
    """One row of the ledger: one fire time of one job and what became of it.

    :ivar job_id: identifier of the job
    :ivar jobstore: alias of the store the job lives (or lived) in
    :ivar fire_time: the scheduled time (aware, in the trigger's zone where known, else UTC)
    :ivar outcome: what became of it; ``None`` while it is claimed or running
    :ivar state: ``"ended"``, or, without an outcome: ``"queued"`` or ``"running"`` in this process, ``"claimed"`` by another
        one (which alone knows more), ``"waiting"`` until any process takes it over
    :ivar reason: why, in words, where the outcome alone does not say it
    :ivar started_at: when the function was called (aware, UTC), ``None`` if it never was
    :ivar finished_at: when the outcome was known (aware, UTC)
    :ivar attempt: 1 for the first attempt
    :ivar count: how many fire times this row stands for (more than 1 for roll-ups)
    :ivar last_fire_time: the last of them, for roll-ups
    :ivar error: the exception in one line
    :ivar traceback: its traceback, capped at 64 kB
    :ivar node: which scheduler process claimed it, in stores that are shared
    :ivar result: what the function returned, as text, in stores that keep it
    :ivar late_word: whether its node was taken for dead before it reported this outcome
    :ivar fire_id: an idempotency key: the same for each attempt of this fire time, different for all others
    """

    job_id: str
    jobstore: str
    fire_time: datetime
    outcome: Outcome | None
    reason: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempt: int = 1
    count: int = 1
    last_fire_time: datetime | None = None
    error: str | None = None
    traceback: str | None = None
    fire_id: str = ""
    node: str | None = None
    result: str | None = None
    late_word: bool = False
    state: str = ENDED

    @property
    def duration(self) -> timedelta | None:
        """How long the function ran, where it did."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at

    @property
    def lateness(self) -> timedelta | None:
        """How long after the fire time the function was called, where it was."""
        return None if self.started_at is None else self.started_at - self.fire_time


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs to return, newest first: those that match every field that is not ``None``."""

    job_id: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    limit: int = 100
    node: str | None = None
    until: datetime | None = None
