"""Runs claims in the scheduler's event loop: coroutine jobs as tasks of the loop, functions in a pool of threads.

Any thread may submit claims; they start in the loop's thread. A task runs its claim's fire times one after another, and
settles each outcome when it is known. If a task dies early, the rest of its claim is settled at the task's end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from apscheduler.clocks import monotonic
from apscheduler.cluster.points import reached
from apscheduler.executors._attempt.calling import (
    claim_of_caller,
    context_of_item,
    executed,
    fail_all,
    failed,
    is_awaitable,
    let_go,
    timed_out,
    timeout_of,
)
from apscheduler.executors._attempt.watchdog import Watchdog
from apscheduler.executors._foreign.runner import PoolRunner, in_threads
from apscheduler.executors._tasks.deaths import (
    LOOK_SECONDS,
    end_with_loop,
    look_at_end,
    outlive,
    stands,
)
from apscheduler.executors._threads.runner import next_start
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Claim, Result
from apscheduler.runs.context import run_context
from apscheduler.runs.raised import set_traceback
from apscheduler.texts import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors._attempt.watchdog import Watch
    from apscheduler.executors._contract import LoopOwner
    from apscheduler.executors._ending.waits import Claims
    from apscheduler.loops.port import Handle, TaskPort

SHUT_DOWN = "the scheduler was shut down"
LOOP_ENDS = "its event loop ended before it began"


class LoopRunner(PoolRunner):
    """Runs one claim's function in a thread; an awaitable that the function returns is awaited in the loop."""

    __slots__ = ("_turn", "is_over")

    def __init__(self, runs: TaskRuns) -> None:
        super().__init__(runs)
        self._turn = [True]
        self.is_over = False

    def take_turn(self) -> bool:
        """Return whether the caller is the first to ask: the thread that begins the claim, or who calls it off."""
        try:
            return self._turn.pop()
        except IndexError:
            return False

    def has_begun(self) -> bool:
        """Return whether a thread has begun the claim, or the claim was called off."""
        return not self._turn

    def run(self, claim: Claim) -> None:
        """Run what is left of the claim in the calling thread, unless the claim was called off."""
        if not self.take_turn():
            return
        try:
            super().run(claim)
        finally:
            self.is_over = True
            self._runs.thread_ended()

    def _await(self, awaitable: Any, watch: Watch | None = None) -> Any:
        if watch is not None:
            watch.hold()  # what is interrupted on its way to the loop is never awaited
        started = watch.awaiting if watch is not None else None
        return self._runs.port.result_of(awaitable, self.current_run(), started)


class Flight:
    """One claim, from its submission to its end."""

    __slots__ = ("claim", "deadline", "handle", "runner")

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.deadline: Deadline | None = None
        self.handle: Any = None
        self.runner: LoopRunner | None = None


