"""Where the store measurements keep their rows: a place of its own for each, which leaves nothing behind."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

POSTGRESQL = "postgresql+psycopg://root@127.0.0.1/test"
MARIADB = "mysql+pymysql://root@127.0.0.1/test"
URLS = {"PostgreSQL": POSTGRESQL, "MariaDB": MARIADB}

OF_A_STORE = ("", "_meta", "_runs", "_nodes", "_schema")


@contextmanager
def place(database: str) -> Iterator[tuple[str, str]]:
    """Give the URL of a database and a table name that nobody has used; drop what was made.

    :param database: ``SQLite`` (a file in a new folder) or a key of ``URLS``
    """
    table = f"bench_{secrets.token_hex(4)}"
    if database == "SQLite":
        with tempfile.TemporaryDirectory(prefix="tickwright-bench-") as folder:
            yield f"sqlite:///{Path(folder) / 'jobs.sqlite'}", table
        return
    url = URLS[database]
    try:
        yield url, table
    finally:
        _drop(url, table)


def _drop(url: str, table: str) -> None:
    from sqlalchemy import text

    with engine(url) as made, made.begin() as connection:
        for ending in OF_A_STORE:
            connection.execute(text(f"DROP TABLE IF EXISTS {table}{ending}"))


@contextmanager
def engine(url: str) -> Iterator[Any]:
    """An engine that closes its connections afterwards."""
    from sqlalchemy import create_engine

    made = create_engine(url)
    try:
        yield made
    finally:
        made.dispose()


def is_due(connection: Any, table: str, now: float) -> bool:
    """Whether a job is due at ``now``: seconds since 1970, as both schedulers keep them."""
    from sqlalchemy import text

    query = f"SELECT 1 FROM {table} WHERE next_run_time <= :now LIMIT 1"
    found = connection.execute(text(query), {"now": now}).first() is not None
    connection.rollback()
    return found
