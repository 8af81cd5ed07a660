"""What a store cannot work with, or may not do, is said in one sentence: what is the case, and the way out."""

from __future__ import annotations

import logging
import secrets
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from cluster.support.mounts import only_readable
from databases import SERVERS, URLS, Place, require
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InternalError,
    MissingGreenlet,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)

from apscheduler.cli import main
from apscheduler.jobstores._sql.connection import remedies
from apscheduler.jobstores._sql.connection.addresses import file_address
from apscheduler.jobstores._sql.connection.cursors import many
from apscheduler.jobstores._sql.connection.engines import not_installed
from apscheduler.jobstores._sql.schema.migrations import SchemaError
from apscheduler.jobstores._troubles import Troubles
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.serializers.json import SignedJSONSerializer
from apscheduler.testing import FakeClock, ManualScheduler


@pytest.fixture
def opened():
    made = []

    def start(store):
        scheduler = ManualScheduler(jobstores={"default": store}, clock=FakeClock(), timezone="UTC")
        made.append(scheduler)
        scheduler.start()
        return scheduler

    yield start
    for scheduler in made:
        if scheduler.running:
            scheduler.shutdown()


def told(caplog) -> list[str]:
    records = [each for each in caplog.records if each.name.startswith("apscheduler.jobstores")]
    assert [each for each in records if each.exc_info] == []
    return [each.getMessage() for each in records if each.levelno >= logging.WARNING]


def one_sentence(error: BaseException, *words: str) -> None:
    said = str(error)
    assert "\n" not in said
    assert "Background on this error" not in said
    for word in words:
        assert word in said


# -- addresses and engines --------------------------------------------------------------------------------------
# Neighbours tried beyond the reported ones: every driver for coroutines, files without an address in seven spellings, drivers
# that are missing, databases and drivers by another's name, an @ in a user or a password once and twice, in each dialect.

ADDRESSES = [
    ("postgres://u@h/d", NoSuchModuleError, "postgresql://"),
    ("postgres+psycopg2://u@h/d", NoSuchModuleError, "postgresql+psycopg2://"),
    ("nonesuch://u@h/d", NoSuchModuleError, "nonesuch:// PostgreSQL sqlite:///"),
    ("sqlite+aiosqlite:///x.db", MissingGreenlet, "sqlite+aiosqlite:// threads sqlite://"),
    ("postgresql+asyncpg://u@h/d", MissingGreenlet, "postgresql+asyncpg:// postgresql+psycopg://"),
    ("postgresql+psycopg_async://u@h/d", MissingGreenlet, "threads postgresql+psycopg://"),
    ("mysql+aiomysql://u@h/d", MissingGreenlet, "mysql+aiomysql:// mysql+pymysql://"),
    ("mysql+asyncmy://u@h/d", MissingGreenlet, "mysql+asyncmy:// mysql+pymysql://"),
    ("mysql+mysqlconnector://u@h/d", ModuleNotFoundError, "mysql+mysqlconnector:// mysql://"),
]


