"""The contract of a language: words for each kind of part, and what languages share in grouping numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

from apscheduler.triggers._words.parts import (
    AtStart,
    Combined,
    Every,
    Foreign,
    Numbers,
    Once,
    OnClock,
    OnDates,
    Recurring,
    Said,
    UnderCalendars,
    Unsettled,
    Worded,
)


class Locale(ABC):
    """A language: one file in ``locales`` with a subclass named ``Words``.

    :param name: that of the file
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @final
    def say(self, said: Said) -> str:  # noqa: C901 - a case for each kind
        """Return the words for what a trigger says.

        :raises TypeError: if it is none of the parts
        """
        match said:
            case Once():
                return self.once(said)
            case Every():
                return self.every(said)
            case OnClock():
                return self.on_clock(said)
            case OnDates():
                return self.on_dates(said)
            case AtStart():
                return self.at_start()
            case Unsettled():
                return self.unsettled(said)
            case Combined():
                return self.combined(said)
            case UnderCalendars():
                return self.under_calendars(said)
            case Recurring():
                return self.recurring(said)
            case Foreign():
                return self.foreign(said)
            case Worded():
                return said.describe(self.name)
            case _:
                raise TypeError(
                    f"says() must return a value of apscheduler.triggers.parts, not {type(said).__name__} ({said!r}): "
                    "give for example Foreign('a text')"
                )

    @abstractmethod
    def once(self, said: Once) -> str:
        """Return the words for one moment."""

    @abstractmethod
    def every(self, said: Every) -> str:
        """Return the words for a constant distance."""

    @abstractmethod
    def on_clock(self, said: OnClock) -> str:
        """Return the words for times of day on days of the calendar."""

    @abstractmethod
    def on_dates(self, said: OnDates) -> str:
        """Return the words for a time of day on dates some months and days apart."""

    @abstractmethod
    def at_start(self) -> str:
        """Return the words for each start of a scheduler."""

    @abstractmethod
    def unsettled(self, said: Unsettled) -> str:
        """Return the words for an expression that waits for a job's id."""

    @abstractmethod
    def combined(self, said: Combined) -> str:
        """Return the words for a combination."""

    @abstractmethod
    def under_calendars(self, said: UnderCalendars) -> str:
        """Return the words for a trigger that obeys calendars."""

    @abstractmethod
    def recurring(self, said: Recurring) -> str:
        """Return the words for a recurrence rule."""

    @abstractmethod
    def foreign(self, said: Foreign) -> str:
        """Return the words for a trigger of someone else's."""

    @abstractmethod
    def remark(self, kind: str, values: tuple[str, ...]) -> str:
        """Return the words for a remark of a preview (see :mod:`apscheduler.triggers.previews`)."""


def runs(values: Numbers) -> list[tuple[int, int, int]]:
    """Return sorted numbers as runs: first, last and step.

    Five or more numbers a constant step apart make one run; else three or more neighbours do.
    """
    if len(values) >= 5:
        step = values[1] - values[0]
        if step > 1 and values == tuple(range(values[0], values[-1] + 1, step)):
            return [(values[0], values[-1], step)]
    found: list[tuple[int, int, int]] = []
    for value in values:
        if found and found[-1][1] == value - 1:
            found[-1] = (found[-1][0], value, 1)
        else:
            found.append((value, value, 1))
    pairs = [[(first, first, 1), (last, last, 1)] for first, last, _ in found]
    return [
        each
        for run, pair in zip(found, pairs, strict=True)
        for each in (pair if run[1] - run[0] == 1 else [run])
    ]


def around_the_week(days: Numbers) -> tuple[int, int] | None:
    """Return first and last weekday where they are three or more in a row, the week's end included."""
    if not 3 <= len(days) <= 6:
        return None
    starts = [day for day in days if (day - 1) % 7 not in days]
    return (starts[0], (starts[0] + len(days) - 1) % 7) if len(starts) == 1 else None
