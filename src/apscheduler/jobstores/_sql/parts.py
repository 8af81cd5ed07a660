"""What a store consists of from its making on, whether it is started or not."""

from __future__ import annotations

from apscheduler.jobstores._sql.changing.editing import Editing
from apscheduler.jobstores._sql.changing.loading import Loader
from apscheduler.jobstores._sql.ledger import SQLLedger
from apscheduler.jobstores._sql.looking import Looking
from apscheduler.jobstores._sql.membership.listening import Listener
from apscheduler.jobstores._sql.schema.tables import Tables
from apscheduler.jobstores._sql.statements import statements_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.connection.addresses import Secrets
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.telling import Telling
    from apscheduler.serializers.base import Serializer


class Parts:
    """The parts of one store that work on its tables.

    :param metadata: may have a job table of this name, which is used as it is
    :param link: called with each job that is loaded
    :param now: returns the scheduler's time, microseconds UTC
    :param clock_offset: returns the microseconds from this host's clock to the store's
    """

    def __init__(
        self,
        database: Database,
        name: str,
        schema: str | None,
        metadata: Any,
        serializer: Serializer,
        telling: Telling,
        secrets: Secrets,
        link: Callable[[Job], None],
        now: Callable[[], int],
        clock_offset: Callable[[], int],
    ) -> None:
        self.database = database
        self.tables = Tables(name, schema, metadata, partial_indexes=database.kind != "mysql")
        self.statements = statements_for(database, self.tables)
        self.loader = Loader(serializer, name, link, telling.quarantined, telling.revived)
        self.ledger = SQLLedger(database, self.statements, "default")
        self.looking = Looking(database, self.statements, secrets.mask_in)
        self._telling = telling
        self.listener = self._made_listener()
        self.editing = Editing(
            *(database, self.statements, self.loader, self.listener.notify, now, clock_offset)
        )

    def _made_listener(self) -> Listener:
        channel = f"tickwright_{self.tables.own}"
        return Listener(self.database, channel, self._telling.changed, self._telling.not_told)

    def listen_anew(self) -> None:
        """In a child process: the listener is the parent's."""
        self.listener = self._made_listener()
