"""What a scheduler tells its listeners: event classes, their codes and masks.

The codes up to ``EVENT_JOB_MAX_INSTANCES`` and ``EVENT_ALL`` are APScheduler 3's. Newer codes lie outside of
``EVENT_ALL``, so that listeners written for 3.x never meet an event they do not know; ``EVENT_EVERYTHING`` has all.
"""

from __future__ import annotations

from datetime import datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


EVENT_SCHEDULER_STARTED = EVENT_SCHEDULER_START = 1 << 0
EVENT_SCHEDULER_SHUTDOWN = 1 << 1
EVENT_SCHEDULER_PAUSED = 1 << 2
EVENT_SCHEDULER_RESUMED = 1 << 3
EVENT_EXECUTOR_ADDED = 1 << 4
EVENT_EXECUTOR_REMOVED = 1 << 5
EVENT_JOBSTORE_ADDED = 1 << 6
EVENT_JOBSTORE_REMOVED = 1 << 7
EVENT_ALL_JOBS_REMOVED = 1 << 8
EVENT_JOB_ADDED = 1 << 9
EVENT_JOB_REMOVED = 1 << 10
EVENT_JOB_MODIFIED = 1 << 11
EVENT_JOB_EXECUTED = 1 << 12
EVENT_JOB_ERROR = 1 << 13
EVENT_JOB_MISSED = 1 << 14
EVENT_JOB_SUBMITTED = 1 << 15
EVENT_JOB_MAX_INSTANCES = 1 << 16
EVENT_ALL = (1 << 17) - 1

EVENT_JOB_COALESCED = 1 << 17
"""New: overdue fire times were rolled into a later one (a :class:`JobRollupEvent`)."""
EVENT_JOB_CANCELLED = 1 << 18
"""New: a claimed run will not happen because its executor went away (a :class:`JobExecutionEvent`)."""
EVENT_JOBSTORE_ERROR = 1 << 19
"""New: a call of a job store raised inside the loop (a :class:`StoreErrorEvent`)."""
EVENT_JOB_QUARANTINED = 1 << 20
"""New: a stored job cannot be restored; it is kept and not run (a :class:`QuarantineEvent`)."""
EVENT_JOB_SKIPPED = 1 << 21
"""New: a calendar dropped fire times (a :class:`JobSkippedEvent`)."""
EVENT_JOBSTORE_DOUBTED = 1 << 22
"""New: something is wrong with a store, or with who shares it (a :class:`StoreDoubtEvent`)."""
EVENT_EVERYTHING = (1 << 23) - 1
"""New: every code there is."""


class SchedulerEvent:
    """An event that concerns the scheduler itself.

    :ivar code: the type code of this event (one of the ``EVENT_`` constants)
    :ivar alias: alias of the job store or executor that was added or removed (``None`` elsewhere)
    """

    def __init__(self, code: int, alias: str | None = None) -> None:
        self.code = code
        self.alias = alias

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (code={self.code})>"


class StoreErrorEvent(SchedulerEvent):
    """An event that says which call of a job store raised what.

    :ivar exception: the exception
    """

    def __init__(self, code: int, alias: str | None, exception: BaseException) -> None:
        super().__init__(code, alias)
        self.exception = exception


class StoreDoubtEvent(SchedulerEvent):
    """An event that says what is not right with a store that processes share.

    :ivar reason: what was found, in words
    :ivar held: whether nothing is claimed from the store until someone decides
    """

    def __init__(self, code: int, alias: str | None, reason: str, held: bool) -> None:
        super().__init__(code, alias)
        self.reason = reason
        self.held = held


class JobEvent(SchedulerEvent):
    """An event that concerns a job.

    :ivar job_id: identifier of the job
    :ivar jobstore: alias of the job store that holds or held it
    """

    def __init__(self, code: int, job_id: str, jobstore: str | None) -> None:
        self.code = code
        self.alias = None
        self.job_id = job_id
        self.jobstore = jobstore


class QuarantineEvent(JobEvent):
    """An event about a stored job that cannot be restored.

    :ivar reason: why, in words
    """

    def __init__(self, code: int, job_id: str, jobstore: str | None, reason: str) -> None:
        super().__init__(code, job_id, jobstore)
        self.reason = reason


class JobSubmissionEvent(JobEvent):
    """An event that concerns the submission of a job to its executor.

    :ivar scheduled_run_times: the fire times that were handed over together (aware datetimes)
    """

    def __init__(
        self, code: int, job_id: str, jobstore: str | None, scheduled_run_times: list[datetime]
    ) -> None:
        super().__init__(code, job_id, jobstore)
        self.scheduled_run_times = scheduled_run_times


class JobRollupEvent(JobEvent):
    """An event about several fire times of one job that share a fate.

    :ivar count: how many they are
    :ivar first: the earliest of them (aware)
    :ivar last: the latest of them (aware)
    """

    def __init__(
        self,
        code: int,
        job_id: str,
        jobstore: str | None,
        count: int,
        first: datetime,
        last: datetime,
    ) -> None:
        super().__init__(code, job_id, jobstore)
        self.count = count
        self.first = first
        self.last = last


class JobSkippedEvent(JobRollupEvent):
    """An event about fire times that a calendar dropped.

    :ivar reason: which calendar, and why
    """

    def __init__(
        self,
        code: int,
        job_id: str,
        jobstore: str | None,
        count: int,
        first: datetime,
        last: datetime,
        reason: str,
    ) -> None:
        super().__init__(code, job_id, jobstore, count, first, last)
        self.reason = reason


class JobExecutionEvent(JobEvent):
    """An event that concerns one run of a job.

    :ivar scheduled_run_time: the fire time (aware)
    :ivar retval: what the function returned
    :ivar exception: the exception it raised, or ``None``
    :ivar traceback: the formatted traceback of that exception, or ``None``
    """

    def __init__(
        self,
        code: int,
        job_id: str,
        jobstore: str | None,
        scheduled_run_time: Any,
        retval: Any = None,
        exception: BaseException | None = None,
        traceback: str | None = None,
    ) -> None:
        # Flat on purpose: one event may be made per run, and super() calls cost more than the rest.
        self.code = code
        self.alias = None
        self.job_id = job_id
        self.jobstore = jobstore
        self._scheduled = scheduled_run_time
        self.retval = retval
        self.exception = exception
        self.traceback = traceback

    @property
    def scheduled_run_time(self) -> datetime:
        """The fire time (aware), in the trigger's zone."""
        if (
            self._scheduled.__class__ is tuple
        ):  # (trigger, instant) from the engine, made a datetime when read
            trigger, instant = self._scheduled
            self._scheduled = trigger.at(instant)
        moment: datetime = self._scheduled
        return moment

    @scheduled_run_time.setter
    def scheduled_run_time(self, moment: datetime) -> None:
        self._scheduled = moment

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_scheduled": self.scheduled_run_time}
