"""A generation is of one job: whoever reads it reads that job's own, and only runs of it tell what has been claimed."""

from __future__ import annotations

import os

import pytest
from databases import SERVERS, Place

from apscheduler._engine.instants import SECOND
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.testing._contract_jobs import INTERVAL, NOW, moment, repeating
from apscheduler.triggers.interval import IntervalTrigger

PLACES = ("sqlite", *(pytest.param(name, marks=pytest.mark.slow) for name in SERVERS))


@pytest.fixture(params=PLACES)
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def scheduler(place):
    scheduler = ManualScheduler(
        jobstores={"default": place.store()}, clock=FakeClock(moment(NOW - SECOND)), timezone="UTC"
    )
    scheduler.start()
    yield scheduler
    scheduler.shutdown()


def every(seconds: int) -> IntervalTrigger:
    return IntervalTrigger(seconds=seconds, start_date=moment(NOW), timezone="UTC")


def generations(place) -> dict[str, int]:
    return dict(place.rows("SELECT job_id, generation FROM {t}_meta WHERE generation > 0"))


def runs(place) -> list[tuple[str, int, int]]:
    found = place.rows("SELECT job_id, generation, fire_us FROM {t}_runs ORDER BY job_id, fire_us")
    return [tuple(row) for row in found]


def add(scheduler, *names: str) -> None:
    for name in names:
        scheduler.add_job(os.getpid, repeating(NOW), id=name, misfire_grace_time=None)


def test_each_job_is_claimed_once_and_under_its_own_generation(place, scheduler):
    add(scheduler, "never", "once", "thrice")
    scheduler.reschedule_job("once", trigger=every(20))
    for seconds in (20, 30, 10):
        scheduler.reschedule_job("thrice", trigger=every(seconds))
    assert generations(place) == {"once": 1, "thrice": 3}
    scheduler.clock.advance(1)
    scheduler.tick()
    scheduler._claiming_store("default")._session.outbox.flush()
    assert runs(place) == [("never", 0, NOW), ("once", 1, NOW), ("thrice", 3, NOW)]


def test_a_job_is_set_back_by_its_own_runs_alone(place, scheduler):
    add(scheduler, "ran", "waits")
    scheduler.modify_job("waits", next_run_time=moment(NOW + INTERVAL))
    scheduler.clock.advance(1)
    scheduler.tick()
    assert runs(place) == [("ran", 0, NOW)]
    scheduler.modify_job("waits", next_run_time=moment(NOW))
    assert generations(place) == {}, "it has not run at that instant, though another job has"
    scheduler.modify_job("ran", next_run_time=moment(NOW))
    assert generations(place) == {"ran": 1}
    scheduler.tick()
    assert runs(place) == [("ran", 0, NOW), ("ran", 1, NOW), ("waits", 0, NOW)]


def test_a_job_is_set_back_by_runs_of_its_generation_alone(place, scheduler):
    add(scheduler, "job")
    scheduler.clock.advance(1)
    scheduler.tick()
    scheduler.reschedule_job("job", trigger=every(20))
    scheduler.modify_job("job", next_run_time=moment(NOW))
    assert generations(place) == {"job": 1}, "as that it has not run yet"
    scheduler.tick()
    assert runs(place) == [("job", 0, NOW), ("job", 1, NOW)]
