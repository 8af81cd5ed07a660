"""What a worker process does, done in this one: it reads calls, shows where it is, and answers."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from types import SimpleNamespace

import pytest

from apscheduler.executors._child import worker as process_worker
from apscheduler.executors._child.worker import main
from apscheduler.executors._wire.board import Board
from apscheduler.executors._wire.errors import unpack_error
from tests.executors import sample_jobs

SECONDS = 20


@pytest.fixture
def board():
    made = Board.make(2)
    yield made
    made.remove()


@pytest.fixture
def pipes():
    ours, theirs = multiprocessing.Pipe()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture(autouse=True)
def _signals(own_runner):
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for number, handler in before.items():
        signal.signal(number, handler)


def call(number, func, *args, fires=1):
    first = time.time_ns() // 1000
    fires = list(range(first, first + fires))
    facts = ("me", "default", fires, 10**15, 1, None, 1, None)
    return (number, pickle.dumps((func, args, {}, None)), facts)


def send(pipe, *messages):
    for message in messages:
        pipe.send_bytes(pickle.dumps(message) if message else b"")


def received(pipe):
    """Return all that was answered, message by message."""
    found = []
    while pipe.poll():
        found.append(pickle.loads(pipe.recv_bytes()))
    return found


def run(pipes, board, *messages, slot=0, initializer=None, initargs=(), inherited=()):
    ours, theirs = pipes
    send(ours, *messages)
    main(theirs, board.path, slot, initializer, initargs, list(inherited))
    return received(ours)


def values(answers):
    return [(number, pickle.loads(answer[4]), done) for number, answer, done in answers]


# -- calls -------------------------------------------------------------------------------------------------


def test_it_greets_answers_and_ends_when_it_is_told_to(pipes, board):
    first, *others = run(pipes, board, [call(4, sample_jobs.add, 1)], None)
    assert first == ("ready", os.getpid())
    (answers,) = others
    assert values(answers) == [(4, 2, True)]


def test_the_last_fire_time_of_a_call_is_its_end_and_the_board_shows_it(pipes, board):
    _, *others = run(pipes, board, [call(4, sample_jobs.add, 1, fires=3)], None, slot=1)
    answers = [each for message in others for each in message]
    assert values(answers) == [(4, 2, False), (4, 2, False), (4, 2, True)]
    assert board.number(1) == 4
    index, started = board.start(1)
    assert (index, 0 < started <= time.monotonic()) == (2, True)
    assert board.number(0) == -1


def test_a_call_that_was_taken_back_is_not_run_and_those_around_it_are(pipes, board):
    board.limit(0, 5)
    calls = [call(4, sample_jobs.add, 1), call(5, sample_jobs.fail), call(6, sample_jobs.fail)]
    _, *others = run(pipes, board, calls, None)
    answers = [each for message in others for each in message]
    assert values(answers[:1]) == [(4, 2, True)]
    assert answers[1:] == [(5, None, True), (6, None, True)]


def test_messages_are_read_one_after_another(pipes, board):
    _, *others = run(
        pipes, board, [call(1, sample_jobs.add, 1)], [call(2, sample_jobs.add, 2)], None
    )
    assert [values(message) for message in others] == [[(1, 2, True)], [(2, 3, True)]]


# -- its beginning and its end -------------------------------------------------------------------------------


def test_it_takes_what_it_inherited_apart_and_leaves_ctrl_c_to_the_scheduler(pipes, board):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sibling, other = multiprocessing.Pipe()
    run(pipes, board, None, inherited=[sibling])
    assert sibling.closed
    other.close()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_the_initializer_comes_before_the_greeting(pipes, board):
    ours, _ = pipes
    seen = []
    said = run(
        pipes, board, None, initializer=lambda *a: seen.append((a, ours.poll())), initargs=(1, 2)
    )
    assert seen == [((1, 2), False)]
    assert said == [("ready", os.getpid())]


def test_an_initializer_that_raises_ends_it_with_a_word(pipes, board):
    said = run(pipes, board, [call(1, sample_jobs.fail)], initializer=sample_jobs.raise_system_exit)
    ((word, error),) = said
    assert word == "broken"
    assert isinstance(unpack_error(error)[0], SystemExit)


def test_it_ends_without_a_word_where_its_pool_is_gone(pipes, board):
    board.remove()
    assert run(pipes, board, [call(1, sample_jobs.add, 1)]) == []


def test_it_ends_when_nobody_reads_its_pipe_any_more(pipes, board):
    ours, theirs = pipes
    ours.close()
    assert main(theirs, board.path, 0, None, (), []) is None


def test_it_does_not_outlive_its_parent(monkeypatch):
    ended, over, codes = threading.Event(), threading.Event(), []

    def leave(code):
        codes.append(code)
        over.set()

    monkeypatch.setattr(multiprocessing, "parent_process", lambda: SimpleNamespace(join=ended.wait))
    monkeypatch.setattr(os, "_exit", leave)
    process_worker._end_with_parent()
    (watch,) = [each for each in threading.enumerate() if "_outlive" in each.name]
    assert watch.daemon
    assert codes == []
    ended.set()
    assert over.wait(SECONDS)
    assert codes == [1]


def test_every_worker_looks_after_its_parent(pipes, board, monkeypatch):
    looked = []
    monkeypatch.setattr(process_worker, "_end_with_parent", lambda: looked.append(1))
    run(pipes, board, None)
    assert looked == [1]


# -- answers that travel together ----------------------------------------------------------------------------


@pytest.fixture
def _still(monkeypatch):
    """Let the clock stand, so that no answer is late."""
    monkeypatch.setattr(process_worker, "monotonic", lambda: 1.0)


@pytest.mark.usefixtures("_still")
def test_answers_of_quick_calls_travel_together(pipes, monkeypatch):
    ours, theirs = pipes
    sender = process_worker._Sender(theirs)
    monkeypatch.setattr(sender, "_start", lambda: None)
    sender.add(1, ("one",), done=False)
    sender.add(2, ("two",), done=True)
    assert not ours.poll()
    sender.flush()
    sender.flush()
    assert received(ours) == [[(1, ("one",), False), (2, ("two",), True)]]


def test_an_answer_that_comes_late_goes_at_once(pipes, monkeypatch):
    ours, theirs = pipes
    at = [1.0]
    monkeypatch.setattr(process_worker, "monotonic", lambda: at[0])
    sender = process_worker._Sender(theirs)
    monkeypatch.setattr(sender, "_start", lambda: None)
    at[0] += 0.001
    sender.add(1, ("soon",), done=True)
    assert not ours.poll()
    at[0] += 0.01
    sender.add(2, ("late",), done=True)
    assert received(ours) == [[(1, ("soon",), True), (2, ("late",), True)]]
    at[0] += 0.001
    sender.add(3, ("soon again",), done=True)
    assert not ours.poll()


@pytest.mark.usefixtures("_still")
def test_what_a_longer_call_would_hold_up_is_sent_by_a_thread_until_the_pipe_breaks(pipes):
    ours, theirs = pipes
    before = set(threading.enumerate())
    sender = process_worker._Sender(theirs)
    for number in range(3):
        sender.add(number, ("it",), done=True)
        assert ours.poll(SECONDS)
        assert received(ours) == [[(number, ("it",), True)]]
        while sender._waiting.is_set():
            time.sleep(0)
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    theirs.close()
    sender.add(4, ("nobody",), done=True)
    thread.join(SECONDS)
    assert not thread.is_alive()


@pytest.mark.usefixtures("_still")
def test_where_no_thread_can_be_started_answers_go_at_once(pipes, monkeypatch):
    ours, theirs = pipes

    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    sender = process_worker._Sender(theirs)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for number in (1, 2):
            sender.add(number, ("it",), done=True)
            assert received(ours) == [[(number, ("it",), True)]]
    sender.add(3, ("it",), done=True)
    assert ours.poll(SECONDS)
