"""Outcomes on their way back: into the ledger, the log and the events."""

from __future__ import annotations

import logging

from apscheduler._engine.instants import NEVER, SECOND
from apscheduler.events import JobExecutionEvent
from apscheduler.executors.base import EVENT_CODES, InterpreterEndingError
from apscheduler.jobstores.base import SharedJobStore
from apscheduler.runs.claims import Result
from apscheduler.runs.outcomes import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.job import Job
    from apscheduler.runs.claims import Claim
    from apscheduler.schedulers._pace import Pace
    from apscheduler.schedulers._stores import Store


class StoreSink:
    """Takes the outcomes of the claims of one store. Called from workers' threads; holds no lock."""

    def __init__(self, scheduler: Any, store: Store) -> None:
        self._scheduler = scheduler
        self._store = store
        self._pace: Pace | None = scheduler._dispatcher.pace if store_is_paced(store) else None

    def settle(self, claim: Claim, result: Result) -> bool:
        """Record the outcome of one fire time unless another one was there first."""
        if not claim.take(result.fire):
            return False
        try:
            self._store.settle(claim, result)
        except Exception:
            self._scheduler._logger.exception(
                "The outcome of job %r (%s) could not be written to its store",
                claim.job.id,
                result.outcome,
            )
        if self._pace is not None and result.started:
            self._pace.ran(claim.job.executor, result.finished - result.started)
        report(self._scheduler, claim.job, result)
        return True

    def release(self, claim: Claim) -> None:
        """Free the claim's instance slot."""
        if claim.take_release():
            self._store.release(claim)

    def hand_back(self, claim: Claim) -> bool:
        """Let others run a claim that was not started because this scheduler stops; ``False`` without others."""
        return self._store.give_back(claim)

    def give_back(self, claim: Claim) -> None:
        """Take back a claim that may not be started here any more."""
        job = claim.job
        if self._store.give_back(claim):
            text = "Job %r, due %s, is not started here: this scheduler's lease is over; others may run it"
            say(self._scheduler._logger, logging.WARNING, text, job.id, job._at(claim.fires[0]))
            return
        now = self._scheduler._now_us()
        for fire in claim.unsettled:
            self.settle(
                claim, Result(fire, Outcome.CANCELLED, 0, now, reason="another may lead now")
            )
        self.release(claim)


def store_is_paced(store: Store) -> bool:
    """Return whether this store leaves to others what the executors cannot start soon."""
    return isinstance(store, SharedJobStore) and store.paced


def say(logger: logging.Logger, level: int, message: str, *words: Any, **options: Any) -> None:
    """Log a line; a handler that raises, or a word without a text, costs no run."""
    try:
        logger.log(level, message, *words, **options)
    except Exception:  # noqa: BLE001 - whatever a handler of someone else raises
        from traceback import print_exc

        print_exc()


def report(scheduler: Any, job: Job, result: Result) -> None:
    """Log an outcome that somebody may have to act on, and tell the listeners."""
    if result.outcome not in (Outcome.EXECUTED, Outcome.SKIPPED):
        _log(scheduler, job, result)
    code = EVENT_CODES.get(result.outcome)
    if code is not None and scheduler._listener_mask & code:
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


def _log(scheduler: Any, job: Job, result: Result) -> None:
    logger = scheduler._executor_logger(job.executor)
    when = job._at(result.fire)
    if result.outcome is Outcome.MISSED:
        say(
            logger,
            logging.WARNING,
            "%s",
            missed_text(job, result.fire, result.finished, result.reason),
        )
    elif result.outcome is Outcome.TIMED_OUT:
        say(logger, logging.ERROR, 'Job "%s", due %s, timed out: %s', job, when, result.exception)
    elif result.outcome is Outcome.CANCELLED:
        _log_cancelled(logger, job, result)
    elif result.traceback:
        say(
            logger,
            logging.ERROR,
            'Job "%s", due %s, raised an exception\n%s',
            job,
            when,
            result.traceback,
        )
    else:
        why = result.reason or result.exception or "no reason given"
        say(logger, logging.ERROR, 'Job "%s", due %s: %s (%s)', job, when, result.outcome, why)


def _log_cancelled(logger: logging.Logger, job: Job, result: Result) -> None:
    """Log a run that was called off or cut off; where it stood then is nobody's error, so without a traceback."""
    # Every program with an interval of milliseconds ends like this: it is recorded, but no warning.
    ends = isinstance(result.exception, InterpreterEndingError)
    level = logging.INFO if ends else logging.WARNING
    why = result.reason or result.exception or "no reason given"
    say(logger, level, 'Job "%s", due %s: cancelled (%s)', job, job._at(result.fire), why)


def missed_text(job: Job, fire: int, now: int, reason: str | None) -> str:
    """Return the log line for a missed run: which, how late, why, and what would have run it."""
    late = (now - fire) / SECOND
    grace = "unlimited" if job._grace == NEVER else f"{job._grace / SECOND:g} s"
    return (
        f'Job "{job}" missed its run of {job._at(fire)} by {late:.3f} s: '
        f"{reason or 'it could not start in time'}. Its misfire_grace_time is {grace}; "
        f"one above {late:.3f} (or None) would have run it."
    )
