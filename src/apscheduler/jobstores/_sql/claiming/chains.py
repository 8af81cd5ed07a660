"""Takes free runs of one catch-up together: they stay one instance of their job, in the order of their fire times.

What a node held of a catch-up becomes free row by row. The rows keep the `lead` that shows that they belong together.
Whoever takes the first of them takes all that follow it, as one claim. While a run of the same catch-up is still at
work, because its first owner has begun it and is to complete it, the others wait.
"""

from __future__ import annotations

from sqlalchemy import func, select

from apscheduler.history.states import FINAL, PENDING, RUNNING
from apscheduler.jobstores._sql.schema.tables import PERMITTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.statements import Statements

    Key = tuple[str, int, int, int]
    """Job id, generation, kind, lead."""


class Chains:
    """Catch-ups among the free runs of one store."""

    def __init__(self, statements: Statements) -> None:
        self._tables = statements.tables

    def among(self, connection: Connection, keys: Sequence[Key]) -> set[Key]:
        """Return those of these keys that more than one live run has."""
        if not keys:
            return set()
        runs = self._tables.runs.c
        same = (runs.job_id, runs.generation, runs.kind, runs.lead)
        found = connection.execute(
            select(*same)
            .where(runs.state < FINAL, runs.job_id.in_({key[0] for key in keys}))
            .group_by(*same)
            .having(func.count() > 1)
        )
        return {tuple(row) for row in found} & set(keys)

    def take(
        self, connection: Connection, key: Key, owner: dict[str, Any]
    ) -> tuple[list[int], int, int]:
        """Make the free runs of a catch-up this node's, as far as they have the token and attempt of the first.

        :param owner: the columns that say who has claimed the rows, with their values
        :return: their fire times, and the token and attempt that they had; no fire times while a run of the catch-up is
            at work
        """
        runs = self._tables.runs
        names = ("job_id", "generation", "kind", "lead")
        these = [runs.c[name] == value for name, value in zip(names, key, strict=True)]
        live = connection.execute(
            select(runs.c.token, runs.c.attempt, runs.c.state, runs.c.fire_us)
            .where(*these, runs.c.state < FINAL)
            .order_by(runs.c.fire_us)
            .with_for_update()
        ).all()
        if not live or any(row.state != PENDING for row in live):
            return [], 0, 0
        token, attempt = live[0][:2]
        fires = [row.fire_us for row in live if row[:2] == (token, attempt)]
        connection.execute(
            runs.update()
            .where(*these, runs.c.state == PENDING)
            .where(runs.c.token == token, runs.c.attempt == attempt)
            .values(state=RUNNING, token=token + 1, **owner, **{PERMITTED: None})
        )
        return fires, token, attempt
