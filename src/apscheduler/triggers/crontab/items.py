"""Reading one field of a crontab expression: a list of items, each read by what it begins with."""

from __future__ import annotations

from typing import Final, NoReturn

from apscheduler.names import closest
from apscheduler.triggers.crontab import fields as kinds
from apscheduler.triggers.crontab.errors import CrontabError
from apscheduler.triggers.crontab.fields import (
    LAST_OF_MONTH,
    Every,
    Field,
    FieldKind,
    Hashed,
    Item,
    LastDay,
    NearestWorkday,
    Nth,
    Range,
)

_DIGITS: Final = frozenset("0123456789")
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_MOST_DIGITS: Final = 9
_DAY_FIELDS: Final = (kinds.DAY, kinds.WEEKDAY)


class FieldReader:
    """Reads the field of one kind that begins at a position of the expression."""

    def __init__(
        self, expression: str, position: int, length: int, kind: FieldKind, lenient: bool
    ) -> None:
        self.expression = expression
        self.start = self.at = position
        self.end = position + length
        self.kind = kind
        self.lenient = lenient

    def field(self) -> Field:
        """Return the field.

        :raises CrontabError: at the first character that is wrong
        """
        text = self.expression[self.start : self.end]
        if text == "?" and self.kind in _DAY_FIELDS:
            return Field(self.kind, text, (Every(),))
        items = [self._item()]
        while self.at < self.end:
            if self._peek() != ",":
                self._unexpected()
            self.at += 1
            items.append(self._item())
        for item in items:
            if isinstance(item, NearestWorkday) and len(items) > 1:
                self._fail("W takes a single day, no list", self.start)
        return Field(self.kind, text, tuple(items))

    # -- items ---------------------------------------------------------------------------------------------

    def _item(self) -> Item:
        char = self._peek()
        if char == "*":
            self.at += 1
            return Every(self._step() or 1)
        if char in _DIGITS:
            return self._numbered()
        if char in _LETTERS:
            return self._worded()
        if char == "?" and self.kind in _DAY_FIELDS:
            self._fail("? stands alone in its field")
        if char == "?":
            self._fail("? is for the two day fields")
        if char == "/":
            self._fail("a step needs * or a range before it", guess=f"*{self._rest()}")
        if char == "~":
            self._random(self.at)
        if char == "+":
            self._fail("+ is for the first character of the day of week")
        if char in ("", ","):
            cut = char == "" and self.at > self.start and len(self.expression) > self.end
            self._fail("a value is missing", guess="a list without blanks in it" if cut else None)
        return self._unexpected()

    def _numbered(self) -> Item:
        place = self.at
        value = self._value()
        char = self._peek()
        if char == "~":
            self._random(place, value)
        if self.kind is kinds.DAY and self._takes("W"):
            return NearestWorkday(value)
        if self.kind is kinds.WEEKDAY and self._takes("L"):
            return Nth(value % 7, LAST_OF_MONTH)
        if char in _LETTERS:
            self._letter_after_number(place)
        return self._after_value(value, place)

    def _letter_after_number(self, place: int) -> NoReturn:
        at = self.at
        letters = self._letters()
        meant = (self.kind is kinds.DAY and letters == "w") or (
            self.kind is kinds.WEEKDAY and letters == "l"
        )
        guess = self.expression[place : self.at].upper() if meant else None
        self._fail(f"{letters!r} after a number", at, guess)

    def _worded(self) -> Item:
        place = self.at
        word = self._letters()
        if word == "H":
            return self._hashed(place)
        if self.kind is kinds.DAY:
            found = self._last(word)
            if found is not None:
                return found
        if self.kind is kinds.WEEKDAY and len(word) == 4 and word[-1] in "Ll":
            weekday = self._named(word[:-1], place)
            if self.lenient:
                return Nth(weekday, LAST_OF_MONTH)
            self._fail("the last of a weekday is written with #", place + 3, f"{word[:3]}#L")
        value = self._named(word, place)
        if self._peek() == "~":
            self._random(place, value)
        return self._after_value(value, place)

    def _last(self, word: str) -> Item | None:
        upper = word.upper() if self.lenient else word
        if upper == "LW" and self.lenient:
            return NearestWorkday(None)
        if upper != "L":
            return None
        if self.lenient and self._peek() == "-":
            self.at += 1
            place = self.at
            before = self._number()
            if not 1 <= before <= 30:
                self._fail(f"{before} days before the last is not within 1-30", place)
            return LastDay(before)
        return LastDay()

    def _after_value(self, value: int, place: int) -> Item:
        char = self._peek()
        if char == "#" and self.kind is kinds.WEEKDAY:
            self.at += 1
            return Nth(value % 7, self._ordinal())
        if char == "-":
            self.at += 1
            last_place = self.at
            last = self._value()
            if value > last and (self.kind is kinds.YEAR or not self.lenient):
                self._backwards(value, last, place, last_place)
            return Range(value, last, self._step() or 1)
        if char == "/":
            if not self.lenient:
                self._fail(
                    "a step may follow only * or a range",
                    guess=f"{self.expression[place : self.at]}-{self.kind.high}{self._rest()}",
                )
            return Range(value, self.kind.high, self._step() or 1)
        return Range(value, value)

    def _random(self, place: int, first: int | None = None) -> NoReturn:
        """Fail for ``a~b``, a random value in OpenBSD's cron and in cronie: ``H`` chooses one that stays."""
        first = self.kind.low if first is None else first
        at = self.at
        self.at += 1
        here = self._peek()
        last = self._value() if here and (here in _DIGITS or here in _LETTERS) else None
        tail = f"/{step}" if (step := self._step()) else ""
        if last is None:
            last = self.kind.hash_last if first <= self.kind.hash_last else self.kind.high
        self._fail(
            "~ stands for a random value, which would change at each start; H is one that the job's id chooses",
            at,
            None if self.kind is kinds.YEAR or first > last else f"H({first}-{last}){tail}",
        )

    def _hashed(self, place: int) -> Item:
        if self.kind is kinds.YEAR:
            self._fail("H cannot choose a year", place)
        first, last = self.kind.low, self.kind.hash_last
        if self._peek() == "(":
            self.at += 1
            first_place = self.at
            first = self._value()
            self._expect("-")
            last_place = self.at
            last = self._value()
            if first > last:
                self._backwards(first, last, first_place, last_place)
            self._expect(")")
        return Hashed(first, last, self._step())

    # -- what items are made of ----------------------------------------------------------------------------

    def _value(self) -> int:
        place = self.at
        char = self._peek()
        if char in _DIGITS:
            value = self._number()
            if not self.kind.low <= value <= self.kind.high:
                self._fail(f"{value} is not within {self.kind.low}-{self.kind.high}", place)
            return value
        if char in _LETTERS:
            return self._named(self._letters(), place)
        return self._fail("a value is missing")

    def _named(self, word: str, place: int) -> int:
        names = self.kind.names
        if word.lower() in names:
            return names.index(word.lower()) + self.kind.low
        if names:
            self._fail(f"{word!r} is no {_thing(self.kind)}", place, closest(word.lower(), names))
        meant = self.kind is kinds.DAY and word == "l"
        return self._fail(f"{word!r} is no value", place, "L" if meant else None)

    def _ordinal(self) -> int:
        place = self.at
        if self._takes("L"):
            return LAST_OF_MONTH
        if self._peek() not in _DIGITS:
            self._fail("after # comes a number from 1 to 5, or L for the last")
        number = self._number()
        if not 1 <= number <= 5:
            self._fail(f"a month has no weekday number {number}: # takes 1 to 5, or L", place)
        return number

    def _step(self) -> int | None:
        """Return the step if there is one here."""
        if self._peek() != "/":
            return None
        self.at += 1
        place = self.at
        if self._peek() not in _DIGITS:
            self._fail("after / comes a number")
        step = self._number()
        if step == 0:
            self._fail("a step of 0 leads nowhere", place)
        return step

    def _number(self) -> int:
        place = self.at
        while self._peek() in _DIGITS:
            self.at += 1
        if self.at == place:
            self._fail("a number is missing")
        if self.at - place > _MOST_DIGITS:
            self._fail("a number of too many digits", place)
        return int(self.expression[place : self.at])

    def _letters(self) -> str:
        place = self.at
        while self._peek() in _LETTERS:
            self.at += 1
        return self.expression[place : self.at]

    def _takes(self, letter: str) -> bool:
        """Pass over the letter if it is here and no other letter follows; return whether it was."""
        char, following = self._peek(), self._peek(1)
        here = char == letter or (self.lenient and char.upper() == letter)
        if here and following not in _LETTERS:
            self.at += 1
            return True
        return False

    def _expect(self, char: str) -> None:
        if self._peek() != char:
            self._fail(f"{char!r} is missing")
        self.at += 1

    def _peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.expression[place] if place < self.end else ""

    def _rest(self) -> str:
        return self.expression[self.at : self.end]

    # -- errors --------------------------------------------------------------------------------------------

    def _backwards(self, first: int, last: int, first_place: int, last_place: int) -> NoReturn:
        reason = f"the range ends ({last}) before it begins ({first})"
        sunday = self.kind is kinds.WEEKDAY and last == 0
        guess = f"{self.expression[first_place:last_place]}7" if sunday else None
        self._fail(reason, last_place, guess)

    def _unexpected(self) -> NoReturn:
        self._fail(f"{self._peek()!r} is not expected here")

    def _fail(self, reason: str, place: int | None = None, guess: str | None = None) -> NoReturn:
        position = self.at if place is None else place
        raise CrontabError(
            self.expression, position, self.kind.name, reason, _allowed(self.kind), guess
        )


def _thing(kind: FieldKind) -> str:
    return "weekday" if kind is kinds.WEEKDAY else kind.name


def _allowed(kind: FieldKind) -> str:
    """Return what a field of the kind may hold."""
    forms = [
        f"*, numbers {kind.low}-{kind.high}, ranges a-b, steps */n and a-b/n, lists with commas"
    ]
    if kind.names:
        forms.append(f"names {', '.join(kind.names)}")
    if kind is kinds.DAY:
        forms.append("L (the last day), 15W (the nearest Monday to Friday), ?")
    if kind is kinds.WEEKDAY:
        forms.append(
            "0 or 7 for Sunday, FRI#2 (the second), 5L or FRI#L (the last), + before all for AND, ?"
        )
    if kind is not kinds.YEAR:
        forms.append("H, H/n, H(a-b)")
    return "; ".join(forms)
