"""Adding, changing and removing jobs, by any process, whether it schedules or not."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError

from apscheduler._engine.records import Record
from apscheduler.jobstores._sql.database import is_disconnect
from apscheduler.jobstores._sql.loading import Loader, Unloadable, to_float
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.triggers.wording import same_schedule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.database import Database
    from apscheduler.jobstores._sql.statements import Statements

_CHUNK = 1000
_TRIES = 20


class Written(Record):
    """A job with its bytes."""

    __slots__ = ("blob", "job", "moment")

    def __init__(self, job: Job, blob: bytes) -> None:
        self.job = job
        self.blob = blob
        self.moment = to_float(job._due)


class Editing:
    """Changes jobs, and lets the other processes know.

    :param notify: adds the notification to a transaction
    """

    def __init__(
        self,
        database: Database,
        statements: Statements,
        loader: Loader,
        notify: Callable[[Connection], None],
    ) -> None:
        self._database = database
        self._statements = statements
        self._loader = loader
        self._notify = notify

    # -- adding ---------------------------------------------------------------------------------------------

    def add(self, jobs: Sequence[Job]) -> None:
        """Add these jobs, all of them or none.

        :raises ConflictingIdError: if an id is taken, or given twice
        """
        written = self._written(jobs)
        self._in_transaction(lambda connection: self._insert(connection, written), written)

    def put(self, jobs: Sequence[Job]) -> None:
        """Add these jobs, replacing those of the same id, all of them or none."""
        written = self._written(jobs)
        for _ in range(_TRIES):
            old = self._states(each.job.id for each in written)
            try:
                self._in_transaction(lambda connection: self._put(connection, written, old), [])  # noqa: B023
            except (ConflictingIdError, JobLookupError):
                continue  # somebody added or removed one of them meanwhile
            return
        raise RuntimeError("these jobs are being changed by others all the time; none was added")

    def _written(self, jobs: Sequence[Job]) -> list[Written]:
        seen: set[str] = set()
        for job in jobs:
            if job.id in seen:
                raise ConflictingIdError(job.id)
            seen.add(job.id)
        return [Written(job, self._loader.dumps(job)) for job in jobs]

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
        """Give a job whose id has a history a generation of its own, so that no old run is taken for one of its."""
        rows = connection.execute(
            self._statements.newest_generations, self._statements.with_ids(ids)
        ).all()
        if rows:
            self._statements.set_generation(
                connection, [(id, newest + 1, newest + 1) for id, newest in rows]
            )

    def _put(
        self, connection: Connection, written: Sequence[Written], old: dict[str, tuple[Any, ...]]
    ) -> None:
        new = [each for each in written if each.job.id not in old]
        if new:
            self._insert(connection, new)
        for each in written:
            if each.job.id in old:
                self._replace(connection, each, old[each.job.id])

    # -- changing --------------------------------------------------------------------------------------------

    def update(self, job: Job) -> None:
        """Replace a job by this newer version.

        :raises JobLookupError: if it is not there
        """
        (written,) = self._written([job])
        old = self._states([job.id]).get(job.id)
        if old is None:
            raise JobLookupError(job.id)
        self._in_transaction(lambda connection: self._replace(connection, written, old), [])

    def _replace(self, connection: Connection, new: Written, old: tuple[Any, ...]) -> None:
        table = self._statements.tables.jobs
        values = {"next_run_time": new.moment, "job_state": new.blob}
        changed = connection.execute(
            table.update().where(table.c.id == new.job.id).values(**values)
        )
        if changed.rowcount != 1:
            raise JobLookupError(new.job.id)
        if not self._keeps_schedule(new.job, old):
            self._next_generation(connection, new.job.id)

    def _keeps_schedule(self, job: Job, old: tuple[Any, ...]) -> bool:
        """Return whether an instant of the new job is the same fire time that the old one had there.

        Processes of one application replace the same job at each start: what one of them has just run must not be
        run again by the next. A different trigger makes different fire times.
        """
        try:
            before = self._loader.load(job.id, old[0], old[1])
        except Unloadable:
            return False
        return same_schedule(before.trigger, job.trigger)

    def _next_generation(self, connection: Connection, id: str) -> None:
        meta = self._statements.tables.meta
        row = connection.execute(
            select(meta.c.generation, meta.c.born).where(meta.c.job_id == id)
        ).first()
        generation, born = (0, 0) if row is None else row
        self._statements.set_generation(connection, [(id, generation + 1, born)])

    def modify(self, job: Job, approved: dict[str, Any]) -> int:
        """Set approved attributes of the stored job and of this view of it; return its next fire time.

        The stored definition is read, changed, and written only if it is still what was read.

        :raises JobLookupError: if it is not there any more
        """
        for _ in range(_TRIES):
            row = self._states([job.id]).get(job.id)
            if row is None:
                raise JobLookupError(job.id)
            blob, moment = row
            try:
                stored = self._loader.load(job.id, blob, moment)
            except Unloadable:
                raise JobLookupError(job.id) from None
            stored._apply(approved)
            new = Written(stored, self._loader.dumps(stored))
            if self._exchange(stored, new, blob, approved):
                self._loader.forget(job.id)
                job._apply({**approved, "next_run_time": stored.next_run_time})
                return stored._due
        raise RuntimeError(f"job {job.id!r} is being changed by others all the time; it was left")

    def _exchange(self, stored: Job, new: Written, blob: bytes, approved: dict[str, Any]) -> bool:
        table = self._statements.tables.jobs
        values: dict[str, Any] = {"job_state": new.blob}
        moves = "next_run_time" in approved
        if moves:
            values["next_run_time"] = new.moment
        outcome: list[bool] = []

        def work(connection: Connection) -> None:
            changed = connection.execute(
                table.update()
                .where(table.c.id == stored.id, table.c.job_state == blob)
                .values(**values)
            )
            outcome[:] = [changed.rowcount == 1]
            if changed.rowcount == 1 and (moves or "trigger" in approved):
                self._next_generation(connection, stored.id)

        self._in_transaction(work, [])
        return outcome[0]

    # -- removing ----------------------------------------------------------------------------------------------

    def remove(self, job_id: str) -> None:
        """Remove a job, one that cannot be loaded too.

        :raises JobLookupError: if it is not there
        """
        table, meta = self._statements.tables.jobs, self._statements.tables.meta
        gone: list[int] = []

        def work(connection: Connection) -> None:
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
        """Bring the pickled next fire time of these jobs up to their column; return how many were behind."""
        table = self._statements.tables.jobs
        written = 0
        for chunk in _chunks(list(ids)):
            changes = []
            for id, (blob, moment) in self._states(chunk).items():
                try:
                    job = self._loader.load(id, blob, moment)
                except Unloadable:
                    continue
                new = self._loader.dumps(job)
                if new != blob:
                    changes.append((id, blob, moment, new))
            if not changes:
                continue

            def work(connection: Connection, changes: Any = tuple(changes)) -> None:
                for id, blob, moment, new in changes:
                    connection.execute(
                        table.update()
                        .where(table.c.id == id, table.c.job_state == blob)
                        .where(table.c.next_run_time == moment)
                        .values(job_state=new)
                    )

            self._in_transaction(work, [], notify=False)
            written += len(changes)
        return written

    # -- how -----------------------------------------------------------------------------------------------------

    def _states(self, ids: Iterable[str]) -> dict[str, tuple[Any, ...]]:
        with self._database.reading() as connection:
            return {
                row[0]: (bytes(row[1]), row[2])
                for chunk in _chunks(list(ids))
                for row in self._state_rows(connection, chunk)
            }

    def _state_rows(self, connection: Connection, ids: list[str]) -> Sequence[Any]:
        table = self._statements.tables.jobs
        columns = select(table.c.id, table.c.job_state, table.c.next_run_time)
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
