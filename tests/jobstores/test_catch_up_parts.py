"""The portions of catch-ups: what is known of their functions, how one ends, and who takes it over."""

from __future__ import annotations

from types import SimpleNamespace

from apscheduler.jobstores._sql.claiming import catching_up
from apscheduler.jobstores._sql.claiming.catching_up import Portion
from apscheduler.testing._contract_jobs import INTERVAL, NOW


def due(node, count: int, job_id: str = "job", **options) -> list[int]:
    fires = [NOW - back * INTERVAL for back in range(count - 1, -1, -1)]
    node.add(job_id, due=fires[0], **options)
    return fires


def claims_of(claimed) -> dict:
    return {each.job.id: each for each in claimed.batch.claims}


def freed(stage, count: int) -> list[int]:
    """Have a catch-up that its node gives back, all but what was started."""
    fires = due(stage.a, count)
    (first,) = stage.a.claim().batch.claims
    stage.a.store.give_back(first)
    stage.a.store._session.outbox.flush()
    return fires


# -- what is known of a function ------------------------------------------------------------------------------------


def test_a_function_that_is_known_begins_with_a_whole_portion(stage):
    due(stage.a, 40)
    stage.a.claim().finish()  # a millisecond each
    stage.a.store._session.outbox.flush()
    due(stage.a, 40, "other")
    (first,) = stage.a.claim().batch.claims
    assert len(first.fires) == 25


def test_the_mean_run_time_is_kept_by_function_and_of_so_many(stage, monkeypatch):
    monkeypatch.setattr(catching_up, "_KNOWN_FUNCTIONS", 2)
    catch_ups = stage.a.store._session.outbox.catch_ups
    one, two, three = (SimpleNamespace(func_ref=name, id=name) for name in ("a:b", "c:d", None))
    three.id = "three"
    catch_ups._learn(one, None)
    assert catch_ups.mean_of(one) is None
    catch_ups._learn(one, 1.5)
    catch_ups._learn(two, 2.5)
    assert (catch_ups.mean_of(one), catch_ups.mean_of(two)) == (1.5, 2.5)
    catch_ups._learn(three, 3.5)
    assert (catch_ups.mean_of(one), catch_ups.mean_of(three)) == (None, 3.5)


# -- the end of one ----------------------------------------------------------------------------------------------------


def test_a_catch_up_that_has_ended_hands_over_nothing_and_ends_once(stage):
    fires = due(stage.a, 4)
    (first,) = stage.a.claim().batch.claims
    rest = first.catch_up.end()
    assert (rest.fire, rest.claim.fires, rest.result) == (fires[1], fires[1:], None)
    assert rest.claim.submitted == [], "it was told with the first portion"
    assert first.catch_up.end() is None
    first.catch_up.permit(4)
    first.catch_up.released(first)
    assert first.catch_up.portion() is None


def test_what_an_executor_does_not_take_is_given_back(stage, monkeypatch):
    due(stage.a, 4)
    claimed = stage.a.claim()
    (first,) = claimed.batch.claims
    monkeypatch.setattr(first.sink, "takes_now", lambda job: True)
    claimed._finish_one(first, "executed")
    stage.a.store._session.outbox.flush()
    assert stage.rows() == [(10, 1, 1)] + [(0, 2, 1)] * 3


def test_a_catch_up_that_is_another_nodes_by_now_goes_on_here_no_more_and_others_do(stage):
    for name in ("first", "lost", "last"):
        due(stage.a, 4, name)
    claimed = stage.a.claim()
    portions = claims_of(claimed)
    stage.place.change(
        "UPDATE {t}_runs SET token = 2 WHERE job_id = 'lost' AND fire_us = :f", f=NOW
    )
    for each in portions.values():
        claimed._finish_one(each, "executed")
    stage.a.store._session.outbox.flush()
    permitted = {name: each.catch_up.permitted for name, each in portions.items()}
    assert permitted == {"first": 4, "lost": 1, "last": 4}


# -- taken over by another node ---------------------------------------------------------------------------------------


def test_a_free_catch_up_is_taken_whole_and_begins_with_what_may_start(stage):
    fires = freed(stage, 4)
    claimed = stage.b.claim()
    (first,) = claimed.batch.claims
    assert isinstance(first, Portion)
    assert (first.submitted, first.fires) == (fires, fires[:1])
    assert stage.rows() == [(1, 3, 1)] * 4
    ((permitted,),) = stage.place.rows("SELECT MAX(permitted_us) FROM {t}_runs")
    assert permitted == fires[0]
    (second,) = claimed.follow(first)
    assert second.fires == fires[1:]
    assert claimed.follow(second) == []
    stage.b.store._session.outbox.flush()
    assert stage.rows() == [(10, 3, 1)] * 4


def test_a_free_catch_up_of_a_known_function_begins_with_no_more_than_there_is(stage):
    fires = freed(stage, 4)
    (job,) = stage.b.store.get_all_jobs()
    stage.b.store._session.outbox.catch_ups._learn(job, 1000.0)
    (only,) = stage.b.claim().batch.claims
    assert only.fires == fires


def test_of_two_that_are_free_the_first_may_start(stage):
    fires = freed(stage, 2)
    (first,) = stage.b.claim().batch.claims
    assert isinstance(first, Portion)
    assert first.fires == fires[:1]


def test_the_last_one_of_a_catch_up_is_taken_as_any_run(stage):
    fires = due(stage.a, 2)
    claimed = stage.a.claim()
    (first,) = claimed.batch.claims
    stage.a.store._session.outbox.give_back_rests([first.catch_up.end()])
    claimed._finish_one(first, "executed")
    stage.a.store._session.outbox.flush()
    (last,) = stage.b.claim().batch.claims
    assert not isinstance(last, Portion)
    assert (last.fires, last.token) == (fires[1:], 3)


def test_of_a_buried_catch_up_what_had_begun_is_taken_first_and_alone(stage):
    fires = due(stage.a, 4, delivery="at_least_once")
    stage.a.claim()
    stage.bury(stage.a, by=stage.b)
    again = stage.b.claim()
    (begun,) = again.batch.claims
    assert not isinstance(begun, Portion)
    assert (begun.fires, begun.attempt, begun.token) == (fires[:1], 2, 3)
    stage.b.store._session.claiming.look_for_free_runs()
    assert stage.b.claim().batch.claims == [], "one of them is at work"
    again.finish()
    stage.b.store._session.outbox.flush()
    stage.b.store._session.claiming.look_for_free_runs()
    (rest,) = stage.b.claim().batch.claims
    assert rest.submitted == fires[1:]
