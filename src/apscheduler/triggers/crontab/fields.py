"""What a crontab expression says, parsed: fields of items, immutable and comparable.

Items are no tuples, because tuples of different kinds can be equal. Numbers are crontab's own: weekdays count from
Sunday = 0, and 7 is Sunday too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

MONTHS: Final = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LAST_OF_MONTH: Final = -1
"""The ``number`` of an :class:`Nth` that means the last one of the month."""


class FieldKind(NamedTuple):
    """One of the seven fields.

    :ivar name: as messages to users show it
    :ivar names: the words that stand for its values, the first one for ``low``
    :ivar hash_last: the last value that ``H`` may choose
    """

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    hash_last: int = 0


SECOND: Final = FieldKind("second", 0, 59, hash_last=59)
MINUTE: Final = FieldKind("minute", 0, 59, hash_last=59)
HOUR: Final = FieldKind("hour", 0, 23, hash_last=23)
DAY: Final = FieldKind("day of month", 1, 31, hash_last=28)
MONTH: Final = FieldKind("month", 1, 12, MONTHS, 12)
WEEKDAY: Final = FieldKind("day of week", 0, 7, WEEKDAYS, 6)
YEAR: Final = FieldKind("year", 1970, 2199)


@dataclass(frozen=True, slots=True)
class Every:
    """``*`` or ``*/step``; ``?`` is read as ``*``."""

    step: int = 1


@dataclass(frozen=True, slots=True)
class Range:
    """The values ``first`` to ``last`` in steps; one value where both are the same. Wraps where first > last."""

    first: int
    last: int
    step: int = 1


@dataclass(frozen=True, slots=True)
class Hashed:
    """``H``: one value of the range, or with a step every ``step``-th from one on; the job's id chooses which."""

    first: int
    last: int
    step: int | None = None


@dataclass(frozen=True, slots=True)
class LastDay:
    """``L``, or ``L-3``: the third day before the last day of the month."""

    before: int = 0


@dataclass(frozen=True, slots=True)
class NearestWorkday:
    """``15W``: the Monday to Friday nearest to the day, in the same month; without a day, ``LW``: the last one."""

    day: int | None


@dataclass(frozen=True, slots=True)
class Nth:
    """``FRI#2``, ``5L``: the n-th of a weekday in the month, or the last."""

    weekday: int
    number: int


Item = Every | Range | Hashed | LastDay | NearestWorkday | Nth


class Field(NamedTuple):
    """One field: the union of its items.

    :ivar text: as it was written
    """

    kind: FieldKind
    text: str
    items: tuple[Item, ...]

    @property
    def is_any(self) -> bool:
        """Whether it is just ``*`` (or ``?``), that is: does not restrict; ``*/1`` and ``1-31`` do."""
        return self.text in ("*", "?")

    @property
    def begins_with_star(self) -> bool:
        """Whether its first character is a ``*``. Debian's cron looks at no other, so ``2,*/2`` has none for it."""
        return self.text.startswith("*")

    @property
    def has_hash(self) -> bool:
        """Whether one of its items is an ``H``."""
        return any(isinstance(item, Hashed) for item in self.items)


class Schedule(NamedTuple):
    """A whole expression, parsed.

    :ivar day_and_weekday: whether both day fields must match though both restrict (``+``); else one is enough
    :ivar reboot: it is ``@reboot``, and the fields say nothing
    """

    second: Field
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    year: Field
    day_and_weekday: bool = False
    reboot: bool = False

    @property
    def fields(self) -> tuple[Field, ...]:
        """Return the seven fields, seconds first and the year last."""
        return self[:7]

    def with_fields(self, fields: Sequence[Field]) -> Schedule:
        """Return the schedule with other fields, all seven of them."""
        second, minute, hour, day, month, weekday, year = fields
        return Schedule(
            second, minute, hour, day, month, weekday, year, self.day_and_weekday, self.reboot
        )

    @property
    def has_hash(self) -> bool:
        """Whether it needs a job's id to have fire times."""
        return any(field.has_hash for field in self.fields)

    @property
    def is_fixed_time(self) -> bool:
        """Whether hour and minute are fixed times for Debian's cron: neither begins with ``*``."""
        return not (self.minute.begins_with_star or self.hour.begins_with_star)

    @property
    def either_day(self) -> bool:
        """Whether a day matches by its day of month OR its weekday."""
        return not (self.day_and_weekday or self.day.is_any or self.weekday.is_any)
