"""Runs what comes in 3.x's way: a job and its run times come without a claim, and events go back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from os import getpid

from apscheduler._engine.instants import NEVER, SECOND, to_us
from apscheduler.events import JobExecutionEvent
from apscheduler.executors._attempt.calling import is_awaitable
from apscheduler.executors._attempt.lines import log_outcome, log_start, log_success
from apscheduler.executors._attempt.steps import next_attempt
from apscheduler.history.outcomes import Outcome
from apscheduler.logs import logger_named
from apscheduler.runs.claims import Claim, Result
from apscheduler.runs.codes import EVENT_CODES
from apscheduler.runs.context import RunContext, make_context, run_context
from apscheduler.runs.failures import forget_locals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from apscheduler.executors._contract import Answering
    from apscheduler.loops.coroutines import CoroutineRunner


class DirectClaim(Claim):
    """A claim made from 3.x's arguments: it reads the public ``misfire_grace_time``, and keeps the given run times."""

    __slots__ = ("_direct_grace", "jobstore", "times")

    def __init__(
        self, job: Any, jobstore: str | None, run_times: Sequence[datetime], sink: Any
    ) -> None:
        self.times = {to_us(moment): moment for moment in run_times}
        super().__init__(job, list(self.times), sink)
        self.jobstore = jobstore
        grace = job.misfire_grace_time
        self._direct_grace = NEVER if grace is None else round(grace * SECOND)

    @property
    def grace(self) -> int:
        """How late a run may start, microseconds."""
        return self._direct_grace

    def misses(self, fire: int, started: int) -> bool:
        """Return whether a start at ``started`` is beyond the job's grace time (microseconds UTC)."""
        return started - fire > self._direct_grace

    def event(self, result: Result) -> JobExecutionEvent:
        """Return the result as an event for listeners; the result itself is attached to it."""
        event = JobExecutionEvent(
            EVENT_CODES[result.outcome],
            self.job.id,
            self.jobstore,
            self.times[result.fire],
            result.retval,
            result.exception,
            result.traceback,
        )
        event.__dict__["_result"] = result
        return event

    def context(self, fire: int) -> RunContext:
        """Return what ``current_run()`` returns inside this run."""
        return make_context(str(self.job.id), self.jobstore or "default", self.times[fire], fire)


class EventSink:
    """Collects the events of one direct claim, and hands them to the executor when the claim is released."""

    def __init__(self, executor: Answering) -> None:
        self._executor = executor
        self._events: list[JobExecutionEvent] = []

    def settle(self, claim: Claim, result: Result) -> bool:
        """Keep the event of a fire time's first result; return ``False`` for a later one."""
        if not claim.take(result.fire):
            return False
        _tell(self._executor._logger, claim, result)
        forget_locals(result.exception)
        if isinstance(claim, DirectClaim):
            self._executor._know(claim.job.id, result)
            self._events.append(claim.event(result))
        return True

    def release(self, claim: Claim) -> None:
        """Hand the events over, once."""
        if claim.take_release():
            events, self._events = self._events, []
            self._executor._run_job_success(claim.job.id, events)

    def give_back(self, claim: Claim) -> None:
        """Do nothing: what came without a claim can always be started."""

    def hand_back(self, claim: Claim) -> bool:
        """Return ``False``: nobody else can run what came without a claim."""
        return False


def _tell(logger: logging.Logger, claim: Claim, result: Result) -> None:
    """Log any other result than success, and mark it so that the scheduler does not log it again."""
    if isinstance(claim, DirectClaim) and result.outcome is not Outcome.EXECUTED:
        log_outcome(logger, claim.job, claim.times[result.fire], result)
        result.told_in = getpid()


def _is_sent_here(job: Any) -> bool:
    """Return whether the job was sent to this process of a pool: then its scheduler's process logs failures."""
    from multiprocessing.process import parent_process

    return getattr(job, "_scheduler", job) is None and parent_process() is not None


class _Collector:
    """The sink of ``run_job``, and what its steps need of an owner: collects the events for its caller."""

    def __init__(
        self,
        job: Any,
        jobstore: str,
        run_times: Sequence[datetime],
        logger_name: str,
        now_us: Callable[[], int],
    ) -> None:
        self._now_us = now_us
        self.claim = DirectClaim(job, jobstore, run_times, self)
        self.logger = logger_named(logger_name)
        self.events: list[JobExecutionEvent] = []

    def settle(self, claim: Claim, result: Result) -> bool:
        if not claim.take(result.fire):
            return False
        if not _is_sent_here(claim.job):
            _tell(self.logger, claim, result)
        forget_locals(result.exception)
        self.events.append(self.claim.event(result))
        return True

    def release(self, claim: Claim) -> None:
        pass

    def give_back(self, claim: Claim) -> None:
        pass

    def hand_back(self, claim: Claim) -> bool:
        return False

    def _log_start(self, job: Any, fire: int) -> None:
        log_start(self.logger, job, self.claim.times[fire])

    def _log_success(self, job: Any, fire: int, started: int, finished: int) -> None:
        log_success(self.logger, job, self.claim.times[fire], finished - started)


def run_events(
    job: Any,
    jobstore: str,
    run_times: Sequence[datetime],
    logger_name: str,
    now_us: Callable[[], int],
) -> list[JobExecutionEvent]:
    """Run the job once per run time in the calling thread; ``base.run_job`` documents it."""
    coroutines: CoroutineRunner | None = None

    async def awaited(value: Any) -> Any:
        """Await in a loop of this thread's, and not in the caller, which nobody awaits."""
        nonlocal coroutines
        if coroutines is None:
            from apscheduler.loops.coroutines import CoroutineRunner

            coroutines = CoroutineRunner()
        return coroutines.run_anywhere(value, run_context.get())

    collector = _Collector(job, jobstore, run_times, logger_name, now_us)
    try:
        _run_all(collector, awaited).send(None)
    except StopIteration:  # it never waits, so its first step is its last
        return collector.events
    finally:
        if coroutines is not None:
            coroutines.close()
    raise AssertionError("it has waited")


async def run_coroutine_events(
    job: Any,
    jobstore: str,
    run_times: Sequence[datetime],
    logger_name: str,
    now_us: Callable[[], int],
) -> list[JobExecutionEvent]:
    """Await the job once per run time in the running loop; ``base.run_coroutine_job`` documents it."""

    async def awaited(value: Any) -> Any:
        return await value

    collector = _Collector(job, jobstore, run_times, logger_name, now_us)
    await _run_all(collector, awaited, is_task=True)
    return collector.events


async def _run_all(
    collector: _Collector, awaited: Callable[[Any], Awaitable[Any]], *, is_task: bool = False
) -> None:
    """Go through the steps of each run time.

    :param awaited: awaits what the function returned, if it has to be
    :param is_task: whether the caller is a task, which has to end if it is cancelled
    """
    claim = collector.claim
    while (attempt := next_attempt(collector, claim, _unknown)) is not None:
        token = run_context.set(claim.context(attempt.fire))
        try:
            value = attempt.call()
            if is_awaitable(value):
                value = await awaited(value)
        except BaseException as exc:
            attempt.raised(exc)
            if is_task and _is_cancellation(exc):
                raise
        else:
            attempt.returned(value)
        finally:
            run_context.reset(token)


def _unknown() -> None:
    """Return why a run comes late to ``run_job``, which is not known."""


def _is_cancellation(exc: BaseException) -> bool:
    from asyncio import CancelledError

    return isinstance(exc, CancelledError)
