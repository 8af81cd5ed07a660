"""Records due fire times as lost, in doubt, after a PostgreSQL replica has become the server.

A replica that is fed asynchronously lacks the last commits of the old server, among them claims and outcomes of runs.
So a fire time that is due and unclaimed here may have been claimed, and run, there. A job that runs at most once must
not run it again: the fire time is recorded as lost, in doubt. If its process lives, its word about the run is taken as
a late outcome, because the row has the token of a first claim. Jobs that are to complete at least once run.
"""

from __future__ import annotations

from datetime import UTC

from sqlalchemy import func, select

from apscheduler._engine.instants import SECOND, from_us
from apscheduler._engine.planning import fire_after
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._rows import as_read, from_float
from apscheduler.jobstores._sql.changing.loading import Loader, Unloadable
from apscheduler.jobstores._sql.guarding.copies import write_identity
from apscheduler.jobstores._sql.statements.closed import closed_row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from sqlalchemy.engine import Connection

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.guarding.identity import Identity
    from apscheduler.jobstores._sql.statements import Statements

_JOBS: Final = 100_000
_FIRES: Final = 1000
"""At most this many due fire times of one job are marked. If more wait, missing claims are not the reason."""

Doubted = tuple[str, int, Outcome, str]


def mark_in_doubt(
    database: Database,
    statements: Statements,
    loader: Loader,
    recorded: Identity,
    present: Identity,
) -> tuple[list[Doubted], str]:
    """Record the fire times that may have run on the old server. One process does it, once per promotion.

    :return: (job id, fire time, outcome, reason) of what was marked, and a line that says what happened; an empty line
        if another process has done it
    """
    with database.transaction() as connection:
        if not write_identity(connection, statements.tables, present, None, was=recorded):
            return [], ""
        now = database.now(connection)
        last = _last_word(connection, statements)
        since = "" if last is None else f" after {from_us(last, UTC)}"
        reason = (
            f"in doubt: the database went on from a replica or a back-up, and what was committed{since} may be "
            "missing; whether it ran is not known"
        )
        found = _due(connection, statements, loader, now)
        rows = [
            _row(job, generation, fire, now, reason)
            for job, generation, fires in found
            for fire in fires
        ]
        if rows:
            statements.insert_closed(connection, rows)
    doubted = [(row["job_id"], row["fire_us"], Outcome.LOST, reason) for row in rows]
    line = (
        f"The database server was promoted (timeline {present.timeline}, before {recorded.timeline}): what was "
        f"committed{since} may be missing. {len(rows)} due fire times that may have run are recorded as lost"
    )
    return doubted, line


def _last_word(connection: Connection, statements: Statements) -> int | None:
    """Return when a scheduler last renewed its lease, as far as this server knows."""
    nodes = statements.tables.nodes
    last: int | None = connection.scalar(select(func.max(nodes.c.lease_until - nodes.c.lease_us)))
    return last


def _due(
    connection: Connection, statements: Statements, loader: Loader, now: int
) -> list[tuple[Job, int, list[int]]]:
    """Return the due jobs that run at most once, each with its generation and due fire times."""
    values = {"now": now / SECOND, "limit": _JOBS}
    found = []
    for id, moment, blob, generation in connection.execute(statements.due, values).all():
        try:
            loader.check_generation(id, generation)
            job = loader.load(id, as_read(blob), moment)
        except Unloadable:
            continue
        if job.delivery == "at_most_once":
            found.append((job, generation, _fires(job, from_float(moment), now)))
    return found


def _fires(job: Job, due: int, now: int) -> list[int]:
    fires = [due]
    series = job._series()
    while len(fires) < _FIRES and job.trigger.native:
        following = fire_after(series, fires[-1], now)
        if following is None or following > now:
            break
        fires.append(following)
    return fires


def _row(job: Job, generation: int, fire: int, now: int, reason: str) -> dict[str, Any]:
    nobody = {"node": 0, "node_name": "", "batch": 0, "claimed_us": now}
    return closed_row(nobody, (job.id, generation, fire), Outcome.LOST, now, reason=reason)
