"""The trigger that fires once."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st

from apscheduler._engine.instants import DAY, to_us
from apscheduler.triggers import date as module
from apscheduler.triggers.date import DateTrigger

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2030, 1, 1, tzinfo=UTC)
ZONES = sorted(available_timezones() - {"localtime"})


def test_it_fires_once_even_in_the_past():
    trigger = DateTrigger(datetime(2020, 1, 1), UTC)
    assert trigger.get_next_fire_time(None, NOW) == datetime(2020, 1, 1, tzinfo=UTC)
    assert trigger.get_next_fire_time(datetime(2020, 1, 1, tzinfo=UTC), NOW) is None


@pytest.mark.trap(51)
@pytest.mark.parametrize("zone", ["Europe/Berlin", BERLIN, pytz.timezone("Europe/Berlin")])
@pytest.mark.parametrize("run_date", ["2030-07-01", date(2030, 7, 1), datetime(2030, 7, 1)])
def test_a_naive_date_is_read_in_the_zone_given(run_date, zone):
    assert DateTrigger(run_date, zone).run_date.isoformat() == "2030-07-01T00:00:00+02:00"


@pytest.mark.trap(50)
def test_an_offset_in_the_text_is_kept():
    trigger = DateTrigger("2021-03-28 02:30:00+05:00", BERLIN)
    assert str(trigger) == "date[2021-03-28 02:30:00 UTC+05:00]"


@pytest.mark.trap(50)
@pytest.mark.parametrize(
    "run_date", [datetime(2021, 3, 28, 2, 30), datetime(2021, 3, 28, 2, 30, tzinfo=BERLIN)]
)
def test_a_wall_time_in_a_gap_is_shown_as_one_that_exists(run_date):
    trigger = DateTrigger(run_date, BERLIN)
    assert trigger.run_date.isoformat() == "2021-03-28T03:30:00+02:00"


@given(
    st.datetimes(datetime(1970, 1, 3), datetime(2100, 1, 1)),
    st.sampled_from(ZONES),
    st.integers(0, 1),
)
def test_the_instant_is_the_one_of_the_wall_time(wall, name, fold):
    moment = wall.replace(tzinfo=ZoneInfo(name), fold=fold)
    trigger = DateTrigger(moment)
    fired = trigger.get_next_fire_time(None, NOW)
    assert trigger.next_us(None, 0) == to_us(moment) == to_us(fired)
    assert trigger.at(to_us(moment)) is fired


def test_without_a_date_it_is_now_by_the_clock_of_its_module(monkeypatch):
    class Clock:
        @staticmethod
        def now(zone):
            return NOW.astimezone(zone)

    monkeypatch.setattr(module, "datetime", Clock)
    assert DateTrigger(timezone=BERLIN).run_date.isoformat() == "2030-01-01T01:00:00+01:00"


def test_a_scheduler_with_its_own_clock_sets_now():
    trigger = DateTrigger(timezone=BERLIN)
    trigger.begin_at(to_us(NOW))
    assert trigger.run_date == NOW
    fixed = DateTrigger("2031-01-01", UTC)
    fixed.begin_at(to_us(NOW))
    assert fixed.run_date.year == 2031


def test_the_series_is_its_one_fire_time():
    trigger = DateTrigger(NOW)
    due = to_us(NOW)
    assert trigger.next_us(due, due) is None
    assert trigger.latest_us(due, due + DAY) == due
    assert trigger.count_us(due, due, 10) == 1
    assert trigger.at(due + DAY) == NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ((5,), TypeError, "run_date must be a datetime"),
        (("abc", UTC), ValueError, "run_date cannot be read"),
        (("2030-01-01", 5), TypeError, "a timezone must be a name"),
        (("2030-01-01", "Europe/Berlim"), LookupError, "did you mean Europe/Berlin"),
    ],
)
def test_a_wrong_argument_is_refused_at_once(args, error, words):
    with pytest.raises(error, match=words):
        DateTrigger(*args)


@pytest.mark.trap(105)
@pytest.mark.parametrize(
    "state", [{"version": 1, "run_date": NOW}, (None, {"version": 1, "run_date": NOW})]
)
def test_states_of_3x_are_read(state):
    trigger = DateTrigger.__new__(DateTrigger)
    trigger.__setstate__(state)
    assert trigger.__getstate__() == {"version": 1, "run_date": NOW}
    assert repr(pickle.loads(pickle.dumps(trigger))) == (
        "<DateTrigger (run_date='2030-01-01 00:00:00 UTC')>"
    )


def test_a_state_of_a_later_release_is_refused():
    with pytest.raises(ValueError, match=r"stored in version 2 .* reads versions up to 1"):
        DateTrigger.__new__(DateTrigger).__setstate__({"version": 2})
