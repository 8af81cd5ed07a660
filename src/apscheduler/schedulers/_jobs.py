"""The part of a scheduler that users' calls about jobs go to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

from apscheduler._engine.instants import NEVER
from apscheduler.events import (
    EVENT_ALL_JOBS_REMOVED,
    EVENT_JOB_MODIFIED,
    EVENT_JOB_REMOVED,
    JobEvent,
    SchedulerEvent,
)
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError, SharedJobStore
from apscheduler.schedulers._adding import JobAdding
from apscheduler.schedulers._calendars import with_calendars_of
from apscheduler.schedulers._registry import (
    STATE_RUNNING,
    STATE_STOPPED,
)
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.foreign import series_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from typing import Any, TypeVar

    from apscheduler.schedulers.previews import SchedulePreview

    F = TypeVar("F", bound=Callable[..., Any])


class JobOperations(JobAdding):
    """Finding, changing and removing jobs, and what :class:`JobAdding` does."""

    # -- finding ----------------------------------------------------------------------------------------

    def get_job(self, job_id: str, jobstore: str | None = None) -> Job | None:
        """Return the job of this id, ``None`` if there is none.

        :param jobstore: alias of the store to look in (default: all)
        """
        try:
            return self._lookup_job(job_id, jobstore)[0]
        except JobLookupError:
            return None

    def get_jobs(self, jobstore: str | None = None, pending: bool | None = None) -> list[Job]:
        """Return the jobs, by next run time within each store; before the start, the pending ones.

        :param jobstore: alias of the store to list (default: all)
        :param pending: ignored, as in 3.x
        """
        if self.state == STATE_STOPPED:
            return [job for job, alias, _ in self._pending_jobs if jobstore in (None, alias)]
        lists = [
            self._adopted(store.get_all_jobs(), alias)
            for alias, store in self._claiming_stores()
            if jobstore in (None, alias)
        ]
        return lists[0] if len(lists) == 1 else [job for jobs in lists for job in jobs]

    def _adopted(self, jobs: list[Job], alias: str) -> list[Job]:
        """Return jobs of a store, each knowing its scheduler and store (shared stores tell them)."""
        if isinstance(self._jobstores.get(alias), SharedJobStore):
            return jobs
        for job in jobs:
            if job._jobstore_alias is None:
                job._scheduler, job._jobstore_alias = self, alias
        return jobs

    def _lookup_job(self, job_id: str, jobstore_alias: str | None) -> tuple[Job, str | None]:
        """Return the job and the alias of its store (``None`` for a pending job).

        :raises JobLookupError: if there is none
        """
        if self.state == STATE_STOPPED:
            for job, alias, _ in self._pending_jobs:
                if job.id == job_id and jobstore_alias in (None, alias):
                    return job, None
        else:
            for alias, store in self._claiming_stores():
                if jobstore_alias in (None, alias):
                    found = store.lookup_job(job_id)
                    if found is not None:
                        return self._adopted([found], alias)[0], alias
        raise JobLookupError(job_id)

    def print_jobs(self, jobstore: str | None = None, out: Any = None) -> None:
        """Print a table of the jobs by store.

        :param jobstore: alias of the store to list (default: all)
        :param out: a file-like object (default: standard output)
        """
        out = out or sys.stdout
        lines: list[str] = []
        if self.state == STATE_STOPPED:
            lines.append("Pending jobs:")
            lines.extend(f"    {job}" for job in self.get_jobs(jobstore))
            if len(lines) == 1:
                lines.append("    No pending jobs")
        else:
            for alias, store in sorted(self._claiming_stores()):
                if jobstore in (None, alias):
                    jobs = store.get_all_jobs()
                    lines.append(f"Jobstore {alias}:")
                    lines.extend(f"    {job}" for job in jobs)
                    if not jobs:
                        lines.append("    No scheduled jobs")
        for line in lines:
            print(line, file=out)

    def preview(
        self,
        hours: float | timedelta = 24,
        *,
        start: datetime | None = None,
        jobstore: str | None = None,
        job_id: str | None = None,
        limit: int = 1000,
        locale: str = "en",
    ) -> SchedulePreview:
        """Return the fire times to come of all jobs, in order of time, with remarks. New.

        Before the scheduler's start they are those of the pending jobs; while it is paused, those that it would run if it
        were resumed. Jobs without any (paused ones, those that wait
        for a start, those that cannot be restored or asked) are named in ``unplanned``, each with the reason.

        :param hours: how far to look ahead
        :param start: from when on (aware, or in the scheduler's zone); now if left out
        :param jobstore: alias of the store whose jobs to show (default: all)
        :param job_id: only the job of this id
        :param limit: how many fire times at most; ``truncated`` says whether it left some out
        :param locale: of the remarks
        :raises ValueError: for a locale that there is not, or hours or a limit that are not positive
        :raises KeyError: if there is no such job store
        :raises JobLookupError: if there is no job of this id
        """
        from apscheduler.schedulers.previews import preview_jobs

        return preview_jobs(self, hours, start, jobstore, job_id, limit, locale)  # type: ignore[arg-type] # hosts are both

    # -- changing ---------------------------------------------------------------------------------------

    def modify_job(self, job_id: str, jobstore: str | None = None, **changes: Any) -> Job:
        """Change attributes of a job, all of them or none, and return it.

        A new trigger without a new ``next_run_time`` gives the job its next fire time (a paused job stays paused).

        :raises JobLookupError: if there is none of this id
        :raises TypeError, ValueError, AttributeError: for changes that are not right
        """
        job, alias = self._lookup_job(job_id, jobstore)
        if "trigger" in changes and "next_run_time" not in changes and not _is_paused(job):
            trigger = changes["trigger"]
            if isinstance(trigger, BaseTrigger) and alias is not None:
                self._check_calendars(trigger)
                series = series_of(trigger.for_job(job.id), self)
                first = series.next_us(None, self._now_us())
                changes["next_run_time"] = None if first is None else series.at(first)
        return self._change(job, alias, changes)

    def _change(self, job: Job, alias: str | None, changes: dict[str, Any]) -> Job:
        approved = job._checked(changes)
        if alias is None:
            job._apply(approved)
        else:
            self._claiming_store(alias).modify_job(job, approved)
        if self._listener_mask & EVENT_JOB_MODIFIED:
            self._dispatch_event(JobEvent(EVENT_JOB_MODIFIED, job.id, alias))
        if self.state == STATE_RUNNING and alias is not None:
            self._wake_for(job._due)
        return job

    def reschedule_job(
        self,
        job_id: str,
        jobstore: str | None = None,
        trigger: Any = None,
        *,
        keep_paused: bool = False,
        **trigger_args: Any,
    ) -> Job:
        """Give a job a new trigger and its next fire time from now, and return it.

        A job that obeys calendars goes on to do so, unless the new trigger comes with ``calendar=`` (``None``: none).

        :param keep_paused: whether a paused job stays paused (3.x resumes it, and so does the default)
        :raises JobLookupError: if there is none of this id
        """
        made = self._create_trigger(trigger, trigger_args)
        job, alias = self._lookup_job(job_id, jobstore)
        if "calendar" not in trigger_args:
            made = with_calendars_of(job.trigger, made)
        made = made.for_job(job.id)
        if alias is not None:
            self._check_calendars(made)
        changes: dict[str, Any] = {"trigger": made}
        if not (keep_paused and _is_paused(job)):
            series = series_of(made, self)
            first = series.next_us(None, self._now_us())
            changes["next_run_time"] = None if first is None else series.at(first)
        return self._change(job, alias, changes)

    def _make_due_at_start(self) -> None:
        """Make the jobs due that wait for the start of a scheduler (``@reboot``)."""
        for alias, store in self._claiming_stores():
            try:
                for job in self._adopted(store.waiting_for_start(), alias):
                    with suppress(JobLookupError):  # removed meanwhile
                        store.modify_job(job, job._checked({"next_run_time": self._now()}))
            except Exception:
                self._logger.exception(
                    "Jobs of @reboot in job store %r do not run at this start", alias
                )

    def pause_job(self, job_id: str, jobstore: str | None = None) -> Job:
        """Take a job's next fire time away until it is resumed, and return it.

        :raises JobLookupError: if there is none of this id
        """
        return self.modify_job(job_id, jobstore, next_run_time=None)

    def resume_job(self, job_id: str, jobstore: str | None = None) -> Job | None:
        """Give a job its next fire time from now; one that has none is removed (and ``None`` returned).

        :raises JobLookupError: if there is none of this id
        """
        job, alias = self._lookup_job(job_id, jobstore)
        first = job._series().next_us(None, self._now_us())
        if first is None:
            self.remove_job(job.id, alias)
            return None
        return self._change(job, alias, {"next_run_time": job._at(first)})

    # -- removing -----------------------------------------------------------------------------------------

    def remove_job(
        self, job_id: str, jobstore: str | None = None, *, missing_ok: bool = False
    ) -> None:
        """Remove a job, so that it does not run any more (what runs already goes on).

        :param jobstore: alias of the store that holds it (default: the first that does)
        :param missing_ok: whether a job that is not there is fine
        :raises JobLookupError: if there is none of this id
        """
        try:
            alias = self._remove(job_id, jobstore)
        except JobLookupError:
            if missing_ok:
                return
            raise
        self._forget_in_executors(job_id)
        if self._listener_mask & EVENT_JOB_REMOVED:
            self._dispatch_event(JobEvent(EVENT_JOB_REMOVED, job_id, alias))
        if self._logger.isEnabledFor(20):
            self._logger.info("Removed job %s", job_id)

    def _remove(self, job_id: str, jobstore: str | None) -> str:
        if self.state == STATE_STOPPED:
            with self._jobstores_lock:
                for position, (job, alias, _) in enumerate(self._pending_jobs):
                    if job.id == job_id and jobstore in (None, alias):
                        del self._pending_jobs[position]
                        self._pending_index.pop((alias, job_id), None)
                        return alias
            raise JobLookupError(job_id)
        for alias, store in self._claiming_stores():
            if jobstore in (None, alias):
                try:
                    store.remove_job(job_id)
                except JobLookupError:
                    continue
                return alias
        raise JobLookupError(job_id)

    def remove_all_jobs(self, jobstore: str | None = None) -> None:
        """Remove all jobs of a store, or of all stores."""
        if self.state == STATE_STOPPED:
            with self._jobstores_lock:
                self._pending_jobs[:] = [
                    each for each in self._pending_jobs if jobstore not in (None, each[1])
                ]
                self._pending_index.clear()
                self._pending_index.update(
                    {(each[1], each[0].id): each[0] for each in self._pending_jobs}
                )
        else:
            for alias, store in self._claiming_stores():
                if jobstore in (None, alias):
                    store.remove_all_jobs()
        self._dispatch_event(SchedulerEvent(EVENT_ALL_JOBS_REMOVED, jobstore))


def _is_paused(job: Job) -> bool:
    return getattr(job, "_due", None) == NEVER
