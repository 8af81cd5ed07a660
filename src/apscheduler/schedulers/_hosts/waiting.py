"""How long a scheduler waits at most, and the event for which those with a thread wait.

The event is a bare lock, because a ``threading.Event`` allocates a Condition's lock at each wait, which costs more than a
whole pass with one due job.
"""

from __future__ import annotations

from threading import Lock

LONGEST_WAIT = 10.0
"""Seconds. No sleep is longer, so that a clock step or a suspend is noticed within it."""


class Wakeup:
    """An event for one waiting thread; setting it twice before the wait counts once."""

    def __init__(self) -> None:
        self._signal = Lock()
        self._signal.acquire()
        self._guard = Lock()
        self._flag = False

    def set(self) -> None:
        """Wake the waiter, or let its next wait return at once."""
        with self._guard:
            if not self._flag:
                self._flag = True
                self._signal.release()

    def is_set(self) -> bool:
        """Return whether the flag is up."""
        return self._flag

    def clear(self) -> None:
        """Take the flag down."""
        with self._guard:
            if self._flag:
                self._flag = False
                self._signal.acquire()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the flag, at most ``timeout`` seconds; return whether it is up. Does not take it down."""
        if not self._signal.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
            return False
        self._signal.release()
        return True
