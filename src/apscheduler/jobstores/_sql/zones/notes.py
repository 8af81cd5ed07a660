"""Keeps in a store the version of the zone data that next fire times were last computed with, and the clocks by it.

In ``<jobs>_state``, the row ``zone data`` has the version as text. The row ``zone clocks 2026a`` has the clocks of all
zones by that version (``zones/clocks.py``), so that a process with other data can tell which clocks differ, and since
when.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from apscheduler.jobstores._rows import short, zone_version
from apscheduler.jobstores._sql.schema.tables import ZONE_DATA
from apscheduler.zones import clocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.schema.tables import Tables
    from apscheduler.zones.clocks import Clocks

_CLOCKS: Final = "zone clocks "
_KEPT: Final = 3
"""Versions whose clocks are kept: processes of one store may use several side by side."""


def _silently(_: str) -> None:
    """Tell nobody."""


class ZoneNotes:
    """Reads and writes one store's notes."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._state = tables.state

    def version(self, tell: Callable[[str], object] = _silently) -> str | None:
        """Return the version that is noted; ``None`` if none is, or what is noted is not a version.

        :param tell: called with a line if what is noted is not a version
        """
        with self._database.reading() as connection:
            text = self._text(connection, ZONE_DATA)
        found = zone_version(text)
        if text is not None and found is None:
            tell(
                f"The zone data that this job store's fire times were planned with cannot be read ({short(text)}): none "
                "are moved, and the version in use is noted"
            )
        return found

    def clocks(self, version: str, tell: Callable[[str], object] = _silently) -> Clocks | None:
        """Return the clocks by a version; ``None`` where they are not kept, or cannot be read.

        :param tell: called with a line if they cannot be read
        """
        with self._database.reading() as connection:
            text = self._text(connection, _CLOCKS + version)
        try:
            return None if text is None else clocks.from_text(text)
        except ValueError:
            tell(
                f"The clocks of zone data {version} that this job store keeps cannot be read ({short(text)}): no fire times "
                "are moved"
            )
            return None

    def write(self, version: str, known: Clocks | None) -> None:
        """Note a version.

        :param known: the clocks by it; ``None`` to leave the clocks that are kept as they are
        """

        def written() -> None:
            with self._database.transaction() as connection:
                if known is not None:
                    self._put(connection, _CLOCKS + version, known.text())
                    self._remove_old(connection)
                self._put(connection, ZONE_DATA, version)

        try:
            self._database.retried(written)
        except IntegrityError:  # another process was first to insert a row: now it is there
            self._database.retried(written)

    def _text(self, connection: Connection, name: str) -> Any:
        """Return what is kept under a name: mostly a text."""
        return connection.scalar(select(self._state.c.text).where(self._state.c.name == name))

    def _put(self, connection: Connection, name: str, text: str) -> None:
        state = self._state
        there = select(state.c.name).where(state.c.name == name).with_for_update()
        if connection.execute(there).first() is None:
            connection.execute(state.insert().values(name=name, text=text))
        else:
            connection.execute(state.update().where(state.c.name == name).values(text=text))

    def _remove_old(self, connection: Connection) -> None:
        name = self._state.c.name
        kept = sorted(connection.scalars(select(name).where(name.startswith(_CLOCKS))))
        if kept[:-_KEPT]:
            connection.execute(self._state.delete().where(name.in_(kept[:-_KEPT])))
