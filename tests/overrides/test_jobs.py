"""What is put in the place of a job's own methods, or of the class of jobs, is asked as 3.11.3 asks it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_SUBMITTED
from apscheduler.executors.debug import DebugExecutor
from apscheduler.job import Job
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers import base
from apscheduler.testing.manual import ManualScheduler

STORES = {"memory": MemoryJobStore, "sqlite": lambda: SQLAlchemyJobStore("sqlite://")}
HOUR = timedelta(hours=1)


def nothing() -> None:
    pass


def made(store: str = "memory") -> ManualScheduler:
    scheduler = ManualScheduler(
        executors={"default": DebugExecutor()}, jobstores={"default": STORES[store]()}
    )
    scheduler.start()
    return scheduler


def submitted(scheduler: Any) -> list[int]:
    found: list[int] = []
    scheduler.add_listener(
        lambda event: found.append(len(event.scheduled_run_times)), EVENT_JOB_SUBMITTED
    )
    return found


# -- _get_run_times -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", STORES)
def test_get_run_times_says_which_fire_times_run(store) -> None:
    scheduler = made(store)
    scheduler.add_job(nothing, "interval", hours=1, id="a", misfire_grace_time=None, coalesce=False)
    real, asked, counts = Job._get_run_times, [], submitted(scheduler)

    def first_two(job, now):
        asked.append(job.id)
        return real(job, now)[:2]

    with mock.patch.object(Job, "_get_run_times", first_two):
        scheduler.advance(3600)
        assert (asked, counts) == (["a"], [1])
        scheduler._clock.advance(3 * 3600)
        scheduler.tick()
    assert counts[:2] == [1, 2]
    scheduler.advance(3600)
    assert sum(counts) == 5
    assert asked[:2] == ["a", "a"]
    scheduler.shutdown()


def test_get_run_times_is_asked_before_coalesce() -> None:
    scheduler = made()
    scheduler.add_job(nothing, "interval", hours=1, id="a", misfire_grace_time=None, coalesce=True)
    counts, real = submitted(scheduler), Job._get_run_times
    with mock.patch.object(
        Job, "_get_run_times", lambda job, now: [time - HOUR / 2 for time in real(job, now)]
    ):
        scheduler._clock.advance(3 * 3600)
        scheduler.tick()
    assert counts == [1]
    outcomes = [(run.outcome, run.fire_time.minute) for run in scheduler.get_runs()]
    assert sorted(outcome for outcome, _ in outcomes) == ["coalesced", "executed"]
    scheduler.shutdown()


@pytest.mark.parametrize("store", STORES)
def test_a_job_whose_run_times_are_none_is_held_back(store, caplog) -> None:
    scheduler = made(store)
    scheduler.add_job(nothing, "interval", hours=1, id="a", misfire_grace_time=None)
    counts = submitted(scheduler)
    with mock.patch.object(Job, "_get_run_times", return_value=[]), caplog.at_level("INFO"):
        scheduler._clock.advance(3600)
        scheduler.tick()
    assert counts == []
    assert "held back by a _get_run_times() of its own" in caplog.text
    scheduler._clock.advance(60)
    scheduler.tick()
    assert counts == [1]
    scheduler.shutdown()


# -- _modify --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", STORES)
def test_modify_is_asked_by_whatever_changes_a_job(store) -> None:
    scheduler = made(store)
    job = scheduler.add_job(nothing, "interval", hours=1, id="a")
    asked, real = [], Job._modify

    def mine(job, **changes):
        asked.append(sorted(changes))
        if "name" in changes:
            changes["name"] += "!"
        real(job, **changes)

    with mock.patch.object(Job, "_modify", mine):
        job.modify(name="x", args=[])
        scheduler.modify_job("a", trigger=job.trigger)
        job.reschedule("interval", hours=2)
        job.pause()
        job.resume()
        with pytest.raises(AttributeError):
            job.modify(nonsense=1)
    assert asked == [
        ["args", "name"],
        ["next_run_time", "trigger"],
        ["next_run_time", "trigger"],
        ["next_run_time"],
        ["next_run_time"],
        ["nonsense"],
    ]
    stored = scheduler.get_job("a")
    assert (stored.name, stored.trigger.interval) == ("x!", 2 * HOUR)
    assert stored.next_run_time is not None
    scheduler.shutdown()


def test_a_modify_that_raises_changes_nothing() -> None:
    scheduler = made()
    job = scheduler.add_job(nothing, "interval", hours=1, id="a", name="before")
    real = Job._modify

    def mine(job, **changes):
        real(job, **changes)
        raise OSError("no")

    with mock.patch.object(Job, "_modify", mine), pytest.raises(OSError, match="no"):
        job.modify(name="after")
    assert scheduler.get_job("a").name == "before"
    scheduler.shutdown()


def test_modify_is_asked_for_a_pending_job() -> None:
    scheduler = ManualScheduler()
    job = scheduler.add_job(nothing, "interval", hours=1, id="a")
    asked, real = [], Job._modify
    with mock.patch.object(
        Job, "_modify", lambda job, **changes: (asked.append(changes), real(job, **changes))
    ):
        job.modify(next_run_time=datetime(2040, 1, 1, tzinfo=UTC), max_instances=3)
    assert len(asked) == 1
    assert (job.max_instances, job.next_run_time.year) == (3, 2040)


# -- the class of jobs ----------------------------------------------------------------------------------------


class Mine(Job):
    """A job of someone's own."""

    asked: list[str] = []  # noqa: RUF012 - filled by one test

    def _modify(self, **changes):
        self.asked.append("modify")
        super()._modify(**changes)

    def _get_run_times(self, now):
        self.asked.append("run times")
        return super()._get_run_times(now)


@pytest.mark.parametrize("way", ["one", "several"])
def test_a_class_of_ones_own_is_what_jobs_are_made_of(way) -> None:
    scheduler = made()
    ended: list[Any] = []
    scheduler.add_listener(ended.append, EVENT_JOB_EXECUTED)
    given = {"func": nothing, "trigger": "interval", "hours": 1, "id": "a"}
    with mock.patch.object(base, "Job", Mine):
        job = scheduler.add_job(**given) if way == "one" else scheduler.add_jobs([given])[0]
    assert type(job) is type(scheduler.get_job("a")) is Mine
    Mine.asked.clear()
    job.modify(name="x")
    assert Mine.asked == ["modify"]
    scheduler.advance(3600)
    assert Mine.asked == ["modify", "run times"]
    assert len(ended) == 1
    scheduler.shutdown()


def test_a_class_that_is_no_job_is_refused() -> None:
    scheduler = made()
    with mock.patch.object(base, "Job", dict), pytest.raises(TypeError, match="no subclass of"):
        scheduler.add_job(nothing)
    scheduler.shutdown()
