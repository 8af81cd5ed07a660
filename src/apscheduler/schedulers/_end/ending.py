"""Ends a scheduler: when its process ends and nobody has shut it down, and within a time that was given.

At the end of the process the scheduler claims nothing more. Stores that other processes share get back what has not
begun, and from then on each outcome as it comes. What runs goes on: our pools are waited for
(``executors/_ending/pools.py``). The scheduler can still be shut down afterwards, as an exit handler of the program may do.
"""

from __future__ import annotations

from contextvars import copy_context
from datetime import timedelta
from functools import partial
from threading import TIMEOUT_MAX, Event, Thread, get_ident
from time import sleep

from apscheduler.clocks import monotonic
from apscheduler.executors._attempt.calling import claim_of_caller
from apscheduler.jobstores.base import SharedJobStore
from apscheduler.runs.context import acting_for, caller_ident, lane_workers
from apscheduler.schedulers import SchedulerAlreadyRunningError
from apscheduler.schedulers._api.listeners import teller
from apscheduler.schedulers._store_calls import attempt
from apscheduler.texts import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol, TypeVar

    from apscheduler.executors.base import BaseExecutor
    from apscheduler.schedulers._contract import HasExecutors, HasStores, Logs

    T = TypeVar("T")

    class Ending(HasExecutors, HasStores, Logs, Protocol):
        """What the end needs of a scheduler."""

        _shutdown: Shutdown | None
        _in_pass: int
        _ends: bool

        def _strand(self) -> object: ...

        def _is_in_loop(self) -> bool: ...

        def _wait_for(self, ended: Event) -> None: ...

        def _close(self, shutdown: Shutdown) -> None: ...

        def _call_within(self, function: Callable[[], object], seconds: float) -> bool: ...

        def _stop_executors(self, *, wait: bool) -> None: ...


PASS_SECONDS = 1.0
"""Seconds for which a pass that is under way is waited for: a store that hangs must not hold up the end for longer."""
_LOOK_SECONDS = 0.005


class Shutdown:
    """One shutdown of a scheduler, from its beginning until the next start.

    :ivar by: the thread (or greenlet) that shuts down
    :ivar waits: whether it waits for running jobs
    :ivar executors: the executors to stop; those added meanwhile were never started
    :ivar stores: likewise
    :ivar is_closed: whether all of these are stopped
    :ivar is_over: an event, set once nobody works on the shutdown any more; if ``is_closed`` is false then, a Ctrl-C
        has ended it, or it was given up
    :ivar is_past: whether the scheduler was started again since
    """

    def __init__(self, scheduler: Ending) -> None:
        self.by = scheduler._strand()
        self.waits = True
        self.executors = dict(scheduler._executors)
        self.stores = dict(scheduler._jobstores)
        self.is_closed = False
        self.is_over = Event()
        self.is_past = False
        self._closers: list[int] = []
        self._waiting: list[int] = []

    def takes_close(self) -> bool:
        """Return whether the caller is to close the stores; ``True`` for the first caller only."""
        self._closers.append(get_ident())
        return len(self._closers) == 1

    def takes_turn(self) -> bool:
        """Return whether the caller may wait for the end, to start then; ``True`` for the first caller only."""
        self._waiting.append(get_ident())
        return len(self._waiting) == 1


_TAKEN = "the scheduler is being shut down, and another thread waits to start it already"
_IN_LOOP = (
    "the scheduler is being shut down, and the thread of an event loop cannot wait for that: "
    "call {name}() after the shutdown has returned (await ashutdown(), or the thread that called shutdown())"
)
_WAITED_FOR = (
    "the scheduler is being shut down, and that waits for the job or listener that calls {name}(): "
    "call it after shutdown() has returned, in the thread that called it, or from a listener of EVENT_SCHEDULER_SHUTDOWN"
)


def let_end(scheduler: Ending, shutdown: Shutdown, name: str) -> None:
    """Wait until a scheduler's last shutdown is over.

    :param name: name of the method that the caller cannot go on with before
    :raises SchedulerAlreadyRunningError: if the shutdown waits for the calling code, or this code must not wait
    """
    if not shutdown.is_over.is_set():
        is_loop = scheduler._is_in_loop()
        if is_loop or _waits_for_caller(shutdown, scheduler):
            if not shutdown.is_closed:
                text = _IN_LOOP if is_loop else _WAITED_FOR
                raise SchedulerAlreadyRunningError(text.format(name=name))
        else:
            if not shutdown.takes_turn():
                raise SchedulerAlreadyRunningError(_TAKEN)
            scheduler._logger.info(
                "%s() waits for the shutdown that is under way in another thread", name
            )
            scheduler._wait_for(shutdown.is_over)
    scheduler._close(shutdown)
    if not shutdown.is_closed:  # a thread that was given up is closing it at this moment
        raise SchedulerAlreadyRunningError(_IN_LOOP.format(name=name))


