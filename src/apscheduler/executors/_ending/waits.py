"""Logs which jobs the end of a scheduler, a loop or the program waits for, if the wait is long enough to be noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Event, Thread
from time import sleep

from apscheduler.clocks import monotonic
from apscheduler.logs import logger_named
from apscheduler.texts import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Claims = dict[Any, str]
    """Claims, each with its job in words."""

PATIENCE = 3.0
"""Seconds. A wait that ends sooner is not logged."""
AT_EXIT = (
    "The program's end waits for jobs that still run: %s. Ctrl-C ends the wait; a job's timeout= or "
    "shutdown(timeout=…) bounds it"
)
BY_PYTHON = "The program's end waits for jobs that still run: %s. Ctrl-C ends the wait; a job's timeout= bounds it"
BY_LOOP = "The event loop's end waits for jobs that still run: %s. Ctrl-C ends the wait; a job's timeout= bounds it"
BY_REACTOR = (
    "The reactor's end waits for jobs that still run: %s. Ctrl-C does not end this wait, only a kill does; "
    "a job's timeout= bounds it"
)
_LOOK_SECONDS = 0.01
_SHOWN = 10


def names_of(pools: Iterable[Any]) -> list[str]:
    """Return the jobs that pools or executors have queued or running, by name and id."""
    found: set[str] = set()
    for pool in list(pools):
        listed = getattr(pool, "in_flight", list)
        found.update(name_of(getattr(item, "job", item)) for item in listed())
    return sorted(found)


def told(names: list[str]) -> str:
    """Return the names as one text: the first ten, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def tell_at_exit(pools: list[Any], logger: Any) -> None:
    """Wait a while for the pools' jobs, then log those that still run. It waits here: no thread can be started now."""
    until = monotonic() + PATIENCE
    while names_of(pools):
        if monotonic() >= until:
            logger.warning(AT_EXIT, told(names_of(pools)))
            return
        sleep(_LOOK_SECONDS)


def tell_later(waited_for: Callable[[], Claims], text: str) -> None:
    """Log after a while what Python's or a reactor's end still waits for, from a thread that no end waits for.

    :param waited_for: returns what is waited for at the time of the call
    :param text: one of the texts above
    """
    first = waited_for()
    if not first:
        return
    arguments = (first, waited_for, text)
    try:
        Thread(target=_tell_in_a_while, args=arguments, daemon=True).start()
    except RuntimeError:  # at its limit of threads
        return


def _tell_in_a_while(first: Claims, waited_for: Callable[[], Claims], text: str) -> None:
    sleep(PATIENCE)
    tell_left(first, waited_for, text)


def tell_left(first: Claims, waited_for: Callable[[], Claims], text: str) -> None:
    """Log the jobs that were waited for at first and still are."""
    names = sorted({words for claim, words in waited_for().items() if claim in first})
    if names:
        logger_named("apscheduler.executors").warning(text, told(names))


class Telling:
    """A context manager around the wait of a shutdown: logs the jobs that it waits for, unless they end soon."""

    def __init__(self, executors: Iterable[Any], logger: Any) -> None:
        self._executors = list(executors)
        self._logger = logger
        self._over = Event()

    def __enter__(self) -> None:
        if not names_of(self._executors):
            return
        try:
            Thread(target=self._tell, name="APScheduler shutdown", daemon=True).start()
        except RuntimeError:  # at its limit of threads, or the interpreter ends
            return

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _tell(self) -> None:
        if self._over.wait(PATIENCE):
            return
        names = names_of(self._executors)
        if names:
            self._logger.warning(
                "shutdown() waits for jobs that still run: %s. Ctrl-C ends the wait; a job's timeout= or "
                "shutdown(timeout=…) bounds it",
                told(names),
            )
