"""What a board says of calls, from both of its sides."""

from __future__ import annotations

import pytest

from apscheduler.executors._foreign import board as call_board
from apscheduler.executors._foreign.board import CallBoard, WorkersBoard


@pytest.fixture
def board():
    made = CallBoard(2)
    yield made
    made.remove()


@pytest.fixture
def worker(board):
    return WorkersBoard(board.path)


def test_a_call_that_nobody_has_begun_is_not_seen_to_run(board):
    slot = board.hand_out(7)
    assert not board.seen(slot).begun
    assert not board.seen(slot).is_running


def test_a_call_is_seen_to_begin_to_run_and_to_end(board, worker):
    slot = board.hand_out(7)
    assert worker.begin(slot, 7)
    assert worker.go_on(slot, 7, 0)
    assert board.seen(slot).is_running
    worker.end(slot, 7, 0, call_board.FAILED)
    seen = board.seen(slot)
    assert (seen.begun, seen.is_running, seen.ended) == (True, False, 1)
    assert seen.codes == (call_board.FAILED,)


def test_a_call_begins_once(board, worker):
    slot = board.hand_out(7)
    assert worker.begin(slot, 7)
    assert not worker.begin(slot, 7)


def test_a_call_that_was_given_up_does_not_begin_in_the_place_of_the_next_one(board, worker):
    board.take_back(board.hand_out(7))
    board.hand_out(8)
    slot = board.hand_out(9)
    board.take_back(slot)
    board.hand_out(10)
    assert not worker.begin(slot, 9)
    assert not worker.go_on(slot, 9, 0)
    worker.end(slot, 9, 0, call_board.EXECUTED)
    assert board.seen(slot).ended == 0


def test_nothing_begins_from_the_limit_on_and_that_is_said(board, worker):
    slot = board.hand_out(7)
    worker.begin(slot, 7)
    board.limit(slot, 1)
    assert worker.go_on(slot, 7, 0)
    worker.end(slot, 7, 0, call_board.EXECUTED)
    assert not worker.go_on(slot, 7, 1)
    assert board.seen(slot).was_refused
    assert board.seen(slot).codes == (call_board.EXECUTED, call_board.REFUSED)


def test_where_all_places_are_taken_there_is_none(board):
    first = board.hand_out(1)
    board.hand_out(2)
    assert board.hand_out(3) is None
    board.take_back(first)
    assert board.hand_out(4) == first


def test_how_more_calls_ended_than_are_kept_is_not_made_up(board, worker):
    slot = board.hand_out(7)
    worker.begin(slot, 7)
    for index in range(30):
        worker.go_on(slot, 7, index)
        worker.end(slot, 7, index, call_board.EXECUTED)
    assert board.seen(slot).ended == 30
    assert len(board.seen(slot).codes) == 20
