"""Make a program small that shows a difference: fewer steps, fewer arguments, the same group."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tools.fuzz.accepted import accepting
from tools.fuzz.comparing import first_difference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.fuzz.sides import Both

MOST_PLAYS = 90


def shrunk(
    both: Both, program: dict[str, Any], group: str, *, strict: bool = False
) -> dict[str, Any]:
    """Return a smaller program whose first difference is of the same group, and known as little.

    :param strict: whether what is still open counts as not known
    """
    first = first_difference(program, *both.play(program))
    if first is not None:
        program = program | {"steps": program["steps"][: first.step + 1]}
    plays = 0
    progress = True
    while progress and plays < MOST_PLAYS:
        progress = False
        for candidate in _smaller(program):
            plays += 1
            found = first_difference(candidate, *both.play(candidate))
            if found and found.group == group and accepting(found, strict=strict) is None:
                program, progress = candidate, True
                break
            if plays >= MOST_PLAYS:
                break
    return program


def _smaller(program: dict[str, Any]) -> Iterator[dict[str, Any]]:
    steps = program["steps"]
    size = len(steps) // 2
    while size:
        for first in range(1, len(steps), size):
            yield program | {"steps": steps[:first] + steps[first + size :]}
        size //= 2
    for position, step in enumerate(steps):
        for smaller in _smaller_steps(step):
            yield program | {"steps": [*steps[:position], smaller, *steps[position + 1 :]]}


def _smaller_steps(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a step with one entry of one of its dictionaries less."""
    for path, key in _entries(step, ()):
        smaller: Any = copy.deepcopy(step)
        place = smaller
        for each in path:
            place = place[each]
        del place[key]
        yield smaller
    if step.get("passes", 1) > 1:
        yield step | {"passes": step["passes"] - 1}


def _entries(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, dict):
        for key in value:
            if path and path[-1] in {"kwargs", "options", "gconfig", "job_defaults"}:
                yield path, key
        for key, each in value.items():
            yield from _entries(each, (*path, key))
    elif isinstance(value, list):
        for position, each in enumerate(value):
            yield from _entries(each, (*path, position))
