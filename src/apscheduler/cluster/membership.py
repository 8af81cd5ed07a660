"""Keeps one process a member of a cluster: it joins, renews its lease by heartbeats, buries dead nodes, rejoins.

The heartbeat has a thread and a connection of its own (rule 11), so neither a full job pool nor a slow claim ends the
lease; it goes on while the scheduler drains. A scheduler that only edits jobs never joins.
"""

from __future__ import annotations

import os
import secrets
import socket
from threading import Event, Lock, Thread, current_thread

from apscheduler._engine.instants import SECOND
from apscheduler.clocks import boot_us
from apscheduler.cluster.host import Host, is_gone, new_epoch, this_process
from apscheduler.cluster.lease import Lease
from apscheduler.cluster.nodes import Watch
from apscheduler.cluster.offset import Offset
from apscheduler.cluster.points import reached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from apscheduler.cluster.nodes import NodeRow

    class Roll(Protocol):
        """The store's list of nodes. Each method is one transaction; what it raises means "no answer"."""

        def join(self, epoch: int, name: str, lease: int) -> int:
            """Add a node, and return the store's time."""

        def beat(self, epoch: int, lease: int) -> int | None:
            """Renew a lease and return the store's time; ``None`` if there is no such lease any more."""

        def listed(self) -> tuple[list[NodeRow], int]:
            """Return all nodes, and the store's time."""

        def reap(self, dead: NodeRow, own_epoch: int) -> bool:
            """Remove a dead node, and close or free its runs; ``False`` if this process's own lease is over."""

        def adopt_orphans(self, own_epoch: int) -> None:
            """Close or free the runs of nodes that are not listed."""

        def now(self) -> int:
            """Return the store's time."""

        def leave(self, epoch: int) -> None:
            """Remove a node that holds nothing any more."""

        def abandon(self, epoch: int, name: str) -> None:
            """Remove a node whose process ends now, and close or free the runs that it still holds."""

        def finish(self) -> None:
            """Free the connections: this process is done with the store."""

        def tend(self) -> None:
            """Do a small step of housekeeping (retention)."""


_END_SECONDS = 2.0
_READINGS = 3
"""One edit reads the store's clock at most this many times, where the way there is slow now and then."""


