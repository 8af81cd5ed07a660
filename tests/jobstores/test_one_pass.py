"""What one pass claims is handed over whole, and told whole, whatever came before it in the page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from databases import KINDS, SHARED, Place

from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_REMOVED
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import FakeClock, ManualScheduler

RAN: list[str] = []
ADDING: list[ManualScheduler] = []


def note(name: str) -> None:
    RAN.append(name)


def add(name: str) -> None:
    RAN.append("adds")
    if RAN.count("adds") == 1:
        ADDING[0].add_job(note, args=[name], id=name)


def hold_up(name: str) -> None:
    RAN.append(name)
    ADDING[0].clock.advance(8)  # so that what is permitted is one fire time at a time


@pytest.fixture
def scheduler(request, tmp_path):
    RAN.clear()
    place = Place(request.param, tmp_path)
    scheduler = ManualScheduler(jobstores={"default": place.store()}, clock=FakeClock())
    scheduler.start()
    yield scheduler
    scheduler.shutdown()
    place.close()


def on(*kinds: str) -> pytest.MarkDecorator:
    params = [
        pytest.param(kind, marks=[] if "sqlite" in kind else pytest.mark.slow) for kind in kinds
    ]
    return pytest.mark.parametrize("scheduler", params, indirect=True)


@on(*KINDS)
@pytest.mark.parametrize("first", ["interval", "date"])
def test_every_due_job_of_a_pass_runs_in_it_and_every_end_is_told(scheduler, first) -> None:
    removed: list[str] = []
    scheduler.add_listener(lambda event: removed.append(event.job_id), EVENT_JOB_REMOVED)
    names = ["a", "b", "c", "d"]  # of those due at one instant the first id comes first
    once = names[2:] if first == "interval" else names[:2]
    due = scheduler._now() + timedelta(seconds=30)
    for name in names:
        if name in once:
            scheduler.add_job(note, "date", run_date=due, args=[name], id=name)
        else:
            scheduler.add_job(note, "interval", seconds=30, args=[name], id=name)
    scheduler.clock.advance(31)
    scheduler.tick()
    assert sorted(RAN) == names
    assert sorted(removed) == once


@on(*SHARED)
def test_what_is_added_while_a_pass_catches_up_runs_in_that_pass(scheduler) -> None:
    ADDING[:] = [scheduler]
    options = {"coalesce": False, "misfire_grace_time": None, "args": ["added"]}
    scheduler.add_job(add, "interval", seconds=10, **options)
    scheduler.clock.set(scheduler._now() + timedelta(seconds=50))
    scheduler._process_jobs()
    assert sorted(RAN) == ["added", *["adds"] * 5]


@on(*SHARED)
def test_what_is_due_runs_between_the_fire_times_of_a_job_that_catches_up(scheduler) -> None:
    options = {"coalesce": False, "misfire_grace_time": None}
    scheduler.add_job(note, "interval", seconds=10, args=["many"], **options)
    scheduler.add_job(note, "interval", seconds=20, args=["other"], **options)
    scheduler.clock.set(scheduler._now() + timedelta(seconds=30))
    scheduler._process_jobs()
    assert sorted(RAN) == ["many", "many", "many", "other"]
    assert RAN[-1] == "many"


@on("sqlite")
def test_a_pass_has_a_hundred_portions_and_the_next_goes_on_at_once(scheduler) -> None:
    ADDING[:] = [scheduler]
    options = {"coalesce": False, "misfire_grace_time": None, "max_instances": 1}
    scheduler.add_job(hold_up, "interval", hours=1, args=["late"], **options)
    scheduler.clock.advance(120 * 3600)
    assert scheduler._process_jobs() == 0
    assert len(RAN) == 100
    scheduler._process_jobs()
    assert len(RAN) == 120


def test_a_pass_in_which_a_listener_shuts_down_leaves_the_other_stores_alone(tmp_path) -> None:
    RAN.clear()
    urls = {alias: f"sqlite:///{tmp_path}/{alias}.sqlite" for alias in ("default", "other")}
    stores = {alias: SQLAlchemyJobStore(url) for alias, url in urls.items()}
    scheduler = ManualScheduler(jobstores=stores, clock=FakeClock())
    scheduler.start()
    options = {"run_date": scheduler._now() + timedelta(seconds=30), "misfire_grace_time": None}
    for name in ("a", "b"):
        scheduler.add_job(note, "date", args=[name], **options)
    scheduler.add_job(note, "date", args=["other"], jobstore="other", **options)
    scheduler.add_listener(
        lambda event: scheduler.shutdown() if scheduler.running else None, EVENT_JOB_EXECUTED
    )
    scheduler.clock.set(options["run_date"])
    scheduler._process_jobs()
    assert sorted(RAN) == ["a", "b"]


@on(*SHARED)
def test_a_catch_up_that_is_paused_goes_on_after_resume(scheduler) -> None:
    options = {"coalesce": False, "misfire_grace_time": None, "args": ["many"]}
    scheduler.add_job(note, "interval", seconds=10, **options)
    scheduler.add_listener(lambda _: scheduler.pause(), EVENT_JOB_EXECUTED)
    scheduler.clock.set(scheduler._now() + timedelta(seconds=30))
    scheduler._process_jobs()
    assert RAN == ["many"]
    while len(RAN) < 3:
        before = len(RAN)
        scheduler.resume()
        scheduler._process_jobs()
        assert len(RAN) > before


def test_a_pass_in_which_a_listener_pauses_leaves_the_other_stores_to_a_later_one() -> None:
    RAN.clear()
    scheduler = ManualScheduler(clock=FakeClock())
    scheduler.add_jobstore("memory", "other")
    scheduler.start()
    for alias in ("default", "other"):
        scheduler.add_job(note, args=[alias], jobstore=alias, misfire_grace_time=None)
    scheduler.add_listener(lambda _: scheduler.pause(), EVENT_JOB_EXECUTED)
    scheduler._process_jobs()
    assert len(RAN) == 1
    scheduler.resume()
    scheduler._process_jobs()
    assert sorted(RAN) == ["default", "other"]
    scheduler.shutdown()


@on(*KINDS)
def test_jobs_of_one_next_fire_time_are_listed_by_their_ids(scheduler) -> None:
    due = scheduler._now() + timedelta(seconds=30)
    for name in ("c", "a", "d", "b"):
        paused = {"next_run_time": None} if name in "db" else {}
        scheduler.add_job(note, "date", run_date=due, args=[name], id=name, **paused)
    assert [job.id for job in scheduler.get_jobs()] == ["a", "c", "b", "d"]
