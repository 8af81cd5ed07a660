"""A job that cannot be shown, in memory or in someone else's store, costs the listing of the others nothing."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from apscheduler.job import Job
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.triggers.base import BaseTrigger
from tests.schedulers.test_loop_survives import TheirStore


class Hidden(Job):
    """A job of somebody's own class that does not tell its next fire time."""

    __slots__ = ()

    @property
    def next_run_time(self):
        raise ValueError("year 20000 is out of range")

    @next_run_time.setter
    def next_run_time(self, moment):
        Job.next_run_time.fset(self, moment)


class Moody(tzinfo):
    """A zone that shows no time."""

    def utcoffset(self, moment):
        raise RuntimeError("the zone's file is gone")

    dst = tzname = utcoffset


class InMoodyZone(BaseTrigger):
    """Fires each ten seconds, in a zone that cannot show it."""

    timezone = Moody()

    def next_us(self, previous, now):
        return (previous or now) + 10_000_000

    def get_next_fire_time(self, previous_fire_time, now):
        raise NotImplementedError


@pytest.fixture(params=[MemoryJobStore, TheirStore])
def scheduler(request):
    scheduler = ManualScheduler(jobstores={"default": request.param()}, clock=FakeClock())
    scheduler.start()
    scheduler.add_job(print, "interval", hours=1, id="good")
    yield scheduler
    scheduler.remove_all_jobs()
    scheduler.shutdown()


def listed(scheduler):
    text, file = io.StringIO(), io.StringIO()
    scheduler.print_jobs(out=text)
    scheduler.export_jobs(file)
    return text.getvalue(), [job["id"] for job in json.loads(file.getvalue())["jobs"]]


def test_a_job_that_does_not_tell_its_time_is_named_and_left_out(scheduler, caplog):
    job = scheduler.add_job(print, "interval", minutes=5, id="odd")
    job.__class__ = Hidden
    text, exported = listed(scheduler)
    assert "print (trigger: interval[1:00:00], next run at" in text
    assert "odd (cannot be shown: ValueError: year 20000 is out of range)" in text
    assert exported == ["good"]
    assert "'odd'" in caplog.text
    assert "left out of the export" in caplog.text
    (found,) = scheduler.get_quarantined()
    assert (found.job_id, found.jobstore, found.next_run_time) == ("odd", "default", None)
    assert "year 20000" in found.reason
    assert {run.job_id for run in scheduler.preview(hours=3)} >= {"good"}
    assert scheduler.to_ical(1).count("BEGIN:VEVENT") >= 23
    assert {job.id for job in scheduler.get_jobs()} == {"good", "odd"}
    job.__class__ = Job


def test_a_time_that_its_zone_cannot_show_is_shown_in_utc():
    scheduler = ManualScheduler(clock=FakeClock())
    scheduler.start()
    job = Job(
        scheduler,
        id="odd",
        func=print,
        args=(),
        kwargs={},
        trigger=InMoodyZone(),
        executor="default",
        misfire_grace_time=None,
        coalesce=True,
        name="odd",
        max_instances=1,
    )
    job._due = scheduler.clock.now_us() + 10_000_000
    scheduler._jobstores["default"].add_job(job)
    assert job.next_run_time == scheduler.clock.now() + timedelta(seconds=10)
    text, _ = listed(scheduler)
    assert "odd (trigger" in text
    scheduler.advance(35)
    assert [run.outcome for run in scheduler.get_runs("odd")] == ["executed"] * 3
    scheduler.shutdown()


@pytest.mark.parametrize("moment", [datetime.max, datetime.min])
def test_the_ends_of_time_can_be_listed_in_every_zone(moment):
    scheduler = ManualScheduler(clock=FakeClock(), timezone="Pacific/Kiritimati")
    scheduler.start()
    job = scheduler.add_job(
        print, "interval", days=1, id="far", next_run_time=moment.replace(tzinfo=UTC)
    )
    job._shown = None
    text, exported = listed(scheduler)
    assert f"{moment.year}" in text or f"{moment.year:04}" in text
    assert exported == ["far"]
    scheduler.shutdown()
