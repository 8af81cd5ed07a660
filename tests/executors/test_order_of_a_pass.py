"""The debug executor runs what is due in one pass in 3.x's order: by the time since when it is due, then by id."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apscheduler import events as ev
from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers._dispatch.loop import BATCH
from apscheduler.testing import ManualScheduler

NAMES = {
    ev.EVENT_JOB_EXECUTED: "executed",
    ev.EVENT_JOB_MISSED: "missed",
    ev.EVENT_JOB_REMOVED: "removed",
    ev.EVENT_JOB_SUBMITTED: "submitted",
}
MASK = sum(NAMES)
BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def scheduler():
    scheduler = ManualScheduler(executors={"default": DebugExecutor()}, timezone=UTC)
    scheduler.start()
    yield scheduler
    scheduler.shutdown()


@pytest.fixture(params=["memory", "sqlalchemy"])
def on_each_store(request, tmp_path, scheduler):
    if request.param == "sqlalchemy":
        scheduler.remove_jobstore("default")
        scheduler.add_jobstore(SQLAlchemyJobStore(f"sqlite:///{tmp_path}/jobs"), "default")
    return scheduler


ran = []


def note(name):
    ran.append(name)


def add(scheduler, name, seconds, /, hours=1, **options):
    first = BEGIN + timedelta(seconds=seconds)
    scheduler.add_job(
        note, "interval", hours=hours, args=[name], id=str(name), next_run_time=first, **options
    )


def test_jobs_run_in_the_order_in_which_they_fell_due(on_each_store) -> None:
    scheduler = on_each_store
    ran.clear()
    add(scheduler, "plain", 5)
    # It is missed, and planned apart from the plain ones:
    add(scheduler, "late", 2, misfire_grace_time=1)
    add(scheduler, "often", 1, coalesce=True, misfire_grace_time=None)
    add(scheduler, "b", 3, misfire_grace_time=60)
    add(scheduler, "a", 4, misfire_grace_time=None, max_instances=2)
    scheduler.clock.advance(6)
    scheduler._process_jobs()
    assert ran == ["often", "b", "a", "plain"]


def test_jobs_of_one_instant_run_in_the_order_of_their_ids(scheduler) -> None:
    ran.clear()
    names = ("z", "b", "ä", "2", "a", "10")
    for name in names:
        add(scheduler, name, 3, misfire_grace_time=None)
    scheduler.clock.advance(4)
    scheduler._process_jobs()
    assert ran == ["10", "2", "a", "b", "z", "ä"]


def test_a_job_with_several_fire_times_has_the_place_of_the_first(on_each_store) -> None:
    scheduler = on_each_store
    ran.clear()
    add(scheduler, "z", 0, coalesce=True, misfire_grace_time=None)
    add(scheduler, "plain", 5400, misfire_grace_time=None)
    scheduler.clock.advance(7300)
    scheduler._process_jobs()
    assert ran == ["z", "plain"]


def test_what_becomes_due_while_the_store_before_is_served_runs_in_the_same_pass(scheduler) -> None:
    ran.clear()
    scheduler.add_jobstore("memory", "later")
    scheduler.add_job(lambda: scheduler.clock.advance(60), "interval", hours=1, next_run_time=BEGIN)
    add(scheduler, "due meanwhile", 30, jobstore="later", misfire_grace_time=None)
    scheduler.clock.set(BEGIN)
    scheduler._process_jobs()
    assert ran == ["due meanwhile"]


def test_what_is_told_of_a_pass_and_when(scheduler) -> None:
    told = []
    scheduler.add_listener(lambda event: told.append((NAMES[event.code], event.job_id)), MASK)
    add(scheduler, "b", 3, misfire_grace_time=None, coalesce=False)
    scheduler.add_job(lambda: told.append("a runs"), id="a")
    scheduler.modify_job("b", func=lambda name: told.append("b runs"))
    scheduler.clock.advance(3700)
    scheduler._process_jobs()
    assert told == [
        ("missed", "a"),
        *["b runs", ("executed", "b")] * 2,
        ("removed", "a"),
        ("submitted", "a"),
        ("submitted", "b"),
    ]


def test_of_many_misses_of_one_job_the_last_hundred_are_told_one_by_one(scheduler) -> None:
    missed = []
    scheduler.add_listener(
        lambda event: missed.append(event.scheduled_run_time), ev.EVENT_JOB_MISSED
    )
    scheduler.add_job(note, "interval", seconds=1, args=["a"], coalesce=False, misfire_grace_time=1)
    scheduler.clock.advance(500)
    scheduler._process_jobs()
    second = timedelta(seconds=1)
    assert sorted(missed) == [BEGIN + n * second for n in (1, *range(399, 499))]


def test_more_than_a_batch_run_in_the_order_in_which_they_fell_due(scheduler) -> None:
    ran.clear()
    count = BATCH + 100
    for number in range(
        count
    ):  # each seventh is due several times, and so planned apart from the plain ones
        hours = 9 if number % 7 else 1
        add(scheduler, number, number, hours=hours, coalesce=False, misfire_grace_time=None)
    scheduler.clock.advance(count + 3600)
    scheduler.tick()
    firsts = list(dict.fromkeys(ran))
    assert len(ran) > len(firsts) == count
    assert firsts == sorted(firsts)
