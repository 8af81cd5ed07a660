"""The engine that is made of an address: its driver, what bounds it, and what is said where none can be made."""

from __future__ import annotations

import sys
from threading import Thread
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import registry
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from apscheduler.jobstores._sql.connection import database
from apscheduler.jobstores._sql.connection.database import (
    make_engine,
    with_driver,
)

BOUNDS = (7.0, 11.0)


@pytest.mark.parametrize(
    ("url", "modules", "name"),
    [
        ("postgresql://h/d", {"psycopg", "psycopg2"}, "postgresql+psycopg"),
        ("postgresql://h/d", {"psycopg2"}, "postgresql+psycopg2"),
        ("postgresql+psycopg2://h/d", {"psycopg"}, "postgresql+psycopg2"),
        ("mysql://h/d", {"pymysql", "MySQLdb"}, "mysql+pymysql"),
        ("mariadb://h/d", {"MySQLdb"}, "mariadb+mysqldb"),
        ("sqlite:///x", set(), "sqlite"),
    ],
)
def test_an_address_gets_a_driver_that_is_installed(monkeypatch, url, modules, name):
    finder = SimpleNamespace(find_spec=lambda each: each if each in modules else None)
    monkeypatch.setattr(database.importlib, "util", finder)
    assert with_driver(make_url(url)).drivername == name


@pytest.mark.parametrize(
    ("url", "extra"), [("postgresql://u:p4ssw0rd@h/d", "postgresql"), ("mariadb://h/d", "mysql")]
)
def test_without_a_driver_the_line_that_installs_one_is_said(monkeypatch, url, extra):
    monkeypatch.setattr(database.importlib, "util", SimpleNamespace(find_spec=lambda _: None))
    with pytest.raises(ImportError, match=rf"pip install 'tickwright\[{extra}\]'") as caught:
        make_engine(url, {}, BOUNDS)
    assert "p4ssw0rd" not in str(caught.value)


def test_a_driver_that_is_named_and_not_installed_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    with pytest.raises(ModuleNotFoundError, match="mysql"):
        make_engine("mysql+mysqldb://u@h/d", {}, BOUNDS)


def asked(engine, monkeypatch) -> dict:
    """Return what a driver is given for a connection, which is not made."""
    found = {}

    def keep(*args, **options):
        found.update(options)
        raise OperationalError("", {}, Exception("not made"))

    monkeypatch.setattr(engine.dialect, "connect", keep)
    with pytest.raises(OperationalError):
        engine.connect()
    return found


def test_a_server_is_asked_for_a_sign_of_life_and_bounded_where_nothing_is_given(monkeypatch):
    options = {"connect_args": {"read_timeout": 77}}
    engine = make_engine("mysql+pymysql://u@127.0.0.1:1/d", options, BOUNDS)
    assert engine.pool._pre_ping is True
    given = asked(engine, monkeypatch)
    assert (given["connect_timeout"], given["read_timeout"]) == (7, 77)
    assert options == {"connect_args": {"read_timeout": 77}}, "the caller's is his"


def test_a_database_in_memory_is_one_for_all_threads():
    engine = make_engine("sqlite://", {"connect_args": {"cached_statements": 7}}, BOUNDS)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE a (b)"))
    found = []

    def read() -> None:
        with engine.connect() as connection:
            found.extend(connection.execute(text("SELECT * FROM a")).keys())

    reader = Thread(target=read)
    reader.start()
    reader.join()
    assert found == ["b"]
    assert not engine.pool._pre_ping
    engine.dispose()


def test_a_duckdb_in_memory_is_one_for_all_threads(monkeypatch):
    registry.register("duckdb", "sqlalchemy.dialects.sqlite.pysqlite", "SQLiteDialect_pysqlite")
    try:
        for url in ("duckdb://", "duckdb:///:memory:"):
            assert isinstance(make_engine(url, {}, BOUNDS).pool, StaticPool)
        assert not isinstance(make_engine("duckdb:///a.db", {}, BOUNDS).pool, StaticPool)
    finally:
        registry.impls.pop("duckdb", None)


def test_what_an_engine_cannot_be_made_of_is_raised_without_its_secrets(monkeypatch):
    def fails(url, **options):
        raise ValueError(f"cannot make {url.password}")

    monkeypatch.setattr(database, "create_engine", fails)
    with pytest.raises(ValueError, match=r"cannot make \*\*\*"):
        make_engine("mysql+pymysql://u:p4ssw0rd@h/d", {}, BOUNDS)
