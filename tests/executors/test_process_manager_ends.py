"""The manager of a pool of processes, turn by turn: how its workers begin, are late, and end."""

from __future__ import annotations

import errno
import pickle
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from executors.workers_of_a_test import (
    executed,
    greeted,
    read,
    say,
    short,
    turn,
)

from apscheduler.executors._processes import crew
from apscheduler.executors._wire.board import Board
from apscheduler.executors._wire.errors import pack_error
from apscheduler.executors.base import WorkerDiedError
from apscheduler.history.outcomes import Outcome
from tests.executors import sample_jobs

SECONDS = 20


# -- workers that begin --------------------------------------------------------------------------------------


def test_a_pool_that_warms_up_starts_one_worker_though_nothing_waits(manager, starts):
    manager.warm_up = True
    turn(manager)
    turn(manager)
    assert len(starts.started) == 1
    assert not manager.warm_up
    starts.theirs[0].send_bytes(pickle.dumps(("ready", 1)))
    starts.failures = 2
    turn(manager)
    assert manager.workers[0].is_free
    assert starts.failures == 0


def test_no_more_workers_start_than_calls_wait_or_places_are_there(
    manager, pool, starts, make_claim
):
    pool.queue.append(make_claim(sample_jobs.add, 1))
    for _ in range(3):
        turn(manager)
    assert len(starts.started) == 1
    pool.queue.extend(make_claim(sample_jobs.add, 1) for _ in range(5))
    for _ in range(3):
        turn(manager)
    assert [(name, slot) for name, slot, *_ in starts.started] == [
        ("apscheduler-mine-1", 1),
        ("apscheduler-mine-0", 0),
    ]
    assert starts.started[1][3] == manager.workers[:1]


def test_a_worker_that_cannot_be_started_leaves_its_place_and_the_calls_go_on_waiting(
    manager, pool, starts, make_claim, recorder, caplog
):
    pool.queue.append(make_claim(sample_jobs.add, 1))
    starts.raises = OSError("no memory")
    manager.crew.start_worker()
    manager.crew.start_worker()
    assert starts.failures == 2
    assert manager.crew.free_slots == [0, 1]
    assert manager.workers == []
    assert len(pool.queue) == 1
    assert "executor 'mine': a worker process cannot be started: OSError: no memory" in caplog.text
    assert caplog.records[0].exc_info[1] is starts.raises


def test_a_file_of_the_workers_that_cannot_be_made_is_a_start_that_failed(
    manager, pool, starts, make_claim, caplog, monkeypatch
):
    full = OSError(errno.ENOSPC, "No space left on device")

    def make(slots):
        raise full

    monkeypatch.setattr(crew, "Board", SimpleNamespace(make=make))
    manager.crew.board = None
    pool.queue.append(make_claim(sample_jobs.add, 1))
    manager.crew.start_worker()
    assert (starts.failures, manager.crew.free_slots, len(pool.queue)) == (1, [0, 1], 1)
    assert "executor 'mine': the file of the workers cannot be made: OSError:" in caplog.text
    assert "No space left on device" in caplog.text
    monkeypatch.undo()
    manager.crew.start_worker()
    assert len(manager.workers) == 1


def test_after_the_third_failure_what_waits_has_failed(manager, pool, starts, make_claim, recorder):
    claim, rest = make_claim(sample_jobs.add, 1), make_claim(sample_jobs.add, 1, fires=2)
    rest.take(rest.fires[0])
    pool.queue.extend([claim, rest])
    starts.raises = OSError("no memory")
    for _ in range(3):
        assert recorder.results == []
        manager.crew.start_worker()
    assert [each.fire for each in recorder.results] == [claim.fires[0], rest.fires[1]]
    problem = recorder.results[0].exception
    assert isinstance(problem, WorkerDiedError)
    assert "no worker process could be started: a worker" in str(problem)
    assert problem.__cause__ is starts.raises
    assert recorder.released == [claim, rest]
    assert not pool.queue


@pytest.mark.parametrize("why", ["a worker is ready", "the program ends"])
def test_how_long_calls_wait_for_a_worker_depends(manager, pool, starts, make_claim, recorder, why):
    pool.queue.append(make_claim(sample_jobs.add, 1))
    if why == "a worker is ready":
        greeted(manager, starts)
        starts.failures = 2
    else:
        pool.is_ending = True
    starts.raises = OSError("no memory")
    manager.crew.start_worker()
    assert bool(recorder.results) is (why == "the program ends")


