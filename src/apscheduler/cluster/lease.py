"""Tells until when this process may trust its own lease, to claim and start runs. Uses the local clock only.

The clock goes on while the machine is suspended, and it is read *before* the heartbeat is sent, so this deadline
lies before the one in the store whatever the network did (rule 4 of the protocol).
"""

from __future__ import annotations

from apscheduler.clocks import boot_us

_SECOND = 1_000_000


class Lease:
    """One incarnation's right to act.

    :ivar epoch: number of the incarnation, random per join; 0 while there is none
    :ivar length: how long it holds when renewed, microseconds
    :ivar until: when it is no longer trusted, by :func:`boot_us`
    :ivar is_parents: whether this process is a child, made by a fork, of the one that the lease belongs to
    :ivar closing: whether its process is ending: the lease is still renewed, but nothing more is started
    """

    __slots__ = ("closing", "epoch", "is_parents", "length", "until")

    def __init__(self, length: int) -> None:
        self.length = length
        self.epoch = 0
        self.until = 0
        self.is_parents = False
        self.closing = False

    @property
    def margin(self) -> int:
        """How many microseconds before its end the lease is no longer trusted.

        A tenth of the lease, but at least a second, and at most a third of the lease.
        """
        return min(max(_SECOND, self.length // 10), self.length // 3)

    def renewed(self, asked_at: int, epoch: int) -> None:
        """Take note that the store renewed the lease; ``asked_at`` is :func:`boot_us` from before it was asked."""
        self.until = asked_at + self.length - self.margin
        self.epoch = epoch

    def lost(self) -> None:
        """Take note that the incarnation is over."""
        self.until = 0
        self.epoch = 0

    def forked(self) -> None:
        """Take note that this is a child process: what was claimed under this lease is its parent's to run and to settle."""
        self.lost()
        self.is_parents = True

    def trusted(self) -> bool:
        """Return whether this incarnation may still start and claim runs."""
        return boot_us() < self.until
