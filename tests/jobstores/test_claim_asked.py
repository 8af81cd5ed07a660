"""A store whose ``get_due_jobs`` is someone else's: what it returns is claimed, as far as there is room, and no more."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from databases import Place
from jobstores.stages import TABLE, CopiedPlace, add, ask, numbered, unsynced

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import ManualScheduler


class Choosing(SQLAlchemyJobStore):
    """Says which of the due jobs may run, and in which order."""

    chosen = None

    def get_due_jobs(self, now):
        jobs = {job.id: job for job in super().get_due_jobs(now)}
        return list(jobs.values()) if self.chosen is None else [jobs[each] for each in self.chosen]


@pytest.fixture
def node(tmp_path, tables):
    place: Place = CopiedPlace(tables, tmp_path)
    store = Choosing(place.url, tablename=TABLE)
    unsynced(store.engine)
    scheduler = ManualScheduler()
    scheduler.add_executor(DebugExecutor(), "default")
    store.start(scheduler, "default")
    yield SimpleNamespace(store=store, scheduler=scheduler)
    store._session.open.clear()
    store.shutdown()
    place.close()


def claimed(node, slots: int, **options) -> tuple[list[str], bool, bool]:
    found = ask(node, slots, **options)
    ids = [job_id for job_id, _ in found.fires]
    found.finish()
    return ids, found.batch.more, node.store._session.claiming.left.starved


def test_what_is_chosen_is_claimed_in_the_order_of_the_answer(node):
    add(node, *"abc")
    node.store.chosen = ["c", "a"]
    assert claimed(node, 10) == (["c", "a"], False, False)
    node.store.chosen = None
    assert claimed(node, 10) == (["b"], False, False)


def test_no_more_is_claimed_than_there_are_slots_for(node):
    add(node, *"abc")
    assert claimed(node, 2) == (["a", "b"], False, True)


def test_what_the_limit_leaves_is_claimed_at_once(node):
    add(node, *"abc")
    assert claimed(node, 10, limit=2) == (["a", "b"], True, False)
    assert claimed(node, 3, limit=2) == (["c"], False, False)


def test_one_slot_that_is_left_is_no_want_of_one(node):
    add(node, *"abc")
    assert claimed(node, 3, limit=2) == (["a", "b"], True, False)


def test_a_long_answer_is_claimed_page_by_page(node):
    add(node, *numbered(140))
    names = numbered(140)
    stuck = {"executor": "elsewhere"}
    add(node, *(f"a stuck one {number:03d}" for number in range(100)), **stuck)
    assert claimed(node, 70) == (names[:70], False, True)
    assert claimed(node, 100) == (names[70:], False, False)
