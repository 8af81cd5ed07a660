"""What waits for a scheduler's start, and what is added without any fire time."""

from __future__ import annotations

import io

import pytest

from apscheduler import events as ev
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.testing import ManualScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger


def do_nothing():
    pass


class Never(BaseTrigger):
    def get_next_fire_time(self, previous_fire_time, now):
        return None


def hourly(scheduler):
    return scheduler.add_job(do_nothing, "interval", hours=1, id="a")


def ids(jobs):
    return [job.id for job in jobs]


def added_by(scheduler):
    told = []
    scheduler.add_listener(lambda event: told.append(event.job_id), ev.EVENT_JOB_ADDED)
    return told


def test_jobs_that_listeners_add_during_the_start_are_added_too():
    scheduler = ManualScheduler()
    told = added_by(scheduler)

    def follow(event):
        if len(told) < 3:
            scheduler.add_job(do_nothing, "interval", hours=1, id=f"{event.job_id}+")

    scheduler.add_listener(follow, ev.EVENT_JOB_ADDED)
    hourly(scheduler)
    scheduler.start()
    assert told == ids(scheduler.get_jobs()) == ["a", "a+", "a++"]
    assert scheduler._pending_jobs == []


def test_pending_jobs_that_could_not_be_added_wait_for_another_start():
    scheduler = ManualScheduler()
    told = added_by(scheduler)
    for name, store in (("a", "default"), ("b", "gone"), ("c", "default"), ("d", "gone")):
        scheduler.add_job(do_nothing, "interval", hours=1, id=name, jobstore=store)
    for _ in range(2):
        with pytest.raises(KeyError, match="gone"):
            scheduler.start()
        assert ids(scheduler.get_jobs()) == ["b", "d"]
    scheduler.add_jobstore("memory", "gone")
    scheduler.start()
    assert told == ["a", "c", "b", "d"]
    assert ids(scheduler.get_jobs("gone")) == ["b", "d"]


@pytest.mark.parametrize("names", ["a", "ba"])
def test_a_job_that_never_runs_takes_no_others_id(names):
    scheduler = ManualScheduler()
    scheduler.start()
    first = hourly(scheduler)
    with pytest.raises(ConflictingIdError):
        scheduler.add_jobs({"func": do_nothing, "trigger": Never(), "id": name} for name in names)
    assert scheduler.get_jobs() == [first]


def test_a_job_that_never_runs_replaces_another():
    scheduler = ManualScheduler()
    scheduler.start()
    hourly(scheduler)
    scheduler.add_job(do_nothing, Never(), id="a", replace_existing=True)
    assert scheduler.get_jobs() == []


def test_additions_of_one_step_are_told_in_their_order():
    scheduler = ManualScheduler()
    told = added_by(scheduler)
    triggers = [IntervalTrigger(hours=1), Never(), IntervalTrigger(hours=1)]
    scheduler.add_jobs(
        {"func": do_nothing, "trigger": each, "id": name}
        for name, each in zip("abc", triggers, strict=True)
    )
    scheduler.start()
    assert told == ["a", "b", "c"]


def test_only_a_scheduler_without_pending_jobs_says_that_there_are_none():
    scheduler = ManualScheduler()

    def printed(**options):
        out = io.StringIO()
        scheduler.print_jobs(out=out, **options)
        return out.getvalue()

    assert printed() == "Pending jobs:\n    No pending jobs\n"
    hourly(scheduler)
    assert printed(jobstore="other") == "Pending jobs:\n"


@pytest.mark.parametrize("jobstore", ["other", "gone"])
def test_a_pending_job_is_found_under_its_own_stores_alias_only(jobstore):
    scheduler = ManualScheduler()
    hourly(scheduler)
    assert scheduler.get_job("a", jobstore) is None
    for change in (scheduler.pause_job, scheduler.remove_job, scheduler.modify_job):
        with pytest.raises(JobLookupError):
            change("a", jobstore)
    assert scheduler.get_job("a", "default") is not None
