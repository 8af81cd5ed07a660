"""What a burial leaves of a node: catch-ups that it was permitted, orphans, and the other nodes."""

from __future__ import annotations

from unittest.mock import patch

from sqlalchemy import insert, select

from apscheduler.testing._contract_jobs import INTERVAL, NOW


def due(node, count: int, job_id: str = "job", **options) -> list[int]:
    fires = [NOW - back * INTERVAL for back in range(count - 1, -1, -1)]
    node.add(job_id, due=fires[0], **options)
    return fires


def claims_of(claimed) -> dict:
    return {each.job.id: each for each in claimed.batch.claims}


# -- a burial -----------------------------------------------------------------------------------------------------------


def test_a_burial_frees_what_was_not_permitted_of_each_catch_up_and_leaves_the_others_nodes(stage):
    due(stage.a, 6)
    due(stage.a, 6, "permitted")
    claimed = stage.a.claim()
    portions = claims_of(claimed)
    claimed._finish_one(portions["permitted"], "executed")
    stage.a.store._session.outbox.flush()
    due(stage.b, 6, "of b")
    stage.b.store._session.outbox._tell_thread = lambda: None
    kept = stage.b.claim()
    told = []
    stage.b.store._session.roll._on_freed = lambda: told.append("freed")
    stage.bury(stage.a, by=stage.b)
    assert stage.rows() == [(16, 1, 1)] + [(0, 2, 1)] * 5
    assert stage.rows("permitted") == [(10, 1, 1)] + [(16, 1, 1)] * 5
    assert stage.rows("of b") == [(1, 1, 1)] * 6
    assert told == ["freed"]
    free = "SELECT DISTINCT node, permitted_us FROM {t}_runs WHERE state = 0"
    assert stage.place.rows(free) == [(0, None)]
    assert len(kept.batch.claims) == 1


def test_a_burial_that_frees_nothing_tells_nobody_of_free_runs(stage):
    stage.a.add("job")
    claimed = stage.a.claim()
    told = []
    stage.b.store._session.roll._on_freed = lambda: told.append("freed")
    stage.bury(stage.a, by=stage.b)
    assert stage.rows() == [(16, 1, 1)]
    assert told == []
    assert claimed.ids == ["job"]


def test_a_store_without_portions_takes_all_for_started(stage):
    due(stage.a, 3)
    claimed = stage.a.claim()
    told = []
    stage.b.store._session.roll._on_freed = lambda: told.append("freed")
    stage.b.store._parts.tables.additions = frozenset()
    stage.bury(stage.a, by=stage.b)
    assert stage.rows() == [(16, 1, 1)] * 3
    assert told == []
    assert len(claimed.batch.claims) == 1


# -- the list of nodes -----------------------------------------------------------------------------------------------------


def nodes(stage) -> set[int]:
    return {row[0] for row in stage.place.rows("SELECT epoch FROM {t}_nodes")}


def test_a_process_that_ends_closes_what_it_runs_and_leaves_the_other_nodes(stage):
    stage.a.add("job")
    claimed = stage.a.claim()
    stage.b.claim(NOW - INTERVAL)
    closed = []
    stage.a.store._session.roll._on_closed = closed.extend
    stage.a.store._session.roll.abandon(stage.a.epoch, "the node")
    assert nodes(stage) == {stage.b.epoch}
    assert stage.rows() == [(16, 1, 1)]
    assert [(job_id, fire) for job_id, fire, *_ in closed] == [("job", NOW)]
    assert claimed.ids == ["job"]


def test_who_may_join_is_asked_with_the_nodes_that_there_are(stage):
    stage.a.claim(NOW - INTERVAL)
    asked = []
    stage.b.store._session.roll._may_join = lambda rows, now: asked.append(
        ([row.epoch for row in rows], now)
    )
    stage.b.claim(NOW - INTERVAL)
    ((there, now),) = asked
    assert there == [stage.a.epoch]
    assert abs(now - stage.b.store._session.roll.now()) < 60_000_000


def test_an_orphans_runs_are_recovered_though_another_is_listed_by_now(stage):
    for name in ("a", "b"):
        stage.a.add(name)
    held = stage.a.claim()
    stage.b.claim(NOW - INTERVAL)
    stage.place.change("UPDATE {t}_runs SET node = 1 WHERE job_id = 'a'")
    stage.place.change("UPDATE {t}_runs SET node = 2 WHERE job_id = 'b'")
    roll, table = stage.b.store._session.roll, stage.b.store._parts.tables.nodes
    values = dict.fromkeys(("pid", "beat", "batch", "lease_us", "lease_until", "started_us"), 1)
    transaction = roll._transaction

    def joined_meanwhile():
        """Have the first of them back in the list."""
        with stage.b.store.engine.begin() as connection:
            if connection.scalar(select(table.c.epoch).where(table.c.epoch < 3)) is None:
                runs = stage.b.store._parts.tables.runs
                order = select(runs.c.node).where(runs.c.state == 1).distinct()
                first = connection.scalars(order).first()
                connection.execute(insert(table).values(epoch=first, name="back", **values))
                back.append(first)
        return transaction()

    back: list[int] = []
    with patch.object(roll, "_transaction", joined_meanwhile):
        roll.adopt_orphans(stage.b.epoch)
    (first,) = back
    kept, recovered = ("a", "b") if first == 1 else ("b", "a")
    assert (stage.rows(kept), stage.rows(recovered)) == ([(1, 1, 1)], [(16, 1, 1)])
    assert held.ids == ["a", "b"]
