"""What was committed and never answered: handed over by a later pass, or given back, and never lost."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from cluster.rules import at
from jobstores.stages import add, ask
from sqlalchemy.exc import OperationalError

from apscheduler.jobstores._sql.claiming.doubt import Doubt
from apscheduler.jobstores._sql.claiming.rights import LeaseOverError
from apscheduler.jobstores.base import ClaimBatch
from apscheduler.testing._contract_jobs import INTERVAL, NOW

ANOTHER, THIRD = 1, 2
"""Threads that are none of this process's any more."""


def cut() -> None:
    raise OperationalError("", {}, Exception("gone"), connection_invalidated=True)


def interrupted() -> None:
    raise RuntimeError("whatever raises here")


def doubtful(node, **threads: int) -> list[Doubt]:
    """Have the passes of other threads end between their commits and their hand-overs, each with a job."""
    made = []
    for name in threads:
        add(node, name)
        batch = ClaimBatch()
        batch.claims.extend(ask(node, 100).batch.claims)
        made.append(Doubt(*node.store._session.claiming.rights.kept, batch))
    node.store._session.claiming.doubts.by_thread = dict(zip(threads.values(), made, strict=True))
    return made


def test_a_claim_whose_answer_was_lost_is_handed_over_by_the_pass_that_asked(node):
    add(node, "a", "b")
    with at("claim.committed", cut):
        assert ask(node, 10).ids == ["a", "b"]
    assert node.store._session.claiming.doubts.by_thread == {}
    assert ask(node, 10).ids == []


def test_a_claim_that_was_rolled_back_is_no_doubt_and_is_made_again(stage, node):
    add(node, "a")
    with at("claim.sealed", cut), pytest.raises(OperationalError):
        ask(node, 10)
    assert node.store._session.claiming.doubts.by_thread == {}
    assert stage.rows("a") == []
    assert ask(node, 10).ids == ["a"]


def test_what_raises_after_a_commit_waits_behind_its_claims(node):
    add(node, "a")
    with at("claim.committed", interrupted):
        batch = ask(node, 10).batch
    assert [each.job.id for each in batch.claims] == ["a"]
    assert isinstance(batch.error, RuntimeError)


def test_a_free_run_that_was_taken_and_has_not_begun_is_given_back_by_a_store_that_withdraws(
    stage, node
):
    add(node, "a")
    (only,) = ask(node, 10).batch.claims
    node.store.give_back(only)
    node.store._session.outbox.flush()
    node.store._session.claiming.look_for_free_runs()
    taken = ask(node, 10).batch.claims
    assert [state for state, _, _ in stage.rows("a")] == [1]
    node.store.withdraw()
    node.store._session.outbox.flush()
    assert [state for state, _, _ in stage.rows("a")] == [0]
    assert len(taken) == 1  # held until now: a claim that nobody holds is forgotten


def test_a_free_run_that_was_taken_is_handed_over_though_the_next_read_raises(node):
    add(node, "a")
    (only,) = ask(node, 10).batch.claims
    node.store.give_back(only)
    node.store._session.outbox.flush()
    node.store._session.claiming.look_for_free_runs()
    with at("claim.read", interrupted):
        batch = ask(node, 10).batch
    assert [each.job.id for each in batch.claims] == ["a"]
    assert isinstance(batch.error, RuntimeError)


def test_what_another_threads_pass_left_is_handed_over_whole_and_more_at_once(node):
    (doubt,) = doubtful(node, a=ANOTHER)
    lists = ("skipped", "broken", "moved", "dropped", "rolled", "refused", "finished")
    for name in lists:
        setattr(doubt.batch, name, [f"one {name}"])
    doubt.batch.held = {"a": "another node"}
    add(node, "b")
    batch = ask(node, 10).batch
    assert [each.job.id for each in batch.claims] == ["a"]
    assert batch.more
    assert {name: getattr(batch, name) for name in lists} == {
        name: [f"one {name}"] for name in lists
    }
    assert batch.held == {"a": "another node"}
    assert node.store._session.claiming.doubts.by_thread == {}
    assert ask(node, 10).ids == ["b"]


def test_what_two_threads_left_is_handed_over_by_one_pass(node):
    doubtful(node, a=ANOTHER, b=THIRD)
    assert ask(node, 10).ids == ["a", "b"]


def test_a_pass_that_is_under_way_in_another_thread_keeps_its_doubt_to_itself(node):
    mine, _ = doubtful(node, a=ANOTHER, b=THIRD)
    node.store._session.claiming.doubts.passing.add(ANOTHER)
    assert ask(node, 10).ids == ["b"]
    assert node.store._session.claiming.doubts.by_thread == {ANOTHER: mine}


def test_what_was_committed_under_a_lease_that_is_over_is_given_back(stage, node):
    doubtful(node, a=ANOTHER)
    node.store._session.membership.lease.lost()
    assert ask(node, 10).ids == []
    assert node.store._session.claiming.doubts.by_thread == {}
    node.store._session.outbox.flush()
    assert stage.rows("a") == [(0, 2, 1)]


def test_what_the_store_knows_nothing_of_is_dropped_and_the_pass_goes_on(stage, node):
    (doubt,) = doubtful(node, a=ANOTHER)
    doubt.number += 1
    add(node, "b")
    assert ask(node, 10).ids == ["b"]
    assert node.store._session.claiming.doubts.by_thread == {}
    node.store._session.outbox.flush()
    assert stage.rows("a") == [(1, 1, 1)]


def test_at_the_end_what_came_to_no_hand_over_is_given_back(stage, node):
    _, unknown = doubtful(node, a=ANOTHER, b=THIRD)
    unknown.number += 1
    node.store._session.claiming.doubts.close()
    assert node.store._session.claiming.doubts.by_thread == {}
    node.store._session.outbox.flush()
    assert stage.rows("a") == [(0, 2, 1)]
    assert stage.rows("b") == [(1, 1, 1)]


def test_a_claim_that_is_no_stores_is_nobodys_to_give_back(stage, node):
    (doubt,) = doubtful(node, a=ANOTHER)
    doubt.batch.claims.insert(0, SimpleNamespace(job=SimpleNamespace(id="in memory")))
    node.store._session.claiming.doubts.close()
    node.store._session.outbox.flush()
    assert stage.rows("a") == [(0, 2, 1)]


# -- the own entry in the store ------------------------------------------------------------------------------------------


def test_a_lease_that_is_over_in_the_store_claims_nothing_and_joins_anew(stage, node):
    node.claim(NOW - INTERVAL)
    add(node, "a")
    stage.lease_ends(node)
    with pytest.raises(LeaseOverError):
        ask(node, 10)
    assert stage.rows("a") == []
    assert node.epoch == 0
    assert ask(node, 10).ids == ["a"]


def test_a_store_that_has_an_earlier_batch_than_was_committed_is_claimed_from_no_more(stage, node):
    add(node, "a", "b", due=NOW)
    assert ask(node, 1).ids == ["a"]
    epoch, number = node.store._session.claiming.rights.kept
    stage.place.change("UPDATE {t}_nodes SET batch = :b WHERE epoch = :e", b=number - 1, e=epoch)
    with pytest.raises(LeaseOverError):
        ask(node, 10)
    assert stage.rows("b") == []


def test_what_an_earlier_incarnation_has_committed_binds_the_next_one_to_nothing(node):
    add(node, "a", "b")
    assert ask(node, 1).ids == ["a"]
    node.store._session.membership.lease.lost()
    assert ask(node, 10).ids == ["b"]
