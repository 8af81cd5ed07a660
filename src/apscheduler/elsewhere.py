"""Gives our modules the names that modules of 3.x only import: some code takes them from there.

The names are looked up when they are asked for, so that no module here loads another for their sake.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_EVENTS = "JobEvent JobExecutionEvent JobSubmissionEvent SchedulerEvent"
_UTIL = (
    "asbool asdate asint astimezone check_callable_args convert_to_datetime datetime_ceil datetime_repr "
    "datetime_to_utc_timestamp datetime_utc_add get_callable_name iscoroutinefunction_partial localize maybe_ref "
    "normalize obj_to_ref ref_to_obj timedelta_seconds timezone_repr undefined utc_timestamp_to_datetime"
)
_HOMES = {
    "abc": "ABCMeta abstractmethod",
    "apscheduler.events": f"{_EVENTS} EVENT_JOB_ERROR EVENT_JOB_EXECUTED EVENT_JOB_MISSED",
    "apscheduler.executors.base": "BaseExecutor MaxInstancesReachedError run_coroutine_job run_job",
    "apscheduler.executors.pool": "ThreadPoolExecutor",
    "apscheduler.job": "Job",
    "apscheduler.jobstores.base": "BaseJobStore ConflictingIdError JobLookupError",
    "apscheduler.jobstores.memory": "MemoryJobStore",
    "apscheduler.schedulers": "SchedulerAlreadyRunningError SchedulerNotRunningError",
    "apscheduler.schedulers.base": "BaseScheduler STATE_STOPPED get_localzone",
    "apscheduler.schedulers.blocking": "BlockingScheduler",
    "apscheduler.triggers.base": "BaseTrigger",
    "apscheduler.triggers.cron.fields": (
        "BaseField DEFAULT_VALUES DayOfMonthField DayOfWeekField MAX_VALUES MIN_VALUES MonthField SEPARATOR WeekField"
    ),
    "apscheduler.util": _UTIL,
    "calendar": "monthrange timegm",
    "collections": "defaultdict",
    "collections.abc": "Iterable Mapping MutableMapping",
    "concurrent.futures.process": "BrokenProcessPool",
    "contextlib": "ExitStack",
    "datetime": "date datetime time timedelta timezone tzinfo",
    "functools": "partial wraps",
    "importlib.metadata": "entry_points",
    "inspect": "isbuiltin isclass iscoroutinefunction isfunction ismethod signature",
    "logging": "getLogger",
    "math": "ceil",
    "sqlalchemy": "Column Float LargeBinary MetaData Table Unicode and_ create_engine null select",
    "sqlalchemy.exc": "IntegrityError",
    "tornado.gen": "convert_yielded",
    "threading": "Event RLock TIMEOUT_MAX Thread",
    "traceback": "format_tb",
    "typing": "Any",
    "uuid": "uuid4",
    "zoneinfo": "ZoneInfo",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}
_MODULES = frozenset(
    [
        "asyncio",
        "concurrent",
        "logging",
        "multiprocessing",
        "pickle",
        "random",
        "re",
        "sys",
        "traceback",
        "warnings",
    ]
)
_STORES = (
    "BaseJobStore ConflictingIdError Job JobLookupError datetime_to_utc_timestamp maybe_ref pickle "
    "utc_timestamp_to_datetime"
)
_PLACES = {
    "executors.asyncio": "BaseExecutor iscoroutinefunction_partial run_coroutine_job run_job sys",
    "executors.base": (
        "ABCMeta EVENT_JOB_ERROR EVENT_JOB_EXECUTED EVENT_JOB_MISSED JobExecutionEvent abstractmethod datetime "
        "defaultdict format_tb logging sys timedelta timezone traceback"
    ),
    "executors.debug": "BaseExecutor run_job sys",
    "executors.gevent": "BaseExecutor run_job sys",
    "executors.pool": "BaseExecutor BrokenProcessPool abstractmethod concurrent multiprocessing run_job",
    "executors.tornado": "BaseExecutor convert_yielded iscoroutinefunction_partial run_coroutine_job run_job sys",
    "executors.twisted": "BaseExecutor run_job",
    "jobstores.base": "ABCMeta abstractmethod logging",
    "jobstores.etcd": f"{_STORES} datetime timezone",
    "jobstores.memory": "BaseJobStore datetime_to_utc_timestamp",
    "jobstores.mongodb": _STORES,
    "jobstores.redis": f"{_STORES} datetime timezone",
    "jobstores.rethinkdb": _STORES,
    "jobstores.sqlalchemy": (
        f"{_STORES} Column Float IntegrityError LargeBinary MetaData Table Unicode and_ create_engine null select"
    ),
    "jobstores.zookeeper": f"{_STORES} datetime timezone",
    "job": (
        "BaseTrigger Iterable Mapping UTC check_callable_args convert_to_datetime datetime_repr get_callable_name "
        "isclass ismethod obj_to_ref ref_to_obj timezone uuid4"
    ),
    "schedulers.asyncio": "BaseScheduler SchedulerNotRunningError asyncio maybe_ref partial wraps",
    "schedulers.background": "BaseScheduler BlockingScheduler Event Thread asbool",
    "schedulers.base": (
        "ABCMeta BaseExecutor BaseJobStore BaseTrigger ConflictingIdError ExitStack Job JobEvent JobLookupError "
        "JobSubmissionEvent Mapping MaxInstancesReachedError MemoryJobStore MutableMapping RLock "
        "SchedulerAlreadyRunningError SchedulerEvent SchedulerNotRunningError TIMEOUT_MAX ThreadPoolExecutor "
        "abstractmethod asbool asint astimezone datetime entry_points getLogger maybe_ref obj_to_ref ref_to_obj sys "
        "timedelta undefined warnings"
    ),
    "schedulers.blocking": "BaseScheduler Event STATE_STOPPED TIMEOUT_MAX",
    "schedulers.gevent": "BaseScheduler BlockingScheduler Event RLock",
    "schedulers.qt": "BaseScheduler",
    "schedulers.tornado": "BaseScheduler SchedulerNotRunningError maybe_ref timedelta wraps",
    "schedulers.twisted": "BaseScheduler SchedulerNotRunningError maybe_ref wraps",
    "triggers.base": "ABCMeta abstractmethod random timedelta",
    "triggers.calendarinterval": (
        "Any BaseTrigger asdate astimezone date datetime get_localzone time timedelta timezone_repr tzinfo"
    ),
    "triggers.combining": "BaseTrigger obj_to_ref ref_to_obj",
    "triggers.cron": (
        "BaseField BaseTrigger DEFAULT_VALUES DayOfMonthField DayOfWeekField MonthField UTC WeekField astimezone "
        "convert_to_datetime datetime datetime_ceil datetime_repr datetime_utc_add get_localzone timedelta timezone"
    ),
    "triggers.cron.expressions": "asint monthrange re",
    "triggers.cron.fields": "monthrange re",
    "triggers.date": "BaseTrigger astimezone convert_to_datetime datetime datetime_repr get_localzone",
    "triggers.interval": (
        "BaseTrigger astimezone ceil convert_to_datetime datetime datetime_repr get_localzone random timedelta"
    ),
    "util": (
        "UTC ZoneInfo date datetime isbuiltin isclass iscoroutinefunction isfunction ismethod partial re signature "
        "sys time timedelta timegm timezone tzinfo"
    ),
}


def names_of_3x(module: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module that 3.x has too: it finds what 3.x's module of this name imports."""
    known = frozenset(_PLACES[module.removeprefix("apscheduler.")].split())

    def find(name: str) -> Any:
        if name not in known:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return _found(name)

    return find


def _found(name: str) -> Any:
    if name == "UTC":  # 3.x's timezone.utc
        from datetime import UTC

        return UTC
    home = name if name in _MODULES else _HOME_OF[name]
    __import__(home)
    return sys.modules[home] if name in _MODULES else getattr(sys.modules[home], name)