def test_an_initializer_that_raises_is_told_and_its_worker_gets_nothing(
    manager, pool, starts, make_claim, caplog
):
    pool.queue.append(make_claim(sample_jobs.add, 1))
    turn(manager)
    starts.theirs[0].send_bytes(pickle.dumps(("broken", pack_error(KeyError("x")))))
    turn(manager)
    (worker,) = manager.workers
    assert worker.leaving
    assert not worker.ready
    assert "the initializer of the worker processes raised KeyError: 'x'" in caplog.text
    assert starts.failures == 1
    worker.process.end(0)
    turn(manager)
    assert starts.failures == 1  # its end is no further failure


# -- workers that end ------------------------------------------------------------------------------------------


def test_a_worker_that_ends_fails_its_run_and_its_place_is_free(
    manager, pool, starts, make_claim, recorder
):
    claim = make_claim(sample_jobs.add, 1, fires=2)
    pool.queue.append(claim)
    worker = greeted(manager, starts)
    turn(manager)
    ((number, _),) = read(starts.theirs[0])
    board = Board(manager.crew.board.path)
    board.begin(worker.slot, number)
    board.started(worker.slot, 0)
    worker.process.end(-9)
    turn(manager)
    (result,) = recorder.results
    assert isinstance(result.exception, WorkerDiedError)
    assert "SIGKILL" in str(result.exception)
    assert worker.pipe.closed
    assert sorted(manager.crew.free_slots) == [0, 1]
    assert worker not in manager.workers
    assert "kill" not in worker.process.told
    assert starts.failures == 0
    manager._bury(worker)
    assert sorted(manager.crew.free_slots) == [0, 1]
    assert list(pool.queue) == [claim]
    assert claim.unsettled == claim.fires[1:]


def died(manager, pool, starts, claim, *, began, answered=0):
    """Have a worker die that has begun fire times of the claim, and whose answers to the first of them have come."""
    pool.queue.append(claim)
    worker = greeted(manager, starts)
    turn(manager)
    ((number, _),) = read(starts.theirs[0])
    board = Board(manager.crew.board.path)
    board.begin(worker.slot, number)
    for index in range(began):
        board.started(worker.slot, index)
    if answered:
        answers = [(number, executed(fire), False) for fire in claim.fires[:answered]]
        say(starts.theirs[0], *answers)
    worker.process.end(-9)
    turn(manager)
    turn(manager)
    return worker


def test_what_had_begun_in_a_dead_worker_is_settled_before_the_rest_is_queued(
    manager, pool, starts, make_claim, recorder
):
    claim = make_claim(sample_jobs.add, 1, fires=5)
    died(manager, pool, starts, claim, began=3, answered=1)
    first, second, third, *others = claim.fires
    assert [(each.fire, each.outcome) for each in recorder.results] == [
        (first, Outcome.EXECUTED),
        (second, Outcome.LOST),
        (third, Outcome.FAILED),
    ]
    assert recorder.results[1].reason == (
        "its worker process ended (killed by SIGKILL) before it could say how the run ended"
    )
    assert list(pool.queue) == [claim]
    assert claim.unsettled == others
    assert recorder.released == []


def test_a_claim_of_which_nothing_is_left_in_a_dead_worker_is_let_go(
    manager, pool, starts, make_claim, recorder
):
    claim = make_claim(sample_jobs.add, 1, fires=2)
    died(manager, pool, starts, claim, began=2)
    assert recorder.outcomes == [Outcome.LOST, Outcome.FAILED]
    assert recorder.released == [claim]
    assert not pool.queue


@pytest.mark.parametrize("workers", [1])
def test_a_worker_that_dies_before_its_calls_first_fire_time_fails_that_one(
    manager, pool, starts, make_claim, recorder
):
    longer = make_claim(sample_jobs.add, 1, fires=3)
    pool.queue.append(longer)
    worker = greeted(manager, starts)
    turn(manager)
    ((number, _),) = read(starts.theirs[0])
    board = Board(manager.crew.board.path)
    board.begin(worker.slot, number)
    board.started(
        worker.slot, 2
    )  # the board keeps this index until the next call's first fire time
    say(
        starts.theirs[0],
        *((number, executed(fire), fire == longer.fires[2]) for fire in longer.fires),
    )
    turn(manager)
    claim = make_claim(sample_jobs.add, 1, fires=2)
    pool.queue.append(claim)
    turn(manager)
    ((number, _),) = read(starts.theirs[0])
    board.begin(worker.slot, number)
    worker.process.end(-9)
    turn(manager)
    assert [(each.fire, each.outcome) for each in recorder.results[3:]] == [
        (claim.fires[0], Outcome.FAILED)
    ]
    assert list(pool.queue) == [claim]


