"""THE loop: collect and claim what is due, hand it to the executors, say when to come back.

One pass per store and batch:

    claim      the store moves next fire times and counts instances in one atomic step (jobstores/base.py)
    announce   what will not run is written down, logged and told; what will is told as submitted
    hand over  each executor gets its share of the batch in one call

No lock is held here at all. One store, trigger, executor or listener that raises costs its own jobs a delay and one
log line; a failing store is asked again after ``jobstore_retry_interval``. A crash between claim and hand-over loses
nothing that memory did not hold; shared stores recover it by the claim's row.
"""

from __future__ import annotations

import logging

from apscheduler._engine.instants import NEVER, SECOND, from_us
from apscheduler._engine.open_planning import plan_open
from apscheduler._engine.planning import Drop, Plan, Rollup, plan
from apscheduler.events import (
    EVENT_JOB_COALESCED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_JOB_REMOVED,
    EVENT_JOB_SKIPPED,
    EVENT_JOB_SUBMITTED,
    EVENT_JOBSTORE_ERROR,
    JobEvent,
    JobExecutionEvent,
    JobRollupEvent,
    JobSkippedEvent,
    JobSubmissionEvent,
    StoreErrorEvent,
)
from apscheduler.executors.base import InterpreterEndingError, MaxInstancesReachedError
from apscheduler.job import CATCH_UP_LIMIT, Job
from apscheduler.jobstores.base import ClaimBatch, ClaimRequest, SharedJobStore
from apscheduler.runs import reasons
from apscheduler.runs.claims import Result
from apscheduler.runs.outcomes import Outcome
from apscheduler.schedulers._lateness import Lateness
from apscheduler.schedulers._pace import Pace
from apscheduler.schedulers._sinks import StoreSink, report, say, store_is_paced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors.base import BaseExecutor
    from apscheduler.schedulers._stores import Store

BATCH = 2000
"""Jobs claimed at a time: enough to make the fixed cost vanish, few enough that workers start at once."""

BATCHES = 100
"""Batches of one store before the others have their turn."""

_COMPLAINTS = 10 * SECOND
"""A store that stays down is complained about so often."""


