"""Runs claims in the scheduler's event loop: coroutine jobs as tasks of the loop, functions in a pool of threads.

Any thread may submit claims; they start in the loop's thread. A task or thread runs its claim's fire times one after
another. If a task dies early, the rest of its claim is settled at the task's end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apscheduler.executors._attempt.calling import claim_of_caller, fail_all
from apscheduler.executors._attempt.watchdog import Watchdog
from apscheduler.executors._foreign.runner import in_threads
from apscheduler.executors._tasks.coroutines import run_in_task
from apscheduler.executors._tasks.deaths import (
    LOOK_SECONDS,
    end_with_loop,
    look_at_end,
    outlive,
    stands,
)
from apscheduler.executors._tasks.flights import SHUT_DOWN, Flight, Flights
from apscheduler.executors._tasks.threads import LoopRunner
from apscheduler.texts import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors._contract import LoopOwner
    from apscheduler.executors._ending.waits import Claims
    from apscheduler.loops.port import Handle, TaskPort
    from apscheduler.runs.claims import Claim

LOOP_ENDS = "its event loop ended before it began"


class TaskRuns(Flights):
    """Runs the claims of one executor in one loop.

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
        super().__init__(owner, port)
        self._pool = pool
        self._pool_name = pool_name
        self._dog: Watchdog | None = None
        self._has_threads = False
        self.loop_end: object = None
        self.loop_ends = False
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
            self.add(flight)
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
            if not self.has(flight):
                continue  # called off meanwhile
            if self.loop_ends:
                self.forget(flight)
                self.call_off(flight.claim, LOOP_ENDS)
                continue
            try:
                self._start(flight)
            except Exception as exc:  # noqa: BLE001 - a pool that takes nothing more, a loop that ends
                self._fail(flight, exc)

    def _start(self, flight: Flight) -> None:
        claim = flight.claim
        if self.owner.is_coroutine_job(claim.job):
            coroutine = run_in_task(self, flight, self.why_late)
            handle = self.port.start(coroutine, lambda: self.ended(flight))
        else:
            flight.runner = runner = LoopRunner(self)
            if not self._has_threads:
                self._has_threads = True
                self.owner._name_what_is_left(self)
            handle = self._pool(runner.run, (claim,), lambda: self.ended(flight))
        if self.has(flight):  # else it has ended already: some loops start at once
            flight.handle = handle
            self.owner._pending_futures.add(handle)

    def _fail(self, flight: Flight, exc: Exception) -> None:
        fail_all(flight.claim, self.owner._now_us(), exc)
        self.ended(flight)

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
        for flight in self.all():
            if flight.claim is own:
                continue
            runner = flight.runner
            if runner is not None and not runner.take_turn():
                continue  # a thread cannot be told to stop: its outcome is recorded when it ends
            if runner is None and flight.handle is not None:
                self.cancel_what_follows(flight.claim)  # it stays in flight until its task ends
            else:
                self._flights.pop(id(flight), None)
                self.call_off(flight.claim, SHUT_DOWN)
            if flight.handle is not None:
                self.cancel(flight.handle)

    def _wait(self) -> None:
        """Wait for what runs in the loop, and in threads beside it, which may outlive the loop."""
        own = claim_of_caller(self.in_flight())
        while True:
            self.ended_one.clear()
            if all(claim is own for claim in self.in_flight()):
                return
            if stands(self.port):
                end_with_loop(self)
                if all(claim is own for claim in self.in_flight()):
                    return
            self.ended_one.wait(LOOK_SECONDS)

    # -- what others ask --------------------------------------------------------------------------------------

    def waited_for(self) -> Claims:
        """Return the claims that have a thread of the pool or wait for one. A coroutine ends with its loop."""
        waiting = [
            flight.claim
            for flight in self.all()
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

    def replace_thread(self, runner: object, rest: Claim | None) -> str:
        """Give up a stuck thread, and start what is left of its claim without it; return what was done, in words."""
        for flight in self.all():
            if flight.runner is runner:
                self.forget(flight)
        if rest is not None:
            flight = Flight(rest)
            self.add(flight)
            try:
                self.port.call(self._start_all, [flight])
            except RuntimeError:  # the loop is closed
                self.forget(flight)
                self.call_off(rest, LOOP_ENDS)
        return f"it keeps a thread of {self._pool_name}"
