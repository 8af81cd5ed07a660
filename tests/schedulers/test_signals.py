"""SIGTERM, step by step: who handles it, what it leaves behind, and what a forked child makes of it.

The signals are real. Only what would end this process is replaced, or happens in a forked child.
"""

from __future__ import annotations

import os
import signal
import threading
from queue import SimpleQueue
from types import SimpleNamespace

import pytest
from schedulers.scripts import needs_signals

from apscheduler import forks
from apscheduler.logs import logger_named
from apscheduler.schedulers._end import signals as signals_module
from apscheduler.schedulers._end.signals import Termination, termination_for

pytestmark = [needs_signals, pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")]
NUMBER = signal.SIGTERM
PATIENCE = 20


@pytest.fixture(autouse=True)
def watchers(monkeypatch):
    """Begin with the system's handler, end with the one of before; return who was asked to end a stuck process."""
    asked = SimpleQueue()
    monkeypatch.setattr(signals_module, "_end_if_stuck", asked.put)
    before = signal.signal(NUMBER, signal.SIG_DFL)
    yield asked
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [NUMBER])
    signal.signal(NUMBER, before)


class Host:
    """What a termination knows of its scheduler."""

    _ends = False
    _logger = logger_named("apscheduler.scheduler")

    def __init__(self, *, running=True):
        self.running = running
        self.said = []

    def shutdown(self, *, timeout):
        self.said.append(f"shut down within {timeout:g} s")

    def _last_word(self):
        self.said.append("signed off")


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def watching(host):
    """Return a termination whose handler is installed."""
    termination = Termination(host)
    termination.watch()
    return termination


def forked(in_child) -> int:
    """Return how a forked child ended that calls this function: an exit status, or minus a signal's number."""
    pid = os.fork()
    if not pid:
        try:
            in_child()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# -- in the loop ----------------------------------------------------------------------------------------


def test_it_ends_the_sleep_in_which_it_comes(watching, host, watchers):
    slept = []

    def wait():
        slept.append("begun")
        signal.raise_signal(NUMBER)
        slept.append("gone on")

    watching.sleep(wait)
    assert slept == ["begun"]
    assert (watching.told, host._ends) == (NUMBER, True)
    assert watchers.get(timeout=PATIENCE) == NUMBER


def test_who_was_told_does_not_fall_asleep(watching):
    slept = []
    signal.raise_signal(NUMBER)
    watching.sleep(lambda: slept.append("begun"))
    assert slept == []


@pytest.mark.parametrize("sleeps", [0, 1], ids=["before the first sleep", "after one"])
def test_while_the_loop_is_awake_it_only_leaves_a_note(watching, host, sleeps):
    slept = []
    for _ in range(sleeps):
        watching.sleep(lambda: slept.append("begun"))
    assert (watching.told, host._ends) == (0, False)
    signal.raise_signal(NUMBER)
    assert len(slept) == sleeps
    assert (watching.told, host._ends) == (NUMBER, True)


def test_the_second_of_two_changes_nothing(watching, host, watchers):
    signal.raise_signal(NUMBER)
    assert watchers.get(timeout=PATIENCE) == NUMBER
    host._ends = "as it was"
    signal.raise_signal(NUMBER)
    assert host._ends == "as it was"


def test_the_handler_of_before_comes_back(host):
    def theirs(number, frame):
        """A program's."""

    signal.signal(NUMBER, theirs)
    termination = Termination(host)
    termination.watch()
    assert signal.getsignal(NUMBER) == termination._tell
    termination.unwatch()
    assert signal.getsignal(NUMBER) is theirs


def test_a_handler_that_somebody_put_there_meanwhile_stays(watching):
    signal.signal(NUMBER, signal.SIG_IGN)
    watching.unwatch()
    assert signal.getsignal(NUMBER) == signal.SIG_IGN


