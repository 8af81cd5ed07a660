"""Writes the table of a run's states on the claim protocol's page, from ``apscheduler.history.states``.

``python3 dev.py pages`` renews it; a test says so where the page is not what this makes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tools import ROOT

if TYPE_CHECKING:
    from apscheduler.history.states import Step

PAGE = ROOT / "docs/explanation/claim-protocol.md"
_BEGIN = "<!-- Made by `python3 dev.py pages` from apscheduler/history/states.py: change that, not this table. -->\n"
_END = "<!-- The end of the table. -->\n"


def page() -> str:
    """Return the page with the table that the source makes."""
    before, rest = PAGE.read_text("utf-8").split(_BEGIN)
    return before + _BEGIN + table() + _END + rest.split(_END)[1]


def write() -> None:
    """Write the table anew."""
    PAGE.write_text(page(), "utf-8")


def table() -> str:
    """Return the table: a line for each step."""
    head = ("from", "to", "who writes it", "what is compared")
    rows = [head, ("---",) * len(head), *map(_cells, _states().STEPS)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(step: Step) -> tuple[str, ...]:
    name_of = _states().name_of
    before = name_of(step.before) if step.before is None else f"`{name_of(step.before)}`"
    after = ", ".join(f"`{name_of(state)}`" for state in step.after)
    if len(step.after) > 1:
        after = f"final{step.remark}"
    return before, after, step.who, step.compared + ("; the token grows" if step.grows else "")


def _states() -> Any:
    """Return the module that has the table. It needs nothing that is not in the standard library."""
    sys.path.append(str(ROOT / "src"))
    try:
        from apscheduler.history import states
    finally:
        sys.path.pop()
    return states