def test_a_run_that_was_killed_at_its_timeout_stays_timed_out_and_what_ended_before_it_is_lost(
    manager, pool, starts, make_claim, recorder
):
    pool.owner.timeout_grace = 0.0
    claim = make_claim(sample_jobs.add, 1, fires=3, timeout=1e-9)
    pool.queue.append(claim)
    worker = greeted(manager, starts)
    turn(manager)
    ((number, _),) = read(starts.theirs[0])
    board = Board(manager.crew.board.path)
    board.begin(worker.slot, number)
    board.started(worker.slot, 1)
    turn(manager)
    turn(manager)
    assert [(each.fire, each.outcome) for each in recorder.results] == [
        (claim.fires[1], Outcome.TIMED_OUT),
        (claim.fires[0], Outcome.LOST),
    ]
    assert list(pool.queue) == [claim]
    assert claim.unsettled == claim.fires[2:]


class RaisesOnce:
    """Stands in the place of a way to settle, which listeners and stores of others have a hand in."""

    def __init__(self, settle):
        self.settle = settle
        self.left = [SystemExit]

    def __call__(self, *args):
        if self.left:
            raise self.left.pop()
        return self.settle(*args)


def test_whatever_is_raised_while_a_dead_workers_calls_are_settled_each_is_let_go(
    manager, pool, starts, make_claim, recorder, caplog
):
    claim = make_claim(sample_jobs.add, 1)
    worker = running(manager, pool, starts, claim)
    recorder.settle = RaisesOnce(recorder.settle)
    worker.process.end(-9)
    turn(manager)
    assert recorder.outcomes == [Outcome.FAILED]
    assert recorder.released == [claim]
    assert sorted(manager.crew.free_slots) == [0, 1]
    assert "met an error of its own" in caplog.text


def test_what_a_worker_said_before_its_end_counts(manager, pool, starts, make_claim, recorder):
    claim = make_claim(sample_jobs.add, 1)
    pool.queue.append(claim)
    worker = greeted(manager, starts)
    turn(manager)
    ((number, _),) = read(starts.theirs[0])
    say(starts.theirs[0], (number, executed(claim.fires[0]), True))
    starts.theirs[0].close()
    worker.process.end(1)
    manager._bury(worker)
    assert recorder.outcomes == [Outcome.EXECUTED]
    assert not pool.queue


def test_a_worker_whose_pipe_is_closed_is_ended(manager, pool, starts, make_claim):
    pool.queue.append(make_claim(sample_jobs.add, 1))
    worker = greeted(manager, starts)
    starts.theirs[0].close()
    turn(manager)
    assert worker.process.told == [("join", 5.0), "kill"]
    assert worker not in manager.workers


def test_a_worker_that_ended_before_it_was_ready_is_a_failed_start(
    manager, pool, starts, make_claim, caplog
):
    pool.queue.append(make_claim(sample_jobs.add, 1))
    turn(manager)
    manager.workers[0].process.end(3)
    turn(manager)
    assert starts.failures == 1
    assert "a worker process ended (exit code 3) before it was ready" in caplog.text
    assert len(pool.queue) == 1


@pytest.mark.parametrize(("closing", "code", "waits"), [(1, 0, 0), (0, 0, 0), (1, 3, 0), (1, 0, 1)])
def test_a_worker_that_a_closed_pool_no_longer_needs_is_no_failure(
    manager, pool, starts, make_claim, closing, code, waits
):
    manager.warm_up = True
    turn(manager)
    pool.queue.extend(make_claim(sample_jobs.add, 1) for _ in range(waits))
    pool.closing = bool(closing)
    manager.workers[0].process.end(code)
    manager._bury(manager.workers[0])
    assert starts.failures == (0 if (closing, code, waits) == (1, 0, 0) else 1)


# -- clocks ----------------------------------------------------------------------------------------------------------


def running(manager, pool, starts, *claims, since=0.0):
    """Let a worker be at the first of these calls since so many seconds."""
    pool.queue.extend(claims)
    worker = greeted(manager, starts)
    turn(manager)
    board = manager.crew.board
    board.begin(worker.slot, worker.sent[0].number)
    board.started(worker.slot, 0)
    board._cells[worker.slot * 4 + 2] -= round(since * 1e9)
    return worker


@pytest.mark.parametrize(("since", "killed"), [(5.2, False), (5.6, True)])
def test_a_worker_is_killed_when_timeout_and_grace_are_over(
    manager, pool, starts, make_claim, recorder, since, killed
):
    pool.owner.timeout_grace = 0.5
    claim = make_claim(sample_jobs.add, 1, timeout=5)
    worker = running(manager, pool, starts, claim, since=since)
    turn(manager)
    assert ("kill" in worker.process.told) is killed
    assert recorder.outcomes == ([Outcome.TIMED_OUT] if killed else [])
    if killed:
        turn(manager)
        assert worker.process.told.count("kill") == 1
        assert len(recorder.results) == 1


