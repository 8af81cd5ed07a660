"""The contracts of job stores, in two tiers.

``BaseJobStore``    3.x's eight methods; what third-party stores implement.
``SharedJobStore``  adds the claim: due jobs become runs and get their next fire time in one atomic step, outcomes are
                    settled in the ledger beside the jobs. All built-in stores are of this tier. Ask with
                    ``isinstance``, never with ``hasattr``: a mock has every attribute.
"""

from __future__ import annotations

import logging
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from operator import attrgetter

from apscheduler._engine.instants import AT_NEXT_START
from apscheduler._engine.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler._engine.planning import Drop, Plan, Rollup
    from apscheduler.cluster.leading import LeaderLock
    from apscheduler.cluster.nodes import Node
    from apscheduler.job import Job
    from apscheduler.runs.claims import Claim, Result, Sink
    from apscheduler.runs.outcomes import Outcome
    from apscheduler.runs.rows import Run, RunQuery


class JobLookupError(KeyError):
    """The job store has no job of this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job with the id {job_id!r} was found")
        self.job_id = job_id


class ConflictingIdError(KeyError):
    """The job store already has a job of this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"there already is a job with the id {job_id!r}; "
            "choose another id or pass replace_existing=True"
        )
        self.job_id = job_id


class TransientJobError(ValueError):
    """The job cannot be kept in a persistent store: there is no importable reference to its callable."""

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
    _logger = logging.getLogger("apscheduler.jobstores")

    def start(self, scheduler: Any, alias: str) -> None:
        """Called by the scheduler when it starts, or when the store is added to a running one.

        :param scheduler: the scheduler that is starting this store
        :param alias: alias of this store as it was assigned to the scheduler
        """
        self._scheduler = scheduler
        self._alias = alias
        self._logger = logging.getLogger(f"apscheduler.jobstores.{alias}")

    def shutdown(self) -> None:
        """Free any resources still bound to this store."""

    def _fix_paused_jobs_sorting(self, jobs: list[Job]) -> None:
        """Move the paused jobs at the head of a list that was sorted by next run time to its end."""
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
        """Return the jobs whose ``next_run_time`` is at or before ``now``, in the order of it."""

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


class ClaimRequest:
    """What a scheduler asks of a store in one pass.

    :ivar now: the instant that decides what is due (microseconds UTC)
    :ivar limit: how many jobs to claim at most
    :ivar lanes: by executor alias, lists that take jobs with one plain fire as they are
    :ivar slots: by executor alias, how many claims it can start soon
    :ivar has_executor: whether the scheduler has an executor of this alias
    :ivar plan: the plan for a job that is due at an instant, at a time; may call a foreign trigger, so no lock is held
    :ivar late_because: why a claim of a fire time (instant, grace) comes too late by itself, ``None`` if it does not
    :ivar sink: where the claims' outcomes go
    """

    __slots__ = (
        *("has_executor", "lanes", "late_because", "limit"),
        *("now", "plan", "sink", "slots"),
    )

    def __init__(
        self,
        now: int,
        limit: int,
        lanes: dict[str, list[Job]],
        has_executor: Callable[[str], bool],
        plan: Callable[[Job, int, int], Plan],
        late_because: Callable[[int, int], str | None],
        sink: Sink,
        slots: dict[str, int],
    ) -> None:
        self.now = now
        self.limit = limit
        self.lanes = lanes
        self.has_executor = has_executor
        self.plan = plan
        self.late_because = late_because
        self.sink = sink
        self.slots = slots


class ClaimBatch:
    """What a store answers.

    :ivar claims: instances to run (those in the request's lanes are not repeated here)
    :ivar skipped: jobs whose fire times met ``max_instances`` running instances
    :ivar dropped: jobs whose fire times calendars dropped
    :ivar rolled: fire times that share a fate without running
    :ivar refused: jobs whose executor the scheduler does not have, with what was recorded
    :ivar finished: jobs that were removed because no fire time follows
    :ivar broken: jobs whose trigger raised; they are looked at again later
    :ivar more: whether the limit cut the batch
    :ivar error: what was raised half-way, for the scheduler to raise; the claims made before it stand
    """

    __slots__ = (
        *("broken", "claims", "dropped", "error", "finished", "more"),
        *("refused", "rolled", "skipped"),
    )

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.skipped: list[tuple[Job, list[int]]] = []
        self.dropped: list[tuple[Job, list[Drop]]] = []
        self.rolled: list[tuple[Job, Outcome, Rollup]] = []
        self.refused: list[tuple[Job, list[Result]]] = []
        self.finished: list[Job] = []
        self.broken: list[tuple[Job, BaseException]] = []
        self.more = False
        self.error: BaseException | None = None


class Quarantined(Record):
    """A stored job that cannot be restored or run here now. It is kept, and comes back when it can.

    :ivar job_id: its identifier
    :ivar jobstore: alias of its store
    :ivar reason: why, in words
    :ivar next_run_time: when it would be due (aware, UTC), ``None`` if it is paused
    """

    __slots__ = ("job_id", "jobstore", "next_run_time", "reason")

    def __init__(
        self, job_id: str, jobstore: str, reason: str, next_run_time: datetime | None
    ) -> None:
        self.job_id = job_id
        self.jobstore = jobstore
        self.reason = reason
        self.next_run_time = next_run_time


class SharedJobStore(BaseJobStore):
    """A store that claims: abstract base class of the built-in stores.

    ``settle``, ``release`` and ``give_back`` are called in event loops too, so they do no I/O of their own: what they
    are told is kept and written soon, by another thread.

    :cvar retry_interval: seconds until it is asked again after it failed, where that is less than the scheduler's
        ``jobstore_retry_interval``; ``None``: always the scheduler's
    :cvar paced: whether it leaves to others what the scheduler's executors cannot start soon
    """

    retry_interval: float | None = None
    paced = False

    @abstractmethod
    def claim_due(self, request: ClaimRequest) -> ClaimBatch:
        """Turn due jobs into claims, and move their next fire times, in one atomic step.

        A fire time is claimed once, whoever asks and how often. Nothing of the batch is claimed if this raises.
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
        """Return after how many microseconds to look for changes by other processes, ``None`` where there are none."""
        return None

    @abstractmethod
    def modify_job(self, job: Job, approved: dict[str, Any]) -> None:
        """Set attributes that :meth:`Job._checked` approved, and the job's place, in one atomic step.

        :raises JobLookupError: if the job is not there any more
        """

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

    def said_of(self, exc: Exception) -> str | None:
        """Return a failure in one line where that says all (the server is away, say); ``None`` where it does not."""
        return None

    def leader_lock(self) -> LeaderLock | None:
        """Return the lock that one of the processes sharing this store can hold; ``None`` where none share it."""
        return None

    def nodes(self) -> list[Node]:
        """Return the scheduler processes that claim from this store."""
        return []

    def live_runs(self) -> list[Run]:
        """Return the runs that are claimed or running on any node."""
        return []

    def quarantined(self) -> list[Quarantined]:
        """Return the jobs that cannot be restored now, each with its reason."""
        return []


def due_order(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs by next fire time and, within it, by id: the order in which 3.x lists them."""
    return sorted(jobs, key=attrgetter("_due", "id"))
