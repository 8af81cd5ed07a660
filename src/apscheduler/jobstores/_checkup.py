"""Examines a store for ``apscheduler doctor --store``, which reads and changes nothing; also adopts one."""

from __future__ import annotations

import os
from datetime import UTC
from importlib.metadata import packages_distributions
from importlib.metadata import version as installed
from pathlib import Path

from sqlalchemy import func, inspect, select, text

from apscheduler import clocks
from apscheduler._engine.instants import SECOND
from apscheduler.history import reasons
from apscheduler.jobstores._rows import Times
from apscheduler.jobstores._sql.connection.addresses import read
from apscheduler.jobstores._sql.connection.database import is_memory
from apscheduler.jobstores._sql.connection.engines import said_of_encoding
from apscheduler.jobstores._sql.connection.remedies import NO_RIGHT, READ_ONLY, READ_ONLY_FILE
from apscheduler.jobstores._sql.guarding.alone import WHY, alone_on
from apscheduler.jobstores._sql.guarding.copies import IDENTITY
from apscheduler.jobstores._sql.guarding.identity import (
    from_text,
    identity_of,
    sqlite_file,
    unread_in,
)
from apscheduler.jobstores._sql.zones.stored import zones_named
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.texts import counted, line
from apscheduler.zones import data

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.connection.remedies import Remedy

Finding = tuple[str, str, str | None]
"""Topic, what is said, and what to do about it (``None``: nothing is wrong)."""

_DAY: Final = 24 * 3600 * SECOND
_STRANGER: Final = (
    "stop the other program, or give it a table of its own (tablename=); how to replace one by the other is in "
    "docs/how-to/replace-apscheduler-3.md"
)
_POOLED: Final = (
    "one is between, such as PgBouncer: statements are not prepared, and where each transaction has another connection, "
    "changes by other processes are looked for; more in docs/explanation/sharing-a-store.md"
)


def findings(url: str, table: str, schema: str | None = None) -> Iterator[Finding]:
    """Yield what there is to say about a store.

    :param url: a URL of SQLAlchemy
    :param table: name of the job table
    :param schema: its schema
    """
    missing = _missing_file(url)
    if missing:
        yield ("store", missing, "check the address: nothing was created")
        return
    store = SQLAlchemyJobStore(url, tablename=table, tableschema=schema)
    try:
        yield from _of(store) if store.claims else _of_plain(store)
    finally:
        store.engine.dispose()


def adopt(url: str, table: str, schema: str | None = None) -> None:
    """Accept a store, as it is, as the one that schedulers work on.

    :raises LookupError: if it is not there, or keeps no identity
    """
    missing = _missing_file(url)
    if missing:
        raise LookupError(missing)
    store = SQLAlchemyJobStore(url, tablename=table, tableschema=schema)
    try:
        if not store.claims:
            raise LookupError(f"the job store at {store!r} keeps no identity: nobody shares it")
        store.adopt()
    finally:
        store.engine.dispose()


def _missing_file(url: str) -> str | None:
    address = read(url)
    if address.get_backend_name() not in ("sqlite", "duckdb"):
        return None
    if is_memory(address):
        return "a SQLite database in memory belongs to one process: there is nothing to look at"
    name = str(address.database)
    there = name.startswith(("file:", "md:", ":")) or Path(name).exists()
    return None if there else line(f"there is no file {name}")


def _of(store: Any) -> Iterator[Finding]:
    tables = store._parts.tables
    with store._database.reading() as connection:
        known = inspect(connection)
        if not known.has_table(tables.jobs.name, tables.schema):
            said = f"there is no table {tables.name!r} at {store!r}"
            yield ("store", said, "check the address and the table's name")
            return
        jobs = connection.scalar(select(func.count()).select_from(tables.jobs))
        yield ("store", f"{counted(jobs or 0, 'job')} in {tables.name!r}", None)
        yield _driver(connection)
        yield from _pooler(connection)
        yield from _zones(connection, tables.jobs)
        if not known.has_table(tables.runs.name, tables.schema):
            yield ("neighbours", "no scheduler of ours has used this store yet", None)
            return
        yield from _writing(store, connection)
        yield from _processes(store)
        yield _neighbours(store, connection)
        alone = alone_on(store._database)
        if alone is not None:
            said = f"the file is on a file system of the kind {alone.kind}, {WHY}: one process may use it"
            yield ("file system", said, None)
        if known.has_table(tables.state.name, tables.state.schema):
            yield from _identity(store, connection)


def _of_plain(store: Any) -> Iterator[Finding]:
    """Say what there is to say about a store on a database for which there is no claim protocol."""
    table = store.jobs_t
    with store.engine.connect() as connection:
        if not inspect(connection).has_table(table.name, table.schema):
            said = f"there is no table {table.name!r} at {store!r}"
            yield ("store", said, "check the address and the table's name")
            return
        jobs = connection.scalar(select(func.count()).select_from(table))
        kind = connection.dialect.name
        yield (
            "store",
            f"{counted(jobs or 0, 'job')} in {table.name!r}, on {kind}: for one scheduler process",
            None,
        )
        yield _driver(connection)
        yield from _zones(connection, table)


