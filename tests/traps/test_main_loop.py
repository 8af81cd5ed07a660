"""What raises inside the loop costs itself only: triggers, texts of jobs, log handlers, stores."""

from __future__ import annotations

import logging
from datetime import timedelta
from threading import Event

import pytest

from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOBSTORE_ERROR
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import DictStore, ManualScheduler
from apscheduler.triggers.base import BaseTrigger

MINUTE = timedelta(minutes=1)


class TheirStore(DictStore):
    """The methods named in ``down`` raise."""

    def __init__(self):
        super().__init__()
        self.down = set()

    def asked(self, method):
        if method in self.down:
            raise ConnectionError(f"{method}: no route to host")


class MinuteTrigger(BaseTrigger):
    """Fires every minute from when it is added by the scheduler's clock; an interval begins by the host's."""

    def get_next_fire_time(self, previous_fire_time, now):
        return (previous_fire_time or now) + MINUTE


class UnspeakableTrigger(MinuteTrigger):
    """Raises where somebody asks for its text."""

    def __str__(self):
        raise RuntimeError("no words")

    __repr__ = __str__


class UnspeakableName(str):
    """A job name that raises where it is formatted."""

    __slots__ = ()

    def __format__(self, spec):
        raise RuntimeError("no words")

    __str__ = __repr__ = lambda self: self.__format__("")


class RaisingHandler(logging.Handler):
    def __init__(self):
        super().__init__()
        self.seen = 0

    def emit(self, record):
        self.seen += 1
        raise OSError("disk full")


@pytest.fixture
def scheduler():
    scheduler = ManualScheduler()
    scheduler.start()
    yield scheduler
    scheduler.shutdown()


@pytest.fixture
def raising_handler():
    logger, handler = logging.getLogger("apscheduler"), RaisingHandler()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def times_of(scheduler, job_id, outcome="executed"):
    return sorted(run.fire_time for run in scheduler.get_runs(job_id, outcome=outcome))


@pytest.mark.trap(1, 2, 3)
@pytest.mark.parametrize("method", ["get_due_jobs", "get_next_run_time", "update_job"])
def test_a_store_that_is_down_for_a_while_runs_each_time_once_when_it_is_back(method):
    store = TheirStore()
    scheduler = ManualScheduler(
        jobstores={"theirs": store, "default": {"type": "memory"}}, jobstore_retry_interval=10
    )
    scheduler.start()
    errors = []
    scheduler.add_listener(errors.append, EVENT_JOBSTORE_ERROR)
    options = {"misfire_grace_time": None, "coalesce": False}
    start = scheduler.clock.now()
    for alias in ("theirs", "default"):
        scheduler.add_job(print, "interval", minutes=1, id=alias, jobstore=alias, **options)
    logging.getLogger("apscheduler.scheduler").disabled = True
    try:
        scheduler.advance(2 * MINUTE)
        store.down = {method}
        scheduler.advance(3 * MINUTE)
        assert times_of(scheduler, "default") == [start + n * MINUTE for n in range(1, 6)]
        store.down = set()
        scheduler.advance(2 * MINUTE)
    finally:
        logging.getLogger("apscheduler.scheduler").disabled = False
    assert times_of(scheduler, "theirs") == [start + n * MINUTE for n in range(1, 8)]
    assert {event.alias for event in errors} == {"theirs"}
    assert len(errors) <= 18 + 1  # asked every ten seconds for three minutes, never in a tight loop
    scheduler.shutdown()


@pytest.mark.trap(1)
def test_a_trigger_that_raises_does_not_end_the_thread():
    class Raising(BaseTrigger):
        def get_next_fire_time(self, previous_fire_time, now):
            if previous_fire_time is not None:
                tried.set()
                raise ZeroDivisionError
            return now

    tried, ran = Event(), Event()
    scheduler = BackgroundScheduler(timezone="UTC")
    logging.getLogger("apscheduler.scheduler").disabled = True
    try:
        scheduler.start()
        scheduler.add_job(print, Raising(), id="raising")
        assert tried.wait(10)
        scheduler.add_job(ran.set)
        assert ran.wait(10)
        assert scheduler.get_job("raising") is not None
    finally:
        logging.getLogger("apscheduler.scheduler").disabled = False
        scheduler.shutdown()


@pytest.mark.parametrize("outcome", ["executed", "missed", "failed", "skipped"])
@pytest.mark.parametrize("what", ["trigger", "name"])
def test_a_job_without_a_text_costs_the_others_nothing(what, outcome):
    scheduler = ManualScheduler()
    scheduler.start()
    told, within = [], []
    scheduler.add_listener(told.append, EVENT_JOB_EXECUTED)

    def job():
        if outcome == "failed":
            raise ValueError
        if outcome == "skipped" and not within:
            within.append(None)
            scheduler.advance(MINUTE)

    trigger = UnspeakableTrigger() if what == "trigger" else MinuteTrigger()
    name = UnspeakableName("job") if what == "name" else "job"
    scheduler.add_job(job, trigger, id="mute", name=name)
    scheduler.add_job(abs, "interval", minutes=1, args=(1,), id="other", misfire_grace_time=None)
    if outcome == "missed":
        scheduler.clock.advance(1.5 * MINUTE)
        scheduler.tick()
    else:
        scheduler.advance(MINUTE)
    assert len(times_of(scheduler, "mute", outcome)) == 1
    assert times_of(scheduler, "other")
    scheduler.shutdown()


def test_a_log_handler_that_raises_costs_the_jobs_nothing(scheduler, raising_handler):
    def fail():
        raise ValueError

    scheduler.add_job(fail, "interval", minutes=1, id="failing")
    scheduler.add_job(abs, "interval", minutes=1, args=(1,), id="other")
    scheduler.advance(3 * MINUTE)
    assert raising_handler.seen
    assert len(times_of(scheduler, "failing", "failed")) == 3
    assert len(times_of(scheduler, "other")) == 3


def test_a_log_handler_that_raises_does_not_end_the_thread(raising_handler):
    ran = []
    enough = Event()

    def fail():
        ran.append(1)
        if len(ran) == 3:
            enough.set()
        raise ValueError

    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.start()
    try:
        scheduler.add_job(fail, "interval", seconds=0.02, misfire_grace_time=None)
        assert enough.wait(10)
        assert scheduler.running
    finally:
        logging.getLogger("apscheduler").removeHandler(raising_handler)
        scheduler.shutdown()
    assert raising_handler.seen


@pytest.mark.trap(19)
def test_jobs_of_one_instant_each_run_once_whatever_their_order(scheduler):
    ran = []
    when = scheduler.clock.now() + MINUTE
    for job_id in ("10", "2", "1"):
        scheduler.add_job(ran.append, "date", run_date=when, args=(job_id,), id=job_id)
    scheduler.advance(MINUTE)
    assert sorted(ran) == ["1", "10", "2"]
