"""The part of a scheduler that adds jobs: checks what it was given, makes triggers, keeps what waits for the start."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping

from apscheduler.job import Job
from apscheduler.markers import undefined
from apscheduler.schedulers._api.pending import neighbours
from apscheduler.schedulers._api.stores import unknown_alias
from apscheduler.schedulers._api.storing import REPLACE_KEEPING_TIME, JobStoring
from apscheduler.schedulers._states import STATE_STOPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from apscheduler.schedulers._api.pending import Entry

    F = TypeVar("F", bound=Callable[..., Any])


_JOB_ATTRIBUTES = (
    *("args", "coalesce", "delivery", "executor", "func", "kwargs", "max_instances"),
    *("misfire_grace_time", "name", "next_run_time", "timeout"),
)


class JobAdding(JobStoring):
    """Adding jobs: at once, or at the scheduler's start."""

    # -- adding ---------------------------------------------------------------------------------------

    def add_job(  # noqa: C901, PLR0912 - a branch for each argument that may be left out; a loop costs more
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
            fire time, overdue runs included (3.x computes it anew, and so does the default). Added in 1.0.
        :param trigger_args: arguments of a trigger that is given by name; and with every trigger ``calendar=``, one
            calendar or a list (see :class:`~apscheduler.triggers.calendar.CalendarTrigger`), and ``closed=``, which is
            ``"drop"``, ``"next"`` or ``"previous"`` (these two are new)
        :param timeout: seconds (or timedelta) after which a run is ended as timed out; ``None``: never. Added in 1.0.
        :param delivery: what a shared store does with a run whose process dies: ``"at_most_once"`` (recorded as lost,
            the default) or ``"at_least_once"`` (run again). Added in 1.0.
        :raises TypeError, ValueError, LookupError: for arguments that are not right; nothing was added
        :raises ConflictingIdError: if the id is taken
        """
        if args is not None and isinstance(trigger, str) and not isinstance(args, list | tuple):
            from apscheduler.schedulers._api.positional import args_and_trigger

            args, made = args_and_trigger(trigger, args, trigger_args, self._create_trigger)
        else:
            made = self._create_trigger(trigger, trigger_args)
        options: dict[str, Any] = {
            "trigger": made,
            "executor": executor,
            "func": func,
            "args": () if args is None else args,
            "kwargs": kwargs if kwargs.__class__ is dict else _named_arguments(kwargs),
        }
        if name is not None:
            options["name"] = name
        if misfire_grace_time is not undefined:
            options["misfire_grace_time"] = misfire_grace_time
        if coalesce is not undefined:
            options["coalesce"] = coalesce
        if max_instances is not undefined:
            options["max_instances"] = max_instances
        if next_run_time is not undefined:
            options["next_run_time"] = next_run_time
        if timeout is not undefined:
            options["timeout"] = timeout
        if delivery is not undefined:
            options["delivery"] = delivery
        job = self._new_job(id, options)
        if keep_next_run_time and replace_existing and next_run_time is undefined:
            replace_existing = REPLACE_KEEPING_TIME  # type: ignore[assignment] # true, and more
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

    def add_jobs(self, jobs: Iterable[Mapping[str, Any]]) -> list[Job]:
        """Add several jobs in one step and return them; those of one store all or none, in one transaction. Added in 1.0.

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
        options: dict[str, Any] = {"executor": "default", "args": (), "kwargs": {}}
        for name in _JOB_ATTRIBUTES:
            value = rest.pop(name, undefined)
            if value is undefined or (value is None and name in ("name", "args", "kwargs")):
                continue
            options[name] = _named_arguments(value) if name == "kwargs" else value
        job_id, trigger = rest.pop("id", None), rest.pop("trigger", None)
        options["trigger"] = self._create_trigger(trigger, rest)
        if keep and replace and "next_run_time" not in options:
            replace = REPLACE_KEEPING_TIME
        return self._new_job(job_id, options), alias, replace

    def _new_job(self, job_id: str | None, options: dict[str, Any]) -> Job:
        """Return a job with these attributes; ``timeout`` and ``delivery`` come from the defaults if left out.

        :raises TypeError, ValueError, LookupError: for attributes that are not right
        """
        job: Job = _job_class()(self, id=job_id, **options)
        defaults = self._job_defaults  # the other ones are set when the job is stored
        if "timeout" not in options:
            job.timeout = defaults.get("timeout")
        if "delivery" not in options and "delivery" in defaults:
            job.delivery = defaults["delivery"]
        return job


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


def _job_class() -> Any:
    """Return the class ``Job`` of ``schedulers.base``, because other code puts its own there.

    :raises TypeError: if it is a class that is no subclass of our ``Job``
    """
    found = vars(sys.modules["apscheduler.schedulers.base"]).get("Job", Job)
    if found is not Job and isinstance(found, type) and not issubclass(found, Job):
        raise TypeError(
            f"schedulers.base.Job is {found!r}, which is no subclass of apscheduler.job.Job: stores and executors need one"
        )
    return found
