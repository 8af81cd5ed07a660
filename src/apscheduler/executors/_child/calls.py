"""Runs a job's call in a worker process, one fire time after another, and makes the answers.

Whatever the function, its arguments or its value do, each fire time that begins has an answer.
"""

from __future__ import annotations

import pickle
import sys
from datetime import UTC

from apscheduler import clocks
from apscheduler._engine.instants import from_us
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
from apscheduler.runs.context import make_context, run_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from apscheduler.executors._wire.calls import PlainFacts
    from apscheduler.runs.context import RunContext


class Call:
    """One call in this process; its fire times run one after another.

    :ivar is_alone: whether no other process watches its timeout
    :ivar fire: the fire time that is running (microseconds UTC)
    """

    def __init__(self, blob: bytes, facts: PlainFacts) -> None:
        self.facts = facts_from(facts)
        self._blob = blob
        self.is_alone = False
        self.fire = 0
        self.func: Any = None
        self.args: Any = ()
        self.kwargs: Any = {}
        self.zone: Any = None

    def run(self, on_start: Any = None) -> Iterator[Answer]:
        """Run all fire times and yield one answer for each. Never raises."""
        try:
            what, self.args, self.kwargs, self.zone = self._parts()
            self.func = resolve(what)
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
            yield self._answer()

    def _answer(self) -> Answer:
        """Run the fire time and return its answer, even if an exception, a value or a context misbehaves on the way."""
        begun = clocks.now_us()
        try:
            return self._run_fire()
        except BaseException as exc:  # noqa: BLE001 - without an answer the scheduler's side would wait for ever
            why = f"what became of the call cannot be told: {said(exc)}"
            now = clocks.now_us()
            error = plain_error(type(exc).__name__, why)
            return Answer(self.fire, FAILED, begun, now, error=error)

    def _parts(self) -> tuple[Any, Any, Any, Any]:
        """Return function (or its reference), arguments and zone."""
        parts: tuple[Any, Any, Any, Any] = pickle.loads(self._blob)  # noqa: S301 - from our scheduler
        return parts

    def pickled(self, what: Any) -> bytes:
        """Return a return value as bytes.

        :raises BaseException: whatever pickling raises
        """
        return pickle.dumps(what, 5)

    def _run_fire(self) -> Answer:
        attempt = attempt_at(self, self.fire)
        if isinstance(attempt, Answer):
            return attempt
        error: BaseException | None = None
        in_time = True
        token = run_context.set(attempt.context())
        try:
            if attempt.timeout is None:
                try:
                    value = attempt.call()
                    if value is not None and hasattr(value.__class__, "__await__"):
                        from apscheduler.executors._child.coroutines import run_coroutine

                        value = run_coroutine(value, None)
                except BaseException as exc:  # noqa: BLE001 - whatever a job raises is its outcome
                    error = exc
            else:
                from apscheduler.executors._child.alarm import call_in_time

                value, error, in_time = call_in_time(
                    attempt.call, attempt.timeout, alone=self.is_alone
                )
        finally:
            run_context.reset(token)
        if not in_time:
            return attempt.time_out()
        if error is not None:
            return attempt.raised(error)
        return attempt.returned(value)


class Attempt:
    """One call of the function for one fire time: what ``_attempt/steps.Attempt`` is where the claim is.

    Whatever it comes to is an answer here, which the scheduler's process settles.

    :ivar fire: the fire time (microseconds UTC)
    :ivar started: when the function is called (microseconds UTC)
    :ivar timeout: after how many seconds the call is interrupted, ``None`` if it never is
    """

    __slots__ = ("_whole", "fire", "started", "timeout")

    def __init__(self, whole: Call, fire: int, started: int) -> None:
        self._whole = whole
        self.fire = fire
        self.started = started
        self.timeout = whole.facts.timeout

    def context(self) -> RunContext:
        """Return what ``current_run()`` returns inside this run."""
        facts = self._whole.facts
        moment = from_us(self.fire, self._whole.zone or UTC)
        return make_context(
            facts.job_id, facts.jobstore, moment, self.fire, facts.attempt, facts.token
        )

    def call(self) -> Any:
        """Call the function and return its value, which may have to be awaited.

        :raises BaseException: what the function raises
        """
        whole = self._whole
        return whole.func(*whole.args, **whole.kwargs)

    # -- what it came to -------------------------------------------------------------------------------

    def returned(self, value: Any) -> Answer:
        """Return the answer that the function returned, or that its value cannot be sent."""
        finished = clocks.now_us()
        if value is None:
            return Answer(self.fire, EXECUTED, self.started, finished)
        try:
            return Answer(self.fire, EXECUTED, self.started, finished, self._whole.pickled(value))
        except BaseException as exc:  # noqa: BLE001 - anything can be raised by a user's __reduce__
            why = f"the function returned a {type(value).__name__}, which cannot be pickled: {said(exc)}"
            error = plain_error("TypeError", why)
            return Answer(self.fire, FAILED, self.started, finished, error=error)

    def raised(self, exc: BaseException) -> Answer:
        """Return the answer that the function raised."""
        finished = clocks.now_us()
        return Answer(self.fire, FAILED, self.started, finished, error=pack_error(exc))

    def time_out(self) -> Answer:
        """Return the answer that it did not end in time. The function may still run."""
        return Answer(self.fire, TIMED_OUT, self.started, clocks.now_us())


def attempt_at(whole: Call, fire: int) -> Attempt | Answer:
    """Return the attempt at a fire time of the call, or the answer that it comes too late or may not start here."""
    started = clocks.now_us()
    facts = whole.facts
    if started - fire > facts.grace:
        return Answer(fire, MISSED, 0, started)
    if facts.start_by is not None and clocks.boot_us() >= facts.start_by:
        return Answer(fire, FENCED, 0, started)
    return Attempt(whole, fire, started)


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
