"""Reading a crontab expression: the Open Cron Pattern Specification 1.0 to 1.4, the lenient forms, and ``H``."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NoReturn

from apscheduler.names import closest
from apscheduler.triggers.crontab import fields as kinds
from apscheduler.triggers.crontab.errors import CrontabError
from apscheduler.triggers.crontab.fields import Every, Field, FieldKind, Schedule
from apscheduler.triggers.crontab.items import FieldReader
from apscheduler.triggers.crontab.lines import Word, foreign_part, one_line, words_of
from apscheduler.triggers.rates import interval_for

NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
REBOOT: Final = "@reboot"
LONGEST: Final = 1000
"""The most characters that an expression may have, so that the work of reading it is bounded."""

_FORM = "minute hour day-of-month month day-of-week, with seconds first as a sixth and the year last as a seventh field"
_FIVE: Final = (kinds.MINUTE, kinds.HOUR, kinds.DAY, kinds.MONTH, kinds.WEEKDAY)


def parse(expression: str, *, lenient: bool = False) -> Schedule:
    """Return what a crontab expression says.

    :param lenient: whether to take what other dialects write, too (see :class:`CrontabTrigger`)
    :raises CrontabError: if it cannot be read
    :raises TypeError: if it is no text
    """
    if not isinstance(expression, str):
        raise TypeError(
            f"a crontab expression is a text like '0 10 * * 1-5', not {type(expression).__name__} "
            f"({expression!r})"
        )
    if len(expression) > LONGEST:
        raise CrontabError(expression, LONGEST, None, f"more than {LONGEST} characters")
    expression = one_line(expression)
    try:
        return _parsed(expression, lenient)
    except CrontabError as exc:
        foreign = foreign_part(exc, lambda text: _is_readable(text, lenient=False))
        if foreign is not None:
            raise foreign from None
        if lenient or not _is_readable(expression, lenient=True):
            raise
        raise exc.taken_by_lenient() from None


def _is_readable(expression: str, lenient: bool) -> bool:
    try:
        _parsed(expression, lenient)
    except CrontabError:
        return False
    return True


@lru_cache(maxsize=4096)
def _parsed(expression: str, lenient: bool) -> Schedule:
    words = words_of(expression)
    if words and words[0].text.startswith("@"):
        return _nickname(expression, words)
    if not 5 <= len(words) <= 7:
        _wrong_number(expression, words)
    wanted = _FIVE if len(words) == 5 else (kinds.SECOND, *_FIVE)
    wanted = (*wanted, kinds.YEAR) if len(words) == 7 else wanted
    both = False
    read: dict[FieldKind, Field] = {}
    for kind, word in zip(wanted, words, strict=True):
        skip = kind is kinds.WEEKDAY and word.text.startswith("+")
        both = both or skip
        place, length = word.position + skip, len(word.text) - skip
        read[kind] = FieldReader(expression, place, length, kind, lenient).field()
    return Schedule(
        read.get(kinds.SECOND) or Field(kinds.SECOND, "0", (kinds.Range(0, 0),)),
        minute=read[kinds.MINUTE],
        hour=read[kinds.HOUR],
        day=read[kinds.DAY],
        month=read[kinds.MONTH],
        weekday=read[kinds.WEEKDAY],
        year=read.get(kinds.YEAR) or Field(kinds.YEAR, "*", (Every(),)),
        day_and_weekday=both,
    )


def _nickname(expression: str, words: list[Word]) -> Schedule:
    name, position = words[0]
    known = sorted([*NICKNAMES, REBOOT])
    if name not in known:
        if name.lower() == "@every":
            _every(expression, position)
        guess = closest(name.lower(), known)
        raise CrontabError(
            expression, position, None, f"there is no nickname {name!r}", ", ".join(known), guess
        )
    if len(words) > 1:
        raise CrontabError(expression, words[1].position, None, f"{name} stands alone")
    schedule = parse(NICKNAMES.get(name, NICKNAMES["@yearly"]))
    if name != REBOOT:
        return schedule
    return schedule._replace(year=Field(kinds.YEAR, "", ()), reboot=True)


def _every(expression: str, position: int) -> NoReturn:
    call = interval_for(expression)
    reason = "@every is an interval and no schedule of crontab"
    allowed = "" if call else "5m, 1h30m, 90s and the like behind it, for the trigger 'interval'"
    raise CrontabError(expression, position, None, reason, allowed, call)


def _wrong_number(expression: str, words: list[Word]) -> NoReturn:
    position = words[7].position if len(words) > 7 else len(expression)
    count = len(words)
    reason = f"{count} field{'' if count == 1 else 's'} instead of 5 to 7"
    comma = expression.find(", ")
    guess = None
    if comma >= 0:
        position, guess = comma + 1, "a list without blanks in it"
    raise CrontabError(expression, position, None, reason, _FORM, guess)
