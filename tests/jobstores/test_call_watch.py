"""Calls to a database that get no answer: said once, then broken; what still speaks is left alone."""

from __future__ import annotations

import socket
import sys
import threading

import pytest
from sqlalchemy import create_engine

from apscheduler.jobstores._sql.connection import callwatch
from apscheduler.jobstores._sql.connection.callwatch import CallWatch

WAIT = 5.0
ANSWER = 10.0
"""Seconds of silence at which a call of these tests is broken."""


class Told(list):
    def __call__(self, what: str, seconds: float) -> None:
        self.append((what, seconds))


@pytest.fixture
def watch():
    engine = create_engine("sqlite://")
    watch = CallWatch(engine, 2.0, ANSWER)
    watch.on_silence = Told()
    yield watch
    watch.stop()
    engine.dispose()


@pytest.fixture
def pair():
    """What the driver holds, and the server's end."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.settimeout(WAIT)
    with ours, theirs:
        yield ours, theirs


def is_open(pair) -> bool:
    ours, theirs = pair
    try:
        theirs.sendall(b"x")
        return ours.recv(1) == b"x"
    except OSError:
        return False


def test_a_silence_is_told_once_with_what_was_asked(watch):
    with watch.named("claim"), watch.call() as call:
        call.ask(None)
        watch._look(3.9)
        assert watch.on_silence == []
        watch._look(0.1)
        watch._look(1.0)
    assert watch.on_silence == [("claim", 4.0)]


@pytest.mark.parametrize(("bound", "said_at"), [(2.0, 1.6), (0.5, 1.0), (60.0, 4.0)])
def test_a_silence_is_told_before_the_call_is_broken_or_after_a_second(watch, bound, said_at):
    with watch.named("heartbeat", bound), watch.call():
        watch._look(said_at - 0.01)
        assert watch.on_silence == []
        watch._look(0.01)
    assert watch.on_silence == [("heartbeat", pytest.approx(said_at))]


def test_a_call_is_broken_at_its_bound_and_not_before(watch, pair):
    with watch.call() as call:
        call.ask(pair[0])
        watch._look(ANSWER - 0.1)
        assert is_open(pair)
        watch._look(0.1)
        assert not is_open(pair)


def test_a_call_that_hears_something_is_not_broken(watch, pair):
    ours, theirs = pair
    with watch.call() as call:
        call.ask(ours)
        theirs.sendall(b"y")
        watch._look(2 * ANSWER)
        assert ours.recv(1) == b"y"
        assert is_open(pair)


def test_a_call_that_has_its_answer_is_not_counted(watch, pair):
    with watch.call() as call:
        call.ask(pair[0])
        call.asked = False
        watch._look(10 * ANSWER)
    assert watch.on_silence == []
    assert is_open(pair)


def test_one_call_with_its_answer_hides_no_silent_one(watch, pair):
    done = [watch.call() for _ in range(8)]
    for each in done:
        each.__enter__().asked = False
    with watch.call() as call:
        call.ask(pair[0])
        watch._look(ANSWER)
    assert not is_open(pair)
    assert len(watch.on_silence) == 1
    for each in reversed(done):
        each.__exit__(None, None, None)


def test_a_store_that_is_given_up_waits_half_a_second(watch, pair):
    watch.hurry()
    with watch.call() as call:
        call.ask(pair[0])
        watch._look(0.4)
        assert is_open(pair)
        watch._look(0.1)
    assert not is_open(pair)


def test_a_call_that_has_no_connection_yet_breaks_the_idle_ones_it_may_be_trying(watch, pair):
    watch._connected(pair[0], None)
    with watch.call():
        watch._look(ANSWER)
    assert not is_open(pair)


def test_a_call_with_a_connection_leaves_the_idle_ones_alone(watch, pair):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        watch._connected(ours, None)
        with watch.call() as call:
            call.ask(pair[0])
            watch._look(ANSWER)
        assert is_open((ours, theirs))
    assert not is_open(pair)


def watchers() -> int:
    return sum(each.name == "APScheduler call watch" for each in threading.enumerate())


def test_a_child_process_counts_none_of_its_parents_calls_and_has_a_thread_of_its_own(watch, pair):
    before = watchers()
    watch.start()
    ended = watch._ended
    watch._connected(pair[0], None)
    with watch.named("the parent's"), watch.call():
        watch.forked()
        watch._look(2 * ANSWER)
        assert watch.on_silence == []
        with watch.call() as call:
            assert call.what == "a call of the program"
            watch._look(2 * ANSWER)
        assert is_open(pair), "it is the parent's"
        watch.start()
        assert watchers() == before + 2
    ended.set()


def test_a_thread_leaves_its_call_wherever_the_interpreter_looks_for_signals(watch):
    def interrupted(number):
        """Raise after the n-th call of a built-in, which is where a Ctrl-C comes; return whether there were so many."""
        left = number

        def called(frame, event, _function):
            nonlocal left
            if event == "c_return" and frame.f_code.co_filename == callwatch.__file__:
                if left == 0:
                    sys.setprofile(None)
                    left = -1
                    raise KeyboardInterrupt
                left -= 1

        sys.setprofile(called)
        try:
            with watch.named("a job"), watch.call():
                pass
        except KeyboardInterrupt:
            return True
        finally:
            sys.setprofile(None)
        return False

    number = 0
    while interrupted(number):
        local = vars(watch._local)
        assert (local.get("name"), local.get("call")) == (None, None), number
        assert getattr(callwatch._dialing, "call", None) is None, number
        assert watch._calls == set(), number
        number += 1
    assert number > 3
