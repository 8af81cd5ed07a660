"""Finds the zones that stored jobs name, in their bytes, without loading a job."""

from __future__ import annotations

import logging
import re
from collections import Counter

from sqlalchemy import select, type_coerce
from sqlalchemy.types import NullType

from apscheduler.jobstores._rows import as_read
from apscheduler.zones.names import known_names
from apscheduler.zones.watching import look_at, outdated_data

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.connection.database import Database

_LIKE_ZONES = re.compile(rb"(?<![\w/+-])[A-Z][A-Za-z_-]*(?:/[A-Za-z0-9_+-]+)*")
"""What looks like a zone's name: in a pickle and in JSON, names are between bytes that no name has."""

_JOBS_LOOKED_AT = 1_000
"""At most this many jobs are read. It takes some ten milliseconds, for which SQLite's file is locked."""


def tell_outdated(database: Database, jobs: Table, logger: logging.Logger) -> None:
    """Log the zones of stored jobs whose clocks differ by newer zone data that is installed.

    Reads no row where the data in use is the newest.
    """
    if outdated_data() is not None:
        with database.reading() as connection:
            named = zones_named(connection, jobs, _JOBS_LOOKED_AT)
        look_at(named, logger)


def zones_named(connection: Connection, jobs: Table, most: int | None = None) -> Counter[str]:
    """Return, for each zone of the tz database that is named in rows, how many jobs name it.

    :param jobs: the table
    :param most: how many jobs to look at, those that are due next first; all if not given
    """
    as_it_is = type_coerce(jobs.c.job_state, NullType())  # it may hold something else
    statement = select(as_it_is).order_by(jobs.c.next_run_time).limit(most)
    found: Counter[str] = Counter()
    for (state,) in connection.execute(statement):
        blob = as_read(state)
        if isinstance(blob, bytes):
            found.update(names_in(blob))
    return Counter({name: found[name] for name in found.keys() & known_names()})


def names_in(blob: bytes) -> set[str]:
    """Return the texts in a job's bytes that look like the name of a zone."""
    return {name.decode("ascii") for name in _LIKE_ZONES.findall(blob)}
