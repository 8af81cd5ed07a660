"""The schedulers: hosts for the loop, and the public API."""

from __future__ import annotations


class SchedulerAlreadyRunningError(Exception):
    """The scheduler is running, or is being shut down, and this can only be done while it is not."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else "the scheduler is already running"


class SchedulerNotRunningError(Exception):
    """The scheduler is not running, and this can only be done while it is."""

    def __str__(self) -> str:
        return "the scheduler is not running"
