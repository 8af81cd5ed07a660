"""Runs claims and plain jobs in the calling thread, for all executors that use threads."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from apscheduler.events import EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.executors._attempt.calling import (
    context_of_item,
    drop,
    executed,
    failed,
    is_awaitable,
    missed,
    thread_stack,
)
from apscheduler.executors._attempt.steps import next_attempt
from apscheduler.job import Job
from apscheduler.runs.claims import Claim
from apscheduler.runs.raised import set_traceback
from apscheduler.texts import Block

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors._attempt.steps import Attempt
    from apscheduler.executors._attempt.watchdog import Watch, Watchdog
    from apscheduler.executors._contract import LaneOwner
    from apscheduler.loops.coroutines import CoroutineRunner
    from apscheduler.runs.context import RunContext


UnderWay = tuple["Any", int, int]
"""A claim or plain job, its fire time that is running, and since when (both in microseconds UTC)."""


def under_way(claim: Claim) -> UnderWay | None:
    """Return the claim, its fire time that is running in this process, and since when; ``None`` if none is running."""
    at_work = claim.begun > 0 and claim.is_open(claim.begun)
    return (claim, claim.begun, claim.begun_at) if at_work else None


class Runner:
    """Runs items one after another; belongs to one thread.

    :ivar owner: the executor
    :ivar current: the item that is running (the runner's thread writes it, other threads read it)
    :ivar fire: the fire time that is running, if the item is a claim
    :ivar started: when the function of a plain job was called (microseconds UTC)
    :ivar abandoned: whether the thread was given up and replaced
    """

    __slots__ = ("_coroutines", "abandoned", "current", "fire", "ident", "owner", "started")

    replaceable = True
    """Whether another thread can take over if this one is stuck."""

    def __init__(self, owner: LaneOwner) -> None:
        self.owner = owner
        self.current: Any = None
        self.fire = 0
        self.started = 0
        self.ident = 0
        self.abandoned = False
        self._coroutines: CoroutineRunner | None = None

    def why_late(self) -> str:
        """Return why an item came late to this runner."""
        raise NotImplementedError

    def watchdog(self) -> Watchdog:
        """Return the watchdog of this runner's timeouts."""
        raise NotImplementedError

    def replace(self, rest: Claim | None) -> str:
        """Give up this runner, whose thread is stuck; return what was done, in words.

        :param rest: its claim, if fire times of it are left for others
        """
        raise NotImplementedError

    def unwatched(self) -> None:
        """Take note that no watchdog thread can be started any more."""
        raise NotImplementedError

    def take_items(self, popleft: Callable[[], Any], wait: Callable[[], bool]) -> None:
        """Run the items that ``popleft`` returns; when there is none, ``wait`` waits and returns whether to go on.

        The fast path through this loop is a plain job that returns: keep the code of that path flat. Of the steps of a
        run (``_attempt/steps.py``) it has these, in order: late, call, await, outcome, settle, told. There is no lease
        to ask for and no timeout; the context is made if the job asks for it; ``owner._info`` means another path.
        """
        owner = self.owner
        now_us = owner._now_us
        lane = owner._lane_sink
        while True:
            try:
                item = popleft()
            except IndexError:
                item = None
                self.current = None
                if not wait():
                    return
                continue
            self.current = item
            if item.__class__ is not Job or owner._info:
                self._take_other(item)
                if self.abandoned:
                    return
                continue
            fire = item._fire
            self.started = started = now_us()
            if started - fire > item._grace:
                lane.settle(item, missed(fire, started, self.why_late()))
                continue
            try:
                retval = item.func(*item.args, **item.kwargs)
                if retval is not None and is_awaitable(retval):
                    retval = self._await(retval)
            except BaseException as exc:  # noqa: BLE001 - whatever a job raises is its outcome
                lane.settle(item, failed(fire, started, now_us(), exc))
                continue
            item._ledger.executed(item, fire, started, now_us())
            item._busy = 0
            if lane.mask & EVENT_JOB_EXECUTED:
                lane.tell(
                    JobExecutionEvent(
                        EVENT_JOB_EXECUTED,
                        item.id,
                        item._jobstore_alias,
                        (item.trigger, fire),
                        retval,
                    )
                )
            retval = None

    def under_way(self) -> UnderWay | None:
        """Return what this thread runs."""
        item = self.current
        if item is None:
            return None
        if isinstance(item, Claim):
            return under_way(item)
        return (item, item._fire, self.started) if item._busy else None

    def current_run(self) -> RunContext | None:
        """Return the context of what this thread runs."""
        item = self.current
        if item is None:
            return None
        return context_of_item(item, self.fire if isinstance(item, Claim) else item._fire)

    def drop_current(self, exc: BaseException) -> bool:
        """After an error of ours: settle what is left of the current item. Return whether this thread was given up."""
        claim = self.current
        now = self.owner._now_us()
        if isinstance(claim, Job) and claim._busy:
            self.owner._lane_sink.settle(claim, failed(claim._fire, 0, now, exc))
        elif isinstance(claim, Claim) and not self.abandoned:
            drop(claim, now, exc)
        return self.abandoned

    def _await(self, awaitable: Any, watch: Watch | None = None) -> Any:
        if self._coroutines is None:
            from apscheduler.loops.coroutines import CoroutineRunner

            self._coroutines = CoroutineRunner()
        context = self.current_run()
        return self._coroutines.run_anywhere(awaitable, context, watch)

    # -- everything that is not the fast path ----------------------------------------------------------

    def _take_other(self, item: Any) -> None:
        if isinstance(item, Claim):
            self._run_claim(item)
        else:
            self._run_job_aloud(item)

    def _run_job_aloud(self, job: Any) -> None:
        """Run a plain job, or one of a subclass of ``Job``, and log its start and end: the fast path's steps, logged."""
        owner = self.owner
        fire = job._fire
        self.started = started = owner._now_us()
        if started - fire > job._grace:
            owner._lane_sink.settle(job, missed(fire, started, self.why_late()))
            return
        owner._log_start(job, fire)
        try:
            retval = job.func(*job.args, **job.kwargs)
            if is_awaitable(retval):
                retval = self._await(retval)
        except BaseException as exc:  # noqa: BLE001 - whatever a job raises is its outcome
            owner._lane_sink.settle(job, failed(fire, started, owner._now_us(), exc))
            return
        finished = owner._now_us()
        owner._log_success(job, fire, started, finished)
        owner._lane_sink.settle(job, executed(fire, started, finished, retval))

    def _run_claim(self, claim: Claim) -> None:
        """Run the fire times that are left of a claim one after another."""
        while (attempt := next_attempt(self.owner, claim, self.why_late)) is not None:
            self.fire = attempt.fire
            timeout = attempt.timeout
            if timeout is None:
                self._run_untimed(attempt)
            else:
                self._run_timed(attempt, timeout)
            if self.abandoned:
                return

    def _run_untimed(self, attempt: Attempt) -> None:
        try:
            value = self._call(attempt)
        except BaseException as exc:  # noqa: BLE001 - whatever a job raises is its outcome
            attempt.raised(exc)
        else:
            attempt.returned(value)

    def _call(self, attempt: Attempt, watch: Watch | None = None) -> Any:
        value = attempt.call()
        if value is not None and is_awaitable(value):
            return self._await(value, watch)
        return value

    # -- with a timeout ----------------------------------------------------------------------------------

    def _run_timed(self, attempt: Attempt, timeout: float) -> None:
        from apscheduler.executors._attempt.watchdog import (
            STUCK,
            Watch,
            watched_call,
        )

        watch = Watch(
            self.ident,
            timeout,
            on_timeout=attempt.time_out,
            on_stuck=lambda: self._give_up(attempt),
        )

        def call() -> Any:
            self._watch(watch)  # in here, because from now on the exception may arrive
            return self._call(attempt, watch)

        value, exc, in_time = watched_call(watch, call)
        if not in_time:
            if exc is not None:
                set_traceback(exc, None)  # else its frames keep it alive
            self._came_back(attempt, stuck=watch.phase == STUCK)
        elif exc is not None:
            attempt.raised(exc)
        else:
            attempt.returned(value)

    def _watch(self, watch: Watch) -> None:
        try:
            self.watchdog().add(watch)
        except RuntimeError:  # no thread can be started any more; the run goes unwatched
            self.unwatched()

    def _came_back(self, attempt: Attempt, *, stuck: bool) -> None:
        """Called by the run's thread if a call ends after its timeout: settle it, or log that a stuck one ended."""
        if self._coroutines is not None:
            self._coroutines.close()
        if stuck:
            self.abandoned = self.replaceable
            self.owner._logger.warning(
                "job %s has ended after all, long after its timeout; its outcome stays timed out",
                attempt.claim.job.id,
            )
            return
        attempt.time_out()

    def _give_up(self, attempt: Attempt) -> None:
        """Called by the watchdog when the grace is over: give up the stuck thread, and log its stack."""
        claim = attempt.claim
        stack = thread_stack(self.ident)
        if claim.is_open(attempt.fire):  # another thread is just about to report its timeout
            with suppress(Exception):  # that thread reports what goes wrong, too
                attempt.time_out()
        self.abandoned = self.replaceable
        done = self.replace(claim if claim.unsettled else None)
        self.owner._logger.error(
            "job %s was told to stop at its timeout of %s s and does not: %s. It is here:\n%s",
            claim.job.id,
            claim.job.timeout,
            done,
            Block(stack),
        )

    def close(self) -> None:
        """Free the event loop, if one was made."""
        if self._coroutines is not None:
            self._coroutines.close()
