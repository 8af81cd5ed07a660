"""Tickwright under its own name: ``from tickwright import BackgroundScheduler, current_run``.

The classes are those of the package ``apscheduler``, where code written for APScheduler 3 finds them, and where stored jobs
name them. This package adds a short way to the common ones and the new ones. It also does what the other package
cannot: if APScheduler was installed over our files, an import fails and says what to do.

Each name is loaded when it is first asked for. Names that need an extra are here too, but not in ``__all__``.
"""

from __future__ import annotations

from tickwright import _whose

_whose.check()

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.calendars import Blackout as Blackout
    from apscheduler.calendars import BusinessDays as BusinessDays
    from apscheduler.calendars import Calendar as Calendar
    from apscheduler.calendars import ClosedDays as ClosedDays
    from apscheduler.calendars import DailyBlackout as DailyBlackout
    from apscheduler.calendars import DayCalendar as DayCalendar
    from apscheduler.calendars import OpenDays as OpenDays
    from apscheduler.calendars import UnknownCalendarError as UnknownCalendarError
    from apscheduler.cluster.nodes import Node as Node
    from apscheduler.events import EVENT_ALL as EVENT_ALL
    from apscheduler.events import EVENT_ALL_JOBS_REMOVED as EVENT_ALL_JOBS_REMOVED
    from apscheduler.events import EVENT_EVERYTHING as EVENT_EVERYTHING
    from apscheduler.events import EVENT_EXECUTOR_ADDED as EVENT_EXECUTOR_ADDED
    from apscheduler.events import EVENT_EXECUTOR_REMOVED as EVENT_EXECUTOR_REMOVED
    from apscheduler.events import EVENT_JOB_ADDED as EVENT_JOB_ADDED
    from apscheduler.events import EVENT_JOB_CANCELLED as EVENT_JOB_CANCELLED
    from apscheduler.events import EVENT_JOB_COALESCED as EVENT_JOB_COALESCED
    from apscheduler.events import EVENT_JOB_ERROR as EVENT_JOB_ERROR
    from apscheduler.events import EVENT_JOB_EXECUTED as EVENT_JOB_EXECUTED
    from apscheduler.events import EVENT_JOB_MAX_INSTANCES as EVENT_JOB_MAX_INSTANCES
    from apscheduler.events import EVENT_JOB_MISSED as EVENT_JOB_MISSED
    from apscheduler.events import EVENT_JOB_MODIFIED as EVENT_JOB_MODIFIED
    from apscheduler.events import EVENT_JOB_QUARANTINED as EVENT_JOB_QUARANTINED
    from apscheduler.events import EVENT_JOB_REMOVED as EVENT_JOB_REMOVED
    from apscheduler.events import EVENT_JOB_SKIPPED as EVENT_JOB_SKIPPED
    from apscheduler.events import EVENT_JOB_SUBMITTED as EVENT_JOB_SUBMITTED
    from apscheduler.events import EVENT_JOBSTORE_ADDED as EVENT_JOBSTORE_ADDED
    from apscheduler.events import EVENT_JOBSTORE_DOUBTED as EVENT_JOBSTORE_DOUBTED
    from apscheduler.events import EVENT_JOBSTORE_ERROR as EVENT_JOBSTORE_ERROR
    from apscheduler.events import EVENT_JOBSTORE_REMOVED as EVENT_JOBSTORE_REMOVED
    from apscheduler.events import EVENT_SCHEDULER_PAUSED as EVENT_SCHEDULER_PAUSED
    from apscheduler.events import EVENT_SCHEDULER_RESUMED as EVENT_SCHEDULER_RESUMED
    from apscheduler.events import EVENT_SCHEDULER_SHUTDOWN as EVENT_SCHEDULER_SHUTDOWN
    from apscheduler.events import EVENT_SCHEDULER_STARTED as EVENT_SCHEDULER_STARTED
    from apscheduler.events import JobEvent as JobEvent
    from apscheduler.events import JobExecutionEvent as JobExecutionEvent
    from apscheduler.events import JobSubmissionEvent as JobSubmissionEvent
    from apscheduler.events import SchedulerEvent as SchedulerEvent
    from apscheduler.executors.asyncio import AsyncIOExecutor as AsyncIOExecutor
    from apscheduler.executors.base import BaseExecutor as BaseExecutor
    from apscheduler.executors.base import JobTimeoutError as JobTimeoutError
    from apscheduler.executors.base import MaxInstancesReachedError as MaxInstancesReachedError
    from apscheduler.executors.base import WorkerDiedError as WorkerDiedError
    from apscheduler.executors.debug import DebugExecutor as DebugExecutor
    from apscheduler.executors.futures import FuturesExecutor as FuturesExecutor
    from apscheduler.executors.gevent import GeventExecutor as GeventExecutor
    from apscheduler.executors.pool import ProcessPoolExecutor as ProcessPoolExecutor
    from apscheduler.executors.pool import ThreadPoolExecutor as ThreadPoolExecutor
    from apscheduler.executors.tornado import TornadoExecutor as TornadoExecutor
    from apscheduler.executors.twisted import TwistedExecutor as TwistedExecutor
    from apscheduler.job import Job as Job
    from apscheduler.jobstores.base import BaseJobStore as BaseJobStore
    from apscheduler.jobstores.base import ConflictingIdError as ConflictingIdError
    from apscheduler.jobstores.base import JobLookupError as JobLookupError
    from apscheduler.jobstores.base import Quarantined as Quarantined
    from apscheduler.jobstores.base import QuarantinedJobError as QuarantinedJobError
    from apscheduler.jobstores.base import SharedJobStore as SharedJobStore
    from apscheduler.jobstores.base import UnknownJobError as UnknownJobError
    from apscheduler.jobstores.etcd import EtcdJobStore as EtcdJobStore
    from apscheduler.jobstores.memory import MemoryJobStore as MemoryJobStore
    from apscheduler.jobstores.mongodb import MongoDBJobStore as MongoDBJobStore
    from apscheduler.jobstores.redis import RedisJobStore as RedisJobStore
    from apscheduler.jobstores.rethinkdb import RethinkDBJobStore as RethinkDBJobStore
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore as SQLAlchemyJobStore
    from apscheduler.jobstores.zookeeper import ZooKeeperJobStore as ZooKeeperJobStore
    from apscheduler.runs import Outcome as Outcome
    from apscheduler.runs import Run as Run
    from apscheduler.runs import RunContext as RunContext
    from apscheduler.runs import current_run as current_run
    from apscheduler.schedulers import SchedulerAlreadyRunningError as SchedulerAlreadyRunningError
    from apscheduler.schedulers import SchedulerNotRunningError as SchedulerNotRunningError
    from apscheduler.schedulers.asyncio import AsyncIOScheduler as AsyncIOScheduler
    from apscheduler.schedulers.background import BackgroundScheduler as BackgroundScheduler
    from apscheduler.schedulers.base import STATE_PAUSED as STATE_PAUSED
    from apscheduler.schedulers.base import STATE_RUNNING as STATE_RUNNING
    from apscheduler.schedulers.base import STATE_STOPPED as STATE_STOPPED
    from apscheduler.schedulers.base import BaseScheduler as BaseScheduler
    from apscheduler.schedulers.blocking import BlockingScheduler as BlockingScheduler
    from apscheduler.schedulers.gevent import GeventScheduler as GeventScheduler
    from apscheduler.schedulers.qt import QtScheduler as QtScheduler
    from apscheduler.schedulers.tornado import TornadoScheduler as TornadoScheduler
    from apscheduler.schedulers.twisted import TwistedScheduler as TwistedScheduler
    from apscheduler.serializers import PickleSerializer as PickleSerializer
    from apscheduler.serializers import Serializer as Serializer
    from apscheduler.serializers import SignedJSONSerializer as SignedJSONSerializer
    from apscheduler.serializers import SignedPickleSerializer as SignedPickleSerializer
    from apscheduler.serializers import keys_from_environment as keys_from_environment
    from apscheduler.serializers import keys_from_file as keys_from_file
    from apscheduler.testing import DictStore as DictStore
    from apscheduler.testing import FakeClock as FakeClock
    from apscheduler.testing import ManualScheduler as ManualScheduler
    from apscheduler.triggers.base import BaseTrigger as BaseTrigger
    from apscheduler.triggers.calendarinterval import (
        CalendarIntervalTrigger as CalendarIntervalTrigger,
    )
    from apscheduler.triggers.combining import AndTrigger as AndTrigger
    from apscheduler.triggers.combining import OrTrigger as OrTrigger
    from apscheduler.triggers.cron import CronTrigger as CronTrigger
    from apscheduler.triggers.crontab import CrontabTrigger as CrontabTrigger
    from apscheduler.triggers.date import DateTrigger as DateTrigger
    from apscheduler.triggers.dialects import convert as convert
    from apscheduler.triggers.interval import IntervalTrigger as IntervalTrigger
    from apscheduler.triggers.rrule import RRuleTrigger as RRuleTrigger

    __version__: str

