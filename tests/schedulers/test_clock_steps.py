"""A host's clock that is set, with jobs in memory: what becomes due, what waits, and the one line about it."""

from __future__ import annotations

import logging

import pytest

from apscheduler._engine.instants import SECOND
from apscheduler.schedulers import base
from apscheduler.schedulers._dispatch import clock_steps
from apscheduler.testing import FakeClock, ManualScheduler

START = 1_900_000_000 * SECOND


class Host:
    """A host's clock that is set, and a steady one."""

    def __init__(self) -> None:
        self.steady = 1_000 * SECOND
        self.set_by = 0

    def time_ns(self) -> int:
        return (START + self.steady + self.set_by) * 1000


@pytest.fixture
def host(monkeypatch):
    host = Host()
    monkeypatch.setattr(base, "time_ns", host.time_ns)
    monkeypatch.setattr(clock_steps, "boot_us", lambda: host.steady)
    monkeypatch.setattr(clock_steps, "monotonic_ns", lambda: host.steady * 1000)
    monkeypatch.setattr(clock_steps, "_CAN_TELL", True)
    return host


@pytest.fixture
def scheduler(host):
    scheduler = ManualScheduler(clock=None)
    scheduler.start()
    scheduler.add_job(int, "interval", seconds=1, id="a", misfire_grace_time=None, coalesce=False)
    scheduler.tick()
    yield scheduler
    scheduler.shutdown()


def lines(caplog):
    found = [each.getMessage() for each in caplog.records if "clock" in each.getMessage()]
    caplog.clear()
    return found


def test_a_step_forward_says_how_many_fire_times_became_due(host, scheduler, caplog):
    host.set_by += 60 * SECOND
    scheduler.tick()
    assert lines(caplog) == [
        "The clock of this host was set forward by 60.0 s: in job store 'default' 60 fire times became due at once"
    ]
    assert scheduler.outcome_counts() == {"executed": 60}
    host.steady += SECOND
    scheduler.tick()
    assert lines(caplog) == []


def test_coalesced_and_missed_fire_times_are_counted(host, scheduler, caplog):
    scheduler.modify_job("a", coalesce=True)
    host.set_by += 3600 * SECOND
    scheduler.tick()
    (said,) = lines(caplog)
    assert "3600 fire times became due at once" in said


def test_a_step_back_by_almost_the_time_that_has_passed_is_said_at_once(host, scheduler, caplog):
    host.steady += 10 * SECOND
    host.set_by -= 10 * SECOND - SECOND // 10
    scheduler.tick()
    (said,) = lines(caplog)
    assert "set back by 9.9 s" in said


def test_a_step_between_passes_that_follow_each_other_closely_is_said(host, scheduler, caplog):
    for _ in range(20):
        host.steady += SECOND // 1000
        scheduler.tick()
    host.set_by -= 2 * SECOND
    scheduler.tick()
    (said,) = lines(caplog)
    assert "set back by 2.0 s" in said


def test_a_step_back_says_that_jobs_wait(host, scheduler, caplog):
    host.steady += SECOND
    scheduler.tick()
    host.set_by -= 3600 * SECOND
    assert 3600 < scheduler.tick() <= 3601
    (said,) = lines(caplog)
    assert said == (
        "The clock of this host was set back by 3600.0 s: in job store 'default' jobs wait until it "
        "comes to their times again"
    )


def test_time_that_passes_is_no_step_nor_is_less_than_a_second(host, scheduler, caplog):
    host.steady += 3600 * SECOND
    scheduler.tick()
    host.set_by += SECOND - 1
    scheduler.tick()
    assert lines(caplog) == []


def test_a_clock_that_was_given_is_set_at_will(host, caplog):
    clock = FakeClock()
    scheduler = ManualScheduler(clock=clock)
    scheduler.start()
    with caplog.at_level(logging.WARNING):
        scheduler.tick()
        clock.advance(3600)
        scheduler.tick()
    assert lines(caplog) == []
    scheduler.shutdown()
