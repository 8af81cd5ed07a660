"""The part of a scheduler by which users change and remove jobs."""

from __future__ import annotations

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
from apscheduler.job_hooks import approved, is_own_modify
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.standing import Standing, begin_by_store, first_after, same_schedule
from apscheduler.schedulers._api.adding import JobAdding
from apscheduler.schedulers._api.calendars import with_calendars_of
from apscheduler.schedulers._overridden import is_ours
from apscheduler.schedulers._states import STATE_RUNNING, STATE_STOPPED
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.foreign import series_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.jobstores.standing import Change


class JobOperations(JobAdding):
    """Changing and removing jobs, and what :class:`JobAdding` does."""

    _ended_jobs: set[
        tuple[str | None, str]
    ]  # jobs whose end is being told to an overridden remove_job
    _ending_jobs: dict[tuple[str | None, str], Job]  # jobs that cannot be resumed, by store and id

    # -- changing ---------------------------------------------------------------------------------------

    def modify_job(self, job_id: str, jobstore: str | None = None, **changes: Any) -> Job:
        """Change attributes of a job, all of them or none, and return it.

        A new trigger without a new ``next_run_time`` gives the job its next fire time (a paused job stays paused).

        :raises JobLookupError: if there is none of this id
        :raises QuarantinedJobError: if it cannot be restored now
        :raises TypeError, ValueError, AttributeError: for changes that are not right
        """
        job, alias = self._job_to_change(job_id, jobstore)
        trigger = changes.get("trigger")
        if "next_run_time" in changes or not isinstance(trigger, BaseTrigger) or alias is None:
            return self._change(job, alias, changes)
        checked = job._checked(changes) if is_own_modify(job) else changes  # else _edit asks it
        self._check_calendars(trigger)

        def change(standing: Standing) -> dict[str, Any]:
            stored = standing.job
            begin_by_store(trigger, self._now_us() + standing.offset, standing.offset)
            return {**checked, **({} if _is_paused(stored) else self._first(standing, trigger))}

        self._edit(job, alias, change)
        return job

    def _first(self, standing: Standing, trigger: BaseTrigger) -> dict[str, Any]:
        """Return the change by which a job gets the next fire time that a trigger gives from now on."""
        job = standing.job
        series = series_of(trigger.for_job(job.id), self)
        same = same_schedule(job.trigger, trigger)
        first = first_after(series, self._now_us(), standing, same=same)
        return job._checked({"next_run_time": None if first is None else series.at(first)})

    def _change(self, job: Job, alias: str | None, changes: dict[str, Any]) -> Job:
        """Make the changes that a user has named."""
        right = approved(job, changes)
        if alias is None:
            job._apply(right)
        else:
            self._claiming_store(alias).modify_job(job, right)
        self._say_modified(job, alias)
        return job

    def _edit(self, job: Job, alias: str | None, change: Change) -> bool:
        """Make changes that are computed from the job as it is stored; return whether there were any to make."""
        if not is_own_modify(job):
            change = _by_modify(change)
        if alias is not None:
            if not self._claiming_store(alias).edit_job(job, change):
                return False
        else:
            right = change(Standing(job))
            if right is None:
                return False
            job._apply(right)
        self._say_modified(job, alias)
        return True

    def _say_modified(self, job: Job, alias: str | None) -> None:
        if self._is_told(EVENT_JOB_MODIFIED):
            self._dispatch_event(JobEvent(EVENT_JOB_MODIFIED, job.id, alias))
        if self.state == STATE_RUNNING and alias is not None:
            self._wake_for(job._due)

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
        :raises QuarantinedJobError: if it cannot be restored now
        """
        made = self._create_trigger(trigger, trigger_args)
        job, alias = self._job_to_change(job_id, jobstore)

        def change(standing: Standing) -> dict[str, Any]:
            stored, new = standing.job, made
            if "calendar" not in trigger_args:
                new = with_calendars_of(stored.trigger, new)
            new = new.for_job(stored.id)
            begin_by_store(new, self._now_us() + standing.offset, standing.offset)
            if alias is not None:
                self._check_calendars(new)
            changes = stored._checked({"trigger": new})
            if not (keep_paused and _is_paused(stored)):
                changes |= self._first(standing, new)
            return changes

        if not is_ours(self.modify_job):
            return self._modified_by_hook(job, alias, change) or job
        self._edit(job, alias, change)
        return job

    def _modified_by_hook(self, job: Job, alias: str | None, change: Change) -> Job | None:
        """Make changes by an overridden ``modify_job``, as in 3.x; return the job, ``None`` without changes."""
        found: list[dict[str, Any] | None] = []

        def look(standing: Standing) -> None:
            found.append(change(standing))

        if alias is None:
            look(Standing(job))
        else:
            self._claiming_store(alias).edit_job(job, look)
        changes = found[-1]
        return None if changes is None else self.modify_job(job.id, alias, **changes)

    def _make_due_at_start(self) -> set[str]:
        """Make the jobs due that wait for a start (``@reboot``); return the aliases of the stores that are away."""
        away = set()
        for alias, store in self._claiming_stores():
            try:
                self._make_due_in(alias, store)
            except Exception as exc:  # noqa: BLE001 - whatever a store raises
                from apscheduler.jobstores._plain.reaching import why_unreachable
                from apscheduler.schedulers._store_calls import say_trouble

                if why_unreachable(exc) is not None:
                    away.add(alias)
                    continue
                text = f"Jobs of @reboot in job store {alias!r} do not run at this start"
                say_trouble(self._logger, store, text, exc)
        return away

    def _make_due_in(self, alias: str, store: Store) -> None:
        """Make the jobs of one store due that wait for the start of a scheduler."""
        for job in self._adopted(store.waiting_for_start(), alias):
            with suppress(JobLookupError):  # removed meanwhile
                store.modify_job(job, job._checked({"next_run_time": self._now()}))

    def pause_job(self, job_id: str, jobstore: str | None = None) -> Job:
        """Pause a job, so that it has no next fire time until it is resumed, and return the job.

        :raises JobLookupError: if there is none of this id
        """
        return self.modify_job(job_id, jobstore, next_run_time=None)

    def resume_job(self, job_id: str, jobstore: str | None = None) -> Job | None:
        """Give a job its next fire time from now, and return it. A job that has none is removed, and ``None`` returned.

        :raises JobLookupError: if there is none of this id
        :raises QuarantinedJobError: if it cannot be restored now
        """
        job, alias = self._job_to_change(job_id, jobstore)

        def change(standing: Standing) -> dict[str, Any] | None:
            changes = self._first(standing, standing.job.trigger)
            return None if changes["next_run_time"] is None else changes

        if not is_ours(self.modify_job):
            changed = self._modified_by_hook(job, alias, change)
            if changed is not None:
                return changed
        elif self._edit(job, alias, change):
            return job
        self._end(job, alias)
        return None

    def _end(self, job: Job, alias: str | None) -> None:
        """Remove a job that cannot be resumed; its runs go on, and may still have to start again."""
        self._ending_jobs[alias, job.id] = job
        try:
            self.remove_job(job.id, alias)
        finally:
            self._ending_jobs.pop((alias, job.id), None)

    # -- removing -----------------------------------------------------------------------------------------

    def remove_job(
        self, job_id: str, jobstore: str | None = None, *, missing_ok: bool = False
    ) -> None:
        """Remove a job, so that it does not run any more (what runs already goes on).

        :param jobstore: alias of the store that holds it (default: the first that does)
        :param missing_ok: whether a job that is not there is fine
        :raises JobLookupError: if there is none of this id
        """
        if self._ended_jobs and (jobstore, job_id) in self._ended_jobs:
            self._say_ended(job_id, jobstore)
            return
        try:
            alias = self._remove(job_id, jobstore)
        except JobLookupError:
            if missing_ok:
                return
            raise
        self._forget_in_executors(job_id)
        if self._is_told(EVENT_JOB_REMOVED):
            self._dispatch_event(JobEvent(EVENT_JOB_REMOVED, job_id, alias))
        if self._logger.isEnabledFor(20):
            self._logger.info("Removed job %s", job_id)

    def _let_end(self, job: Job) -> None:
        """Report that a job has ended and left its store; as in 3.x, an overridden ``remove_job`` is called for it."""
        if is_ours(self.remove_job):
            self._say_ended(job.id, job._jobstore_alias)
            return
        ended = (job._jobstore_alias, job.id)
        self._ended_jobs.add(ended)
        try:
            self.remove_job(job.id, job._jobstore_alias)
        finally:
            self._ended_jobs.discard(ended)

    def _say_ended(self, job_id: str, alias: str | None) -> None:
        self._dispatch_event(JobEvent(EVENT_JOB_REMOVED, job_id, alias))

    def _remove(self, job_id: str, jobstore: str | None) -> str:
        if self.state == STATE_STOPPED:
            return self._remove_pending(job_id, jobstore)
        for alias, store in self._claiming_stores():
            if jobstore in (None, alias):
                ending = self._ending_jobs.get((alias, job_id)) if self._ending_jobs else None
                try:
                    if ending is not None:
                        store.end_job(ending)
                    else:
                        store.remove_job(job_id)
                except JobLookupError:
                    continue
                return alias
        raise JobLookupError(job_id)

    def remove_all_jobs(self, jobstore: str | None = None) -> None:
        """Remove all jobs of a store, or of all stores."""
        if self.state == STATE_STOPPED:
            self._remove_all_pending(jobstore)
        else:
            for alias, store in self._claiming_stores():
                if jobstore in (None, alias):
                    store.remove_all_jobs()
        self._dispatch_event(SchedulerEvent(EVENT_ALL_JOBS_REMOVED, jobstore))


def _by_modify(change: Change) -> Change:
    """Return the change, made to go through an overridden ``_modify``."""

    def asked(standing: Standing) -> dict[str, Any] | None:
        changes = change(standing)
        return None if changes is None else approved(standing.job, changes)

    return asked


def _is_paused(job: Job) -> bool:
    return getattr(job, "_due", None) == NEVER
