"""Recurrence rules in English."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from apscheduler.triggers._words.locale import runs
from apscheduler.triggers._words.parts import Numbers, Rule
from apscheduler.triggers._words.rules import until_text

_UNITS: Final = {
    "YEARLY": "year",
    "MONTHLY": "month",
    "WEEKLY": "week",
    "DAILY": "day",
    "HOURLY": "hour",
    "MINUTELY": "minute",
    "SECONDLY": "second",
}
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_NTH: Final = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}


def rule(said: Rule) -> str:
    """Return the words for a rule, such as ``every 2 weeks on Monday and Friday at 09:00``."""
    unit = _UNITS[said.unit]
    parts = [f"every {unit}" if said.interval == 1 else f"every {said.interval} {unit}s"]
    if said.byday:
        parts.append(f"on {_and(map(_weekday(said), said.byday))}")
    if said.monthdays:
        word = "if it is" if said.byday else "on"
        of = " of each month" if not said.months and said.unit == "YEARLY" else ""
        parts.append(f"{word} {_and(map(_day, said.monthdays), 'or' if said.byday else 'and')}{of}")
    if said.yeardays:
        parts.append(f"on {_and(map(_yearday, said.yeardays))} of the year")
    if said.weeks:
        parts.append(f"in {_and(map(_week, said.weeks))}")
    if said.months:
        word = "of" if said.monthdays and not said.yeardays and not said.weeks else "in"
        names = (_MONTHS[month - 1] for month in said.months)
        parts.append(f"{word} {_and(names, 'or' if said.byday and said.monthdays else 'and')}")
    parts += _times(said)
    text = " ".join(parts)
    if said.picked:
        text += f", only {_and(map(_picked, said.picked))} of these in each {unit}"
    if said.week_start is not None:
        text += f", weeks beginning on {_WEEKDAYS[said.week_start]}"
    if said.total is not None:
        text += ", once in all" if said.total == 1 else f", {said.total} times in all"
    return text if said.until is None else f"{text}, until {until_text(said.until)}"


def _times(said: Rule) -> list[str]:
    if said.times:
        return [f"at {_and(said.times)}"]
    found = []
    if said.seconds:
        found.append(_numbered("second", said.seconds))
    if said.minutes:
        found.append(_numbered("minute", said.minutes))
    if said.hours:
        found.append(_numbered("hour", said.hours))
    return [f"at {' of '.join(found)}"] if found else []


def _numbered(unit: str, values: Numbers) -> str:
    found = runs(values)
    if found[0][2] > 1:
        first, last, step = found[0]
        return f"every {_ordinal(step)} {unit} from {first} to {last}"
    texts = [str(first) if first == last else f"{first} to {last}" for first, last, _ in found]
    return f"{unit}{'' if len(values) == 1 else 's'} {_and(texts)}"


def _weekday(said: Rule) -> Callable[[tuple[int, int]], str]:
    of = "month" if said.in_month else "year"

    def words(day: tuple[int, int]) -> str:
        position, weekday = day
        name = _WEEKDAYS[weekday]
        return f"{_nth(position)} {name} of the {of}" if position else name

    return words


def _nth(position: int) -> str:
    if position in _NTH:
        return f"the {_NTH[position]}"
    return f"the {_ordinal(position)}" if position > 0 else f"the {_ordinal(-position)} to last"


def _day(number: int) -> str:
    return f"the {_ordinal(number)}" if number > 0 else f"{_nth(number)} day"


def _yearday(number: int) -> str:
    return f"{_nth(number)} day"


def _picked(number: int) -> str:
    return _nth(number)


def _week(number: int) -> str:
    return f"week {number}" if number > 0 else f"{_nth(number)} week"


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if number % 100 in (11, 12, 13) else endings.get(number % 10, "th")
    return f"{number}{ending}"


def _and(parts: Iterable[str], word: str = "and") -> str:
    *most, last = parts
    return f"{', '.join(most)} {word} {last}" if most else last
