"""Fire times before they come, with remarks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from triggers.words.schedules import plan

from apscheduler._engine.instants import to_us
from apscheduler.calendars import BusinessDays
from apscheduler.calendars.base import UnknownCalendarError
from apscheduler.calendars.windows import Blackout
from apscheduler.triggers import combining
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from apscheduler.triggers.rrule import RRuleTrigger

BERLIN = "Europe/Berlin"
SPRING = datetime(2026, 3, 28, 12)
AUTUMN = datetime(2026, 10, 24, 12)


def shown(trigger, many, start, **options):
    return [str(each) for each in trigger.preview(many, start, **options)]


def kinds(trigger, many, start):
    return [[remark.kind for remark in each.remarks] for each in trigger.preview(many, start)]


def test_rows_hold_the_time_in_the_triggers_zone_and_in_utc() -> None:
    (row,) = CronTrigger(hour=10, timezone=BERLIN).preview(1, SPRING)
    assert row.at.isoformat() == "2026-03-29T10:00:00+02:00"
    assert row.utc == datetime(2026, 3, 29, 8, tzinfo=UTC)
    assert row.utc.tzinfo is UTC
    assert row.remarks == ()
    assert str(row) == "Sun 2026-03-29 10:00:00+02:00 CEST"


@pytest.mark.parametrize(
    ("trigger", "first"),
    [
        (CronTrigger(hour=2, minute=30, timezone=BERLIN), "Sun 2026-03-29 03:30:00+02:00 CEST"),
        (CrontabTrigger("30 2 * * *", timezone=BERLIN), "Sun 2026-03-29 03:00:00+02:00 CEST"),
    ],
)
def test_a_time_moved_by_a_gap_says_which_time_was_meant(trigger, first) -> None:
    why = "02:30 does not exist on this day: the clocks go from 02:00 to 03:00"
    assert shown(trigger, 2, SPRING) == [f"{first} ({why})", "Mon 2026-03-30 02:30:00+02:00 CEST"]
    assert trigger.preview(1, SPRING, locale="zh")[0].remarks[0].text == (
        "当天没有 02:30：时钟从 02:00 直接拨到 03:00"  # noqa: RUF001 - Chinese
    )


def test_a_day_that_a_zone_skips_is_named_with_its_date() -> None:
    trigger = CronTrigger(year=2011, month=12, day=30, hour=12, timezone="Pacific/Apia")
    assert shown(trigger, 2, datetime(2011, 12, 1)) == [
        (
            "Sat 2011-12-31 12:00:00+14:00 +14 (2011-12-30 12:00 does not exist on this day: the clocks go from "
            "2011-12-30 00:00 to 2011-12-31 00:00; the last one)"
        )
    ]


def test_a_time_that_exists_beside_a_gap_has_no_remark() -> None:
    assert kinds(CronTrigger(hour="3-4", timezone=BERLIN), 2, SPRING) == [[], []]
    assert kinds(CrontabTrigger("0 2,3 * * *", timezone=BERLIN), 1, SPRING) == [[]]


@pytest.mark.parametrize(
    "trigger",
    [
        CrontabTrigger("30 2 * * *", timezone=BERLIN, dst="ocps"),
        OrTrigger([CrontabTrigger("30 2 * * *", timezone=BERLIN, dst="ocps")]),
        CalendarTrigger(CrontabTrigger("30 2 * * *", timezone=BERLIN, dst="ocps"), {"2000-01-01"}),
        CalendarIntervalTrigger(
            days=1, hour=2, minute=30, start_date="2026-03-29", timezone=BERLIN
        ),
    ],
    ids=str,
)
def test_a_time_left_out_in_a_gap_is_named_on_the_next(trigger) -> None:
    why = "2026-03-29 02:30 before it is left out: it does not exist"
    assert shown(trigger, 2, SPRING) == [
        f"Mon 2026-03-30 02:30:00+02:00 CEST ({why})",
        "Tue 2026-03-31 02:30:00+02:00 CEST",
    ]


def test_what_goes_by_elapsed_time_or_has_other_dates_leaves_out_nothing() -> None:
    assert (
        kinds(CrontabTrigger("30 * * * *", timezone=BERLIN), 3, datetime(2026, 3, 29)) == [[]] * 3
    )
    weekly = CalendarIntervalTrigger(
        weeks=1, hour=2, minute=30, start_date="2026-03-28", timezone=BERLIN
    )
    assert kinds(weekly, 2, SPRING) == [["overdue"], []]
    later = CrontabTrigger("30 2 * * *", BERLIN, "2026-03-29 12:00:00", dst="ocps")
    assert kinds(later, 1, SPRING) == [[]]


def test_both_times_of_a_repeated_hour_say_which_they_are() -> None:
    assert shown(CronTrigger(hour=2, minute=30, timezone=BERLIN), 2, AUTUMN) == [
        "Sun 2026-10-25 02:30:00+02:00 CEST (02:30 comes twice on this day: this is the first)",
        "Sun 2026-10-25 02:30:00+01:00 CET (02:30 comes twice on this day: this is the second)",
    ]
    assert kinds(CrontabTrigger("30 2 * * *", timezone=BERLIN), 2, AUTUMN) == [["first"], []]
    every_hour = IntervalTrigger(hours=1, start_date="2026-10-25 01:00:00", timezone=BERLIN)
    assert kinds(every_hour, 4, datetime(2026, 10, 25)) == [[], ["first"], ["second"], []]


def test_the_last_one_says_what_ends_the_trigger() -> None:
    ends = CronTrigger(hour=10, end_date="2026-03-30 09:00:00", timezone=BERLIN)
    assert shown(ends, 5, SPRING) == [
        "Sun 2026-03-29 10:00:00+02:00 CEST (the last one: the end is 2026-03-30 09:00:00+02:00)"
    ]
    assert kinds(DateTrigger("2026-05-01", timezone=BERLIN), 5, SPRING) == [["last"]]
    assert ends.preview(5, datetime(2026, 5, 1)) == []


def test_an_end_date_that_changes_nothing_is_not_blamed() -> None:
    trigger = CronTrigger(year=2026, month=4, day=1, end_date="2030-01-01", timezone=BERLIN)
    assert kinds(trigger, 5, SPRING) == [["last"]]
    counted = RRuleTrigger("FREQ=DAILY;COUNT=2", "2026-04-01", "2030-01-01", BERLIN)
    assert kinds(counted, 5, SPRING) == [[], ["last"]]
    cut = RRuleTrigger("FREQ=DAILY;COUNT=9", "2026-04-01", "2026-04-02", BERLIN, jitter=5)
    assert kinds(cut, 5, SPRING) == [["jitter"], ["jitter", "end"]]
    assert kinds(CalendarTrigger(cut, {"2000-01-01"}), 5, SPRING)[-1] == ["jitter", "end"]


def test_a_date_that_is_over_is_overdue() -> None:
    assert kinds(DateTrigger("2020-05-01", timezone=BERLIN), 5, SPRING) == [["overdue", "last"]]


def test_of_a_series_that_began_long_ago_one_row_is_overdue() -> None:
    trigger = CalendarIntervalTrigger(months=1, start_date="2020-01-01", timezone=BERLIN)
    rows = trigger.preview(3, datetime(2026, 5, 1))
    assert [row.at.date().isoformat() for row in rows] == ["2020-01-01", "2026-05-01", "2026-06-01"]
    assert [[remark.kind for remark in row.remarks] for row in rows] == [["overdue"], [], []]


JITTERED = [
    CronTrigger(hour=10, timezone=BERLIN, jitter=600),
    CrontabTrigger("0 10 * * *", timezone=BERLIN, jitter=600),
    IntervalTrigger(days=1, start_date="2026-03-01 10:00:00", timezone=BERLIN, jitter=600),
    CalendarIntervalTrigger(days=1, hour=10, start_date="2026-03-29", timezone=BERLIN, jitter=600),
    RRuleTrigger("FREQ=DAILY", start_date="2026-03-01 10:00:00", timezone=BERLIN, jitter=600),
    OrTrigger([CronTrigger(hour=10, timezone=BERLIN)], jitter=600),
    OrTrigger([CronTrigger(hour=10, timezone=BERLIN, jitter=600)]),
    AndTrigger([CronTrigger(hour=10, timezone=BERLIN), CronTrigger(minute="0", timezone=BERLIN)], jitter=600),
    CalendarTrigger(CronTrigger(hour=10, timezone=BERLIN, jitter=600), {"2000-01-01"}),
]  # fmt: skip


@pytest.mark.parametrize("trigger", JITTERED, ids=str)
def test_chance_is_said_and_not_drawn(trigger) -> None:
    rows = trigger.preview(3, SPRING)
    hours = {(row.at.hour, row.at.minute, row.at.second, row.at.microsecond) for row in rows}
    assert hours <= {(10, 0, 0, 0), (11, 0, 0, 0)}
    assert len(rows) == 3
    assert {remark.text for row in rows for remark in row.remarks} == {
        "up to 600 s later, at random"
    }
    assert rows == trigger.preview(3, SPRING)


def test_only_the_child_that_fires_is_remarked_on() -> None:
    both = OrTrigger(
        [
            CrontabTrigger("30 2 * * *", timezone=BERLIN),
            CronTrigger(hour=9, timezone=BERLIN, jitter=5),
        ]
    )
    assert kinds(both, 3, SPRING) == [["gap"], ["jitter"], []]


def test_what_a_calendar_drops_is_shown_with_the_reason() -> None:
    trigger = CalendarTrigger(CronTrigger(hour=10, timezone=BERLIN), BusinessDays("DE"))
    assert shown(trigger, 3, datetime(2026, 12, 24)) == [
        "Thu 2026-12-24 10:00:00+01:00 CET",
        "Fri 2026-12-25 10:00:00+01:00 CET (skipped: closed by BusinessDays('DE'): 2026-12-25 is Christmas Day)",
        "Sat 2026-12-26 10:00:00+01:00 CET (skipped: closed by BusinessDays('DE'): 2026-12-26 is a Saturday)",
    ]


def test_what_a_calendar_moves_says_from_where() -> None:
    month_end = CronTrigger(day="last", hour=18, timezone=BERLIN)
    trigger = CalendarTrigger(month_end, BusinessDays(), closed="previous")
    assert shown(trigger, 2, datetime(2026, 2, 1)) == [
        "Fri 2026-02-27 18:00:00+01:00 CET (moved from 2026-02-28, a closed day)",
        "Tue 2026-03-31 18:00:00+02:00 CEST",
    ]


def test_what_a_calendar_moves_within_a_combination_says_so_too() -> None:
    month_end = CronTrigger(day="last", hour=18, jitter=5, timezone=BERLIN)
    moving = CalendarTrigger(month_end, BusinessDays(), closed="previous")
    noon = CronTrigger(month=3, day=1, hour=12, timezone=BERLIN)
    both = OrTrigger([moving, noon])
    assert kinds(both, 3, datetime(2026, 2, 1)) == [["moved"], [], ["jitter"]]
    assert kinds(moving, 2, datetime(2026, 2, 1)) == [["moved"], ["jitter"]]


def test_a_calendar_that_only_the_scheduler_knows_leaves_it_open() -> None:
    trigger = CalendarTrigger(CronTrigger(hour=10, timezone=BERLIN), "freeze")
    assert kinds(trigger, 2, SPRING) == [["unsure"], ["unsure"]]
    freeze = Blackout("2026-03-29", "2026-03-30", "release", BERLIN)
    assert kinds(trigger.bound({"freeze": freeze}), 2, SPRING) == [["skipped"], []]
    with pytest.raises(UnknownCalendarError, match="freeze"):
        CalendarTrigger(CronTrigger(hour=10, timezone=BERLIN), "freeze", "next").preview(1, SPRING)


class Counting(BaseTrigger):
    """Someone else's trigger, which fires three times, and remembers it."""

    def __init__(self) -> None:
        self.left = 3

    def get_next_fire_time(self, previous_fire_time, now):
        self.left -= 1
        return (previous_fire_time or now) + timedelta(hours=1) if self.left >= 0 else None


