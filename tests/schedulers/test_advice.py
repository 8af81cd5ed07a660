"""What an error advises is taken, and means what was meant: each test takes the advice out of the error and follows it.

Neighbours tried beyond the reported ones: every nickname, ``@every`` with several units and with none, six and seven fields
with and without ``?``, AWS's ``rate``, zones in quotes, ``TZ=``, fields in one text with blanks and quotes, intervals in it,
values that no trigger takes; each in the place of ``args``, of a trigger's name, of ``from_crontab`` and of ``CrontabTrigger``.
"""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime, timedelta

import pytest

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabTrigger
from apscheduler.triggers.dialects import ConversionError, convert

NOW = datetime(2027, 1, 1, 12, tzinfo=UTC)  # a Friday


def func(*args):
    return args


@pytest.fixture
def scheduler():
    return BackgroundScheduler(timezone="UTC")


def calls_in(message: str) -> list[str]:
    """Return the calls that a message quotes."""
    found = []
    for start in (each.start() for each in re.finditer(r"add_job\(", message)):
        ends = (each.end() for each in re.finditer(r"\)", message[start:]))
        found.append(
            next(message[start : start + end] for end in ends if is_read(message[start:][:end]))
        )
    return found


def is_read(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def followed(scheduler, call: str):
    known = {"add_job": scheduler.add_job, "func": func, "CronTrigger": CronTrigger}
    return eval(call, known)


def first_time(trigger):
    return trigger.get_next_fire_time(None, NOW)


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


MEANT = [
    ("hour=5", at(2027, 1, 2, 5)),
    ("hour='5', minute=30", at(2027, 1, 2, 5, 30)),
    ("day_of_week=mon hour=5", at(2027, 1, 4, 5)),
    ("cron(0 10 * * ? *)", at(2027, 1, 2, 10)),
    ("cron(15 10 ? * 2-6 *)", at(2027, 1, 4, 10, 15)),
    ("CRON_TZ=Europe/Berlin 0 5 * * *", at(2027, 1, 2, 4)),
    ("TZ='Asia/Tokyo' 0 5 * * *", at(2027, 1, 1, 20)),
    ("CRON_TZ=UTC+03:00 0 5 * * *", at(2027, 1, 2, 2)),
    ("@daily", at(2027, 1, 2)),
    ("@weekly", at(2027, 1, 3)),
    ("0 10 * * *", at(2027, 1, 2, 10)),
    ("0 10 * * mon", at(2027, 1, 4, 10)),
    ("0 0 10 ? * MON-FRI *", at(2027, 1, 4, 10)),
    ("0 0 10 ? * 2-6", at(2027, 1, 4, 10)),
    ("0 0 10 * * *", at(2027, 1, 2, 10)),
    ("0 0 10 L * ? 2027", at(2027, 1, 31, 10)),
]
INTERVALS = [
    ("@every 5m", timedelta(minutes=5)),
    ("@every 1h30m", timedelta(minutes=90)),
    ("rate(5 minutes)", timedelta(minutes=5)),
    ("rate(1 day)", timedelta(days=1)),
    ("hours=5", timedelta(hours=5)),
]
HOPELESS = [
    "abc",
    "CRON_TZ=UTC+3 0 5 * * *",
    "CRON_TZ=Nope/Zone 0 5 * * *",
    "CRON_TZ=Europe/Berlin 0 25 * * *",
    "0 25 * * *",
    "hour=99",
    "@every",
    "@every 0s",
    "@every soon",
    "cron(0 10 * * MON-FRI)",
    "@dayly",
    "",
]


def refusals(scheduler, text: str) -> list[str]:
    """Return what is said to a text in the place of args, of a trigger's name, and by both readers of crontab lines."""
    said = []
    for call in (
        lambda: scheduler.add_job(func, "cron", text),
        lambda: scheduler.add_job(func, text),
        lambda: CronTrigger.from_crontab(text),
        lambda: CrontabTrigger(text),
    ):
        try:
            call()
        except (TypeError, ValueError, LookupError) as error:
            said.append(str(error))
    return said


@pytest.mark.parametrize(("text", "due"), MEANT)
def test_each_call_that_is_advised_is_taken_and_means_what_was_meant(scheduler, text, due):
    messages = refusals(scheduler, text)
    assert calls_in(messages[0]), messages[0]
    for call in (call for message in messages for call in calls_in(message)):
        assert first_time(followed(scheduler, call).trigger) == due, call


@pytest.mark.parametrize(("text", "every"), INTERVALS)
def test_an_interval_is_advised_as_one(scheduler, text, every):
    messages = refusals(scheduler, text)
    calls = [call for message in messages for call in calls_in(message)]
    assert len(calls) >= 2, messages
    for call in calls:
        assert followed(scheduler, call).trigger.interval == every, call


@pytest.mark.parametrize("text", HOPELESS)
def test_what_nothing_takes_brings_no_advice_that_fails(scheduler, text):
    messages = refusals(scheduler, text)
    assert len(messages) >= 3
    for call in (call for message in messages for call in calls_in(message)):
        followed(scheduler, call)
    zones = [zone for message in messages for zone in re.findall(r"timezone='([^']+)'", message)]
    for zone in zones:
        BackgroundScheduler(timezone=zone)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0 25 * * *", "as a crontab line it has a mistake: 25 is not within 0-23"),
        ("@dayly", "as a crontab line it has a mistake: there is no nickname '@dayly'"),
        ("CRON_TZ=Nope/Zone 0 5 * * *", "there is no time zone 'Nope/Zone'"),
        ("abc", 'like add_job(func, "cron", hour=10, minute=30)'),
    ],
)
def test_what_nothing_takes_is_refused_with_the_reason(scheduler, text, why):
    with pytest.raises(TypeError, match="args are the arguments of the function") as caught:
        scheduler.add_job(func, "cron", text)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("0 0 10 ? * MON-FRI *", at(2027, 1, 4, 10)),
        ("0 10 * * * root /bin/backup", at(2027, 1, 2, 10)),
        ("@daily", at(2027, 1, 2)),
        ("@hourly", at(2027, 1, 1, 12)),
        ("@weekly", at(2027, 1, 3)),
    ],
)
def test_a_line_that_from_crontab_advises_is_taken_by_it(text, due):
    with pytest.raises(ValueError, match="5 fields") as caught:
        CronTrigger.from_crontab(text, "UTC")
    advised = re.search(r"(?:give|write) '([^']+)'$", str(caught.value))
    assert advised is not None
    assert first_time(CronTrigger.from_crontab(advised[1], "UTC")) == due


@pytest.mark.parametrize("given", ["*-*~01..07", "*-*~03", "*-*~02,05 10:00:00"])
def test_what_is_advised_for_days_before_the_last_is_all_of_them(given):
    with pytest.raises(ConversionError, match="with lenient=True it is") as caught:
        convert(given, "systemd", "crontab")
    days = re.search(r"with lenient=True it is (\S+), which", str(caught.value))
    assert days is not None
    assert days[1] in convert(given, "systemd", "crontab", lenient=True).split()
