"""Statements for MariaDB and MySQL: a batch goes as one JSON text, which the server reads as a table.

PyMySQL would send rows one by one, or quote each value.
"""

from __future__ import annotations

import json
from base64 import b64encode

from sqlalchemy import text
from sqlalchemy.dialects import mysql

from apscheduler.jobstores._sql.schema.tables import PERMITTED
from apscheduler.jobstores._sql.statements.shared import (
    CLAIMED,
    PERMIT_COLUMNS,
    RUN_COLUMNS,
    SAME_RUN,
    SETTLE_COLUMNS,
    STILL_OURS,
    Statements,
    run_columns,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

    from sqlalchemy import TextClause
    from sqlalchemy.engine import Connection


class MySQL(Statements):
    """Passes a batch as one JSON text."""

    part_number = "MOD(CRC32(j.id), :parts)"
    _TYPES: Final = {
        **dict.fromkeys(("job_id",), "VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
        **dict.fromkeys(("delivery", "kind", "state", "token"), "INT"),
        "job_state": "LONGTEXT",
    }

    def _make_batches(self) -> None:
        runs = self.runs
        values = tuple(f"u.{name}" for name in RUN_COLUMNS)
        self._insert_runs = self._insert_text(run_columns(), values, RUN_COLUMNS)
        self._insert_last_runs = self._insert_text(
            run_columns("job_state"),
            (*values, "FROM_BASE64(u.job_state)"),
            (*RUN_COLUMNS, "job_state"),
        )
        set_ = ", ".join(f"r.{name} = u.{name}" for name in ("state", "started_us", "finished_us"))
        self._settle = text(
            f"UPDATE {runs} r JOIN {self._json_table(SETTLE_COLUMNS)} ON {SAME_RUN} SET {set_}, "
            f"r.job_state = NULL WHERE {STILL_OURS}"
        )
        self._permit = text(
            f"UPDATE {runs} r JOIN {self._json_table(PERMIT_COLUMNS)} ON {SAME_RUN} "
            f"SET r.{PERMITTED} = u.permitted WHERE {STILL_OURS}"
        )
        self._closed = self.tables.runs.insert().prefix_with("IGNORE")
        upsert = mysql.insert(self.tables.meta)
        self._meta = upsert.on_duplicate_key_update(
            generation=upsert.inserted.generation, born=upsert.inserted.born
        )
        self._move: TextClause | None = None

    def _insert_text(self, columns: str, values: Sequence[str], names: Sequence[str]) -> TextClause:
        return text(
            f"INSERT IGNORE INTO {self.runs} {columns} SELECT {', '.join(values)}, {CLAIMED} "
            f"FROM {self._json_table(names)}"
        )

    def _json_table(self, names: Sequence[str], **types: str) -> str:
        known = {**self._TYPES, **types}
        columns = ", ".join(
            f"{name} {known.get(name, 'BIGINT')} PATH '$[{at}]'" for at, name in enumerate(names)
        )
        return f"JSON_TABLE(:rows, '$[*]' COLUMNS ({columns})) u"

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

    def _written(
        self, connection: Connection, statement: Any, rows: Sequence[tuple[Any, ...]]
    ) -> int:
        return connection.execute(statement, {"rows": json.dumps(rows)}).rowcount

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

    def move_jobs(self, connection: Connection, rows: Sequence[tuple[str, float | None]]) -> None:
        self._written(connection, self._move_statement(connection), rows)
