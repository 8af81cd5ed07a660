"""Runs a job's call in a worker process, one fire time after another, and makes the answers.

Whatever the function, its arguments or its value do, each fire time that begins has an answer.
"""

from __future__ import annotations

import pickle
import sys
from typing import TYPE_CHECKING, Any

from apscheduler import clocks
from apscheduler.executors._wire.calls import EXECUTED, FAILED, FENCED, MISSED, TIMED_OUT
from apscheduler.executors._wire.errors import pack_error, plain_error, said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apscheduler.executors._wire.calls import Answer, Facts


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
        from apscheduler.runs.context import run_context

        fire = self.fire
        started = clocks.now_us()
        if started - fire > self.grace:
            return (fire, MISSED, 0, started, None, None)
        if self.start_by is not None and clocks.boot_us() >= self.start_by:
            return (fire, FENCED, 0, started, None, None)
        value: Any = None
        error: BaseException | None = None
        in_time = True
        token = run_context.set(self.context())
        try:
            if self.timeout is None:
                try:
                    value = func(*args, **kwargs)
                    if value is not None and hasattr(value.__class__, "__await__"):
                        from apscheduler.executors._child.coroutines import run_coroutine

                        value = run_coroutine(value, None)
                except BaseException as exc:  # noqa: BLE001 - whatever a job raises is its outcome
                    error = exc
            else:
                from apscheduler.executors._child.alarm import call_in_time

                value, error, in_time = call_in_time(
                    func, args, kwargs, self.timeout, alone=self.is_alone
                )
        finally:
            run_context.reset(token)
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
