"""Runs a job's call in a worker process, one fire time after another, and makes the answers.

Whatever the function, its arguments or its value do, each fire time that begins has an answer.
"""

from __future__ import annotations

import pickle
import sys

from apscheduler import clocks
from apscheduler.executors._wire.calls import (
    EXECUTED,
    FAILED,
    FENCED,
    MISSED,
    TIMED_OUT,
    Answer,
    facts_from,
)
from apscheduler.executors._wire.errors import pack_error, plain_error, said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from apscheduler.executors._wire.calls import PlainFacts


class Call:
    """One call in this process; its fire times run one after another.

    :ivar is_alone: whether no other process watches its timeout
    """

    def __init__(self, blob: bytes, facts: PlainFacts) -> None:
        self.facts = facts_from(facts)
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
            for fire in self.facts.fires:
                yield Answer(fire, FAILED, 0, now, error=error)
            return
        for index, fire in enumerate(self.facts.fires):
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
            error = plain_error(type(exc).__name__, why)
            return Answer(self.fire, FAILED, begun, now, error=error)

    def _parts(self) -> tuple[Any, Any, Any, Any]:
        """Return function (or its reference), arguments and zone."""
        parts: tuple[Any, Any, Any, Any] = pickle.loads(self._blob)  # noqa: S301 - from our scheduler
        return parts

    def _pickled(self, what: Any) -> bytes:
        return pickle.dumps(what, 5)

    def _run_fire(self, func: Any, args: Any, kwargs: Any) -> Answer:
        from apscheduler.runs.context import run_context

        fire, facts = self.fire, self.facts
        started = clocks.now_us()
        if started - fire > facts.grace:
            return Answer(fire, MISSED, 0, started)
        if facts.start_by is not None and clocks.boot_us() >= facts.start_by:
            return Answer(fire, FENCED, 0, started)
        value: Any = None
        error: BaseException | None = None
        in_time = True
        token = run_context.set(self.context())
        try:
            if facts.timeout is None:
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
                    func, args, kwargs, facts.timeout, alone=self.is_alone
                )
        finally:
            run_context.reset(token)
        finished = clocks.now_us()
        if not in_time:
            return Answer(fire, TIMED_OUT, started, finished)
        if error is not None:
            return Answer(fire, FAILED, started, finished, error=pack_error(error))
        if value is None:
            return Answer(fire, EXECUTED, started, finished)
        try:
            return Answer(fire, EXECUTED, started, finished, self._pickled(value))
        except BaseException as exc:  # noqa: BLE001 - anything can be raised by a user's __reduce__
            why = f"the function returned a {type(value).__name__}, which cannot be pickled: {said(exc)}"
            return Answer(fire, FAILED, started, finished, error=plain_error("TypeError", why))

    def context(self) -> Any:
        """Return what ``current_run()`` returns in this process."""
        from datetime import UTC

        from apscheduler._engine.instants import from_us
        from apscheduler.runs.context import make_context

        facts = self.facts
        moment = from_us(self.fire, self.zone or UTC)
        return make_context(
            facts.job_id, facts.jobstore, moment, self.fire, facts.attempt, facts.token
        )


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
