"""A schedule in the place of a trigger's name, or of ``args``: taken where it is clear, else told what to write.

Neighbours tried beyond the reported ones: ``@daily``, rules with DTSTART, dates and intervals in the place of ``args``,
``scheduled_job``, ``reschedule_job``, rules of dateutil's, real arguments beside a rule that is given by name, a mapping in the place of
``args`` for each trigger, mappings of other names.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dateutil.rrule import DAILY, rrule

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabTrigger
from apscheduler.triggers.rrule import RRuleTrigger


def func(*args):
    return args


@pytest.fixture
def scheduler():
    return BackgroundScheduler(timezone="Europe/Berlin")


RULES = [
    "FREQ=DAILY;COUNT=3",
    "DTSTART:20270101T090000Z RRULE:FREQ=DAILY",
    rrule(DAILY, dtstart=datetime(2027, 1, 1, 9, tzinfo=UTC)),
]


@pytest.mark.parametrize("rule", RULES, ids=["a rule", "with DTSTART", "dateutil's"])
def test_a_rule_stands_behind_its_triggers_name(scheduler, rule):
    job = scheduler.add_job(func, "rrule", rule)
    assert isinstance(job.trigger, RRuleTrigger)
    assert job.args == ()
    decorated = scheduler.scheduled_job("rrule", rule, id="decorated")(func)
    assert decorated is func
    assert isinstance(scheduler.get_job("decorated").trigger, RRuleTrigger)


@pytest.mark.parametrize(
    ("name", "key", "text"), [("rrule", "rrule", "FREQ=DAILY"), ("crontab", "expression", "@daily")]
)
def test_arguments_beside_a_schedule_given_by_name_stay_arguments(scheduler, name, key, text):
    assert scheduler.add_job(func, name, ["a"], **{key: text}).args == ("a",)
    with pytest.raises(TypeError, match="args"):
        scheduler.add_job(func, name, "a", **{key: text})


@pytest.mark.parametrize(
    "line",
    ["0 10 * * *", "@daily", "*/5 9-17 * * mon-fri", "0 0 10 * * *", "0 10 L * ?"],
)
def test_a_crontab_line_as_a_triggers_name_says_what_to_write(scheduler, line):
    for call in (
        lambda: scheduler.add_job(func, line),
        lambda: scheduler.scheduled_job(line)(func),
        lambda: scheduler.add_job(func, "date", run_date="2099-01-01").reschedule(line),
    ):
        with pytest.raises(LookupError) as caught:
            call()
        assert f'add_job(func, "crontab", {line!r})' in str(caught.value)
    assert isinstance(scheduler.add_job(func, "crontab", "0 10 * * *").trigger, CrontabTrigger)


@pytest.mark.parametrize("rule", ["FREQ=DAILY", "RRULE:FREQ=DAILY", "DTSTART:20270101T090000Z"])
def test_a_rule_as_a_triggers_name_says_what_to_write(scheduler, rule):
    with pytest.raises(LookupError, match=r'add_job\(func, "rrule"'):
        scheduler.add_job(func, rule)


@pytest.mark.parametrize("name", ["crno", "every day at ten", "daily"])
def test_other_unknown_names_are_told_as_before(scheduler, name):
    with pytest.raises(LookupError, match="there is no trigger by the name"):
        scheduler.add_job(func, name)


@pytest.mark.parametrize(
    ("trigger", "given", "words"),
    [
        ("cron", "0 10 * * *", "add_job(func, \"crontab\", '0 10 * * *')"),
        ("cron", "0 10 * * *", "CronTrigger.from_crontab('0 10 * * *')"),
        ("interval", 5, "minutes="),
        ("interval", "5", "minutes="),
        ("interval", timedelta(minutes=5), "minutes="),
        ("date", "2027-01-01", "run_date='2027-01-01'"),
        ("date", datetime(2027, 1, 1), "run_date=datetime"),
    ],
)
def test_a_schedule_in_the_place_of_args_says_what_to_write(scheduler, trigger, given, words):
    with pytest.raises(TypeError) as caught:
        scheduler.add_job(func, trigger, given)
    assert words in str(caught.value)
    assert scheduler.get_jobs() == []
    assert isinstance(CronTrigger.from_crontab("0 10 * * *"), CronTrigger)


@pytest.mark.parametrize("given", [5, float("nan"), "0 10 * * *"])
def test_what_is_wrong_with_the_trigger_is_told_first_as_in_3x(scheduler, given):
    with pytest.raises(ValueError, match="no date"):
        scheduler.add_job(func, "interval", given, start_date="no date")


@pytest.mark.parametrize(
    ("trigger", "given", "advised"),
    [
        ("cron", {"hour": 5}, "hour=5"),
        ("cron", {"hour": "5", "minute": "*/5"}, "hour='5', minute='*/5'"),
        ("interval", {"hours": 5}, "hours=5"),
        ("date", {"run_date": "2099-01-01"}, "run_date='2099-01-01'"),
        ("calendarinterval", {"days": 2}, "days=2"),
        ("crontab", {"expression": "@daily"}, "expression='@daily'"),
    ],
)
def test_a_triggers_arguments_in_the_place_of_args_are_said(scheduler, trigger, given, advised):
    with pytest.raises(TypeError) as caught:
        scheduler.add_job(func, trigger, given)
    assert f'write add_job(func, "{trigger}", {advised})' in str(caught.value)
    assert scheduler.add_job(func, trigger, **given).args == ()


@pytest.mark.parametrize(
    ("given", "more"), [({"hour": 5}, {"minute": 5}), ({"name": 1}, {}), ({1: 2}, {}), ({}, {})]
)
def test_other_mappings_are_arguments_as_in_3x(scheduler, given, more):
    assert scheduler.add_job(func, "cron", given, **more).args == tuple(given)
