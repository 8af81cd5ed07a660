"""Claims: each fire time is settled once, each claim released once."""

from __future__ import annotations

from threading import Barrier, Thread
from types import SimpleNamespace

import pytest

from apscheduler.history.outcomes import CODES, Outcome, fire_id
from apscheduler.runs.claims import Claim, Result


def a_claim(*fires, grace=5):
    return Claim(SimpleNamespace(id="a", _grace=grace), list(fires), sink=None)


def race(count, ask):
    barrier, answers = Barrier(count), []

    def run():
        barrier.wait(60)
        answers.append(ask())

    threads = [Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def test_a_fire_time_is_taken_once_and_in_any_order():
    claim = a_claim(1, 2, 3)
    assert claim.take(2)
    assert not claim.take(2)
    assert claim.unsettled == [1, 3]
    assert not claim.take(99)


@pytest.mark.parametrize("ask", [lambda claim: claim.take(1), lambda claim: claim.take_release()])
def test_of_racing_threads_one_is_first(ask):
    for _ in range(50):
        claim = a_claim(1)
        assert sorted(race(4, lambda claim=claim: ask(claim))) == [False, False, False, True]


def test_a_start_is_missed_beyond_the_grace_time_only():
    claim = a_claim(100, grace=5)
    assert not claim.misses(100, 105)
    assert claim.misses(100, 106)
    assert not claim.misses(100, 90)


def test_a_claim_shows_its_job_and_fire_times():
    assert repr(a_claim(1, 2)) == "<Claim (job=a fires=[1, 2])>"


def test_results_compare_by_value():
    assert Result(1, Outcome.FAILED, 2, 3) == Result(1, Outcome.FAILED, 2, 3)
    assert Result(1, Outcome.FAILED, 2, 3) != Result(1, Outcome.EXECUTED, 2, 3)


def test_outcomes_are_the_words_users_see():
    assert [str(outcome) for outcome in CODES] == [
        *("executed", "failed", "timed_out", "missed"),
        *("skipped", "coalesced", "lost", "cancelled"),
    ]
    assert Outcome("missed") is Outcome.MISSED


def test_a_fire_id_is_the_same_for_the_same_fire_time_only():
    assert fire_id("a", 1) == fire_id("a", 1)
    assert len({fire_id("a", 1), fire_id("a", 2), fire_id("b", 1)}) == 3
