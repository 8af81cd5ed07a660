"""The statements that all databases have in common, and what each database has to add to them."""

from __future__ import annotations

from sqlalchemy import bindparam, text

from apscheduler.history.states import FINAL, PENDING, RUNNING
from apscheduler.jobstores._rows import EARLIEST_SECONDS, LAST_GENERATION, LATEST_SECONDS
from apscheduler.jobstores._sql.connection.cursors import fetched
from apscheduler.jobstores._sql.schema.tables import PERMITTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

    from sqlalchemy import TextClause
    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.schema.tables import Tables

RUN_COLUMNS: Final = ("job_id", "generation", "fire_us", "lead", "delivery", "seq")
"""Columns of a fire time that will run, as its row is inserted."""
SETTLE_COLUMNS: Final = (
    *("job_id", "generation", "kind", "fire_us"),
    *("token", "node", "state", "started_us", "finished_us"),
)
"""Columns of an outcome that has no texts, such as a reason or an error."""
PERMIT_COLUMNS: Final = ("job_id", "generation", "kind", "fire_us", "token", "node", "permitted")
"""Columns that name a catch-up by its last fire time, and up to which one its fire times may be started."""

IDS: Final = "IN :ids"
"""How the statements here ask for a list of job ids; databases that take lists in another way replace it."""
SAME_RUN: Final = "r.job_id = u.job_id AND r.generation = u.generation AND r.kind = u.kind AND r.fire_us = u.fire_us"
"""The condition that a row ``r`` of the ledger has the key of a row ``u`` of a batch."""
STILL_OURS: Final = f"r.token = u.token AND r.node = u.node AND r.state = {RUNNING}"
"""The condition that a run ``r`` is at work, and owned by whoever a row ``u`` of a batch says (rule 2)."""
CLAIMED: Final = f"0, {RUNNING}, 1, :node, :node_name, :batch, 1, 1, :claimed_us"
"""Values of :data:`_CLAIM_COLUMNS`."""

_CLAIM_COLUMNS: Final = (
    *("kind", "state", "token", "node", "node_name"),
    *("batch", "attempt", "count", "claimed_us"),
)
"""Columns whose values are the same for all runs that one transaction inserts."""
_PAGE: Final = " ORDER BY j.next_run_time LIMIT :limit"
_LINE: Final = "job_id = :job_id AND generation = :generation AND kind = :kind AND token = :token"
_ROW: Final = "job_id = :job_id AND generation = :generation AND kind = :kind AND fire_us = :fire_us AND token = :token"
_OWN: Final = f"node = :node AND state = {RUNNING}"
_FREED: Final = f"state = {PENDING}, token = token + 1, node = 0"


def run_columns(*more: str) -> str:
    """Return the columns of the runs that a claim inserts, in brackets.

    :param more: columns that each run gives beside :data:`RUN_COLUMNS`
    """
    return f"({', '.join((*RUN_COLUMNS, *more, *_CLAIM_COLUMNS))})"


def upsert(insert: Any, tables: Tables) -> Any:
    """Return the statement that writes generations of jobs, for databases that know ``ON CONFLICT``.

    :param insert: the dialect's ``insert``
    """
    made = insert(tables.meta)
    values = {"generation": made.excluded.generation, "born": made.excluded.born}
    return made.on_conflict_do_update(index_elements=["job_id"], set_=values)


