"""Makes claims: due jobs become runs, and get their next fire time, in one transaction.

    read     due rows, no lock (queue.py, and beyond.py where most of the head has to be left)
    plan     load and plan each; foreign code runs while nothing is locked (planning.py)
    commit   one transaction locks, counts, inserts and moves (committing.py, transaction.py)

The claims are made before the COMMIT, and kept as a doubt until the answer to it is known (doubt.py). So an error after
that point does not lose them: they go into the request's batch in one step, or the next pass asks the store about them
(rule 2b).
"""

from __future__ import annotations

from threading import get_ident

from sqlalchemy.exc import DataError

from apscheduler import clocks
from apscheduler._engine.instants import SECOND
from apscheduler.cluster.points import reached
from apscheduler.jobstores._sql.claiming.beyond import Beyond, Looked
from apscheduler.jobstores._sql.claiming.catching_up import Portion
from apscheduler.jobstores._sql.claiming.committing import Committing
from apscheduler.jobstores._sql.claiming.doubt import Doubts
from apscheduler.jobstores._sql.claiming.planning import Left, Pass, Planner
from apscheduler.jobstores._sql.claiming.queue import APART_PASSES, Queue
from apscheduler.jobstores._sql.claiming.rights import AheadError, LeaseOverError, Rights
from apscheduler.jobstores.base import ClaimBatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.cluster.membership import Membership
    from apscheduler.job import Job
    from apscheduler.jobstores._sql.changing.loading import Loader
    from apscheduler.jobstores._sql.claiming.candidates import Candidate, Onlooker
    from apscheduler.jobstores._sql.claiming.claims import StoreClaim
    from apscheduler.jobstores._sql.claiming.free_runs import FreeRuns
    from apscheduler.jobstores._sql.claiming.outbox import Outbox
    from apscheduler.jobstores._sql.claiming.transaction import Writing
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements
    from apscheduler.jobstores.base import ClaimRequest

_SMALLEST_PAGE = 64
_PAGES = 20
_FREE_RUNS_SECONDS = 1.0


