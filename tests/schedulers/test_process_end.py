"""The end of a process with a scheduler in it, a shutdown within a time, and a child of a fork: each step by itself."""

from __future__ import annotations

import threading
from threading import Thread, get_ident
from types import SimpleNamespace
from weakref import WeakSet

import pytest
from schedulers.test_loop_survives import TheirStore

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers import base
from apscheduler.schedulers._end import ending
from apscheduler.testing import ManualScheduler

PATIENCE = 20


class Noting(MemoryJobStore):
    """A store that says what it was asked to do at the end."""

    paced = True

    def __init__(self, said, name, *, error=None):
        super().__init__()
        self.said, self.name, self.error = said, name, error

    def withdraw(self):
        self.said.append(f"{self.name} withdraws")
        if self.error is not None:
            raise self.error

    def shutdown(self):
        self.said.append(f"{self.name} ends")
        super().shutdown()

    def last_word(self):
        self.said.append(f"{self.name} signs off")


class OfOne(Noting):
    paced = False


class Slow(DebugExecutor):
    """Waits for its jobs until the gate opens."""

    def __init__(self, said):
        super().__init__()
        self.said, self.gate, self.items = said, threading.Event(), []

    def shutdown(self, wait=True):
        if not wait:
            self.said.append("does not wait")
        elif self.gate.wait(PATIENCE):
            self.said.append("has waited")

    def leave_behind(self):
        self.said.append("leaves them behind")

    def in_flight(self):
        return self.items


@pytest.fixture
def said():
    return []


@pytest.fixture
def make(said, monkeypatch):
    """Return a maker of started schedulers, which are all that live in this process."""
    made = []
    monkeypatch.setattr(base, "_living", WeakSet())

    def maker(stores, **options):
        scheduler = ManualScheduler(jobstores=stores, **options)
        scheduler.start()
        made.append(scheduler)
        return scheduler

    yield maker
    for each in made:
        if each.running:
            each.shutdown(wait=False)


# -- the end of the process -----------------------------------------------------------------------------


def test_shared_stores_get_back_what_has_not_begun_and_nothing_more_is_claimed(make, said):
    scheduler = make(
        {"own": OfOne(said, "own"), "theirs": TheirStore(), "shared": Noting(said, "shared")}
    )
    scheduler.add_job(said.append, args=["ran"], jobstore="own")
    base._interpreter_ends()
    assert said == ["shared withdraws", "shared ends"]
    scheduler.tick()
    assert "ran" not in said
    assert scheduler.running


def test_a_store_that_fails_then_is_told_and_the_others_have_their_turn(make, said, caplog):
    make(
        {
            "first": Noting(said, "first", error=OSError("gone")),
            "second": Noting(said, "second"),
        }
    )
    base._interpreter_ends()
    assert said == ["first withdraws", "second withdraws", "second ends"]
    assert "Job store 'first' could not be shut down cleanly" in caplog.text


def test_a_pass_of_another_thread_comes_to_its_end_first(make, said, monkeypatch):
    scheduler = make({"shared": Noting(said, "shared")})
    scheduler._in_pass = get_ident() + 1

    def sleep(seconds):
        said.append("waited")
        scheduler._in_pass = 0

    monkeypatch.setattr(ending, "sleep", sleep)
    base._interpreter_ends()
    assert said == ["waited", "shared withdraws", "shared ends"]


def test_what_a_script_forgot_is_said_of_each_scheduler(make, monkeypatch, said):
    words = {
        "tell_of_no_start": lambda scheduler: said.append((names[id(scheduler)], "no start")),
        "tell_of_early_end": lambda scheduler: said.append((names[id(scheduler)], "early end")),
    }
    from apscheduler.schedulers._end import exit_words

    for name, word in words.items():
        monkeypatch.setattr(exit_words, name, word)
    running = make({})
    forgotten, empty = ManualScheduler(), ManualScheduler()
    forgotten.add_job(print)
    names = {id(running): "running", id(forgotten): "forgotten", id(empty): "empty"}
    base._interpreter_ends()
    assert sorted(said) == [("forgotten", "no start"), ("running", "early end")]
    assert (running._ends, forgotten._ends) == (True, False)


def test_only_stores_that_processes_share_sign_off(make, said):
    scheduler = make({"theirs": TheirStore(), "shared": Noting(said, "shared")})
    scheduler._last_word()
    assert said == ["shared signs off"]


# -- a shutdown within a time ---------------------------------------------------------------------------


def test_what_comes_to_its_end_in_time_is_waited_for(make, said, caplog):
    executor = Slow(said)
    executor.gate.set()
    stores = {"theirs": TheirStore(), "shared": Noting(said, "shared")}
    scheduler = make(stores, executors={"default": executor})
    executor.items = [SimpleNamespace(id="job")]
    scheduler.shutdown(timeout=PATIENCE)
    assert said == ["shared withdraws", "has waited", "shared ends"]
    assert "still run" not in caplog.text


def test_what_goes_on_longer_is_named_and_left_behind(make, said, caplog):
    executor, theirs = Slow(said), DebugExecutor()
    scheduler = make({}, executors={"slow": executor, "theirs": theirs})
    executor.items = [SimpleNamespace(id="plain"), SimpleNamespace(job=SimpleNamespace(id=7))]
    theirs._open_claims["claimed"] = []
    scheduler.shutdown(timeout=0.01)
    assert said == ["does not wait", "leaves them behind"]
    executor.gate.set()
    assert "Shut down after 0.01 s; these jobs still run: 7, claimed, plain" in caplog.text


def test_where_nothing_is_known_to_run_nothing_is_said(make, said, caplog):
    executor = Slow(said)
    scheduler = make({}, executors={"slow": executor})
    scheduler.shutdown(timeout=0.01)
    executor.gate.set()
    assert "still run" not in caplog.text


def test_a_store_that_does_not_end_well_is_told(make, said, caplog):
    class Failing(Noting):
        def shutdown(self):
            raise OSError("gone")

    make({"first": Failing(said, "first"), "second": Noting(said, "second")}).shutdown()
    assert said == ["second ends"]
    assert "Job store 'first' could not be shut down cleanly" in caplog.text


# -- a forked child -------------------------------------------------------------------------------------


def test_a_child_of_a_fork_has_a_stopped_scheduler_that_starts_afresh(make, tmp_path):
    scheduler = make({}, leader_lock=tmp_path / "leader")
    scheduler.tick()
    assert scheduler.is_leader
    stopped = ManualScheduler()
    stopped._in_pass = 5
    names = ("_executors_lock", "_jobstores_lock", "_listeners_lock")
    held = {name: getattr(scheduler, name) for name in names}
    as_it_was = {name: getattr(stopped, name) for name in names}
    loop, lead = scheduler._loop, scheduler._lead
    scheduler._in_pass, scheduler._twin_byte = 5, 7
    for lock in held.values():  # by a thread that did not come along
        thread = Thread(target=lock.acquire)
        thread.start()
        thread.join()
    base._forked()
    assert not scheduler.running
    assert all(getattr(scheduler, name).acquire(blocking=False) for name in names)
    assert (scheduler._in_pass, scheduler._twin_byte, scheduler._lead) == (0, None, None)
    assert stopped._in_pass == 5
    assert all(getattr(stopped, name) is as_it_was[name] for name in names)
    lead.release()  # the parent's; there it goes on
    ran = []
    scheduler.add_job(ran.append, args=[1])
    scheduler.start()
    assert scheduler._loop is not loop
    scheduler.tick()
    assert ran == [1]
    assert scheduler.is_leader
