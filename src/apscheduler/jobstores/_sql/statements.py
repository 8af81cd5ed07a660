"""Makes the statements of the claim protocol for each kind of database: a whole batch takes one round trip.

    PostgreSQL     arrays and unnest, each array as one text (psycopg would dump element by element, ten times as slowly)
    MariaDB/MySQL  one JSON text and JSON_TABLE (PyMySQL would send rows one by one, or quote each value)
    SQLite         executemany; there is no round trip

Rows are tuples, named in the docstrings; instants are microseconds UTC, but for ``next_run_time``, which is 3.x's
seconds as a float.
"""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import closing
from functools import cached_property

from sqlalchemy import bindparam, text
from sqlalchemy.dialects import mysql, postgresql, sqlite

from apscheduler.jobstores._sql.connection.remedies import as_error
from apscheduler.jobstores._sql.rows import EARLIEST_SECONDS, LAST_GENERATION, LATEST_SECONDS
from apscheduler.jobstores._sql.schema.tables import FINAL, PENDING, PERMITTED, RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

    from sqlalchemy import TextClause
    from sqlalchemy.engine import Connection, CursorResult

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

_IDS: Final = "IN :ids"
_NUL: Final = "\\u0000"
_KEY = "r.job_id = u.job_id AND r.generation = u.generation AND r.kind = u.kind AND r.fire_us = u.fire_us"


