"""Opens connections and transactions: knows how each database begins one, how long it may take, what errors mean."""

from __future__ import annotations

import ctypes
import importlib.util
import random
import time
from contextlib import contextmanager, nullcontext
from functools import partial
from threading import RLock
from weakref import WeakSet, finalize

from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import StaticPool
from sqlalchemy.pool.base import reset_none

from apscheduler.cluster.hostclock import HostClock
from apscheduler.forks import after_fork, around_fork, look
from apscheduler.jobstores._sql.connection.addresses import Secrets, address_text, guard, read
from apscheduler.jobstores._sql.connection.callwatch import CallWatch
from apscheduler.jobstores._sql.connection.engines import (
    check_engine,
    in_utf8,
    known,
    not_installed,
)
from apscheduler.jobstores._sql.connection.poolers import prepare_nothing_behind_poolers
from apscheduler.jobstores._sql.connection.remedies import code_of, put
from apscheduler.jobstores._sql.connection.sockets import connect_timeouts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import Any, Final, TypeVar

    from sqlalchemy.engine import URL, Connection, Engine

    from apscheduler.jobstores._sql.connection.callwatch import Call

    T = TypeVar("T")

_DRIVERS: Final = {
    "postgresql": (("psycopg", "postgresql+psycopg"), ("psycopg2", "postgresql+psycopg2")),
    "mysql": (("pymysql", "mysql+pymysql"), ("MySQLdb", "mysql+mysqldb")),
    "mariadb": (("pymysql", "mariadb+pymysql"), ("MySQLdb", "mariadb+mysqldb")),
}
"""Drivers for URLs that name none, each with its module: the first one that is installed is taken."""
_EXTRAS: Final = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}

_RETRIES = 5
PATIENT = 6
"""Factor: a call that lists things may be silent this many times as long as others."""
_FORK_SECONDS = 5.0
"""Most seconds that a fork waits for a transaction."""
_RETRYABLE: Final = ("deadlock", "lock wait timeout", "could not serialize", "database is locked")
_RETRYABLE_CODES: Final = {"40001", "40P01", "55P03", 1205, 1213, 1020}


def make_engine(url: Any, options: Mapping[str, Any], bounds: tuple[float, float]) -> Engine:
    """Return an engine for a URL, with a driver that is installed.

    :param bounds: seconds for connecting, and for an answer

    :raises ImportError: if no driver for this database is installed, with the line that installs one
    :raises sqlalchemy.exc.ArgumentError: if the URL cannot be read, or names no database that is known
    :raises sqlalchemy.exc.MissingGreenlet: if its driver is one for coroutines
    """
    parsed = with_driver(known(read(url)))
    options = dict(options)
    if is_memory(parsed):
        # Else each thread would have a database of its own, as in 3.x, where such a store never fired.
        options.setdefault("poolclass", StaticPool)
        connect_args = {"check_same_thread": False, **options.get("connect_args", {})}
        options["connect_args"] = connect_args
    elif parsed.get_backend_name() == "duckdb" and parsed.database in (None, "", ":memory:"):
        options.setdefault("poolclass", StaticPool)
    elif parsed.get_backend_name() != "sqlite":
        # A server that was restarted left dead connections in the pool; the check costs a tenth of a millisecond.
        options.setdefault("pool_pre_ping", True)
    secrets = Secrets(parsed, options)
    try:
        if parsed.get_backend_name() != "sqlite":
            driver = parsed.get_dialect().driver
            waits = connect_timeouts(parsed, driver, *bounds)
            options["connect_args"] = {**waits, **options.get("connect_args", {})}
            options = in_utf8(parsed, driver, options)
        engine = create_engine(parsed, **options)
    except ModuleNotFoundError as exc:
        raise not_installed(parsed, exc) from exc
    except Exception as exc:
        secrets.mask_in(exc)
        raise
    guard(engine, secrets)
    return engine


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
        f"no driver for the address {address_text(url)} is installed: "
        f"pip install 'tickwright[{_EXTRAS[url.drivername]}]'"
    )


def is_memory(url: URL) -> bool:
    """Return whether this is a SQLite database in memory."""
    if url.get_backend_name() != "sqlite":
        return False
    name = url.database or ""
    return name in ("", ":memory:") or url.query.get("mode") == "memory" or ":memory:" in name


def kind_of(engine: Engine) -> str | None:
    """Return the kind of database that an engine connects to, ``None`` if there is no claim protocol for it."""
    name = engine.dialect.name
    kind = "mysql" if name == "mariadb" else name
    return kind if kind in ("sqlite", "postgresql", "mysql") else None


def is_disconnect(exc: BaseException) -> bool:
    """Return whether the connection is gone, so that what was asked may or may not have happened."""
    return isinstance(exc, DBAPIError) and (
        exc.connection_invalidated or isinstance(exc, InterfaceError)
    )


def is_retryable(exc: BaseException) -> bool:
    """Return whether the database asks to try the same transaction again."""
    if not isinstance(exc, DBAPIError) or exc.connection_invalidated:
        return False
    code = code_of(exc)
    said = str(exc.orig).lower()
    return code in _RETRYABLE_CODES or any(word in said for word in _RETRYABLE)


