"""The part of a scheduler that keeps its executors, job stores and options."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from threading import RLock

from apscheduler.amounts import read_option
from apscheduler.events import (
    EVENT_ALL,
    EVENT_EXECUTOR_ADDED,
    EVENT_EXECUTOR_REMOVED,
    EVENT_JOBSTORE_ADDED,
    EVENT_JOBSTORE_REMOVED,
    SchedulerEvent,
)
from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.job_options import checked_default
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.logs import logger_named, own
from apscheduler.moments import astimezone
from apscheduler.names import hint
from apscheduler.references import maybe_ref
from apscheduler.schedulers import SchedulerAlreadyRunningError
from apscheduler.schedulers._api.listeners import tell
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
from apscheduler.schedulers._overridden import is_as_made

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.schedulers._dispatch.leading import Leading


STATE_STOPPED = 0
STATE_RUNNING = 1
STATE_PAUSED = 2

EVERY_EVENT = (1 << 63) - 1

STANDARD_DEFAULTS = {"misfire_grace_time": 1, "coalesce": True, "max_instances": 1}


class Registry:
    """Executors, job stores, listeners and options of one scheduler.

    ``_jobstores_lock`` guards the dictionaries here; no foreign code is called while it is held.
    """

    _executor_plugins: MutableMapping[str, Any] = Plugins("executors")
    _jobstore_plugins: MutableMapping[str, Any] = Plugins("jobstores")

    timezone: Any
    state: int
    jobstore_retry_interval: float

    def __init__(self) -> None:
        self._executors: dict[str, BaseExecutor] = {}
        self._executors_lock = self._create_lock()
        self._jobstores: dict[str, BaseJobStore] = {}
        self._jobstores_lock = self._create_lock()
        self._claiming: dict[str, Store] = {}
        self._listeners: list[
            tuple[Any, int]
        ] = []  # we replace the list and never change it, so telling needs no lock
        self._known_listeners: list[tuple[Any, int]] = []  # those of which the mask was made
        self._listeners_lock = self._create_lock()
        self._listener_mask = 0
        self._tells_itself = False
        self._pending_jobs: list[tuple[Job, str, bool]] = []
        self._logger = logger_named("apscheduler.scheduler")
        self._job_defaults: dict[str, Any] = dict(STANDARD_DEFAULTS)
        self._clock: Any = None
        self._leader_lock: Any = None
        self._lead: Leading | None = None
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
            raise KeyError(_unknown("executor", alias, self._executors)) from None

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
        made: BaseExecutor = _named_in_base("ThreadPoolExecutor")()
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

    # -- job stores ---------------------------------------------------------------------------------------

    def add_jobstore(self, jobstore: Any, alias: str = "default", **jobstore_opts: Any) -> None:
        """Add a job store; one added to a running scheduler is started at once.

        :param jobstore: a job store, or the name of a job store plug-in
        :param alias: the alias by which jobs name it
        :param jobstore_opts: what its class takes, where a name is given
        :raises ValueError: if there is a job store of this alias
        """
        with self._jobstores_lock:
            if alias in self._jobstores:
                raise ValueError(f"there already is a job store with the alias {alias!r}")
            made = jobstore
            if not isinstance(jobstore, BaseJobStore):
                from apscheduler.schedulers._api.making import as_jobstore

                make = self._create_plugin_instance
                made = as_jobstore(jobstore, f"job store {alias!r}", jobstore_opts, make)
            self._jobstores[alias] = made
        if self.state != STATE_STOPPED:
            self._start_store(made, alias)
        self._dispatch_event(SchedulerEvent(EVENT_JOBSTORE_ADDED, alias))
        if self.state != STATE_STOPPED:
            self._add_pending_jobs(alias)
            self.wakeup()

    def _start_store(self, store: BaseJobStore, alias: str) -> None:
        from apscheduler.jobstores.base import SharedJobStore

        store.start(self, alias)
        if isinstance(store, SharedJobStore):
            store.complete_start(self, alias)

    def remove_jobstore(self, alias: str, shutdown: bool = True) -> None:
        """Remove a job store; its jobs stay in it.

        :param shutdown: whether to shut it down too
        :raises KeyError: if there is none of this alias
        :raises ValueError: if ``leader_lock`` is in it and the scheduler runs
        """
        store = self._lookup_jobstore(alias)
        if self._lead is not None and self._lead.needs(store):
            raise ValueError(
                f"job store {alias!r} keeps the lock by which this scheduler leads (leader_lock): "
                "shut the scheduler down before you remove it"
            )
        with self._jobstores_lock:
            self._jobstores.pop(alias, None)
            self._claiming.pop(alias, None)
        if shutdown:
            store.shutdown()
        self._dispatch_event(SchedulerEvent(EVENT_JOBSTORE_REMOVED, alias))

    def _lookup_jobstore(self, alias: str) -> BaseJobStore:
        try:
            return self._jobstores[alias]
        except KeyError:
            raise KeyError(_unknown("job store", alias, self._jobstores)) from None

    def _create_default_jobstore(self) -> BaseJobStore:
        """Return the job store of a scheduler that was given none."""
        made: BaseJobStore = _named_in_base("MemoryJobStore")()
        return made

    def _claiming_store(self, alias: str) -> Store:
        """Return the store of this alias; one that cannot claim is returned in a wrapper that can.

        :raises KeyError: if there is none
        """
        # The same as is_as_made(), but without its call, because each pass comes here.
        if type(self)._lookup_jobstore is not _OWN_LOOKUP or "_lookup_jobstore" in self.__dict__:
            self._lookup_jobstore(alias)
        claiming = self._claiming.get(alias)
        if claiming is not None and claiming is self._jobstores.get(alias):
            return claiming
        store = self._lookup_jobstore(alias)
        if getattr(claiming, "store", None) is store:
            return claiming  # type: ignore[return-value] # a PlainStore around it
        from apscheduler.jobstores.base import KeepingJobStore, SharedJobStore

        if isinstance(store, SharedJobStore) and store.claims:
            claiming = store
        else:
            from apscheduler.jobstores._plain.claims import PlainStore

            claiming = PlainStore(store, alias, self.timezone)
        with self._jobstores_lock:
            self._claiming[alias] = claiming
        if isinstance(store, SharedJobStore | KeepingJobStore):
            store.look_as(self, alias)
        return claiming

    def _claiming_stores(self) -> Iterator[tuple[str, Store]]:
        for alias in list(self._jobstores):
            yield alias, self._claiming_store(alias)

    # -- listeners --------------------------------------------------------------------------------------------

    def add_listener(self, callback: Any, mask: int = EVENT_ALL) -> None:
        """Have ``callback(event)`` called for each event whose code is in ``mask``.

        A coroutine function is awaited in the scheduler's event loop; if there is none, the thread that tells the event
        runs it to its end.

        :raises TypeError: if it is not callable
        """
        if not callable(callback):
            raise TypeError(f"a listener must be callable with one event, not {callback!r}")
        with self._listeners_lock:
            self._listeners = [*self._listeners, (callback, mask)]
            self._note_listeners()

    def remove_listener(self, callback: Any) -> None:
        """Stop telling ``callback`` about events, however often it was added."""
        with self._listeners_lock:
            self._listeners = [each for each in self._listeners if each[0] != callback]
            self._note_listeners()

    def _note_listeners(self) -> None:
        """Compute the mask of the events that are told to anyone; called with ``_listeners_lock`` held."""
        found = EVERY_EVENT if self._tells_itself else 0
        self._known_listeners = list(self._listeners)
        for _, mask in self._known_listeners:
            found |= mask
        self._listener_mask = found

    def _heed_listeners(self) -> None:
        """Compute the mask again, if other code has changed ``_listeners`` itself."""
        if self._listeners != self._known_listeners:
            with self._listeners_lock:
                self._note_listeners()

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

    def _is_told(self, code: int) -> bool:
        """Return whether events of this code have a listener, or ``_dispatch_event`` is overridden."""
        self._heed_listeners()
        if self._listener_mask & code:
            return True
        return not is_as_made(self, "_dispatch_event", self._own_dispatch[0])

    def _dispatch_event(self, event: SchedulerEvent) -> None:
        """Tell the listeners of an event; no lock is held while they are called."""
        self._heed_listeners()
        if self._listener_mask & event.code:
            tell(self._listeners, event, self._logger, by=self)

    # This package's own function: in a tuple, because a function in a class attribute is looked up as a method.
    _own_dispatch: tuple[Any, ...] = (_dispatch_event,)

    # -- for hosts ------------------------------------------------------------------------------------------------

    def _create_lock(self) -> Any:
        """Return a re-entrant lock that fits the host's concurrency."""
        return RLock()

    def wakeup(self) -> None:
        """Have the loop look for due jobs now (implemented by the hosts)."""

    def _let_shutdown_end(self, name: str) -> None:
        """Return once no shutdown is under way (implemented by the scheduler)."""

    def _add_pending_jobs(self, alias: str | None = None) -> None:
        """Add the jobs that waited for the start (implemented by the job operations)."""


_OWN_LOOKUP = Registry._lookup_jobstore
_OWN_EXECUTOR_LOOKUP = Registry._lookup_executor


def _named_in_base(name: str) -> Any:
    """Return the object of this name in ``schedulers.base``, where tests of users patch names."""
    return getattr(sys.modules["apscheduler.schedulers.base"], name)


def _local_zone() -> Any:
    """Return the machine's zone."""
    return _named_in_base("get_localzone")()


def _unknown(what: str, alias: object, known: Mapping[str, Any]) -> str:
    return f"there is no {what} with the alias {alias!r}; {hint(alias, known)}"


def _is_subclass(base: type) -> Any:
    return lambda candidate: isinstance(candidate, type) and issubclass(candidate, base)
