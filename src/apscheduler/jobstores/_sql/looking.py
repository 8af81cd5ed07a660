"""Reads a store on which no scheduler of this process was started: makes and changes nothing, and joins no nodes."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect

from apscheduler.cluster.nodes import Node
from apscheduler.jobstores._rows import Times
from apscheduler.jobstores._sql.connection.remedies import put
from apscheduler.jobstores._sql.membership.nodes import SQLRoll
from apscheduler.jobstores._sql.schema.migrations import prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Table

    from apscheduler.cluster.nodes import NodeRow
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements


class Looking:
    """Looks into one store.

    :param mask_in: takes secrets out of an exception
    """

    def __init__(
        self, database: Database, statements: Statements, mask_in: Callable[[BaseException], object]
    ) -> None:
        self._database = database
        self._statements = statements
        self._mask_in = mask_in
        self._found = False

    def finds_history(self) -> bool:
        """Return whether the store has a ledger and nodes. A store that only 3.x has used has neither.

        :raises SchemaError: if its tables are those of a newer version
        """
        if not self._found and self._finds(self._statements.tables.runs):
            try:
                prepare(self._database.engine, self._statements.tables, create=False)
            except BaseException as exc:
                put(exc)
                self._mask_in(exc)
                raise
            self._found = True
        return self._found

    def finds_jobs(self) -> bool:
        """Return whether there is a table of jobs."""
        return self._finds(self._statements.tables.jobs)

    def _finds(self, table: Table) -> bool:
        if self._has_no_file():
            return False
        with self._database.reading() as connection:
            return bool(inspect(connection).has_table(table.name, table.schema))

    def _has_no_file(self) -> bool:
        """Return whether this is a SQLite database whose file does not exist: a connection would make it."""
        url = self._database.engine.url
        path = url.database or ""
        is_path = self._database.kind == "sqlite" and not path.startswith("file:")
        return is_path and not self._database.is_private and not Path(path).exists()

    def nodes(self) -> tuple[list[NodeRow], int]:
        """Return all nodes, and the store's time."""
        if not self.finds_history():
            return [], 0
        roll = SQLRoll(self._database, self._statements, lambda _: None, lambda: None, lambda: None)
        return roll.listed()


def shown(rows: list[NodeRow], now: int, own: int, alias: str) -> list[Node]:
    """Return nodes as users see them.

    :param now: the store's time, microseconds UTC
    :param own: the epoch of this process's node; 0 if it has none
    """
    times = Times()
    return [
        Node(
            row.name,
            alias,
            row.epoch,
            row.pid,
            times.shown("started_us", row.started_us),
            times.shown("lease_until", row.lease_until),
            row.lease_until > now,
            row.epoch == own,
            row.host.version,
        )
        for row in rows
    ]
