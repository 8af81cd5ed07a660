"""The part of a scheduler that keeps its job stores; one that cannot claim is wrapped in one that can."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from apscheduler.events import EVENT_JOBSTORE_ADDED, EVENT_JOBSTORE_REMOVED, SchedulerEvent
from apscheduler.jobstores.base import BaseJobStore, KeepingJobStore, SharedJobStore
from apscheduler.names import hint
from apscheduler.schedulers._api.listeners import Listening
from apscheduler.schedulers._states import STATE_STOPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.schedulers._dispatch.leading import Leading


class JobStores(Listening):
    """Job stores by alias. ``_jobstores_lock`` guards the dictionaries; no foreign code is called while it is held."""

    _jobstores: dict[str, BaseJobStore]
    _jobstores_lock: Any
    _claiming: dict[str, Store]
    """Each store, or what wraps it, as it was when it was last asked for."""
    _lead: Leading | None

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
            raise KeyError(unknown_alias("job store", alias, self._jobstores)) from None

    def _create_default_jobstore(self) -> BaseJobStore:
        """Return the job store of a scheduler that was given none."""
        made: BaseJobStore = named_in_base("MemoryJobStore")()
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


_OWN_LOOKUP = JobStores._lookup_jobstore


def named_in_base(name: str) -> Any:
    """Return the object of this name in ``schedulers.base``, where tests of users patch names."""
    return getattr(sys.modules["apscheduler.schedulers.base"], name)


def unknown_alias(what: str, alias: object, known: Mapping[str, Any]) -> str:
    return f"there is no {what} with the alias {alias!r}; {hint(alias, known)}"
