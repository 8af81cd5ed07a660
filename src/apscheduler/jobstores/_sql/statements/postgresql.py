"""Statements for PostgreSQL: a batch goes in arrays, one parameter per column.

Each array goes as one text: psycopg would dump it element by element, ten times as slowly.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from apscheduler.jobstores._sql.schema.tables import PERMITTED
from apscheduler.jobstores._sql.statements.shared import (
    CLAIMED,
    IDS,
    PERMIT_COLUMNS,
    SAME_RUN,
    SETTLE_COLUMNS,
    STILL_OURS,
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

_KEY_TYPES: Final = ("text", "bigint", "smallint", "bigint")
_RUN_TYPES: Final = ("text", "bigint", "bigint", "bigint", "smallint", "bigint")
_SETTLE_TYPES: Final = (*_KEY_TYPES, "int", "bigint", "smallint", "bigint", "bigint")
_PERMIT_TYPES: Final = (*_KEY_TYPES, "int", "bigint", "bigint")


class PostgreSQL(Statements):
    """Passes a batch as arrays, one parameter per column."""

    part_number = (
        "MOD(hashtext(j.id) & 2147483647, :parts)"  # not %, which pg8000 takes for a placeholder
    )

    # While PostgreSQL has no statistics, it expects few rows if a column has bounds on both sides. Then it sorts all
    # due jobs for each page (15 ms for 20,000) instead of reading the first ones from the index (1.4 ms). If a value is
    # only to be unequal to another one, it expects almost all rows, so the second bound has that form.

    def not_before(self, column: str, moment: float) -> str:
        return f"GREATEST({column}, {moment - 1}) <> {moment - 1}"

    def not_after(self, column: str, moment: float) -> str:
        return f"LEAST({column}, {moment + 1}) <> {moment + 1}"

    def _of_ids(self, statement: str) -> TextClause:
        return text(statement.replace(IDS, "= ANY(CAST(:ids AS text[]))"))

    def with_ids(self, ids: Sequence[str]) -> dict[str, Any]:
        return {"ids": array(ids)}

    def _make_batches(self) -> None:
        runs = self.runs
        self._insert_runs = self._insert_text(run_columns(), _RUN_TYPES)
        self._insert_last_runs = self._insert_text(run_columns("job_state"), (*_RUN_TYPES, "bytea"))
        self._move = text(
            f"UPDATE {self.jobs} j SET next_run_time = u.moment FROM "
            f"{_unnest('text', 'double precision')} AS u(id, moment) WHERE j.id = u.id"
        )
        self._settle = text(
            f"UPDATE {runs} r SET state = u.state, started_us = u.started_us, finished_us = u.finished_us, "
            f"job_state = NULL FROM {_unnest(*_SETTLE_TYPES)} AS u({', '.join(SETTLE_COLUMNS)}) "
            f"WHERE {SAME_RUN} AND {STILL_OURS}"
        )
        self._permit = text(
            f"UPDATE {runs} r SET {PERMITTED} = u.permitted "
            f"FROM {_unnest(*_PERMIT_TYPES)} AS u({', '.join(PERMIT_COLUMNS)}) "
            f"WHERE {SAME_RUN} AND {STILL_OURS}"
        )
        self._closed = postgresql.insert(self.tables.runs).on_conflict_do_nothing()
        self._meta = upsert(postgresql.insert, self.tables)

    def _insert_text(self, columns: str, types: tuple[str, ...]) -> TextClause:
        return text(
            f"INSERT INTO {self.runs} {columns} SELECT u.*, {CLAIMED} "
            f"FROM {_unnest(*types)} AS u ON CONFLICT DO NOTHING"
        )

    def _written(
        self, connection: Connection, statement: Any, rows: Sequence[tuple[Any, ...]]
    ) -> int:
        return connection.execute(statement, _columns(rows)).rowcount

    def insert_runs(
        self, connection: Connection, common: dict[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        return connection.execute(self._insert_runs, {**common, **_columns(rows)}).rowcount

    def insert_last_runs(
        self, connection: Connection, common: dict[str, Any], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        written = [(*row[:-1], None if row[-1] is None else "\\x" + row[-1].hex()) for row in rows]
        return connection.execute(self._insert_last_runs, {**common, **_columns(written)}).rowcount

    def move_jobs(self, connection: Connection, rows: Sequence[tuple[str, float | None]]) -> None:
        self._written(connection, self._move, rows)


def _unnest(*types: str) -> str:
    """Return the SQL that reads the parameters ``c0``, ``c1`` and so on as the columns of a table."""
    arrays = (f"CAST(:c{number} AS {each}[])" for number, each in enumerate(types))
    return f"unnest({', '.join(arrays)})"


def _columns(rows: Sequence[tuple[Any, ...]]) -> dict[str, str]:
    """Return the parameters of a batch: each column as one array."""
    return {f"c{number}": array(column) for number, column in enumerate(zip(*rows, strict=True))}


def array(values: Sequence[Any]) -> str:
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
