"""How many claims of short jobs an executor is given ahead."""

from __future__ import annotations

from apscheduler.schedulers._dispatch.pace import AHEAD, Pace


class Threads:
    capacity = 10

    def free_slots(self):
        return 10


def ahead(pace):
    return pace.slots("default", Threads()) - 10


def test_nothing_is_claimed_ahead_before_any_run():
    assert ahead(Pace()) == 0


def test_as_many_as_start_within_the_time_ahead():
    pace = Pace()
    pace.ran("default", 10_000)
    assert ahead(pace) == AHEAD * 10 // 10_000


def test_one_run_that_was_left_waiting_in_its_middle_does_not_halve_what_is_claimed():
    pace = Pace()
    for _ in range(1000):
        pace.ran("default", 20)
    usual = ahead(pace)
    pace.ran("default", 10_000)
    assert ahead(pace) > usual / 2


def test_jobs_that_have_become_slow_are_noticed_at_once():
    pace = Pace()
    for _ in range(1000):
        pace.ran("default", 20)
    usual = ahead(pace)
    pace.ran("default", 1_000_000)
    assert ahead(pace) < usual / 10


def test_jobs_that_have_become_quick_are_noticed_within_some_hundred_runs():
    pace = Pace()
    pace.ran("default", 1_000_000)
    for _ in range(600):
        pace.ran("default", 20)
    assert ahead(pace) > 1000
