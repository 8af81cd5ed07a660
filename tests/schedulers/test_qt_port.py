"""Qt's event loop as a port: calls, timers and threads, in an application that the test drives."""

from __future__ import annotations

import sys
import threading
import time
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from apscheduler.loops import answers
from apscheduler.loops import qt as qt_port
from apscheduler.loops.qt import BINDINGS, QtPort, QtTimer

SECONDS = 20
BINDING = next((name for name in BINDINGS if find_spec(name) is not None), None)
needs_qt = pytest.mark.skipif(BINDING is None, reason="no binding of Qt is installed")


@pytest.fixture(scope="module")
def application():
    """The one application of this process."""
    core = import_module(f"{BINDING}.QtCore")
    return core.QCoreApplication.instance() or core.QCoreApplication([])


@pytest.fixture
def port(application):
    return QtPort()


def turn(application, condition):
    """Let the application work until the condition holds."""
    ends = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < ends
        application.processEvents()


# -- the loop -------------------------------------------------------------------------------------------


@needs_qt
def test_calls_of_any_thread_come_to_the_applications_one(application, port):
    seen = []
    here = threading.get_ident()

    def note(*what):
        seen.append((*what, threading.get_ident() == here, port.is_here()))

    def beside():
        seen.append(port.is_here())
        port.call(note, 1, 2)

    port.call(note, "own")
    thread = threading.Thread(target=beside)
    thread.start()
    thread.join()
    assert seen == [False]  # none is made before the application's turn
    turn(application, lambda: len(seen) == 3)
    assert seen[1:] == [("own", True, True), (1, 2, True, True)]


@needs_qt
def test_a_port_is_open_while_there_is_an_application(port, monkeypatch):
    assert (port.is_running(), port.is_closed()) == (True, False)
    none = SimpleNamespace(QCoreApplication=SimpleNamespace(instance=lambda: None))
    monkeypatch.setattr(port, "_qt", none)
    assert (port.is_running(), port.is_closed()) == (False, True)


@needs_qt
def test_a_planned_call_is_made_once_and_not_before(application, port):
    seen = []
    began = time.monotonic()
    timer = port.later(0.03, lambda: seen.append(time.monotonic()))
    turn(application, lambda: seen)
    assert seen[0] - began >= 0.029
    timer.cancel()
    again = []
    port.later(0.05, lambda: again.append(1))
    turn(application, lambda: again)
    assert len(seen) == 1


@needs_qt
def test_a_port_that_another_thread_made_calls_in_the_applications_thread(application):
    made, seen = [], []
    thread = threading.Thread(target=lambda: made.append(QtPort()))
    thread.start()
    thread.join()
    made[0].call(lambda: seen.append(threading.get_ident()))
    turn(application, lambda: seen)
    assert seen == [threading.get_ident()]


@needs_qt
def test_a_planned_call_comes_though_nobody_keeps_it_and_not_once_it_is_cancelled(
    application, port
):
    seen = []
    port.later(0.0, lambda: seen.append("cancelled")).cancel()
    port.later(0.01, lambda: seen.append("kept by nobody"))
    turn(application, lambda: seen)
    assert seen == ["kept by nobody"]


# -- without a loop ----------------------------------------------------------------------------------------


class Timer:
    """A timer that notes what is asked of it."""

    def __init__(self):
        self.told = []
        self.timeout = SimpleNamespace(connect=lambda function: setattr(self, "fire", function))

    def __getattr__(self, name):
        return lambda *args: self.told.append((name, *args))


@pytest.mark.parametrize(
    ("seconds", "milliseconds"),
    [(1.0, 1000), (0.0001, 1), (0.0, 0), (-5.0, 0), (1e12, 2**31 - 1), (2.5, 2500)],
)
def test_a_timer_rings_once_and_never_too_early(seconds, milliseconds):
    timer, calls = Timer(), []
    QtTimer(timer, "precise", seconds, lambda: calls.append(1))
    assert timer.told == [
        ("setSingleShot", True),
        ("setTimerType", "precise"),
        ("start", milliseconds),
    ]
    timer.fire()
    assert calls == [1]
    assert timer.told[3:] == [("stop",), ("deleteLater",)]


def test_a_timer_is_freed_once():
    timer = Timer()
    kept = QtTimer(timer, "precise", 1.0, lambda: None)
    kept.cancel()
    kept.cancel()
    assert timer.told[3:] == [("stop",), ("deleteLater",)]


@pytest.fixture
def installed(monkeypatch):
    """Bindings that are installed, by name: modules of the test."""
    found = {}
    monkeypatch.setattr(qt_port, "find_spec", lambda name: name if name in found else None)
    monkeypatch.setattr(qt_port, "import_module", lambda name: found[name.partition(".")[0]])
    for name in BINDINGS:
        monkeypatch.delitem(sys.modules, f"{name}.QtCore", raising=False)
    return found


def test_the_binding_that_the_program_uses_is_taken_before_others(installed, monkeypatch):
    installed.update(PyQt6="six", PySide2="two")
    assert qt_port.installed() == ["PyQt6", "PySide2"]
    assert qt_port.core() == "six"
    monkeypatch.setitem(sys.modules, "PySide2.QtCore", object())
    assert qt_port.core() == "two"


def test_a_program_without_an_application_is_told_to_make_one(installed):
    application = SimpleNamespace(instance=lambda: None)
    installed["PySide6"] = SimpleNamespace(QCoreApplication=application)
    with pytest.raises(RuntimeError, match=r"make the QApplication .* before start\(\)"):
        QtPort()


class Signal:
    def __init__(self, *kinds):
        self.connected = []

    def connect(self, *what):
        self.connected.append(what)

    def emit(self, call):
        for function, _ in self.connected:
            function(call)


def test_older_names_of_a_binding_are_known_and_its_class_is_made_once(monkeypatch):
    monkeypatch.setattr(qt_port, "_classes", {})

    class QObject:
        pass

    qt = SimpleNamespace(
        __name__="PyQt5.QtCore",
        QObject=QObject,
        pyqtSignal=Signal,
        pyqtSlot=lambda kind: lambda function: function,
        Qt=SimpleNamespace(ConnectionType=SimpleNamespace(QueuedConnection="queued")),
    )
    made = qt_port._bridge_class(qt)
    assert qt_port._bridge_class(qt) is made
    bridge, seen = made(), []
    assert [how for _, how in bridge.called.connected] == ["queued"]
    bridge.called.emit((lambda *args: seen.append(args), (1, 2)))
    assert seen == [(1, 2)]


def test_what_an_async_listener_left_is_finished(monkeypatch):
    finished = []
    monkeypatch.setattr(answers, "finish", finished.append)
    QtPort.finish(SimpleNamespace(), "coroutine")
    assert finished == ["coroutine"]
