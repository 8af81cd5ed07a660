"""Brings our tables from any earlier shape to today's, by numbered, idempotent steps under a lock.

A step may run on a database where half of it was done (MySQL cannot roll DDL back), and two processes may start at
once: each step checks what is there, and the lock lets one process in at a time. 3.x's own table is created where it
is missing and never altered. Each further step locks earlier versions out of the store, so a change that only adds
something is not a step but an addition (additions.py).
"""

from __future__ import annotations

import time
from contextlib import contextmanager

from sqlalchemy import inspect, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateIndex, CreateTable

from apscheduler import clocks
from apscheduler.jobstores._sql.connection.engines import said_of_encoding
from apscheduler.jobstores._sql.schema import additions
from apscheduler.jobstores._sql.schema.additions import ADDITIONS, Missing
from apscheduler.jobstores._sql.schema.complete import is_complete

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection, Engine

    from apscheduler.jobstores._sql.schema.tables import Tables

_LOCK_SECONDS = 60


class SchemaError(RuntimeError):
    """The store's tables are not there, or are those of a newer version."""


def _step_1(connection: Connection, tables: Tables) -> None:
    """The ledger, the generations, the nodes."""
    for table in (tables.meta, tables.runs, tables.nodes):
        create_missing(connection, table)


def _step_2(connection: Connection, tables: Tables) -> None:
    """The leader's lock."""
    create_missing(connection, tables.leader)


STEPS: Final[tuple[Callable[[Connection, Tables], None], ...]] = (_step_1, _step_2)
"""In order; a step is never changed once it was released, only followed by another one."""


def create_missing(connection: Connection, table: Table) -> None:
    """Create a table and its indexes where they are not there."""
    connection.execute(CreateTable(table, if_not_exists=True))
    present = {each["name"] for each in inspect(connection).get_indexes(table.name, table.schema)}
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        if index.name not in present:
            connection.execute(CreateIndex(index))


def prepare(engine: Engine, tables: Tables, *, create: bool) -> list[str]:
    """Make the tables (or check them), note which additions there are, and return warnings for the log.

    :raises SchemaError: if the tables are not there and may not be made, or are those of a newer version
    """
    with engine.connect() as connection:
        said = _said_of_database(connection, tables)
        if is_complete(connection, tables, len(STEPS)):
            tables.additions = frozenset(each.number for each in ADDITIONS)
            return said
    (migrate if create else check)(engine, tables)
    with engine.connect() as connection:
        there = additions.present(connection, tables)
    failed: dict[int, str] = {}
    if create and len(there) < len(ADDITIONS):
        failed = additions.add(lambda: _alone(engine, tables), tables, there)
        there = frozenset(each.number for each in ADDITIONS if each.number not in failed)
    tables.additions = there
    missing = [
        Missing(each, failed.get(each.number)) for each in ADDITIONS if each.number not in there
    ]
    if missing:
        said.append(additions.said_of_missing(missing, tables, engine.dialect))
    return said


def _said_of_database(connection: Connection, tables: Tables) -> list[str]:
    kind = connection.dialect.name
    if kind == "postgresql":
        line = said_of_encoding(connection)
        return [] if line is None else [line]
    nowhere = kind in ("mysql", "mariadb") and tables.schema is None
    if nowhere and connection.scalar(text("SELECT DATABASE()")) is None:
        raise SchemaError(
            "the address names no database to keep the job store in: write mysql://user@host/DATABASE"
        )
    return []


def _is_current(connection: Connection, tables: Tables) -> bool:
    return _version(connection, tables) == len(STEPS) and _has(connection, tables.jobs)


