"""No secret part of a database's address shows anywhere, and files that are made here are their user's alone."""

from __future__ import annotations

import logging
import os
import re
import secrets
import sqlite3
import time
import traceback
from contextlib import contextmanager, suppress
from urllib.parse import quote_plus

import pytest
from click.testing import CliRunner
from databases import URLS, require
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from apscheduler import cli
from apscheduler.cluster.leading import FileLock
from apscheduler.events import EVENT_EVERYTHING, EVENT_JOBSTORE_ERROR
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import FakeClock, ManualScheduler

CANARY = "k4n4r1"


def address(kind, **parts):
    known = make_url(URLS[kind])
    return known.set(
        username=f"{CANARY}-user",
        password=f"{CANARY}/pass@word",
        query=parts.pop("query", {}),
        **parts,
    ).render_as_string(hide_password=False)


ADDRESSES = {
    "no such user, psycopg": lambda folder: (address("postgresql"), {}),
    "options, psycopg": lambda folder: (
        address(
            "postgresql", query={"options": f"-c {CANARY}.x={CANARY}y", "passfile": f"/{CANARY}"}
        ),
        {},
    ),
    "bad option value, psycopg": lambda folder: (
        f"postgresql+psycopg://root@127.0.0.1/test?sslpassword={CANARY}&connect_timeout=soon",
        {},
    ),
    "connect_args, psycopg": lambda folder: (
        "postgresql+psycopg://127.0.0.1/test",
        {"connect_args": {"user": f"{CANARY}-arg", "password": f"{CANARY}-pass"}},
    ),
    "no such user, pymysql": lambda folder: (address("mariadb"), {}),
    "init_command, pymysql": lambda folder: (
        f"mysql+pymysql://root@127.0.0.1/test?init_command=SELECT%20{CANARY}",
        {},
    ),
    "connect_args, pymysql": lambda folder: (
        "mysql+pymysql://127.0.0.1/test",
        {"connect_args": {"user": f"{CANARY}-arg", "password": f"{CANARY}-pass"}},
    ),
    "no such folder, sqlite": lambda folder: (
        f"sqlite:///{folder}/none/x.db?key={CANARY}",
        {},
    ),
    "slash in the password": lambda folder: (f"postgresql://user:{CANARY}/x@host/db", {}),
    "no address": lambda folder: (f"user={CANARY} password={CANARY}", {}),
    "a port that is none": lambda folder: (f"mysql+pymysql://a:b@host:{CANARY}/db", {}),
}


HOSTS = ["127.0.0.1:1/db", "127.0.0.1"]
SCHEMES = ["postgresql+psycopg", "postgresql", "mysql+pymysql", "postgres", "postgresql+asyncpg"]
SCHEMES += ["nonsense", "cockroachdb"]
# The pieces of a password that a reader of addresses may take for user, host, port, database or query.
PIECES = ["k4n4r1", "n1ght1n", "g4l3s"]
ENDS = "@/?:#"
PASSWORDS = [
    *(f"{PIECES[0]}{end}{PIECES[1]}" for end in ENDS),
    *(f"{PIECES[0]}{one}{PIECES[1]}{other}{PIECES[2]}" for one in ENDS for other in ENDS),
    "k4n4r1@n1ght1n/g4l3s@k4n4r1/n1ght1n",
    "k4n4r1/n1ght1n@g4l3s/k4n4r1@n1ght1n",
    "k4n4r1@1234/n1ght1n",
    *("k4n4r1&n1ght1n", "k4n4r1=@n1ght1n", "k4n4r1%n1ght1n", "[k4n4r1]@n1ght1n", "k4n4r1 @n1ght1n"),
    "k4n4r1@n1ght1n?g4l3s=k4n4r1",
    "k4n4r1@n1ght1n/g4l3s?k4n4r1=n1ght1n",
    "k4n4r1@127.0.0.1/n1ght1n",
    "@/k4n4r1",
    "/@k4n4r1",
]
USERS = ["user:{}@", "{}:x@", "{}@", "/user:{}@"]


