"""Checks, where a store is made, that it can work with an engine or address: the database, driver and encoding."""

from __future__ import annotations

import sqlalchemy
from sqlalchemy.engine import Engine
from sqlalchemy.exc import MissingGreenlet, NoSuchModuleError

from apscheduler.jobstores._sql.connection.addresses import address_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from sqlalchemy.engine import URL, Connection

_SYNCHRONOUS: Final = {
    "sqlite": "sqlite://",
    "postgresql": "postgresql+psycopg://",
    "mysql": "mysql+pymysql://",
    "mariadb": "mariadb+pymysql://",
}
_PACKAGES: Final = {
    "postgresql+psycopg": "tickwright[postgresql]",
    "postgresql+psycopg2": "psycopg2-binary",
    "postgresql+pg8000": "pg8000",
    "mysql+pymysql": "tickwright[mysql]",
    "mariadb+pymysql": "tickwright[mysql]",
    "mysql+mysqldb": "mysqlclient",
    "mariadb+mysqldb": "mysqlclient",
    "mysql+mysqlconnector": "mysql-connector-python",
    "mariadb+mysqlconnector": "mysql-connector-python",
    "mariadb+mariadbconnector": "mariadb",
    "mysql+mariadbconnector": "mariadb",
}
"""What to install for a driver that an address names."""
_MEANT: Final = {
    "postgres": "postgresql",
    "pgsql": "postgresql",
    "sqlite3": "sqlite",
    "pysqlite": "sqlite",
    "psycopg3": "psycopg",
    "psycopg_2": "psycopg2",
}
"""Databases and drivers, by the names that they have elsewhere."""
_DIALECTS: Final = {
    "duckdb": "duckdb-engine",
    "cockroachdb": "sqlalchemy-cockroachdb",
    "redshift": "sqlalchemy-redshift",
}
"""What to install for a database that SQLAlchemy itself does not know."""
_KNOWN: Final = "PostgreSQL (postgresql://), MariaDB or MySQL (mysql://) or SQLite (sqlite:///)"
_ENCODINGS: Final = ("UTF8", "SQL_ASCII")


def known(url: URL) -> URL:
    """Return an address whose database and driver a store can work with.

    :raises NoSuchModuleError: if SQLAlchemy knows no such database
    :raises MissingGreenlet: if its driver is one for coroutines
    """
    backend = url.get_backend_name()
    name = "+".join(_MEANT.get(word, word) for word in url.drivername.split("+"))
    if name != url.drivername:
        raise NoSuchModuleError(f"{_unknown(url)}: write {address_text(url.set(drivername=name))}")
    try:
        dialect = url.get_dialect()
    except NoSuchModuleError as exc:
        package = _DIALECTS.get(backend)
        install = f": install {package}; a job store is tested with" if package else "; expected"
        raise NoSuchModuleError(f"{_unknown(url)}{install} {_KNOWN}") from exc
    if dialect.is_async:
        instead = _SYNCHRONOUS.get(backend, f"{backend}://").removesuffix("://")
        raise _for_coroutines(
            f"the address {address_text(url)} begins with {url.drivername}://, a driver for coroutines, and a job store "
            f"works in threads (beside an event loop too): write {address_text(url.set(drivername=instead))}"
        )
    return url


def _unknown(url: URL) -> str:
    return f"the address {address_text(url)} begins with {url.drivername}://, which SQLAlchemy does not know"


def not_installed(url: URL, exc: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return the error for an address whose driver is not installed, with the line that installs it."""
    backend, driver = url.get_backend_name(), url.drivername
    package = _PACKAGES.get(driver)
    install = f"pip install {package!r}" if package else f"install {exc.name or 'it'}"
    if backend not in _SYNCHRONOUS:
        other = f"; a job store is tested with {_KNOWN}"
    else:
        other = f", or write {address_text(url.set(drivername=backend))} for one that is"
    return ModuleNotFoundError(
        f"the driver of the address {address_text(url)} ({driver}://) is not installed ({exc}): {install}{other}",
        name=exc.name,
    )


def check_engine(engine: Any) -> None:
    """Check that something is an engine that a store can work with.

    :raises AttributeError: if it is one for coroutines
    :raises TypeError: if it is none
    """
    if hasattr(engine, "sync_engine") or getattr(engine, "dialect", None) is None:
        kind = type(engine).__name__
        if hasattr(engine, "sync_engine"):
            raise AttributeError(
                f"engine= was given an {kind}, and a job store works in threads (beside an event loop too): give it "
                "url=, or an engine of create_engine() with a driver for threads, such as postgresql+psycopg"
            )
        raise TypeError(f"engine= takes an engine of create_engine(), not a {kind}")
    if not isinstance(engine, Engine) and hasattr(engine, "engine"):
        raise TypeError(
            f"engine= takes an engine of create_engine(), not a {type(engine).__name__}: a store makes connections of "
            "its own"
        )
    if isinstance(engine, Engine) and engine.dialect.is_async:
        raise _for_coroutines(
            f"engine= was given one with the driver {engine.driver}, which is for coroutines, and a job store works in "
            f"threads: make it with {_SYNCHRONOUS.get(engine.dialect.name, 'another driver')}"
        )


def _for_coroutines(said: str) -> MissingGreenlet:
    error = MissingGreenlet(said)
    error.code = None  # type: ignore[assignment] # else a line about greenlets follows
    return error


def in_utf8(url: URL, driver: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return options of ``create_engine()`` that send texts as UTF-8, unless they, or the address, say otherwise.

    Else a driver of PostgreSQL speaks the encoding of the database: SQL_ASCII and LATIN1 refuse most texts.
    """
    arguments = options.get("connect_args", {})
    if any("client_encoding" in each for each in (url.query, options, arguments)):
        return options
    if driver in ("psycopg", "psycopg2"):
        return {**options, "connect_args": {"client_encoding": "utf8", **arguments}}
    if driver == "pg8000":
        return {**options, "client_encoding": "utf8"}
    return options  # PyMySQL and mysqlclient speak utf8mb4


def said_of_encoding(connection: Connection) -> str | None:
    """Return one line if a PostgreSQL database or connection cannot keep every text, else ``None``."""
    server, client = connection.exec_driver_sql(
        "SELECT current_setting('server_encoding'), current_setting('client_encoding')"
    ).one()
    if server not in _ENCODINGS:
        return (
            f"The encoding of this database is {server}: job ids and texts beyond it are refused, and errors of jobs go "
            "without their text. Make a database with ENCODING 'UTF8' TEMPLATE template0"
        )
    if client != "UTF8":
        return (
            f"The connections of this engine speak {client}: job ids and texts beyond it are refused. Give its "
            "create_engine() connect_args={'client_encoding': 'utf8'} (pg8000: client_encoding='utf8')"
        )
    if server == "SQL_ASCII":
        return (
            "The encoding of this database is SQL_ASCII, which checks no text: jobs are kept in UTF-8, and what other "
            "programs write in another encoding cannot be read. Make a database with ENCODING 'UTF8' TEMPLATE template0"
        )
    return None


def as_of_2(engine: Any) -> Any:
    """Return an engine that has the transactions of SQLAlchemy 2; for one of 1.4, a new one with the same pool."""
    if not sqlalchemy.__version__.startswith("1."):
        return engine
    from sqlalchemy import future

    if isinstance(engine, future.Engine):
        return engine
    return future.Engine(engine.pool, engine.dialect, engine.url, echo=engine.echo)
