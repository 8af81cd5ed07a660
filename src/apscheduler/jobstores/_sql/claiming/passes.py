"""Makes claims: due jobs become runs, and get their next fire time, in one transaction.

    read     due rows, no lock
    plan     load and plan each; foreign code (a job's module, a trigger) runs while nothing is locked
    commit   lock those rows that are as they were read (skipping what others have locked), count instances, insert
             the runs (the unique key decides), move the jobs, write waiting outcomes, re-check one's own lease last

The claims are made before the COMMIT, and kept as a :class:`Doubt` until the answer to it is known. So an error after
that point does not lose them: they go into the request's batch in one step, or the next pass asks the store about them
(rule 2b).

If several nodes had a long queue of due jobs, they would plan the same rows and throw most of the plans away. So a node
that loses many rows to others reads its own part first, for a while: the rows whose id's hash gives the node's place
among the nodes. A part without an owner (its node has just died) is read by nodes whose own part is empty.
"""

from __future__ import annotations

from functools import partial
from threading import get_ident

from sqlalchemy.exc import DataError

from apscheduler import clocks
from apscheduler._engine.backoff import delay
from apscheduler._engine.instants import NEVER, SECOND
from apscheduler._engine.records import Record
from apscheduler.cluster.points import reached
from apscheduler.jobstores._rows import LAST_GENERATION
from apscheduler.jobstores._sql.changing.loading import Unloadable
from apscheduler.jobstores._sql.claiming.beyond import Beyond, Looked
from apscheduler.jobstores._sql.claiming.candidates import Candidate
from apscheduler.jobstores._sql.claiming.catching_up import Portion
from apscheduler.jobstores._sql.claiming.claims import StoreClaim
from apscheduler.jobstores._sql.claiming.transaction import Writing
from apscheduler.jobstores._sql.connection.cursors import fetched
from apscheduler.jobstores._sql.connection.database import is_disconnect
from apscheduler.jobstores.base import ClaimBatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.cluster.membership import Membership
    from apscheduler.job import Job
    from apscheduler.jobstores._sql.changing.asking import Ask
    from apscheduler.jobstores._sql.changing.loading import Loader
    from apscheduler.jobstores._sql.claiming.candidates import Onlooker
    from apscheduler.jobstores._sql.claiming.free_runs import FreeRuns
    from apscheduler.jobstores._sql.claiming.outbox import Outbox
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements
    from apscheduler.jobstores.base import ClaimRequest

PATIENCE = 60 * SECOND
"""Microseconds that other nodes have to take a due job whose executor is not here, before it fails (rule 10)."""
_SMALLEST_PAGE = 64
_PAGES = 20
_ALL = 1_000_000_000
_LONGEST_BACKOFF = 64 * SECOND
_FREE_RUNS_SECONDS = 1.0
_APART_PASSES = 200
"""Number of passes in which a node that lost rows to others reads its own part of the queue first."""


class LeaseOverError(RuntimeError):
    """The store does not know this incarnation any more; nothing was claimed."""


class AheadError(RuntimeError):
    """What was planned lies in the store's future; nothing was claimed."""


class Doubt(Record):
    """A transaction whose COMMIT is sent, and not known to have been made (rules 2b and 15)."""

    __slots__ = ("batch", "epoch", "number")

    def __init__(self, epoch: int, number: int, batch: ClaimBatch) -> None:
        self.epoch = epoch
        self.number = number
        self.batch = batch