class Statements:
    """What all databases have in common; a subclass for each database adds the rest."""

    skip_locked = " FOR UPDATE SKIP LOCKED"
    lock = " FOR UPDATE"
    part_number: str
    """SQL that makes a number below ``:parts`` of the id ``j.id``, the same on every node: the part a due job is in."""

    _settle: Any
    _permit: Any
    _closed: Any
    _meta: Any

    def __init__(self, database: Database, tables: Tables) -> None:
        self.database = database
        self.tables = tables
        quote = database.engine.dialect.identifier_preparer.format_table
        self.jobs = quote(tables.jobs)
        self.meta = quote(tables.meta)
        self.runs = quote(tables.runs)
        self.nodes = quote(tables.nodes)
        self._make_due()
        self._make_looks()
        self._make_claim()
        self._make_ends_of_jobs()
        self._make_rights()
        self._make_free_runs()
        self._make_outcomes()
        self._make_batches()

    # -- what is due -----------------------------------------------------------------------------------------

    def _make_due(self) -> None:
        """Make the statements that read the queue of due jobs."""
        jobs, meta = self.jobs, self.meta
        generation = "CASE WHEN m.job_id IS NULL THEN 0 ELSE m.generation END"
        columns = f"SELECT j.id, j.next_run_time, j.job_state, {generation}"
        joined = f"FROM {jobs} j LEFT JOIN {meta} m ON m.job_id = j.id WHERE"
        job = f"{columns} {joined}"
        self.job_of = text(f"{job} j.id = :id")
        due = (
            f"{job} j.next_run_time <= :now "
            f"AND {self.not_before('j.next_run_time', EARLIEST_SECONDS)}"  # -Infinity would come first
        )
        self.due = text(due + _PAGE)
        self.due_of_part = text(f"{due} AND {self.part_number} = :part{_PAGE}")
        self.due_after = text(f"{job} j.next_run_time <= :now AND j.next_run_time > :moment{_PAGE}")
        place = self.place()
        at = f"{columns}, {place} {joined} j.next_run_time = :moment"
        self.due_at = text(f"{at} ORDER BY {place} LIMIT :limit")
        self.due_at_behind = text(f"{at} AND {place} > :place ORDER BY {place} LIMIT :limit")
        self.earliest_after = text(
            f"SELECT MIN(next_run_time) FROM {jobs} WHERE next_run_time > :now "
            f"AND next_run_time <= {LATEST_SECONDS}"
        )
        self.timeless = text(
            f"SELECT id, next_run_time, job_state FROM {jobs} WHERE next_run_time < {EARLIEST_SECONDS} "
            f"OR next_run_time > {LATEST_SECONDS} LIMIT 1000"
        )

    def _make_looks(self) -> None:
        """Make the statements that look for strangers (see guarding/strangers.py)."""
        jobs, meta, runs = self.jobs, self.meta, self.runs
        generation = "COALESCE(m.generation, 0)"
        coming = (
            f"SELECT 0, j.id, j.next_run_time, {generation}, NULL, NULL FROM (SELECT id, next_run_time FROM {jobs} "
            f"WHERE next_run_time > :now AND {self.not_after('next_run_time', LATEST_SECONDS)} "
            "ORDER BY next_run_time LIMIT :limit) j "
            f"LEFT JOIN {meta} m ON m.job_id = j.id"
        )
        newest = (
            f"(SELECT MAX(r.fire_us) FROM {runs} r WHERE r.job_id = j.id AND r.generation = {generation} "
            "AND r.kind = 0)"
        )
        self.coming = text(coming)
        self.coming_and = self._of_ids(
            f"{coming} UNION ALL SELECT 1, j.id, j.next_run_time, {generation}, {newest}, "
            f"CASE WHEN j.id = :watched THEN j.job_state END FROM {jobs} j "
            f"LEFT JOIN {meta} m ON m.job_id = j.id WHERE j.id IN :ids"
        )
        self.look_at = self._of_ids(
            f"SELECT j.id, j.next_run_time, j.job_state, {generation} FROM {jobs} j "
            f"LEFT JOIN {meta} m ON m.job_id = j.id WHERE j.id IN :ids"
        )
        self.fires_since = self._of_ids(
            f"SELECT job_id, fire_us, last_us FROM {runs} WHERE kind = 0 AND job_id IN :ids "
            "AND COALESCE(last_us, fire_us) >= :first"
        )

    def not_before(self, column: str, moment: float) -> str:
        """Return the condition that a column is at least ``moment``. It must have an upper bound already."""
        return f"{column} >= {moment}"

    def not_after(self, column: str, moment: float) -> str:
        """Return the condition that a column is at most ``moment``. It must have a lower bound already."""
        return f"{column} <= {moment}"

    def place(self) -> str:
        """Return the column by which an index orders jobs that are due at the same moment."""
        return "j.id"

    # -- the claim's transaction -----------------------------------------------------------------------------

    def _make_claim(self) -> None:
        """Make the statements that lock what is due, count what is at work, and find what was inserted."""
        jobs, meta, runs, nodes = self.jobs, self.meta, self.runs, self.nodes
        self.lock_jobs = self._of_ids(
            f"SELECT id, next_run_time, job_state FROM {jobs} WHERE id IN :ids{self.skip_locked}"
        )
        self.claims_of = self._of_ids(
            f"SELECT 0, job_id, generation, lead FROM {runs} WHERE state < {FINAL} AND job_id IN :ids "
            f"UNION SELECT 1, job_id, generation, born FROM {meta} WHERE job_id IN :ids"
        )
        self.newest_generations = self._of_ids(
            f"SELECT job_id, MAX(generation) FROM {runs} WHERE job_id IN :ids "
            f"AND generation BETWEEN 0 AND {LAST_GENERATION - 2} GROUP BY job_id"
        )
        self.holders = self._of_ids(
            f"SELECT r.job_id, r.state, r.node_name, n.lease_until - n.lease_us FROM {runs} r "
            f"LEFT JOIN {nodes} n ON n.epoch = r.node WHERE r.state < {FINAL} AND r.node <> :node "
            "AND r.job_id IN :ids"
        )
        self.inserted = text(
            f"SELECT job_id, generation, fire_us FROM {runs} WHERE node = :node AND batch = :batch"
        )

    def _make_ends_of_jobs(self) -> None:
        """Make the statements that remove jobs without a further fire time, and keep what their runs need."""
        jobs, meta, runs = self.jobs, self.meta, self.runs
        self.keep_states = self._of_ids(
            f"UPDATE {runs} SET job_state = (SELECT j.job_state FROM {jobs} j WHERE j.id = {runs}.job_id) "
            f"WHERE job_id IN :ids AND state < {FINAL} AND job_state IS NULL AND generation >= "
            f"COALESCE((SELECT m.born FROM {meta} m WHERE m.job_id = {runs}.job_id), 0)"
        )
        self.delete_jobs = self._of_ids(f"DELETE FROM {jobs} WHERE id IN :ids")
        self.delete_meta = self._of_ids(f"DELETE FROM {meta} WHERE job_id IN :ids")

    def _make_rights(self) -> None:
        """Make the statements by which a node checks its own right to commit (rule 5), and what it committed (rule 15)."""
        nodes, clock = self.nodes, self.database.clock
        self.own_batch = text(f"SELECT batch FROM {nodes} WHERE epoch = :epoch{self.lock}")
        self.keep_batch = text(
            # Transactions of several threads may end in another order than they were numbered in.
            f"UPDATE {nodes} SET batch = CASE WHEN batch > :batch THEN batch ELSE :batch END "
            f"WHERE epoch = :epoch AND lease_until > {clock} AND :latest <= {clock} AND batch >= :kept"
        )
        self.own_lease = text(
            f"SELECT epoch FROM {nodes} WHERE epoch = :epoch AND lease_until > {clock} AND batch >= :kept"
        )

    # -- runs without an owner, and outcomes -----------------------------------------------------------------

    def _make_free_runs(self) -> None:
        """Make the statements that find runs without an owner, and take one."""
        jobs, meta, runs = self.jobs, self.meta, self.runs
        key = "r.seq, r.job_id, r.generation, r.kind, r.fire_us"
        pending = (
            f"SELECT r.job_id, r.generation, r.kind, r.fire_us, r.token, r.attempt, "
            "CASE WHEN r.job_state IS NULL THEN 0 ELSE 1 END, "
            "COALESCE(r.job_state, CASE WHEN r.generation >= COALESCE(m.born, 0) THEN j.job_state END), r.seq, r.lead "
            f"FROM {runs} r LEFT JOIN {jobs} j ON j.id = r.job_id LEFT JOIN {meta} m ON m.job_id = r.job_id "
            f"WHERE r.state = {PENDING}"
        )
        page = f" ORDER BY {key} LIMIT :limit"
        self.pending = text(pending + page)
        self.pending_after = text(
            f"{pending} AND ({key}) > (:seq, :job_id, :generation, :kind, :fire_us){page}"
        )
        self.take_pending = text(
            f"UPDATE {runs} SET state = {RUNNING}, token = token + 1, node = :node, node_name = :node_name, "
            f"batch = :batch, claimed_us = :claimed_us, lead = fire_us WHERE {_ROW} AND state = {PENDING}"
        )

    def _make_outcomes(self) -> None:
        """Make the statements that write an outcome with texts, and give back what was not started."""
        runs = self.runs
        self.settle_one = text(
            f"UPDATE {runs} SET state = :state, started_us = :started_us, finished_us = :finished_us, "
            "reason = :reason, error = :error, traceback = :traceback, result = :result, job_state = NULL "
            f"WHERE {_ROW} AND {_OWN}"
        )
        self.give_back = text(f"UPDATE {runs} SET {_FREED} WHERE {_ROW} AND {_OWN}")
        portion = f"UPDATE {runs} SET {_FREED}, {PERMITTED} = NULL WHERE {_LINE} AND {_OWN}"
        self.give_back_portion = text(f"{portion} AND fire_us = :fire_us")
        self.give_back_rest = text(f"{portion} AND lead = :lead AND fire_us >= :fire_us")

    # -- what differs ----------------------------------------------------------------------------------------

    def _make_batches(self) -> None:
        raise NotImplementedError

    def _written(
        self, connection: Connection, statement: Any, rows: Sequence[tuple[Any, ...]]
    ) -> int:
        """Run a statement with a batch of rows; return how many rows of the table it changed."""
        raise NotImplementedError

    def _of_ids(self, statement: str) -> TextClause:
        return text(statement).bindparams(bindparam("ids", expanding=True))

    def with_ids(self, ids: Sequence[str]) -> dict[str, Any]:
        """Return the parameter of a statement about these jobs."""
        return {"ids": ids}

    def locked(self, connection: Connection, ids: Sequence[str]) -> Sequence[Sequence[Any]]:
        """Return id, next fire time and bytes of these jobs, and lock their rows where rows can be locked."""
        return fetched(connection.execute(self.lock_jobs, self.with_ids(ids)))

    def claimed(self, connection: Connection, ids: Sequence[str]) -> Sequence[Sequence[Any]]:
        """Return ``(0, id, generation, lead)`` of these jobs' live runs, ``(1, id, generation, born)`` of the jobs."""
        return fetched(connection.execute(self.claims_of, self.with_ids(ids)))

    def insert_runs(
        self, connection: Connection, common: dict[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        """Insert rows of :data:`RUN_COLUMNS` as running; return how many were not there yet.

        :param common: node, node_name, batch, claimed_us
        """
        raise NotImplementedError

    def insert_last_runs(
        self, connection: Connection, common: dict[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        """Insert rows of :data:`RUN_COLUMNS`, each followed by the definition that a run needs when its job is gone.

        :param common: node, node_name, batch, claimed_us
        """
        raise NotImplementedError

    def insert_closed(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Insert whole rows, but none whose key is there already."""
        connection.execute(self._closed, rows)

    def move_jobs(self, connection: Connection, rows: Sequence[tuple[str, float | None]]) -> None:
        """Set the next run times of jobs."""
        raise NotImplementedError

    def settle(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Write outcomes, rows of :data:`SETTLE_COLUMNS`; return how many runs took theirs."""
        return self._written(connection, self._settle, rows)

    def permit(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Write rows of :data:`PERMIT_COLUMNS`; return how many of the catch-ups were still their node's."""
        return self._written(connection, self._permit, rows)

    def set_generation(self, connection: Connection, rows: Sequence[tuple[str, int, int]]) -> None:
        """Write rows of (job id, generation, born)."""
        names = ("job_id", "generation", "born")
        connection.execute(self._meta, [dict(zip(names, row, strict=True)) for row in rows])
