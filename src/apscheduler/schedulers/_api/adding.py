"""The part of a scheduler that adds jobs: checks what it was given, makes triggers, keeps what waits for the start."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from functools import partial

from apscheduler._engine.instants import NEVER
from apscheduler.events import (
    EVENT_JOB_ADDED,
    EVENT_JOB_REMOVED,
    JobEvent,
)
from apscheduler.job import Job
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.jobstores.standing import begin_by_store, hand_on_time, pass_claims
from apscheduler.markers import undefined
from apscheduler.schedulers._api.calendars import split_off, under
from apscheduler.schedulers._api.parts import _is_subclass
from apscheduler.schedulers._api.pending import PendingJobs, neighbours
from apscheduler.schedulers._api.plugins import Plugins, load_plugin
from apscheduler.schedulers._api.stores import unknown_alias
from apscheduler.schedulers._overridden import is_as_made, is_ours
from apscheduler.schedulers._states import STATE_RUNNING, STATE_STOPPED
from apscheduler.triggers.base import BaseTrigger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, TypeVar

    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.schedulers._api.pending import Entry

    F = TypeVar("F", bound=Callable[..., Any])


_JOB_OPTIONS = (
    *("args", "coalesce", "executor", "id", "jobstore", "kwargs", "max_instances"),
    *("misfire_grace_time", "name", "next_run_time", "replace_existing", "timeout"),
    *("delivery", "keep_next_run_time"),
)


_JOB_ATTRIBUTES = (
    *("args", "coalesce", "delivery", "executor", "func", "kwargs", "max_instances"),
    *("misfire_grace_time", "name", "next_run_time", "timeout"),
)

_REPLACE_KEEPING_TIME = 2
"""Value of ``replace_existing`` inside this package: replace the job, and keep its next fire time."""


class JobAdding(PendingJobs):
    """Adding jobs: at once, or at the scheduler's start."""

    _trigger_plugins: MutableMapping[str, Any] = Plugins("triggers")
    _trigger_classes: ClassVar[dict[str, Any]] = {}

    # -- adding ---------------------------------------------------------------------------------------

    def add_job(  # noqa: C901, PLR0912 - a branch for each argument that may be left out
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
        delivery: Any = undefined,
        keep_next_run_time: bool = False,
        **trigger_args: Any,
    ) -> Job:
        """Add a job and return it; before the scheduler's start it is pending.

        :param func: what to run, or a text reference to it (``package.module:name``)
        :param trigger: a trigger, or a trigger's name with its arguments as ``trigger_args``;
            ``None`` runs the job once, now
        :param args: positional arguments for ``func``; with ``"crontab"`` and ``"rrule"`` a text here is the expression or
            the rule
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
            fire time, overdue runs included (3.x computes it anew, and so does the default). New.
        :param trigger_args: arguments of a trigger that is given by name; and with every trigger ``calendar=``, one
            calendar or a list (see :class:`~apscheduler.triggers.calendar.CalendarTrigger`), and ``closed=``, which is
            ``"drop"``, ``"next"`` or ``"previous"`` (these two are new)
        :param timeout: seconds (or timedelta) after which a run is ended as timed out; ``None``: never. New.
        :param delivery: what a shared store does with a run whose process dies: ``"at_most_once"`` (recorded as lost,
            the default) or ``"at_least_once"`` (run again). New.
        :raises TypeError, ValueError, LookupError: for arguments that are not right; nothing was added
        :raises ConflictingIdError: if the id is taken
        """
        if args is not None and isinstance(trigger, str) and not isinstance(args, list | tuple):
            from apscheduler.schedulers._api import positional as positional_module

            args, trigger_args = positional_module.read(trigger, args, trigger_args)  # type: ignore[assignment] # kept as it is
            made = self._create_trigger(trigger, trigger_args)  # as in 3.x, its errors come first
            positional_module.refuse_schedule(trigger, args)
        else:
            made = self._create_trigger(trigger, trigger_args)
        job_kwargs: dict[str, Any] = {
            "trigger": made,
            "executor": executor,
            "func": func,
            "args": () if args is None else args,
            "kwargs": kwargs if kwargs.__class__ is dict else _named_arguments(kwargs),
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
        if delivery is not undefined:
            job_kwargs["delivery"] = delivery
        job: Job = _job_class()(self, id=id, **job_kwargs)
        if timeout is undefined:
            job.timeout = self._job_defaults.get("timeout")
        if delivery is undefined and "delivery" in self._job_defaults:
            job.delivery = self._job_defaults["delivery"]
        if keep_next_run_time and replace_existing and next_run_time is undefined:
            replace_existing = _REPLACE_KEEPING_TIME  # type: ignore[assignment] # true, and more
        if self.state == STATE_STOPPED:
            self._add_pending(job, jobstore, replace_existing)
        else:
            if not self._has_executor(executor):
                raise KeyError(unknown_alias("executor", executor, self._executors))
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
        delivery: Any = undefined,
        keep_next_run_time: bool = False,
        **trigger_args: Any,
    ) -> Callable[[F], F]:
        """Return a decorator that adds a function as a job, replacing one of the same id.

        Takes what :meth:`add_job` takes, except ``replace_existing``.

        :raises TypeError: if ``replace_existing`` is given
        """
        if "replace_existing" in trigger_args:
            raise TypeError(
                "scheduled_job() does not take replace_existing: it always replaces a job of the same id. Leave it out, "
                f"or call add_job(…, replace_existing={trigger_args['replace_existing']!r})"
            )

        def decorate(func: F) -> F:
            if id is None and jobstore in self._jobstores:
                self._warn_of_duplicates(func, jobstore)
            # An overridden add_job may have 3.x's signature: options that 3.x lacks are passed only if given.
            new = {"timeout": timeout, "delivery": delivery}
            given = {name: value for name, value in new.items() if value is not undefined}
            if keep_next_run_time:
                given["keep_next_run_time"] = True
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
                **given,
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
            if "calendar" in trigger_args or "closed" in trigger_args:
                calendar, closed, _ = split_off(trigger_args)
                return under(trigger, calendar, closed)
            return trigger
        if trigger is None:
            trigger = "date"
        elif not isinstance(trigger, str):
            raise TypeError(f"expected a trigger or the name of one, not {trigger!r}")
        cls = self._trigger_class(trigger)
        calendar = closed = None
        if "calendar" in trigger_args or "closed" in trigger_args:
            calendar, closed, trigger_args = split_off(trigger_args, _parameters(cls))
        try:
            if not is_as_made(self, "_create_plugin_instance", _OWN_PLUGIN):
                arguments = {"timezone": self.timezone, **trigger_args}
                made: BaseTrigger = self._create_plugin_instance("trigger", trigger, arguments)
            elif "timezone" in trigger_args:
                made = cls(**trigger_args)
            else:
                made = cls(timezone=self.timezone, **trigger_args)
        except TypeError as exc:
            from apscheduler.triggers.arguments import better_type_error

            raise better_type_error(cls, trigger, trigger_args, exc, _JOB_OPTIONS) from exc
        if self._clock is not None:
            made.begin_at(self._now_us())
        return under(made, calendar, closed)

    def _trigger_class(self, name: str) -> Any:
        cls = self._trigger_classes.get(name)
        if cls is None:
            try:
                cls = load_plugin("trigger", name, self._trigger_plugins, _is_subclass(BaseTrigger))
            except LookupError:
                from apscheduler.schedulers._api.positional import what_name_means

                meant = what_name_means(name)
                if meant is None:
                    raise
                raise LookupError(meant) from None
            self._trigger_classes[name] = cls
        return cls

    def _create_plugin_instance(
        self, type_: str, alias: str, constructor_kwargs: Mapping[str, Any]
    ) -> Any:
        if type_ == "trigger":
            return self._trigger_class(alias)(**constructor_kwargs)
        return super()._create_plugin_instance(type_, alias, constructor_kwargs)

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
            keeps = replace_existing == _REPLACE_KEEPING_TIME
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

    def add_jobs(self, jobs: Iterable[Mapping[str, Any]]) -> list[Job]:
        """Add several jobs in one step and return them; those of one store all or none, in one transaction. New.

        Before the scheduler's start they are pending, like those of :meth:`add_job`.

        :param jobs: for each job a mapping of what :meth:`add_job` takes, by name
        :raises TypeError, ValueError, LookupError: for arguments that are not right; nothing was added
        :raises ConflictingIdError: if an id is taken; nothing was added to that store
        """
        entries = [self._entry(each) for each in jobs]
        if self.state == STATE_STOPPED:
            for entry in entries:
                self._add_pending(*entry)
        else:
            for job, alias, _ in entries:
                if not self._has_executor(job.executor):
                    raise KeyError(unknown_alias("executor", job.executor, self._executors))
                self._claiming_store(alias)
            for group in neighbours(entries):
                self._real_add_jobs(group)
        return [entry[0] for entry in entries]

    def _entry(self, given: Mapping[str, Any]) -> Entry:
        """Return one job of :meth:`add_jobs`, with its store's alias and whether it replaces another."""
        try:
            rest = dict(given)
        except (TypeError, ValueError):
            rest = {}
        if "func" not in rest:
            raise TypeError(
                f"add_jobs() takes mappings of add_job()'s arguments, with at least 'func', not {given!r}"
            )
        alias = rest.pop("jobstore", "default")
        replace = rest.pop("replace_existing", False)
        keep = rest.pop("keep_next_run_time", False)
        options = {name: rest.pop(name) for name in _JOB_ATTRIBUTES if name in rest}
        options = {
            name: value
            for name, value in options.items()
            if value is not undefined and not (value is None and name in ("name", "args", "kwargs"))
        }
        if "kwargs" in options:
            options["kwargs"] = _named_arguments(options["kwargs"])
        job_id, trigger = rest.pop("id", None), rest.pop("trigger", None)
        defaults = {"executor": "default", "args": (), "kwargs": {}}
        made = self._create_trigger(trigger, rest)
        job: Job = _job_class()(self, id=job_id, **{**defaults, **options, "trigger": made})
        for name in ("timeout", "delivery"):
            if name not in options and name in self._job_defaults:
                setattr(job, name, self._job_defaults[name])
        if keep and replace and "next_run_time" not in options:
            replace = _REPLACE_KEEPING_TIME
        return job, alias, replace

    def _real_add_jobs(self, group: list[Entry]) -> None:
        """Put jobs into their store in one step; all have the same store, and all replace others or none does."""
        _, alias, replace_existing = group[0]
        one_by_one = replace_existing == _REPLACE_KEEPING_TIME or not is_ours(self._real_add_job)
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