def pieces_in(text):
    return [piece for piece in PIECES if piece in text]


def said_by(url):
    """Return what making a store of this address, and connecting, says: of a traceback the errors' own words."""
    try:
        store = SQLAlchemyJobStore(url, connect_timeout=2)
        said = [repr(store)]
    except Exception as exc:
        return "\n".join(traceback.format_exception_only(exc))
    try:
        store.engine.connect().close()
    except Exception as exc:
        while exc is not None:
            said += traceback.format_exception_only(exc)
            exc = exc.__cause__ or exc.__context__
    return "\n".join(said)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("scheme", "user"),
    [
        *((scheme, user) for scheme in SCHEMES for user in USERS),
        ("sqlite", "user:{}@"),  # the others may be the path of a file
    ],
)
def test_no_piece_of_a_password_shows_whatever_is_in_it(scheme, user, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for what is read as the path of a file
    monkeypatch.setattr("socket.getaddrinfo", lookups_fail)
    monkeypatch.setattr("psycopg.connect", connections_fail)
    shown = {}
    for password in PASSWORDS:
        for host in HOSTS:
            url = f"{scheme}://{user.format(password)}{host}"
            said = said_by(url)
            if pieces_in(said):
                shown[url] = said
    assert not shown, next(iter(shown.items()))


def lookups_fail(host, *_, **__):
    raise OSError(-2, f"Name or service not known: {host!r}")


def connections_fail(*_, **given):
    import psycopg

    raise psycopg.OperationalError(f"connection failed: {given!r}")


SURELY_STRAY = [
    "postgresql://user:a@b/c@127.0.0.1:1/db",
    "postgresql://user:a@b/c@host/db",
    "postgresql://user:a@b?c@host/db",
    "postgresql://us/er:a@host/db",
    "postgresql:///user:a@host/db",
    "mysql+pymysql://user:a@1234/b@host/db",
    "sqlite://user:a@b/c@host/db",
]


@pytest.mark.parametrize("url", SURELY_STRAY)
def test_an_address_that_no_database_has_is_refused_with_what_to_write(url):
    with pytest.raises(
        ArgumentError, match=r"has an @ behind its host: percent-encode .* is %2F; "
    ):
        SQLAlchemyJobStore(url)


@pytest.mark.parametrize("url", ["sqlite://user:x@host/db", "sqlite://jobs.db?mode=ro"])
def test_an_address_of_sqlite_has_no_host(url):
    with pytest.raises(ArgumentError, match="neither user nor host: write sqlite:///path"):
        SQLAlchemyJobStore(url)


def test_a_password_that_is_encoded_is_taken_as_it_is():
    url = f"postgresql+psycopg://user:{quote_plus('a@b/c?d:e@f')}@host/db"
    store = SQLAlchemyJobStore(url)
    assert store.engine.url.password == "a@b/c?d:e@f"
    assert repr(store) == "<SQLAlchemyJobStore (url=postgresql+psycopg://***@host/db)>"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://u:p@h/d@x", "postgresql+psycopg://***@x"),
        ("postgresql+psycopg://u@server:p@h/d", "postgresql+psycopg://***@h/d"),
        ("postgresql+psycopg://u:p@h/d?options=-cx%3Da@b", "postgresql+psycopg://***"),
        ("sqlite:////a@b/c.db", "sqlite:////a%40b/c.db"),
        ("sqlite:///a@b.db", "sqlite:///a%40b.db"),
        (URL.create("postgresql+psycopg", "u", "p", "h", database="a@b/c"), "postgresql+psycopg://***@b/c"),
    ],
)  # fmt: skip
def test_what_may_be_meant_is_taken_and_not_shown(url, shown):
    assert repr(SQLAlchemyJobStore(url)) == f"<SQLAlchemyJobStore (url={shown})>"


