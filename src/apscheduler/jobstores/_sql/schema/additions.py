"""Adds to the tables what later versions need, while nodes of earlier versions go on using them.

An addition only adds: tables, indexes, columns that may be empty and that earlier versions do not name. The steps of
``<jobs>_schema`` bar earlier versions from a store. Additions do not bar them: they are numbered in ``<jobs>_state``,
which earlier versions never read. No addition is needed to run jobs. If one cannot be made, or if
``create_tables=False`` was given and nobody has made it, the feature that needs it is off, and the start says so.

Code that reads whole rows of a table with an added column must name the columns: ``select(table)`` would ask for the
new one too.
"""

from __future__ import annotations

import re
from contextlib import contextmanager

from sqlalchemy import Column, Table, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable

from apscheduler import clocks
from apscheduler._engine.records import Record
from apscheduler.jobstores._sql.connection.remedies import put
from apscheduler.jobstores._sql.schema.tables import HOST_COLUMNS, PERMITTED
from apscheduler.jobstores._troubles import first_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, Final

    from sqlalchemy import Index
    from sqlalchemy.engine import Connection, Dialect, Inspector

    from apscheduler.jobstores._sql.schema.tables import Tables

    Part = Table | Column[Any] | Index

HOSTS: Final = 1
"""Number of the addition that records which version, host and process a node is."""
PORTIONS: Final = 2
"""Number of the addition that records how far a catch-up may have come."""

_LOCK_SECONDS = 2


class Addition(Record):
    """One numbered addition.

    :ivar number: its number in the state table, never given to another addition
    :ivar purpose: what is off without it, in words that follow "off is:"
    :ivar parts: returns what it adds to the tables
    """

    __slots__ = ("number", "parts", "purpose")

    def __init__(
        self, number: int, purpose: str, parts: Callable[[Tables], Sequence[Part]]
    ) -> None:
        self.number = number
        self.purpose = purpose
        self.parts = parts

    @property
    def key(self) -> str:
        """The name of its row in the state table."""
        return f"addition {self.number}"


ADDITIONS: Final = (
    Addition(
        HOSTS,
        "taking over at once from a process of this host that died (it is waited for until its lease ends), and the "
        "versions of nodes",
        lambda tables: [tables.nodes.c[name] for name in HOST_COLUMNS],
    ),
    Addition(
        PORTIONS,
        "catching up in portions (a crash costs all fire times of a job that were claimed together)",
        lambda tables: [tables.runs.c[PERMITTED]],
    ),
)
"""All additions, in the order in which they are made. A released one is never changed, only followed by another one."""


class Missing(Record):
    """An addition that a store does not have, and why it could not be made (``None``: nobody tried)."""

    __slots__ = ("addition", "because")

    def __init__(self, addition: Addition, because: str | None) -> None:
        self.addition = addition
        self.because = because


def present(connection: Connection, tables: Tables) -> frozenset[int]:
    """Return the numbers of the additions that a store has; those of later versions are not asked for.

    The number in the state table is not enough, because a table may have been dropped and made again since: the parts
    are looked for too.
    """
    look = inspect(connection)
    if not look.has_table(tables.state.name, tables.state.schema):
        return frozenset()
    names = set(connection.scalars(select(tables.state.c.name)))
    return frozenset(
        each.number
        for each in ADDITIONS
        if each.key in names and all(_is_there(look, part) for part in each.parts(tables))
    )


def add(
    alone: Callable[[], AbstractContextManager[Connection]], tables: Tables, there: frozenset[int]
) -> dict[int, str]:
    """Make the missing additions, each in its own transaction; return, by number, why one could not be made.

    :param alone: opens a transaction that only one process at a time can be in
    """
    failed: dict[int, str] = {}
    for each in ADDITIONS:
        if each.number in there:
            continue
        try:
            with alone() as connection:
                _make(connection, tables, each)
        except (
            DBAPIError,
            RuntimeError,
        ) as exc:  # no right to make it, or no lock in time: jobs run without it
            put(exc)
            failed[each.number] = first_line(exc)
    return failed


