"""The leader's lock of a SQL store: one row, which names the incarnation of the node that leads.

The lock has no lease of its own. A node that renews its lease among the nodes keeps the lock; a node whose lease is
over has lost it (a lease that is over cannot be renewed, see ``SQLRoll.beat``). So the leader writes nothing but its
heartbeat.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from apscheduler._engine.instants import SECOND
from apscheduler.clocks import boot_us
from apscheduler.cluster.leading import LeaderLock
from apscheduler.cluster.nodes import NodeRow, Watch
from apscheduler.cluster.points import reached
from apscheduler.jobstores._sql.membership.own_lease import OwnLeaseOverError, check_own_lease

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.cluster.membership import Membership
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.schema.tables import Tables

_NAME = "leader"
_FREE = 0


class SQLLeaderLock(LeaderLock):
    """The leader's lock among the processes that share a store.

    :param membership: returns this process's membership, once the store was started
    """

    def __init__(
        self, database: Database, tables: Tables, membership: Callable[[], Membership], lease: int
    ) -> None:
        self._database = database
        self._leader, self._nodes = tables.leader, tables.nodes
        self._membership = membership
        self._watch = Watch()
        self._won = 0
        self._holder = "another process"
        self.look_seconds = min(2.0, lease / SECOND / 5)

    @property
    def held(self) -> bool:
        if not self._won:
            return False
        lease = self._membership().lease
        return lease.epoch == self._won and lease.trusted()

    @property
    def until(self) -> int:
        lease = self._membership().lease
        return lease.until if self._won and lease.epoch == self._won else 0

    def holder(self) -> str:
        return self._holder

    def take(self) -> bool:
        if self.held:
            return True
        self._won = 0
        membership = self._membership()
        if not membership.ensure():
            membership.beat()
            if not membership.ensure():
                return False
        epoch = membership.lease.epoch
        if not self._is_free(epoch):
            return False
        try:
            taken = self._database.retried(lambda: self._write(epoch, membership.name))
        except (IntegrityError, OwnLeaseOverError):  # two wrote the first row, or our lease is over
            return False
        if taken:
            self._won = epoch
        return self.held

    def _is_free(self, epoch: int) -> bool:
        """Look without a row lock: return whether no node holds it, or one that is dead by both clocks (rule 6)."""
        with self._database.reading() as connection:
            row = self._row(connection)
            if row is None or row.epoch in (_FREE, epoch):
                return True
            self._holder = row.node_name
            node = self._node(connection, row.epoch)
            now = self._database.now(connection)
        return node is None or bool(self._watch.dead([node], now, boot_us()))

    def _row(self, connection: Connection, *, lock: bool = False) -> Any:
        statement = select(self._leader.c.epoch, self._leader.c.node_name).where(
            self._leader.c.name == _NAME
        )
        return connection.execute(statement.with_for_update() if lock else statement).first()

    def _node(self, connection: Connection, epoch: int, *, lock: bool = False) -> NodeRow | None:
        columns = self._nodes.c
        statement = select(
            *(columns.epoch, columns.name, columns.pid, columns.beat),
            *(columns.lease_us, columns.lease_until, columns.started_us),
        ).where(columns.epoch == epoch)
        row = connection.execute(statement.with_for_update() if lock else statement).first()
        return None if row is None else NodeRow(*row)

    def _write(self, epoch: int, name: str) -> bool:
        """Take the lock in one transaction; return ``False`` if another node holds it and lives."""
        values = {"epoch": epoch, "node_name": name}
        with self._database.transaction() as connection:
            row = self._row(connection, lock=True)
            reached("lead.locked")
            if row is None:
                connection.execute(self._leader.insert().values(name=_NAME, token=1, **values))
            elif row.epoch not in (_FREE, epoch) and self._lives(connection, row.epoch):
                return False
            else:
                token = self._leader.c.token + 1
                connection.execute(
                    self._leader.update()
                    .where(self._leader.c.name == _NAME)
                    .values(token=token, **values)
                )
            check_own_lease(connection, self._database, self._nodes, epoch)
            reached("lead.checked")
        reached("lead.committed")
        return True

    def _lives(self, connection: Connection, epoch: int) -> bool:
        """Return whether a node's lease holds. Locks its row, and so waits for a heartbeat that is under way."""
        node = self._node(connection, epoch, lock=True)
        return node is not None and node.lease_until > self._database.now(connection)

    def release(self) -> None:
        won, self._won = self._won, 0
        if won:
            with self._database.transaction() as connection:
                connection.execute(
                    self._leader.update()
                    .where(self._leader.c.name == _NAME, self._leader.c.epoch == won)
                    .values(epoch=_FREE)
                )

    def forked(self) -> None:
        """Called in a forked child: the parent leads, not this process."""
        self._won = 0
