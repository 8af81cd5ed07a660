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
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from apscheduler import clocks
from apscheduler.executors._child.calls import Call
from apscheduler.executors._child.ctrl_c import leave_ctrl_c_alone
from apscheduler.executors._foreign import board as call_board
from apscheduler.executors._foreign.host import host_key
from apscheduler.executors._wire import calls

if TYPE_CHECKING:
    from apscheduler.executors._wire.calls import PlainAnswer, PlainFacts

    PlainTicket = tuple[Any, ...]


class Ticket(NamedTuple):
    """By what a call finds its executor, or its slot on the board. It travels as a plain tuple.

    :ivar key: of the ``FutureRuns`` that has submitted it
    :ivar host: the host of that, as :func:`host_key` names it
    :ivar number: of the submission
    :ivar path: of the board
    :ivar slot: on the board, -1 if it has none
    :ivar start_by: until when the function may be called (microseconds UTC); ``None`` if at any time
    """

    key: str
    host: str
    number: int
    path: str
    slot: int
    start_by: int | None


AGAIN = "again"
"""The answer for a call that a pool begins a second time: the function is not called again."""

here: WeakValueDictionary[str, Any] = WeakValueDictionary()
"""The ``FutureRuns`` of this process by key. A key begins with the process number: no key matches in a forked child."""

CODES = {
    calls.EXECUTED: call_board.EXECUTED,
    calls.FAILED: call_board.FAILED,
    calls.TIMED_OUT: call_board.TIMED_OUT,
    calls.MISSED: call_board.MISSED,
    calls.FENCED: call_board.FENCED,
}


class ObjectCall(Call):
    """A call whose function and arguments the pool itself brought here, in its own way."""

    def __init__(self, parts: tuple[Any, Any, Any], facts: PlainFacts) -> None:
        super().__init__(b"", facts)
        self._brought = parts

    def _parts(self) -> tuple[Any, Any, Any, Any]:
        return (*self._brought, None)

    def pickled(self, what: Any) -> bytes:
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


def run_pickled(blob: bytes, facts: PlainFacts, ticket: PlainTicket) -> Any:
    """Run a call that travelled as bytes."""
    leave_ctrl_c_alone()
    return _run(Call(blob, facts), Ticket._make(ticket))


def run_object(what: Any, args: Any, kwargs: Any, facts: PlainFacts, ticket: PlainTicket) -> Any:
    """Run a call whose function and arguments the pool itself brought here."""
    named = Ticket._make(ticket)
    is_here = named.key.startswith(f"{os.getpid()}-")
    if is_here and (runs := here.get(named.key)) is not None:
        return runs.run_here(named.number)
    return _run(ObjectCall((what, args, kwargs), facts), named)


def _run(call: Call, ticket: Ticket) -> list[PlainAnswer] | str:
    if ticket.host != host_key():
        call.facts = call.facts._replace(start_by=_by_own_clock(ticket.start_by))
        return _run_alone(call)
    board = _board_at(ticket.path) if ticket.slot >= 0 else None
    return _run_alone(call) if board is None else _run_by_board(call, ticket, board)


def _run_alone(call: Call) -> list[PlainAnswer]:
    call.is_alone = True
    return [tuple(answer) for answer in call.run()]


def _run_by_board(
    call: Call, ticket: Ticket, board: call_board.WorkersBoard
) -> list[PlainAnswer] | str:
    slot, number = ticket.slot, ticket.number
    if not board.begin(slot, number):
        return AGAIN
    answers = []
    for index, answer in enumerate(call.run(lambda at: board.go_on(slot, number, at))):
        board.end(slot, number, index, CODES[answer.outcome])
        answers.append(tuple(answer))
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
