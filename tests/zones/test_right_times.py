"""Where a fire time belongs that was planned when Tokyo was eight hours ahead; it is nine today.

Neighbours tried: clocks that go back, several zones, zones that are not the trigger's, triggers that fire at both times or at
neither, claimed times, intervals, jitter, dates.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from zones.old_notes import DUBAI, HOUR, NOW, PLANNED, RIGHT, TOKYO, clocks

from apscheduler._engine.instants import SECOND, to_us
from apscheduler.jobstores._replanned import right_time
from apscheduler.jobstores.standing import Standing
from apscheduler.testing import ManualScheduler
from apscheduler.testing._contract_jobs import ForeignTrigger, make_job
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

DUE, RIGHT_US = to_us(PLANNED), to_us(RIGHT)
SEVEN = "Etc/GMT-7"


def cron(**fields):
    return CronTrigger(**{"timezone": TOKYO, **fields})


NINE = cron(hour=9)


def right(trigger, due=DUE, *, claimed=0, zones=(TOKYO,), before=None):
    job = make_job(ManualScheduler(), "job", due, trigger=trigger)
    return right_time(Standing(job, claimed), zones, before or clocks())


def test_nine_oclock_stays_nine_oclock():
    assert right(NINE) == RIGHT_US == DUE - HOUR


def test_a_clock_that_goes_back_moves_a_fire_time_on():
    assert right(NINE, RIGHT_US - HOUR, before=clocks(tokyo=10)) == RIGHT_US


def test_where_the_clock_is_the_same_at_that_time_it_stays():
    assert right(NINE, before=clocks(tokyo=9)) is None
    assert right(NINE, RIGHT_US, before=clocks(tokyo=9)) is None


def test_where_the_clock_of_then_is_not_known_it_stays():
    assert right(NINE, zones=(SEVEN,)) is None
    far = to_us(PLANNED.replace(year=2060))
    assert right(NINE, far) is None


@pytest.mark.parametrize("first", [SEVEN, DUBAI], ids=["not known", "not changed"])
def test_of_several_zones_each_is_looked_at(first):
    assert right(NINE, zones=(first, TOKYO)) == RIGHT_US


def test_the_zone_has_to_be_the_triggers():
    in_dubai = cron(hour=9, timezone=DUBAI)
    assert right(in_dubai, zones=(TOKYO, DUBAI)) is None


@pytest.mark.parametrize("trigger", [cron(hour=10), cron(hour=8), cron(hour=9, minute=1)])
def test_a_time_at_which_the_trigger_does_not_fire_is_nobodys(trigger):
    assert right(trigger) is None


def test_a_trigger_that_fires_at_both_is_moved_to_the_earlier_one_only():
    hourly = cron(minute=0)
    assert right(hourly) == RIGHT_US
    assert right(hourly, RIGHT_US - HOUR, before=clocks(tokyo=10)) is None


def test_what_was_claimed_does_not_come_again():
    assert right(NINE, claimed=RIGHT_US - 1) == RIGHT_US
    assert right(NINE, claimed=RIGHT_US) is None
    assert right(NINE, claimed=RIGHT_US + 1) is None


def test_an_interval_keeps_its_distance_once_it_has_begun():
    daily = IntervalTrigger(days=1, start_date="2030-01-02 09:00:00", timezone=TOKYO)
    assert right(daily) == RIGHT_US
    assert right(daily, claimed=NOW) is None


def test_a_time_that_chance_moved_is_moved_as_far():
    late = 30 * SECOND
    assert right(cron(hour=9, jitter=60), DUE + late) == RIGHT_US + late
    assert right(cron(hour=9, jitter=60), DUE + 2 * late) == RIGHT_US + 2 * late
    assert right(cron(hour=9, jitter=60), DUE) == RIGHT_US
    assert right(cron(hour=9, jitter=60), DUE + 3 * late) is None
    assert right(cron(hour=9, jitter=60), DUE - 1) is None


@pytest.mark.parametrize("moved", [-SECOND // 2, SECOND // 2, SECOND])
def test_without_jitter_a_fire_time_is_exact(moved):
    assert right(NINE, DUE + moved) is None


def test_what_cannot_be_told_of_a_trigger_stays():
    assert right(ForeignTrigger()) is None
    assert right(OrTrigger([cron(hour=9, jitter=60)])) is None  # by which of its jitters?
    assert right(OrTrigger([NINE])) == RIGHT_US
    assert right(OrTrigger([NINE, ForeignTrigger()])) is None


def test_a_date_is_at_its_wall_time():
    wall = (RIGHT + timedelta(hours=9)).replace(tzinfo=None)
    assert right(DateTrigger(wall, timezone=TOKYO)) == RIGHT_US
