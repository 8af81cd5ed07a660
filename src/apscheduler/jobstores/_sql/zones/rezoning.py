"""Moves next fire times if a store is started with newer zone data than its jobs were last planned with.

A stored next fire time is an instant. When the rules of its zone change, that instant is another wall time. So a store
keeps which zone data its next fire times were computed with (zones/notes.py). A process that starts with newer data
compares the clocks of both, and looks at the jobs that name a zone whose clock differs. It moves a fire time if
``_replanned.py`` says so. It does this by the compare-and-set of every edit, so that a claim in between wins, and gives
the time that was planned a row in the ledger.

Processes with different data do not move fire times to and fro: one with older data moves nothing. It only notes that
fire times are computed with older data again, so that the next start with newer data looks once more.

A thread of its own does all this, beside the loop and the heartbeat: the clocks of 600 zones take a second.
"""

from __future__ import annotations

from functools import partial
from threading import Event, Thread

from sqlalchemy import select, type_coerce
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import NullType

from apscheduler._engine.instants import SECOND
from apscheduler.history import reasons
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._rows import as_read, id_text
from apscheduler.jobstores._sql.changing.loading import Unloadable
from apscheduler.jobstores._sql.statements.closed import closed_row
from apscheduler.jobstores._sql.zones.notes import ZoneNotes
from apscheduler.jobstores._sql.zones.stored import names_in
from apscheduler.jobstores.base import JobLookupError, QuarantinedJobError
from apscheduler.zones.clocks import changed, of_today

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator
    from typing import Any, Final

    from sqlalchemy.engine import Connection

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.changing.editing import Editing
    from apscheduler.jobstores._sql.changing.loading import Loader
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements
    from apscheduler.jobstores.standing import Standing
    from apscheduler.zones.clocks import Clocks

_PAGE: Final = 1000
_LINES: Final = 20
"""At most this many jobs get a log line of their own."""
_PAUSE_SECONDS: Final = 0.001
"""The pause between two zones, so that a second of arithmetic does not hold up the loop."""
_END_SECONDS: Final = 5.0

_today: dict[tuple[Any, ...], Clocks] = {}
"""The clocks by the data in use, computed once for all stores of the process."""


class Rezoning:
    """Keeps one store's next fire times as the zone data in use has them.

    :param node: returns the own node's epoch and name
    :param on_moved: told the job, the time that was planned and why it is dropped
    :param on_trouble: told what could not be done
    """

    def __init__(
        self,
        database: Database,
        statements: Statements,
        loader: Loader,
        editing: Editing,
        node: Callable[[], tuple[int, str]],
        on_moved: Callable[[Job, int, str], None],
        on_trouble: Callable[[str, Exception], object],
        logger: logging.Logger,
    ) -> None:
        self._database = database
        self._statements = statements
        self._loader = loader
        self._editing = editing
        self._node = node
        self._on_moved = on_moved
        self._on_trouble = on_trouble
        self._logger = logger
        self._notes = ZoneNotes(database, statements.tables)
        self._stop = Event()
        self._version = _version_in_use()
        can_note = bool(statements.tables.additions) and not database.is_private
        self.is_on = can_note and self._version is not None
        self.thread: Thread | None = None

    # -- when ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Look at the jobs in a thread, if the store's start has read that other data is noted."""
        noted = self._statements.tables.zone_data
        if self.is_on and noted is not None and noted != self._version:
            self._begin()

    def tend(self) -> None:
        """Called now and then: note the data in use, in a thread, if none is noted or newer data is."""
        if not self.is_on or (self.thread is not None and self.thread.is_alive()):
            return
        noted = self._notes.version()
        if noted is None or self._is_older_than(noted):
            self._begin()

    def stop(self) -> None:
        """End the thread, after the job that it works on."""
        self._stop.set()
        if self.thread is not None:
            self.thread.join(_END_SECONDS)

    def last_look(self) -> None:
        """Called at the end of a process that computed next fire times: note its data if newer data is noted."""
        noted = self._notes.version() if self.is_on else None
        if noted is not None and self._is_older_than(noted):
            self._notes.write(str(self._version), None)

    def _is_older_than(self, noted: str) -> bool:
        return self._version is not None and self._version < noted

    def _begin(self) -> None:
        self.thread = Thread(target=self._work, name="APScheduler zone data", daemon=True)
        self.thread.start()

    def _work(self) -> None:
        try:
            self._compare()
        except Exception as exc:  # noqa: BLE001 - the store's troubles; the next start tries again
            self._on_trouble("Fire times could not be compared with the zone data in use", exc)

    # -- what -----------------------------------------------------------------------------------------------------

    def _compare(self) -> None:
        noted, version = self._notes.version(self._logger.warning), str(self._version)
        now = self._clocks() if noted != version else None
        if now is None:
            return
        if noted is not None and noted < version:
            before = self._notes.clocks(noted, self._logger.warning)
            zones = frozenset() if before is None else frozenset(changed(before, now))
            if before is not None and zones:
                _Move(self, zones, before, noted, version).all()
        elif noted is not None:
            self._logger.warning(
                "The zone data in use here is %s, and jobs of this store were planned with %s: where the two differ, "
                "fire times follow whichever process computes them; use the same data in all of them",
                version,
                noted,
            )
        if not self._stop.is_set():
            self._notes.write(version, now)

    def _clocks(self) -> Clocks | None:
        import zoneinfo

        key = self._version, *zoneinfo.TZPATH
        known = _today.get(key)
        if known is None:
            with self._database.reading() as connection:
                since = self._database.now(connection)
            known = of_today(since, partial(self._stop.wait, _PAUSE_SECONDS))
            if known is not None:
                _today[key] = known
        return known


