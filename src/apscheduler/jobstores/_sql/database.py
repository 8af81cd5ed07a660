"""Connections and transactions: how each database begins one, how long it may take, what its errors mean."""

from __future__ import annotations

import ctypes
import importlib.util
import random
import time
from contextlib import contextmanager
from threading import RLock
from weakref import WeakSet

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import StaticPool
from sqlalchemy.pool.base import reset_none

from apscheduler.forks import after_fork, around_fork, look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Final, TypeVar

    from sqlalchemy.engine import URL, Connection, Engine

    T = TypeVar("T")

_DRIVERS: Final = {
    "postgresql": (("psycopg", "postgresql+psycopg"), ("psycopg2", "postgresql+psycopg2")),
    "mysql": (("pymysql", "mysql+pymysql"), ("MySQLdb", "mysql+mysqldb")),
    "mariadb": (("pymysql", "mariadb+pymysql"), ("MySQLdb", "mariadb+mysqldb")),
}
"""For URLs without a driver: the first of these modules that is installed."""
_EXTRAS: Final = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}

_RETRIES = 5
_FORK_SECONDS = 5.0
"""So long a fork waits for a transaction at most."""
_RETRYABLE: Final = ("deadlock", "lock wait timeout", "could not serialize", "database is locked")
_RETRYABLE_CODES: Final = {"40001", "40P01", "55P03", 1205, 1213, 1020}


def make_engine(url: Any, options: Mapping[str, Any]) -> Engine:
    """Return an engine for a URL, with a driver that is installed.

    :raises ImportError: if no driver for this database is installed, with the line that installs one
    """
    parsed = with_driver(make_url(url))
    options = dict(options)
    if is_memory(parsed):
        # Else each thread would have a database of its own, as in 3.x, where such a store never fired.
        options.setdefault("poolclass", StaticPool)
        connect_args = {"check_same_thread": False, **options.get("connect_args", {})}
        options["connect_args"] = connect_args
    elif parsed.get_backend_name() != "sqlite":
        # A server that was restarted left dead connections in the pool; the check costs a tenth of a millisecond.
        options.setdefault("pool_pre_ping", True)
    return create_engine(parsed, **options)


def with_driver(url: URL) -> URL:
    """Return the URL with a driver; one that names its driver stays as it is.

    :raises ImportError: if none is installed
    """
    choices = _DRIVERS.get(url.drivername)
    if choices is None:
        return url
    for module, drivername in choices:
        if importlib.util.find_spec(module) is not None:
            return url.set(drivername=drivername)
    raise ImportError(
        f"no driver for {url.drivername} is installed: pip install 'tickwright[{_EXTRAS[url.drivername]}]'"
    )


def is_memory(url: URL) -> bool:
    """Return whether this is a SQLite database in memory."""
    if url.get_backend_name() != "sqlite":
        return False
    name = url.database or ""
    return name in ("", ":memory:") or "mode=memory" in str(url.query) or ":memory:" in name


def is_disconnect(exc: BaseException) -> bool:
    """Return whether the connection is gone, so that what was asked may or may not have happened."""
    return isinstance(exc, DBAPIError) and (
        exc.connection_invalidated or isinstance(exc, InterfaceError)
    )


def is_retryable(exc: BaseException) -> bool:
    """Return whether the database asks to try the same transaction again."""
    if not isinstance(exc, DBAPIError) or exc.connection_invalidated:
        return False
    original: Any = exc.orig
    code = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if code is None and original is not None and original.args:
        code = original.args[0]
    said = str(original).lower()
    return code in _RETRYABLE_CODES or any(word in said for word in _RETRYABLE)


