"""A node's right to commit what it claims, and the numbers that it commits under."""

from __future__ import annotations

from apscheduler import clocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from apscheduler.cluster.membership import Membership
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements


class LeaseOverError(RuntimeError):
    """The store does not know this incarnation any more; nothing was claimed."""


class AheadError(RuntimeError):
    """What was planned lies in the store's future; nothing was claimed."""


class Rights:
    """The rights of one store's node, and its numbers.

    :ivar kept: epoch and number of the last batch that is known to be committed
    """

    def __init__(self, database: Database, statements: Statements, membership: Membership) -> None:
        self._database = database
        self._statements = statements
        self._membership = membership
        self.kept = 0, 0
        self._number = 0
        self._seq = 0

    def be_trusted(self) -> None:
        """Make sure of the lease, if need be by a heartbeat (rule 4).

        :raises LeaseOverError: if the lease is not certain
        """
        if self._membership.ensure():
            return
        self._membership.beat()
        if not self._membership.ensure():
            raise LeaseOverError(
                "this scheduler's lease in the store is not certain; it claims nothing"
            )

    def check(self, connection: Connection, epoch: int, number: int, latest: int = 0) -> None:
        """Raise unless this incarnation lives (rule 5) and the plan is not ahead of the store's clock (rule 16).

        The error rolls the transaction back. The same statement notes the batch's number (rule 15); it fails too if the
        row has an earlier number than this node left in it, because then the store was set back.
        """
        kept = self.kept[1] if self.kept[0] == epoch else 0
        own = {"epoch": epoch, "kept": kept, **self._database.clock_params}
        values = {"batch": number, "latest": latest, **own}
        if connection.execute(self._statements.keep_batch, values).rowcount != 1:
            if connection.scalar(self._statements.own_lease, own) is not None:
                raise AheadError("this host's clock is ahead of the store's; nothing was claimed")
            raise LeaseOverError("this scheduler's lease in the store is over; nothing was claimed")

    def numbered(self) -> int:
        """Return the number of a further transaction of this incarnation."""
        self._number += 1
        return self._number

    def next_seq(self, count: int) -> int:
        """Take ``count`` further numbers, which order the ledger; return the first of them."""
        first = max(self._seq + 1, clocks.now_us() + self._membership.offset.us)
        self._seq = first + count - 1
        return first
