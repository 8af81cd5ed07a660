"""Makes a port of Twisted's reactor (see ``port.py``)."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Coroutine

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.threadable import isInIOThread

from apscheduler.runs.context import run_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.loops.coroutines import Started
    from apscheduler.runs.context import RunContext

_LOOK_SECONDS = 1.0


class Call:
    """A planned call that can be cancelled at any time."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> None:
        """Cancel it, if it has not been made."""
        if self._call.active():
            self._call.cancel()


class TwistedPort:
    """A reactor."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self._ended = False
        reactor.addSystemEventTrigger("after", "shutdown", self._end)

    def _end(self) -> None:
        self._ended = True

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Have the function called in the reactor's thread soon."""
        if self._ended:
            raise RuntimeError("the reactor has ended")
        self.reactor.callFromThread(function, *args)

    def later(self, seconds: float, function: Callable[[], object]) -> Call:
        """Have the function called after this many seconds."""
        return Call(self.reactor.callLater(seconds, function))

    def is_here(self) -> bool:
        """Return whether the calling code runs in the reactor's thread, and the reactor has not ended."""
        return not self._ended and bool(isInIOThread())  # type: ignore[no-untyped-call]

    def is_running(self) -> bool:
        """Return whether the reactor runs."""
        return bool(self.reactor.running) and not self._ended

    def is_closed(self) -> bool:
        """Return whether the reactor has ended: it cannot be started again."""
        return self._ended

    def before_end(self, function: Callable[[], object]) -> None:
        """Have the function called when the reactor ends, before it waits for its threads."""
        self.reactor.addSystemEventTrigger("before", "shutdown", function)

    def start(
        self, coroutine: Coroutine[Any, Any, Any], ended: Callable[[], object]
    ) -> Deferred[Any]:
        """Await in the reactor."""
        deferred: Deferred[Any] = ensureDeferred(coroutine)
        deferred.addBoth(lambda _: ended())
        return deferred

    def finish(self, coroutine: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        """Await in the reactor."""
        return ensureDeferred(coroutine)

    def forgive(self) -> None:
        """Do nothing: a Deferred is cancelled once."""

    def result_of(self, awaitable: Any, context: RunContext | None, started: Started | None) -> Any:
        """Await in the reactor; give up when it ends."""
        answer: concurrent.futures.Future[Any] = concurrent.futures.Future()

        def begin() -> None:
            deferred = ensureDeferred(_in_context(awaitable, context))
            if started is not None:
                started(self, deferred)  # type: ignore[arg-type] # what the watch needs of a loop and a task
            deferred.addCallbacks(
                answer.set_result, lambda failure: answer.set_exception(failure.value)
            )

        self.call(begin)
        while True:
            try:
                return answer.result(_LOOK_SECONDS)
            except concurrent.futures.TimeoutError:
                if answer.done():
                    raise
                if not self.is_running():
                    raise RuntimeError("the reactor ended before the job did") from None

    def call_soon_threadsafe(self, function: Callable[[], object]) -> None:
        """Do what an asyncio loop's method of this name does; a watch uses it to cancel."""
        self.call(function)


async def _in_context(awaitable: Any, context: RunContext | None) -> Any:
    run_context.set(context)
    return await awaitable
