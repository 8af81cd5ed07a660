"""Compiles the fields of a cron trigger to the table that is searched."""

from __future__ import annotations

from collections.abc import Sequence

from apscheduler._engine.cron import CronTable, cron_table
from apscheduler._engine.cron_days import ALL_WEEKS, MonthDays
from apscheduler.triggers.cron.asking import AskedTable
from apscheduler.triggers.cron.expressions import (
    MAX_VALUES,
    MIN_VALUES,
    AllExpression,
    LastDayOfMonthExpression,
    RangeExpression,
    WeekdayPositionExpression,
)
from apscheduler.triggers.cron.fields import FIELD_NAMES, BaseField
from apscheduler.triggers.cron.watching import is_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from apscheduler.triggers.cron.asking import Fielded

    class Compiled(Fielded, Protocol):
        """What is compiled: a trigger's fields, if it counts them on as this package does."""

        def _counts_otherwise(self) -> bool:
            """Return whether its way of counting fields on was replaced."""


def table_of(trigger: Compiled) -> Any:
    """Return the table of a trigger: compiled from its fields, or one that asks them if some are not ours."""
    names = tuple(field.name for field in trigger.fields)
    if (
        names == FIELD_NAMES
        and not trigger._counts_otherwise()
        and all(map(_is_plain, trigger.fields))
    ):
        return compile_fields(trigger.fields)
    return AskedTable(trigger)


def _is_plain(field: BaseField) -> bool:
    return is_plain(field) and all(map(is_plain, field.expressions))


def compile_fields(fields: Sequence[BaseField]) -> CronTable:
    """Return the table of the fields (each value named must satisfy all of them)."""
    by_name = {field.name: field for field in fields}
    bits = {name: field_bits(field) for name, field in by_name.items()}
    days = by_name["day"].expressions
    rule = MonthDays(
        numbers=bits["day"],
        last=any(isinstance(part, LastDayOfMonthExpression) for part in days),
        positions=tuple(
            sorted(
                {
                    (part.option_num, part.weekday)
                    for part in days
                    if isinstance(part, WeekdayPositionExpression)
                }
            )
        ),
        weeks=bits["week"] & ALL_WEEKS,
        weekdays=bits["day_of_week"],
    )
    years = bits["year"] >> MIN_VALUES["year"]
    return cron_table(years, bits["month"], rule, bits["hour"], bits["minute"], bits["second"])


def field_bits(field: BaseField) -> int:
    """Return the values that the field's expressions name as bits, the special days of a month left out."""
    found = 0
    for expression in field.expressions:
        found |= _expression_bits(expression, MIN_VALUES[field.name], MAX_VALUES[field.name])
    return found


def _expression_bits(expression: AllExpression, low: int, high: int) -> int:
    if isinstance(expression, LastDayOfMonthExpression | WeekdayPositionExpression):
        return 0
    if isinstance(expression, RangeExpression):
        low = max(low, expression.first)
        high = high if expression.last is None else min(high, expression.last)
    if expression.step is None or expression.step == 1:
        return ((1 << (high - low + 1)) - 1) << low
    return sum(1 << value for value in range(low, high + 1, expression.step))
