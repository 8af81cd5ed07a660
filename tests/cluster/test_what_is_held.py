"""What a node holds: given back one by one, taken from the dead only, and kept by whoever buries them."""

from __future__ import annotations

import pytest
from cluster.rules import LEASE, Stage
from databases import SERVERS, Place

from apscheduler._engine.instants import SECOND
from apscheduler.cluster import lease as lease_module
from apscheduler.cluster import membership as membership_module
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._sql.claiming.rights import LeaseOverError
from apscheduler.runs.claims import Result
from apscheduler.testing._contract_jobs import INTERVAL, NOW

PLACES = ("sqlite", *(pytest.param(name, marks=pytest.mark.slow) for name in SERVERS))


@pytest.fixture(params=PLACES)
def stage(request, tmp_path, monkeypatch):
    place = Place(request.param, tmp_path)
    stage = Stage(place)
    monkeypatch.setattr(lease_module, "boot_us", stage.clock)
    monkeypatch.setattr(membership_module, "boot_us", stage.clock)
    yield stage
    stage.close()
    place.close()


def states(stage) -> dict[str, int]:
    return dict(stage.place.rows("SELECT job_id, state FROM {t}_runs"))


def test_a_run_is_given_back_alone(stage):
    for job_id in ("a", "b", "c"):
        stage.a.add(job_id)
    claims = {each.job.id: each for each in stage.a.claim().batch.claims}
    stage.a.store.give_back(claims["b"])
    stage.a.store._session.outbox.flush()
    assert states(stage) == {"a": 1, "b": 0, "c": 1}


def test_of_several_fires_of_a_job_the_one_that_is_given_back_is_free(stage):
    stage.a.add("job", max_instances=3)
    first = stage.a.claim().batch.claims
    second = stage.a.claim(NOW + INTERVAL).batch.claims
    stage.a.store.give_back(second[0])
    stage.a.store._session.outbox.flush()
    assert [state for state, _, _ in stage.rows()] == [1, 0]
    assert first[0].unsettled == [NOW]


def test_who_buries_another_keeps_its_own_lease(stage):
    stage.a.add("job")
    stage.a.claim()
    stage.b.claim(NOW - INTERVAL)
    epoch = stage.b.epoch
    stage.bury(stage.a, by=stage.b)
    assert stage.b.epoch == epoch
    assert stage.b.store._session.membership.lease.trusted()
    assert stage.rows() == [(16, 1, 1)]


def test_nobody_buries_itself(stage, monkeypatch):
    stage.b.add("job")
    stage.b.claim()
    epoch = stage.b.epoch
    monkeypatch.setattr(membership_module, "is_gone", lambda *_: True)
    stage.b.sweep()
    assert stage.b.epoch == epoch
    assert stage.b.store._session.membership.lease.trusted()
    assert stage.rows() == [(1, 1, 1)]


def test_who_has_lost_its_lease_buries_nobody(stage):
    stage.a.add("job")
    stage.a.claim()
    stage.b.claim(NOW - INTERVAL)
    stage.b.sweep()
    stage.lease_ends(stage.a)
    stage.lease_ends(stage.b)
    stage.clock.now += int(LEASE * SECOND) + 1
    stage.b.store._session.membership.lease.until = stage.clock.now + SECOND  # it does not know yet
    stage.b.sweep()
    assert stage.rows() == [(1, 1, 1)]
    assert stage.b.epoch == 0


def seen(stage, node):
    """Return a node's row as its neighbour has read it."""
    stage.b.claim(NOW - INTERVAL)
    rows, _ = stage.b.store._session.roll.listed()
    return next(row for row in rows if row.epoch == node.epoch)


