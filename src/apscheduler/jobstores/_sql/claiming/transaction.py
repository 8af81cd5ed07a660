"""Runs one try of a claim's transaction: lock, count, insert, move."""

from __future__ import annotations

from apscheduler._engine.instants import NEVER
from apscheduler.cluster.points import reached
from apscheduler.history import reasons
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._rows import as_read, to_float
from apscheduler.jobstores._sql.claiming.holders import held_by_others
from apscheduler.jobstores._sql.schema.tables import AT_LEAST_ONCE, AT_MOST_ONCE
from apscheduler.jobstores._sql.statements.closed import closed_row
from apscheduler.runs.claims import Result
from apscheduler.runs.ledger import one_line
from apscheduler.triggers.base import SEALED, is_own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler._engine.planning import Rollup
    from apscheduler.cluster.membership import Membership
    from apscheduler.job import Job
    from apscheduler.jobstores._sql.changing.loading import Loader
    from apscheduler.jobstores._sql.claiming.candidates import Candidate
    from apscheduler.jobstores._sql.claiming.catching_up import CatchUps
    from apscheduler.jobstores._sql.statements import Statements
    from apscheduler.jobstores.base import ClaimRequest


class Writing:
    """One try of a claim's transaction.

    :ivar number: the batch's number, within its incarnation
    :ivar free: candidates that were locked, as they had been read, and of the same generation
    :ivar taken: how many these are
    :ivar lost: candidates that others have locked, or have changed since they were read
    :ivar broken: candidates that could not be serialized, each with what was raised
    :ivar running: those of ``free`` that run
    :ivar busy: those that have too many instances
    :ivar held: by job: who else holds its instances, in words
    :ivar refused: those that no executor takes any more, with the outcomes of their fire times
    :ivar conflicts: id, generation and fire time of what has a row already
    :ivar passed: jobs, and those of their fire times that have a row already
    :ivar moved: jobs whose pickled next fire time is older than their column now
    :ivar bytes: by job: what was written of a trigger that changes by firing
    :ivar sizes: by job: how many fire times the first portion of its catch-up has
    :ivar first_seq: number in the ledger of the first run that was inserted; 0 if some runs were there already
    """

    def __init__(
        self,
        found: list[Candidate],
        request: ClaimRequest,
        statements: Statements,
        loader: Loader,
        membership: Membership,
        next_seq: Callable[[int], int],
        catch_ups: CatchUps,
        epoch: int,
        number: int,
    ) -> None:
        self._found = found
        self.request = request
        self._ask = request.ask
        self._statements = statements
        self.loader = loader
        self.membership = membership
        self._next_seq = next_seq
        self.catch_ups = catch_ups
        self.offset = membership.offset.us
        self.now = request.now + self.offset
        self.epoch = epoch
        self.number = number
        self.free: list[Candidate] = []
        self.taken = 0
        self.lost: list[Candidate] = []
        self.broken: list[tuple[Candidate, BaseException]] = []
        self.running: list[Candidate] = []
        self.busy: list[Candidate] = []
        self.held: dict[str, str] = {}
        self.refused: list[tuple[Candidate, list[Result]]] = []
        self.conflicts: set[tuple[str, int, int]] = set()
        self.passed: list[tuple[Job, list[int]]] = []
        self.moved: list[str] = []
        self.bytes: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {}
        self.first_seq = 0
        self._at_work: dict[str, list[int]] = {}  # by job: generations of its live runs

    def write(self, connection: Connection) -> None:
        """Lock, count, insert and move."""
        free = self._lock(connection)
        reached("claim.locked")
        if not free:
            return
        free = self._sorted_by_fate(connection, free)
        self.free = free
        self.taken = len(free)
        if not free:
            return
        self._insert(connection)
        reached("claim.inserted")
        self._move(connection, free)
        reached("claim.moved")

    def _lock(self, connection: Connection) -> list[Candidate]:
        """Lock the candidates; return those that are still as they were read.

        Their bytes are compared too, because a job that was added anew can be due at the same instant.
        """
        ids = [each.job.id for each in self._found]
        rows = self._statements.locked(connection, ids)
        locked = {row[0]: (row[1], as_read(row[2])) for row in rows}
        free: list[Candidate] = []
        self.lost = []
        for each in self._found:
            is_as_read = locked.get(each.job.id) == (each.moment, each.blob)
            (free if is_as_read else self.lost).append(each)
        fixed = {cls for cls in SEALED if is_own(cls)}  # asked once, not for each job
        return [
            each
            for each in free
            if each.job.trigger.__class__ in fixed
            or each.job.trigger.native
            or self._keeps_state(each)
        ]

    def _keeps_state(self, each: Candidate) -> bool:
        """Keep the state of a trigger that changes by firing; return ``False`` if it cannot be serialized."""
        if self._ask is not None and self._ask.updates:
            return True  # the overriding ``update_job`` writes it
        each.job._due = NEVER if each.plan.next is None else each.plan.next
        try:
            written = self.loader.dumps(each.job)
        except Exception as exc:  # noqa: BLE001 - a trigger of anyone's
            self.broken.append((each, exc))
            return False
        finally:
            each.job._due = each.due
        if written != each.blob:
            self.bytes[each.job.id] = written
        return True

    def _sorted_by_fate(self, connection: Connection, free: list[Candidate]) -> list[Candidate]:
        """Sort by what runs, has too many instances or has no executor; return all but those of changed generations."""
        generations = self._count(connection, free)
        same: list[Candidate] = []
        for each in free:
            generation, born = generations.get(each.job.id, (0, 0))
            if generation != each.generation:
                continue
            same.append(each)
            if not each.plan.run:
                continue  # calendars dropped what was due
            numbers = self._at_work.get(each.job.id)
            instances = sum(number >= born for number in numbers) if numbers else 0
            if each.refused:
                self.refused.append((each, self._refusals(each)))
            elif instances >= each.job.max_instances:
                self.busy.append(each)
            else:
                self.running.append(each)
        if self.busy:
            busy = [each.job.id for each in self.busy]
            self.held = held_by_others(connection, self._statements, busy, self.epoch, self.now)
        return same

    def _count(self, connection: Connection, free: list[Candidate]) -> dict[str, tuple[int, int]]:
        """Note what is at work of these jobs, on any node (rule 9); return generation and birth of those that have one."""
        ids = [each.job.id for each in free]
        generations: dict[str, tuple[int, int]] = {}
        for kind, id, generation, more in self._statements.claimed(connection, ids):
            if kind:
                generations[id] = (generation, more)
            else:
                self._at_work.setdefault(id, []).append(generation)
        return generations

    def _refusals(self, each: Candidate) -> list[Result]:
        exc = reasons.no_executor(each.job.executor, paused=each.job._due == NEVER)
        return [
            Result(fire, Outcome.FAILED, 0, self.request.now, exception=exc)
            for fire in each.plan.run
        ]

    def _insert(self, connection: Connection) -> None:
        common = {
            "node": self.epoch,
            "node_name": self.membership.name,
            "batch": self.number,
            "claimed_us": self.now,
        }
        rows, kept = self._rows()
        if kept:
            rows = [(*row, kept.get(row[0])) for row in rows]
            inserted = self._statements.insert_last_runs(connection, common, rows)
        else:
            inserted = self._statements.insert_runs(connection, common, rows) if rows else 0
        if rows and inserted == len(rows):
            self.first_seq = rows[0][5]
        elif rows:
            self._find_conflicts(connection, rows)
        if self.catch_ups.are_on and len(rows) > len(self.running):
            self._permit_first(connection)
        closed = list(self._closed_rows(common))
        if closed:
            self._statements.insert_closed(connection, closed)

    def _rows(self) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
        """Return the rows of what runs, and by id the definitions of jobs that have no further fire time."""
        rows: list[tuple[Any, ...]] = []
        kept: dict[str, Any] = {}
        seq = self._next_seq(sum(len(each.plan.run) for each in self.running))
        for each in self.running:
            job, generation, run = each.job, each.generation, each.plan.run
            delivery = AT_LEAST_ONCE if job.delivery == "at_least_once" else AT_MOST_ONCE
            if each.plan.next is None:
                kept[job.id] = each.blob
            for fire in run:
                rows.append((job.id, generation, fire, run[0], delivery, seq))
                seq += 1
        return rows, kept

    def _find_conflicts(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        """Note which fire times have a row already: they were claimed before (the unique key decides)."""
        own = {"node": self.epoch, "batch": self.number}
        inserted = {tuple(row) for row in connection.execute(self._statements.inserted, own)}
        self.conflicts = {(id, generation, fire) for id, generation, fire, *_ in rows} - inserted

    def _permit_first(self, connection: Connection) -> None:
        """Permit the first portion of each catch-up to start."""
        rows: list[tuple[Any, ...]] = []
        for each in self.running:
            run = self.inserted(each)
            if len(run) > 1:
                size = min(self.catch_ups.size_for(each.job), len(run))
                self.sizes[each.job.id] = size
                key = (each.job.id, each.generation, 0, run[-1])
                rows.append((*key, 1, self.epoch, run[size - 1]))
        if rows:
            self._statements.permit(connection, rows)

    def inserted(self, each: Candidate) -> list[int]:
        """Return the fire times that this transaction has made rows for."""
        run: list[int] = each.plan.run
        if not self.conflicts:
            return run
        key = (each.job.id, each.generation)
        return [fire for fire in run if (*key, fire) not in self.conflicts]

    # -- rows of what does not run ----------------------------------------------------------------------------

    def _closed_rows(self, common: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield a row for each fire time, or each group of them, that gets its outcome from this claim."""

        def closed(each: Candidate, fire: int, outcome: Outcome, **more: Any) -> dict[str, Any]:
            key = (each.job.id, each.generation, fire)
            return closed_row(common, key, outcome, self._next_seq(1), **more)

        for each in self.free:
            if not each.plan.is_plain:
                for fire, outcome, more in self._groups(each):
                    yield closed(each, fire, outcome, **more)
        for each in self.busy:
            said = reasons.skipped(each.job.max_instances, self.held.get(each.job.id))
            for fire in each.plan.run:
                yield closed(each, fire, Outcome.SKIPPED, reason=said)
        for each, results in self.refused:
            for result in results:
                if result.exception is not None:
                    error = one_line(result.exception)
                    yield closed(each, result.fire, Outcome.FAILED, error=error)

    def _groups(self, each: Candidate) -> Iterator[tuple[int, Outcome, dict[str, Any]]]:
        """Yield the groups of fire times that a plan closes: the first, the outcome, how many, the last and the reason."""
        for outcome, group in self.rollups(each):
            more = {"count": group.count, "last": group.last, "reason": group.reason}
            yield group.first, outcome, more
        for drop in each.plan.dropped or ():
            last = None if drop.count == 1 else drop.last
            more = {"count": drop.count, "last": last, "reason": drop.reason}
            yield drop.first, Outcome.SKIPPED, more

    def rollups(self, each: Candidate) -> list[tuple[Outcome, Rollup]]:
        """Return the records of a plan that stand for several fire times, each with its reason."""
        return reasons.rollups(each.plan, self.late_because(each), each.job._grace, self.now)

    def late_because(self, each: Candidate) -> str | None:
        """Return why a job's first fire time comes late, if it does."""
        return self.request.late_because(each.due - self.offset, each.job._grace)

    # -- next fire times --------------------------------------------------------------------------------------

    def _move(self, connection: Connection, free: list[Candidate]) -> None:
        moves: list[tuple[str, float | None]] = []
        gone: list[str] = []
        for each in free:
            following = each.plan.next
            if following is None and not each.refused and not self._is_left(each):
                gone.append(each.job.id)
            else:
                moves.append((each.job.id, None if following is None else to_float(following)))
        if moves:
            self._statements.move_jobs(connection, moves)
        if gone:
            self._remove(connection, gone)
        jobs = self._statements.tables.jobs
        for id, blob in self.bytes.items():
            connection.execute(jobs.update().where(jobs.c.id == id).values(job_state=blob))

    def _remove(self, connection: Connection, gone: list[str]) -> None:
        """Remove jobs that have no further fire time."""
        statements = self._statements
        these = statements.with_ids(gone)
        # Runs of these jobs that are at work, on any node, may have to start again when the jobs are gone.
        others = [id for id in gone if id in self._at_work]
        if others:
            connection.execute(statements.keep_states, statements.with_ids(others))
        connection.execute(statements.delete_jobs, these)
        connection.execute(statements.delete_meta, these)

    def _is_left(self, each: Candidate) -> bool:
        """Return whether a job that ends is left for an overriding ``remove_job`` to remove."""
        return bool(self._ask is not None and self._ask.removes and not each.refused)
