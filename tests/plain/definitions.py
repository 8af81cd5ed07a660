"""Jobs that both implementations write into a store, and what both say of a store's jobs; imports no more than that."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

ZONE = ZoneInfo("Europe/Berlin")
FIRST = datetime(2031, 5, 6, 7, 8, 9, 123457, tzinfo=ZONE)
FUNCTION = "posixpath:join"


def paused_scheduler(store):
    """Return a scheduler that is started on the store, and claims nothing."""
    scheduler = BackgroundScheduler(timezone=ZONE)
    scheduler.add_jobstore(store)
    scheduler.add_executor("threadpool", "other")
    scheduler.start(paused=True)
    return scheduler


def add_all(scheduler) -> None:
    """Add a job of each kind."""
    day = CronTrigger(hour=3, minute=30, timezone=ZONE)
    night = CronTrigger(hour=23, timezone=ZONE)
    jobs = {
        "date": DateTrigger(FIRST),
        "interval": IntervalTrigger(seconds=10, start_date=FIRST, timezone=ZONE),
        "cron": CronTrigger(
            day_of_week="mon-fri", hour="9", start_date=FIRST, jitter=5, timezone=ZONE
        ),
        "calendar": CalendarIntervalTrigger(months=1, hour=8, start_date=FIRST.date()),
        "or": OrTrigger([day, night]),
        "and": AndTrigger([day, CronTrigger(day="1", hour=3, minute=30, timezone=ZONE)]),
    }
    for number, (job_id, trigger) in enumerate(jobs.items()):
        moment = FIRST + timedelta(seconds=number)
        scheduler.add_job(FUNCTION, trigger, ["a"], id=job_id, next_run_time=moment)
    every_day = IntervalTrigger(days=1, start_date=FIRST, timezone=ZONE)
    scheduler.add_job(FUNCTION, every_day, ["p"], id="paused", next_run_time=None)
    scheduler.add_job(
        FUNCTION,
        IntervalTrigger(weeks=2, start_date=FIRST, timezone=ZONE),
        args=[b"\x00\xff".decode("latin-1"), "定"],
        id="定时 任务 %s",
        name="given name",
        misfire_grace_time=30,
        coalesce=False,
        max_instances=4,
        executor="other",
        next_run_time=FIRST + timedelta(days=1),
    )


def change_all(scheduler) -> None:
    """Change, pause, wake and remove jobs of :func:`add_all`."""
    scheduler.modify_job("date", name="changed", args=("b", "c"))
    scheduler.pause_job("interval")
    scheduler.modify_job("paused", next_run_time=FIRST + timedelta(hours=1))
    scheduler.remove_job("or")


def described(store) -> dict:
    """Return, as plain values, what a started store says of its jobs."""
    following = store.get_next_run_time()
    due = store.get_due_jobs(FIRST + timedelta(seconds=2))
    return {
        "next": None if following is None else following.astimezone(ZONE).isoformat(),
        "due": [job.id for job in due],
        "jobs": {job.id: _described(job) for job in store.get_all_jobs()},
        "order": [job.id for job in store.get_all_jobs()],
        "looked up": {name: str(store.lookup_job(name)) for name in ("date", "paused", "nobody")},
    }


def _described(job) -> dict:
    moment = job.next_run_time
    by_chance = getattr(job.trigger, "jitter", None)
    later = FIRST + timedelta(days=3)
    return {
        "next": None if moment is None else moment.isoformat(),
        "trigger": str(job.trigger),
        "repr": repr(job.trigger),
        "func": job.func_ref,
        "args": list(job.args),
        "kwargs": dict(job.kwargs),
        "name": job.name,
        "executor": job.executor,
        "grace": job.misfire_grace_time,
        "coalesce": job.coalesce,
        "instances": job.max_instances,
        "following": None if by_chance else str(job.trigger.get_next_fire_time(None, later)),
    }
