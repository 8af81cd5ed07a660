"""Tells the log and the listeners which jobs were submitted, removed, skipped, rolled up or dropped.

If a listener, a log handler or a trigger raises, only that one announcement is lost.
"""

from __future__ import annotations

import logging

from apscheduler.events import (
    EVENT_JOB_COALESCED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_JOB_REMOVED,
    EVENT_JOB_SKIPPED,
    EVENT_JOB_SUBMITTED,
    JobExecutionEvent,
    JobRollupEvent,
    JobSkippedEvent,
    JobSubmissionEvent,
)
from apscheduler.executors._attempt.lines import named, shown, span
from apscheduler.history import reasons
from apscheduler.history.outcomes import Outcome
from apscheduler.job import CATCH_UP_LIMIT, Job
from apscheduler.logs import say
from apscheduler.runs.asking import HeldBackError
from apscheduler.schedulers._dispatch.farewells import bid_farewell
from apscheduler.schedulers._dispatch.settling import report
from apscheduler.schedulers._overridden import is_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from apscheduler._engine.planning import Drop, Rollup
    from apscheduler.jobstores.base import ClaimBatch
    from apscheduler.schedulers._dispatch.settling import Reports

    class Announces(Reports, Protocol):
        """What announcements need of the scheduler."""

        def remove_job(self, job_id: str, jobstore: str | None = None) -> None: ...

        def _let_end(self, job: Job) -> None: ...


_ADVICE = "; a timeout or a longer interval helps"


class Announcer:
    """Announces one batch.

    :ivar interrupt: a Ctrl-C that came meanwhile, to be raised when everything is handed over
    """

    def __init__(self, scheduler: Announces) -> None:
        self._scheduler = scheduler
        self.interrupt: BaseException | None = None

    def interrupted(self, exc: BaseException) -> None:
        """Keep an interrupt for later; the first one counts."""
        if self.interrupt is None:
            self.interrupt = exc

    def failed(self, exc: Exception) -> None:
        """Log the error that kept something from being announced."""
        text = "Something of a job could not be announced; its runs go on"
        say(self._scheduler._logger, logging.ERROR, text, exc_info=exc)

    def _guarded(self, announce: Callable[..., None], *words: Any) -> None:
        try:
            announce(*words)
        except Exception as exc:  # noqa: BLE001 - of a listener, a log handler, a trigger
            self.failed(exc)
        except BaseException as exc:  # noqa: BLE001 - raised when everything is handed over
            self.interrupted(exc)

    def announce_removed(self, batch: ClaimBatch) -> None:
        scheduler = self._scheduler
        told = scheduler._listener_mask & EVENT_JOB_REMOVED
        if batch.finished and (told or not is_ours(scheduler.remove_job)):
            for job in batch.finished:
                self._guarded(scheduler._let_end, job)

    def bid_farewell(
        self, batch: ClaimBatch, shares: dict[str, list[Any]], done: list[str]
    ) -> None:
        """Log which jobs have no further fire time, each after its last run.

        :param done: the executors that have run their shares
        """
        logger = self._scheduler._logger
        if batch.finished and logger.isEnabledFor(logging.INFO):
            to_run = [item for alias in shares if alias not in done for item in shares[alias]]
            self._guarded(bid_farewell, logger, batch.finished, to_run)

    def announce_submitted(self, shares: dict[str, list[Any]]) -> None:
        """Tell the listeners of each item of these shares that it was submitted."""
        for items in shares.values():
            for item in items:
                self._guarded(self._announce_item, item)

    def _announce_item(self, item: Any) -> None:
        job = item if isinstance(item, Job) else item.job
        fires = [item._fire] if job is item else item.submitted
        if not fires:
            return
        times = [job._at(fire) for fire in fires]
        event = JobSubmissionEvent(EVENT_JOB_SUBMITTED, job.id, job._jobstore_alias, times)
        self._scheduler._dispatch_event(event)

    def announce_the_rest(self, batch: ClaimBatch) -> None:
        for job, outcome, rollup in batch.rolled:
            self._guarded(self._announce_rollup, job, outcome, rollup)
        for job, drops in batch.dropped:
            self._guarded(self._announce_dropped, job, drops)
        for job, fires in batch.skipped:
            self._guarded(self.announce_skipped, job, fires, batch.held.get(job.id))
        for job, results in batch.refused:
            for result in results:
                self._guarded(report, self._scheduler, job, result)
        for job, exc in batch.broken:
            if isinstance(exc, HeldBackError):
                text = "Job %s is held back by a _get_run_times() of its own; it is asked again"
                say(self._scheduler._logger, logging.INFO, text, named(job))
                continue
            say(
                self._scheduler._logger,
                logging.ERROR,
                "The trigger of job %s raised, or cannot be kept; the job is kept and tried again",
                named(job),
                exc_info=exc,
            )

    def _announce_rollup(self, job: Job, outcome: Outcome, rollup: Rollup) -> None:
        scheduler = self._scheduler
        first, last = job._at(rollup.first), job._at(rollup.last)
        runs = "1 run" if rollup.count == 1 else f"{rollup.count} runs"
        overdue = runs.replace(" ", " overdue ")
        words = (named(job), runs, span(first, last))
        if outcome is Outcome.COALESCED:
            were = "was" if rollup.count == 1 else "were"
            text = "Job %s: %s (%s) %s rolled into a later one (coalesce)"
            say(scheduler._logger, logging.INFO, text, words[0], overdue, words[2], were)
            scheduler._dispatch_event(
                JobRollupEvent(
                    EVENT_JOB_COALESCED, job.id, job._jobstore_alias, rollup.count, first, last
                )
            )
            return
        text = "Job %s missed %s (%s): %s"
        say(scheduler._logger, logging.WARNING, text, *words, _why_missed(rollup))
        if rollup.reason == reasons.NOT_OURS:
            return
        # Listeners of 3.x expect an execution event under this code.
        scheduler._dispatch_event(
            JobExecutionEvent(EVENT_JOB_MISSED, job.id, job._jobstore_alias, first)
        )

    def _announce_dropped(self, job: Job, drops: list[Drop]) -> None:
        scheduler = self._scheduler
        for drop in drops:
            first, last = job._at(drop.first), job._at(drop.last)
            runs = f"{drop.count} runs ({span(first, last)})" if drop.count > 1 else shown(first)
            text = "Job %s was not run for %s: %s"
            say(scheduler._logger, logging.INFO, text, named(job), runs, drop.reason)
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

    def announce_skipped(
        self, job: Job, fires: list[int], held: str | None = None, refused: str | None = None
    ) -> None:
        """Tell that fire times of a job were skipped because of its ``max_instances``.

        :param held: who else holds an instance, in words
        :param refused: the reason, if the executor refused them
        """
        scheduler = self._scheduler
        times = [job._at(fire) for fire in fires]
        more = f" and {len(times) - 1} more" if len(times) > 1 else ""
        say(
            scheduler._logger,
            logging.WARNING,
            "Job %s skipped %s%s: %s%s",
            *(named(job), shown(times[0], exactly=False), more),
            refused or reasons.skipped(job.max_instances, held),
            # No advice if a process that may be dead holds the instance, or if nothing is known to run.
            "" if held or refused else _ADVICE,
        )
        scheduler._dispatch_event(
            JobSubmissionEvent(EVENT_JOB_MAX_INSTANCES, job.id, job._jobstore_alias, times)
        )


def _why_missed(rollup: Rollup) -> str:
    if rollup.reason == reasons.TOO_MANY:
        return f"more than {CATCH_UP_LIMIT} were overdue; with coalesce=True one runs for all"
    return str(rollup.reason)