class TaskRuns:
    """The claims of one executor in one loop.

    The loop's thread and the submitting threads change ``_flights`` (a dictionary, so each step is atomic).

    :param pool: starts a function in a thread and returns a future; its third argument is called in the loop's thread
        after the function's end
    :param pool_name: what the pool is called in messages
    :ivar loop_end: what the port's ``before_end`` returned, which has to be kept
    :ivar loop_ends: whether the loop is about to end, so that nothing is started in it any more
    """

    def __init__(
        self,
        owner: LoopOwner,
        port: TaskPort,
        pool: Callable[[Callable[..., object], tuple[Any, ...], Callable[[], object]], Handle],
        pool_name: str,
    ) -> None:
        self.owner = owner
        self.port = port
        self.closed = False
        self._pool = pool
        self._pool_name = pool_name
        self._flights: dict[int, Flight] = {}
        self._dog: Watchdog | None = None
        self._has_threads = False
        self.loop_end: object = None
        self.loop_ends = False
        self._ended_one = threading.Event()
        look_at_end(self)

    # -- start --------------------------------------------------------------------------------------------

    def submit(self, claims: Sequence[Claim]) -> None:
        """Start the claims. Any thread may call this.

        :raises RuntimeError: if the executor was shut down, or its loop is closed or about to be
        """
        if self.closed:
            raise RuntimeError("this executor was shut down")
        if self.loop_ends:
            raise RuntimeError("the event loop ends")
        flights = [Flight(claim) for claim in claims]
        for flight in flights:
            self._flights[id(flight)] = flight
        if self.port.is_here():
            self._start_all(flights)
            return
        try:
            self.port.call(self._start_all, flights)
        except RuntimeError:
            for flight in flights:
                self._flights.pop(id(flight), None)
            if self.port.is_closed():
                end_with_loop(self)  # the scheduler goes on without its loop
            raise

    def _start_all(self, flights: list[Flight]) -> None:
        for flight in flights:
            if id(flight) not in self._flights:
                continue  # called off meanwhile
            if self.loop_ends:
                self._forget(flight)
                self._call_off(flight.claim, LOOP_ENDS)
                continue
            try:
                self._start(flight)
            except Exception as exc:  # noqa: BLE001 - a pool that takes nothing more, a loop that ends
                self._fail(flight, exc)

    def _start(self, flight: Flight) -> None:
        claim = flight.claim
        if self.owner.is_coroutine_job(claim.job):
            handle = self.port.start(self._run(flight), lambda: self._ended(flight))
        else:
            flight.runner = LoopRunner(self)
            if not self._has_threads:
                self._has_threads = True
                self.owner._name_what_is_left(self)
            handle = self._pool(flight.runner.run, (claim,), lambda: self._ended(flight))
        if id(flight) in self._flights:  # else it has ended already: some loops start at once
            flight.handle = handle
            self.owner._pending_futures.add(handle)

    def _fail(self, flight: Flight, exc: Exception) -> None:
        fail_all(flight.claim, self.owner._now_us(), exc)
        self._ended(flight)

    # -- a coroutine job -----------------------------------------------------------------------------------

    async def _run(self, flight: Flight) -> None:
        """Run the fire times of a claim one after another."""
        claim = flight.claim
        while (following := next_start(self.owner, claim, self.why_late)) is not None:
            fire, started = following
            run_context.set(context_of_item(claim, fire))
            timeout = timeout_of(claim.job)
            deadline = None if timeout is None else Deadline(self, flight, fire, started, timeout)
            flight.deadline = deadline
            await self._run_fire(claim, fire, started, deadline)

    async def _run_fire(
        self, claim: Claim, fire: int, started: int, deadline: Deadline | None
    ) -> None:
        owner, job = self.owner, claim.job
        try:
            value = job.func(*job.args, **job.kwargs)
            if is_awaitable(value):
                value = await value
        except BaseException as exc:
            in_time = deadline is None or deadline.finish()
            self._settle_raised(claim, fire, started, exc, in_time=in_time)
            if isinstance(exc, GeneratorExit) or (_ends_the_task(exc) and in_time):
                raise
            if not in_time:
                self.port.forgive()
            return
        if deadline is not None and not deadline.finish():
            self.port.forgive()
            return
        if not claim.is_open(fire):
            return  # settled when its loop had stopped; the loop was then run again
        finished = owner._now_us()
        owner._log_success(job, fire, started, finished)
        reached("run.ended")
        claim.sink.settle(claim, executed(fire, started, finished, value))

    def _settle_raised(
        self, claim: Claim, fire: int, started: int, exc: BaseException, *, in_time: bool
    ) -> None:
        now = self.owner._now_us()
        if not in_time or not claim.is_open(fire):
            set_traceback(exc, None)  # its outcome is known already
        elif _is_cancellation(exc):
            reason = SHUT_DOWN if self.closed else "its task was cancelled"
            frames, _ = let_go(exc)
            claim.sink.settle(
                claim, Result(fire, Outcome.CANCELLED, started, now, None, exc, frames, reason)
            )
        else:
            claim.sink.settle(claim, failed(fire, started, now, exc))

    # -- the end --------------------------------------------------------------------------------------------

    def _ended(self, flight: Flight) -> None:
        """Called in the loop's thread after a claim's end: cancel the fire times that have no outcome yet."""
        self._forget(flight)
        if flight.runner is None or flight.runner.take_turn():
            reason = SHUT_DOWN if self.closed else "its task was cancelled before it began"
            self._cancel_rest(flight.claim, reason)

    def _forget(self, flight: Flight) -> None:
        self._flights.pop(id(flight), None)
        self.owner._pending_futures.discard(flight.handle)
        self._ended_one.set()

    def _cancel_rest(self, claim: Claim, reason: str) -> None:
        claim.close(Outcome.CANCELLED, self.owner._now_us(), reason=reason)

    def shutdown(self, wait: bool) -> None:
        """Take nothing more. With ``wait``, let what was submitted run to its end; without, cancel it and record that.

        This waits only outside of the loop's thread, and not for the job that calls it. If the loop does not run any
        more, what cannot end because of that is settled here.
        """
        self.closed = True
        if not wait:
            self._cancel_all()
        if not self.port.is_here():
            if wait:
                self._wait()
            elif self._flights and stands(self.port):
                end_with_loop(self)
        outlive(self)
        if self._dog is not None:
            self._dog.close()

    def _cancel_all(self) -> None:
        own = claim_of_caller(self.in_flight())
        for flight in list(self._flights.values()):
            if flight.claim is own:
                continue
            runner = flight.runner
            if runner is not None and not runner.take_turn():
                continue  # a thread cannot be told to stop: its outcome is recorded when it ends
            if runner is None and flight.handle is not None:
                self._cancel_what_follows(flight.claim)  # it stays in flight until its task ends
            else:
                self._flights.pop(id(flight), None)
                self._call_off(flight.claim, SHUT_DOWN)
            if flight.handle is not None:
                self._cancel(flight.handle)

    def _cancel_what_follows(self, claim: Claim) -> None:
        """Cancel the fire times that a coroutine has not begun; how the running one ends is known only at its end."""
        if not claim.is_open(claim.begun):
            self._cancel_rest(claim, SHUT_DOWN)
            return
        now = self.owner._now_us()
        for fire in claim.unsettled:
            if fire != claim.begun:
                claim.sink.settle(claim, Result(fire, Outcome.CANCELLED, 0, now, reason=SHUT_DOWN))

    def _call_off(self, claim: Claim, reason: str) -> None:
        """Hand back what has not begun, or cancel it if its store has no other schedulers to run it."""
        if not claim.unsettled or not claim.sink.hand_back(claim):
            self._cancel_rest(claim, reason)

    def _cancel(self, handle: Handle) -> None:
        if self.port.is_here():
            handle.cancel()
            return
        try:
            self.port.call(handle.cancel)
        except RuntimeError:
            return  # the loop is closed: nothing runs in it any more

    def _wait(self) -> None:
        """Wait for what runs in the loop, and in threads beside it, which may outlive the loop."""
        own = claim_of_caller(self.in_flight())
        while True:
            self._ended_one.clear()
            if all(claim is own for claim in self.in_flight()):
                return
            if stands(self.port):
                end_with_loop(self)
                if all(claim is own for claim in self.in_flight()):
                    return
            self._ended_one.wait(LOOK_SECONDS)

    def thread_ended(self) -> None:
        """Called by a thread when its claim has ended, since the loop may have stopped and not notice that."""
        self._ended_one.set()

    # -- what others ask --------------------------------------------------------------------------------------

    def in_flight(self) -> list[Claim]:
        """Return the claims that are queued or running (a snapshot)."""
        return [flight.claim for flight in list(self._flights.values())]

    def waited_for(self) -> Claims:
        """Return the claims that have a thread of the pool or wait for one. A coroutine ends with its loop."""
        waiting = [
            flight.claim
            for flight in list(self._flights.values())
            if flight.runner is not None and not flight.runner.has_begun()
        ]
        return {claim: name_of(claim.job) for claim in waiting} | in_threads(self)

    def why_late(self) -> str:
        """Return why something came late to its start."""
        return f"the event loop or {self._pool_name} was busy"

    def watchdog(self) -> Watchdog:
        """Return the watchdog of the functions' timeouts, which the first call makes."""
        if self._dog is None:
            self._dog = Watchdog(f"apscheduler-{self.owner._alias}", self.owner.timeout_grace)
        return self._dog

    def replace_thread(self, runner: PoolRunner, rest: Claim | None) -> str:
        """Give up a stuck thread, and start what is left of its claim without it; return what was done, in words."""
        for flight in list(self._flights.values()):
            if flight.runner is runner:
                self._forget(flight)
        if rest is not None:
            flight = Flight(rest)
            self._flights[id(flight)] = flight
            try:
                self.port.call(self._start_all, [flight])
            except RuntimeError:  # the loop is closed
                self._forget(flight)
                self._call_off(rest, LOOP_ENDS)
        return f"it keeps a thread of {self._pool_name}"


