"""The part of a scheduler that keeps its executors and options."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from threading import RLock

from apscheduler.amounts import read_option
from apscheduler.events import (
    EVENT_EXECUTOR_ADDED,
    EVENT_EXECUTOR_REMOVED,
    SchedulerEvent,
)
from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.job_options import checked_default
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.logs import logger_named, own
from apscheduler.moments import astimezone
from apscheduler.references import maybe_ref
from apscheduler.schedulers import SchedulerAlreadyRunningError
from apscheduler.schedulers._api.options import (
    CHECKED_DEFAULTS,
    JOB_DEFAULTS,
    SCHEDULER_OPTIONS,
    checked_leader_lock,
    combine,
    group,
    warn_unknown,
)
from apscheduler.schedulers._api.plugins import Plugins, load_plugin
from apscheduler.schedulers._api.stores import JobStores, named_in_base, unknown_alias
from apscheduler.schedulers._states import STATE_STOPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


STANDARD_DEFAULTS = {"misfire_grace_time": 1, "coalesce": True, "max_instances": 1}


class Registry(JobStores):
    """Executors and options of one scheduler, and what the classes below this one keep.

    ``_executors_lock`` guards the executors; no foreign code is called while it is held.
    """

    _executor_plugins: MutableMapping[str, Any] = Plugins("executors")
    _jobstore_plugins: MutableMapping[str, Any] = Plugins("jobstores")

    timezone: Any
    jobstore_retry_interval: float

    def __init__(self) -> None:
        self._executors: dict[str, BaseExecutor] = {}
        self._executors_lock = self._create_lock()
        self._jobstores = {}
        self._jobstores_lock = self._create_lock()
        self._claiming = {}
        self._listeners_lock = self._create_lock()
        self._listeners, self._known_listeners = [], []
        self._pending_jobs: list[tuple[Job, str, bool]] = []
        self._logger = logger_named("apscheduler.scheduler")
        self._job_defaults: dict[str, Any] = dict(STANDARD_DEFAULTS)
        self._clock: Any = None
        self._leader_lock: Any = None
        self._lead = None
        self._calendars: dict[str, Any] = {}

    # -- options --------------------------------------------------------------------------------------

    def configure(
        self, gconfig: Mapping[str, Any] = {}, prefix: str | None = "apscheduler.", **options: Any
    ) -> None:
        """Set the options anew. Can only be done while the scheduler is not running.

        :param gconfig: a "global" configuration whose keys begin with ``prefix`` (dots make groups)
        :param options: options by name, over those of ``gconfig``
        :raises SchedulerAlreadyRunningError: if the scheduler is running
        """
        if self.state != STATE_STOPPED:
            raise SchedulerAlreadyRunningError
        self._let_shutdown_end("configure")
        config = combine(gconfig, prefix, options)
        warn_unknown(config, SCHEDULER_OPTIONS, "scheduler option")
        self._configure(config)

    def _configure(self, config: Mapping[str, Any]) -> None:
        """Take the options from one nested configuration."""
        given = maybe_ref(config.get("logger"))
        self._logger = own(given) if given else logger_named("apscheduler.scheduler")
        zone = config.get("timezone")
        self.timezone = _local_zone() if zone is None else astimezone(zone)
        given = config.get("jobstore_retry_interval", 10)
        self.jobstore_retry_interval = read_option(
            float, "jobstore_retry_interval", given, "a number of seconds"
        )
        self._clock = config.get("clock")
        self._leader_lock = checked_leader_lock(config.get("leader_lock"))
        self._configure_job_defaults(group(config, "job_defaults"))
        self._configure_executors(config)
        self._configure_jobstores(group(config, "jobstores"))

    def _configure_job_defaults(self, defaults: Mapping[str, Any]) -> None:
        warn_unknown(defaults, JOB_DEFAULTS, "job default")
        self._job_defaults = dict(STANDARD_DEFAULTS)
        for name in CHECKED_DEFAULTS:
            if name in defaults:
                self._job_defaults[name] = checked_default(name, defaults[name])

    def _configure_executors(self, config: Mapping[str, Any]) -> None:
        specs = dict(group(config, "executors"))
        if config.get("executor") is not None:
            if "default" in specs:
                raise ValueError(
                    "executor= and executors['default'] were both given; give one of them"
                )
            specs["default"] = config["executor"]
        made = self._made("executor", specs)
        self._executors.clear()
        self._look_for_inline()
        for alias, executor in made.items():
            self.add_executor(executor, alias)

    def _configure_jobstores(self, specs: Mapping[str, Any]) -> None:
        made = self._made("jobstore", specs)
        self._jobstores.clear()
        self._claiming.clear()
        for alias, store in made.items():
            self.add_jobstore(store, alias)

    def _made(self, kind: str, specs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the executors or job stores that a configuration describes, by alias."""
        if not specs:
            return {}
        from apscheduler.schedulers._api.making import made_from

        make = self._create_plugin_instance
        return {alias: made_from(kind, spec, alias, make) for alias, spec in specs.items()}

    def _create_plugin_instance(
        self, type_: str, alias: str, constructor_kwargs: Mapping[str, Any]
    ) -> Any:
        """Make an object of a plug-in's class, and return it.

        :param type_: ``"executor"``, ``"jobstore"`` or ``"trigger"``
        :param alias: the plug-in's name
        """
        if type_ == "executor":
            known, base, what = self._executor_plugins, _is_subclass(BaseExecutor), "executor"
        else:
            known, base, what = self._jobstore_plugins, _is_subclass(BaseJobStore), "job store"
        cls = load_plugin(what, alias, known, base)
        from apscheduler.schedulers._api.making import make_plugin

        return make_plugin(cls, f"the {what} {alias!r}", constructor_kwargs)

    # -- executors --------------------------------------------------------------------------------------

    def add_executor(self, executor: Any, alias: str = "default", **executor_opts: Any) -> None:
        """Add an executor; one added to a running scheduler is started at once.

        :param executor: an executor, the name of an executor plug-in, or any ``concurrent.futures.Executor``
        :param alias: the alias by which jobs name it
        :param executor_opts: what its class takes, where a name is given
        :raises ValueError: if there is an executor of this alias
        """
        with self._executors_lock:
            if alias in self._executors:
                raise ValueError(f"there already is an executor with the alias {alias!r}")
            made = executor
            if not isinstance(executor, BaseExecutor):
                from apscheduler.schedulers._api.making import as_executor

                make = self._create_plugin_instance
                made = as_executor(executor, f"executor {alias!r}", executor_opts, make)
            self._executors[alias] = made
            self._look_for_inline()
        if self.state != STATE_STOPPED:
            made.start(self, alias)
        self._dispatch_event(SchedulerEvent(EVENT_EXECUTOR_ADDED, alias))

    def remove_executor(self, alias: str, shutdown: bool = True) -> None:
        """Remove an executor.

        :param shutdown: whether to shut it down too
        :raises KeyError: if there is none of this alias
        """
        executor = self._lookup_executor(alias)
        with self._executors_lock:
            self._executors.pop(alias, None)
            self._look_for_inline()
        if shutdown:
            executor.shutdown()
        self._dispatch_event(SchedulerEvent(EVENT_EXECUTOR_REMOVED, alias))

    def _lookup_executor(self, alias: str) -> BaseExecutor:
        try:
            return self._executors[alias]
        except KeyError:
            raise KeyError(unknown_alias("executor", alias, self._executors)) from None

    def _has_executor(self, alias: str) -> bool:
        """Return whether there is an executor of this alias; an overridden ``_lookup_executor`` is asked too."""
        if alias in self._executors:
            return True
        try:
            return self._lookup_executor(alias) is not None
        except LookupError:
            return False

    _finds_executors = True
    """Whether ``_lookup_executor`` is this package's own; found out once a pass."""

    def _found_executor(self, alias: str) -> BaseExecutor | None:
        """Return the executor that runs jobs of this alias, ``None`` if there is none."""
        if self._finds_executors:
            return self._executors.get(alias)
        try:
            return self._lookup_executor(alias)
        except LookupError:
            return None

    def _create_default_executor(self) -> BaseExecutor:
        """Return the executor of a scheduler that was given none."""
        made: BaseExecutor = named_in_base("ThreadPoolExecutor")()
        return made

    def _lanes(self) -> dict[str, list[Job]]:
        """Return, by alias, an empty list for each executor that takes plain jobs, without claims."""
        if not self._finds_executors:
            return {}
        lanes: dict[str, list[Job]] = {}
        for alias, each in list(self._executors.items()):
            # Other code may have overridden 3.x's methods of an executor since its start.
            if each.lane is True and not each._heed_hooks():
                lanes[alias] = []
        return lanes

    _has_inline = False
    """Whether some executor runs jobs inside ``submit_claims``."""

    def _look_for_inline(self) -> None:
        executors = self._executors.values()
        self._has_inline = any(getattr(each, "inline", False) is True for each in executors)

    def _executor_logger(self, alias: str) -> logging.Logger:
        return logger_named(f"apscheduler.executors.{alias}")

    def _forget_in_executors(self, job_id: str) -> None:
        for executor in list(self._executors.values()):
            executor.forget_job(job_id)

    # -- what a program has replaced ---------------------------------------------------------------------------

    def _heed_overrides(self) -> None:
        """Find out, once a pass, which methods are overridden; an overridden ``_dispatch_event`` is told all events."""
        cls, given = type(self), self.__dict__
        self._finds_executors = (
            cls._lookup_executor is _OWN_EXECUTOR_LOOKUP and "_lookup_executor" not in given
        )
        tells_itself = (
            cls._dispatch_event is not self._own_dispatch[0] or "_dispatch_event" in given
        )
        if tells_itself is not self._tells_itself:
            with self._listeners_lock:
                self._tells_itself = tells_itself
                self._note_listeners()
        self._heed_listeners()

    # -- for hosts ------------------------------------------------------------------------------------------------

    def _create_lock(self) -> Any:
        """Return a re-entrant lock that fits the host's concurrency."""
        return RLock()


_OWN_EXECUTOR_LOOKUP = Registry._lookup_executor


def _local_zone() -> Any:
    """Return the machine's zone."""
    return named_in_base("get_localzone")()


def _is_subclass(base: type) -> Any:
    return lambda candidate: isinstance(candidate, type) and issubclass(candidate, base)