def test_a_hung_worker_is_killed_whatever_is_raised_while_that_is_told(
    manager, pool, starts, make_claim, recorder
):
    claim = make_claim(sample_jobs.add, 1, timeout=5)
    worker = running(manager, pool, starts, claim, since=60)
    recorder.settle = RaisesOnce(recorder.settle)
    with pytest.raises(SystemExit):
        turn(manager)
    assert worker.process.told == ["kill"]


@pytest.mark.parametrize("workers", [1])
def test_what_waits_behind_a_slow_call_is_taken_back(manager, pool, starts, make_claim):
    claims = [make_claim(sample_jobs.add, 1) for _ in range(4)]
    short(manager, claims[0].job)
    worker = running(manager, pool, starts, *claims, since=1.0)
    manager._check_clocks()
    assert [each.claim for each in worker.sent] == claims[:1]
    assert list(pool.queue) == claims[1:]
    assert worker.taken_back
    assert not manager._giving.takes_more(worker)


def test_it_sleeps_until_something_comes_or_a_clock_runs_out(manager, pool, starts, make_claim):
    assert manager._pause() is None
    pool.queue.append(None)
    starts.pause = 3.0
    assert manager._pause() == 3.0
    starts.pause = 0.0
    pool.queue.clear()
    pool.owner.timeout_grace = 0.5
    worker = running(manager, pool, starts, make_claim(sample_jobs.add, 1))
    assert manager._pause() is None
    worker.sent[0].facts = worker.sent[0].facts._replace(timeout=9)
    assert 9.0 < manager._pause() <= 9.5


# -- being woken, and the end -------------------------------------------------------------------------------------------


def test_who_sleeps_is_woken_and_who_is_awake_only_where_that_must_be(manager):
    manager.wake()
    assert not manager._wakened.poll()
    manager._asleep = True
    manager.wake()
    manager.wake()
    assert manager._wakened.recv_bytes() == b"!"
    assert not manager._wakened.poll()
    manager.wake(surely=True)
    assert manager._wakened.recv_bytes() == b"!"


def test_it_ends_when_the_pool_has_closed_and_everything_is_done(
    manager, pool, starts, make_claim, recorder
):
    claim = make_claim(sample_jobs.add, 1)
    pool.queue.append(claim)
    greeted(manager, starts)
    pool.closing = True
    assert not turn(manager)
    ((number, _),) = read(starts.theirs[0])
    assert not turn(manager)
    say(starts.theirs[0], (number, executed(claim.fires[0]), True))
    assert not turn(manager)
    assert turn(manager)


def test_its_workers_end_with_it_and_who_does_not_is_killed(manager, pool, starts, make_claim):
    pool.queue.extend(make_claim(sample_jobs.add, 1) for _ in range(2))
    turn(manager)
    turn(manager)
    one, two = manager.workers
    one.process.end(0)
    file = Path(manager.crew.board.path)
    manager._end()
    for theirs in starts.theirs:
        assert theirs.recv_bytes() == b""
    assert [each[0] for each in one.process.told] == ["join"]
    (_, first), kill, (_, second) = two.process.told
    assert (kill, second) == ("kill", 5.0)
    assert 0.0 < first <= 5.0
    assert one.pipe.closed
    assert two.pipe.closed
    assert manager.workers == []
    assert pool.ended == 1
    assert not file.exists()
    assert manager._waker.closed
    assert manager._wakened.closed
    manager.wake(surely=True)  # whoever comes now meets no error


@pytest.mark.parametrize("kind", [KeyError, SystemExit, KeyboardInterrupt])
def test_it_goes_on_after_an_error_of_its_own_with_ctrl_c_kept_from_its_workers(
    manager, monkeypatch, caplog, kind
):
    turns, masks = [], []

    def fail_once():
        turns.append(1)
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
        if len(turns) == 1:
            raise kind("ours")
        return len(turns) == 3

    ends = []
    monkeypatch.setattr(manager, "_turn", fail_once)
    monkeypatch.setattr(manager, "_end", lambda: ends.append(1))
    thread = threading.Thread(target=manager.run)
    thread.start()
    thread.join(SECONDS)
    assert len(turns) == 3
    assert ends == [1]
    assert signal.SIGINT in masks[0]
    assert "executor 'mine' met an error of its own and goes on" in caplog.text
