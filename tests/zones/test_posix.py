"""Rules of POSIX in TZ: the hour that this machine's C library shows, or a refusal.

Neighbours tried beyond the reported ones: rules made at random with every sign, length of name and form of date, the rule at the
end of each zone's file, names that read like UTC's, rules without dates, the zone's text and ``doctor``.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from zoneinfo import ZoneInfoNotFoundError

import pytest
import tzlocal
from tzlocal import unix

from apscheduler.zones.checkup import of_local_zone
from apscheduler.zones.names import known_names
from apscheduler.zones.posix import is_posix, posix_zone

if sys.platform == "win32":
    pytest.skip("TZ has another meaning there", allow_module_level=True)

YEAR = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())
SUNDAYS = [datetime(2027, *day, tzinfo=UTC) for day in ((3, 14), (3, 28), (10, 31), (11, 7))]
INSTANTS = [YEAR + 3600 * 19 * n for n in range(500)]
INSTANTS += [int(day.timestamp()) + 1800 * n for day in SUNDAYS for n in range(-12, 36)]
LIBC = """
import json, os, sys, time
rules, instants = json.load(sys.stdin)
def offsets(rule):
    os.environ["TZ"] = rule
    time.tzset()
    return [time.localtime(instant).tm_gmtoff for instant in instants]
