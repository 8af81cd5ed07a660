"""The tables of a SQL store: 3.x's one, untouched in shape, and our own beside it.

<jobs>          id, next_run_time, job_state      as 3.x makes it; the column decides when a job is due
<jobs>_meta     generation of jobs that were changed or added again (absent: 0)
<jobs>_runs     the ledger: one row per fire time, from its claim to its outcome
<jobs>_nodes    schedulers that claim here, and their leases
<jobs>_leader   which of them leads, where a scheduler was given leader_lock
<jobs>_schema   which of our migration steps were made; a step that a version does not know locks it out
<jobs>_state    facts about the store by name, among them which additions were made (see additions.py)
"""

from __future__ import annotations

import re
from hashlib import blake2b

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Unicode,
    text,
)
from sqlalchemy.dialects import mysql

from apscheduler.history.states import FINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

ZONE_DATA: Final = "zone data"
"""Name of the state table's row: the version of the zone data that next fire times were last computed with."""

AT_MOST_ONCE: Final = 0
AT_LEAST_ONCE: Final = 1

HOST_COLUMNS: Final = ("version", "machine", "boot", "pid_space", "pid_started")
"""Columns of nodes, made by an addition: the node's version, machine, boot, process id namespace and process start."""

PERMITTED: Final = "permitted_us"
"""Column of runs, made by an addition: the row of a catch-up's last fire time says up to which one it may have come."""

_NAME = re.compile(r"[^\W\d][\w$]{0,49}\Z", re.ASCII)
_UNFIT = frozenset("%:\\")
"""Characters that mean something in SQL statements that are written as text."""
_SHORTENED = 40
_LONGEST = {"postgresql": 63, "mysql": 64}


def _on_mysql(kind: Any, variant: Any) -> Any:
    """Return a type that is another one on MySQL and MariaDB (SQLAlchemy 1.4 takes only one dialect per call)."""
    return kind.with_variant(variant, "mysql").with_variant(variant, "mariadb")


_LONG_BLOB = _on_mysql(LargeBinary(), mysql.LONGBLOB())
_LONG_TEXT = _on_mysql(Text(), mysql.MEDIUMTEXT(charset="utf8mb4"))


def _id() -> Any:
    binary = mysql.VARCHAR(191, charset="utf8mb4", collation="utf8mb4_bin")
    return _on_mysql(Unicode(191), binary)


def _added(name: str, type_: Any) -> Column[Any]:
    """Return a column that an addition makes: ``system`` keeps it out of CREATE TABLE."""
    return Column(name, type_, system=True)


def checked_table(name: Any) -> str:
    """Check and return the name of the job table: as in 3.x, any name that databases take.

    :raises TypeError: if it is no text
    :raises ValueError: if it is empty, or has control characters, ``%``, ``:`` or a backslash
    """
    if not isinstance(name, str):
        raise TypeError(f"tablename is a text, not {name!r}")
    if not name.strip() or not name.isprintable() or set(name) & _UNFIT:
        raise ValueError(
            f"tablename cannot be {name!r}: a table's name has no control characters, no %, no : and no backslash, and is "
            "not empty; give for example 'apscheduler_jobs'"
        )
    return name


def check_length(name: str, kind: str) -> None:
    """Check that a database takes the job table's name whole.

    :param kind: ``"sqlite"``, ``"postgresql"`` or ``"mysql"`` (MariaDB too)
    :raises ValueError: if it would be cut or refused
    """
    size = len(name.encode("utf-8", "surrogatepass")) if kind == "postgresql" else len(name)
    if size > _LONGEST.get(kind, size):
        raise ValueError(
            f"tablename {name!r} has {size} {'bytes' if kind == 'postgresql' else 'characters'}, and this database takes "
            f"{_LONGEST[kind]}: give a shorter one"
        )


def own_name(name: str) -> str:
    """Return what the names of our tables begin with: the job table's name, or a plain and short one made of it.

    Databases cut or refuse names of more than 63 bytes, and ours are longer than that of the job table.
    """
    if _NAME.match(name):
        return name
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)[:_SHORTENED]
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{'t' if plain[0].isdigit() else ''}{plain}_{digest}"


def checked_schema(name: str) -> str:
    """Check and return a schema's name, which becomes part of statements.

    :raises ValueError: if it is not a plain identifier of at most 50 characters
    """
    if not _NAME.match(str(name)):
        raise ValueError(
            "tableschema must be a plain identifier (letters, digits, _ and $, at most 50 of them, no digit first), "
            f"not {name!r}"
        )
    return name


def jobs_table(metadata: MetaData, name: str, schema: str | None) -> Table:
    """Return 3.x's table; one that the metadata has already is taken as it is, further columns included."""
    key = name if schema is None else f"{schema}.{name}"
    if key in metadata.tables:
        return metadata.tables[key]
    precise = _on_mysql(Float(25), mysql.DOUBLE())
    return Table(
        name,
        metadata,
        Column("id", _id(), primary_key=True),
        Column("next_run_time", precise, index=True),
        Column("job_state", _LONG_BLOB, nullable=False),
        schema=schema,
    )


