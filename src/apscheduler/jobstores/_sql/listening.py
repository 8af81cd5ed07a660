"""Change notification: PostgreSQL tells (LISTEN/NOTIFY), elsewhere one looks.

A notification is a hint, polling is the truth: one that gets lost costs a delay, never a run.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.database import Database

_CHECK_SECONDS = 1.0
_RECONNECT_SECONDS = 1.0


class Listener:
    """Tells a scheduler that jobs were changed by somebody.

    :param channel: name of the notification
    :param on_change: called for each notification
    :param on_trouble: told why notifications do not arrive
    :ivar hears: whether notifications arrive now, so that polling can be slow
    """

    def __init__(
        self,
        database: Database,
        channel: str,
        on_change: Callable[[], None],
        on_trouble: Callable[[str, BaseException | None], None],
    ) -> None:
        self._database = database
        self._channel = channel
        self._on_change = on_change
        self._on_trouble = on_trouble
        self._stop = Event()
        self._thread: Thread | None = None
        self.hears = False

    @property
    def can_hear(self) -> bool:
        """Whether this database and driver have notifications that can be waited for."""
        return self._database.kind == "postgresql" and self._database.engine.driver == "psycopg"

    def notify(self, connection: Connection) -> None:
        """Tell the other processes when the caller's transaction is committed."""
        if self._database.kind == "postgresql":
            connection.execute(_NOTIFY, {"channel": self._channel})

    def start(self) -> None:
        """Listen from now on, where that is possible."""
        if self.can_hear and self._thread is None:
            self._stop.clear()
            self._thread = Thread(target=self._run, name="APScheduler listener", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with suppress(DBAPIError), self._database.reading() as connection:
            self.notify(connection)  # wakes it; without an answer it looks once a second
        thread.join(2 * _CHECK_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except Exception as exc:  # noqa: BLE001 - whatever a driver raises
                self._on_trouble("Changes by others are not told now; they are looked for", exc)
            self.hears = False
            self._stop.wait(_RECONNECT_SECONDS)

    def _listen(self) -> None:
        with self._database.engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            connection.detach()  # it must not go back into the pool listening
            raw.autocommit = True
            raw.execute(f'LISTEN "{self._channel}"')
            self.hears = True
            self._on_change()  # what was changed before it listened
            while not self._stop.is_set():
                for _ in raw.notifies(timeout=_CHECK_SECONDS, stop_after=1):
                    self._on_change()


_NOTIFY = text("SELECT pg_notify(:channel, '')")
