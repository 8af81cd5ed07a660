"""The fake clock, and the scheduler that runs when told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.triggers.base import BaseTrigger

START = datetime(2030, 1, 1, tzinfo=UTC)


class Asked(BaseTrigger):
    """Raises when it is asked, and counts how often that was."""

    def __init__(self, error):
        self.error = error
        self.times = 0

    def get_next_fire_time(self, previous_fire_time, now):
        self.times += 1
        raise self.error


@pytest.fixture
def scheduler():
    scheduler = ManualScheduler()
    scheduler.start()
    return scheduler


# -- the clock ------------------------------------------------------------------------------------------


def test_a_clock_stands_still_until_it_is_told():
    clock = FakeClock(START)
    assert clock.now() == clock.now() == START
    clock.advance(1.5)
    clock.advance(timedelta(minutes=1))
    assert clock.now() == START + timedelta(seconds=61.5)
    clock.set(START - timedelta(days=1))
    assert clock.now() < START
    assert clock.now_us() == round(clock.now().timestamp() * 1_000_000)


def test_a_clock_takes_any_zone_and_shows_utc():
    moment = START.astimezone(timezone(timedelta(hours=5)))
    assert FakeClock(moment).now().tzinfo is UTC


@pytest.mark.parametrize("make", [FakeClock, lambda moment: FakeClock().set(moment)])
def test_a_clock_refuses_a_naive_time(make):
    with pytest.raises(ValueError, match="aware"):
        make(datetime(2030, 1, 1))


# -- the scheduler ----------------------------------------------------------------------------------------


def test_each_fire_time_runs_at_its_own_instant(scheduler):
    seen = []
    scheduler.add_job(lambda: seen.append(scheduler.clock.now()), "interval", minutes=5)
    scheduler.advance(timedelta(minutes=17))
    assert seen == [START + timedelta(minutes=minutes) for minutes in (5, 10, 15)]
    assert scheduler.clock.now() == START + timedelta(minutes=17)


def test_time_can_be_told_in_seconds_or_as_a_moment(scheduler):
    seen = []
    scheduler.add_job(seen.append, "interval", seconds=1, args=[1])
    scheduler.advance(2)
    scheduler.advance_to(START + timedelta(seconds=3))
    assert len(seen) == 3


def test_time_does_not_go_back(scheduler):
    with pytest.raises(ValueError, match="not be negative"):
        scheduler.advance(-1)
    with pytest.raises(ValueError, match="not be negative"):
        scheduler.advance_to(START - timedelta(seconds=1))


def test_a_tick_runs_what_is_due_and_tells_when_to_come_back(scheduler):
    seen = []
    scheduler.add_job(seen.append, "interval", seconds=30, args=[1])
    assert scheduler.tick() == 30
    scheduler.clock.advance(30)
    assert scheduler.tick() == 30
    assert seen == [1]


def test_nothing_runs_while_the_scheduler_is_paused(scheduler):
    seen = []
    scheduler.add_job(seen.append, "interval", seconds=1, args=[1])
    scheduler.pause()
    assert scheduler.tick() is None
    scheduler.advance(5)
    assert seen == []


def test_two_schedulers_can_share_a_clock():
    clock = FakeClock(START)
    schedulers = [ManualScheduler(clock=clock) for _ in range(2)]
    clock.advance(5)
    assert {each.clock.now() for each in schedulers} == {START + timedelta(seconds=5)}


def test_a_trigger_that_raises_is_asked_now_and_then_and_keeps_its_job(scheduler):
    trigger = Asked(RuntimeError("broken"))
    scheduler.add_job(print, trigger, id="a", next_run_time=START)
    scheduler.advance(timedelta(minutes=10))
    assert 5 < trigger.times < 20
    assert scheduler.get_job("a").next_run_time == START


def test_an_interrupted_pass_still_runs_what_it_had_claimed(scheduler):
    seen = []
    scheduler.add_job(seen.append, "interval", seconds=10, args=["first"], timeout=5, id="first")
    scheduler.add_job(print, Asked(KeyboardInterrupt()), id="second", next_run_time=START)
    scheduler.modify_job("first", next_run_time=START - timedelta(microseconds=1))
    with pytest.raises(KeyboardInterrupt):
        scheduler.tick()
    assert seen == ["first"]
    scheduler.remove_job("second")
    scheduler.advance(10)
    assert seen == ["first", "first"]


# -- how often it looks -----------------------------------------------------------------------------------


def stores(tmp_path):
    from apscheduler.jobstores.memory import MemoryJobStore
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

    return {
        "memory": MemoryJobStore,
        "a database in memory": lambda: SQLAlchemyJobStore("sqlite://"),
        "a file that processes share": lambda: SQLAlchemyJobStore(f"sqlite:///{tmp_path}/a.db"),
        "one that is looked at often": lambda: SQLAlchemyJobStore(
            f"sqlite:///{tmp_path}/b.db", poll_interval=0.01
        ),
    }


@pytest.mark.parametrize("kind", stores(""))
@pytest.mark.parametrize(
    ("every", "hours", "times"),
    [({"minutes": 5}, 1, 12), ({"hours": 6}, 24, 4), ({"days": 30}, 24 * 7, 0)],
)
def test_time_goes_from_fire_time_to_fire_time_whatever_the_store(
    tmp_path, kind, every, hours, times
):
    scheduler = ManualScheduler(jobstores={"default": stores(tmp_path)[kind]()})
    scheduler.start()
    scheduler.add_job(print, "interval", **every, id="a")
    before = scheduler._passes
    scheduler.advance(timedelta(hours=hours))
    assert len(scheduler.get_runs()) == times
    assert scheduler._passes - before <= times + 1
    assert scheduler.clock.now() == START + timedelta(hours=hours)
    scheduler.shutdown()


def test_a_tick_on_a_shared_store_tells_when_the_next_job_is(tmp_path):
    store = stores(tmp_path)["a file that processes share"]()
    scheduler = ManualScheduler(jobstores={"default": store})
    scheduler.start()
    assert scheduler.tick() is None
    scheduler.add_job(print, "interval", seconds=30, id="a")
    assert scheduler.tick() == pytest.approx(30)
    scheduler.shutdown()


def test_who_follows_a_leader_goes_through_the_time_in_one_step(tmp_path):
    clock = FakeClock(START)
    first, second = (
        ManualScheduler(clock=clock, leader_lock=f"{tmp_path}/leader") for _ in range(2)
    )
    for each in (first, second):
        each.start()
        each.tick()
    before = second._passes
    second.advance(timedelta(days=1))
    assert second._passes - before == 1
    first.shutdown()
    second.tick()
    assert second.is_leader
    second.shutdown()


def test_a_job_that_another_scheduler_added_meanwhile_is_seen_at_the_next_call(tmp_path):
    clock = FakeClock(START)
    first, second = (
        ManualScheduler(
            clock=clock, jobstores={"default": stores(tmp_path)["a file that processes share"]()}
        )
        for _ in range(2)
    )
    for each in (first, second):
        each.start()
    first.advance(60)
    second.add_job(print, "interval", seconds=30, id="a")
    first.advance(60)
    assert len(first.get_runs("a")) == 2
    for each in (first, second):
        each.shutdown()
