"""Calls beyond their timeout in other people's processes, and what becomes of their pool; the test moves the clock."""

from __future__ import annotations

import os
import threading

import pytest
from executors import sample_jobs
from executors.clocks_of_a_test import Clock, Processes, look, submitted
from executors.pools_of_others import OfThisHost, begun_beside

from apscheduler.executors._foreign import board as call_board
from apscheduler.executors._foreign import clocks as pool_clocks
from apscheduler.executors._foreign import source
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.history.outcomes import Outcome

SECONDS = 20


@pytest.fixture(autouse=True)
def clock(answered_at_once, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pool_clocks, "monotonic", clock)
    return clock


@pytest.fixture
def pool():
    return OfThisHost()


@pytest.fixture
def executor(started, pool):
    return started(FuturesExecutor(pool))


@pytest.fixture
def clocks(executor):
    return executor._engine.clocks


# -- beyond the timeout ------------------------------------------------------------------------------------------


def overdue(executor, clocks, clock, pool, claim):
    """Begin with the claim, and look when its timeout and half the grace are over."""
    submission = submitted(executor, claim)
    begun_beside(pool)
    clock.stands_at = submission.seen().started
    look(clocks, clock, claim.job.timeout + executor.timeout_grace / 2 + 0.001)
    return submission


def test_a_call_is_given_up_in_the_middle_of_its_grace_and_not_before(
    clocks, clock, executor, pool, make_claim, recorder, caplog
):
    executor.timeout_grace = 0.5
    submission = submitted(executor, make_claim(sample_jobs.nothing, timeout=5))
    begun_beside(pool)
    clock.stands_at = submission.seen().started
    look(clocks, clock, 5.25)
    assert recorder.results == []
    look(clocks, clock, 0.01)
    (result,) = recorder.results
    assert result.outcome is Outcome.TIMED_OUT
    assert 0 < result.started < result.finished
    assert len(recorder.released) == 1
    assert submission.stuck
    assert executor.in_flight() == []
    assert f"in process {os.getpid()}, stays busy until it ends" in caplog.text
    assert "job job was told to stop at its timeout of 5 s" in caplog.text


def test_a_call_without_a_timeout_is_not_given_up(
    clocks, clock, executor, pool, make_claim, recorder
):
    submitted(executor, make_claim(sample_jobs.nothing))
    begun_beside(pool)
    look(clocks, clock, 1e6)
    assert recorder.results == []


def test_the_rest_of_a_call_that_is_given_up_goes_to_the_pool_again_and_not_on(
    clocks, clock, executor, pool, make_claim, recorder
):
    claim = make_claim(sample_jobs.nothing, fires=3, timeout=5)
    submission = submitted(executor, claim)
    board, slot, number = begun_beside(pool)
    board.end(slot, number, 0, call_board.EXECUTED)
    board.go_on(slot, number, 1)
    clock.stands_at = submission.seen().started
    kept = submission.board
    limits = []
    kept.limit = lambda slot, index: limits.append((slot, index))
    look(clocks, clock, 6)
    assert limits == [(slot, 2)]
    assert [(each.fire, each.outcome) for each in recorder.results] == [
        (claim.fires[0], Outcome.EXECUTED),
        (claim.fires[1], Outcome.TIMED_OUT),
    ]
    assert recorder.results[0].reason == (
        "it returned; what it returned did not arrive: JobTimeoutError: what followed did not end within its timeout "
        "of 5 s"
    )
    assert recorder.released == []
    (again,) = executor._engine.open()
    assert again.fires == [claim.fires[2]]


@pytest.mark.parametrize("kind", [RuntimeError, OSError, SystemExit])
def test_a_rest_that_no_pool_takes_has_failed_and_is_no_error_of_ours(
    clocks, clock, executor, pool, make_claim, recorder, caplog, kind
):
    claim = make_claim(sample_jobs.nothing, fires=2, timeout=5)
    pool_submit, submits = pool.submit, []

    def once(*call):
        submits.append(call)
        if len(submits) > 1:
            raise kind("closed")
        return pool_submit(*call)

    pool.submit = once
    overdue(executor, clocks, clock, pool, claim)
    assert len(submits) == 2
    assert "error of its own" not in caplog.text
    assert recorder.outcomes == [Outcome.TIMED_OUT, Outcome.FAILED]
    assert str(recorder.results[1].exception) == "closed"
    assert recorder.released == [claim]