print(json.dumps([offsets(rule) for rule in rules]))
"""


def libc(rules: list[str]) -> dict[str, list[int]]:
    """Return the offsets that the C library has for each rule at the instants."""
    done = subprocess.run(
        [sys.executable, "-c", LIBC],
        input=json.dumps([rules, INSTANTS]),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(rules, json.loads(done.stdout), strict=True))


def offsets(rule: str) -> list[int]:
    zone = posix_zone(rule)
    moments = (datetime.fromtimestamp(instant, UTC).astimezone(zone) for instant in INSTANTS)
    return [int((moment.utcoffset() or timedelta()).total_seconds()) for moment in moments]


def offsets_or_refusal(rule: str) -> list[int] | str:
    try:
        return offsets(rule)
    except ZoneInfoNotFoundError as error:
        return str(error)


def footers() -> list[str]:
    """Return each rule at the end of a file of the tz database: all that countries have today."""
    found = set()
    for name in known_names():
        file = files("tzdata").joinpath("zoneinfo", *name.split("/"))
        if file.is_file():
            found.add(file.read_bytes().splitlines()[-1].decode())
    return sorted(found)


def test_each_rule_that_a_country_has_is_followed_as_libc_does():
    rules = footers()
    assert len(rules) > 50
    expected = libc(rules)
    ours = {rule: offsets_or_refusal(rule) for rule in rules}
    differ = {rule for rule in rules if ours[rule] != expected[rule]}
    # Gaza's own; that zone has days of Ramadan until 2086, so it does not keep its rule.
    assert differ <= {"EET-2EEST,M3.4.4/50,M10.4.4/50"}
    assert all("no zone of the tz database keeps" in ours[rule] for rule in differ)


def test_no_rule_is_followed_to_another_hour_than_libcs():
    pick = random.Random(8)
    names = ["CST", "UTC", "<+03>", "<-0530>", "abcdef"]
    numbers = ["-8", "+3", "0", "5:30", "-5:45:10", "23", "24", "25", "-1", "3:60", "103"]
    summers = ["", "", "", "CDT", "<+04>", "CDT-9", "<+04>4:00", "CDT25"]
    whens = ["", "", ",M3.2.0,M11.1.0", ",M3.5.0,M10.5.0/3", ",J60,J300", ",0,364"]
    whens += [",M13.1.0,M2.1.0", ",M3.2.0", ",", "garbage", ",M3.2.0,M11.1.0,"]
    parts = names, numbers, summers, whens
    fixed = {name + number for name in names for number in numbers}
    rules = sorted(fixed | {"".join(map(pick.choice, parts)) for _ in range(150)})
    assert all(map(is_posix, rules))
    expected = libc(rules)
    ours = {rule: offsets_or_refusal(rule) for rule in rules}
    refused = {rule: said for rule, said in ours.items() if isinstance(said, str)}
    assert {rule: expected[rule] for rule in ours.keys() - refused} == {
        rule: followed for rule, followed in ours.items() if rule not in refused
    }
    assert len(ours) - len(refused) > 30
    assert all(repr(rule) in said and "set it to" in said for rule, said in refused.items())


@pytest.mark.parametrize(
    ("rule", "zone"),
    [
        ("CST-8", timezone(timedelta(hours=8), "CST")),
        (":CST-8", timezone(timedelta(hours=8), "CST")),
        ("UTC+3", timezone(timedelta(hours=-3))),
        ("GMT-5:30", timezone(timedelta(hours=5, minutes=30))),
        ("<utc>+1", timezone(timedelta(hours=-1))),
        ("<+03>-3", timezone(timedelta(hours=3), "+03")),
        ("UTC0", UTC),
    ],
)
def test_a_rule_of_one_offset_is_that_offset_under_its_name(rule, zone):
    assert posix_zone(rule) == zone
    assert posix_zone(rule).tzname(None) == zone.tzname(None)


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ("EST5EDT,M3.2.0,M11.1.0", "EST5EDT"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "CET"),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", "Australia/Sydney"),
        ("GMT0BST,M3.5.0/1,M10.5.0", "Europe/London"),
        ("abc5def,M3.2.0,M11.1.0", "America/New_York"),
        ("EET-2EEST,M3.5.0/3,M10.5.0/4", "EET"),
    ],
)
def test_a_rule_with_summer_time_is_the_zone_that_keeps_it_so_that_it_can_be_stored(rule, key):
    zone = posix_zone(rule)
    assert str(zone) == key
    assert pickle.loads(pickle.dumps(zone)) is zone


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ("UTC+3", "UTC-03:00, found"),
        ("GMT-5:30", "UTC+05:30, found"),
        ("CST-8", "CST (UTC+08:00), found"),
        ("<+03>-3", "+03 (UTC+03:00), found"),
        ("UTC0", "UTC, found"),
    ],
)
def test_the_doctor_shows_the_offset(rule, shown, monkeypatch):
    monkeypatch.setenv("TZ", rule)
    monkeypatch.setattr(tzlocal, "get_localzone", unix._get_localzone)  # which remembers nothing
    said, remedy = of_local_zone()
    assert said.startswith(shown)
    assert remedy is None


PROGRAM = """
from apscheduler.schedulers.background import BackgroundScheduler
scheduler = BackgroundScheduler()
trigger = scheduler._create_trigger("cron", {"hour": 9})
from datetime import UTC, datetime
print(trigger.get_next_fire_time(None, datetime(2027, 1, 1, tzinfo=UTC)).astimezone(UTC).hour)
"""


def run(rule: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env={**os.environ, "TZ": rule},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("rule", "hour"), [("CST-8", 1), ("UTC+3", 12), ("EST5EDT,M3.2.0,M11.1.0", 14)]
)
def test_nine_oclock_is_that_of_the_container(rule, hour):
    done = run(rule)
    assert (done.stdout, done.stderr) == (f"{hour}\n", "")


@pytest.mark.parametrize(
    "rule",
    [
        "EET-2EEST,M3.5.0/5,M10.5.0/6",  # two hours after everybody
        "EET-2EEST,M3.5.0/3,M10.4.0/4",  # the last but one Sunday, in most years
        "EST5EDT,M3.2.0/2:30,M11.1.0",
        "EST5EDT4:30,M3.2.0,M11.1.0",
    ],
)
def test_a_rule_that_differs_by_little_from_a_zones_is_refused(rule):
    with pytest.raises(ZoneInfoNotFoundError, match="no zone of the tz database keeps this rule"):
        posix_zone(rule)


def test_a_rule_that_no_zone_keeps_is_refused_before_anything_runs():
    done = run("EST5EDT,M4.1.0,M10.5.0")
    assert done.returncode == 1
    assert (
        done.stderr.rstrip().splitlines()[-1].startswith("zoneinfo._common.ZoneInfoNotFoundError")
    )
    assert "no zone of the tz database keeps this rule" in done.stderr
