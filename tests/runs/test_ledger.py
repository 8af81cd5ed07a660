"""The ring of outcomes in memory."""

from __future__ import annotations

import sys
from collections import Counter
from threading import Barrier, Thread
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Result
from apscheduler.runs.failures import TEXT_LIMIT
from apscheduler.runs.ledger import Detail, Ledger, one_line


def job(id="a"):
    return SimpleNamespace(id=id, _last=0)


def fill(ledger, count, id="a"):
    for number in range(count):
        ledger.executed(job(id), number, number, number)


def test_a_new_ledger_is_empty():
    ledger = Ledger(3)
    assert list(ledger.newest_first()) == []
    assert ledger.counts() == {}
    assert ledger.entry(1) is None
    assert ledger.entry(0) is None


def test_a_ledger_needs_room():
    with pytest.raises(ValueError, match="not 0"):
        Ledger(0)


@pytest.mark.trap(101)
def test_a_row_is_found_by_its_number_until_it_is_overwritten():
    ledger = Ledger(3)
    first = job()
    ledger.executed(first, 10, 11, 12)
    entry = ledger.entry(first._last)
    assert (entry.job_id, entry.fire, entry.started, entry.finished) == ("a", 10, 11, 12)
    fill(ledger, 3)
    assert ledger.entry(first._last) is None


@given(capacity=st.integers(1, 7), outcomes=st.lists(st.sampled_from(list(Outcome)), max_size=30))
def test_the_newest_rows_are_kept_whatever_their_outcome(capacity, outcomes):
    ledger = Ledger(capacity)
    for number, outcome in enumerate(outcomes):
        if outcome is Outcome.EXECUTED:
            ledger.executed(job(str(number)), number, 1, 2)
        else:
            ledger.record(str(number), number, 0, 2, outcome, Detail(reason=str(number)))
    rows = list(ledger.newest_first())
    kept = list(enumerate(outcomes))[-capacity:][::-1]
    assert [(row.fire, row.outcome) for row in rows] == kept
    for row in rows:
        plain = row.outcome is Outcome.EXECUTED
        assert row.detail.reason == (None if plain else row.job_id)
    assert ledger.counts() == Counter(outcome for _, outcome in kept)


def test_details_go_with_their_rows():
    ledger = Ledger(4)
    for number in range(20):
        ledger.record("a", number, 0, 0, Outcome.FAILED, Detail(error="x"))
    assert len(ledger._details) == 4
    fill(ledger, 4)
    assert ledger._details == {}
    assert all(row.detail == Detail() for row in ledger.newest_first())


def test_a_row_recorded_as_executed_leaves_no_old_detail_behind():
    ledger = Ledger(1)
    ledger.record("a", 1, 0, 0, Outcome.FAILED, Detail(error="x"))
    ledger.record("a", 2, 0, 0, Outcome.EXECUTED)
    (row,) = ledger.newest_first()
    assert (row.outcome, row.detail) == (Outcome.EXECUTED, Detail())


def test_counts_go_by_fire_times_not_by_rows():
    ledger = Ledger(5)
    ledger.record("a", 1, 0, 0, Outcome.COALESCED, Detail(count=7, last=9))
    fill(ledger, 2)
    assert ledger.counts() == {Outcome.COALESCED: 7, Outcome.EXECUTED: 2}


def test_what_an_executor_reports_is_written_with_its_error():
    ledger, failing = Ledger(5), job()
    error = ValueError("two\nlines")
    result = Result(
        1, Outcome.FAILED, 2, 3, exception=error, traceback="  x\n" * 100_000, reason="why"
    )
    ledger.write(failing, result, attempt=3)
    entry = ledger.entry(failing._last)
    assert entry.detail.error == "ValueError: two lines"
    assert TEXT_LIMIT - 100 < len(entry.detail.traceback) <= TEXT_LIMIT
    assert entry.detail.traceback.startswith("Traceback (most recent call last):\n  x\n")
    assert entry.detail.traceback.endswith("  x\nValueError: two\nlines\n")
    assert (entry.detail.attempt, entry.detail.reason) == (3, "why")


class UnspeakableError(Exception):
    kind = RuntimeError

    def __str__(self):
        raise self.kind("no words")


class FatallyUnspeakableError(UnspeakableError):
    kind = SystemExit


@pytest.mark.parametrize(
    ("exc", "line"),
    [
        (ValueError("x"), "ValueError: x"),
        (ValueError(), "ValueError"),
        (KeyError("x"), "KeyError: 'x'"),
        (UnspeakableError(), "UnspeakableError: (its __str__ raised)"),
        (FatallyUnspeakableError(), "FatallyUnspeakableError: (its __str__ raised)"),
    ],
)
def test_an_exception_is_one_line(exc, line):
    assert one_line(exc) == line


def test_a_long_message_is_cut():
    assert len(one_line(ValueError("x" * 5000))) == 1000


@pytest.fixture
def eager_switches():
    """Threads switch as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_switches")
def test_readers_never_see_a_row_made_of_two():
    """Writers put one number into every column of a row; a reader that finds two has read a torn row."""
    ledger = Ledger(16)
    writers, rounds = 3, 15_000
    barrier = Barrier(writers + 1)

    def write(first):
        barrier.wait(60)
        for number in range(first, first + rounds):
            if number % 5:
                ledger.executed(job(str(number)), number, number, number)
            else:
                ledger.record(
                    str(number), number, number, number, Outcome.FAILED, Detail(str(number))
                )

    threads = [
        Thread(target=write, args=(1 + each * rounds,), daemon=True) for each in range(writers)
    ]
    for thread in threads:
        thread.start()
    barrier.wait(60)
    torn = []
    while any(thread.is_alive() for thread in threads):
        for row in ledger.newest_first():
            values = {row.fire, row.started, row.finished, int(row.job_id)}
            if len(values) > 1 or (row.detail.reason or row.job_id) != row.job_id:
                torn.append(row)
    assert torn == []
    rows = list(ledger.newest_first())
    assert len(rows) == 16
    assert sum(ledger.counts().values()) == 16
    assert len(ledger._details) == sum(row.outcome is Outcome.FAILED for row in rows)


def test_a_row_that_is_being_overwritten_is_not_readable():
    ledger, seen = Ledger(1), []
    old = ledger.record("a", 1, 0, 0, Outcome.FAILED, Detail(error="x"))

    class Nosy:
        _last = 0

        @property
        def id(self):  # asked for in the middle of the writing
            seen.append(ledger.entry(old))
            return "b"

    ledger.executed(Nosy(), 2, 2, 2)
    assert seen == [None]


def test_a_writer_that_was_held_up_hides_no_newer_row():
    ledger = Ledger(200)

    class Slow:
        _last = 0

        @property
        def id(self):  # asked for in the middle of the writing
            fill(ledger, 150, "quick")
            return "slow"

    ledger.executed(Slow(), 1, 1, 1)
    assert ledger.counts() == {Outcome.EXECUTED: 151}
    assert [row.job_id for row in ledger.newest_first()][-1] == "slow"


@pytest.mark.usefixtures("eager_switches")
def test_first_rows_that_are_written_at_once_are_all_kept():
    for _ in range(100):
        ledger, barrier = Ledger(50), Barrier(4)

        def write(ledger=ledger, barrier=barrier):
            barrier.wait(60)
            fill(ledger, 1)

        threads = [Thread(target=write, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert ledger.counts() == {Outcome.EXECUTED: 4}