class Database:
    """One engine and how to use it.

    :ivar kind: ``"sqlite"``, ``"postgresql"`` or ``"mysql"`` (MariaDB too)
    :ivar is_private: whether no other process can see the data (SQLite in memory)
    """

    def __init__(self, engine: Engine, *, is_own: bool, statement_seconds: float) -> None:
        self.engine = engine
        name = engine.dialect.name
        self.kind = "mysql" if name == "mariadb" else name
        if self.kind not in ("sqlite", "postgresql", "mysql"):
            raise ValueError(
                f"a shared job store needs PostgreSQL, MariaDB, MySQL or SQLite, not {name}"
            )
        self.is_private = is_memory(engine.url)
        self._statement_ms = max(200, int(statement_seconds * 1000))
        self._is_own = is_own
        # SQLite has one writer: ours take turns here instead of meeting as "database is locked". Readers too: a fork
        # must find nobody inside (see _hold).
        self.writing = RLock()
        if self.kind == "sqlite":
            _sqlite.add(self)

    # -- life -----------------------------------------------------------------------------------------

    def forked(self) -> None:
        """In a child process: leave the parent's connections alone and make our own from now on."""
        self.writing = RLock()
        if not self.is_private:
            # What was checked out comes back here when it is collected; no word of that may reach the parent's server.
            self.engine.pool._reset_on_return = reset_none
            leave_alone(self.engine.pool)
            self.engine.dispose(close=False)

    def close(self) -> None:
        """Close pooled connections."""
        if not self.is_private:
            self.engine.dispose()

    # -- reading and writing ----------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Enter a connection in which each statement is its own transaction."""
        look()
        if self.kind == "sqlite":
            with self.writing, self.engine.connect() as connection:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")
            return
        with self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def transaction(self, connection: Connection | None = None) -> Iterator[Connection]:
        """Enter a short write transaction, bounded by the server (rule 12); commit at the end.

        :param connection: one to use (default: from the pool)
        """
        look()
        if connection is not None:
            with self._transaction_on(connection) as ready:
                yield ready
            return
        with self.engine.connect() as pooled, self._transaction_on(pooled) as ready:
            yield ready

    @contextmanager
    def _transaction_on(self, connection: Connection) -> Iterator[Connection]:
        if self.kind == "sqlite":
            with self.writing:
                connection = connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    self._rolled_back(connection)
                    raise
                connection.exec_driver_sql("COMMIT")
                connection.commit()  # SQLAlchemy's own idea of a transaction
            return
        connection = connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            self._bound(connection)
            yield connection

    def _rolled_back(self, connection: Connection) -> None:
        try:
            connection.exec_driver_sql("ROLLBACK")
            connection.rollback()
        except DBAPIError:
            connection.invalidate()  # the database has rolled back by itself (disk full, say)

    def _bound(self, connection: Connection) -> None:
        """Have the server end what takes too long, so that a paused process hides no rows from the others."""
        if self.kind == "postgresql":
            connection.execute(_POSTGRESQL_BOUNDS, {"ms": str(self._statement_ms)})
        elif not connection.info.get("tickwright_bounded"):
            seconds = max(1, self._statement_ms // 1000)
            for statement in (
                f"SET SESSION innodb_lock_wait_timeout={seconds}",
                f"SET SESSION idle_transaction_timeout={seconds}",
                f"SET SESSION max_statement_time={seconds}",
            ):
                try:
                    connection.exec_driver_sql(statement)
                except OperationalError:  # MySQL does not know the last two
                    break
            connection.info["tickwright_bounded"] = True

    def retried(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns; deadlocks, lock waits and the like have it called again.

        :raises DBAPIError: what it raised at last
        """
        for tries in range(_RETRIES):
            try:
                return work()
            except DBAPIError as exc:
                waited = "locked" in str(exc.orig)  # for as long as the driver's timeout says
                if not is_retryable(exc) or tries >= (1 if waited else _RETRIES - 1):
                    raise
            time.sleep(random.uniform(0.002, 0.02) * (tries + 1))  # noqa: S311 - a jitter
        raise AssertionError("unreachable")

    # -- clock ----------------------------------------------------------------------------------------------

    @property
    def clock(self) -> str:
        """SQL for the store's clock in microseconds UTC; ``:clock`` is this host's, for SQLite."""
        return _CLOCKS[self.kind]

    @property
    def clock_params(self) -> dict[str, int]:
        """The parameter that :attr:`clock` needs."""
        return {"clock": time.time_ns() // 1000} if self.kind == "sqlite" else {}

    def now(self, connection: Connection) -> int:
        """Return the store's time in microseconds UTC."""
        if self.kind == "sqlite":
            return time.time_ns() // 1000
        return int(connection.scalar(text(f"SELECT {self.clock}")))


_sqlite: WeakSet[Database] = WeakSet()
_held: list[Database] = []


def _hold() -> None:
    """Let no fork happen while a connection of ours is at work in SQLite.

    SQLite keeps the locks that a process has on a file in its memory too: a child that was forked meanwhile would find
    the file locked by itself for ever.
    """
    _held.extend(each for each in list(_sqlite) if each.writing.acquire(timeout=_FORK_SECONDS))


def _go_on() -> None:
    while _held:
        _held.pop().writing.release()


around_fork(_hold, _go_on)
after_fork(_held.clear)

_inherited: list[Any] = []


def leave_alone(thing: Any) -> None:
    """Keep a thing of the parent process as it is until this process ends, without closing anything in it.

    A driver that closes an inherited connection says goodbye in the parent's name, on the parent's socket.
    """
    if not _inherited:
        # One reference too many: the list is not even freed when the interpreter ends.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(_inherited))
    _inherited.append(thing)


_POSTGRESQL_BOUNDS = text(
    "SELECT set_config('statement_timeout', :ms, true), "
    "set_config('idle_in_transaction_session_timeout', :ms, true)"
)
_CLOCKS: Final = {
    # Not now(), which stands still during a transaction.
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
    # UTC_TIMESTAMP, because SYSDATE is in the session's zone, in which an hour a year comes twice.
    "mysql": "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
    "sqlite": ":clock",
}
