"""What waits for a scheduler's start, and what is added without any fire time."""

from __future__ import annotations

import io

import pytest

from apscheduler import events as ev
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
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


def starting(scheduler, then, names="abc"):
    """Add jobs, have ``then(event)`` called for each that is added, and start."""
    for name in names:
        scheduler.add_job(do_nothing, "interval", hours=1, id=name)
    scheduler.add_listener(then, ev.EVENT_JOB_ADDED)
    scheduler.start()


@pytest.mark.parametrize("another", ["", "other"])
def test_a_listener_finds_all_jobs_while_the_start_adds_them(another):
    scheduler = ManualScheduler()
    scheduler.add_jobstore("memory", "other")
    seen = []

    def look(event):
        found = scheduler.get_job(event.job_id)
        seen.append((found.id, found.pending, ids(scheduler.get_jobs())))

    if another:  # a group of its own: these have not arrived when the first are told of
        scheduler.add_job(do_nothing, "interval", hours=1, id="z", jobstore=another)
    starting(scheduler, look)
    names = ["z", "a", "b", "c"] if another else ["a", "b", "c"]
    assert seen == [(name, False, names) for name in names]


@pytest.mark.parametrize("store", ["memory", "sqlalchemy"])
def test_a_listener_changes_jobs_while_the_start_adds_them(store, tmp_path):
    options = {"url": f"sqlite:///{tmp_path}/jobs"} if store == "sqlalchemy" else {}
    scheduler = ManualScheduler()
    scheduler.add_jobstore(store, **options)

    def change(event):
        scheduler.modify_job(event.job_id, name=f"{event.job_id} was changed")

    starting(scheduler, change)
    names = [scheduler.get_job(name).name for name in "abc"]
    scheduler.shutdown()
    assert names == [f"{name} was changed" for name in "abc"]


@pytest.mark.parametrize("by", ["id", "handle", "all"])
def test_a_job_that_a_listener_removes_while_the_start_adds_it_is_gone(by):
    scheduler = ManualScheduler()
    scheduler.add_jobstore("memory", "other")
    late = scheduler.add_job(do_nothing, "interval", hours=1, id="z", jobstore="other")
    told = added_by(scheduler)

    def remove(event):
        if event.job_id != "a":
            return
        if by == "all":
            scheduler.remove_all_jobs()
            return
        for name in ("b", "c", "x"):  # x has not arrived: its store is another
            if by == "id":
                scheduler.remove_job(name)
            else:
                scheduler.get_job(name).remove()

    for name in "abc":
        scheduler.add_job(do_nothing, "interval", hours=1, id=name)
    scheduler.add_job(do_nothing, "interval", hours=1, id="x", jobstore="other")
    scheduler.add_listener(remove, ev.EVENT_JOB_ADDED)
    scheduler.start()
    assert told == ["z", "a", "b", "c"]
    assert ids(scheduler.get_jobs()) == ([] if by == "all" else ["z", "a"])
    assert late in scheduler.get_jobs() or by == "all"
    with pytest.raises(JobLookupError):
        scheduler.remove_job("x")


def test_a_job_that_never_fires_is_not_listed_when_the_start_has_left_it_out():
    scheduler = ManualScheduler()
    scheduler.add_job(do_nothing, Never(), id="never")
    seen = []
    starting(scheduler, lambda event: seen.append((event.job_id, ids(scheduler.get_jobs()))))
    assert seen[-1] == ("c", ["a", "b", "c"])


class Interrupted(MemoryJobStore):
    """Meets a Ctrl-C at one job, once."""

    at = "b"

    def add_job(self, job):
        if job.id == self.at:
            self.at = ""
            raise KeyboardInterrupt
        super().add_job(job)


def test_jobs_that_a_ctrl_c_kept_from_their_store_wait_for_the_next_start():
    scheduler = ManualScheduler(jobstores={"default": Interrupted(), "other": MemoryJobStore()})
    for name in "abc":
        scheduler.add_job(do_nothing, "interval", hours=1, id=name)
    scheduler.add_job(do_nothing, "interval", hours=1, id="z", jobstore="other")
    with pytest.raises(KeyboardInterrupt):
        scheduler.start()
    assert ids(scheduler.get_jobs()) == ["a", "b", "c", "z"]
    scheduler.start()
    assert ids(scheduler.get_jobs()) == ["a", "b", "c", "z"]
    assert scheduler._pending_jobs == []


def test_after_a_ctrl_c_in_a_listener_those_wait_that_no_store_has():
    scheduler = ManualScheduler(jobstores={"default": MemoryJobStore(), "other": MemoryJobStore()})
    interrupts = [KeyboardInterrupt()]

    def interrupt(event):
        if interrupts:
            scheduler.remove_job("y")  # it is not to come back
            raise interrupts.pop()

    for name in "ab":
        scheduler.add_job(do_nothing, "interval", hours=1, id=name)
    for name in "yz":
        scheduler.add_job(do_nothing, "interval", hours=1, id=name, jobstore="other")
    scheduler.add_listener(interrupt, ev.EVENT_JOB_ADDED)
    with pytest.raises(KeyboardInterrupt):
        scheduler.start()
    assert ids(scheduler.get_jobs()) == ["z"]
    scheduler.start()
    assert ids(scheduler.get_jobs()) == ["a", "b", "z"]


@pytest.mark.parametrize("starts", [False, True])
def test_no_store_has_an_empty_alias(starts):
    scheduler = ManualScheduler()
    if starts:
        scheduler.start()
    hourly(scheduler)
    scheduler.remove_all_jobs("")
    assert ids(scheduler.get_jobs()) == ["a"]
    scheduler.remove_all_jobs("default")
    assert scheduler.get_jobs() == []
