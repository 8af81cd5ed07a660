"""Reads the ledger of a SQL store, and removes its old rows."""

from __future__ import annotations

from datetime import UTC, tzinfo

from sqlalchemy import and_, func, select

from apscheduler._engine.instants import to_us
from apscheduler.history.outcomes import fire_id
from apscheduler.history.rows import CLAIMED, ENDED, WAITING, Run
from apscheduler.history.states import FINAL, OUTCOMES, PENDING, RUNNING, STATES
from apscheduler.jobstores._rows import Times, short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from apscheduler.history.outcomes import Outcome
    from apscheduler.history.rows import RunQuery
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements

_STEP = 1000
"""At most this many rows are removed in one step of pruning, so that its transaction is short."""
_STEPS = 50
"""At most this many steps are made in one pruning."""
_SHOWN: Final = (
    *("job_id", "fire_us", "state", "reason", "started_us", "finished_us", "attempt", "count"),
    *("last_us", "error", "traceback", "node_name", "result", "late_word"),
)
"""The columns that are read of a run. Its job's bytes are not among them."""
_HIGHEST_COUNT: Final = 2**31 - 1
_LAST_SEQ: Final = 2**63 - 1
_LIVE: Final = {PENDING: WAITING, RUNNING: CLAIMED}


class SQLLedger:
    """The runs of one store.

    :ivar alias: the store's alias in its scheduler
    """

    def __init__(self, database: Database, statements: Statements, alias: str) -> None:
        self._database = database
        self._runs = statements.tables.runs
        self._shown = [self._runs.c[name] for name in _SHOWN]
        self.alias = alias

    def runs(self, query: RunQuery, zones: dict[str, tzinfo]) -> list[Run]:
        """Return finished runs that match, newest first.

        :param zones: the zones in which to show fire times, by job id (UTC for other jobs)
        """
        runs = self._runs
        return self._listed(
            select(*self._shown).where(runs.c.state >= FINAL, *self._conditions(query)),
            query.limit,
            zones,
        )

    def live(self, zones: dict[str, tzinfo]) -> list[Run]:
        """Return the runs that are claimed or running on any node, newest first."""
        runs = self._runs
        return self._listed(select(*self._shown).where(runs.c.state < FINAL), 10_000, zones)

    def _listed(self, statement: Any, limit: int, zones: dict[str, tzinfo]) -> list[Run]:
        with self._database.reading(patient=True) as connection:
            rows = connection.execute(statement.order_by(self._runs.c.seq.desc()).limit(limit))
            return [self._run(row, zones.get(row.job_id, UTC)) for row in rows]

    def _conditions(self, query: RunQuery) -> list[Any]:
        runs = self._runs
        conditions: list[Any] = []
        if query.job_id is not None:
            conditions.append(runs.c.job_id == query.job_id)
        if query.outcome is not None:
            conditions.append(runs.c.state == STATES[query.outcome])
        if query.node is not None:
            conditions.append(runs.c.node_name == query.node)
        if query.since is not None:
            conditions.append(runs.c.fire_us >= to_us(query.since))
        if query.until is not None:
            conditions.append(runs.c.fire_us < to_us(query.until))
        return conditions

    def _run(self, row: Any, zone: tzinfo) -> Run:
        times = Times()
        fire_time = times.shown("fire_us", row.fire_us, zone)
        started_at = times.shown_or_none("started_us", row.started_us)
        finished_at = times.shown_or_none("finished_us", row.finished_us)
        last_fire_time = times.shown_or_none("last_us", row.last_us, zone)
        if row.state not in OUTCOMES and row.state not in _LIVE:
            times.faults.append(f"state is {short(row.state)}")
        return Run(
            job_id=row.job_id,
            jobstore=self.alias,
            fire_time=fire_time,
            outcome=OUTCOMES.get(row.state),
            reason=self._damage(times.faults) if times.faults else row.reason,
            started_at=started_at,
            finished_at=finished_at,
            attempt=row.attempt,
            count=row.count,
            last_fire_time=last_fire_time,
            error=row.error,
            traceback=row.traceback,
            fire_id=fire_id(row.job_id, row.fire_us),
            node=row.node_name,
            result=row.result,
            late_word=bool(row.late_word),
            state=_LIVE.get(row.state, ENDED),
        )

    def _damage(self, faults: list[str]) -> str:
        return (
            f"this row of the ledger is damaged, or a newer version's: {', '.join(faults)}; it can be deleted "
            f"from the table {self._runs.name}"
        )

    def counts(self) -> dict[Outcome, int]:
        """Return how many fire times the rows account for, by outcome."""
        runs = self._runs
        statement = (
            select(runs.c.state, func.sum(runs.c.count))
            .where(runs.c.state >= FINAL, runs.c.count.between(1, _HIGHEST_COUNT))
            .group_by(runs.c.state)
        )
        with self._database.reading(patient=True) as connection:
            return {
                OUTCOMES[state]: int(total)
                for state, total in connection.execute(statement)
                if state in OUTCOMES
            }

    # -- retention ------------------------------------------------------------------------------------------

    def prune(self, keep: int | None, oldest_us: int | None) -> int:
        """Remove finished rows beyond these limits, in at most ``_STEPS`` small steps; return how many.

        :param keep: how many rows to keep; ``None`` for no limit
        :param oldest_us: a row claimed at this instant or before is too old (microseconds UTC); ``None`` for no limit
        """
        runs = self._runs
        edge = -1
        if keep is not None:
            # SQLite may hold texts, which the condition leaves out.
            numbered = select(runs.c.seq).where(runs.c.seq <= _LAST_SEQ)
            newest = numbered.order_by(runs.c.seq.desc()).offset(keep).limit(1)
            with self._database.reading(patient=True) as connection:
                edge = connection.scalar(newest) or -1
        if oldest_us is not None:
            edge = max(edge, oldest_us)
        removed = 0
        if edge < 0:
            return removed
        for _ in range(_STEPS):
            step = self._prune_step(edge)
            removed += step
            if step < _STEP:
                break
        return removed

    def _prune_step(self, edge: int) -> int:
        runs = self._runs
        old = (
            select(runs.c.seq)
            .where(runs.c.seq <= edge, runs.c.state >= FINAL)
            .order_by(runs.c.seq)
            .offset(_STEP - 1)
            .limit(1)
        )
        with self._database.transaction() as connection:
            last = connection.scalar(old)
            upto = edge if last is None else last
            return connection.execute(
                runs.delete().where(and_(runs.c.seq <= upto, runs.c.state >= FINAL))
            ).rowcount
