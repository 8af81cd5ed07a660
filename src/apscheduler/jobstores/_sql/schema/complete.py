"""Checks in one statement whether all tables and columns of a store are there: at almost every start they are.

The long way (migrations.py, additions.py) asks the database's catalogue, table by table. It is taken only if this check
does not say yes.
"""

from __future__ import annotations

from sqlalchemy import Column
from sqlalchemy.exc import DBAPIError

from apscheduler.jobstores._rows import zone_version
from apscheduler.jobstores._sql.schema.additions import ADDITIONS
from apscheduler.jobstores._sql.schema.tables import ZONE_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Dialect

    from apscheduler.jobstores._sql.schema.tables import Tables


def is_complete(connection: Connection, tables: Tables, steps: int) -> bool:
    """Return whether all steps and additions were made and are there; ``False`` also where it cannot be told.

    This also takes note of the zone data that next fire times were last computed with (see zones/notes.py). Afterwards,
    the connection's transaction may be a failed one.
    """
    try:
        rows = connection.exec_driver_sql(_statement(tables, connection.dialect)).all()
    except DBAPIError:  # something is not there; or nothing works, which the long way meets again
        return False
    made = [row[1] for row in rows]
    tables.zone_data = next((zone_version(row[2]) for row in rows if row[1] == ZONE_DATA), None)
    return {row[0] for row in rows if row[0]} == set(range(1, steps + 1)) and all(
        each.key in made for each in ADDITIONS
    )


def _statement(tables: Tables, dialect: Dialect) -> str:
    """Return a statement that selects the numbers of all steps, the names of all states and the zone data.

    It also names each column that was added, so that it fails where one is missing.
    """
    quote = dialect.identifier_preparer
    added = [part for each in ADDITIONS for part in each.parts(tables)]
    columns = [part for part in added if isinstance(part, Column)]
    others = [tables.jobs, *(part.table for part in columns)]
    names = {str(table.name): quote.format_table(table) for table in others}
    aliases = {name: f"t{number}" for number, name in enumerate(names)}
    there = "".join(
        f" AND {aliases[str(part.table.name)]}.{quote.quote(part.name)} IS NULL" for part in columns
    )
    wanted = ", ".join(f"{names[name]} {alias}" for name, alias in aliases.items())
    return (
        f"SELECT step, '', '' FROM {quote.format_table(tables.versions)} "
        f"UNION ALL SELECT 0, name, CASE WHEN name = '{ZONE_DATA}' THEN text END "
        f"FROM {quote.format_table(tables.state)} "
        f"UNION ALL SELECT 0, '', '' FROM {wanted} WHERE 1 = 0{there}"
    )
