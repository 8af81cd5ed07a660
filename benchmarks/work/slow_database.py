"""A SQLite database each of whose statements takes 50 ms, whichever way it is sent.

The driver sleeps, not the engine: an event of the engine's would miss what a store sends by the driver itself.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Any

STATEMENT_SECONDS = 0.05


class _Cursor(sqlite3.Cursor):
    def execute(self, statement: str, *values: Any) -> Any:
        # Settings of a connection touch no data; a server's driver keeps them to itself.
        if not statement.startswith("PRAGMA"):
            sleep(STATEMENT_SECONDS)
        return super().execute(statement, *values)

    def executemany(self, *arguments: Any) -> Any:
        sleep(STATEMENT_SECONDS)
        return super().executemany(*arguments)


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def commit(self) -> None:
        # Some send COMMIT, others call this: both pay.
        if self.in_transaction:
            sleep(STATEMENT_SECONDS)
        super().commit()


@contextmanager
def slow_database() -> Iterator[Any]:
    """An engine of a new database, which goes with it."""
    from sqlalchemy import create_engine

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder, 'jobs.db')}"
        engine = create_engine(url, connect_args={"factory": _Connection})
        try:
            yield engine
        finally:
            engine.dispose()
