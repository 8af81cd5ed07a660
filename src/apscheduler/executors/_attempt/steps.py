"""The steps of a run, from a claim to the outcome of each of its fire times.

All drivers go through them in this order:

    late?       a fire time that comes beyond the grace time is missed             ``next_attempt``
    may start?  a claim that may not run here any more is given back               ``next_attempt``
    log         that it starts                                                     ``next_attempt``
    context     what ``current_run()`` returns inside                              ``Attempt.context``
    call        the function is called                                             ``Attempt.call``
    await       what it returned is awaited, if it has to be                       the driver
    timeout     the driver interrupts the call, and says so                        ``Attempt.time_out``
    outcome     the driver says that it returned, raised or was cancelled          ``Attempt.returned``, …
    log         that it went well                                                  ``Attempt.returned``
    settle      the sink has the outcome                                           all of the last four

A driver differs from the others only in how it calls, awaits and watches:

    thread      ``_threads/runner.py``      awaits in a loop of its own; a watchdog raises the timeout in the thread
    task        ``_tasks/coroutines.py``    awaits in its loop, whose timer cancels the task
    greenlet    ``gevent.py``               awaits in a thread of gevent's; a timer raises in the greenlet
    3.x's way   ``_v3/runs.py``             in a thread or in a loop; nobody watches

A worker process has no claim, and must start in a few milliseconds. Its ``_child/calls.py`` has ``attempt_at`` and an
``Attempt`` of the same names whose ends are answers on the pipe; the scheduler's process makes results of them.

One goes through the steps in code of its own: plain jobs of threads, which have no claim (``Runner.take_items``).

What a feature adds around a call has its place in ``Attempt``: a context, a trace. What comes before a call has it in
``next_attempt``, and what comes after it in the four ends.
"""

from __future__ import annotations

from apscheduler.cluster.points import reached
from apscheduler.executors._attempt.calling import (
    context_of_item,
    failed,
    let_go,
    missed,
    timed_out,
    timeout_of,
)
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Claim, Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from apscheduler.executors._contract import AttemptOwner
    from apscheduler.runs.context import RunContext


_EXECUTED = Outcome.EXECUTED


class Attempt:
    """One call of a job's function for one fire time of a claim.

    :ivar owner: the executor
    :ivar fire: the fire time (microseconds UTC)
    :ivar started: when the function is called (microseconds UTC)
    :ivar timeout: after how many seconds the call is interrupted, ``None`` if it never is
    """

    __slots__ = ("claim", "fire", "owner", "started", "timeout")

    def __init__(self, owner: AttemptOwner, claim: Claim, fire: int, started: int) -> None:
        self.owner = owner
        self.claim = claim
        self.fire = fire
        self.started = started
        self.timeout = timeout_of(claim.job)

    def context(self) -> RunContext:
        """Return what ``current_run()`` returns inside this run."""
        return context_of_item(self.claim, self.fire)

    def call(self) -> Any:
        """Call the function and return its value, which may have to be awaited.

        :raises BaseException: what the function raises
        """
        job = self.claim.job
        return job.func(*job.args, **job.kwargs)

    # -- what it came to -------------------------------------------------------------------------------

    def returned(self, value: Any) -> None:
        """Log and settle that the function returned."""
        owner, claim = self.owner, self.claim
        finished = owner._now_us()
        owner._log_success(claim.job, self.fire, self.started, finished)
        reached("run.ended")
        claim.sink.settle(claim, Result(self.fire, _EXECUTED, self.started, finished, value))

    def raised(self, exc: BaseException) -> None:
        """Settle that the function raised."""
        now = self.owner._now_us()
        self.claim.sink.settle(self.claim, failed(self.fire, self.started, now, exc))

    def cancelled(self, exc: BaseException, reason: str) -> None:
        """Settle that the call was called off in its midst.

        :param reason: why, in words
        """
        now = self.owner._now_us()
        frames, _ = let_go(exc)
        told = (self.started, now, None, exc, frames, reason)
        self.claim.sink.settle(self.claim, Result(self.fire, Outcome.CANCELLED, *told))

    def time_out(self) -> None:
        """Settle that it did not end in time, unless it has an outcome. The function may still run.

        If nothing is left of the claim, it is released at once, since the function may never return.
        """
        claim, now = self.claim, self.owner._now_us()
        try:
            claim.sink.settle(claim, timed_out(claim.job, self.fire, self.started, now))
        finally:
            if not claim.unsettled:
                claim.sink.release(claim)


def next_attempt(
    owner: AttemptOwner, claim: Claim, why_late: Callable[[], str | None]
) -> Attempt | None:
    """Return the attempt at the claim's next fire time that may start.

    Fire times that come too late are settled on the way. ``None`` means that no fire time may start any more: the claim
    is released, or given back if it may not run here.

    :param why_late: returns why a fire time came late to this driver
    """
    while (fire := claim.next_open()) is not None:
        started = owner._now_us()
        if claim.misses(fire, started):
            claim.sink.settle(claim, missed(fire, started, claim.late_because or why_late()))
            continue
        claim.begun = fire
        claim.begun_at = started
        if not claim.may_start():
            claim.sink.give_back(claim)
            return None
        reached("run.starting")
        owner._log_start(claim.job, fire)
        return Attempt(owner, claim, fire, started)
    claim.sink.release(claim)
    return None
