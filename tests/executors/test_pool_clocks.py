"""Looking after calls in other people's processes, by a clock that the test moves: silence."""

from __future__ import annotations

import os
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from types import SimpleNamespace

import pytest
from executors import sample_jobs
from executors.clocks_of_a_test import Clock, look, submitted
from executors.pools_of_others import OfThisHost, begun_beside

from apscheduler.executors._foreign import board as call_board
from apscheduler.executors._foreign import clocks as pool_clocks
from apscheduler.executors.base import WorkerDiedError
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.history.outcomes import Outcome


@pytest.fixture(autouse=True)
def clock(answered_at_once, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pool_clocks, "monotonic", clock)
    return clock


@pytest.fixture
def gone(monkeypatch):
    pids = set()
    monkeypatch.setattr(pool_clocks, "is_gone", pids.__contains__)
    return pids


@pytest.fixture
def pool():
    return OfThisHost()


@pytest.fixture
def executor(started, pool):
    return started(FuturesExecutor(pool))


@pytest.fixture
def clocks(executor):
    return executor._engine.clocks


# -- when to look -------------------------------------------------------------------------------------------


def test_nothing_is_looked_at_where_nothing_is_under_way(clocks, clock, executor, make_claim):
    assert clocks.pause() is None
    clocks.look_safely()
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    executor._engine.forget(submission)
    look(clocks, clock)
    assert clocks.pause() is None


def test_a_timeout_hurries_the_next_look(clocks, clock, executor, make_claim):
    clock.stands_at = 100.0
    slow = submitted(executor, make_claim(sample_jobs.nothing))
    assert clocks.pause() == 1.0
    assert not clocks.expect(slow)  # it is looked at then already
    fast = submitted(executor, make_claim(sample_jobs.nothing, timeout=9))
    assert clocks.pause() == pytest.approx(0.1)
    assert not clocks.expect(fast)
    clock.stands_at = 200.0
    assert clocks.pause() == 0.0


def test_a_run_without_a_future_hurries_the_next_look(clocks, clock, executor, make_claim):
    clock.stands_at = 100.0
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    submission.orphaned = KeyError()
    assert clocks.expect(submission)
    assert clocks.pause() == pytest.approx(0.1)


@pytest.mark.parametrize("why", ["here", "no slot"])
def test_what_runs_here_or_has_no_place_is_not_looked_at(
    clocks, clock, executor, make_claim, monkeypatch, why
):
    clock.stands_at = 100.0
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    clocks._next = None
    if why == "here":
        submission.here = True
    else:
        submission.slot = -1
    assert not clocks.expect(submission)
    assert clocks.pause() is None
    looked = []
    monkeypatch.setattr(clocks, "_look_at", looked.append)
    look(clocks, clock)
    assert looked == []
    assert clocks.pause() is None
    other = submitted(executor, make_claim(sample_jobs.nothing))
    look(clocks, clock)
    assert looked == [other]


def test_nobody_looks_before_it_is_time(clocks, clock, executor, make_claim, monkeypatch):
    clock.stands_at = 100.0
    submissions = [submitted(executor, make_claim(sample_jobs.nothing)) for _ in range(2)]
    looked = []
    monkeypatch.setattr(clocks, "_look_at", looked.append)
    clock.ahead = 0.9
    clocks.look_safely()
    assert looked == []
    clock.ahead = 1.0
    clocks.look_safely()
    assert looked == submissions
    assert clocks.pause() == 1.0  # and once more after that


def test_an_error_of_ours_costs_one_look_at_one_call(
    clocks, clock, executor, make_claim, monkeypatch, caplog
):
    submissions = [submitted(executor, make_claim(sample_jobs.nothing)) for _ in range(2)]
    looked = []

    def fail(submission):
        looked.append(submission)
        raise KeyError("ours")

    monkeypatch.setattr(clocks, "_look_at", fail)
    look(clocks, clock)
    assert looked == submissions
    assert "executor 'default' met an error of its own" in caplog.text
    assert clocks.pause() is not None


# -- silence --------------------------------------------------------------------------------------------------


def test_a_call_that_has_not_begun_waits_as_long_as_its_pool_lets_it(
    clocks, clock, executor, make_claim, recorder, gone
):
    submitted(executor, make_claim(sample_jobs.nothing))
    gone.add(0)
    look(clocks, clock)
    look(clocks, clock, 1000)
    assert recorder.results == []


class Stalled(ProcessPoolExecutor):
    """Starts no process when it is given a call, as CPython's may not, and one when it is made to."""

    def __init__(self, limit=1):
        super().__init__(2, mp_context=get_context("spawn"), max_tasks_per_child=limit)
        self._executor_manager_thread_wakeup = SimpleNamespace(wakeup=self._woken)
        self.idle = 0
        self.starts = self.wakes = 0

    def _woken(self):
        self.wakes += 1

    def submit(self, function, /, *args):
        return Future()

    def _adjust_process_count(self):
        if self.idle:
            self.idle -= 1
            return
        self.starts += 1
        self._processes[self.starts] = None

    def shutdown(self, wait=True):
        pass


