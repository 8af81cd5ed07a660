"""A scheduler that is started again while runs of its first session go on, or have just ended: each keeps its owner."""

from __future__ import annotations

import os
from datetime import timedelta
from threading import Event

import pytest
from databases import SHARED, Place

from apscheduler.events import EVENT_JOB_ERROR
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import ManualScheduler

pytestmark = pytest.mark.slow

LEASE = 1.5
GOES_ON, BEGAN = Event(), []


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture(autouse=True)
def fresh():
    GOES_ON.clear()
    BEGAN.clear()
    yield
    GOES_ON.set()


def hold() -> None:
    BEGAN.append(os.getpid())
    assert GOES_ON.wait(60)


def until(what, seconds: float = 30.0) -> None:
    assert any(what() or Event().wait(0.02) for _ in range(round(seconds / 0.02)))


@pytest.mark.parametrize("delivery", ["at_most_once", "at_least_once"])
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_run_that_goes_on_over_a_restart_is_neither_lost_nor_run_again(place, delivery) -> None:
    told = []
    scheduler = BackgroundScheduler(jobstores={"default": place.store(lease=LEASE)})
    scheduler.add_listener(told.append, EVENT_JOB_ERROR)
    scheduler.start()
    scheduler.add_job(hold, "date", id="long", delivery=delivery)
    until(lambda: BEGAN)
    for _ in range(2):
        scheduler.shutdown(wait=False)
        scheduler.start()
    beside = scheduler.add_job(os.getpid, "interval", seconds=0.2, id="beside")
    until(lambda: beside.last_run is not None)
    Event().wait(
        2.5 * LEASE
    )  # whoever holds it has to keep it: nothing else would be noticed sooner
    assert [run.job_id for run in scheduler.get_runs() if run.job_id == "long"] == []
    GOES_ON.set()
    until(lambda: scheduler.get_runs("long"))
    assert [str(run.outcome) for run in scheduler.get_runs("long")] == ["executed"]
    until(lambda: len(scheduler.nodes()) == 1)
    assert (len(BEGAN), told) == (1, [])
    scheduler.shutdown()
    assert place.rows("SELECT state FROM {t}_runs WHERE job_id = 'long'") == [(10,)]
    assert place.rows("SELECT epoch FROM {t}_nodes") == []


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_run_that_shuts_its_scheduler_down_has_its_outcome_at_the_next_start(place) -> None:
    calls = []

    def stop() -> None:
        calls.append(None)
        if len(calls) == 1:
            scheduler.shutdown()

    scheduler = ManualScheduler(jobstores={"default": place.store()})
    scheduler.start()
    scheduler.add_job(__name__ + ":hand_over", "interval", seconds=1, id="stop")
    HANDED.append(stop)
    scheduler.advance(timedelta(seconds=1))
    assert not scheduler.running
    scheduler.start()
    assert [str(run.outcome) for run in scheduler.get_runs("stop")] == ["executed"]
    scheduler.advance(timedelta(seconds=1))
    assert len(calls) == 2
    HANDED.clear()
    scheduler.shutdown()


HANDED = []


def hand_over() -> None:
    for each in HANDED:
        each()
