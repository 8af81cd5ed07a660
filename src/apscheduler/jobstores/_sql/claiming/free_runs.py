"""Claims free runs: those that were given back before their start, or taken from a dead node.

Each look reads the first page of them, then further pages from where the last look ended, up to a limit. So runs that
this node cannot take do not hide those that come after them. A page from which something was taken is read again at
once, so that runs which were passed over for lack of a slot get their turn before the look moves on.
"""

from __future__ import annotations

from contextlib import suppress

from apscheduler._engine.instants import EARLIEST, LATEST, SECOND
from apscheduler.cluster.points import reached
from apscheduler.history.outcomes import Outcome
from apscheduler.history.states import PENDING, STATES
from apscheduler.jobstores._sql.changing.loading import Loader, Unloadable
from apscheduler.jobstores._sql.claiming.catching_up import CatchUps, permit_row, portion_maker
from apscheduler.jobstores._sql.claiming.chains import Chains
from apscheduler.jobstores._sql.claiming.claims import StoreClaim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.cluster.membership import Membership
    from apscheduler.job import Job
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements
    from apscheduler.jobstores.base import ClaimRequest


_PAGE = 200
_PAGES = 5
_REMOVED = "its job was removed before it could be started"
_REMOVED_SINCE = "its job was removed before it could be started again"


