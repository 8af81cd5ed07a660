"""The real databases that tests talk to, and tables of their own in them."""

from __future__ import annotations

import functools
import os
import secrets

import pytest
from sqlalchemy import MetaData, create_engine, inspect, text

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

URLS = {
    "postgresql": os.environ.get(
        "TICKWRIGHT_TEST_POSTGRESQL", "postgresql+psycopg://root@127.0.0.1:5432/test"
    ),
    "mariadb": os.environ.get(
        "TICKWRIGHT_TEST_MARIADB", "mysql+pymysql://root@127.0.0.1:3306/test"
    ),
}
SERVERS = tuple(URLS)
KINDS = ("sqlite-memory", "sqlite", *SERVERS)
SHARED = ("sqlite", *SERVERS)


@functools.cache
def _why_not(kind: str) -> str | None:
    try:
        engine = create_engine(URLS[kind], connect_args={"connect_timeout": 5})
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        engine.dispose()
    except Exception as exc:
        return f"{kind} does not answer at {URLS[kind]}: {exc}"
    return None


def require(kind: str) -> None:
    """Skip where a server is not there; with REQUIRE_SERVICES=1 that is a failure."""
    reason = _why_not(kind) if kind in URLS else None
    if reason is not None:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


class Place:
    """Where the tables of one test are; makes any number of stores on them, and removes them in the end."""

    def __init__(self, kind: str, folder) -> None:
        require(kind)
        self.kind = kind
        self.table = f"t_{secrets.token_hex(6)}"
        self.url = {
            "sqlite-memory": "sqlite://",
            "sqlite": f"sqlite:///{folder}/{self.table}.sqlite",
            **URLS,
        }[kind]
        self._engines = []

    def store(self, **options):
        return SQLAlchemyJobStore(self.url, tablename=self.table, **options)

    def engine(self):
        engine = create_engine(self.url)
        self._engines.append(engine)
        return engine

    def rows(self, statement: str, **values):
        """Return rows of a statement in which ``{t}`` is the job table's name."""
        with self.engine().connect() as connection:
            return connection.execute(text(statement.format(t=self.table)), values).all()

    def change(self, statement: str, **values) -> None:
        with self.engine().begin() as connection:
            connection.execute(text(statement.format(t=self.table)), values)

    def close(self) -> None:
        if self.kind != "sqlite-memory":
            engine = self.engine()
            names = [
                name for name in inspect(engine).get_table_names() if name.startswith(self.table)
            ]
            found = MetaData()
            found.reflect(engine, only=names)
            found.drop_all(engine)
        for engine in self._engines:
            engine.dispose()


class PlaceOn(Place):
    """A place at another address than the shared servers'."""

    def __init__(self, kind, url) -> None:
        super().__init__("sqlite-memory", None)
        self.kind, self.url = kind, url
