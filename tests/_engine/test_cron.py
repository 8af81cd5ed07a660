"""The cron table on a calendar without zones, against days counted with ``datetime``."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler._engine.cron import CronTable
from apscheduler._engine.cron_days import ALL_WEEKDAYS, ALL_WEEKS, LAST, MonthDays
from apscheduler._engine.instants import DAY, HOUR, MINUTE, SECOND

EPOCH = datetime(1970, 1, 1)
ALL_YEARS = (1 << 8030) - 1
ALL_MONTHS = (1 << 13) - 2
ALL_DAYS = (1 << 32) - 2
MINUTES = (1 << 60) - 1


def bits(values: set[int]) -> int:
    return sum(1 << value for value in values)


def wall(*parts: int) -> int:
    return (datetime(*parts) - EPOCH) // timedelta(microseconds=1)


def day_number(day: date) -> int:
    return (day - EPOCH.date()).days


def sets(low: int, high: int) -> st.SearchStrategy[set[int]]:
    return st.sets(st.integers(low, high), min_size=1, max_size=5)


def matches(rule: MonthDays, day: date) -> bool:
    """Return whether a day matches, read off the calendar one condition at a time."""
    length = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day
    dated = bool(rule.numbers >> day.day & 1) or (rule.last and day.day == length)
    for position, weekday in rule.positions:
        if day.weekday() == weekday:
            dated |= day.day + 7 > length if position == LAST else (day.day - 1) // 7 == position
    on_weekday = bool(rule.weekdays >> day.weekday() & 1)
    in_week = bool(rule.weeks >> day.isocalendar()[1] & 1)
    return in_week and dated and on_weekday


rules = st.builds(
    MonthDays,
    numbers=st.one_of(st.just(ALL_DAYS), sets(1, 31).map(bits), st.just(0)),
    last=st.booleans(),
    positions=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), max_size=2).map(tuple),
    weeks=st.one_of(st.just(ALL_WEEKS), sets(1, 53).map(bits)),
    weekdays=st.one_of(st.just(ALL_WEEKDAYS), sets(0, 6).map(bits)),
)


@given(rules, sets(1, 12), st.dates(date(1970, 1, 1), date(2100, 1, 1)))
def test_days_are_found_as_by_looking_at_one_after_the_other(rule, months, start):
    table = CronTable(ALL_YEARS, bits(months), rule, 1, 1, 1)
    days = [start + timedelta(days=count) for count in range(500)]
    expected = [day_number(day) for day in days if day.month in months and matches(rule, day)]
    first, last = day_number(days[0]), day_number(days[-1])
    found = []
    day = table.next_day(first)
    while day is not None and day <= last:
        found.append(day)
        day = table.next_day(day + 1)
    assert found == expected
    back = []
    day = table.previous_day(last)
    while day is not None and day >= first:
        back.append(day)
        day = table.previous_day(day - 1)
    assert back == expected[::-1]
    assert table.count_days(first, last, 10_000) == len(expected)


@given(sets(0, 23), sets(0, 59), sets(0, 59), st.integers(0, 2 * DAY // SECOND), st.data())
def test_times_of_day_are_found_forwards_backwards_and_counted(hours, minutes, seconds, at, data):
    table = CronTable(
        ALL_YEARS, ALL_MONTHS, MonthDays(ALL_DAYS), bits(hours), bits(minutes), bits(seconds)
    )
    times = [
        day * DAY + hour * HOUR + minute * MINUTE + second * SECOND
        for day in range(365, 369)
        for hour in sorted(hours)
        for minute in sorted(minutes)
        for second in sorted(seconds)
    ]
    local = 366 * DAY + at * SECOND + data.draw(st.sampled_from([0, 1, 999_999]))
    assert table.next_local(local) == min(time for time in times if time >= local)
    assert table.previous_local(local) == max(time for time in times if time <= local)
    end = local + data.draw(st.integers(0, DAY))
    inside = sum(local <= time < end for time in times)
    assert table.count_local(local, end, 10**9) == inside


@pytest.mark.trap(65)
@pytest.mark.parametrize("day", [30, 31])
def test_a_day_that_february_never_has_is_not_searched_for_long(day):
    table = CronTable(ALL_YEARS, bits({2}), MonthDays(bits({day})), 1, 1, 1)
    assert table.next_local(0) is None
    assert table.previous_local(wall(9999, 12, 31)) is None


def test_february_29th_comes_after_eight_years_where_a_century_is_no_leap_year():
    table = CronTable(ALL_YEARS, bits({2}), MonthDays(bits({29})), 1, 1, 1)
    assert table.next_local(wall(2096, 3, 1)) == wall(2104, 2, 29)
    assert table.previous_local(wall(2104, 2, 28)) == wall(2096, 2, 29)


def test_years_end_with_9999_and_begin_with_1970():
    table = CronTable(ALL_YEARS, ALL_MONTHS, MonthDays(ALL_DAYS), 1, 1, 1)
    assert table.next_local(wall(9999, 12, 31)) == wall(9999, 12, 31)
    assert table.next_local(wall(9999, 12, 31) + 1) is None
    assert table.next_local(-500 * DAY) == 0
    assert table.previous_local(-1) is None
    assert table.previous_local(wall(9999, 12, 31) + 5 * DAY) == wall(9999, 12, 31)


def test_only_the_years_named_are_searched():
    table = CronTable(1 << (2040 - 1970), ALL_MONTHS, MonthDays(ALL_DAYS), 1, 1, 1)
    assert table.next_local(0) == wall(2040, 1, 1)
    assert table.next_local(wall(2041, 1, 1)) is None
    assert table.previous_local(wall(2100, 1, 1)) == wall(2040, 12, 31)
    assert table.previous_local(wall(2039, 12, 31)) is None
