"""Explains database errors: each code that is known gets one sentence that says what is wrong and what to do.

All these sentences are here. Every database error that leaves :class:`Database`, or a store's start, passes this
module: if it is known, it keeps its class and its ``orig``, and its text becomes the sentence. Logs, errors of calls,
``doctor`` and the note on what is off all show that text. Errors of the same cause get the same name, so that a full
disk gives one line in ten seconds, whichever calls meet it.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from apscheduler._engine.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


class Remedy(Record):
    """A cause of trouble.

    :ivar cause: its name
    :ivar sentence: what is wrong, and what to do about it
    """

    __slots__ = ("cause", "sentence")

    def __init__(self, cause: str, sentence: str) -> None:
        self.cause = cause
        self.sentence = sentence


FULL: Final = Remedy(
    "disk full",
    "the disk of the database is full, or its quota is used up: make room, and what waits is written then",
)
READ_ONLY: Final = Remedy(
    "read-only",
    "this role, database or server may only be read (default_transaction_read_only, a hot standby), and a scheduler "
    "writes: give the store the primary server, or a role that may write",
)
READ_ONLY_SERVER: Final = Remedy(
    "read-only",
    "this server or table may only be read (read_only, a replica), and a scheduler writes: give the store the primary "
    "server, or a user that may write",
)
READ_ONLY_FILE: Final = Remedy(
    "read-only",
    "this SQLite file may only be read (mode=ro, or no right to write it and its folder), and a scheduler writes: have "
    "both writable for the user of this process",
)
NO_DDL: Final = Remedy(
    "no right to make tables",
    "this role may not make or change tables: have another one run the statements of SQLAlchemyJobStore(…).ddl(), or "
    "grant it CREATE",
)
NO_RIGHT: Final = Remedy(
    "no right to the tables",
    "this role may not read and write the tables of the job store: GRANT SELECT, INSERT, UPDATE, DELETE on each of them",
)
NO_SCHEMA: Final = Remedy(
    "no schema",
    "no schema is there to find or make the tables in: the role's search_path is empty or names none that it may use, or "
    "tableschema does not exist; set the one (ALTER ROLE … SET search_path = public), or make the other",
)
NO_FILE: Final = Remedy(
    "no such file",
    "the SQLite file cannot be opened or made: give a path to a file in a folder that exists and may be written",
)
NO_DATABASE: Final = Remedy(
    "not a database",
    "the file is no SQLite database, or an encrypted one: give another path, or move the file away",
)
DAMAGED: Final = Remedy(
    "damaged",
    "the SQLite file is damaged: stop all its processes, and take it from a back-up or through sqlite3's .recover",
)
UNENCODED: Final = Remedy(
    "encoding",
    "the connection speaks SQL_ASCII, in which texts are no texts: have the engine speak UTF-8, "
    "create_engine(…, connect_args={'client_encoding': 'utf8'})",
)
AWAY: Final = "no answer"
"""Name of the cause of all errors by which a connection is lost or refused; the driver's text says which."""

_BY_CODE: Final[dict[str | int, Remedy]] = {
    # PostgreSQL, by SQLSTATE
    "53100": FULL,
    "25006": READ_ONLY,
    "42501": NO_RIGHT,
    "3F000": NO_SCHEMA,
    # MariaDB and MySQL, by number: disk full, table full; read-only transaction, table, server; access denied
    **dict.fromkeys((1021, 1114), FULL),
    **dict.fromkeys((1792, 1036, 1836, 1874), READ_ONLY_SERVER),
    **dict.fromkeys((1044, 1142, 1143, 1227), NO_RIGHT),
}
_OPTION: Final = 1290  # of MySQL: the server runs with an option that forbids this
_FROM_ENGINE: Final = 1030  # of MySQL: "Got error 28 from storage engine"
_BY_SQLITE_CODE: Final = {8: READ_ONLY_FILE, 11: DAMAGED, 13: FULL, 14: NO_FILE, 26: NO_DATABASE}
_READ_AS_BYTES: Final = "cannot use a string pattern on a bytes-like object"
_MOVED: Final = 1032  # of SQLite: the file was moved away, which it calls "readonly"
_LOST: Final = frozenset(("08000", "08003", "08006", "08001", "57P01", "57P02", "57P03", "57P05"))
_LOST_NUMBERS: Final = frozenset((2002, 2003, 2006, 2013, 1053, 1927))


