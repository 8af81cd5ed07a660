"""Settles the claims of an event loop that has ended before they did: each still gets its outcome, and only one.

    begun       cancelled, or timed out if its time is over. Its task is cancelled too, so that the outcome stays true
                if the loop was only stopped and is run again
    not begun   given back if other schedulers may run it, else cancelled. The same holds for what waits for a thread,
                because a pool that drops it could not report that any more
    in threads  functions that have begun go on, and their outcomes are settled when they end

A shutdown looks for such claims when it finds that the loop has stopped. If a shutdown leaves coroutines in the loop, a
thread looks for them afterwards. The last look is at the interpreter's end.
"""

from __future__ import annotations

from threading import Thread
from time import sleep
from weakref import WeakSet, ref

from apscheduler import ends
from apscheduler.executors._attempt.calling import timed_out
from apscheduler.forks import after_fork
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.executors._tasks.flights import Flight, Flights
    from apscheduler.loops.port import TaskPort

LOOK_SECONDS = 0.5
_TURN_SECONDS = 0.05
"""Seconds. A program may run its loop in small steps; a shorter pause between two steps is no stop of the loop."""
_living: WeakSet[Flights] = WeakSet()


def stands(port: TaskPort) -> bool:
    """Return whether the loop has stopped for good, as far as can be known."""
    if port.is_closed():
        return True
    if port.is_running():
        return False
    sleep(_TURN_SECONDS)
    return not port.is_running()


def end_with_loop(runs: Flights) -> None:
    """Settle what cannot go on because its loop has stopped."""
    for flight in runs.all():
        if flight.runner is None or flight.runner.take_turn():
            _end(runs, flight)
        elif flight.runner.is_over:
            runs.forget(flight)  # the loop would have done this, but it has stopped


def outlive(runs: Flights) -> None:
    """Watch the coroutines that a shutdown has left in a running loop, since the loop may be closed before they end."""
    if not _has_coroutines(runs):
        return
    try:
        Thread(target=_look, args=(ref(runs),), name="APScheduler loop watch", daemon=True).start()
    except RuntimeError:  # at its limit of threads, or the interpreter ends
        return


def look_at_end(runs: Flights) -> None:
    """Have these claims settled at the interpreter's end, if their loop has stopped by then."""
    _living.add(runs)


def _look(known: ref[Flights]) -> None:
    """Look until no coroutine is left, or until ``runs`` is garbage: then the garbage collector ends the coroutines."""
    while (runs := known()) is not None and _has_coroutines(runs):
        if runs.port.is_closed():
            end_with_loop(runs)
            return
        news = runs.ended_one
        del runs
        news.wait(LOOK_SECONDS)
        news.clear()


def _has_coroutines(runs: Flights) -> bool:
    return any(flight.runner is None for flight in runs.all())


def _end(runs: Flights, flight: Flight) -> None:
    claim, deadline = flight.claim, flight.deadline
    runs.forget(flight)
    ended = "ended" if runs.port.is_closed() else "had stopped"
    fire, now = claim.begun, runs.owner._now_us()
    if claim.is_open(fire):
        if deadline is not None and deadline.is_over():
            result = timed_out(claim.job, fire, claim.begun_at, now)
        else:
            reason = f"its event loop {ended} while it ran"
            result = Result(fire, Outcome.CANCELLED, claim.begun_at, now, reason=reason)
        claim.sink.settle(claim, result)
    runs.call_off(claim, f"its event loop {ended} before it began")
    for each in (flight.handle, None if deadline is None else deadline.handle):
        if each is not None:
            runs.cancel(each)


def _settle_at_end() -> None:
    for runs in list(_living):
        if runs.in_flight() and stands(runs.port):
            end_with_loop(runs)


ends.at_begin(_settle_at_end)
after_fork(_living.clear)
