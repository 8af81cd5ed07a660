"""Which zone data is in use, and what is said where newer data that is installed has other rules.

Neighbours tried: each zone with another offset, another date and another hour of a move, and none; the places where systems keep
the version, data without one, newer data, Python's own variable.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import zoneinfo
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
import tzdata

from apscheduler.jobstores._checkup import findings
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.serializers.json import SignedJSONSerializer
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.zones import data
from apscheduler.zones.checkup import of_data, of_local_zone
from apscheduler.zones.watching import outdated_clock

NOW = datetime(2026, 11, 28, tzinfo=UTC)
NEWER = f"tzdata {tzdata.IANA_VERSION} (PyPI)"
# Each zone as its neighbour: another offset, another date of the move, another hour of it, none at all.
WRONG = {
    "America/Vancouver": "Asia/Tokyo",
    "America/New_York": "Europe/London",
    "Africa/Cairo": "Africa/Johannesburg",
    "Europe/Chisinau": "Europe/Lisbon",
    "Cuba": "UTC",
    "Pacific/Apia": "Pacific/Pago_Pago",
}
RIGHT = {"Europe/Berlin": "Europe/Berlin", "America/Lima": "America/Bogota"}


def test_of_older_data_each_zone_that_differs_is_found_and_no_other(system):
    system(WRONG | RIGHT)
    assert {each.zone for each in data.differences(NOW)} == set(WRONG)


def test_a_move_at_another_hour_is_a_difference(system):
    system({"Europe/Chisinau": "Europe/Chisinau", "Europe/Kyiv": "Africa/Cairo"})
    (found,) = data.differences(NOW)
    assert found == data.Difference("Europe/Kyiv", datetime(2027, 3, 28, 1, tzinfo=UTC))


def test_what_differed_before_now_is_none(system):
    system({"America/Lima": "America/Bogota"})  # they differed until 1994
    assert data.difference(ZoneInfo("America/Lima"), NOW) is None
    found = data.difference(ZoneInfo("America/Lima"), datetime(1990, 1, 1, tzinfo=UTC))
    assert found is not None


@pytest.mark.parametrize("version", ["2999a", tzdata.IANA_VERSION])
def test_data_that_is_not_older_is_not_compared(system, version):
    system(WRONG, version)
    assert data.outdated() is None
    assert data.differences(NOW) == []
    assert outdated_clock(ZoneInfo("Cuba"), NOW) is None


@pytest.mark.parametrize(("version", "file"), [("2024b", "tzdata.zi"), ("2024b", "+VERSION")])
def test_the_version_is_read_where_systems_keep_it(system, version, file):
    folder = system(WRONG, version, file)
    assert data.folders() == [data.Source(str(folder), version)]


def test_data_without_a_version_is_compared_too(system):
    system(WRONG, None)
    said, remedy = list(of_data(NOW))[1]
    assert said.startswith("of an unknown version in ")
    assert "PYTHONTZPATH=" in remedy


def test_the_doctor_says_the_version_the_age_and_the_zones_with_the_cure(system):
    folder = system(WRONG, "2025b")
    first, second = of_data(NOW)
    assert first == (
        f"2025b in {folder}, at least 10 months old; for what that lacks: {NEWER}",
        None,
    )
    said, remedy = second
    assert said.startswith(f"2025b in {folder} is in use, and {NEWER} has another clock for ")
    assert all(zone in said for zone in WRONG)
    assert "Europe/Berlin" not in said
    assert "PYTHONTZPATH=" in remedy


def test_older_data_with_the_same_clocks_is_no_fault(system):
    system(RIGHT)
    assert [remedy for _, remedy in of_data(NOW)] == [None, None]


@pytest.mark.parametrize(
    ("version", "today", "months"),
    [
        ("2025b", date(2025, 12, 31), 0),
        ("2025b", date(2026, 1, 31), 0),
        ("2025a", date(2026, 11, 28), 10),
        ("2024b", date(2026, 1, 1), 12),
        ("2027a", date(2026, 1, 1), 0),
    ],
)
def test_the_age_is_what_the_version_proves(version, today, months):
    assert data.least_age(version, today) == months


def test_the_newest_data_is_used_on_request(system):
    system(WRONG | RIGHT)
    assert data.use_newest_data() == data.package()
    assert zoneinfo.TZPATH == ()
    assert data.differences(NOW) == []
    assert ZoneInfo("Cuba").utcoffset(NOW) != ZoneInfo("UTC").utcoffset(NOW)


@pytest.mark.parametrize("version", ["2999a", None])
def test_data_that_is_newer_or_unknown_is_kept(system, version):
    folder = system(WRONG, version)
    assert data.use_newest_data() == data.Source(str(folder), version)
    assert (str(folder),) == zoneinfo.TZPATH


def test_pythons_own_variable_chooses_the_package_for_a_whole_program():
    done = subprocess.run(
        [sys.executable, "-c", "from apscheduler.zones import data; print(data.outdated())"],
        env={**os.environ, "PYTHONTZPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "None\n"


# -- what a scheduler says ---------------------------------------------------------------------------------------


def outdated_zones(caplog) -> list[str]:
    lines = [line.getMessage() for line in caplog.records if line.levelno == logging.WARNING]
    assert all("PYTHONTZPATH=" in line and NEWER in line for line in lines)
    return [line.partition(" ")[0] for line in lines]


def noop():
    """Do nothing."""


def test_a_scheduler_names_each_zone_once_that_its_jobs_use(system, caplog):
    system(WRONG | RIGHT)
    scheduler = BackgroundScheduler(timezone="America/Vancouver")
    scheduler.add_job(noop, "cron", hour=9)
    scheduler.start(paused=True)
    scheduler.add_job(noop, "cron", hour=10)
    scheduler.add_job(noop, "cron", hour=9, timezone="Africa/Cairo")
    scheduler.add_job(noop, "cron", hour=9, timezone="Europe/Berlin")
    scheduler.add_job(noop, "cron", hour=9, timezone="UTC")
    scheduler.shutdown()
    assert outdated_zones(caplog) == ["America/Vancouver", "Africa/Cairo"]


@pytest.mark.parametrize("serializer", [None, SignedJSONSerializer], ids=["pickle", "json"])
def test_the_first_heartbeat_names_the_zones_of_stored_jobs_before_any_is_due(
    system, caplog, tmp_path, serializer
):
    options = (
        {} if serializer is None else {"serializer": serializer({"a": "x" * 32}, callables=[noop])}
    )

    def started(zones=()):
        store = SQLAlchemyJobStore(f"sqlite:///{tmp_path}/jobs.sqlite", **options)
        scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
        scheduler.start(paused=True)
        for zone in zones:
            scheduler.add_job(noop, "cron", hour=9, timezone=zone)
        for _ in range(2):  # the first may only join
            store._session.membership.beat()
        scheduler.shutdown()

    started([*WRONG, *RIGHT])
    caplog.clear()
    system(WRONG | RIGHT)
    started()
    assert sorted(outdated_zones(caplog)) == sorted(WRONG)
    said = list(findings(f"sqlite:///{tmp_path}/jobs.sqlite", "apscheduler_jobs"))
    (found,) = [each for each in said if each[0] == "time zones"]
    assert all(f"1 in {zone}" in found[1] for zone in WRONG)
    assert "Berlin" not in found[1]
    assert found[2] == data.CHOICE


def test_a_job_that_was_stored_under_older_data_is_computed_anew_by_its_own_trigger(
    system, tmp_path
):
    def hour(*, anew: bool) -> int:
        store = SQLAlchemyJobStore(f"sqlite:///{tmp_path}/jobs.sqlite")
        scheduler = ManualScheduler(
            jobstores={"default": store}, clock=FakeClock(NOW), timezone="UTC"
        )
        scheduler.start()
        if not scheduler.get_jobs():
            scheduler.add_job(noop, "cron", hour=9, timezone="America/Bogota", id="a")
        if anew:
            scheduler.modify_job("a", trigger=scheduler.get_job("a").trigger)
        moment = scheduler.get_job("a").next_run_time.astimezone(UTC)
        scheduler.shutdown()
        return moment.hour

    system({"America/Bogota": "Asia/Tokyo"})
    assert hour(anew=False) == 0
    data.use_newest_data()
    assert hour(anew=False) == 0
    assert hour(anew=True) == 14


# -- the local zone ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said", "cure"),
    [
        (
            "CST-8",
            "CST (UTC+08:00), found by the POSIX rule in the environment variable TZ=CST-8",
            False,
        ),
        ("Europe/Oslo", "Europe/Oslo, found by the environment variable TZ=Europe/Oslo", False),
        ("Europe/Berlim", "UTC, found by nothing: the local time zone cannot be found", True),
        ("CET-1CEST", "cannot be found: the environment variable TZ is 'CET-1CEST'", True),
    ],
)
def test_the_doctor_says_how_the_local_zone_was_found(monkeypatch, given, said, cure):
    from tzlocal import unix

    monkeypatch.setattr(unix, "_cache_tz", None)
    monkeypatch.setenv("TZ", given)
    found, remedy = of_local_zone()
    unix._cache_tz = None
    assert found.startswith(said)
    assert (remedy is not None) is cure
