"""Shows a row of the ledger in memory as users see it. Loaded when a program first asks for runs."""

from __future__ import annotations

from datetime import UTC, tzinfo

from apscheduler._engine.instants import from_us
from apscheduler.history.outcomes import fire_id
from apscheduler.history.rows import Run
from apscheduler.runs.ledger import Entry


def as_run(entry: Entry, jobstore: str, zone: tzinfo = UTC) -> Run:
    """Return a row as users see it."""
    detail = entry.detail
    return Run(
        job_id=entry.job_id,
        jobstore=jobstore,
        fire_time=from_us(entry.fire, zone),
        outcome=entry.outcome,
        reason=detail.reason,
        started_at=from_us(entry.started, UTC) if entry.started else None,
        finished_at=from_us(entry.finished, UTC),
        attempt=detail.attempt,
        count=detail.count,
        last_fire_time=None if detail.last is None else from_us(detail.last, zone),
        error=detail.error,
        traceback=detail.traceback,
        fire_id=fire_id(entry.job_id, entry.fire),
    )
