"""What a SQL store does beside its claims: it removes old rows, and leaves its parent's things alone in a child."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

from jobstores.stages import add, ask

from apscheduler._engine.instants import SECOND
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._sql import housekeeping as module
from apscheduler.jobstores._sql.connection import database
from apscheduler.runs.claims import Result
from apscheduler.testing._contract_jobs import NOW


def claimed(node, *names: str, slots: int = 100) -> dict:
    add(node, *names)
    return {each.job.id: each for each in ask(node, slots).batch.claims}


# -- old rows ----------------------------------------------------------------------------------------------------------


def test_old_rows_are_removed_by_the_stores_time(stage, node):
    store = node.store
    for claim in claimed(node, "a", "b").values():
        store.settle(claim, Result(NOW, Outcome.EXECUTED, NOW, NOW))
    store._session.outbox.flush()
    stage.place.change("UPDATE {t}_runs SET seq = :seq WHERE job_id = 'a'", seq=NOW)
    stage.place.change("UPDATE {t}_runs SET seq = :seq WHERE job_id = 'b'", seq=NOW + SECOND)
    store._options.history, store._options.history_age = None, None
    assert store.prune() == 0
    store._options.history_age = timedelta(seconds=100)
    store._clock = lambda: NOW + 93 * SECOND
    store._session.membership.offset = SimpleNamespace(us=7 * SECOND - 1)
    assert store.prune() == 0
    store._session.membership.offset = SimpleNamespace(us=7 * SECOND)
    assert store.prune() == 1
    assert stage.place.rows("SELECT job_id FROM {t}_runs") == [("b",)]


def test_old_rows_are_looked_for_every_thirty_seconds_and_zones_not_while_held(node, monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(
        module, "clocks", SimpleNamespace(monotonic=lambda: clock.now, now_us=lambda: 0)
    )
    done = []
    node.store._housekeeping.pruned_at = 1000.0
    node.store.prune = lambda: done.append(f"rows at {clock.now:g}")
    node.store._session.rezoning.tend = lambda: done.append("zones")
    for clock.now in (1029.0, 1030.0, 1059.0):
        node.store._tend()
    assert done == ["rows at 1030", "zones"]
    node.store._session.guard.held = "a copy"
    clock.now = 1060.0
    node.store._tend()
    node.store._session.guard.held = None
    assert done[2:] == ["rows at 1060"]


# -- a child process ------------------------------------------------------------------------------------------------------


def test_a_child_process_has_nothing_of_its_parents_store_and_can_start_it_anew(
    stage, node, monkeypatch
):
    kept: list = []
    monkeypatch.setattr(database, "_inherited", kept)
    store = node.store
    (claim,) = claimed(node, "a").values()
    store._session.membership.ensure()
    parents = (
        store._session.membership,
        store._session.guard,
        store._parts.listener,
        store._session.open,
        store._session.outbox,
    )
    membership, guard, listener, open_claims, outbox = parents
    claim.take(NOW)
    store.settle(claim, Result(NOW, Outcome.EXECUTED, NOW, NOW))
    epoch = membership.lease.epoch
    locks = (store._troubles._lock, store._database.writing)
    store._leader_lock._won = 1
    store.forked()
    assert (store._ready, store._leader_lock._won) == (False, 0)
    assert any(isinstance(each, dict) and each["_session"].guard is guard for each in kept)
    assert not guard._is_on
    assert store._parts.listener is not listener
    assert (store._session.open.alive(), open_claims.alive()) == ([], [])
    assert len(outbox) == 0
    assert membership.lease.epoch == 0
    assert not claim.may_start()
    assert store._troubles._lock is not locks[0]
    assert store._database.writing is not locks[1]
    assert store.held is None
    store.shutdown()  # it is not started here
    store.forked()
    store.start(node.scheduler, "default")
    store._session.outbox._tell_thread = lambda: None
    assert set(claimed(node, "b")) == {"b"}
    assert store._session.membership.lease.epoch != epoch
    guard.close()
    outbox._closed = True
    outbox._news.set()
    membership.close(lambda: True)
