"""What is in flight in an event loop: the claims of one executor, from their submission to their ends."""

from __future__ import annotations

import threading

from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from apscheduler.executors._contract import LoopOwner
    from apscheduler.loops.port import Handle, TaskPort
    from apscheduler.runs.claims import Claim

    class Timing(Protocol):
        """The deadline of a coroutine job."""

        handle: Handle

        def is_over(self) -> bool:
            """Return whether the time is over."""

    class InThread(Protocol):
        """A claim's function, which a thread runs or will run."""

        is_over: bool
        """Whether the thread has ended with it."""

        def take_turn(self) -> bool:
            """Return whether the caller is the first to ask: the thread that begins the claim, or who calls it off."""

        def has_begun(self) -> bool:
            """Return whether a thread has begun the claim, or the claim was called off."""


SHUT_DOWN = "the scheduler was shut down"


class Flight:
    """One claim, from its submission to its end.

    :ivar handle: its task, or the future of its thread
    :ivar deadline: of the coroutine job's fire time at work, if it has a timeout
    :ivar runner: runs its function in a thread; ``None`` for a coroutine job
    """

    __slots__ = ("claim", "deadline", "handle", "runner")

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.handle: Any = None
        self.deadline: Timing | None = None
        self.runner: InThread | None = None


class Flights:
    """The claims of one executor in one loop.

    The loop's thread and the submitting threads change ``_flights`` (a dictionary, so each step is atomic).

    :ivar closed: whether nothing more is taken
    :ivar ended_one: set whenever a claim ends
    """

    def __init__(self, owner: LoopOwner, port: TaskPort) -> None:
        self.owner = owner
        self.port = port
        self.closed = False
        self.ended_one = threading.Event()
        self._flights: dict[int, Flight] = {}

    def add(self, flight: Flight) -> None:
        """Take note of a claim that was submitted."""
        self._flights[id(flight)] = flight

    def has(self, flight: Flight) -> bool:
        """Return whether it has neither ended nor been called off."""
        return id(flight) in self._flights

    def all(self) -> list[Flight]:
        """Return what is in flight (a snapshot)."""
        return list(self._flights.values())

    def in_flight(self) -> list[Claim]:
        """Return the claims that are queued or running (a snapshot)."""
        return [flight.claim for flight in self.all()]

    def forget(self, flight: Flight) -> None:
        """Take note that a claim has ended, or goes on without us."""
        self._flights.pop(id(flight), None)
        self.owner._pending_futures.discard(flight.handle)
        self.ended_one.set()

    def thread_ended(self) -> None:
        """Called by a thread when its claim has ended, since the loop may have stopped and not notice that."""
        self.ended_one.set()

    # -- what does not come to its end --------------------------------------------------------------------

    def ended(self, flight: Flight) -> None:
        """Called in the loop's thread after a claim's end: cancel the fire times that have no outcome yet."""
        self.forget(flight)
        if flight.runner is None or flight.runner.take_turn():
            reason = SHUT_DOWN if self.closed else "its task was cancelled before it began"
            self.cancel_rest(flight.claim, reason)

    def cancel_rest(self, claim: Claim, reason: str) -> None:
        """Cancel the fire times that are left, and let the claim go."""
        claim.close(Outcome.CANCELLED, self.owner._now_us(), reason=reason)

    def cancel_what_follows(self, claim: Claim) -> None:
        """Cancel the fire times that a coroutine has not begun; how the running one ends is known only at its end."""
        if not claim.is_open(claim.begun):
            self.cancel_rest(claim, SHUT_DOWN)
            return
        now = self.owner._now_us()
        for fire in claim.unsettled:
            if fire != claim.begun:
                claim.sink.settle(claim, Result(fire, Outcome.CANCELLED, 0, now, reason=SHUT_DOWN))

    def call_off(self, claim: Claim, reason: str) -> None:
        """Hand back what has not begun, or cancel it if its store has no other schedulers to run it."""
        if not claim.unsettled or not claim.sink.hand_back(claim):
            self.cancel_rest(claim, reason)

    def cancel(self, handle: Handle) -> None:
        """Cancel a task or a timer of the loop. Any thread may call this."""
        if self.port.is_here():
            handle.cancel()
            return
        try:
            self.port.call(handle.cancel)
        except RuntimeError:
            return  # the loop is closed: nothing runs in it any more
