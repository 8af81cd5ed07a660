"""The part of a scheduler that users' calls about jobs go to."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime

from apscheduler._engine.instants import NEVER
from apscheduler.events import (
    EVENT_ALL_JOBS_REMOVED,
    EVENT_JOB_ADDED,
    EVENT_JOB_MODIFIED,
    EVENT_JOB_REMOVED,
    JobEvent,
    SchedulerEvent,
)
from apscheduler.job import Job
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError, SharedJobStore
from apscheduler.markers import undefined
from apscheduler.names import closest
from apscheduler.schedulers._plugins import Plugins, load_plugin
from apscheduler.schedulers._registry import (
    STATE_RUNNING,
    STATE_STOPPED,
    Registry,
    _is_subclass,
    _unknown,
)
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.foreign import in_zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, TypeVar

    from apscheduler.schedulers._stores import Store

    F = TypeVar("F", bound=Callable[..., Any])


_JOB_OPTIONS = (
    *("args", "coalesce", "executor", "id", "jobstore", "kwargs", "max_instances"),
    *("misfire_grace_time", "name", "next_run_time", "replace_existing", "timeout"),
    "keep_next_run_time",
)


_REPLACE_KEEPING_TIME = 2
"""A value of ``replace_existing`` on its way to the store."""


class JobOperations(Registry):
    """Adding, finding, changing and removing jobs."""

    _trigger_plugins: MutableMapping[str, Any] = Plugins("triggers")
    _trigger_classes: ClassVar[dict[str, Any]] = {}

    def _now_us(self) -> int:
        raise NotImplementedError

    def _now(self) -> datetime:
        raise NotImplementedError

    # -- adding ---------------------------------------------------------------------------------------

    def add_job(  # noqa: C901 - a branch for each argument that may be left out
        self,
        func: Any,
        trigger: Any = None,
        args: Any = None,
        kwargs: Any = None,
        id: str | None = None,
        name: str | None = None,
        misfire_grace_time: Any = undefined,
        coalesce: Any = undefined,
        max_instances: Any = undefined,
        next_run_time: Any = undefined,
        jobstore: str = "default",
        executor: str = "default",
        replace_existing: bool = False,
        *,
        timeout: Any = undefined,
        keep_next_run_time: bool = False,
        **trigger_args: Any,
    ) -> Job:
        """Add a job and return it; before the scheduler's start it is pending.

        :param func: what to run, or a text reference to it (``package.module:name``)
        :param trigger: a trigger, or a trigger's name with its arguments as ``trigger_args``;
            ``None`` runs the job once, now
        :param args: positional arguments for ``func``
        :param kwargs: keyword arguments for ``func``
        :param id: an explicit identifier (for changing the job later)
        :param name: a description
        :param misfire_grace_time: seconds (or timedelta) that a run may start late; ``None``: no limit
        :param coalesce: whether overdue runs become one
        :param max_instances: how many instances may run at a time
        :param next_run_time: when to run first, whatever the trigger says; ``None`` adds the job paused
        :param jobstore: alias of the job store
        :param executor: alias of the executor
        :param replace_existing: whether to replace a job of the same id instead of raising
        :param keep_next_run_time: whether a job that is replaced by one with an equal trigger hands on its next
            fire time, overdue runs included (3.x computes it anew, and so does the default)
        :param timeout: seconds (or timedelta) after which a run is ended as timed out; ``None``: never
        :raises TypeError, ValueError, LookupError: for arguments that are not right; nothing was added
        :raises ConflictingIdError: if the id is taken
        """
        job_kwargs: dict[str, Any] = {
            "trigger": self._create_trigger(trigger, trigger_args),
            "executor": executor,
            "func": func,
            "args": () if args is None else args,
            "kwargs": {} if kwargs is None else kwargs,
        }
        if name is not None:
            job_kwargs["name"] = name
        if misfire_grace_time is not undefined:
            job_kwargs["misfire_grace_time"] = misfire_grace_time
        if coalesce is not undefined:
            job_kwargs["coalesce"] = coalesce
        if max_instances is not undefined:
            job_kwargs["max_instances"] = max_instances
        if next_run_time is not undefined:
            job_kwargs["next_run_time"] = next_run_time
        if timeout is not undefined:
            job_kwargs["timeout"] = timeout
        job = Job(self, id, **job_kwargs)
        if timeout is undefined:
            job.timeout = self._job_defaults.get("timeout")
        if keep_next_run_time and replace_existing and next_run_time is undefined:
            replace_existing = _REPLACE_KEEPING_TIME  # type: ignore[assignment] # true, and more
        if self.state == STATE_STOPPED:
            self._add_pending(job, jobstore, replace_existing)
        else:
            if executor not in self._executors:
                raise KeyError(_unknown("executor", executor, self._executors))
            self._real_add_job(job, jobstore, replace_existing)
        return job

    def scheduled_job(
        self,
        trigger: Any,
        args: Any = None,
        kwargs: Any = None,
        id: str | None = None,
        name: str | None = None,
        misfire_grace_time: Any = undefined,
        coalesce: Any = undefined,
        max_instances: Any = undefined,
        next_run_time: Any = undefined,
        jobstore: str = "default",
        executor: str = "default",
        *,
        timeout: Any = undefined,
        **trigger_args: Any,
    ) -> Callable[[F], F]:
        """Return a decorator that adds a function as a job, replacing one of the same id.

        Takes what :meth:`add_job` takes.
        """

        def decorate(func: F) -> F:
            if id is None and jobstore in self._jobstores:
                self._warn_of_duplicates(func, jobstore)
            self.add_job(
                func,
                trigger,
                args,
                kwargs,
                id,
                name,
                misfire_grace_time,
                coalesce,
                max_instances,
                next_run_time,
                jobstore,
                executor,
                True,
                timeout=timeout,
                **trigger_args,
            )
            return func

        return decorate

    def _warn_of_duplicates(self, func: Any, jobstore: str) -> None:
        from apscheduler.jobstores.memory import MemoryJobStore

        if not isinstance(self._jobstores[jobstore], MemoryJobStore):
            warnings.warn(
                f"{func!r} gets a random id in job store {jobstore!r}, which outlives this process: "
                "each start adds the job once more. Pass id='…' to scheduled_job()",
                stacklevel=3,
            )

    def _create_trigger(self, trigger: Any, trigger_args: Mapping[str, Any]) -> BaseTrigger:
        """Return the trigger itself, or make it from its name and arguments."""
        if isinstance(trigger, BaseTrigger):
            return trigger
        if trigger is None:
            trigger = "date"
        elif not isinstance(trigger, str):
            raise TypeError(f"expected a trigger or the name of one, not {trigger!r}")
        cls = self._trigger_classes.get(trigger)
        if cls is None:
            cls = load_plugin("trigger", trigger, self._trigger_plugins, _is_subclass(BaseTrigger))
            self._trigger_classes[trigger] = cls
        try:
            if "timezone" in trigger_args:
                made: BaseTrigger = cls(**trigger_args)
            else:
                made = cls(timezone=self.timezone, **trigger_args)
        except TypeError as exc:
            raise _better_type_error(cls, trigger, trigger_args, exc) from exc
        if self._clock is not None:
            made.begin_at(self._now_us())
        return made

    def _add_pending(self, job: Job, alias: str, replace_existing: bool) -> None:
        with self._jobstores_lock:
            taken = self._pending_index.get((alias, job.id))
            if taken is not None and any(taken is entry[0] for entry in self._pending_jobs):
                if not replace_existing:
                    raise ConflictingIdError(job.id)
                self._pending_jobs[:] = [
                    each for each in self._pending_jobs if each[0] is not taken
                ]
            self._pending_jobs.append((job, alias, replace_existing))
            self._pending_index[alias, job.id] = job
        self._logger.info("Job %s waits for the scheduler's start", job.id)

    def _real_add_job(self, job: Job, jobstore_alias: str, replace_existing: bool) -> None:
        """Complete a job from the defaults and put it into its store."""
        store = self._claiming_store(jobstore_alias)
        self._complete(job)
        if job._due == NEVER and job._shown is undefined:
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
        if self._listener_mask & EVENT_JOB_ADDED:
            self._dispatch_event(JobEvent(EVENT_JOB_ADDED, job.id, jobstore_alias))
        if self.state == STATE_RUNNING:
            self._wake_for(job._due)

    def _put(self, job: Job, store: Store, replace_existing: bool) -> None:
        try:
            store.add_job(job)
        except ConflictingIdError:
            if not replace_existing:
                raise
            if replace_existing == _REPLACE_KEEPING_TIME:
                _hand_on_time(store.lookup_job(job.id), job)
            self._forget_in_executors(job.id)
            store.update_job(job)

    def _complete(self, job: Job) -> None:
        """Give a job what it was not given: defaults, and its first fire time."""
        defaults = self._job_defaults
        if not hasattr(job, "misfire_grace_time"):
            job.misfire_grace_time = defaults["misfire_grace_time"]
        if not hasattr(job, "coalesce"):
            job.coalesce = defaults["coalesce"]
        if not hasattr(job, "max_instances"):
            job.max_instances = defaults["max_instances"]
        if not hasattr(job, "_due"):
            first = job._series().next_us(None, self._now_us())
            job._due = NEVER if first is None else first
            if first is None:
                job._shown = undefined

    def _say_never(self, job: Job, alias: str) -> None:
        """Report a job that has no fire time at all; it is not kept."""
        job._shown = None
        job._jobstore_alias = alias
        self._logger.warning(
            'Job "%s" (%s) was not kept: its trigger has no fire time from now on',
            job.name,
            job.trigger,
        )
        self._dispatch_event(JobEvent(EVENT_JOB_ADDED, job.id, alias))
        self._dispatch_event(JobEvent(EVENT_JOB_REMOVED, job.id, alias))

    def _add_pending_jobs(self, alias: str | None = None) -> None:
        """Add the jobs that waited, all of them or those for one store; a failing one costs itself only."""
        with self._jobstores_lock:
            waiting = [each for each in self._pending_jobs if alias in (None, each[1])]
            self._pending_jobs[:] = (
                [each for each in self._pending_jobs if each not in waiting] if alias else []
            )
            if alias is None:
                self._pending_index.clear()
        first_error: Exception | None = None
        for job, store_alias, replace_existing in waiting:
            try:
                self._real_add_job(job, store_alias, replace_existing)
            except Exception as exc:
                first_error = first_error or exc
                self._logger.exception("Pending job %s could not be added", job.id)
        if first_error is not None:
            raise first_error

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
                series = in_zone(trigger, self.timezone)
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

        :param keep_paused: whether a paused job stays paused (3.x resumes it, and so does the default)
        :raises JobLookupError: if there is none of this id
        """
        made = self._create_trigger(trigger, trigger_args)
        job, alias = self._lookup_job(job_id, jobstore)
        changes: dict[str, Any] = {"trigger": made}
        if not (keep_paused and _is_paused(job)):
            series = in_zone(made, self.timezone)
            first = series.next_us(None, self._now_us())
            changes["next_run_time"] = None if first is None else series.at(first)
        return self._change(job, alias, changes)

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

    def _forget_in_executors(self, job_id: str) -> None:
        for executor in list(self._executors.values()):
            executor.forget_job(job_id)

    def _wake_for(self, due: int) -> None:
        """Wake the loop if this fire time comes before what it waits for (hosts may just wake it)."""
        self.wakeup()

    _pending_index: dict[tuple[str, str], Job]


