"""What may be written in the fields of a cron trigger, and what is said about the rest."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime

import pytest

from apscheduler.triggers.cron import CrontabWeekdayWarning, CronTrigger

NOW = datetime(2024, 1, 1, 0, 0, 30, tzinfo=UTC)  # a Monday


def fires(count: int, **given: object) -> list[str]:
    trigger = CronTrigger(timezone="UTC", **given)  # type: ignore[arg-type]
    found: list[str] = []
    previous, now = None, NOW
    for _ in range(count):
        previous = trigger.get_next_fire_time(previous, now)
        assert previous is not None
        now = previous
        found.append(previous.strftime("%Y-%m-%d %H:%M:%S"))
    return found


@pytest.mark.trap(57)
def test_weekday_0_is_monday_and_7_is_refused():
    assert fires(1, day_of_week=0) == ["2024-01-08 00:00:00"]
    assert fires(1, day_of_week="6") == ["2024-01-07 00:00:00"]
    with pytest.raises(ValueError, match=r"day_of_week.*7 is outside 0-6 \(0 = Monday"):
        CronTrigger.from_crontab("0 0 * * 7", "UTC")


@pytest.mark.trap(57)
def test_a_numeric_weekday_in_a_crontab_line_is_warned_of_once():
    with pytest.warns(
        CrontabWeekdayWarning, match="fires on tue, wed here.*crontab would fire on mon, tue"
    ) as seen:
        CronTrigger.from_crontab("17 3 * * 1-2", "UTC")
    assert seen[0].filename == __file__
    CronTrigger.from_crontab("17 3 * * 1-2", "UTC")  # warnings are errors here


@pytest.mark.parametrize("weekday", ["*", "mon", "mon-fri,sun", "0-6"])
def test_a_weekday_that_means_the_same_in_crontab_is_not_warned_of(weekday):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CronTrigger.from_crontab(f"18 3 * * {weekday}", "UTC")


@pytest.mark.trap(58)
def test_day_and_weekday_must_both_match():
    assert fires(2, day=13, day_of_week="fri") == ["2024-09-13 00:00:00", "2024-12-13 00:00:00"]


@pytest.mark.trap(59)
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"day_of_week": "mon-fri/2"}, ["2024-01-03", "2024-01-05", "2024-01-08"]),
        ({"day_of_week": "wed/2"}, ["2024-01-03", "2024-01-05", "2024-01-07"]),
        ({"month": "feb-jul/3"}, ["2024-02-01", "2024-05-01", "2025-02-01"]),
    ],
)
def test_the_step_of_a_range_of_names_is_honoured(given, expected):
    assert fires(3, **given) == [f"{day} 00:00:00" for day in expected]
    assert next(iter(given.values())) in str(CronTrigger(timezone="UTC", **given))


@pytest.mark.trap(60)
@pytest.mark.parametrize(
    "given",
    [
        {"hour": "22-2"},
        {"day_of_week": "sun-tue"},
        {"day_of_week": "fri-mon"},
        {"month": "nov-feb"},
    ],
)
def test_a_range_that_wraps_around_is_refused(given):
    with pytest.raises(ValueError, match="do not wrap around"):
        CronTrigger(timezone="UTC", **given)


@pytest.mark.trap(60)
@pytest.mark.parametrize("expr", ["@daily", "@dayly"])
def test_a_nickname_is_refused_with_what_to_write_instead(expr):
    with pytest.raises(ValueError, match=r"instead of @daily write '0 0 \* \* \*'"):
        CronTrigger.from_crontab(expr, "UTC")


@pytest.mark.parametrize("expr", ["", "* * * *", "* * * * * *", "1, 2 * * * *"])
def test_a_crontab_line_has_five_fields(expr):
    with pytest.raises(ValueError, match="has 5 fields"):
        CronTrigger.from_crontab(expr, "UTC")


def test_a_crontab_line_takes_the_bounds_too():
    trigger = CronTrigger.from_crontab(
        "*/5 0-6 1,15 * fri", "UTC", start_date="2025-01-01", end_date="2026-01-01", jitter=5
    )
    assert str(trigger) == (
        "cron[month='*', day='1,15', day_of_week='fri', hour='0-6', minute='*/5']"
    )
    assert trigger.start_date == datetime(2025, 1, 1, tzinfo=UTC)
    assert trigger.end_date == datetime(2026, 1, 1, tzinfo=UTC)
    assert trigger.jitter == 5


@pytest.mark.trap(61)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hour": 25}, "'hour'.*25 is outside 0-23"),
        ({"hour": "3-24"}, "24 is outside 0-23"),
        ({"minute": "*/0"}, "a step of 0"),
        ({"minute": "*/100"}, "the step 100 is higher"),
        ({"hour": "1-5/5"}, "the step 5 is higher"),
        ({"day": 0}, "0 is outside 1-31"),
        ({"day": 32}, "32 is outside 1-31"),
        ({"month": 13}, "13 is outside 1-12"),
        ({"week": 54}, "54 is outside 1-53"),
        ({"year": 1969}, "1969 is outside 1970-9999"),
        ({"year": 10000}, "10000 is outside"),
        ({"second": 60}, "60 is outside 0-59"),
        ({"second": -1}, "is not understood"),
        ({"day": "6th mon"}, "did you mean '5th'"),
    ],
)
def test_a_value_out_of_range_is_refused_at_once(given, said):
    with pytest.raises(ValueError, match=said):
        CronTrigger(timezone="UTC", **given)


@pytest.mark.trap(62)
def test_fields_below_the_lowest_given_take_their_minimum_and_those_above_every_value():
    assert fires(2, minute="*/1") == ["2024-01-01 00:01:00", "2024-01-01 00:02:00"]
    assert fires(2, day=5) == ["2024-01-05 00:00:00", "2024-02-05 00:00:00"]
    assert fires(2) == ["2024-01-01 00:00:30", "2024-01-01 00:00:31"]


@pytest.mark.trap(63)
@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2nd fri", ["2024-01-12", "2024-02-09"]),
        ("last sun", ["2024-01-28", "2024-02-25"]),
        ("5th wed", ["2024-01-31", "2024-05-29"]),
        ("last", ["2024-01-31", "2024-02-29"]),
        ("LAST, 1st  MON", ["2024-01-31", "2024-02-05"]),
    ],
)
def test_positions_of_weekdays_and_the_last_day(day, expected):
    assert fires(2, day=day) == [f"{one} 00:00:00" for one in expected]


@pytest.mark.trap(64)
def test_blanks_around_commas_and_values_are_accepted():
    trigger = CronTrigger(second=" */20 ,7 , 9 ", timezone="UTC")
    assert str(trigger) == "cron[second='*/20,7,9']"


@pytest.mark.trap(65)
@pytest.mark.parametrize(
    "given", [{"month": 2, "day": 30}, {"year": 1980}, {"month": 12, "week": 26}]
)
def test_an_impossible_date_gives_no_fire_time(given):
    trigger = CronTrigger(timezone="Europe/Berlin", **given)
    assert trigger.get_next_fire_time(None, NOW) is None
    instant = 1_700_000_000_000_000
    assert trigger.latest_us(instant, instant + 10**12) == instant


@pytest.mark.trap(65)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_the_calendar_ends_without_an_error(zone):
    trigger = CronTrigger(second="*", timezone=zone)
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert trigger.get_next_fire_time(end, end) is None


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_before_1970_the_first_fire_is_in_1970(zone):
    found = CronTrigger(day=5, timezone=zone).get_next_fire_time(
        None, datetime(1, 1, 1, tzinfo=UTC)
    )
    assert found is not None
    assert found.strftime("%Y-%m-%d %H:%M") == "1970-01-05 00:00"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"day_of_week": "mon,tus"},
            r"'day_of_week': \"tus\" at position 5 of \"mon,tus\".*did you mean 'tue'",
        ),
        ({"day_of_week": "monday"}, "did you mean 'mon'"),
        ({"month": "january"}, "one of jan, feb.*did you mean 'jan'"),
        ({"day": "lst"}, "did you mean 'last'"),
        ({"day": "1st foo"}, "'foo' is not a weekday"),
        ({"hour": "1,,2"}, "'hour': \"\" at position 3"),
        ({"hour": ""}, "numbers 0-23"),
        ({"hour": [1, 2]}, "numbers 0-23"),
        ({"hour": True}, '"True"'),
        ({"day_of_week": "mon-fri and so on"}, "is not understood"),
        ({"day_of_week": "mon-3"}, "is not understood"),
    ],
)
def test_an_error_says_the_field_the_place_and_what_is_allowed(given, said):
    with pytest.raises(ValueError, match=said):
        CronTrigger(timezone="UTC", **given)
