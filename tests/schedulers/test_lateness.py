"""Late, skipped and coalesced runs: what happens, what is recorded, and what a person is told."""

from __future__ import annotations

import logging
from datetime import timedelta
from threading import Event, Semaphore
from unittest.mock import Mock

import pytest

from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers._hosts.waiting import LONGEST_WAIT
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import FakeClock, ManualScheduler


@pytest.fixture
def scheduler():
    scheduler = ManualScheduler()
    scheduler.start()
    yield scheduler
    scheduler.shutdown()


@pytest.mark.trap(23)
def test_jobs_that_wait_for_a_full_pool_are_missed_with_the_cause(caplog):
    clock, gate, started, settled = FakeClock(), Event(), Semaphore(0), Semaphore(0)
    scheduler = ManualScheduler(clock=clock, executors={"default": ThreadPoolExecutor(10)})
    scheduler.add_listener(lambda _: settled.release(), EVENT_JOB_EXECUTED | EVENT_JOB_MISSED)

    def job():
        started.release()
        assert gate.wait(20)

    for number in range(40):
        scheduler.add_job(job, "date", run_date=clock.now(), id=str(number))
    with caplog.at_level(logging.WARNING):
        scheduler.start()
        scheduler.tick()
        for _ in range(10):
            assert started.acquire(timeout=10)
        clock.advance(2)  # the ten hold their workers for longer than the grace time of a second
        gate.set()
        for _ in range(40):
            assert settled.acquire(timeout=10)
        scheduler.shutdown()
    assert scheduler.outcome_counts() == {"executed": 10, "missed": 30}
    missed = scheduler.get_runs(outcome="missed")
    assert {run.reason for run in missed} == {"all 10 workers of executor 'default' were busy"}
    line = caplog.records[0].getMessage()
    assert "by 2.000 s" in line
    assert "misfire_grace_time is 1 s" in line


@pytest.mark.trap(24)
def test_a_grace_time_can_be_a_fraction_or_a_timedelta_but_not_nothing(scheduler):
    options = {"trigger": "interval", "hours": 1}
    assert scheduler.add_job(print, misfire_grace_time=0.5, **options).misfire_grace_time == 0.5
    job = scheduler.add_job(print, misfire_grace_time=timedelta(minutes=1), **options)
    assert job.misfire_grace_time == 60
    for wrong in (0, -1, "1", True):
        with pytest.raises(TypeError, match="misfire_grace_time"):
            scheduler.add_job(print, misfire_grace_time=wrong, **options)


@pytest.mark.trap(26)
def test_coalesced_runs_that_are_all_too_late_are_one_miss(scheduler):
    missed = []
    scheduler.add_listener(missed.append, EVENT_JOB_MISSED)
    job = scheduler.add_job(print, "interval", minutes=1, id="job")
    scheduler.clock.advance(timedelta(minutes=10, seconds=30))
    scheduler.tick()
    assert len(missed) == 1
    assert job.next_run_time > scheduler.clock.now()
    assert scheduler.outcome_counts() == {"missed": 1, "coalesced": 9}


@pytest.mark.trap(28)
def test_a_job_runs_again_under_the_id_of_one_that_hangs():
    gate, hangs, ran = Event(), Event(), Event()
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.start()

    def hang():
        hangs.set()
        assert gate.wait(20)

    try:
        scheduler.add_job(hang, id="job")
        assert hangs.wait(10)
        scheduler.add_job(ran.set, "date", id="job", replace_existing=True)
        assert ran.wait(10)
    finally:
        gate.set()
        scheduler.shutdown()


@pytest.mark.trap(29)
def test_a_run_that_meets_a_running_instance_is_skipped_and_told(caplog):
    clock, gate, running = FakeClock(), Event(), Event()
    scheduler = ManualScheduler(clock=clock, executors={"default": ThreadPoolExecutor(2)})
    told = []
    scheduler.add_listener(told.append, EVENT_JOB_MAX_INSTANCES)

    def job():
        running.set()
        assert gate.wait(20)

    added = scheduler.add_job(job, "interval", minutes=1, id="job")
    scheduler.start()
    scheduler.advance(60)
    assert running.wait(10)
    with caplog.at_level(logging.WARNING):
        scheduler.advance(60)
    assert [event.scheduled_run_times for event in told] == [[clock.now()]]
    assert f"skipped {clock.now():%Y-%m-%d %H:%M:%S} UTC: 1 instance" in caplog.text
    assert "max_instances is 1" in caplog.text
    assert added.next_run_time == clock.now() + timedelta(minutes=1)
    gate.set()
    scheduler.shutdown()
    assert [str(run.outcome) for run in reversed(scheduler.get_runs("job"))] == [
        "skipped",
        "executed",
    ]


@pytest.mark.trap(33)
@pytest.mark.trap(34)
def test_looking_early_or_often_runs_nothing_twice(scheduler):
    scheduler.add_job(print, "interval", seconds=10, id="job")
    for _ in range(5):
        scheduler.clock.advance(9.9)
        scheduler.tick()
        scheduler.clock.advance(0.1)
        for _ in range(3):  # a clock of low resolution shows the same time several times
            scheduler.tick()
    times = [run.fire_time for run in scheduler.get_runs("job")]
    assert len(times) == len(set(times)) == 5


