"""Makes a child process forget what is its parent's after a fork, even if Python was not told of the fork.

``os.fork`` calls Python's hooks. A C program that embeds Python may fork without them: uWSGI does, unless it is given
``py-call-uwsgi-fork-hooks``. So whoever relies on being in its own process asks :func:`look` first.
"""

from __future__ import annotations

import os
from os import getpid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_pid = getpid()
_callbacks: list[Callable[[], None]] = []


def after_fork(callback: Callable[[], None]) -> None:
    """Have ``callback`` called in each child process, in the order of these calls."""
    _callbacks.append(callback)


def around_fork(hold: Callable[[], None], go_on: Callable[[], None]) -> None:
    """Have ``hold`` called before each fork that Python is told of, and ``go_on`` after it in the parent."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=hold, after_in_parent=go_on)


def look() -> None:
    """Call the callbacks now if this is a child process in which nobody has called them yet."""
    if getpid() != _pid:
        _run()


def _run() -> None:
    global _pid  # noqa: PLW0603 - a process has one identity
    _pid = getpid()
    failures: list[Exception] = []
    for callback in _callbacks:
        try:
            callback()
        except Exception as exc:  # noqa: BLE001 - the other callbacks must be called all the same
            failures.append(exc)
    if failures:
        raise failures[0]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_run)
