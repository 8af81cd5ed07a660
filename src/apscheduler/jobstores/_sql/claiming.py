"""The claim: due jobs become runs, and get their next fire time, in one transaction.

    read     due rows, no lock
    plan     load and plan each; foreign code (a job's module, a trigger) runs while nothing is locked
    commit   lock those rows that are as they were read (skipping what others have locked), count instances, insert
             the runs (the unique key decides), move the jobs, write waiting outcomes, re-check one's own lease last

Several nodes with a long queue of due jobs would plan the same rows and throw most of it away: who loses many rows to
others reads those first, for a while, whose id's hash gives its own place among the nodes. What nobody counts as his
own (a node has just died) is read when one's own part is empty.
"""

from __future__ import annotations

import time

from apscheduler._engine.instants import NEVER, SECOND
from apscheduler._engine.records import Record
from apscheduler.cluster.points import reached
from apscheduler.jobstores._sql.claims import StoreClaim
from apscheduler.jobstores._sql.database import is_disconnect
from apscheduler.jobstores._sql.loading import Unloadable
from apscheduler.jobstores._sql.writing import Candidate, Writing
from apscheduler.jobstores.base import ClaimBatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.cluster.membership import Membership
    from apscheduler.jobstores._sql.database import Database
    from apscheduler.jobstores._sql.loading import Loader
    from apscheduler.jobstores._sql.outbox import Outbox
    from apscheduler.jobstores._sql.recovered import FreeRuns
    from apscheduler.jobstores._sql.statements import Statements
    from apscheduler.jobstores.base import ClaimRequest

PATIENCE = 60 * SECOND
"""A due job whose executor this node lacks is left to other nodes for so long, then recorded as failed (rule 10)."""
_SMALLEST_PAGE = 64
_PAGES = 20
_LONGEST_BACKOFF = 64 * SECOND
_FREE_RUNS_SECONDS = 1.0
_APART_PASSES = 200
"""For so many passes a node that lost rows to others reads its own part of the queue first."""


class LeaseOverError(RuntimeError):
    """The store does not know this incarnation any more; nothing was claimed."""


class Doubt(Record):
    """A transaction whose COMMIT got no answer (rule 15)."""

    __slots__ = ("batch", "epoch", "number")

    def __init__(self, epoch: int, number: int, batch: ClaimBatch) -> None:
        self.epoch = epoch
        self.number = number
        self.batch = batch