__all__ = [
    "EVENT_ALL",
    "EVENT_ALL_JOBS_REMOVED",
    "EVENT_EVERYTHING",
    "EVENT_EXECUTOR_ADDED",
    "EVENT_EXECUTOR_REMOVED",
    "EVENT_JOBSTORE_ADDED",
    "EVENT_JOBSTORE_DOUBTED",
    "EVENT_JOBSTORE_ERROR",
    "EVENT_JOBSTORE_REMOVED",
    "EVENT_JOB_ADDED",
    "EVENT_JOB_CANCELLED",
    "EVENT_JOB_COALESCED",
    "EVENT_JOB_ERROR",
    "EVENT_JOB_EXECUTED",
    "EVENT_JOB_MAX_INSTANCES",
    "EVENT_JOB_MISSED",
    "EVENT_JOB_MODIFIED",
    "EVENT_JOB_QUARANTINED",
    "EVENT_JOB_REMOVED",
    "EVENT_JOB_SKIPPED",
    "EVENT_JOB_SUBMITTED",
    "EVENT_SCHEDULER_PAUSED",
    "EVENT_SCHEDULER_RESUMED",
    "EVENT_SCHEDULER_SHUTDOWN",
    "EVENT_SCHEDULER_STARTED",
    "STATE_PAUSED",
    "STATE_RUNNING",
    "STATE_STOPPED",
    "AndTrigger",
    "AsyncIOExecutor",
    "AsyncIOScheduler",
    "BackgroundScheduler",
    "BaseExecutor",
    "BaseJobStore",
    "BaseScheduler",
    "BaseTrigger",
    "Blackout",
    "BlockingScheduler",
    "BusinessDays",
    "Calendar",
    "CalendarIntervalTrigger",
    "ClosedDays",
    "ConflictingIdError",
    "CronTrigger",
    "CrontabTrigger",
    "DailyBlackout",
    "DateTrigger",
    "DayCalendar",
    "DebugExecutor",
    "DictStore",
    "FakeClock",
    "FuturesExecutor",
    "IntervalTrigger",
    "Job",
    "JobEvent",
    "JobExecutionEvent",
    "JobLookupError",
    "JobSubmissionEvent",
    "JobTimeoutError",
    "ManualScheduler",
    "MaxInstancesReachedError",
    "MemoryJobStore",
    "Node",
    "OpenDays",
    "OrTrigger",
    "Outcome",
    "PickleSerializer",
    "ProcessPoolExecutor",
    "Quarantined",
    "QuarantinedJobError",
    "RRuleTrigger",
    "Run",
    "RunContext",
    "SchedulerAlreadyRunningError",
    "SchedulerEvent",
    "SchedulerNotRunningError",
    "Serializer",
    "SharedJobStore",
    "SignedJSONSerializer",
    "SignedPickleSerializer",
    "ThreadPoolExecutor",
    "UnknownCalendarError",
    "UnknownJobError",
    "WorkerDiedError",
    "__version__",
    "convert",
    "current_run",
    "keys_from_environment",
    "keys_from_file",
]