class Dispatcher:
    """The loop of one scheduler. Used by the loop's thread only."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self.lateness = Lateness()
        self.pace = Pace()
        self.batch, self.batches = BATCH, BATCHES
        self.wake_at = NEVER
        self._complained_at: dict[str, int] = {}
        self._retry_at: dict[str, int] = {}
        self._sinks: dict[int, StoreSink] = {}

    def run_pass(self) -> float | None:
        """Run everything that is due; return the seconds until the next thing is (``None``: nothing is)."""
        scheduler = self._scheduler
        wake_at = NEVER
        lead = scheduler._lead
        if lead is not None and not lead.may_run(scheduler._now_us()):
            look_within: int = lead.look_within
            self.wake_at = scheduler._now_us() + look_within
            return look_within / SECOND
        for alias, store in scheduler._claiming_stores():
            wake_at = min(wake_at, self._serve(alias, store))
        now = scheduler._now_us()
        self.wake_at = wake_at
        self.lateness.pass_ended(now, wake_at)
        if scheduler._logger.isEnabledFor(logging.DEBUG):
            when = "a change" if wake_at == NEVER else from_us(wake_at, scheduler.timezone)
            say(scheduler._logger, logging.DEBUG, "Nothing more is due; waiting for %s", when)
        return None if wake_at == NEVER else max(wake_at - now, 0) / SECOND

    def _serve(self, alias: str, store: Store) -> int:
        """Run what is due in one store; return the instant to come back to it."""
        retry_at = self._retry_at.get(alias, 0)
        now: int = self._scheduler._now_us()
        # A clock that was set back must not keep a failed store waiting for longer than its interval.
        if now < retry_at <= now + int(self._retry_seconds(store) * SECOND):
            return retry_at
        try:
            self._claim_all(alias, store)
            due = store.next_due()
        except Exception as exc:  # noqa: BLE001 - whatever a store raises
            return self._store_failed(alias, store, exc)
        if alias in self._retry_at:
            del self._retry_at[alias]
            self._complained_at.pop(alias, None)
            self.lateness.store_is_back(alias)
            say(self._scheduler._logger, logging.INFO, "Job store %r answers again", alias)
        wake_at = NEVER if due is None else due
        look_within = store.look_within() if isinstance(store, SharedJobStore) else None
        return wake_at if look_within is None else min(wake_at, now + look_within)

    def _claim_all(self, alias: str, store: Store) -> None:
        scheduler = self._scheduler
        for _ in range(self.batches):
            if not scheduler._is_dispatching():
                return
            now, lead = scheduler._now_us(), scheduler._lead
            # A run that may not start when the leader lock is lost needs a claim that can be asked.
            lanes = scheduler._lanes() if lead is None else {}
            request = ClaimRequest(
                now,
                self.batch,
                lanes,
                scheduler._executors.__contains__,
                _plan if lead is None else lead.plan_for(store, _plan),
                self.lateness.judge(now, alias),
                self._sink(store),
                self._slots() if store_is_paced(store) else {},
            )
            batch = store.claim_due(request)
            if lead is not None:
                lead.guard(batch)
            self._hand_over(batch, lanes)
            if batch.error is not None:
                raise batch.error
            if not batch.more:
                return

    def _sink(self, store: Store) -> StoreSink:
        sink = self._sinks.get(id(store))
        if sink is None:
            sink = self._sinks[id(store)] = StoreSink(self._scheduler, store)
        return sink

    def _slots(self) -> dict[str, int]:
        """Return how many claims each executor can start soon."""
        executors = list(self._scheduler._executors.items())
        return {alias: self.pace.slots(alias, executor) for alias, executor in executors}

    def _retry_seconds(self, store: Store) -> float:
        seconds: float = self._scheduler.jobstore_retry_interval
        own = store.retry_interval if isinstance(store, SharedJobStore) else None
        return seconds if own is None else min(seconds, own)

    def _store_failed(self, alias: str, store: Store, exc: Exception) -> int:
        scheduler = self._scheduler
        now = int(scheduler._now_us())
        seconds = self._retry_seconds(store)
        retry_at = now + int(seconds * SECOND)
        self._retry_at[alias] = retry_at
        self.lateness.store_went_down(alias)
        if not 0 <= now - self._complained_at.get(alias, -_COMPLAINTS) < _COMPLAINTS:
            self._complained_at[alias] = now
            self._complain(alias, store, exc, seconds)
        return retry_at

    def _complain(self, alias: str, store: Store, exc: Exception, seconds: float) -> None:
        scheduler = self._scheduler
        said = store.said_of(exc) if isinstance(store, SharedJobStore) else None
        say(
            scheduler._logger,
            logging.WARNING,
            "Job store %r failed; its jobs wait and it is asked again in %g s%s",
            alias,
            seconds,
            f" ({said})" if said else "",
            exc_info=None if said else exc,
        )
        scheduler._dispatch_event(StoreErrorEvent(EVENT_JOBSTORE_ERROR, alias, exc))

    # -- hand over -----------------------------------------------------------------------------------

    def _hand_over(self, batch: ClaimBatch, lanes: dict[str, list[Job]]) -> None:
        shares: dict[str, list[Any]] = {alias: jobs for alias, jobs in lanes.items() if jobs}
        for claim in batch.claims:
            shares.setdefault(claim.job.executor, []).append(claim)
        if not shares and not batch.finished:
            self._announce_the_rest(batch)
            return
        executors = self._scheduler._executors
        inline = {
            alias for alias in shares if getattr(executors.get(alias), "inline", False) is True
        }
        for alias in inline:
            self._submit(executors.get(alias), alias, shares[alias])
        self._announce_removed(batch)
        self._announce_the_rest(batch)
        self._announce_submitted(shares)
        for alias, items in shares.items():
            if alias not in inline:
                self._submit(executors.get(alias), alias, items)

    def _submit(self, executor: BaseExecutor | None, alias: str, items: list[Any]) -> None:
        if executor is None:
            gone = LookupError(f"executor {alias!r} was removed meanwhile")
            refused: list[tuple[Any, BaseException]] = [(item, gone) for item in items]
        else:
            try:
                refused = executor.submit_claims(items)
            except Exception as exc:  # noqa: BLE001 - whatever an executor raises is told per job
                refused = [(item, exc) for item in items]
        for item, why in refused:
            self._refuse(item, why)

    def _refuse(self, item: Any, exc: BaseException) -> None:
        """Settle what an executor did not take."""
        scheduler = self._scheduler
        now = scheduler._now_us()
        # A refusal while the scheduler or the interpreter stops is no failure of the job's.
        stops = not scheduler._is_dispatching() or isinstance(exc, InterpreterEndingError)
        outcome = Outcome.CANCELLED if stops else Outcome.FAILED
        if isinstance(item, Job):
            scheduler._settle_lane(item, Result(item._fire, outcome, 0, now, exception=exc))
            return
        if isinstance(exc, MaxInstancesReachedError):
            for fire in item.unsettled:
                reason = reasons.skipped(item.job)
                item.sink.settle(item, Result(fire, Outcome.SKIPPED, 0, now, reason=reason))
            item.sink.release(item)
            self._announce_skipped(item.job, item.fires)
            return
        if outcome is Outcome.CANCELLED and item.sink.hand_back(item):
            return
        for fire in item.unsettled:
            item.sink.settle(item, Result(fire, outcome, 0, now, exception=exc))
        item.sink.release(item)

    # -- announce --------------------------------------------------------------------------------------

    def _announce_removed(self, batch: ClaimBatch) -> None:
        scheduler = self._scheduler
        told = scheduler._listener_mask & EVENT_JOB_REMOVED
        if not told and not scheduler._logger.isEnabledFor(logging.INFO):
            return
        for job in batch.finished:
            say(
                scheduler._logger,
                logging.INFO,
                "Job %s has no further fire time and was removed",
                job.id,
            )
            scheduler._dispatch_event(JobEvent(EVENT_JOB_REMOVED, job.id, job._jobstore_alias))

    def _announce_submitted(self, shares: dict[str, list[Any]]) -> None:
        scheduler = self._scheduler
        if not scheduler._listener_mask & EVENT_JOB_SUBMITTED:
            return
        for items in shares.values():
            for item in items:
                job = item if isinstance(item, Job) else item.job
                fires = [item._fire] if job is item else item.fires
                times = [job._at(fire) for fire in fires]
                scheduler._dispatch_event(
                    JobSubmissionEvent(EVENT_JOB_SUBMITTED, job.id, job._jobstore_alias, times)
                )

    def _announce_the_rest(self, batch: ClaimBatch) -> None:
        for job, outcome, rollup in batch.rolled:
            self._announce_rollup(job, outcome, rollup)
        for job, drops in batch.dropped:
            self._announce_dropped(job, drops)
        for job, fires in batch.skipped:
            self._announce_skipped(job, fires)
        for job, results in batch.refused:
            for result in results:
                report(self._scheduler, job, result)
        for job, exc in batch.broken:
            say(
                self._scheduler._logger,
                logging.ERROR,
                "The trigger of job %r raised; the job is kept and tried again",
                job.id,
                exc_info=exc,
            )

    def _announce_rollup(self, job: Job, outcome: Outcome, rollup: Rollup) -> None:
        scheduler = self._scheduler
        first, last = job._at(rollup.first), job._at(rollup.last)
        span = (job.id, rollup.count, first, last)
        if outcome is Outcome.COALESCED:
            say(
                scheduler._logger,
                logging.INFO,
                "Job %r: %d overdue runs (%s to %s) were %s",
                *span,
                reasons.COALESCED,
            )
            scheduler._dispatch_event(
                JobRollupEvent(
                    EVENT_JOB_COALESCED, job.id, job._jobstore_alias, rollup.count, first, last
                )
            )
            return
        if rollup.reason:
            text = "Job %r: %d overdue runs (%s to %s) are missed: %s"
            say(scheduler._logger, logging.WARNING, text, *span, rollup.reason)
            return
        say(
            scheduler._logger,
            logging.WARNING,
            "Job %r missed %d runs (%s to %s): %s (at most %d at a time). "
            "With coalesce=True one run would stand for all of them.",
            *(*span, reasons.TOO_MANY, CATCH_UP_LIMIT),
        )
        # Listeners of 3.x expect an execution event under this code.
        scheduler._dispatch_event(
            JobExecutionEvent(EVENT_JOB_MISSED, job.id, job._jobstore_alias, first)
        )

    def _announce_dropped(self, job: Job, drops: list[Drop]) -> None:
        scheduler = self._scheduler
        for drop in drops:
            first, last = job._at(drop.first), job._at(drop.last)
            more = f" and {drop.count - 1} more to {last}" if drop.count > 1 else ""
            say(
                scheduler._logger,
                logging.INFO,
                "Job %r was not run for %s%s: %s",
                *(job.id, first, more, drop.reason),
            )
            scheduler._dispatch_event(
                JobSkippedEvent(
                    EVENT_JOB_SKIPPED,
                    job.id,
                    job._jobstore_alias,
                    drop.count,
                    first,
                    last,
                    drop.reason,
                )
            )

    def _announce_skipped(self, job: Job, fires: list[int]) -> None:
        scheduler = self._scheduler
        times = [job._at(fire) for fire in fires]
        more = f" and {len(times) - 1} more" if len(times) > 1 else ""
        say(
            scheduler._logger,
            logging.WARNING,
            'Job "%s" was not started for %s%s: %s. A higher max_instances, a longer interval '
            "or a timeout would let it run.",
            *(job, times[0], more, reasons.skipped(job)),
        )
        scheduler._dispatch_event(
            JobSubmissionEvent(EVENT_JOB_MAX_INSTANCES, job.id, job._jobstore_alias, times)
        )


def _plan(job: Job, due: int, now: int) -> Plan:
    grace = None if job._grace == NEVER else job._grace
    series = job._series()
    make = plan_open if series.guarded else plan
    return make(series, due, now, coalesce=job.coalesce, grace=grace, limit=CATCH_UP_LIMIT)
