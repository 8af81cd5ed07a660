"""What time it is: the store's clock between two readings of it, and the host's where a process's own is wrong."""

from __future__ import annotations

import os

import pytest

from apscheduler._engine.instants import SECOND
from apscheduler.cluster import hostclock
from apscheduler.cluster import offset as offset_module
from apscheduler.cluster.hostclock import HostClock, kernel_base
from apscheduler.cluster.offset import Offset

EPOCH = 1_900_000_000 * SECOND


class Host:
    """A host's clock that is set, its steady clock, and the kernel's word."""

    def __init__(self) -> None:
        self.steady = 1_000 * SECOND
        self.set_by = 0
        self.process_set_by = 0
        self.tells = True

    @property
    def true(self) -> int:
        return EPOCH + self.steady + self.set_by

    def own(self) -> int:
        return self.true + self.process_set_by

    def kernel(self) -> int | None:
        base = (EPOCH + self.set_by) // SECOND * SECOND
        return base if self.tells else None


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def offset(host, monkeypatch):
    monkeypatch.setattr(offset_module, "boot_us", lambda: host.steady)
    return Offset(host.own)


def measure(host, offset, *, ahead=0, round_trip=2_000):
    began = offset.asked()
    host.steady += round_trip // 2
    store_now = EPOCH + host.steady + ahead
    host.steady += round_trip - round_trip // 2
    return offset.measured(began, store_now)


def test_there_is_no_offset_before_the_store_was_asked(offset):
    assert offset.us == 0


def test_the_offset_is_how_far_the_stores_clock_is_ahead(host, offset):
    measure(host, offset, ahead=7 * SECOND)
    assert offset.us == 7 * SECOND


@pytest.mark.parametrize("round_trip", [200, 2_000, 40_000, 900_000])
def test_an_offset_within_the_round_trip_is_none(host, offset, round_trip):
    least = max(round_trip, 1_000)
    measure(host, offset, ahead=least, round_trip=round_trip)
    assert (offset.us, offset.slack) == (0, min(least, 50_000))
    measure(host, offset, ahead=least + 1, round_trip=round_trip)
    assert offset.us == least + 1
    measure(host, offset, ahead=-least - 1, round_trip=round_trip)
    assert offset.us == -least - 1


def test_a_reading_that_took_long_does_not_replace_a_better_one_that_it_agrees_with(host, offset):
    measure(host, offset, ahead=7 * SECOND)
    began = offset.asked()
    host.steady += 2 * SECOND  # held up on the way back: the middle is a second off
    offset.measured(began, EPOCH + began + 7 * SECOND)
    assert offset.us == 7 * SECOND
    began = offset.asked()
    host.steady += 2 * SECOND
    offset.measured(began, EPOCH + began + 7 * SECOND, afresh=True)
    assert offset.us == 6 * SECOND
    measure(host, offset, ahead=7 * SECOND)
    assert offset.us == 7 * SECOND
    measure(host, offset, ahead=20 * SECOND, round_trip=2 * SECOND)
    assert offset.us == 20 * SECOND, "it does not agree: the store's clock was set"


@pytest.mark.parametrize("step", [SECOND, 60 * SECOND, 3600 * SECOND, -SECOND, -3600 * SECOND])
def test_the_stores_time_goes_on_while_the_hosts_clock_is_set(host, offset, step):
    measure(host, offset, ahead=3 * SECOND)
    for _ in range(5):
        host.set_by += step
        host.steady += SECOND
        assert host.own() + offset.us == EPOCH + host.steady + 3 * SECOND


def test_a_step_of_a_second_or_more_is_told_at_the_next_reading_once(host, offset):
    assert measure(host, offset) == 0
    host.set_by = 60 * SECOND
    assert measure(host, offset) == 60 * SECOND
    assert measure(host, offset) == 0
    host.set_by = 59 * SECOND + 1
    assert measure(host, offset) == 0


@pytest.fixture
def clock(host):
    return HostClock(host.own, lambda: host.steady, host.kernel)


@pytest.mark.parametrize("step", [60 * SECOND, 3600 * SECOND, -3600 * SECOND])
def test_a_step_of_the_whole_host_is_a_new_time(host, clock, step):
    assert clock.now() == host.true
    host.set_by += step
    assert clock.now() == host.true


@pytest.mark.parametrize("step", [2 * SECOND, 60 * SECOND, 3600 * SECOND, -3600 * SECOND])
def test_a_step_of_this_process_alone_is_not(host, clock, step):
    clock.now()
    host.process_set_by = step
    for _ in range(50):
        host.steady += SECOND // 10
        assert clock.now() == host.true
    host.process_set_by = 0
    assert clock.now() == host.true


def test_the_host_may_be_set_while_this_process_is_wrong(host, clock):
    clock.now()
    host.process_set_by = 60 * SECOND
    clock.now()
    host.set_by = 600 * SECOND
    host.steady += 2 * SECOND
    assert 0 <= host.true - clock.now() < 2 * SECOND


@pytest.mark.parametrize("wrong", [60 * SECOND, -60 * SECOND])
def test_a_process_that_is_wrong_from_its_start_goes_by_the_kernel(host, clock, wrong):
    host.process_set_by = wrong
    host.set_by = 400_000
    assert 0 <= host.true - clock.now() < 2 * SECOND
    host.process_set_by = 0
    assert clock.now() == host.true


def test_small_steps_and_those_of_a_host_that_does_not_tell_are_believed(host, clock):
    clock.now()
    host.process_set_by = SECOND - 1
    assert clock.now() == host.own()
    host.tells = False
    host.process_set_by = 60 * SECOND
    assert clock.now() == host.own()


def test_the_kernels_word_agrees_with_this_machines_clock():
    told = kernel_base()
    if told is None:
        pytest.skip("this system has no /proc/stat")
    assert abs(HostClock().now() - offset_module.boot_us() - told) < 2 * SECOND


def behind() -> int:
    """Return by how many microseconds what the kernel tells is behind this machine's clock."""
    told = kernel_base()
    if told is None:
        pytest.skip("this system has no /proc/stat")
    return hostclock.process_us() - offset_module.boot_us() - told


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="the kernel makes no files in memory")
def test_the_kernel_tells_the_time_to_some_milliseconds_by_the_stamp_of_a_file():
    assert min(behind() for _ in range(20)) < 50_000


@pytest.mark.parametrize("faked", [-3600 * SECOND, 3600 * SECOND, None])
def test_where_stamps_are_faked_or_refused_the_kernel_tells_it_to_a_second(monkeypatch, faked):
    stamp = None if faked is None else hostclock.process_us() + faked
    monkeypatch.setattr(hostclock, "_stamp_us", lambda: stamp)
    told = kernel_base()
    if told is None:
        pytest.skip("this system has no /proc/stat")
    assert told % SECOND == 0
    assert behind() < 1.5 * SECOND


def test_where_no_file_can_be_made_in_memory_there_is_no_stamp(monkeypatch):
    def refuse(name):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    assert hostclock._stamp_us() is None
    monkeypatch.delattr(os, "memfd_create")
    assert hostclock._stamp_us() is None
