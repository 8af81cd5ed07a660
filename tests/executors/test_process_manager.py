"""The manager of a pool of processes, turn by turn: how calls are given, and answers taken."""

from __future__ import annotations

import pickle
import threading

import pytest
from executors.workers_of_a_test import (
    executed,
    greeted,
    read,
    say,
    short,
    turn,
)

from apscheduler.executors._attempt.answers import facts_of
from apscheduler.executors._processes import giving
from apscheduler.executors._processes import manager as process_manager
from apscheduler.executors._wire.board import Board
from apscheduler.history.outcomes import Outcome
from tests.executors import sample_jobs

SECONDS = 20


# -- giving and taking -------------------------------------------------------------------------------------


def test_a_call_goes_to_a_worker_that_has_greeted_and_its_answers_are_outcomes(
    manager, pool, starts, make_claim, recorder
):
    claim = make_claim(sample_jobs.add, 1, fires=2)
    pool.queue.append(claim)
    worker = greeted(manager, starts)
    assert starts.started == [("apscheduler-mine-1", 1, manager.crew.board.path, [])]
    assert not worker.sent
    turn(manager)
    ((number, facts),) = read(starts.theirs[0])
    assert facts[2] == claim.fires
    assert [each.claim for each in worker.sent] == [claim]
    assert manager.running_count() == 1
    say(starts.theirs[0], (number, executed(claim.fires[0], 2), False))
    turn(manager)
    assert recorder.released == []
    assert worker.sent
    say(starts.theirs[0], (number, executed(claim.fires[1], 3), True))
    turn(manager)
    assert [each.retval for each in recorder.results] == [2, 3]
    assert recorder.released == [claim]
    assert manager.running_count() == 0


@pytest.mark.parametrize("kind", [KeyError, SystemExit, KeyboardInterrupt])
def test_whatever_is_raised_while_an_answer_is_taken_the_claim_is_settled_and_let_go(
    manager, pool, starts, make_claim, recorder, monkeypatch, caplog, kind
):
    claim = make_claim(sample_jobs.add, 1, fires=2)
    pool.queue.append(claim)
    worker = greeted(manager, starts)
    turn(manager)
    ((number, _),) = read(starts.theirs[0])

    def fail(*_):
        raise kind("ours")

    monkeypatch.setattr(process_manager, "take_answer", fail)
    first, second = claim.fires
    say(starts.theirs[0], (number, executed(first), False), (number, executed(second), True))
    turn(manager)
    assert [(each.fire, each.outcome) for each in recorder.results] == [
        (first, Outcome.FAILED),
        (second, Outcome.FAILED),
    ]
    assert recorder.released == [claim]
    assert worker.is_free
    assert "executor 'mine' met an error of its own" in caplog.text


def test_a_release_that_raises_costs_no_outcome(manager, pool, starts, make_claim, recorder):
    claim = make_claim(sample_jobs.add, 1)
    pool.queue.append(claim)
    greeted(manager, starts)
    turn(manager)
    ((number, _),) = read(starts.theirs[0])
    left = [SystemExit]
    release = recorder.release

    def fail_once(claim):
        if left:
            raise left.pop()
        release(claim)

    recorder.release = fail_once
    say(starts.theirs[0], (number, executed(claim.fires[0]), True))
    turn(manager)
    assert recorder.outcomes == [Outcome.EXECUTED]
    assert recorder.released == [claim]


def test_an_answer_to_something_else_is_not_taken(manager, pool, starts, make_claim, recorder):
    claim = make_claim(sample_jobs.add, 1)
    pool.queue.append(claim)
    worker = greeted(manager, starts)
    turn(manager)
    ((number, _),) = read(starts.theirs[0])
    say(starts.theirs[0], (number + 1, executed(claim.fires[0]), True))
    turn(manager)
    assert recorder.results == []
    say(
        starts.theirs[0],
        (number, executed(claim.fires[0]), True),
        (number + 1, executed(0), True),
    )
    turn(manager)
    assert recorder.outcomes == [Outcome.EXECUTED]
    assert not worker.sent


@pytest.mark.parametrize("workers", [1])
def test_a_call_that_a_worker_was_kept_from_is_given_again_first(
    manager, pool, starts, make_claim, recorder
):
    kept, other, waiting = (make_claim(sample_jobs.add, number) for number in range(3))
    short(manager, kept.job)
    pool.queue.extend([kept, other])
    worker = greeted(manager, starts)
    turn(manager)
    assert [each.claim for each in worker.sent] == [kept, other]
    pool.queue.append(waiting)
    worker.taken_back = True
    manager.crew.board.limit(worker.slot, 0)
    manager._read(worker, pickle.dumps([(0, None, True)]))
    assert worker.taken_back
    assert list(pool.queue) == [kept, waiting]
    pool.queue.clear()
    manager._read(worker, pickle.dumps([(1, None, True)]))
    assert list(pool.queue) == [other]
    assert not worker.sent
    assert not worker.taken_back
    assert manager.crew.board.begin(worker.slot, 99)
    assert recorder.results == []


