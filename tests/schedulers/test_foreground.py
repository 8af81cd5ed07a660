"""The loop of a BlockingScheduler in the thread that started it: its sleeps, its errors, its end by SIGTERM."""

from __future__ import annotations

import os
import signal
import threading
from types import SimpleNamespace

import pytest
from schedulers.scripts import needs_signals

from apscheduler._engine.instants import NEVER
from apscheduler.events import EVENT_SCHEDULER_SHUTDOWN
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers import base
from apscheduler.schedulers._end import signals
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_RUNNING, STATE_STOPPED
from apscheduler.schedulers.blocking import SHORTEST_WAIT, BlockingScheduler

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
NUMBER = signal.SIGTERM
PATIENCE = 20


@pytest.fixture(autouse=True)
def unharmed(monkeypatch):
    """Begin with the system's handler, end with the one of before, and let nobody end this process."""
    monkeypatch.setattr(signals, "_end_if_stuck", lambda number: None)
    before = signal.signal(NUMBER, signal.SIG_DFL)
    yield
    signal.signal(NUMBER, before)


def inline(**options):
    """Return a scheduler whose jobs run in its loop's thread."""
    return BlockingScheduler(
        executors={"default": DebugExecutor()}, job_defaults={"misfire_grace_time": None}, **options
    )


# -- its sleeps -----------------------------------------------------------------------------------------


class Bell:
    """A flag that nobody raises: notes how long the loop would have slept, and what it was then."""

    def __init__(self, scheduler):
        self.seconds = []
        self.until = []
        self.taken_down = 0
        self._scheduler = scheduler

    def wait(self, seconds):
        self.seconds.append(round(seconds, 6))
        self.until.append(self._scheduler._sleeping_until)
        return False

    def clear(self):
        self.taken_down += 1


def looped(*answers, wake_at=77, termination=None):
    """Return the bell of a loop whose passes gave these answers, and then stopped it; and whether it was awake in all."""
    scheduler = BlockingScheduler()
    scheduler.state = STATE_RUNNING
    scheduler._event = Bell(scheduler)
    scheduler._loop = SimpleNamespace(wake_at=wake_at)
    scheduler._termination = termination
    left, awake = list(answers), []

    def process():
        awake.append(scheduler._sleeping_until == NEVER)
        if len(left) == 1:
            scheduler.state = STATE_STOPPED
        return left.pop(0)

    scheduler._process_jobs = process
    scheduler._main_loop()
    assert all(awake)
    assert len(awake) == len(answers)
    return scheduler._event


def test_it_sleeps_as_long_as_the_pass_said_and_never_longer_than_ten_seconds():
    bell = looped(3.0, None, 25.0, 0.05, 0)
    assert bell.seconds == [0.1, 2.9, 0.1, 9.9, 0.1, 9.9, 0.05, SHORTEST_WAIT]
    assert bell.taken_down == 5


def test_it_sleeps_a_moment_where_something_is_due_and_a_little_where_it_is_soon():
    assert looped(0, 0.0, 0).seconds == [0.0001] * 3
    assert looped(0.5, 0.00002).seconds == [0.1, 0.4, 0.00002]


def test_while_it_sleeps_it_is_known_until_when():
    assert looped(3.0, 0, wake_at=1234).until == [1234, 1234, 1234]


@needs_signals
def test_where_a_signal_may_end_a_sleep_it_sleeps_under_that_ones_eyes():
    slept = []

    def sleep(wait):
        slept.append("under its eyes")
        wait()

    bell = looped(3.0, 0, termination=SimpleNamespace(sleep=sleep))
    assert slept == ["under its eyes"] * 2
    assert bell.seconds == [0.1, 2.9, SHORTEST_WAIT]


def test_at_the_end_of_the_process_it_returns_after_the_pass():
    scheduler = BlockingScheduler()
    scheduler.state = STATE_RUNNING
    scheduler._event = Bell(scheduler)
    passes = []

    def process():
        passes.append(1)
        scheduler._ends = len(passes) < 3
        scheduler.state = STATE_RUNNING if len(passes) < 3 else STATE_STOPPED
        return 0

    scheduler._process_jobs = process
    scheduler._main_loop()
    scheduler.state = STATE_STOPPED
    assert passes == [1]
    assert scheduler._event.taken_down == 0