def test_an_error_of_a_doubtful_address_says_what_may_be_wrong(monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lookups_fail)
    said = said_by("mysql+pymysql://user:a@k4n4r1/n1ght1n@127.0.0.1")
    assert "has an @ behind its host: if the password has it, percent-encode" in said
    assert not pieces_in(said)


@pytest.fixture
def heard(caplog):
    caplog.set_level(logging.DEBUG, logger="apscheduler")
    return caplog


@pytest.mark.filterwarnings("ignore:Query string")
@pytest.mark.parametrize("name", ADDRESSES)
def test_no_secret_of_an_address_shows_when_it_fails(name, tmp_path, heard):
    for kind, driver in (("postgresql", "psycopg"), ("mariadb", "pymysql")):
        if name.endswith(driver):
            require(kind)
    url, options = ADDRESSES[name](tmp_path)
    said = []
    try:
        store = SQLAlchemyJobStore(url, tablename="t_secrets", engine_options=options)
        said.append(repr(store))
        scheduler = ManualScheduler(jobstores={"default": store})
        scheduler.add_listener(lambda event: said.append(repr(vars(event))), EVENT_EVERYTHING)
        scheduler.start()
    except Exception as exc:
        said += traceback.format_exception(exc)
    else:
        pytest.fail("this address cannot work")
    if not options:
        said.append(CliRunner().invoke(cli.main, ["doctor", "--store", url]).output)
    shown = "\n".join([*said, heard.text])
    assert CANARY not in shown.replace(
        f"{CANARY}.x", ""
    )  # the name of a setting, which is none of a secret's
    assert "Error" in shown


@contextmanager
def a_user(kind):
    """Yield a URL of a user of its own, and a function that locks it out."""
    require(kind)
    name = f"{CANARY}_{secrets.token_hex(4)}"
    engine = create_engine(URLS[kind], isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if kind == "postgresql":
            connection.execute(text(f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{CANARY}-pw'"))
        else:
            connection.execute(text(f"CREATE USER {name}@'%' IDENTIFIED BY '{CANARY}-pw'"))
            connection.execute(text(f"GRANT ALL ON *.* TO {name}@'%'"))

    def lock_out():
        with engine.connect() as connection:
            if kind == "postgresql":
                connection.execute(text(f"ALTER ROLE {name} NOLOGIN"))
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :n"
                    ),
                    {"n": name},
                )
            else:
                connection.execute(text(f"ALTER USER {name}@'%' ACCOUNT LOCK"))
                found = connection.execute(text("SHOW PROCESSLIST")).all()
                for row in found:
                    if row[1] == name:
                        with suppress(Exception):
                            connection.execute(text(f"KILL {row[0]}"))

    url = make_url(URLS[kind]).set(username=name, password=f"{CANARY}-pw")
    try:
        yield url, lock_out
    finally:
        with engine.connect() as connection:
            if kind == "postgresql":
                connection.execute(text(f"DROP OWNED BY {name}"))
                connection.execute(text(f"DROP ROLE {name}"))
            else:
                connection.execute(text(f"DROP USER {name}@'%'"))
        engine.dispose()


def let_come_back(engine):
    """Wait until its pool has all connections: ``dispose()`` leaves those that are out to the garbage collector."""
    deadline = time.monotonic() + 10
    while engine.pool.checkedout():
        assert time.monotonic() < deadline


@pytest.mark.slow
@pytest.mark.parametrize("whose", ["ours", "the user's"])
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_no_secret_shows_when_a_store_fails_later(kind, whose, heard):
    with a_user(kind) as (url, lock_out):
        engine = create_engine(url) if whose == "the user's" else None
        table = f"t_{secrets.token_hex(6)}"
        store = SQLAlchemyJobStore(None if engine else url, engine=engine, tablename=table)
        scheduler = ManualScheduler(jobstores={"default": store}, clock=FakeClock())
        said = [repr(store)]
        scheduler.add_listener(lambda event: said.append(repr(vars(event))), EVENT_EVERYTHING)
        scheduler.start()
        scheduler.add_job(print, "interval", seconds=10, kwargs={"end": ""})
        scheduler.advance(15)
        scheduler.get_runs()  # so that no thread has outcomes to write
        let_come_back(store.engine)
        lock_out()
        store.engine.dispose()
        scheduler.tick()
        scheduler.clock.advance(20)
        scheduler.tick()
        scheduler._jobstores["default"]._session.membership._beat_safely()
        if whose == "ours":
            try:
                scheduler.get_jobs()
            except Exception as exc:
                said += traceback.format_exception(exc)
            else:
                pytest.fail("the user is locked out")
        scheduler.shutdown()
        tables = create_engine(URLS[kind])
        with tables.begin() as connection:
            for part in ("", "_meta", "_runs", "_nodes", "_leader", "_schema", "_state"):
                connection.execute(text(f"DROP TABLE IF EXISTS {table}{part}"))
        tables.dispose()
    shown = "\n".join([*said, heard.text])
    # An outage is one line: that of the pass, or that of the thread that writes outcomes, whoever came first.
    assert f"'code': {EVENT_JOBSTORE_ERROR}," in shown
    assert re.search("failed; its jobs wait|could not be written yet", heard.text)
    assert CANARY not in shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://u:p@h:5/d?sslmode=require&sslpassword=p", "postgresql+psycopg://***@h:5/d?sslmode=require&sslpassword=***"),
        ("mysql+pymysql://h/d", "mysql+pymysql://h/d"),
        ("sqlite:////a/c.db", "sqlite:////a/c.db"),
        ("sqlite://", "sqlite://"),
    ],
)  # fmt: skip
def test_a_store_shows_where_it_is_and_not_who_it_is_there(url, shown):
    assert repr(SQLAlchemyJobStore(url)) == f"<SQLAlchemyJobStore (url={shown})>"