ADDRESSES += [  # what was given, and what to write, whole
    (
        "postgres://u:p@h:1/d?x=1",
        NoSuchModuleError,
        "postgres://***@h:1/d?x=*** postgresql://***@h:1/d?x=***",
    ),
    ("postgres+psycopg2://u@h/d", NoSuchModuleError, "postgresql+psycopg2://***@h/d"),
    ("postgresql+asyncpg://u:p@h/d", MissingGreenlet, "postgresql+psycopg://***@h/d"),
    ("sqlite+aiosqlite:///a/x.db", MissingGreenlet, "sqlite:///a/x.db"),
    (
        "mysql+mysqlconnector://u:p@h/d",
        ModuleNotFoundError,
        "mysql-connector-python mysql://***@h/d",
    ),
    ("mongodb://u:p@h/d", NoSuchModuleError, "mongodb://***@h/d PostgreSQL"),
    ("jobs.sqlite", ArgumentError, "'jobs.sqlite' 'sqlite:///jobs.sqlite'"),
    ("jobs", ArgumentError, "'sqlite:///jobs'"),
    ("data/jobs.db", ArgumentError, "'sqlite:///data/jobs.db'"),
    ("/var/jobs.db", ArgumentError, "'sqlite:////var/jobs.db'"),
    ("./jobs", ArgumentError, "'sqlite:///./jobs'"),
    (Path("/var/jobs"), ArgumentError, "'sqlite:////var/jobs'"),
    (r"C:\jobs\x.db", ArgumentError, "sqlite:///C:"),
    ("sqlite:jobs.db", ArgumentError, "'sqlite:///jobs.db'"),
    ("sqlite://jobs.db", ArgumentError, "'sqlite:///jobs.db'"),
    ("sqlite:/var/jobs.db", ArgumentError, "'sqlite:////var/jobs.db'"),
    (" sqlite:///jobs.db\n", ArgumentError, "blanks"),
    ("user:secret@host/db", ArgumentError, "dialect://user:password@host:port/database"),
    ("duckdb://", NoSuchModuleError, "install duckdb-engine"),
    ("duckdb:///x.db", NoSuchModuleError, "duckdb:///x.db install duckdb-engine"),
    ("cockroachdb://u@h/d", NoSuchModuleError, "install sqlalchemy-cockroachdb"),
    ("sqlite3:///x.db", NoSuchModuleError, "write sqlite:///x.db"),
    ("sqlite3://", NoSuchModuleError, "write sqlite://"),
    ("pgsql://u:p@h/d", NoSuchModuleError, "write postgresql://***@h/d"),
    ("postgresql+psycopg3://u:p@h/d", NoSuchModuleError, "write postgresql+psycopg://***@h/d"),
    ("postgres+psycopg3://u:p@h/d", NoSuchModuleError, "write postgresql+psycopg://***@h/d"),
]


@pytest.mark.parametrize(("url", "kind", "words"), ADDRESSES)
def test_an_address_that_cannot_work_is_refused_in_a_sentence(url, kind, words):
    with pytest.raises(kind) as caught:
        SQLAlchemyJobStore(url)
    one_sentence(caught.value, *words.split())


def test_no_password_is_repeated_with_an_address():
    for url in (
        "postgres://u:secret@h/d",
        "postgresql+asyncpg://u:secret@h/d",
        "user:secret@host/db",
        *(f"{each}://u:p@secret@h/d" for each in ("postgresql", "mysql", "mariadb", "postgres")),
        "postgresql://u@corp:p@secret@h:1/d",
        "postgresql://u:p@secret@x@h/d",
    ):
        with pytest.raises(Exception) as caught:
            SQLAlchemyJobStore(url)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("user", ["u:p@ss", "u:@", "u:p@@ss", "u@corp:p@ss"])
def test_an_unescaped_at_sign_is_told_with_the_cure(user):
    with pytest.raises(ArgumentError) as caught:
        SQLAlchemyJobStore(f"postgresql://{user}@localhost/d")
    one_sentence(caught.value, "percent-encode user and password", "%40")


def test_a_driver_that_is_missing_names_its_package():
    url = make_url("postgresql+psycopg://u:p@h/d")
    error = not_installed(url, ModuleNotFoundError("No module named 'psycopg'", name="psycopg"))
    one_sentence(error, "pip install 'tickwright[postgresql]'", "postgresql://***@h/d")
    assert error.name == "psycopg"


@pytest.mark.parametrize("address", ["sqlite:///{}/no/x.db", "sqlite:///{}"])
def test_a_sqlite_file_that_cannot_be_made_says_which_folder_is_missing(tmp_path, opened, address):
    with pytest.raises(OperationalError) as caught:
        opened(SQLAlchemyJobStore(address.format(tmp_path)))
    if address.endswith("x.db"):
        one_sentence(caught.value, f"there is no folder '{tmp_path}/no'", "make it")
    else:
        one_sentence(caught.value, f"'{tmp_path}' is a folder")


def test_a_tilde_in_an_address_is_told(tmp_path, opened, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OperationalError) as caught:
        opened(SQLAlchemyJobStore("sqlite:///~/no/x.db"))
    one_sentence(caught.value, "~ stands for no folder", str(Path("~/no/x.db").expanduser()))