class _Move:
    """One look at all jobs of a store.

    :param zones: names of the zones whose clocks differ
    :param before: the clocks by the version that was noted
    """

    def __init__(
        self, on: Rezoning, zones: frozenset[str], before: Clocks, noted: str, version: str
    ) -> None:
        self._on = on
        self._zones = zones
        self._before = before
        self._noted = noted
        self._version = version
        self._now = 0
        self._moved = self._kept = 0
        self._planned: tuple[int, int] | None = None

    def all(self) -> None:
        """Move the fire times that are to be moved, and log it."""
        for id, blob, moment in self._rows():
            named = sorted(names_in(blob) & self._zones)
            if named:
                self._one(id, blob, moment, named)
        if self._moved or self._kept:
            self._on._logger.warning(
                "Zone data %s is in use, and this store's jobs were planned with %s: %d next fire times were moved, "
                "%d stay once more, as their right time has gone by",
                *(self._version, self._noted, self._moved, self._kept),
            )

    def _rows(self) -> Iterator[tuple[Any, bytes, Any]]:
        """Yield the jobs whose next fire time lies ahead, page by page."""
        jobs = self._on._statements.tables.jobs
        as_it_is = type_coerce(jobs.c.job_state, NullType())  # it may hold something else
        columns = select(jobs.c.id, as_it_is, jobs.c.next_run_time).order_by(jobs.c.id)
        last: Any = None
        while not self._on._stop.is_set():
            with self._on._database.reading(patient=True) as connection:
                self._now = self._on._database.now(connection)
                ahead = columns.where(jobs.c.next_run_time > self._now / SECOND)
                ahead = ahead if last is None else ahead.where(jobs.c.id > last)
                rows = connection.execute(ahead.limit(_PAGE)).all()
            for id, state, moment in rows:
                blob = as_read(state)
                if isinstance(blob, bytes):
                    yield id, blob, moment
            if len(rows) < _PAGE:
                return
            last = rows[-1][0]

    def _one(self, id: Any, blob: bytes, moment: Any, named: list[str]) -> None:
        if self._on._stop.is_set():
            return
        try:
            job = self._on._loader.load(id, blob, moment)
            moved = self._on._editing.replan(
                job, partial(self._change, named), partial(self._note, job)
            )
        except (Unloadable, JobLookupError, QuarantinedJobError):
            return  # it is announced elsewhere, or is gone
        except Exception as exc:
            if isinstance(exc, SQLAlchemyError):
                raise
            self._on._logger.warning(
                "Whether job %r is due at another time by zone data %s cannot be told: %s",
                *(id_text(id), self._version, exc),
            )
            return
        if moved:
            self._say(job)

    def _change(self, named: list[str], standing: Standing) -> dict[str, Any] | None:
        from apscheduler.jobstores._replanned import right_time  # almost no start needs it

        right = right_time(standing, named, self._before)
        self._planned = None
        if right is None or standing.job._due <= self._now:
            return None
        if right <= self._now:
            self._kept += 1
            return None
        self._planned = standing.job._due, right
        return {"next_run_time": standing.job._at(right)}

    def _say(self, job: Job) -> None:
        assert self._planned is not None  # noqa: S101 - for mypy: it was changed
        planned, right = self._planned
        self._moved += 1
        if self._moved <= _LINES:
            self._on._logger.warning(
                "Job %r was to run at %s by zone data %s; by %s it runs at %s",
                *(job.id, job._at(planned), self._noted, self._version, job._at(right)),
            )
        self._on._on_moved(job, planned, self._reason(job, right))

    def _reason(self, job: Job, right: int) -> str:
        return reasons.replanned(self._noted, self._version, job._at(right))

    def _note(self, job: Job, connection: Connection, generation: int) -> None:
        """Write the ledger's row of the time that was planned."""
        assert self._planned is not None  # noqa: S101 - for mypy: it is being changed
        planned, right = self._planned
        epoch, name = self._on._node()
        common = {"node": epoch, "node_name": name, "batch": 0, "claimed_us": self._now}
        key = (job.id, generation, planned)
        reason = self._reason(job, right)
        row = closed_row(common, key, Outcome.SKIPPED, self._now, reason=reason)
        self._on._statements.insert_closed(connection, [row])


def _version_in_use() -> str | None:
    from apscheduler.zones.data import in_use

    used = in_use()
    return None if used is None else used.version
