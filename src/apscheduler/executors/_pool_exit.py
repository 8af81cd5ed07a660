"""The interpreter's end, for calls in pools of others: each gets an outcome that is true when this process goes.

The standard library's pools finish their work before; of others it is not known. What has not begun is handed back, what
runs gets a moment to end, and what runs on then is lost to this process.
"""

from __future__ import annotations

import atexit
import os
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING
from weakref import WeakSet

from apscheduler.executors._foreign_pools import is_of_this_host
from apscheduler.executors._waited_for import AT_EXIT, PATIENCE, told
from apscheduler.executors.base import InterpreterEndingError
from apscheduler.logs import logger_named

if TYPE_CHECKING:
    from apscheduler.executors._futures import FutureRuns
    from apscheduler.executors._submission import Submission

_LEFT_SECONDS = 1.0
_watched: WeakSet[FutureRuns] = WeakSet()
_pid = 0
_is_asked = False


def watch(runs: FutureRuns) -> None:
    """See to these runs at the end, and before their pool does: it was there first, so that its turn comes later."""
    global _pid  # noqa: PLW0603 - a fork has nothing to do with the pools of its parent
    if _pid != os.getpid():
        _pid = os.getpid()
        _watched.clear()
        _be_asked_before_python_waits()
    _watched.add(runs)
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


def _be_asked_before_python_waits() -> None:
    """Have :func:`_tell_soon` called when the main thread ends: the standard library waits for its pools there."""
    global _is_asked  # noqa: PLW0603 - once per interpreter: a fork hands it on
    register = getattr(threading, "_register_atexit", None)  # private; without it there is no word
    if register is None or _is_asked:
        return
    try:
        register(_tell_soon)
    except RuntimeError:  # the interpreter ends already
        return
    _is_asked = True


def _tell_soon() -> None:
    """Say in a while what Python waits for, from a thread that holds nothing up."""
    waited_for = [each for runs in list(_watched) for each in runs.open()]
    goes_on = any(each.name == "APScheduler" and not each.daemon for each in threading.enumerate())
    if not waited_for or goes_on or _pid != os.getpid():
        return
    try:
        threading.Thread(target=_tell, args=(waited_for,), daemon=True).start()
    except RuntimeError:  # at its limit of threads
        return


def _tell(waited_for: list[Submission]) -> None:
    sleep(PATIENCE)
    left = {id(each) for runs in list(_watched) for each in runs.open()}
    names = sorted({str(each.claim.job.id) for each in waited_for if id(each) in left})
    if names:
        logger_named("apscheduler.executors").warning(AT_EXIT, told(names))


def _reason(submission: Submission) -> str:
    where = "before its pool had answered"
    if submission.is_known_to_run:
        where = f"while process {submission.seen().pid or os.getpid()} ran it"
    return f"this program ended {where}; whether it ended is not known"


def call_off(runs: FutureRuns) -> None:
    """Take nothing more, and let others have what is known not to have begun."""
    runs.closed = True
    for submission in runs.open():
        if not submission.revoke() or not is_of_this_host(submission.pool):
            continue
        runs.settling.call_off(submission, str(InterpreterEndingError()))