# -- pools that can be built again ---------------------------------------------------------------------------------


@pytest.fixture
def fresh(monkeypatch):
    """The pool that takes the place of another one."""
    fresh = Processes()
    monkeypatch.setattr(source, "rebuilt", lambda pool: fresh)
    return fresh


def test_a_pool_without_processes_is_not_exchanged(
    clocks, clock, executor, pool, make_claim, fresh, caplog
):
    overdue(executor, clocks, clock, pool, make_claim(sample_jobs.nothing, timeout=5))
    assert executor._engine.pool is pool
    assert "stays busy until it ends" in caplog.text


def test_a_pool_that_cannot_be_built_again_stays(started, clock, make_claim, monkeypatch, caplog):
    monkeypatch.setattr(source, "rebuilt", lambda pool: None)
    pool = Processes()
    executor = started(FuturesExecutor(pool))
    claim = make_claim(sample_jobs.nothing, timeout=5)
    overdue(executor, executor._engine.clocks, clock, pool, claim)
    assert executor._engine.pool is pool
    assert (pool.killed, pool.ended) == ([], [])
    assert "stays busy until it ends" in caplog.text


def test_a_stuck_process_costs_its_pool_once_nothing_else_is_at_work_in_it(
    started, clock, make_claim, recorder, fresh, caplog, monkeypatch
):
    pool = Processes()
    executor = started(FuturesExecutor(pool))
    runs, before = executor._engine, set(threading.enumerate())
    working = submitted(executor, make_claim(sample_jobs.nothing))
    board, slot, number = begun_beside(pool)
    waiting = submitted(executor, make_claim(sample_jobs.nothing))
    waits, wait_until = [], runs.wait_until

    def noted_wait(condition):
        before = waiting.revoked
        wait_until(condition)
        waits.append((before, runs.clocks._at_work(pool)))

    monkeypatch.setattr(runs, "wait_until", noted_wait)
    overdue(executor, runs.clocks, clock, pool, make_claim(sample_jobs.nothing, timeout=5))
    assert runs.pool is fresh
    assert "the process that runs it is given up" in caplog.text
    (ender,) = set(threading.enumerate()) - before
    assert ender.daemon
    assert (pool.killed, pool.ended) == ([], [])
    board.end(slot, number, 0, call_board.EXECUTED)
    runs.forget(working)
    ender.join(SECONDS)
    assert (pool.killed, pool.ended) == ([1, 2], [False])
    assert waits == [(False, False), (True, False)]


def test_a_pool_that_was_exchanged_already_is_exchanged_once(started, clock, make_claim, fresh):
    pool = Processes()
    executor = started(FuturesExecutor(pool))
    runs = executor._engine
    claims = [make_claim(sample_jobs.nothing, timeout=5) for _ in range(2)]
    submissions = []
    for claim in claims:
        submissions.append(submitted(executor, claim))
        begun_beside(pool)
    assert runs.clocks._retire(submissions[0])
    assert runs.clocks._retire(submissions[1])
    assert runs.pool is fresh
    assert not runs.clocks._at_work(fresh)
    assert runs.clocks._at_work(pool)
    submissions[0].slot = -1  # nobody can say that it has not begun
    submissions[1].slot, slot = -1, submissions[1].slot
    assert runs.clocks._at_work(pool)
    runs.forget(submissions[0])
    submissions[1].slot = slot
    runs.forget(submissions[1])


def test_what_has_not_begun_keeps_no_pool(started, make_claim, fresh):
    pool = Processes()
    executor = started(FuturesExecutor(pool))
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    assert not executor._engine.clocks._at_work(pool)
    submission.slot = -1
    assert executor._engine.clocks._at_work(pool)