class Claiming:
    """Makes the claims of one store. A scheduler has one pass at a time; passes of several threads do no harm.

    :ivar moved: ids of the jobs whose pickled next fire time is older than their column
    :ivar on_committed: called with the number of a row that the ledger must have from now on
    :ivar claimed_at: the store's time at the last pass. Jobs due by then were claimed, or are looked at for other reasons
    :param note: called with a batch of claims before they are committed
    :param on_passed: called with jobs and those of their fire times that came due again: as they have a row already,
        they are not started
    """

    def __init__(
        self,
        database: Database,
        statements: Statements,
        loader: Loader,
        outbox: Outbox,
        membership: Membership,
        free_runs: FreeRuns,
        onlooker: Onlooker,
        note: Callable[[ClaimBatch], None],
        on_passed: Callable[[list[tuple[Job, list[int]]]], None],
    ) -> None:
        self._on_passed = on_passed
        self._loader = loader
        self._outbox = outbox
        self._membership = membership
        self._free_runs = free_runs
        self._onlooker = onlooker
        self.rights = Rights(database, statements, membership)
        self.doubts = Doubts(database, statements, membership, outbox, note)
        self.left = Left()
        self.planner = Planner(loader, self.left)
        self.queue = Queue(database, statements, membership)
        self._beyond = Beyond(database, statements)
        self._committing = Committing(
            database, statements, loader, outbox, membership, self.rights, self.doubts
        )
        self._looked_for_free = 0.0
        self.on_committed: Callable[[int], None] = lambda _: None
        self.moved: dict[str, None] = {}
        self.claimed_at = 0

    # -- the pass -------------------------------------------------------------------------------------------

    def claim_due(self, request: ClaimRequest) -> ClaimBatch:
        """Claim what is due. An error after something was claimed is kept in the batch instead of raised.

        :raises LeaseOverError: if this node may not claim
        """
        try:
            self.doubts.passing.add(get_ident())
            self._claim_into(request.batch, request)
        except BaseException as exc:
            if not request.batch.claims:
                raise
            request.batch.error = exc
        finally:
            self.doubts.passing.discard(get_ident())
        return request.batch

    def _claim_into(self, batch: ClaimBatch, request: ClaimRequest) -> None:
        self.left.forget()
        self.rights.be_trusted()
        if self.doubts.settle(batch):
            batch.more = True
            return
        current = Pass(request, batch, self._membership.offset.us)
        self.claimed_at = current.now
        self._go_on(batch)
        more = self._claim_free_runs(current)
        current.left = min(request.limit, sum(current.slots.values()))
        if current.left <= 0:
            self.left.starved = True
            return
        if request.ask is None or request.ask.rows is None:
            self._claim_pages(current)
        else:
            self._claim_asked(current)
        if more and not self.left.starved:
            batch.more = True
        if self._outbox.catch_ups.alive:
            portions = (claim for claim in batch.claims if isinstance(claim, Portion))
            batch.more = batch.more or any(each.goes_on_in_a_pass for each in portions)

    def _go_on(self, batch: ClaimBatch) -> None:
        """Hand over the next portions of catch-ups whose executors take them only from a pass."""
        catch_ups = self._outbox.catch_ups
        if catch_ups.waits:
            self._outbox.flush()  # writing outcomes permits what follows them
            batch.claims.extend(catch_ups.portions())

    def due(self, now: int) -> dict[str, Sequence[Any]]:
        """Return all rows that are due, by id, in order: id, next fire time, bytes and generation.

        :param now: this host's time, microseconds UTC
        """
        return self.queue.all(now + self._membership.offset.us)

    def free_jobs(self) -> dict[str, Job]:
        """Return the jobs of runs that are free to be claimed, by id."""
        return self._free_runs.jobs()

    # -- pages ------------------------------------------------------------------------------------------------

    def _claim_pages(self, current: Pass) -> None:
        """Claim from the head of the queue, and beyond it where this node has to leave most of the head."""
        batch = current.batch

        def look(rows: Sequence[Any]) -> Looked:
            looked = self._claim_page(rows, current)
            looked.goes_on = looked.goes_on and current.left > 0
            return looked

        for _ in range(_PAGES):
            page = max(_SMALLEST_PAGE, current.left)
            rows = self.queue.head(current.now, page)
            looked = look(rows)
            if looked.rows == len(rows) < page:
                self._beyond.is_empty()
                return
            if not looked.goes_on:
                break
            if looked.rows == len(rows) and looked.found * 2 < len(rows):
                if self.queue.apart:
                    self.queue.apart = 0  # one's own part is stuck: look at everything
                    continue
                batch.more = self._beyond.go_on(rows, current.now, current.slots, look)
                now = current.request.now
                self.left.look_again(now if batch.more else now + SECOND)
                break
        else:
            batch.more = True
        self._say_what_is_left(current)

    def _claim_asked(self, current: Pass) -> None:
        """Claim the jobs that someone else's read method has returned."""
        rows = current.request.ask.due()
        while rows and current.left > 0:
            looked = self._claim_page(rows[: max(_SMALLEST_PAGE, current.left)], current)
            if not looked.goes_on:
                return
            rows = rows[looked.rows :]
        self._say_what_is_left(current)

    def _say_what_is_left(self, current: Pass) -> None:
        """Where as much was claimed as this pass may, say whether more may be claimed at once."""
        if current.left <= 0:
            self.left.starved = sum(current.slots.values()) <= 0
            current.batch.more = not self.left.starved

    def _claim_page(self, rows: Sequence[Any], current: Pass) -> Looked:
        """Plan and commit what can be taken of a page."""
        reached("claim.read")
        self._onlooker.met(rows)
        batch = current.batch
        before = len(batch.claims)
        waiting: set[str] = set()
        found, considered = self.planner.planned(rows, current, waiting)
        if batch.error is not None:
            return Looked(0, 0, goes_on=False)
        reached("claim.planned")
        is_done = not found or self._commit_or_measure(found, current)
        current.left -= len(batch.claims) - before
        if not is_done:
            return Looked(0, 0, goes_on=False)
        return Looked(considered, len(found), waiting)

    # -- commits ----------------------------------------------------------------------------------------------

    def _commit_or_measure(self, found: list[Candidate], current: Pass) -> bool:
        """Commit a page; if it is ahead of the store's clock, have the clocks compared and return ``False``."""
        try:
            self._commit_apart(found, current)
        except AheadError:
            self.left.look_again(current.request.now + SECOND // 20)
            self._membership.was_ahead()
            return False
        return True

    def _commit_apart(self, found: list[Candidate], current: Pass) -> None:
        """Commit a page; if the database refuses a value, find the job that has the value, and put that job off."""
        try:
            self._commit(found, current)
        except (DataError, OverflowError) as exc:
            if len(found) > 1:
                half = len(found) // 2
                self._commit_apart(found[:half], current)
                self._commit_apart(found[half:], current)
                return
            self._put_off(found[0], current)
            current.batch.broken.append((found[0].job, exc))

    def _commit(self, found: list[Candidate], current: Pass) -> None:
        """Commit a page, and take note of what came of it."""
        done = self._committing.commit(found, current)
        if done is not None:
            self._committed(found, done, current)

    def _committed(self, found: list[Candidate], done: Writing, current: Pass) -> None:
        if done.passed:
            self._on_passed(done.passed)
        self.rights.kept = done.epoch, done.number
        if done.first_seq:
            self.on_committed(done.first_seq)
        self._note_failures(found, done, current)
        self.moved.update(dict.fromkeys(done.moved))
        self._onlooker.lost(done.lost)
        self._onlooker.claimed(done.running)
        lost = len(found) - done.taken
        if lost > len(found) // 8:
            self.queue.apart = APART_PASSES
            self.left.look_again(current.request.now + SECOND // 20)

    def _note_failures(self, found: list[Candidate], done: Writing, current: Pass) -> None:
        """Put off what a transaction could not write, and forget the failures of what it could."""
        broken = {each.job.id for each, _ in done.broken}
        for each, _ in done.broken:
            self._put_off(each, current)
        self.planner.forget(each.job.id for each in found if each.job.id not in broken)

    def _put_off(self, each: Candidate, current: Pass) -> None:
        now = current.request.now + self._membership.offset.us
        self.planner.put_off(each.job.id, each.moment, now, current.offset)

    # -- free runs --------------------------------------------------------------------------------------------

    def _claim_free_runs(self, current: Pass) -> bool:
        """Claim runs that were given back or taken from dead nodes: once a second, and at once when told of some.

        Returns whether to look at more of them at once.
        """
        now, later = clocks.monotonic(), current.request.now + SECOND
        if now - self._looked_for_free < _FREE_RUNS_SECONDS:
            if self._free_runs.are_left:
                self.left.look_again(later)
            return False
        self._looked_for_free = now
        number, epoch = self.rights.numbered(), self._membership.lease.epoch

        def seal(connection: Connection, claims: list[StoreClaim]) -> None:
            self.rights.check(connection, epoch, number)
            made = ClaimBatch()
            made.claims.extend(claims)
            self.doubts.seal(epoch, number, made)

        try:
            more = self._free_runs.claim(current.request, current.slots, number, seal)
        except LeaseOverError:
            self._membership.fenced()
            raise
        self.doubts.take_over(current.batch)
        if more:
            self.look_for_free_runs()
        if self._free_runs.are_left:
            self.left.look_again(later)
        return more

    def look_for_free_runs(self) -> None:
        """Have the next pass look for free runs at once."""
        self._looked_for_free = 0.0

    def forget(self, id: str) -> None:
        """Drop what is remembered of a job that was changed or removed."""
        self.planner.forget([id])
        self._loader.forget(id)