class FreeRuns:
    """Claims runs that have a row but no owner."""

    def __init__(
        self,
        database: Database,
        statements: Statements,
        loader: Loader,
        membership: Membership,
        catch_ups: CatchUps,
    ) -> None:
        self._database = database
        self._statements = statements
        self._loader = loader
        self._membership = membership
        self._mark: dict[str, Any] | None = None
        self._is_long = False  # the first page was full
        self.are_left = False
        """Whether the last look left runs behind, which this node cannot take or which it did not reach."""
        self._catch_ups = catch_ups
        self._chains = Chains(statements)
        self._chosen: set[tuple[Any, ...]] = set()  # catch-ups of which this look chose one run

    def claim(
        self,
        request: ClaimRequest,
        slots: dict[str, int],
        number: int,
        seal: Callable[[Connection, list[StoreClaim]], None],
    ) -> bool:
        """Take what this node can run, by compare-and-set on the token; each run, or catch-up, becomes one claim.

        Returns whether the caller should look for more at once.

        :param slots: free slots by executor; what is taken is subtracted
        :param number: the batch's number
        :param seal: called with the claims, does the transaction's last statement
        """
        self._chosen = set()
        able, gone, resume = self._look(request, slots)
        if not able and not gone:
            return False
        epoch = self._membership.lease.epoch
        taken: list[StoreClaim] = []
        with self._database.transaction() as connection:
            reached("free.begun")
            chains = self._among(connection, [row for row, _ in able])
            for row, job in able:
                if _chain(row) in chains:
                    taken += self._take_chain(connection, row, job, request, epoch, number)
                elif self._take(connection, row, request, epoch, number):
                    taken.append(
                        StoreClaim(job, [row[3]], request.sink, **self._options(row, epoch))
                    )
            for row in gone:
                self._close(connection, row, request)
            reached("free.taken")
            seal(connection, taken)
        reached("free.committed")
        if taken and resume is not None:
            self._mark = resume
        return bool(taken) and self._is_long

    def _look(
        self, request: ClaimRequest, slots: dict[str, int]
    ) -> tuple[list[tuple[Any, Job]], list[Any], dict[str, Any] | None]:
        """Return the rows to take, those to close, and where to go on if some are taken."""
        able: list[tuple[Any, Job]] = []
        gone: list[Any] = []
        seen, after, resume = 0, None, None
        for _ in range(_PAGES):
            rows = self._read(after)
            known = len(able)
            able += [(row, job) for row in rows if (job := self._job(row, request, slots))]
            gone += [row for row in rows if row[7] is None]
            seen += len(rows)
            if after is None:
                self._is_long = len(rows) == _PAGE
            elif len(able) > known and resume is None:
                resume = after
            if len(rows) < _PAGE:
                self._mark = None
                break
            behind = {**_key(rows[-1]), "seq": rows[-1][8]}
            if after is not None:
                self._mark = behind
            after = self._mark or behind
            if sum(slots.values()) <= 0 or len(able) >= _PAGE:
                break
        self.are_left = self._is_long or seen > len(able) + len(gone)
        return able, gone, resume

    def _read(self, after: dict[str, Any] | None) -> Sequence[Any]:
        statement = self._statements.pending if after is None else self._statements.pending_after
        with self._database.reading() as connection:
            return connection.execute(statement, {**(after or {}), "limit": _PAGE}).all()

    def _job(self, row: Any, request: ClaimRequest, slots: dict[str, int]) -> Job | None:
        id, generation, _, fire, token, attempt, own, blob, *_ = row
        if blob is None or _chain(row) in self._chosen:
            return None
        ask = request.ask
        if ask is not None and not ask.permits(id):
            return None
        numbers = (generation, fire, token, attempt)
        if not all(isinstance(each, int) for each in numbers) or not EARLIEST <= fire <= LATEST:
            return None  # no scheduler wrote it; get_running() shows it, with what is wrong
        try:
            job = self._loaded(row)
            if ask is not None and id in ask.jobs and (not own or id in ask.offered):
                job = self._loader.placed(ask.jobs[id], fire / SECOND)
        except Unloadable:
            return None
        if not request.has_executor(job.executor) or slots.get(job.executor, 1) <= 0:
            return None
        if job.executor in slots:
            slots[job.executor] -= 1
        if self._catch_ups.are_on:
            self._chosen.add(_chain(row))
        return job

    def _loaded(self, row: Any) -> Job:
        id, generation, _, fire, _, _, own, blob, *_ = row
        if own:
            return self._loader.load_for_run(id, generation, blob, fire / SECOND)
        return self._loader.load(id, blob, fire / SECOND)

    def jobs(self) -> dict[str, Job]:
        """Return the jobs of the first free runs, by id, each as if it were due at its run's fire time."""
        found: dict[str, Job] = {}
        rows = [*self._read(None), *(self._read(self._mark) if self._mark else ())]
        for row in rows:
            with suppress(Unloadable, ValueError):
                if row[7] is not None and row[0] not in found:
                    found[row[0]] = self._loaded(row)
        return found

    def _take(
        self, connection: Any, row: Any, request: ClaimRequest, epoch: int, number: int
    ) -> bool:
        values = {**_key(row), "token": row[4], **self._owner(request, epoch, number)}
        return bool(connection.execute(self._statements.take_pending, values).rowcount == 1)

    def _owner(self, request: ClaimRequest, epoch: int, number: int) -> dict[str, Any]:
        return {
            "node": epoch,
            "node_name": self._membership.name,
            "batch": number,
            "claimed_us": request.now + self._membership.offset.us,
        }

    def _among(self, connection: Connection, rows: list[Any]) -> set[Any]:
        if not self._catch_ups.are_on:
            return set()
        return self._chains.among(connection, [_chain(row) for row in rows])

    def _take_chain(
        self,
        connection: Connection,
        row: Any,
        job: Job,
        request: ClaimRequest,
        epoch: int,
        number: int,
    ) -> list[StoreClaim]:
        """Take the free runs of a catch-up as one claim. Its first portion may start."""
        owner = self._owner(request, epoch, number)
        fires, token, attempt = self._chains.take(connection, _chain(row), owner)
        options = {**self._options(row, epoch), "token": token + 1, "attempt": attempt}
        if len(fires) < 2:
            return [StoreClaim(job, fires, request.sink, **options)] if fires else []
        size = min(self._catch_ups.size_for(job), len(fires))
        make = portion_maker(job, request.sink, options)
        portion = self._catch_ups.begun(make, fires, row[9], size)
        self._statements.permit(connection, [permit_row(portion, fires, size)])
        return [portion]

    def _options(self, row: Any, epoch: int) -> dict[str, Any]:
        _, generation, kind, _, token, attempt, *_ = row
        return {
            "generation": generation,
            "lease": self._membership.lease,
            "epoch": epoch,
            "offset": self._membership.offset,
            "offset_us": self._membership.offset.us,
            "late_because": "the node that had claimed it could not start it",
            "kind": kind,
            "token": token + 1,
            "attempt": attempt,
        }

    def _close(self, connection: Any, row: Any, request: ClaimRequest) -> None:
        """Close a run whose job was removed; a job that ended by itself has left its definition in the row."""
        runs = self._statements.tables.runs
        key = _key(row)
        connection.execute(
            runs.update()
            .where(*(runs.c[name] == value for name, value in key.items()))
            .where(runs.c.state == PENDING, runs.c.token == row[4])
            .values(
                state=STATES[Outcome.CANCELLED],
                finished_us=request.now + self._membership.offset.us,
                reason=_REMOVED if row[5] == 1 else _REMOVED_SINCE,
            )
        )


def _chain(row: Any) -> tuple[Any, ...]:
    """Return the key that the runs of one catch-up have in common."""
    return (*row[:3], row[9])


def _key(row: Any) -> dict[str, Any]:
    return {"job_id": row[0], "generation": row[1], "kind": row[2], "fire_us": row[3]}
