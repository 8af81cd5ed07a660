"""Handles pools that are not ours: tells what sort they are, gives them work, ends them, and builds them again."""

from __future__ import annotations

import inspect
import signal
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from apscheduler.clocks import monotonic

_END_SECONDS = 5.0
_PAUSE_SECONDS = 0.02
_STANDARD = {
    "concurrent.futures.thread",
    "concurrent.futures.process",
    "concurrent.futures.interpreter",
}
_OF_THIS_HOST = {"loky", "deadpool", "pebble", "gevent"}
_INTERPRETERS: type | None = getattr(futures, "InterpreterPoolExecutor", None)


def nothing() -> None:
    """Do nothing: submitted to a pool to make it start a thread or a process."""


def interpreter_is_ending() -> bool:
    """Return whether the main thread has ended: then the standard library's pools take nothing more."""
    return sys.is_finalizing() or bool(getattr(threading, "_SHUTTING_DOWN", False))


# -- what sort it is -----------------------------------------------------------------------------------


def has_our_threads(pool: Any) -> bool:
    """Return whether calls run in threads of this interpreter, as in the standard library's pool of threads."""
    if _INTERPRETERS is not None and isinstance(pool, _INTERPRETERS):
        return False
    return isinstance(pool, ThreadPoolExecutor)


def is_standard(pool: Any) -> bool:
    """Return whether the pool is one of the standard library's."""
    standard = any(kind.__module__ in _STANDARD for kind in type(pool).__mro__)
    return standard and not is_of_gevent(pool)


def is_of_gevent(pool: Any) -> bool:
    """Return whether the pool is gevent's: that works only while its hub runs, and only the hub's thread may ask it."""
    return "gevent" in _packages_of(pool)


def is_of_this_host(pool: Any) -> bool:
    """Return whether the pool is known to run calls on this host only, so that the board shows each start."""
    return is_standard(pool) or not _packages_of(pool).isdisjoint(_OF_THIS_HOST)


def _packages_of(pool: Any) -> set[str]:
    return {kind.__module__.partition(".")[0] for kind in type(pool).__mro__}


# -- giving it work --------------------------------------------------------------------------------------

Submit = Callable[[tuple[Any, ...], "float | None"], Any]
"""Called with ``(function, *arguments)`` and the seconds after which the pool may end the process; returns a future."""


def submitter(pool: Any) -> Submit:
    """Return the function that gives this pool a call.

    :raises TypeError: if its ``submit`` wants something else than a function and its arguments
    """
    wanted, names = _wanted(pool.submit)
    if wanted < 2:
        if "deadpool_timeout" in names:
            return lambda call, limit: pool.submit(*call, deadpool_timeout=limit)
        return lambda call, _: pool.submit(*call)
    schedule = getattr(pool, "schedule", None)
    if callable(schedule) and {"args", "timeout"} <= _wanted(schedule)[1]:
        return lambda call, limit: schedule(call[0], args=call[1:], timeout=limit)
    raise TypeError(
        f"{type(pool).__name__}.submit{_signature(pool.submit)} wants more than a function before the function's "
        "own arguments, so it is no pool like those of concurrent.futures; give an object around it whose "
        "submit(function, *args) returns a future"
    )


def _wanted(function: Any) -> tuple[int, set[str]]:
    """Return how many positional arguments the function requires, and the names of all its parameters."""
    signature = _signature(function)
    if signature is None:
        return 0, set()
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = signature.parameters.values()
    needed = [
        each for each in parameters if each.kind in by_position and each.default is each.empty
    ]
    return len(needed), set(signature.parameters)


def _signature(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


class no_ctrl_c_for_workers:  # noqa: N801 - it is read as a function
    """Blocks Ctrl-C while a pool may start processes: they inherit the signal mask, and leave Ctrl-C to this process.

    Not a ``contextlib`` generator: contextlib sets the traceback of an exception that passes, and some refuse that.
    """

    def __init__(self, pool: Any) -> None:
        self._masks = isinstance(pool, ProcessPoolExecutor) and hasattr(signal, "pthread_sigmask")

    def __enter__(self) -> None:
        if self._masks:
            self._before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])

    def __exit__(self, *_: object) -> None:
        if self._masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._before)


# -- its end ---------------------------------------------------------------------------------------------


def end_pool(pool: Any, *, wait: bool) -> None:
    """End a pool: by ``shutdown(wait=)``, or by ``close()`` and ``join()`` where it has those."""
    shutdown = getattr(pool, "shutdown", None)
    if is_of_gevent(pool) and not wait:
        return  # its threads end with its hub; this may be another thread than the hub's
    if shutdown is not None:
        shutdown(wait=wait)
        return
    for name in ("close", "join") if wait else ("close",):
        step = getattr(pool, name, None)
        if callable(step):
            step()


def wait_until(
    condition: Callable[[], bool], changed: threading.Condition, pool: Any, seconds: float | None
) -> bool:
    """Wait in a way that lets the pool work meanwhile; return whether the condition holds."""
    if not is_of_gevent(pool):
        with changed:
            return bool(changed.wait_for(condition, seconds))
    ends_at = None if seconds is None else monotonic() + seconds
    while not condition():
        if ends_at is not None and monotonic() > ends_at:
            return False
        sys.modules["gevent"].sleep(_PAUSE_SECONDS)
    return True


def processes_of(pool: Any) -> list[Any]:
    """Return the processes of a pool that has some."""
    return list((getattr(pool, "_processes", None) or {}).values())


def moved_on(pool: Any) -> bool:
    """Make a pool in which calls wait start the processes it lacks; return whether it had none and now has some.

    CPython may leave a pool with ``max_tasks_per_child`` without processes (its issue 115634, fixed in 2026).
    """
    if not isinstance(pool, ProcessPoolExecutor):
        return False
    given: Any = pool
    # Suppressed: the pool is closed, or another version of Python has other attributes.
    with (
        suppress(AttributeError, RuntimeError, OSError),
        no_ctrl_c_for_workers(pool),
        given._shutdown_lock,
    ):
        before = len(given._processes or ())
        if given._max_tasks_per_child and before < given._max_workers:
            given._adjust_process_count()  # as its submit does
            given._executor_manager_thread_wakeup.wakeup()
        return not before and bool(given._processes)
    return False


def wait_for_end(pool: Any) -> None:
    """Wait until a broken pool has ended its processes, for at most 5 seconds each."""
    from multiprocessing.connection import wait

    for process in processes_of(pool):
        with suppress(ValueError, OSError, AttributeError):  # it is over and cleared away already
            wait([process.sentinel], _END_SECONDS)


# -- another one -------------------------------------------------------------------------------------------


def revived(pool: Any) -> Any:
    """Return the pool, or a new one like it if it was shut down and can be built again."""
    was_shut = getattr(pool, "_shutdown", None) is True or (
        getattr(pool, "_shutdown_thread", None) is True
    )
    return (rebuilt(pool) or pool) if was_shut else pool


def rebuilt(pool: Any) -> Any:
    """Return a new pool with the options of this one; ``None`` where they are not known."""
    kind = type(pool)
    if kind.__name__ == "_ReusablePoolExecutor" and "loky" in sys.modules:
        return sys.modules["loky"].get_reusable_executor(max_workers=pool._max_workers)
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
"""The options of the standard library's pools, each with the attribute in which a pool keeps it."""
