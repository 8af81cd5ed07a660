"""The contracts of job stores, in two tiers.

``BaseJobStore``    3.x's eight methods; what third-party stores implement. ``KeepingJobStore`` is one that keeps the jobs
                    it cannot restore: the built-in stores for one process (Redis, etcd, ZooKeeper and others).
``SharedJobStore``  adds the claim: due jobs become runs and get their next fire time in one atomic step, outcomes are
                    settled in the ledger beside the jobs. The memory and SQL stores are of this tier. Ask with
                    ``isinstance``, never with ``hasattr``: a mock has every attribute.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter

from apscheduler._engine.instants import AT_NEXT_START
from apscheduler._engine.records import Record
from apscheduler.elsewhere import names_of_3x
from apscheduler.jobstores._requests import ClaimBatch as ClaimBatch  # noqa: PLC0414 - of the contract, so exported
from apscheduler.jobstores._requests import ClaimRequest as ClaimRequest  # noqa: PLC0414 - likewise
from apscheduler.jobstores.standing import Standing
from apscheduler.logs import logger_named
from apscheduler.runs.raised import as_it_is
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.cluster.leading import LeaderLock
    from apscheduler.cluster.nodes import Node
    from apscheduler.history.outcomes import Outcome
    from apscheduler.history.rows import Run, RunQuery
    from apscheduler.job import Job
    from apscheduler.jobstores.standing import Change, Revise
    from apscheduler.runs.claims import Claim, Result


class JobLookupError(KeyError):
    """The job store has no job of this id."""

    __reduce__ = as_it_is

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job with the id {job_id!r} was found")
        self.job_id = job_id


class QuarantinedJobError(JobLookupError):
    """The job is in the store, but cannot be restored now, so it cannot be changed. Added in 1.0.

    :ivar reason: why, in words
    """

    def __init__(self, job_id: str, reason: str) -> None:
        KeyError.__init__(
            self,
            f"the job with the id {job_id!r} is quarantined and cannot be changed ({line(reason)}); mend what "
            "this names, or remove the job, or add it again with replace_existing=True",
        )
        self.job_id = job_id
        self.reason = reason


class UnknownJobError(JobLookupError):
    """There is no job of this id, and no run of one that had it is kept. Added in 1.0."""

    def __init__(self, job_id: str, near: str | None = None) -> None:
        meant = f"; did you mean {near!r}?" if near else ""
        KeyError.__init__(
            self, f"there is no job with the id {job_id!r}, and no run of one is kept{meant}"
        )
        self.job_id = job_id


class ConflictingIdError(KeyError):
    """The job store already has a job of this id."""

    __reduce__ = as_it_is

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"there already is a job with the id {job_id!r}; "
            "choose another id or pass replace_existing=True"
        )
        self.job_id = job_id


class TransientJobError(ValueError):
    """The job cannot be kept in a persistent store: there is no importable reference to its callable."""

    __reduce__ = as_it_is

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"job {job_id!r} cannot be written to this job store: its callable has no importable name; "
            "use a function of a module, or a text like 'module:function'"
        )
        self.job_id = job_id


class BaseJobStore(metaclass=ABCMeta):
    """Abstract base class of all job stores: 3.x's contract."""

    _scheduler: Any = None
    _alias: str | None = None
    _logger = logger_named("apscheduler.jobstores")

    def start(self, scheduler: Any, alias: str) -> None:
        """Called by the scheduler when it starts, or when the store is added to a running one.

        :param scheduler: the scheduler that is starting this store
        :param alias: alias of this store as it was assigned to the scheduler
        """
        self._scheduler = scheduler
        self._alias = alias
        self._logger = logger_named(f"apscheduler.jobstores.{alias}")

    def shutdown(self) -> None:
        """Free any resources still bound to this store."""

    def _fix_paused_jobs_sorting(self, jobs: list[Job]) -> None:
        """Move the paused jobs from the head to the end of a list that was sorted by next run time."""
        for position, job in enumerate(jobs):
            if job.next_run_time is not None:
                if position:
                    jobs[:] = jobs[position:] + jobs[:position]
                return

    @abstractmethod
    def lookup_job(self, job_id: str) -> Job | None:
        """Return the job of this id, ``None`` if there is none."""

    @abstractmethod
    def get_due_jobs(self, now: datetime) -> list[Job]:
        """Return the jobs whose ``next_run_time`` is at or before ``now``, in its order."""

    @abstractmethod
    def get_next_run_time(self) -> datetime | None:
        """Return the earliest ``next_run_time``, ``None`` if no job has one."""

    @abstractmethod
    def get_all_jobs(self) -> list[Job]:
        """Return all jobs in the order of their ``next_run_time``, the paused ones last."""

    @abstractmethod
    def add_job(self, job: Job) -> None:
        """Add the job.

        :raises ConflictingIdError: if there is a job of this id
        """

    @abstractmethod
    def update_job(self, job: Job) -> None:
        """Replace the stored job by this newer version.

        :raises JobLookupError: if it is not there
        """

    @abstractmethod
    def remove_job(self, job_id: str) -> None:
        """Remove the job.

        :raises JobLookupError: if it is not there
        """

    @abstractmethod
    def remove_all_jobs(self) -> None:
        """Remove all jobs."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Quarantined(Record):
    """A stored job that cannot be restored or run here now. It is kept, and comes back when it can.

    :ivar job_id: its identifier
    :ivar jobstore: alias of its store
    :ivar reason: why, in words
    :ivar next_run_time: when it would be due (aware; in the zone of its trigger, or else of the scheduler), ``None`` if it
        is paused, or if that cannot be told
    :ivar is_paused: whether it is paused
    :ivar name: its name; ``None``, as for the two below, where not even that can be read
    :ivar trigger: its trigger in words
    :ivar func: the reference to its function
    """

    __slots__ = (
        "func",
        "is_paused",
        "job_id",
        "jobstore",
        "name",
        "next_run_time",
        "reason",
        "trigger",
    )

    def __init__(
        self,
        job_id: str,
        jobstore: str,
        reason: str,
        next_run_time: datetime | None,
        name: str | None = None,
        trigger: str | None = None,
        func: str | None = None,
        *,
        is_paused: bool = False,
    ) -> None:
        self.is_paused = is_paused
        self.name = name
        self.trigger = trigger
        self.func = func
        self.job_id = job_id
        self.jobstore = jobstore
        self.reason = reason
        self.next_run_time = next_run_time


class KeepingJobStore(BaseJobStore):
    """A plain store that keeps the jobs it cannot restore, in quarantine. Added in 1.0."""

    def look_as(self, scheduler: Any, alias: str) -> None:
        """Take note of whose store this is before it is started, because it may be read before."""
        if self._scheduler is None:
            self._scheduler, self._alias = scheduler, alias

    @abstractmethod
    def quarantined(self) -> list[Quarantined]:
        """Return the jobs that could not be restored when they were last tried, each with its reason."""

    @abstractmethod
    def why_quarantined(self, job_id: str) -> str | None:
        """Return why this job cannot be restored now, ``None`` if it can, or is not there."""

    @abstractmethod
    def tell_quarantined(self) -> None:
        """Log and dispatch, once each, which due jobs could not be restored; called with no lock held."""

    @abstractmethod
    def retry_after(self) -> float | None:
        """Return the seconds until a due job that could not be restored is tried again, ``None`` if there is none."""


class SharedJobStore(BaseJobStore):
    """A store that claims: abstract base class of the built-in stores.

    ``settle``, ``release`` and ``give_back`` are called in event loops too, so they do no I/O of their own: what they
    are told is kept and written soon, by another thread.

    :cvar retry_interval: seconds until it is asked again after it failed, where that is less than the scheduler's
        ``jobstore_retry_interval``; ``None``: always the scheduler's
    :cvar paced: whether it leaves to others what the scheduler's executors cannot start soon
    :cvar claims: whether it does claim; one that does not is used as a plain store
    """

    claims = True
    retry_interval: float | None = None
    paced = False

    def look_as(self, scheduler: Any, alias: str) -> None:
        """Take note of whose store this is before it is started, because it may be read before."""
        if self._scheduler is None:
            self._scheduler, self._alias = scheduler, alias

    def complete_start(self, scheduler: Any, alias: str) -> None:
        """Called by the scheduler after ``start``, as a subclass's ``start`` may have left out what the store needs."""

    @abstractmethod
    def claim_due(self, request: ClaimRequest) -> ClaimBatch:
        """Turn due jobs into claims, and move their next fire times, in one atomic step.

        A fire time is claimed once, whoever asks and however often. If this raises, what was claimed before is in
        ``request.batch``, or becomes part of a later answer.
        """

    @abstractmethod
    def settle(self, claim: Claim, result: Result) -> None:
        """Write the outcome of one fire time of a claim into the ledger."""

    @abstractmethod
    def release(self, claim: Claim) -> None:
        """Free the instance slot of a claim whose fire times are all settled."""

    @abstractmethod
    def next_due(self) -> int | None:
        """Return the instant at which to claim again (microseconds UTC), ``None`` if nothing is scheduled."""

    def look_within(self) -> int | None:
        """Return the microseconds after which to look for changes by other processes, ``None`` if there can be none."""
        return None

    @abstractmethod
    def modify_job(self, job: Job, approved: dict[str, Any]) -> None:
        """Set attributes that :meth:`Job._checked` approved, and the job's place, in one atomic step.

        A ``next_run_time`` among them was named by a user: the job runs then, even if it ran at that instant before.

        :raises JobLookupError: if the job is not there any more
        """

    def edit_job(self, job: Job, change: Change) -> bool:
        """Set the attributes that ``change`` returns for the stored job, only if that job has not changed by then.

        :param change: called with the job's standing, under no lock, and again if the job was claimed or changed
            meanwhile; returns approved attributes, or ``None`` to leave the job alone
        :return: whether the job was changed
        :raises JobLookupError: if the job is not there any more
        """
        approved = change(Standing(job))
        if approved is not None:
            self.modify_job(job, approved)
        return approved is not None

    def replace_job(self, job: Job, revise: Revise) -> None:
        """Replace the stored job by this newer version, only if it is still what ``revise`` saw.

        :param revise: called with the standing of the stored job, under no lock, and again if that was claimed or
            changed meanwhile; gives ``job`` its next fire time
        :raises JobLookupError: if it is not there
        """
        stored = self.lookup_job(job.id)
        if stored is not None:
            revise(Standing(stored))
        self.update_job(job)

    def end_job(self, job: Job) -> None:
        """Remove the stored job of this job's id because it has come to its end, not because a user has said so.

        Runs of it that wait or are at work go on.

        :raises JobLookupError: if it is not there
        """
        self.remove_job(job.id)

    def knows(self, job_id: str) -> bool:
        """Return whether there is a job of this id, or the store remembers that there was. Added in 1.0."""
        return self.lookup_job(job_id) is not None or self.why_quarantined(job_id) is not None

    def clock_offset(self) -> int:
        """Return the microseconds from this host's clock to the one that says when jobs are due; 0 if it is that."""
        return 0

    @abstractmethod
    def runs(self, query: RunQuery) -> list[Run]:
        """Return rows of the ledger, newest first."""

    @abstractmethod
    def last_run(self, job: Job) -> Run | None:
        """Return the newest outcome of a job that the ledger still holds."""

    @abstractmethod
    def outcome_counts(self) -> dict[Outcome, int]:
        """Return how many fire times the ledger's rows account for, by outcome."""

    def add_jobs(self, jobs: Sequence[Job], *, replace: bool = False) -> None:
        """Add several jobs in one step, all of them or none.

        :param replace: whether they replace jobs of the same id
        :raises ConflictingIdError: if an id is taken (and ``replace`` is not set), or given twice
        """
        raise NotImplementedError

    def waiting_for_start(self) -> list[Job]:
        """Return the jobs that wait for the next start of a scheduler (``@reboot``)."""
        return [job for job in self.get_all_jobs() if job._due == AT_NEXT_START]

    def give_back(self, claim: Claim) -> bool:
        """Let others claim what was claimed here but not started; ``False`` if this store has no others."""
        return False

    def withdraw(self) -> None:
        """Start nothing more, and let others have what was claimed here and has not begun. Undone by a new start."""

    def last_word(self) -> None:
        """Sign off now, because the process ends: close or free the runs here that end with it."""

    def tell_trouble(self, text: str, exc: Exception) -> bool:
        """Log a failure in one line if that says all (the server is away, say); at most one per cause in ten seconds.

        :param text: what failed; the cause follows it
        :returns: ``False`` if one line does not say all; then nothing was logged
        """
        return False

    def leader_lock(self) -> LeaderLock | None:
        """Return the lock that one of the processes sharing this store can hold; ``None`` where none share it."""
        return None

    def nodes(self) -> list[Node]:
        """Return the scheduler processes that claim from this store."""
        return []

    def adopt(self) -> None:
        """Accept the store as it is, if it is held because it is a copy or was set back."""

    def live_runs(self) -> list[Run]:
        """Return the runs that are claimed or running on any node."""
        return []

    def quarantined(self) -> list[Quarantined]:
        """Return the jobs that cannot be restored or shown now, each with its reason."""
        return unshowable(self.get_all_jobs(), str(self._alias))

    def why_quarantined(self, job_id: str) -> str | None:
        """Return why this job cannot be restored now, ``None`` if it can, or is not there."""
        return None


def unshowable(jobs: Iterable[Job], alias: str) -> list[Quarantined]:
    """Return those of a store's jobs whose next fire time cannot be told, each with its reason."""
    found: list[Quarantined] = []
    for job in jobs:
        try:
            job.next_run_time  # noqa: B018 - a property of a class of anyone's
        except Exception as exc:  # noqa: BLE001 - as above: whatever it raises
            reason = line(f"its next_run_time cannot be told: {type(exc).__name__}: {exc}")
            found.append(Quarantined(job.id, alias, reason, None))
    return found


def due_order(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs by next fire time and, within it, by id: the order in which 3.x lists them."""
    return sorted(jobs, key=attrgetter("_due", "id"))


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
