"""Reading lists of numbers and names, as Quartz and systemd write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from apscheduler.names import hint
from apscheduler.texts import line
from apscheduler.triggers.dialects.pattern import ConversionError

_MOST_DIGITS = 9


class Vocabulary(NamedTuple):
    """How one field of a dialect is written.

    :ivar dialect: for messages; so is ``field``
    :ivar names: words for the values, the first for ``low``
    :ivar dash: what stands between the ends of a range
    :ivar wraps: whether a range may end before it begins
    """

    dialect: str
    field: str
    low: int
    high: int
    names: Sequence[str] = ()
    dash: str = "-"
    wraps: bool = False

    def values(self, text: str) -> frozenset[int]:
        """Return the numbers that a list of ``*``, values, ranges and steps stands for.

        :raises ConversionError: if it is none
        """
        found: set[int] = set()
        for part in text.split(","):
            found |= self._part(part)
        return frozenset(found)

    def _part(self, part: str) -> set[int]:
        span, slash, step_text = part.partition("/")
        step = self._step(step_text) if slash else 1
        if span in ("*", ""):
            if not span and not slash:
                self.fail("a value is missing")
            return set(range(self.low, self.high + 1, step))
        first_text, dash, last_text = span.partition(self.dash)
        first = self.value(first_text)
        if not dash:
            return set(range(first, self.high + 1, step)) if slash else {first}
        last = self.value(last_text)
        if first <= last:
            return set(range(first, last + 1, step))
        if not self.wraps:
            self.fail(f"the range {span} ends before it begins")
        size = self.high - self.low + 1
        return {(each - self.low) % size + self.low for each in range(first, last + size + 1, step)}

    def value(self, text: str) -> int:
        """Return the number that a number or name stands for."""
        if re.fullmatch(r"[0-9]+", text) and len(text) <= _MOST_DIGITS:
            number = int(text)
            if not self.low <= number <= self.high:
                self.fail(f"{number} is not within {self.low}-{self.high}")
            return number
        word = text.lower()
        if word in self.names:
            return self.names.index(word) + self.low
        return self.fail(
            f"{text!r} is no value" + (f"; {hint(word, self.names)}" if self.names else "")
        )

    def _step(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]+", text) or len(text) > _MOST_DIGITS or int(text) == 0:
            self.fail(f"{text!r} is no step")
        return int(text)

    def fail(self, reason: str) -> NoReturn:
        """Raise the error that names dialect and field."""
        raise ConversionError(line(f"{self.dialect}, {self.field}: {reason}"))
