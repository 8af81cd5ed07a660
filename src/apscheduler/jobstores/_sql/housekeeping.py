"""What is done now and then while a store is started: old runs are removed, and odd rows and zones reported."""

from __future__ import annotations

from datetime import timedelta

from apscheduler import clocks
from apscheduler.jobstores._rows import as_read
from apscheduler.jobstores._sql.zones.stored import tell_outdated

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from typing import Final

    from apscheduler.jobstores._sql.options import Options
    from apscheduler.jobstores._sql.parts import Parts
    from apscheduler.jobstores._sql.reading import Reading
    from apscheduler.jobstores._sql.session import Session

_PRUNE_SECONDS: Final = 30.0
_TIMELESS_SECONDS: Final = 10.0
"""Seconds between looks for rows whose next fire time is not a time. No claim reads such rows."""


class Housekeeping:
    """Keeps one store in order. The heartbeat's thread tends, the thread that claims tells of timeless rows.

    :param prune: removes old runs
    """

    def __init__(
        self, parts: Parts, options: Options, reading: Reading, prune: Callable[[], object]
    ) -> None:
        self._parts = parts
        self._options = options
        self._reading = reading
        self._prune = prune
        self.begin()

    def begin(self) -> None:
        """Begin anew, at a start."""
        self._zones_seen = False
        self.pruned_at = clocks.monotonic()
        self._looked_for_timeless = 0.0

    def tend(self, session: Session, logger: logging.Logger) -> None:
        """Look at the zones of stored jobs once, and prune the ledger now and then."""
        if not self._zones_seen:
            self._zones_seen = True
            tell_outdated(self._parts.database, self._parts.tables.jobs, logger)
        now = clocks.monotonic()
        if now - self.pruned_at >= _PRUNE_SECONDS:
            self.pruned_at = now
            self._prune()
            if session.guard.held is None:
                session.rezoning.tend()

    def prune(self, now: int) -> int:
        """Remove rows of the ledger beyond what the options keep; return how many.

        :param now: the store's time, microseconds UTC
        """
        age = self._options.history_age
        oldest = None if age is None else now - age // timedelta(microseconds=1)
        return self._parts.ledger.prune(self._options.history, oldest)

    def tell_of_timeless(self) -> None:
        """Now and then, report jobs whose next fire time is not a time: no claim ever reads them."""
        now = clocks.monotonic()
        if self._looked_for_timeless and now - self._looked_for_timeless < _TIMELESS_SECONDS:
            return
        self._looked_for_timeless = now
        with self._parts.database.reading() as connection:
            rows = connection.execute(self._parts.statements.timeless).all()
        for id, moment, blob in rows:
            self._reading.loaded(id, as_read(blob), moment)
