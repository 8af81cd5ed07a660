"""What is known of other people's pools: how to build one anew, what to ask of their processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

_END_SECONDS = 5.0


def nothing() -> None:
    """Work for a pool that shall look whether it needs another thread."""


@contextmanager
def no_ctrl_c_for_workers(pool: Any) -> Iterator[None]:
    """Let processes that start in here leave Ctrl-C to this process; they inherit the mask."""
    if not isinstance(pool, ProcessPoolExecutor) or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def processes_of(pool: Any) -> list[Any]:
    """Return the processes of a pool that has some."""
    return list((getattr(pool, "_processes", None) or {}).values())


def wait_for_end(pool: Any) -> None:
    """Wait until the processes of a broken pool, which is ending them, have ended."""
    from multiprocessing.connection import wait

    for process in processes_of(pool):
        with suppress(ValueError, OSError):  # it is over and cleared away already
            wait([process.sentinel], _END_SECONDS)


def revived(pool: Any) -> Any:
    """Return the pool, or one like it where it was shut down and can be built again."""
    was_shut = getattr(pool, "_shutdown", None) is True or (
        getattr(pool, "_shutdown_thread", None) is True
    )
    return (rebuilt(pool) or pool) if was_shut else pool


def rebuilt(pool: Any) -> Any:
    """Return a new pool with the options of this one; ``None`` where they are not known."""
    kind = type(pool)
    names: dict[str, str] = _OPTIONS.get(kind, {})
    if not all(hasattr(pool, attribute) for attribute in names.values()):
        return None
    options = {name: getattr(pool, attribute) for name, attribute in names.items()}
    return kind(**options) if options else None


_OPTIONS: dict[type, dict[str, str]] = {
    ProcessPoolExecutor: {
        "max_workers": "_max_workers",
        "mp_context": "_mp_context",
        "initializer": "_initializer",
        "initargs": "_initargs",
        "max_tasks_per_child": "_max_tasks_per_child",
    },
    ThreadPoolExecutor: {
        "max_workers": "_max_workers",
        "thread_name_prefix": "_thread_name_prefix",
        "initializer": "_initializer",
        "initargs": "_initargs",
    },
}
"""Where the standard library's pools keep their options."""