_HOMES = {
    "apscheduler.calendars": "Blackout BusinessDays Calendar ClosedDays DailyBlackout DayCalendar OpenDays UnknownCalendarError",
    "apscheduler.cluster.nodes": "Node",
    "apscheduler.executors.base": "BaseExecutor JobTimeoutError MaxInstancesReachedError WorkerDiedError",
    "apscheduler.executors.asyncio": "AsyncIOExecutor",
    "apscheduler.executors.debug": "DebugExecutor",
    "apscheduler.executors.futures": "FuturesExecutor",
    "apscheduler.executors.pool": "ProcessPoolExecutor ThreadPoolExecutor",
    "apscheduler.job": "Job",
    "apscheduler.jobstores.base": "BaseJobStore ConflictingIdError JobLookupError Quarantined QuarantinedJobError SharedJobStore UnknownJobError",
    "apscheduler.jobstores.memory": "MemoryJobStore",
    "apscheduler.runs": "Outcome Run RunContext current_run",
    "apscheduler.schedulers": "SchedulerAlreadyRunningError SchedulerNotRunningError",
    "apscheduler.schedulers.asyncio": "AsyncIOScheduler",
    "apscheduler.schedulers.background": "BackgroundScheduler",
    "apscheduler.schedulers.base": "BaseScheduler STATE_PAUSED STATE_RUNNING STATE_STOPPED",
    "apscheduler.schedulers.blocking": "BlockingScheduler",
    "apscheduler.serializers": "PickleSerializer Serializer SignedJSONSerializer SignedPickleSerializer keys_from_environment keys_from_file",
    "apscheduler.testing": "DictStore FakeClock ManualScheduler",
    "apscheduler.triggers.base": "BaseTrigger",
    "apscheduler.triggers.calendarinterval": "CalendarIntervalTrigger",
    "apscheduler.triggers.combining": "AndTrigger OrTrigger",
    "apscheduler.triggers.cron": "CronTrigger",
    "apscheduler.triggers.crontab": "CrontabTrigger",
    "apscheduler.triggers.date": "DateTrigger",
    "apscheduler.triggers.dialects": "convert",
    "apscheduler.triggers.interval": "IntervalTrigger",
    "apscheduler.triggers.rrule": "RRuleTrigger",
    "apscheduler.events": "EVENT_ALL EVENT_ALL_JOBS_REMOVED EVENT_EVERYTHING EVENT_EXECUTOR_ADDED EVENT_EXECUTOR_REMOVED EVENT_JOBSTORE_ADDED EVENT_JOBSTORE_DOUBTED EVENT_JOBSTORE_ERROR EVENT_JOBSTORE_REMOVED EVENT_JOB_ADDED EVENT_JOB_CANCELLED EVENT_JOB_COALESCED EVENT_JOB_ERROR EVENT_JOB_EXECUTED EVENT_JOB_MAX_INSTANCES EVENT_JOB_MISSED EVENT_JOB_MODIFIED EVENT_JOB_QUARANTINED EVENT_JOB_REMOVED EVENT_JOB_SKIPPED EVENT_JOB_SUBMITTED EVENT_SCHEDULER_PAUSED EVENT_SCHEDULER_RESUMED EVENT_SCHEDULER_SHUTDOWN EVENT_SCHEDULER_STARTED JobEvent JobExecutionEvent JobSubmissionEvent SchedulerEvent",
}
_OF_EXTRAS = {
    "apscheduler.executors.gevent": "GeventExecutor",
    "apscheduler.executors.tornado": "TornadoExecutor",
    "apscheduler.executors.twisted": "TwistedExecutor",
    "apscheduler.jobstores.etcd": "EtcdJobStore",
    "apscheduler.jobstores.mongodb": "MongoDBJobStore",
    "apscheduler.jobstores.redis": "RedisJobStore",
    "apscheduler.jobstores.rethinkdb": "RethinkDBJobStore",
    "apscheduler.jobstores.sqlalchemy": "SQLAlchemyJobStore",
    "apscheduler.jobstores.zookeeper": "ZooKeeperJobStore",
    "apscheduler.schedulers.gevent": "GeventScheduler",
    "apscheduler.schedulers.qt": "QtScheduler",
    "apscheduler.schedulers.tornado": "TornadoScheduler",
    "apscheduler.schedulers.twisted": "TwistedScheduler",
}
_HOME_OF = {
    name: home
    for homes in (_HOMES, _OF_EXTRAS)
    for home, names in homes.items()
    for name in names.split()
}


def __getattr__(name: str) -> object:
    """Load a name from the module that has it.

    :raises ImportError: if the name needs a library that is not installed (the error names the extra that brings it),
        or if an import statement asks for a name of APScheduler 4 (the error says what it is here)
    """
    if name == "__version__":
        value: object = _version()
    elif name in _HOME_OF:
        from importlib import import_module

        value = getattr(import_module(_HOME_OF[name]), name)
    else:
        from apscheduler import _missing

        raise _missing(__name__, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the names that are here, loaded or not."""
    return sorted({*globals(), *__all__, *_HOME_OF})


def _version() -> str:
    """Return this distribution's version; the package ``apscheduler`` gives the APScheduler release whose API it speaks."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tickwright")
    except PackageNotFoundError:
        return "0+unknown"  # a checkout that is not installed
