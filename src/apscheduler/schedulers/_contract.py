"""What parts of a scheduler need of it. Types only: no module imports this one when a program runs.

``BaseScheduler`` has all of it. Each part names the protocols here that it uses, and adds what only that part needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from apscheduler.events import SchedulerEvent
    from apscheduler.executors.base import BaseExecutor
    from apscheduler.job import Job
    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.jobstores.base import BaseJobStore, Quarantined


class Logs(Protocol):
    """Has a log."""

    _logger: logging.Logger


class Tells(Logs, Protocol):
    """Has a log, and listeners."""

    _listener_mask: int
    """The codes of all events that some listener waits for."""

    def _dispatch_event(self, event: SchedulerEvent) -> None: ...


class KeepsTime(Protocol):
    """Has a clock and a zone."""

    timezone: Any

    def _now_us(self) -> int: ...


class HasExecutors(Protocol):
    """Has executors by alias."""

    _executors: dict[str, BaseExecutor]


class HasStores(Protocol):
    """Has job stores by alias."""

    _jobstores: dict[str, BaseJobStore]

    def _claiming_stores(self) -> Iterator[tuple[str, Store]]: ...

    def _claiming_store(self, alias: str) -> Store: ...

    def _lookup_jobstore(self, alias: str) -> BaseJobStore: ...


class HasPending(Protocol):
    """Has jobs that wait for its start: each with its store's alias, and whether it replaces another one."""

    _pending_jobs: list[tuple[Job, str, bool]]


class HasJobs(Protocol):
    """Has jobs, pending or stored."""

    @property
    def state(self) -> int: ...

    def get_job(self, job_id: str, jobstore: str | None = None) -> Job | None: ...

    def get_jobs(self, jobstore: str | None = None) -> list[Job]: ...

    def get_quarantined(self, jobstore: str | None = None) -> list[Quarantined]: ...


class Built(KeepsTime, Protocol):
    """What the parts in ``_api/`` need of the scheduler that is built on them."""

    _logger: logging.Logger
    _clock: Any
    _in_pass: int
    """Ident of the thread that is in a pass, 0 while none is."""
    _passes: int
    """How many passes have begun."""

    @property
    def state(self) -> int: ...

    @state.setter
    def state(self, state: int) -> None: ...

    def _now(self) -> datetime: ...

    def _create_plugin_instance(
        self, type_: str, alias: str, constructor_kwargs: Mapping[str, Any]
    ) -> Any:
        """Make an object of a plug-in's class, and return it."""

    def _real_add_job(self, job: Job, jobstore_alias: str, replace_existing: bool) -> None:
        """Put a job into its store."""

    def _real_add_jobs(self, group: list[tuple[Job, str, bool]]) -> None:
        """Put jobs into their store in one step; all have the same store, and all replace others or none does."""

    def wakeup(self) -> None:
        """Have the loop look for due jobs now."""

    def _let_shutdown_end(self, name: str) -> None:
        """Return once no shutdown is under way."""

    def _add_pending_jobs(self, alias: str | None = None) -> None:
        """Add the jobs that waited for the start."""
