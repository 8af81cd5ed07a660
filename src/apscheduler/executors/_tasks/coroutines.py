"""Runs a claim of a coroutine job in a task of the loop, with its deadlines: the driver *task* of the steps of a run."""

from __future__ import annotations

from collections.abc import Callable

from apscheduler.clocks import monotonic
from apscheduler.executors._attempt.calling import is_awaitable
from apscheduler.executors._attempt.steps import next_attempt
from apscheduler.executors._tasks.flights import SHUT_DOWN
from apscheduler.runs.context import run_context
from apscheduler.runs.raised import set_traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.executors._attempt.steps import Attempt
    from apscheduler.executors._tasks.flights import Flight, Flights
    from apscheduler.loops.port import Handle


async def run_in_task(flights: Flights, flight: Flight, why_late: Callable[[], str]) -> None:
    """Run the fire times that are left of a claim one after another."""
    claim = flight.claim
    while (attempt := next_attempt(flights.owner, claim, why_late)) is not None:
        run_context.set(attempt.context())
        timeout = attempt.timeout
        deadline = None if timeout is None else Deadline(flights, flight, attempt, timeout)
        flight.deadline = deadline
        await _run(flights, attempt, deadline)


async def _run(flights: Flights, attempt: Attempt, deadline: Deadline | None) -> None:
    try:
        value = attempt.call()
        if is_awaitable(value):
            value = await value
    except BaseException as exc:
        in_time = deadline is None or deadline.finish()
        _settle_raised(flights, attempt, exc, in_time=in_time)
        if isinstance(exc, GeneratorExit) or (_ends_the_task(exc) and in_time):
            raise
        if not in_time:
            flights.port.forgive()
        return
    if deadline is not None and not deadline.finish():
        flights.port.forgive()
    elif attempt.claim.is_open(attempt.fire):  # else its loop had stopped, and was then run again
        attempt.returned(value)


def _settle_raised(
    flights: Flights, attempt: Attempt, exc: BaseException, *, in_time: bool
) -> None:
    if not in_time or not attempt.claim.is_open(attempt.fire):
        set_traceback(exc, None)  # its outcome is known already
    elif _is_cancellation(exc):
        attempt.cancelled(exc, SHUT_DOWN if flights.closed else "its task was cancelled")
    else:
        attempt.raised(exc)


class Deadline:
    """The deadline of a coroutine job: when it is over, the outcome is settled and the task is cancelled."""

    def __init__(self, flights: Flights, flight: Flight, attempt: Attempt, seconds: float) -> None:
        self._flights = flights
        self._flight = flight
        self._attempt = attempt
        self._ends_at = monotonic() + seconds
        self._expired = False
        self.handle: Handle = flights.port.later(seconds, self._expire)

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
        self._attempt.time_out()

    def _expire(self) -> None:
        self._settle()
        self._press(self._stuck)

    def _press(self, following: Callable[[], None]) -> None:
        self.handle = self._flights.port.later(self._flights.owner.timeout_grace, following)
        self._flight.handle.cancel()

    def _stuck(self) -> None:
        job = self._flight.claim.job
        self._flights.owner._logger.error(
            "job %s was cancelled at its timeout of %s s and goes on; it is cancelled once more. Its task: %r",
            *(job.id, job.timeout, self._flight.handle),
        )
        self._press(lambda: None)


def _is_cancellation(exc: BaseException) -> bool:
    return type(exc).__name__ == "CancelledError" or isinstance(exc, GeneratorExit)


def _ends_the_task(exc: BaseException) -> bool:
    """Return whether the task may not go on: it is cancelled, destroyed, or a user pressed Ctrl-C."""
    return _is_cancellation(exc) or isinstance(exc, KeyboardInterrupt)