def _driver(connection: Connection) -> Finding:
    """Say which driver speaks to the database."""
    dialect = connection.dialect
    module = dialect.loaded_dbapi.__name__.partition(".")[0]
    # Not the module's __version__: pymysql's is that of another project.
    owners = packages_distributions().get(module)
    driver = f"{module} {installed(owners[0])}" if owners else module
    server = ".".join(map(str, getattr(dialect, "server_version_info", None) or ()))
    return ("driver", f"{driver}, with {dialect.name} {server}".rstrip(), None)


def _pooler(connection: Connection) -> Iterator[Finding]:
    """Say whether a pooler answers in the place of PostgreSQL.

    If one does, the process that answers is not the one that the driver was told of. pgpool-II tells the driver the one
    that answers, so it is not noticed.
    """
    raw: Any = connection.connection.driver_connection
    told = getattr(getattr(raw, "info", None), "backend_pid", None)
    if connection.dialect.name != "postgresql" or told is None:
        return
    if connection.scalar(text("SELECT pg_backend_pid()")) == told:
        yield ("pooler", "none was noticed", None)
    else:
        yield ("pooler", _POOLED, None)


def _zones(connection: Connection, jobs: Any) -> Iterator[Finding]:
    """Say in which zones of jobs the clock differs by newer zone data that is installed."""
    differ = {each.zone: each for each in data.differences(clocks.now(UTC))}
    if not differ:
        return
    named = zones_named(connection, jobs)
    found = [f"{named[zone]} in {zone}" for zone in sorted(named.keys() & differ.keys())]
    if found:
        said = f"jobs whose zone has another clock by newer zone data that is installed: {', '.join(found)}"
        yield ("time zones", said, data.CHOICE)


def _writing(store: Any, connection: Connection) -> Iterator[Finding]:
    """Say whether the store can be written to, and can keep every text, as far as reading tells."""
    found: list[Remedy] = []
    if store._database.kind == "postgresql":
        if connection.scalar(text("SHOW transaction_read_only")) == "on":
            found.append(READ_ONLY)
        elif not _may_write(store, connection):
            found.append(NO_RIGHT)
        encoding = said_of_encoding(connection)
        if encoding is not None:
            said, _, way_out = encoding.rpartition(". ")
            yield ("encoding", said, way_out)
    elif store._database.kind == "sqlite":
        path = sqlite_file(connection)
        if path is not None and not (
            os.access(path, os.W_OK) and os.access(Path(path).parent, os.W_OK)
        ):
            found.append(READ_ONLY_FILE)
    for each in found:
        said, _, way_out = each.sentence.partition(": ")
        yield ("writing", said, way_out)


def _may_write(store: Any, connection: Connection) -> bool:
    """Return whether this role of PostgreSQL may read and write all tables of a store."""
    tables = store._parts.tables
    quote = connection.dialect.identifier_preparer.format_table
    asked = text("SELECT has_table_privilege(:name, :right)")
    return all(
        connection.scalar(asked, {"name": quote(table), "right": right})
        for table in (tables.jobs, tables.meta, tables.runs, tables.nodes)
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
    )


def _identity(store: Any, connection: Any) -> Iterator[Finding]:
    """Say whether the store is in the database that it knows."""
    state = store._parts.tables.state
    kept = connection.execute(select(state.c.text).where(state.c.name == IDENTITY)).first()
    unread = None if kept is None else unread_in(kept[0])
    if unread is not None:
        said = f"what the store keeps of it cannot be read, and the next start writes it anew: {unread}"
        yield ("identity", said, None)
    recorded = None if kept is None else from_text(kept[0])
    if recorded is None:
        return
    different = identity_of(connection, store._database, store._parts.tables).differs(recorded)
    if different is None:
        yield ("identity", "the database is the one that the store knows", None)
        return
    said = f"a copy of another store, or restored: {different}; nothing is claimed from it"
    yield ("identity", said, "see that no other scheduler runs its jobs, then: apscheduler adopt")


def _processes(store: Any) -> Iterator[Finding]:
    """Name the scheduler processes that the store knows."""
    nodes = store.nodes()
    if not nodes:
        yield ("processes", "none that claims runs is known", None)
    for node in nodes:
        if node.alive:
            said = f"works on it since {node.started_at:%Y-%m-%d %H:%M:%S} UTC"
        else:
            said = (
                f"has said nothing since its lease ended at {node.lease_until:%Y-%m-%d %H:%M:%S} UTC (killed, or cut off): "
                "another one recovers its runs"
            )
        yield ("processes", f"{node.name}, process {node.pid}, {said}", None)


def _neighbours(store: Any, connection: Any) -> Finding:
    """Say whether a program that knows nothing of claims took fire times."""
    runs = store._parts.tables.runs
    since = clocks.now_us() - _DAY
    count, first, last = connection.execute(
        select(func.count(), func.min(runs.c.fire_us), func.max(runs.c.fire_us)).where(
            runs.c.reason == reasons.MOVED_BY_ANOTHER, runs.c.claimed_us >= since
        )
    ).one()
    if not count:
        return ("neighbours", "no other program took a fire time in the last 24 hours", None)
    said = (
        f"another program (APScheduler 3.x?) took {count} fire times without a row in the last 24 hours, from "
        f"{Times().shown('fire_us', first)} to {Times().shown('fire_us', last)}"
    )
    return ("neighbours", said, _STRANGER)
