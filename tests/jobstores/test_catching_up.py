"""Catch-up in portions: how much is permitted, what is given back, and who takes it."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from cluster.rules import Stage, at
from databases import SHARED, Place
from sqlalchemy.exc import OperationalError

from apscheduler.cluster import lease as lease_module
from apscheduler.cluster import membership as membership_module
from apscheduler.jobstores._sql.claiming.catching_up import CatchUps, portion_of
from apscheduler.testing import ManualScheduler
from apscheduler.testing._contract_jobs import INTERVAL, NOW, claim, make_job, moment
from apscheduler.triggers.interval import IntervalTrigger

pytestmark = pytest.mark.slow


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def stage(place):
    stage = Stage(place)
    with (
        patch.object(lease_module, "boot_us", stage.clock),
        patch.object(membership_module, "boot_us", stage.clock),
    ):
        yield stage
        stage.close()


on_each = pytest.mark.parametrize("place", SHARED, indirect=True)


def fires_of(count: int) -> list[int]:
    return [NOW - back * INTERVAL for back in range(count - 1, -1, -1)]


def due(stage: Stage, count: int, **options) -> list[int]:
    """Add a job with so many due fire times, and return them; outcomes are written by passes, and when asked for."""
    stage.a.store._session.outbox._tell_thread = lambda: None
    fires = fires_of(count)
    stage.a.add("job", due=fires[0], **options)
    return fires


def unsettled(place) -> tuple[int, int]:
    """Return how many runs are held, and how many of them are permitted."""
    held = "FROM {t}_runs WHERE state = 1"
    ((count,),) = place.rows(f"SELECT COUNT(*) {held}")
    ((permitted,),) = place.rows(
        f"SELECT COUNT(*) {held} AND fire_us <= (SELECT MAX(permitted_us) {held})"
    )
    return count, permitted


@pytest.mark.parametrize(
    ("mean", "count"), [(1000.0, 25), (13_000.0, 2), (25_000.0, 1), (60e6, 1), (0.0, 1667)]
)
def test_a_portion_is_what_starts_within_25_ms_and_at_least_one(mean, count):
    assert portion_of(mean) == count


@on_each
def test_permitted_and_without_an_outcome_is_never_more_than_a_portion(stage, place):
    fires = due(stage, 90)
    claimed = stage.a.claim()
    started, sizes = [], []
    portions = claimed.batch.claims
    while portions:
        (portion,) = portions
        held, permitted = unsettled(place)
        sizes.append(permitted)
        assert held == len(fires) - len(started)
        started += portion.fires
        portions = claimed.follow(portion)
    assert started == fires
    assert sizes == [1, 16, 25, 25, 23]
    stage.a.store._session.outbox.flush()
    assert stage.rows() == [(10, 1, 1)] * 90


@on_each
def test_the_next_catch_up_of_a_function_that_is_known_starts_with_a_whole_portion(stage):
    due(stage, 90)
    stage.a.claim().finish()
    stage.a.add("other", due=fires_of(90)[0])
    (first,) = stage.a.claim().batch.claims
    assert len(first.fires) == 25


@on_each
def test_a_catch_up_is_one_instance_to_every_node(stage):
    due(stage, 10)
    stage.a.claim()
    later = stage.b.claim(NOW + INTERVAL)
    assert later.fires == []
    assert [fires for _, fires in later.batch.skipped] == [[NOW + INTERVAL]]


@on_each
@pytest.mark.parametrize("point", ["settle.begun", "settle.written"])
def test_what_was_not_committed_is_not_handed_over(stage, point):
    fires = due(stage, 10)
    claimed = stage.a.claim()
    (first,) = claimed.batch.claims

    def fails(*_):
        raise OperationalError("", {}, Exception("gone"), connection_invalidated=True)

    with (
        at(point, fails),
        pytest.raises(OperationalError),
    ):
        claimed.follow(first)
    assert [row[0] for row in stage.rows()] == [1] * 10
    stage.b.claim(NOW - INTERVAL)
    (second,) = stage.a.claim().batch.claims
    assert second.fires == fires[1:]


@on_each
@pytest.mark.parametrize("delivery", ["at_most_once", "at_least_once"])
def test_an_orderly_end_gives_back_what_has_not_begun(stage, delivery):
    fires = due(stage, 40, delivery=delivery)
    claimed = stage.a.claim()
    (second,) = claimed.follow(claimed.batch.claims[0])
    second.begun = second.fires[0]
    stage.a.store.withdraw()
    stage.a.store._session.outbox.flush()
    assert stage.rows() == [(10, 1, 1), (1, 1, 1)] + [(0, 2, 1)] * 38
    stage.b.store._session.claiming.look_for_free_runs()
    assert stage.b.claim().fires == [], "one of them is at work"
    assert claimed.follow(second) == []
    stage.a.store._session.outbox.flush()
    stage.b.store._session.claiming.look_for_free_runs()
    other = stage.b.claim()
    assert other.fires == [("job", fire) for fire in fires[2:]]
    other.finish()
    stage.b.store._session.outbox.flush()
    assert [row[0] for row in stage.rows()] == [10] * 40


@on_each
def test_a_shutdown_gives_back_what_follows(stage):
    due(stage, 10)
    (first,) = stage.a.claim().batch.claims
    stage.a.store.give_back(first)
    stage.a.store.shutdown()
    assert stage.rows() == [(0, 2, 1)] * 10
    assert stage.place.rows("SELECT COUNT(*) FROM {t}_nodes")[0][0] == 0


@on_each
def test_a_portion_that_may_not_start_is_given_back_with_all_that_follows(stage):
    fires = due(stage, 10)
    claimed = stage.a.claim()
    (first,) = claimed.batch.claims
    first.sink.give_back(first)
    stage.a.store._session.outbox.flush()
    assert stage.rows() == [(0, 2, 1)] * 10
    permits = "SELECT COUNT(*) FROM {t}_runs WHERE permitted_us IS NOT NULL"
    assert stage.place.rows(permits)[0][0] == 0
    assert stage.b.claim().fires == [("job", fire) for fire in fires]


@on_each
def test_after_a_burial_what_had_begun_is_completed_before_what_follows_it(stage):
    fires = due(stage, 10, delivery="at_least_once")
    stage.a.claim()
    stage.bury(stage.a, by=stage.b)
    assert stage.rows() == [(0, 2, 2)] + [(0, 2, 1)] * 9
    again = stage.b.claim()
    assert again.fires == [("job", fires[0])]
    stage.b.store._session.claiming.look_for_free_runs()
    assert stage.b.claim().fires == []
    again.finish()
    stage.b.store._session.outbox.flush()
    stage.b.store._session.claiming.look_for_free_runs()
    assert stage.b.claim().fires == [("job", fire) for fire in fires[1:]]


@on_each
def test_what_follows_of_a_removed_job_is_closed_after_a_burial(stage):
    due(stage, 10)
    stage.a.claim()
    stage.b.store.remove_job("job")
    stage.bury(stage.a, by=stage.b)
    assert stage.b.claim().fires == []
    assert [row[0] for row in stage.rows()] == [16] + [17] * 9


@on_each
def test_the_last_catch_up_of_a_job_keeps_its_definition(stage):
    fires = fires_of(10)
    ends = IntervalTrigger(
        seconds=INTERVAL // 1_000_000,
        start_date=moment(fires[0]),
        end_date=moment(fires[-1]),
        timezone="UTC",
    )
    stage.a.add("job", due=fires[0], trigger=ends)
    stage.a.claim()
    stage.bury(stage.a, by=stage.b)
    assert stage.b.claim().fires == [("job", fire) for fire in fires[1:]]


def as_the_first_version(node) -> None:
    """Have a node know nothing of portions."""
    node.store._parts.tables.additions = frozenset()
    node.store._session.outbox.catch_ups.are_on = False


@on_each
def test_a_node_of_an_earlier_version_takes_all_for_started_and_none_starts_twice(stage):
    due(stage, 10)
    as_the_first_version(stage.b)
    claimed = stage.a.claim()
    (second,) = claimed.follow(claimed.batch.claims[0])
    stage.bury(stage.a, by=stage.b)
    assert stage.b.claim().fires == []
    assert claimed.follow(second) == []
    stage.a.store._session.outbox.flush()
    assert stage.rows() == [(10, 1, 1)] * 10, "late words"


@on_each
def test_a_node_of_an_earlier_version_takes_free_runs_one_by_one_and_each_once(stage):
    fires = due(stage, 10)
    (first,) = stage.a.claim().batch.claims
    stage.a.store.give_back(first)
    stage.a.store._session.outbox.flush()
    as_the_first_version(stage.b)
    taken = stage.b.claim()
    assert [claim.fires for claim in taken.batch.claims] == [[fire] for fire in fires]
    stage.a.store._session.claiming.look_for_free_runs()
    assert stage.a.claim().fires == []
    taken.finish()


@on_each
def test_what_an_earlier_version_claimed_is_taken_for_started(stage):
    due(stage, 10)
    as_the_first_version(stage.a)
    (whole,) = stage.a.claim().batch.claims
    assert len(whole.fires) == 10
    stage.bury(stage.a, by=stage.b)
    assert stage.rows() == [(16, 1, 1)] * 10


@on_each
def test_a_store_without_the_column_claims_whole_and_says_so(place, caplog):
    first = Stage(place)
    first.close()
    place.change("ALTER TABLE {t}_runs DROP COLUMN permitted_us")
    store = place.store(create_tables=False)
    scheduler = ManualScheduler(jobstores={"default": store})
    scheduler.start(paused=True)
    try:
        assert "catching up in portions" in caplog.text
        store.add_job(make_job(scheduler, "job", fires_of(10)[0]))
        assert [len(each.fires) for each in claim(store).batch.claims] == [10]
    finally:
        store._session.open.clear()
        scheduler.shutdown()


def test_an_ordinary_claim_is_no_catch_up(tmp_path):
    place = Place("sqlite", tmp_path)
    stage = Stage(place)
    try:
        for number in range(3):
            stage.a.add(f"job {number}")
        with patch.object(CatchUps, "size_for", side_effect=AssertionError):
            claimed = stage.a.claim()
        assert len(claimed.batch.claims) == 3
        assert not stage.a.store._session.outbox.catch_ups.alive
        claimed.finish()
    finally:
        stage.close()
        place.close()
