"""Adds, changes and removes jobs, in any process, whether it schedules or not."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from sqlalchemy import bindparam, select, type_coerce
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.types import NullType

from apscheduler._engine.records import Record
from apscheduler.cluster.points import reached
from apscheduler.jobstores._rows import as_read, to_float
from apscheduler.jobstores._sql.changing.exchange import ChangedMeanwhileError, Exchange, Seen
from apscheduler.jobstores._sql.changing.loading import Loader, Unloadable
from apscheduler.jobstores._sql.connection.database import is_disconnect
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError, QuarantinedJobError
from apscheduler.jobstores.standing import (
    CLOCK_ERROR,
    EDIT_TRIES,
    Standing,
    pass_claims,
    same_schedule,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.changing.asking import Moved
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements
    from apscheduler.jobstores.standing import Change, Revise

    Note = Callable[[Connection, int], None]

_CHUNK = 1000
_ALWAYS_CHANGED = "job {!r} is being changed by others all the time; it was left"


class Written(Record):
    """A job with its bytes."""

    __slots__ = ("blob", "job", "moment")

    def __init__(self, job: Job, blob: bytes) -> None:
        self.job = job
        self.blob = blob
        self.moment = to_float(job._due)


class Replacement(Record):
    """A newer version of a job.

    :ivar new_schedule: whether its fire times are those of another trigger; ``None`` if the old version cannot be
        restored, so that nothing was computed from it
    """

    __slots__ = ("new_schedule", "written")

    def __init__(self, written: Written, new_schedule: bool | None) -> None:
        self.written = written
        self.new_schedule = new_schedule


class Editing:
    """Changes jobs, and lets the other processes know.

    :param notify: adds the notification to a transaction
    :param now: returns this host's time, microseconds UTC
    :param offset: returns the microseconds from this host's time to the store's
    """

    def __init__(
        self,
        database: Database,
        statements: Statements,
        loader: Loader,
        notify: Callable[[Connection], None],
        now: Callable[[], int],
        offset: Callable[[], int],
    ) -> None:
        self._database = database
        self._statements = statements
        self._loader = loader
        self._notify = notify
        self._now = now
        self._offset = offset
        self._exchange = Exchange(statements)

    # -- adding ---------------------------------------------------------------------------------------------

    def add(self, jobs: Sequence[Job]) -> None:
        """Add these jobs, all of them or none.

        :raises ConflictingIdError: if an id is taken, or given twice
        """
        written = self._written(jobs)
        self._in_transaction(lambda connection: self._insert(connection, written), written)

    def put(self, jobs: Sequence[Job]) -> None:
        """Add these jobs, all of them or none; jobs of the same ids are replaced."""
        self._check_ids(jobs)
        for _ in range(EDIT_TRIES):
            old = self._seen([job.id for job in jobs])
            new = [Written(job, self._loader.dumps(job)) for job in jobs if job.id not in old]
            pairs = [
                (self._replacement(job, old[job.id], partial(pass_claims, job)), old[job.id])
                for job in jobs
                if job.id in old
            ]
            reached("edit.computed")
            try:
                self._in_transaction(partial(self._put, new=new, pairs=pairs), [])
            except (ConflictingIdError, ChangedMeanwhileError):
                continue  # one of them was added, removed, claimed or changed meanwhile
            return
        raise RuntimeError("these jobs are being changed by others all the time; none was added")

    def _written(self, jobs: Sequence[Job]) -> list[Written]:
        self._check_ids(jobs)
        return [Written(job, self._loader.dumps(job)) for job in jobs]

    def _check_ids(self, jobs: Sequence[Job]) -> None:
        seen: set[str] = set()
        for job in jobs:
            if job.id in seen:
                raise ConflictingIdError(job.id)
            seen.add(job.id)

    def _insert(self, connection: Connection, written: Sequence[Written]) -> None:
        table = self._statements.tables.jobs
        for chunk in _chunks(written):
            rows = [
                {"id": each.job.id, "next_run_time": each.moment, "job_state": each.blob}
                for each in chunk
            ]
            try:
                connection.execute(table.insert(), rows)
            except IntegrityError as exc:
                raise ConflictingIdError(self._taken(connection, chunk)) from exc
            self._begin_generations(connection, [each.job.id for each in chunk])

    def _taken(self, connection: Connection, chunk: Sequence[Written]) -> str:
        """Return the id that is taken, by asking on another connection (this one's transaction has failed)."""
        if self._database.is_private:
            ids = {row[0] for row in self._state_rows(connection, [each.job.id for each in chunk])}
        else:
            ids = set(self._states(each.job.id for each in chunk))
        return next((each.job.id for each in chunk if each.job.id in ids), chunk[0].job.id)

    def _begin_generations(self, connection: Connection, ids: list[str]) -> None:
        """Give each job whose id had runs before a new generation, so that no old run is taken for one of this job."""
        rows = connection.execute(
            self._statements.newest_generations, self._statements.with_ids(ids)
        ).all()
        if rows:
            self._statements.set_generation(
                connection, [(id, newest + 1, newest + 1) for id, newest in rows]
            )

    def _put(
        self,
        connection: Connection,
        new: Sequence[Written],
        pairs: Sequence[tuple[Replacement, Seen]],
        *,
        by_word: bool = False,
    ) -> None:
        if new:
            self._insert(connection, new)
        for replacement, old in pairs:
            written, new_schedule = replacement.written, replacement.new_schedule
            values = {"next_run_time": written.moment, "job_state": written.blob}
            self._exchange.write(
                *(connection, old, values),
                computed=new_schedule is not None,
                new_schedule=new_schedule is not False,
                told=written.moment if by_word else None,
                whatever=new_schedule is None,
            )

    # -- changing --------------------------------------------------------------------------------------------

    def update(self, job: Job, revise: Revise, *, by_word: bool = False) -> None:
        """Replace a job by this newer version, only if it is still what ``revise`` saw.

        :param by_word: whether a user has named its next fire time
        :raises JobLookupError: if it is not there
        """
        for _ in range(EDIT_TRIES):
            old = self._seen([job.id]).get(job.id)
            if old is None:
                raise JobLookupError(job.id)
            new = self._replacement(job, old, revise)
            reached("edit.computed")
            put = partial(self._put, new=[], pairs=[(new, old)], by_word=by_word)
            try:
                self._in_transaction(put, [])
            except ChangedMeanwhileError:
                continue
            return
        raise RuntimeError(_ALWAYS_CHANGED.format(job.id))

    def _replacement(self, job: Job, old: Seen, revise: Revise) -> Replacement:
        """Return the new version of a job; its next fire time is not one that was claimed.

        Processes of one application replace the same job at each start, and the next one must not run again what
        another has just run. A different trigger makes different fire times.
        """
        try:
            before = self._restored(old)
        except Unloadable:
            return Replacement(Written(job, self._loader.dumps(job)), None)
        revise(self._standing(before, old))
        new_schedule = not same_schedule(before.trigger, job.trigger)
        return Replacement(Written(job, self._loader.dumps(job)), new_schedule)

    def modify(self, job: Job, approved: dict[str, Any]) -> None:
        """Set approved attributes of the stored job and of this object. A next fire time, if given, is a user's own.

        :raises JobLookupError: if it is not there any more
        :raises QuarantinedJobError: if it cannot be restored now
        """
        self._edit(job, lambda _: approved, computed=False)

    def change(self, job: Job, change: Change) -> bool:
        """Set the attributes that ``change`` returns for the stored job; return ``False`` if it leaves the job alone.

        :raises JobLookupError: if it is not there any more
        :raises QuarantinedJobError: if it cannot be restored now
        """
        return self._edit(job, change, computed=True)

    def replan(self, job: Job, change: Change, note: Note) -> bool:
        """Like :meth:`change`, for a next fire time that is computed by other rules; also note what was planned.

        :param note: writes the note, in the same transaction; called with the generation of the old fire time (the new
        one is of the next)
        """
        return self._edit(job, change, computed=True, note=note)

    def _edit(self, job: Job, change: Change, *, computed: bool, note: Note | None = None) -> bool:
        """Read, change, and write only if the row still is what was read."""
        for _ in range(EDIT_TRIES):
            seen = self._seen([job.id]).get(job.id)
            if seen is None:
                raise JobLookupError(job.id)
            try:
                stored = self._restored(seen)
            except Unloadable as exc:
                raise QuarantinedJobError(job.id, str(exc)) from None
            before = stored.trigger
            approved = change(self._standing(stored, seen) if computed else Standing(stored))
            if approved is None:
                return False
            stored._apply(approved)
            new_schedule = note is not None or (
                "trigger" in approved and not same_schedule(before, stored.trigger)
            )
            reached("edit.computed")
            if self._exchanged(
                seen, stored, approved, computed=computed, new_schedule=new_schedule, note=note
            ):
                self._loader.forget(job.id)
                job._apply({**approved, "next_run_time": stored.next_run_time})
                return True
        raise RuntimeError(_ALWAYS_CHANGED.format(job.id))

    def _exchanged(
        self,
        seen: Seen,
        stored: Job,
        approved: dict[str, Any],
        *,
        computed: bool,
        new_schedule: bool,
        note: Note | None,
    ) -> bool:
        new = Written(stored, self._loader.dumps(stored))
        values: dict[str, Any] = {"job_state": new.blob}
        moves = "next_run_time" in approved
        if moves:
            values["next_run_time"] = new.moment
        told = new.moment if moves and not computed else None

        def work(connection: Connection) -> None:
            self._exchange.write(
                *(connection, seen, values),
                computed=computed and moves,
                new_schedule=new_schedule,
                told=told,
            )
            if note is not None:
                note(connection, seen.generation)

        try:
            self._in_transaction(work, [])
        except ChangedMeanwhileError:
            return False
        return True

    def _seen(self, ids: Sequence[str]) -> dict[str, Seen]:
        with self._database.reading() as connection:
            return {
                id: seen
                for chunk in _chunks(ids)
                for id, seen in self._exchange.seen(connection, chunk).items()
            }

    def _restored(self, seen: Seen) -> Job:
        """Return the job of a row as an edit saw it.

        :raises Unloadable: if it cannot be restored, or its generation is no valid number
        """
        stored = self._loader.load(seen.id, seen.blob, seen.moment)
        self._loader.check_generation(seen.id, seen.generation)
        return stored

    def _standing(self, job: Job, seen: Seen) -> Standing:
        offset = self._offset()
        until = self._now() + offset + CLOCK_ERROR
        with self._database.reading() as connection:
            return Standing(job, self._exchange.claimed(connection, seen, until), offset)

    # -- what someone else's methods make of a claim ---------------------------------------------------------

    def standing(self, job_id: str) -> Standing:
        """Return a job as it is stored.

        :raises JobLookupError: if it is not there
        :raises QuarantinedJobError: if it cannot be restored now
        """
        seen = self._seen([job_id]).get(job_id)
        if seen is None:
            raise JobLookupError(job_id)
        try:
            stored = self._restored(seen)
        except Unloadable as exc:
            raise QuarantinedJobError(job_id, str(exc)) from None
        return self._standing(stored, seen)

    def rewrite(self, job: Job, moved: Moved) -> None:
        """Write the bytes of a job that was just claimed, and its next fire time if it is no longer the claim's.

        If the stored job was changed since the claim, nothing is written.
        """
        new = Written(job, self._loader.dumps(job))
        values: dict[str, Any] = {"job_state": new.blob}
        moves = new.moment != moved.moment
        if moves:
            values["next_run_time"] = new.moment
        trigger = job.trigger
        new_schedule = not same_schedule(moved.trigger, trigger)
        seen = Seen(job.id, moved.blob, moved.moment, moved.generation)
        told = new.moment if moves else None

        def work(connection: Connection) -> None:
            self._exchange.write(
                *(connection, seen, values), computed=True, new_schedule=new_schedule, told=told
            )

        with suppress(ChangedMeanwhileError):
            self._in_transaction(work, [], notify=moves)
        self._loader.forget(job.id)

    def end(self, moved: Moved) -> None:
        """Remove a job that a claim has ended, unless it was changed or added anew since."""
        statements, jobs = self._statements, self._statements.tables.jobs.c
        these = statements.with_ids([moved.job.id])

        def work(connection: Connection) -> None:
            # Its last run, on any node, may have to be started again when the job is gone.
            connection.execute(statements.keep_states, these)
            left = (jobs.id == moved.job.id, jobs.job_state == moved.blob)
            gone = statements.tables.jobs.delete().where(*left, jobs.next_run_time.is_(None))
            if connection.execute(gone).rowcount != 1:
                raise ChangedMeanwhileError
            connection.execute(statements.delete_meta, these)

        with suppress(ChangedMeanwhileError):
            self._in_transaction(work, [], notify=False)
        self._loader.forget(moved.job.id)

    # -- removing ----------------------------------------------------------------------------------------------

    def remove(self, job_id: str, *, ends: bool = False) -> None:
        """Remove a job, even one that cannot be loaded.

        :param ends: whether it has come to its end, so that its runs keep what they need to start again
        :raises JobLookupError: if it is not there
        """
        table, meta = self._statements.tables.jobs, self._statements.tables.meta
        gone: list[int] = []

        def work(connection: Connection) -> None:
            if ends:  # locked first, so that no claim adds a run of it in between
                connection.execute(select(table.c.id).where(table.c.id == job_id).with_for_update())
                these = self._statements.with_ids([job_id])
                connection.execute(self._statements.keep_states, these)
            gone[:] = [connection.execute(table.delete().where(table.c.id == job_id)).rowcount]
            connection.execute(meta.delete().where(meta.c.job_id == job_id))

        self._in_transaction(work, [])
        self._loader.forget(job_id)
        if gone != [1]:
            raise JobLookupError(job_id)

    def remove_all(self) -> None:
        """Remove all jobs; the ledger stays."""

        def work(connection: Connection) -> None:
            connection.execute(self._statements.tables.jobs.delete())
            connection.execute(self._statements.tables.meta.delete())

        self._in_transaction(work, [])
        self._loader.forget_all()

    # -- 3.x reads the pickled next run time -----------------------------------------------------------------------

    def write_back(self, ids: Iterable[str]) -> int:
        """Write the next fire times of these jobs from their column into their pickles; return how many were behind."""
        jobs = self._statements.tables.jobs
        # One statement for all jobs, and one call: making a statement for each job costs more than running it.
        update = (
            jobs.update()
            .where(jobs.c.id == bindparam("of"), jobs.c.job_state == bindparam("read"))
            .where(jobs.c.next_run_time.is_not_distinct_from(bindparam("moment")))
            .values(job_state=bindparam("new"))
        )
        written = 0
        for chunk in _chunks(list(ids)):
            changes: list[dict[str, Any]] = []
            for id, (blob, moment) in self._states(chunk).items():
                try:
                    new = self._loader.dumps(self._loader.load(id, blob, moment))
                except Exception:  # noqa: BLE001, S112 - the column stays right; other jobs go on
                    continue
                if new != blob:
                    changes.append({"of": id, "read": blob, "moment": moment, "new": new})
            if not changes:
                continue

            def work(connection: Connection, changes: Any = tuple(changes)) -> None:
                connection.execute(update, changes)

            self._in_transaction(work, [], notify=False)
            written += len(changes)
        return written

    # -- how -----------------------------------------------------------------------------------------------------

    def _states(self, ids: Iterable[str]) -> dict[str, tuple[Any, ...]]:
        with self._database.reading() as connection:
            return {
                row[0]: (as_read(row[1]), row[2])
                for chunk in _chunks(list(ids))
                for row in self._state_rows(connection, chunk)
            }

    def _state_rows(self, connection: Connection, ids: list[str]) -> Sequence[Any]:
        table = self._statements.tables.jobs
        as_it_is = type_coerce(table.c.job_state, NullType())  # it may not be bytes
        columns = select(table.c.id, as_it_is, table.c.next_run_time)
        return connection.execute(columns.where(table.c.id.in_(ids))).all()

    def _in_transaction(
        self,
        work: Callable[[Connection], None],
        added: Sequence[Written],
        *,
        notify: bool = True,
    ) -> None:
        def whole() -> None:
            with self._database.transaction() as connection:
                work(connection)
                if notify:
                    self._notify(connection)

        tries = 0
        while True:
            try:
                self._database.retried(whole)
            except ConflictingIdError:
                if tries and added and self._are_there(added):
                    return  # the first try was committed after all
                raise
            except DBAPIError as exc:
                if not is_disconnect(exc) or tries:
                    raise
                tries += 1
                continue
            return

    def _are_there(self, added: Sequence[Written]) -> bool:
        there = self._states(each.job.id for each in added)
        return all(there.get(each.job.id, (None,))[0] == each.blob for each in added)


def _chunks(items: Sequence[Any]) -> list[list[Any]]:
    return [list(items[at : at + _CHUNK]) for at in range(0, len(items), _CHUNK)]
