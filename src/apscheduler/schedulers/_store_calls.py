"""Calls job stores, and deals with what they raise: the error, the complaint, the pause and the lateness stand here only.

    the loop's pass          an ``Exception`` costs this store's jobs a pause (:class:`StoreCalls`); anything else ends
                             the pass, after what was claimed has been handed over
    settle                   an ``Exception`` is logged; the outcome is told all the same (``_dispatch/settling.py``)
    release, give_back       what they raise goes to the executor: they keep what they are told, and do no I/O
    the leader lock          an ``Exception`` means that this scheduler does not lead (``_dispatch/leading.py``)
    at a start               an ``Exception`` costs the jobs it concerns; a store that is away gets them in a later pass
    at the end               an ``Exception`` is logged, and the other stores are freed all the same (:func:`attempt`)
    calls of users           what is raised is the caller's

No wrapper is called for each fire time: workers settle thousands a second.
"""

from __future__ import annotations

import logging
import threading

from apscheduler._engine.instants import SECOND
from apscheduler.events import EVENT_JOBSTORE_ERROR, StoreErrorEvent
from apscheduler.jobstores.base import SharedJobStore
from apscheduler.logs import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.jobstores.base import BaseJobStore
    from apscheduler.schedulers._contract import KeepsTime, Tells

    Stored = Store | BaseJobStore | None

    class Served(Tells, KeepsTime, Protocol):
        """What calls of stores need of the scheduler."""

        jobstore_retry_interval: float

    class Lateness(Protocol):
        """What remembers that a store was away, for the fire times that come late because of it."""

        def store_went_down(self, alias: str) -> None: ...

        def store_is_back(self, alias: str) -> None: ...


_COMPLAINTS = 10 * SECOND
"""Microseconds between two complaints about one thing that stays down."""


class Complaints:
    """Bounds how often something that stays down is complained about. Instants are the scheduler's time."""

    def __init__(self) -> None:
        self._made_at: dict[str, int] = {}

    def is_due(self, what: str, now: int) -> bool:
        """Return whether to complain about this now; the caller does so if it is."""
        if 0 <= now - self._made_at.get(what, -_COMPLAINTS) < _COMPLAINTS:
            return False
        self._made_at[what] = now
        return True

    def forget(self, what: str) -> None:
        """Let the next complaint about this be due at once."""
        self._made_at.pop(what, None)


class StoreCalls:
    """The loop's calls of its stores: each pass of each store is one call of :meth:`serve`. Used by the loop's thread.

    A store that raised is not asked again before ``jobstore_retry_interval`` has passed (or its own, shorter interval).
    """

    def __init__(self, scheduler: Served, lateness: Lateness) -> None:
        self._scheduler = scheduler
        self._lateness = lateness
        self._complaints = Complaints()
        self._retry_at: dict[str, int] = {}

    def serve(self, alias: str, store: Store, now: int, act: Callable[..., int]) -> int:
        """Have ``act(alias, store, now)`` call a store; return the instant to come back to it, which ``act`` returns."""
        retry_at = self._retry_at.get(alias, 0)
        # A clock that was set back must not keep a failed store waiting for longer than its interval.
        if now < retry_at <= now + int(self._retry_seconds(store) * SECOND):
            return retry_at
        try:
            wake_at = act(alias, store, now)
        except Exception as exc:  # noqa: BLE001 - whatever a store raises
            return self._failed(alias, store, exc)
        if alias in self._retry_at:
            self._is_back(alias)
        return wake_at

    def is_down(self, alias: str) -> bool:
        """Return whether the last call of this store raised."""
        return alias in self._retry_at

    def _is_back(self, alias: str) -> None:
        del self._retry_at[alias]
        self._complaints.forget(alias)
        self._lateness.store_is_back(alias)
        say(self._scheduler._logger, logging.INFO, "Job store %r answers again", alias)

    def _failed(self, alias: str, store: Store, exc: Exception) -> int:
        now = int(self._scheduler._now_us())
        seconds = self._retry_seconds(store)
        retry_at = now + int(seconds * SECOND)
        self._retry_at[alias] = retry_at
        self._lateness.store_went_down(alias)
        if isinstance(exc, RuntimeError) and _ends_with_the_program():
            return retry_at  # no thread can be started any more
        if self._complaints.is_due(alias, now):
            self._complain(alias, store, exc, seconds)
        return retry_at

    def _complain(self, alias: str, store: Store, exc: Exception, seconds: float) -> None:
        scheduler = self._scheduler
        text = f"Job store {alias!r} failed; its jobs wait and it is asked again in {seconds:g} s"
        # Braces of the alias are doubled, because say_trouble() fills in the rest by str.format().
        name = repr(alias).replace("{", "{{").replace("}", "}}")
        away = f"Job store {name}{{place}} is not reachable ({{reason}}); its jobs wait and it is asked again in {seconds:g} s"
        say_trouble(scheduler._logger, store, text, exc, level=logging.WARNING, away=away)
        scheduler._dispatch_event(StoreErrorEvent(EVENT_JOBSTORE_ERROR, alias, exc))

    def _retry_seconds(self, store: Store) -> float:
        seconds: float = self._scheduler.jobstore_retry_interval
        own = store.retry_interval
        return seconds if own is None else min(seconds, own)


def is_private(store: Store) -> bool:
    """Return whether other processes do not see this store's jobs, or see them but would not claim them."""
    return store.look_within() is None


def attempt(logger: logging.Logger, store: Stored, text: str, act: Callable[[], object]) -> None:
    """Have ``act()`` call a store, and log an ``Exception`` as what ``text`` says."""
    try:
        act()
    except Exception as exc:  # noqa: BLE001 - whatever a store raises
        say_trouble(logger, store, text, exc)


def say_trouble(
    logger: logging.Logger,
    store: Stored,
    text: str,
    exc: Exception,
    *,
    level: int = logging.ERROR,
    away: str = "{text}: its store{place} is not reachable ({reason})",
) -> None:
    """Log what failed with a store: in one line if the cause is known, else with the traceback.

    :param away: format of the line for a store that cannot be reached
    """
    if isinstance(store, SharedJobStore) and store.tell_trouble(text, exc):
        return
    from apscheduler.jobstores._plain.reaching import place_of, why_unreachable

    reason = why_unreachable(exc)
    if reason is None:
        say(logger, level, "%s", text, exc_info=exc)
    else:
        line = away.format(text=text, place=place_of(store), reason=reason)
        say(logger, level, "%s", line)


def _ends_with_the_program() -> bool:
    """Return whether the program ends: the main thread has ended, and nobody waits for this one."""
    return threading.current_thread().daemon and not threading.main_thread().is_alive()
