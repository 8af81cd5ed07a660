"""Logs that a job has no further fire time, after the line of its last run."""

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
    """Takes the place of a plain job's ledger for its last run: passes the outcome on, then logs the job's end.

    A plain job runs without a claim, so nothing else sees the end of its run.
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
        """Write any outcome; the caller reports it, and calls :meth:`turn` afterwards."""
        self._ledger.write(job, result, attempt)

    def turn(self) -> None:
        """Give the job its ledger back, and log that there is no further fire time."""
        self._job._ledger = self._ledger
        say_farewell(self._logger, self._job.id)


def say_farewell(logger: logging.Logger, job_id: str) -> None:
    """Log that a job has no further fire time."""
    say(logger, logging.INFO, "Job %s has no further fire time and was removed", job_id)


def bid_farewell(logger: logging.Logger, jobs: Iterable[Job], to_run: Iterable[Any]) -> None:
    """Log for each of these jobs that it has no further fire time: now, or after its last run, if that is to come.

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
