"""The parts of recurrence rules, each against the slow way of saying the same."""

from __future__ import annotations

from datetime import date

import pytest

from apscheduler._engine.recurrence.grids import Grid
from apscheduler._engine.recurrence.parts import Parts
from apscheduler._engine.recurrence.times import Times
from apscheduler._engine.recurrence.year_bits import bits, year_start

DAY = 86_400
EPOCH = date(1970, 1, 1)


def day_of(text: str) -> int:
    return (date.fromisoformat(text) - EPOCH).days


@pytest.mark.parametrize("first", ["2024-12-30", "2020-02-29", "2019-06-05"])
@pytest.mark.parametrize(("size", "step"), [(1, 2), (1, 500), (7, 14), (7, 21), (7, 700)])
def test_a_grids_year_has_each_day_of_its_periods(first, size, step):
    begun = day_of(first)
    grid = Grid(begun, size, step)
    for year in range(2025, 2060):
        start = year_start(year)
        days = range(start, year_start(year + 1))
        wanted = [day - start for day in days if (day - begun) % step < size]
        # A year of 365 days says of day 366 what it likes: it is the next one's.
        assert [day for day in bits(grid.year(year)) if day < len(days)] == wanted


def times(frequency: str, interval: int, **parts) -> Times:
    rule = Parts(frequency, day_of("2024-02-28") * DAY + 5 * 3600 + 7 * 60, interval)
    for name, value in parts.items():
        setattr(rule, name, value)
    return Times(rule.complete())


@pytest.mark.parametrize(
    "members",
    [
        times("HOURLY", 7),
        times("HOURLY", 5, byminute=(7, 21, 40)),
        times("MINUTELY", 1000, byhour=(3, 5, 22)),
        times("SECONDLY", 40_000),
    ],
    ids=["every 7 hours", "three an hour", "of some hours", "twice a day"],
)
def test_members_are_counted_as_a_walk_meets_them(members):
    begun = day_of("2024-02-28") * DAY + 5 * 3600 + 7 * 60
    walls, wall = [], begun
    while len(walls) < 200:
        found = members.first_from(wall)
        walls.append(found)
        wall = found + 1
    for start in (begun, walls[3], walls[3] + 1, walls[50] - 1, walls[50] + 3600):
        for end in (start, start + 1, walls[51], walls[51] + 1, walls[52] + 7, walls[180]):
            assert members.count(start, end) == sum(start <= each < end for each in walls)
