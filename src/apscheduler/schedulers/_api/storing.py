"""The part of a scheduler that puts jobs into their stores, one or several in one step, and tells of it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from apscheduler._engine.instants import NEVER
from apscheduler.events import EVENT_JOB_ADDED, EVENT_JOB_REMOVED, JobEvent
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.jobstores.standing import begin_by_store, hand_on_time, pass_claims
from apscheduler.markers import undefined
from apscheduler.schedulers._api.finding import JobFinding
from apscheduler.schedulers._overridden import is_ours
from apscheduler.schedulers._states import STATE_RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.job import Job
    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.schedulers._api.pending import Entry

REPLACE_KEEPING_TIME = 2
"""Value of ``replace_existing`` inside this package: replace the job, and keep its next fire time."""


class JobStoring(JobFinding):
    """Completes jobs from the defaults, puts them into their stores and wakes the loop for them."""

    def _real_add_job(self, job: Job, jobstore_alias: str, replace_existing: bool) -> None:
        """Complete a job from the defaults and put it into its store."""
        store = self._claiming_store(jobstore_alias)
        self._complete(job, store)
        if _is_never(job):
            self._make_way(job, store, replace_existing)
            self._say_never(job, jobstore_alias)
            return
        job._jobstore_alias = jobstore_alias  # before the store has it: it may run at once
        try:
            self._put(job, store, replace_existing)
        except BaseException:
            job._jobstore_alias = None
            raise
        if self._logger.isEnabledFor(20):
            self._logger.info('Added job "%s" to job store "%s"', job.name, jobstore_alias)
        if self._is_told(EVENT_JOB_ADDED):
            self._dispatch_event(JobEvent(EVENT_JOB_ADDED, job.id, jobstore_alias))
        if self.state == STATE_RUNNING:
            if self._lead is not None:
                self._lead.added(jobstore_alias)
            self._wake_for(job._due)

    def _make_way(self, job: Job, store: Store, replace_existing: bool) -> None:
        """Remove the stored job that a job without any fire time replaces, even one that cannot be restored.

        :raises ConflictingIdError: if it may not be replaced
        """
        if store.lookup_job(job.id) is None and store.why_quarantined(job.id) is None:
            return
        if not replace_existing:
            raise ConflictingIdError(job.id)
        self._forget_in_executors(job.id)
        with suppress(JobLookupError):  # gone meanwhile
            store.end_job(job)

    def _put(self, job: Job, store: Store, replace_existing: bool) -> None:
        try:
            store.add_job(job)
        except ConflictingIdError:
            if not replace_existing:
                raise
            keeps = replace_existing == REPLACE_KEEPING_TIME
            self._forget_in_executors(job.id)
            store.replace_job(job, partial(hand_on_time if keeps else pass_claims, job))

    def _complete(self, job: Job, store: Store) -> None:
        """Set what a job was not given: the defaults, and its first fire time by its store's clock."""
        if job.trigger.binds:
            self._check_calendars(job.trigger)
        defaults = self._job_defaults
        if not hasattr(job, "misfire_grace_time"):
            job.misfire_grace_time = defaults["misfire_grace_time"]
        if not hasattr(job, "coalesce"):
            job.coalesce = defaults["coalesce"]
        if not hasattr(job, "max_instances"):
            job.max_instances = defaults["max_instances"]
        if not hasattr(job, "_due"):
            offset = store.clock_offset()
            now = self._now_us() + offset
            begin_by_store(job.trigger, now, offset)
            first = job._series().next_us(None, now)
            job._due = NEVER if first is None else first
            if first is None:
                job._shown = undefined

    def _say_never(self, job: Job, alias: str) -> None:
        """Report a job that has no fire time at all; it is not kept."""
        job._shown = None
        job._jobstore_alias = alias
        self._arriving.pop(id(job), None)
        self._logger.warning(
            'Job "%s" (%s) was not kept: its trigger has no fire time from now on',
            job.name,
            job.trigger,
        )
        self._dispatch_event(JobEvent(EVENT_JOB_ADDED, job.id, alias))
        self._dispatch_event(JobEvent(EVENT_JOB_REMOVED, job.id, alias))

    def _real_add_jobs(self, group: list[Entry]) -> None:
        """Put jobs into their store in one step; all have the same store, and all replace others or none does."""
        _, alias, replace_existing = group[0]
        one_by_one = replace_existing == REPLACE_KEEPING_TIME or not is_ours(self._real_add_job)
        if len(group) == 1 or one_by_one:
            for entry in group:
                self._real_add_job(*entry)
            return
        store = self._claiming_store(alias)
        jobs: list[Job] = []
        for job, _, _ in group:
            self._complete(job, store)
            if _is_never(job):
                self._make_way(job, store, replace_existing)
            else:
                job._jobstore_alias = alias
                jobs.append(job)
        try:
            store.add_jobs(jobs, replace=bool(replace_existing))
        except BaseException:
            for job in jobs:
                job._jobstore_alias = None
            raise
        self._say_added([job for job, _, _ in group], alias)

    def _say_added(self, jobs: list[Job], alias: str) -> None:
        for job in jobs:
            if _is_never(job):
                self._say_never(job, alias)
                continue
            if self._logger.isEnabledFor(20):
                self._logger.info('Added job "%s" to job store "%s"', job.name, alias)
            if self._is_told(EVENT_JOB_ADDED):
                self._dispatch_event(JobEvent(EVENT_JOB_ADDED, job.id, alias))
        if self.state == STATE_RUNNING:
            if self._lead is not None:
                self._lead.added(alias)
            self._wake_for(min((job._due for job in jobs), default=NEVER))

    def _wake_for(self, due: int) -> None:
        """Wake the loop if this fire time comes before what it waits for (this default wakes it in any case)."""
        self.wakeup()


def _is_never(job: Job) -> bool:
    """Return whether a complete job has no fire time at all (a paused one has none only for now)."""
    return job._due == NEVER and job._shown is undefined
