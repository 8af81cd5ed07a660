"""Reports what becomes of calls in pools that are not ours, through a small file that the processes of one host share.

A pool's future says only what its pool chooses to tell, and when it chooses. The board is our own report beside it. The
process that has the call writes that it began, since when each fire time runs, and how that ended. The scheduler's side
writes how far the call may go. Each call has its own slot and number: if a pool starts a call a second time, or starts
one that was given up, the board refuses it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import NamedTuple

from apscheduler import clocks
from apscheduler.executors._wire.cells import NO_LIMIT, Cells, make_file

EXECUTED, FAILED, TIMED_OUT, MISSED, FENCED, REFUSED = range(1, 7)
"""How a fire time ended; the function was not called for the last three."""

# The scheduler's side writes the first two numbers of a slot; the process that has the call writes the others.
_CALL, _LIMIT, _BEGUN, _PID, _INDEX, _STARTED, _ENDED, _CODES, _FIELDS = range(9)
_CODE_BITS = 3
_CODES_KEPT = 20


class Seen(NamedTuple):
    """What a board says of one call.

    :ivar begun: whether a process has begun with it
    :ivar pid: the number of that process
    :ivar latest: the index of the fire time that began last
    :ivar started: when that fire time began (monotonic seconds), 0 if none has
    :ivar ended: how many fire times have ended
    :ivar codes: how they ended; only the first 20 are kept
    """

    begun: bool
    pid: int
    latest: int
    started: float
    ended: int
    codes: tuple[int, ...]

    @property
    def is_running(self) -> bool:
        """Whether a fire time was begun and has not ended."""
        return self.started > 0 and self.ended <= self.latest

    @property
    def was_refused(self) -> bool:
        """Whether the process that has the call was refused a fire time by the board, and stopped there."""
        return bool(self.codes) and self.codes[-1] == REFUSED


class WorkersBoard(Cells):
    """The board as it is used by the process that has a call."""

    def begin(self, slot: int, number: int) -> bool:
        """Write that the call begins here; return ``False`` if it has begun before or is not wanted any more."""
        at, cells = slot * _FIELDS, self._cells
        if cells[at + _CALL] != number or cells[at + _BEGUN] == number:
            return False
        cells[at + _PID] = os.getpid()
        cells[at + _BEGUN] = number
        return cells[at + _CALL] == number

    def go_on(self, slot: int, number: int, index: int) -> bool:
        """Write that this fire time of the call begins; return ``False`` if it may not."""
        at, cells = slot * _FIELDS, self._cells
        if cells[at + _CALL] != number:
            return False
        cells[at + _INDEX] = index
        cells[at + _STARTED] = clocks.monotonic_ns()
        # The start is written before the limit is read: so either we see the limit, or its writer sees our start.
        if index < cells[at + _LIMIT]:
            return True
        self.end(slot, number, index, REFUSED)
        return False

    def end(self, slot: int, number: int, index: int, code: int) -> None:
        """Write how this fire time of the call ended."""
        at, cells = slot * _FIELDS, self._cells
        if cells[at + _CALL] != number:
            return
        if index < _CODES_KEPT:
            cells[at + _CODES] |= code << (_CODE_BITS * index)
        cells[at + _ENDED] = index + 1


class CallBoard(Cells):
    """The board as the scheduler's side uses it. Its own lock guards the list of free slots."""

    def __init__(self, slots: int) -> None:
        super().__init__(make_file(slots * _FIELDS))
        self._free = deque(range(slots))
        self._lock = threading.Lock()
        self.own()

    def hand_out(self, number: int) -> int | None:
        """Return a slot for the call with this number (above 0), or ``None`` if all slots are taken."""
        with self._lock:
            if not self._free:
                return None
            slot = self._free.popleft()
        at, cells = slot * _FIELDS, self._cells
        for field in range(_BEGUN, _FIELDS):
            cells[at + field] = 0
        cells[at + _LIMIT] = NO_LIMIT
        cells[at + _CALL] = number
        return slot

    def take_back(self, slot: int) -> None:
        """Free a slot; a process that still has its call begins no further fire time of it."""
        self._cells[slot * _FIELDS + _CALL] = 0
        with self._lock:
            self._free.append(slot)

    def limit(self, slot: int, index: int) -> None:
        """Let no fire time of the call begin from this index on."""
        self._cells[slot * _FIELDS + _LIMIT] = index

    def seen(self, slot: int) -> Seen:
        """Return what is known of the call in this slot."""
        at, cells = slot * _FIELDS, self._cells
        ended, codes = cells[at + _ENDED], cells[at + _CODES]
        kept = range(min(ended, _CODES_KEPT))
        return Seen(
            bool(cells[at + _BEGUN]),
            cells[at + _PID],
            cells[at + _INDEX],
            cells[at + _STARTED] / 1e9,
            ended,
            tuple(codes >> (_CODE_BITS * index) & 7 for index in kept),
        )
