"""Logs that a store is in trouble: at most one line per cause in ten seconds, however often it happens."""

from __future__ import annotations

from threading import Lock

from apscheduler import clocks
from apscheduler.logs import logger_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SECONDS = 10.0
_CAUSES = 1000


class Troubles:
    """Logs each cause at once, and again at most every ten seconds, with how often it came up meanwhile.

    :param mask: removes from an exception's text what nobody should read
    :param cause_of: returns a name for what an exception stands for, or ``None``: then its class and the line count as
        the cause
    """

    def __init__(
        self,
        mask: Callable[[str], str] = str,
        cause_of: Callable[[BaseException], str | None] = lambda _: None,
    ) -> None:
        self._mask = mask
        self._cause_of = cause_of
        self.logger: Any = logger_named("apscheduler.jobstores")
        self._said: dict[str, tuple[float, int]] = {}
        self._lock = Lock()

    def forked(self) -> None:
        """Called in a child process: make a new lock, as whoever held the old one is not here."""
        self._lock = Lock()

    def tell(self, text: str, exc: BaseException | None, cause: str | None = None) -> bool:
        """Log this trouble unless the same was just said; return whether it was logged.

        :param cause: what counts as the same, if not the text
        """
        now = clocks.monotonic()
        if cause is None:
            known = None if exc is None else self._cause_of(exc)
            cause = known or (text if exc is None else f"{text} ({type(exc).__name__})")
        with self._lock:
            said_at, unsaid = self._said.get(cause, (-_SECONDS, 0))
            if now - said_at < _SECONDS:
                self._said[cause] = (said_at, unsaid + 1)
                return False
            if len(self._said) > _CAUSES:
                self._said.clear()
            self._said[cause] = (now, 0)
        more = f" ({unsaid} times more in the last {now - said_at:.0f} s)" if unsaid else ""
        said = "" if exc is None else f": {self._mask(first_line(exc))}"
        self.logger.warning("%s%s%s", text, said, more)
        return True


def first_line(exc: BaseException) -> str:
    """Return an exception's class and first line; further lines of a driver's repeat the statement and its values."""
    return f"{type(exc).__name__}: {str(exc).strip().partition(chr(10))[0]}"
