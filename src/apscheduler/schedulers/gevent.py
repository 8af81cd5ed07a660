"""A scheduler in a greenlet."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context

from apscheduler.elsewhere import names_of_3x
from apscheduler.executors.gevent import native_ident
from apscheduler.loops.coroutines import CoroutineRunner
from apscheduler.schedulers._api.listeners import tell
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler

try:
    import gevent
    from gevent.event import Event
    from gevent.lock import RLock
except ImportError as exc:
    raise ImportError(
        "GeventScheduler requires gevent installed: pip install 'tickwright[gevent]'"
    ) from exc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.events import SchedulerEvent
    from apscheduler.executors.base import BaseExecutor


_LOOK_SECONDS = 0.01


class GreenWakeup:
    """An event that a greenlet waits for; ``set`` may be called from any thread."""

    def __init__(self) -> None:
        self._event = Event()
        self._thread = gevent.get_hub().thread_ident
        self._signal = gevent.get_hub().loop.async_()
        self._signal.start(self._event.set)
        # A hub that waits for nothing but this watcher counts as finished, as it would without the watcher.
        self._signal.ref = False

    def set(self) -> None:
        """Wake the waiter, or let its next wait return at once."""
        if self.is_here():
            self._event.set()
        else:
            self._signal.send()

    def is_here(self) -> bool:
        """Return whether the calling thread is the waiter's."""
        return bool(native_ident() == self._thread)

    def is_set(self) -> bool:
        """Return whether it was set."""
        return bool(self._event.is_set())

    def clear(self) -> None:
        """Reset it, so that the next wait blocks again."""
        self._event.clear()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is set."""
        return bool(self._event.wait(seconds))

    def close(self) -> None:
        """Free the watcher."""
        self._signal.stop()
        self._signal.close()


class GeventScheduler(BlockingScheduler):
    """A scheduler in a greenlet of its own: :meth:`start` returns that greenlet.

    Jobs run in greenlets. A blocking call of a store or job holds up the thread, unless the call is one of gevent's
    or monkey patching made it one. All methods may be called from any thread.
    """

    _greenlet: Any = None
    _blocks = False
    _how_to_last = (
        "start() returned at once; wait for the greenlet that it returns: scheduler.start().join()"
    )

    def start(self, *args: Any, **kwargs: Any) -> Any:
        """Start the scheduler in a greenlet.

        :param paused: whether to process no jobs until :meth:`resume`
        :return: the greenlet, which ends after :meth:`shutdown`
        """
        self._begin_waiting()
        BaseScheduler.start(self, *args, **kwargs)
        if self.running:
            self._greenlet = gevent.spawn(self._main_loop)
        return self._greenlet

    def _begin_waiting(self) -> None:
        if not self.running:
            self._let_shutdown_end("start")
            self._event = GreenWakeup()

    def shutdown(self, *args: Any, **kwargs: Any) -> None:
        """Stop processing jobs and end the greenlet. See :meth:`BaseScheduler.shutdown`.

        :param wait: as there
        :param timeout: as there; by name
        """
        greenlet, event = self._greenlet, self._event
        super().shutdown(*args, **kwargs)
        if self._greenlet is greenlet:
            self._greenlet = None
        if greenlet is not None and event.is_here() and greenlet is not gevent.getcurrent():
            greenlet.join()

    def _main_loop(self) -> None:
        event = self._event
        try:
            super()._main_loop()
        finally:
            event.close()

    def _strand(self) -> object:
        return gevent.getcurrent()

    def _wait_for(self, ended: Any) -> None:
        while not ended.is_set():
            gevent.sleep(_LOOK_SECONDS)

    def _call_within(self, function: Callable[[], object], seconds: float) -> bool:
        if not self._event.is_here():
            return super()._call_within(function, seconds)
        waiting = gevent.spawn(copy_context().run, function)
        waiting.join(seconds)
        return bool(waiting.dead)

    def _dispatch_event(self, event: SchedulerEvent) -> None:
        self._heed_listeners()
        if self._listener_mask & event.code:
            tell(self._listeners, event, self._logger, _await_beside, self)

    _own_dispatch = (_dispatch_event,)

    def _create_default_executor(self) -> BaseExecutor:
        from apscheduler.executors.gevent import GeventExecutor

        return GeventExecutor()

    def _create_lock(self) -> Any:
        """Return a lock of gevent's."""
        return RLock()


def _await_beside(coroutine: Any) -> None:
    """Run an async listener to its end in a thread of gevent's: an asyncio loop here would block all greenlets."""
    gevent.get_hub().threadpool.spawn(_await_there, coroutine)


def _await_there(coroutine: Any) -> None:
    runner = CoroutineRunner()
    try:
        runner.run(coroutine, None)
    finally:
        runner.close()


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
