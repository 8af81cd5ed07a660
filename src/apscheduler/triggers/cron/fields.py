"""The fields of a cron trigger: the classes that stored cron triggers of 3.x name, with their attributes."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from apscheduler.elsewhere import names_of_3x
from apscheduler.texts import line
from apscheduler.triggers.cron.expressions import (
    MAX_VALUES,
    MIN_VALUES,
    MONTHS,
    WEEKDAYS,
    AllExpression,
    LastDayOfMonthExpression,
    MonthRangeExpression,
    RangeExpression,
    WeekdayPositionExpression,
    WeekdayRangeExpression,
    guess,
)
from apscheduler.triggers.cron.watching import Watchable

__all__ = (
    "DEFAULT_VALUES",
    "MAX_VALUES",
    "MIN_VALUES",
    "BaseField",
    "DayOfMonthField",
    "DayOfWeekField",
    "MonthField",
    "WeekField",
)

DEFAULT_VALUES: dict[str, int | str] = {
    "year": "*",
    "month": 1,
    "day": 1,
    "week": "*",
    "day_of_week": "*",
    "hour": 0,
    "minute": 0,
    "second": 0,
}
SEPARATOR = re.compile(" *, *")


class BaseField(Watchable):
    """A field of a cron trigger: its name and the expressions of which one must match.

    :param name: ``year`` ... ``second``
    :param exprs: what was written: a number, or text with the expressions separated by commas
    :param is_default: whether the value was not given by the user
    :raises ValueError: if an expression cannot be read or is out of range; says which, where, and what is allowed
    """

    REAL = True
    COMPILERS: list[type[AllExpression]] = [AllExpression, RangeExpression]  # noqa: RUF012 - 3.x's public attribute

    name: str
    is_default: bool
    expressions: list[AllExpression]

    def __init__(self, name: str, exprs: object, is_default: bool = False) -> None:
        vars(self).update(name=name, is_default=is_default)
        self.compile_expressions(exprs)

    def get_min(self, dateval: date) -> int:
        """Return the lowest value that the field can have."""
        return MIN_VALUES[self.name]

    def get_max(self, dateval: date) -> int:
        """Return the highest value that the field can have around ``dateval``."""
        return MAX_VALUES[self.name]

    def get_value(self, dateval: date) -> int:
        """Return the field's value in ``dateval``."""
        value: int = getattr(dateval, self.name)
        return value

    def get_next_value(self, dateval: date) -> int | None:
        """Return the first matching value from the one in ``dateval`` on, ``None`` if none is left."""
        found = [expression.get_next_value(dateval, self) for expression in self.expressions]
        return min((value for value in found if value is not None), default=None)

    def compile_expressions(self, exprs: object) -> None:
        """Replace the field's expressions by those written in ``exprs``.

        :raises ValueError: see the class
        """
        vars(self)["expressions"] = []
        text = str(exprs).strip()
        position = 0
        for separator in SEPARATOR.finditer(text):
            self._compile_part(text[position : separator.start()], text, position)
            position = separator.end()
        self._compile_part(text[position:], text, position)

    def _compile_part(self, expr: str, text: str, position: int) -> None:
        if getattr(self.compile_expression, "__func__", None) is _OWN_COMPILE:
            self._compile(expr, text, position)
        else:
            self.compile_expression(expr)

    def compile_expression(self, expr: str) -> None:
        """Add one expression to the field.

        :raises ValueError: see the class
        """
        self._compile(expr, expr, 0)

    def _compile(self, expr: str, text: str, position: int) -> None:
        shown, whole = line(expr), line(text)
        place = f'cron field {self.name!r}: "{shown}" at position {position + 1} of "{whole}"'
        for compiler in self.COMPILERS:
            match = compiler.value_re.match(expr)
            if match is None:
                continue
            try:
                expression = compiler(**match.groupdict())
                expression.validate_range(self.name)
            except ValueError as exc:
                raise ValueError(f"{place}: {line(str(exc))}") from None
            self.expressions.append(expression)
            return
        raise ValueError(f"{place} is not understood; allowed: {self._allowed()}{self._hint(expr)}")

    def _allowed(self) -> str:
        low, high = MIN_VALUES[self.name], MAX_VALUES[self.name]
        forms = [f"*, */n, numbers {low}-{high}, ranges a-b, a-b/n, several of them with commas"]
        if WeekdayRangeExpression in self.COMPILERS:
            forms.append(f"names {', '.join(WEEKDAYS)} (0 = Monday)")
        if MonthRangeExpression in self.COMPILERS:
            forms.append(f"names {', '.join(MONTHS)}")
        if LastDayOfMonthExpression in self.COMPILERS:
            forms.append("last, and 1st to 5th or last with a weekday such as '2nd fri'")
        return "; ".join(forms)

    def _hint(self, expr: str) -> str:
        names = []
        if WeekdayRangeExpression in self.COMPILERS:
            names = WEEKDAYS
        elif MonthRangeExpression in self.COMPILERS:
            names = MONTHS
        elif LastDayOfMonthExpression in self.COMPILERS:
            names = ["last", *WeekdayPositionExpression.options]
        for word in re.findall(r"\w+", expr):
            if not word.isdigit() and word.lower() not in names:
                return guess(word, names)
        return ""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(self)["expressions"] == vars(other)["expressions"]

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return ",".join(map(str, self.expressions))

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.name!r}, {str(self)!r})"

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


