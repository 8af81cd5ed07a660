"""Shares a few numbers with worker processes through a small file: which call each worker runs, and since when.

Each worker has a slot of four numbers. The worker writes three of them: the number of its call, the index of the fire
time that runs, and when that started. The scheduler's side writes the fourth: the worker must skip the calls from this
number on.
"""

from __future__ import annotations

import atexit
import mmap
import os
import tempfile
import weakref
from contextlib import suppress

from apscheduler import clocks

NO_LIMIT = (1 << 63) - 1
_FIELDS = 4


class Board:
    """The shared file. Both sides use this class."""

    def __init__(self, path: str, slots: int = 0) -> None:
        """Open the board at ``path``; if ``slots`` is given, size the file for that many slots first."""
        self.path = path
        if slots:
            with open(path, "r+b") as file:  # noqa: PTH123 - pathlib is not cheap to import
                file.truncate(slots * _FIELDS * 8)
        with open(path, "r+b") as file:  # noqa: PTH123 - see above
            self._map = mmap.mmap(file.fileno(), 0)
        self._cells = memoryview(self._map).cast("q")

    @classmethod
    def make(cls, slots: int) -> Board:
        """Make a board with ``slots`` slots, readable by this user only."""
        handle, path = tempfile.mkstemp(prefix="apscheduler-")
        os.close(handle)
        board = cls(path, slots)
        for slot in range(slots):
            board.clear(slot)
        # Not called at exit: pools still finish their work then, and start processes that open the board.
        weakref.finalize(board, _delete, path, os.getpid()).atexit = False
        _owners[path] = os.getpid()
        return board

    def clear(self, slot: int) -> None:
        """Reset the slot: nothing has started in it, and there is no limit."""
        at = slot * _FIELDS
        self._cells[at] = -1
        self._cells[at + 1] = self._cells[at + 2] = 0
        self._cells[at + 3] = NO_LIMIT

    def begin(self, slot: int, number: int) -> bool:
        """Called by the worker before a call: write the call's number. Return ``False`` if the worker must skip it."""
        at = slot * _FIELDS
        self._cells[at + 2] = 0
        self._cells[at] = number
        return number < self._cells[at + 3]

    def started(self, slot: int, index: int) -> None:
        """Called by the worker: write that a fire time of the call begins now."""
        at = slot * _FIELDS
        self._cells[at + 1] = index
        self._cells[at + 2] = clocks.monotonic_ns()

    def go_on(self, slot: int, index: int) -> bool:
        """Called by the worker: write that a fire time begins; ``False`` if the limit, here an index, forbids it."""
        if index >= self._cells[slot * _FIELDS + 3]:
            return False
        self.started(slot, index)
        return True

    def number(self, slot: int) -> int:
        """Return the number of the call that began last, -1 if none did."""
        return self._cells[slot * _FIELDS]

    def start(self, slot: int) -> tuple[int, float]:
        """Return the index of the fire time that runs, and its start (monotonic seconds, 0 for none)."""
        at = slot * _FIELDS
        return self._cells[at + 1], self._cells[at + 2] / 1e9

    def limit(self, slot: int, number: int) -> None:
        """Called by the scheduler's side: the worker must skip calls from this number on."""
        self._cells[slot * _FIELDS + 3] = number

    def remove(self) -> None:
        """Delete the file; a process that has it open can still use it."""
        _delete(self.path, os.getpid())


_owners: dict[str, int] = {}
"""The path of each board that exists, with the number of the process that made it."""


def _delete_all() -> None:
    for path, owner in list(_owners.items()):
        _delete(path, owner)


# Registered before the pools' exit handlers, so it runs after them.
atexit.register(_delete_all)


def _delete(path: str, owner: int) -> None:
    """Delete the file, unless this is a fork of the process that made it."""
    _owners.pop(path, None)
    if os.getpid() == owner:
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - see above
