"""A job store over a dictionary, as others write theirs for 3.x."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any, cast

from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore, ConflictingIdError, JobLookupError

_PAUSED = datetime.max.replace(tzinfo=UTC)  # sorts behind every fire time


class DictStore(BaseJobStore):
    """A plain job store to test with: 3.x's eight methods over a dictionary, and nothing else. Added in 1.0.

    It knows nothing of claims and runs, so a scheduler treats it as it treats every store that someone else wrote.
    ``MemoryJobStore`` is none: claims and runs are its own. It passes
    :class:`~apscheduler.testing.contracts.PlainStoreContract`. It outlives its scheduler, as a database does.

    Subclass it for a store that counts, waits or fails: every method first calls :meth:`asked` with its own name::

        class Away(DictStore):
            def asked(self, method):
                raise ConnectionError("no route to host")

    :param copies: whether it keeps pickles, as stores in databases do. What it returns then are copies, and a job must
        be one that pickles. Without it the dictionary holds the jobs themselves.
    :ivar rows: what it holds, by job id
    """

    def __init__(self, *, copies: bool = False) -> None:
        self.rows: dict[str, Any] = {}
        self._copies = copies

    def asked(self, method: str) -> None:
        """Called first by each of the eight methods. What this raises, the method raises.

        :param method: its name, for example ``"get_due_jobs"``
        """

    def lookup_job(self, job_id: str) -> Job | None:
        self.asked("lookup_job")
        row = self.rows.get(job_id)
        return None if row is None else self._job_of(row)

    def get_due_jobs(self, now: datetime) -> list[Job]:
        self.asked("get_due_jobs")
        return [job for job in self._in_order() if _due(job) <= now]

    def get_next_run_time(self) -> datetime | None:
        self.asked("get_next_run_time")
        return next((job.next_run_time for job in self._in_order()), None)

    def get_all_jobs(self) -> list[Job]:
        self.asked("get_all_jobs")
        return self._in_order()

    def add_job(self, job: Job) -> None:
        self.asked("add_job")
        if job.id in self.rows:
            raise ConflictingIdError(job.id)
        self.rows[job.id] = self._row_of(job)

    def update_job(self, job: Job) -> None:
        self.asked("update_job")
        if job.id not in self.rows:
            raise JobLookupError(job.id)
        self.rows[job.id] = self._row_of(job)

    def remove_job(self, job_id: str) -> None:
        self.asked("remove_job")
        if self.rows.pop(job_id, None) is None:
            raise JobLookupError(job_id)

    def remove_all_jobs(self) -> None:
        self.asked("remove_all_jobs")
        self.rows.clear()

    def _in_order(self) -> list[Job]:
        """Return all jobs, those with the earliest fire time first, the paused ones last."""
        jobs = [self._job_of(row) for row in list(self.rows.values())]
        return sorted(jobs, key=lambda job: (_due(job), job.id))

    def _row_of(self, job: Job) -> Any:
        return pickle.dumps(job.__getstate__()) if self._copies else job

    def _job_of(self, row: Any) -> Job:
        """Return the job of a row, which is a copy where the row is a pickle."""
        if not self._copies:
            return cast(Job, row)
        job = Job.__new__(Job)
        job.__setstate__(pickle.loads(row))  # noqa: S301 - written by this very object
        job._scheduler, job._jobstore_alias = self._scheduler, self._alias
        return job


def _due(job: Job) -> datetime:
    try:
        return job.next_run_time or _PAUSED
    except Exception:  # noqa: BLE001 - a job of a user's own class that does not tell its time must not hide the others
        return _PAUSED
