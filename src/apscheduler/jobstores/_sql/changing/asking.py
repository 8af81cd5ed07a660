"""Keeps what is asked around a claim if methods of the store are someone else's (a subclass's, say).

The claim itself is still one transaction. First the rows that are due are read. Then ``get_due_jobs`` is asked, and
only rows of jobs that it returns are claimed, each only if it still is as it was read. After the COMMIT ``update_job``
is called for each job that was moved, and ``remove_job`` for each job that has ended; until then, such a job stays in
the table, paused.
"""

from __future__ import annotations

from apscheduler._engine.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from apscheduler.job import Job
    from apscheduler.triggers.base import BaseTrigger


class Ask(Record):
    """What one pass has asked someone else's methods, and what they have answered.

    :ivar hooks: names of the methods that are someone else's
    :ivar rows: the rows that were due before it asked, by id; ``None`` if no read method is someone else's
    :ivar jobs: the jobs that ``get_due_jobs`` has returned, by id
    :ivar offered: jobs with free runs, which our own ``get_due_jobs`` offers beside the due jobs
    :ivar is_offered: whether our own ``get_due_jobs`` was called, and so has offered them
    """

    __slots__ = ("hooks", "is_offered", "jobs", "offered", "rows")

    def __init__(self, hooks: frozenset[str]) -> None:
        self.hooks = hooks
        self.rows: dict[str, Sequence[Any]] | None = None
        self.jobs: dict[str, Job] = {}
        self.offered: dict[str, Job] = {}
        self.is_offered = False

    @property
    def updates(self) -> bool:
        """Whether ``update_job`` is called after the claim, and writes the job's bytes."""
        return "update_job" in self.hooks

    @property
    def removes(self) -> bool:
        """Whether a job that has ended is left for ``remove_job`` to remove."""
        return "remove_job" in self.hooks

    def due(self) -> list[Sequence[Any]] | None:
        """Return the rows that may be claimed, in the order of the answer; ``None`` if all may be."""
        rows = self.rows
        return None if rows is None else [rows[id] for id in self.jobs if id in rows]

    def permits(self, id: str) -> bool:
        """Return whether a free run of this job may be taken.

        It may be taken if the answer has the job. If our own method was not called, the job was not offered: then any
        job in the answer is enough.
        """
        if self.rows is None or id in self.jobs:
            return True
        return bool(self.jobs) and not self.is_offered

    def add_offered(self, jobs: list[Job]) -> list[Job]:
        """Return these due jobs, and after them the jobs that have free runs."""
        self.is_offered = True
        known = {job.id for job in jobs}
        return [*jobs, *(job for id, job in self.offered.items() if id not in known)]


class Moved(Record):
    """A job that a claim has moved or ended, and what the claim left in its row.

    :ivar blob: its bytes
    :ivar moment: the column ``next_run_time``
    :ivar ends: whether no fire time follows, so that ``remove_job`` is to remove it
    """

    __slots__ = ("blob", "ends", "generation", "job", "moment", "trigger")

    def __init__(
        self, job: Job, blob: bytes, moment: float | None, generation: int, *, ends: bool
    ) -> None:
        self.job = job
        self.blob = blob
        self.moment = moment
        self.generation = generation
        self.ends = ends
        self.trigger: BaseTrigger = job.trigger
