"""The part of a scheduler that finds jobs, pending or stored."""

from __future__ import annotations

import sys

from apscheduler.jobstores.base import JobLookupError, QuarantinedJobError, SharedJobStore
from apscheduler.schedulers._api.pending import PendingJobs
from apscheduler.schedulers._states import STATE_STOPPED
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.job import Job


class JobFinding(PendingJobs):
    """Finding jobs: before the start among the pending ones, afterwards in the stores."""

    def get_job(self, job_id: str, jobstore: str | None = None) -> Job | None:
        """Return the job of this id, ``None`` if there is none.

        :param jobstore: alias of the store to look in (default: all)
        """
        try:
            return self._lookup_job(job_id, jobstore)[0]
        except JobLookupError:
            return None

    def get_jobs(self, jobstore: str | None = None, pending: bool | None = None) -> list[Job]:
        """Return the jobs, by next run time within each store; before the start, the pending ones.

        :param jobstore: alias of the store to list (default: all)
        :param pending: ignored, as in 3.x
        """
        if self.state == STATE_STOPPED:
            return [job for job, _, _ in self._listed_pending(jobstore)]
        lists = [
            self._adopted(store.get_all_jobs(), alias)
            for alias, store in self._claiming_stores()
            if jobstore in (None, alias)
        ]
        return lists[0] if len(lists) == 1 else [job for jobs in lists for job in jobs]

    def _adopted(self, jobs: list[Job], alias: str) -> list[Job]:
        """Return jobs of a store, each with its scheduler and store set (shared stores do that themselves)."""
        if isinstance(self._jobstores.get(alias), SharedJobStore):
            return jobs
        for job in jobs:
            if job._jobstore_alias is None:
                job._scheduler, job._jobstore_alias = self, alias
        return jobs

    def _lookup_job(self, job_id: str, jobstore_alias: str | None) -> tuple[Job, str | None]:
        """Return the job and the alias of its store (``None`` for a pending job).

        :raises JobLookupError: if there is none
        """
        if self.state == STATE_STOPPED:
            job = self._pending_entry(job_id, jobstore_alias)[0]
            return job, job._jobstore_alias
        for alias, store in self._claiming_stores():
            if jobstore_alias in (None, alias):
                found = store.lookup_job(job_id)
                if found is not None:
                    return self._adopted([found], alias)[0], alias
        raise JobLookupError(job_id)

    def _job_to_change(self, job_id: str, jobstore_alias: str | None) -> tuple[Job, str | None]:
        """Return what :meth:`_lookup_job` returns.

        :raises QuarantinedJobError: if the job is there but cannot be restored
        :raises JobLookupError: if there is none
        """
        try:
            return self._lookup_job(job_id, jobstore_alias)
        except JobLookupError:
            if self.state != STATE_STOPPED:
                for alias, store in self._claiming_stores():
                    if jobstore_alias in (None, alias):
                        reason = store.why_quarantined(job_id)
                        if reason is not None:
                            raise QuarantinedJobError(job_id, reason) from None
            raise

    def print_jobs(self, jobstore: str | None = None, out: Any = None) -> None:
        """Print a table of the jobs by store.

        :param jobstore: alias of the store to list (default: all)
        :param out: a file-like object (default: standard output)
        """
        from apscheduler.schedulers._api.listing import line_of, lines_of

        out = out or sys.stdout
        lines: list[str] = []
        if self.state == STATE_STOPPED:
            self._pending_by = 0
            lines.append("Pending jobs:")
            jobs = self.get_jobs(jobstore)
            lines.extend(map(line_of, jobs))
            if not jobs and not self._pending_jobs:
                lines.append("    No pending jobs")
        else:
            for alias, store in sorted(self._claiming_stores()):
                if jobstore in (None, alias):
                    lines.append(line(f"Jobstore {alias}:"))
                    lines.extend(lines_of(store) or ["    No scheduled jobs"])
        for each in lines:
            print(each, file=out)
