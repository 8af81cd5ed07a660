"""Logs which jobs Python's end waits for in threads and pools that are not ours, if it has waited for a while.

Python calls us before it waits, by the private ``threading._register_atexit``; without that, nothing is logged. Python
calls the function that was registered last first. So we register again when another module is loaded whose exit waits.
"""

from __future__ import annotations

import os
import sys
import threading
from weakref import WeakSet

from apscheduler.executors._ending.waits import BY_PYTHON, tell_later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors._ending.waits import Claims

_WAIT = {"threading", "concurrent.futures.thread", "concurrent.futures.process"}
_watched: WeakSet[Any] = WeakSet()
_pid = 0
_called_before: set[str] = set()
"""The modules whose waits begin after we are called; a forked child inherits this."""
_told_in = 0


def name_what_is_left(runs: Any) -> None:
    """Have Python's end log which jobs of these runs it waits for; their ``waited_for()`` returns them."""
    global _pid  # noqa: PLW0603 - a fork has nothing to do with the runs of its parent
    if _pid != os.getpid():
        _pid = os.getpid()
        _watched.clear()
    _watched.add(runs)
    _be_called_before_the_waits()


def _be_called_before_the_waits() -> None:
    waits = _WAIT & sys.modules.keys()
    register = getattr(threading, "_register_atexit", None)
    if register is None or waits <= _called_before:
        return
    try:
        register(_tell_soon)
    except RuntimeError:  # the interpreter ends already
        return
    _called_before.update(waits)


def _tell_soon() -> None:
    """Called when the main thread ends, possibly more than once."""
    global _told_in  # noqa: PLW0603 - once per process
    goes_on = any(each.name == "APScheduler" and not each.daemon for each in threading.enumerate())
    if goes_on or os.getpid() == _told_in or os.getpid() != _pid:
        return
    _told_in = os.getpid()
    tell_later(_waited_for, BY_PYTHON)


def _waited_for() -> Claims:
    return {claim: words for runs in list(_watched) for claim, words in runs.waited_for().items()}