def code_of(exc: DBAPIError) -> Any:
    """Return a database's own code of an error: SQLSTATE (PostgreSQL), a number (MySQL), ``None`` where there is none."""
    original: Any = exc.orig
    first = original.args[0] if original is not None and original.args else None
    if isinstance(first, int):
        return first  # of MySQL: says more than its SQLSTATE, which some drivers have too
    if isinstance(first, dict):
        return first.get("C")  # pg8000
    return getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)


def remedy_for(exc: BaseException) -> Remedy | None:
    """Return the remedy of an error; ``None`` if the error is not a known one."""
    known: Remedy | None = getattr(exc, "remedy", None)
    if known is not None:
        return known  # its text is the sentence already
    if isinstance(exc, TypeError) and str(exc) == _READ_AS_BYTES:
        return UNENCODED  # SQLAlchemy reads the server's version, and psycopg gives it as bytes
    if not isinstance(exc, DBAPIError):
        return None
    sqlite: Any = getattr(exc.orig, "sqlite_errorcode", None)
    if sqlite is not None:
        return None if sqlite == _MOVED else _BY_SQLITE_CODE.get(sqlite & 0xFF)
    code = code_of(exc)
    if not isinstance(code, str | int):
        return None
    found = _BY_CODE.get(code)
    if found is NO_RIGHT and _is_ddl(exc):
        return NO_DDL
    if code in (_OPTION, _FROM_ENGINE):
        said = str(exc.orig).lower()
        if code == _OPTION:
            return READ_ONLY_SERVER if "read-only" in said or "read_only" in said else None
        return FULL if "error 28" in said else None
    return found


def _is_ddl(exc: DBAPIError) -> bool:
    words = (exc.statement or "").split(None, 1)
    return bool(words) and words[0].upper() in ("CREATE", "ALTER")


def cause_of(exc: BaseException) -> str | None:
    """Return the name of an error's cause, the same for all errors of that cause; ``None`` if it is not known."""
    found = remedy_for(exc)
    if found is not None:
        return found.cause
    if not isinstance(exc, DBAPIError):
        return None
    code = code_of(exc)
    lost = code in _LOST or code in _LOST_NUMBERS if isinstance(code, str | int) else False
    if lost or exc.connection_invalidated or isinstance(exc, InterfaceError):
        return AWAY
    return AWAY if _was_not_reached(exc) else None


def _was_not_reached(exc: DBAPIError) -> bool:
    """Return whether a driver of PostgreSQL raised this itself: an error of the server would have a code."""
    original: Any = exc.orig
    silent = getattr(original, "sqlstate", "") is None or getattr(original, "pgcode", "") is None
    return silent and isinstance(exc, OperationalError)


def put(exc: BaseException) -> None:
    """Make a known error's text its remedy's sentence and the driver's first line; leave others as they are."""
    found = remedy_for(exc)
    told: Any = exc
    if found is None or getattr(exc, "remedy", None) is not None:
        return
    said = str(getattr(exc, "orig", None) or exc).strip().partition("\n")[0]
    told.args = (f"{found.sentence} ({said})",)
    told.remedy = found
    if isinstance(exc, DBAPIError):
        told.statement = told.code = None  # else SQLAlchemy adds them to the text


def as_error(dialect: Any, exc: Exception, statement: str = "", cursor: Any = None) -> Any:
    """Return SQLAlchemy's error for one that a driver raised directly; any other as it is."""
    errors: Any = dialect.dbapi.Error
    if not isinstance(exc, errors):
        return exc
    lost = bool(dialect.is_disconnect(exc, None, cursor))
    return DBAPIError.instance(
        statement, None, exc, errors, dialect=dialect, connection_invalidated=lost
    )
