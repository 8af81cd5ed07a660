"""Keeps a terminal's Ctrl-C away from the processes of a pool that is not ours."""

from __future__ import annotations

import signal
import threading

_signals_set = False


def leave_ctrl_c_alone() -> None:
    """Make this process ignore Ctrl-C: a terminal sends it to all processes, but the scheduler's process handles it."""
    global _signals_set  # noqa: PLW0603 - once per process
    if _signals_set:
        return
    _signals_set = True
    if threading.current_thread() is threading.main_thread():
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
