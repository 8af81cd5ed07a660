"""The ledger: every fire time of every job and what became of it."""

from apscheduler.runs.context import RunContext, current_run
from apscheduler.runs.outcomes import Outcome, Run

__all__ = ["Outcome", "Run", "RunContext", "current_run"]