@pytest.mark.parametrize(
    "around",
    [
        lambda trigger: trigger,
        lambda trigger: OrTrigger([trigger]),
        lambda trigger: CalendarTrigger(trigger, "freeze"),
        lambda trigger: CalendarTrigger(OrTrigger([trigger]), BusinessDays()),
    ],
)
def test_a_trigger_of_someone_elses_is_not_changed_by_a_preview(around) -> None:
    counting = Counting()
    trigger = around(counting)
    start = SPRING.replace(tzinfo=UTC)
    rows = trigger.preview(10, start)
    assert [row.utc for row in rows] == [start + timedelta(hours=n) for n in (1, 2, 3)]
    assert rows[-1].remarks[-1].kind == "last"
    assert counting.left == 3


def test_the_chance_of_a_combination_with_someone_elses_trigger_is_said() -> None:
    start = SPRING.replace(tzinfo=UTC)
    (row,) = OrTrigger([Counting()], jitter=60).preview(1, start)
    assert (row.utc, row.remarks[0].kind) == (start + timedelta(hours=1), "jitter")


def test_a_reboot_has_no_times_and_an_h_needs_its_job() -> None:
    assert CrontabTrigger("@reboot", timezone=BERLIN).preview(3, SPRING) == []
    hashed = CrontabTrigger("H 3 * * *", timezone=BERLIN)
    with pytest.raises(ValueError, match="for_job"):
        hashed.preview(1, SPRING)
    under = CalendarTrigger(hashed, BusinessDays()).for_job("backup")
    assert under.preview(1, SPRING)[0].at == hashed.for_job("backup").preview(1, SPRING)[0].at


