"""Fire times after a clock change that lies less than its own hour before the edge of a computed span of a zone.

Spans are 2**42 microseconds long, so such changes are rare: these are four of the ten among all zones up to 2300.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apscheduler._engine import zones
from apscheduler.triggers.crontab import CrontabTrigger

EDGES = {
    "America/Adak": datetime(1993, 10, 31, 11, tzinfo=UTC),
    "America/Anchorage": datetime(2055, 11, 7, 10, tzinfo=UTC),
    "Antarctica/Macquarie": datetime(2074, 3, 31, 16, tzinfo=UTC),
    "Europe/Chisinau": datetime(2096, 10, 28, 0, tzinfo=UTC),
}
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("name", EDGES)
def test_the_hour_that_comes_twice_is_left_and_the_search_goes_on(name) -> None:
    change = EDGES[name]
    since_edge = (int((change + HOUR).timestamp() * 1e6)) & ((1 << zones._SPAN_BITS) - 1)
    if name != "Europe/Chisinau":  # its rule has changed in newer data
        assert since_edge < HOUR // timedelta(microseconds=1), "an edge lies in the hour after it"
    trigger = CrontabTrigger("50 * * * *", timezone=name)
    hourly = CrontabTrigger("50 0-5 * * *", timezone=name)
    for asked in (trigger, hourly):
        fire = asked.get_next_fire_time(None, change - HOUR)
        seen = []
        for _ in range(4):
            seen.append((fire - change) / timedelta(minutes=1))
            fire = asked.get_next_fire_time(fire, fire.astimezone(UTC) + timedelta(seconds=1))
        assert seen == ([-10, 50, 110, 170] if asked is trigger else [-10, 110, 170, 230])
