"""What all the dialects say, in one form: sets of numbers and special days.

Each dialect reads its text into a :class:`Pattern` and says a pattern in its own words, or names what it has no
words for. Weekdays count from Sunday = 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

LAST: Final = -1
"""The number in ``Weekdays.nth`` that means the last of the month."""
LAST_WORKDAY: Final = 0
"""The number in ``Dates.nearest`` that means the last Monday to Friday of the month."""

DAYS: Final = frozenset(range(1, 32))
MONTHS: Final = frozenset(range(1, 13))
WEEK: Final = frozenset(range(7))
MONTH_NAMES: Final = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
DAY_NAMES: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class ConversionError(ValueError):
    """An expression cannot be read in its dialect, or cannot be said in another."""


class Dates(NamedTuple):
    """Days of the month: by number, counted back from the last (0), or as a workday near a number."""

    numbers: frozenset[int] = frozenset()
    before_last: frozenset[int] = frozenset()
    nearest: int | None = None

    @property
    def plain(self) -> bool:
        """Whether there are numbers only."""
        return not self.before_last and self.nearest is None


class Weekdays(NamedTuple):
    """Days of the week: all of them, or the n-th of a month as ``(weekday, n)``."""

    days: frozenset[int] = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()


class Pattern(NamedTuple):
    """Wall times. ``None`` stands for no restriction.

    :ivar both: whether both dates and weekdays must match where both restrict; else one of them
    :ivar weeks: ISO weeks that must match too
    """

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    dates: Dates | None
    months: frozenset[int]
    weekdays: Weekdays | None
    years: frozenset[int] | None = None
    both: bool = True
    weeks: frozenset[int] | None = None

    def normal(self) -> Pattern:
        """Return the same wall times with as few restrictions as they need."""
        dates, weekdays = self.dates, self.weekdays
        if dates is not None and dates.numbers == DAYS:
            dates = None
        if weekdays is not None and weekdays.days == WEEK:
            weekdays = None
        if not self.both and (dates is None) != (self.dates is None):
            weekdays = None  # every day is enough
        if not self.both and (weekdays is None) != (self.weekdays is None):
            dates = None
        both = self.both or dates is None or weekdays is None
        found = self._replace(dates=dates, weekdays=weekdays, both=both)
        return found._as_nth() if both and dates is not None and weekdays is not None else found

    def _as_nth(self) -> Pattern:
        """Return Friday AND the 8th to 14th as the second Friday."""
        dates, weekdays = self.dates, self.weekdays
        if dates is None or weekdays is None or weekdays.nth or dates.nearest is not None:
            return self
        number = None
        if not dates.before_last:
            number = next((n for n in range(1, 6) if dates.numbers == week_of_month(n)), None)
        elif not dates.numbers and dates.before_last == WEEK:
            number = LAST
        if number is None:
            return self
        nth = frozenset((day, number) for day in weekdays.days)
        return self._replace(dates=None, weekdays=Weekdays(nth=nth))


def week_of_month(number: int) -> frozenset[int]:
    """Return the days on which the n-th of a weekday may fall."""
    return frozenset(range(7 * number - 6, min(7 * number, 31) + 1))


def runs(values: Iterable[int]) -> list[tuple[int, int]]:
    """Return numbers as first and last of each run of neighbours."""
    found: list[tuple[int, int]] = []
    for value in sorted(values):
        if found and found[-1][1] == value - 1:
            found[-1] = (found[-1][0], value)
        else:
            found.append((value, value))
    return found


def step_of(values: frozenset[int], high: int) -> tuple[int, int] | None:
    """Return first value and step if the numbers run from the first up to ``high`` in constant steps, else ``None``."""
    ordered = sorted(values)
    if len(ordered) < 3:
        return None
    first, step = ordered[0], ordered[1] - ordered[0]
    return (first, step) if values == frozenset(range(first, high + 1, step)) else None


def values_of(bits: int) -> frozenset[int]:
    """Return the numbers of a bit set."""
    return frozenset(value for value in range(bits.bit_length()) if bits >> value & 1)


def listed(values: frozenset[int], low: int, high: int) -> str:
    """Return numbers of ``low`` to ``high`` as cron triggers and crontab write them: ``*``, a step, numbers and ranges."""
    if len(values) == high - low + 1:
        return "*"
    stepped = step_of(values, high)
    if stepped is not None and stepped[1] > 1:
        first, step = stepped
        return f"*/{step}" if first == low else f"{first}-{high}/{step}"
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs(values))


def names_of(values: Iterable[int], names: Sequence[str], low: int = 0) -> list[str]:
    """Return runs of numbers as names and ranges of names with a dash."""
    return [
        names[first - low] if first == last else f"{names[first - low]}-{names[last - low]}"
        for first, last in runs(values)
    ]
