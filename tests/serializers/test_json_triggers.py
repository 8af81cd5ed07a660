"""Triggers in signed JSON: each comes back with its fire times, and wrong states are refused."""

from __future__ import annotations

import pickle
import random
import sqlite3
from contextlib import closing

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serializers.documents import (
    HERE,
    SERIALIZER,
    document,
    forged_job,
    there_and_back,
)
from serializers.states import (
    CALLABLES,
    NEW,
    START,
    TRIGGERS,
    fires,
    state_of,
)

from apscheduler.calendars import BusinessDays, ClosedDays
from apscheduler.serializers import (
    DeserializationError,
    SerializationError,
    SignedJSONSerializer,
)
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.cron.fields import DayOfMonthField
from apscheduler.triggers.interval import IntervalTrigger


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_comes_back_with_its_fire_times(name):
    found = there_and_back(TRIGGERS[name])
    assert fires(found) == fires(TRIGGERS[name]) != []
    assert repr(found) == repr(TRIGGERS[name])
    assert found.native


def test_every_job_of_3_11_3_can_be_written_as_json(data_folder):
    source = f"file:{data_folder / 'jobs-3.11.3.sqlite'}?mode=ro"
    with closing(sqlite3.connect(source, uri=True)) as base:
        rows = base.execute("SELECT id, job_state FROM apscheduler_jobs").fetchall()
    states = {name: pickle.loads(data) for name, data in rows}
    functions = {state["func"] for state in states.values()}
    serializer = SignedJSONSerializer({"new": NEW}, callables=functions)
    for name, state in states.items():
        place = {"store": "jobs", "job_id": name}
        found = serializer.loads(serializer.dumps(state, **place), **place)
        new, old = found.pop("trigger"), state.pop("trigger")
        assert repr(new) == repr(old)
        assert seeded_fires(new) == seeded_fires(old)
        assert found == state
    assert len(rows) > 5


def seeded_fires(trigger):
    random.seed(5)  # of jitter
    return fires(trigger)


CRON_WORDS = {
    "year": ["*", "2030", "2031-2040/3"],
    "month": ["*", "jan", "feb-apr", "*/5", "1,12"],
    "day": ["*", "last", "2nd wed", "last sun", "31", "1-9/2"],
    "week": ["*", "53", "1-10"],
    "day_of_week": ["*", "mon-fri", "sun", "0,6", "*/2"],
    "hour": ["*", "2", "*/7", "1-3"],
    "minute": ["*", "0", "30-59/10"],
    "second": ["*", "59", "*/31"],
}


@given(
    st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in CRON_WORDS.items()}),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
)
def test_every_cron_trigger_comes_back_field_by_field(given_fields, zone):
    trigger = CronTrigger(**given_fields, timezone=zone)
    found = there_and_back(trigger)
    assert found.fields == trigger.fields
    assert [vars(field) for field in found.fields] == [vars(field) for field in trigger.fields]
    assert (found.timezone, found.start_date) == (trigger.timezone, trigger.start_date)


class Weekly(IntervalTrigger):
    """A trigger of an application."""


def test_a_trigger_of_a_class_of_its_own_must_be_registered():
    trigger = OrTrigger([TRIGGERS["cron"], Weekly(weeks=1, start_date=START)])
    with pytest.raises(SerializationError, match=r"\['triggers'\]\[1\] is a .*Weekly"):
        there_and_back(trigger)
    row = ("weekly", Weekly, lambda t: t.start_date, lambda d: Weekly(weeks=1, start_date=d))
    serializer = SignedJSONSerializer({"new": NEW}, callables=CALLABLES, types=[row])
    found = there_and_back(trigger, serializer)
    assert [type(member) for member in found.triggers] == [CronTrigger, Weekly]
    assert fires(found) == fires(trigger)


