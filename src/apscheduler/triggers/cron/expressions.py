"""The expressions of cron fields: the classes that stored cron triggers of 3.x name, with their attributes.

They hold what was written. Searching is done on bit sets compiled from them (see ``compiling``);
``get_next_value`` answers for one field alone, for those who call it.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date
from difflib import get_close_matches

from apscheduler.elsewhere import names_of_3x
from apscheduler.triggers.cron.watching import Watchable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Field(Protocol):
        """What an expression asks of the field that it is written in."""

        def get_min(self, dateval: date) -> int:
            """Return the lowest value of the field."""

        def get_max(self, dateval: date) -> int:
            """Return the highest value of the field around ``dateval``."""

        def get_value(self, dateval: date) -> int:
            """Return the field's value in ``dateval``."""


__all__ = (
    "AllExpression",
    "LastDayOfMonthExpression",
    "MonthRangeExpression",
    "RangeExpression",
    "WeekdayPositionExpression",
    "WeekdayRangeExpression",
)

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

MIN_VALUES = {
    "year": 1970,
    "month": 1,
    "day": 1,
    "week": 1,
    "day_of_week": 0,
    "hour": 0,
    "minute": 0,
    "second": 0,
}
MAX_VALUES = {
    "year": 9999,
    "month": 12,
    "day": 31,
    "week": 53,
    "day_of_week": 6,
    "hour": 23,
    "minute": 59,
    "second": 59,
}


def asint(text: int | str | None) -> int | None:
    """Return a number or its text as int, ``None`` as it is."""
    return None if text is None else int(text)


class AllExpression(Watchable):
    """Every value, or with a step every n-th counted from the lowest: ``*``, ``*/n``.

    :param step: the n of ``*/n``
    :raises ValueError: if the step is not a positive number
    """

    value_re = re.compile(r"\*(?:/(?P<step>\d+))?$")

    step: int | None

    def __init__(self, step: int | str | None = None) -> None:
        vars(self)["step"] = asint(step)
        if self.step == 0:
            raise ValueError("a step of 0 never gets anywhere; use a step of 1 or more")

    def validate_range(self, field_name: str) -> None:
        """Check the step against the values of a field.

        :raises ValueError: if the step is larger than the field's range
        """
        span = MAX_VALUES[field_name] - MIN_VALUES[field_name]
        _check_step(self.step, span, f"the range of {field_name}")

    def get_next_value(self, date: date, field: Field) -> int | None:
        """Return the field's first matching value from the one in ``date`` on, ``None`` if none is left."""
        low = field.get_min(date)
        return _next_in(field.get_value(date), low, field.get_max(date), self.step)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"*/{self.step}" if self.step else "*"

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.step})"


class RangeExpression(AllExpression):
    """One value or a range, with a step if wanted: ``5``, ``1-5``, ``1-20/4``, ``5/10`` (from 5 to the end).

    :param first: the first value
    :param last: the last value; without it the range is the first value alone, or open if there is a step
    :param step: the distance of the values
    :raises ValueError: if the first is higher than the last, or the step is not a positive number
    """

    value_re = re.compile(r"(?P<first>\d+)(?:-(?P<last>\d+))?(?:/(?P<step>\d+))?$")

    first: int
    last: int | None

    def __init__(
        self, first: int | str, last: int | str | None = None, step: int | str | None = None
    ) -> None:
        super().__init__(step)
        start, end = int(first), asint(last)
        if end is None and self.step is None:
            end = start
        if end is not None and start > end:
            raise ValueError(
                f"the range begins with {first} and ends lower, with {last}; "
                f"ranges do not wrap around: write it as two ranges with a comma"
            )
        vars(self).update(first=start, last=end)

    def validate_range(self, field_name: str) -> None:
        """Check first, last and step against the values of a field.

        :raises ValueError: if one of them is outside
        """
        low, high = MIN_VALUES[field_name], MAX_VALUES[field_name]
        last = high if self.last is None else self.last
        for value in (self.first, last):
            if not low <= value <= high:
                raise ValueError(f"{value} is outside {low}-{high}{_numbering(field_name)}")
        _check_step(self.step, last - self.first, f"the range {self.first}-{last}")

    def get_next_value(self, date: date, field: Field) -> int | None:
        """Return the field's first matching value from the one in ``date`` on, ``None`` if none is left."""
        low = max(field.get_min(date), self.first)
        high = field.get_max(date)
        if self.last is not None:
            high = min(high, self.last)
        return _next_in(field.get_value(date), low, high, self.step)

    def __str__(self) -> str:
        return _range_text(self, str)

    def __repr__(self) -> str:
        shown: list[str] = [str(self.first)]
        if self.step:
            shown += [str(self.last), str(self.step)]
        elif self.last != self.first:
            shown.append(str(self.last))
        return f"{self.__class__.__name__}({', '.join(shown)})"


