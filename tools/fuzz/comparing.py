"""The first difference of two traces."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

Entry = list[Any]
_END: Entry = ["end"]
_LOOKS = 12
"""How many entries before a difference say where it is."""


class Difference(NamedTuple):
    """Where two traces part."""

    step: int
    """The position of the program's step."""
    what: dict[str, Any]
    """The step."""
    theirs: Entry
    ours: Entry
    before: list[Entry]
    """What both said just before."""
    kinds: frozenset[str]
    """The kinds of all entries of that step, on both sides."""
    steps: list[dict[str, Any]]
    """All steps of the program."""

    @property
    def inside(self) -> str:
        """Return in what kind of call by the program's own code the traces part: a job, a listener, or none."""
        for position, entry in reversed(list(enumerate(self.before))):
            if entry[0] in {"step", "returned", "raised", "jobs"}:
                return ""
            if entry[0] == "inner":
                caller = self.before[position - 1] if position else ["run"]
                return "call" if caller[0] == "run" else str(caller[0])
        return ""

    @property
    def group(self) -> str:
        """What kinds of things differ, for differences of one cause to stand together."""
        name = self.what["do"]
        if name in {"call", "job"}:
            name += f" {self.what['name']}"
        return f"{name}: {_outline(self.theirs, self.ours)}"

    def as_text(self) -> dict[str, str]:
        """Return what patterns are matched against."""
        parts = {"program": self.steps, "step": self.what, "theirs": self.theirs, "ours": self.ours}
        return {name: json.dumps(each, ensure_ascii=False) for name, each in parts.items()}


def first_difference(
    program: dict[str, Any], theirs: list[Entry], ours: list[Entry]
) -> Difference | None:
    """Return where 3.11.3's trace and ours part, ``None`` if they do not."""
    step = 0
    theirs, ours = _in_order(theirs), _in_order(ours)
    for position in range(max(len(theirs), len(ours))):
        one = theirs[position] if position < len(theirs) else _END
        other = ours[position] if position < len(ours) else _END
        if one[0] == "long" == other[0]:
            return None
        if not _same(one, other):
            before = theirs[max(0, position - _LOOKS) : position]
            kinds = _kinds(theirs, position) | _kinds(ours, position)
            steps = program["steps"]
            return Difference(step, steps[step], one, other, before, kinds, steps)
        if one[0] == "step":
            step = one[1]
    return None


def _kinds(trace: list[Entry], position: int) -> frozenset[str]:
    """Return the kinds of the entries of the step in which a position lies."""
    first = last = min(position, len(trace) - 1)
    while first > 0 and trace[first][0] != "step":
        first -= 1
    while last + 1 < len(trace) and trace[last + 1][0] != "step":
        last += 1
    return frozenset(entry[0] for entry in trace[first : last + 1])


def _in_order(trace: list[Entry]) -> list[Entry]:
    """Return a trace with what is told of each pass in an order of its own.

    The page says in which order each side tells it. The runs stay in theirs. Where listeners or jobs call the scheduler, all
    stays as it is.
    """
    ordered: list[Entry] = []
    told: list[Entry] | None = None
    for entry in trace:
        if entry[0] == "pass":
            told = []
        elif entry[0] == "passed" and told is not None:
            ordered += sorted(told, key=_place) if _is_plain(told) else told
            told = None
        elif told is None:
            ordered.append(entry)
        else:
            told.append(entry)
    return ordered + (told or [])


def _is_plain(told: list[Entry]) -> bool:
    return {entry[0] for entry in told} <= {"run", "event"}


def _place(entry: Entry) -> tuple[int, str]:
    if entry[0] == "run":
        return 0, ""
    if entry[1] in {"JOB_EXECUTED", "JOB_ERROR", "JOB_MISSED"}:
        return 1, str(entry[2]["job_id"])
    return 2, json.dumps(entry)


def _same(theirs: Any, ours: Any) -> bool:
    if theirs == ours:
        return True
    if type(theirs) is not type(ours):
        return False
    if isinstance(theirs, list):
        if theirs[:1] == ["raised"] == ours[:1]:
            return theirs[1][0] in ours[1]  # a subclass is caught by what catches 3.11.3's
        return len(theirs) == len(ours) and all(map(_same, theirs, ours))
    if isinstance(theirs, dict):
        if "moment" in theirs and "moment" in ours:
            return _same_moment(theirs, ours)
        return theirs.keys() == ours.keys() and all(_same(theirs[k], ours[k]) for k in theirs)
    return False


def _same_moment(theirs: dict[str, str], ours: dict[str, str]) -> bool:
    """Return whether two moments are one instant, and show the same time unless 3.11.3's does not exist."""
    one, other = (datetime.fromisoformat(each["moment"]) for each in (theirs, ours))
    if one != other:
        return False
    try:
        zone = ZoneInfo(theirs["zone"])
    except (ValueError, LookupError):
        return False
    existing = one.astimezone(UTC).astimezone(zone)
    return existing.replace(tzinfo=None) != one.replace(tzinfo=None)


def _outline(theirs: Entry, ours: Entry) -> str:
    if theirs[0] != ours[0]:
        return f"{_named(theirs)} / {_named(ours)}"
    if theirs[0] in {"raised", "event"} and _named(theirs) != _named(ours):
        return f"{_named(theirs)} / {_named(ours)}"
    return f"{theirs[0]}{_path(theirs, ours)}"


def _named(entry: Entry) -> str:
    if entry[0] == "raised":
        return f"raised {entry[1][0]}"
    return f"{entry[0]} {entry[1]}" if entry[0] == "event" else str(entry[0])


def _path(theirs: Any, ours: Any) -> str:
    """Return which part of two entries differs."""
    if type(theirs) is type(ours):
        if isinstance(theirs, dict) and theirs.keys() == ours.keys():
            differing = [key for key in theirs if not _same(theirs[key], ours[key])]
            return f".{differing[0]}{_path(theirs[differing[0]], ours[differing[0]])}"
        if isinstance(theirs, list) and len(theirs) == len(ours):
            number = next(n for n, each in enumerate(theirs) if not _same(each, ours[n]))
            return f"[]{_path(theirs[number], ours[number])}"
        if isinstance(theirs, list):
            return " longer" if len(theirs) > len(ours) else " shorter"
        return f" {type(theirs).__name__}"
    return f" {theirs if theirs is None else type(theirs).__name__} / {type(ours).__name__}"