def migrate(engine: Engine, tables: Tables) -> None:
    """Make the tables and the steps that are missing.

    :raises SchemaError: if the tables are those of a newer version
    """
    with engine.connect() as connection:
        if _is_current(connection, tables):
            return
    with _alone(engine, tables) as connection:
        create_missing(connection, tables.versions)
        if not _has(connection, tables.jobs):
            create_missing(connection, tables.jobs)
        done = _steps_done(connection, tables)
        _refuse_newer(done, tables)
        for number, step in enumerate(STEPS, start=1):
            if number not in done:
                step(connection, tables)
                connection.execute(
                    tables.versions.insert().values(step=number, made_us=clocks.now_us())
                )


def check(engine: Engine, tables: Tables) -> None:
    """Check that the tables are there already, for stores with ``create_tables=False``.

    :raises SchemaError: if not; its text has the statements to run
    """
    with engine.connect() as connection:
        if _is_current(connection, tables):
            return
        version = _version(connection, tables)
    raise SchemaError(
        f"the tables of job store {tables.name!r} are not there or not up to date (step {version} of {len(STEPS)}), "
        "and create_tables=False was given; run these statements:\n\n" + statements(engine, tables)
    )


def statements(engine: Engine, tables: Tables) -> str:
    """Return the DDL of all tables as text, for those who run it themselves."""
    lines: list[str] = []
    anew = engine.dialect.name not in ("mysql", "mariadb")  # MySQL has no IF NOT EXISTS for indexes
    ours = (tables.versions, tables.meta, tables.runs, tables.nodes, tables.leader)
    for table in (tables.jobs, *ours):
        lines.append(f"{CreateTable(table, if_not_exists=True).compile(engine)};".strip())
        lines.extend(
            f"{CreateIndex(index, if_not_exists=anew).compile(engine)};"
            for index in sorted(table.indexes, key=lambda each: str(each.name))
        )
    versions = engine.dialect.identifier_preparer.format_table(tables.versions)
    lines.extend(
        f"INSERT INTO {versions} (step, made_us) VALUES ({number}, 0);"
        for number in range(1, len(STEPS) + 1)
    )
    lines.extend(f"{line};" for line in additions.ddl(tables, engine.dialect))
    return "\n".join(lines)


def _has(connection: Connection, table: Table) -> bool:
    return bool(inspect(connection).has_table(table.name, table.schema))


def _version(connection: Connection, tables: Tables) -> int:
    """Return the number of the last step that was made, 0 for none."""
    if not _has(connection, tables.versions):
        return 0
    done = _steps_done(connection, tables)
    _refuse_newer(done, tables)
    return len(done)


def _steps_done(connection: Connection, tables: Tables) -> set[int]:
    return set(connection.scalars(select(tables.versions.c.step)))


def _refuse_newer(done: set[int], tables: Tables) -> None:
    newest = max(done, default=0)
    if newest > len(STEPS):
        raise SchemaError(
            f"the tables of job store {tables.name!r} were made by a newer version (step {newest}); this one knows "
            f"{len(STEPS)}: upgrade tickwright in this process"
        )


@contextmanager
def _alone(engine: Engine, tables: Tables) -> Iterator[Connection]:
    """Enter a transaction that only one process at a time is in."""
    name = f"tickwright.{tables.schema or ''}.{tables.name}"
    with engine.connect() as connection:
        kind = engine.dialect.name
        if kind == "sqlite":
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")  # noqa: PLW2901
            _begin_immediate(connection)
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
        elif kind == "postgresql":
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:n))"), {"n": name})
                yield connection
        else:
            taken = connection.scalar(
                text("SELECT GET_LOCK(:n, :s)"), {"n": name[-64:], "s": _LOCK_SECONDS}
            )
            if taken != 1:
                raise SchemaError(f"another process holds the migration lock {name!r} for too long")
            try:
                yield connection
                connection.commit()
            finally:
                connection.execute(text("SELECT RELEASE_LOCK(:n)"), {"n": name[-64:]})


def _begin_immediate(connection: Connection) -> None:
    deadline = clocks.monotonic() + _LOCK_SECONDS
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as exc:
            if clocks.monotonic() > deadline or "locked" not in str(exc.orig):
                raise
            time.sleep(0.05)
        else:
            return
