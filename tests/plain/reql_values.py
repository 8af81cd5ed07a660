"""The values of ReQL: rows, selections of rows, and how values are ordered.

Values of different kinds are ordered by the names of their kinds, so null is less than a number. A number is a double,
and a whole one comes back as an integer.
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import Any

from rethinkdb.ql2_pb2 import Response

_KINDS = {list: "ARRAY", bool: "BOOL", type(None): "NULL", int: "NUMBER", float: "NUMBER"}
_KINDS |= {dict: "OBJECT", str: "STRING"}

Row = dict[str, Any]


class ReqlError(Exception):
    """What the server answers instead of a result."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.kind = (
            Response.ResponseType.COMPILE_ERROR
            if code is None
            else Response.ResponseType.RUNTIME_ERROR
        )


class Table:
    """Rows by their ids, the names of the secondary indexes, and which of these somebody has waited for."""

    def __init__(self) -> None:
        self.by_id: dict[str, Row] = {}
        self.indexes: list[str] = []
        self.ready: set[str] = set()

    @property
    def table(self) -> Table:
        return self

    @property
    def rows(self) -> list[Row]:
        return list(self.by_id.values())


class Some:
    """Rows of a table."""

    def __init__(self, table: Table, rows: list[Row]) -> None:
        self.table, self.rows = table, rows


class One(Some):
    """A row of a table by its id; it may not be there."""

    def __init__(self, table: Table, id: str) -> None:
        super().__init__(table, [table.by_id[id]] if id in table.by_id else [])


class Stream:
    """Values that are no longer rows of a table."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows


def compared(left: Any, right: Any) -> int:
    """Return whether a value is less than another (-1), equal (0) or greater (1)."""
    kinds = _kind(left), _kind(right)
    first, second = kinds if kinds[0] != kinds[1] else (left, right)
    return 0 if first == second else -1 if first < second else 1


ORDER = cmp_to_key(compared)


def _kind(value: Any) -> str:
    if isinstance(value, dict) and "$reql_type$" in value:
        return f"PTYPE<{value['$reql_type$']}>"
    return _KINDS[type(value)]


def stored(value: Any) -> Any:
    """Return a value as it comes back."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
