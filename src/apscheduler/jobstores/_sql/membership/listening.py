"""Tells a scheduler at once that jobs were changed, by LISTEN/NOTIFY of PostgreSQL; elsewhere only polling tells it.

Notifications are hints, and polling finds every change: a notification that is lost costs a delay, never a run. LISTEN
is trusted only while it works: a pooler accepts it on a server connection that another client has a moment later. So
the listener sends itself a notification (an echo), as all others send theirs, and polling is slow only while echoes
arrive.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from threading import Event, Thread

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from apscheduler import clocks
from apscheduler.jobstores._sql.connection.remedies import as_error, put

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.connection.database import Database

_CHECK_SECONDS = 1.0
_RECONNECT_SECONDS = 1.0
ECHO_SECONDS = 10.0
"""Seconds from one echo to the next."""
PATIENCE_SECONDS = 5.0
"""Seconds that an echo may take to arrive."""
_DEAF_SECONDS = 300.0
"""Seconds after which LISTEN is tried again where echoes do not arrive."""
_DEAF = (
    "Notifications of PostgreSQL do not arrive, as behind a pooler that gives each transaction another connection "
    "(PgBouncer in transaction mode): changes by other processes are looked for instead"
)


class Listener:
    """Tells a scheduler that jobs were changed.

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
        return clocks.monotonic() < self._heard_at + ECHO_SECONDS + PATIENCE_SECONDS

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
            self.notify(connection)  # wakes the thread, which else looks once a second
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
        """Listen until told to stop; return ``False`` earlier if an echo does not arrive."""
        echo = f"tickwright_echo_{secrets.token_hex(8)}"
        raw = self._connection_of_its_own()
        try:
            raw.autocommit = True
            raw.execute(f'LISTEN "{self._channel}"')
            raw.execute(f'LISTEN "{echo}"')
            self._told_at = 0.0
            while not self._stop.is_set():
                self._tell_oneself(echo)
                # Collected first: a statement that is executed while psycopg yields notifications loses the later ones.
                for note in list(raw.notifies(timeout=_CHECK_SECONDS, stop_after=1)):
                    self._take(note.channel, echo, raw)
                answered = self._heard_at >= self._told_at
                if not answered and clocks.monotonic() > self._told_at + PATIENCE_SECONDS:
                    return False
            return True
        finally:
            with suppress(Exception):  # it may be broken, which was reported
                raw.close()

    def _connection_of_its_own(self) -> Any:
        """Return a driver's connection that is detached from the pool, which then reports nothing when it ends."""
        with self._database.watch.named("listening"), self._database.watch.call():
            pooled = self._database.engine.raw_connection()
            raw: Any = pooled.driver_connection
            pooled.detach()
        return raw

    def _tell_oneself(self, echo: str) -> None:
        """Send an echo as all others send notifications, if it is time for the next one."""
        now = clocks.monotonic()
        if self._told_at and now < self._told_at + ECHO_SECONDS:
            return
        with self._database.watch.named("listening"), self._database.reading() as connection:
            connection.execute(_NOTIFY, {"channel": echo})
        self._told_at = clocks.monotonic()

    def _take(self, channel: str, echo: str, raw: Any) -> None:
        if channel != echo:
            self._on_change()
            return
        heard_before, self._heard_at = self._heard_at, clocks.monotonic()
        if not heard_before:
            # The first echo shows that this session is ours alone: it may be idle for long.
            raw.execute(_IDLE_FOR_LONG)
            self._on_change()  # for what was changed before it listened


_NOTIFY = text("SELECT pg_notify(:channel, '')")
_IDLE_FOR_LONG = (
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
)
