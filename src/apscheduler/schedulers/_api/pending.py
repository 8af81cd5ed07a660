"""Keeps the jobs that wait for the scheduler's start, and puts them into their stores then.

waiting    the job is in ``_pending_jobs``, 3.x's list, and is found by id in ``_pending_index``
arriving   a start is storing the jobs, and has not stored all of them; listeners that are told of one find the others
left       the job could not be stored, or was not tried because a Ctrl-C came; it waits again
"""

from __future__ import annotations

from contextlib import suppress
from itertools import chain, groupby
from os import getpid

from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.schedulers._api.triggers import TriggerMaking
from apscheduler.schedulers._overridden import is_ours
from apscheduler.schedulers._start.environment import is_by_script
from apscheduler.schedulers._states import STATE_STOPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from apscheduler.job import Job

    Entry = tuple[Job, str, bool]


class PendingJobs(TriggerMaking):
    """The part of a scheduler that keeps the jobs that wait for its start.

    An entry is a job, its store's alias, and whether it replaces another job.
    """

    _pending_index: dict[tuple[str, str], Job]
    _pending_by = 0
    """Id of the process whose main script added the first waiting job, for a warning if it never calls ``start()``.

    0 if other code added it, or if the program has called ``start()`` or looked at the waiting jobs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pending_index = {}
        self._arriving: dict[int, Entry] = {}

    # -- what waits ---------------------------------------------------------------------------------------

    def _add_pending(self, job: Job, alias: str, replace_existing: bool) -> None:
        if not self._pending_jobs:
            self._pending_by = getpid() if is_by_script() else 0
        with self._jobstores_lock:
            taken = self._pending_index.get((alias, job.id))
            if taken is not None and any(taken is entry[0] for entry in self._pending_jobs):
                if not replace_existing:
                    raise ConflictingIdError(job.id)
                self._pending_jobs[:] = [
                    each for each in self._pending_jobs if each[0] is not taken
                ]
            self._pending_jobs.append((job, alias, replace_existing))
            self._pending_index[alias, job.id] = job
        self._logger.info("Job %s waits for the scheduler's start", job.id)

    def _listed_pending(self, jobstore: str | None) -> Iterator[Entry]:
        """Yield the entries of a store (``None``: of all stores); those that a start is storing come first."""
        for entry in chain(list(self._arriving.values()), list(self._pending_jobs)):
            if jobstore in (None, entry[1]):
                yield entry

    def _pending_entry(self, job_id: str, jobstore: str | None) -> Entry:
        """Return the entry of this id; its job has a ``_jobstore_alias`` once it is stored.

        :raises JobLookupError: if there is none
        """
        for entry in self._listed_pending(jobstore):
            if entry[0].id == job_id:
                return entry
        raise JobLookupError(job_id)

    def _remove_pending(self, job_id: str, jobstore: str | None) -> str:
        """Remove the job of this id, and return its store's alias.

        :raises JobLookupError: if there is none
        """
        entry = self._pending_entry(job_id, jobstore)
        self._forget_pending([entry])
        return entry[1]

    def _remove_all_pending(self, jobstore: str | None) -> None:
        self._forget_pending(list(self._listed_pending(jobstore)))

    def _forget_pending(self, entries: list[Entry]) -> None:
        """Remove entries; a job that a start has stored already is removed from its store too."""
        gone = {id(job) for job, _, _ in entries}
        with self._jobstores_lock:
            self._pending_jobs[:] = [each for each in self._pending_jobs if id(each[0]) not in gone]
            for job, alias, _ in entries:
                self._arriving.pop(id(job), None)
                if self._pending_index.get((alias, job.id)) is job:
                    del self._pending_index[alias, job.id]
        for job, alias, _ in entries:
            if job._jobstore_alias is not None:
                with suppress(JobLookupError):
                    self._claiming_store(alias).remove_job(job.id)

    # -- the start ----------------------------------------------------------------------------------------

    def _add_pending_jobs(self, alias: str | None = None) -> None:
        """Store the waiting jobs, all of them or those for one store, and those that listeners add meanwhile.

        A job that cannot be stored goes on waiting, and the others are stored all the same. Then the first error is
        raised.
        """
        first_error: Exception | None = None
        left: dict[int, Entry] = {}
        try:
            while waiting := self._take_pending(alias, left):
                error = self._add_waiting(waiting, left)
                first_error = first_error or error
        finally:
            self._wait_again(left)
        if first_error is not None:
            raise first_error

    def _take_pending(self, alias: str | None, left: dict[int, Entry]) -> list[Entry]:
        """Take the waiting jobs off the list, put them into ``left``, and return them."""
        with self._jobstores_lock:
            taken = [each for each in self._pending_jobs if alias in (None, each[1])]
            left.update((id(each[0]), each) for each in taken)
            self._pending_jobs[:] = [
                each for each in self._pending_jobs if alias not in (None, each[1])
            ]
            for job, store_alias, _ in taken:
                self._pending_index.pop((store_alias, job.id), None)
            if self.state == STATE_STOPPED:
                self._arriving.update((id(each[0]), each) for each in taken)
        return taken

    def _wait_again(self, left: dict[int, Entry]) -> None:
        """Put the jobs of ``left`` that are in no store back onto the list, unless a listener has removed them."""
        with self._jobstores_lock:
            entries = [
                entry
                for entry in left.values()
                if self._is_wanted(entry) and entry[0]._jobstore_alias is None
            ]
            self._arriving.clear()
            self._pending_jobs[:0] = entries
            for job, store_alias, _ in entries:
                self._pending_index.setdefault((store_alias, job.id), job)

    def _add_waiting(self, waiting: list[Entry], left: dict[int, Entry]) -> Exception | None:
        """Add what can be added, and take it out of ``left``; return the first error."""
        if not is_ours(self._real_add_job):
            return self._add_one_by_one(waiting, left)
        first_error: Exception | None = None
        for neighbouring in neighbours(waiting):
            group = [each for each in neighbouring if self._is_wanted(each)]
            if not group:
                continue
            try:
                self._real_add_jobs(group)
            except Exception:  # noqa: BLE001 - one of them is wrong: the others are added without it
                error = self._add_one_by_one(group, left)
                first_error = first_error or error
            else:
                for job, _, _ in group:
                    del left[id(job)]
        return first_error

    def _add_one_by_one(self, group: list[Entry], left: dict[int, Entry]) -> Exception | None:
        """Add what can be added, and take it out of ``left``; return the first error."""
        first_error: Exception | None = None
        for entry in group:
            if not self._is_wanted(entry):
                continue
            try:
                self._real_add_job(*entry)
            except Exception as exc:  # noqa: BLE001 - the others are added without it
                first_error = first_error or exc
                from apscheduler.schedulers._store_calls import say_trouble

                text = f"Pending job {entry[0].id} could not be added"
                say_trouble(self._logger, self._jobstores.get(entry[1]), text, exc)
            else:
                del left[id(entry[0])]
        return first_error

    def _is_wanted(self, entry: Entry) -> bool:
        """Return whether a job is still to be stored; ``False`` if a listener has removed it meanwhile."""
        return self.state != STATE_STOPPED or id(entry[0]) in self._arriving


def neighbours(entries: list[Entry]) -> list[list[Entry]]:
    """Return the entries in groups of neighbours that have the same store, and all replace others or none does."""
    return [list(group) for _, group in groupby(entries, key=lambda entry: entry[1:])]