def plain_jobs_table(metadata: MetaData | None, name: str, schema: str | None, on: str) -> Table:
    """Return 3.x's table alone, for a database in which there is nothing else of ours.

    :param on: the name of its dialect
    """
    table = jobs_table(MetaData() if metadata is None else metadata, name, schema)
    if on == "oracle":  # which has no FLOAT of a decimal precision, so that 3.11.3 cannot make it
        from sqlalchemy.dialects import oracle

        exact: Any = oracle.FLOAT
        column = table.c.next_run_time
        column.type = column.type.with_variant(exact(binary_precision=53), "oracle")
    return table


class Tables:
    """The tables of one store.

    :ivar name: that of the job table
    :ivar own: what the names of our tables begin with
    :ivar jobs: 3.x's table
    :ivar additions: the numbers of the additions that the store has; known from its start on
    :ivar zone_data: the version of the zone data that its start has read; ``None`` if it has read none
    :param partial_indexes: whether the database has indexes over some of the rows
    """

    def __init__(
        self, name: str, schema: str | None, metadata: MetaData | None, *, partial_indexes: bool
    ) -> None:
        self._partial_indexes = partial_indexes
        self.additions: frozenset[int] = frozenset()
        self.zone_data: str | None = None
        self.name = checked_table(name)
        self.own = own_name(name)
        self.schema = None if schema is None else checked_schema(schema)
        self.jobs = jobs_table(metadata if metadata is not None else MetaData(), name, schema)
        own = MetaData()
        self.meta = self._meta(own)
        self.runs = self._runs(own)
        self.nodes = self._nodes(own)
        self.leader = Table(
            f"{self.own}_leader",
            own,
            Column("name", Unicode(20), primary_key=True),
            Column("epoch", BigInteger, nullable=False),
            Column("node_name", Unicode(120), nullable=False),
            Column("token", BigInteger, nullable=False),
            schema=schema,
        )
        self.versions = Table(
            f"{self.own}_schema",
            own,
            Column("step", Integer, primary_key=True, autoincrement=False),
            Column("made_us", BigInteger, nullable=False),
            schema=schema,
        )
        self.state = Table(
            f"{self.own}_state",
            own,
            Column("name", Unicode(40), primary_key=True),
            Column("number", BigInteger),
            Column("text", _LONG_TEXT),
            schema=schema,
        )

    def _meta(self, own: MetaData) -> Table:
        return Table(
            f"{self.own}_meta",
            own,
            Column("job_id", _id(), primary_key=True),
            Column("generation", BigInteger, nullable=False),
            Column("born", BigInteger, nullable=False),
            schema=self.schema,
        )

    def _runs(self, own: MetaData) -> Table:
        table = Table(
            f"{self.own}_runs",
            own,
            Column("job_id", _id(), primary_key=True),
            Column("generation", BigInteger, primary_key=True, autoincrement=False),
            Column("kind", SmallInteger, primary_key=True, autoincrement=False),
            Column("fire_us", BigInteger, primary_key=True, autoincrement=False),
            Column("state", SmallInteger, nullable=False),
            Column("token", Integer, nullable=False),
            Column("node", BigInteger, nullable=False),
            Column("node_name", Unicode(120), nullable=False),
            Column("batch", BigInteger, nullable=False),
            Column("lead", BigInteger, nullable=False),
            Column("attempt", SmallInteger, nullable=False),
            Column("delivery", SmallInteger, nullable=False),
            Column("count", Integer, nullable=False),
            Column("last_us", BigInteger),
            Column("seq", BigInteger, nullable=False),
            Column("claimed_us", BigInteger, nullable=False),
            Column("started_us", BigInteger),
            Column("finished_us", BigInteger),
            Column("late_word", SmallInteger, nullable=False, server_default="0"),
            Column("reason", _LONG_TEXT),
            Column("error", _LONG_TEXT),
            Column("traceback", _LONG_TEXT),
            Column("result", _LONG_TEXT),
            Column("job_state", _LONG_BLOB),
            _added(PERMITTED, BigInteger()),
            schema=self.schema,
        )
        Index(f"ix_{self.own}_runs_seq", table.c.seq)
        if self._partial_indexes:
            live = text(f"state < {FINAL}")
            name = f"ix_{self.own}_runs_live"
            Index(name, table.c.job_id, postgresql_where=live, sqlite_where=live)
        else:
            Index(f"ix_{self.own}_runs_state", table.c.state, table.c.job_id)
        return table

    def _nodes(self, own: MetaData) -> Table:
        return Table(
            f"{self.own}_nodes",
            own,
            Column("epoch", BigInteger, primary_key=True, autoincrement=False),
            Column("name", Unicode(120), nullable=False),
            Column("pid", BigInteger, nullable=False),
            Column("beat", BigInteger, nullable=False),
            Column("batch", BigInteger, nullable=False),
            Column("lease_us", BigInteger, nullable=False),
            Column("lease_until", BigInteger, nullable=False),
            Column("started_us", BigInteger, nullable=False),
            *(_added(name, Unicode(64)) for name in HOST_COLUMNS),
            schema=self.schema,
        )
