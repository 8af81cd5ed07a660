"""Which database a store is in, as far as the database says it: what a copy of the store cannot bring along.

    PostgreSQL     the server's system identifier (where one may ask), the database's oid, the state table's oid
    SQLite         the file's inode, and when the file was created: ``mv`` keeps both, ``cp`` and a restored back-up do
                   not (``rm`` and ``cp`` may keep the inode). Not on FAT, and not on file systems that several kernels may
                   have: there a mount, a cache or a program may give the same file another one
    MySQL          the server's uuid and the database's name; MariaDB has no uuid, so the name alone

A part that is not told is not compared: a right that was taken away makes no copy of a store. Nor is one that cannot be
read where it was kept: other programs may write there. The timeline, which a
PostgreSQL server begins when it is promoted or recovered to a point in time, is no part of the identity.
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
from apscheduler.jobstores._sql.rows import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.database import Database
    from apscheduler.jobstores._sql.tables import Tables

_WORDS: Final = {
    "system": "the database server",
    "database": "the database",
    "table": "the table",
    "file": "the file",
    "created": "the file's time of creation",
    "server": "the database server",
}
_LONGEST: Final = 60
"""A part that is longer was not written by a scheduler, and is shown in short."""
_TIMELINE: Final = "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"


class Identity(Record):
    """What a database says of itself.

    :ivar parts: by name
    :ivar timeline: of a PostgreSQL server, ``None`` where it is not told
    """

    __slots__ = ("parts", "timeline")

    def __init__(self, parts: dict[str, str], timeline: int | None = None) -> None:
        self.parts = parts
        self.timeline = timeline

    def text(self) -> str:
        """Return it as the state table keeps it."""
        return json.dumps({**self.parts, "timeline": self.timeline}, sort_keys=True)

    def differs(self, recorded: Identity) -> str | None:
        """Return what is another one than recorded, in words; ``None`` if nothing is."""
        for name, word in _WORDS.items():
            now, then = self.parts.get(name), recorded.parts.get(name)
            if now is not None and then is not None and now != then:
                return f"{word} is another one ({now}, not {_shown(then)})"
        return None

    def was_promoted(self, recorded: Identity) -> bool:
        """Return whether the server went on from a replica, or from a back-up, since it was recorded."""
        if self.timeline is None or recorded.timeline is None:
            return False
        return self.timeline != recorded.timeline


def from_text(text: object) -> Identity | None:
    """Return an identity as it was kept, without what cannot be read; ``None`` where nothing can be."""
    told = _members(text)
    if told is None:
        return None
    timeline = told.pop("timeline", None)
    parts = {name: str(value) for name, value in told.items() if _is_part(value)}
    return Identity(parts, timeline if _is_timeline(timeline) else None)


def unread_in(text: object) -> str | None:
    """Return what was kept in the place of an identity if that, or a part of it, cannot be read: cut short."""
    told = _members(text)
    if told is not None:
        timeline = told.pop("timeline", None)
        known = [told[name] for name in _WORDS if name in told]
        if all(map(_is_part, known)) and (timeline is None or _is_timeline(timeline)):
            return None
    return short(text)


def _members(text: object) -> dict[str, Any] | None:
    """Return the members of a JSON object; ``None`` if it is none."""
    try:
        found = json.loads(text)  # type: ignore[arg-type] # whatever somebody has put there
    except (ValueError, TypeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_part(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _is_timeline(value: object) -> bool:
    return _is_part(value) and isinstance(value, int) and 0 < value < 1 << 32


def _shown(then: str) -> str:
    """Return what was kept of a part as a line can have it."""
    return then if then.isprintable() and 0 < len(then) <= _LONGEST else short(then)


def identity_of(connection: Connection, database: Database, tables: Tables) -> Identity:
    """Ask a database what it is. The connection's statements must be transactions of their own."""
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
    """Return what a SQLite file is.

    :param inode: the number that stays the file's; ``None`` where there is none
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
    """Ask a PostgreSQL server for both in one statement, and for each alone where that fails.

    :param is_open: whether the system identifier may be asked for
    """
    system, timeline = "(SELECT system_identifier FROM pg_control_system())", _TIMELINE
    if is_open:
        with suppress(DBAPIError):
            both = connection.exec_driver_sql(f"SELECT {system}, {timeline}").one()
            return both[0], both[1]
    alone = _asked(connection, f"SELECT {system}") if is_open else None
    return alone, _asked(connection, f"SELECT {timeline}")


def _asked(connection: Connection, statement: str) -> Any:
    with suppress(DBAPIError):  # no right to ask, or no such thing here: not told
        return connection.exec_driver_sql(statement).scalar()
    return None


def sqlite_file(connection: Connection) -> str | None:
    """Return the path of the file that a SQLite connection uses; ``None`` in memory."""
    rows = connection.exec_driver_sql("PRAGMA database_list").all()
    return next((row[2] or None for row in rows if row[1] == "main"), None)


def steady_inode_of(path: str | None) -> int | None:
    """Return the number of a file where that stays the file's; ``None`` elsewhere."""
    if path is None or shared_kind(path) is not None or kind_of(path) in NUMBERED_ANEW:
        return None
    return inode_of(path)


def inode_of(path: str | None) -> int | None:
    """Return the number of a file in its file system; ``None`` where there is none."""
    if path is None:
        return None
    with suppress(OSError):
        return Path(path).stat().st_ino or None
    return None
