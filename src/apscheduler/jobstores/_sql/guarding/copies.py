"""Prevents claims from a store that is not the one it was: a copy, or one that was set back to an earlier state.

The store keeps which database it is in (identity.py). If a process finds it in another database, the store is a copy,
and the original may be running its jobs elsewhere. A process that was running meanwhile also knows what it has
committed itself. If that is gone, the store was set back, and what ran since would run again. In both cases the process
claims nothing, says so, and waits until a user adopts the store as it is.

A store is looked at when it is started or joined, and before the first claim after a new connection was made. That is
enough, because nobody can set a server back under a connection that stays open.
"""

from __future__ import annotations

from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from apscheduler import clocks
from apscheduler._engine.instants import LATEST
from apscheduler._engine.records import Record
from apscheduler.jobstores._sql.guarding.identity import (
    Identity,
    from_text,
    identity_of,
    identity_of_file,
    inode_of,
    sqlite_file,
    steady_inode_of,
    unread_in,
)
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.schema.tables import Tables

IDENTITY: Final = "identity"
"""Name of the state table's row for the identity. Its number says when it was adopted, microseconds UTC."""
_UNPOOLED_SECONDS: Final = 5.0
_FRESH_SECONDS: Final = 600.0
"""Seconds for which rows that this process has committed must be there; later, retention may have removed them."""
HOW: Final = (
    "Nothing is claimed from it until a person has made sure that no other scheduler runs the same jobs and says so: "
    "apscheduler adopt --store URL, or scheduler.adopt_store()"
)


class StoreHeldError(RuntimeError):
    """The store is a copy, or was set back; nothing is claimed from it until it is adopted."""


class Kept(Record):
    """What the state table has of a store's identity.

    :ivar identity: ``None`` where it cannot be read
    :ivar adopted: when the store was adopted, microseconds UTC; ``None`` where that cannot be read
    :ivar unread: what is there if it, or a part of it, cannot be read, cut short; ``None`` if all can be read
    """

    __slots__ = ("adopted", "identity", "unread")

    def __init__(self, number: object, text: object) -> None:
        self.identity = from_text(text)
        self.adopted = number if isinstance(number, int) and 0 <= number <= LATEST else None
        self.unread = unread_in(text)