def test_an_error_of_the_loop_is_told_and_it_goes_on(caplog):
    scheduler = inline()
    process, passes = scheduler._process_jobs, []

    def fail_once():
        passes.append(1)
        if len(passes) == 1:
            scheduler.wakeup()  # or it would wait a second
            raise OSError("the pass failed")
        scheduler.shutdown(wait=False)
        return process()

    scheduler._process_jobs = fail_once
    scheduler.start()
    assert len(passes) == 2
    (line,) = [each for each in caplog.records if "met an error and goes on" in each.getMessage()]
    assert line.levelname == "ERROR"
    assert line.exc_info[0] is OSError


# -- its start ------------------------------------------------------------------------------------------


def test_a_start_in_a_process_that_re_imports_its_parents_main_module_returns(monkeypatch):
    monkeypatch.setattr(base, "is_reimporting_main", lambda: True)
    scheduler = inline()
    monkeypatch.setattr(scheduler, "_main_loop", lambda: pytest.fail("it must not run"))
    scheduler.start()
    assert not scheduler.running


@pytest.mark.parametrize("beside", [False, True], ids=["main thread", "another thread"])
def test_it_runs_beside_the_program_where_it_was_started_in_another_thread(beside):
    scheduler, said = inline(), []

    def job():
        said.append(scheduler._runs_beside)
        scheduler.shutdown(wait=False)

    scheduler.add_job(job)
    assert not scheduler._runs_beside
    if beside:
        thread = threading.Thread(target=scheduler.start)
        thread.start()
        thread.join(PATIENCE)
    else:
        scheduler.start()
    assert said == [beside]


def test_handle_signals_is_of_this_host_alone():
    with pytest.raises(ValueError, match="the start\\(\\) of BackgroundScheduler returns"):
        BackgroundScheduler(handle_signals=True)
    assert not BackgroundScheduler(handle_signals=False).running
    scheduler = BlockingScheduler({"apscheduler.handle_signals": "no"}, timezone="Asia/Tokyo")
    assert scheduler._handle_signals is False
    assert str(scheduler.timezone) == "Asia/Tokyo"


# -- SIGTERM --------------------------------------------------------------------------------------------


@needs_signals
@pytest.mark.parametrize("wanted", [None, True, False])
def test_it_handles_the_signal_while_it_runs_and_no_longer(wanted):
    scheduler, handlers = inline(handle_signals=wanted), []

    def job():
        handlers.append(signal.getsignal(NUMBER))
        scheduler.shutdown(wait=False)

    scheduler.add_job(job)
    scheduler.start()
    assert (handlers[0] == signal.SIG_DFL) is (wanted is False)
    assert signal.getsignal(NUMBER) == signal.SIG_DFL
    assert scheduler._termination is None


@needs_signals
def test_the_signal_shuts_it_down_and_then_takes_its_course(monkeypatch):
    told = []
    monkeypatch.setattr(signal, "raise_signal", told.append)
    scheduler = BlockingScheduler(job_defaults={"misfire_grace_time": None})
    scheduler.add_listener(lambda event: told.append("shut down"), EVENT_SCHEDULER_SHUTDOWN)
    scheduler.add_job(os.kill, args=[os.getpid(), NUMBER])
    with pytest.raises(SystemExit) as ended:
        scheduler.start()
    assert told == ["shut down", NUMBER]
    assert ended.value.code == 128 + NUMBER
    assert not scheduler.running
    assert scheduler._termination is None


@needs_signals
@pytest.mark.parametrize("wanted", [True, False])
def test_a_forked_child_of_a_job_has_the_systems_handler_and_a_scheduler_that_is_stopped(wanted):
    scheduler, ends = inline(handle_signals=wanted), []

    def job():
        pid = os.fork()
        if not pid:
            right = signal.getsignal(NUMBER) == signal.SIG_DFL and not scheduler.running
            os._exit(0 if right else 1)
        ends.append(os.waitpid(pid, 0)[1])
        scheduler.shutdown(wait=False)

    scheduler.add_job(job)
    scheduler.start()
    assert ends == [0]
