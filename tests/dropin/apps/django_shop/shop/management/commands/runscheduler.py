"""Run the shop's scheduler until enough has happened, and report what the database and the ledger say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core.management.base import BaseCommand
from django_apscheduler.jobstores import DjangoJobStore
from django_apscheduler.models import DjangoJob, DjangoJobExecution
from reporting import Tally, ledger, report

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from shop.jobs import done

HOUR = timedelta(hours=1)


class Command(BaseCommand):
    """First the shop opens and adds its jobs; when it reopens they come from the database."""

    def add_arguments(self, parser) -> None:
        parser.add_argument("day", choices=["open", "reopen"])

    def handle(self, *args, day: str, **options) -> None:
        heard = Tally()
        scheduler = BackgroundScheduler(timezone=settings.TIME_ZONE)
        scheduler.add_jobstore(DjangoJobStore(), "default")
        scheduler.add_listener(
            lambda event: heard.add(f"{event.job_id} {event.code}"),
            EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED,
        )
        if day == "open":
            self.add_jobs(scheduler)
        scheduler.start()
        if day == "open":
            waits = {
                f"stock {EVENT_JOB_EXECUTED}": 3,
                f"bills {EVENT_JOB_ERROR}": 2,
                f"late {EVENT_JOB_MISSED}": 1,
            }
        else:
            scheduler.resume_job("paused")
            waits = {f"stock {EVENT_JOB_EXECUTED}": 2, f"paused {EVENT_JOB_EXECUTED}": 1}
        reached = all(heard.reached(name, count) for name, count in waits.items())
        if day == "open":
            scheduler.get_job("stock").modify(name="stock of the first shelf")
            scheduler.pause_job("bills")
        scheduler.shutdown()
        report(reached=reached, ledger=ledger(scheduler), ran=done["shelf 1"], **database())

    def add_jobs(self, scheduler) -> None:
        def add(name: str, function: str, trigger: object, **more: object) -> None:
            scheduler.add_job(
                f"shop.jobs:{function}", trigger, id=name, replace_existing=True, **more
            )

        often = {"seconds": 0.2, "misfire_grace_time": 60}
        add("stock", "take_stock", "interval", args=["shelf 1"], **often)
        add("bills", "send_bills", "interval", **often)
        add("paused", "take_stock", "interval", args=["shelf 2"], next_run_time=None, **often)
        an_hour_ago = datetime.now(UTC) - HOUR
        add("late", "send_bills", "interval", hours=5, next_run_time=an_hour_ago)
        weekly = CronTrigger(day_of_week="mon", hour="00", minute="00")
        add("weekly", "forget_old_executions", weekly, args=[604_800], max_instances=1)


def database() -> dict[str, object]:
    """Return the jobs and executions that django-apscheduler stored."""
    executions = DjangoJobExecution.objects.order_by("id").values_list(
        "job_id", "status", "exception"
    )
    return {
        "jobs": {
            job.id: job.next_run_time and job.next_run_time.timestamp()
            for job in DjangoJob.objects.all()
        },
        "executions": [list(each) for each in executions],
    }
