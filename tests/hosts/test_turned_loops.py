"""A scheduler on an event loop of the program's, which is turned by hand: its end, its events, a fork."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hosts.hand import PATIENCE, Busy, Hand, Turned

from apscheduler.events import EVENT_EXECUTOR_ADDED, EVENT_JOB_ADDED, EVENT_SCHEDULER_RESUMED
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers import base
from apscheduler.schedulers._end import ending


@pytest.fixture
def port():
    return Hand()


@pytest.fixture
def turned(port):
    """Return a started scheduler with an executor that is busy."""
    scheduler = Turned(executors={"default": Busy()}, timezone="UTC")
    scheduler.port = port
    scheduler.start()
    yield scheduler
    scheduler._executors["default"].gate.set()
    port.closed = False
    if scheduler.running:
        scheduler.shutdown(wait=False)


CUT_OFF = ["does not wait", "leaves them behind"]


@pytest.mark.parametrize("ends", [True, False], ids=["in time", "too late"])
def test_a_shutdown_in_the_loop_does_not_hold_it_up_and_cuts_off_later(
    turned, port, caplog, monkeypatch, ends
):
    busy, call_within, held_up = turned._executors["default"], ending.call_within, []

    def called(function, seconds):
        held_up.append(seconds)
        return call_within(function, seconds)

    monkeypatch.setattr(ending, "call_within", called)
    busy.items = [SimpleNamespace(id="job")]
    turned.shutdown(timeout=3)
    assert busy.waits.wait(PATIENCE)
    assert not turned.running
    assert (held_up, busy.said) == ([0], [])
    (timer,) = [each for each in port.timers if each.seconds == 3]
    if ends:
        busy.items = []
    timer.function()
    assert busy.said == ([] if ends else CUT_OFF)
    assert ("these jobs still run: job" in caplog.text) is not ends


@pytest.mark.parametrize("ends", [True, False], ids=["in time", "too late"])
def test_a_shutdown_beside_the_loop_waits_so_long(turned, port, ends):
    busy = turned._executors["default"]
    busy.items = [SimpleNamespace(id="job")]
    if ends:
        busy.gate.set()
    port.thread = 0
    turned.shutdown(timeout=PATIENCE if ends else 0.01)
    assert busy.said == ([] if ends else CUT_OFF)
    assert busy.waits.wait(PATIENCE)
    assert busy.waited.is_set() is ends
    assert port.waits == []


def test_what_is_told_beside_the_loop_is_told_in_it(turned, port):
    told = []
    turned.add_listener(told.append, EVENT_JOB_ADDED)
    port.thread = 0
    turned.add_job(print, "interval", hours=1)
    assert told == []
    port.turn()
    assert [event.code for event in told] == [EVENT_JOB_ADDED]


def test_what_a_closing_loop_does_not_take_is_told_at_once(turned, port):
    told = []
    turned.add_listener(told.append, EVENT_SCHEDULER_RESUMED)
    turned.pause()
    port.thread, port.closed = 0, True
    turned.resume()
    assert [event.code for event in told] == [EVENT_SCHEDULER_RESUMED]


def later(scheduler, port):
    """Return what the listeners of an event are told that a loop did not come to, as it stopped."""
    told, thread = [], port.thread
    scheduler.add_listener(lambda event: told.append(event.code), EVENT_JOB_ADDED)
    port.thread = 0
    scheduler.add_job(print, "interval", hours=1)
    assert told == []
    port.thread, port.running = thread, False
    return told


def test_what_a_loop_did_not_come_to_is_told_at_the_next_event_that_nobody_listens_to(turned, port):
    told = later(turned, port)
    turned.pause()
    assert told == [EVENT_JOB_ADDED]


def test_what_a_loop_did_not_come_to_is_told_at_the_interpreters_end(turned, port):
    told = later(turned, port)
    port.running = True
    base._interpreter_ends()
    assert told == []  # an atexit handler may turn it on
    port.running = False
    base._interpreter_ends()
    assert told == [EVENT_JOB_ADDED]


def test_a_child_of_a_fork_has_no_loop_and_tells_nothing_of_before(turned, port):
    told = []
    port.thread = 0
    turned.add_listener(told.append, EVENT_JOB_ADDED)
    turned.add_job(print, "interval", hours=1)
    lock = turned._jobstores_lock
    turned._after_fork_in_child()
    assert not turned.running
    assert turned._jobstores_lock is not lock
    turned._tell()
    assert told == []
    turned.add_listener(told.append, EVENT_EXECUTOR_ADDED)
    turned.add_executor(
        DebugExecutor(), "more"
    )  # told at once: the parent's loop does not turn here
    assert [event.code for event in told] == [EVENT_EXECUTOR_ADDED]
    turned.port = Hand()
    turned.start()
    assert turned.running
    turned.port.turn()
    assert turned.port.waits != []
