"""The end of a scheduler: when its process ends and nobody has shut it down, and within a time that was given.

At the end of the process it claims nothing more; stores that other processes share get back what has not begun, and from now on each outcome as it
comes. What runs goes on: our pools are waited for (``executors/_ending.py``). It can still be shut down afterwards, as
an exit handler of the program may do.
"""

from __future__ import annotations

from contextvars import copy_context
from datetime import timedelta
from threading import TIMEOUT_MAX, Thread, get_ident
from time import monotonic, sleep

from apscheduler.jobstores.base import SharedJobStore
from apscheduler.runs.context import acting_for
from apscheduler.schedulers._sinks import say_trouble
from apscheduler.texts import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PASS_SECONDS = 1.0
"""How long a pass that is under way may take to come to its end: a store that hangs must not hold up more."""
_LOOK_SECONDS = 0.005


def wind_up(scheduler: Any) -> None:
    """Let a scheduler come to its end with the process."""
    scheduler._ends = True
    wait_for_pass(scheduler)
    for alias, store in list(scheduler._jobstores.items()):
        if not isinstance(store, SharedJobStore) or not store.paced:
            continue
        try:
            store.withdraw()
            store.shutdown()
        except Exception as exc:  # noqa: BLE001 - whatever a store raises
            text = f"Job store {alias!r} could not be shut down cleanly"
            say_trouble(scheduler._logger, store, text, exc)


def stop_within(scheduler: Any, seconds: float) -> None:
    """Stop the executors: what has not begun is given back where others may run it, what runs has so many seconds."""
    withdraw(scheduler)
    if not scheduler._call_within(lambda: scheduler._stop_executors(wait=True), seconds):
        leave_behind(scheduler, seconds)


def withdraw(scheduler: Any) -> None:
    """Give back what has not begun, where others may run it."""
    for store in list(scheduler._jobstores.values()):
        if isinstance(store, SharedJobStore):
            store.withdraw()


def leave_behind(scheduler: Any, seconds: float) -> None:
    """Cancel what can be, say what goes on, and have the program's end not wait for it."""
    scheduler._stop_executors(wait=False)
    for executor in list(scheduler._executors.values()):
        executor.leave_behind()
    names = still_running(scheduler)
    if names:
        scheduler._logger.warning(
            "Shut down after %g s; these jobs still run: %s",
            *(seconds, ", ".join(names)),
        )


def still_running(scheduler: Any) -> list[str]:
    """Return by name and id the jobs that this scheduler's executors have not come to the end of."""
    found: set[str] = set()
    for executor in list(scheduler._executors.values()):
        listed = getattr(executor, "in_flight", list)
        found.update(name_of(getattr(item, "job", item)) for item in listed())
        opened = dict(getattr(executor, "_open_claims", ()))
        found.update(name_of(each[0].job) if each else str(key) for key, each in opened.items())
    return sorted(found)


def call_within(function: Callable[[], object], seconds: float) -> bool:
    """Call a function that may take long, for so many seconds; return whether it came to its end."""
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


def wait_for_pass(scheduler: Any) -> None:
    """Wait, a little, for a pass of another thread: what it has claimed is then known to the store."""
    until = monotonic() + PASS_SECONDS
    while scheduler._in_pass not in (0, get_ident()) and monotonic() < until:
        sleep(_LOOK_SECONDS)