def waiting_in(started, make_claim, pool):
    """Have a call wait in the pool; return the clocks of its executor."""
    executor = started(FuturesExecutor(pool))
    submitted(executor, make_claim(sample_jobs.nothing))
    return executor._engine.clocks


def test_a_pool_that_does_not_replace_its_processes_is_made_to(started, make_claim, clock, caplog):
    pool = Stalled()
    clocks = waiting_in(started, make_claim, pool)
    pool.idle = 1
    look(clocks, clock)
    assert (pool.starts, caplog.messages) == (0, [])
    for _ in range(3):
        look(clocks, clock)
    assert (pool.starts, pool.wakes) == (2, 3)
    pool._processes.clear()
    look(clocks, clock)
    assert pool.starts == 3
    (said,) = caplog.messages
    assert "has ended all its processes by max_tasks_per_child and started no other" in said


@pytest.mark.parametrize("why", ["no limit", "closed"])
def test_a_pool_that_owes_no_process_is_left_alone(started, make_claim, clock, caplog, why):
    pool = Stalled(None if why == "no limit" else 1)
    clocks = waiting_in(started, make_claim, pool)
    if why == "closed":
        pool._executor_manager_thread_wakeup = pool._processes = None
        pool.idle = 9
    look(clocks, clock)
    assert (pool.starts, pool.wakes, caplog.messages) == (0, 0, [])


def test_a_process_that_is_gone_has_two_seconds_to_be_told_of(
    clocks, clock, executor, pool, make_claim, recorder, gone
):
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    begun_beside(pool)
    look(clocks, clock, 100)  # it runs
    gone.add(os.getpid())
    clock.stands_at = 1000.0
    look(clocks, clock)
    look(clocks, clock, 1.99)
    gone.clear()  # it was another process
    look(clocks, clock)
    assert submission.changed_at == 0.0
    gone.add(os.getpid())
    look(clocks, clock)
    look(clocks, clock, 1.5)
    assert recorder.results == []
    look(clocks, clock, 0.51)
    (result,) = recorder.results
    assert isinstance(result.exception, WorkerDiedError)
    assert str(result.exception).startswith(f"process {os.getpid()}, which ran the job, is gone")


def test_the_answer_of_a_call_that_has_ended_may_take_half_a_minute(
    clocks, clock, executor, pool, make_claim, recorder, gone
):
    submitted(executor, make_claim(sample_jobs.nothing))
    board, slot, number = begun_beside(pool)
    board.end(slot, number, 0, call_board.EXECUTED)
    gone.add(os.getpid())  # it may end now
    clock.stands_at = 1000.0
    look(clocks, clock)
    look(clocks, clock, 29.9)
    assert recorder.results == []
    look(clocks, clock, 0.1)
    (result,) = recorder.results
    assert result.outcome is Outcome.EXECUTED
    assert "its pool did not bring the answer" in result.reason


def test_with_a_timeout_an_answer_may_take_until_that_is_over(
    clocks, clock, executor, pool, make_claim, recorder
):
    executor.timeout_grace = 0.5
    submission = submitted(executor, make_claim(sample_jobs.nothing, timeout=5))
    board, slot, number = begun_beside(pool)
    board.end(slot, number, 0, call_board.EXECUTED)
    clock.stands_at = submission.seen().started
    look(clocks, clock, 1.0)
    look(clocks, clock, 4.2)
    assert recorder.results == []
    look(clocks, clock, 0.1)
    assert recorder.outcomes == [Outcome.EXECUTED]


def test_where_the_timeout_is_over_already_the_grace_is_left(
    clocks, clock, executor, pool, make_claim, recorder
):
    executor.timeout_grace = 0.5
    submission = submitted(executor, make_claim(sample_jobs.nothing, timeout=5))
    board, slot, number = begun_beside(pool)
    board.end(slot, number, 0, call_board.EXECUTED)
    clock.stands_at = submission.seen().started
    look(clocks, clock, 50.0)
    look(clocks, clock, 0.2)
    assert recorder.results == []
    look(clocks, clock, 0.1)
    assert recorder.outcomes == [Outcome.EXECUTED]


def test_a_run_without_a_future_is_settled_when_the_board_says_how(
    clocks, clock, executor, pool, make_claim, recorder
):
    submitted(executor, make_claim(sample_jobs.nothing))
    board, slot, number = begun_beside(pool)
    pool.call_off()
    look(clocks, clock, 1000)
    assert recorder.results == []
    board.end(slot, number, 0, call_board.EXECUTED)
    look(clocks, clock)
    assert recorder.outcomes == [Outcome.EXECUTED]