class Membership:
    """Keeps one incarnation alive.

    :ivar lease: the right to claim and start runs
    :ivar name: this process as other nodes list it
    :ivar alive: how many nodes' leases held at the last look, by the store's clock
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
        self.offset = Offset(clock)
        self.alive = 1
        self.place = 0
        self.name = f"{socket.gethostname()[:80]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._roll = roll
        self._beat_seconds = beat_seconds
        self._on_trouble = on_trouble
        self._watch = Watch()
        self._host = Host()
        self._joining = Lock()
        self._stop = Event()
        self._may_leave: Callable[[], bool] = lambda: True
        self._read_at = 0  # when the store's clock was read last, by a clock that nobody sets
        self._is_told_apart = False
        self._dies = False
        """Whether the process ends, and the runs that it holds with it: then signing off closes or frees them too."""
        self._thread: Thread | None = None
        self.on_fenced: Callable[[int, Callable[[], bool]], None] = lambda _epoch, _trusted: None
        """Called with an incarnation that the store no longer knows, and what tells whether its lease still holds."""

    def ensure(self) -> bool:
        """Join if this process has not, or has lost its lease; return whether it may claim now."""
        if self.lease.epoch == 0:
            self._join()
        return self.lease.trusted()

    def _join(self) -> None:
        """Join, and recover at once the runs of processes of this host that are gone: a restart need not wait."""
        rows = self._joined()
        if rows:
            self._bury(self._gone(rows))

    def _joined(self) -> list[NodeRow]:
        with self._joining:
            if self.lease.epoch or self._stop.is_set():
                return []
            self._host = this_process()
            epoch = new_epoch()
            asked, began = boot_us(), self.offset.asked()
            reached("join.begin")
            store_now = self._roll.join(epoch, self.name, self.lease.length)
            reached("join.committed")
            self._measured(began, store_now)
            self.lease.renewed(asked, epoch)
            rows, store_now = self._roll.listed()
            self._count(rows, store_now)
            if self._thread is None:
                self._start_beating(epoch)
            return rows

    def _start_beating(self, epoch: int) -> None:
        thread = Thread(target=self._run, name="APScheduler heartbeat", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # at its limit of threads: nobody would renew the lease
            self.lease.lost()
            self._roll.leave(epoch)
            raise
        self._thread = thread  # only now: close() waits for it

    def fenced(self) -> None:
        """Take note that the store does not know this incarnation any more; the next claim rejoins."""
        if self.lease.epoch:
            until = self.lease.until
            self.on_fenced(self.lease.epoch, lambda: boot_us() < until)
            self.lease.lost()
            self._on_trouble(
                "This scheduler's lease in the store had ended; it joins again, and runs it held are recovered",
                None,
            )

    def is_beating(self) -> bool:
        """Return whether the heartbeat's thread runs. After a shutdown it does so until nothing is held any more."""
        return self._thread is not None and self._thread.is_alive()

    def close(self, may_leave: Callable[[], bool]) -> None:
        """End the membership, at once or as soon as ``may_leave`` says that nothing is held any more."""
        self._may_leave = may_leave
        self._stop.set()
        if self._thread is None or may_leave():
            if self._thread is not None and self._thread is not current_thread():
                self._thread.join(
                    _END_SECONDS
                )  # that thread leaves; a store that hangs must not hold this up
            self._leave()

    def leave(self) -> None:
        """End the membership because the process ends, whatever is held: runs that go on here end with it."""
        self._dies = True
        self._may_leave = lambda: True
        self._stop.set()
        if self._joining.acquire(timeout=_END_SECONDS):  # the heartbeat's thread may be leaving now
            self._joining.release()
            if self.lease.epoch:
                self._leave()

    def _leave(self) -> None:
        with self._joining:
            epoch = self.lease.epoch
            self.lease.lost()
            if epoch:
                try:
                    if self._dies:
                        self._roll.abandon(epoch, self.name)
                    else:
                        self._roll.leave(epoch)
                except Exception as exc:  # noqa: BLE001 - its lease runs out by itself
                    self._on_trouble("The scheduler could not sign off from the store", exc)
            self._roll.finish()

    def _run(self) -> None:
        pause = self._beat_seconds
        while not self._stop.wait(pause):
            # A beat that failed is tried again soon: the lease may still be kept.
            pause = self._beat_seconds if self._beat_safely() else self._beat_seconds / 5
        while not self._may_leave():  # draining
            if self.lease.epoch:
                self._beat_safely()
            self._drain_pause.wait(min(self._beat_seconds, 0.2))
        self._leave()

    _drain_pause = Event()
    """An Event nobody sets: waiting on it is a sleep that tests can replace."""

    def _beat_safely(self) -> bool:
        """Beat, and return whether the store answered."""
        try:
            self.beat()
        except Exception as exc:  # noqa: BLE001 - no answer from the store: the trust runs out by itself
            self._on_trouble("The heartbeat got no answer from the store", exc)
            return False
        return True

    def beat(self) -> None:
        """Renew the lease, and look after the other nodes.

        :raises Exception: whatever the store raises
        """
        epoch = self.lease.epoch
        if epoch == 0:
            self._join()
            return
        asked, began = boot_us(), self.offset.asked()
        reached("beat.begin")
        store_now = self._roll.beat(epoch, self.lease.length)
        reached("beat.committed")
        if store_now is None:
            self.fenced()
            self._join()
            return
        self._measured(began, store_now)
        self.lease.renewed(asked, epoch)
        if self._stop.is_set():
            return
        self.sweep()
        self._roll.tend()

    def clock_offset(self) -> int:
        """Return the microseconds from this host's clock to the store's. Reads the store's clock if no heartbeat does.

        :raises Exception: whatever the store raises
        """
        if self.lease.epoch == 0 and boot_us() - self._read_at > self._beat_seconds * SECOND:
            for _ in range(_READINGS):
                began = self.offset.asked()
                self._measured(began, self._roll.now())
                if self.offset.is_exact:
                    break
        return self.offset.us

    def _measured(self, began: int, store_now: int, *, afresh: bool = False) -> None:
        step = self.offset.measured(began, store_now, afresh=afresh)
        self._read_at = boot_us()
        if step:
            way = "forward" if step > 0 else "back"
            self._on_trouble(
                f"This host's clock was set {way} by {abs(step) / SECOND:.1f} s; jobs go on by the store's clock",
                None,
            )
        elif not afresh:
            self._tell_apart()

    def _tell_apart(self) -> None:
        """Warn once that this host's clock differs from the store's."""
        apart = self.offset.us / SECOND
        if self._is_told_apart or abs(apart) < 1:
            return
        self._is_told_apart = True
        self._on_trouble(
            f"This host's clock is {abs(apart):.1f} s {'behind' if apart > 0 else 'ahead of'} the store's; "
            "jobs go by the store's clock. Set it right, by NTP for example",
            None,
        )

    def was_ahead(self) -> None:
        """Called when the store refused a claim that was ahead of its clock: read that clock at once.

        :raises Exception: whatever the store raises
        """
        self._on_trouble(
            "What was taken for the store's time was ahead of its clock; nothing was claimed, and it is measured again",
            None,
        )
        began = self.offset.asked()
        self._measured(began, self._roll.now(), afresh=True)

    def _count(self, rows: list[NodeRow], store_now: int) -> None:
        alive = sorted(row.epoch for row in rows if row.lease_until > store_now)
        self.alive = len(alive)
        self.place = alive.index(self.lease.epoch) if self.lease.epoch in alive else 0

    def sweep(self) -> None:
        """Close or free what dead nodes held."""
        rows, store_now = self._roll.listed()
        self._count(rows, store_now)
        gone = self._gone(rows)
        silent = self._watch.dead(rows, store_now, boot_us())
        if self._bury([*gone, *(row for row in silent if not row.gone)]) and self.lease.trusted():
            self._roll.adopt_orphans(self.lease.epoch)

    def _gone(self, rows: list[NodeRow]) -> list[NodeRow]:
        """Return the nodes whose processes were on this host and have provably ended."""
        for row in rows:
            row.gone = is_gone(row.pid, row.host, self._host, row.epoch)
        return [row for row in rows if row.gone]

    def _bury(self, dead: list[NodeRow]) -> bool:
        """Bury these nodes and recover their runs; return ``False`` if this process's own lease is over."""
        own = self.lease.epoch
        for row in dead:
            if row.epoch != own and self.lease.trusted() and not self._roll.reap(row, own):
                self.fenced()
                return False
        return True
