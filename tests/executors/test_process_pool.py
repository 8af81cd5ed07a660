"""What a pool of processes says and does beside its manager, which is a double here: no process is started."""

from __future__ import annotations

import threading
from collections import deque
from types import SimpleNamespace

import pytest

from apscheduler.executors._processes import pool as pool_module
from apscheduler.executors._processes.pool import ProcessPool
from apscheduler.executors.base import InterpreterEndingError

SECONDS = 20


class Manager:
    """A manager whose thread ends when it is told to."""

    def __init__(self, pool, starts):
        self.told = []
        self.workers = []
        self.warm_up = False
        self.over = threading.Event()
        self.on_run = None

    def open(self):
        self.told.append("open")

    def run(self):
        if self.on_run is not None:
            self.on_run()
        self.over.wait(SECONDS)

    def wake(self, *, surely=False):
        self.told.append("surely" if surely else "wake")

    def running_count(self):
        return 3

    def under_way(self):
        return ["this"]


class Worker:
    def __init__(self, *claims):
        self.sent = deque(SimpleNamespace(claim=claim) for claim in claims)
        self.told = []
        self.pipe = SimpleNamespace(close=lambda: self.told.append("closed"))
        self.process = SimpleNamespace(kill=lambda: self.told.append("killed"))


@pytest.fixture
def owner():
    return SimpleNamespace(_alias="mine", timeout_grace=0.5)


@pytest.fixture
def pool(monkeypatch):
    monkeypatch.setattr(pool_module, "ProcessManager", Manager)
    pool = ProcessPool(2, None)
    yield pool
    pool._manager.over.set()
    pool.leave_behind()


def test_one_process_starts_with_the_pool(pool, owner):
    pool.start(owner)
    assert pool._manager.warm_up
    assert pool._manager.told == ["open", "wake"]
    thread = pool._thread
    assert (thread.name, thread.daemon) == ("apscheduler-mine-processes", True)
    assert pool in pool_module._ending.pools
    pool.leave_behind()
    assert pool not in pool_module._ending.pools


@pytest.mark.parametrize("why", ["closing", "importing"])
def test_no_process_starts_where_none_may(pool, owner, monkeypatch, why):
    pool.closing = why == "closing"
    monkeypatch.setattr(pool_module, "is_reimporting", lambda: why == "importing")
    pool.start(owner)
    assert (pool._thread, pool._manager.told, pool._manager.warm_up) == (None, [], False)


def test_what_is_taken_is_queued_and_starts_one_thread(pool, owner):
    pool.owner = owner
    pool.take(["one"])
    thread = pool._thread
    assert thread.is_alive()
    pool.take(["two", "three"])
    assert pool._thread is thread
    assert list(pool.queue) == ["one", "two", "three"]
    assert pool._manager.told == ["open", "wake", "wake"]
    pool._manager.over.set()
    thread.join(SECONDS)
    pool.thread_ended()
    pool.take(["four"])
    assert pool._thread is not thread


def test_a_thread_that_another_started_meanwhile_is_the_one(pool, owner):
    pool.owner = owner
    pool._start_thread()
    thread = pool._thread
    pool._start_thread()
    assert pool._thread is thread
    assert pool._manager.told == ["open"]


def test_a_pool_that_takes_nothing_says_why(pool, owner, monkeypatch):
    pool.start(owner)
    monkeypatch.setattr(pool_module, "is_reimporting", lambda: True)
    with pytest.raises(RuntimeError, match="still importing its main module"):
        pool.take(["one"])
    pool.closing = True
    with pytest.raises(RuntimeError, match="this executor was shut down"):
        pool.take(["one"])
    assert not pool.is_ending
    monkeypatch.setattr(pool_module._ending, "begun", True)
    monkeypatch.setattr(pool_module._ending, "_closed", {pool})
    assert pool.is_ending
    with pytest.raises(InterpreterEndingError):
        pool.take(["one"])
    assert list(pool.queue) == []


# -- the end ---------------------------------------------------------------------------------------------------


def test_the_end_wakes_the_manager_and_waits_if_asked_to(pool, owner):
    pool.start(owner)
    pool.shutdown(wait=False)
    assert pool.closing
    assert pool._manager.told[-1] == "surely"
    assert pool._thread.is_alive()
    threading.Timer(0.02, pool._manager.over.set).start()
    pool.shutdown(wait=True)
    assert not pool._thread.is_alive()


def test_the_end_of_a_pool_without_a_thread_has_nothing_to_wake(pool):
    pool.shutdown(wait=True)
    assert pool.closing
    assert pool._manager.told == []


def test_the_managers_own_thread_does_not_wait_for_itself(pool, owner):
    over = threading.Event()

    def shut_down():
        while pool._thread is None:
            threading.Event().wait(0.001)
        pool.shutdown(wait=True)
        over.set()

    pool._manager.on_run = shut_down
    pool.start(owner)
    assert over.wait(SECONDS)


def test_all_processes_can_be_killed(pool):
    pool._manager.workers = workers = [Worker(), Worker()]
    pool.kill()
    assert [worker.told for worker in workers] == [["killed"], ["killed"]]


def test_ctrl_c_at_the_end_kills_them(pool):
    pool._manager.workers = [worker] = [Worker()]
    pool_module._ending._kill(pool)
    assert worker.told == ["killed"]
    pool_module._ending._wait(pool)
    assert pool.closing


def test_in_a_child_nothing_of_the_parents_is_left(pool, owner):
    pool.start(owner)
    parents, thread = pool._manager, pool._thread
    parents.workers = [worker] = [Worker("running")]
    pool.queue.append("waiting")
    pool._lock.acquire()  # whoever held it in the parent does not let go here
    pool.forked()
    assert worker.told == ["closed"]
    assert (pool.in_flight(), pool._thread, pool.closing) == ([], None, True)
    assert pool._manager is not parents
    pool.thread_ended()
    parents.over.set()
    thread.join(SECONDS)


# -- what others ask ----------------------------------------------------------------------------------------------


def test_what_runs_and_what_waits_is_listed(pool, make_claim):
    claim = make_claim(lambda: None, fires=2)
    pool._manager.workers = [Worker("a", "b"), Worker(), Worker("c")]
    pool.queue.extend(["d", claim])
    assert pool.in_flight() == ["a", "b", "c", "d", claim]
    assert pool.busy_count() == 5
    assert pool.running_count() == 3
    assert pool.under_way() == ["this"]
    assert pool._work_queue.qsize() == 2


def test_a_call_before_the_start_starts_the_pool_and_has_a_future(monkeypatch, owner):
    monkeypatch.setattr(pool_module, "ProcessManager", Manager)
    owner._now_us = lambda: 5
    pool = ProcessPool(1, None, maker=owner)
    future = pool.submit(max, 1, 2)
    assert not future.done()
    assert pool.owner is owner
    assert pool.queue[0].job.args == (1, 2)
    pool._manager.over.set()
    pool.leave_behind()