class Database:
    """One engine and how to use it.

    :ivar kind: ``"sqlite"``, ``"postgresql"`` or ``"mysql"`` (MariaDB too)
    :ivar is_private: whether no other process can see the data (SQLite in memory)
    """

    def __init__(
        self,
        engine: Engine,
        *,
        is_own: bool,
        statement_seconds: float,
        connect_seconds: float = 5.0,
        answer_seconds: float = 10.0,
    ) -> None:
        check_engine(engine)
        self.engine = engine
        kind = kind_of(engine)
        if kind is None:
            raise ValueError(
                f"a shared job store needs PostgreSQL, MariaDB, MySQL or SQLite, not {engine.dialect.name}"
            )
        self.kind = kind
        self.is_private = is_memory(engine.url)
        self._host_clock = HostClock()
        self._statement_ms = max(200, int(statement_seconds * 1000))
        self._is_own = is_own
        # SQLite has one writer: our threads take turns here, instead of failing with "database is locked". Those that
        # read take turns too, because a fork must find no thread inside (see _hold).
        self.writing = RLock()
        prepare_nothing_behind_poolers(engine)
        self.watch = CallWatch(engine, connect_seconds, answer_seconds)
        if self.kind == "sqlite":
            _sqlite.add(self)
        if is_own:
            # A private database outlives a shutdown, as its jobs do, and a store that was only looked at is never shut
            # down. So the connections are closed when nothing refers to this object any more.
            finalize(self, engine.dispose).atexit = False

    # -- life -----------------------------------------------------------------------------------------

    def forked(self) -> None:
        """Called in a child process: leave the parent's connections alone and make our own from now on."""
        self.writing = RLock()
        self.watch.forked()
        if not self.is_private:
            # A connection that was checked out comes back to the pool when it is collected: no word of that may reach
            # the parent's server.
            self.engine.pool._reset_on_return = reset_none
            leave_alone(self.engine.pool)
            self.engine.dispose(close=False)

    def close(self) -> None:
        """Close pooled connections, and watch calls no more."""
        try:
            if not self.is_private:
                self.engine.dispose()
        finally:
            self.watch.stop()

    # -- reading and writing ----------------------------------------------------------------------------

    @contextmanager
    def reading(self, *, patient: bool = False) -> Iterator[Connection]:
        """Enter a connection in which each statement is its own transaction.

        :param patient: whether a right answer may take long (a long list)
        """
        look()
        bound = PATIENT * self.watch.answer if patient else None
        try:
            with (
                self.watch.call(bound) as call,
                self._turn(),
                self.engine.connect() as connection,
                self._texts(connection),
            ):
                yield connection.execution_options(isolation_level="AUTOCOMMIT")
                call.ask_again()
        except (DBAPIError, TypeError) as exc:
            put(exc)
            raise

    def _turn(self) -> AbstractContextManager[Any]:
        """Return the context to enter before a connection: for SQLite, this process's lock."""
        return self.writing if self.kind == "sqlite" else nullcontext()

    def _texts(self, connection: Connection) -> AbstractContextManager[Any]:
        return _any_text(connection) if self.kind == "sqlite" else nullcontext()

    @contextmanager
    def transaction(self, connection: Connection | None = None) -> Iterator[Connection]:
        """Enter a short write transaction, bounded by the server (rule 12); commit at the end.

        :param connection: one to use (default: from the pool)
        """
        look()
        try:
            with self.watch.call() as call:
                if connection is not None:
                    with self._transaction_on(connection, call) as ready:
                        yield ready
                    return
                with self.engine.connect() as pooled, self._transaction_on(pooled, call) as ready:
                    yield ready
        except (DBAPIError, TypeError) as exc:
            put(exc)
            raise

    @contextmanager
    def _transaction_on(self, connection: Connection, call: Call) -> Iterator[Connection]:
        if self.kind == "sqlite":
            with self.writing, _any_text(connection):
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
            try:
                yield connection
            finally:
                call.ask_again()

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
        """Return what ``work`` returns; after a deadlock, a lock wait or the like, call it again.

        :raises DBAPIError: what the last try raised
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
        return {"clock": self._host_clock.now()} if self.kind == "sqlite" else {}

    def now(self, connection: Connection) -> int:
        """Return the store's time in microseconds UTC."""
        if self.kind == "sqlite":
            return self._host_clock.now()
        return int(connection.scalar(text(f"SELECT {self.clock}")))


@contextmanager
def _any_text(connection: Connection) -> Iterator[None]:
    """Let SQLite return texts that are not UTF-8 too: else one such row keeps all others from being read."""
    raw: Any = connection.connection.driver_connection
    before = getattr(raw, "text_factory", None)
    if before is not str:
        yield  # another driver, or a choice of the user's
        return
    raw.text_factory = _decoded
    try:
        yield
    finally:
        raw.text_factory = before


_decoded = partial(str, encoding="utf-8", errors="surrogateescape")
"""Decodes a text. It runs in C from end to end, because it is called for each text."""


_sqlite: WeakSet[Database] = WeakSet()
_held: list[Database] = []


def _hold() -> None:
    """Let no fork happen while a connection of ours is at work in SQLite.

    SQLite also keeps in memory which locks its process has on a file. If a child were forked meanwhile, it would find
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
    """Keep an object of the parent process alive until this process ends, so that nothing in it is closed.

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
