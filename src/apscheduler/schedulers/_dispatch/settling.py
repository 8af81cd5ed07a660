"""Takes the outcomes of runs into the ledger, the log and the events."""

from __future__ import annotations

import logging
from os import getpid

from apscheduler.events import JobExecutionEvent, SchedulerEvent
from apscheduler.executors._attempt.lines import log_outcome, named, shown
from apscheduler.history.outcomes import Outcome
from apscheduler.logs import say
from apscheduler.runs.codes import EVENT_CODES
from apscheduler.runs.failures import forget_locals
from apscheduler.schedulers._dispatch.farewells import LastPage, say_farewell
from apscheduler.schedulers._store_calls import say_trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from apscheduler.job import Job
    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.runs.claims import Claim, Result
    from apscheduler.schedulers._contract import HasExecutors, KeepsTime, Tells
    from apscheduler.schedulers._dispatch.pace import Pace

    class HasPace(Protocol):
        """The loop, as far as it matters here."""

        pace: Pace

    class Reports(Tells, Protocol):
        """What the report of an outcome needs of the scheduler."""

        def _executor_logger(self, alias: str) -> logging.Logger: ...

    class Settles(Reports, KeepsTime, HasExecutors, Protocol):
        """What the way of outcomes back needs of the scheduler."""

        _ends: bool

        @property
        def state(self) -> int: ...

        @property
        def _dispatcher(self) -> HasPace: ...

        def _is_dispatching(self) -> bool: ...


class StoreSink:
    """Takes the outcomes of the claims of one store. Called from workers' threads; holds no lock."""

    def __init__(self, scheduler: Settles, store: Store) -> None:
        self._scheduler = scheduler
        self._store = store
        self._last: set[tuple[str, int]] = set()  # jobs that end, each with its last fire time
        self._pace: Pace | None = scheduler._dispatcher.pace if store.paced else None

    def settle(self, claim: Claim, result: Result) -> bool:
        """Record the outcome of one fire time unless another one was there first."""
        if not claim.take(result.fire):
            return False
        try:
            self._store.settle(claim, result)
        except Exception as exc:  # noqa: BLE001 - whatever a store raises
            text = f"The outcome of job {claim.job.id!r} ({result.outcome}) could not be written to its store"
            say_trouble(self._scheduler._logger, self._store, text, exc)
        if self._pace is not None and result.started:
            self._pace.ran(claim.job.executor, result.finished - result.started)
        report(self._scheduler, claim.job, result)
        return True

    def release(self, claim: Claim) -> None:
        """Free the claim's instance slot."""
        if claim.take_release():
            self._store.release(claim)
            if self._last:
                self._end(claim)

    def is_last(self, claim: Claim) -> None:
        """Have the job's end logged after the last fire time of this claim, or of the catch-up it is a portion of."""
        self._last.add((claim.job.id, claim.last_fire))

    def _end(self, claim: Claim) -> None:
        ended = (claim.job.id, claim.fires[-1])
        if ended in self._last:
            self._last.discard(ended)
            say_farewell(self._scheduler._logger, claim.job.id)

    def hand_back(self, claim: Claim) -> bool:
        """Let others run a claim that was not started because this scheduler stops; ``False`` if there are none."""
        is_given = self._store.give_back(claim)
        if is_given:
            self._end(claim)
        return is_given

    def takes_now(self, job: Job) -> bool:
        """Return whether a further claim of this job can be handed to its executor by the calling thread."""
        scheduler = self._scheduler
        executor = scheduler._executors.get(job.executor)
        # Not while the scheduler stops. But while it is paused, because what was submitted goes on, as in 3.x.
        runs = scheduler.state and not scheduler._ends
        return bool(runs) and getattr(executor, "any_thread", False) is True

    def hand_on(self, claim: Claim) -> bool:
        """Hand a further claim to its executor; ``False`` if the executor does not take it."""
        executor = self._scheduler._executors.get(claim.job.executor)
        return executor is not None and not executor.submit_claims([claim])

    def give_back(self, claim: Claim) -> None:
        """Take back a claim that may not be started here any more."""
        job = claim.job
        if self._store.give_back(claim):
            ends = not self._scheduler._is_dispatching()
            level = logging.INFO if ends else logging.WARNING
            why = "this scheduler ends" if ends else "this scheduler's lease is over"
            text = "Job %s, due %s, is not started here: %s; others may run it"
            due = shown(job._at(claim.fires[0]))
            say(self._scheduler._logger, level, text, named(job), due, why)
            self._end(claim)
            return
        now = self._scheduler._now_us()
        claim.close(Outcome.CANCELLED, now, reason="another may lead now")


class LaneSink:
    """Takes the outcomes of plain jobs, which have no claim (see MemoryJobStore). Any thread may call it.

    :ivar mask: the codes of all events that some listener waits for; the scheduler keeps it up to date
    """

    __slots__ = ("_scheduler", "mask")

    def __init__(self, scheduler: Reports) -> None:
        self._scheduler = scheduler
        self.mask: int = scheduler._listener_mask

    def settle(self, job: Job, result: Result) -> None:
        """Record and report an outcome, and free the job's instance slot."""
        job._ledger.write(job, result)
        job._busy = 0
        report(self._scheduler, job, result)
        page = job._ledger
        if page.__class__ is LastPage:
            page.turn()

    def tell(self, event: SchedulerEvent) -> None:
        """Tell the listeners of a run whose outcome is recorded already."""
        self._scheduler._dispatch_event(event)


def report(scheduler: Reports, job: Job, result: Result) -> None:
    """Log an outcome that may call for action, and tell the listeners."""
    if result.outcome not in (Outcome.EXECUTED, Outcome.SKIPPED) and result.told_in != getpid():
        logger = scheduler._executor_logger(job.executor)
        log_outcome(logger, job, job._at(result.fire), result)
    if result.exception is not None:
        forget_locals(result.exception)  # not before: handlers like Sentry's show them
    code = EVENT_CODES.get(result.outcome)
    if code is not None and scheduler._listener_mask & code and not result.is_told:
        scheduler._dispatch_event(
            JobExecutionEvent(
                code,
                job.id,
                job._jobstore_alias,
                (job._series(), result.fire),
                result.retval,
                result.exception,
                result.traceback,
            )
        )
