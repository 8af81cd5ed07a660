"""The part of a scheduler that answers what users ask it. What answers is loaded when it is first asked."""

from __future__ import annotations

from apscheduler.history.outcomes import outcome_named
from apscheduler.jobstores.base import SharedJobStore
from apscheduler.schedulers._api.changing import JobOperations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta
    from typing import Any

    from apscheduler.cluster.nodes import Node
    from apscheduler.history.outcomes import Outcome
    from apscheduler.history.rows import Run
    from apscheduler.job import Job
    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.jobstores.base import Quarantined
    from apscheduler.schedulers.previews import SchedulePreview


class Questions(JobOperations):
    """What runs were, are and will be, what is wrong with stores, and jobs as files."""

    # -- runs --------------------------------------------------------------------------------------------

    def get_runs(
        self,
        job_id: str | None = None,
        jobstore: str | None = None,
        *,
        outcome: Outcome | str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        node: str | None = None,
        limit: int = 100,
    ) -> list[Run]:
        """Return what became of past fire times, newest first. Added in 1.0.

        :param job_id: only those of this job
        :param jobstore: only those of this store's jobs
        :param outcome: only those with this outcome (such as ``"missed"``)
        :param since: only fire times from this time on (aware, or in the scheduler's zone)
        :param until: only fire times before this time (aware, or in the scheduler's zone)
        :param node: only those claimed by the scheduler process of this name (see :meth:`nodes`)
        :param limit: how many at most
        :raises ValueError: for an outcome that does not exist, or a limit below 1
        :raises TypeError: for a ``since`` or ``until`` that is no datetime, a limit that is no whole number, or an id,
            alias or name that is no text
        :raises JobLookupError: if there is neither a job of this id nor any run of one
        :raises KeyError: if there is no such job store
        """
        from apscheduler.schedulers._api.history import runs_of

        wanted = None if outcome is None else outcome_named(outcome)
        return runs_of(self, job_id, jobstore, wanted, (since, until), node, limit)

    def get_running(self) -> list[Run]:
        """Return the runs that are queued or running now (their outcome is ``None``). Added in 1.0.

        Runs of shared stores are returned wherever they run, runs of other stores if they are in this process. Their
        ``state`` is ``"queued"`` or ``"running"`` (since ``started_at``) in this process, and ``"claimed"`` in another.
        """
        from apscheduler.schedulers._api.history import running

        return running(self)

    def nodes(self, jobstore: str | None = None) -> list[Node]:
        """Return the scheduler processes that share this scheduler's stores. Added in 1.0.

        :param jobstore: alias of the store to ask (default: all)
        """
        return [
            node
            for _, store in self._stores_asked(jobstore)
            if isinstance(store, SharedJobStore)
            for node in store.nodes()
        ]

    def _stores_asked(self, jobstore: str | None) -> list[tuple[str, Store]]:
        """Return the job stores that a question is about.

        :raises KeyError: if there is none of this alias
        :raises TypeError: for what cannot be an alias, such as a list of several
        """
        if jobstore is not None:
            self._check_alias(jobstore)
            self._lookup_jobstore(jobstore)
        return [each for each in self._claiming_stores() if jobstore in (None, each[0])]

    def _check_alias(self, jobstore: Any) -> None:
        try:
            hash(jobstore)
        except TypeError:
            known = ", ".join(map(repr, self._jobstores)) or "none"
            raise TypeError(
                f"jobstore is the alias of one job store, not {jobstore!r}; known are: {known}"
            ) from None

    def adopt_store(self, alias: str = "default") -> None:
        """Work on a store that is held, because it seems to be a copy or to be set back to an earlier state. Added in 1.0.

        Call this once it is certain that no other scheduler runs the same jobs. Fire times that are overdue then are
        treated as after any other outage, by ``misfire_grace_time`` and ``coalesce``.

        :param alias: of the job store
        :raises KeyError: if there is no such store
        """
        store = self._claiming_store(alias)
        if isinstance(store, SharedJobStore):
            store.adopt()

    def get_quarantined(self, jobstore: str | None = None) -> list[Quarantined]:
        """Return the stored jobs that cannot be restored, shown or run here now, each with its reason. Added in 1.0.

        They stay in their store and come back by themselves when what is missing is there again.

        :param jobstore: alias of the store to ask (default: all)
        """
        return [each for _, store in self._stores_asked(jobstore) for each in store.quarantined()]

    def outcome_counts(self) -> dict[Outcome, int]:
        """Return, by outcome, how many fire times the kept history accounts for. Added in 1.0."""
        totals: dict[Outcome, int] = {}
        for _, store in self._claiming_stores():
            for outcome, count in store.outcome_counts().items():
                totals[outcome] = totals.get(outcome, 0) + count
        return totals

    def _last_run(self, job: Job) -> Run | None:
        if job._jobstore_alias is None or job._jobstore_alias not in self._jobstores:
            return None
        return self._claiming_store(job._jobstore_alias).last_run(job)

    # -- what comes ----------------------------------------------------------------------------------------

    def preview(
        self,
        hours: float | timedelta = 24,
        *,
        start: datetime | None = None,
        jobstore: str | None = None,
        job_id: str | None = None,
        limit: int = 1000,
        locale: str = "en",
    ) -> SchedulePreview:
        """Return the fire times to come of all jobs, in order of time, with remarks. Added in 1.0.

        Before the scheduler's start they are those of the pending jobs. While it is paused, they are those that it
        would run if it were resumed. Jobs without any (paused jobs, jobs that wait for a start, jobs that cannot be
        restored or asked) are named in ``unplanned``, each with the reason.

        :param hours: how far to look ahead
        :param start: from when on (aware, or in the scheduler's zone); now if left out
        :param jobstore: alias of the store whose jobs to show (default: all)
        :param job_id: only the job of this id
        :param limit: how many fire times at most; ``truncated`` says whether it left some out
        :param locale: the language of the remarks
        :raises ValueError: for an unknown locale, or hours or a limit that are not positive
        :raises KeyError: if there is no such job store
        :raises JobLookupError: if there is no job of this id
        """
        from apscheduler.schedulers._api.previewing import preview_jobs

        self._pending_by = 0
        return preview_jobs(self, hours, start, jobstore, job_id, limit, locale)

    # -- files -----------------------------------------------------------------------------------------------

    def export_jobs(self, outfile: Any, jobstore: str | None = None) -> None:
        """Write jobs as JSON (3.11's format).

        :param outfile: a path or a text file object
        :param jobstore: alias of the store to export (default: all)
        :raises RuntimeError: if the scheduler is not running (pending jobs have no state to write yet)
        """
        from apscheduler.schedulers._api.transfer import export_jobs

        export_jobs(self, outfile, jobstore)

    def import_jobs(
        self, infile: Any, jobstore: str = "default", *, replace_existing: bool = False
    ) -> None:
        """Add jobs from a file that :meth:`export_jobs` (or 3.11) wrote.

        Such a file can name any callable and hold pickles: import only what you trust.

        :param infile: a path or a text file object
        :param jobstore: alias of the store to put them into
        :param replace_existing: whether they take the places of jobs with the same ids. Added in 1.0.
        :raises ConflictingIdError: if an id is taken; nothing was imported
        """
        from apscheduler.schedulers._api.transfer import import_jobs

        import_jobs(self, infile, jobstore, replace_existing=replace_existing)

    def to_ical(
        self,
        days: Any = 30,
        jobs: Iterable[Job | str] | None = None,
        jobstore: str | None = None,
        *,
        limit: int = 1000,
    ) -> str:
        """Return the coming runs as a calendar file (iCalendar, RFC 5545): write it as UTF-8. Added in 1.0.

        Runs that calendars drop, and those of paused jobs, are not in it.

        :param days: how far ahead: a number of days or a timedelta
        :param jobs: jobs or their ids (default: all)
        :param jobstore: alias of the store whose jobs are exported (default: all)
        :param limit: how many runs of one job at most; if some are left out, a log line and the last run say so
        :raises JobLookupError: if there is no such job
        :raises KeyError: if there is no such store
        :raises TypeError, ValueError: for arguments that are not right
        """
        from apscheduler.schedulers._api.ical import to_ical

        self._pending_by = 0
        return to_ical(self, days, jobs, jobstore, limit)
