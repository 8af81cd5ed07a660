"""The end of Python, which waits for threads and pools that are not ours: what it waits for is said, after a while.

Python calls us before it waits (``threading._register_atexit``, private: without it there is no word). Who registered
last is called first. So we register anew once another module is there whose exit waits.
"""

from __future__ import annotations

import os
import sys
import threading
from weakref import WeakSet

from apscheduler.executors._waited_for import BY_PYTHON, tell_later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors._waited_for import Claims

_WAIT = {"threading", "concurrent.futures.thread", "concurrent.futures.process"}
_watched: WeakSet[Any] = WeakSet()
_pid = 0
_called_before: set[str] = set()
"""The modules before whose waits we are called; a fork hands it on."""
_told_in = 0


def name_what_is_left(runs: Any) -> None:
    """Have named at Python's end what these runs are waited for, by their ``waited_for()``."""
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
