"""Reads the jobs of a store from its table, also where it was not started or has nothing but 3.x's table."""

from __future__ import annotations

from sqlalchemy import case, literal, select, type_coerce
from sqlalchemy.types import NullType

from apscheduler._engine.instants import AT_NEXT_START, SECOND
from apscheduler.jobstores._rows import EARLIEST_SECONDS, LATEST_SECONDS, as_read
from apscheduler.jobstores._sql.changing.loading import Unloadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sqlalchemy import Table

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.parts import Parts

    Row = tuple[Any, Any, Any, Any]
    """Id, bytes, next fire time and generation, as the row has them."""


class Reading:
    """Reads the jobs of one store.

    :param is_ready: whether the store is started, so that its tables are there
    :param table: returns the job table
    """

    def __init__(
        self, parts: Parts, is_ready: Callable[[], bool], table: Callable[[], Table]
    ) -> None:
        self._parts = parts
        self._is_ready = is_ready
        self._table = table

    def jobs(self, *conditions: Any) -> list[Job]:
        """Return the jobs of these rows that can be restored, in order."""
        found = (self.loaded(*row) for row in self.rows(*conditions))
        return [job for job in found if job is not None]

    def rows(self, *conditions: Any) -> list[Row]:
        """Return these rows in order; nothing if the store was not started and has no table of jobs."""
        if not (self._is_ready() or self._parts.looking.finds_jobs()):
            return []
        columns = self._table().c
        statement = (
            self._selected()
            .where(*conditions)
            .order_by(columns.next_run_time.is_(None), columns.next_run_time, columns.id)
        )
        with self._parts.database.reading(patient=True) as connection:
            rows = connection.execute(statement)
            return [(id, as_read(blob), *rest) for id, blob, *rest in rows]

    def _selected(self) -> Any:
        """Return the SELECT for what :meth:`rows` returns."""
        table, metadata = self._table(), self._parts.tables.meta
        columns, meta = table.c, metadata.c
        as_it_is = type_coerce(columns.job_state, NullType())
        asked = (columns.id, as_it_is, columns.next_run_time)
        if not self.has_history():
            return select(*asked, literal(0))
        kept = type_coerce(meta.generation, NullType())
        generation = case((meta.job_id.is_(None), 0), else_=kept)
        joined = table.outerjoin(metadata, meta.job_id == columns.id)
        return select(*asked, generation).select_from(joined)

    def has_history(self) -> bool:
        """Return whether the store has more than 3.x's table."""
        return self._is_ready() or self._parts.looking.finds_history()

    def row_of(self, job_id: str) -> Row | None:
        """Return the row of a job, ``None`` if there is none."""
        parts = self._parts
        if not self.has_history():
            row = parts.editing._states([job_id]).get(job_id)
            return None if row is None else (job_id, *row, 0)
        with parts.database.reading() as connection:
            found = connection.execute(parts.statements.job_of, {"id": job_id}).first()
        if found is None or found[0] != job_id:
            return None
        return job_id, as_read(found[2]), found[1], found[3]

    def job(self, job_id: str) -> Job | None:
        """Return a job, ``None`` if it is not there, or cannot be restored."""
        row = self.row_of(job_id)
        return None if row is None else self.loaded(*row)

    def loaded(self, job_id: str, blob: Any, moment: Any, generation: Any = 0) -> Job | None:
        """Return the job of a row, ``None`` if it cannot be restored."""
        try:
            return self.whole(job_id, blob, moment, generation)
        except Unloadable:
            return None

    def whole(self, id: str, blob: Any, moment: Any, generation: Any) -> Job:
        """Return the job of a row.

        :raises Unloadable: if it cannot be restored, or cannot be claimed
        """
        loader = self._parts.loader
        job = loader.load(id, blob, moment)
        loader.check_generation(id, generation)
        return job

    def earliest(self) -> float | None:
        """Return the earliest next fire time, as the column has it; ``None`` if there is none."""
        column = self._table().c.next_run_time
        statement = (
            select(column)
            .where(column >= EARLIEST_SECONDS, column <= LATEST_SECONDS)
            .order_by(column)
            .limit(1)
        )
        with self._parts.database.reading() as connection:
            found: float | None = connection.scalar(statement)
            return found

    def has_waiting_for_start(self) -> bool:
        """Return whether jobs wait for the next start. Almost always there are none."""
        database = self._parts.database
        table = database.engine.dialect.identifier_preparer.format_table(self._table())
        asked = f"SELECT 1 FROM {table} WHERE next_run_time = {AT_NEXT_START / SECOND} LIMIT 1"
        with database.reading() as connection:
            return connection.exec_driver_sql(asked).first() is not None

    def knows(self, job_id: str) -> bool:
        """Return whether there is a job of this id, or was one."""
        parts = self._parts
        if not self.has_history():
            return parts.looking.finds_jobs() and bool(parts.editing._states([job_id]))
        if parts.editing._states([job_id]):
            return True
        meta = parts.tables.meta.c
        with parts.database.reading() as connection:
            return connection.scalar(select(meta.job_id).where(meta.job_id == job_id)) is not None