class Statements:
    """What all databases have in common; a subclass for each database adds the rest."""

    skip_locked = " FOR UPDATE SKIP LOCKED"
    lock = " FOR UPDATE"
    part_number: str
    """SQL that makes a number below ``:parts`` of the id ``j.id``, the same on every node: the part a due job is in."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self.database = database
        self.tables = tables
        quote = database.engine.dialect.identifier_preparer.format_table
        self.jobs = quote(tables.jobs)
        self.meta = quote(tables.meta)
        self.runs = quote(tables.runs)
        self.nodes = quote(tables.nodes)
        self._make()

    def _make(self) -> None:
        jobs, meta, runs, nodes = self.jobs, self.meta, self.runs, self.nodes
        clock = self.database.clock
        generation = "CASE WHEN m.job_id IS NULL THEN 0 ELSE m.generation END"
        columns = f"SELECT j.id, j.next_run_time, j.job_state, {generation}"
        joined = f"FROM {jobs} j LEFT JOIN {meta} m ON m.job_id = j.id WHERE"
        job = f"{columns} {joined}"
        self.job_of = text(f"{job} j.id = :id")
        due = (
            f"{job} j.next_run_time <= :now "
            f"AND {self.not_before('j.next_run_time', EARLIEST_SECONDS)}"  # -Infinity would come first
        )
        page = " ORDER BY j.next_run_time LIMIT :limit"
        self.due = text(due + page)
        self.due_of_part = text(f"{due} AND {self.part_number} = :part{page}")
        self.due_after = text(f"{job} j.next_run_time <= :now AND j.next_run_time > :moment{page}")
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
        self._make_looks()
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
        self.own_batch = text(f"SELECT batch FROM {nodes} WHERE epoch = :epoch{self.lock}")
        self.keep_batch = text(
            # Transactions of several threads may end in another order than they were numbered in.
            f"UPDATE {nodes} SET batch = CASE WHEN batch > :batch THEN batch ELSE :batch END "
            f"WHERE epoch = :epoch AND lease_until > {clock} AND :latest <= {clock} AND batch >= :kept"
        )
        self.own_lease = text(
            f"SELECT epoch FROM {nodes} WHERE epoch = :epoch AND lease_until > {clock} AND batch >= :kept"
        )
        self.holders = self._of_ids(
            f"SELECT r.job_id, r.state, r.node_name, n.lease_until - n.lease_us FROM {runs} r "
            f"LEFT JOIN {nodes} n ON n.epoch = r.node WHERE r.state < {FINAL} AND r.node <> :node "
            "AND r.job_id IN :ids"
        )
        self.inserted = text(
            f"SELECT job_id, generation, fire_us FROM {runs} WHERE node = :node AND batch = :batch"
        )
        self.keep_states = self._of_ids(
            f"UPDATE {runs} SET job_state = (SELECT j.job_state FROM {jobs} j WHERE j.id = {runs}.job_id) "
            f"WHERE job_id IN :ids AND state < {FINAL} AND job_state IS NULL AND generation >= "
            f"COALESCE((SELECT m.born FROM {meta} m WHERE m.job_id = {runs}.job_id), 0)"
        )
        self.delete_jobs = self._of_ids(f"DELETE FROM {jobs} WHERE id IN :ids")
        self.delete_meta = self._of_ids(f"DELETE FROM {meta} WHERE job_id IN :ids")
        key = "r.seq, r.job_id, r.generation, r.kind, r.fire_us"
        pending = (
            f"SELECT r.job_id, r.generation, r.kind, r.fire_us, r.token, r.attempt, "
            "CASE WHEN r.job_state IS NULL THEN 0 ELSE 1 END, COALESCE(r.job_state, CASE WHEN r.generation >= COALESCE(m.born, 0) THEN j.job_state END), r.seq, r.lead "
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
            f"batch = :batch, claimed_us = :claimed_us, lead = fire_us WHERE job_id = :job_id AND "
            f"generation = :generation AND kind = :kind AND fire_us = :fire_us AND token = :token "
            f"AND state = {PENDING}"
        )
        self.settle_one = text(
            f"UPDATE {runs} SET state = :state, started_us = :started_us, finished_us = :finished_us, "
            "reason = :reason, error = :error, traceback = :traceback, result = :result, job_state = NULL "
            "WHERE job_id = :job_id AND generation = :generation AND kind = :kind AND fire_us = :fire_us "
            f"AND token = :token AND node = :node AND state = {RUNNING}"
        )
        self.give_back = text(
            f"UPDATE {runs} SET state = {PENDING}, token = token + 1, node = 0 WHERE job_id = :job_id AND "
            f"generation = :generation AND kind = :kind AND fire_us = :fire_us AND token = :token AND "
            f"node = :node AND state = {RUNNING}"
        )
        given_back = f"state = {PENDING}, token = token + 1, node = 0, {PERMITTED} = NULL"
        owned = f"job_id = :job_id AND generation = :generation AND kind = :kind AND token = :token AND node = :node AND state = {RUNNING}"
        self.give_back_portion = text(
            f"UPDATE {runs} SET {given_back} WHERE {owned} AND fire_us = :fire_us"
        )
        self.give_back_rest = text(
            f"UPDATE {runs} SET {given_back} WHERE {owned} AND lead = :lead AND fire_us >= :fire_us"
        )
        self._make_batches()

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

    # -- what differs -------------------------------------------------------------------------------------

    def _make_batches(self) -> None:
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
        raise NotImplementedError

    def move_jobs(self, connection: Connection, rows: Sequence[tuple[str, float | None]]) -> None:
        """Set the next run times of jobs."""
        raise NotImplementedError

    def settle(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Write outcomes, rows of :data:`SETTLE_COLUMNS`; return how many runs took theirs."""
        raise NotImplementedError

    def permit(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Write rows of :data:`PERMIT_COLUMNS`; return how many of the catch-ups were still their node's."""
        raise NotImplementedError

    def set_generation(self, connection: Connection, rows: Sequence[tuple[str, int, int]]) -> None:
        """Write rows of (job id, generation, born)."""
        raise NotImplementedError


class PostgreSQL(Statements):
    """Passes a batch as arrays, one parameter per column."""

    part_number = (
        "MOD(hashtext(j.id) & 2147483647, :parts)"  # not %, which pg8000 takes for a placeholder
    )

    def _insert_text(self, column: str, array: str) -> TextClause:
        return text(
            f"INSERT INTO {self.runs} (job_id, generation, fire_us, lead, delivery, seq{column}, kind, state, token, "
            "node, node_name, batch, attempt, count, claimed_us) SELECT u.*, 0, "
            f"{RUNNING}, 1, :node, :node_name, :batch, 1, 1, :claimed_us FROM unnest(CAST(:c0 AS text[]), "
            "CAST(:c1 AS bigint[]), CAST(:c2 AS bigint[]), CAST(:c3 AS bigint[]), CAST(:c4 AS smallint[]), "
            f"CAST(:c5 AS bigint[]){array}) AS u ON CONFLICT DO NOTHING"
        )

    # While PostgreSQL has no statistics, it expects few rows if a column has bounds on both sides. Then it sorts all
    # due jobs for each page (15 ms for 20,000) instead of reading the first ones from the index (1.4 ms). If a value is
    # only to be unequal to another one, it expects almost all rows, so the second bound has that form.

    def not_before(self, column: str, moment: float) -> str:
        return f"GREATEST({column}, {moment - 1}) <> {moment - 1}"

    def not_after(self, column: str, moment: float) -> str:
        return f"LEAST({column}, {moment + 1}) <> {moment + 1}"

    def _of_ids(self, statement: str) -> TextClause:
        return text(statement.replace("IN :ids", "= ANY(CAST(:ids AS text[]))"))

    def with_ids(self, ids: Sequence[str]) -> dict[str, Any]:
        return {"ids": _array(ids)}

    def _make_batches(self) -> None:
        self._insert_runs = self._insert_text("", "")
        self._insert_last_runs = self._insert_text(", job_state", ", CAST(:c6 AS bytea[])")
        self._move = text(
            f"UPDATE {self.jobs} j SET next_run_time = u.moment FROM unnest(CAST(:c0 AS text[]), "
            "CAST(:c1 AS double precision[])) AS u(id, moment) WHERE j.id = u.id"
        )
        self._settle = text(
            f"UPDATE {self.runs} r SET state = u.state, started_us = u.started_us, finished_us = u.finished_us, "
            "job_state = NULL FROM unnest(CAST(:c0 AS text[]), CAST(:c1 AS bigint[]), CAST(:c2 AS smallint[]), "
            "CAST(:c3 AS bigint[]), CAST(:c4 AS int[]), CAST(:c5 AS bigint[]), CAST(:c6 AS smallint[]), "
            f"CAST(:c7 AS bigint[]), CAST(:c8 AS bigint[])) AS u({', '.join(SETTLE_COLUMNS)}) "
            f"WHERE {_KEY} AND r.token = u.token AND r.node = u.node AND r.state = {RUNNING}"
        )
        self._permit = text(
            f"UPDATE {self.runs} r SET {PERMITTED} = u.permitted FROM unnest(CAST(:c0 AS text[]), "
            "CAST(:c1 AS bigint[]), CAST(:c2 AS smallint[]), CAST(:c3 AS bigint[]), CAST(:c4 AS int[]), "
            f"CAST(:c5 AS bigint[]), CAST(:c6 AS bigint[])) AS u({', '.join(PERMIT_COLUMNS)}) "
            f"WHERE {_KEY} AND r.token = u.token AND r.node = u.node AND r.state = {RUNNING}"
        )
        self._closed = postgresql.insert(self.tables.runs).on_conflict_do_nothing()
        upsert = postgresql.insert(self.tables.meta)
        self._meta = upsert.on_conflict_do_update(
            index_elements=["job_id"],
            set_={"generation": upsert.excluded.generation, "born": upsert.excluded.born},
        )

    def insert_runs(
        self, connection: Connection, common: dict[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        return connection.execute(self._insert_runs, {**common, **_columns(rows)}).rowcount

    def insert_last_runs(
        self, connection: Connection, common: dict[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        written = [(*row[:-1], None if row[-1] is None else "\\x" + row[-1].hex()) for row in rows]
        return connection.execute(self._insert_last_runs, {**common, **_columns(written)}).rowcount

    def insert_closed(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        connection.execute(self._closed, rows)

    def move_jobs(self, connection: Connection, rows: Sequence[tuple[str, float | None]]) -> None:
        connection.execute(self._move, _columns(rows))

    def settle(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        return connection.execute(self._settle, _columns(rows)).rowcount

    def permit(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        return connection.execute(self._permit, _columns(rows)).rowcount

    def set_generation(self, connection: Connection, rows: Sequence[tuple[str, int, int]]) -> None:
        connection.execute(self._meta, _as_meta(rows))


class MySQL(Statements):
    """Passes a batch as one JSON text, which the server reads as a table."""

    part_number = "MOD(CRC32(j.id), :parts)"
    _TYPES: Final = {
        **dict.fromkeys(("job_id",), "VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
        **dict.fromkeys(("delivery", "kind", "state", "token"), "INT"),
        "job_state": "LONGTEXT",
    }

    def _insert_text(self, column: str, value: str, names: Sequence[str]) -> TextClause:
        return text(
            f"INSERT IGNORE INTO {self.runs} (job_id, generation, fire_us, lead, delivery, seq{column}, kind, state, "
            "token, node, node_name, batch, attempt, count, claimed_us) SELECT u.job_id, u.generation, u.fire_us, "
            f"u.lead, u.delivery, u.seq{value}, 0, {RUNNING}, 1, :node, :node_name, :batch, 1, 1, :claimed_us "
            f"FROM {self._json_table(names)}"
        )

    def _json_table(self, names: Sequence[str], **types: str) -> str:
        known = {**self._TYPES, **types}
        columns = ", ".join(
            f"{name} {known.get(name, 'BIGINT')} PATH '$[{at}]'" for at, name in enumerate(names)
        )
        return f"JSON_TABLE(:rows, '$[*]' COLUMNS ({columns})) u"

    def _make_batches(self) -> None:
        self._insert_runs = self._insert_text("", "", RUN_COLUMNS)
        self._insert_last_runs = self._insert_text(
            ", job_state", ", FROM_BASE64(u.job_state)", (*RUN_COLUMNS, "job_state")
        )
        set_ = ", ".join(f"r.{name} = u.{name}" for name in ("state", "started_us", "finished_us"))
        self._settle = text(
            f"UPDATE {self.runs} r JOIN {self._json_table(SETTLE_COLUMNS)} ON {_KEY} SET {set_}, "
            f"r.job_state = NULL WHERE r.token = u.token AND r.node = u.node AND r.state = {RUNNING}"
        )
        self._permit = text(
            f"UPDATE {self.runs} r JOIN {self._json_table(PERMIT_COLUMNS)} ON {_KEY} "
            f"SET r.{PERMITTED} = u.permitted WHERE r.token = u.token AND r.node = u.node AND r.state = {RUNNING}"
        )
        self._closed = self.tables.runs.insert().prefix_with("IGNORE")
        upsert = mysql.insert(self.tables.meta)
        self._meta = upsert.on_duplicate_key_update(
            generation=upsert.inserted.generation, born=upsert.inserted.born
        )
        self._move: TextClause | None = None

    def _move_statement(self, connection: Connection) -> TextClause:
        """Return the statement, made with the collation that the ids have (3.x's table has the server's default)."""
        if self._move is None:
            row = connection.execute(
                text(
                    "SELECT character_set_name, collation_name FROM information_schema.columns WHERE "
                    "table_schema = COALESCE(:schema, DATABASE()) AND table_name = :name AND column_name = 'id'"
                ),
                {"schema": self.tables.schema, "name": self.tables.name},
            ).one()
            kind = f"VARCHAR(191) CHARACTER SET {row[0]} COLLATE {row[1]}"
            table = self._json_table(("id", "moment"), id=kind, moment="DOUBLE")
            self._move = text(
                f"UPDATE {self.jobs} j JOIN {table} ON j.id = u.id SET j.next_run_time = u.moment"
            )
        return self._move

    def insert_runs(
        self, connection: Connection, common: dict[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        return connection.execute(self._insert_runs, {**common, "rows": json.dumps(rows)}).rowcount

    def insert_last_runs(
        self, connection: Connection, common: dict[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        written = [
            (*row[:-1], None if row[-1] is None else b64encode(row[-1]).decode()) for row in rows
        ]
        values = {**common, "rows": json.dumps(written)}
        return connection.execute(self._insert_last_runs, values).rowcount

    def insert_closed(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        connection.execute(self._closed, rows)

    def move_jobs(self, connection: Connection, rows: Sequence[tuple[str, float | None]]) -> None:
        connection.execute(self._move_statement(connection), {"rows": json.dumps(rows)})

    def settle(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        return connection.execute(self._settle, {"rows": json.dumps(rows)}).rowcount

    def permit(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        return connection.execute(self._permit, {"rows": json.dumps(rows)}).rowcount

    def set_generation(self, connection: Connection, rows: Sequence[tuple[str, int, int]]) -> None:
        connection.execute(self._meta, _as_meta(rows))


class SQLite(Statements):
    """Runs a statement for each row of a batch: only the transaction takes time."""

    skip_locked = ""
    lock = ""
    part_number = (
        "unicode(substr(j.id, -1)) % :parts"  # SQLite has no hash; ids differ most at their end
    )

    def locked(self, connection: Connection, ids: Sequence[str]) -> Sequence[Sequence[Any]]:
        return self._asked(connection, self.lock_jobs, ids)

    def claimed(self, connection: Connection, ids: Sequence[str]) -> Sequence[Sequence[Any]]:
        return self._asked(connection, self.claims_of, ids)

    def _asked(
        self, connection: Connection, statement: TextClause, ids: Sequence[str]
    ) -> Sequence[Sequence[Any]]:
        """Ask about many ids at once. A JSON list takes a tenth of a microsecond per id, an expanding parameter one."""
        written, count = statement.text, statement.text.count(_IDS)
        listed = json.dumps(ids)
        if self._has_json and _NUL not in listed:  # SQLite's JSON functions end a text at a NUL
            asked = written.replace(_IDS, "IN (SELECT value FROM json_each(?))")
            return fetched(connection.exec_driver_sql(asked, (listed,) * count))
        asked = written.replace(_IDS, f"IN ({', '.join('?' * len(ids))})")
        return fetched(connection.exec_driver_sql(asked, (*ids,) * count))

    @cached_property
    def _has_json(self) -> bool:
        """Whether this SQLite was built with its functions for JSON."""
        dbapi: Any = self.database.engine.dialect.dbapi
        try:
            with closing(dbapi.connect(":memory:")) as connection:
                connection.execute("SELECT value FROM json_each('[]')").fetchall()
        except dbapi.Error:
            return False
        return True

    def place(self) -> str:
        # An index ends with the rowid or, in a table that somebody made without one, with the primary key.
        has_rowid = self.tables.jobs.dialect_options["sqlite"]["with_rowid"]
        return "j.rowid" if has_rowid else "j.id"

    def _make_batches(self) -> None:
        self._insert_runs = (
            f"INSERT OR IGNORE INTO {self.runs} (job_id, generation, fire_us, lead, delivery, seq, kind, state, "
            "token, node, node_name, batch, attempt, count, claimed_us) VALUES (?, ?, ?, ?, ?, ?, 0, "
            f"{RUNNING}, 1, ?, ?, ?, 1, 1, ?)"
        )
        self._insert_last_runs = (
            f"INSERT OR IGNORE INTO {self.runs} (job_id, generation, fire_us, lead, delivery, seq, job_state, kind, "
            "state, token, node, node_name, batch, attempt, count, claimed_us) VALUES (?, ?, ?, ?, ?, ?, ?, 0, "
            f"{RUNNING}, 1, ?, ?, ?, 1, 1, ?)"
        )
        self._move = f"UPDATE {self.jobs} SET next_run_time = ? WHERE id = ?"
        self._settle = (
            f"UPDATE {self.runs} SET state = ?, started_us = ?, finished_us = ?, job_state = NULL WHERE job_id = ? "
            "AND generation = ? AND kind = ? AND fire_us = ? AND token = ? AND node = ? "
            f"AND state = {RUNNING}"
        )
        self._permit = (
            f"UPDATE {self.runs} SET {PERMITTED} = ? WHERE job_id = ? AND generation = ? AND kind = ? "
            f"AND fire_us = ? AND token = ? AND node = ? AND state = {RUNNING}"
        )
        self._closed = sqlite.insert(self.tables.runs).on_conflict_do_nothing()
        upsert = sqlite.insert(self.tables.meta)
        self._meta = upsert.on_conflict_do_update(
            index_elements=["job_id"],
            set_={"generation": upsert.excluded.generation, "born": upsert.excluded.born},
        )

    def insert_runs(
        self, connection: Connection, common: dict[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        tail = (common["node"], common["node_name"], common["batch"], common["claimed_us"])
        return _many(connection, self._insert_runs, [(*row, *tail) for row in rows])

    def insert_last_runs(
        self, connection: Connection, common: dict[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        tail = (common["node"], common["node_name"], common["batch"], common["claimed_us"])
        return _many(connection, self._insert_last_runs, [(*row, *tail) for row in rows])

    def insert_closed(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        connection.execute(self._closed, rows)

    def move_jobs(self, connection: Connection, rows: Sequence[tuple[str, float | None]]) -> None:
        _many(connection, self._move, [(moment, id) for id, moment in rows])

    def settle(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        return _many(connection, self._settle, [(*row[6:], *row[:6]) for row in rows])

    def permit(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        return _many(connection, self._permit, [(row[6], *row[:6]) for row in rows])

    def set_generation(self, connection: Connection, rows: Sequence[tuple[str, int, int]]) -> None:
        connection.execute(self._meta, _as_meta(rows))


def statements_for(database: Database, tables: Tables) -> Statements:
    """Return the statements of a database."""
    kinds = {"postgresql": PostgreSQL, "mysql": MySQL, "sqlite": SQLite}
    return kinds[database.kind](database, tables)


def _columns(rows: Sequence[tuple[Any, ...]]) -> dict[str, str]:
    return {f"c{at}": _array(column) for at, column in enumerate(zip(*rows, strict=True))}


def _array(values: Sequence[Any]) -> str:
    """Return numbers, or texts, as PostgreSQL writes an array of them."""
    kinds = set(map(type, values))
    if kinds == {str}:
        joined = '","'.join(values)
        # Nothing to escape: no quotes but those between the texts.
        if "\\" not in joined and joined.count('"') == 2 * (len(values) - 1):
            return f'{{"{joined}"}}'
    elif kinds <= {int, float}:
        return "{" + ",".join(map(repr, values)) + "}"
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if value.__class__ is not str:
        return repr(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _as_meta(rows: Sequence[tuple[str, int, int]]) -> list[dict[str, Any]]:
    return [{"job_id": id, "generation": generation, "born": born} for id, generation, born in rows]


def fetched(result: CursorResult[Any]) -> Sequence[Sequence[Any]]:
    """Return all rows as the driver gives them: SQLAlchemy's rows with names would be slow for thousands.

    :raises sqlalchemy.exc.DBAPIError: as SQLAlchemy's own methods do
    """
    cursor: Any = result.cursor
    try:
        rows: Sequence[Sequence[Any]] = cursor.fetchall()
    except Exception as exc:
        raise as_error(result.dialect, exc, "", cursor) from exc
    result.close()
    return rows


def _many(connection: Connection, statement: str, rows: list[tuple[Any, ...]]) -> int:
    """Run a statement for each row; return how many rows it changed.

    :raises sqlalchemy.exc.DBAPIError: as SQLAlchemy's own methods do, which are slower
    """
    cursor = connection.connection.cursor()
    try:
        cursor.executemany(statement, rows)
        return int(cursor.rowcount)
    except Exception as exc:
        raise as_error(connection.dialect, exc, statement, cursor) from exc
    finally:
        cursor.close()
