"""One process's membership in a cluster: joins, keeps its lease by heartbeats, buries the dead, rejoins.

The heartbeat has a thread and a connection of its own (rule 11), so neither a full job pool nor a slow claim ends the
lease; it goes on while the scheduler drains. A scheduler that only edits jobs never joins.
"""

from __future__ import annotations

import os
import secrets
import socket
from threading import Event, Lock, Thread, current_thread

from apscheduler._engine.records import Record
from apscheduler.cluster.lease import Lease, boot_us
from apscheduler.cluster.nodes import Watch
from apscheduler.cluster.points import reached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from apscheduler.cluster.nodes import NodeRow

    class Roll(Protocol):
        """The store's list of nodes. Each method is one transaction; what it raises means "no answer"."""

        def join(self, epoch: int, name: str, lease: int) -> int:
            """Enter a node and return the store's time."""

        def beat(self, epoch: int, lease: int) -> int | None:
            """Renew a lease and return the store's time; ``None`` if there is no such lease any more."""

        def listed(self) -> tuple[list[NodeRow], int]:
            """Return all nodes, and the store's time."""

        def reap(self, dead: NodeRow, own_epoch: int) -> bool:
            """Close or free what a dead node held and remove it; ``False`` if one's own lease is over."""

        def adopt_orphans(self, own_epoch: int) -> None:
            """Close or free what belongs to nodes that are not listed."""

        def leave(self, epoch: int) -> None:
            """Remove a node that holds nothing any more."""

        def finish(self) -> None:
            """Free the connections: this process is done with the store."""

        def tend(self) -> None:
            """Do a small step of what has to be done now and then (retention)."""


_END_SECONDS = 2.0


class Offset(Record):
    """The store's clock against this host's.

    :ivar us: microseconds to add to the host's clock; 0 where the difference cannot be told from the round trip
    """

    __slots__ = ("us",)

    def __init__(self, us: int = 0) -> None:
        self.us = us

    def measured(self, before: int, store_now: int, after: int) -> None:
        """Take a reading of the store's clock between two of the host's."""
        difference = store_now - (before + after) // 2
        self.us = 0 if abs(difference) <= after - before + 5_000 else difference


class Membership:
    """Keeps one incarnation alive.

    :ivar lease: what may be done now
    :ivar name: this process as other nodes list it
    :ivar alive: how many nodes there were, by the store's clock, when it was last looked
    :ivar place: which of them this one is, from 0 on; all nodes count in the same order
    """

    def __init__(
        self,
        roll: Roll,
        lease: int,
        beat_seconds: float,
        clock: Callable[[], int],
        on_trouble: Callable[[str, BaseException | None], None],
    ) -> None:
        self.lease = Lease(lease)
        self.offset = Offset()
        self.alive = 1
        self.place = 0
        self.name = f"{socket.gethostname()[:80]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._roll = roll
        self._beat_seconds = beat_seconds
        self._clock = clock
        self._on_trouble = on_trouble
        self._watch = Watch()
        self._joining = Lock()
        self._stop = Event()
        self._may_leave: Callable[[], bool] = lambda: True
        self._thread: Thread | None = None

    def ensure(self) -> bool:
        """Join if this process has not, or has lost its lease; return whether it may claim now."""
        if self.lease.epoch == 0:
            self._join()
        return self.lease.trusted()

    def _join(self) -> None:
        with self._joining:
            if self.lease.epoch or self._stop.is_set():
                return
            epoch = secrets.randbits(62) + 1
            asked, before = boot_us(), self._clock()
            reached("join.begin")
            store_now = self._roll.join(epoch, self.name, self.lease.length)
            reached("join.committed")
            self.offset.measured(before, store_now, self._clock())
            self.lease.renewed(asked, epoch)
            self._count(*self._roll.listed())
            if self._thread is None:
                thread = Thread(target=self._run, name="APScheduler heartbeat", daemon=True)
                thread.start()
                self._thread = thread  # only now: close() waits for it

    def fenced(self) -> None:
        """Take note that the store does not know this incarnation any more; the next claim rejoins."""
        if self.lease.epoch:
            self.lease.lost()
            self._on_trouble(
                "This scheduler's lease in the store had ended; it joins again, and runs it held are recovered",
                None,
            )

    def close(self, may_leave: Callable[[], bool]) -> None:
        """End the membership, at once or as soon as ``may_leave`` says that nothing is held any more."""
        self._may_leave = may_leave
        self._stop.set()
        if self._thread is None or may_leave():
            if self._thread is not None and self._thread is not current_thread():
                self._thread.join(
                    _END_SECONDS
                )  # it leaves; a store that hangs must not hold this up
            self._leave()

    def _leave(self) -> None:
        with self._joining:
            epoch = self.lease.epoch
            self.lease.lost()
            if epoch:
                try:
                    self._roll.leave(epoch)
                except Exception as exc:  # noqa: BLE001 - its lease runs out by itself
                    self._on_trouble("The scheduler could not sign off from the store", exc)
            self._roll.finish()

    def _run(self) -> None:
        while not self._stop.wait(self._beat_seconds):
            self._beat_safely()
        while not self._may_leave():  # draining
            if self.lease.epoch:
                self._beat_safely()
            self._drain_pause.wait(min(self._beat_seconds, 0.2))
        self._leave()

    _drain_pause = Event()
    """Never set: a sleep that a test's fake can replace."""

    def _beat_safely(self) -> None:
        try:
            self.beat()
        except Exception as exc:  # noqa: BLE001 - no answer from the store: the trust runs out by itself
            self._on_trouble("The heartbeat got no answer from the store", exc)

    def beat(self) -> None:
        """Renew the lease, and look after the other nodes.

        :raises Exception: whatever the store raises
        """
        epoch = self.lease.epoch
        if epoch == 0:
            self._join()
            return
        asked, before = boot_us(), self._clock()
        reached("beat.begin")
        store_now = self._roll.beat(epoch, self.lease.length)
        reached("beat.committed")
        if store_now is None:
            self.fenced()
            self._join()
            return
        self.offset.measured(before, store_now, self._clock())
        self.lease.renewed(asked, epoch)
        if self._stop.is_set():
            return
        self.sweep()
        self._roll.tend()

    def _count(self, rows: list[NodeRow], store_now: int) -> None:
        alive = sorted(row.epoch for row in rows if row.lease_until > store_now)
        self.alive = len(alive)
        self.place = alive.index(self.lease.epoch) if self.lease.epoch in alive else 0

    def sweep(self) -> None:
        """Close or free what dead nodes held."""
        rows, store_now = self._roll.listed()
        self._count(rows, store_now)
        own = self.lease.epoch
        for dead in self._watch.dead(rows, store_now, boot_us()):
            if dead.epoch != own and self.lease.trusted() and not self._roll.reap(dead, own):
                self.fenced()
                return
        if self.lease.trusted():
            self._roll.adopt_orphans(own)
