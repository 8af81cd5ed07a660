"""Where clocks are moved, found by asking zoneinfo instant by instant; shared by the tests of both cron triggers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import strategies as st

ZONES = sorted(available_timezones() - {"localtime"})
ODD_ZONES = [
    "Africa/Casablanca",
    "America/Asuncion",
    "America/Havana",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Chatham",
]
MICRO = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us(moment: datetime) -> int:
    return (moment.astimezone(UTC) - EPOCH) // MICRO


@cache
def transitions(name: str, year: int) -> tuple[datetime, ...]:
    zone = ZoneInfo(name)
    found = []
    day = datetime(year, 1, 1, tzinfo=UTC)
    while day.year == year:
        low, high = day, day + DAY
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            before = low.astimezone(zone).utcoffset()
            while high - low > SECOND:
                middle = low + (high - low) // 2 // SECOND * SECOND
                if middle.astimezone(zone).utcoffset() == before:
                    low = middle
                else:
                    high = middle
            found.append(high)
        day += DAY
    return tuple(found)


def keeps_quarters(name: str, start: datetime, end: datetime) -> bool:
    """Return whether a walk in quarters of an hour of UTC meets each quarter of the zone's wall clock.

    It does not in Kiritimati before 1979 (10:40 hours behind UTC), nor where clocks were moved between two quarters.
    """
    zone = ZoneInfo(name)
    changes = [
        change
        for year in range(start.year, end.year + 1)
        for change in transitions(name, year)
        if start <= change <= end
    ]
    offsets = [moment.astimezone(zone).utcoffset() for moment in (start, *changes)]
    quarter = 15 * MINUTE
    return all((offset or EPOCH - EPOCH) % quarter == EPOCH - EPOCH for offset in offsets) and all(
        (change - EPOCH) % quarter == EPOCH - EPOCH for change in changes
    )


zones = st.one_of(st.sampled_from(ODD_ZONES), st.sampled_from(ZONES))


def near(zone: str, year: int, data: st.DataObject) -> datetime:
    changes = transitions(zone, year) or (datetime(year, 6, 1, tzinfo=UTC),)
    return data.draw(st.sampled_from(changes)).replace(second=0)
