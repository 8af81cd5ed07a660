"""The differences that docs/compatibility.md lists, as data: ``accepted.toml``; and those still open: ``open.toml``."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tools import ROOT
from tools.fuzz.causes import CAUSES

if TYPE_CHECKING:
    from tools.fuzz.comparing import Difference

FILE = Path(__file__).with_name("accepted.toml")
OPEN = Path(__file__).with_name("open.toml")
PAGE = ROOT / "docs" / "compatibility.md"


_PARTS = ("program", "step", "theirs", "ours")


class Accepted(NamedTuple):
    """One line of the page, and how a difference of its kind looks."""

    name: str
    line: str = ""
    """A part of a line of the page."""
    what: str = ""
    """In its place, what is still open."""
    program: str = ""
    step: str = ""
    theirs: str = ""
    ours: str = ""
    """Patterns that are searched in the JSON of the step and of the first entries that differ."""
    also: str = ""
    """The name of a function of ``causes``, for what no pattern can say."""

    def matches(self, difference: Difference) -> bool:
        text = difference.as_text()
        alike = all(
            re.search(pattern, text[part]) for part, pattern in zip(_PARTS, self[3:7], strict=True)
        )
        return alike and (not self.also or CAUSES[self.also](difference))


@cache
def table(file: Path = FILE) -> tuple[Accepted, ...]:
    entries = tomllib.loads(file.read_text("utf-8"))
    return tuple(Accepted(name, **entry) for name, entry in entries.items())


def accepting(difference: Difference, *, strict: bool = False) -> Accepted | None:
    """Return the entry that knows a difference, ``None`` if it is new.

    :param strict: whether open ones count as new
    """
    known = table() if strict else table() + table(OPEN)
    return next((each for each in known if each.matches(difference)), None)


def not_on_the_page() -> list[str]:
    """Return the names of entries whose line the page does not have."""
    page = " ".join(PAGE.read_text("utf-8").split())
    return [each.name for each in table() if " ".join(each.line.split()) not in page]