def test_an_engine_for_coroutines_is_refused_in_a_sentence():
    pytest.importorskip("greenlet")
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+psycopg://nobody@127.0.0.1/none")
    with pytest.raises(AttributeError) as caught:  # 3.x met it as one, at the start
        SQLAlchemyJobStore(engine=engine)
    one_sentence(caught.value, "AsyncEngine", "threads", "create_engine()")
    with pytest.raises(MissingGreenlet) as caught:
        SQLAlchemyJobStore(engine=engine.sync_engine)
    one_sentence(caught.value, "psycopg", "threads")


def test_what_is_no_engine_is_refused_in_a_sentence(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/x.db")
    with engine.connect() as connection, pytest.raises(TypeError) as caught:
        SQLAlchemyJobStore(engine=connection)
    one_sentence(caught.value, "not a Connection")
    with pytest.raises(TypeError) as caught:
        SQLAlchemyJobStore(engine=SimpleNamespace())
    one_sentence(caught.value, "create_engine()", "SimpleNamespace")
    with pytest.raises(LookupError) as caught:
        SQLAlchemyJobStore(engine="sqlite:///x.db")
    one_sentence(caught.value, "url=")
    engine.dispose()


def test_an_address_of_mysql_without_a_database_is_refused_in_a_sentence(opened):
    require("mariadb")
    url = make_url(URLS["mariadb"]).set(database="")
    with pytest.raises(SchemaError) as caught:
        opened(SQLAlchemyJobStore(url))
    one_sentence(caught.value, "DATABASE")


# -- encodings of PostgreSQL --------------------------------------------------------------------------------------


@contextmanager
def database_in(encoding: str):
    """A database of its own in an encoding; yields its URL."""
    require("postgresql")
    name = f"t_{secrets.token_hex(6)}"
    engine = create_engine(URLS["postgresql"], isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text(
                f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
            )
        )
    try:
        yield make_url(URLS["postgresql"]).set(database=name)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def fail(_word: str) -> None:
    raise ValueError("it snows: ☃")


def keeps_texts(scheduler, id_="schöner Tag ☃") -> None:
    """Have it run a job whose id, name, argument and error are no ASCII."""
    job = scheduler.add_job(
        fail, "interval", ["ß☃"], seconds=10, id=id_, name="Grüße ☃", misfire_grace_time=None
    )
    scheduler.advance(15)
    (run,) = scheduler.get_runs(id_)
    assert run.outcome == "failed"
    assert run.error == "ValueError: it snows: ☃"
    stored = scheduler.get_job(id_)
    assert (stored.name, list(stored.args)) == (job.name, ["ß☃"])
    scheduler.remove_job(id_)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_a_database_in_sql_ascii_keeps_every_text_and_is_one_line(driver, opened, caplog):
    with database_in("SQL_ASCII") as address:
        url = address.set(drivername=f"postgresql+{driver}")
        for options in (
            {},
            {"serializer": SignedJSONSerializer({"k": "0" * 32}, callables=[fail])},
        ):
            caplog.clear()
            scheduler = opened(SQLAlchemyJobStore(url, **options))
            (said,) = told(caplog)
            one_sentence(Exception(said), "SQL_ASCII", "ENCODING 'UTF8'")
            keeps_texts(scheduler, f"schöner Tag ☃ {len(options)}")
            scheduler.shutdown()


def test_an_engine_that_speaks_sql_ascii_is_refused_or_said_with_the_way_out(opened, caplog):
    with database_in("SQL_ASCII") as url:
        engine = create_engine(url)
        with pytest.raises(TypeError) as caught:
            opened(SQLAlchemyJobStore(engine=engine))
        one_sentence(caught.value, "SQL_ASCII", "client_encoding")
        engine.dispose()
        engine = create_engine(url.set(drivername="postgresql+psycopg2"))
        opened(SQLAlchemyJobStore(engine=engine)).shutdown()
        (said,) = told(caplog)
        assert "client_encoding" in said
        engine.dispose()
        # What both sentences say to do.
        engine = create_engine(url, connect_args={"client_encoding": "utf8"})
        keeps_texts(opened(SQLAlchemyJobStore(engine=engine)))
        engine.dispose()


@pytest.mark.parametrize("given", ["url", "engine"])
def test_a_database_in_latin_1_keeps_each_outcome_if_not_its_text(given, opened, caplog):
    with database_in("LATIN1") as address:
        url = address.set(drivername="postgresql+psycopg2")
        engine = create_engine(url)
        where = {"url": url} if given == "url" else {"engine": engine}
        scheduler = opened(SQLAlchemyJobStore(**where))
        (said,) = told(caplog)
        assert "LATIN1" in said
        scheduler.add_job(fail, "interval", ["☃"], seconds=10, id="schön", misfire_grace_time=None)
        scheduler.advance(15)
        (run,) = scheduler.get_runs("schön")
        assert (run.outcome, run.error) == ("failed", None)
        scheduler.shutdown()
        engine.dispose()


# -- roles --------------------------------------------------------------------------------------------------------------


class Role:
    """A role of its own, with no rights, and the tables of one store in a schema (PostgreSQL) or database of its own."""

    def __init__(self, kind: str) -> None:
        require(kind)
        self.kind = kind
        self.name = f"t_{secrets.token_hex(6)}"
        self._engine = create_engine(URLS[kind], isolation_level="AUTOCOMMIT")
        address = make_url(URLS[kind]).set(username=self.name)
        if kind == "postgresql":
            self.do(
                f"CREATE ROLE {self.name} LOGIN",
                f"CREATE SCHEMA {self.name}",
                f"GRANT USAGE ON SCHEMA {self.name} TO {self.name}",
                f"ALTER ROLE {self.name} SET search_path = {self.name}",
            )
            self.owner = make_url(URLS[kind]).update_query_dict(
                {"options": f"-csearch_path={self.name}"}
            )
        else:
            self.do(
                f"CREATE DATABASE {self.name}",
                f"CREATE USER {self.name}@'%'",
                f"GRANT SELECT ON {self.name}.* TO {self.name}@'%'",
            )
            address = address.set(database=self.name)
            self.owner = make_url(URLS[kind]).set(database=self.name)
        self.url = address

    def do(self, *statements: str) -> None:
        with self._engine.connect() as connection:
            for each in statements:
                connection.execute(text(each))

    def grant(self, rights: str) -> None:
        if self.kind == "postgresql":
            self.do(f"GRANT {rights} ON ALL TABLES IN SCHEMA {self.name} TO {self.name}")
        else:
            self.do(f"GRANT {rights} ON {self.name}.* TO {self.name}@'%'")

    def close(self) -> None:
        if self.kind == "postgresql":
            self.do(
                f"DROP SCHEMA {self.name} CASCADE",
                f"DROP OWNED BY {self.name}",
                f"DROP ROLE {self.name}",
            )
        else:
            self.do(f"DROP DATABASE {self.name}", f"DROP USER {self.name}@'%'")
        self._engine.dispose()


@pytest.fixture
def role(request):
    role = Role(request.param)
    yield role
    role.close()


def works(scheduler, id_="a") -> None:
    scheduler.add_job("os:getpid", "interval", seconds=10, id=id_)
    scheduler.advance(25)
    assert len(scheduler.get_runs(id_, outcome="executed")) == 2


@pytest.mark.parametrize("role", SERVERS, indirect=True)
def test_a_role_that_may_not_make_tables_is_told_how_they_come_there(role, opened, caplog):
    with pytest.raises(DBAPIError) as caught:
        opened(SQLAlchemyJobStore(role.url))
    one_sentence(caught.value, "may not make", "ddl()", "CREATE")
    kind = ProgrammingError if role.kind == "postgresql" else OperationalError
    assert isinstance(caught.value, kind)  # as 3.x had it
    # What the sentence says to do.
    engine = create_engine(role.owner)
    statements = SQLAlchemyJobStore(role.owner).ddl()
    with engine.begin() as connection:
        for statement in statements.split(";\n"):
            connection.execute(text(statement.rstrip(";")))
    engine.dispose()
    with pytest.raises(DBAPIError) as caught:
        SQLAlchemyJobStore(role.url, create_tables=False).start(None, "default")
    one_sentence(caught.value, "GRANT SELECT, INSERT, UPDATE, DELETE")
    role.grant("SELECT, INSERT, UPDATE, DELETE")
    caplog.clear()
    works(opened(SQLAlchemyJobStore(role.url)))
    assert told(caplog) == []


@pytest.mark.parametrize("role", SERVERS, indirect=True)
def test_a_role_that_may_not_change_tables_works_and_is_told_what_is_off(role, opened, caplog):
    opened(SQLAlchemyJobStore(role.owner)).shutdown()
    prefix = f"{role.name}."
    role.do(f"DELETE FROM {prefix}apscheduler_jobs_state WHERE name LIKE 'addition %'")
    role.grant("SELECT, INSERT, UPDATE, DELETE")
    caplog.clear()
    works(opened(SQLAlchemyJobStore(role.url)))
    assert len(told(caplog)) <= 1  # its columns are there, so nothing may be off
    for said in told(caplog):
        one_sentence(Exception(said), "off is")


@pytest.mark.parametrize("role", SERVERS, indirect=True)
def test_a_role_that_may_only_read_is_one_line_in_ten_seconds_and_can_look(role, opened, caplog):
    scheduler = opened(SQLAlchemyJobStore(role.owner))
    works(scheduler)
    scheduler.shutdown()
    role.grant("SELECT")
    caplog.clear()
    scheduler = opened(SQLAlchemyJobStore(role.url))
    for _ in range(5):
        scheduler.advance(20)
    assert [job.id for job in scheduler.get_jobs()] == ["a"]
    assert len(scheduler.get_runs("a")) == 2
    (said,) = told(caplog)
    one_sentence(Exception(said), "may not read and write", "GRANT")


@pytest.mark.parametrize("role", SERVERS, indirect=True)
def test_a_leader_lock_that_may_not_be_written_is_one_line(role, opened, caplog):
    opened(SQLAlchemyJobStore(role.owner)).shutdown()
    role.grant("SELECT")
    caplog.clear()
    scheduler = ManualScheduler(
        jobstores={"default": SQLAlchemyJobStore(role.url)},
        clock=FakeClock(),
        timezone="UTC",
        leader_lock="default",
    )
    scheduler.start()
    for _ in range(5):
        scheduler.advance(20)
    scheduler.shutdown()
    told_anywhere = [each for each in caplog.records if each.levelno >= logging.WARNING]
    (said,) = (each.getMessage() for each in told_anywhere)
    one_sentence(Exception(said), "may not read and write", "GRANT")


@pytest.mark.parametrize("role", ["postgresql"], indirect=True)
def test_a_role_whose_transactions_only_read_is_told_so(role, opened, caplog):
    role.do(
        f"ALTER ROLE {role.name} SET default_transaction_read_only = on",
        f"GRANT CREATE ON SCHEMA {role.name} TO {role.name}",
    )
    with pytest.raises(InternalError) as caught:
        opened(SQLAlchemyJobStore(role.url))
    one_sentence(caught.value, "may only be read", "default_transaction_read_only")
    opened(SQLAlchemyJobStore(role.owner)).shutdown()
    role.grant("ALL")
    caplog.clear()
    scheduler = opened(SQLAlchemyJobStore(role.url))
    scheduler.advance(20)
    with pytest.raises(InternalError) as caught:
        scheduler.add_job("os:getpid", "interval", seconds=10)
    one_sentence(caught.value, "may only be read")
    (said,) = told(caplog)
    one_sentence(Exception(said), "may only be read")


@pytest.mark.serial
@pytest.mark.parametrize("role", ["mariadb"], indirect=True)
def test_a_server_of_mariadb_that_is_read_only_is_told_so(role, opened, caplog):
    opened(SQLAlchemyJobStore(role.owner)).shutdown()
    role.grant("ALL")
    role.do("SET GLOBAL read_only = 1")
    try:
        caplog.clear()
        scheduler = opened(SQLAlchemyJobStore(role.url))
        scheduler.advance(20)
        (said,) = told(caplog)
        one_sentence(Exception(said), "may only be read", "read_only")
        with pytest.raises(OperationalError) as caught:
            opened(SQLAlchemyJobStore(role.url, tablename="others"))
        one_sentence(caught.value, "may only be read", "read_only")
    finally:
        role.do("SET GLOBAL read_only = 0")


@pytest.mark.parametrize("role", ["postgresql"], indirect=True)
@pytest.mark.parametrize("path", ["''", "nonesuch"])
def test_an_empty_search_path_is_told_so(role, path, opened):
    role.do(f"ALTER ROLE {role.name} SET search_path = {path}")
    with pytest.raises(ProgrammingError) as caught:
        opened(SQLAlchemyJobStore(role.url))
    one_sentence(caught.value, "search_path", "ALTER ROLE")
    # The other way out.
    role.do(f"GRANT CREATE ON SCHEMA {role.name} TO {role.name}")
    works(opened(SQLAlchemyJobStore(role.url, tableschema=role.name)))


@pytest.mark.parametrize("role", ["postgresql"], indirect=True)
def test_a_schema_that_is_not_there_is_told_so(role, opened):
    with pytest.raises(ProgrammingError) as caught:
        opened(SQLAlchemyJobStore(role.url, tableschema="nonesuch"))
    one_sentence(caught.value, "tableschema", '"nonesuch"')


# -- files of SQLite ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["mode=ro", "mount"])
def test_a_file_that_may_only_be_read_is_one_line_in_ten_seconds_and_can_be_looked_at(
    how, tmp_path, opened, caplog
):
    path = tmp_path / "a.sqlite"
    scheduler = opened(SQLAlchemyJobStore(f"sqlite:///{path}"))
    works(scheduler)
    scheduler.shutdown()
    sqlite3.connect(tmp_path / "empty.sqlite").close()

    def looked_at(url):
        caplog.clear()
        scheduler = opened(SQLAlchemyJobStore(url.format("a.sqlite")))
        for _ in range(5):
            scheduler.advance(20)
        assert [job.id for job in scheduler.get_jobs()] == ["a"]
        (said,) = told(caplog)
        one_sentence(Exception(said), "may only be read", "writable")
        with pytest.raises(OperationalError) as caught:
            opened(SQLAlchemyJobStore(url.format("empty.sqlite")))
        one_sentence(caught.value, "may only be read", "writable")
        scheduler.shutdown()

    if how == "mode=ro":
        looked_at(f"sqlite:///file:{tmp_path}/{{}}?mode=ro&uri=true")
    else:
        with only_readable(tmp_path):
            looked_at(f"sqlite:///{tmp_path}/{{}}")


def test_a_file_that_is_none_is_told_so(tmp_path, opened):
    (tmp_path / "text").write_text("this is no database, and long enough to be seen as none\n" * 20)
    for path, kind, words in (
        ("none/x.sqlite", OperationalError, "folder that exists"),
        (".", OperationalError, "folder that exists"),
        ("text", DatabaseError, "no SQLite database"),
    ):
        with pytest.raises(kind) as caught:
            opened(SQLAlchemyJobStore(f"sqlite:///{tmp_path}/{path}"))
        one_sentence(caught.value, words)
    asked = CliRunner().invoke(main, ["doctor", "--store", f"sqlite:///{tmp_path}/text"])
    (line,) = [line for line in asked.output.splitlines() if "could not be looked at" in line]
    assert "no SQLite database" in line


# -- the doctor ---------------------------------------------------------------------------------------------------------


def doctor_of(url) -> list[str]:
    """Return what is wrong with a store, each finding and its remedy in one line."""
    if not isinstance(url, str):
        url = url.render_as_string(hide_password=False)
    lines = CliRunner().invoke(main, ["doctor", "--store", url]).output.splitlines()
    return [
        f"{line} {lines[at + 1].strip()}"
        for at, line in enumerate(lines)
        if line.startswith("WRONG") and "time zones" not in line  # the system's may be outdated
    ]


@pytest.mark.parametrize("role", ["postgresql"], indirect=True)
def test_the_doctor_says_what_a_role_may_not_do(role, opened):
    opened(SQLAlchemyJobStore(role.owner)).shutdown()
    assert doctor_of(role.owner) == []
    role.grant("SELECT")
    (said,) = doctor_of(role.url)
    assert "may not read and write the tables" in said
    assert "GRANT SELECT, INSERT, UPDATE, DELETE" in said
    role.grant("ALL")
    assert doctor_of(role.url) == []
    role.do(f"ALTER ROLE {role.name} SET default_transaction_read_only = on")
    (said,) = doctor_of(role.url)
    assert "may only be read" in said
    assert "primary server" in said


def test_the_doctor_says_that_an_encoding_keeps_no_text(opened):
    with database_in("SQL_ASCII") as url:
        opened(SQLAlchemyJobStore(url)).shutdown()
        (said,) = doctor_of(url)
        assert "SQL_ASCII" in said
        assert "ENCODING 'UTF8'" in said


def test_the_doctor_says_that_a_file_may_only_be_read(tmp_path, opened):
    url = f"sqlite:///{tmp_path}/a.sqlite"
    opened(SQLAlchemyJobStore(url)).shutdown()
    assert doctor_of(url) == []
    with only_readable(tmp_path):
        (said,) = doctor_of(url)
        assert "may only be read" in said
        assert "writable" in said


# -- the one place ------------------------------------------------------------------------------------------------------


def test_an_error_keeps_its_class_and_what_the_driver_said(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/none/x.sqlite")
    with pytest.raises(OperationalError) as caught:
        engine.connect()
    error, before = caught.value, caught.value.orig
    for _ in range(2):
        remedies.put(error)
        one_sentence(error, remedies.NO_FILE.sentence, "(unable to open database file)")
        assert str(error).count("unable to open") == 1
    assert error.orig is before
    assert remedies.cause_of(error) == remedies.NO_FILE.cause


def test_a_file_that_was_moved_away_is_not_called_one_that_may_only_be_read(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/a.sqlite")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE a (b)"))
        connection.commit()
        (tmp_path / "a.sqlite").rename(tmp_path / "b.sqlite")
        with pytest.raises(OperationalError, match="readonly") as caught:
            connection.execute(text("INSERT INTO a VALUES (1)"))
    engine.dispose()
    assert caught.value.orig.sqlite_errorname == "SQLITE_READONLY_DBMOVED"
    assert remedies.remedy_for(caught.value) is None


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("jobs.db", "sqlite:///jobs.db"),
        ("./jobs.db", "sqlite:///./jobs.db"),
        ("/var/jobs.sqlite", "sqlite:////var/jobs.sqlite"),
        ("C:/jobs.db", "sqlite:///C:/jobs.db"),
        ("jobs", "sqlite:///jobs"),
        (Path("jobs.db"), "sqlite:///jobs.db"),
        ("localhost:5432/jobs.db", None),
        ("root@localhost/jobs.db", None),
        ("jobs.db?mode=ro", None),
        ("mysql://localhost/jobs.db", None),
        ("a b", None),
        ("  ", None),
        (b"jobs.db", None),
        (None, None),
    ],
)
def test_what_is_the_path_of_a_file_and_what_is_none(given, address):
    assert file_address(given) == address


def test_an_error_that_is_not_known_stays_as_it_is():
    error = ValueError("any")
    remedies.put(error)
    assert str(error) == "any"
    assert remedies.cause_of(error) is None


def test_a_known_cause_is_one_line_whoever_meets_it(caplog):
    troubles = Troubles(cause_of=lambda exc: "the same" if isinstance(exc, OSError) else None)
    for text_ in ("The heartbeat failed", "The ledger failed", "The heartbeat failed"):
        troubles.tell(text_, OSError("full"))
        troubles.tell(text_, ValueError("another"))
    assert told(caplog) == [
        "The heartbeat failed: OSError: full",
        "The heartbeat failed: ValueError: another",
        "The ledger failed: ValueError: another",
    ]


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_what_a_driver_raises_for_many_rows_is_an_error_of_sqlalchemy(kind, tmp_path):
    """Else nobody would know a deadlock from a fault of ours."""
    place = Place(kind, tmp_path)
    mark = "?" if kind == "sqlite" else "%s"
    with place.engine().connect() as connection, pytest.raises(DBAPIError) as caught:
        many(connection, f"INSERT INTO nonesuch VALUES ({mark})", [(1,), (2,)])
    assert "nonesuch" in str(caught.value.orig)
    place.close()
