"""Statements for SQLite: each runs once for each row of a batch, as there is no round trip: only the commit takes time."""

from __future__ import annotations

import json
from contextlib import closing
from functools import cached_property

from sqlalchemy.dialects import sqlite

from apscheduler.history.states import RUNNING
from apscheduler.jobstores._sql.connection.cursors import fetched, many
from apscheduler.jobstores._sql.schema.tables import PERMITTED
from apscheduler.jobstores._sql.statements.shared import (
    IDS,
    RUN_COLUMNS,
    Statements,
    run_columns,
    upsert,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

    from sqlalchemy import TextClause
    from sqlalchemy.engine import Connection

_NUL: Final = "\\u0000"
_CLAIMED: Final = f"0, {RUNNING}, 1, ?, ?, ?, 1, 1, ?"
_STILL_OURS: Final = (
    "job_id = ? AND generation = ? AND kind = ? AND fire_us = ? AND token = ? AND node = ? "
    f"AND state = {RUNNING}"
)


class SQLite(Statements):
    """Runs a statement for each row of a batch."""

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
        written, count = statement.text, statement.text.count(IDS)
        listed = json.dumps(ids)
        if self._has_json and _NUL not in listed:  # SQLite's JSON functions end a text at a NUL
            asked = written.replace(IDS, "IN (SELECT value FROM json_each(?))")
            return fetched(connection.exec_driver_sql(asked, (listed,) * count))
        asked = written.replace(IDS, f"IN ({', '.join('?' * len(ids))})")
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
        # An index ends with the rowid or, in a table that was made without one, with the primary key.
        has_rowid = self.tables.jobs.dialect_options["sqlite"]["with_rowid"]
        return "j.rowid" if has_rowid else "j.id"

    def _make_batches(self) -> None:
        runs = self.runs
        self._insert_runs = self._insert_text()
        self._insert_last_runs = self._insert_text("job_state")
        self._move = f"UPDATE {self.jobs} SET next_run_time = ? WHERE id = ?"
        self._settle = f"UPDATE {runs} SET state = ?, started_us = ?, finished_us = ?, job_state = NULL WHERE {_STILL_OURS}"
        self._permit = f"UPDATE {runs} SET {PERMITTED} = ? WHERE {_STILL_OURS}"
        self._closed = sqlite.insert(self.tables.runs).on_conflict_do_nothing()
        self._meta = upsert(sqlite.insert, self.tables)

    def _insert_text(self, *more: str) -> str:
        values = "?, " * len((*RUN_COLUMNS, *more)) + _CLAIMED
        return f"INSERT OR IGNORE INTO {self.runs} {run_columns(*more)} VALUES ({values})"

    def _written(
        self, connection: Connection, statement: Any, rows: Sequence[tuple[Any, ...]]
    ) -> int:
        return many(connection, statement, rows)

    def _inserted(
        self,
        connection: Connection,
        statement: str,
        common: dict[str, Any],
        rows: Sequence[tuple[Any, ...]],
    ) -> int:
        tail = (common["node"], common["node_name"], common["batch"], common["claimed_us"])
        return many(connection, statement, [(*row, *tail) for row in rows])

    def insert_runs(
        self, connection: Connection, common: dict[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        return self._inserted(connection, self._insert_runs, common, rows)

    def insert_last_runs(
        self, connection: Connection, common: dict[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        return self._inserted(connection, self._insert_last_runs, common, rows)

    def move_jobs(self, connection: Connection, rows: Sequence[tuple[str, float | None]]) -> None:
        many(connection, self._move, [(moment, id) for id, moment in rows])

    def settle(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        return many(connection, self._settle, [(*row[6:], *row[:6]) for row in rows])

    def permit(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        return many(connection, self._permit, [(row[6], *row[:6]) for row in rows])