_OWN_COMPILE = BaseField.compile_expression


class WeekField(BaseField):
    """ISO 8601 weeks of the year."""

    REAL = False

    def get_value(self, dateval: date) -> int:
        """Return the ISO week of ``dateval``."""
        return dateval.isocalendar()[1]


class DayOfMonthField(BaseField):
    """Days of the month, by number, as the last one, or as the n-th of a weekday."""

    COMPILERS = [  # noqa: RUF012 - 3.x's public attribute
        AllExpression,
        RangeExpression,
        WeekdayPositionExpression,
        LastDayOfMonthExpression,
    ]

    def get_max(self, dateval: date) -> int:
        """Return the number of days of the month of ``dateval``."""
        return monthrange(dateval.year, dateval.month)[1]


class DayOfWeekField(BaseField):
    """Days of the week: 0 or ``mon`` to 6 or ``sun``."""

    REAL = False
    COMPILERS = [AllExpression, RangeExpression, WeekdayRangeExpression]  # noqa: RUF012 - 3.x's public attribute

    def get_value(self, dateval: date) -> int:
        """Return the weekday of ``dateval``, Monday = 0."""
        return dateval.weekday()


class MonthField(BaseField):
    """Months, by number or name."""

    COMPILERS = [AllExpression, RangeExpression, MonthRangeExpression]  # noqa: RUF012 - 3.x's public attribute


FIELDS_MAP: dict[str, type[BaseField]] = {
    "year": BaseField,
    "month": MonthField,
    "week": WeekField,
    "day": DayOfMonthField,
    "day_of_week": DayOfWeekField,
    "hour": BaseField,
    "minute": BaseField,
    "second": BaseField,
}
FIELD_NAMES = tuple(MIN_VALUES)
"""The names of a cron trigger's fields, from the highest down."""


def fields_of(
    given: Mapping[str, Any],
    names: Sequence[str] = FIELD_NAMES,
    kinds: Mapping[str, type[BaseField]] = FIELDS_MAP,
) -> list[BaseField]:
    """Return all fields of a trigger: those below the lowest one given take their minimum, those above every value.

    :param given: what was given for fields, by their names; ``None`` is nothing
    :raises ValueError: if a field cannot be read
    """
    named = [name for name in names if given.get(name) is not None]
    lowest = names.index(named[-1]) if named else len(names)
    fields = []
    for index, name in enumerate(names):
        default = "*" if index < lowest or not named else DEFAULT_VALUES[name]
        value = given.get(name)
        chosen = default if value is None else value
        fields.append(kinds[name](name, chosen, value is None))
    return fields


TYPE_CHECKING = False
if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
