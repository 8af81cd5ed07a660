"""The last step of a transaction that buries a node or takes the leader's lock: one's own lease holds (rule 5)."""

from __future__ import annotations

from sqlalchemy import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.connection.database import Database


class OwnLeaseOverError(Exception):
    """This process's lease is over; its transaction is rolled back."""


def check_own_lease(connection: Connection, database: Database, nodes: Table, epoch: int) -> None:
    """Check that a lease holds, and lock its row until the transaction ends.

    :raises OwnLeaseOverError: if it is over, or its node is not listed
    """
    table = database.engine.dialect.identifier_preparer.format_table(nodes)
    statement = text(
        f"UPDATE {table} SET beat = beat WHERE epoch = :epoch AND lease_until > {database.clock}"
    )
    values = {"epoch": epoch, **database.clock_params}
    if connection.execute(statement, values).rowcount != 1:
        raise OwnLeaseOverError
