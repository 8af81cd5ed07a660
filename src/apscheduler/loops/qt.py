"""Qt's event loop as a port: PySide6 or PyQt6, or their predecessors, whichever the program uses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from importlib import import_module
from importlib.util import find_spec
from math import ceil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

BINDINGS: Final = ("PySide6", "PyQt6", "PySide2", "PyQt5")
_LONGEST_MS = 2**31 - 1


def installed() -> list[str]:
    """Return the bindings that can be imported."""
    return [name for name in BINDINGS if find_spec(name) is not None]


def core() -> Any:
    """Return the QtCore module of the binding that the program uses, else of one that is installed."""
    used = [name for name in BINDINGS if f"{name}.QtCore" in sys.modules]
    return import_module(f"{(used or installed())[0]}.QtCore")


class QtPort:
    """The event loop of the Qt application.

    :raises RuntimeError: if there is no application yet
    """

    def __init__(self) -> None:
        qt = self._qt = core()
        self._application = qt.QCoreApplication.instance()
        if self._application is None:
            raise RuntimeError(
                "QtScheduler needs the application's event loop: make the QApplication (or QCoreApplication) "
                "before start()"
            )
        self._thread = self._application.thread()
        self._bridge = _bridge_class(qt)()
        self._bridge.moveToThread(self._thread)
        self._precise = qt.Qt.TimerType.PreciseTimer

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Have the function called in the application's thread soon; RuntimeError if Qt has ended."""
        self._bridge.called.emit((function, args))

    def later(self, seconds: float, function: Callable[[], object]) -> QtTimer:
        """Have the function called after ``seconds``."""
        return QtTimer(self._qt.QTimer(self._bridge), self._precise, seconds, function)

    def is_here(self) -> bool:
        """Return whether the calling code runs in the application's thread."""
        return bool(self._qt.QThread.currentThread() == self._thread)

    def is_running(self) -> bool:
        """Return whether the loop will make the calls that it is given; Qt keeps them until the loop runs."""
        return not self.is_closed()

    def is_closed(self) -> bool:
        """Return whether the application has gone."""
        return self._qt.QCoreApplication.instance() is None

    def finish(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Await what an async listener returned, in an asyncio loop if Qt runs one there; else run it to its end."""
        from apscheduler.loops.answers import finish

        finish(coroutine)


class QtTimer:
    """One timeout; it comes even if nobody keeps a reference to this object."""

    def __init__(
        self, timer: Any, precise: Any, seconds: float, function: Callable[[], object]
    ) -> None:
        self._timer = timer
        self._function = function
        timer.setSingleShot(True)
        timer.setTimerType(precise)
        timer.timeout.connect(
            lambda: self._fire()  # noqa: PLW0108 - Qt holds a bound method weakly, but keeps a lambda, and so this
        )
        timer.start(min(max(ceil(seconds * 1000), 0), _LONGEST_MS))

    def _fire(self) -> None:
        self.cancel()
        self._function()

    def cancel(self) -> None:
        """Stop it and free it."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.stop()
            timer.deleteLater()


_classes: dict[str, Any] = {}


def _bridge_class(qt: Any) -> Any:
    """Return the class of objects that carry calls into the application's thread."""
    if qt.__name__ in _classes:
        return _classes[qt.__name__]
    signal = getattr(qt, "Signal", None) or qt.pyqtSignal
    slot = getattr(qt, "Slot", None) or qt.pyqtSlot

    class Bridge(qt.QObject):  # type: ignore[misc] # the class is known at run time only
        called = signal(object)

        def __init__(self) -> None:
            super().__init__()
            self.called.connect(self.take, qt.Qt.ConnectionType.QueuedConnection)

        @slot(object)  # type: ignore[untyped-decorator]
        def take(self, call: tuple[Callable[..., object], tuple[Any, ...]]) -> None:
            function, args = call
            function(*args)

    _classes[qt.__name__] = Bridge
    return Bridge
