"""Carries out plans for stores with a ledger in memory: records what will not run, makes a claim of what will."""

from __future__ import annotations

from apscheduler._engine.instants import NEVER
from apscheduler.history import reasons
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Claim, Result
from apscheduler.runs.ledger import Detail
from apscheduler.runs.memory import RunsInMemory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler._engine.planning import Drop, Plan, Rollup
    from apscheduler.job import Job
    from apscheduler.jobstores.base import ClaimBatch, ClaimRequest


class ClaimsInMemory(RunsInMemory):
    """Sorts planned fire times into a batch and their outcomes into the ledger."""

    def _put(
        self,
        batch: ClaimBatch,
        job: Job,
        planned: Plan,
        request: ClaimRequest,
        *,
        late_because: str | None,
        busy: bool,
        refused: bool,
    ) -> Claim | None:
        """Put what was planned for a job into the batch and the ledger; return the claim, if there is one."""
        for outcome, rollup in reasons.rollups(planned, late_because, job._grace, request.now):
            self._roll(batch, job, outcome, rollup, request.now)
        if planned.dropped:
            self._drop(batch, job, planned.dropped, request.now)
        if not planned.run:
            return None
        if refused:
            exc = reasons.no_executor(job.executor, paused=job._due == NEVER)
            results = [
                Result(fire, Outcome.FAILED, 0, request.now, exception=exc) for fire in planned.run
            ]
            self._write_all(job, results)
            batch.refused.append((job, results))
            return None
        if busy:
            reason = reasons.skipped(job.max_instances)
            self._write_all(
                job,
                [
                    Result(fire, Outcome.SKIPPED, 0, request.now, reason=reason)
                    for fire in planned.run
                ],
            )
            batch.skipped.append((job, planned.run))
            return None
        claim = Claim(job, planned.run, request.sink, late_because=late_because)
        batch.claims.append(claim)
        return claim

    def _write_all(self, job: Job, results: list[Result]) -> None:
        for result in results:
            self.ledger.write(job, result)

    def _drop(self, batch: ClaimBatch, job: Job, drops: list[Drop], now: int) -> None:
        for drop in drops:
            last = None if drop.count == 1 else drop.last
            detail = Detail(reason=drop.reason, count=drop.count, last=last)
            job._last = self.ledger.record(job.id, drop.first, 0, now, Outcome.SKIPPED, detail)
        batch.dropped.append((job, drops))

    def _roll(
        self, batch: ClaimBatch, job: Job, outcome: Outcome, rollup: Rollup, now: int
    ) -> None:
        detail = Detail(reason=rollup.reason, count=rollup.count, last=rollup.last)
        self.ledger.record(job.id, rollup.first, 0, now, outcome, detail)
        batch.rolled.append((job, outcome, rollup))
