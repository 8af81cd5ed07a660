"""What users write, as their type checkers see it: test_typed.py has mypy and pyright read this file; nothing runs it.

``assert_type`` holds what an expression is. A line that has to be an error says so by ``type: ignore`` with its code, and both
checkers report such a comment where there is no error.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor as StandardPool
from datetime import UTC, datetime, timedelta
from typing import assert_type
from zoneinfo import ZoneInfo

import tickwright
from apscheduler import current_run, version_info
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.executors.base import BaseExecutor
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.history.rows import Run
from apscheduler.job import Job
from apscheduler.jobstores.base import (
    BaseJobStore,
    ConflictingIdError,
    JobLookupError,
    Quarantined,
)
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.testing import DictStore, FakeClock, ManualScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

BERLIN = ZoneInfo("Europe/Berlin")


def work(number: int, *, name: str = "") -> str:
    return name * number


async def later(number: int) -> None: ...


def makes_schedulers() -> None:
    BlockingScheduler(executor=StandardPool(max_workers=5))
    scheduler = BackgroundScheduler(
        jobstores={"default": MemoryJobStore(), "sql": SQLAlchemyJobStore(url="sqlite://")},
        executors={"default": ThreadPoolExecutor(20), "processes": ProcessPoolExecutor(5)},
        job_defaults={"coalesce": False, "max_instances": 3, "timeout": 60},
        timezone="Asia/Shanghai",
    )
    scheduler.configure(timezone=BERLIN)
    scheduler.start(paused=True)
    scheduler.shutdown(wait=False)
    scheduler.shutdown(timeout=timedelta(seconds=5))
    assert_type(scheduler.running, bool)
    assert_type(scheduler.state, int)


def adds_jobs(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(work, "interval", args=[1], seconds=5, id="x", replace_existing=True)
    assert_type(job, Job)
    scheduler.add_job("package.module:name", CronTrigger(hour=3), kwargs={"name": "x"})
    scheduler.add_job(later, "date", run_date=datetime(2030, 1, 1, tzinfo=UTC), args=(1,))
    scheduler.add_job(work, timeout=timedelta(minutes=1), delivery="at_least_once")
    assert_type(scheduler.add_jobs([{"func": work, "trigger": "interval", "hours": 1}]), list[Job])
    scheduler.add_job()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    scheduler.add_job(work, replace_existing="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def decorates(scheduler: BackgroundScheduler) -> None:
    @scheduler.scheduled_job("cron", hour=3, id="nightly")
    def nightly(number: int) -> str:
        return str(number)

    assert_type(nightly(1), str)
    nightly("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def changes_jobs(scheduler: BaseScheduler, job: Job) -> None:
    assert_type(scheduler.get_job("x"), Job | None)
    assert_type(scheduler.get_jobs(), list[Job])
    assert_type(scheduler.modify_job("x", max_instances=2), Job)
    assert_type(scheduler.reschedule_job("x", trigger="cron", hour=4), Job)
    assert_type(scheduler.pause_job("x"), Job)
    assert_type(scheduler.resume_job("x"), Job | None)
    assert_type(job.modify(name="y").reschedule("interval", hours=2), Job)
    assert_type(job.next_run_time, datetime | None)
    assert_type(job.trigger, BaseTrigger)
    assert_type(job.id, str)
    assert_type(job.name, str)
    assert_type(job.last_run, Run | None)
    try:
        scheduler.remove_job("x")
    except (JobLookupError, ConflictingIdError):
        scheduler.print_jobs()


def reads_history(scheduler: BaseScheduler) -> None:
    runs = scheduler.get_runs(outcome="failed", limit=5)
    assert_type(runs, list[Run])
    assert_type(scheduler.get_running(), list[Run])
    assert_type(scheduler.outcome_counts(), dict[Outcome, int])
    assert_type(scheduler.get_quarantined(), list[Quarantined])
    assert_type(scheduler.nodes(), list[tickwright.Node])
    for run in runs:
        assert_type(run.job_id, str)
        assert_type(run.outcome, Outcome | None)
        assert_type(run.fire_time, datetime)
        assert_type(run.reason, str | None)


def listens(scheduler: BaseScheduler) -> None:
    def told(event: JobExecutionEvent) -> None:
        assert_type(event.job_id, str)
        assert_type(event.exception, BaseException | None)
        assert_type(event.traceback, str | None)

    scheduler.add_listener(told, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
    scheduler.remove_listener(told)


def computes_fire_times() -> None:
    triggers: list[BaseTrigger] = [
        IntervalTrigger(hours=1, timezone=BERLIN),
        CronTrigger.from_crontab("0 9 * * mon-fri", timezone="Europe/Berlin"),
        DateTrigger("2030-01-01", "UTC"),
    ]
    triggers += [AndTrigger(triggers), OrTrigger(triggers, jitter=5)]
    now = datetime.now(UTC)
    assert_type(triggers[0].get_next_fire_time(None, now), datetime | None)
    assert_type(CronTrigger(hour="*/2", day_of_week="mon"), CronTrigger)
    assert_type(triggers[0].describe(), str)


class HourlyTrigger(BaseTrigger):
    """A trigger of a user's own."""

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        return (previous_fire_time or now) + timedelta(hours=1)


class OwnStore(MemoryJobStore):
    """A store that somebody has extended."""

    def get_due_jobs(self, now: datetime) -> list[Job]:
        return [job for job in super().get_due_jobs(now) if job.name]


class OwnExecutor(BaseExecutor):
    """An executor of a user's own."""

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        self._run_job_success(job.id, [])


def inside_a_job() -> str:
    run = current_run()
    if run is None:
        return "called by hand"
    assert_type(run.fire_id, str)
    assert_type(run.attempt, int)
    return run.job_id


async def in_a_loop(store: BaseJobStore) -> None:
    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.add_jobstore(store, "other")
    scheduler.start()
    await scheduler.ashutdown()


def in_tests() -> None:
    clock = FakeClock(datetime(2030, 1, 1, tzinfo=UTC))
    scheduler = ManualScheduler(clock=clock, jobstores={"kept": DictStore(copies=True)})
    scheduler.add_job(work, "interval", hours=1)
    scheduler.start()


assert_type(version_info, tuple[int, int, int])
assert_type(tickwright.__version__, str)
