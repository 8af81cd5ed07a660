"""The differences that docs/compatibility.md lists, as data: ``accepted.toml``; and those still open: ``open.toml``."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tools import ROOT

if TYPE_CHECKING:
    from tools.fuzz.comparing import Difference

FILE = Path(__file__).with_name("accepted.toml")
OPEN = Path(__file__).with_name("open.toml")
PAGE = ROOT / "docs" / "compatibility.md"


class Accepted(NamedTuple):
    """One line of the page, and how a difference of its kind looks."""

    name: str
    line: str = ""
    """A part of a line of the page."""
    what: str = ""
    """In its place, what is still open."""
    step: str = ""
    theirs: str = ""
    ours: str = ""
    """Patterns that are searched in the JSON of the step and of the first entries that differ."""
    also: str = ""
    """The name of a function below, for what no pattern can say."""

    def matches(self, difference: Difference) -> bool:
        if self.also and not _FUNCTIONS[self.also](difference):
            return False
        text = difference.as_text()
        return all(
            re.search(pattern, text[part])
            for part, pattern in (("step", self.step), ("theirs", self.theirs), ("ours", self.ours))
        )


def ours_lets_go_of_a_job_without_a_fire_time(difference: Difference) -> bool:
    """Return whether 3.11.3 keeps a job without a next fire time where ours removes it."""
    theirs, ours = difference.theirs, difference.ours
    if theirs[0] == "jobs" == ours[0]:
        gone = [job for job in theirs[2] if job not in ours[2]]
        return bool(gone) and all(job[2] is None for job in gone) and len(ours[2]) < len(theirs[2])
    return (
        theirs[:2] != ours[:2]
        and ours[:2] == ["event", "JOB_REMOVED"]
        and (theirs[0] == "returned" or theirs[:2] in _AFTER_ADDED)
    )


_AFTER_ADDED = (["event", "SCHEDULER_START"], ["event", "JOB_ADDED"])


def seen_from_inside_a_run(difference: Difference) -> bool:
    """Return whether a job sees what its store has of it while it runs."""
    ours, theirs = difference.ours, difference.theirs
    return difference.inside == "call" and theirs[0] in _ANSWERS and ours[0] in _ANSWERS


def one_of_two_pending_jobs(difference: Difference) -> bool:
    """Return whether 3.11.3 lists two pending jobs of one id."""
    theirs = difference.theirs
    if theirs[0] != "jobs" or theirs[1] != 0:
        return False
    ids = [job[0] for job in theirs[2]]
    return len(ids) > len(set(ids))


def after_a_start_that_failed(difference: Difference) -> bool:
    """Return whether a start fails, or 3.11.3 lists what has been stored as pending."""
    theirs, ours = difference.theirs, difference.ours
    if difference.what.get("name") == "start" and theirs[0] == "raised":
        return bool(ours[0] != "returned" or theirs[1][0] == "ConflictingIdError")
    listed = theirs[0] == "jobs" == ours[0] and not theirs[1]
    return listed and any(each[1] for each in theirs[2])


def in_a_pass_with_calls(difference: Difference) -> bool:
    """Return whether jobs or listeners called the scheduler in a pass that is told in another order."""
    inside = difference.kinds & {"listener", "inner"}
    return difference.what["do"] in {"advance", "follow"} and bool(inside)


def stopped(difference: Difference) -> bool:
    """Return whether the scheduler was not running at the last look."""
    looks = [entry for entry in difference.before if entry[0] == "jobs"]
    return not (looks and looks[-1][1])


_ANSWERS = ("returned", "raised")
_FUNCTIONS = {
    each.__name__: each
    for each in (
        ours_lets_go_of_a_job_without_a_fire_time,
        seen_from_inside_a_run,
        one_of_two_pending_jobs,
        after_a_start_that_failed,
        in_a_pass_with_calls,
        stopped,
    )
}


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
