"""The pool of threads by itself: how many threads it has, whom it wakes, how it ends and forks."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from apscheduler.executors._threads import pool as pool_module
from apscheduler.executors._threads.pool import WorkerPool, wait_for_workers
from apscheduler.executors.base import InterpreterEndingError
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.context import acting_for

SECONDS = 20


@pytest.fixture
def executor(started):
    return started(ThreadPoolExecutor(3))


@pytest.fixture
def pool(executor):
    return executor._pool


@pytest.fixture
def unstarted(monkeypatch):
    """A pool whose threads are made and not started: nothing takes what it is given."""
    monkeypatch.setattr(threading.Thread, "start", lambda thread: None)
    pool = WorkerPool(3, "crew")
    pool.start(SimpleNamespace(_alias="x", timeout_grace=0.5))
    yield pool
    pool.leave_behind()


def until(condition):
    ends = threading.Event()
    for _ in range(SECONDS * 1000):
        if condition():
            return
        ends.wait(0.001)
    raise AssertionError


@pytest.fixture
def hold():
    """What holds jobs: an event that is set at the end."""
    event = threading.Event()
    yield event
    event.set()


# -- how many threads ---------------------------------------------------------------------------------------


def test_one_thread_is_there_from_the_start_and_all_where_they_cannot_be_made_later(
    started, scheduler
):
    assert len(started(ThreadPoolExecutor(3))._pool._threads) == 1
    scheduler._daemon = False
    executor = started(ThreadPoolExecutor(3))
    assert len(executor._pool._threads) == 3
    executor.shutdown(wait=True)
    assert executor._pool._threads == set()


def test_threads_come_with_the_work_and_stop_at_the_most(unstarted):
    unstarted.take(["one"])
    assert len(unstarted._workers) == 2
    unstarted.take(["two", "three", "four"])
    assert len(unstarted._workers) == 3
    assert {each.name for each in unstarted._threads} == {"crew_0", "crew_1", "crew_2"}
    assert list(unstarted.queue) == ["one", "two", "three", "four"]


def test_pools_without_a_name_are_told_apart():
    assert WorkerPool(1)._prefix != WorkerPool(1)._prefix
    assert WorkerPool(1)._prefix.startswith("apscheduler-threads-")


def test_who_sleeps_is_woken_before_anyone_is_made(unstarted):
    (worker,) = unstarted._workers
    unstarted.parked.append(worker)
    unstarted.take(["one"])
    assert worker.wake.acquire(blocking=False)
    assert len(unstarted._workers) == 1
    assert not unstarted.parked


def test_only_as_many_are_woken_as_are_wanted(unstarted):
    unstarted.take(["one", "two"])
    unstarted.parked.extend(unstarted._workers)
    assert unstarted._wake(2) == 0
    assert len(unstarted.parked) == 1
    assert unstarted._wake(2) == 1
    assert unstarted._wake(0) == 0


def test_a_worker_that_another_woke_meanwhile_is_not_woken_twice(unstarted):
    class Emptied:
        def __bool__(self):
            return True

        def pop(self):
            raise IndexError

    unstarted.parked = Emptied()
    assert unstarted._wake(2) == 2


def test_where_no_thread_can_be_made_that_is_said_once_and_what_waits_stays(
    executor, pool, make_claim, recorder, monkeypatch, caplog, hold
):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    executor.submit_claims([make_claim(hold.wait, SECONDS)])
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(2):
            executor.submit_claims([make_claim(lambda: None)])
    assert len(pool._workers) == 1
    said = [each for each in caplog.messages if "no more threads can be started" in each]
    assert len(said) == 1
    assert "executor 'default' goes on with 1 of 3 workers" in said[0]
    hold.set()
    assert [each.outcome for each in recorder.wait(3)] == [Outcome.EXECUTED] * 3


# -- the end ------------------------------------------------------------------------------------------------


def test_a_closed_pool_takes_nothing_and_says_which_end_it_is(pool, monkeypatch):
    pool.shutdown(wait=True)
    with pytest.raises(RuntimeError, match="this executor was shut down"):
        pool.take(["one"])
    monkeypatch.setattr(pool_module._ending, "_closed", {pool})
    with pytest.raises(InterpreterEndingError):
        pool.take(["one"])
    assert not pool.queue


def test_all_who_sleep_go_at_the_end(started, make_claim, recorder):
    executor = started(ThreadPoolExecutor(3))
    meeting = threading.Barrier(3)
    executor.submit_claims([make_claim(meeting.wait, SECONDS) for _ in range(3)])
    recorder.wait(3)
    pool, threads = executor._pool, executor._pool._threads
    until(lambda: len(pool.parked) == 3)
    executor.shutdown(wait=False)
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()
    assert pool._workers == set()


def test_an_end_that_does_not_wait_returns_while_a_job_runs(executor, make_claim, hold, recorder):
    executor.submit_claims([make_claim(hold.wait, SECONDS)])
    executor.shutdown(wait=False)
    assert recorder.results == []


def test_the_watchdog_ends_with_the_last_worker(executor, pool, make_claim, recorder):
    executor.submit_claims([make_claim(lambda: None, timeout=60)])
    recorder.wait(1)
    watchdog = pool.watchdog
    assert watchdog is pool.watchdog
    thread = watchdog._thread
    assert thread.name.endswith("_watchdog")
    executor.shutdown(wait=True)
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_the_watchdog_of_a_pool_that_goes_on_stays(unstarted):
    closed = []
    unstarted._watchdog = SimpleNamespace(close=lambda: closed.append(1))
    unstarted.take(["one"])
    one, two = unstarted._workers
    unstarted.left(one)
    assert unstarted._workers == {two}
    unstarted.shutdown(wait=False)
    assert closed == []  # the other worker still runs what is queued
    unstarted.left(two)
    assert closed == [1]
    unstarted.shutdown(wait=False)
    assert closed == [1, 1]


def test_a_watchdog_stays_where_all_workers_left_a_pool_that_goes_on(unstarted):
    closed = []
    unstarted._watchdog = SimpleNamespace(close=lambda: closed.append(1))
    for worker in list(unstarted._workers):
        unstarted.left(worker)
    assert closed == []


@pytest.mark.parametrize("where", ["in a worker", "for a worker"])
def test_who_shuts_its_own_pool_down_is_not_waited_for(executor, pool, make_claim, recorder, where):
    def shut_down():
        token = acting_for.set(threading.get_ident() if where == "for a worker" else 0)
        executor.shutdown(wait=True)
        acting_for.reset(token)

    executor.submit_claims([make_claim(shut_down)])
    assert recorder.wait(1)[0].outcome is Outcome.EXECUTED


def test_each_worker_is_waited_for():
    workers = [SimpleNamespace(ident=-1, left=threading.Event()) for _ in range(2)]
    over = threading.Event()

    def wait():
        wait_for_workers(workers)
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    workers[0].left.set()
    assert not over.wait(0.05)
    workers[1].left.set()
    assert over.wait(SECONDS)


def test_a_pool_that_is_left_behind_is_not_waited_for_at_the_programs_end(pool):
    assert pool in pool_module._ending.pools
    pool.leave_behind()
    assert pool not in pool_module._ending.pools


def test_a_call_of_ones_own_has_a_future(pool):
    assert pool.submit(max, 1, 2).result(SECONDS) == 2


# -- workers that are given up ---------------------------------------------------------------------------------


def test_a_worker_that_is_given_up_is_replaced_and_its_rest_comes_first(unstarted, make_claim):
    unstarted.take(["one"])
    worker = next(iter(unstarted._workers))
    rest = make_claim(lambda: None, fires=2)
    unstarted.give_up(worker, rest)
    assert list(unstarted.queue) == [rest, "one"]
    assert worker not in unstarted._workers
    assert len(unstarted._workers) == 2


@pytest.mark.parametrize(
    ("closing", "waits", "workers"), [(True, 0, 0), (True, 1, 1), (False, 0, 1)]
)
def test_a_pool_replaces_a_worker_while_it_has_use_for_one(unstarted, closing, waits, workers):
    (worker,) = unstarted._workers
    unstarted.queue.extend(["one"] * waits)
    unstarted.closing = closing
    unstarted.give_up(worker, None)
    assert len(unstarted._workers) == workers


# -- after a fork ------------------------------------------------------------------------------------------------


def test_in_a_child_nothing_of_the_parents_is_left_and_nothing_is_taken(unstarted):
    unstarted.take(["one"])
    unstarted.parked.extend(unstarted._workers)
    watchdog = unstarted.watchdog
    unstarted._lock.acquire()  # whoever held it in the parent does not let go here
    unstarted.forked()
    assert (unstarted.in_flight(), list(unstarted.parked), unstarted._threads) == ([], [], set())
    assert unstarted.watchdog is not watchdog
    with pytest.raises(RuntimeError):
        unstarted.take(["two"])


# -- what others ask ----------------------------------------------------------------------------------------------


def test_what_runs_and_what_waits_is_counted_and_listed(started, make_claim, recorder, hold):
    executor = started(ThreadPoolExecutor(1))
    pool = executor._pool
    running, waiting = make_claim(hold.wait, SECONDS), make_claim(lambda: None)
    until(lambda: len(pool.parked) == 1)
    assert (pool.running_count(), pool.busy_count()) == (0, 0)
    assert "waited in the queue of executor 'default'" in pool.why_late()
    executor.submit_claims([running, waiting])
    until(executor.under_way)
    assert executor.under_way() == [(running, running.fires[0], running.begun_at)]
    assert executor.in_flight() == [running, waiting]
    assert (pool.running_count(), pool.busy_count(), executor.free_slots()) == (1, 2, -1)
    assert pool.why_late() == "the only worker of executor 'default' was busy"
    assert (pool._work_queue.qsize(), pool._work_queue.empty()) == (1, False)
    hold.set()
    recorder.wait(2)
