"""Cron fields of foreign classes: they are asked value by value, as 3.x asks all fields.

What 3.11.3 asks, and in which order, was observed from outside. From the highest field down, each field is asked for
its value at a moment and for its next matching value:

    the same    the next field is asked
    later       the field is set to it and the fields below to their lowest values; where the field is no part of a date
                (week, weekday), the day is counted on instead
    none        the field above is counted on

Moments are wall times here. The clock rule decides what becomes of them where the clock is moved, as for compiled
tables.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from apscheduler._engine.clock_rules import ClockRule, fire_of_gap
from apscheduler._engine.instants import SECOND, from_us, to_us

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from apscheduler._engine.zones import Window

    class Fielded(Protocol):
        """What is asked of a trigger that has fields: these, and how a moment is counted on by one of them."""

        @property
        def fields(self) -> Sequence[Any]:
            """The fields, from the highest down."""

        def _increment_field_value(self, dateval: datetime, fieldnum: int) -> tuple[datetime, int]:
            """Return the moment with a field, or one above it, counted on; and that field's number, -1 at the end."""

        def _set_field_value(self, dateval: datetime, fieldnum: int, new_value: int) -> datetime:
            """Return the moment with a field set, and those below it at their lowest."""

        def _at_wall(self, moment: datetime) -> datetime:
            """Return a wall time in the trigger's zone."""


STEPS = 50_000
"""How many steps a search for one match may take; then it ends, which is logged."""

_LONGEST_REACH = 400 * 366 * 86_400


class AskedTable:
    """Answers what a compiled table answers, by asking the fields of a trigger."""

    asks = True
    marks = ()  # no fire times are read off without asking

    def __init__(self, trigger: Fielded) -> None:
        self._trigger = trigger

    def next_local(self, local: int) -> int | None:
        """Return the first matching wall time at or after ``local`` (microseconds), ``None`` if there is none."""
        trigger = self._trigger
        fields = trigger.fields
        moment = self._shown(-(-local // SECOND) * SECOND)
        number = 0
        for _ in range(STEPS):
            field = fields[number]
            value, found = field.get_value(moment), field.get_next_value(moment)
            if found is None:
                moment, number = trigger._increment_field_value(moment, number - 1)
            elif found <= value:
                number += 1
            elif field.REAL:
                moment = trigger._set_field_value(moment, number, found)
                number += 1
            else:
                moment, number = trigger._increment_field_value(moment, number)
            if number < 0:
                return None
            if number >= len(fields):
                return to_us(moment.replace(tzinfo=UTC, fold=0))
        _say_given_up(trigger, moment)
        return None

    def previous_local(self, local: int) -> int | None:
        """Return the last matching wall time at or before ``local``, found by halving: fields look forward only."""
        end, reach = local // SECOND, 3600
        first = None
        while first is None and reach <= _LONGEST_REACH:
            start = max(end - reach, 0)
            first = self._match(start, end)
            if start == 0:
                break
            reach *= 4
        if first is None:
            return None
        high = end
        while first < high:
            middle = (first + high + 1) // 2
            found = self._match(middle, end)
            if found is None:
                high = middle - 1
            else:
                first = found
        return first * SECOND

    def _match(self, start: int, end: int) -> int | None:
        found = self.next_local(start * SECOND)
        return None if found is None or found > end * SECOND else found // SECOND

    def counts_on(self, before: int, found: int) -> bool:
        """Return whether the fields count on to ``found`` from ``before``, instead of jumping to it."""
        moments = self._shown(before), self._shown(found)
        for field in self._trigger.fields:
            if field.REAL:
                values = [field.get_value(moment) for moment in moments]
                if values[0] != values[1]:
                    is_second = field.name in ("minute", "second")
                    return not is_second and field.get_next_value(moments[0]) == values[0]
        return False

    def _shown(self, local: int) -> datetime:
        return self._trigger._at_wall(from_us(local, UTC))


def _instead_of(table: Any, before: Window, after: Window, found: int) -> int | None:
    if table.counts_on(before.end + before.offset - 1, found):
        return None
    return fire_of_gap(table, before, after, found)


ASKED_LINE = ClockRule(repeats=True, instead_of=_instead_of)
"""``UTC_LINE`` for fields that are asked."""


def set_field(fields: Sequence[Any], moment: datetime, number: int, value: int) -> datetime:
    """Return the wall time (naive) with a field set, those above as they are and those below at their lowest."""
    values = {}
    for position, field in enumerate(fields):
        if not field.REAL:
            continue
        if position < number:
            values[field.name] = field.get_value(moment)
        elif position > number:
            values[field.name] = field.get_min(moment)
        else:
            values[field.name] = value
    return datetime(**values)  # noqa: DTZ001 - a wall time


def count_on(fields: Sequence[Any], moment: datetime, number: int) -> tuple[datetime | None, int]:
    """Return the wall time at which a field, or the first above it that can, has its next value; and its number.

    If there is none before the end of the calendar, return ``None`` and -1.
    """
    while number >= 0:
        field = fields[number]
        if field.REAL:
            value = field.get_value(moment)
            if value < field.get_max(moment):
                return set_field(fields, moment, number, value + 1), number
        number -= 1
    return None, -1


def _say_given_up(trigger: Fielded, moment: datetime) -> None:
    from apscheduler.logs import logger_named  # start-up time

    logger_named("apscheduler.triggers").warning(
        "%s has no next fire time: its own fields matched nothing up to %s, and the search ends after %d steps. "
        "Its job ends with this",
        trigger,
        moment,
        STEPS,
    )