def _waits_for_caller(shutdown: Shutdown, scheduler: Ending) -> bool:
    """Return whether a shutdown cannot end before the calling code does."""
    if shutdown.by == scheduler._strand():
        return True
    if not shutdown.waits:
        return False
    worker: Any = lane_workers.get(caller_ident())
    if worker is not None and worker.owner._scheduler is scheduler:
        return True
    return teller.get() is scheduler or any(map(_runs_caller, shutdown.executors.values()))


def _runs_caller(executor: BaseExecutor) -> bool:
    """Return whether the calling code is a job that an executor runs, or is in the thread of its event loop."""
    port = getattr(getattr(executor, "_runs", None), "port", None)
    if port is not None and port.is_here():
        return True
    opened = dict(getattr(executor, "_open_claims", ()))
    claims = [
        *getattr(executor, "in_flight", list)(),
        *(one for each in opened.values() for one in each),
    ]
    return claim_of_caller(each for each in claims if hasattr(each, "fires")) is not None


def still_there(known: dict[str, T], now: dict[str, T]) -> list[tuple[str, T]]:
    """Return those of ``known`` that are still in ``now`` by the same alias."""
    return [(alias, each) for alias, each in known.items() if now.get(alias) is each]


def wind_up(scheduler: Ending) -> None:
    """Let a scheduler end with its process: it claims nothing more, and shared stores get back what has not begun."""
    scheduler._ends = True
    wait_for_pass(scheduler)
    for alias, store in list(scheduler._jobstores.items()):
        if not isinstance(store, SharedJobStore) or not store.paced:
            continue
        text = f"Job store {alias!r} could not be shut down cleanly"
        attempt(scheduler._logger, store, text, partial(_sign_off, store))


def _sign_off(store: SharedJobStore) -> None:
    store.withdraw()
    store.shutdown()


def stop_within(scheduler: Ending, seconds: float) -> None:
    """Stop the executors: what has not begun is given back if others may run it, what runs has ``seconds`` to end."""
    withdraw(scheduler)
    if not scheduler._call_within(lambda: scheduler._stop_executors(wait=True), seconds):
        leave_behind(scheduler, seconds)


def withdraw(scheduler: HasStores) -> None:
    """Give back what has not begun, if others may run it."""
    for store in list(scheduler._jobstores.values()):
        if isinstance(store, SharedJobStore):
            store.withdraw()


def leave_behind(scheduler: Ending, seconds: float) -> None:
    """Cancel what can be cancelled, log what goes on, and have the program's end not wait for it."""
    scheduler._stop_executors(wait=False)
    for executor in list(scheduler._executors.values()):
        executor.leave_behind()
    names = still_running(scheduler)
    if names:
        scheduler._logger.warning(
            "Shut down after %g s; these jobs still run: %s",
            *(seconds, ", ".join(names)),
        )


def still_running(scheduler: Ending) -> list[str]:
    """Return, by name and id, the jobs that this scheduler's executors have not finished."""
    found: set[str] = set()
    for executor in list(scheduler._executors.values()):
        listed = getattr(executor, "in_flight", list)
        found.update(name_of(getattr(item, "job", item)) for item in listed())
        opened = dict(getattr(executor, "_open_claims", ()))
        found.update(name_of(each[0].job) if each else str(key) for key, each in opened.items())
    return sorted(found)


def call_within(function: Callable[[], object], seconds: float) -> bool:
    """Call a function in a thread, and wait at most ``seconds`` for it; return whether it has ended."""
    context = copy_context()
    context.run(acting_for.set, get_ident())
    thread = Thread(target=context.run, args=(function,), name="APScheduler shutdown", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter ends and starts no more threads
        return False
    thread.join(seconds)
    return not thread.is_alive()


def checked_timeout(timeout: Any) -> float | None:
    """Return the seconds to wait for running jobs.

    :raises TypeError: if that is no number
    :raises ValueError: if it is negative, or not finite
    """
    if timeout is None:
        return None
    if isinstance(timeout, timedelta):
        timeout = timeout.total_seconds()
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout must be a number of seconds, not {timeout!r}")
    if not 0 <= timeout <= TIMEOUT_MAX:
        raise ValueError(f"timeout must be 0 seconds or more, not {timeout!r}")
    return float(timeout)


def wait_for_pass(scheduler: Ending) -> None:
    """Wait a short time until a pass of another thread has ended, so that the store knows what the pass has claimed."""
    until = monotonic() + PASS_SECONDS
    while scheduler._in_pass not in (0, get_ident()) and monotonic() < until:
        sleep(_LOOK_SECONDS)
