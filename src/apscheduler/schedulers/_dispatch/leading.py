"""Decides whether this scheduler runs the jobs, if ``leader_lock`` lets only one of several do so.

The loop asks at each pass (:meth:`Leading.may_run`), workers ask again before each start (:attr:`Leading.held`). A
scheduler that does not lead is running too: its methods work, and it takes over when the leader ends.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from os import PathLike

from apscheduler._engine.instants import SECOND
from apscheduler.cluster.leading import FileLock
from apscheduler.history import reasons
from apscheduler.jobstores.base import BaseJobStore, SharedJobStore
from apscheduler.logs import say
from apscheduler.names import hint
from apscheduler.runs.asking import plan_job, plan_since
from apscheduler.schedulers._store_calls import Complaints, is_private, say_trouble
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from apscheduler.cluster.leading import LeaderLock
    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.jobstores.base import ClaimBatch
    from apscheduler.runs.asking import Planner
    from apscheduler.schedulers._contract import HasStores, KeepsTime, Tells
    from apscheduler.schedulers._dispatch.lateness import Lateness

    class HasLateness(Protocol):
        """The loop, as far as it matters here."""

        lateness: Lateness

    class Led(Tells, KeepsTime, HasStores, Protocol):
        """What the leader lock needs of the scheduler."""

        @property
        def _dispatcher(self) -> HasLateness: ...


def store_of(given: Any, stores: Mapping[str, BaseJobStore]) -> BaseJobStore | None:
    """Return the store that ``leader_lock`` means, ``None`` if it means a file."""
    if isinstance(given, str):
        return stores.get(given)
    return given if isinstance(given, BaseJobStore) else None


def lock_of(given: Any, stores: Mapping[str, BaseJobStore]) -> LeaderLock:
    """Return the lock that ``leader_lock`` means.

    :raises ValueError: if it names neither a file nor a shared store of this scheduler
    :raises OSError: if the file cannot be made
    """
    store = store_of(given, stores)
    if store is not None:
        if not any(store is each for each in stores.values()):
            raise ValueError(
                f"leader_lock was given {given!r}, which is no job store of this scheduler; "
                "add it with add_jobstore() first, under any alias"
            )
        lock = store.leader_lock() if isinstance(store, SharedJobStore) else None
        if lock is None:
            raise ValueError(
                f"leader_lock was given {given!r}, which processes do not share; give it a shared store or a file's path"
            )
        return lock
    path = os.fspath(given)
    if os.sep not in path and not isinstance(given, PathLike):
        raise ValueError(
            f"leader_lock={given!r} is no job store's alias ({hint(path, stores)}); "
            f"a file of this name in the working folder would be '.{os.sep}{line(path)}'"
        )
    lock = FileLock(path)
    lock.check()
    return lock


class Leading:
    """One scheduler's use of the leader lock: tries to take it, and says whether jobs may run here.

    :param store: the store that keeps the lock, if one does
    :ivar since: when this scheduler took over from another one (microseconds UTC), 0 if it never did; in stores that
        only this process has, fire times before that were another scheduler's to run
    """

    def __init__(self, scheduler: Led, lock: LeaderLock, store: BaseJobStore | None) -> None:
        self._scheduler = scheduler
        self._lock = lock
        self._store = store
        self._led = False
        self._followed = False
        self._closed = False
        self._look_at = 0
        self._complaints = Complaints()
        self._said_private = False
        self.since = 0

    @property
    def held(self) -> bool:
        """Whether this scheduler may start runs now."""
        return self._lock.held

    @property
    def until(self) -> int | None:
        """When this right ends unless renewed, on ``clocks.boot_us``; ``None`` if it does not end by time."""
        return self._lock.until

    def may_run(self, now: int) -> bool:
        """Return whether this pass may claim runs; try to take the lock, if it is not held and it is time to try again.

        :param now: the scheduler's time, microseconds UTC
        """
        if self._lock.held:
            if not self._led:
                self._begin(now)
            return True
        if self._led:
            self._end()
        if now < self._look_at <= now + self.look_within:
            return False
        self._look_at = now + self.look_within
        if not self._taken(now):
            return False
        self._begin(self._scheduler._now_us())
        return True

    @property
    def look_within(self) -> int:
        """Microseconds between two tries to take the lock."""
        return int(self._lock.look_seconds * SECOND)

    def _taken(self, now: int) -> bool:
        try:
            if self._lock.take():
                if not self._closed:
                    return True
                self._lock.release()  # the scheduler was shut down meanwhile
                return False
        except Exception as exc:  # noqa: BLE001 - whatever a store raises: no answer means not the leader
            if self._complaints.is_due("lock", now):
                self._say_trouble("The leader lock does not answer; no job runs here", exc)
            return False
        if not self._followed:
            self._followed = True
            self._say(
                logging.INFO,
                f"Another scheduler leads ({self._lock.holder()}): this one runs no job and takes over when it ends",
            )
        return False

    def _begin(self, now: int) -> None:
        self._led = True
        if self._followed:
            self.since = now
            self._scheduler._dispatcher.lateness.led(now)
        self._followed = False
        self._say(logging.INFO, "This scheduler leads: it runs the jobs")

    def _end(self) -> None:
        self._led = False
        self._followed = True
        self._say(logging.WARNING, "This scheduler has lost the leader lock: it starts no job now")

    def _say(self, level: int, text: str) -> None:
        say(self._scheduler._logger, level, "%s", text)

    def _say_trouble(self, text: str, exc: Exception) -> None:
        say_trouble(self._scheduler._logger, self._store, text, exc, level=logging.WARNING)

    def plan_for(self, store: Store) -> Planner:
        """Return the planner for a store.

        If only this process has the store, the planner leaves out fire times from before this scheduler led.
        """
        since = self.since
        if not since or not is_private(store):
            return plan_job
        return plan_since(since, reasons.NOT_OURS)

    def guard(self, batch: ClaimBatch) -> None:
        """Have each claim check the lock before it starts; release and drop the claims that have no run left."""
        for claim in batch.claims:
            claim.lead = self
        empty = [claim for claim in batch.claims if not claim.fires]
        for claim in empty:
            claim.sink.release(claim)
        if empty:
            batch.claims[:] = [claim for claim in batch.claims if claim.fires]
        batch.skipped[:] = [each for each in batch.skipped if each[1]]

    def added(self, alias: str) -> None:
        """Called when jobs were added to a store: warn once if only this process knows them and another one leads."""
        if self._led or self._said_private:
            return
        if is_private(self._scheduler._claiming_store(alias)):
            self._said_private = True
            self._say(
                logging.WARNING,
                f"A job was added to job store {alias!r}, which only this process has, while another scheduler leads: "
                "it does not run unless this one takes over. A store that the processes share would let the leader run it",
            )

    def needs(self, store: BaseJobStore) -> bool:
        """Return whether this store keeps the lock, so that it must not be removed now."""
        return store is self._store and not self._closed

    def release(self) -> None:
        """Let another scheduler lead."""
        self._led, self._closed = False, True
        try:
            self._lock.release()
        except Exception as exc:  # noqa: BLE001 - its lease runs out by itself
            self._say_trouble("The leader lock could not be released", exc)
