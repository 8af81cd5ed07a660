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


class Sink:
    """Keeps what it is told; ``raises`` has what it raises for a fire time, after that was taken."""

    def __init__(self, raises=None, keeps=()):
        self.results, self.releases = [], 0
        self.raises, self.keeps = raises or {}, keeps

    def settle(self, claim, result):
        if result.fire in self.keeps:
            raise OSError(f"cannot settle {result.fire}")
        if not claim.take(result.fire):
            return False
        self.results.append(result)
        if result.fire in self.raises:
            raise self.raises[result.fire]
        return True

    def release(self, claim):
        self.releases += claim.take_release()


def in_sink(sink, *fires):
    return Claim(SimpleNamespace(id="a", _grace=5), list(fires), sink=sink)


def test_a_fire_time_is_open_until_it_is_settled():
    claim = a_claim(1, 2)
    claim.take(1)
    assert [claim.is_open(fire) for fire in (1, 2, 3)] == [False, True, False]


def test_the_next_open_fire_time_is_the_first_that_nobody_has_settled():
    claim = a_claim(1, 2, 3)
    found = []
    while (fire := claim.next_open()) is not None:
        found.append(fire)
        claim.take(fire)
        claim.take(2)
    assert found == [1, 3]


def test_to_close_a_claim_is_to_settle_what_is_left_and_then_to_release_it():
    sink, problem = Sink(), OSError("full")
    claim = in_sink(sink, 1, 2, 3)
    claim.take(2)
    claim.close(Outcome.FAILED, 9, reason="why", exception=problem, traceback="frames", story="all")
    told = (Outcome.FAILED, 0, 9, None, problem, "frames", "why", "all")
    assert sink.results == [Result(1, *told), Result(3, *told)]
    assert sink.releases == 1
    claim.close(Outcome.LOST, 10)
    assert (len(sink.results), sink.releases) == (2, 1)


def test_a_closed_claim_has_the_start_that_is_known():
    sink = Sink()
    in_sink(sink, 1).close(Outcome.LOST, 9, started=5)
    assert sink.results == [Result(1, Outcome.LOST, 5, 9)]


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ([OSError("first")], OSError),
        ([KeyboardInterrupt(), OSError("later")], KeyboardInterrupt),
        ([OSError("first"), KeyboardInterrupt()], KeyboardInterrupt),
    ],
)
def test_what_settling_one_fire_time_raises_keeps_no_other_from_being_settled(raised, told):
    sink = Sink(dict(zip((1, 2), raised, strict=False)))
    with pytest.raises(told):
        in_sink(sink, 1, 2, 3).close(Outcome.CANCELLED, 9)
    assert [result.fire for result in sink.results] == [1, 2, 3]
    assert sink.releases == 1


def test_a_claim_is_not_released_while_a_fire_time_cannot_be_settled():
    sink = Sink(keeps=(2,))
    claim = in_sink(sink, 1, 2, 3)
    with pytest.raises(OSError, match="cannot settle 2"):
        claim.close(Outcome.CANCELLED, 9)
    assert (claim.unsettled, sink.releases) == ([2], 0)
