"""Identifies the database that a store is in, by properties that a copy of the store does not have.

    PostgreSQL     the server's system identifier (where the role may ask), the database's oid, the state table's oid
    SQLite         the file's inode, and when the file was created: ``mv`` keeps both, ``cp`` and a restored back-up do
                   not (after ``rm``, ``cp`` may get the same inode). Not used on FAT, nor on file systems that several
                   kernels may have: there a mount, a cache or a program may give the same file another inode
    MySQL          the server's uuid and the database's name; MariaDB has no uuid, so the name alone

A part that the database does not tell is not compared: a role that has lost a right does not make the store a copy. A
recorded part that cannot be read is not compared either: other programs may write to the state table. The timeline,
which a PostgreSQL server begins when it is promoted or recovered to a point in time, is not part of the identity.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from apscheduler._engine.records import Record
from apscheduler.cluster.creation import created_at
from apscheduler.cluster.filesystems import NUMBERED_ANEW, kind_of, shared_kind
from apscheduler.jobstores._rows import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.schema.tables import Tables

_WORDS: Final = {
    "system": "the database server",
    "database": "the database",
    "table": "the table",
    "file": "the file",
    "created": "the file's time of creation",
    "server": "the database server",
}
_LONGEST: Final = 60
"""Characters. A longer part was not written by a scheduler, and is shown cut short."""
_TIMELINE: Final = "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"


class Identity(Record):
    """What a database says about itself.

    :ivar parts: the properties that were told, by name
    :ivar timeline: the timeline of a PostgreSQL server; ``None`` where it is not told
    """

    __slots__ = ("parts", "timeline")

    def __init__(self, parts: dict[str, str], timeline: int | None = None) -> None:
        self.parts = parts
        self.timeline = timeline

    def text(self) -> str:
        """Return the identity as the text that the state table keeps."""
        return json.dumps({**self.parts, "timeline": self.timeline}, sort_keys=True)

    def differs(self, recorded: Identity) -> str | None:
        """Return in words the first part that is not as recorded; ``None`` if all are."""
        for name, word in _WORDS.items():
            now, then = self.parts.get(name), recorded.parts.get(name)
            if now is not None and then is not None and now != then:
                return f"{word} is another one ({now}, not {_shown(then)})"
        return None

    def was_promoted(self, recorded: Identity) -> bool:
        """Return whether the server was promoted, or recovered from a back-up, since it was recorded."""
        if self.timeline is None or recorded.timeline is None:
            return False
        return self.timeline != recorded.timeline


def from_text(text: object) -> Identity | None:
    """Return the identity in a text of the state table, without unreadable parts; ``None`` if there is none."""
    told = _members(text)
    if told is None:
        return None
    timeline = told.pop("timeline", None)
    parts = {name: str(value) for name, value in told.items() if _is_part(value)}
    return Identity(parts, timeline if _is_timeline(timeline) else None)


def unread_in(text: object) -> str | None:
    """Return the text, cut short, if it or a part of it cannot be read as an identity; else ``None``."""
    told = _members(text)
    if told is not None:
        timeline = told.pop("timeline", None)
        known = [told[name] for name in _WORDS if name in told]
        if all(map(_is_part, known)) and (timeline is None or _is_timeline(timeline)):
            return None
    return short(text)


def _members(text: object) -> dict[str, Any] | None:
    """Return the members of a JSON object; ``None`` if the text is not one."""
    try:
        found = json.loads(text)  # type: ignore[arg-type] # whatever was put there
    except (ValueError, TypeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_part(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _is_timeline(value: object) -> bool:
    return _is_part(value) and isinstance(value, int) and 0 < value < 1 << 32


def _shown(then: str) -> str:
    """Return a recorded part as a log line can show it."""
    return then if then.isprintable() and 0 < len(then) <= _LONGEST else short(then)


def identity_of(connection: Connection, database: Database, tables: Tables) -> Identity:
    """Ask a database for its identity. Each statement of the connection must be a transaction of its own."""
    if database.kind == "postgresql":
        return _postgresql(connection, tables)
    if database.kind == "sqlite":
        path = sqlite_file(connection)
        return identity_of_file(path, steady_inode_of(path))
    parts = {"database": str(connection.scalar(text("SELECT DATABASE()")))}
    server = _asked(connection, "SELECT @@server_uuid")  # MariaDB does not have it
    if server is not None:
        parts["server"] = str(server)
    return Identity(parts)


def identity_of_file(path: str | None, inode: int | None) -> Identity:
    """Return the identity of a SQLite file.

    :param inode: as :func:`steady_inode_of` returns it
    """
    if path is None or inode is None:
        return Identity({})
    created = created_at(path)
    return Identity({"file": str(inode)} | ({} if created is None else {"created": created}))


def _postgresql(connection: Connection, tables: Tables) -> Identity:
    quote = connection.dialect.identifier_preparer.format_table(tables.state)
    row = connection.execute(
        text(
            "SELECT (SELECT oid FROM pg_database WHERE datname = current_database()), "
            "CAST(CAST(:name AS regclass) AS oid), "
            "has_function_privilege('pg_control_system()', 'execute')"
        ),
        {"name": quote},
    ).one()
    parts = {"database": str(row[0]), "table": str(row[1])}
    system, timeline = _system_and_timeline(connection, is_open=row[2])
    if system is not None:
        parts["system"] = str(system)
    return Identity(parts, None if timeline is None else int(str(timeline), 16))


def _system_and_timeline(connection: Connection, *, is_open: bool) -> tuple[Any, Any]:
    """Ask a PostgreSQL server for both in one statement; ask for each alone if that fails.

    :param is_open: whether this role may ask for the system identifier
    """
    system, timeline = "(SELECT system_identifier FROM pg_control_system())", _TIMELINE
    if is_open:
        with suppress(DBAPIError):
            both = connection.exec_driver_sql(f"SELECT {system}, {timeline}").one()
            return both[0], both[1]
    alone = _asked(connection, f"SELECT {system}") if is_open else None
    return alone, _asked(connection, f"SELECT {timeline}")


def _asked(connection: Connection, statement: str) -> Any:
    with suppress(DBAPIError):  # no right to ask, or this server does not have it
        return connection.exec_driver_sql(statement).scalar()
    return None


def sqlite_file(connection: Connection) -> str | None:
    """Return the path of the file that a SQLite connection uses; ``None`` for a database in memory."""
    rows = connection.exec_driver_sql("PRAGMA database_list").all()
    return next((row[2] or None for row in rows if row[1] == "main"), None)


def steady_inode_of(path: str | None) -> int | None:
    """Return a file's inode; ``None`` on file systems where the same file may get another one."""
    if path is None or shared_kind(path) is not None or kind_of(path) in NUMBERED_ANEW:
        return None
    return inode_of(path)


def inode_of(path: str | None) -> int | None:
    """Return a file's inode; ``None`` where there is none."""
    if path is None:
        return None
    with suppress(OSError):
        return Path(path).stat().st_ino or None
    return None
