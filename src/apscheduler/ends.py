"""What is done when the interpreter ends without a ``shutdown()``, in this order, no matter who registered first.

    begin    schedulers claim nothing more, give back what has not begun, and have outcomes written as they come
    wait     our pools are waited for (``executors/_ending/pools.py``)
    finish   stores write what became known meanwhile, say what goes on, and sign off

A forked child of :mod:`multiprocessing` leaves without ``atexit``; there multiprocessing's own exit makes these calls.
A process that dies of a signal makes none: whoever claims next recovers what it held.
"""

from __future__ import annotations

import atexit
import sys
from os import getpid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_begins: list[Callable[[], None]] = []
_finishes: list[Callable[[], None]] = []
_begun_in = 0
"""The id of the process whose first step was done; a child that is forked meanwhile has an end of its own."""
_watched_in = 0


def at_begin(callback: Callable[[], None]) -> None:
    """Have ``callback`` called first when the interpreter ends."""
    _begins.append(callback)


def at_finish(callback: Callable[[], None]) -> None:
    """Have ``callback`` called when the interpreter ends, after all waiting."""
    _finishes.append(callback)


def begin() -> None:
    """Do the first step, once."""
    global _begun_in  # noqa: PLW0603 - a process has one end
    if _begun_in != getpid():
        _begun_in = getpid()
        for callback in _begins:
            callback()


def _finish() -> None:
    begin()
    for callback in _finishes:
        callback()


def watch_children_end() -> None:
    """Have all this done in a child process of multiprocessing too, which may end without ``atexit``."""
    global _watched_in  # noqa: PLW0603 - once per process
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None:
        return
    if _watched_in != getpid():
        _watched_in = getpid()
        util.Finalize(None, _end_of_child, exitpriority=0)


def _end_of_child() -> None:
    """Do what our exit handlers would do; if they are called afterwards, nothing is left for them."""
    begin()
    for wait in _waits:
        wait()
    _finish()


_waits: list[Callable[[], None]] = []


def at_wait(callback: Callable[[], None]) -> None:
    """Have ``callback`` wait, between the first step and the last, for what runs."""
    _waits.append(callback)
    atexit.register(callback)


atexit.register(_finish)  # before all others of ours, so that it is the last to be called
