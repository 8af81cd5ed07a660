"""The leader's row of a SQL store, step by step: who takes it from whom, and when it is lost."""

from __future__ import annotations

import pytest
from cluster.rules import LEASE, Stage
from databases import Place
from sqlalchemy.exc import IntegrityError

from apscheduler._engine.instants import SECOND
from apscheduler.cluster import lease as lease_module
from apscheduler.cluster import membership as membership_module
from apscheduler.cluster import points
from apscheduler.jobstores._sql.membership import leader as leading_module

A_LEASE = int(LEASE * SECOND)


@pytest.fixture
def stage(tmp_path, monkeypatch):
    place = Place("sqlite", tmp_path)
    made = Stage(place)
    for module in (lease_module, membership_module, leading_module):
        monkeypatch.setattr(module, "boot_us", made.clock)
    yield made
    made.close()
    place.close()


@pytest.fixture
def locks(stage):
    """Return the locks of two nodes."""
    return stage.a.store.leader_lock(), stage.b.store.leader_lock()


def written(stage):
    """Return what the row says: who leads, by epoch and name, and how often that has changed."""
    return [
        tuple(row)
        for row in stage.place.rows(
            "SELECT epoch, node_name, token FROM {t}_leader WHERE name = 'leader'"
        )
    ]


def name(node):
    return node.store._session.membership.name


def joined(node):
    assert node.store._session.membership.ensure()


def test_who_comes_first_has_it_until_its_lease_ends(stage, locks):
    first, second = locks
    assert (first.held, first.until, second.holder()) == (False, 0, "another process")
    assert first.take() is True
    assert first.until == stage.a.store._session.membership.lease.until > stage.clock.now
    assert written(stage) == [(stage.a.epoch, name(stage.a), 1)]
    assert second.take() is False
    assert (second.held, second.until, second.holder()) == (False, 0, name(stage.a))
    assert first.take() is True
    assert written(stage) == [(stage.a.epoch, name(stage.a), 1)]
    stage.clock.now += A_LEASE
    assert not first.held


def test_it_passes_a_named_point_at_each_step_of_taking_it(stage, locks, monkeypatch):
    seen = []
    joined(stage.a)
    monkeypatch.setattr(points, "hook", seen.append)
    locks[0].take()
    assert seen == ["lead.locked", "lead.checked", "lead.committed"]


def test_after_a_release_another_has_it_and_nobody_else_gives_that_back(stage, locks):
    first, second = locks
    first.take()
    stage.place.change(
        "INSERT INTO {t}_leader (name, epoch, node_name, token) VALUES ('other', :e, 'x', 5)",
        e=stage.a.epoch,
    )
    first.release()
    assert (first.held, first.until) == (False, 0)
    assert written(stage)[0][0] == 0
    assert second.take() is True
    assert written(stage) == [(stage.b.epoch, name(stage.b), 2)]
    first.release()
    assert second.held
    assert first.take() is False
    (other,) = stage.place.rows("SELECT epoch, token FROM {t}_leader WHERE name = 'other'")
    assert tuple(other) == (stage.a.epoch, 5)


def test_a_leader_that_lost_it_before_its_release_gives_back_nothing(stage, locks):
    first, second = locks
    first.take()
    stage.place.change("DELETE FROM {t}_nodes WHERE epoch = :e", e=stage.a.epoch)
    assert second.take() is True
    first.release()
    assert written(stage) == [(stage.b.epoch, name(stage.b), 2)]


def test_who_may_not_trust_its_lease_any_more_renews_that_first(stage, locks):
    joined(stage.a)
    stage.clock.now += A_LEASE
    assert not stage.a.store._session.membership.lease.trusted()
    assert locks[0].take() is True


def test_who_gets_no_lease_in_time_does_not_take_it(stage, locks, monkeypatch):
    joined(stage.a)
    stage.clock.now += A_LEASE
    roll = stage.a.store._session.roll
    beat = roll.beat

    def slow(*args):
        stage.clock.now += A_LEASE
        return beat(*args)

    monkeypatch.setattr(roll, "beat", slow)
    assert locks[0].take() is False
    assert written(stage) == []


def test_whose_lease_is_over_for_the_store_does_not_take_it(stage, locks):
    joined(stage.a)
    stage.lease_ends(stage.a)
    assert locks[0].take() is False
    assert written(stage) == []


def test_of_two_who_write_the_first_row_one_fails_and_has_not_got_it(stage, locks, monkeypatch):
    def taken(epoch, node_name):
        raise IntegrityError("", {}, Exception("UNIQUE constraint failed"))

    monkeypatch.setattr(locks[0], "_write", taken)
    assert locks[0].take() is False
    assert not locks[0].held


def test_who_was_taken_for_dead_and_lives_keeps_it(stage, locks, monkeypatch):
    first, second = locks
    first.take()
    monkeypatch.setattr(second, "_is_free", lambda epoch: True)  # by what it read a moment ago
    assert second.take() is False
    assert not second.held
    assert written(stage) == [(stage.a.epoch, name(stage.a), 1)]


def test_a_leader_whose_node_is_gone_is_followed_at_once(stage, locks):
    first, second = locks
    first.take()
    stage.place.change("DELETE FROM {t}_nodes WHERE epoch = :e", e=stage.a.epoch)
    assert second.take() is True
    assert written(stage) == [(stage.b.epoch, name(stage.b), 2)]


def test_a_leader_that_does_not_beat_is_followed_when_both_clocks_say_that_it_is_dead(stage, locks):
    first, second = locks
    first.take()
    assert second.take() is False
    stage.lease_ends(stage.a)
    assert second.take() is False, "it was not watched for a lease"
    stage.clock.now += A_LEASE + 1
    stage.b.store._session.roll.beat(stage.b.epoch, A_LEASE)
    stage.b.store._session.membership.lease.renewed(stage.clock.now, stage.b.epoch)
    assert second.take() is True
    assert written(stage) == [(stage.b.epoch, name(stage.b), 2)]


def test_an_incarnation_that_came_back_does_not_lead_by_what_the_old_one_had(stage, locks):
    first, _ = locks
    first.take()
    old = stage.a.epoch
    stage.lease_ends(stage.a)
    stage.a.store._session.membership.beat()
    assert stage.a.epoch not in (0, old)
    assert (first.held, first.until) == (False, 0)
    assert first.take() is False
    stage.place.change("DELETE FROM {t}_nodes WHERE epoch = :e", e=old)
    assert first.take() is True
    assert first.until == stage.a.store._session.membership.lease.until
    assert written(stage) == [(stage.a.epoch, name(stage.a), 2)]


def test_who_lost_it_to_another_meanwhile_does_not_lead_when_it_has_a_lease_again(stage, locks):
    first, second = locks
    first.take()
    stage.clock.now += A_LEASE
    joined(stage.b)
    stage.place.change("UPDATE {t}_leader SET epoch = :e", e=stage.b.epoch)
    assert first.take() is False
    assert stage.a.store._session.membership.lease.trusted()
    assert not first.held
    assert second.take() is True


def test_a_forked_child_does_not_lead_and_the_same_node_takes_it_anew(stage, locks):
    lock = locks[0]
    lock.take()
    lock.forked()
    assert (lock.held, lock.until) == (False, 0)
    lock.release()
    assert written(stage) == [(stage.a.epoch, name(stage.a), 1)]
    assert lock.take() is True
    assert written(stage) == [(stage.a.epoch, name(stage.a), 2)]
