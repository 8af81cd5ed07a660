"""Replacing a job of the same id, with and without its place in time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apscheduler.testing import ManualScheduler


@pytest.fixture
def scheduler():
    scheduler = ManualScheduler()
    scheduler.start()
    yield scheduler
    scheduler.shutdown()


def add(scheduler, minutes=10, **options):
    return scheduler.add_job(
        print, "interval", minutes=minutes, id="job", replace_existing=True, **options
    )


@pytest.mark.trap(80)
def test_a_replaced_job_starts_anew_as_in_3_x(scheduler):
    add(scheduler)
    scheduler.clock.advance(timedelta(minutes=7))
    assert add(scheduler).next_run_time == scheduler.clock.now() + timedelta(minutes=10)


@pytest.mark.trap(80)
def test_a_replaced_job_can_keep_its_next_run_time_even_an_overdue_one(scheduler):
    first = add(scheduler, misfire_grace_time=None).next_run_time
    scheduler.clock.advance(timedelta(minutes=12))
    job = add(scheduler, keep_next_run_time=True, misfire_grace_time=None)
    assert job.next_run_time == first
    scheduler.tick()
    assert [run.fire_time for run in scheduler.get_runs("job")] == [first]


def test_another_trigger_has_no_use_for_the_old_time(scheduler):
    add(scheduler)
    scheduler.clock.advance(timedelta(minutes=7))
    job = add(scheduler, minutes=20, keep_next_run_time=True)
    assert job.next_run_time == scheduler.clock.now() + timedelta(minutes=20)


def test_an_explicit_time_wins_over_the_kept_one(scheduler):
    add(scheduler)
    when = scheduler.clock.now() + timedelta(hours=5)
    assert add(scheduler, keep_next_run_time=True, next_run_time=when).next_run_time == when
