"""Reading the text form of recurrences: RRULE, EXRULE, RDATE, EXDATE and DTSTART lines of RFC 5545 (section 3.8.5)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from apscheduler._engine.recurrence.parts import FREQUENCIES, Parts
from apscheduler._engine.recurrence.year_bits import DAY_SECONDS
from apscheduler.moments import astimezone
from apscheduler.names import hint
from apscheduler.triggers.rrule_dateutil import is_dateutils, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    Moment = tuple[datetime, tzinfo | None, bool]

_EPOCH = date(1970, 1, 1).toordinal()
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_KEYS = (
    *("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYSETPOS", "BYDAY"),
    *("BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYHOUR", "BYMINUTE", "BYSECOND"),
)
_NUMBERS = {  # lowest, highest, whether also counted backwards
    "BYSECOND": (0, 60, False),
    "BYMINUTE": (0, 59, False),
    "BYHOUR": (0, 23, False),
    "BYMONTH": (1, 12, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, 53, True),
    "BYSETPOS": (1, 366, True),
}
COUNT_LIMIT = 100_000
TEXT_LIMIT = 100_000
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", re.ASCII)
_LINES = ("RRULE", "EXRULE", "RDATE", "EXDATE", "DTSTART")
_BETWEEN = re.compile(rf"(?:[\s;]|\\r|\\n)+(?=(?:{'|'.join(_LINES)})[;:])", re.IGNORECASE)
_START_AS_PART = re.compile(r"(?:^|(?<=[;:\n]))DTSTART=(\d[^;\n]*);?", re.IGNORECASE)
_TYPES = ("DATE", "DATE-TIME", "PERIOD")
_PERIOD_END = re.compile(
    r"/(?:\+?P(?:\d+W|(?=\d|T\d)(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)|\d{8}T\d{6}Z?)$",
    re.ASCII,
)
_BYDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)


class RuleText:
    """One RRULE or EXRULE as it was read.

    :ivar values: its parts by name, checked
    :ivar until: (moment, whether it is a date alone) or ``None``
    """

    def __init__(self, text: str) -> None:
        self.values = _pairs(text)
        self.frequency = self._frequency()
        self.interval = self._whole("INTERVAL", 1, 10**9) or 1
        self.count = self._whole("COUNT", 1, COUNT_LIMIT)
        until = self.values.get("UNTIL")
        self.until = None if until is None else parsed_moment(until, "UNTIL")
        if self.until is not None and self.count is not None:
            raise ValueError("a rule ends with COUNT or with UNTIL; give one of them")
        self._lists = {key: self._numbers(key) for key in _NUMBERS}
        self._byday = self._days()
        self._check_together()

    def parts(self, start: int) -> Parts:
        """Return the rule from this DTSTART on (wall time in seconds)."""
        parts = Parts(self.frequency, start, self.interval, self._wkst())
        for key, numbers in self._lists.items():
            setattr(parts, key.lower(), numbers)
        parts.byday = self._byday
        return parts.complete()

    def _frequency(self) -> str:
        given = self.values.get("FREQ")
        if given is None:
            raise ValueError("a rule needs FREQ=, such as FREQ=DAILY")
        if given not in FREQUENCIES:
            raise ValueError(f"FREQ cannot be {given!r}; {hint(given, FREQUENCIES)}")
        return given

    def _whole(self, key: str, lowest: int, highest: int) -> int | None:
        text = self.values.get(key)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) >= lowest):
            raise ValueError(f"{key} must be a whole number from {lowest} on, not {text!r}")
        if int(text) > highest:
            raise ValueError(
                f"{key}={text} is more than {highest}" + (": give UNTIL" if key == "COUNT" else "")
            )
        return int(text)

    def _numbers(self, key: str) -> tuple[int, ...]:
        text = self.values.get(key)
        if text is None:
            return ()
        lowest, highest, backwards = _NUMBERS[key]
        found: set[int] = set()
        for each in text.split(","):
            if not re.fullmatch(r"[+-]?\d{1,3}", each, re.ASCII):
                raise ValueError(f"{key} is a list of numbers, and {each!r} is none")
            number = int(each)
            size = abs(number) if backwards else number
            if not lowest <= size <= highest:
                also = f", or -{highest} to -{lowest}" if backwards else ""
                raise ValueError(f"{key} goes from {lowest} to {highest}{also}, not {number}")
            found.add(59 if key == "BYSECOND" and number == 60 else number)
        return tuple(sorted(found))

    def _days(self) -> tuple[tuple[int, int], ...]:
        text = self.values.get("BYDAY")
        if text is None:
            return ()
        found: set[tuple[int, int]] = set()
        for each in text.split(","):
            match = _BYDAY.fullmatch(each)
            if match is None:
                raise ValueError(
                    f"BYDAY is a list like MO,-1FR; {each!r} is no day; {hint(each[-2:], _WEEKDAYS)}"
                )
            position = int(match[1] or 0)
            if match[1] and (not position or abs(position) > 53):
                raise ValueError(f"BYDAY: the position of {each!r} goes from 1 to 53, or -53 to -1")
            found.add((position, _WEEKDAYS.index(match[2])))
        return tuple(sorted(found))

    def _wkst(self) -> int:
        given = self.values.get("WKST", "MO")
        if given not in _WEEKDAYS:
            raise ValueError(
                f"WKST is a weekday such as MO, not {given!r}; {hint(given, _WEEKDAYS)}"
            )
        return _WEEKDAYS.index(given)

    def _check_together(self) -> None:
        """Check that the parts may be used together (RFC 5545, section 3.3.10)."""
        self._wkst()
        positions = any(position for position, _ in self._byday)
        if positions and self.frequency not in ("YEARLY", "MONTHLY"):
            raise ValueError(
                f"BYDAY with positions (such as 1MO) needs FREQ=MONTHLY or YEARLY, not {self.frequency}"
            )
        if positions and self._lists["BYWEEKNO"]:
            raise ValueError("BYDAY with positions (such as 1MO) cannot stand with BYWEEKNO")
        if self._lists["BYWEEKNO"] and self.frequency != "YEARLY":
            raise ValueError(f"BYWEEKNO needs FREQ=YEARLY, not {self.frequency}")
        if self._lists["BYMONTHDAY"] and self.frequency == "WEEKLY":
            raise ValueError("BYMONTHDAY cannot stand with FREQ=WEEKLY")
        if self._lists["BYYEARDAY"] and self.frequency in ("DAILY", "WEEKLY", "MONTHLY"):
            raise ValueError(f"BYYEARDAY cannot stand with FREQ={self.frequency}")
        if self._lists["BYSETPOS"] and not any(
            key.startswith("BY") and key != "BYSETPOS" for key in self.values
        ):
            raise ValueError(
                "BYSETPOS picks from what another BY-part makes; give one, such as BYDAY"
            )


class RecurrenceText:
    """A whole recurrence as it was read.

    :ivar start: DTSTART (naive wall time or UTC), ``None`` if it is not given
    :ivar zone: of DTSTART
    :ivar rdates: with ``exdates`` (moment, its zone if it has one, whether it is a date alone)
    """

    def __init__(self, text: Any) -> None:
        self.start: datetime | None = None
        self.zone: tzinfo | None = None
        self.rules: list[RuleText] = []
        self.exrules: list[RuleText] = []
        self.rdates: list[Moment] = []
        self.exdates: list[Moment] = []
        zone = None
        if not isinstance(text, str) and is_dateutils(text):
            text, zone = text_of(text)
        self.text = checked_text(text)
        for line in self.text.split("\n"):
            self._read(line)
        self.zone = zone or self.zone
        if not self.rules and not self.rdates:
            raise ValueError(
                f"{self.text!r} says no time: give an RRULE such as FREQ=DAILY, or RDATE"
            )

    def _read(self, line: str) -> None:
        # The last one: a TZID may have a colon in it, a value has none.
        head, colon, value = line.rpartition(":")
        if not colon:
            head, value = "RRULE", line
        name, *options = head.split(";")
        if name in ("RRULE", "EXRULE"):
            (self.rules if name == "RRULE" else self.exrules).append(RuleText(value))
        elif name == "DTSTART":
            if self.start is not None:
                raise ValueError("DTSTART is given twice")
            self.start, self.zone, _ = _one(value, options, "DTSTART")
        elif name in ("RDATE", "EXDATE"):
            into = self.rdates if name == "RDATE" else self.exdates
            into.extend(_one(each, options, name) for each in value.split(","))
        else:
            raise ValueError(f"{name!r} is no line of a recurrence; {hint(name, _LINES)}")


def checked_text(text: Any) -> str:
    r"""Return the text in one form: lines unfolded, without spaces at their ends, in capitals except for zones.

    Several lines may be written in one, with spaces, a semicolon or a written ``\n`` between them. DTSTART may be
    written among a rule's parts.

    :raises TypeError: if it is no text
    :raises ValueError: if it is empty or too long
    """
    if not isinstance(text, str):
        raise TypeError(
            "a recurrence is a text such as 'FREQ=DAILY;INTERVAL=2', or an rrule or rruleset of dateutil, "
            f"not {text!r}"
        )
    if len(text) > TEXT_LIMIT:
        raise ValueError(f"a recurrence of more than {TEXT_LIMIT} characters is not read")
    unfolded = re.sub(r"\r?\n[ \t]", "", text.strip())
    parted = _BETWEEN.sub("\n", unfolded)
    start = _START_AS_PART.search(parted)
    if start is not None:  # as rrule.js writes it
        parted = f"DTSTART:{start[1]}\n{parted[: start.start()]}{parted[start.end() :]}"
    lines = [line.strip(" \t;") for line in re.split(r"\r?\n|\r", parted) if line.strip(" \t;")]
    if not lines:
        raise ValueError("a recurrence cannot be empty: give for example 'FREQ=DAILY'")
    return "\n".join(line if "TZID" in line.upper() else line.upper() for line in lines)


def parsed_moment(text: str, what: str) -> tuple[datetime, bool]:
    """Return a DATE or DATE-TIME (naive, or aware in UTC), and whether it is a date alone.

    :raises ValueError: if it is neither
    """
    match = _MOMENT.fullmatch(text)
    if match is not None:
        year, month, day, hour, minute, second, utc = match.groups()
        try:
            moment = datetime(  # noqa: DTZ001 - wall time
                int(year),
                int(month),
                int(day),
                int(hour or 0),
                int(minute or 0),
                min(int(second or 0), 59),
            )
        except ValueError as exc:
            raise ValueError(f"{what}: {text!r} is no date: {exc}") from exc
        return moment.replace(tzinfo=UTC) if utc else moment, hour is None
    raise ValueError(
        f"{what}: {text!r} is no date; write 19970902T090000, 19970902T090000Z or 19970902"
    )


def wall_seconds(moment: datetime) -> int:
    """Return a naive datetime as wall time in seconds."""
    days = moment.toordinal() - _EPOCH
    return days * DAY_SECONDS + moment.hour * 3600 + moment.minute * 60 + moment.second


def _one(value: str, options: list[str], what: str) -> Moment:
    zone: tzinfo | None = None
    types = _TYPES if what == "RDATE" else _TYPES[:2]
    kind = ""
    for option in options:
        key, _, given = option.partition("=")
        if key.upper() == "TZID":
            zone = astimezone(given)
        elif key.upper() == "VALUE" and given.upper() in types:
            kind = given.upper()
        else:
            raise ValueError(
                f"{what}: the option {option!r} is not known; TZID= and VALUE= with "
                f"{' or '.join(types)} are"
            )
    text = value.strip().upper()
    if kind == "PERIOD":  # it fires when the period begins
        text = _PERIOD_END.sub("", text)
        if "T" not in text or text == value.strip().upper():
            raise ValueError(
                f"{what}: {value.strip()!r} is no period; write 19970902T090000/PT1H or "
                "19970902T090000/19970902T100000"
            )
    moment, is_date = parsed_moment(text, what)
    if (kind == "DATE" and not is_date) or (kind == "DATE-TIME" and is_date):
        raise ValueError(f"{what}: {value.strip()!r} is no {kind}, which VALUE={kind} says it is")
    return moment, zone if moment.tzinfo is None else moment.tzinfo, is_date


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.strip().upper().strip(";").split(";"):
        key, equals, value = part.strip().partition("=")
        if not equals or not value:
            raise ValueError(f"a rule is made of NAME=value parts, and {part!r} is none: {text!r}")
        if key not in _KEYS:
            raise ValueError(f"a rule has no part {key!r}; {hint(key, _KEYS)}")
        if key in found:
            raise ValueError(f"{key} is given twice: {text!r}")
        found[key] = value.strip()
    return found
