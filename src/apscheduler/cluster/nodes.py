"""Nodes as the store lists them and as users see them."""

from __future__ import annotations

from apscheduler._engine.records import Record
from apscheduler.cluster.host import Host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime


class Node(Record):
    """One scheduler process that uses a store, see :meth:`BaseScheduler.nodes`.

    :ivar name: host name, process id and a random part
    :ivar jobstore: alias of the store, in the scheduler that was asked
    :ivar epoch: number of the incarnation: a process that lost its lease and came back has a new one
    :ivar pid: its process id
    :ivar started_at: when it joined (aware, UTC, the store's clock)
    :ivar lease_until: when its lease ends unless renewed (aware, UTC, the store's clock)
    :ivar alive: whether its lease holds, by the store's clock
    :ivar is_self: whether it is the asking scheduler
    :ivar version: of tickwright there; ``None`` where it, or the store's tables, are older than this attribute
    """

    __slots__ = (
        *("name", "jobstore", "epoch", "pid"),
        *("started_at", "lease_until", "alive", "is_self", "version"),
    )

    def __init__(
        self,
        name: str,
        jobstore: str,
        epoch: int,
        pid: int,
        started_at: datetime,
        lease_until: datetime,
        alive: bool,
        is_self: bool,
        version: str | None = None,
    ) -> None:
        self.name = name
        self.jobstore = jobstore
        self.epoch = epoch
        self.pid = pid
        self.started_at = started_at
        self.lease_until = lease_until
        self.alive = alive
        self.is_self = is_self
        self.version = version


class NodeRow(Record):
    """A node's row: instants in microseconds UTC by the store's clock.

    :ivar host: which process it is
    :ivar gone: whether the kernel of this host says that this process has ended
    """

    __slots__ = (
        *("beat", "epoch", "lease_until", "lease_us", "name", "pid", "started_us"),
        *("gone", "host"),
    )

    def __init__(
        self,
        epoch: int,
        name: str,
        pid: int,
        beat: int,
        lease_us: int,
        lease_until: int,
        started_us: int,
        host: Host | None = None,
    ) -> None:
        self.epoch = epoch
        self.name = name
        self.pid = pid
        self.beat = beat
        self.lease_us = lease_us
        self.lease_until = lease_until
        self.started_us = started_us
        self.host = Host() if host is None else host
        self.gone = False


class Watch:
    """What one observer knows about other nodes' beats, by its own clock (rule 6 of the protocol)."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, int]] = {}

    def dead(self, rows: list[NodeRow], store_now: int, own_now: int) -> list[NodeRow]:
        """Return the nodes that are dead by both clocks: lease over there, beat unchanged for one lease here.

        :param store_now: the store's clock when the rows were read, microseconds UTC
        :param own_now: :func:`boot_us` then
        """
        seen: dict[int, tuple[int, int]] = {}
        found: list[NodeRow] = []
        for row in rows:
            beat, since = self._seen.get(row.epoch, (row.beat, own_now))
            if beat != row.beat:
                beat, since = row.beat, own_now
            seen[row.epoch] = (beat, since)
            if row.lease_until <= store_now and own_now - since >= row.lease_us:
                found.append(row)
        self._seen = seen
        return found
