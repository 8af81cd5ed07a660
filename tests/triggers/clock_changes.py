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


zones = st.one_of(st.sampled_from(ODD_ZONES), st.sampled_from(ZONES))


def near(zone: str, year: int, data: st.DataObject) -> datetime:
    changes = transitions(zone, year) or (datetime(year, 6, 1, tzinfo=UTC),)
    return data.draw(st.sampled_from(changes)).replace(second=0)
