"""What fails again and again, for days, is tried again at a bounded distance and costs nobody else anything."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from databases import Place

from apscheduler.executors._processes.starts import WorkerStarts
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.testing import ManualScheduler
from apscheduler.triggers.base import BaseTrigger
from tests.schedulers.test_loop_survives import TheirStore

TIMES = 10_000
ran = []


def work() -> None:
    ran.append(1)


class Failing(BaseTrigger):
    """Raises whenever it is asked for the fire time after one; counts how often it was."""

    asked = 0

    def get_next_fire_time(self, previous_fire_time, now):
        if previous_fire_time is None:
            return now + timedelta(seconds=1)
        type(self).asked += 1
        raise RuntimeError("the calendar service is away")

    def __reduce__(self):
        return Failing, ()


STORES = {
    "memory": lambda folder: MemoryJobStore(),
    "plain": lambda folder: TheirStore(),
    "sql": lambda folder: Place("sqlite-memory", folder).store(),
}


@pytest.fixture
def scheduler(request, tmp_path):
    ran.clear()
    scheduler = ManualScheduler(jobstores={"default": STORES[request.param](tmp_path)})
    logging.getLogger("apscheduler.scheduler").disabled = True
    scheduler.start()
    yield scheduler
    scheduler.shutdown()
    logging.getLogger("apscheduler.scheduler").disabled = False


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", STORES, indirect=True)
def test_a_trigger_that_raises_for_days_stops_nobody(scheduler):
    Failing.asked = 0
    scheduler.add_job(work, Failing(), id="bad")
    for _ in range(TIMES):
        # The longest delay is 64 s; the store's clock may seem to be off by some milliseconds.
        scheduler.clock.advance(65)
        scheduler.tick()
    assert Failing.asked >= TIMES
    scheduler.add_job(work, "interval", seconds=10, id="good")
    scheduler.advance(100)
    assert len(ran) == 10
    assert {job.id for job in scheduler.get_jobs()} == {"bad", "good"}


@pytest.mark.slow
@pytest.mark.trap(126)
def test_a_row_that_never_loads_stops_nobody(tmp_path):
    place = Place("sqlite-memory", tmp_path)
    store = place.store()
    scheduler = ManualScheduler(jobstores={"default": store})
    scheduler.start()
    ran.clear()
    scheduler.add_job(work, "interval", seconds=10, id="good")
    scheduler.add_job(work, "interval", seconds=10, id="bad")
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {place.table} SET job_state = x'00' WHERE id = 'bad'")
    for _ in range(TIMES):
        assert [job.id for job in scheduler.get_jobs()] == ["good"]
    scheduler.advance(100)
    assert len(ran) == 10
    assert [each.job_id for each in scheduler.get_quarantined()] == ["bad"]
    scheduler.shutdown()


def test_a_worker_process_that_never_starts_is_tried_every_half_minute():
    starts = WorkerStarts(None, None, (), None)
    for _ in range(TIMES):
        starts.failed()
        assert 0 < starts.pause <= 30
    assert starts.pause > 29
