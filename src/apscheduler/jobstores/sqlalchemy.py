"""A job store in a SQL database that any number of scheduler processes may share: each fire time runs once.

The rules are those of the claim protocol (docs/explanation/sharing-a-store.md); this module is the face, the parts are
in ``_sql``. 3.x's table stays as 3.x makes it: stores written by 3.x are adopted as they are, and 3.x can read them
afterwards. There the column ``next_run_time`` says when a job is due; the pickled one is brought up to it at shutdown.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from weakref import WeakSet, WeakValueDictionary

from apscheduler._engine.instants import AT_NEXT_START, NEVER, SECOND, from_us, to_us
from apscheduler.cluster.membership import Membership
from apscheduler.cluster.nodes import Node
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_QUARANTINED,
    JobExecutionEvent,
    QuarantineEvent,
)
from apscheduler.forks import after_fork, look
from apscheduler.job import Job
from apscheduler.jobstores._sql.claiming import Claiming, LeaseOverError
from apscheduler.jobstores._sql.claims import StoreClaim
from apscheduler.jobstores._sql.database import Database, leave_alone, make_engine
from apscheduler.jobstores._sql.editing import Editing
from apscheduler.jobstores._sql.leading import SQLLeaderLock
from apscheduler.jobstores._sql.ledger import SQLLedger
from apscheduler.jobstores._sql.listening import Listener
from apscheduler.jobstores._sql.loading import Loader, Unloadable, from_float
from apscheduler.jobstores._sql.migrations import check, migrate, statements
from apscheduler.jobstores._sql.outbox import Outbox
from apscheduler.jobstores._sql.recovered import FreeRuns
from apscheduler.jobstores._sql.roll import SQLRoll
from apscheduler.jobstores._sql.statements import statements_for
from apscheduler.jobstores._sql.tables import Tables
from apscheduler.jobstores._troubles import Troubles, first_line
from apscheduler.jobstores.base import Quarantined, SharedJobStore
from apscheduler.references import maybe_ref
from apscheduler.serializers import PickleSerializer

try:
    from sqlalchemy import select
    from sqlalchemy.exc import DBAPIError
except ImportError as exc:  # pragma: no cover - tried in an environment without it
    raise ImportError(
        "SQLAlchemyJobStore needs SQLAlchemy 2.0 or newer: pip install 'tickwright[sqlalchemy]'"
    ) from exc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.cluster.leading import LeaderLock
    from apscheduler.jobstores.base import ClaimBatch, ClaimRequest
    from apscheduler.runs.claims import Claim, Result
    from apscheduler.runs.outcomes import Outcome
    from apscheduler.runs.rows import Run, RunQuery
    from apscheduler.serializers.base import Serializer

_PRUNE_SECONDS = 30.0
_SLOW_POLL = 5 * SECOND
"""Microseconds between looks at the store where notifications arrive."""


class RunLostError(RuntimeError):
    """The node that ran the job died, or lost its lease; whether the run ended is not known."""


class SQLAlchemyJobStore(SharedJobStore):
    """Stores jobs, and what became of them, in a SQL database: PostgreSQL, MariaDB, MySQL or SQLite.

    :param url: a URL of SQLAlchemy (not needed with ``engine``)
    :param engine: an engine of SQLAlchemy, or a text reference to one
    :param tablename: name of the job table; those of the ledger and the nodes begin with it
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
    :raises ValueError: without URL and engine, or for names that are no plain identifiers
    :raises ImportError: if no driver for the database is installed
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
    ) -> None:
        super().__init__()
        if not lease >= 1:
            raise ValueError(f"lease must be at least 1 second, not {lease!r}")
        if not poll_interval > 0:
            raise ValueError(f"poll_interval must be more than 0 seconds, not {poll_interval!r}")
        if engine is not None:
            self.engine = maybe_ref(engine)
        elif url is not None:
            self.engine = make_engine(url, engine_options or {})
        else:
            raise ValueError("SQLAlchemyJobStore needs a url or an engine")
        self._database = Database(self.engine, is_own=engine is None, statement_seconds=lease / 2)
        self._tables = Tables(
            tablename,
            tableschema,
            maybe_ref(metadata),
            partial_indexes=self._database.kind != "mysql",
        )
        self.jobs_t = self._tables.jobs
        self._create_tables = create_tables
        self._lease_us = round(lease * SECOND)
        self._history = history
        self._history_age = history_age
        self._poll_us = round(poll_interval * SECOND)
        self._statements = statements_for(self._database, self._tables)
        self._loader = Loader(
            PickleSerializer(pickle_protocol) if serializer is None else serializer,
            tablename,
            self._link,
            self._quarantined,
            self._revived,
        )
        self._troubles = Troubles()
        self._keep_results = keep_results
        self._leader_lock = SQLLeaderLock(
            self._database, self._tables, lambda: self._membership, self._lease_us
        )
        self._ready = False
        # Weak: nobody will settle a claim that nobody holds, and signing off must not wait for it.
        self._open: WeakValueDictionary[int, StoreClaim] = WeakValueDictionary()
        self._listener = self._made_listener()
        self._editing = Editing(
            self._database, self._statements, self._loader, self._listener.notify
        )
        _living.add(self)

    # -- life -----------------------------------------------------------------------------------------------

    def _made_listener(self) -> Listener:
        channel = f"tickwright_{self._tables.name}"
        return Listener(self._database, channel, self._changed, self._troubles.tell)

    def forked(self) -> None:
        leave_alone(self.__dict__.copy())
        self._database.forked()
        self._leader_lock.forked()
        self._troubles.forked()
        if not self._ready:
            return
        self._ready = False
        self._listener = self._made_listener()
        self._outbox.forked()
        self._membership.lease.lost()
        self._open = WeakValueDictionary()

    def start(self, scheduler: Any, alias: str) -> None:
        look()
        super().start(scheduler, alias)
        self._troubles.logger = self._logger
        try:
            (migrate if self._create_tables else check)(self.engine, self._tables)
        except BaseException:
            self._database.close()
            raise
        self._outbox = Outbox(
            self._database, self._statements, self._troubles.tell, keep_results=self._keep_results
        )
        self._ledger = SQLLedger(self._database, self._statements, alias)
        self._roll = SQLRoll(
            self._database, self._statements, self._runs_closed, self._runs_freed, self._tend
        )
        self._membership = Membership(
            self._roll,
            self._lease_us,
            self._lease_us / SECOND / 3,
            self._clock,
            self._troubles.tell,
        )
        self._claiming = Claiming(
            self._database,
            self._statements,
            self._loader,
            self._outbox,
            self._membership,
            FreeRuns(self._database, self._statements, self._loader, self._membership),
        )
        self._open = WeakValueDictionary()
        self._pruned_at = time.monotonic()
        self._wake_below = 0
        self._ready = True
        self._listener.start()

    def shutdown(self) -> None:
        """Write what waits, sign off and close pooled connections, as soon as no run goes on that has to be settled."""
        look()
        if not self._ready:
            return
        self._ready = False
        self._listener.stop()
        self._outbox.close()
        self._write_back()
        self._membership.close(lambda: not self._open and not len(self._outbox))

    def _write_back(self) -> None:
        """Bring the pickles up to their columns, for 3.x to read."""
        moved, self._claiming.moved = self._claiming.moved, {}
        if not moved:
            return
        try:
            self._editing.write_back(moved)
        except Exception as exc:  # noqa: BLE001 - the column stays right; only 3.x would read the pickle
            self._troubles.tell("Stored jobs could not be brought up to date for 3.x", exc)

    def ddl(self) -> str:
        """Return the statements that make the tables, for ``create_tables=False``. New."""
        return statements(self.engine, self._tables)

    def _clock(self) -> int:
        return time.time_ns() // 1000

    def _link(self, job: Job) -> None:
        job._scheduler = self._scheduler
        job._jobstore_alias = self._alias

    # -- 3.x's contract ----------------------------------------------------------------------------------------

    def lookup_job(self, job_id: str) -> Job | None:
        row = self._editing._states([job_id]).get(job_id)
        return None if row is None else self._loaded(job_id, *row)

    def _loaded(self, job_id: str, blob: bytes, moment: float | None) -> Job | None:
        try:
            return self._loader.load(job_id, blob, moment)
        except Unloadable:
            return None

    def _reconstitute_job(self, job_state: bytes) -> Job:
        """Return a job from its bytes (a name of 3.x's that other code uses)."""
        state = pickle.loads(job_state)  # noqa: S301 - 3.x's stores hold pickles
        job = Job.__new__(Job)
        job.__setstate__(state)
        self._link(job)
        return job

    def get_due_jobs(self, now: datetime) -> list[Job]:
        return self._listed(self.jobs_t.c.next_run_time <= to_us(now) / SECOND)

    def get_next_run_time(self) -> datetime | None:
        column = self.jobs_t.c.next_run_time
        with self._database.reading() as connection:
            moment = connection.scalar(
                select(column).where(column.is_not(None)).order_by(column).limit(1)
            )
        zone = getattr(self._scheduler, "timezone", None) or UTC
        return None if moment is None else from_us(from_float(moment), zone)

    def get_all_jobs(self) -> list[Job]:
        return self._listed()

    def waiting_for_start(self) -> list[Job]:
        return self._listed(self.jobs_t.c.next_run_time == AT_NEXT_START / SECOND)

    def _rows(self, *conditions: Any) -> Sequence[Any]:
        columns = self.jobs_t.c
        statement = select(columns.id, columns.job_state, columns.next_run_time).where(*conditions)
        with self._database.reading() as connection:
            return connection.execute(
                statement.order_by(
                    columns.next_run_time.is_(None), columns.next_run_time, columns.id
                )
            ).all()

    def _listed(self, *conditions: Any) -> list[Job]:
        found = (self._loaded(row[0], bytes(row[1]), row[2]) for row in self._rows(*conditions))
        return [job for job in found if job is not None]

    def add_job(self, job: Job) -> None:
        self.add_jobs([job])

    def add_jobs(self, jobs: Sequence[Job], *, replace: bool = False) -> None:
        for job in jobs:
            job._refresh()
        if replace:
            self._editing.put(jobs)
        else:
            self._editing.add(jobs)
        for job in jobs:
            self._forget(job.id)

    def update_job(self, job: Job) -> None:
        job._refresh()
        self._editing.update(job)
        self._forget(job.id)

    def modify_job(self, job: Job, approved: dict[str, Any]) -> None:
        self._editing.modify(job, approved)
        self._forget(job.id)

    def remove_job(self, job_id: str) -> None:
        self._editing.remove(job_id)
        self._forget(job_id)

    def remove_all_jobs(self) -> None:
        self._editing.remove_all()

    def _forget(self, job_id: str) -> None:
        if self._ready:
            self._claiming.forget(job_id)

    # -- claims ---------------------------------------------------------------------------------------------------

    def claim_due(self, request: ClaimRequest) -> ClaimBatch:
        batch = self._claiming.claim_due(request)
        for claim in batch.claims:
            if isinstance(claim, StoreClaim):
                self._open[id(claim)] = claim
        self._wake_below = max(1, len(self._open) // 2) if self._claiming.starved else 0
        return batch

    def settle(self, claim: Claim, result: Result) -> None:
        if not isinstance(claim, StoreClaim):
            raise TypeError(f"{claim!r} was not claimed from this store")
        self._outbox.settle(claim, result)

    def release(self, claim: Claim) -> None:
        self._open.pop(id(claim), None)
        if len(self._open) < self._wake_below:
            self._wake_below = 0
            self._changed()

    def give_back(self, claim: Claim) -> bool:
        """Let any node claim what this one has claimed but not started; ``True``. New."""
        if not isinstance(claim, StoreClaim):
            return False
        for fire in claim.unsettled:
            if claim.take(fire):
                self._outbox.give_back(claim, fire)
        if claim.take_release():
            self.release(claim)
        return True

    def next_due(self) -> int | None:
        claiming = self._claiming
        offset = self._membership.offset.us
        with self._database.reading() as connection:
            moment = connection.scalar(
                self._statements.earliest_after, {"now": claiming.claimed_at / SECOND}
            )
        due = NEVER if moment is None else from_float(moment) - offset
        due = min(due, claiming.waiting_until)
        return None if due == NEVER else due

    def look_within(self) -> int | None:
        if self._database.is_private:
            return None
        poll = self._poll_us
        return max(poll, _SLOW_POLL) if self._listener.hears else poll

    # -- the ledger ---------------------------------------------------------------------------------------------------

    def runs(self, query: RunQuery) -> list[Run]:
        self._outbox.flush()
        return self._ledger.runs(query, self._zones())

    def live_runs(self) -> list[Run]:
        """Return the runs that are claimed or running on any node. New."""
        self._outbox.flush()
        return self._ledger.live(self._zones())

    def _zones(self) -> dict[str, Any]:
        """Return the zones of the jobs that are loaded already; other times are shown in UTC."""
        return {id: job._zone() for id, (_, job) in list(self._loader._kept.items())}

    def last_run(self, job: Job) -> Run | None:
        from apscheduler.runs.rows import RunQuery

        self._outbox.flush()
        zones = {job.id: job._zone()}
        return next(iter(self._ledger.runs(RunQuery(job_id=job.id, limit=1), zones)), None)

    def outcome_counts(self) -> dict[Outcome, int]:
        self._outbox.flush()
        return self._ledger.counts()

    def _tend(self) -> None:
        """Remove old rows of the ledger, now and then (the heartbeat's thread)."""
        now = time.monotonic()
        if now - self._pruned_at >= _PRUNE_SECONDS:
            self._pruned_at = now
            self.prune()

    def prune(self) -> int:
        """Remove rows of the ledger beyond ``history`` and ``history_age``; return how many. New."""
        oldest = None
        if self._history_age is not None:
            age = self._history_age // timedelta(microseconds=1)
            oldest = self._clock() + self._membership.offset.us - age
        return self._ledger.prune(self._history, oldest)

    def said_of(self, exc: Exception) -> str | None:
        return first_line(exc) if isinstance(exc, DBAPIError | LeaseOverError) else None

    def leader_lock(self) -> LeaderLock | None:
        return None if self._database.is_private else self._leader_lock

    # -- nodes ------------------------------------------------------------------------------------------------------------

    def nodes(self) -> list[Node]:
        rows, now = self._roll.listed()
        own = self._membership.lease.epoch
        return [
            Node(
                row.name,
                str(self._alias),
                row.epoch,
                row.pid,
                from_us(row.started_us, UTC),
                from_us(row.lease_until, UTC),
                row.lease_until > now,
                row.epoch == own,
            )
            for row in rows
        ]

    # -- quarantine ---------------------------------------------------------------------------------------------------------

    def quarantined(self) -> list[Quarantined]:
        found: list[Quarantined] = []
        known = getattr(self._scheduler, "_executors", {})
        for id, blob, moment in self._rows():
            try:
                job = self._loader.load(id, bytes(blob), moment)
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
            when = None if moment is None else from_us(from_float(moment), UTC)
            found.append(Quarantined(id, str(self._alias), reason, when))
        return found

    def _quarantined(self, job_id: str, reason: str) -> None:
        self._logger.error(
            "Job %r cannot be restored and is quarantined: %s. It stays in the store and is not run; "
            "it comes back by itself when it loads again",
            job_id,
            reason,
        )
        event = QuarantineEvent(EVENT_JOB_QUARANTINED, job_id, self._alias, reason)
        self._tell(event)

    def _revived(self, job_id: str) -> None:
        self._logger.info("Job %r loads again and is scheduled", job_id)

    # -- what other threads report ----------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Have the loop look: jobs were changed by somebody, or slots are free again."""
        wakeup: Callable[[], None] | None = getattr(self._scheduler, "wakeup", None)
        if wakeup is not None:
            wakeup()

    def _runs_freed(self) -> None:
        self._claiming.look_for_free_runs()
        self._changed()

    def _runs_closed(self, closed: list[tuple[str, int, Outcome, str]]) -> None:
        """Report runs of dead nodes; their outcome is in the ledger already."""
        for job_id, fire, outcome, reason in closed:
            when = from_us(fire, UTC)
            self._logger.error("Job %r, due %s: %s (%s)", job_id, when, outcome, reason)
            error = RunLostError(f"job {job_id!r}: {reason}")
            self._tell(
                JobExecutionEvent(EVENT_JOB_ERROR, job_id, self._alias, when, exception=error)
            )

    def _tell(self, event: Any) -> None:
        tell: Callable[[Any], None] | None = getattr(self._scheduler, "_dispatch_event", None)
        if tell is not None:
            tell(event)

    def __repr__(self) -> str:
        shown = self.engine.url.render_as_string(hide_password=True)
        return f"<{type(self).__name__} (url={shown})>"


_living: WeakSet[SQLAlchemyJobStore] = WeakSet()


def _forked() -> None:
    for store in list(_living):
        store.forked()


after_fork(_forked)