def _hand_on_time(old: Job | None, new: Job) -> None:
    """Give the new job the old one's next fire time, if their triggers say the same."""
    if old is not None and _said(old.trigger) == _said(new.trigger):
        new._due, new._shown = old._due, old._shown


def _said(trigger: BaseTrigger) -> tuple[object, ...]:
    """Return what a user said about a trigger: not the moment at which it was made."""
    limits = (getattr(trigger, name, None) for name in ("timezone", "end_date", "jitter"))
    return (type(trigger), str(trigger), *limits)


def _is_paused(job: Job) -> bool:
    return getattr(job, "_due", None) == NEVER


def _better_type_error(cls: Any, name: str, given: Mapping[str, Any], exc: TypeError) -> TypeError:
    """Return the error with the names that were not understood and their closest known ones."""
    from inspect import signature

    try:
        parameters = signature(cls).parameters
    except (TypeError, ValueError):
        return exc
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return exc
    unknown = [key for key in given if key not in parameters]
    if not unknown:
        return exc
    known = [*parameters, *_JOB_OPTIONS]
    hints = [
        f"{key!r}" + (f" (did you mean {near!r}?)" if (near := closest(key, known)) else "")
        for key in unknown
    ]
    return TypeError(
        f"the {name!r} trigger does not take {', '.join(hints)}; it takes {', '.join(parameters)}"
    )
