"""A SQL store on a database for which there is no claim protocol: 3.x's table in 3.x's way, for one scheduler process.

SQLAlchemy supports many databases (DuckDB, CockroachDB, Oracle, SQL Server, DB2); the protocol of claims is written and
tested for three kinds. On any other database the eight methods of 3.x do what they did in 3.x, with its table alone.
They use standard SQL, which each dialect of SQLAlchemy has. The scheduler adds the claims, as it does for every plain
store (``jobstores/_plain/claims.py``).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC
from functools import cache

from sqlalchemy import inspect, select, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from apscheduler._engine.instants import SECOND, from_us, to_us
from apscheduler.jobstores._pickled.store import Entry, PickledJobStore
from apscheduler.jobstores._rows import as_read, from_float, id_text, is_time, to_float
from apscheduler.jobstores._sql.connection.remedies import put
from apscheduler.jobstores.base import (
    ConflictingIdError,
    JobLookupError,
    SharedJobStore,
    due_order,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection, Engine

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.connection.addresses import Secrets

_HALF_A_MICROSECOND = 0.5 / SECOND


class PlainWays(PickledJobStore):
    """What a store does on any database other than PostgreSQL, MariaDB, MySQL and SQLite.

    :ivar engine: of SQLAlchemy
    """

    claims = False
    paced = False
    _ready = False

    # The answers of a store that nobody shares and that keeps no ledger.
    adopt = SharedJobStore.adopt
    knows = SharedJobStore.knows
    last_word = SharedJobStore.last_word
    leader_lock = SharedJobStore.leader_lock
    live_runs = SharedJobStore.live_runs
    nodes = SharedJobStore.nodes
    waiting_for_start = SharedJobStore.waiting_for_start
    withdraw = SharedJobStore.withdraw

    engine: Engine
    jobs_t: Table
    _secrets: Secrets
    _create: bool
    _is_made = False
    _pid: int

    # -- life -----------------------------------------------------------------------------------------

    def start(self, scheduler: Any, alias: str) -> None:
        PickledJobStore.start(self, scheduler, alias)
        self._logger.warning(
            "This job store is on %s, for which there is no claim protocol: it works in the plain way of APScheduler 3, "
            "for one scheduler process. Missing are sharing it, recovering what a process that died held, and a ledger "
            "that outlives the process; these need PostgreSQL, MariaDB, MySQL or SQLite",
            self.engine.dialect.name,
        )
        if self._create:
            self._use_own_connections()
            try:
                self.jobs_t.create(self.engine, checkfirst=True)
            except BaseException as exc:
                self._secrets.mask_in(exc)
                raise
        self._is_made = True

    def complete_start(self, scheduler: Any, alias: str) -> None:
        """Do nothing: this store works even if a subclass's ``start`` does not call ours."""

    def shutdown(self) -> None:
        self.engine.dispose()

    def forked(self) -> None:
        self._use_own_connections()

    def tell_trouble(self, text: str, exc: Exception) -> bool:
        put(exc)
        self._secrets.mask_in(exc)
        return False

    def ddl(self) -> str:
        from sqlalchemy.schema import CreateIndex, CreateTable

        parts: list[Any] = [CreateTable(self.jobs_t), *map(CreateIndex, self.jobs_t.indexes)]
        return "\n".join(f"{str(part.compile(self.engine)).strip()};" for part in parts)

    def _use_own_connections(self) -> None:
        if self._pid != os.getpid():  # those that were made in the parent process are the parent's
            self._pid = os.getpid()
            self.engine.dispose(close=False)

    # -- finding ---------------------------------------------------------------------------------------

    def lookup_job(self, job_id: str) -> Job | None:
        found = self._entries(self.jobs_t.c.id == job_id)
        if not found:
            self._forget(job_id)
        jobs = self._restored(found)
        return jobs[0] if jobs else None

    def get_due_jobs(self, now: datetime) -> list[Job]:
        # We write the double that is nearest to the microsecond; 3.x's arithmetic may give one beside it.
        latest = to_us(now) / SECOND + _HALF_A_MICROSECOND
        column = self.jobs_t.c.next_run_time
        return due_order(self._restored_due(self._entries(column <= latest)))

    def get_next_run_time(self) -> datetime | None:
        # Quarantined jobs are passed over: one row more than there are of them is enough to find another job.
        columns = self.jobs_t.c
        statement = (
            select(columns.id, columns.next_run_time)
            .where(columns.next_run_time.is_not(None))
            .order_by(columns.next_run_time)
            .limit(len(self._notes) + 1)
        )
        for job_id, moment in self._all(statement):
            if job_id not in self._notes and is_time(moment):
                return from_us(from_float(moment), UTC)
        return None

    def get_all_jobs(self) -> list[Job]:
        entries = self._entries()
        self._forget_all_but({entry.id for entry in entries})
        return due_order(self._restored(entries))

    def _is_there(self) -> bool:
        """Return whether the table is there: a store that is only read does not make it."""
        if not self._is_made:
            self._use_own_connections()
            with self.engine.connect() as connection:
                found = inspect(connection).has_table(self.jobs_t.name, self.jobs_t.schema)
            self._is_made = bool(found)
        return self._is_made

    def _entries(self, *conditions: Any) -> list[Entry]:
        if not self._is_there():
            return []
        columns = self.jobs_t.c
        as_it_is = type_coerce(columns.job_state, NullType())
        rows = self._all(select(columns.id, as_it_is, columns.next_run_time).where(*conditions))
        return [
            Entry(
                *(id_text(id), as_read(state)),
                None if moment is None or not is_time(moment) else float(moment),
            )
            for id, state, moment in rows
        ]

    def _all(self, statement: Any) -> Sequence[Any]:
        self._use_own_connections()
        with self.engine.connect() as connection:
            found: Sequence[Any] = connection.execute(statement).all()
            return found

    # -- changing ----------------------------------------------------------------------------------------

    def add_job(self, job: Job) -> None:
        values = self._values(job)
        self._use_own_connections()
        try:
            with self.engine.begin() as connection:
                if self._has(connection, job.id):
                    raise ConflictingIdError(job.id)
                connection.execute(self.jobs_t.insert().values(id=job.id, **values))
        except DBAPIError as exc:
            if self._all(select(self.jobs_t.c.id).where(self.jobs_t.c.id == job.id)):
                raise ConflictingIdError(job.id) from exc
            raise
        self._forget(job.id)

    def update_job(self, job: Job) -> None:
        values = self._values(job)
        with self._changing(job.id) as connection:
            of_job = self.jobs_t.c.id == job.id
            connection.execute(self.jobs_t.update().where(of_job).values(**values))

    def remove_job(self, job_id: str) -> None:
        with self._changing(job_id) as connection:
            connection.execute(self.jobs_t.delete().where(self.jobs_t.c.id == job_id))

    def remove_all_jobs(self) -> None:
        self._use_own_connections()
        with self.engine.begin() as connection:
            connection.execute(self.jobs_t.delete())
        self._forget_all_but(())

    def _values(self, job: Job) -> dict[str, Any]:
        state = self._pickled(job.__getstate__())
        return {"next_run_time": to_float(job._due), "job_state": state}

    @contextmanager
    def _changing(self, job_id: str) -> Iterator[Connection]:
        """Enter a transaction that changes a job. Look for it first, as not every driver counts the changed rows.

        :raises JobLookupError: if there is no such job
        """
        self._use_own_connections()
        with self.engine.begin() as connection:
            if not self._has(connection, job_id):
                raise JobLookupError(job_id)
            yield connection
        self._forget(job_id)

    def _has(self, connection: Connection, job_id: str) -> bool:
        found = select(self.jobs_t.c.id).where(self.jobs_t.c.id == job_id)
        return connection.execute(found).first() is not None


def become_plain(
    store: Any, face: type[SharedJobStore], table: Table, pickle_protocol: int, *, create: bool
) -> None:
    """Turn a store into a plain one. Called by its constructor.

    :param face: the class that users make a store of
    :param table: the job table
    :param create: whether its start makes the table
    """
    store.__class__ = _plain_class(type(store), face)
    store.pickle_protocol = pickle_protocol
    store._notes = {}
    store.jobs_t = table
    store._create = create
    store._pid = os.getpid()


def _plain_class(cls: type[SharedJobStore], face: type[SharedJobStore]) -> type[SharedJobStore]:
    """Return the class of a plain store that was made as a ``cls``."""
    plain = _plain_face(face)
    if cls is face:
        return plain
    # A user's subclass: its overrides come before our methods.
    return type(cls.__name__, (cls, plain), {"__module__": cls.__module__})


@cache
def _plain_face(face: type[SharedJobStore]) -> type[SharedJobStore]:
    """Return the class of a plain store that was made as the face itself."""
    return type(f"Plain{face.__name__}", (PlainWays, face), {"__module__": __name__})
