"""What the outcomes of runs become in the rows of the ledger, the late ones and those that are given back too."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from cluster.rules import at
from jobstores.stages import CopiedPlace, staged
from sqlalchemy.exc import OperationalError

from apscheduler._engine.instants import SECOND
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Result
from apscheduler.testing._contract_jobs import INTERVAL, NOW, once

PLAIN, TOLD = {}, {"reason": "why"}
"""Outcomes without texts are written together, those with texts one by one."""


@pytest.fixture
def stage(tmp_path, tables):
    place = CopiedPlace(tables, tmp_path)
    with staged(place) as stage:
        stage.told = []
        stage.a.store._session.outbox._on_trouble = lambda text, exc: stage.told.append(text)
        yield stage
    place.close()


def row(stage, columns: str, job_id: str = "job") -> tuple:
    ((*found,),) = stage.place.rows(
        f"SELECT {columns} FROM {{t}}_runs WHERE job_id = :id", id=job_id
    )
    return tuple(found)


def settle(stage, claim, outcome=Outcome.EXECUTED, *, started=NOW, **details) -> None:
    result = Result(claim.fires[0], outcome, started, NOW + 1000, **details)
    stage.a.store.settle(claim, result)
    stage.a.store._session.outbox.flush()


@pytest.mark.parametrize("details", [PLAIN, TOLD], ids=["plain", "told"])
def test_times_are_the_stores_at_the_claim_and_at_the_end(stage, details):
    stage.a.add("job")
    (claim,) = stage.a.claim().batch.claims
    claim.offset = 5 * SECOND
    claim._offset = SimpleNamespace(us=7 * SECOND)
    settle(stage, claim, **details)
    assert row(stage, "state, started_us, finished_us, reason") == (
        *(10, NOW + 5 * SECOND, NOW + 1000 + 7 * SECOND),
        details.get("reason"),
    )
    assert stage.told == []


@pytest.mark.parametrize("details", [PLAIN, TOLD], ids=["plain", "told"])
def test_what_was_never_started_has_no_start(stage, details):
    stage.a.add("job")
    (claim,) = stage.a.claim().batch.claims
    settle(stage, claim, Outcome.MISSED, started=0, **details)
    assert row(stage, "state, started_us, finished_us") == (13, None, NOW + 1000)


def test_a_failure_is_written_with_its_error_and_where_it_was_raised(stage):
    stage.a.add("job")
    (claim,) = stage.a.claim().batch.claims
    error = ValueError("nul \x00 and half \ud800")
    settle(stage, claim, Outcome.FAILED, exception=error, traceback="the frames")
    state, told, trace = row(stage, "state, error, traceback")
    assert state == 11
    assert told == "ValueError: nul \\x00 and half \\ud800"
    assert "the frames" in trace


class Shy:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "kept"),
    [({"a": 1}, "{'a': 1}"), (Shy(), "<Shy whose repr raised RuntimeError>"), (None, None)],
    ids=["a value", "a shy one", "none"],
)
def test_a_result_is_kept_as_text_where_results_are_kept(stage, value, kept):
    stage.a.store._session.outbox._keep_results = True
    stage.a.add("job")
    (claim,) = stage.a.claim().batch.claims
    settle(stage, claim, retval=value)
    assert row(stage, "state, result, reason, error, traceback") == (10, kept, None, None, None)


@pytest.mark.parametrize("details", [PLAIN, TOLD], ids=["plain", "told"])
def test_an_outcome_that_was_written_before_is_the_same_once_more(stage, details):
    stage.a.add("job")
    (claim,) = stage.a.claim().batch.claims
    for _ in range(2):
        settle(stage, claim, **details)
    assert row(stage, "state, late_word") == (10, 0)
    assert stage.told == []


@pytest.mark.parametrize("details", [PLAIN, TOLD], ids=["plain", "told"])
def test_a_late_word_about_a_lost_run_is_the_truth_about_this_one(stage, details):
    for name in ("job", "other"):
        stage.a.add(name)
    claims = {each.job.id: each for each in stage.a.claim().batch.claims}
    stage.bury(stage.a, by=stage.b)
    assert row(stage, "state", "other") == (16,)
    settle(stage, claims["job"], **details)
    assert row(stage, "state, late_word, started_us") == (10, 1, NOW)
    assert row(stage, "state, late_word", "other") == (16, 0)
    assert stage.told == []


@pytest.mark.parametrize("details", [PLAIN, TOLD], ids=["plain", "told"])
def test_a_late_word_about_a_run_that_another_node_has_taken_changes_nothing_and_is_told(
    stage, details
):
    stage.a.add("job", delivery="at_least_once", trigger=once(NOW))
    (claim,) = stage.a.claim().batch.claims
    stage.bury(stage.a, by=stage.b)
    stage.b.claim()
    settle(stage, claim, **details)
    assert row(stage, "state, token, late_word") == (1, 3, 0)
    assert len(stage.told) == 1
    assert "A late word about job 'job'" in stage.told[0]


@pytest.mark.parametrize("details", [PLAIN, TOLD], ids=["plain", "told"])
def test_a_late_word_about_a_run_that_is_not_kept_any_more_is_told(stage, details):
    stage.a.add("job")
    (claim,) = stage.a.claim().batch.claims
    stage.place.change("DELETE FROM {t}_runs")
    settle(stage, claim, **details)
    assert stage.place.rows("SELECT * FROM {t}_runs") == []
    assert len(stage.told) == 1


@pytest.mark.parametrize("details", [PLAIN, TOLD], ids=["plain", "told"])
def test_another_outcome_than_was_written_changes_nothing_and_is_told(stage, details):
    stage.a.add("job")
    (claim,) = stage.a.claim().batch.claims
    settle(stage, claim, **details)
    settle(stage, claim, Outcome.FAILED, **details)
    assert row(stage, "state, late_word") == (10, 0)
    assert len(stage.told) == 1


def test_one_that_came_too_late_keeps_no_other_from_its_outcome(stage):
    for name in ("first", "job", "last"):
        stage.a.add(name)
    claims = stage.a.claim().batch.claims
    stage.place.change("DELETE FROM {t}_runs WHERE job_id = 'job'")
    for claim, details in zip(claims, (PLAIN, PLAIN, TOLD), strict=True):
        result = Result(NOW, Outcome.EXECUTED, NOW, NOW + 1000, **details)
        stage.a.store.settle(claim, result)
    stage.a.store._session.outbox.flush()
    assert row(stage, "state", "first") == row(stage, "state", "last") == (10,)
    assert len(stage.told) == 1


# -- given back ------------------------------------------------------------------------------------------------------


def test_a_run_that_was_not_started_is_free_for_others_and_what_was_settled_is_not(stage):
    for name in ("job", "other"):
        stage.a.add(name)
    claims = {each.job.id: each for each in stage.a.claim().batch.claims}
    claims["other"].take(NOW)
    for each in claims.values():
        stage.a.store.give_back(each)
    stage.a.store._session.outbox.give_back_all(claims["other"], [NOW])
    stage.a.store._session.outbox.flush()
    assert row(stage, "state, token") == (0, 2)
    assert row(stage, "state, token", "other") == (1, 1)


def due(stage, count: int, job_id: str = "job") -> list[int]:
    fires = [NOW - back * INTERVAL for back in range(count - 1, -1, -1)]
    stage.a.add(job_id, due=fires[0])
    return fires


def test_of_a_catch_up_the_started_one_stays_and_what_follows_is_free(stage):
    due(stage, 4)
    due(stage, 3, "other")
    claims = {each.job.id: each for each in stage.a.claim().batch.claims}
    rest = claims["job"].catch_up.end()
    stage.a.store._session.outbox.give_back_rests([rest])
    stage.a.store._session.outbox.flush()
    assert stage.rows() == [(1, 1, 1)] + [(0, 2, 1)] * 3
    assert stage.rows("other") == [(1, 1, 1)] * 3


def test_of_a_catch_up_that_is_given_back_nothing_stays(stage):
    due(stage, 4)
    (first,) = stage.a.claim().batch.claims
    stage.a.store.give_back(first)
    stage.a.store._session.outbox.flush()
    assert stage.rows() == [(0, 2, 1)] * 4


def test_what_follows_goes_on_when_the_outcomes_before_it_are_written(stage):
    fires = due(stage, 4)
    claimed = stage.a.claim()
    (first,) = claimed.batch.claims
    (second,) = claimed.follow(first)
    assert (first.fires, second.fires) == (fires[:1], fires[1:])
    assert stage.rows() == [(10, 1, 1)] + [(1, 1, 1)] * 3


def test_what_no_executor_takes_is_told_and_free_for_others(stage, monkeypatch):
    due(stage, 4)
    (first,) = stage.a.claim().batch.claims
    sink = first.catch_up.sink

    def raises(job):
        raise RuntimeError("the executor is shut down")

    monkeypatch.setattr(sink, "takes_now", raises, raising=False)
    settle(stage, first)
    assert stage.rows() == [(10, 1, 1)] + [(0, 2, 1)] * 3
    assert stage.told == ["What follows of a catch-up could not be handed over"]


def test_what_follows_is_not_handed_over_where_its_permission_was_not_committed(stage):
    fires = due(stage, 4)
    claimed = stage.a.claim()
    (first,) = claimed.batch.claims

    def fails() -> None:
        raise OperationalError("", {}, Exception("gone"))

    with at("settle.written", fails), pytest.raises(OperationalError):
        settle(stage, first)
    assert stage.rows() == [(1, 1, 1)] * 4
    assert first.catch_up.permitted == 1
    stage.a.store._session.outbox.flush()
    assert first.catch_up.permitted == len(fires)
