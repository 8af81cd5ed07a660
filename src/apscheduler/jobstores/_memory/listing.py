"""Keeps the jobs of a memory store in the order in which they are listed, instead of sorting them each time.

Sorting a million jobs costs six times as much as copying a sorted list. So the list is kept. A job is taken out before
its fire time changes (while it can still be found by it), and is put in again when the list is next read. The list is
not thread-safe: its store's lock guards it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from operator import attrgetter

from apscheduler.jobstores.base import due_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.job import Job

_MANY = 1000
"""Number of jobs out of the list beyond which it is cheaper to sort all of them anew."""

_order = attrgetter("_due", "id")


class Listing:
    """The sorted jobs, except those that have changed; nothing until it is read for the first time."""

    is_kept = False
    """Whether there is a list, which a change would put out of order."""

    def __init__(self) -> None:
        self._jobs: list[Job] | None = None
        self._out: dict[str, None] = {}

    def forget(self) -> None:
        """Drop the list: the next :meth:`read` sorts anew."""
        self._jobs = None
        self.is_kept = False
        self._out.clear()

    def will_change(self, job: Job) -> None:
        """Take a job out, before its fire time changes or it goes away."""
        if self._jobs is None or job.id in self._out:
            return
        at = bisect_left(self._jobs, _order(job), key=_order)
        if at < len(self._jobs) and self._jobs[at] is job:
            del self._jobs[at]
            self.entered(job)
        else:  # the job was changed behind the store's back
            self.forget()

    def entered(self, job: Job) -> None:
        """Take note of a job that is not in the list."""
        if self._jobs is not None:
            self._out[job.id] = None
            if len(self._out) > _MANY:
                self.forget()

    def read(self, jobs: dict[str, Job]) -> list[Job]:
        """Return all of ``jobs`` in order."""
        if self._jobs is None:
            self._jobs = due_order(jobs.values())
            self.is_kept = True
        else:
            for job_id in self._out:
                if job_id in jobs:
                    insort(self._jobs, jobs[job_id], key=_order)
        self._out.clear()
        return self._jobs.copy()
