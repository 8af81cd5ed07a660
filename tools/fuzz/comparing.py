"""The first difference of two traces."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

Entry = list[Any]
_END: Entry = ["end"]
_BOUNDS = frozenset({"step", "pass", "passed"})


class Difference(NamedTuple):
    """Where two traces part."""

    step: int
    """The position of the program's step."""
    what: dict[str, Any]
    """The step."""
    theirs: Entry
    ours: Entry
    before: list[Entry]
    """What both said before."""
    kinds: frozenset[str]
    """The kinds of all entries of that step, on both sides."""
    steps: list[dict[str, Any]]
    """All steps of the program."""
    told: tuple[list[Entry], list[Entry]] = ([], [])
    """What 3.11.3 tells of the pass in which the traces part, and what ours does; outside of passes, of the step."""

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
    def taken(self) -> list[dict[str, Any]]:
        """Return the steps that are being taken where the traces part: the program's, then those inside of it."""
        inner: list[dict[str, Any]] = []
        ended = 0
        for entry in reversed(self.before):
            if entry[0] == "step":
                break
            if entry[0] in {"returned", "raised"}:
                ended += 1
            elif entry[0] == "inner":
                inner[:0] = [] if ended else [step_of(entry)]
                ended = max(0, ended - 1)
        return [self.what, *inner]

    @property
    def taken_before(self) -> list[dict[str, Any]]:
        """Return the steps that were taken inside of the program's before the traces part."""
        first = max((n for n, entry in enumerate(self.before) if entry[0] == "step"), default=0)
        return [step_of(entry) for entry in self.before[first:] if entry[0] == "inner"]

    @property
    def group(self) -> str:
        """What kinds of things differ, for differences of one cause to stand together."""
        name = self.what["do"]
        if name in {"call", "job"}:
            name += f" {self.what['name']}"
        return f"{name}: {_outline(self.theirs, self.ours)}"

    def as_text(self) -> dict[str, str]:
        """Return what patterns are matched against."""
        parts = {"program": self.steps, "theirs": self.theirs, "ours": self.ours}
        texts = {name: json.dumps(each, ensure_ascii=False) for name, each in parts.items()}
        steps = (json.dumps(step, ensure_ascii=False) for step in self.taken)
        return texts | {"step": "\n".join(steps)}


def step_of(entry: Entry) -> dict[str, Any]:
    """Return the step inside of another that an entry tells of; an empty one for other entries and what is no step."""
    return entry[1] if entry[0] == "inner" and isinstance(entry[1], dict) else {}


def first_difference(
    program: dict[str, Any], theirs: list[Entry], ours: list[Entry]
) -> Difference | None:
    """Return where 3.11.3's trace and ours part, ``None`` if they do not."""
    step = 0
    end_together = theirs.count(["pass"]) == ours.count(["pass"]) and _is_a_bound(theirs[-1])
    theirs, ours = _in_order(theirs), _in_order(ours, cuts_calls=end_together)
    for position in range(max(len(theirs), len(ours))):
        one = theirs[position] if position < len(theirs) else _END
        other = ours[position] if position < len(ours) else _END
        if one[0] == "long" == other[0] or _hang_both(theirs[position:], ours[position:]):
            return None
        if not same(one, other):
            before = theirs[:position]
            kinds = _kinds(theirs, position) | _kinds(ours, position)
            steps = program["steps"]
            told = _around(theirs, position), _around(ours, position)
            return Difference(step, steps[step], one, other, before, kinds, steps, told)
        if one[0] == "step":
            step = one[1]
    return None


def _hang_both(theirs: list[Entry], ours: list[Entry]) -> bool:
    """Return whether both sides end in the step that goes on, because it takes them too long."""
    return all(
        rest[-1:] == [["hang"]] and "step" not in {entry[0] for entry in rest}
        for rest in (theirs, ours)
    )


def _around(trace: list[Entry], position: int) -> list[Entry]:
    """Return the entries of the pass in which a position lies, or which ends there; or else those of the step."""
    last = min(position, len(trace))
    while last < len(trace) and trace[last][0] not in _BOUNDS:
        last += 1
    first = last
    while first > 0 and trace[first - 1][0] not in _BOUNDS:
        first -= 1
    return trace[first:last]


def _kinds(trace: list[Entry], position: int) -> frozenset[str]:
    """Return the kinds of the entries of the step in which a position lies."""
    first = last = min(position, len(trace) - 1)
    while first > 0 and trace[first][0] != "step":
        first -= 1
    while last + 1 < len(trace) and trace[last + 1][0] != "step":
        last += 1
    return frozenset(entry[0] for entry in trace[first : last + 1])


def _in_order(trace: list[Entry], *, cuts_calls: bool = True) -> list[Entry]:
    """Return a trace with what is told of each pass in an order of its own.

    The page says in which order each side tells it. The runs stay in theirs. Where listeners or jobs call the scheduler, all
    stays as it is.

    :param cuts_calls: whether a bound of the player stands for such a pass, too, that it ended
    """
    ordered: list[Entry] = []
    told: list[Entry] | None = None
    for entry in trace:
        if entry[0] in {"pass", "step"}:  # an exception may have ended the pass before
            ordered += [*(told or []), entry]
            told = [] if entry[0] == "pass" else None
        elif entry[0] == "passed" and told is not None:
            ordered += sorted(told, key=_place) if _is_plain(told) else told
            ordered.append(entry)
            told = None
        elif told is None:
            ordered.append(entry)
        else:
            told.append(entry)
    told = told or []
    is_cut = bool(told) and _is_a_bound(told[-1]) and (cuts_calls or _is_plain(told[:-1]))
    return ordered + (told[-1:] if is_cut else told)


def _is_a_bound(entry: Entry) -> bool:
    """Return whether the player ended the program there."""
    return entry[0] in {"long", "hang"}


def _is_plain(told: list[Entry]) -> bool:
    return {entry[0] for entry in told} <= {"run", "event"}


def _place(entry: Entry) -> tuple[int, str]:
    if entry[0] == "run":
        return 0, ""
    if entry[1] in {"JOB_EXECUTED", "JOB_ERROR", "JOB_MISSED"}:
        return 1, str(entry[2]["job_id"])
    return 2, json.dumps(entry)


def same(theirs: Any, ours: Any) -> bool:
    """Return whether a value of 3.11.3 and ours stand for the same."""
    if theirs == ours:
        return True
    if type(theirs) is not type(ours):
        return False
    if isinstance(theirs, list):
        if theirs[:1] == ["raised"] == ours[:1]:
            return theirs[1][0] in ours[1]  # a subclass is caught by what catches 3.11.3's
        return len(theirs) == len(ours) and all(map(same, theirs, ours))
    if isinstance(theirs, dict):
        if "moment" in theirs and "moment" in ours:
            return _same_moment(theirs, ours)
        return theirs.keys() == ours.keys() and all(same(theirs[k], ours[k]) for k in theirs)
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
            differing = [key for key in theirs if not same(theirs[key], ours[key])]
            return f".{differing[0]}{_path(theirs[differing[0]], ours[differing[0]])}"
        if isinstance(theirs, list) and len(theirs) == len(ours):
            number = next(n for n, each in enumerate(theirs) if not same(each, ours[n]))
            return f"[]{_path(theirs[number], ours[number])}"
        if isinstance(theirs, list):
            return " longer" if len(theirs) > len(ours) else " shorter"
        return f" {type(theirs).__name__}"
    return f" {theirs if theirs is None else type(theirs).__name__} / {type(ours).__name__}"
