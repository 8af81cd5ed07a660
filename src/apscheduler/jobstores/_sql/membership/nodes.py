"""Keeps a store's list of nodes: nodes join, renew their leases and leave; dead ones are buried."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from threading import RLock

from sqlalchemy import and_, select, text

from apscheduler._engine.instants import SECOND
from apscheduler.cluster.host import Host, this_process
from apscheduler.cluster.nodes import NodeRow
from apscheduler.cluster.points import reached
from apscheduler.history.outcomes import Outcome
from apscheduler.history.states import PENDING, RUNNING, STATES
from apscheduler.jobstores._sql.membership.own_lease import OwnLeaseOverError, check_own_lease
from apscheduler.jobstores._sql.schema.additions import HOSTS, PORTIONS
from apscheduler.jobstores._sql.schema.tables import (
    AT_LEAST_ONCE,
    AT_MOST_ONCE,
    HOST_COLUMNS,
    PERMITTED,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements

MAX_ATTEMPTS = 5
"""Attempts after which a run that is to complete at least once ends as failed: its node died in each."""


_LOST_REASON = "its node {} died, or lost its lease, while it ran; whether it ended is not known"
_ENDED_REASON = "its process, node {}, ended while it ran"
_WORN_REASON = "its node died while it ran, {} times"


def _is_whole(row: Any) -> bool:
    """Return whether a node's row holds numbers in the columns that the lease is computed from."""
    return all(isinstance(each, int) for each in (row[0], *row[3:6]))


