"""The line that says that a job has no further fire time: after the line of the run that was its last."""

from __future__ import annotations

import logging

from apscheduler.job import Job
from apscheduler.logs import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from apscheduler.runs.claims import Result


class LastPage:
    """The ledger of a plain job that was handed over for the last time: written as ever, and told behind it.

    Such a job runs without a claim, so that nothing else sees the end of its run.
    """

    __slots__ = ("_job", "_ledger", "_logger")

    def __init__(self, job: Job, logger: logging.Logger) -> None:
        self._job = job
        self._ledger = job._ledger
        self._logger = logger

    def executed(self, job: Any, fire: int, started: int, finished: int) -> None:
        """Write the outcome of a run that went well."""
        self._ledger.executed(job, fire, started, finished)
        self.turn()

    def write(self, job: Job, result: Result, attempt: int = 1) -> None:
        """Write any outcome; who tells it turns the page."""
        self._ledger.write(job, result, attempt)

    def turn(self) -> None:
        """Say that there is no further fire time."""
        self._job._ledger = self._ledger
        say_farewell(self._logger, self._job.id)


def say_farewell(logger: logging.Logger, job_id: str) -> None:
    """Say that a job has no further fire time."""
    say(logger, logging.INFO, "Job %s has no further fire time and was removed", job_id)


def bid_farewell(logger: logging.Logger, jobs: Iterable[Job], to_run: Iterable[Any]) -> None:
    """Say of each of these jobs that it has no further fire time, now or when its last run has been told.

    :param to_run: the claims and plain jobs of the same batch that are yet to be handed to their executors
    """
    items = {(item if isinstance(item, Job) else item.job).id: item for item in to_run}
    for job in jobs:
        item = items.get(job.id)
        if item is None:
            say_farewell(logger, job.id)
        elif item is job:
            job._ledger = LastPage(job, logger)
        else:
            item.sink.is_last(item)
