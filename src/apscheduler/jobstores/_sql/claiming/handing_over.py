"""Makes the batch that the scheduler gets from a claim's transaction, before it is committed."""

from __future__ import annotations

from apscheduler._engine.instants import NEVER
from apscheduler.jobstores._rows import to_float
from apscheduler.jobstores._sql.changing.asking import Moved
from apscheduler.jobstores._sql.claiming.catching_up import portion_maker
from apscheduler.jobstores._sql.claiming.claims import StoreClaim
from apscheduler.jobstores.base import ClaimBatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.jobstores._sql.claiming.candidates import Candidate
    from apscheduler.jobstores._sql.claiming.transaction import Writing


class HandingOver:
    """What one transaction hands over."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._ask = writing.request.ask

    def batch(self) -> ClaimBatch:
        """Return the batch, for when the transaction is known to be committed."""
        made, batch = self._writing, ClaimBatch()
        for each in made.free:
            self._placed(each, batch)
            if each.plan.is_plain:
                continue
            for outcome, rollup in made.rollups(each):
                batch.rolled.append((each.job, outcome, rollup))
            if each.plan.dropped:
                batch.dropped.append((each.job, each.plan.dropped))
        batch.broken.extend((each.job, exc) for each, exc in made.broken)
        for each in made.busy:
            batch.skipped.append((each.job, each.plan.run))
        batch.held = made.held
        for each, results in made.refused:
            batch.refused.append((each.job, results))
        self._add_claims(batch)
        return batch

    def _placed(self, each: Candidate, batch: ClaimBatch) -> None:
        """Give a job its next fire time, and say who has to learn of it."""
        made, job, following = self._writing, each.job, each.plan.next
        job._due = NEVER if following is None else following
        ends = following is None and not each.refused
        if ends:
            batch.finished.append(job)
            made.loader.forget(job.id)
        elif job.id in made.bytes:
            made.loader.forget(job.id)
        elif self._ask is None or not self._ask.updates:
            made.moved.append(job.id)
        if self._ask is not None and (not ends or self._ask.removes):
            blob = made.bytes.get(job.id, each.blob)
            moment = None if following is None else to_float(following)
            batch.moved.append(Moved(job, blob, moment, each.generation, ends=ends))

    def _add_claims(self, batch: ClaimBatch) -> None:
        """Make a claim of what runs of each job, and note the fire times that were claimed before."""
        made = self._writing
        for each in made.running:
            run = made.inserted(each) if made.conflicts else each.plan.run
            if run:
                batch.claims.append(self._claim_of(each, run))
            if len(run) < len(each.plan.run):
                ours = set(run)
                made.passed.append((each.job, [x for x in each.plan.run if x not in ours]))

    def _claim_of(self, each: Candidate, run: list[int]) -> StoreClaim:
        made = self._writing
        member, sink = made.membership, made.request.sink
        late = made.late_because(each)
        size = made.sizes.get(each.job.id)
        if size is None:
            return StoreClaim(
                each.job,
                run,
                sink,
                generation=each.generation,
                lease=member.lease,
                epoch=made.epoch,
                offset=member.offset,
                offset_us=made.offset,
                late_because=late,
            )
        options: dict[str, Any] = {
            "generation": each.generation,
            "lease": member.lease,
            "epoch": made.epoch,
            "offset": member.offset,
            "late_because": late,
        }
        make = portion_maker(each.job, sink, options)
        return made.catch_ups.begun(make, run, each.plan.run[0], size)