class SQLRoll:
    """The list of nodes that a :class:`Membership` uses. Used by the heartbeat's thread, on a connection of its own.

    :param on_closed: told (job id, fire time, outcome, reason) of each run that was closed for a dead node
    :param on_freed: called when runs became free to be claimed
    :param tend: does a small step of housekeeping
    :param before_join: called before this node joins; raises if it may not
    :param may_join: called with all nodes and the store's time in the transaction by which this node joins; raises if
        it may not
    :ivar beats: how many of the own node's beats are known to be committed
    :ivar is_last: asked at the end: whether nobody else of this process goes on with the database
    """

    def __init__(
        self,
        database: Database,
        statements: Statements,
        on_closed: Callable[[list[tuple[str, int, Outcome, str]]], None],
        on_freed: Callable[[], None],
        tend: Callable[[], None],
        before_join: Callable[[], None] = lambda: None,
        may_join: Callable[[list[NodeRow], int], None] | None = None,
    ) -> None:
        self._database = database
        self._statements = statements
        self._on_closed = on_closed
        self._on_freed = on_freed
        self.tend = tend
        self._before_join = before_join
        self._may_join = may_join
        self.beats = 0
        self.is_last: Callable[[], bool] = lambda: True
        self._using = RLock()  # the heartbeat's thread, and whoever signs off
        self._connection: Connection | None = None

    # -- the connection -----------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._database.is_private:
            with self._database.transaction() as connection:
                yield connection
            return
        with self._using:
            if self._connection is None:
                with self._database.watch.call():
                    self._connection = self._database.engine.connect()
            try:
                with self._database.transaction(self._connection) as connection:
                    yield connection
            except BaseException:
                self.close()  # whatever state it is in
                raise

    def close(self) -> None:
        """Give the connection back."""
        with self._using:
            connection, self._connection = self._connection, None
        if connection is not None:
            # It may be broken already: nothing is lost then. Giving it back asks the server once more.
            with suppress(Exception), self._database.watch.call() as call:
                if not connection.invalidated:
                    call.ask(connection.connection.driver_connection)
                connection.close()

    def finish(self) -> None:
        """Give all connections back: this session is done with the store."""
        self.close()
        if self.is_last():
            self._database.close()

    # -- one's own lease ------------------------------------------------------------------------------------

    def join(self, epoch: int, name: str, lease: int) -> int:
        """Add this process to the nodes, and return the store's time."""
        self._before_join()
        self.beats = 0
        tables = self._statements.tables
        nodes = tables.nodes
        described = {}
        if HOSTS in tables.additions:
            host = this_process()
            described = {name: getattr(host, name) for name in HOST_COLUMNS}
        with self._database.transaction() as connection:
            now = self._database.now(connection)
            if self._may_join is not None:
                self._may_join(self._rows(connection), now)
            connection.execute(
                nodes.insert().values(
                    epoch=epoch,
                    name=name,
                    pid=os.getpid(),
                    beat=0,
                    batch=0,
                    lease_us=lease,
                    lease_until=now + lease,
                    started_us=now,
                    **described,
                )
            )
            reached("join.written")
        return now

    def beat(self, epoch: int, lease: int) -> int | None:
        """Renew a lease that holds, and return the store's time; ``None`` if it is over."""
        clock = self._database.clock
        statement = text(
            f"UPDATE {self._statements.nodes} SET beat = beat + 1, lease_until = {clock} + :lease "
            f"WHERE epoch = :epoch AND lease_until > {clock} AND beat >= :beats"
        )
        # Silence is noticed early enough to renew the lease on another connection.
        named = self._database.watch.named("heartbeat", max(lease / SECOND / 3, 0.5))
        with named, self._transaction() as connection:
            values = {"epoch": epoch, "lease": lease, **self._database.clock_params}
            values["beats"] = self.beats  # a row with fewer: the store was set back
            if connection.execute(statement, values).rowcount != 1:
                return None
            now = self._database.now(connection)
            reached("beat.written")
        self.beats += 1
        return now

    def now(self) -> int:
        """Return the store's time."""
        with self._database.reading() as connection:
            return self._database.now(connection)

    def leave(self, epoch: int) -> None:
        """Remove a node. Runs that it still holds are recovered as orphans."""
        nodes = self._statements.tables.nodes
        with self._transaction() as connection:
            connection.execute(nodes.delete().where(nodes.c.epoch == epoch))

    def abandon(self, epoch: int, name: str) -> None:
        """Remove a node whose process ends now, and close or free the runs that it holds."""
        nodes = self._statements.tables.nodes
        closed: list[tuple[str, int, Outcome, str]] = []
        with self._transaction() as connection:
            freed = self._take_from(connection, epoch, name, closed, _ENDED_REASON)
            connection.execute(nodes.delete().where(nodes.c.epoch == epoch))
        self._tell(closed, freed)

    def listed(self) -> tuple[list[NodeRow], int]:
        """Return all nodes, and the store's time."""
        with self._database.reading() as connection:
            return self._rows(connection), self._database.now(connection)

    def _rows(self, connection: Connection) -> list[NodeRow]:
        tables = self._statements.tables
        nodes = tables.nodes
        described = HOST_COLUMNS if HOSTS in tables.additions else ()
        rows = connection.execute(
            select(
                *(nodes.c.epoch, nodes.c.name, nodes.c.pid, nodes.c.beat),
                *(nodes.c.lease_us, nodes.c.lease_until, nodes.c.started_us),
                *(nodes.c[name] for name in described),
            )
        ).all()
        return [_node(*row) for row in rows if _is_whole(row)]

    # -- the dead ---------------------------------------------------------------------------------------------

    def reap(self, dead: NodeRow, own_epoch: int) -> bool:
        """Remove a dead node, and close or free its runs; return ``False`` if this process's own lease is over."""
        nodes = self._statements.tables.nodes
        unchanged = and_(nodes.c.epoch == dead.epoch, nodes.c.beat == dead.beat)
        lock = select(nodes.c.epoch, nodes.c.lease_until).where(unchanged)
        closed: list[tuple[str, int, Outcome, str]] = []
        try:
            freed = self._reap(lock, dead, own_epoch, closed)
        except OwnLeaseOverError:
            return False
        if freed is not None:
            reached("reap.committed")
            self._tell(closed, freed)
        return True

    def _reap(
        self, lock: Any, dead: NodeRow, own_epoch: int, closed: list[tuple[str, int, Outcome, str]]
    ) -> int | None:
        """Bury a node in one transaction; return how many runs were freed, ``None`` if it was not to be buried."""
        nodes = self._statements.tables.nodes
        with self._transaction() as connection:
            reached("reap.begun")
            row = connection.execute(lock.with_for_update(skip_locked=True)).first()
            if row is None:
                return None  # another node buries it, or it has beaten since
            if not dead.gone and row.lease_until > self._database.now(connection):
                return None  # it came back
            reached("reap.locked")
            freed = self._take_from(connection, dead.epoch, dead.name, closed)
            reached("reap.closed")
            connection.execute(nodes.delete().where(nodes.c.epoch == dead.epoch))
            check_own_lease(connection, self._database, nodes, own_epoch)
            reached("reap.checked")
        return freed

    def adopt_orphans(self, own_epoch: int) -> None:
        """Close or free the runs of nodes that are not listed (any more)."""
        runs, nodes = self._statements.tables.runs, self._statements.tables.nodes
        with self._database.reading() as connection:
            listed = select(nodes.c.epoch)
            found = connection.execute(
                select(runs.c.node, runs.c.node_name)
                .where(runs.c.state == RUNNING, runs.c.node.not_in(listed))
                .distinct()
            ).all()
        for epoch, name in found:
            closed: list[tuple[str, int, Outcome, str]] = []
            try:
                with self._transaction() as connection:
                    if connection.scalar(select(nodes.c.epoch).where(nodes.c.epoch == epoch)):
                        continue
                    freed = self._take_from(connection, epoch, name, closed)
                    check_own_lease(connection, self._database, nodes, own_epoch)
            except OwnLeaseOverError:
                return
            self._tell(closed, freed)

    def _take_from(
        self,
        connection: Connection,
        epoch: int,
        name: str,
        closed: list[tuple[str, int, Outcome, str]],
        lost_because: str = _LOST_REASON,
    ) -> int:
        """Close the node's at-most-once runs as lost, and free its at-least-once runs; return how many were freed.

        An at-least-once run that had its last attempt is closed as failed. Fire times of a catch-up that were not
        permitted to start are freed in either case.
        """
        unstarted = self._free_unstarted(connection, epoch)
        runs = self._statements.tables.runs
        held = and_(runs.c.node == epoch, runs.c.state == RUNNING)
        lost = and_(held, runs.c.delivery == AT_MOST_ONCE)
        worn = and_(held, runs.c.delivery == AT_LEAST_ONCE, runs.c.attempt >= MAX_ATTEMPTS)
        now = self._database.now(connection)
        lost_reason = lost_because.format(name)
        worn_reason = _WORN_REASON.format(MAX_ATTEMPTS)
        for which, outcome, reason in (
            (lost, Outcome.LOST, lost_reason),
            (worn, Outcome.FAILED, worn_reason),
        ):
            rows: Sequence[Any] = connection.execute(
                select(runs.c.job_id, runs.c.fire_us).where(which)
            ).all()
            if rows:
                closed.extend((id, fire, outcome, reason) for id, fire in rows)
                connection.execute(
                    runs.update()
                    .where(which)
                    .values(state=STATES[outcome], finished_us=now, reason=reason, job_state=None)
                )
        # Closed runs keep their token: nobody runs them again, so a late word of the old owner is the truth.
        return (
            unstarted
            + connection.execute(
                runs.update()
                .where(held, runs.c.delivery == AT_LEAST_ONCE)
                .values(state=PENDING, token=runs.c.token + 1, attempt=runs.c.attempt + 1, node=0)
            ).rowcount
        )

    def _free_unstarted(self, connection: Connection, epoch: int) -> int:
        """Free the fire times of catch-ups that were not permitted to start; return how many there were.

        The rows that hold the permissions are locked first: from then on their owner, if it lives, permits nothing
        more.
        """
        if PORTIONS not in self._statements.tables.additions:
            return 0
        runs = self._statements.tables.runs
        held = and_(runs.c.node == epoch, runs.c.state == RUNNING)
        permitted = runs.c[PERMITTED]
        same = (runs.c.job_id, runs.c.generation, runs.c.kind, runs.c.lead)
        rows = connection.execute(
            select(*same, permitted).where(held, permitted.is_not(None)).with_for_update()
        ).all()
        freed = 0
        for row in rows:
            freed += connection.execute(
                runs.update()
                .where(held, runs.c.fire_us > row[4])
                .where(*(column == value for column, value in zip(same, row[:4], strict=True)))
                .values(state=PENDING, token=runs.c.token + 1, node=0, **{PERMITTED: None})
            ).rowcount
        return freed

    def _tell(self, closed: list[tuple[str, int, Outcome, str]], freed: int) -> None:
        if closed:
            self._on_closed(closed)
        if freed:
            self._on_freed()


def _node(
    epoch: int,
    name: str,
    pid: int,
    beat: int,
    lease_us: int,
    lease_until: int,
    started_us: int,
    *host: str | None,
) -> NodeRow:
    return NodeRow(epoch, name, pid, beat, lease_us, lease_until, started_us, Host(*host))
