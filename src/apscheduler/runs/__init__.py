"""Runs: what travels from a store's claim to an executor and back, and the ledger in memory.

``asking.py`` asks a job for its due times and plans them. ``claims.py`` has claims and their results, ``context.py``
what a job knows about its own run. ``ledger.py`` is the ring of outcomes that stores without tables keep, ``memory.py``
how such a store writes and reads it, ``shown.py`` a row as users see it. ``failures.py`` puts exceptions into words,
``raised.py`` reads and sets their fields, ``errors.py`` has our own. ``codes.py`` matches outcomes and events. The
vocabulary is in ``history``.

States of a claim: open (some fire times have no outcome) → settled → released, which frees the job's instance.

Easy to get wrong: the first word about a fire time wins, whoever says it. ``Claim.take`` decides, and nothing else.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.history.outcomes import Outcome
    from apscheduler.history.rows import Run
    from apscheduler.runs.context import RunContext, current_run

__all__ = ["Outcome", "Run", "RunContext", "current_run"]

_HOMES = {
    "Outcome": "apscheduler.history.outcomes",
    "Run": "apscheduler.history.rows",
    "RunContext": "apscheduler.runs.context",
    "current_run": "apscheduler.runs.context",
}


def __getattr__(name: str) -> object:
    """Load a name when it is first asked for: most programs never ask."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