# -- files ------------------------------------------------------------------------------------------------------


def mode(path):
    return oct(path.stat().st_mode & 0o777)


@pytest.fixture
def open_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def started(store):
    scheduler = ManualScheduler(jobstores={"default": store}, clock=FakeClock())
    scheduler.start()
    return scheduler


@pytest.mark.parametrize("journal", ["delete", "wal", "persist"])
def test_a_database_file_and_its_journals_are_its_users_alone(tmp_path, open_umask, journal):
    path = tmp_path / "jobs.db"
    scheduler = started(SQLAlchemyJobStore(f"sqlite:///{path}"))
    assert mode(path) == "0o600"
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA journal_mode={journal}")
    scheduler.add_job(print, "interval", seconds=10, kwargs={"end": ""})
    scheduler.advance(15)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM apscheduler_jobs")
    found = sorted(each.name for each in tmp_path.iterdir())
    assert len(found) > 1
    assert {mode(tmp_path / name) for name in found} == {"0o600"}
    other.execute("ROLLBACK")
    other.close()
    scheduler.shutdown()


def test_a_file_that_is_there_keeps_its_mode(tmp_path, open_umask):
    path = tmp_path / "jobs.db"
    path.touch(0o644)
    started(SQLAlchemyJobStore(f"sqlite:///{path}")).shutdown()
    assert mode(path) == "0o644"


def test_other_kinds_of_sqlite_are_left_alone(tmp_path, open_umask, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"):
        started(SQLAlchemyJobStore(url)).shutdown()
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "jobs.db"
    started(SQLAlchemyJobStore(f"sqlite:///file:{path}?uri=true")).shutdown()
    assert mode(path) == "0o644"  # the address is SQLite's own: so is the file's making


def test_a_lock_file_is_its_users_alone(tmp_path, open_umask):
    lock = FileLock(str(tmp_path / "leader"))
    assert lock.take()
    assert mode(tmp_path / "leader") == "0o600"
    lock.release()
