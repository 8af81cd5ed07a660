"""Runs a job's call where a pool that is not ours has brought it: such a pool is given the functions below.

The pool itself brings the answers back. What else there is depends on where the call runs:

in the scheduler's process        the call runs in a thread, as in any pool of threads, timeouts included
in another process of its host    the board: the call writes there that it begins and how it ends, and reads whether
                                  it is still wanted
anywhere else                     nothing. A call that does not end in time is left behind in a thread, so that the
                                  answer comes in time
"""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from apscheduler import clocks
from apscheduler.executors._child.calls import Call
from apscheduler.executors._child.ctrl_c import leave_ctrl_c_alone
from apscheduler.executors._foreign import board as call_board
from apscheduler.executors._foreign.host import host_key
from apscheduler.executors._wire import calls
from apscheduler.executors._wire.calls import Answer, Facts

Ticket = tuple[str, str, int, str, int, int | None]
"""``(key of the executor, host, number, path of the board, slot, start by)``; ``start by`` is in microseconds UTC."""

AGAIN = "again"
"""The answer for a call that a pool begins a second time: the function is not called again."""

here: WeakValueDictionary[str, Any] = WeakValueDictionary()
"""The ``FutureRuns`` of this process by key. A key begins with the process number: no key matches in a forked child."""

_CODES = {
    calls.EXECUTED: call_board.EXECUTED,
    calls.FAILED: call_board.FAILED,
    calls.TIMED_OUT: call_board.TIMED_OUT,
    calls.MISSED: call_board.MISSED,
    calls.FENCED: call_board.FENCED,
}


class ObjectCall(Call):
    """A call whose function and arguments the pool itself brought here, in its own way."""

    def __init__(self, parts: tuple[Any, Any, Any], facts: Facts) -> None:
        super().__init__(b"", facts)
        self._brought = parts

    def _parts(self) -> tuple[Any, Any, Any, Any]:
        return (*self._brought, None)

    def _pickled(self, what: Any) -> bytes:
        return pickled_somehow(what)


def pickled_somehow(what: Any) -> bytes:
    """Return the object pickled: by ``pickle``, or if that fails by ``cloudpickle`` or ``dill`` if they are loaded."""
    try:
        return pickle.dumps(what, 5)
    except Exception:
        for name in ("cloudpickle", "dill"):
            module = sys.modules.get(name)
            if module is not None:
                with suppress(Exception):
                    pickled: bytes = module.dumps(what)
                    return pickled
        raise


def run_pickled(blob: bytes, facts: Facts, ticket: Ticket) -> Any:
    """Run a call that travelled as bytes."""
    leave_ctrl_c_alone()
    return _run(Call(blob, facts), ticket)


def run_object(what: Any, args: Any, kwargs: Any, facts: Facts, ticket: Ticket) -> Any:
    """Run a call whose function and arguments the pool itself brought here."""
    key, _, number = ticket[:3]
    if key.startswith(f"{os.getpid()}-") and (runs := here.get(key)) is not None:
        return runs.run_here(number)
    return _run(ObjectCall((what, args, kwargs), facts), ticket)


def _run(call: Call, ticket: Ticket) -> list[Answer] | str:
    _, host, number, path, slot, start_by = ticket
    if host != host_key():
        call.start_by = _by_own_clock(start_by)
        call.is_alone = True
        return list(call.run())
    board = _board_at(path) if slot >= 0 else None
    if board is None:
        call.is_alone = True
        return list(call.run())
    if not board.begin(slot, number):
        return AGAIN
    answers = []
    for index, answer in enumerate(call.run(lambda at: board.go_on(slot, number, at))):
        board.end(slot, number, index, _CODES[answer[1]])
        answers.append(answer)
    return answers


def _by_own_clock(start_by: int | None) -> int | None:
    """Convert an instant from microseconds UTC to this host's boot clock (``boot_us``); ``None`` stays ``None``."""
    if start_by is None:
        return None
    return clocks.boot_us() + start_by - clocks.now_us()


_boards: dict[str, call_board.WorkersBoard] = {}


def _board_at(path: str) -> call_board.WorkersBoard | None:
    """Return the board; ``None`` if this process cannot open its file (in a container, or after the executor's end)."""
    board = _boards.get(path)
    if board is None:
        try:
            board = _boards[path] = call_board.WorkersBoard(path)
        except OSError:
            return None
    return board
