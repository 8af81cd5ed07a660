"""A job store of someone else's that fails, hangs or lies costs its own jobs a delay, and nothing else."""

from __future__ import annotations

import logging
from datetime import timedelta
from threading import Event, Thread

import pytest

from apscheduler.events import EVENT_JOBSTORE_ERROR
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import DictStore, ManualScheduler
from apscheduler.triggers.base import BaseTrigger


class TheirStore(DictStore):
    """``fail`` names methods that raise, and how often."""

    def __init__(self):
        super().__init__()
        self.fail = {}
        self.calls = []

    def asked(self, method):
        self.calls.append(method)
        if self.fail.get(method, 0):
            self.fail[method] -= 1
            raise OSError(f"{method}: server has gone away")


@pytest.fixture
def store():
    return TheirStore()


@pytest.fixture
def scheduler(store):
    scheduler = ManualScheduler(jobstores={"default": store}, jobstore_retry_interval=5)
    scheduler.start()
    yield scheduler
    scheduler.shutdown()


@pytest.mark.trap(1, 2)
@pytest.mark.parametrize("method", ["update_job", "get_next_run_time", "get_due_jobs"])
def test_a_store_that_raises_once_costs_a_delay_and_no_run(scheduler, store, caplog, method):
    errors = []
    scheduler.add_listener(errors.append, EVENT_JOBSTORE_ERROR)
    scheduler.add_job(print, "interval", minutes=1, id="job", misfire_grace_time=None)
    store.fail[method] = 1
    with caplog.at_level(logging.WARNING, logger="apscheduler.scheduler"):
        scheduler.advance(timedelta(minutes=10))
    runs = [run.fire_time for run in scheduler.get_runs("job", outcome="executed")]
    assert len(runs) == len(set(runs)) == 10
    assert [(event.alias, type(event.exception)) for event in errors] == [("default", OSError)]
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert "asked again in 5" in caplog.text


@pytest.mark.trap(1)
def test_a_one_off_job_whose_removal_fails_still_runs_exactly_once(scheduler, store):
    when = scheduler.clock.now() + timedelta(seconds=30)
    scheduler.add_job(print, "date", run_date=when, id="job", misfire_grace_time=None)
    store.fail["remove_job"] = 3
    scheduler.advance(timedelta(minutes=2))
    assert [run.fire_time for run in scheduler.get_runs("job")] == [when]
    assert store.rows == {}


@pytest.mark.trap(1, 2)
def test_the_thread_of_a_background_scheduler_outlives_its_store():
    store, ran = TheirStore(), Event()
    store.fail = {"get_next_run_time": 2, "update_job": 1}
    scheduler = BackgroundScheduler(
        timezone="UTC", jobstores={"default": store}, jobstore_retry_interval=0.01
    )
    logging.getLogger("apscheduler.scheduler").disabled = True
    try:
        scheduler.start()
        scheduler.add_job(ran.set, "interval", seconds=0.02, misfire_grace_time=None)
        assert ran.wait(10)
        assert scheduler.running
    finally:
        logging.getLogger("apscheduler.scheduler").disabled = False
        scheduler.shutdown()


@pytest.mark.trap(4)
def test_a_store_that_hangs_holds_up_no_call_on_another_store():
    held, entered = Event(), Event()

    class Hanging(TheirStore):
        def get_due_jobs(self, now):
            entered.set()
            assert held.wait(20)
            return []

    scheduler = BackgroundScheduler(timezone="UTC", jobstores={"slow": Hanging()})
    scheduler.start()
    try:
        assert entered.wait(10)
        added = []
        caller = Thread(target=lambda: added.append(scheduler.add_job(print, "interval", hours=1)))
        caller.start()
        caller.join(10)
        assert [job.id for job in scheduler.get_jobs("default")] == [added[0].id]
    finally:
        held.set()
        scheduler.shutdown()


@pytest.mark.trap(18)
def test_a_paused_job_does_not_hide_the_one_after_it(scheduler):
    scheduler.add_job(print, "interval", minutes=1, id="early").pause()
    scheduler.add_job(print, "interval", minutes=2, id="late")
    assert scheduler.tick() == 120


@pytest.mark.trap(22)
def test_ten_times_the_jobs_cost_ten_times_the_work_and_not_more():
    def calls(count):
        asked = []

        class Counting(BaseTrigger):
            def get_next_fire_time(self, previous_fire_time, now):
                asked.append(1)
                return (previous_fire_time or now) + timedelta(hours=1)

        scheduler = ManualScheduler()
        scheduler.start()
        trigger = Counting()
        for number in range(count):
            scheduler.add_job(id, trigger, args=(0,), id=str(number), misfire_grace_time=None)
        scheduler.advance(timedelta(hours=1))
        assert len(scheduler.get_runs(limit=100_000)) == min(count, 10_000)
        scheduler.shutdown()
        return len(asked)

    assert calls(20_000) == 10 * calls(2_000)


@pytest.mark.trap(5)
def test_a_job_that_cannot_be_read_costs_the_others_nothing(scheduler, store):
    scheduler.add_job(print, "interval", minutes=1, id="good")
    before = store.rows.copy()

    def unreadable(_now):
        raise LookupError("cannot resolve 'gone:job'")

    store.get_due_jobs = unreadable
    logging.getLogger("apscheduler.scheduler").disabled = True
    try:
        scheduler.advance(timedelta(minutes=3))
    finally:
        logging.getLogger("apscheduler.scheduler").disabled = False
    assert store.rows == before
    assert scheduler.running
