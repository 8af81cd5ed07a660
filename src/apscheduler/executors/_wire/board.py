"""Shares a few numbers with worker processes through a small file: which call each worker runs, and since when.

Each worker has a slot of four numbers. The worker writes three of them: the number of its call, the index of the fire
time that runs, and when that started. The scheduler's side writes the fourth: the worker must skip the calls from this
number on.
"""

from __future__ import annotations

from apscheduler import clocks
from apscheduler.executors._wire.cells import NO_LIMIT, Cells, make_file

_FIELDS = 4


class Board(Cells):
    """The shared file. Both sides use this class."""

    @classmethod
    def make(cls, slots: int) -> Board:
        """Make a board with ``slots`` slots, readable by this user only."""
        board = cls(make_file(slots * _FIELDS))
        for slot in range(slots):
            board.clear(slot)
        board.own()
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
