"""What to write here for names that are not in this package: those of tutorials on APScheduler 4, and short ways.

Loaded when such a name is asked for.
"""

from __future__ import annotations

_BACKGROUND = "from apscheduler.schedulers.background import BackgroundScheduler"
_ASYNCIO = "from apscheduler.schedulers.asyncio import AsyncIOScheduler"
_RUN = "from apscheduler import current_run"
_OPTIONS = "options of add_job() (coalesce, misfire_grace_time, max_instances, replace_existing)"
_EVENTS = "scheduler.add_listener(callback, mask), with the codes of apscheduler.events"
_OF_4 = {
    "AsyncScheduler": f"{_ASYNCIO}; its add_job(function, trigger) is what 4 calls add_schedule(function, trigger)",
    "Scheduler": f"{_BACKGROUND}; its add_job(function, trigger) is what 4 calls add_schedule(function, trigger)",
    "CoalescePolicy": _OPTIONS,
    "ConflictPolicy": _OPTIONS,
    "JobOutcome": "scheduler.get_runs(), whose runs have an outcome",
    "JobResult": "scheduler.get_runs(), or the retval of EVENT_JOB_EXECUTED",
    "JobReleased": _EVENTS,
    "JobAcquired": _EVENTS,
    "JobAdded": _EVENTS,
    "Event": _EVENTS,
    "RunState": "scheduler.state, with STATE_RUNNING and others of apscheduler.schedulers.base",
    "Schedule": "scheduler.get_job(id): a schedule of 4 is a job here",
    "ScheduleAdded": _EVENTS,
    "ScheduleRemoved": _EVENTS,
    "ScheduleUpdated": _EVENTS,
    "SchedulerRole": "leader_lock= of a scheduler, and add_job() on one that is started paused",
    "SchedulerStarted": _EVENTS,
    "SchedulerStopped": _EVENTS,
    "Task": "a function: jobs here name it themselves",
    "TaskAdded": _EVENTS,
    "TaskDefaults": "job_defaults= of a scheduler",
    "current_async_scheduler": _RUN,
    "current_job": _RUN,
    "current_scheduler": _RUN,
    "task": "scheduler.scheduled_job(trigger, ...), the decorator of this API",
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
    "executors.pool": "ProcessPoolExecutor ThreadPoolExecutor",
    "job": "Job",
    "jobstores.base": "ConflictingIdError JobLookupError",
    "jobstores.memory": "MemoryJobStore",
    "jobstores.redis": "RedisJobStore",
    "jobstores.sqlalchemy": "SQLAlchemyJobStore",
    "triggers.calendarinterval": "CalendarIntervalTrigger",
    "triggers.combining": "AndTrigger OrTrigger",
    "triggers.cron": "CronTrigger",
    "triggers.crontab": "CrontabTrigger",
    "triggers.date": "DateTrigger",
    "triggers.interval": "IntervalTrigger",
    "triggers.rrule": "RRuleTrigger",
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names.split()}


def advice(name: str) -> str | None:
    """Return the sentence for whoever asks the package for this name, ``None`` where there is nothing to say."""
    asked = f"cannot import name {name!r} from 'apscheduler': "
    if name in _OF_4:
        return f"{asked}it belongs to APScheduler 4, and this is the API of 3.11. Here it is: {_OF_4[name]}"
    if name in _PLACE_OF:
        return f"{asked}write: from apscheduler.{_PLACE_OF[name]} import {name}"
    return None
