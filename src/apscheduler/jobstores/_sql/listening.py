"""Change notification: PostgreSQL tells (LISTEN/NOTIFY), elsewhere one looks.

A notification is a hint, polling is the truth: one that gets lost costs a delay, never a run. And LISTEN is trusted
only while it works: a pooler accepts it on a server connection that somebody else has a moment later. So the listener
tells itself something, by the way that all others take, and polling is slow only as long as that comes back.
"""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from threading import Event, Thread

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from apscheduler.jobstores._sql.remedies import as_error, put

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.database import Database

_CHECK_SECONDS = 1.0
_RECONNECT_SECONDS = 1.0
ECHO_SECONDS = 10.0
"""So often the listener tells itself something."""
PATIENCE_SECONDS = 5.0
"""So long that may take to come back."""
_DEAF_SECONDS = 300.0
"""Where nothing comes back, LISTEN is tried again after this."""
_DEAF = (
    "Notifications of PostgreSQL do not arrive, as behind a pooler that gives each transaction another connection "
    "(PgBouncer in transaction mode): changes by other processes are looked for instead"
)


class Listener:
    """Tells a scheduler that jobs were changed by somebody.

    :param channel: name of the notification
    :param on_change: called for each notification
    :param on_trouble: told why notifications do not arrive
    """

    def __init__(
        self,
        database: Database,
        channel: str,
        on_change: Callable[[], None],
        on_trouble: Callable[[str, BaseException | None], object],
    ) -> None:
        self._database = database
        self._channel = channel
        self._on_change = on_change
        self._on_trouble = on_trouble
        self._stop = Event()
        self._thread: Thread | None = None
        self._told_at = self._heard_at = 0.0

    @property
    def can_hear(self) -> bool:
        """Whether this database and driver have notifications that can be waited for."""
        return self._database.kind == "postgresql" and self._database.engine.driver == "psycopg"

    @property
    def hears(self) -> bool:
        """Whether notifications arrive now, so that polling can be slow."""
        return time.monotonic() < self._heard_at + ECHO_SECONDS + PATIENCE_SECONDS

    def notify(self, connection: Connection) -> None:
        """Tell the other processes when the caller's transaction is committed."""
        if self._database.kind == "postgresql":
            connection.execute(_NOTIFY, {"channel": self._channel})

    def start(self) -> None:
        """Listen from now on, where that is possible."""
        if self.can_hear and self._thread is None:
            self._stop.clear()
            thread = Thread(target=self._run, name="APScheduler listener", daemon=True)
            thread.start()
            self._thread = thread

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
            pause = _RECONNECT_SECONDS
            try:
                if not self._listen():
                    self._on_trouble(_DEAF, None)
                    pause = _DEAF_SECONDS
            except Exception as exc:  # noqa: BLE001 - whatever a driver raises
                error = as_error(self._database.engine.dialect, exc)
                put(error)
                self._on_trouble("Changes by others are not told now; they are looked for", error)
            self._heard_at = 0.0
            self._stop.wait(pause)

    def _listen(self) -> bool:
        """Listen until told to stop; ``False`` if what was told did not come back."""
        echo = f"tickwright_echo_{secrets.token_hex(8)}"
        raw = self._connection_of_its_own()
        try:
            raw.autocommit = True
            raw.execute(f'LISTEN "{self._channel}"')
            raw.execute(f'LISTEN "{echo}"')
            self._told_at = 0.0
            while not self._stop.is_set():
                self._tell_oneself(echo)
                # Collected first: what is executed while psycopg yields them loses the later ones.
                for note in list(raw.notifies(timeout=_CHECK_SECONDS, stop_after=1)):
                    self._take(note.channel, echo, raw)
                answered = self._heard_at >= self._told_at
                if not answered and time.monotonic() > self._told_at + PATIENCE_SECONDS:
                    return False
            return True
        finally:
            with suppress(Exception):  # it may be broken, which has been said
                raw.close()

    def _connection_of_its_own(self) -> Any:
        """Return a driver's connection that never goes back into the pool, nor is anything said about its end there."""
        with self._database.watch.named("listening"), self._database.watch.call():
            pooled = self._database.engine.raw_connection()
            raw: Any = pooled.driver_connection
            pooled.detach()
        return raw

    def _tell_oneself(self, echo: str) -> None:
        """Send a notification by the way that all others take, every so often."""
        now = time.monotonic()
        if self._told_at and now < self._told_at + ECHO_SECONDS:
            return
        with self._database.watch.named("listening"), self._database.reading() as connection:
            connection.execute(_NOTIFY, {"channel": echo})
        self._told_at = time.monotonic()

    def _take(self, channel: str, echo: str, raw: Any) -> None:
        if channel != echo:
            self._on_change()
            return
        heard_before, self._heard_at = self._heard_at, time.monotonic()
        if not heard_before:
            # A session of our own, as it turns out: it may be idle for long.
            raw.execute(_IDLE_FOR_LONG)
            self._on_change()  # what was changed before it listened


_NOTIFY = text("SELECT pg_notify(:channel, '')")
_IDLE_FOR_LONG = (
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
)
