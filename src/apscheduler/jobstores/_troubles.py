"""Log lines about a store that is in trouble: one per cause and ten seconds, however often it happens."""

from __future__ import annotations

import logging
import time
from threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SECONDS = 10.0
_CAUSES = 1000


class Troubles:
    """Says each cause at once, and again at most every ten seconds, with how often it came up meanwhile."""

    def __init__(self) -> None:
        self.logger: Any = logging.getLogger("apscheduler.jobstores")
        self._said: dict[str, tuple[float, int]] = {}
        self._lock = Lock()

    def forked(self) -> None:
        """In a child process: whoever held the lock is not here."""
        self._lock = Lock()

    def tell(self, text: str, exc: BaseException | None) -> None:
        """Log this trouble unless the same was just said."""
        now = time.monotonic()
        cause = text if exc is None else f"{text} ({type(exc).__name__})"
        with self._lock:
            said_at, unsaid = self._said.get(cause, (-_SECONDS, 0))
            if now - said_at < _SECONDS:
                self._said[cause] = (said_at, unsaid + 1)
                return
            if len(self._said) > _CAUSES:
                self._said.clear()
            self._said[cause] = (now, 0)
        more = f" ({unsaid} times more in the last {now - said_at:.0f} s)" if unsaid else ""
        self.logger.warning("%s%s%s", text, "" if exc is None else f": {first_line(exc)}", more)


def first_line(exc: BaseException) -> str:
    """Return what an exception says first; a driver's further lines repeat the statement and its values."""
    return f"{type(exc).__name__}: {str(exc).strip().partition(chr(10))[0]}"
