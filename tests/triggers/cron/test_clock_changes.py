"""Cron where clocks are moved: against a brute-force walk along the UTC line, and against recorded cases.

The oracle knows nothing of offsets tables: it steps over instants and asks zoneinfo what the wall clock shows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from triggers.clock_changes import (
    DAY,
    EPOCH,
    HOUR,
    MICRO,
    MINUTE,
    SECOND,
    ZONES,
    keeps_quarters,
    near,
    transitions,
    us,
    zones,
)

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabTrigger


@dataclass(frozen=True)
class Schedule:
    """What a cron trigger is to match, as plain sets of numbers."""

    hours: frozenset[int] = frozenset(range(24))
    minutes: frozenset[int] = frozenset({0})
    seconds: frozenset[int] = frozenset({0})
    days: frozenset[int] = frozenset(range(1, 32))
    months: frozenset[int] = frozenset(range(1, 13))
    weekdays: frozenset[int] = frozenset(range(7))

    def trigger(self, zone: str) -> CronTrigger:
        def text(values: frozenset[int], every: int) -> str:
            return "*" if len(values) == every else ",".join(map(str, sorted(values)))

        return CronTrigger(
            month=text(self.months, 12),
            day=text(self.days, 31),
            day_of_week=text(self.weekdays, 7),
            hour=text(self.hours, 24),
            minute=text(self.minutes, 60),
            second=text(self.seconds, 60),
            timezone=zone,
        )

    def matches(self, wall: datetime) -> bool:
        return (
            wall.second in self.seconds
            and wall.minute in self.minutes
            and wall.hour in self.hours
            and wall.day in self.days
            and wall.month in self.months
            and wall.weekday() in self.weekdays
            and wall.microsecond == 0
        )


def brute(
    schedule: Schedule, zone: str, start: datetime, end: datetime, step: timedelta
) -> set[int]:
    """Return the instants of ``start <= instant < end`` whose wall time matches, by asking for each of them."""
    info, found = ZoneInfo(zone), set()
    moment = start
    while moment < end:
        if schedule.matches(moment.astimezone(info)):
            found.add(us(moment))
        moment += step
    return found


def chain(trigger: CronTrigger, start: datetime, end: datetime) -> list[int]:
    found = []
    fire = trigger.next_us(None, us(start))
    while fire is not None and fire < us(end):
        found.append(fire)
        following = trigger.next_us(fire, fire)
        assert following is None or following > fire
        fire = following
    return found


def backwards(trigger: CronTrigger, first: int, last: int) -> list[int]:
    found = []
    fire = trigger.previous_us(last)
    while fire is not None and fire >= first:
        found.append(fire)
        fire = trigger.previous_us(fire - 1)
    return found


def is_of_a_gap(fire: int, schedule: Schedule, zone: str, changes: tuple[datetime, ...]) -> bool:
    """Return whether a fire stands for a matching wall time that was jumped over just before it."""
    moment = EPOCH + fire * MICRO
    for change in changes:
        before = (change - SECOND).astimezone(ZoneInfo(zone)).utcoffset()
        after = change.astimezone(ZoneInfo(zone)).utcoffset()
        assert before is not None
        assert after is not None
        wall = (moment + before).replace(tzinfo=None)
        if change <= moment < change + (after - before) and schedule.matches(wall):
            return True
    return False


def check(schedule: Schedule, zone: str, start: datetime, end: datetime, step: timedelta) -> None:
    """Compare fires, forwards, backwards and counted, with the brute-force walk."""
    trigger = schedule.trigger(zone)
    fires = chain(trigger, start, end)
    expected = brute(schedule, zone, start, end, step)
    assert expected <= set(fires), sorted(expected - set(fires))[:3]
    years = range(start.year, end.year + 1)
    changes = tuple(change for year in years for change in transitions(zone, year))
    for extra in set(fires) - expected:
        assert is_of_a_gap(extra, schedule, zone, changes), EPOCH + extra * MICRO
    pick = random.Random(len(fires))
    assert backwards(trigger, us(start), us(end) - 1) == fires[::-1]
    for index in {0, len(fires) - 1, pick.randrange(len(fires))} if fires else ():
        later = fires[index + 1] if index + 1 < len(fires) else us(end)
        for now in {fires[index], later - 1, pick.randrange(fires[index], later)}:
            assert trigger.latest_us(fires[0], now) == fires[index]
        assert trigger.count_us(fires[0], fires[index], 10**6) == index + 1


def some(low: int, high: int, most: int = 4) -> st.SearchStrategy[frozenset[int]]:
    every = frozenset(range(low, high + 1))
    numbers = st.frozensets(st.integers(low, high), min_size=1, max_size=most)
    return st.one_of(
        numbers, st.just(every), st.integers(2, 6).map(lambda n: frozenset(range(low, high + 1, n)))
    )


near_schedules = st.builds(
    Schedule,
    hours=st.one_of(some(0, 23), st.frozensets(st.integers(0, 4), min_size=1)),
    minutes=some(0, 59),
    weekdays=st.one_of(st.just(frozenset(range(7))), some(0, 6)),
)


@pytest.mark.trap(42)
@given(zones, st.integers(1973, 2099), near_schedules, st.integers(0, 40), st.data())
def test_minutes_around_clock_changes_fire_as_the_wall_clock_says(
    zone, year, schedule, hours, data
):
    start = near(zone, year, data) - hours * HOUR
    check(schedule, zone, start, start + 44 * HOUR, MINUTE)


@pytest.mark.trap(42)
@given(
    zones,
    st.integers(1970, 2099),
    st.builds(Schedule, hours=some(0, 5), minutes=some(0, 59, 2), seconds=some(0, 59, 3)),
    st.data(),
)
def test_seconds_around_clock_changes_fire_as_the_wall_clock_says(zone, year, schedule, data):
    start = near(zone, year, data) - 61 * MINUTE
    check(schedule, zone, start, start + 2 * HOUR, SECOND)


@given(
    zones,
    st.integers(1972, 2098),
    st.builds(
        Schedule, hours=some(0, 23, 2), days=some(1, 31), months=some(1, 12), weekdays=some(0, 6)
    ),
    st.data(),
)
def test_days_of_a_year_fire_as_the_calendar_says(zone, year, schedule, data):
    start = near(zone, year, data).replace(minute=0) - 3 * DAY
    assume(keeps_quarters(zone, start, start + 250 * DAY))
    check(schedule, zone, start, start + 250 * DAY, 15 * MINUTE)


@pytest.mark.parametrize(
    ("zone", "year", "whole"),
    [
        ("Pacific/Kiritimati", 1975, False),  # 10:40 hours behind
        ("Pacific/Kiritimati", 2000, True),
        ("Asia/Kathmandu", 2000, True),
        ("Europe/Berlin", 2000, True),
        ("Africa/Monrovia", 1971, False),  # 44:30 minutes behind
    ],
)
def test_a_walk_in_quarters_is_made_only_where_it_meets_the_wall_clock(zone, year, whole):
    start = datetime(year, 3, 1, tzinfo=UTC)
    assert keeps_quarters(zone, start, start + 250 * DAY) is whole


def test_every_zone_fires_as_its_wall_clock_says_around_one_of_its_changes():
    pick = random.Random(42)
    for zone in ZONES:
        changes = transitions(zone, pick.randint(1973, 2037))
        if not changes:
            continue
        schedule = Schedule(
            hours=frozenset(pick.sample(range(24), 12)), minutes=frozenset({0, pick.randrange(60)})
        )
        start = pick.choice(changes).replace(second=0) - pick.randint(60, 400) * MINUTE
        check(schedule, zone, start, start + 8 * HOUR, MINUTE)


def fires(count: int, now: str, **given: object) -> list[str]:
    trigger = CronTrigger(**given)  # type: ignore[arg-type]
    moment = datetime.fromisoformat(now)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=trigger.timezone)
    previous: datetime | None = None
    shown = []
    for _ in range(count):
        previous = trigger.get_next_fire_time(previous, moment)
        assert previous is not None
        moment = previous
        shown.append(previous.strftime("%m-%d %H:%M%z"))
    return shown


@pytest.mark.trap(38)
@pytest.mark.parametrize("kind", ["zoneinfo", "pytz"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"hour": 1, "minute": 30},
            ["11-03 01:30-0400", "11-03 01:30-0500", "11-04 01:30-0500"],
        ),
        (
            {"hour": "1-2", "minute": "*/30"},
            [
                "11-03 01:00-0400",
                "11-03 01:30-0400",
                "11-03 01:00-0500",
                "11-03 01:30-0500",
                "11-03 02:00-0500",
            ],
        ),
        (
            {"hour": "*"},
            ["11-03 00:00-0400", "11-03 01:00-0400", "11-03 01:00-0500", "11-03 02:00-0500"],
        ),
        ({"hour": 2, "minute": 30}, ["11-03 02:30-0500", "11-04 02:30-0500"]),
    ],
)
def test_a_repeated_hour_fires_both_times_and_others_once(kind, given, expected):
    name = "America/New_York"
    zone = ZoneInfo(name) if kind == "zoneinfo" else pytest.importorskip("pytz").timezone(name)
    assert fires(len(expected), "2024-11-02T23:50-04:00", timezone=zone, **given) == expected


# What 3.11.3 gives, its non-existent wall times written as the instant that they stand for.
@pytest.mark.trap(39)
@pytest.mark.parametrize(
    ("zone", "now", "given", "expected"),
    [
        (
            "Europe/Berlin",
            "2024-03-31T00:50",
            {"hour": 2, "minute": 30},
            ["03-31 03:30+0200", "04-01 02:30+0200"],
        ),
        (
            "Europe/Berlin",
            "2024-03-31T00:50",
            {"hour": "*", "minute": 30},
            ["03-31 01:30+0100", "03-31 03:30+0200", "03-31 04:30+0200"],
        ),
        (
            "Europe/Berlin",
            "2024-03-31T00:50",
            {"hour": "2", "minute": "*/20"},
            ["03-31 03:00+0200", "04-01 02:00+0200"],
        ),
        (
            "Europe/Berlin",
            "2024-03-31T00:50",
            {"hour": "2-3"},
            ["03-31 03:00+0200", "04-01 02:00+0200"],
        ),
        (
            "Europe/Berlin",
            "2024-03-31T00:50",
            {"hour": "2,3", "minute": 30},
            ["03-31 03:30+0200", "04-01 02:30+0200"],
        ),
        (
            "Europe/Berlin",
            "2024-03-31T00:50",
            {"hour": "*/2"},
            ["03-31 03:00+0200", "03-31 04:00+0200"],
        ),
        (
            "Europe/Berlin",
            "2024-03-31T01:30",
            {"hour": "1-2", "minute": 10},
            ["04-01 01:10+0200", "04-01 02:10+0200"],
        ),
        (
            "Europe/Berlin",
            "2023-05-01T00:00",
            {"month": 3, "day": 31, "hour": 2, "minute": 15},
            ["03-31 03:15+0200", "03-31 02:15+0200"],
        ),
        (
            "America/Havana",
            "2024-03-09T07:00",
            {"hour": 0, "minute": 30},
            ["03-11 00:30-0400", "03-12 00:30-0400"],
        ),
        (
            "America/Havana",
            "2024-03-09T07:00",
            {"day": 10, "hour": 0, "minute": 30},
            ["03-10 01:30-0400", "04-10 00:30-0400"],
        ),
        (
            "America/Havana",
            "2024-03-09T07:00",
            {"day_of_week": "sun", "hour": 0, "minute": 30},
            ["03-17 00:30-0400"],
        ),
        (
            "America/Asuncion",
            "2000-09-30T00:50",
            {"month": 10, "hour": 0, "minute": "0,30"},
            ["10-01 01:00-0300", "10-02 00:00-0300"],
        ),
        (
            "Australia/Lord_Howe",
            "2024-10-06T01:30",
            {"hour": "1-2", "minute": "*/15"},
            ["10-06 01:30+1030", "10-06 01:45+1030", "10-06 02:30+1100"],
        ),
        (
            "Antarctica/Troll",
            "2024-03-31T00:10",
            {"hour": "0-4", "minute": "*/30"},
            ["03-31 00:30+0000", "03-31 03:00+0200"],
        ),
        ("Pacific/Apia", "2011-12-28T07:00", {"hour": 6}, ["12-29 06:00-1000", "12-31 06:00+1400"]),
        (
            "Pacific/Apia",
            "2011-12-28T07:00",
            {"day": 30, "hour": "6,20"},
            ["12-31 06:00+1400", "01-30 06:00+1400"],
        ),
    ],
)
def test_a_jumped_over_wall_time_fires_at_the_instant_it_stands_for(zone, now, given, expected):
    assert fires(len(expected), now, timezone=zone, **given) == expected


@pytest.mark.parametrize("minute", [0, 10, 30])
def test_the_instant_of_a_jumped_over_time_is_found_from_within_the_hour_after_the_gap(minute):
    now = f"2024-03-31T03:{minute:02}+02:00"  # 3.11.3 gives the next day here
    expected = ["03-31 03:30+0200", "04-01 02:30+0200"]
    assert fires(2, now, timezone="Europe/Berlin", hour=2, minute=30) == expected


@pytest.mark.trap(39)
def test_the_wall_times_handed_out_exist():
    zone = ZoneInfo("Europe/Berlin")
    trigger = CronTrigger(hour=2, minute=30, timezone=zone)
    fire = trigger.get_next_fire_time(None, datetime(2024, 3, 31, tzinfo=zone))
    assert fire is not None
    assert fire.astimezone(UTC).astimezone(zone).isoformat() == fire.isoformat()


@pytest.mark.trap(36)
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("given", [{"minute": "*/7"}, {"hour": "*/2"}, {"hour": 1, "minute": 59}])
def test_fire_times_always_advance_through_a_repeated_hour(zone, given):
    trigger = CronTrigger(timezone=zone, **given)
    fire = trigger.next_us(None, us(datetime(2024, 1, 1, tzinfo=UTC)))
    for _ in range(3000):
        following = trigger.next_us(fire, fire)
        assert following > fire
        fire = following


@pytest.mark.trap(36)
@pytest.mark.parametrize("shown_in", ["UTC", "Europe/London", "America/New_York"])
@pytest.mark.parametrize(
    "given", [{"minute": 30}, {"second": "*/20"}, {"hour": "1,2", "minute": 30}]
)
def test_a_fire_time_of_a_repeated_hour_is_not_given_again_in_whichever_zone_it_is_shown(
    given, shown_in
):
    trigger = CronTrigger(timezone="America/New_York", **given)
    for one_thirty in (datetime(2024, 11, 3, hour, 30, tzinfo=UTC) for hour in (5, 6)):
        fired = one_thirty.astimezone(ZoneInfo(shown_in))
        assert trigger.get_next_fire_time(None, fired).astimezone(UTC) == one_thirty
        assert trigger.get_next_fire_time(fired, fired).astimezone(UTC) > one_thirty


def test_a_schedule_that_never_matches_ends_after_a_repeated_hour():
    # 3.11.3 never returns from this one.
    trigger = CronTrigger(
        month="3", week="28-45", hour="*", minute="*/15", timezone="Europe/Ljubljana"
    )
    assert trigger.get_next_fire_time(None, datetime(2022, 10, 29, 16, tzinfo=UTC)) is None


@pytest.mark.trap(37)
def test_minutes_go_on_every_minute_of_real_time_at_a_clock_change():
    trigger = CronTrigger(minute="*", timezone="Europe/Berlin")
    for change in transitions("Europe/Berlin", 2024):
        found = chain(trigger, change - HOUR, change + HOUR)
        assert {later - sooner for sooner, later in pairwise(found)} == {60_000_000}


@pytest.mark.trap(40)
def test_midnight_fires_on_the_day_after_a_clock_change_too():
    # 3.11.3 counts 24 hours from the short day's midnight and misses the next one.
    expected = ["03-31 00:00+0100", "04-01 00:00+0200", "04-02 00:00+0200"]
    assert fires(3, "2024-03-30T12:00+01:00", hour=0, timezone="Europe/Berlin") == expected


def test_every_month_fires_in_the_month_after_clocks_were_set_forward() -> None:
    expected = ["04-01 00:00-0400", "05-01 00:00-0400"]
    assert fires(2, "2024-03-09T12:00-05:00", month="*", timezone="America/New_York") == expected


@pytest.mark.trap(40)
def test_nine_o_clock_stays_nine_o_clock():
    expected = ["03-30 09:00+0100", "03-31 09:00+0200", "04-01 09:00+0200"]
    assert fires(3, "2024-03-30T00:00+01:00", hour=9, timezone="Europe/Berlin") == expected


def test_catching_up_over_many_years_counts_without_walking():
    trigger = CronTrigger(second="*", timezone="Europe/Berlin")
    first, now = us(datetime(2020, 1, 1, tzinfo=UTC)), us(datetime(2026, 1, 1, tzinfo=UTC))
    assert trigger.latest_us(first, now) == now
    assert trigger.count_us(first, now, 10**12) == (now - first) // 1_000_000 + 1
    assert trigger.count_us(first, now, 100_000) == 100_000


@pytest.mark.parametrize(
    "trigger",
    [
        CronTrigger(hour=2, minute=30, timezone="Europe/Berlin"),
        CronTrigger(hour="2,7", minute=30, timezone="Europe/Berlin"),
        CrontabTrigger("30 2 * * *", timezone="Europe/Berlin"),
    ],
)
def test_from_a_fire_of_a_gap_or_a_fold_on_as_many_are_counted_as_there_are(trigger):
    for change in transitions("Europe/Berlin", 2024):
        for first in chain(trigger, change - 2 * HOUR, change + 2 * HOUR):
            found, fire = [first], first
            while len(found) < 100:
                fire = trigger.next_us(fire, fire)
                found.append(fire)
            assert backwards(trigger, first, fire) == found[::-1]
            assert [trigger.count_us(first, last, 1000) for last in found] == list(range(1, 101))


def test_a_first_time_that_the_trigger_does_not_know_counts_as_the_first_of_the_series():
    trigger = CronTrigger(hour=12, timezone="UTC")
    first = us(datetime(2024, 1, 1, 3, 7, tzinfo=UTC))
    assert trigger.latest_us(first, first + 1) == first
    noon = us(datetime(2024, 1, 1, 12, tzinfo=UTC))
    assert trigger.latest_us(first, noon) == noon
    assert trigger.count_us(first, noon, 10) == 2


def test_days_of_the_far_future_are_reached():
    trigger = CronTrigger(year=9999, month=12, day=31, timezone="Europe/Berlin")
    found = trigger.get_next_fire_time(None, datetime(2024, 1, 1, tzinfo=UTC))
    assert found is not None
    assert found.date() == date(9999, 12, 31)


@pytest.mark.parametrize(
    ("year", "fires_instead"), [("1986", True), ("1984,1986", True), ("1985-1986", False)]
)
def test_a_gap_at_the_new_year_is_counted_on_over_where_the_old_year_matches_too(
    year, fires_instead
):
    """Nepal moved its clocks from 00:00 to 00:15 on 1986-01-01; the instants are 3.11.3's answers."""
    zone = ZoneInfo("Asia/Kathmandu")
    trigger = CronTrigger(year=year, hour=0, minute=5, timezone=zone)
    fire = trigger.get_next_fire_time(None, datetime(1985, 12, 31, 12, tzinfo=zone))
    first, second = (
        datetime(1986, 1, 1, 0, 20, tzinfo=zone),
        datetime(1986, 1, 2, 0, 5, tzinfo=zone),
    )
    assert fire == (first if fires_instead else second)