def trigger_tree(name):
    return document(SERIALIZER.dumps(state_of(trigger=TRIGGERS[name]), **HERE))["job"]["trigger"]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("interval", {"timezone": "Europe/Berlin"}),
        ("interval", {"start_date": "2030-01-01"}),
        ("interval", {"interval": 5}),
        ("interval", {"jitter": "5"}),
        ("interval", {"version": 99}),
        ("interval", {"version": True}),
        ("interval", {"extra": 1}),
        ("date", {"run_date": None}),
        ("cron", {"fields": []}),
        ("cron", {"fields": [["year", "*", True]] * 8}),
        ("cron", {"fields": [["second", "*", True]] * 8}),
        ("cron", {"fields": "12345678"}),
        ("cron", {"timezone": {"$tuple": []}}),
        ("calendarinterval", {"interval": [0, 1, 0, "os"]}),
        ("calendarinterval", {"time": [1, 2]}),
        ("calendarinterval", {"time": [99, 0, 0]}),
        ("and", {"triggers": []}),
        ("and", {"triggers": ["os:system"]}),
        ("and", {"triggers": [["apscheduler.triggers.date:DateTrigger", {}]]}),
        ("or of or", {"triggers": [{"$tuple": []}]}),
        ("under calendars", {"version": 2}),
        ("under calendars", {"extra": 1}),
        ("under calendars", {"trigger": "os:system"}),
        ("under calendars", {"calendars": [1]}),
        ("under calendars", {"calendars": []}),
        ("under calendars", {"closed": 1}),
        ("rrule", {"rrule": "RRULE:FREQ=DAILY\n" + " " * 10_000}),
        ("rrule", {"rrule": 1}),
        ("rrule", {"start_date": "2030-01-01"}),
    ],
)
def test_a_trigger_of_wrong_values_is_refused(name, changes):
    tree = trigger_tree(name)
    (tag,) = tree
    tree[tag].update(changes)
    with pytest.raises(DeserializationError, match=f"the type '{tag[1:]}' is wrong"):
        SERIALIZER.loads(forged_job(trigger=tree), **HERE)


def test_a_cron_field_too_long_to_be_read_is_refused():
    tree = trigger_tree("cron")
    tree["$trigger:cron"]["fields"][0][1] = "*" + " " * 300_000
    with pytest.raises(DeserializationError, match="more than 10000 characters"):
        SERIALIZER.loads(forged_job(trigger=tree), **HERE)


def test_business_days_without_holidays_come_back():
    trigger = CalendarTrigger(CronTrigger(hour=9, start_date=START, timezone="UTC"), BusinessDays())
    found = there_and_back(trigger)
    assert repr(found) == repr(trigger)
    assert fires(found) == fires(trigger) != []


def forged_calendar(tag, **changes):
    """Return a trigger under one calendar that is written with these changes."""
    tree = trigger_tree("under calendars")
    calendars = tree["$trigger:calendar"]["calendars"]
    (calendar,) = (each for each in calendars if tag in each)
    calendar[tag].update(changes)
    tree["$trigger:calendar"]["calendars"] = [calendar]
    return tree


@pytest.mark.parametrize(
    ("tag", "changes"),
    [
        ("$calendar:closed", {"days": ["callable", "os:system"]}),
        ("$calendar:closed", {"days": ["dates", [20300101]]}),
        ("$calendar:closed", {"days": ["dates"]}),
        ("$calendar:business", {"weekend": ["sat"]}),
        ("$calendar:business", {"holidays": ["mapping", {"2030-01-01": "a feast"}]}),
        ("$calendar:blackout", {"start": "2030-01-01"}),
        ("$calendar:daily", {"days": []}),
        ("$calendar:daily", {"timezone": "Europe/Berlin"}),
        ("$calendar:daily", {"version": 2}),
    ],
)
def test_a_calendar_of_wrong_values_is_refused(tag, changes):
    tree = forged_calendar(tag, **changes)
    with pytest.raises(DeserializationError, match=f"the type '{tag[1:]}' is wrong"):
        SERIALIZER.loads(forged_job(trigger=tree), **HERE)


class Holiday(DayOfMonthField):
    """A field of a user's own."""


def test_a_cron_field_of_a_class_of_its_own_cannot_be_written():
    trigger = CronTrigger(day=1, timezone="UTC")
    trigger.fields = [*trigger.fields[:2], Holiday("day", "1"), *trigger.fields[3:]]
    with pytest.raises(SerializationError, match="cron field 'day' has a class or an expression"):
        SERIALIZER.dumps(state_of(trigger=trigger), **HERE)


def test_days_that_a_library_looks_up_cannot_be_written_and_the_way_out_is_told():
    trigger = CalendarTrigger(CronTrigger(), ClosedDays(holidays.Germany()))
    with pytest.raises(SerializationError, match="register the calendar with add_calendar"):
        SERIALIZER.dumps(state_of(trigger=trigger), **HERE)
