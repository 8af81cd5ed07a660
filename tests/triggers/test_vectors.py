"""The 1,500 recorded cases of 3.11.3: each trigger's first five fire times, away from offset transitions."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

TRIGGERS = {
    "calendarinterval": CalendarIntervalTrigger,
    "cron": CronTrigger,
    "interval": IntervalTrigger,
}
FILE = Path(__file__).parent.parent / "data" / "next-fire-times.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]


def fires(case: dict[str, Any]) -> list[str | None]:
    trigger = TRIGGERS[case["trigger"]](timezone=case["timezone"], **case["args"])
    now = datetime.fromisoformat(case["now"])
    previous: datetime | None = None
    found: list[str | None] = []
    for _ in case["fires"]:
        previous = trigger.get_next_fire_time(previous, now)
        if previous is None:
            return [*found, None]
        found.append(previous.isoformat())
        now = previous
    return found


@pytest.mark.parametrize("kind", TRIGGERS)
def test_every_recorded_case_gives_the_recorded_fire_times(kind):
    cases = [case for case in CASES if case["trigger"] == kind]
    assert cases
    assert [case for case in cases if fires(case) != case["fires"]] == []


def test_the_record_is_whole():
    assert len(CASES) == 1500
