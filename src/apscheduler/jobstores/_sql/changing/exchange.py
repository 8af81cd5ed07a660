"""Writes edits by compare-and-set: a job's row is written only if it still is what the edit was computed from.

A claim moves the column ``next_run_time`` and leaves the bytes alone. So an edit that has computed a next fire time
compares both, and the generation. An instant has one row in the ledger per generation, and what has a row is not run
again. So the generation grows when the schedule changes, and when a user sets the job back to an instant that has a
row.
"""

from __future__ import annotations

from sqlalchemy import func, select, type_coerce
from sqlalchemy.types import NullType

from apscheduler._engine.records import Record
from apscheduler.jobstores._rows import as_read, from_float, is_generation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.statements import Statements


class ChangedMeanwhileError(Exception):
    """The job is not what it was when the edit was computed; nothing was written."""


class Seen(Record):
    """What an edit read of a job before it computed.

    :ivar generation: what the table has, which may be no valid number; 0 if it has none
    :ivar moment: the column ``next_run_time``
    :ivar born: the job's first generation
    """

    __slots__ = ("blob", "born", "generation", "id", "moment")

    def __init__(
        self, id: str, blob: Any, moment: float | None, generation: Any, born: Any = 0
    ) -> None:
        self.id = id
        self.blob = as_read(blob)
        self.moment = moment
        self.generation = generation
        self.born = born if isinstance(born, int) else 0


class Exchange:
    """Reads jobs for an edit, and writes them."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    def seen(self, connection: Connection, ids: Sequence[str]) -> dict[str, Seen]:
        """Return those of these jobs that are there, as they are now."""
        jobs, meta = self._statements.tables.jobs, self._statements.tables.meta
        as_it_is = type_coerce(jobs.c.job_state, NullType())  # it may not be bytes
        columns = (jobs.c.id, as_it_is, jobs.c.next_run_time)
        rows = connection.execute(select(*columns).where(jobs.c.id.in_(ids))).all()
        numbers = select(meta.c.job_id, meta.c.generation, meta.c.born).where(
            meta.c.job_id.in_(ids)
        )
        known = {id: values for id, *values in connection.execute(numbers)}
        return {id: Seen(id, blob, moment, *known.get(id, (0,))) for id, blob, moment in rows}

    def claimed(self, connection: Connection, seen: Seen, until: int) -> int:
        """Return the newest fire time up to ``until`` that has a row in the ledger, 0 if none has.

        It is taken from the newest generation that has a row. After several edits in a row the latest generations have
        none, and what was claimed before these edits must not be handed out again. What lies after ``until`` was
        claimed by a clock that was wrong.
        """
        runs = self._statements.tables.runs.c
        newest = (
            select(runs.fire_us)
            .where(runs.job_id == seen.id, runs.kind == 0, runs.fire_us <= until)
            .where(runs.generation.between(seen.born, seen.generation))
            .order_by(runs.generation.desc(), runs.fire_us.desc())
            .limit(1)
        )
        return int(connection.scalar(newest) or 0)

    def write(
        self,
        connection: Connection,
        seen: Seen,
        values: dict[str, Any],
        *,
        computed: bool,
        new_schedule: bool,
        told: float | None = None,
        whatever: bool = False,
    ) -> None:
        """Set columns of the job's row.

        :param computed: whether the values were computed from the job's next fire time as it was seen
        :param new_schedule: whether its fire times from now on are those of another trigger
        :param told: the next fire time, if a user has named it
        :param whatever: whether to write over whatever the row holds now
        :raises ChangedMeanwhileError: if the row is not what was seen
        """
        jobs = self._statements.tables.jobs
        unchanged = [jobs.c.id == seen.id]
        if not whatever:
            unchanged.append(jobs.c.job_state == seen.blob)
        if computed:
            same = jobs.c.next_run_time.is_(None)
            unchanged.append(same if seen.moment is None else jobs.c.next_run_time == seen.moment)
        if connection.execute(jobs.update().where(*unchanged).values(**values)).rowcount != 1:
            raise ChangedMeanwhileError
        # From here on the row is locked: nobody claims this job, or changes it, before this commits.
        if computed or new_schedule or told is not None:
            generation, born = self._generation(connection, seen.id)
            if computed and generation != seen.generation:
                raise ChangedMeanwhileError
            if not is_generation(generation):
                if not whatever:
                    raise ChangedMeanwhileError  # the next look says what is wrong with it
                generation = self._newest(connection, seen.id)
                born = born if is_generation(born) else 0
            if new_schedule or self._is_set_back(connection, seen.id, generation, told):
                self._statements.set_generation(connection, [(seen.id, generation + 1, born)])

    def _generation(self, connection: Connection, id: str) -> tuple[Any, Any]:
        meta = self._statements.tables.meta
        found = select(meta.c.generation, meta.c.born).where(meta.c.job_id == id)
        row = connection.execute(found).first()
        return (0, 0) if row is None else (row.generation, row.born)

    def _newest(self, connection: Connection, id: str) -> int:
        """Return the newest generation that the ledger has runs of."""
        statements = self._statements
        row = connection.execute(statements.newest_generations, statements.with_ids([id])).first()
        return 0 if row is None else int(row[1])

    def _is_set_back(
        self, connection: Connection, id: str, generation: int, told: float | None
    ) -> bool:
        if told is None:
            return False
        runs = self._statements.tables.runs.c
        newest = select(func.max(runs.fire_us)).where(
            runs.job_id == id, runs.generation == generation, runs.kind == 0
        )
        return int(connection.scalar(newest) or 0) >= from_float(told)
