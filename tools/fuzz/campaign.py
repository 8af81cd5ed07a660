"""Play many programs on both sides, and report what differs and stands on no line of the page."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from tools.fuzz import oddities
from tools.fuzz.accepted import OPEN, accepting, table
from tools.fuzz.comparing import Difference, first_difference
from tools.fuzz.generator import program as program_of
from tools.fuzz.shrinking import shrunk
from tools.fuzz.sides import Both

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

MOST_ACCEPTED = 5
"""How often a program goes on without what an accepted difference comes from."""
_EDITS = ("add_job", "modify_job", "reschedule_job")


class Found(NamedTuple):
    """A difference that nobody has accepted, and the program that shows it."""

    program: dict[str, Any]
    difference: Difference


class Report:
    """What a campaign has seen."""

    def __init__(self) -> None:
        self.programs = 0
        self.steps = 0
        self.seconds = 0.0
        self.accepted: Counter[str] = Counter()
        self.groups: dict[str, list[Found]] = {}

    def add(self, found: Found) -> None:
        self.groups.setdefault(found.difference.group, []).append(found)

    def __add__(self, other: Report) -> Report:
        both = Report()
        both.programs = self.programs + other.programs
        both.steps = self.steps + other.steps
        both.accepted = self.accepted + other.accepted
        for each in (self, other):
            for group, found in each.groups.items():
                both.groups.setdefault(group, []).extend(found)
        return both


def run(
    both: Both,
    seeds: Iterable[int],
    seconds: float | None = None,
    *,
    strict: bool = False,
    make: Callable[[int], dict[str, Any]] = program_of,
) -> Report:
    """Play the programs of seeds, for at most a number of seconds.

    :param strict: whether what is known and still open is reported, too
    :param make: returns the program of a seed
    """
    report = Report()
    began = time.monotonic()
    for seed in seeds:
        if seconds is not None and time.monotonic() - began > seconds:
            break
        found = examined(both, make(seed), report, strict=strict)
        if found is not None:
            report.add(found)
    report.seconds = time.monotonic() - began
    return report


def run_side_by_side(
    pairs: Sequence[Both],
    seeds: Sequence[int],
    seconds: float | None = None,
    *,
    strict: bool,
    make: Callable[[int], dict[str, Any]] = program_of,
) -> Report:
    """Do what :func:`run` does with several pairs of processes, each of which plays its share of the seeds."""
    began = time.monotonic()
    with ThreadPoolExecutor(len(pairs)) as pool:
        parts = [
            pool.submit(run, both, seeds[number :: len(pairs)], seconds, strict=strict, make=make)
            for number, both in enumerate(pairs)
        ]
        report = sum((part.result() for part in parts), Report())
    report.seconds = time.monotonic() - began
    return report


def examined(
    both: Both, program: dict[str, Any], report: Report, *, strict: bool = False
) -> Found | None:
    """Return a program's first difference that is not accepted; beyond accepted ones it goes on without their cause.

    What comes of an accepted one may show first in a program that does not look: it is played again and looks.
    """
    report.programs += 1
    report.steps += len(program["steps"])
    for _ in range(MOST_ACCEPTED):
        difference = first_difference(program, *both.play(program))
        if difference is None:
            return None
        known = accepting(difference, strict=strict)
        if known is None:
            looking = program | {"look": True, "watch": True}
            earlier = first_difference(looking, *both.play(looking))
            known = None if earlier is None else accepting(earlier, strict=strict)
            if earlier is None or known is None:
                return Found(program, difference)
            program, difference = looking, earlier
        report.accepted[known.name] += 1
        without = _without_cause(program, difference)
        if len(without["steps"]) == len(program["steps"]):
            return None
        program = without
    return None


def _without_cause(program: dict[str, Any], difference: Difference) -> dict[str, Any]:
    """Return the program without the step that differs, or without the job that differs in a pass."""
    what = difference.what
    steps = program["steps"]
    if what["do"] in {"advance", "follow"} or what.get("name") in {"start", "resume"}:
        ids = _ids(difference)
        kept = [step for step in steps if not ids.intersection(_ids_of_step(step))]
    else:
        kept = [step for position, step in enumerate(steps) if position != difference.step]
    return program | {"steps": kept}


def _ids(difference: Difference) -> set[str]:
    """Return the ids of the jobs that the entries tell of."""
    found = set()
    for entry in (difference.theirs, difference.ours):
        if entry[0] == "event" and "job_id" in entry[2]:
            found.add(entry[2]["job_id"])
    listed = [
        {json.dumps(job) for job in entry[2]} if entry[0] == "jobs" else set()
        for entry in (difference.theirs, difference.ours)
    ]
    return found | {json.loads(job)[0] for job in listed[0] ^ listed[1]}


def _ids_of_step(step: dict[str, Any]) -> Iterator[Any]:
    if step["do"] == "decorate" or step.get("name") in _EDITS:
        given = step["kwargs"].get("id", *step.get("args", [])[:1] or [None])
        yield given if isinstance(given, str) else None


def text(both: Both, report: Report, *, shrink: bool = True, strict: bool = False) -> Iterator[str]:
    """Yield the lines of a report.

    :param strict: whether it was made so
    """
    differing = sum(map(len, report.groups.values()))
    still_open = {each.name for each in table(OPEN)}
    yield (
        f"{report.programs:,} programs, {report.steps:,} steps, {report.seconds:.0f} s: "
        f"{differing} with a difference that nothing lists"
    )
    for name, count in report.accepted.most_common():
        yield f"  {count:6,} {name}{' (open)' if name in still_open else ''}"
    for group, found in sorted(report.groups.items(), key=lambda each: -len(each[1])):
        seeds = [each.program["seed"] for each in found[:6]]
        yield f"\n{len(found)} times {group}; seeds {', '.join(map(str, seeds))}"
        smallest = min(found, key=lambda each: len(each.program["steps"]))
        program = smallest.program
        if shrink:
            program = shrunk(both, program, group, strict=strict)
        yield from shown(program, first_difference(program, *both.play(program)))


def shown(program: dict[str, Any], difference: Difference | None) -> Iterator[str]:
    """Yield a program's steps and its difference."""
    yield f"    now {program['now']}, look {program['look']}, watch {program['watch']}"
    last = len(program["steps"]) if difference is None else difference.step + 1
    for step in program["steps"][:last]:
        yield f"    {json.dumps(step, ensure_ascii=False)}"
    if difference is not None:
        yield f"    3.11.3: {json.dumps(difference.theirs, ensure_ascii=False)}"
        yield f"    ours:   {json.dumps(difference.ours, ensure_ascii=False)}"


def main(options: argparse.Namespace, reference: Path, ours: Path) -> int:
    """Run what ``dev.py fuzz`` was asked for, and return its exit status."""
    with ExitStack() as stack:
        pairs = [stack.enter_context(Both(reference, ours)) for _ in range(options.jobs)]
        both = pairs[0]
        if options.play is not None:
            program = program_of(options.play)
            difference = first_difference(program, *both.play(program))
            known = None if difference is None else accepting(difference)
            print(*shown(program, difference), sep="\n")
            print(
                f"    known as: {known.name}" if known else "    nothing lists it, or there is none"
            )
            return 0
        make: Callable[[int], dict[str, Any]] = program_of
        seeds = range(options.seed, options.seed + options.count)
        if options.odd:
            odd = list(oddities.programs())
            seeds, make = range(len(odd)), odd.__getitem__
        report = run_side_by_side(pairs, seeds, options.seconds, strict=options.strict, make=make)
        for line in text(both, report, shrink=not options.quick, strict=options.strict):
            print(line, flush=True)
    return 1 if report.groups else 0
