"""Keeps what the thread that manages a pool knows of one worker process, and of the calls that were sent to it."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from apscheduler.runs.claims import Claim

if TYPE_CHECKING:
    from apscheduler.executors._wire.calls import Facts

_MESSAGE_BYTES = 32 * 1024
"""Bytes that fit into an empty pipe without waiting. A larger message is written by a thread of its own."""


@dataclass(slots=True)
class Sent:
    """One call that was sent to a worker.

    :ivar facts: what the worker knows of it
    :ivar blob: its function and arguments, until they have been sent
    """

    number: int
    claim: Claim
    facts: Facts
    blob: bytes
    timed_out: bool = False

    @property
    def fires(self) -> list[int]:
        """The fire times that were sent."""
        return self.facts.fires

    @property
    def timeout(self) -> float | None:
        """Seconds that each of them may run, ``None`` without a limit."""
        return self.facts.timeout


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """One worker.

    :ivar leaving: whether it ends after the calls that it has
    :ivar taken_back: whether the calls that waited behind a slow one were taken back from it
    """

    process: Any
    pipe: Connection
    slot: int
    started: float
    ready: bool = False
    leaving: bool = False
    taken_back: bool = False
    calls_left: int | None = None
    sent: deque[Sent] = field(default_factory=deque)

    @property
    def is_free(self) -> bool:
        """Whether it waits for a call."""
        return self.ready and not self.sent and not self.leaving

    def count_calls(self, number: int) -> None:
        """Subtract this number from the calls that the worker may get in its life."""
        if self.calls_left is not None:
            self.calls_left -= number
            self.leaving = self.calls_left <= 0

    def write(self, message: bytes) -> None:
        """Send the worker a message and, if it is to leave, the empty message after it that ends it."""
        self._write(message)
        if self.leaving:
            self._write(b"")

    def _write(self, message: bytes) -> None:
        if len(message) > _MESSAGE_BYTES:
            writer = threading.Thread(target=self._write_all, args=(message,), daemon=True)
            with suppress(RuntimeError):  # no more threads: the interpreter is ending
                writer.start()
                if not self.leaving:
                    return
                writer.join()
                return
        self._write_all(message)

    def _write_all(self, message: bytes) -> None:
        with suppress(OSError):  # the worker has ended: its sentinel says so
            self.pipe.send_bytes(message)
