"""The crontab trigger against a walk over all minutes, or seconds, in all zones and with every ``dst``.

Neighbours tried beyond the documented examples of ``dst="debian"``: random expressions around random clock changes, each zone
around one of its changes, a gap at midnight in Havana by seconds, zones that skipped a day or moved by half an hour.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

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
from triggers.crontab import expressions, reading

from apscheduler.triggers.crontab import DST_CHOICES, CrontabTrigger

choices = st.sampled_from(DST_CHOICES)


def forwards(trigger: CrontabTrigger, first: int, end: int) -> list[int]:
    found = []
    fire = trigger.next_us(None, first)
    while fire is not None and fire < end:
        found.append(fire)
        fire = trigger.next_us(fire, fire)
    return found


def backwards(trigger: CrontabTrigger, first: int, end: int) -> list[int]:
    found = []
    fire = trigger.previous_us(end - 1)
    while fire is not None and fire >= first:
        found.append(fire)
        fire = trigger.previous_us(fire - 1)
    return found[::-1]


def check(
    expression: str, zone: str, dst: str, start: datetime, end: datetime, step: timedelta
) -> None:
    trigger = CrontabTrigger(expression, timezone=zone, dst=dst)
    found = forwards(trigger, us(start), us(end))
    assert backwards(trigger, us(start), us(end)) == found
    expected = reading.fires(reading.Reading(expression), zone, dst, start, end, step)
    if dst != "utc-line":
        assert found == expected
    else:  # what a gap adds is tested where CronTrigger is
        assert set(expected) <= set(found)
        assert all(follows_a_gap(EPOCH + fire * MICRO, zone) for fire in set(found) - set(expected))
    pick = random.Random(len(found))
    for index in {0, len(found) - 1, pick.randrange(len(found))} if found else ():
        later = found[index + 1] if index + 1 < len(found) else us(end)
        for now in {found[index], later - 1, pick.randrange(found[index], later)}:
            assert trigger.latest_us(found[0], now) == found[index]
        assert trigger.count_us(found[0], found[index], 10**6) == index + 1
        asked = pick.randrange(us(start), us(end))
        assert trigger.next_us(None, asked) == next((f for f in found if f >= asked), None) or (
            asked > found[-1]
        )


def follows_a_gap(moment: datetime, zone: str) -> bool:
    changes = (c for year in (moment.year, moment.year - 1) for c in transitions(zone, year))
    return any(change <= moment <= change + DAY for change in changes)


@pytest.mark.trap(42)
@given(
    expressions.near_a_change,
    zones,
    choices,
    st.integers(1973, 2099),
    st.integers(0, 40),
    st.data(),
)
def test_minutes_around_clock_changes(expression, zone, dst, year, hours, data):
    start = near(zone, year, data) - hours * HOUR
    check(expression, zone, dst, start, start + 44 * HOUR, MINUTE)


@given(expressions.of_seconds, zones, choices, st.integers(1970, 2099), st.data())
def test_seconds_around_clock_changes(expression, zone, dst, year, data):
    start = near(zone, year, data) - 61 * MINUTE
    check(expression, zone, dst, start, start + 2 * HOUR + 10 * MINUTE, SECOND)


@pytest.mark.parametrize("minute", ["0,*", "*,0", "*/30", "5,*/30", "0"])
@pytest.mark.parametrize("hour", ["0", "0,*", "*"])
def test_the_first_character_of_a_field_says_how_a_gap_is_passed(minute, hour):
    start = datetime(2004, 3, 28, 3, 59, tzinfo=UTC)  # Havana has no hour from midnight on that day
    expression = f"*/20 {minute} {hour} * * *"
    check(expression, "America/Havana", "debian", start, start + 2 * HOUR, SECOND)


@given(expressions.of_days, zones, choices, st.integers(1973, 2098), st.data())
def test_days_of_a_year(expression, zone, dst, year, data):
    start = near(zone, year, data).replace(minute=0) - 3 * DAY
    assume(keeps_quarters(zone, start, start + 250 * DAY))
    check(expression, zone, dst, start, start + 250 * DAY, 15 * MINUTE)


@given(expressions.of_days, st.integers(1970, 2199), st.integers(1, 300))
def test_days_of_the_calendar_in_utc(expression, year, days):
    trigger = CrontabTrigger(expression, timezone="UTC")
    start = datetime(year, 1, 1, tzinfo=UTC) + days * DAY
    end = min(start + 400 * DAY, datetime(2199, 12, 31, tzinfo=UTC))
    slow = reading.Reading(expression)
    wanted = []
    day = start
    while day < end:
        if slow.is_day(day.date()):
            wanted += [
                us(day) + (hour * 60 + minute) * 60_000_000
                for hour in sorted(slow.hours)
                for minute in sorted(slow.minutes)
            ]
        day += DAY
    assert forwards(trigger, us(start), us(end)) == wanted
    assert backwards(trigger, us(start), us(end)) == wanted


@pytest.mark.slow
def test_every_zone_around_one_of_its_changes_with_every_dst():
    pick = random.Random(7)
    tried = 0
    for zone in ZONES:
        changes = transitions(zone, pick.randint(1973, 2037))
        if not changes:
            continue
        tried += 1
        hours = sorted(pick.sample(range(24), 12))
        fixed = f"0,{pick.randrange(60)} {','.join(map(str, hours))} * * *"
        counted = f"*/{pick.randint(2, 40)} {','.join(map(str, hours))} * * *"
        start = pick.choice(changes).replace(second=0) - pick.randint(60, 400) * MINUTE
        for dst in DST_CHOICES:
            for expression in (fixed, counted):
                check(expression, zone, dst, start, start + 8 * HOUR, MINUTE)
    assert tried > 200


@pytest.mark.parametrize("zone", ["Pacific/Apia", "Pacific/Kwajalein", "America/Caracas"])
@pytest.mark.parametrize("dst", DST_CHOICES)
def test_zones_that_skipped_a_day_or_half_an_hour(zone, dst):
    for year in (1993, 2007, 2011, 2016):
        for change in transitions(zone, year):
            for expression in ("30 6,23 * * *", "15 * * * *", "0 12 31 12 *", "10,50 2 * * 5#1"):
                check(expression, zone, dst, change - 30 * HOUR, change + 30 * HOUR, MINUTE)