def test_a_node_whose_lease_the_store_ended_early_and_that_was_buried_since_goes_on(stage):
    """A store's clock that is set forward ends leases that hold here. Then others may take the row away."""
    stage.a.add("job")
    stage.a.claim(NOW - INTERVAL)
    epoch = stage.a.epoch
    stage.lease_ends(stage.a)
    with pytest.raises(LeaseOverError):
        stage.a.claim()
    stage.b.claim(NOW - INTERVAL)
    stage.b.sweep()
    stage.clock.now += int(LEASE * SECOND) + 1
    stage.b.store._session.membership.beat()
    assert epoch not in {each.epoch for each in stage.b.store.nodes()}
    stage.a.store._session.membership.beat()
    assert stage.a.store.held is None
    assert stage.a.claim().fires == [("job", NOW)]


def test_a_node_whose_row_vanishes_while_its_lease_holds_claims_nothing(stage):
    stage.a.add("job")
    stage.a.claim(NOW - INTERVAL)
    stage.place.change("DELETE FROM {t}_nodes WHERE epoch = :e", e=stage.a.epoch)
    with pytest.raises(LeaseOverError):
        stage.a.claim()
    for seconds in (LEASE / 2, LEASE):
        stage.clock.now += int(seconds * SECOND)
        assert stage.a.claim().fires == []
        assert "vanished" in stage.a.store.held


def test_a_node_that_came_back_is_not_buried(stage):
    stage.a.add("job")
    stage.a.claim()
    row = seen(stage, stage.a)
    assert stage.b.store._session.roll.reap(row, stage.b.epoch)
    assert stage.rows() == [(1, 1, 1)]
    assert stage.a.epoch in {each.epoch for each in stage.b.store.nodes()}


def test_a_node_that_has_beaten_meanwhile_is_not_buried(stage):
    stage.a.add("job")
    stage.a.claim()
    row = seen(stage, stage.a)
    stage.a.store._session.roll.beat(stage.a.epoch, int(LEASE * SECOND))
    stage.lease_ends(stage.a)
    assert stage.b.store._session.roll.reap(row, stage.b.epoch)
    assert stage.rows() == [(1, 1, 1)]


def test_a_node_that_has_gone_meanwhile_is_no_reason_to_rejoin(stage):
    stage.a.add("job")
    stage.a.claim()
    row = seen(stage, stage.a)
    epoch = stage.b.epoch
    stage.place.change("DELETE FROM {t}_nodes WHERE epoch = :e", e=row.epoch)
    assert stage.b.store._session.roll.reap(row, epoch)
    assert stage.rows() == [(1, 1, 1)]  # the orphans' turn comes
    stage.b.sweep()
    assert stage.rows() == [(16, 1, 1)]
    assert stage.b.epoch == epoch


def test_who_has_lost_its_lease_does_not_take_the_leaders_lock(stage):
    lock = stage.a.store.leader_lock()
    stage.a.claim(NOW - INTERVAL)
    stage.lease_ends(stage.a)
    assert not lock.take()
    assert stage.place.rows("SELECT * FROM {t}_leader") == []


def test_an_outcome_that_comes_after_the_outbox_closed_is_written(stage):
    stage.a.add("job")
    claimed = stage.a.claim()
    outbox = stage.a.store._session.outbox
    outbox.close()
    claimed.finish(Outcome.EXECUTED)
    assert len(outbox) == 0
    assert [state for state, _, _ in stage.rows()] == [10]


def test_an_outcome_is_written_after_the_shutdown_while_another_run_goes_on(stage):
    for job_id in ("job", "other"):
        stage.a.add(job_id)
    ends, _goes_on = stage.a.claim().batch.claims
    store = stage.a.store
    store._session.drains = True
    store._session.outbox.close()
    ends.sink.settle(ends, Result(ends.fires[0], Outcome.EXECUTED, NOW, NOW))
    assert len(store._session.outbox) == 1
    assert store._session.has_settled() is False
    assert len(store._session.outbox) == 0
    assert [state for state, _, _ in stage.rows(ends.job.id)] == [10]


def test_a_run_given_back_after_the_outbox_closed_is_free(stage):
    stage.a.add("job")
    (only,) = stage.a.claim().batch.claims
    stage.a.store._session.outbox.close()
    stage.a.store.give_back(only)
    assert [state for state, _, _ in stage.rows()] == [0]