def _make(connection: Connection, tables: Tables, addition: Addition) -> None:
    with _brief_waits(connection):
        _create_missing(connection, tables.state)
        for part in addition.parts(tables):
            _create_missing(connection, part)
    state = tables.state
    if connection.scalar(select(state.c.name).where(state.c.name == addition.key)) is None:
        connection.execute(state.insert().values(name=addition.key, number=clocks.now_us()))


@contextmanager
def _brief_waits(connection: Connection) -> Iterator[None]:
    """Wait for locks only briefly: while this waits for a table that a back-up reads, all others wait behind it."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
        yield
    elif connection.dialect.name == "sqlite":
        yield
    else:
        connection.execute(text(f"SET SESSION lock_wait_timeout = {_LOCK_SECONDS}"))
        try:
            yield
        finally:
            connection.execute(text("SET SESSION lock_wait_timeout = DEFAULT"))


def _is_there(look: Inspector, part: Part) -> bool:
    if isinstance(part, Table):
        return look.has_table(part.name, part.schema)
    table = part.table
    assert isinstance(table, Table)  # noqa: S101 - for mypy: those here are columns and indexes of tables
    if isinstance(part, Column):
        return part.name in {each["name"] for each in look.get_columns(table.name, table.schema)}
    return part.name in {each["name"] for each in look.get_indexes(table.name, table.schema)}


def _create_missing(connection: Connection, part: Part) -> None:
    if isinstance(part, Table):
        connection.execute(CreateTable(part, if_not_exists=True))
        for index in part.indexes:
            _create_missing(connection, index)
    elif _is_there(inspect(connection), part):
        return
    elif isinstance(part, Column):
        connection.execute(text(_column_ddl(part, connection.dialect)))
    else:
        connection.execute(CreateIndex(part))


def _column_ddl(column: Column[Any], dialect: Dialect, *, anew: bool = False) -> str:
    table = column.table
    assert isinstance(table, Table)  # noqa: S101 - for mypy: a column of a table
    quote = dialect.identifier_preparer
    guard = "IF NOT EXISTS " if anew and dialect.name == "postgresql" else ""
    kind = column.type.compile(dialect=dialect)
    return f"ALTER TABLE {quote.format_table(table)} ADD COLUMN {guard}{quote.quote(column.name)} {kind}"


def ddl(tables: Tables, dialect: Dialect, additions: Sequence[Addition] = ADDITIONS) -> list[str]:
    """Return the SQL statements that make additions, for people who run them by hand."""
    state = dialect.identifier_preparer.format_table(tables.state)
    lines = list(_ddl_of(tables.state, dialect))
    for each in additions:
        for part in each.parts(tables):
            lines.extend(_ddl_of(part, dialect))
        lines.append(f"INSERT INTO {state} (name, number) VALUES ('{each.key}', 0)")
    return [re.sub(r"\s+", " ", line).strip() for line in lines]


def _ddl_of(part: Part, dialect: Dialect) -> Iterator[str]:
    anew = dialect.name not in ("mysql", "mariadb")  # MySQL has no IF NOT EXISTS for indexes
    if isinstance(part, Table):
        yield str(CreateTable(part, if_not_exists=True).compile(dialect=dialect))
        for index in part.indexes:
            yield from _ddl_of(index, dialect)
    elif isinstance(part, Column):
        yield _column_ddl(part, dialect, anew=True)
    else:
        yield str(CreateIndex(part, if_not_exists=anew).compile(dialect=dialect))


def said_of_missing(missing: Sequence[Missing], tables: Tables, dialect: Dialect) -> str:
    """Return one line: what is off, why, and what to run."""
    off = "; ".join(
        each.addition.purpose + (f" ({each.because})" if each.because else "") for each in missing
    )
    statements = "; ".join(ddl(tables, dialect, [each.addition for each in missing]))
    return (
        f"The tables of this job store lack what was added later. Jobs run as before; off is: {off}. "
        f"To have it run these statements and start again: {statements};"
    )
