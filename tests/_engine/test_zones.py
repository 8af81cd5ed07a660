"""Zones as tables of offsets: the same answers as the zone itself, for every zone there is."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler._engine.instants import DAY, EPOCH, HOUR, LATEST, MINUTE, SECOND, to_us
from apscheduler._engine.zones import EARLIEST, ZoneLine, zone_line

ZONES = sorted(available_timezones() - {"localtime"})
LOW = to_us(datetime(1970, 1, 1, tzinfo=UTC))
HIGH = to_us(datetime(2100, 12, 31, tzinfo=UTC))


def offset_of(zone: tzinfo, instant: int) -> int:
    shown = (EPOCH + timedelta(microseconds=instant)).astimezone(zone).utcoffset()
    assert shown is not None
    return shown // timedelta(microseconds=1)


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return to_us(datetime(year, month, day, hour, minute, tzinfo=UTC))


@cache
def transitions(name: str, year: int) -> list[int]:
    """Return a year's transitions, found without the code under test: twelve-hour steps, then halving."""
    zone = ZoneInfo(name)
    start = local(year, 1, 1)
    found = []
    for probe in range(start, start + 366 * DAY, DAY // 2):
        low, high = probe, probe + DAY // 2
        if offset_of(zone, low) != offset_of(zone, high):
            while high - low > SECOND:
                middle = (low + high) // 2 // SECOND * SECOND
                if offset_of(zone, middle) == offset_of(zone, low):
                    low = middle
                else:
                    high = middle
            found.append(high)
    return found


def test_each_zone_has_the_offsets_that_it_says_itself():
    pick = random.Random(1)
    for name in ZONES:
        zone = ZoneInfo(name)
        line = ZoneLine(zone)
        for instant in (pick.randrange(LOW, HIGH) for _ in range(12)):
            assert line.offset(instant) == offset_of(zone, instant), (name, instant)


@given(st.sampled_from(ZONES), st.integers(1970, 2100), st.integers(-2, 2))
def test_an_offset_changes_at_the_instant_of_the_transition(name, year, shift):
    zone = ZoneInfo(name)
    for instant in transitions(name, year):
        line = ZoneLine(zone)
        assert line.offset(instant + shift) == offset_of(zone, instant + shift)
        window = line.window(instant)
        assert window.start == instant
        assert line.window(instant - 1).end == instant


@given(st.sampled_from(ZONES), st.integers(1970, 2100), st.integers(-30 * 60, 30 * 60))
def test_a_wall_time_comes_as_often_as_the_zone_says(name, year, minutes):
    zone = ZoneInfo(name)
    line = zone_line(zone)
    for instant in transitions(name, year) or [local(year, 6, 1)]:
        wall = instant + offset_of(zone, instant) + minutes * MINUTE
        naive = (EPOCH + timedelta(microseconds=wall)).replace(tzinfo=zone)
        both = {to_us(naive.replace(fold=fold)) for fold in (0, 1)}
        expected = sorted(one for one in both if one + offset_of(zone, one) == wall)
        assert list(line.instants(wall)) == expected
        assert (line.gap(wall) is None) == bool(expected)


@pytest.mark.parametrize(
    ("name", "wall", "start", "end", "instant"),
    [
        ("Europe/Berlin", (2024, 3, 31, 2, 30), (2024, 3, 31, 2), (2024, 3, 31, 3), (31, 1, 0)),
        ("Antarctica/Troll", (2024, 3, 31, 1), (2024, 3, 31, 1), (2024, 3, 31, 3), (31, 1, 0)),
    ],
)
def test_a_gap_says_where_it_ends(name, wall, start, end, instant):
    day, hour, minute = instant
    gap = zone_line(ZoneInfo(name)).gap(local(*wall))
    assert gap is not None
    assert (gap.start, gap.end) == (local(*start), local(*end))
    assert gap.instant == local(2024, 3, day, hour, minute)


def test_half_an_hour_is_skipped_and_repeated_on_lord_howe():
    line = zone_line(ZoneInfo("Australia/Lord_Howe"))
    gap = line.gap(local(2024, 10, 6, 2, 10))
    assert gap is not None
    assert gap.end - gap.start == HOUR // 2
    twice = line.instants(local(2024, 4, 7, 1, 45))
    assert twice == (local(2024, 4, 6, 14, 45), local(2024, 4, 6, 15, 15))


@pytest.mark.parametrize(
    ("name", "day"),
    [("Pacific/Apia", (2011, 12, 30)), ("Pacific/Kwajalein", (1993, 8, 21))],
)
def test_a_day_that_a_country_skipped_is_one_gap(name, day):
    gap = zone_line(ZoneInfo(name)).gap(local(*day, 12))
    assert gap is not None
    assert gap.end - gap.start == DAY


def test_a_zone_without_transitions_has_each_wall_time_once():
    line = zone_line(timezone(timedelta(hours=5, minutes=30, microseconds=7)))
    wall = local(2024, 3, 31, 2, 30)
    assert line.instants(wall) == (wall - 5 * HOUR - 30 * MINUTE - 7,)
    assert line.gap(wall) is None


@pytest.mark.parametrize("instant", [EARLIEST, EARLIEST + DAY, LATEST - DAY, LATEST])
@pytest.mark.parametrize("name", ["America/New_York", "Asia/Tokyo", "Europe/Berlin", "UTC"])
def test_the_ends_of_the_calendar_have_offsets_too(name, instant):
    inside = min(max(instant, EARLIEST + DAY), LATEST - DAY)
    assert zone_line(ZoneInfo(name)).offset(instant) == offset_of(ZoneInfo(name), inside)


def test_the_last_transition_before_year_10000_is_known():
    line = zone_line(ZoneInfo("Europe/Berlin"))
    assert line.gap(local(9999, 3, 28, 2, 30)) is not None


def test_pytz_and_dateutil_zones_answer_as_zoneinfo_does():
    pytz = pytest.importorskip("pytz")
    dateutil_tz = pytest.importorskip("dateutil.tz")
    name = "Europe/Berlin"
    lines = [zone_line(zone) for zone in (pytz.timezone(name), dateutil_tz.gettz(name))]
    for instant in transitions(name, 2024):
        for moved in (-1, 0):
            expected = offset_of(ZoneInfo(name), instant + moved)
            assert [line.offset(instant + moved) for line in lines] == [expected] * 2


@pytest.mark.trap(46)
def test_a_fixed_offset_of_pytz_is_a_zone_like_any_other():
    pytz = pytest.importorskip("pytz")
    zone = pytz.FixedOffset(90)
    line = zone_line(zone)
    assert line.offset(0) == 90 * MINUTE
    assert line.at(0).isoformat() == "1970-01-01T01:30:00+01:30"


@given(st.sampled_from(ZONES), st.integers(LOW, HIGH))
def test_a_datetime_and_its_instant_are_each_others_inverse(name, instant):
    line = zone_line(ZoneInfo(name))
    shown = line.at(instant)
    assert to_us(shown) == instant
    assert line.instant(shown) == instant
    assert line.instant(shown.astimezone(UTC)) == instant


def test_fixed_zones_of_one_offset_keep_their_names():
    east = timezone(timedelta(hours=1), "EAST")
    other = timezone(timedelta(hours=1), "OTHER")
    assert zone_line(east).at(0).tzname() == "EAST"
    assert zone_line(other).at(0).tzname() == "OTHER"


class Jumpy(tzinfo):
    """A zone of someone's own that moves twice within two days."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        assert moment is not None
        return timedelta(hours=1 if moment.day in {10, 11} else 0)

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)

    def fromutc(self, moment: datetime) -> datetime:
        return moment + self.utcoffset(moment)


def test_a_foreign_zone_is_asked_like_any_other():
    zone = Jumpy()
    line = zone_line(zone)
    probes = range(local(2024, 1, 1), local(2024, 2, 1), HOUR)
    known = [line.offset(instant) for instant in probes]
    assert known[0] == 0
    assert len(set(known)) <= 2


def test_threads_that_share_a_zone_get_the_same_answers():
    line = ZoneLine(ZoneInfo("America/New_York"))
    instants = [local(year, month, 1) for year in range(1990, 2030) for month in (1, 7)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: [line.offset(one) for one in instants], range(8)))
    assert all(answer == answers[0] for answer in answers)


def test_what_is_remembered_of_a_zone_is_bounded():
    line = ZoneLine(ZoneInfo("UTC"))
    for number in range(5000):
        line.offset(number << 42)
    assert len(line._spans) <= 4096
