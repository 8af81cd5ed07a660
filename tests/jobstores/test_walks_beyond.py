"""How far one pass looks for due jobs that this node can run."""

from __future__ import annotations

import pytest

from apscheduler.jobstores._sql.claiming.beyond import PAGE, ROWS, Looked, Mark, _Walk

NOW = 1_000
STEP = PAGE - 1
"""The last moment of a page may have rows that the page did not hold: it is read again."""


class Queue:
    """Due rows without an end, a second apart, and what was asked of them."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def read(self, mark: Mark, now: int) -> list[tuple]:
        assert now == NOW
        self.asked.append(mark.moment)
        return [(f"job-{each}", mark.moment + each + 1, b"", "") for each in range(mark.page)]


def never(executor: str, mark: Mark) -> None:
    raise AssertionError(executor)


@pytest.fixture
def queue() -> Queue:
    return Queue()


def test_a_pass_looks_at_so_many_rows_and_goes_on_behind_them(queue):
    walk = _Walk(queue.read, NOW, lambda page: Looked(len(page), 2))
    mark, ended, found = walk.walk(Mark(0.0), ROWS, never)
    assert queue.asked == [0.0, STEP, 2 * STEP, 3 * STEP]
    assert (mark.moment, ended, found) == (4 * STEP, False, 8)
    assert walk.goes_on


def test_a_pass_that_is_to_look_at_no_more_does_not(queue):
    walk = _Walk(queue.read, NOW, lambda page: Looked(5, 5, goes_on=False))
    mark, ended, found = walk.walk(Mark(0.0), ROWS, never)
    assert queue.asked == [0.0]
    assert (mark.moment, ended, found) == (4.0, False, 5)
    assert not walk.goes_on
    assert walk.walk(mark, ROWS, never) == (mark, False, 0)
    assert queue.asked == [0.0]


def test_who_waits_is_told_before_which_mark(queue):
    told = []
    walk = _Walk(queue.read, NOW, lambda page: Looked(len(page), 0, ["slow"]))
    walk.walk(Mark(0.0), 2 * PAGE, lambda executor, mark: told.append((executor, mark.moment)))
    assert told == [("slow", 0.0), ("slow", STEP)]


@pytest.mark.parametrize(("rows", "moment"), [(3, 3.0), (0, 0.0)])
def test_a_page_that_is_not_full_is_the_last(queue, rows, moment):
    walk = _Walk(
        lambda mark, now: queue.read(mark, now)[:rows], NOW, lambda page: Looked(len(page), rows)
    )
    mark, ended, found = walk.walk(Mark(0.0), ROWS, never)
    assert (mark.moment, ended, found) == (moment, True, rows)
    assert queue.asked == [0.0]
