"""Runs a job's fire times in another process: makes what is sent there, runs it there, and makes what is sent back.

The user's objects travel as bytes inside our own plain tuples. So an object that cannot be pickled or unpickled fails
its own run, and never breaks the channel. Worker processes import this module, so it must stay cheap to import.

A call is ``(blob, facts)``. ``blob`` is the pickled ``(function or its reference, args, kwargs, zone)``. ``facts`` is
``(job id, store alias, fires, grace, attempt, timeout, token, start by)``. The answer for each fire time is
``(fire, outcome, started, finished, value, error)``, where ``value`` is the pickled return value or ``None``. How an
exception travels is described in ``errors.py``.
"""

from __future__ import annotations

import pickle
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from apscheduler import clocks
from apscheduler.executors._wire.errors import Error, pack_error, plain_error, said

if TYPE_CHECKING:
    from collections.abc import Iterator

EXECUTED, FAILED, MISSED, TIMED_OUT = "executed", "failed", "missed", "timed_out"
FENCED = "fenced"
"""The function was not called, because the claim's lease had ended before that."""

Facts = tuple[str, str, list[int], int, int, float | None, int, int | None]
Answer = tuple[int, str, int, int, Any, Error | None]


# -- on the scheduler's side ----------------------------------------------------------------------------


def pack_call(job: Any, fire: int) -> bytes:
    """Return what another process needs to call the job's function.

    :raises Exception: whatever pickling raises
    """
    func = job.func
    ref = getattr(job, "func_ref", None)
    is_plain = func.__class__.__name__ == "function" and isinstance(ref, str)
    what = ref if is_plain else func
    zone = job._at(fire).tzinfo
    try:
        return pickle.dumps((what, job.args, job.kwargs, zone), 5)
    except Exception:  # noqa: BLE001 - the zone may not pickle; if something else does not, this raises again
        return pickle.dumps((what, job.args, job.kwargs, None), 5)


# -- in the worker process --------------------------------------------------------------------------------


class Call:
    """One call in this process; its fire times run one after another.

    :ivar is_alone: whether no other process watches its timeout
    """

    def __init__(self, blob: bytes, facts: Facts) -> None:
        self.job_id, self.jobstore, self.fires, self.grace, self.attempt, self.timeout = facts[:6]
        self.token, self.start_by = facts[6:]
        self._blob = blob
        self.is_alone = False
        self.fire = 0
        self.zone: Any = None

    def run(self, on_start: Any = None) -> Iterator[Answer]:
        """Run all fire times and yield one answer for each. Never raises."""
        try:
            what, args, kwargs, self.zone = self._parts()
            func = resolve(what)
        except BaseException as exc:  # noqa: BLE001 - a user's module may raise anything at import
            now = clocks.now_us()
            why = f"the job's function or arguments cannot be loaded in the worker process: {said(exc)}"
            error = plain_error(type(exc).__name__, why, exc)
            for fire in self.fires:
                yield (fire, FAILED, 0, now, None, error)
            return
        for index, fire in enumerate(self.fires):
            self.fire = fire
            if on_start is not None and on_start(index) is False:
                return  # the scheduler's side has given this call up
            yield self._answer(func, args, kwargs)

    def _answer(self, func: Any, args: Any, kwargs: Any) -> Answer:
        """Run the fire time and return its answer, even if an exception, a value or a context misbehaves on the way."""
        begun = clocks.now_us()
        try:
            return self._run_fire(func, args, kwargs)
        except BaseException as exc:  # noqa: BLE001 - without an answer the scheduler's side would wait for ever
            why = f"what became of the call cannot be told: {said(exc)}"
            now = clocks.now_us()
            return (self.fire, FAILED, begun, now, None, plain_error(type(exc).__name__, why))

    def _parts(self) -> tuple[Any, Any, Any, Any]:
        """Return function (or its reference), arguments and zone."""
        parts: tuple[Any, Any, Any, Any] = pickle.loads(self._blob)  # noqa: S301 - from our scheduler
        return parts

    def _pickled(self, what: Any) -> bytes:
        return pickle.dumps(what, 5)

    def _run_fire(self, func: Any, args: Any, kwargs: Any) -> Answer:
        fire = self.fire
        started = clocks.now_us()
        if started - fire > self.grace:
            return (fire, MISSED, 0, started, None, None)
        if self.start_by is not None and clocks.boot_us() >= self.start_by:
            return (fire, FENCED, 0, started, None, None)
        value: Any = None
        error: BaseException | None = None
        in_time = True
        context = _run_context()
        token = context.set(self.context())
        try:
            if self.timeout is None:
                try:
                    value = func(*args, **kwargs)
                    if value is not None and hasattr(value.__class__, "__await__"):
                        value = _run_coroutine(value, None)
                except BaseException as exc:  # noqa: BLE001 - whatever a job raises is its outcome
                    error = exc
            else:
                from apscheduler.executors._child.alarm import call_in_time

                value, error, in_time = call_in_time(
                    func, args, kwargs, self.timeout, alone=self.is_alone
                )
        finally:
            context.reset(token)
        finished = clocks.now_us()
        if not in_time:
            return (fire, TIMED_OUT, started, finished, None, None)
        if error is not None:
            return (fire, FAILED, started, finished, None, pack_error(error))
        if value is None:
            return (fire, EXECUTED, started, finished, None, None)
        try:
            return (fire, EXECUTED, started, finished, self._pickled(value), None)
        except BaseException as exc:  # noqa: BLE001 - anything can be raised by a user's __reduce__
            why = f"the function returned a {type(value).__name__}, which cannot be pickled: {said(exc)}"
            return (fire, FAILED, started, finished, None, plain_error("TypeError", why))

    def context(self) -> Any:
        """Return what ``current_run()`` returns in this process."""
        from datetime import UTC

        from apscheduler._engine.instants import from_us
        from apscheduler.runs.context import make_context

        moment = from_us(self.fire, self.zone or UTC)
        return make_context(self.job_id, self.jobstore, moment, self.fire, self.attempt, self.token)


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


