"""Rows straight from the driver, and to it: what SQLAlchemy does for each row would be slow for thousands."""

from __future__ import annotations

from apscheduler.jobstores._sql.connection.remedies import as_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy.engine import Connection, CursorResult


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


def many(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
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
