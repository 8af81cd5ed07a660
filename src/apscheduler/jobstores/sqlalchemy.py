"""A job store in a SQL database that any number of scheduler processes may share: each fire time runs once.

It follows the claim protocol (docs/explanation/sharing-a-store.md). This module has the store's class; its parts are in
``_sql``. 3.x's table stays as 3.x makes it: stores written by 3.x are adopted as they are, and 3.x can read them
afterwards. Its column ``next_run_time`` says when a job is due; the pickled value is brought up to date at shutdown.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from weakref import WeakSet

try:
    from sqlalchemy.exc import DBAPIError
except ImportError as exc:
    raise ImportError(
        "SQLAlchemyJobStore needs SQLAlchemy 1.4 or newer: pip install 'tickwright[sqlalchemy]'"
    ) from exc

from apscheduler import clocks, ends
from apscheduler._engine.instants import AT_NEXT_START, NEVER, SECOND, to_us
from apscheduler.amounts import read_pickle_protocol
from apscheduler.elsewhere import names_of_3x
from apscheduler.forks import after_fork, look
from apscheduler.job import Job
from apscheduler.jobstores._asking import Note, add_one_by_one, own_methods, revised
from apscheduler.jobstores._rows import Times, from_float
from apscheduler.jobstores._sql.changing.hooks import Hooks
from apscheduler.jobstores._sql.claiming.claims import StoreClaim
from apscheduler.jobstores._sql.claiming.rights import LeaseOverError
from apscheduler.jobstores._sql.connection.addresses import Secrets, address_text
from apscheduler.jobstores._sql.connection.database import (
    Database,
    kind_of,
    leave_alone,
    make_engine,
)
from apscheduler.jobstores._sql.connection.engines import as_of_2, check_engine
from apscheduler.jobstores._sql.connection.remedies import cause_of, put
from apscheduler.jobstores._sql.ending import in_time
from apscheduler.jobstores._sql.errors import (
    RunLostError as RunLostError,  # noqa: PLC0414 - it is public here
)
from apscheduler.jobstores._sql.guarding.alone import SharingRefusedError, alone_on
from apscheduler.jobstores._sql.guarding.copies import Guard, StoreHeldError
from apscheduler.jobstores._sql.guarding.promotion import mark_in_doubt
from apscheduler.jobstores._sql.housekeeping import Housekeeping
from apscheduler.jobstores._sql.looking import shown
from apscheduler.jobstores._sql.membership.leader import SQLLeaderLock
from apscheduler.jobstores._sql.options import Options
from apscheduler.jobstores._sql.parts import Parts
from apscheduler.jobstores._sql.quarantine import Quarantine
from apscheduler.jobstores._sql.reading import Reading
from apscheduler.jobstores._sql.schema.migrations import prepare, statements
from apscheduler.jobstores._sql.schema.tables import (
    check_length,
    checked_table,
    plain_jobs_table,
)
from apscheduler.jobstores._sql.session import Session
from apscheduler.jobstores._sql.sessions import Sessions
from apscheduler.jobstores._sql.telling import Telling
from apscheduler.jobstores._troubles import Troubles
from apscheduler.jobstores.base import ClaimBatch, SharedJobStore
from apscheduler.jobstores.standing import pass_claims
from apscheduler.references import maybe_ref
from apscheduler.runs.claims import ALL
from apscheduler.serializers import PickleSerializer
from apscheduler.texts import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.cluster.leading import LeaderLock
    from apscheduler.cluster.nodes import Node
    from apscheduler.history.outcomes import Outcome
    from apscheduler.history.rows import Run, RunQuery
    from apscheduler.jobstores._sql.guarding.alone import Alone
    from apscheduler.jobstores._sql.guarding.identity import Identity
    from apscheduler.jobstores.base import ClaimRequest, Quarantined
    from apscheduler.jobstores.standing import Change, Revise
    from apscheduler.runs.claims import Claim, Result
    from apscheduler.serializers.base import Serializer

_START_SECONDS = 150.0
"""Longest time of a statement that makes or changes tables, in seconds: another process may be doing the same."""
_SLOW_POLL = 5 * SECOND
"""Microseconds between looks at the store where notifications arrive."""


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
        given. Added in 1.0.
    :param create_tables: whether to create and migrate the tables at start; without, they are checked. Added in 1.0.
    :param lease: seconds without a heartbeat after which other nodes take over what this one held. Added in 1.0.
    :param history: how many finished runs the ledger keeps (``None``: no limit). Added in 1.0.
    :param history_age: how old they may become (``None``: no limit). Added in 1.0.
    :param keep_results: whether the ledger keeps what functions returned, as text. Added in 1.0.
    :param poll_interval: seconds until changes by other processes are seen where the database does not tell. Added in 1.0.
    :param connect_timeout: seconds within which a connection must be made; default: a third of the lease, at least 2.
        An ``engine`` of one's own keeps its driver's value, and so does what ``engine_options`` or the URL say. Added in 1.0.
    :param answer_timeout: seconds of silence after which a connection is broken, so that whoever asked gets an error;
        default: two thirds of the lease, at least 5. Calls that list jobs or runs wait six times as long. Added in 1.0.
    :param follow_zone_data: whether a start with newer zone data than jobs were planned with moves their next fire times
        where a zone's clock differs, and notes in the store which data is in use. Added in 1.0.
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
        options = self._options = Options(
            *(lease, poll_interval, connect_timeout, answer_timeout, history, history_age)
        )
        options.create_tables = create_tables
        options.keep_results = keep_results
        options.follow_zone_data = follow_zone_data
        self.engine = _engine_of(url, engine, engine_options or {}, options)
        self._secrets = Secrets(self.engine.url, engine_options or {})
        if kind_of(self.engine) is None:
            self._make_plain(
                tablename, tableschema, metadata, pickle_protocol, serializer, create_tables
            )
            return
        self._pickle_protocol = read_pickle_protocol(pickle_protocol)
        self._make_shared(is_own=engine is None)
        self._use_tables(
            *(tablename, tableschema, maybe_ref(metadata)),
            PickleSerializer(self._pickle_protocol) if serializer is None else serializer,
        )
        self.jobs_t = self._parts.tables.jobs
        _living.add(self)

    def _make_shared(self, *, is_own: bool) -> None:
        """Make what is the same whichever the tables are.

        :param is_own: whether the engine is ours, and not the user's
        """
        options = self._options
        self._ready = False
        self._database = Database(
            self.engine,
            is_own=is_own,
            statement_seconds=options.statement_seconds,
            connect_seconds=options.connect_seconds,
            answer_seconds=options.answer_seconds,
        )
        self._troubles = Troubles(self._secrets.mask, cause_of)
        self._telling = Telling(self, self._troubles)
        self._database.watch.on_silence = self._telling.silent
        self._sessions = Sessions(
            self._telling,
            lambda: self._clock(),  # noqa: PLW0108 - a program may replace it on this object
            self._forget,
            self._tend,
            lambda claim: self.give_back(claim),  # noqa: PLW0108 - likewise
        )

    def _use_tables(
        self, name: str, schema: str | None, metadata: Any, serializer: Serializer
    ) -> None:
        """Make the parts that work on the tables. A job table of this name in the metadata is used as it is."""
        check_length(checked_table(name), self._database.kind)
        parts = self._parts = Parts(
            *(self._database, name, schema, metadata, serializer, self._telling, self._secrets),
            *(self._link, self._host_now, self.clock_offset),
        )
        self._leader_lock = SQLLeaderLock(
            self._database, parts.tables, lambda: self._session.membership, self._options.lease_us
        )
        self._hooks = Hooks(self, _OWN)
        parts.loader.restorer = self._hooks.restorer
        parts.loader.writes_itself = self._hooks.may_write
        self._reading = Reading(parts, lambda: self._ready, lambda: self.jobs_t)
        self._quarantine = Quarantine(self._reading, parts.loader)
        self._housekeeping = Housekeeping(
            parts,
            self._options,
            self._reading,
            lambda: self.prune(),  # noqa: PLW0108 - a program may replace it on this object
        )

    def _heed_table(self) -> None:
        """Before the start, change to a job table that a subclass has set as ``jobs_t`` instead of ours."""
        table = self.jobs_t
        if self._ready or table is self._parts.tables.jobs:
            return
        self._use_tables(table.name, table.schema, table.metadata, self._parts.loader.serializer)

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
        parts = self.__dict__.get("_parts")
        if parts is not None and type(parts.loader.serializer) is PickleSerializer:
            parts.loader.serializer.protocol = protocol

    # -- life -----------------------------------------------------------------------------------------------

    def look_as(self, scheduler: Any, alias: str) -> None:
        super().look_as(scheduler, alias)
        self._heed_table()
        self._parts.ledger.alias = str(self._alias)

    def forked(self) -> None:
        leave_alone({**self.__dict__, "_listener": self._parts.listener})
        self._database.forked()
        self._leader_lock.forked()
        self._troubles.forked()
        self._sessions.forked()
        if not self._ready:
            return
        self._ready = False
        self._session.guard.close()
        self._parts.listen_anew()

    def start(self, scheduler: Any, alias: str) -> None:
        look()
        super().start(scheduler, alias)
        self._heed_table()
        self._troubles.logger = self._logger
        self._database.watch.start()
        alone = self._prepared()
        self._parts.ledger.alias = alias
        session = self._made_session(alone)
        self._session = session
        self._sessions.begin(session)
        self._database.watch.start()  # an earlier session may have signed off meanwhile, as the last one
        self._housekeeping.begin()
        self._ready = True
        with suppress(StoreHeldError):  # it is reported already
            session.guard.check()
        if session.guard.held is None:
            session.rezoning.start()
        self._parts.listener.start()

    def _prepared(self) -> Alone | None:
        """Make or check the tables; return what keeps other processes out, where a SQLite file must not be shared."""
        try:
            with self._database.watch.named("start", _START_SECONDS), self._database.watch.call():
                said = prepare(self.engine, self._parts.tables, create=self._options.create_tables)
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
        return alone

    def _made_session(self, alone: Alone | None) -> Session:
        """Make the parts of this start; wait until this process is alone on the store, if it has to be."""
        guard = self._made_guard()
        session = Session(
            *(self._parts, self._options, self._telling, self._sessions),
            *(guard, alone, self._logger),
        )
        if alone is not None:
            try:
                alone.wait(session.roll.listed, self._logger.warning)
            except BaseException:
                guard.close()
                self._database.close()
                raise
        return session

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
        options, session = self._options, self._session
        if self._database.is_private:
            session.end()  # in this thread: such a database may be this thread's only
        elif not in_time(session.end, options.end_seconds, "APScheduler store end"):
            self._database.watch.hurry()
            self._troubles.tell(
                f"Job store {self._alias!r} did not answer within {options.end_seconds:g} s at the shutdown; "
                "what could not be written is tried for a while, then other processes recover it",
                None,
            )

    def _session_of(self, claim: StoreClaim) -> Session:
        """Return the session that has claimed it: one that was shut down may have runs that go on."""
        lease, session = claim._lease, self._session
        return session if session.membership.lease is lease else self._sessions.of(lease, session)

    def withdraw(self) -> None:
        if not self._ready:
            return
        session = self._session
        session.membership.lease.closing = True
        for claim in session.open.alive():
            begun = claim.begun
            if begun != ALL:
                self._give_back(claim, [fire for fire in claim.unsettled if fire != begun])
        session.end_catch_ups()

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

    def ddl(self) -> str:
        """Return the statements that make the tables, for ``create_tables=False``. Added in 1.0."""
        return statements(self.engine, self._parts.tables)

    def _clock(self) -> int:
        return clocks.now_us()

    def _host_now(self) -> int:
        scheduler = self._scheduler
        return self._clock() if scheduler is None else int(scheduler._now_us())

    def clock_offset(self) -> int:
        return self._session.membership.clock_offset() if self._ready else 0

    def _link(self, job: Job) -> None:
        job._scheduler = self._scheduler
        job._jobstore_alias = self._alias

    # -- 3.x's contract ----------------------------------------------------------------------------------------

    def lookup_job(self, job_id: str) -> Job | None:
        return self._reading.job(job_id)

    def _reconstitute_job(self, job_state: bytes) -> Job:
        """Return a job from its bytes (a name of 3.x's that other code uses)."""
        state = self._parts.loader.state_of(job_state)
        job = Job.__new__(Job)
        job.__setstate__(state)
        self._link(job)
        return job

    def get_due_jobs(self, now: datetime) -> list[Job]:
        jobs = self._get_jobs(self.jobs_t.c.next_run_time <= to_us(now) / SECOND)
        return self._hooks.with_offered(jobs)

    def get_next_run_time(self) -> datetime | None:
        moment = self._reading.earliest()
        zone = getattr(self._scheduler, "timezone", None) or UTC
        return None if moment is None else Times().shown("next_run_time", from_float(moment), zone)

    def get_all_jobs(self) -> list[Job]:
        jobs = self._get_jobs()
        self._fix_paused_jobs_sorting(jobs)
        return jobs

    def waiting_for_start(self) -> list[Job]:
        if not self._reading.has_waiting_for_start():
            return []
        return self._get_jobs(self.jobs_t.c.next_run_time == AT_NEXT_START / SECOND)

    def _get_jobs(self, *conditions: Any) -> list[Job]:
        """Return the jobs of these rows, in order (a name of 3.x's that other code overrides)."""
        return self._reading.jobs(*conditions)

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
            self._parts.editing.put(jobs)
        else:
            self._parts.editing.add(jobs)
        for job in jobs:
            self._forget(job.id)

    def update_job(self, job: Job) -> None:
        note = self._hooks.notes.of(job.id)
        if note is None:
            self._replace(job, partial(pass_claims, job))
        elif note.is_made:
            self._parts.editing.rewrite(job, note.left)
        else:
            self._replace(job, revised(note, job), by_word=note.left)

    def replace_job(self, job: Job, revise: Revise) -> None:
        if self._hooks.writes:
            self._hooks.replace(job, revise)
        else:
            self._replace(job, revise)

    def _replace(self, job: Job, revise: Revise, *, by_word: bool = False) -> None:
        job._refresh()
        self._parts.editing.update(job, revise, by_word=by_word)
        self._forget(job.id)

    def modify_job(self, job: Job, approved: dict[str, Any]) -> None:
        if self._hooks.writes:
            self._hooks.modify(job, approved)
            return
        self._parts.editing.modify(job, approved)
        self._forget(job.id)

    def edit_job(self, job: Job, change: Change) -> bool:
        if self._hooks.writes:
            return self._hooks.edit(job, change, self._parts.editing.standing)
        changed = self._parts.editing.change(job, change)
        self._forget(job.id)
        return changed

    def remove_job(self, job_id: str) -> None:
        note = self._hooks.notes.of(job_id)
        if note is not None and note.is_made:
            self._parts.editing.end(note.left)
            return
        self._parts.editing.remove(job_id, ends=note is not None and note.ends)
        self._forget(job_id)

    def end_job(self, job: Job) -> None:
        with self._hooks.notes.held(Note(job, ends=True)):
            self.remove_job(job.id)

    def remove_all_jobs(self) -> None:
        self._parts.editing.remove_all()

    def _forget(self, job_id: str) -> None:
        self._hooks.changed()
        if self._ready:
            self._session.claiming.forget(job_id)

    # -- claims ---------------------------------------------------------------------------------------------------

    def claim_due(self, request: ClaimRequest) -> ClaimBatch:
        session = self._session
        session.asked_at = request.now
        self._housekeeping.tell_of_timeless()
        try:
            with self._database.watch.named("claim"):
                session.guard.check()
                hooks = self._hooks.found()
                self._parts.loader.is_asked = "_reconstitute_job" in hooks
                if hooks or self._hooks.untold:
                    return self._claim_asking(request, hooks)
                batch = session.claiming.claim_due(request)
        except StoreHeldError:
            return request.batch
        return session.claimed(batch)

    def _claim_asking(self, request: ClaimRequest, hooks: frozenset[str]) -> ClaimBatch:
        """Claim where methods are overridden: ask them what may be claimed, and have them write what was."""
        session = self._session
        offset = session.membership.offset.us
        if not self._hooks.ask(request, hooks, session.claiming, offset):
            return request.batch
        try:
            return session.claimed(session.claiming.claim_due(request))
        finally:
            self._hooks.tell(request.batch)

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
        session = self._session
        if session.wake_below:
            session.wake_if_free()

    def give_back(self, claim: Claim) -> bool:
        """Let any node claim what this one has claimed but not started; ``False`` if it is no SQL store's. Added in 1.0."""
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
        session = self._session
        asked_at = session.asked_at
        if session.guard.held is not None:
            return asked_at + SECOND
        if session.outbox.catch_ups.waits:
            return asked_at
        claiming, offset = session.claiming, session.membership.offset.us
        with self._database.watch.named("next due time"):
            moment = session.watching.earliest(claiming.claimed_at)
        due = NEVER if moment is None else from_float(moment) - offset
        due = self._hooks.next_due(due, asked_at, offset)
        due = min(due, claiming.left.waiting_until)
        return None if due == NEVER else due

    def look_within(self) -> int | None:
        if self._database.is_private:
            return None
        poll = self._options.poll_us
        return max(poll, _SLOW_POLL) if self._parts.listener.hears else poll

    # -- the ledger ---------------------------------------------------------------------------------------------------

    def _may_ask(self) -> bool:
        """Write what waits to the ledger; return whether there is a ledger to ask."""
        if self._ready:
            self._session.outbox.flush()
            return True
        return self._parts.looking.finds_history()

    def runs(self, query: RunQuery) -> list[Run]:
        return self._parts.ledger.runs(query, self._zones()) if self._may_ask() else []

    def live_runs(self) -> list[Run]:
        """Return the runs that are claimed or running on any node. Added in 1.0."""
        return self._parts.ledger.live(self._zones()) if self._may_ask() else []

    def _zones(self) -> dict[str, Any]:
        """Return the zones of the jobs that are loaded already; other times are shown in UTC."""
        return {id: job._zone() for id, (_, job) in list(self._parts.loader._kept.items())}

    def last_run(self, job: Job) -> Run | None:
        from apscheduler.history.rows import RunQuery

        if not self._may_ask():
            return None
        zones = {job.id: job._zone()}
        return next(iter(self._parts.ledger.runs(RunQuery(job_id=job.id, limit=1), zones)), None)

    def outcome_counts(self) -> dict[Outcome, int]:
        return self._parts.ledger.counts() if self._may_ask() else {}

    def _tend(self) -> None:
        """Called by the heartbeat."""
        self._housekeeping.tend(self._session, self._logger)

    def prune(self) -> int:
        """Remove rows of the ledger beyond ``history`` and ``history_age``; return how many. Added in 1.0."""
        return self._housekeeping.prune(self._clock() + self._session.membership.offset.us)

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
            rows, now = self._session.roll.listed()
            own = self._session.membership.lease.epoch
        else:
            rows, now = self._parts.looking.nodes()
            own = 0
        return shown(rows, now, own, str(self._alias))

    # -- a store that is not the one it was ------------------------------------------------------------------

    def _made_guard(self) -> Guard:
        return Guard(
            self._database,
            self._parts.tables,
            self._sessions.held,
            self._promoted,
            self._logger.warning,
            keeps=self._options.keeps_recent,
        )

    @property
    def held(self) -> str | None:
        """Why nothing is claimed from this store (a copy, or set back), ``None`` if all is well. Added in 1.0."""
        return self._session.guard.held if self._ready else None

    def adopt(self) -> None:
        """Accept the store as it is now: all processes that had stopped claiming from it go on. Added in 1.0.

        :raises apscheduler.jobstores._sql.schema.migrations.SchemaError: if the tables are not there
        :raises LookupError: if the store keeps no identity
        """
        if self._ready:
            self._session.guard.adopt()
            self._logger.warning("The job store was adopted as it is; its jobs are claimed again")
            self._telling.changed()
            return
        prepare(self.engine, self._parts.tables, create=False)
        guard = self._made_guard()
        guard.adopt()
        guard.close()

    def _promoted(self, recorded: Identity, present: Identity) -> None:
        parts = self._parts
        doubted, said = mark_in_doubt(
            *(self._database, parts.statements, parts.loader, recorded, present)
        )
        if said:
            self._telling.promoted(said)
            self._telling.runs_closed(doubted)

    # -- quarantine ---------------------------------------------------------------------------------------------------------

    def quarantined(self) -> list[Quarantined]:
        return self._quarantine.all(self._scheduler, self._alias, is_started=self._ready)

    def knows(self, job_id: str) -> bool:
        """Return whether there is a job of this id, or was one. Added in 1.0."""
        return self._reading.knows(job_id)

    def why_quarantined(self, job_id: str) -> str | None:
        return self._quarantine.why(job_id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (url={address_text(self.engine.url)})>"


def _engine_of(url: str | None, engine: Any, kept: Mapping[str, Any], options: Options) -> Any:
    """Return the engine of a store: the one that is given, or a new one.

    :param kept: the engine's options
    :raises ValueError: without URL and engine
    """
    if isinstance(engine, str) and "://" in engine:
        raise LookupError("engine= was given an address: an address goes into url=")
    if engine is not None:
        made = maybe_ref(engine)
    elif url is not None:
        made = make_engine(url, kept, (options.connect_seconds, options.answer_seconds))
    else:
        raise ValueError("SQLAlchemyJobStore needs a url or an engine")
    check_engine(made)
    return as_of_2(made)


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