_OWN_PLUGIN = JobAdding._create_plugin_instance


def _named_arguments(given: Any) -> dict[str, Any]:
    """Return ``kwargs`` as a dictionary; as in 3.x, anything that ``dict()`` takes may be given.

    :raises TypeError, ValueError: where ``dict()`` does
    """
    if given is None:
        return {}
    try:
        return dict(given)
    except (TypeError, ValueError) as exc:
        error = TypeError if isinstance(exc, TypeError) else ValueError
        message = f"kwargs must be a mapping of argument names to values, not {given!r}"
        raise error(message) from None


def _is_never(job: Job) -> bool:
    """Return whether a complete job has no fire time at all (a paused one has none only for now)."""
    return job._due == NEVER and job._shown is undefined


def _parameters(cls: Any) -> Mapping[str, Any]:
    """Return the parameters of a trigger's class by name; none if they are not known."""
    from inspect import signature

    try:
        return signature(cls).parameters
    except (TypeError, ValueError):
        return {}


def _job_class() -> Any:
    """Return the class ``Job`` of ``schedulers.base``, because other code puts its own there.

    :raises TypeError: if it is a class that is no subclass of our ``Job``
    """
    found = sys.modules["apscheduler.schedulers.base"].Job
    if found is not Job and isinstance(found, type) and not issubclass(found, Job):
        raise TypeError(
            f"schedulers.base.Job is {found!r}, which is no subclass of apscheduler.job.Job: stores and executors need one"
        )
    return found
