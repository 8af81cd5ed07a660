"""Adding jobs: what comes from the defaults, what is refused before anything is added, what a follower is told."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from apscheduler.calendars import BusinessDays
from apscheduler.events import EVENT_JOB_ADDED
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.interval import IntervalTrigger

START = datetime(2030, 1, 1, tzinfo=UTC)
HOURLY = {"func": print, "trigger": "interval", "hours": 1}


@pytest.fixture
def scheduler():
    made = ManualScheduler(clock=FakeClock(START))
    made.start()
    yield made
    made.shutdown()


def test_a_job_gets_its_delivery_from_the_defaults_unless_it_says_one():
    scheduler = ManualScheduler(job_defaults={"delivery": "at_least_once"})
    assert scheduler.add_job(print).delivery == "at_least_once"
    assert scheduler.add_job(print, delivery="at_most_once").delivery == "at_most_once"


def test_of_several_jobs_none_is_added_where_one_has_an_unknown_executor(scheduler):
    with pytest.raises(KeyError, match="nowhere"):
        scheduler.add_jobs([HOURLY, {**HOURLY, "executor": "nowhere"}])
    assert scheduler.get_jobs() == []


def test_several_jobs_wake_the_loop_for_the_one_that_is_due_first():
    class Wakened(ManualScheduler):
        def _wake_for(self, due):
            woken.append(due)

    woken: list[int] = []
    scheduler = Wakened(clock=FakeClock(START), timezone="UTC")
    scheduler.start()
    jobs = scheduler.add_jobs([{**HOURLY, "hours": hours} for hours in (3, 1, 2)])
    assert woken[-1:] == [jobs[1]._due]
    assert jobs[1].next_run_time == START + timedelta(hours=1)
    scheduler.shutdown()


def test_of_several_jobs_each_is_logged_and_told(scheduler, caplog):
    caplog.set_level(logging.INFO, "apscheduler.scheduler")
    told = []
    scheduler.add_listener(lambda event: told.append(event.job_id), EVENT_JOB_ADDED)
    scheduler.add_jobs([{**HOURLY, "id": each, "name": f"job {each}"} for each in "ab"])
    said = [each.message for each in caplog.records if "Added" in each.message]
    assert said == [f'Added job "job {each}" to job store "default"' for each in "ab"]
    assert told == ["a", "b"]


@pytest.mark.parametrize("several", [False, True])
def test_what_replaces_a_job_keeps_its_next_fire_time_where_that_is_asked_for(scheduler, several):
    first = scheduler.add_job(**HOURLY, id="a").next_run_time
    scheduler.clock.advance(1800)
    asked = {"replace_existing": True, "keep_next_run_time": True}
    given = {**HOURLY, "id": "a", "name": "another", **asked}
    if several:
        scheduler.add_jobs([given, {**HOURLY, "id": "b"}])
    else:
        scheduler.add_job(**given)
    job = scheduler.get_job("a")
    assert (job.name, job.next_run_time) == ("another", first)


@pytest.mark.parametrize("given", [5, print, {}, {"trigger": "interval"}, [1, 2], None])
def test_what_describes_no_job_is_refused_and_none_is_added(scheduler, given):
    with pytest.raises(TypeError, match=r"add_jobs\(\) takes mappings .* with at least 'func'"):
        scheduler.add_jobs([HOURLY, given])
    assert scheduler.get_jobs() == []


def test_several_jobs_that_only_a_follower_has_are_warned_about(tmp_path, caplog):
    first, second = (ManualScheduler(leader_lock=tmp_path / "leader") for _ in range(2))
    for each in (first, second):
        each.start()
        each.tick()
        each.add_jobs([HOURLY, HOURLY])
    said = [each.message for each in caplog.records if "only this process has" in each.message]
    assert len(said) == 1
    first.shutdown()
    second.shutdown()


@pytest.mark.parametrize("value", [True, False])
def test_the_decorator_says_that_it_always_replaces(scheduler, value):
    with pytest.raises(
        TypeError, match=r"scheduled_job\(\) does not take replace_existing: it always"
    ):
        scheduler.scheduled_job("interval", id="x", hours=1, replace_existing=value)(print)
    assert scheduler.get_jobs() == []


def test_a_decorated_function_keeps_its_next_fire_time_where_that_is_asked_for(scheduler):
    scheduler.add_job(print, "interval", id="x", hours=1)
    scheduler.clock.advance(600)
    scheduler.scheduled_job("interval", id="x", hours=1, keep_next_run_time=True)(print)
    assert scheduler.get_job("x").next_run_time == START.replace(hour=1)


class Unreadable(IntervalTrigger):
    """A trigger whose constructor's arguments Python cannot tell, as of some that are written in C."""

    __signature__ = "none"


def test_a_trigger_whose_arguments_cannot_be_read_comes_under_calendars(scheduler, monkeypatch):
    monkeypatch.setitem(BaseScheduler._trigger_classes, "unreadable", Unreadable)
    job = scheduler.add_job(print, "unreadable", hours=1, calendar=BusinessDays())
    assert isinstance(job.trigger, CalendarTrigger)
    assert job.next_run_time is not None
