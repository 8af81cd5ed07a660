"""A pass whose lease or clock is off, and the free runs that one takes along."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from cluster.rules import LEASE, at
from jobstores.stages import add, ask, numbered

from apscheduler._engine.instants import SECOND
from apscheduler.cluster import offset as offset_module
from apscheduler.cluster.hostclock import process_us as host_now
from apscheduler.jobstores._sql.claiming import passes
from apscheduler.jobstores._sql.claiming.rights import LeaseOverError
from apscheduler.testing._contract_jobs import INTERVAL, NOW

# -- the lease, and the store's clock ---------------------------------------------------------------------------------


def test_a_lease_that_is_not_trusted_is_renewed_before_the_claim(stage, node):
    node.claim(NOW - INTERVAL)
    add(node, "a")
    stage.clock.now += int(LEASE * SECOND)
    assert ask(node, 10).ids == ["a"]


def test_nothing_is_claimed_under_a_lease_that_is_not_certain(stage, node):
    node.claim(NOW - INTERVAL)
    add(node, "a")
    stage.clock.now += int(LEASE * SECOND)
    with (
        patch.object(node.store._session.membership, "beat", lambda: None),
        pytest.raises(LeaseOverError, match="it claims nothing"),
    ):
        ask(node, 10)
    assert stage.rows("a") == []


def test_a_plan_that_is_ahead_of_the_stores_clock_is_put_off_a_moment_and_the_clock_measured(node):
    now = host_now()
    add(node, *numbered(3), due=now + 30 * SECOND)
    node.store._session.membership.ensure()
    offset = node.store._session.membership.offset
    offset._base += 60 * SECOND
    with patch.object(
        node.store._session.membership, "was_ahead", wraps=node.store._session.membership.was_ahead
    ) as measured:
        claimed = ask(node, 10, now=now, limit=2, is_real=True)
    assert claimed.ids == []
    assert node.store._session.claiming.left.waiting_until == now + SECOND // 20
    assert measured.call_count == 1
    assert abs(offset.us) < SECOND


def test_a_plan_within_the_round_trip_of_the_stores_clock_is_right(node, monkeypatch):
    monkeypatch.setattr(offset_module, "_MOST", 10 * SECOND)
    now = host_now()
    add(node, "a", due=now)
    node.store._session.membership.ensure()
    node.store._session.membership.offset._round_trip = 10 * SECOND
    assert ask(node, 10, now=now, is_real=True).ids == ["a"]


def test_a_host_whose_clock_is_ahead_claims_what_is_due_by_the_stores(node):
    now, ahead = host_now(), 60 * SECOND
    add(node, "a", due=now - SECOND)
    node.store._session.membership.ensure()
    with patch.object(node.store._session.membership.offset, "_clock", lambda: host_now() + ahead):
        assert ask(node, 10, now=now + ahead, is_real=True).ids == ["a"]


# -- free runs ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def seconds(monkeypatch):
    """The clock by which free runs are looked for."""

    class Seconds:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    seconds = Seconds()
    monkeypatch.setattr(passes, "clocks", seconds)
    return seconds


def freed(node, *names: str, executor: str = "default") -> None:
    """Have runs of these jobs that are free to be claimed."""
    add(node, *names, executor=executor)
    for each in ask(node, 100, executor=executor).batch.claims:
        node.store.give_back(each)
    node.store._session.outbox.flush()


def test_free_runs_are_looked_for_once_a_second_and_when_told(node, seconds):
    freed(node, "a")
    seconds.now += 0.9
    assert ask(node, 10).ids == []
    assert node.store.next_due() is None
    seconds.now = 1001.0
    claimed = ask(node, 10)
    assert claimed.ids == ["a"]
    assert node.store._session.open.alive() == claimed.batch.claims, "signing off waits for it"
    assert not claimed.batch.more
    freed(node, "b")
    assert ask(node, 10).ids == []
    node.store._sessions.runs_freed()
    assert ask(node, 10).ids == ["b"]


def test_free_runs_that_this_node_cannot_take_are_looked_at_again_in_a_second(node, seconds):
    freed(node, "a", executor="elsewhere")
    node.store._session.claiming.look_for_free_runs()
    for _ in range(2):
        claimed = ask(node, 10)
        assert (claimed.ids, claimed.batch.more) == ([], False)
        assert node.store.next_due() == NOW + SECOND


def test_of_many_free_runs_the_next_are_taken_at_once(node, seconds, monkeypatch):
    monkeypatch.setattr("apscheduler.jobstores._sql.claiming.free_runs._PAGE", 2)
    freed(node, *numbered(5))
    node.store._session.claiming.look_for_free_runs()
    taken = []
    for _ in range(10):
        claimed = ask(node, 100)
        taken += claimed.ids
        if not claimed.batch.more:
            break
    assert sorted(taken) == numbered(5)


def test_no_free_run_is_taken_under_a_lease_that_is_over(stage, node, seconds):
    freed(node, "a")
    stage.lease_ends(node)
    node.store._session.claiming.look_for_free_runs()
    with pytest.raises(LeaseOverError):
        ask(node, 10)
    assert stage.rows("a") == [(0, 2, 1)]
    assert node.epoch == 0, "it joins anew"
    node.store._session.claiming.look_for_free_runs()
    assert ask(node, 10).ids == ["a"]


def test_a_job_that_somebody_moves_while_it_is_planned_is_left(stage, node):
    add(node, "a", "b")

    def move() -> None:
        due = (NOW + INTERVAL) / SECOND
        stage.place.change("UPDATE {t} SET next_run_time = :due WHERE id = 'a'", due=due)

    with at("claim.planned", move):
        assert ask(node, 10).ids == ["b"]
    assert stage.rows("a") == []
