"""A job store in a SQL database that any number of scheduler processes may share: each fire time runs once.

It follows the claim protocol (docs/explanation/sharing-a-store.md). This module has the store's class; its parts are in
``_sql``. 3.x's table stays as 3.x makes it: stores written by 3.x are adopted as they are, and 3.x can read them
afterwards. Its column ``next_run_time`` says when a job is due; the pickled value is brought up to date at shutdown.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from weakref import WeakSet

from apscheduler import clocks

try:
    from sqlalchemy import case, literal, select, type_coerce
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.types import NullType
except ImportError as exc:
    raise ImportError(
        "SQLAlchemyJobStore needs SQLAlchemy 1.4 or newer: pip install 'tickwright[sqlalchemy]'"
    ) from exc

from apscheduler import ends
from apscheduler._engine.instants import AT_NEXT_START, NEVER, SECOND, to_us
from apscheduler.amounts import checked_number, read_pickle_protocol
from apscheduler.cluster.membership import Membership
from apscheduler.cluster.nodes import Node
from apscheduler.elsewhere import names_of_3x
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_QUARANTINED,
    EVENT_JOB_SKIPPED,
    EVENT_JOBSTORE_DOUBTED,
    JobExecutionEvent,
    JobSkippedEvent,
    QuarantineEvent,
    StoreDoubtEvent,
)
from apscheduler.forks import after_fork, look
from apscheduler.history import reasons
from apscheduler.job import Job
from apscheduler.jobstores._asking import Note, add_one_by_one, own_methods, revised
from apscheduler.jobstores._outlines import outlined
from apscheduler.jobstores._rows import (
    EARLIEST_SECONDS,
    LATEST_SECONDS,
    Times,
    as_read,
    from_float,
    id_text,
    is_time,
)
from apscheduler.jobstores._sql.changing.editing import Editing
from apscheduler.jobstores._sql.changing.hooks import Hooks
from apscheduler.jobstores._sql.changing.loading import Loader, Unloadable
from apscheduler.jobstores._sql.claiming.claims import OpenClaims, StoreClaim
from apscheduler.jobstores._sql.claiming.free_runs import FreeRuns
from apscheduler.jobstores._sql.claiming.outbox import Outbox
from apscheduler.jobstores._sql.claiming.passes import Claiming
from apscheduler.jobstores._sql.claiming.rights import LeaseOverError
from apscheduler.jobstores._sql.connection.addresses import Secrets, address_text
from apscheduler.jobstores._sql.connection.database import (
    Database,
    kind_of,
    leave_alone,
    make_engine,
)
from apscheduler.jobstores._sql.connection.engines import as_of_2, check_engine
from apscheduler.jobstores._sql.connection.remedies import AWAY, cause_of, put
from apscheduler.jobstores._sql.ending import in_time
from apscheduler.jobstores._sql.guarding.alone import SharingRefusedError, alone_on
from apscheduler.jobstores._sql.guarding.copies import Guard, StoreHeldError
from apscheduler.jobstores._sql.guarding.promotion import mark_in_doubt
from apscheduler.jobstores._sql.guarding.strangers import Strangers
from apscheduler.jobstores._sql.guarding.watching import SAID, Watching
from apscheduler.jobstores._sql.ledger import SQLLedger
from apscheduler.jobstores._sql.looking import Looking
from apscheduler.jobstores._sql.membership.leader import SQLLeaderLock
from apscheduler.jobstores._sql.membership.listening import Listener
from apscheduler.jobstores._sql.membership.nodes import SQLRoll
from apscheduler.jobstores._sql.schema.migrations import prepare, statements
from apscheduler.jobstores._sql.schema.tables import (
    Tables,
    check_length,
    checked_table,
    plain_jobs_table,
)
from apscheduler.jobstores._sql.session import Session, Sessions
from apscheduler.jobstores._sql.statements import statements_for
from apscheduler.jobstores._sql.zones.rezoning import Rezoning
from apscheduler.jobstores._sql.zones.stored import tell_outdated
from apscheduler.jobstores._troubles import Troubles
from apscheduler.jobstores.base import ClaimBatch, SharedJobStore
from apscheduler.jobstores.standing import pass_claims
from apscheduler.references import maybe_ref
from apscheduler.runs.claims import ALL
from apscheduler.serializers import PickleSerializer
from apscheduler.texts import line, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.cluster.leading import LeaderLock
    from apscheduler.history.outcomes import Outcome
    from apscheduler.history.rows import Run, RunQuery
    from apscheduler.jobstores._sql.guarding.identity import Identity
    from apscheduler.jobstores.base import ClaimRequest, Quarantined
    from apscheduler.jobstores.standing import Change, Revise
    from apscheduler.runs.claims import Claim, Result
    from apscheduler.serializers.base import Serializer

_PRUNE_SECONDS = 30.0
_TIMELESS_SECONDS = 10.0
"""Seconds between looks for rows whose next fire time is not a time. No claim reads such rows."""
_START_SECONDS = 150.0
"""Longest time of a statement that makes or changes tables, in seconds: another process may be doing the same."""
_END_SECONDS = 10.0
_SLOW_POLL = 5 * SECOND
"""Microseconds between looks at the store where notifications arrive."""


class RunLostError(RuntimeError):
    """The node that ran the job died, or lost its lease; whether the run ended is not known."""


def _check_amounts(
    lease: float,
    poll_interval: float,
    connect_timeout: float | None,
    answer_timeout: float | None,
    history: int | None,
    history_age: timedelta | None,
) -> None:
    """Check the options that are amounts of time or runs.

    :raises TypeError, ValueError: if one is not valid; the text names the option
    """
    seconds = "a number of seconds"
    if not checked_number("lease", lease, seconds) >= 1:
        raise ValueError(f"lease must be at least 1 second, not {lease!r}")
    if not checked_number("poll_interval", poll_interval, seconds) > 0:
        raise ValueError(f"poll_interval must be more than 0 seconds, not {poll_interval!r}")
    for name, value in (("connect_timeout", connect_timeout), ("answer_timeout", answer_timeout)):
        if value is not None and not checked_number(name, value, seconds) > 0:
            raise ValueError(f"{name} must be more than 0 seconds, not {value!r}")
    if history is not None:
        checked_number("history", history, "a whole number of runs, or None for no limit")
    if history_age is not None and not isinstance(history_age, timedelta):
        raise TypeError(
            f"history_age must be a timedelta, or None for no limit, not {history_age!r}"
        )


class SQLAlchemyJobStore(SharedJobStore):
    """Stores jobs, and what became of them, in a SQL database: PostgreSQL, MariaDB, MySQL or SQLite.

    On any other database of SQLAlchemy it is a plain store: 3.x's table alone, for one scheduler process, the ledger in
    memory. Of the new options only ``create_tables`` has a meaning there.

    :param url: a URL of SQLAlchemy (not needed with ``engine``)
    :param engine: an engine of SQLAlchemy, or a text reference to one
    :param tablename: name of the job table; those of the ledger and the nodes begin with it, or with a plain and short
        form of it where it is longer than 50 characters or no plain identifier
    :param metadata: a MetaData that may hold the job table already
    :param pickle_protocol: pickle protocol of jobs
    :param tableschema: schema of the tables
    :param engine_options: keyword arguments of ``create_engine()``
    :param serializer: how jobs become bytes (see :mod:`apscheduler.serializers`); pickles as 3.x writes them, if not
        given. New.
    :param create_tables: whether to create and migrate the tables at start; without, they are checked. New.
    :param lease: seconds without a heartbeat after which other nodes take over what this one held. New.
    :param history: how many finished runs the ledger keeps (``None``: no limit). New.
    :param history_age: how old they may become (``None``: no limit). New.
    :param keep_results: whether the ledger keeps what functions returned, as text. New.
    :param poll_interval: seconds until changes by other processes are seen where the database does not tell. New.
    :param connect_timeout: seconds within which a connection must be made; default: a third of the lease, at least 2.
        An ``engine`` of one's own keeps its driver's value, and so does what ``engine_options`` or the URL say. New.
    :param answer_timeout: seconds of silence after which a connection is broken, so that whoever asked gets an error;
        default: two thirds of the lease, at least 5. Calls that list jobs or runs wait six times as long. New.
    :param follow_zone_data: whether a start with newer zone data than jobs were planned with moves their next fire times
        where a zone's clock differs, and notes in the store which data is in use. New.
    :raises ValueError: without URL and engine, for a table's name that statements cannot contain, or for a schema's
        name that is not a plain identifier
    :raises ImportError: if no driver for the database is installed
    :raises sqlalchemy.exc.ArgumentError: if the address cannot be read, or names no database that is known
    :raises sqlalchemy.exc.MissingGreenlet: if the driver is one for coroutines (``AttributeError``: an async engine)
    """

    retry_interval = 1.0
    paced = True

    def __init__(
        self,
        url: str | None = None,
        engine: Any = None,
        tablename: str = "apscheduler_jobs",
        metadata: Any = None,
        pickle_protocol: int = pickle.HIGHEST_PROTOCOL,
        tableschema: str | None = None,
        engine_options: Mapping[str, Any] | None = None,
        *,
        serializer: Serializer | None = None,
        create_tables: bool = True,
        lease: float = 15.0,
        history: int | None = 100_000,
        history_age: timedelta | None = timedelta(days=30),
        keep_results: bool = False,
        poll_interval: float = 0.5,
        connect_timeout: float | None = None,
        answer_timeout: float | None = None,
        follow_zone_data: bool = True,
    ) -> None:
        super().__init__()
        _check_amounts(lease, poll_interval, connect_timeout, answer_timeout, history, history_age)
        connect = max(2.0, lease / 3) if connect_timeout is None else connect_timeout
        answer = max(5.0, lease * 2 / 3) if answer_timeout is None else answer_timeout
        if isinstance(engine, str) and "://" in engine:
            raise LookupError("engine= was given an address: an address goes into url=")
        if engine is not None:
            self.engine = maybe_ref(engine)
        elif url is not None:
            self.engine = make_engine(url, engine_options or {}, (connect, answer))
        else:
            raise ValueError("SQLAlchemyJobStore needs a url or an engine")
        check_engine(self.engine)
        self.engine = as_of_2(self.engine)
        self._secrets = Secrets(self.engine.url, engine_options or {})
        if kind_of(self.engine) is None:
            self._make_plain(
                tablename, tableschema, metadata, pickle_protocol, serializer, create_tables
            )
            return
        self._database = Database(
            self.engine,
            is_own=engine is None,
            statement_seconds=lease / 2,
            connect_seconds=connect,
            answer_seconds=answer,
        )
        self._database.watch.on_silence = self._silent
        self._end_seconds = min(lease, _END_SECONDS)
        self._create_tables = create_tables
        self._lease_us = round(lease * SECOND)
        self._history = history
        self._history_age = history_age
        self._poll_us = round(poll_interval * SECOND)
        self._pickle_protocol = read_pickle_protocol(pickle_protocol)
        self._troubles = Troubles(self._secrets.mask, cause_of)
        self._keep_results = keep_results
        self._follow_zone_data = follow_zone_data
        self._ready = False
        self._sessions = Sessions()
        self._open = OpenClaims()
        self._use_tables(
            *(tablename, tableschema, maybe_ref(metadata)),
            PickleSerializer(self._pickle_protocol) if serializer is None else serializer,
        )
        self.jobs_t = self._tables.jobs
        _living.add(self)

    def _use_tables(
        self, name: str, schema: str | None, metadata: Any, serializer: Serializer
    ) -> None:
        """Make the parts that work on the tables. A job table of this name in the metadata is used as it is."""
        check_length(checked_table(name), self._database.kind)
        partial = self._database.kind != "mysql"
        self._tables = Tables(name, schema, metadata, partial_indexes=partial)
        self._statements = statements_for(self._database, self._tables)
        self._loader = Loader(serializer, name, self._link, self._quarantined, self._revived)
        self._leader_lock = SQLLeaderLock(
            self._database, self._tables, lambda: self._membership, self._lease_us
        )
        self._hooks = Hooks(self, _OWN)
        self._loader.restorer = self._hooks.restorer
        self._loader.writes_itself = self._hooks.may_write
        self._ledger = SQLLedger(self._database, self._statements, "default")
        self._looking = Looking(self._database, self._statements, self._secrets.mask_in)
        self._listener = self._made_listener()
        self._editing = Editing(
            self._database,
            self._statements,
            self._loader,
            self._listener.notify,
            self._host_now,
            self.clock_offset,
        )

    def _heed_table(self) -> None:
        """Before the start, change to a job table that somebody has set as ``jobs_t`` instead of ours."""
        table = self.jobs_t
        if self._ready or table is self._tables.jobs:
            return
        self._use_tables(table.name, table.schema, table.metadata, self._loader.serializer)

    def _make_plain(
        self,
        tablename: str,
        tableschema: str | None,
        metadata: Any,
        pickle_protocol: int,
        serializer: Serializer | None,
        create_tables: bool,
    ) -> None:
        """Go on as a plain store, on a database for which there is no claim protocol."""
        if serializer is not None:
            raise ValueError(
                f"serializer= needs PostgreSQL, MariaDB, MySQL or SQLite, and this is {self.engine.dialect.name}: jobs "
                "are kept there as 3.x's pickles"
            )
        from apscheduler.jobstores._sql.plain import become_plain

        name = checked_table(tablename)
        jobs = plain_jobs_table(maybe_ref(metadata), name, tableschema, self.engine.dialect.name)
        protocol = read_pickle_protocol(pickle_protocol)
        become_plain(self, SQLAlchemyJobStore, jobs, protocol, create=create_tables)

    @property
    def pickle_protocol(self) -> int:
        """The protocol in which jobs are pickled from now on."""
        return self._pickle_protocol

    @pickle_protocol.setter
    def pickle_protocol(self, protocol: int) -> None:
        self._pickle_protocol = protocol
        loader = self.__dict__.get("_loader")
        if loader is not None and type(loader.serializer) is PickleSerializer:
            loader.serializer.protocol = protocol

    # -- life -----------------------------------------------------------------------------------------------

    def _made_listener(self) -> Listener:
        channel = f"tickwright_{self._tables.own}"
        return Listener(self._database, channel, self._changed, self._not_told)

    def look_as(self, scheduler: Any, alias: str) -> None:
        super().look_as(scheduler, alias)
        self._heed_table()
        self._ledger.alias = str(self._alias)

    def forked(self) -> None:
        leave_alone(self.__dict__.copy())
        self._database.forked()
        self._leader_lock.forked()
        self._troubles.forked()
        self._sessions.forked()
        if not self._ready:
            return
        self._ready = False
        self._guard.close()
        self._listener = self._made_listener()

    def start(self, scheduler: Any, alias: str) -> None:
        look()
        super().start(scheduler, alias)
        self._heed_table()
        self._troubles.logger = self._logger
        self._database.watch.start()
        try:
            with self._database.watch.named("start", _START_SECONDS), self._database.watch.call():
                said = prepare(self.engine, self._tables, create=self._create_tables)
                alone = alone_on(self._database)
        except BaseException as exc:
            put(exc)
            self._secrets.mask_in(exc)
            self._database.close()
            raise
        if alone is not None:
            said.append(alone.line)
        for each in said:
            self._logger.warning("%s", each)
        self._outbox = Outbox(
            self._database,
            self._statements,
            self._troubles.tell,
            keep_results=self._keep_results,
            patience=self._lease_us / SECOND,
        )
        self._outbox.catch_ups.on_waiting = self._changed
        self._outbox.catch_ups.give_back = self.give_back
        self._ledger.alias = alias
        self._guard = self._made_guard()
        self._roll = SQLRoll(
            self._database,
            self._statements,
            self._runs_closed,
            self._runs_freed,
            self._tend,
            self._guard.check,
            None if alone is None else alone.check,
        )
        if alone is not None:
            try:
                alone.wait(self._roll.listed, self._logger.warning)
            except BaseException:
                self._guard.close()
                self._database.close()
                raise
        self._membership = Membership(
            self._roll,
            self._lease_us,
            self._lease_us / SECOND / 3,
            self._clock,
            self._heartbeat_trouble,
        )
        self._membership.on_fenced = self._fenced
        strangers = Strangers(self._statements, self._loader)
        self._claiming = Claiming(
            self._database,
            self._statements,
            self._loader,
            self._outbox,
            self._membership,
            FreeRuns(
                self._database,
                self._statements,
                self._loader,
                self._membership,
                self._outbox.catch_ups,
            ),
            strangers,
            self._note_open,
            self._tell_passed,
        )
        self._watching = Watching(
            self._database,
            self._statements,
            strangers,
            self._membership,
            self._claiming,
            self._strangers_found,
        )
        self._claiming.on_committed = self._guard.committed
        self._begin_session()
        self._zones_seen = False
        self._pruned_at = clocks.monotonic()
        self._looked_for_timeless = 0.0
        self._wake_below = 0
        self._asked_at = 0
        self._ready = True
        with suppress(StoreHeldError):  # it is reported already
            self._guard.check()
        self._rezoning = self._made_rezoning()
        if self._guard.held is None:
            self._rezoning.start()
        self._listener.start()

    def _begin_session(self) -> None:
        """Gather what this start has made: an earlier one may still have runs that go on."""
        self._session = Session(self._outbox, self._membership, self._roll)
        self._open = self._session.open
        self._outbox.catch_ups.on_portion = self._open.add
        self._sessions.begin(self._session)
        self._database.watch.start()  # the earlier one may have signed off meanwhile, as the last one

    def _made_rezoning(self) -> Rezoning:
        made = Rezoning(
            self._database,
            self._statements,
            self._loader,
            self._editing,
            lambda: (self._membership.lease.epoch, self._membership.name),
            self._replanned,
            self._troubles.tell,
            self._logger,
        )
        made.is_on = made.is_on and self._follow_zone_data
        return made

    def complete_start(self, scheduler: Any, alias: str) -> None:
        """Start the store, if a subclass's ``start`` did not call this class's."""
        if not self._ready:
            SQLAlchemyJobStore.start(self, scheduler, alias)

    def shutdown(self) -> None:
        """Write what waits. Sign off and close pooled connections as soon as all runs that go on are settled.

        Returns within ten seconds, or a lease if that is less, even if the database does not answer. Threads try to
        write the rest for the length of a lease, and then end.
        """
        look()
        if not self._ready:
            return
        self._ready = False
        if self._database.is_private:
            self._end()  # in this thread: such a database may be this thread's only
        elif not in_time(self._end, self._end_seconds, "APScheduler store end"):
            self._database.watch.hurry()
            self._troubles.tell(
                f"Job store {self._alias!r} did not answer within {self._end_seconds:g} s at the shutdown; "
                "what could not be written is tried for a while, then other processes recover it",
                None,
            )

    def _end(self) -> None:
        self._listener.stop()
        try:
            self._claiming.doubts.close()
        except Exception as exc:  # noqa: BLE001 - other nodes recover the runs as orphans
            self._troubles.tell("What became of the last claims could not be asked", exc)
        self._end_catch_ups()
        self._session.drains = not self._database.is_private
        self._outbox.close()
        self._guard.close()
        self._rezoning.stop()
        self._write_back()
        self._membership.close(self._session.has_settled)

    def _session_of(self, claim: StoreClaim) -> Session:
        """Return the session that has claimed it: one that was shut down may have runs that go on."""
        lease, session = claim._lease, self._session
        return session if session.membership.lease is lease else self._sessions.of(lease, session)

    def withdraw(self) -> None:
        if not self._ready:
            return
        self._membership.lease.closing = True
        for claim in self._open_claims():
            begun = claim.begun
            if begun != ALL:
                self._give_back(claim, [fire for fire in claim.unsettled if fire != begun])
        self._end_catch_ups()

    def _end_catch_ups(self) -> None:
        """Give back the fire times of catch-ups that no executor has yet."""
        self._outbox.give_back_rests(self._outbox.catch_ups.end())

    def _open_claims(self) -> list[StoreClaim]:
        return self._open.alive()

    def last_word(self) -> None:
        look()  # in a child process none of them is its own
        sessions = self._sessions.all()
        claims = [claim for session in sessions for claim in session.open.alive()]
        for session in sessions:
            session.outbox.is_empty()
        names = sorted({name_of(claim.job) for claim in claims if claim.unsettled})
        if names:
            self._logger.warning(
                "The process ends while jobs run: %s. Those of at least once are free for others, the rest is lost",
                ", ".join(names),
            )
        for session in sessions:
            session.membership.leave()

    def _write_back(self) -> None:
        """Write the next fire times of the columns into the pickles, for 3.x to read."""
        moved, self._claiming.moved = self._claiming.moved, {}
        if not moved:
            return
        try:
            self._editing.write_back(moved)
            self._rezoning.last_look()
        except Exception as exc:  # noqa: BLE001 - the column stays right; only 3.x would read the pickle
            self._troubles.tell("Stored jobs could not be brought up to date for 3.x", exc)

    def ddl(self) -> str:
        """Return the statements that make the tables, for ``create_tables=False``. New."""
        return statements(self.engine, self._tables)

    def _clock(self) -> int:
        return clocks.now_us()

    def _host_now(self) -> int:
        scheduler = self._scheduler
        return self._clock() if scheduler is None else int(scheduler._now_us())

    def clock_offset(self) -> int:
        return self._membership.clock_offset() if self._ready else 0

    def _link(self, job: Job) -> None:
        job._scheduler = self._scheduler
        job._jobstore_alias = self._alias

    # -- 3.x's contract ----------------------------------------------------------------------------------------

    def lookup_job(self, job_id: str) -> Job | None:
        row = self._row_of(job_id)
        return None if row is None else self._loaded(*row)

    def _loaded(self, job_id: str, blob: Any, moment: Any, generation: Any = 0) -> Job | None:
        try:
            return self._whole(job_id, blob, moment, generation)
        except Unloadable:
            return None

    def _whole(self, id: str, blob: Any, moment: Any, generation: Any) -> Job:
        """Return the job of a row.

        :raises Unloadable: if it cannot be restored, or cannot be claimed
        """
        job = self._loader.load(id, blob, moment)
        self._loader.check_generation(id, generation)
        return job

    def _reconstitute_job(self, job_state: bytes) -> Job:
        """Return a job from its bytes (a name of 3.x's that other code uses)."""
        state = self._loader.state_of(job_state)
        job = Job.__new__(Job)
        job.__setstate__(state)
        self._link(job)
        return job

    def get_due_jobs(self, now: datetime) -> list[Job]:
        jobs = self._get_jobs(self.jobs_t.c.next_run_time <= to_us(now) / SECOND)
        return self._hooks.with_offered(jobs)

    def get_next_run_time(self) -> datetime | None:
        column = self.jobs_t.c.next_run_time
        with self._database.reading() as connection:
            moment = connection.scalar(
                select(column)
                .where(column >= EARLIEST_SECONDS, column <= LATEST_SECONDS)
                .order_by(column)
                .limit(1)
            )
        zone = getattr(self._scheduler, "timezone", None) or UTC
        return None if moment is None else Times().shown("next_run_time", from_float(moment), zone)

    def get_all_jobs(self) -> list[Job]:
        jobs = self._get_jobs()
        self._fix_paused_jobs_sorting(jobs)
        return jobs

    def waiting_for_start(self) -> list[Job]:
        table = self.engine.dialect.identifier_preparer.format_table(self.jobs_t)
        asked = f"SELECT 1 FROM {table} WHERE next_run_time = {AT_NEXT_START / SECOND} LIMIT 1"
        with self._database.reading() as connection:
            if connection.exec_driver_sql(asked).first() is None:  # almost always
                return []
        return self._get_jobs(self.jobs_t.c.next_run_time == AT_NEXT_START / SECOND)

    def _rows(self, *conditions: Any) -> list[tuple[Any, Any, Any, Any]]:
        """Return id, state, next fire time and generation of jobs in order, as the rows have them.

        Returns nothing if the store was not started and has no table of jobs.
        """
        if not (self._ready or self._looking.finds_jobs()):
            return []
        columns = self.jobs_t.c
        statement = (
            self._selected()
            .where(*conditions)
            .order_by(columns.next_run_time.is_(None), columns.next_run_time, columns.id)
        )
        with self._database.reading(patient=True) as connection:
            rows = connection.execute(statement)
            return [(id, as_read(blob), *rest) for id, blob, *rest in rows]

    def _selected(self) -> Any:
        """Return the SELECT for what :meth:`_rows` returns."""
        columns, meta = self.jobs_t.c, self._tables.meta.c
        as_it_is = type_coerce(columns.job_state, NullType())
        asked = (columns.id, as_it_is, columns.next_run_time)
        if not (self._ready or self._looking.finds_history()):
            return select(*asked, literal(0))
        kept = type_coerce(meta.generation, NullType())
        generation = case((meta.job_id.is_(None), 0), else_=kept)
        joined = self.jobs_t.outerjoin(self._tables.meta, meta.job_id == columns.id)
        return select(*asked, generation).select_from(joined)

    def _row_of(self, job_id: str) -> tuple[Any, Any, Any, Any] | None:
        if not (self._ready or self._looking.finds_history()):
            row = self._editing._states([job_id]).get(job_id)
            return None if row is None else (job_id, *row, 0)
        with self._database.reading() as connection:
            found = connection.execute(self._statements.job_of, {"id": job_id}).first()
        if found is None or found[0] != job_id:
            return None
        return job_id, as_read(found[2]), found[1], found[3]

    def _get_jobs(self, *conditions: Any) -> list[Job]:
        """Return the jobs of these rows, in order (a name of 3.x's that other code overrides)."""
        found = (self._loaded(*row) for row in self._rows(*conditions))
        return [job for job in found if job is not None]

    def add_job(self, job: Job) -> None:
        self._add([job])

    def add_jobs(self, jobs: Sequence[Job], *, replace: bool = False) -> None:
        if self._hooks.writes:
            add_one_by_one(self, jobs, replace=replace)
        else:
            self._add(jobs, replace=replace)

    def _add(self, jobs: Sequence[Job], *, replace: bool = False) -> None:
        for job in jobs:
            job._refresh()
        if replace:
            self._editing.put(jobs)
        else:
            self._editing.add(jobs)
        for job in jobs:
            self._forget(job.id)

    def update_job(self, job: Job) -> None:
        note = self._hooks.notes.of(job.id)
        if note is None:
            self._replace(job, partial(pass_claims, job))
        elif note.is_made:
            self._editing.rewrite(job, note.left)
        else:
            self._replace(job, revised(note, job), by_word=note.left)

    def replace_job(self, job: Job, revise: Revise) -> None:
        if self._hooks.writes:
            self._hooks.replace(job, revise)
        else:
            self._replace(job, revise)

    def _replace(self, job: Job, revise: Revise, *, by_word: bool = False) -> None:
        job._refresh()
        self._editing.update(job, revise, by_word=by_word)
        self._forget(job.id)

    def modify_job(self, job: Job, approved: dict[str, Any]) -> None:
        if self._hooks.writes:
            self._hooks.modify(job, approved)
            return
        self._editing.modify(job, approved)
        self._forget(job.id)

    def edit_job(self, job: Job, change: Change) -> bool:
        if self._hooks.writes:
            return self._hooks.edit(job, change, self._editing.standing)
        changed = self._editing.change(job, change)
        self._forget(job.id)
        return changed

    def remove_job(self, job_id: str) -> None:
        note = self._hooks.notes.of(job_id)
        if note is not None and note.is_made:
            self._editing.end(note.left)
            return
        self._editing.remove(job_id, ends=note is not None and note.ends)
        self._forget(job_id)

    def end_job(self, job: Job) -> None:
        with self._hooks.notes.held(Note(job, ends=True)):
            self.remove_job(job.id)

    def remove_all_jobs(self) -> None:
        self._editing.remove_all()

    def _forget(self, job_id: str) -> None:
        self._hooks.changed()
        if self._ready:
            self._claiming.forget(job_id)

    # -- claims ---------------------------------------------------------------------------------------------------

    def claim_due(self, request: ClaimRequest) -> ClaimBatch:
        self._asked_at = request.now
        self._tell_of_timeless()
        try:
            with self._database.watch.named("claim"):
                self._guard.check()
                hooks = self._hooks.found()
                self._loader.is_asked = "_reconstitute_job" in hooks
                if hooks or self._hooks.untold:
                    return self._claim_asking(request, hooks)
                batch = self._claiming.claim_due(request)
        except StoreHeldError:
            return request.batch
        return self._claimed(batch)

    def _claim_asking(self, request: ClaimRequest, hooks: frozenset[str]) -> ClaimBatch:
        """Claim where methods are overridden: ask them what may be claimed, and have them write what was."""
        offset = self._membership.offset.us
        if not self._hooks.ask(request, hooks, self._claiming, offset):
            return request.batch
        try:
            return self._claimed(self._claiming.claim_due(request))
        finally:
            self._hooks.tell(request.batch)

    def _claimed(self, batch: ClaimBatch) -> ClaimBatch:
        self._wake_below = (
            max(1, len(self._open.alive()) // 2) if self._claiming.left.starved else 0
        )
        return batch

    def _tell_passed(self, passed: list[tuple[Job, list[int]]]) -> None:
        from apscheduler.jobstores._sql.claiming.passed import CAUSE, said_of

        self._troubles.tell(said_of(passed), None, CAUSE)

    def _note_open(self, batch: ClaimBatch) -> None:
        """Take note of claims that are about to be committed: signing off waits until they are settled."""
        for claim in batch.claims:
            if isinstance(claim, StoreClaim):
                self._open.add(claim)

    def _tell_of_timeless(self) -> None:
        """Now and then, report jobs whose next fire time is not a time: no claim ever reads them."""
        now = clocks.monotonic()
        if self._looked_for_timeless and now - self._looked_for_timeless < _TIMELESS_SECONDS:
            return
        self._looked_for_timeless = now
        with self._database.reading() as connection:
            rows = connection.execute(self._statements.timeless).all()
        for id, moment, blob in rows:
            self._loaded(id, as_read(blob), moment)

    def settle(self, claim: Claim, result: Result) -> None:
        if not isinstance(claim, StoreClaim):
            raise TypeError(f"{claim!r} was not claimed from this store")
        if claim._lease.is_parents:
            self._logger.warning(
                "Job %s came to an end (%s) in a child process that it had made by a fork; its outcome is written by the "
                "process that runs it. Such a child is to end by os._exit(), before it comes out of the job",
                *(name_of(claim.job), result.outcome),
            )
            return
        self._session_of(claim).outbox.settle(claim, result)

    def release(self, claim: Claim) -> None:
        if isinstance(claim, StoreClaim):
            self._session_of(claim).open.discard(claim)
        catch_up = claim.catch_up if isinstance(claim, StoreClaim) else None
        if catch_up is not None:
            catch_up.released(claim)
        if self._wake_below and len(self._open) < self._wake_below:
            self._wake_below = 0
            self._changed()

    def give_back(self, claim: Claim) -> bool:
        """Let any node claim what this one has claimed but not started; ``False`` if it is no SQL store's. New."""
        if not isinstance(claim, StoreClaim):
            return False
        self._give_back(claim, claim.unsettled)
        return True

    def _give_back(self, claim: StoreClaim, fires: list[int]) -> None:
        if claim._lease.is_parents:
            return
        self._session_of(claim).outbox.give_back_all(claim, fires)
        if not claim.unsettled and claim.take_release():
            self.release(claim)

    def next_due(self) -> int | None:
        if self._guard.held is not None:
            return self._asked_at + SECOND
        if self._outbox.catch_ups.waits:
            return self._asked_at
        claiming = self._claiming
        offset = self._membership.offset.us
        with self._database.watch.named("next due time"):
            moment = self._watching.earliest(claiming.claimed_at)
        due = NEVER if moment is None else from_float(moment) - offset
        due = self._hooks.next_due(due, self._asked_at, offset)
        due = min(due, claiming.left.waiting_until)
        return None if due == NEVER else due

    def look_within(self) -> int | None:
        if self._database.is_private:
            return None
        poll = self._poll_us
        return max(poll, _SLOW_POLL) if self._listener.hears else poll

    # -- the ledger ---------------------------------------------------------------------------------------------------

    def _may_ask(self) -> bool:
        """Write what waits to the ledger; return whether there is a ledger to ask."""
        if self._ready:
            self._outbox.flush()
            return True
        return self._looking.finds_history()

    def runs(self, query: RunQuery) -> list[Run]:
        return self._ledger.runs(query, self._zones()) if self._may_ask() else []

    def live_runs(self) -> list[Run]:
        """Return the runs that are claimed or running on any node. New."""
        return self._ledger.live(self._zones()) if self._may_ask() else []

    def _zones(self) -> dict[str, Any]:
        """Return the zones of the jobs that are loaded already; other times are shown in UTC."""
        return {id: job._zone() for id, (_, job) in list(self._loader._kept.items())}

    def last_run(self, job: Job) -> Run | None:
        from apscheduler.history.rows import RunQuery

        if not self._may_ask():
            return None
        zones = {job.id: job._zone()}
        return next(iter(self._ledger.runs(RunQuery(job_id=job.id, limit=1), zones)), None)

    def outcome_counts(self) -> dict[Outcome, int]:
        return self._ledger.counts() if self._may_ask() else {}

    def _tend(self) -> None:
        """Called by the heartbeat: look at the zones of stored jobs once, and prune the ledger now and then."""
        if not self._zones_seen:
            self._zones_seen = True
            tell_outdated(self._database, self._tables.jobs, self._logger)
        now = clocks.monotonic()
        if now - self._pruned_at >= _PRUNE_SECONDS:
            self._pruned_at = now
            self.prune()
            if self._guard.held is None:
                self._rezoning.tend()

    def prune(self) -> int:
        """Remove rows of the ledger beyond ``history`` and ``history_age``; return how many. New."""
        oldest = None
        if self._history_age is not None:
            age = self._history_age // timedelta(microseconds=1)
            oldest = self._clock() + self._membership.offset.us - age
        return self._ledger.prune(self._history, oldest)

    def tell_trouble(self, text: str, exc: Exception) -> bool:
        put(exc)
        self._secrets.mask_in(exc)  # where the engine is the user's; ours has done so
        if not isinstance(exc, DBAPIError | LeaseOverError | SharingRefusedError):
            return False
        self._troubles.tell(text, exc)
        return True

    def leader_lock(self) -> LeaderLock | None:
        return None if self._database.is_private else self._leader_lock

    # -- nodes ------------------------------------------------------------------------------------------------------------

    def nodes(self) -> list[Node]:
        if self._ready:
            rows, now = self._roll.listed()
            own = self._membership.lease.epoch
        else:
            rows, now = self._looking.nodes()
            own = 0
        times = Times()
        return [
            Node(
                row.name,
                str(self._alias),
                row.epoch,
                row.pid,
                times.shown("started_us", row.started_us),
                times.shown("lease_until", row.lease_until),
                row.lease_until > now,
                row.epoch == own,
                row.host.version,
            )
            for row in rows
        ]

    # -- a store that is not the one it was ------------------------------------------------------------------

    def _made_guard(self) -> Guard:
        age, count = self._history_age, self._history
        keeps = (age is None or age >= timedelta(hours=1)) and (count is None or count >= 1000)
        tell = self._logger.warning
        return Guard(self._database, self._tables, self._held, self._promoted, tell, keeps=keeps)

    @property
    def held(self) -> str | None:
        """Why nothing is claimed from this store (a copy, or set back), ``None`` if all is well. New."""
        return self._guard.held if self._ready else None

    def adopt(self) -> None:
        """Accept the store as it is now: all processes that had stopped claiming from it go on. New.

        :raises apscheduler.jobstores._sql.schema.migrations.SchemaError: if the tables are not there
        :raises LookupError: if the store keeps no identity
        """
        if self._ready:
            self._guard.adopt()
            self._logger.warning("The job store was adopted as it is; its jobs are claimed again")
            self._changed()
            return
        prepare(self.engine, self._tables, create=False)
        guard = self._made_guard()
        guard.adopt()
        guard.close()

    def _fenced(self, epoch: int, trusted: Callable[[], bool]) -> None:
        kept_epoch, number = self._claiming.rights.kept
        batch = number if kept_epoch == epoch else 0
        self._guard.fenced(epoch, self._roll.beats, batch, trusted)

    def _heartbeat_trouble(self, text: str, exc: BaseException | None) -> None:
        if not isinstance(exc, StoreHeldError):  # which is reported by itself
            self._troubles.tell(text, exc)

    def _held(self, reason: str) -> None:
        self._membership.lease.lost()  # it joins anew once the store is adopted
        if self._troubles.tell(reason, None):
            self._tell(StoreDoubtEvent(EVENT_JOBSTORE_DOUBTED, self._alias, reason, True))

    def _promoted(self, recorded: Identity, present: Identity) -> None:
        doubted, line = mark_in_doubt(
            self._database, self._statements, self._loader, recorded, present
        )
        if line:
            self._logger.error("%s", line)
            self._tell(StoreDoubtEvent(EVENT_JOBSTORE_DOUBTED, self._alias, line, False))
            self._runs_closed(doubted)

    # -- quarantine ---------------------------------------------------------------------------------------------------------

    def quarantined(self) -> list[Quarantined]:
        found: list[Quarantined] = []
        known = getattr(self._scheduler, "_executors", {})
        if not self._ready:
            known = {**known, "default": None}  # a start makes it
        for id, blob, moment, generation in self._rows():
            try:
                job = self._whole(id, blob, moment, generation)
            except Unloadable as exc:
                reason = str(exc)
            else:
                calendars = getattr(self._scheduler, "_calendars", {})
                unknown = [
                    name for name in getattr(job.trigger, "names", ()) if name not in calendars
                ]
                if job.executor not in known:
                    reason = f"this scheduler has no executor {job.executor!r}"
                elif unknown:
                    reason = f"this scheduler has no calendar {', '.join(map(repr, unknown))}"
                else:
                    continue
            due = None if moment is None or not is_time(moment) else from_float(moment)
            found.append(
                outlined(
                    self._scheduler,
                    self._alias,
                    id_text(id),
                    reason,
                    due,
                    self._loader.state_in(id, blob),
                    is_paused=moment is None,
                )
            )
        return found

    def knows(self, job_id: str) -> bool:
        """Return whether there is a job of this id, or was one. New."""
        if not (self._ready or self._looking.finds_history()):
            return self._looking.finds_jobs() and bool(self._editing._states([job_id]))
        if self._editing._states([job_id]):
            return True
        meta = self._tables.meta.c
        with self._database.reading() as connection:
            return connection.scalar(select(meta.job_id).where(meta.job_id == job_id)) is not None

    def why_quarantined(self, job_id: str) -> str | None:
        row = self._row_of(job_id)
        if row is None:
            return None
        try:
            self._whole(*row)
        except Unloadable as exc:
            return str(exc)
        return None

    def _quarantined(self, job_id: str, reason: str) -> bool:
        """Announce a job that cannot be restored, if this scheduler runs jobs; return whether it was announced."""
        runs_jobs = getattr(self._scheduler, "_is_dispatching", None)
        if runs_jobs is not None and not runs_jobs():
            return False
        self._logger.error(
            "Job %r cannot be restored and is quarantined: %s. It stays in the store and is not run; "
            "it comes back by itself when it loads again",
            job_id,
            reason,
        )
        event = QuarantineEvent(EVENT_JOB_QUARANTINED, job_id, self._alias, reason)
        self._tell(event)
        return True

    def _revived(self, job_id: str) -> None:
        self._logger.info("Job %r loads again and is scheduled", job_id)

    # -- what other threads report ----------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Wake the scheduler's loop: jobs were changed, or slots are free again."""
        wakeup: Callable[[], None] | None = getattr(self._scheduler, "wakeup", None)
        if wakeup is not None:
            wakeup()

    def _not_told(self, text: str, exc: BaseException | None) -> None:
        """Report that notifications do not arrive, as a cause of its own if only their connection was lost."""
        alone = exc is not None and cause_of(exc) == AWAY
        self._troubles.tell(text, exc, cause="notifications" if alone else None)

    def _silent(self, what: str, seconds: float) -> None:
        """Report that the database has not answered so far."""
        text = f"Job store {self._alias!r} has not answered for {seconds:.0f} s ({what})"
        self._troubles.tell(text, None, cause="silence")

    def _runs_freed(self) -> None:
        self._claiming.look_for_free_runs()
        self._changed()

    def _runs_closed(self, closed: list[tuple[str, int, Outcome, str]]) -> None:
        """Report runs of dead nodes; their outcome is in the ledger already."""
        for job_id, fire, outcome, reason in closed:
            when = Times().shown("fire_us", fire)
            self._logger.error("Job %r, due %s: %s (%s)", job_id, when, outcome, reason)
            error = RunLostError(f"job {job_id!r}: {line(reason)}")
            self._tell(
                JobExecutionEvent(EVENT_JOB_ERROR, job_id, self._alias, when, exception=error)
            )

    def _replanned(self, job: Job, planned: int, reason: str) -> None:
        """Report a fire time that will not come, because its zone's clock differs by newer zone data."""
        self._forget(job.id)
        when = job._at(planned)
        self._tell(JobSkippedEvent(EVENT_JOB_SKIPPED, job.id, self._alias, 1, when, when, reason))
        self._changed()

    def _strangers_found(self, found: list[tuple[Job, list[int]]]) -> None:
        """Report that another program schedules these jobs too. The fire times that it took have their rows already."""
        self._troubles.tell(SAID, None)
        for job, fires in found:
            for fire in fires:
                when = job._at(fire)
                reason = reasons.MOVED_BY_ANOTHER
                self._tell(
                    JobSkippedEvent(EVENT_JOB_SKIPPED, job.id, self._alias, 1, when, when, reason)
                )
        self._tell(StoreDoubtEvent(EVENT_JOBSTORE_DOUBTED, self._alias, SAID, False))

    def _tell(self, event: Any) -> None:
        tell: Callable[[Any], None] | None = getattr(self._scheduler, "_dispatch_event", None)
        if tell is not None:
            tell(event)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (url={address_text(self.engine.url)})>"


_OWN = own_methods(
    SQLAlchemyJobStore,
    *("get_due_jobs", "_get_jobs", "get_next_run_time", "_reconstitute_job"),
    *("add_job", "update_job", "remove_job"),
)

_living: WeakSet[SQLAlchemyJobStore] = WeakSet()


def _forked() -> None:
    for store in list(_living):
        store.forked()


def _last_words() -> None:
    for store in list(_living):
        try:
            store.last_word()
        except Exception as exc:  # noqa: BLE001 - the other stores must still sign off
            store._troubles.tell("The scheduler could not sign off from the store", exc)


after_fork(_forked)
ends.at_finish(_last_words)


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
