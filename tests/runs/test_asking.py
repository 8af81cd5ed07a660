"""A job's due fire times and what becomes of them, as each store asks."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from apscheduler._engine.instants import MINUTE, to_us
from apscheduler.calendars import Blackout, Blackouts
from apscheduler.job import Job
from apscheduler.runs.asking import HeldBackError, plan_job, plan_since
from apscheduler.testing import ManualScheduler
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.interval import IntervalTrigger

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
DUE = to_us(START)
NOW = DUE + 3 * MINUTE
EACH = [DUE + minutes * MINUTE for minutes in range(4)]


def every_minute() -> IntervalTrigger:
    return IntervalTrigger(minutes=1, start_date=START, timezone="UTC")


def make(trigger=None, cls: type[Job] = Job, **options) -> Job:
    options = {"coalesce": False, "misfire_grace_time": None, "max_instances": 1, **options}
    job = cls(
        ManualScheduler(timezone="UTC"),
        id="job",
        func=os.getpid,
        args=(),
        kwargs={},
        executor="default",
        trigger=trigger or every_minute(),
        next_run_time=START,
        **options,
    )
    job._refresh()
    return job


def test_without_coalesce_all_due_fire_times_run() -> None:
    planned = plan_job(make(), DUE, NOW)
    assert (planned.run, planned.next) == (EACH, NOW + MINUTE)


def test_with_coalesce_the_last_one_runs_and_the_others_are_counted() -> None:
    planned = plan_job(make(coalesce=True), DUE, NOW)
    assert planned.run == EACH[-1:]
    assert planned.coalesced.count == 3


def test_a_plan_runs_what_a_job_says_of_its_run_times() -> None:
    job = make()
    assert list(map(to_us, job._get_run_times(START + timedelta(minutes=3)))) == EACH
    assert plan_job(job, DUE, NOW).run == EACH


def test_calendars_drop_fire_times_in_both() -> None:
    closed = Blackouts(Blackout(START + timedelta(seconds=30), START + timedelta(seconds=90)))
    job = make(CalendarTrigger(every_minute(), closed, "drop"))
    open_times = [EACH[0], *EACH[2:]]
    planned = plan_job(job, DUE, NOW)
    assert planned.run == open_times
    assert sum(drop.count for drop in planned.dropped) == 1
    assert list(map(to_us, job._get_run_times(START + timedelta(minutes=3)))) == open_times


def test_fire_times_before_another_led_are_missed() -> None:
    planned = plan_since(EACH[2], "another's")(make(), DUE, NOW)
    assert planned.run == EACH[2:]
    assert (planned.missed.count, planned.missed.reason) == (2, "another's")


class Choosy(Job):
    chosen: tuple[datetime, ...] = ()

    def _get_run_times(self, now):
        return list(self.chosen)


def test_run_times_of_ones_own_are_what_runs_and_the_next_one_follows_them() -> None:
    job = make(cls=Choosy)
    Choosy.chosen = (START, START + timedelta(minutes=1))
    planned = plan_job(job, DUE, NOW)
    assert (planned.run, planned.next) == (EACH[:2], EACH[2])


def test_a_job_whose_own_run_times_give_none_is_held_back() -> None:
    Choosy.chosen = ()
    with pytest.raises(HeldBackError, match="gives no fire time"):
        plan_job(make(cls=Choosy), DUE, NOW)
