"""A few numbers shared with worker processes through a small file: who runs what, since when.

Each slot has four numbers, each written by one side only: the call's number, its fire time's index and its start (the
worker), and the number from which on the worker must skip what it was sent (the scheduler's side).
"""

from __future__ import annotations

import atexit
import mmap
import os
import tempfile
import time
import weakref
from contextlib import suppress

NO_LIMIT = (1 << 63) - 1
_FIELDS = 4


class Board:
    """The shared file, seen from either side."""

    def __init__(self, path: str, slots: int = 0) -> None:
        """Open the board at ``path``; with ``slots``, make it first."""
        self.path = path
        if slots:
            with open(path, "r+b") as file:  # noqa: PTH123 - pathlib is not cheap to import
                file.truncate(slots * _FIELDS * 8)
        with open(path, "r+b") as file:  # noqa: PTH123 - see above
            self._map = mmap.mmap(file.fileno(), 0)
        self._cells = memoryview(self._map).cast("q")

    @classmethod
    def make(cls, slots: int) -> Board:
        """Make a board with so many slots, readable by this user alone."""
        handle, path = tempfile.mkstemp(prefix="apscheduler-")
        os.close(handle)
        board = cls(path, slots)
        for slot in range(slots):
            board.clear(slot)
        # Not at exit by itself: pools that finish their work then still start processes, which open the board.
        weakref.finalize(board, _delete, path, os.getpid()).atexit = False
        _owners[path] = os.getpid()
        return board

    def clear(self, slot: int) -> None:
        """Say that nothing has started in this slot."""
        at = slot * _FIELDS
        self._cells[at] = -1
        self._cells[at + 1] = self._cells[at + 2] = 0
        self._cells[at + 3] = NO_LIMIT

    def begin(self, slot: int, number: int) -> bool:
        """Worker: say that a call begins; whether it may."""
        at = slot * _FIELDS
        self._cells[at + 2] = 0
        self._cells[at] = number
        return number < self._cells[at + 3]

    def started(self, slot: int, index: int) -> None:
        """Worker: say that a fire time of the call begins now."""
        at = slot * _FIELDS
        self._cells[at + 1] = index
        self._cells[at + 2] = time.monotonic_ns()

    def go_on(self, slot: int, index: int) -> bool:
        """Worker: say that a fire time begins, unless the limit (here one of fire times) forbids it."""
        if index >= self._cells[slot * _FIELDS + 3]:
            return False
        self.started(slot, index)
        return True

    def number(self, slot: int) -> int:
        """Return the number of the call that began last, -1 if none did."""
        return self._cells[slot * _FIELDS]

    def start(self, slot: int) -> tuple[int, float]:
        """Return index and start (seconds, monotonic, 0 for none) of the fire time at work."""
        at = slot * _FIELDS
        return self._cells[at + 1], self._cells[at + 2] / 1e9

    def limit(self, slot: int, number: int) -> None:
        """Scheduler: let the worker skip calls from this number on."""
        self._cells[slot * _FIELDS + 3] = number

    def remove(self) -> None:
        """Delete the file; who has it open keeps it."""
        _delete(self.path, os.getpid())


_owners: dict[str, int] = {}
"""The boards that are there, and the processes that made them."""


def _delete_all() -> None:
    for path, owner in list(_owners.items()):
        _delete(path, owner)


# Registered before the pools' own, so it runs after them.
atexit.register(_delete_all)


def _delete(path: str, owner: int) -> None:
    """Delete the file, unless this is a fork of the process that made it."""
    _owners.pop(path, None)
    if os.getpid() == owner:
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - see above