def _run_context() -> Any:
    from apscheduler.runs.context import run_context

    return run_context


_resolved: dict[str, Any] = {}


def resolve(what: Any) -> Any:
    """Return the function; a text is a reference ``module:qualified.name``, looked up once per process."""
    if what.__class__ is not str:
        return what
    func = _resolved.get(what)
    if func is None:
        module_name, _, path = what.partition(":")
        module = sys.modules.get(module_name)
        if module is None:
            import importlib

            module = importlib.import_module(module_name)
        func = module
        for name in path.split("."):
            func = getattr(func, name)
        _resolved[what] = func
    return func


_runner: Any = None


def _run_coroutine(awaitable: Any, timeout: float | None) -> Any:
    """Await and return the value: in this thread, or in another one if this one already runs a loop."""
    global _runner  # noqa: PLW0603 - one event loop per process, in its main thread
    import asyncio
    import threading
    from contextvars import copy_context

    async def main() -> Any:
        if timeout is None:
            return await awaitable
        async with asyncio.timeout(timeout):
            return await awaitable

    on_main = threading.current_thread() is threading.main_thread()
    if not on_main or asyncio._get_running_loop() is not None:
        return _run_in_own_loop(main())
    if _runner is None:
        _runner = asyncio.Runner()
    try:
        # A copy each time, because the runner's own context is that of the first run in this process.
        return _runner.run(main(), context=copy_context())
    except BaseException:
        runner, _runner = _runner, None
        runner.close()
        raise


def _run_in_own_loop(awaitable: Any) -> Any:
    from apscheduler.loops.coroutines import CoroutineRunner

    coroutines = CoroutineRunner()
    try:
        return coroutines.run_anywhere(awaitable, _run_context().get())
    finally:
        coroutines.close()


_signals_set = False


def leave_ctrl_c_alone() -> None:
    """Make this process ignore Ctrl-C: a terminal sends it to all processes, but the scheduler's process handles it."""
    global _signals_set  # noqa: PLW0603 - once per process
    if _signals_set:
        return
    _signals_set = True
    import signal
    import threading

    if threading.current_thread() is threading.main_thread():
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