def test_a_start_without_a_zone_is_in_the_triggers() -> None:
    trigger = CronTrigger(hour=10, timezone="Asia/Tokyo")
    assert (
        trigger.preview(1, datetime(2026, 5, 1, 10))[0].at.isoformat()
        == "2026-05-01T10:00:00+09:00"
    )
    now = datetime.now(UTC)
    assert now <= trigger.preview(1)[0].utc <= now + timedelta(days=1, minutes=5)


def test_a_start_at_either_end_of_the_calendar_is_no_error() -> None:
    trigger = CronTrigger(hour=10, timezone=BERLIN)
    assert [row.at.year for row in trigger.preview(2, datetime.min)] == [1970, 1970]
    assert trigger.preview(5, datetime.max)[-1].remarks[-1].kind == "last"
    assert kinds(DateTrigger("2026-05-01", timezone=BERLIN), 2, datetime.min) == [["last"]]


@pytest.mark.parametrize("n", [0, -1, True, 1.5, "3", None])
def test_a_number_that_is_none_is_refused(n) -> None:
    with pytest.raises(ValueError, match="how many fire times"):
        IntervalTrigger(hours=1).preview(n)


def test_a_start_that_is_no_moment_is_refused() -> None:
    with pytest.raises(TypeError, match="start must be a datetime"):
        IntervalTrigger(hours=1).preview(1, "2026-05-01")


