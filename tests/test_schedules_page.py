"""docs/how-to/schedules.md: each schedule of its tables is what the words beside it say, by the code's own words."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from apscheduler.calendars import BusinessDays
from apscheduler.testing import FakeClock, ManualScheduler
from tools import ROOT

PAGE = (ROOT / "docs/how-to/schedules.md").read_text("utf-8")
ROW = re.compile(
    r'^\| (?P<wanted>[^|]+) \| `(?P<written>"[^`]+)` \| (?P<words>[^|]+) \|$', re.MULTILINE
)
ROWS = [pytest.param(row["written"], row["words"], id=row["wanted"]) for row in ROW.finditer(PAGE)]
ZONE = "Europe/Berlin"
NOW = datetime(2030, 1, 7, 8, tzinfo=ZoneInfo(ZONE))


def made(written: str):
    """Return the trigger of a job that is added as it is written on the page."""
    scheduler = ManualScheduler(clock=FakeClock(NOW), timezone=ZONE)
    adding = eval(f"lambda add_job: add_job(print, {written})", {"BusinessDays": BusinessDays})
    return adding(scheduler.add_job).trigger


def test_there_are_twenty_schedules_and_more() -> None:
    assert len(ROWS) > 20


@pytest.mark.parametrize(("written", "words"), ROWS)
def test_a_schedule_means_what_stands_beside_it(written, words) -> None:
    assert made(written).describe().replace(f", {ZONE}", "") == words
