"""The one file that reads time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from apscheduler import clocks


def test_the_hosts_clock_is_told_in_whole_microseconds_rounded_down(monkeypatch):
    monkeypatch.setattr(clocks, "time_ns", lambda: 5_000_999)
    assert clocks.now_us() == 5_000


def test_a_datetime_is_the_hosts_time_in_the_zone():
    before = datetime.now(UTC)
    moment = clocks.now(UTC)
    assert moment.tzinfo is UTC
    assert before <= moment <= before + timedelta(seconds=60)


def test_the_clock_of_leases_is_that_of_boot_or_else_one_that_stands_during_sleep(monkeypatch):
    asked = []
    monkeypatch.setattr(time, "clock_gettime_ns", lambda which: asked.append(which) or 7_999)
    monkeypatch.setattr(clocks, "_BOOT", 7)
    assert (clocks.boot_us(), clocks.counts_sleep(), asked) == (7, True, [7])
    monkeypatch.setattr(clocks, "_BOOT", None)
    monkeypatch.setattr(clocks, "monotonic_ns", lambda: 3_999)
    assert (clocks.boot_us(), clocks.counts_sleep()) == (3, False)


def test_the_clock_of_leases_runs():
    first = clocks.boot_us()
    assert 0 < first <= clocks.boot_us()
