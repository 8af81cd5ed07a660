"""How each host is started and spoken to: its loop has the main thread, the tests run in another one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

PATIENCE = 30
"""Seconds until a wait for something that must come is given up."""


class Driver:
    """A host without a loop of the program's: everything may be called anywhere."""

    path = ""
    stops_coroutines = False
    """Whether ``shutdown(wait=False)`` cancels what runs."""
    in_loop = False
    """Whether jobs' coroutines and listeners run in the loop's thread."""

    def __init__(self) -> None:
        self.loop_thread = threading.get_ident()

    def scheduler(self, **options: Any) -> Any:
        from importlib import import_module

        module, _, name = self.path.partition(":")
        options.setdefault("timezone", "UTC")
        return getattr(import_module(module), name)(**options)

    def start(self, scheduler: Any, **options: Any) -> None:
        """Start where users start this scheduler."""
        self.call(lambda: scheduler.start(**options))

    def call(self, function: Callable[[], Any]) -> Any:
        """Call in the loop's thread and return the value."""
        return function()

    def in_program(self, function: Callable[[], Any]) -> Any:
        """Answer a call from the loop's thread."""
        answer: Future[Any] = Future()

        def run() -> None:
            try:
                answer.set_result(function())
            except BaseException as exc:
                answer.set_exception(exc)

        self.post(run)
        return answer.result(PATIENCE)

    def post(self, function: Callable[[], Any]) -> None:
        raise NotImplementedError

    def sleep(self, seconds: float) -> None:
        """Sleep as a job of this host's users does."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def run(self, main: Callable[[], int]) -> int:
        """Run the loop in this thread and ``main`` in another; return what ``main`` does."""
        return main()

    def beside(self, main: Callable[[], int], end: Callable[[], Any]) -> list[int]:
        """Start ``main`` in another thread; ``end`` ends the loop after it."""
        status: list[int] = []

        def run() -> None:
            try:
                status.append(main())
            finally:
                self.post(end)

        threading.Thread(target=run, name="the test").start()
        return status


class Background(Driver):
    path = "apscheduler.schedulers.background:BackgroundScheduler"


class Blocking(Driver):
    path = "apscheduler.schedulers.blocking:BlockingScheduler"

    def start(self, scheduler: Any, **options: Any) -> None:
        """In a thread of its own, because it blocks; an error of the start is raised here."""
        failures: list[BaseException] = []
        was_running = scheduler.running

        def run() -> None:
            try:
                scheduler.start(**options)
            except BaseException as exc:
                failures.append(exc)

        thread = threading.Thread(target=run, name="blocking", daemon=True)
        thread.start()
        if was_running:
            thread.join(PATIENCE)
        ends = time.monotonic() + PATIENCE
        while not failures and not scheduler.running and time.monotonic() < ends:
            thread.join(0.005)
        if failures:
            raise failures[0]


class Asyncio(Driver):
    path = "apscheduler.schedulers.asyncio:AsyncIOScheduler"
    stops_coroutines = in_loop = True

    def call(self, function: Callable[[], Any]) -> Any:
        return self.in_program(function)

    def post(self, function: Callable[[], Any]) -> None:
        self.loop.call_soon_threadsafe(function)

    def run(self, main: Callable[[], int]) -> int:
        return asyncio.run(self._run(main))

    async def _run(self, main: Callable[[], int]) -> int:
        self.loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        status = self.beside(main, ended.set)
        await ended.wait()
        return status[0]


class Tornado(Asyncio):
    path = "apscheduler.schedulers.tornado:TornadoScheduler"

    def run(self, main: Callable[[], int]) -> int:
        from tornado.ioloop import IOLoop

        ioloop = IOLoop.current()
        self.loop: Any = ioloop.asyncio_loop
        status = self.beside(main, ioloop.stop)
        ioloop.start()
        ioloop.close()
        return status[0]


class Twisted(Driver):
    path = "apscheduler.schedulers.twisted:TwistedScheduler"
    stops_coroutines = in_loop = True

    def call(self, function: Callable[[], Any]) -> Any:
        return self.in_program(function)

    def post(self, function: Callable[[], Any]) -> None:
        from twisted.internet import reactor

        reactor.callFromThread(function)

    async def asleep(self, seconds: float) -> None:
        from twisted.internet import reactor, task

        await task.deferLater(reactor, seconds)

    def run(self, main: Callable[[], int]) -> int:
        from twisted.internet import reactor

        status = self.beside(main, reactor.stop)
        reactor.run(installSignalHandlers=False)
        return status[0]


class Qt(Driver):
    path = "apscheduler.schedulers.qt:QtScheduler"
    binding = "PySide6"

    def call(self, function: Callable[[], Any]) -> Any:
        return self.in_program(function)

    def post(self, function: Callable[[], Any]) -> None:
        self.caller.called.emit(function)

    def run(self, main: Callable[[], int]) -> int:
        from importlib import import_module

        core = import_module(f"{self.binding}.QtCore")
        signal = getattr(core, "Signal", None) or core.pyqtSignal

        class Caller(core.QObject):  # type: ignore[misc] # known at run time
            called = signal(object)

            def take(self, function: Callable[[], Any]) -> None:
                function()

        application = core.QCoreApplication([])
        self.caller = Caller()
        self.caller.called.connect(self.caller.take, core.Qt.ConnectionType.QueuedConnection)
        status = self.beside(main, application.quit)
        application.exec()
        return status[0]


class PyQt(Qt):
    binding = "PyQt6"


class Gevent(Driver):
    path = "apscheduler.schedulers.gevent:GeventScheduler"

    def call(self, function: Callable[[], Any]) -> Any:
        return self.in_program(function)

    def post(self, function: Callable[[], Any]) -> None:
        import gevent

        self.hub.loop.run_callback_threadsafe(gevent.spawn, function)

    def sleep(self, seconds: float) -> None:
        import gevent

        gevent.sleep(seconds)

    def run(self, main: Callable[[], int]) -> int:
        import gevent
        from gevent.event import Event

        self.hub = gevent.get_hub()
        ended = Event()
        status = self.beside(main, ended.set)
        self._keep = gevent.spawn(self._stay_awake, ended)
        ended.wait()
        return status[0]

    def _stay_awake(self, ended: Any) -> None:
        """A hub that only other threads can wake would think that it waits for ever."""
        while not ended.wait(0.5):
            pass


class PatchedGevent(Gevent):
    def __init__(self) -> None:
        from gevent import monkey

        monkey.patch_all()
        super().__init__()


DRIVERS: dict[str, type[Driver]] = {
    "blocking": Blocking,
    "background": Background,
    "asyncio": Asyncio,
    "tornado": Tornado,
    "twisted": Twisted,
    "qt": Qt,
    "pyqt": PyQt,
    "gevent": Gevent,
    "gevent-patched": PatchedGevent,
}