def without_chance(source):
    """Return a random trigger without jitter, and none that begins before it is asked."""
    while True:
        found = plan(source)
        parts = list(found.parts())
        early = any(each.cls in (CalendarIntervalTrigger, DateTrigger) for each in parts)
        if not early and not any(each.options.get("jitter") for each in parts):
            return found.make()


def told(trigger, start, many):
    """Return what a scheduler that is on time is told, from ``start`` on; an overdue one first."""
    found = [trigger.get_next_fire_time(None, start)]
    while found[-1] is not None and len(found) < many:
        found.append(trigger.get_next_fire_time(found[-1], max(start, found[-1], key=to_us)))
    return [each for each in found if each is not None]


@given(st.integers(0, 2**64), st.integers(0, 365 * 24))
def test_a_preview_is_what_a_scheduler_on_time_is_told(seed, hours) -> None:
    trigger = without_chance(Random(seed))
    if isinstance(trigger, CalendarTrigger):
        trigger = trigger.bound({"freeze": Blackout("2026-10-20", "2026-10-26", timezone="UTC")})
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(combining, "ROUNDS", 100)
        rows = trigger.preview(6, start)
        expected = told(trigger, start, 6)
    assert [row.at for row in rows] == expected
    assert [row.utc for row in rows] == [moment.astimezone(UTC) for moment in expected]
    assert all(early.utc < late.utc for early, late in pairwise(rows))
