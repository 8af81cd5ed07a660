"""The statements of the claim protocol for each kind of database: a whole batch takes one round trip.

    shared.py      what all have in common, and what each has to add
    postgresql.py  arrays and unnest, each array as one text
    mysql.py       MariaDB and MySQL: one JSON text and JSON_TABLE
    sqlite.py      executemany; there is no round trip
    closed.py      the row of a fire time that has an outcome from the start

``shared.py`` has the statements that all databases take as they are. Where a batch is passed, or rows are locked, each
database has its own form of it.

Rows are tuples, named in the docstrings; instants are microseconds UTC, but for ``next_run_time``, which is 3.x's
seconds as a float.

Easy to get wrong: each statement that changes a run compares what rule 2 of the protocol says. A statement without one
of these conditions passes most tests, and lets a node that was taken for dead write.
"""

from __future__ import annotations

from apscheduler.jobstores._sql.statements.shared import Statements as Statements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.schema.tables import Tables


def statements_for(database: Database, tables: Tables) -> Statements:
    """Return the statements of a database."""
    if database.kind == "postgresql":
        from apscheduler.jobstores._sql.statements.postgresql import PostgreSQL

        return PostgreSQL(database, tables)
    if database.kind == "mysql":
        from apscheduler.jobstores._sql.statements.mysql import MySQL

        return MySQL(database, tables)
    from apscheduler.jobstores._sql.statements.sqlite import SQLite

    return SQLite(database, tables)