@pytest.mark.trap(54)
def test_a_clock_that_is_set_back_repeats_nothing_and_goes_on(scheduler):
    job = scheduler.add_job(print, "interval", minutes=1, id="job")
    scheduler.advance(timedelta(minutes=3))
    scheduler.clock.advance(timedelta(hours=-1))
    scheduler.tick()
    assert len(scheduler.get_runs("job")) == 3
    scheduler.advance(timedelta(hours=1, minutes=1))
    assert len(scheduler.get_runs("job")) == 4
    assert job.next_run_time > scheduler.clock.now()


@pytest.mark.trap(54)
def test_a_clock_that_is_set_forward_is_named_as_the_cause(scheduler, caplog):
    scheduler.add_job(print, "interval", minutes=1, id="job")
    scheduler.tick()
    scheduler.clock.advance(timedelta(hours=1, seconds=5))
    with caplog.at_level(logging.WARNING):
        scheduler.tick()
    (missed,) = scheduler.get_runs("job", outcome="missed")
    assert missed.reason == "the process was asleep or held up, or the clock was set forward"
    assert missed.reason in caplog.text


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ("add", "its time had passed when it was added, changed or resumed"),
        ("pause", "the scheduler was paused"),
    ],
)
def test_each_miss_names_its_cause(scheduler, before, reason):
    scheduler.advance(timedelta(minutes=5))
    if before == "add":
        when = scheduler.clock.now() - timedelta(minutes=1)
        scheduler.add_job(print, "date", run_date=when, id="job")
    else:
        scheduler.add_job(print, "interval", minutes=1, id="job")
        scheduler.pause()
        scheduler.clock.advance(65)
        scheduler.resume()
    scheduler.tick()
    (missed,) = scheduler.get_runs("job", outcome="missed")
    assert missed.reason == reason


@pytest.mark.parametrize("batches", [1, 16], ids=["in the next pass", "in the same pass"])
def test_what_comes_due_while_a_pass_goes_on_waited_for_the_loop(batches):
    clock = FakeClock()
    scheduler = ManualScheduler(clock=clock, executors={"default": DebugExecutor()})
    scheduler.start()
    scheduler._dispatcher.batches = batches
    scheduler.add_job(print, "interval", seconds=10, id="job", misfire_grace_time=1)
    scheduler.add_job(clock.advance, "date", args=[6], run_date=clock.now() + timedelta(seconds=7))
    scheduler.tick()
    clock.advance(7)
    scheduler.tick()
    scheduler.tick()
    (missed,) = scheduler.get_runs("job", outcome="missed")
    assert missed.reason == "the scheduler's loop was busy"
    scheduler.shutdown()


def test_a_job_that_was_added_in_time_was_not_added_too_late(scheduler):
    scheduler.add_job(print, "interval", hours=1, id="other")
    scheduler.tick()
    scheduler.add_job(print, "interval", minutes=1, id="job")
    scheduler.clock.advance(90)
    scheduler.tick()
    (missed,) = scheduler.get_runs("job", outcome="missed")
    assert missed.reason == "the process was asleep or held up, or the clock was set forward"


def test_a_run_from_before_the_start_is_missed_for_that():
    scheduler = ManualScheduler()
    when = scheduler.clock.now() - timedelta(minutes=1)
    scheduler.add_job(print, "date", run_date=when, id="job")
    scheduler.start()
    scheduler.tick()
    (missed,) = scheduler.get_runs("job")
    assert missed.reason == "the scheduler was not running, or the job was not there yet"
    scheduler.shutdown()


class _Away(MemoryJobStore):
    """Cannot be read while it is told to be away."""

    away = False

    def get_due_jobs(self, now):
        if self.away:
            raise OSError("server has gone away")
        return super().get_due_jobs(now)


def test_a_run_whose_store_was_away_is_missed_for_that_and_the_next_is_not(caplog):
    store = _Away()
    scheduler = ManualScheduler(jobstores={"default": store})
    scheduler.start()
    scheduler.add_job(print, "interval", minutes=1, id="job")
    scheduler.tick()
    store.away = True
    scheduler.advance(65)
    store.away = False
    scheduler.advance(45)  # its retry interval is over
    (missed,) = scheduler.get_runs("job", outcome="missed")
    assert missed.reason == "job store 'default' was not reachable"
    assert missed.reason in caplog.text
    scheduler.clock.advance(65)
    scheduler.tick()
    missed, _ = scheduler.get_runs("job", outcome="missed")
    assert missed.reason == "the process was asleep or held up, or the clock was set forward"
    scheduler.shutdown()


class _Loop(BackgroundScheduler):
    """A scheduler whose loop runs once, in the calling thread, and notes how long it would wait."""

    def wait_of(self, seconds):
        waited = []

        def wait(timeout):
            waited.append(timeout)
            self.state = 0

        self._event = Mock(wait=wait)
        self.state = 1
        self._process_jobs = lambda: seconds
        self._main_loop()
        return waited


@pytest.mark.trap(54)
@pytest.mark.trap(55)
@pytest.mark.parametrize("seconds", [None, 1e6, 1e18, float(LONGEST_WAIT) + 1])
def test_no_wait_is_longer_than_the_bound(seconds):
    assert sum(_Loop(timezone="UTC").wait_of(seconds)) == pytest.approx(LONGEST_WAIT)


@pytest.mark.trap(56)
def test_the_wait_is_reckoned_from_the_end_of_a_slow_pass(scheduler):
    scheduler.add_job(lambda: scheduler.clock.advance(7), "interval", seconds=10, id="slow")
    assert scheduler.tick() == 10
    scheduler.clock.advance(10)
    assert scheduler.tick() == 3
