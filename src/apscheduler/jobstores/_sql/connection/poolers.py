"""Detects poolers between this process and PostgreSQL (PgBouncer, pgpool-II, Supavisor), and works behind them.

A pooler that gives each transaction another server connection breaks whatever lives in a session. psycopg's prepared
statements do, so they are turned off behind a pooler. A pooler is detected when the process id of the server that
answers is not the one that the connection was told when it began.
"""

from __future__ import annotations

from sqlalchemy import event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy.engine import Engine


def prepare_nothing_behind_poolers(engine: Engine) -> None:
    """Turn prepared statements off on each new psycopg connection that ends at a pooler.

    Other drivers prepare nothing that outlives a transaction.
    """
    if engine.dialect.driver == "psycopg" and not engine.dialect.is_async:
        event.listen(engine, "connect", _look, insert=True)


def _look(raw: Any, _record: Any) -> None:
    if raw.prepare_threshold is not None and is_pooled(raw):
        raw.prepare_threshold = None


def is_pooled(raw: Any) -> bool:
    """Return whether a psycopg connection ends at a pooler and not at the server."""
    was, raw.autocommit = raw.autocommit, True
    try:
        found = raw.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    finally:
        raw.autocommit = was
    return bool(found[0] != raw.info.backend_pid)
