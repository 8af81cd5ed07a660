"""Defines what every executor does.

An executor is given work in one of two ways:

``submit_job(job, run_times)``  is the way of 3.x. Executors of others implement ``_do_submit_job``, and answer through
    ``_run_job_success`` or ``_run_job_error``. Instances are counted here, per job id.
``submit_claims(items)``        is the engine's way. The claim has counted the instance. By default each claim is passed
    on in the first way, so any 3.x executor works. Our own executors take claims directly; if ``lane`` is true, they
    also take plain jobs (see executors/_threads/pool.py), which need no object per run.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from os import getpid
from threading import RLock
from types import TracebackType

from apscheduler._engine.instants import to_us
from apscheduler.clocks import time_ns
from apscheduler.elsewhere import names_of_3x
from apscheduler.events import JobExecutionEvent
from apscheduler.history.outcomes import Outcome
from apscheduler.logs import logger_named
from apscheduler.runs import errors
from apscheduler.runs.claims import ALL, Answered, Claim, Result
from apscheduler.runs.codes import OUTCOMES
from apscheduler.runs.raised import set_traceback, traceback_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors._contract import Lane, Scheduler
    from apscheduler.job import Job

_real_datetime = datetime

# Users import these errors from here, and pickles name them here.
InterpreterEndingError = errors.InterpreterEndingError
JobTimeoutError = errors.JobTimeoutError
MaxInstancesReachedError = errors.MaxInstancesReachedError
WorkerDiedError = errors.WorkerDiedError


def cancel_interrupted(claims: Sequence[Claim], now: int) -> None:
    """Settle as cancelled the claims that a Ctrl-C kept from being handed over, before the Ctrl-C is raised again."""
    for claim in claims:
        claim.close(Outcome.CANCELLED, now, reason="a Ctrl-C came while it was handed over")


def begin_all(claim: Claim) -> bool:
    """Return whether a claim may go to an executor that cannot say when its fire times begin; if not, give it back."""
    claim.begun = ALL
    if claim.unsettled and claim.may_start():
        return True
    claim.sink.give_back(claim)
    return False


def now_us() -> int:
    """Return the current instant in microseconds UTC (tests may patch this module's ``datetime``)."""
    if datetime is _real_datetime:
        return time_ns() // 1000
    return to_us(datetime.now(UTC))


class BaseExecutor(metaclass=ABCMeta):
    """Abstract base class of all executors."""

    lane = False
    """Whether ``submit_claims`` takes plain jobs too (their fire time in ``job._fire``, ``job._busy`` set)."""
    inline = False
    """Whether jobs run inside ``submit_claims``, so that their outcome is known before the SUBMITTED event is sent."""
    any_thread = False
    """Whether ``submit_claims`` may be called by any thread, and does nothing but queue."""

    _scheduler: Scheduler = None  # type: ignore[assignment] # start() sets it
    _lane_sink: Lane = None  # type: ignore[assignment] # start() sets it
    """Where the outcomes of plain jobs go. No other scheduler than ours has one, or hands plain jobs over."""
    _lock: Any = None
    _logger = logger_named("apscheduler.executors")

    def __init__(self) -> None:
        self._instances: dict[str, int] = defaultdict(int)
        self._open_claims: dict[str, list[Claim]] = {}
        self._known_ends: dict[tuple[str, int], Result] = {}
        self._alias = ""
        self._now_us = now_us

    def start(self, scheduler: Any, alias: str) -> None:
        """Called by the scheduler when it starts, or when the executor is added to a running one.

        :param scheduler: the scheduler that is starting this executor
        :param alias: alias of this executor as it was assigned to the scheduler
        """
        self._scheduler = scheduler
        self._lane_sink = getattr(scheduler, "_lane_sink", None)  # type: ignore[assignment]
        self._lock = scheduler._create_lock() or RLock()
        self._logger = logger_named(f"apscheduler.executors.{alias}")
        self._alias = alias
        clock = vars(scheduler).get("_clock")  # not getattr: a mock has every attribute
        self._now_us = now_us if clock is None else clock.now_us

    def shutdown(self, wait: bool = True) -> None:
        """Free what the executor holds.

        :param wait: whether to wait until all submitted jobs have ended
        """

    def leave_behind(self) -> None:
        """Have the program's end not wait for what still runs here, as far as this can be prevented. Added in 1.0."""

    def _heed_hooks(self) -> bool:
        """Return whether user code hooks into 3.x's way; ``True`` here, because the base class has no other way."""
        return True

    # -- 3.x's way in -----------------------------------------------------------------------------

    def submit_job(self, job: Job, run_times: list[datetime]) -> None:
        """Submit a job for execution, one instance for all of ``run_times``.

        :raises MaxInstancesReachedError: if the maximum number of instances of this job is running
        """
        with self._lock:
            if self._instances[job.id] >= job.max_instances:
                raise MaxInstancesReachedError(job)
            self._instances[job.id] += 1
        try:
            self._do_submit_job(job, run_times)
        except BaseException:
            self._forget_instance(job.id)
            raise

    @abstractmethod
    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        """Start the job, and see to it that one of the two methods below is called in the end."""

    def _run_job_success(self, job_id: str, events: Sequence[JobExecutionEvent] | None) -> None:
        """Take what ``run_job`` or ``run_coroutine_job`` returned."""
        self._forget_instance(job_id)
        events = events or ()
        claim = self._claim_answered(job_id, events)
        if claim is None:
            for event in events:
                self._scheduler._dispatch_event(event)
            return
        known = self._take_known(claim)
        answered = set()
        for event in events:
            result = self._result_of(event)
            if result is not None:
                if claim.sink.settle(claim, Answered(result)):
                    answered.add(result.fire)
                elif result.fire in claim.fires and result.fire not in answered:
                    continue  # it was settled before, and the listeners were told then
            self._scheduler._dispatch_event(event)
        for fire in claim.unsettled:
            claim.sink.settle(claim, Answered(known.get(fire) or self._unanswered(fire)))
        claim.sink.release(claim)

    def _run_job_error(self, job_id: str, exc: BaseException, traceback: Any = None) -> None:
        """Take the exception that kept the whole submission from running.

        :param traceback: where it was raised, if that is more than the exception itself knows
        """
        self._forget_instance(job_id)
        claim = self._claim_answered(job_id, ())
        if claim is None:
            exc_info = (type(exc), exc, traceback if traceback is not None else traceback_of(exc))
            self._logger.error("Could not run job %s", job_id, exc_info=exc_info)
            return
        from apscheduler.executors._attempt.calling import fail_all

        self._take_known(claim)  # forgotten, because it was not answered
        if isinstance(traceback, TracebackType):
            set_traceback(exc, traceback)
        fail_all(claim, self._now_us(), exc)

    def _know(self, job_id: str, result: Result) -> None:
        """Keep what became of a run until it is answered, because a user's hook in between may drop the event."""
        if any(result.fire in claim.fires for claim in self._open_claims.get(job_id, ())):
            self._known_ends[job_id, result.fire] = result

    def _take_known(self, claim: Claim) -> dict[int, Result]:
        """Return, and forget, what is known of a claim's runs."""
        ends = ((fire, self._known_ends.pop((claim.job.id, fire), None)) for fire in claim.fires)
        return {fire: end for fire, end in ends if end is not None}

    def _forget_instance(self, job_id: str) -> None:
        with self._lock:
            left = self._instances.get(job_id, 0) - 1
            if left > 0:
                self._instances[job_id] = left
            else:
                self._instances.pop(job_id, None)

    def forget_job(self, job_id: str) -> None:
        """Forget how many instances run under this id: the job is gone, a new one may take its id."""
        if self._instances:
            with self._lock:
                self._instances.pop(job_id, None)

    capacity: int | None = None
    """How many jobs can run at a time, ``None`` where the executor does not say."""

    def free_slots(self) -> int | None:
        """Return how many jobs could start at once (-2 if two wait), ``None`` if there is no limit. Added in 1.0."""
        return None

    def under_way(self) -> list[tuple[Any, int, int]]:
        """Return what is known to run: each claim or plain job, its fire time, since when (microseconds UTC). Added in 1.0."""
        return []

    # -- the engine's way in ------------------------------------------------------------------------

    def submit_claims(self, items: Sequence[Any]) -> list[tuple[Any, BaseException]]:
        """Take claims (and, if ``lane`` is true, jobs); return those that were refused, each with its exception."""
        refused: list[tuple[Any, BaseException]] = []
        for claim in items:
            job = claim.job
            claims = self._open_claims.setdefault(job.id, [])
            claims.append(claim)
            if not begin_all(claim):
                self._drop_claim(claim)
                continue
            try:
                self.submit_job(job, [job._at(fire) for fire in claim.unsettled])
            except KeyboardInterrupt:
                self._drop_claim(claim)
                cancel_interrupted(items[items.index(claim) :], self._now_us())
                raise
            except BaseException as exc:  # noqa: BLE001 - an executor of someone else may raise anything
                self._drop_claim(claim)
                refused.append((claim, exc))
        return refused

    def _drop_claim(self, claim: Claim) -> None:
        claims = self._open_claims.get(claim.job.id, [])
        if claim in claims:
            claims.remove(claim)
        if not claims:
            self._open_claims.pop(claim.job.id, None)

    def _claim_answered(self, job_id: str, events: Sequence[JobExecutionEvent]) -> Claim | None:
        """Return the claim these events answer: the one with their fire time, else the oldest."""
        claims = self._open_claims.get(job_id)
        if not claims:
            return None
        answered = claims[0]
        if events:
            fires = {_fire_of(event) for event in events}
            answered = next(
                (claim for claim in claims if not fires.isdisjoint(claim.fires)), answered
            )
        self._drop_claim(answered)
        return answered

    def _result_of(self, event: JobExecutionEvent) -> Result | None:
        """Return what an event says of a run; ``None`` if user code has put in an event that is about no run."""
        known = getattr(event, "_result", None)
        if isinstance(known, Result):
            if known.exception is not None and known.told_in != getpid():
                from apscheduler.executors._wire.errors import tell_story

                tell_story(known.exception, known.story)
            return known
        fire = _fire_of(event)
        if fire is None:
            return None
        return Result(
            fire,
            OUTCOMES.get(event.code, Outcome.FAILED),
            0,
            self._now_us(),
            event.retval,
            event.exception,
            event.traceback,
        )

    def _unanswered(self, fire: int) -> Result:
        return Result(
            fire,
            Outcome.LOST,
            0,
            self._now_us(),
            reason=f"executor {self._alias!r} reported success without a word about this fire time",
        )


def _fire_of(event: Any) -> int | None:
    """Return the fire time that an event is about, ``None`` if it is about no fire time."""
    known = getattr(event, "_result", None)
    if isinstance(known, Result):
        return known.fire
    moment = getattr(event, "scheduled_run_time", None)
    return to_us(moment) if isinstance(moment, _real_datetime) else None


def run_job(
    job: Any, jobstore_alias: str, run_times: Sequence[datetime], logger_name: str
) -> list[JobExecutionEvent]:
    """Call a job's function once per run time, in the calling thread, and return the events.

    A run that is later than the job's ``misfire_grace_time`` is missed; ``async def`` functions run to their end.

    :param job: the job
    :param jobstore_alias: alias of the job's store
    :param run_times: the fire times (aware)
    :param logger_name: where to log what happens
    """
    from apscheduler.executors._v3.runs import run_events

    return run_events(job, jobstore_alias, run_times, logger_name, now_us)


async def run_coroutine_job(
    job: Any, jobstore_alias: str, run_times: Sequence[datetime], logger_name: str
) -> list[JobExecutionEvent]:
    """Do what :func:`run_job` does in the running event loop.

    :param job: the job
    :param jobstore_alias: alias of the job's store
    :param run_times: the fire times (aware)
    :param logger_name: where to log what happens
    """
    from apscheduler.executors._v3.runs import run_coroutine_events

    return await run_coroutine_events(job, jobstore_alias, run_times, logger_name, now_us)


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