class Claiming:
    """Claims for one store. Used by one thread at a time."""

    def __init__(
        self,
        database: Database,
        statements: Statements,
        loader: Loader,
        outbox: Outbox,
        membership: Membership,
        free_runs: FreeRuns,
    ) -> None:
        self._database = database
        self._statements = statements
        self._loader = loader
        self._outbox = outbox
        self._membership = membership
        self._free_runs = free_runs
        self._looked_for_free = 0.0
        self._number = 0
        self._seq = 0
        self._broken: dict[str, tuple[float, int, int]] = {}  # by job: moment, failures, retry at
        self._doubt: Doubt | None = None
        self._apart = 0
        self.moved: dict[str, None] = {}
        """Jobs whose pickled next fire time is older than their column."""
        self.starved = False
        """Whether due jobs were left because no executor had a free slot."""
        self.waiting_until = NEVER
        """When to look again at due jobs that were left (this host's clock)."""
        self.claimed_at = 0
        """The store's time of the last pass: jobs due until then were claimed, or are looked at by other causes."""

    # -- the pass -------------------------------------------------------------------------------------------

    def claim_due(self, request: ClaimRequest) -> ClaimBatch:
        """Claim what is due.

        :raises LeaseOverError: if this node may not claim
        """
        self.waiting_until = NEVER
        self.starved = False
        self._be_trusted()
        if self._doubt is not None:
            resolved = self._resolve(self._doubt)
            self._doubt = None
            if resolved is not None:
                return resolved
        batch = ClaimBatch()
        self.claimed_at = request.now + self._membership.offset.us
        slots = dict(request.slots)
        self._claim_free_runs(request, batch, slots)
        left = min(request.limit, sum(slots.values()))
        if left <= 0:
            self.starved = True
            return batch
        self._claim_pages(request, batch, slots, left)
        return batch

    def _claim_pages(
        self, request: ClaimRequest, batch: ClaimBatch, slots: dict[str, int], left: int
    ) -> None:
        """Read, plan and commit page by page, until nothing is due or no slot is left."""
        skip = 0
        for _ in range(_PAGES):
            page = max(_SMALLEST_PAGE, left)
            apart = self._is_apart()
            rows = self._read(request.now + self._membership.offset.us, page, skip, apart=apart)
            reached("claim.read")
            if apart and len(rows) < page:
                self._apart = skip = 0  # one's own part is done: help with the others
                rows = self._read(request.now + self._membership.offset.us, page, skip, apart=False)
            found, considered, passed = self._planned(rows, request, batch, slots, left)
            if batch.error is not None:
                return
            reached("claim.planned")
            before = len(batch.claims)
            if found and not self._committed(found, request, batch):
                return
            left -= len(batch.claims) - before
            if considered == len(rows) < page:
                return
            if left <= 0:
                self.starved = sum(slots.values()) <= 0
                batch.more = not self.starved
                return
            skip += passed
        batch.more = True

    def _committed(self, found: list[Candidate], request: ClaimRequest, batch: ClaimBatch) -> bool:
        """Commit a page; what is raised waits in the batch if earlier pages made claims."""
        try:
            self._commit(found, request, batch)
        except BaseException as exc:
            if not batch.claims:
                raise
            batch.error = exc
            return False
        return True

    def _claim_free_runs(
        self, request: ClaimRequest, batch: ClaimBatch, slots: dict[str, int]
    ) -> None:
        """Once a second, and when told of some: claim runs that were given back or taken from the dead."""
        now = time.monotonic()
        if now - self._looked_for_free < _FREE_RUNS_SECONDS:
            return
        self._looked_for_free = now
        self._number += 1
        number, epoch = self._number, self._membership.lease.epoch
        taken: list[StoreClaim] = []
        try:
            self._free_runs.claim(request, slots, number, self._check_own, taken)
        except LeaseOverError:
            self._membership.fenced()
            raise
        except Exception as exc:
            if taken and is_disconnect(exc):
                unsure = ClaimBatch()
                unsure.claims.extend(taken)
                self._doubt = Doubt(epoch, number, unsure)
            raise
        batch.claims.extend(taken)

    def look_for_free_runs(self) -> None:
        """Have the next pass look for free runs at once."""
        self._looked_for_free = 0.0

    def _be_trusted(self) -> None:
        if self._membership.ensure():
            return
        self._membership.beat()
        if not self._membership.ensure():
            raise LeaseOverError(
                "this scheduler's lease in the store is not certain; it claims nothing"
            )

    def _read(self, now: int, page: int, skip: int, *, apart: bool) -> Sequence[Any]:
        values = {"now": now / SECOND, "limit": page, "skip": skip}
        statement = self._statements.due
        if apart:
            statement = self._statements.due_of_part
            values |= {"part": self._membership.place, "parts": self._membership.alive}
        with self._database.reading() as connection:
            return connection.execute(statement, values).all()

    def _is_apart(self) -> bool:
        """Return whether to read one's own part of the queue only."""
        if self._apart <= 0 or self._membership.alive <= 1:
            return False
        self._apart -= 1
        return True

    def _planned(
        self,
        rows: Sequence[Any],
        request: ClaimRequest,
        batch: ClaimBatch,
        slots: dict[str, int],
        left: int,
    ) -> tuple[list[Candidate], int, int]:
        """Return what can be claimed of these rows, how many were looked at, and how many passed over."""
        found: list[Candidate] = []
        considered = 0
        for id, moment, blob, generation in rows:
            if len(found) >= left:
                break
            considered += 1
            candidate = self._candidate(id, moment, blob, generation, request, batch, slots)
            if batch.error is not None:
                return [], considered, 0
            if candidate is not None:
                found.append(candidate)
        return found, considered, considered - len(found)

    def _candidate(
        self,
        id: str,
        moment: float,
        blob: bytes,
        generation: int,
        request: ClaimRequest,
        batch: ClaimBatch,
        slots: dict[str, int],
    ) -> Candidate | None:
        now = request.now + self._membership.offset.us
        broken = self._broken.get(id)
        if broken is not None and broken[0] == moment and broken[2] > now:
            self._look_again(broken[2] - self._membership.offset.us)
            return None
        try:
            job = self._loader.load_for_claim(id, blob, moment)
        except Unloadable:
            self._look_again(request.now + SECOND)
            return None
        found = Candidate(job, blob, moment, generation)
        if not request.has_executor(job.executor):
            if now - found.due < PATIENCE:
                self._look_again(request.now + SECOND)
                return None
            found.refused = True
        elif slots.get(job.executor, 1) <= 0:
            self.starved = True
            return None
        try:
            found.plan = request.plan(job, found.due, now)
        except Exception as exc:  # noqa: BLE001 - whatever a trigger raises costs this job only
            self._break(id, moment, now)
            batch.broken.append((job, exc))
            return None
        except BaseException as exc:  # noqa: BLE001 - a Ctrl-C: raised when the claims so far are handed over
            batch.error = exc
            return None
        self._broken.pop(id, None)
        if found.plan.run and not found.refused and job.executor in slots:
            slots[job.executor] -= 1
        return found

    def _look_again(self, at: int) -> None:
        self.waiting_until = min(self.waiting_until, at)

    def _break(self, id: str, moment: float, now: int) -> None:
        known = self._broken.get(id)
        failures = known[1] + 1 if known is not None and known[0] == moment else 1
        retry_at = now + min(_LONGEST_BACKOFF, SECOND << min(failures - 1, 6))
        self._broken[id] = (moment, failures, retry_at)
        self._look_again(retry_at - self._membership.offset.us)

    # -- the transaction ----------------------------------------------------------------------------------------

    def _commit(self, found: list[Candidate], request: ClaimRequest, batch: ClaimBatch) -> None:
        """Claim these in one transaction and add what came of it to the batch."""
        epoch = self._membership.lease.epoch
        writing: Writing | None = None

        def work() -> Writing:
            nonlocal writing
            self._number += 1
            writing = Writing(
                found,
                request,
                self._statements,
                self._loader,
                self._membership,
                self.next_seq,
                epoch,
                self._number,
            )
            with self._outbox.taken() as outcomes:
                with self._database.transaction() as connection:
                    reached("claim.begun")
                    if outcomes:
                        self._outbox.write(connection, outcomes)
                        reached("claim.settled")
                    writing.write(connection)
                    self._check_own(connection, epoch, self._number)
                    reached("claim.checked")
                reached("claim.committed")
            return writing

        try:
            done = self._database.retried(work)
        except LeaseOverError:
            self._membership.fenced()
            raise
        except Exception as exc:
            if writing is None or not is_disconnect(exc):
                raise
            self._doubt = Doubt(epoch, writing.number, writing.result())
            resolved = self._resolve(self._doubt)
            self._doubt = None
            if resolved is None:
                raise
            _merge(batch, resolved)
            return
        _merge(batch, done.result())
        self.moved.update(dict.fromkeys(done.moved))
        lost = len(found) - done.taken
        if lost > len(found) // 8:
            self._apart = _APART_PASSES
            self._look_again(request.now + SECOND // 20)

    def _check_own(self, connection: Connection, epoch: int, number: int) -> None:
        """Roll back unless the own incarnation lives (rule 5); the same statement notes the batch (rule 15)."""
        values = {"epoch": epoch, "batch": number, **self._database.clock_params}
        if connection.execute(self._statements.keep_batch, values).rowcount != 1:
            raise LeaseOverError("this scheduler's lease in the store is over; nothing was claimed")

    def _resolve(self, doubt: Doubt) -> ClaimBatch | None:
        """Return the batch of a transaction without an answer if it was committed, else ``None``."""
        if doubt.epoch != self._membership.lease.epoch:
            return None  # whoever took over what that incarnation held will account for it
        with self._database.transaction() as connection:
            kept = connection.scalar(self._statements.own_batch, {"epoch": doubt.epoch})
        return doubt.batch if kept is not None and kept >= doubt.number else None

    def next_seq(self, count: int) -> int:
        """Return the first of so many numbers that order the ledger."""
        first = max(self._seq + 1, time.time_ns() // 1000 + self._membership.offset.us)
        self._seq = first + count - 1
        return first

    def forget(self, id: str) -> None:
        """Drop what is remembered of a job that was changed or removed."""
        self._broken.pop(id, None)
        self._loader.forget(id)


def _merge(batch: ClaimBatch, more: ClaimBatch) -> None:
    batch.claims.extend(more.claims)
    batch.skipped.extend(more.skipped)
    batch.dropped.extend(more.dropped)
    batch.rolled.extend(more.rolled)
    batch.refused.extend(more.refused)
    batch.finished.extend(more.finished)
