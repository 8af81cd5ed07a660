"""Runs one try of a claim's transaction (lock, count, insert, move), and makes the batch from it."""

from __future__ import annotations

from apscheduler._engine.instants import NEVER
from apscheduler.cluster.points import reached
from apscheduler.history import reasons
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._rows import as_read, to_float
from apscheduler.jobstores._sql.changing.asking import Moved
from apscheduler.jobstores._sql.claiming.catching_up import portion_maker
from apscheduler.jobstores._sql.claiming.claims import StoreClaim
from apscheduler.jobstores._sql.claiming.holders import held_by_others
from apscheduler.jobstores._sql.schema.tables import AT_LEAST_ONCE, AT_MOST_ONCE, STATES
from apscheduler.jobstores.base import ClaimBatch
from apscheduler.runs.claims import Result
from apscheduler.runs.ledger import one_line
from apscheduler.triggers.base import SEALED, is_own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
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
    :ivar taken: how many of the candidates were still as they had been read
    :ivar moved: jobs whose pickled next fire time is older than their column now
    :ivar first_seq: number in the ledger of the first run that was inserted; 0 if some runs were there already
    :ivar lost: candidates that others have locked, or have changed since they were read
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
        self._ask = request.ask
        self._request = request
        self._statements = statements
        self._loader = loader
        self._membership = membership
        self._next_seq = next_seq
        self._catch_ups = catch_ups
        self._in_portions = catch_ups.are_on
        self._sizes: dict[str, int] = {}  # of first portions, by job
        self._offset = self._membership.offset.us
        self._now = request.now + self._offset
        self._epoch = epoch
        self.number = number
        self.taken = 0
        self.moved: list[str] = []
        self.lost: list[Candidate] = []
        self.first_seq = 0
        self._running: list[Candidate] = []
        self._busy: list[Candidate] = []
        self._held: dict[str, str] = {}
        self._refused: list[tuple[Candidate, list[Result]]] = []
        self._free: list[Candidate] = []
        self.broken: list[tuple[Candidate, BaseException]] = []
        """Jobs that could not be serialized, each with what was raised."""
        self._conflicts: set[tuple[str, int, int]] = set()
        self.passed: list[tuple[Job, list[int]]] = []  # fire times that have a row already
        self._bytes: dict[str, bytes] = {}
        self._at_work: dict[str, list[int]] = {}

    def write(self, connection: Connection) -> None:
        """Lock, count, insert and move."""
        free = self._lock(connection)
        reached("claim.locked")
        if not free:
            return
        free = self._sorted_by_fate(connection, free)
        self._free = free
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
            written = self._loader.dumps(each.job)
        except Exception as exc:  # noqa: BLE001 - a trigger of anyone's
            self.broken.append((each, exc))
            return False
        finally:
            each.job._due = each.due
        if written != each.blob:
            self._bytes[each.job.id] = written
        return True

    def _sorted_by_fate(self, connection: Connection, free: list[Candidate]) -> list[Candidate]:
        """Sort by what runs, has too many instances or has no executor; return all but those of changed generations."""
        ids = [each.job.id for each in free]
        live: dict[str, list[int]] = {}
        generations: dict[str, tuple[int, int]] = {}
        for kind, id, generation, more in self._statements.claimed(connection, ids):
            if kind:
                generations[id] = (generation, more)
            else:
                live.setdefault(id, []).append(generation)
        self._at_work = live
        same: list[Candidate] = []
        for each in free:
            generation, born = generations.get(each.job.id, (0, 0))
            if generation != each.generation:
                continue
            same.append(each)
            if not each.plan.run:
                continue  # calendars dropped what was due
            numbers = live.get(each.job.id)
            instances = sum(number >= born for number in numbers) if numbers else 0
            if each.refused:
                self._refused.append((each, self._refusals(each)))
            elif instances >= each.job.max_instances:
                self._busy.append(each)
            else:
                self._running.append(each)
        if self._busy:
            busy = [each.job.id for each in self._busy]
            self._held = held_by_others(connection, self._statements, busy, self._epoch, self._now)
        return same

    def _refusals(self, each: Candidate) -> list[Result]:
        exc = reasons.no_executor(each.job.executor, paused=each.job._due == NEVER)
        return [
            Result(fire, Outcome.FAILED, 0, self._request.now, exception=exc)
            for fire in each.plan.run
        ]

    def _insert(self, connection: Connection) -> None:
        common = {
            "node": self._epoch,
            "node_name": self._membership.name,
            "batch": self.number,
            "claimed_us": self._now,
        }
        rows: list[tuple[Any, ...]] = []
        kept: dict[str, bytes] = {}  # of jobs that have no further fire time
        seq = self._next_seq(sum(len(each.plan.run) for each in self._running))
        for each in self._running:
            job, generation, run = each.job, each.generation, each.plan.run
            delivery = AT_LEAST_ONCE if job.delivery == "at_least_once" else AT_MOST_ONCE
            if each.plan.next is None:
                kept[job.id] = each.blob
            for fire in run:
                rows.append((job.id, generation, fire, run[0], delivery, seq))
                seq += 1
        if kept:
            rows = [(*row, kept.get(row[0])) for row in rows]
            inserted = self._statements.insert_last_runs(connection, common, rows)
        else:
            inserted = self._statements.insert_runs(connection, common, rows) if rows else 0
        if rows and inserted == len(rows):
            self.first_seq = rows[0][5]
        elif rows:
            self._find_conflicts(connection, rows)
        if self._in_portions and len(rows) > len(self._running):
            self._permit_first(connection)
        closed = self._closed_rows(common)
        if closed:
            self._statements.insert_closed(connection, closed)

    def _find_conflicts(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        """Note which fire times have a row already: somebody claimed them before (the unique key decides)."""
        own = {"node": self._epoch, "batch": self.number}
        inserted = {tuple(row) for row in connection.execute(self._statements.inserted, own)}
        self._conflicts = {(id, generation, fire) for id, generation, fire, *_ in rows} - inserted

    def _permit_first(self, connection: Connection) -> None:
        """Permit the first portion of each catch-up to start."""
        rows: list[tuple[Any, ...]] = []
        for each in self._running:
            run = self._inserted(each)
            if len(run) > 1:
                size = min(self._catch_ups.size_for(each.job), len(run))
                self._sizes[each.job.id] = size
                key = (each.job.id, each.generation, 0, run[-1])
                rows.append((*key, 1, self._epoch, run[size - 1]))
        if rows:
            self._statements.permit(connection, rows)

    def _inserted(self, each: Candidate) -> list[int]:
        """Return the fire times that this transaction has made rows for."""
        run: list[int] = each.plan.run
        if not self._conflicts:
            return run
        key = (each.job.id, each.generation)
        return [fire for fire in run if (*key, fire) not in self._conflicts]

    def _closed_rows(self, common: dict[str, Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []

        def add(each: Candidate, fire: int, outcome: Outcome, **more: Any) -> None:
            rows.append(
                {
                    **common,
                    "job_id": each.job.id,
                    "generation": each.generation,
                    "kind": 0,
                    "fire_us": fire,
                    "state": STATES[outcome],
                    "token": 1,
                    "lead": fire,
                    "attempt": 1,
                    "delivery": AT_MOST_ONCE,
                    "count": more.pop("count", 1),
                    "last_us": more.pop("last", None),
                    "seq": self._next_seq(1),
                    "finished_us": self._now,
                    "reason": more.pop("reason", None),
                    "error": more.pop("error", None),
                }
            )

        for each in (each for each in self._free if not each.plan.is_plain):
            for outcome, rollup in self._rollups(each):
                add(
                    each,
                    rollup.first,
                    outcome,
                    count=rollup.count,
                    last=rollup.last,
                    reason=rollup.reason,
                )
            for drop in each.plan.dropped or ():
                last = None if drop.count == 1 else drop.last
                add(
                    each,
                    drop.first,
                    Outcome.SKIPPED,
                    count=drop.count,
                    last=last,
                    reason=drop.reason,
                )
        for each in self._busy:
            for fire in each.plan.run:
                add(
                    each,
                    fire,
                    Outcome.SKIPPED,
                    reason=reasons.skipped(each.job.max_instances, self._held.get(each.job.id)),
                )
        for each, results in self._refused:
            for result in results:
                if result.exception is not None:
                    add(each, result.fire, Outcome.FAILED, error=one_line(result.exception))
        return rows

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
            these = self._statements.with_ids(gone)
            # Runs of these jobs that are at work, on any node, may have to start again when the jobs are gone.
            others = [id for id in gone if id in self._at_work]
            if others:
                connection.execute(self._statements.keep_states, self._statements.with_ids(others))
            connection.execute(self._statements.delete_jobs, these)
            connection.execute(self._statements.delete_meta, these)
        jobs = self._statements.tables.jobs
        for id, blob in self._bytes.items():
            connection.execute(jobs.update().where(jobs.c.id == id).values(job_state=blob))

    def _is_left(self, each: Candidate) -> bool:
        """Return whether a job that ends is left for an overriding ``remove_job`` to remove."""
        return bool(self._ask is not None and self._ask.removes and not each.refused)

    @property
    def running(self) -> list[Candidate]:
        """The candidates that run."""
        return self._running

    # -- what came of it --------------------------------------------------------------------------------------

    def result(self) -> ClaimBatch:
        """Return the batch that this transaction made, once it is known to be committed."""
        batch = ClaimBatch()
        for each in self._free:
            self._placed(each, batch)
            if each.plan.is_plain:
                continue
            for outcome, rollup in self._rollups(each):
                batch.rolled.append((each.job, outcome, rollup))
            if each.plan.dropped:
                batch.dropped.append((each.job, each.plan.dropped))
        batch.broken.extend((each.job, exc) for each, exc in self.broken)
        for each in self._busy:
            batch.skipped.append((each.job, each.plan.run))
        batch.held = self._held
        for each, results in self._refused:
            batch.refused.append((each.job, results))
        for each in self._running:
            run = self._inserted(each) if self._conflicts else each.plan.run
            if run:
                batch.claims.append(self._claim_of(each, run))
            if len(run) < len(each.plan.run):
                made = set(run)
                self.passed.append((each.job, [x for x in each.plan.run if x not in made]))
        return batch

    def _claim_of(self, each: Candidate, run: list[int]) -> StoreClaim:
        request, member = self._request, self._membership
        late = self._late_because(each)
        size = self._sizes.get(each.job.id)
        if size is None:
            return StoreClaim(
                each.job,
                run,
                request.sink,
                generation=each.generation,
                lease=member.lease,
                epoch=self._epoch,
                offset=member.offset,
                offset_us=self._offset,
                late_because=late,
            )
        options: dict[str, Any] = {
            "generation": each.generation,
            "lease": member.lease,
            "epoch": self._epoch,
            "offset": member.offset,
            "late_because": late,
        }
        make = portion_maker(each.job, request.sink, options)
        return self._catch_ups.begun(make, run, each.plan.run[0], size)

    def _late_because(self, each: Candidate) -> str | None:
        return self._request.late_because(each.due - self._offset, each.job._grace)

    def _rollups(self, each: Candidate) -> list[tuple[Outcome, Rollup]]:
        return reasons.rollups(each.plan, self._late_because(each), each.job._grace, self._now)

    def _placed(self, each: Candidate, batch: ClaimBatch) -> None:
        job, following = each.job, each.plan.next
        job._due = NEVER if following is None else following
        if following is None and not each.refused:
            batch.finished.append(job)
            self._loader.forget(job.id)
        elif each.job.id in self._bytes:
            self._loader.forget(job.id)
        elif self._ask is None or not self._ask.updates:
            self.moved.append(job.id)
        if self._ask is not None and (following is not None or each.refused or self._ask.removes):
            blob = self._bytes.get(job.id, each.blob)
            moment = None if following is None else to_float(following)
            ends = following is None and not each.refused
            batch.moved.append(Moved(job, blob, moment, each.generation, ends=ends))