class Claiming:
    """Makes the claims of one store. A scheduler has one pass at a time; passes of several threads do no harm.

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
        self._note = note
        self._on_passed = on_passed
        self._database = database
        self._statements = statements
        self._loader = loader
        self._outbox = outbox
        self._membership = membership
        self._free_runs = free_runs
        self._onlooker = onlooker
        self._beyond = Beyond(database, statements)
        self._looked_for_free = 0.0
        self._number = 0
        self._offset = 0  # of this pass
        self.kept = 0, 0
        """Epoch and number of the last batch that is known to be committed."""
        self.on_committed: Callable[[int], None] = lambda _: None
        """Called with the number of a row that the ledger must have from now on."""
        self._seq = 0
        self._broken: dict[str, tuple[float, int, int]] = {}  # by job: moment, failures, retry at
        self._doubts: dict[int, Doubt] = {}  # by the thread whose pass it was
        self._passing: set[int] = set()
        self._apart = 0
        self.moved: dict[str, None] = {}
        """Ids of the jobs whose pickled next fire time is older than their column."""
        self.starved = False
        """Whether due jobs were left because no executor had a free slot."""
        self.waiting_until = NEVER
        """When to look again at due jobs that were left (this host's clock)."""
        self.claimed_at = 0
        """The store's time at the last pass. Jobs due by then were claimed, or are looked at for other reasons."""

    # -- the pass -------------------------------------------------------------------------------------------

    def claim_due(self, request: ClaimRequest) -> ClaimBatch:
        """Claim what is due. An error after something was claimed is kept in the batch instead of raised.

        :raises LeaseOverError: if this node may not claim
        """
        try:
            self._passing.add(get_ident())
            self._claim_into(request.batch, request)
        except BaseException as exc:
            if not request.batch.claims:
                raise
            request.batch.error = exc
        finally:
            self._passing.discard(get_ident())
        return request.batch

    def _claim_into(self, batch: ClaimBatch, request: ClaimRequest) -> None:
        self.waiting_until = NEVER
        self.starved = False
        self._be_trusted()
        if self._settle_doubts(batch):
            batch.more = True
            return
        self._offset = self._membership.offset.us
        self.claimed_at = request.now + self._offset
        slots = dict(request.slots)
        self._go_on(batch)
        more = self._claim_free_runs(request, batch, slots)
        left = min(request.limit, sum(slots.values()))
        if left <= 0:
            self.starved = True
            return
        if request.ask is None or request.ask.rows is None:
            self._claim_pages(request, batch, slots, left)
        else:
            self._claim_asked(request, batch, slots, left)
        if more and not self.starved:
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

    def _claim_pages(
        self, request: ClaimRequest, batch: ClaimBatch, slots: dict[str, int], left: int
    ) -> None:
        """Claim from the head of the queue, and beyond it where this node has to leave most of the head."""

        def look(rows: Sequence[Any]) -> Looked:
            nonlocal left
            before = len(batch.claims)
            looked = self._claim_page(rows, request, batch, slots, left)
            left -= len(batch.claims) - before
            looked.goes_on = looked.goes_on and left > 0
            return looked

        for _ in range(_PAGES):
            page = max(_SMALLEST_PAGE, left)
            rows = self._head(request.now + self._offset, page)
            looked = look(rows)
            if looked.rows == len(rows) < page:
                self._beyond.is_empty()
                return
            if not looked.goes_on:
                break
            if looked.rows == len(rows) and looked.found * 2 < len(rows):
                if self._apart:
                    self._apart = 0  # one's own part is stuck: look at everything
                    continue
                batch.more = self._beyond.go_on(rows, self._offset + request.now, slots, look)
                self._look_again(request.now if batch.more else request.now + SECOND)
                break
        else:
            batch.more = True
        if left <= 0:
            self.starved = sum(slots.values()) <= 0
            batch.more = not self.starved

    def due(self, now: int) -> dict[str, Sequence[Any]]:
        """Return all rows that are due, by id, in order: id, next fire time, bytes and generation.

        :param now: this host's time, microseconds UTC
        """
        rows = self._read(now + self._membership.offset.us, _ALL, apart=False)
        return {row[0]: row for row in rows}

    def free_jobs(self) -> dict[str, Job]:
        """Return the jobs of runs that are free to be claimed, by id."""
        return self._free_runs.jobs()

    def _claim_asked(
        self, request: ClaimRequest, batch: ClaimBatch, slots: dict[str, int], left: int
    ) -> None:
        """Claim the jobs that someone else's read method has returned."""
        rows = request.ask.due()
        while rows and left > 0:
            before, page = len(batch.claims), max(_SMALLEST_PAGE, left)
            looked = self._claim_page(rows[:page], request, batch, slots, left)
            left -= len(batch.claims) - before
            if not looked.goes_on:
                return
            rows = rows[looked.rows :]
        if left <= 0:
            self.starved = sum(slots.values()) <= 0
            batch.more = not self.starved

    def _head(self, now: int, page: int) -> Sequence[Any]:
        """Read the head of the queue; of this node's own part if it is to read apart, as long as that fills a page."""
        apart = self._is_apart()
        rows = self._read(now, page, apart=apart)
        if apart and len(rows) < page:
            self._apart = 0  # one's own part is done: help with the others
            return self._read(now, page, apart=False)
        return rows

    def _claim_page(
        self,
        rows: Sequence[Any],
        request: ClaimRequest,
        batch: ClaimBatch,
        slots: dict[str, int],
        left: int,
    ) -> Looked:
        """Plan and commit what can be taken of a page."""
        reached("claim.read")
        self._onlooker.met(rows)
        waiting: set[str] = set()
        found, considered = self._planned(rows, request, batch, slots, left, waiting)
        if batch.error is not None:
            return Looked(0, 0, goes_on=False)
        reached("claim.planned")
        if found and not self._commit_or_measure(found, request, batch):
            return Looked(0, 0, goes_on=False)
        return Looked(considered, len(found), waiting)

    def _commit_or_measure(
        self, found: list[Candidate], request: ClaimRequest, batch: ClaimBatch
    ) -> bool:
        """Commit a page; if it is ahead of the store's clock, have the clocks compared and return ``False``."""
        try:
            self._commit_apart(found, request, batch)
        except AheadError:
            self._look_again(request.now + SECOND // 20)
            self._membership.was_ahead()
            return False
        return True

    def _commit_apart(
        self, found: list[Candidate], request: ClaimRequest, batch: ClaimBatch
    ) -> None:
        """Commit a page; if the database refuses a value, find the job that has the value, and put that job off."""
        try:
            self._commit(found, request, batch)
        except (DataError, OverflowError) as exc:
            if len(found) > 1:
                half = len(found) // 2
                self._commit_apart(found[:half], request, batch)
                self._commit_apart(found[half:], request, batch)
                return
            self._put_off(found[0], request)
            batch.broken.append((found[0].job, exc))

    def _broken_of(self, found: list[Candidate], done: Writing, request: ClaimRequest) -> None:
        """Put off what a transaction could not write, and forget the failures of what it could."""
        broken = {each.job.id for each, _ in done.broken}
        for each in found:
            if each.job.id in broken:
                self._put_off(each, request)
            else:
                self._broken.pop(each.job.id, None)

    def _put_off(self, each: Candidate, request: ClaimRequest) -> None:
        self._break(each.job.id, each.moment, request.now + self._membership.offset.us)

    def _claim_free_runs(
        self, request: ClaimRequest, batch: ClaimBatch, slots: dict[str, int]
    ) -> bool:
        """Claim runs that were given back or taken from dead nodes: once a second, and at once when told of some.

        Returns whether to look at more of them at once.
        """
        now = clocks.monotonic()
        if now - self._looked_for_free < _FREE_RUNS_SECONDS:
            if self._free_runs.are_left:
                self._look_again(request.now + SECOND)
            return False
        self._looked_for_free = now
        number, epoch = self.numbered(), self._membership.lease.epoch

        def seal(connection: Connection, claims: list[StoreClaim]) -> None:
            self.check_own(connection, epoch, number)
            made = ClaimBatch()
            made.claims.extend(claims)
            self._note(made)
            self._doubts[get_ident()] = Doubt(epoch, number, made)

        try:
            more = self._free_runs.claim(request, slots, number, seal)
        except LeaseOverError:
            self._membership.fenced()
            raise
        self._take_over(batch)
        if more:
            self.look_for_free_runs()
        if self._free_runs.are_left:
            self._look_again(request.now + SECOND)
        return more

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

    def _read(self, now: int, page: int, *, apart: bool) -> Sequence[Any]:
        values = {"now": now / SECOND, "limit": page}
        statement = self._statements.due
        if apart:
            statement = self._statements.due_of_part
            values |= {"part": self._membership.place, "parts": self._membership.alive}
        with self._database.reading() as connection:
            return fetched(connection.execute(statement, values))

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
        waiting: set[str],
    ) -> tuple[list[Candidate], int]:
        """Return what can be claimed of these rows, and how many were looked at."""
        found: list[Candidate] = []
        considered = 0
        load = self._loader.load_for_claim
        if request.ask is not None:
            load = partial(self._load_asked, request.ask)
        for row in rows:
            if left <= 0:
                break
            considered += 1
            candidate = self._candidate(row, request, batch, slots, waiting, load)
            if batch.error is not None:
                return [], considered
            if candidate is not None:
                found.append(candidate)
                if candidate.plan.run and not candidate.refused:
                    left -= 1
        return found, considered

    def _candidate(
        self,
        row: Any,
        request: ClaimRequest,
        batch: ClaimBatch,
        slots: dict[str, int],
        waiting: set[str],
        load: Callable[[str, bytes, float], Job],
    ) -> Candidate | None:
        id, moment, blob, generation = row
        now = request.now + self._offset
        broken = self._broken.get(id)
        if broken is not None and broken[0] == moment and broken[2] > now:
            self._look_again(broken[2] - self._offset)
            return None
        try:
            if generation.__class__ is not int or not 0 <= generation < LAST_GENERATION:
                self._loader.check_generation(id, generation)
            job = load(id, blob, moment)
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
            waiting.add(job.executor)
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
        if found.plan.run and not found.refused and job.executor in slots:
            slots[job.executor] -= 1
        return found

    def _load_asked(self, ask: Ask, id: str, blob: bytes, moment: float) -> Job:
        """Return a job as someone else's read method has returned it, or as its row has it if none was asked."""
        given = ask.jobs.get(id)
        if given is None:
            return self._loader.load_for_claim(id, blob, moment)
        return self._loader.placed(given, moment)

    def _look_again(self, at: int) -> None:
        self.waiting_until = min(self.waiting_until, at)

    def _break(self, id: str, moment: float, now: int) -> None:
        known = self._broken.get(id)
        failures = known[1] + 1 if known is not None and known[0] == moment else 1
        retry_at = now + delay(failures, SECOND, _LONGEST_BACKOFF)
        self._broken[id] = (moment, failures, retry_at)
        self._look_again(retry_at - self._offset)

    # -- the transaction ----------------------------------------------------------------------------------------

    def _commit(self, found: list[Candidate], request: ClaimRequest, batch: ClaimBatch) -> None:
        """Claim these jobs in one transaction and add the result to the batch."""
        epoch = self._membership.lease.epoch

        def work() -> Writing:
            self._doubts.pop(get_ident(), None)  # a try before this one was rolled back
            number = self.numbered()
            writing = Writing(
                found,
                request,
                self._statements,
                self._loader,
                self._membership,
                self.next_seq,
                self._outbox.catch_ups,
                epoch,
                number,
            )
            with self._outbox.taken() as outcomes:
                with self._database.transaction() as connection:
                    reached("claim.begun")
                    if outcomes:
                        self._outbox.write(connection, outcomes)
                        reached("claim.settled")
                    writing.write(connection)
                    self.check_own(connection, epoch, number, self._latest(request))
                    reached("claim.checked")
                    made = writing.result()
                    self._note(made)
                    self._doubts[get_ident()] = Doubt(epoch, number, made)
                    reached("claim.sealed")
                reached("claim.committed")
            return writing

        try:
            done = self._database.retried(work)
        except LeaseOverError:
            self._membership.fenced()
            raise
        except Exception as exc:
            if self._settle_doubts(batch) and is_disconnect(exc):
                return  # it was made: only the answer was lost
            raise
        self._take_over(batch)
        if done.passed:
            self._on_passed(done.passed)
        self.kept = epoch, done.number
        if done.first_seq:
            self.on_committed(done.first_seq)
        if self._broken or done.broken:
            self._broken_of(found, done, request)
        self.moved.update(dict.fromkeys(done.moved))
        self._onlooker.lost(done.lost)
        self._onlooker.claimed(done.running)
        lost = len(found) - done.taken
        if lost > len(found) // 8:
            self._apart = _APART_PASSES
            self._look_again(request.now + SECOND // 20)

    # -- what was committed ---------------------------------------------------------------------------------------

    def _settle_doubts(self, batch: ClaimBatch) -> bool:
        """Ask the store about transactions in doubt; return whether claims of a committed one are in the batch now."""
        found = False
        for thread, doubt in list(self._doubts.items()):
            if thread != get_ident() and thread in self._passing:
                continue
            made = self._resolve(doubt)
            if made is not None and doubt.epoch == self._membership.lease.epoch:
                self._take_over(batch, thread)
                found = True
                continue
            if made is not None:
                self._give_back(made)  # nobody may start them under a lease that is over
            self._doubts.pop(thread, None)
        return found

    def _take_over(self, batch: ClaimBatch, thread: int | None = None) -> None:
        """Put what this (or another) thread's transaction has committed into the batch, and end its doubt."""
        thread = get_ident() if thread is None else thread
        doubt = self._doubts.get(thread)
        if doubt is None:
            return
        made = doubt.batch
        batch.skipped.extend(made.skipped)
        batch.held.update(made.held)
        batch.broken.extend(made.broken)
        batch.moved.extend(made.moved)
        batch.dropped.extend(made.dropped)
        batch.rolled.extend(made.rolled)
        batch.refused.extend(made.refused)
        batch.finished.extend(made.finished)
        claims = batch.claims + made.claims
        # Two steps without a call, so no Ctrl-C comes between: no claim is lost, and none is in both places.
        batch.claims = claims
        del self._doubts[thread]

    def _give_back(self, made: ClaimBatch) -> None:
        for claim in made.claims:
            if isinstance(claim, StoreClaim):
                self._outbox.give_back_all(claim, claim.unsettled)

    def close(self) -> None:
        """Give back what was committed and never handed over.

        :raises Exception: whatever the store raises
        """
        doubts, self._doubts = self._doubts, {}
        for doubt in doubts.values():
            made = self._resolve(doubt)
            if made is not None:
                self._give_back(made)

    def _latest(self, request: ClaimRequest) -> int:
        """Return the store's time from which this pass's plan is right; 0 if its ``now`` is not a real clock's."""
        slack = self._membership.offset.slack
        return request.now + self._offset - slack if request.is_real else 0

    def check_own(self, connection: Connection, epoch: int, number: int, latest: int = 0) -> None:
        """Raise unless this incarnation lives (rule 5) and the plan is not ahead of the store's clock (rule 16).

        The error rolls the transaction back. The same statement notes the batch's number (rule 15); it fails too if the
        row has an earlier number than this node left in it, because then the store was set back.
        """
        kept = self.kept[1] if self.kept[0] == epoch else 0
        own = {"epoch": epoch, "kept": kept, **self._database.clock_params}
        values = {"batch": number, "latest": latest, **own}
        if connection.execute(self._statements.keep_batch, values).rowcount != 1:
            if connection.scalar(self._statements.own_lease, own) is not None:
                raise AheadError("this host's clock is ahead of the store's; nothing was claimed")
            raise LeaseOverError("this scheduler's lease in the store is over; nothing was claimed")

    def _resolve(self, doubt: Doubt) -> ClaimBatch | None:
        """Return the batch of a transaction without an answer if it was committed, else ``None``.

        It is ``None`` too if the incarnation is not listed any more: whoever took over its runs accounts for them.
        """
        with self._database.transaction() as connection:
            kept = connection.scalar(self._statements.own_batch, {"epoch": doubt.epoch})
        return doubt.batch if kept is not None and kept >= doubt.number else None

    def numbered(self) -> int:
        """Return the number of a further transaction of this incarnation."""
        self._number += 1
        return self._number

    def next_seq(self, count: int) -> int:
        """Take ``count`` further numbers, which order the ledger; return the first of them."""
        first = max(self._seq + 1, clocks.now_us() + self._membership.offset.us)
        self._seq = first + count - 1
        return first

    def forget(self, id: str) -> None:
        """Drop what is remembered of a job that was changed or removed."""
        self._broken.pop(id, None)
        self._loader.forget(id)
