"""Says what to write here for names that are not in this package: names of other releases, and short ways.

It is loaded when such a name is asked for. A module of another release is no file here, so code that looks whether
there is one finds none. A finder that is asked last raises the error if an import statement asks, and answers nobody
else.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_BACKGROUND = "from apscheduler.schedulers.background import BackgroundScheduler"
_ASYNCIO = "from apscheduler.schedulers.asyncio import AsyncIOScheduler"
_RUN = "from apscheduler import current_run"
_OPTIONS = "options of add_job() (coalesce, misfire_grace_time, max_instances, replace_existing)"
_EVENTS = "scheduler.add_listener(callback, mask), with the codes of apscheduler.events"
_RUNS = "scheduler.get_runs(), whose runs have an outcome"
_LOOK_UP = "from apscheduler.jobstores.base import JobLookupError"
_SERIALIZERS = (
    "SQLAlchemyJobStore(url, serializer=...), with a SignedJSONSerializer, or with nothing for pickles: "
    "from apscheduler.serializers import SignedJSONSerializer"
)
_OF_4 = {
    "AsyncScheduler": f"{_ASYNCIO}; its add_job(function, trigger) is what 4 calls add_schedule(function, trigger)",
    "Scheduler": f"{_BACKGROUND}; its add_job(function, trigger) is what 4 calls add_schedule(function, trigger)",
    "CoalescePolicy": _OPTIONS,
    "ConflictPolicy": _OPTIONS,
    "JSONSerializer": _SERIALIZERS,
    "CBORSerializer": _SERIALIZERS,
    "JobCancelled": _RUNS,
    "JobDeadlineMissed": _RUNS,
    "JobOutcome": _RUNS,
    "JobResultNotReady": _RUNS,
    "JobResult": "scheduler.get_runs(), or the retval of EVENT_JOB_EXECUTED",
    "JobReleased": _EVENTS,
    "JobAcquired": _EVENTS,
    "JobAdded": _EVENTS,
    "Event": _EVENTS,
    "RunState": "scheduler.state, with STATE_RUNNING and others of apscheduler.schedulers.base",
    "Schedule": "scheduler.get_job(id): a schedule of 4 is a job here",
    "ScheduleAdded": _EVENTS,
    "ScheduleLookupError": _LOOK_UP,
    "ScheduleRemoved": _EVENTS,
    "ScheduleUpdated": _EVENTS,
    "SchedulerRole": "leader_lock= of a scheduler, and add_job() on one that is started paused",
    "SchedulerStarted": _EVENTS,
    "SchedulerStopped": _EVENTS,
    "Task": "a function: jobs here name it themselves",
    "TaskAdded": _EVENTS,
    "TaskLookupError": _LOOK_UP,
    "TaskDefaults": "job_defaults= of a scheduler",
    "current_async_scheduler": _RUN,
    "current_job": _RUN,
    "current_scheduler": _RUN,
    "task": "scheduler.scheduled_job(trigger, ...), the decorator of this API",
}
_SQL = "from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore"
_THREADS = "from apscheduler.executors.pool import ThreadPoolExecutor"
_PROCESSES = "from apscheduler.executors.pool import ProcessPoolExecutor"
_MODULES_OF_4 = {
    "abc": (
        "from apscheduler.triggers.base import BaseTrigger; from apscheduler.jobstores.base import BaseJobStore; "
        "from apscheduler.executors.base import BaseExecutor; from apscheduler.serializers import Serializer"
    ),
    "context": _RUN,
    "datastores": (
        f"a job store, for scheduler.add_jobstore(SQLAlchemyJobStore(url)): {_SQL}; "
        "or MemoryJobStore of apscheduler.jobstores.memory, MongoDBJobStore of apscheduler.jobstores.mongodb"
    ),
    "enums": _OPTIONS,
    "eventbrokers": f"not needed: processes share one job store as it is. {_SQL}",
    "exceptions": "from apscheduler.jobstores.base import ConflictingIdError, JobLookupError",
    "executors.async_": "from apscheduler.executors.asyncio import AsyncIOExecutor",
    "executors.qt": "not needed beside QtScheduler: from apscheduler.schedulers.qt import QtScheduler",
    "executors.subprocess": _PROCESSES,
    "executors.thread": _THREADS,
    "policies": _OPTIONS,
    "schedulers.async_": _OF_4["AsyncScheduler"],
    "schedulers.sync": _OF_4["Scheduler"],
    "serializers.cbor": _SERIALIZERS,
    "structures": "scheduler.get_job(id) and scheduler.get_runs(): from apscheduler.job import Job",
    "workers": f"not needed: a scheduler runs its jobs itself. {_BACKGROUND}",
}
_MODULES_OF_2 = {
    "jobstores.mongodb_store": "from apscheduler.jobstores.mongodb import MongoDBJobStore",
    "jobstores.ram_store": "from apscheduler.jobstores.memory import MemoryJobStore",
    "jobstores.redis_store": "from apscheduler.jobstores.redis import RedisJobStore",
    "jobstores.shelve_store": f"a file of SQLite, SQLAlchemyJobStore('sqlite:///jobs.sqlite'): {_SQL}",
    "jobstores.sqlalchemy_store": _SQL,
    "scheduler": (
        f"{_BACKGROUND}; its add_job(function, 'interval', minutes=5) is what 2 calls add_interval_job(function, minutes=5)"
    ),
    "threadpool": _THREADS,
    "triggers.simple": "from apscheduler.triggers.date import DateTrigger",
}
_OF_NONE = {  # aliases of a configuration, as if they were modules
    "executors.processpool": _PROCESSES,
    "executors.threadpool": _THREADS,
}
_PLACES = {
    "schedulers.asyncio": "AsyncIOScheduler",
    "schedulers.background": "BackgroundScheduler",
    "schedulers.base": "BaseScheduler",
    "schedulers.blocking": "BlockingScheduler",
    "schedulers.gevent": "GeventScheduler",
    "schedulers.qt": "QtScheduler",
    "schedulers.tornado": "TornadoScheduler",
    "schedulers.twisted": "TwistedScheduler",
    "schedulers": "SchedulerAlreadyRunningError SchedulerNotRunningError",
    "executors.asyncio": "AsyncIOExecutor",
    "executors.debug": "DebugExecutor",
    "executors.gevent": "GeventExecutor",
    "executors.pool": "ProcessPoolExecutor ThreadPoolExecutor",
    "executors.tornado": "TornadoExecutor",
    "executors.twisted": "TwistedExecutor",
    "job": "Job",
    "jobstores.base": "ConflictingIdError JobLookupError",
    "jobstores.etcd": "EtcdJobStore",
    "jobstores.memory": "MemoryJobStore",
    "jobstores.mongodb": "MongoDBJobStore",
    "jobstores.redis": "RedisJobStore",
    "jobstores.rethinkdb": "RethinkDBJobStore",
    "jobstores.sqlalchemy": "SQLAlchemyJobStore",
    "jobstores.zookeeper": "ZooKeeperJobStore",
    "triggers.calendarinterval": "CalendarIntervalTrigger",
    "triggers.combining": "AndTrigger OrTrigger",
    "triggers.cron": "CronTrigger",
    "triggers.crontab": "CrontabTrigger",
    "triggers.date": "DateTrigger",
    "triggers.interval": "IntervalTrigger",
    "triggers.rrule": "RRuleTrigger",
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names.split()}
_IMPORTERS = {"_frozen_importlib", "importlib._bootstrap"}


def advice(name: str, package: str = "apscheduler") -> str | None:
    """Return the sentence for code that asks a package of ours for this name, ``None`` if there is nothing to say."""
    asked = f"cannot import name {name!r} from {package!r}: "
    here = _of_release(4, _OF_4.get(name)) or _of_module(f"{package}.{name}")
    if here:
        return asked + here
    if name in _PLACE_OF:
        return f"{asked}write: from apscheduler.{_PLACE_OF[name]} import {name}"
    return None


def error_of_import(module: str, asking: FrameType) -> ImportError | None:
    """Return the error for an import of a module that is not here, ``None`` if Python's own error says as much.

    :param asking: the frame that asks for it; only an import statement gets an answer, not code that looks whether
        there is such a module
    """
    if not is_import(asking):
        return None
    package, _, name = module.rpartition(".")
    if _is_by_name(asking):  # Python would pass over a ModuleNotFoundError
        said = advice(name, package)
        return ImportError(said, name=package) if said else None
    here = _of_module(module)
    return ModuleNotFoundError(f"No module named {module!r}: {here}", name=module) if here else None


def is_import(asking: FrameType) -> bool:
    """Return whether an import statement asks for a name, and not ``hasattr`` or ``find_spec``."""
    if asking.f_globals.get("__name__") in _IMPORTERS:
        return True
    from opcode import opmap

    return asking.f_code.co_code[asking.f_lasti] == opmap["IMPORT_FROM"]


def _is_by_name(asking: FrameType | None) -> bool:
    """Return whether ``from package import name`` asks: then Python looks for a module of that name too."""
    while asking is not None and asking.f_globals.get("__name__") in _IMPORTERS:
        if asking.f_code.co_name == "_handle_fromlist":
            return True
        asking = asking.f_back
    return False


def _of_module(module: str) -> str | None:
    """Return what to write here for a module of another release, ``None`` if nothing is known."""
    name = module.partition(".")[2]
    found = _of_release(4, _MODULES_OF_4.get(name)) or _of_release(2, _MODULES_OF_2.get(name))
    return found or (f"write: {_OF_NONE[name]}" if name in _OF_NONE else None)


def _of_release(number: int, here: str | None) -> str | None:
    if here is None:
        return None
    return f"it belongs to APScheduler {number}, and this is the API of 3.11. Here it is: {here}"
