"""Finds what a whole line of a crontab file has beside the expression: line ends, settings, the user, the command."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from apscheduler.triggers.arguments import reason_against_zone
from apscheduler.triggers.crontab.errors import CrontabError
from apscheduler.triggers.crontab.fields import MONTHS, WEEKDAYS

_LINE_ENDS: Final = re.compile(r"[\r\n]+")
_SETTING: Final = re.compile(r"([A-Za-z_]\w*)\s*=", re.ASCII)
_NO_FIELD: Final = re.compile(r"[A-Za-z_./~\"'$\[({:!&\\#-]", re.ASCII)


class Word(NamedTuple):
    """A part between blanks.

    :ivar position: index of its first character in the expression
    """

    text: str
    position: int


def one_line(expression: str) -> str:
    """Return the expression with line ends around it read as blanks, so that all places stay the same.

    :raises CrontabError: if there are several lines
    """
    for end in _LINE_ENDS.finditer(expression):
        if expression[: end.start()].strip() and expression[end.end() :].strip():
            raise CrontabError(
                expression,
                end.start(),
                None,
                "a second line: each line of a crontab is a trigger of its own",
            )
    return _LINE_ENDS.sub(lambda end: " " * len(end[0]), expression)


def words_of(expression: str) -> list[Word]:
    """Return the parts between blanks and tabs with their places."""
    return [Word(found[0], found.start()) for found in re.finditer(r"[^ \t]+", expression)]


def foreign_part(error: CrontabError, is_readable: Callable[[str], bool]) -> CrontabError | None:
    """Return the error that names the part of the text that is no part of a schedule, ``None`` if there is none.

    :param error: why the expression could not be read
    :param is_readable: whether a text is an expression
    """
    expression = error.expression
    words = words_of(expression)
    if not words:
        return None
    first = words[0]
    if first.text.startswith("#"):
        return CrontabError(expression, first.position, None, "this is a comment and no schedule")
    setting = _SETTING.match(expression, first.position)
    if setting:
        return _of_setting(expression, first.position, setting, is_readable)
    return _behind(error, words, is_readable)


def _of_setting(
    expression: str, position: int, setting: re.Match[str], is_readable: Callable[[str], bool]
) -> CrontabError:
    name, rest = setting[1], expression[setting.end() :].split()
    if name.upper() not in ("CRON_TZ", "TZ"):
        reason = f"{name}= is a setting of a crontab's commands and no schedule"
        return CrontabError(expression, position, None, reason)
    zone = rest[0].strip("\"'") if rest else ""
    refused = reason_against_zone(zone) if zone else None
    guess = None if refused or not zone else f"timezone={zone!r}"
    if guess and len(rest) > 1:
        guess = f"{' '.join(rest[1:])!r} with {guess}" if is_readable(" ".join(rest[1:])) else None
    reason = f"{name}= is no field: the zone is an argument of its own, timezone="
    reason += f" ({refused})" if refused else ""
    return CrontabError(expression, position, None, reason, guess=guess)


def _behind(
    error: CrontabError, words: list[Word], is_readable: Callable[[str], bool]
) -> CrontabError | None:
    """Return the error for a user, a command or a remark that follows a whole expression."""
    expression = error.expression
    for count in (1,) if words[0].text.startswith("@") else (7, 6, 5):
        if len(words) <= count or not _is_no_field(words[count].text):
            continue
        slip = error.guess is not None and words[-1].text[0].isalpha()
        if len(words) == 6 and slip:  # in the day of week
            return None
        schedule = " ".join(word.text for word in words[:count])
        if is_readable(schedule):
            what = words[count].text
            kind = "remark" if what[0] == "#" else "user or command"
            reason = f"a {kind} ({what}) is no part of a schedule; what runs is the job's function"
            return CrontabError(
                expression, words[count].position, None, reason, guess=repr(schedule)
            )
    return None


def _is_no_field(text: str) -> bool:
    """Return whether a part cannot be meant as a field."""
    return bool(_NO_FIELD.match(text)) and text.lower() not in (*MONTHS, *WEEKDAYS)