class _NamedRangeExpression(RangeExpression):
    """A range of names. A step is kept and honoured; 3.11.3 dropped it without a word."""

    names: list[str]
    kind: str
    base: int

    def __init__(
        self, first: str, last: str | None = None, *, step: int | str | None = None
    ) -> None:
        start = _index(first, self.names, self.kind)
        end = None if last is None else _index(last, self.names, self.kind)
        if end is not None and start > end:
            raise ValueError(
                f"the range begins with {first} and ends lower, with {last}; ranges do not wrap "
                f"around: write {first}-{self.names[-1]},{self.names[0]}-{last} instead"
            )
        super().__init__(start + self.base, None if end is None else end + self.base, step)

    def __str__(self) -> str:
        return _range_text(self, self._name)

    def __repr__(self) -> str:
        shown = [repr(self._name(self.first))]
        if self.last is not None and self.last != self.first:
            shown.append(repr(self._name(self.last)))
        if self.step:
            shown.append(f"step={self.step}")
        return f"{self.__class__.__name__}({', '.join(shown)})"

    def _name(self, value: int) -> str:
        return self.names[value - self.base]


class MonthRangeExpression(_NamedRangeExpression):
    """One month or a range of months by name: ``jan``, ``jan-mar``, ``jan-nov/2``.

    :param first: the first month, by its English three-letter name
    :param last: the last one
    :raises ValueError: if there is no such month, or the range runs backwards
    """

    value_re = re.compile(
        r"(?P<first>[a-z]+)(?:-(?P<last>[a-z]+))?(?:/(?P<step>\d+))?$", re.IGNORECASE
    )
    names = MONTHS
    kind = "month"
    base = 1


class WeekdayRangeExpression(_NamedRangeExpression):
    """One weekday or a range of weekdays by name: ``mon``, ``mon-fri``, ``mon-sun/2``.

    :param first: the first weekday, by its English three-letter name
    :param last: the last one
    :raises ValueError: if there is no such weekday, or the range runs backwards
    """

    value_re = re.compile(
        r"(?P<first>[a-z]+)(?:-(?P<last>[a-z]+))?(?:/(?P<step>\d+))?$", re.IGNORECASE
    )
    names = WEEKDAYS
    kind = "weekday"
    base = 0


class WeekdayPositionExpression(AllExpression):
    """The n-th or last of a weekday in the month: ``2nd fri``, ``last sun``.

    :param option_name: ``1st`` to ``5th``, or ``last``
    :param weekday_name: the English three-letter name of the weekday
    :raises ValueError: if there is no such position or weekday
    """

    options = ["1st", "2nd", "3rd", "4th", "5th", "last"]  # noqa: RUF012 - 3.x's public attribute
    value_re = re.compile(
        rf"(?P<option_name>{'|'.join(options)}) +(?P<weekday_name>(?:\d+|\w+))$", re.IGNORECASE
    )

    option_num: int
    weekday: int

    def __init__(self, option_name: str, weekday_name: str) -> None:
        super().__init__(None)
        vars(self).update(
            option_num=_index(option_name, self.options, "weekday position"),
            weekday=_index(weekday_name, WEEKDAYS, "weekday"),
        )

    def get_next_value(self, date: date, field: Field) -> int | None:
        """Return the day of the month if it is not over on ``date``, ``None`` otherwise."""
        first, length = monthrange(date.year, date.month)
        day = (self.weekday - first) % 7 + 1
        day += (length - day) // 7 * 7 if self.option_num == 5 else self.option_num * 7
        return day if date.day <= day <= length else None

    def __str__(self) -> str:
        return f"{self.options[self.option_num]} {WEEKDAYS[self.weekday]}"

    def __repr__(self) -> str:
        name = self.__class__.__name__
        return f"{name}({self.options[self.option_num]!r}, {WEEKDAYS[self.weekday]!r})"


class LastDayOfMonthExpression(AllExpression):
    """The last day of the month: ``last``."""

    value_re = re.compile(r"last$", re.IGNORECASE)

    def __init__(self) -> None:
        super().__init__(None)

    def get_next_value(self, date: date, field: Field) -> int | None:
        """Return the last day of the month of ``date``."""
        return monthrange(date.year, date.month)[1]

    def __str__(self) -> str:
        return "last"

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}()"


def _next_in(value: int, low: int, high: int, step: int | None) -> int | None:
    found = max(value, low)
    if step:
        found += (low - found) % step
    return found if found <= high else None


def _range_text(expression: RangeExpression, shown: Callable[[int], str]) -> str:
    first, last, step = expression.first, expression.last, expression.step
    text = shown(first)
    if last is not None and last != first:
        text += f"-{shown(last)}"
    return f"{text}/{step}" if step else text


def _check_step(step: int | None, span: int, of: str) -> None:
    if step and step > span:
        raise ValueError(
            f"the step {step} is higher than {of} is wide ({span}), so only the first value would "
            "ever match; write that value alone"
        )


def _index(name: str, names: list[str], kind: str) -> int:
    try:
        return names.index(name.lower())
    except ValueError:
        raise ValueError(
            f"{name!r} is not a {kind}; expected one of {', '.join(names)}{guess(name, names)}"
        ) from None


def guess(name: str, names: list[str]) -> str:
    """Return a sentence that offers the closest known name, empty if nothing is close."""
    low = name.lower()
    close = [known for known in names if low.startswith(known)] or get_close_matches(low, names, 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _numbering(field_name: str) -> str:
    return " (0 = Monday, 6 = Sunday; names are clearer)" if field_name == "day_of_week" else ""


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
