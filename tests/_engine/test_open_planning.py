"""Plans under calendars: each due fire time is in one place, however many spans there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apscheduler._engine import open_planning
from apscheduler._engine.open_planning import plan_open
from apscheduler.calendars import ClosedDays
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.interval import IntervalTrigger

START = datetime(2027, 1, 1, tzinfo=UTC)
HOUR = 3_600_000_000


def us(days: float) -> int:
    return round((START + timedelta(days=days)).timestamp()) * 1_000_000


def every_second_day_closed() -> CalendarTrigger:
    closed = ClosedDays(lambda day: day.toordinal() % 2 == 0)
    hours = IntervalTrigger(hours=1, start_date=START, timezone="UTC")
    return CalendarTrigger(hours, closed)


@pytest.mark.parametrize("coalesce", [True, False])
@pytest.mark.parametrize("grace", [None, HOUR], ids=["no-grace", "grace"])
@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("days", [0.5, 1, 3.75, 5, 6, 7, 12.5, 40])
def test_each_due_fire_time_is_in_one_place(days, limit, grace, coalesce, monkeypatch):
    monkeypatch.setattr(open_planning, "SPAN_LIMIT", 6)
    due, now = us(0), us(days)
    plan = plan_open(
        every_second_day_closed(), due, now, coalesce=coalesce, grace=grace, limit=limit
    )
    rest = [each for each in (plan.coalesced, plan.missed) if each is not None]
    drops = plan.dropped or []
    counts = [len(plan.run), *(each.count for each in rest), *(each.count for each in drops)]
    assert sum(counts) == (now - due) // HOUR + 1
    firsts = [*plan.run[:1], *(each.first for each in rest), *(each.first for each in drops)]
    assert min(firsts) == due
    assert plan.next == now - now % HOUR + HOUR
