"""Reads the queue of due jobs, or this node's own part of it.

If several nodes had a long queue of due jobs, they would plan the same rows and throw most of the plans away. So a node
that loses many rows to others reads its own part first, for a while: the rows whose id's hash gives the node's place
among the nodes. A part without an owner (its node has just died) is read by nodes whose own part is empty.
"""

from __future__ import annotations

from apscheduler._engine.instants import SECOND
from apscheduler.jobstores._sql.connection.cursors import fetched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from apscheduler.cluster.membership import Membership
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements

APART_PASSES = 200
"""Number of passes in which a node that lost rows to others reads its own part of the queue first."""
_ALL = 1_000_000_000


class Queue:
    """The due jobs of one store, as rows of id, next fire time, bytes and generation.

    :ivar apart: how many further reads are of this node's own part
    """

    def __init__(self, database: Database, statements: Statements, membership: Membership) -> None:
        self._database = database
        self._statements = statements
        self._membership = membership
        self.apart = 0

    def head(self, now: int, page: int) -> Sequence[Any]:
        """Read the head of the queue; of this node's own part if it is to read apart, as long as that fills a page.

        :param now: the store's time, microseconds UTC
        """
        apart = self._is_apart()
        rows = self.read(now, page, apart=apart)
        if apart and len(rows) < page:
            self.apart = 0  # one's own part is done: help with the others
            return self.read(now, page, apart=False)
        return rows

    def all(self, now: int) -> dict[str, Sequence[Any]]:
        """Return all rows that are due, by id, in order."""
        return {row[0]: row for row in self.read(now, _ALL, apart=False)}

    def read(self, now: int, page: int, *, apart: bool) -> Sequence[Any]:
        """Return the first rows that are due, at most ``page`` of them."""
        values = {"now": now / SECOND, "limit": page}
        statement = self._statements.due
        if apart:
            statement = self._statements.due_of_part
            values |= {"part": self._membership.place, "parts": self._membership.alive}
        with self._database.reading() as connection:
            return fetched(connection.execute(statement, values))

    def _is_apart(self) -> bool:
        """Return whether to read one's own part of the queue only."""
        if self.apart <= 0 or self._membership.alive <= 1:
            return False
        self.apart -= 1
        return True
