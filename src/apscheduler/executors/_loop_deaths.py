"""Claims in a loop that ended under them: each has its outcome all the same, and one only.

    begun       cancelled, or timed out where its time is over. Its task is cancelled too, so that this stays true in a
                loop that was merely stopped and is turned again
    not begun   given back where others may run it, else cancelled; also what waits for a thread: a pool that drops it
                could not say so any more
    in threads  functions that have begun go on and settle by themselves

This is looked for where a shutdown finds the loop standing, in a thread after a shutdown that left coroutines in it, and
when the interpreter ends.
"""

from __future__ import annotations

from threading import Thread
from time import sleep
from weakref import WeakSet, ref

from apscheduler import ends
from apscheduler.executors._attempt import timed_out
from apscheduler.forks import after_fork
from apscheduler.runs.claims import Result
from apscheduler.runs.outcomes import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.executors._ports import TaskPort
    from apscheduler.executors._tasks import Flight, TaskRuns

LOOK_SECONDS = 0.5
_TURN_SECONDS = 0.05
"""How long a loop that is turned bit by bit may stand between two turns."""
_living: WeakSet[TaskRuns] = WeakSet()


def stands(port: TaskPort) -> bool:
    """Return whether nobody turns the loop any more, as far as can be known."""
    if port.is_closed():
        return True
    if port.is_running():
        return False
    sleep(_TURN_SECONDS)
    return not port.is_running()


def end_with_loop(runs: TaskRuns) -> None:
    """Settle what cannot go on in a loop that stands."""
    for flight in list(runs._flights.values()):
        if flight.runner is None or flight.runner.take_turn():
            _end(runs, flight)
        elif flight.runner.is_over:
            runs._forget(flight)  # the loop that stands was to do it


def outlive(runs: TaskRuns) -> None:
    """Look after the coroutines that a shutdown has left in a loop that runs: it may be closed before their end."""
    if not _has_coroutines(runs):
        return
    try:
        Thread(target=_look, args=(ref(runs),), name="APScheduler loop watch", daemon=True).start()
    except RuntimeError:  # at its limit of threads, or the interpreter ends
        return


def look_at_end(runs: TaskRuns) -> None:
    """Have these claims settled at the interpreter's end, where their loop stands then."""
    _living.add(runs)


def _look(known: ref[TaskRuns]) -> None:
    """Look until the last coroutine has ended, or nobody has the loop any more: the collector ends them then."""
    while (runs := known()) is not None and _has_coroutines(runs):
        if runs.port.is_closed():
            end_with_loop(runs)
            return
        news = runs._ended_one
        del runs
        news.wait(LOOK_SECONDS)
        news.clear()


def _has_coroutines(runs: TaskRuns) -> bool:
    return any(flight.runner is None for flight in list(runs._flights.values()))


def _end(runs: TaskRuns, flight: Flight) -> None:
    claim, deadline = flight.claim, flight.deadline
    runs._forget(flight)
    ended = "ended" if runs.port.is_closed() else "had stopped"
    fire, now = claim.begun, runs.owner._now_us()
    if fire in claim._open:
        if deadline is not None and deadline.is_over():
            result = timed_out(claim.job, fire, claim.begun_at, now)
        else:
            reason = f"its event loop {ended} while it ran"
            result = Result(fire, Outcome.CANCELLED, claim.begun_at, now, reason=reason)
        claim.sink.settle(claim, result)
    runs._call_off(claim, f"its event loop {ended} before it began")
    for each in (flight.handle, None if deadline is None else deadline.handle):
        if each is not None:
            runs._cancel(each)


def _settle_at_end() -> None:
    for runs in list(_living):
        if runs.in_flight() and stands(runs.port):
            end_with_loop(runs)


ends.at_begin(_settle_at_end)
after_fork(_living.clear)
