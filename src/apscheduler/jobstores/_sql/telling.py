"""What a store reports: to the log, and to the listeners of its scheduler. Any thread may call it."""

from __future__ import annotations

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_SKIPPED,
    EVENT_JOBSTORE_DOUBTED,
    JobExecutionEvent,
    JobSkippedEvent,
    StoreDoubtEvent,
)
from apscheduler.history import reasons
from apscheduler.jobstores._outlines import announce
from apscheduler.jobstores._rows import Times
from apscheduler.jobstores._sql.connection.remedies import AWAY, cause_of
from apscheduler.jobstores._sql.errors import RunLostError
from apscheduler.jobstores._sql.guarding.copies import StoreHeldError
from apscheduler.jobstores._sql.guarding.watching import SAID
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from apscheduler.history.outcomes import Outcome
    from apscheduler.job import Job
    from apscheduler.jobstores._troubles import Troubles
    from apscheduler.jobstores.base import BaseJobStore


class Telling:
    """Reports for one store, under the alias and to the scheduler that it has at that time.

    :ivar troubles: reports what goes on for long once in a while
    """

    def __init__(self, store: BaseJobStore, troubles: Troubles) -> None:
        self._store = store
        self.troubles = troubles

    def event(self, event: Any) -> None:
        """Send an event to the scheduler's listeners."""
        tell: Callable[[Any], None] | None = getattr(
            self._store._scheduler, "_dispatch_event", None
        )
        if tell is not None:
            tell(event)

    def changed(self) -> None:
        """Wake the scheduler's loop: jobs were changed, or slots are free again."""
        wakeup: Callable[[], None] | None = getattr(self._store._scheduler, "wakeup", None)
        if wakeup is not None:
            wakeup()

    # -- the database ---------------------------------------------------------------------------------------

    def not_told(self, text: str, exc: BaseException | None) -> None:
        """Report that notifications do not arrive, as a cause of its own if only their connection was lost."""
        alone = exc is not None and cause_of(exc) == AWAY
        self.troubles.tell(text, exc, cause="notifications" if alone else None)

    def silent(self, what: str, seconds: float) -> None:
        """Report that the database has not answered so far."""
        text = f"Job store {self._store._alias!r} has not answered for {seconds:.0f} s ({what})"
        self.troubles.tell(text, None, cause="silence")

    def heartbeat_trouble(self, text: str, exc: BaseException | None) -> None:
        """Report that a heartbeat has failed."""
        if not isinstance(exc, StoreHeldError):  # which is reported by itself
            self.troubles.tell(text, exc)

    # -- the store itself -----------------------------------------------------------------------------------

    def held(self, reason: str) -> None:
        """Report that nothing is claimed from the store."""
        if self.troubles.tell(reason, None):
            self._doubted(reason, is_held=True)

    def promoted(self, said: str) -> None:
        """Report what is in doubt after a replica has become the server."""
        self._store._logger.error("%s", said)
        self._doubted(said, is_held=False)

    def _doubted(self, reason: str, *, is_held: bool) -> None:
        alias = self._store._alias
        self.event(StoreDoubtEvent(EVENT_JOBSTORE_DOUBTED, alias, reason, is_held))

    # -- jobs -------------------------------------------------------------------------------------------------

    def quarantined(self, job_id: str, reason: str) -> bool:
        """Announce a job that cannot be restored, if this scheduler runs jobs; return whether it was announced."""
        runs_jobs = getattr(self._store._scheduler, "_is_dispatching", None)
        if runs_jobs is not None and not runs_jobs():
            return False
        announce(self._store, job_id, reason)
        return True

    def revived(self, job_id: str) -> None:
        """Report that a job is in quarantine no more."""
        self._store._logger.info("Job %r loads again and is scheduled", job_id)

    # -- fire times -------------------------------------------------------------------------------------------

    def runs_closed(self, closed: list[tuple[str, int, Outcome, str]]) -> None:
        """Report runs of dead nodes; their outcome is in the ledger already."""
        for job_id, fire, outcome, reason in closed:
            when = Times().shown("fire_us", fire)
            self._store._logger.error("Job %r, due %s: %s (%s)", job_id, when, outcome, reason)
            error = RunLostError(f"job {job_id!r}: {line(reason)}")
            alias = self._store._alias
            self.event(JobExecutionEvent(EVENT_JOB_ERROR, job_id, alias, when, exception=error))

    def skipped(self, job: Job, fire: int, reason: str) -> None:
        """Report a fire time that does not run."""
        when, alias = job._at(fire), self._store._alias
        self.event(JobSkippedEvent(EVENT_JOB_SKIPPED, job.id, alias, 1, when, when, reason))

    def passed(self, passed: list[tuple[Job, list[int]]]) -> None:
        """Report fire times that came due again, and have a row already."""
        from apscheduler.jobstores._sql.claiming.passed import CAUSE, said_of

        self.troubles.tell(said_of(passed), None, CAUSE)

    def strangers_found(self, found: list[tuple[Job, list[int]]]) -> None:
        """Report that another program schedules these jobs too. The fire times that it took have their rows already."""
        self.troubles.tell(SAID, None)
        for job, fires in found:
            for fire in fires:
                self.skipped(job, fire, reasons.MOVED_BY_ANOTHER)
        self._doubted(SAID, is_held=False)
