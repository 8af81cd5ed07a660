"""Settles the calls in pools that are not ours when the interpreter ends, so that each has a true outcome.

The standard library's pools have finished their work before; other pools may not have. What has not begun is handed
back. What runs gets a moment to end. What still runs then gets the outcome ``lost``.
"""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING
from weakref import WeakSet

from apscheduler.clocks import monotonic
from apscheduler.executors._ending.python_end import name_what_is_left
from apscheduler.executors._foreign.kinds import is_of_this_host
from apscheduler.executors.base import InterpreterEndingError

if TYPE_CHECKING:
    from apscheduler.executors._foreign.needs import RunsAtExit
    from apscheduler.executors._foreign.submission import Submission

_LEFT_SECONDS = 1.0
_watched: WeakSet[RunsAtExit] = WeakSet()
_pid = 0


def watch(runs: RunsAtExit) -> None:
    """Settle these runs at the interpreter's end. We register after the pool does, so our turn comes before it."""
    global _pid  # noqa: PLW0603 - a fork has nothing to do with the pools of its parent
    if _pid != os.getpid():
        _pid = os.getpid()
        _watched.clear()
    _watched.add(runs)
    name_what_is_left(runs)
    atexit.unregister(_end)
    atexit.register(_end)


def _end() -> None:
    if _pid != os.getpid():
        return
    ends_at = monotonic() + _LEFT_SECONDS
    every = list(_watched)
    for runs in every:
        call_off(runs)
    for runs in every:
        runs.wait_until_empty(max(0.0, ends_at - monotonic()))
        for submission in runs.open():
            runs.settling.lose(submission, _reason(submission))


def _reason(submission: Submission) -> str:
    where = "before its pool had answered"
    if submission.is_known_to_run:
        where = f"while process {submission.seen().pid or os.getpid()} ran it"
    return f"this program ended {where}; whether it ended is not known"


def call_off(runs: RunsAtExit) -> None:
    """Take nothing more, and hand back what is known not to have begun."""
    runs.closed = True
    for submission in runs.open():
        if not submission.revoke() or not is_of_this_host(submission.pool):
            continue
        runs.settling.call_off(submission, str(InterpreterEndingError()))