# -- the end --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("running", [True, False])
def test_the_end_is_orderly_and_where_the_signal_does_not_end_the_process_it_exits(
    monkeypatch, running
):
    host = Host(running=running)
    termination = Termination(host)
    termination.watch()
    signal.raise_signal(NUMBER)

    def ignored(number):
        host.said.append((number, signal.getsignal(number) == signal.SIG_DFL))

    monkeypatch.setattr(signal, "raise_signal", ignored)
    with pytest.raises(SystemExit) as ended:
        termination.end()
    shut_down = ["shut down within 8 s"] if running else []
    assert host.said == [*shut_down, "signed off", (NUMBER, True)]
    assert ended.value.code == 128 + NUMBER


def test_a_process_whose_main_thread_is_stuck_ends_before_docker_kills_it(monkeypatch, capfd):
    monkeypatch.undo()  # the real one
    done = []
    monkeypatch.setattr(signals_module, "sleep", lambda seconds: done.append(("slept", seconds)))
    monkeypatch.setattr(os, "_exit", lambda status: done.append(("ended", status)))
    signals_module._end_if_stuck(NUMBER)
    assert done == [("slept", 9.5), ("ended", 128 + NUMBER)]
    assert "SIGTERM: after 9.5 s the main thread is still busy" in capfd.readouterr().err


# -- who handles it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "handler", "handled"),
    [
        (None, signal.SIG_DFL, True),
        (None, signal.SIG_IGN, False),
        (True, signal.SIG_DFL, True),
        (True, signal.SIG_IGN, True),
        (False, signal.SIG_DFL, False),
        (False, signal.SIG_IGN, False),
    ],
)
def test_who_handles_it_in_the_main_thread(host, wanted, handler, handled):
    signal.signal(NUMBER, handler)
    assert (termination_for(host, wanted) is not None) is handled


def test_nobody_of_ours_handles_it_on_windows(host, monkeypatch):
    with monkeypatch.context() as there:
        there.setattr(signals_module, "os", SimpleNamespace(name="nt", getpid=os.getpid))
        assert termination_for(host, None) is None
        assert termination_for(host, True) is None


def test_in_another_thread_it_is_left_alone_unless_it_is_wanted(host):
    answers = []

    def ask():
        answers.append(termination_for(host, None))
        try:
            termination_for(host, True)
        except RuntimeError as exc:
            answers.append(str(exc))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(PATIENCE)
    assert answers == [
        None,
        "handle_signals=True needs start() in the main thread, which alone handles signals",
    ]


# -- a forked child -------------------------------------------------------------------------------------


def test_a_forked_child_leaves_it_to_the_handler_of_before(host):
    signal.signal(NUMBER, lambda number, frame: os._exit(7))
    termination = Termination(host)
    termination.watch()
    assert forked(lambda: signal.raise_signal(NUMBER)) == 7
    signal.raise_signal(NUMBER)
    assert termination.told == NUMBER


def waits(monkeypatch, ours) -> tuple[bool, int]:
    """Return whether a signal waits that comes to a child before that is done, and how the child ends."""
    there, here = os.pipe()

    def come():
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        os.write(here, b"1" if NUMBER in mask else b"0")
        if ours:
            os.kill(os.getpid(), NUMBER)
            os.write(here, b"1")

    monkeypatch.setattr(forks, "_callbacks", [come])
    status = forked(lambda: None)
    os.close(here)
    seen = os.read(there, 9)
    os.close(there)
    return seen == (b"11" if ours else b"0"), status


def test_one_that_comes_to_a_child_that_is_being_forked_waits_until_that_is_done(
    watching, monkeypatch
):
    assert waits(monkeypatch, ours=True) == (True, -NUMBER)
    assert NUMBER not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    signal.raise_signal(NUMBER)
    assert watching.told == NUMBER


def test_a_fork_where_somebody_else_handles_it_holds_nothing_back(monkeypatch):
    assert waits(monkeypatch, ours=False) == (True, 0)
    assert NUMBER not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_program_that_blocked_it_before_a_fork_has_it_blocked_after(watching):
    signal.pthread_sigmask(signal.SIG_BLOCK, [NUMBER])

    def look():
        blocked = NUMBER in signal.pthread_sigmask(signal.SIG_BLOCK, [])
        os._exit(5 if blocked else 6)

    assert forked(look) == 5
    assert NUMBER in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert watching.told == 0
