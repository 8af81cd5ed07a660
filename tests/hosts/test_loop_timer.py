"""The one timer of the hosts with an event loop of the program's, with a loop that is turned by hand."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace

import pytest
from hosts.hand import Hand

from apscheduler._engine.instants import NEVER
from apscheduler.jobstores.base import SharedJobStore
from apscheduler.schedulers._dispatch.loop import BATCH, BATCHES
from apscheduler.schedulers._hosts.loop_timer import LoopTimer
from apscheduler.schedulers.base import STATE_PAUSED, STATE_RUNNING

WAKE_AT = 77


class Beside:
    """The thread beside the loop, which does what it was asked for when it is told to."""

    refuses = False

    def __init__(self):
        self.asked = []

    def call(self, function):
        if self.refuses:
            raise RuntimeError("can't start new thread")
        self.asked.append(function)

    def run(self):
        self.asked.pop(0)()

    def close(self):
        self.asked.append(None)


@pytest.fixture
def port():
    return Hand()


class Watched:
    """A scheduler whose passes say what they are told to say."""

    state = STATE_RUNNING
    _logger = logging.getLogger("apscheduler.scheduler")

    def __init__(self):
        self.passes, self.answers, self.may_block = 0, [], False
        self.before_end = []
        self._ends, self._executors, self._jobstores = False, {}, {}
        self._dispatcher = SimpleNamespace(wake_at=WAKE_AT, batch=0, batches=0)

    def _start_timer(self, seconds):
        self._timer.start(seconds)

    def _stop_timer(self):
        self._timer.stop()

    def _before_loop_end(self, port, function):
        self.before_end.append(function)
        return "kept"

    def _stores_may_block(self):
        return self.may_block

    def _process_jobs(self):
        self.passes += 1
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def watched():
    return Watched()


@pytest.fixture
def timer(watched, port):
    made = watched._timer = LoopTimer(watched, port)
    made.beside = Beside()
    return made


# -- the pass in the loop itself ------------------------------------------------------------------------


def test_after_a_pass_the_loop_looks_again_when_that_says(timer, watched, port):
    watched.answers = [3.0, None, 25.0, 0]
    for waits, until in ((3.0, WAKE_AT), (10.0, WAKE_AT), (10.0, WAKE_AT), (0, NEVER)):
        timer.wake()
        timer.wake()
        port.turn()
        assert port.waits == [waits]
        assert timer.sleeping_until == until
    assert watched.passes == 4
    assert watched._dispatcher.batches == 1
    assert watched._dispatcher.batch < BATCH


def test_a_pass_that_fails_is_told_and_the_loop_looks_again_in_a_second(
    timer, watched, port, caplog
):
    watched.answers = [OSError("gone")]
    timer.wake()
    port.turn()
    assert "met an error and goes on" in caplog.text
    assert port.waits == [1.0]


def test_after_a_ctrl_c_in_a_pass_the_loop_looks_again_at_once(timer, watched, port):
    watched.answers = [KeyboardInterrupt(), 5.0]
    timer.wake()
    with pytest.raises(KeyboardInterrupt):
        port.turn()
    assert port.waits == [0]
    port.timers[-1].function()
    assert (watched.passes, port.waits) == (2, [5.0])


@pytest.mark.parametrize("end", ["paused", "closed"])
def test_what_is_paused_or_closed_during_a_pass_does_not_look_again(timer, watched, port, end):
    def stop():
        if end == "closed":
            timer.close()
        else:
            watched.state = STATE_PAUSED
        return 3.0

    watched._process_jobs = stop
    timer.wake()
    port.turn()
    assert port.waits == []


@pytest.mark.parametrize("closed", [False, True])
def test_closed_by_another_thread_it_looks_no_more_once_the_loop_turns(
    timer, watched, port, closed
):
    watched.answers = [3.0]
    timer.wake()
    port.turn()
    port.closed = closed
    thread = threading.Thread(target=timer.close)
    thread.start()
    thread.join()
    assert port.waits == [3.0]
    port.turn()
    assert port.waits == ([3.0] if closed else [])  # a closed loop has no timers


# -- the pass beside it ---------------------------------------------------------------------------------


def test_a_pass_beside_the_loop_comes_back_into_it(timer, watched, port):
    watched.may_block, watched.answers = True, [3.0]
    timer.wake()
    port.turn()
    assert watched.passes == 0
    timer.beside.run()
    assert port.waits == []
    port.turn()
    assert (watched.passes, port.waits) == (1, [3.0])
    assert (watched._dispatcher.batch, watched._dispatcher.batches) == (BATCH, BATCHES)


def test_a_wake_during_a_pass_makes_one_more_right_after_it(timer, watched, port):
    watched.may_block, watched.answers = True, [30.0, 30.0, 30.0]
    timer.wake()
    port.turn()
    timer.wake()
    port.turn()
    assert len(timer.beside.asked) == 1
    timer.beside.run()
    port.turn()
    assert port.waits == [0]
    port.timers[-1].function()
    timer.beside.run()
    port.turn()
    assert port.waits[-1] == 10.0
    assert watched.passes == 2
    timer.wake()
    port.turn()
    assert len(timer.beside.asked) == 1


def test_where_no_thread_can_be_had_the_loop_tries_again_in_a_second(timer, watched, port, caplog):
    watched.may_block, timer.beside.refuses = True, True
    timer.wake()
    port.turn()
    assert "met an error and goes on" in caplog.text
    assert port.waits == [1.0]
    timer.beside.refuses, watched.answers = False, [4.0]
    port.timers[-1].function()
    timer.beside.run()
    port.turn()
    assert port.waits[-1] == 4.0


def test_a_pass_whose_loop_was_closed_meanwhile_ends_quietly(timer, watched, port):
    watched.may_block, watched.answers = True, [3.0]
    timer.wake()
    port.turn()
    port.closed = True
    timer.beside.run()
    assert (watched.passes, port.waits) == (1, [])


# -- a loop that is about to end --------------------------------------------------------------------------


class Told:
    """An executor in the loop."""

    def __init__(self):
        self.said = []

    def loop_ends(self):
        self.said.append("loop ends")


class Shared(SharedJobStore):
    """A store that others share: only what is asked of it here."""

    def __init__(self, fails):
        self.fails, self.withdrawn = fails, 0

    def withdraw(self):
        self.withdrawn += 1
        if self.fails:
            raise OSError("no answer")


Shared.__abstractmethods__ = frozenset()


@pytest.mark.parametrize("fails", [True, False])
def test_a_loop_about_to_end_is_given_nothing_more(timer, watched, port, caplog, fails):
    executor, store = Told(), Shared(fails)
    watched._executors = {"default": executor, "pool": object()}
    watched._jobstores = {"default": store}
    watched.answers, watched.may_block = [3.0], False
    timer.wake()
    port.turn()
    timer.wake()
    watched.answers.append(3.0)
    port.turn()
    (before_end,) = watched.before_end
    watched.may_block = True
    before_end()
    assert (watched._ends, executor.said, port.waits) == (True, ["loop ends"], [])
    timer.beside.run()
    assert store.withdrawn == 1
    assert ("could not be given back" in caplog.text) is fails


@pytest.mark.parametrize("why", ["shut down", "started anew"])
def test_the_end_of_a_loop_is_nothing_to_a_scheduler_that_has_left_it(timer, watched, port, why):
    watched.answers = [3.0]
    timer.wake()
    port.turn()
    if why == "shut down":
        timer.close()
    else:
        watched._timer = LoopTimer(watched, port)
    watched.before_end[0]()
    assert not watched._ends


def test_where_no_thread_can_be_had_nothing_is_given_back_at_a_loops_end(timer, watched, port):
    watched.answers, watched.may_block, timer.beside.refuses = [3.0], True, True
    timer.wake()
    port.turn()
    watched.before_end[0]()
    assert watched._ends
