"""The ledger: every fire time of every job and what became of it."""

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