class Deadline:
    """The deadline of a coroutine job: when it is over, the outcome is settled and the task is cancelled."""

    def __init__(
        self, runs: TaskRuns, flight: Flight, fire: int, started: int, seconds: float
    ) -> None:
        self._runs = runs
        self._flight = flight
        self._fire = fire
        self._started = started
        self._ends_at = monotonic() + seconds
        self._expired = False
        self.handle = runs.port.later(seconds, self._expire)

    def is_over(self) -> bool:
        """Return whether the time is over."""
        return monotonic() >= self._ends_at

    def finish(self) -> bool:
        """Return whether the job ended in time; one that kept the loop busy beyond its time did not."""
        self.handle.cancel()
        if not self._expired and self.is_over():
            self._settle()
        return not self._expired

    def _settle(self) -> None:
        self._expired = True
        claim, owner = self._flight.claim, self._runs.owner
        now = owner._now_us()
        claim.sink.settle(claim, timed_out(claim.job, self._fire, self._started, now))

    def _expire(self) -> None:
        claim = self._flight.claim
        try:
            self._settle()
        finally:
            if not claim.unsettled:
                claim.sink.release(claim)
        self._press(self._stuck)

    def _press(self, following: Callable[[], None]) -> None:
        self.handle = self._runs.port.later(self._runs.owner.timeout_grace, following)
        self._flight.handle.cancel()

    def _stuck(self) -> None:
        job = self._flight.claim.job
        self._runs.owner._logger.error(
            "job %s was cancelled at its timeout of %s s and goes on; it is cancelled once more. Its task: %r",
            *(job.id, job.timeout, self._flight.handle),
        )
        self._press(lambda: None)


def _is_cancellation(exc: BaseException) -> bool:
    return type(exc).__name__ == "CancelledError" or isinstance(exc, GeneratorExit)


def _ends_the_task(exc: BaseException) -> bool:
    """Return whether the task may not go on: it is cancelled, destroyed, or a user pressed Ctrl-C."""
    return _is_cancellation(exc) or isinstance(exc, KeyboardInterrupt)