class Guard:
    """Watches over one store's identity. Used by the thread that claims and by the heartbeat's.

    :ivar held: why nothing may be claimed; ``None`` while all is well
    :param on_held: called with the reason, whenever the store is found held
    :param on_promoted: called with the recorded and the present identity if a PostgreSQL server was promoted; writes
        the present one
    :param tell: called with a line about what the store keeps and cannot be read
    :param keeps: whether the ledger keeps enough rows, for long enough, that recent rows are certainly there
    """

    def __init__(
        self,
        database: Database,
        tables: Tables,
        on_held: Callable[[str], None],
        on_promoted: Callable[[Identity, Identity], None],
        tell: Callable[[str], object] = lambda _: None,
        *,
        keeps: bool,
    ) -> None:
        self._database = database
        self._tables = tables
        self._on_held = on_held
        self._on_promoted = on_promoted
        self._tell = tell
        self._keeps = keeps
        self._is_on = bool(tables.additions) and not database.is_private
        self._stale = True
        self._looked_at = 0.0
        self._file: tuple[str, int] | None = None  # SQLite's path, and the inode that was there
        self._adopted: int | None = None
        self._committed = 0, 0.0  # a number in the ledger, and when it was committed
        self._own: tuple[int, int, int] | None = (
            None  # epoch, beats, batch: what the node's row must have
        )
        self._still_trusted: Callable[[], bool] = lambda: False
        self._vanished = False
        self.held: str | None = None
        if self._is_on:
            event.listen(database.engine, "connect", self._connected)

    def close(self) -> None:
        """Look at new connections no more."""
        if self._is_on:
            self._is_on = False
            event.remove(self._database.engine, "connect", self._connected)

    # -- what is told ------------------------------------------------------------------------------------------

    def _connected(self, *_: Any) -> None:
        pooled = not isinstance(self._database.engine.pool, NullPool)  # else each use is a new one
        if pooled or clocks.monotonic() - self._looked_at > _UNPOOLED_SECONDS:
            self._stale = True

    def committed(self, seq: int) -> None:
        """Take note of a row of the ledger that this process has committed."""
        self._committed = seq, clocks.monotonic()

    def fenced(self, epoch: int, beats: int, batch: int, trusted: Callable[[], bool]) -> None:
        """Take note that this node's row is not as it was left.

        :param beats: how many of this node's beats were committed
        :param batch: number of the last batch that was committed
        :param trusted: returns whether the lease still holds, by the clock of this process: while it holds nobody else
            may remove the row, afterwards anybody may
        """
        self._own = epoch, beats, batch
        self._still_trusted = trusted
        self._stale = True

    # -- the look ---------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Look at the store if there is a reason to.

        :raises StoreHeldError: if nothing may be claimed from it
        """
        if not self._is_on:
            return
        if self._file is not None and inode_of(self._file[0]) != self._file[1]:
            self._database.engine.dispose()  # its connections lead to the file that was there
            self._stale = True
        if self._stale or self.held is not None:
            self._look()
        if self.held is not None:
            raise StoreHeldError(line(self.held))

    def _look(self) -> None:
        with self._database.reading() as connection:
            present = self._present(connection)
            kept = self._kept(connection)
            reason = self._why_not(connection, kept, present)
        self._stale = False
        self._looked_at = clocks.monotonic()
        if reason is not None:
            if self._adopted is None and kept is not None:
                self._adopted = kept.adopted or 0
            self.held = f"This job store is not the one it was: {reason}. {HOW}"
            self._on_held(self.held)
            return
        self.held = None
        self._record(kept, present)
        if kept is None:
            self._adopted = 0
        elif kept.adopted is not None or self._adopted is None:
            self._adopted = kept.adopted or 0

    def _record(self, kept: Kept | None, present: Identity) -> None:
        """Write into the store which database it is in."""
        unread = None if kept is None else kept.unread
        if unread is not None:
            self._tell(
                f"What this job store keeps of its identity cannot be read, and is written anew: {unread}. Whether it is a "
                "copy of another store, or was restored, is not told by what cannot be read"
            )
        recorded = None if kept is None else kept.identity
        if recorded is None:
            self.write(present, 0)
        elif present.was_promoted(recorded):
            self._on_promoted(recorded, present)
        else:
            self._complete(recorded, present, anew=unread is not None)

    def _why_not(self, connection: Connection, kept: Kept | None, present: Identity) -> str | None:
        """Return why nothing may be claimed, in words; ``None`` if all is well."""
        adopted = None if kept is None else kept.adopted
        if adopted is not None and self._adopted is not None and adopted != self._adopted:
            if adopted < self._adopted:
                return "it was adopted since, and does not know of it"
            self._forget()  # adopted as it is
        recorded = None if kept is None else kept.identity
        different = None if recorded is None else present.differs(recorded)
        if different is not None:
            return f"it is a copy of another store, or was restored: {different}"
        return self._set_back(connection)

    def _present(self, connection: Connection) -> Identity:
        """Return the identity of the database; take note of SQLite's file."""
        if self._database.kind != "sqlite":
            return identity_of(connection, self._database, self._tables)
        path = sqlite_file(connection)
        inode = steady_inode_of(path)
        self._file = (path, inode) if path and inode else None
        return identity_of_file(path, inode)

    def _kept(self, connection: Connection) -> Kept | None:
        table = connection.dialect.identifier_preparer.format_table(self._tables.state)
        row = connection.exec_driver_sql(
            f"SELECT number, text FROM {table} WHERE name = '{IDENTITY}'"
        ).first()
        return None if row is None else Kept(*row)

    def _complete(self, recorded: Identity, present: Identity, *, anew: bool) -> None:
        """Add to the recorded identity what the database tells now and did not tell then.

        :param anew: whether to write it even if there is nothing to add
        """
        timeline = recorded.timeline if present.timeline is None else present.timeline
        merged = Identity({**recorded.parts, **present.parts}, timeline)
        if anew or merged != recorded:
            self.write(merged, None, was=recorded)

    def _set_back(self, connection: Connection) -> str | None:
        """Return in words what this process has committed and the store does not have; ``None`` if it has all."""
        if self._own is not None:
            epoch, beats, batch = self._own
            nodes = self._tables.nodes
            row = connection.execute(
                select(nodes.c.beat, nodes.c.batch).where(nodes.c.epoch == epoch)
            ).first()
            if row is None and self._still_trusted():  # asked after the row was not found
                self._vanished = True
            if row is None and self._vanished:
                return "this scheduler's own entry has vanished from it while its lease held"
            if row is not None and (_is_less(row.beat, beats) or _is_less(row.batch, batch)):
                return "this scheduler's own entry in it is an earlier one"
            self._own = None
        seq, when = self._committed
        if seq and self._keeps and clocks.monotonic() - when < _FRESH_SECONDS:
            runs = self._tables.runs
            newest = connection.scalar(select(func.max(runs.c.seq)))
            if newest is None or _is_less(newest, seq):
                return "claims that this scheduler has committed are missing in it"
        return None

    def _forget(self) -> None:
        self._own = None
        self._vanished = False
        self._committed = 0, 0.0

    # -- adopting ---------------------------------------------------------------------------------------------

    def adopt(self) -> None:
        """Accept the store as it is: from now on its present identity is the right one.

        :raises LookupError: if it keeps no identity
        """
        if not self._is_on:
            raise LookupError(f"the job store {self._tables.name!r} keeps no identity")
        with self._database.reading() as connection:
            present = identity_of(connection, self._database, self._tables)
            kept = self._kept(connection)
        before = 0 if kept is None else kept.adopted or 0
        self.write(present, max(before + 1, clocks.now_us()))
        self._forget()
        self._stale = True
        self.held = None

    def write(self, identity: Identity, number: int | None, *, was: Identity | None = None) -> bool:
        """Write which database the store is in; return whether it was done.

        :param number: when it was adopted; ``None``: as before
        :param was: the identity that must be there, if only that may be replaced
        """

        def written() -> bool:
            with self._database.transaction() as connection:
                return write_identity(connection, self._tables, identity, number, was=was)

        try:
            return self._database.retried(written)
        except IntegrityError:  # another process was first to insert the row: now it is there
            return self._database.retried(written)


def _is_less(found: object, than: int) -> bool:
    """Return whether a value of a row is less than a number; a value that is no number is not."""
    return isinstance(found, int) and found < than


def write_identity(
    connection: Connection,
    tables: Tables,
    identity: Identity,
    number: int | None,
    *,
    was: Identity | None = None,
) -> bool:
    """Write which database a store is in, in the caller's transaction; return whether it was done."""
    state = tables.state
    row = connection.execute(
        select(state.c.text).where(state.c.name == IDENTITY).with_for_update()
    ).first()
    values: dict[str, Any] = {"text": identity.text()}
    if number is not None:
        values["number"] = number
    if row is None:
        connection.execute(state.insert().values(name=IDENTITY, **{"number": 0, **values}))
        return True
    recorded = from_text(row.text)
    if was is not None and recorded != was:
        return False
    if number == 0:
        if recorded is not None:
            return False  # another process was first
        del values[
            "number"
        ]  # what is there cannot be read; when it was adopted may be known to others
    connection.execute(state.update().where(state.c.name == IDENTITY).values(**values))
    return True
