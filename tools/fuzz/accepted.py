"""The differences that docs/compatibility.md lists, as data: ``accepted.toml``; and those still open: ``open.toml``."""

from __future__ import annotations

import re
import tomllib
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

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
    """The name of a function below, for what no pattern can say."""

    def matches(self, difference: Difference) -> bool:
        text = difference.as_text()
        alike = all(
            re.search(pattern, text[part]) for part, pattern in zip(_PARTS, self[3:7], strict=True)
        )
        return alike and (not self.also or _FUNCTIONS[self.also](difference))


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


def ours_keeps_a_job_without_its_executor(difference: Difference) -> bool:
    """Return whether ours tells that a job's executor is not there, or lists the job where 3.11.3 has removed it."""
    theirs, ours = difference.theirs, difference.ours
    if theirs[0] == "jobs" == ours[0]:
        return len(theirs[2]) < len(ours[2]) and all(job in ours[2] for job in theirs[2])
    return ours[:2] == ["event", "JOB_ERROR"] and ours[2].get("exception") == "LookupError"


def in_a_start_that_is_listened_to(difference: Difference) -> bool:
    """Return whether listeners called the scheduler while a start stored its jobs."""
    inside = difference.kinds & {"listener", "inner"}
    return difference.what.get("name") == "start" and bool(inside)


def one_of_two_pending_jobs(difference: Difference) -> bool:
    """Return whether 3.11.3 lists two pending jobs of one id."""
    theirs = difference.theirs
    if theirs[0] == "returned" == difference.ours[0] and difference.what["do"] == "print":
        return "Pending jobs:" in str(theirs[1])
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
    began = "raised" in difference.kinds and difference.what.get("name") == "start"
    return bool(listed and (began or any(each[1] or each[2] for each in theirs[2])))


def in_a_pass_with_calls(difference: Difference) -> bool:
    """Return whether jobs or listeners called the scheduler in a pass that is told in another order."""
    inside = difference.kinds & {"listener", "inner"}
    return difference.what["do"] in {"advance", "follow"} and bool(inside)


def stopped(difference: Difference) -> bool:
    """Return whether the scheduler was not running at the last look."""
    looks = [entry for entry in difference.before if entry[0] == "jobs"]
    return not (looks and looks[-1][1])


def ours_tells_fewer_misses(difference: Difference) -> bool:
    """Return whether 3.11.3 tells of an earlier miss than ours, or of one more."""
    theirs, ours = _fire(difference.theirs), _fire(difference.ours)
    return not ours or theirs < ours


def _fire(entry: list[Any]) -> str:
    return str(entry[2].get("scheduled_run_time", {}).get("moment", ""))


def _gap(difference: Difference) -> timedelta:
    """Return how far apart the first moments are that differ, 0 if other things differ."""
    theirs, ours = (_moments(each) for each in (difference.theirs, difference.ours))
    gaps = [abs(one - other) for one, other in zip(theirs, ours, strict=False) if one != other]
    return gaps[0] if gaps and len(theirs) == len(ours) else timedelta()


def _moments(value: Any) -> list[datetime]:
    if isinstance(value, dict):
        if "moment" in value:
            return [datetime.fromisoformat(value["moment"])]
        return _moments(list(value.values()))
    if isinstance(value, list):
        return [moment for each in value for moment in _moments(each)]
    return []


def hours_apart(difference: Difference) -> bool:
    """Return whether moments differ by what clocks are changed by."""
    return _gap(difference) in {timedelta(minutes=30), timedelta(hours=1)}


def days_apart(difference: Difference) -> bool:
    """Return whether moments differ by a whole day."""
    return _gap(difference) == timedelta(days=1)


def one_instant(difference: Difference) -> bool:
    """Return whether nothing differs but the zones of moments."""
    return bool(_without_zones(difference.theirs) == _without_zones(difference.ours))


def _without_zones(value: Any) -> Any:
    if isinstance(value, dict):
        if "moment" in value:
            return datetime.fromisoformat(value["moment"])
        return {key: _without_zones(each) for key, each in value.items()}
    return [_without_zones(each) for each in value] if isinstance(value, list) else value


_ANSWERS = ("returned", "raised")
_FUNCTIONS: dict[str, Callable[[Difference], bool]] = {
    each.__name__: each
    for each in (
        ours_lets_go_of_a_job_without_a_fire_time,
        seen_from_inside_a_run,
        one_of_two_pending_jobs,
        ours_keeps_a_job_without_its_executor,
        in_a_start_that_is_listened_to,
        after_a_start_that_failed,
        in_a_pass_with_calls,
        stopped,
        ours_tells_fewer_misses,
        one_instant,
        hours_apart,
        days_apart,
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
