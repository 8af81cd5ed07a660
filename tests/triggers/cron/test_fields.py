"""Fields and expressions one by one: the classes that stored triggers name, and their public methods."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from apscheduler.triggers.cron import expressions as e
from apscheduler.triggers.cron import fields as f

MOMENT = datetime(2024, 2, 28, 5, 8, 9, tzinfo=UTC)  # a Wednesday


def test_a_field_tells_its_range_its_value_and_the_next_one():
    field = f.BaseField("minute", "*/7")
    assert (field.get_min(MOMENT), field.get_max(MOMENT), field.get_value(MOMENT)) == (0, 59, 8)
    assert field.get_next_value(MOMENT) == 14
    assert field.get_next_value(MOMENT.replace(minute=57)) is None


def test_the_days_of_a_month_end_with_the_month():
    field = f.DayOfMonthField("day", "last,2nd fri,31")
    assert field.get_max(MOMENT) == 29
    assert [part.get_next_value(MOMENT, field) for part in field.expressions] == [29, None, None]
    assert field.get_next_value(date(2024, 2, 3)) == 9


@pytest.mark.parametrize(
    ("field", "day", "value", "following"),
    [
        (f.DayOfWeekField("day_of_week", "mon-tue"), date(2024, 2, 28), 2, None),
        (f.DayOfWeekField("day_of_week", "fri"), date(2024, 2, 28), 2, 4),
        (f.WeekField("week", "*/5"), date(2024, 2, 28), 9, 11),
        (f.MonthField("month", "jan-feb", True), date(2024, 3, 2), 3, None),
    ],
)
def test_fields_of_days_read_the_calendar(field, day, value, following):
    assert field.get_value(day) == value
    assert field.get_next_value(day) == following


def test_expressions_are_added_and_replaced():
    field = f.BaseField("hour", "1")
    field.compile_expression("7")
    assert str(field) == "1,7"
    field.compile_expressions("3,4")
    assert repr(field) == "BaseField('hour', '3,4')"
    with pytest.raises(ValueError, match="'hour'"):
        field.compile_expression("xx")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (e.RangeExpression(3), {3}),
        (e.RangeExpression(3, 9, 2), {3, 5, 7, 9}),
        (e.RangeExpression(3, None, 4), {3, 7, 11, 15, 19, 23}),
        (e.AllExpression(11), {0, 11, 22}),
        (e.AllExpression(), set(range(24))),
    ],
)
def test_an_expression_finds_its_values_and_nothing_else(expression, expected):
    field = f.BaseField("hour", "*")
    for hour in range(24):
        later = [value for value in expected if value >= hour]
        found = expression.get_next_value(datetime(2024, 1, 1, hour, tzinfo=UTC), field)
        assert found == min(later, default=None)


@pytest.mark.parametrize(
    ("expression", "text", "representation"),
    [
        (e.AllExpression(5), "*/5", "AllExpression(5)"),
        (e.AllExpression(), "*", "AllExpression(None)"),
        (e.RangeExpression(1), "1", "RangeExpression(1)"),
        (e.RangeExpression(0, 4), "0-4", "RangeExpression(0, 4)"),
        (e.RangeExpression(1, 5, 2), "1-5/2", "RangeExpression(1, 5, 2)"),
        (e.RangeExpression(1, None, 3), "1/3", "RangeExpression(1, None, 3)"),
        (e.WeekdayRangeExpression("MON", "fri"), "mon-fri", "WeekdayRangeExpression('mon', 'fri')"),
        (e.WeekdayRangeExpression("sun"), "sun", "WeekdayRangeExpression('sun')"),
        (
            e.WeekdayRangeExpression("mon", "fri", step=2),
            "mon-fri/2",
            "WeekdayRangeExpression('mon', 'fri', step=2)",
        ),
        (e.MonthRangeExpression("nov", "dec"), "nov-dec", "MonthRangeExpression('nov', 'dec')"),
        (
            e.WeekdayPositionExpression("1ST", "MON"),
            "1st mon",
            "WeekdayPositionExpression('1st', 'mon')",
        ),
        (e.LastDayOfMonthExpression(), "last", "LastDayOfMonthExpression()"),
    ],
)
def test_an_expression_is_written_as_it_is_read(expression, text, representation):
    assert (str(expression), repr(expression)) == (text, representation)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: e.RangeExpression(7, 5), "do not wrap"),
        (lambda: e.AllExpression("0"), "step of 0"),
        (lambda: e.WeekdayRangeExpression("foo"), "not a weekday"),
        (lambda: e.WeekdayRangeExpression("fri", "mon"), "fri-sun"),
        (lambda: e.MonthRangeExpression("mar", "foo"), "not a month"),
        (lambda: e.WeekdayPositionExpression("6th", "mon"), "not a weekday position"),
        (lambda: e.RangeExpression(5, 24).validate_range("hour"), "outside 0-23"),
        (lambda: e.AllExpression(24).validate_range("hour"), "step 24"),
    ],
)
def test_a_bad_expression_is_a_value_error(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_equal_means_of_one_class_with_the_same_values():
    assert e.AllExpression(5) == e.AllExpression("5")
    assert e.RangeExpression(5) != e.WeekdayRangeExpression("sat")
    assert f.BaseField("hour", 5) == f.BaseField("hour", "5", True)
    assert f.BaseField("hour", 5) != f.DayOfMonthField("hour", 5)
    assert f.BaseField("hour", 5) != 5