@pytest.mark.parametrize("workers", [1])
def test_answers_behind_a_call_that_was_kept_back_are_taken(
    manager, pool, starts, make_claim, recorder
):
    kept, other = (make_claim(sample_jobs.add, number) for number in range(2))
    short(manager, kept.job)
    pool.queue.extend([kept, other])
    worker = greeted(manager, starts)
    turn(manager)
    answers = [(0, None, True), (1, executed(other.fires[0]), True)]
    manager._read(worker, pickle.dumps(answers))
    assert [each.fire for each in recorder.results] == other.fires
    assert list(pool.queue) == [kept]


@pytest.mark.parametrize("workers", [1])
def test_short_calls_travel_together_and_no_more_than_their_worker_may_have(
    manager, pool, starts, make_claim
):
    starts.max_tasks = 3
    claims = [make_claim(sample_jobs.add, 1) for _ in range(5)]
    short(manager, claims[0].job)
    pool.queue.extend(claims)
    worker = greeted(manager, starts)
    turn(manager)
    assert [number for number, _ in read(starts.theirs[0])] == [0, 1, 2]
    assert read(starts.theirs[0]) is None
    assert worker.leaving
    assert list(pool.queue) == claims[3:]


@pytest.mark.parametrize("workers", [1])
def test_a_call_that_is_not_short_travels_alone(manager, pool, starts, make_claim):
    quick, slow = make_claim(sample_jobs.add, 1), make_claim(sample_jobs.length, "x")
    short(manager, quick.job)
    pool.queue.extend([quick, quick, slow, quick])
    greeted(manager, starts)
    turn(manager)
    assert len(read(starts.theirs[0])) == 2
    assert list(pool.queue) == [slow, quick]


def test_what_was_settled_meanwhile_is_not_sent(manager, pool, starts, make_claim, recorder):
    recorder.give_back = recorder.release
    gone, rest = make_claim(sample_jobs.add, 1), make_claim(sample_jobs.add, 1, fires=2)
    gone.take(gone.fires[0])
    for fire in rest.fires:
        rest.take(fire)
    other = make_claim(sample_jobs.add, 2)
    pool.queue.append(other)
    worker = greeted(manager, starts)
    pool.queue.clear()
    pool.queue.extend([gone, rest])
    manager._giving.send(worker)
    manager._giving.send(worker)
    assert recorder.released == [gone, rest]
    assert not worker.sent
    rest = make_claim(sample_jobs.add, 1, fires=3)
    rest.take(rest.fires[0])
    pool.queue.append(rest)
    manager._giving.send(worker)
    ((_, facts),) = read(starts.theirs[0])
    assert facts[2] == rest.fires[1:]


def test_what_does_not_pickle_has_failed(manager, pool, starts, make_claim, recorder):
    claim = make_claim(sample_jobs.add, threading.Lock(), fires=2)
    pool.queue.append(claim)
    worker = greeted(manager, starts)
    turn(manager)
    assert recorder.outcomes == [Outcome.FAILED] * 2
    assert "cannot be sent to another process" in str(recorder.results[0].exception)
    assert recorder.released == [claim]
    assert not worker.sent


def test_an_error_while_a_message_is_made_costs_that_call_only(
    manager, pool, starts, make_claim, recorder, monkeypatch
):
    sound, odd, last = (make_claim(sample_jobs.add, number) for number in range(3))
    short(manager, sound.job)
    pool.queue.append(sound)
    worker = greeted(manager, starts)
    turn(manager)
    read(starts.theirs[0])
    worker.sent.clear()

    def failing(claim, fires):
        if claim is odd:
            raise MemoryError
        return facts_of(claim, fires)

    monkeypatch.setattr(giving, "facts_of", failing)
    pool.queue.extend([sound, odd, last])
    with pytest.raises(MemoryError):
        manager._giving.send(worker)
    assert [(each.fire, each.outcome) for each in recorder.results] == [
        (odd.fires[0], Outcome.FAILED)
    ]
    assert recorder.released == [odd]
    ((_, facts),) = read(starts.theirs[0])
    assert facts[2] == sound.fires
    assert list(pool.queue) == [last]


def test_what_runs_is_under_way_since_the_board_says_so(manager, pool, starts, make_claim):
    claim = make_claim(sample_jobs.add, 1, fires=2)
    pool.queue.append(claim)
    worker = greeted(manager, starts)
    turn(manager)
    ((number, _),) = read(starts.theirs[0])
    assert manager.under_way() == []
    board = Board(manager.crew.board.path)
    board.begin(worker.slot, number)
    assert manager.under_way() == []
    board.started(worker.slot, 1)
    ((found, fire, began),) = manager.under_way()
    assert (found, fire) == (claim, claim.fires[1])
    assert claim.fires[0] < began <= pool.owner._now_us()
    board.started(worker.slot, 2)
    assert manager.under_way() == []


@pytest.mark.parametrize("workers", [1])
def test_why_something_waited_is_said(manager, pool, starts, make_claim):
    assert manager.why_late() == "it waited for a worker process of executor 'mine'"
    pool.queue.append(make_claim(sample_jobs.add, 1))
    greeted(manager, starts)
    turn(manager)
    assert manager.why_late() == "the only worker of executor 'mine' was busy"
