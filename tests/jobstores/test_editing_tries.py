"""Edits beside others: tried again where somebody was faster, and where only the answer was lost."""

from __future__ import annotations

import pickle
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError

from apscheduler._engine.instants import SECOND
from apscheduler.cluster import points
from apscheduler.jobstores._sql.changing import editing
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.testing._contract_jobs import INTERVAL, NOW, make_job, moment

CHANGES = {
    "moved": "UPDATE {t} SET next_run_time = next_run_time + 1",
    "scheduled anew": "UPDATE {t}_meta SET generation = generation + 1",
}


@contextmanager
def faster(stage, times: int, change: str = CHANGES["moved"]):
    """Have another process change the job so often, each time between the reading and the writing of an edit."""
    left = [times]

    def hook(name: str) -> None:
        if name == "edit.computed" and left[0]:
            left[0] -= 1
            stage.place.change(change)

    points.hook = hook
    try:
        yield left
    finally:
        points.hook = None


EDITS = {
    "added": lambda store, job: store.add_jobs([job], replace=True),
    "replaced": lambda store, job: store.replace_job(job, lambda standing: None),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_made_again_where_somebody_was_faster(stage, edit, change):
    stage.a.add("a", due=NOW + INTERVAL)
    stage.place.change("DELETE FROM {t}_meta")
    stage.place.change("INSERT INTO {t}_meta (job_id, generation, born) VALUES ('a', 1, 0)")
    with faster(stage, 2, CHANGES[change]) as left:
        EDITS[edit](stage.a.store, make_job(stage.a.scheduler, "a", NOW + INTERVAL, name="new"))
    assert left == [0]
    assert stage.a.store.lookup_job("a").name == "new"


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_that_somebody_is_always_faster_than_is_given_up(stage, edit):
    stage.a.add("a", due=NOW + INTERVAL)
    with faster(stage, 10_000), pytest.raises(RuntimeError, match="changed by others all the time"):
        EDITS[edit](stage.a.store, make_job(stage.a.scheduler, "a", NOW + INTERVAL, name="new"))
    assert stage.a.store.lookup_job("a").name != "new"


@pytest.mark.parametrize("edit", EDITS)
def test_a_job_that_cannot_be_restored_is_replaced(stage, edit):
    stage.a.add("a", due=NOW + INTERVAL)
    stage.place.change("UPDATE {t} SET job_state = :blob", blob=b"?")
    EDITS[edit](stage.a.store, make_job(stage.a.scheduler, "a", NOW + INTERVAL, name="new"))
    assert stage.a.store.lookup_job("a").name == "new"


# -- an answer that was lost ----------------------------------------------------------------------------------------


@pytest.fixture
def lose(stage, monkeypatch):
    """Return a function that has so many answers to commits be lost."""
    database = stage.a.store._database
    transaction, left = database.transaction, [0]

    @contextmanager
    def answers_are_lost(*given):
        with transaction(*given) as connection:
            yield connection
        if left[0]:
            left[0] -= 1
            raise OperationalError("", {}, Exception("gone"), connection_invalidated=True)

    monkeypatch.setattr(database, "transaction", answers_are_lost)

    def lose(times: int) -> None:
        left[0] = times

    return lose


def jobs(stage, *names: str, **options) -> list:
    return [make_job(stage.a.scheduler, each, NOW, **options) for each in names]


def test_jobs_that_were_added_though_the_answer_was_lost_are_there_once(stage, lose):
    lose(1)
    stage.a.store.add_jobs(jobs(stage, "a", "b"))
    assert [job.id for job in stage.a.store.get_all_jobs()] == ["a", "b"]


def test_one_lost_answer_is_asked_for_again_and_a_second_one_is_raised(stage, lose):
    stage.a.add("a")
    lose(1)
    stage.a.store.remove_all_jobs()
    assert stage.a.store.get_all_jobs() == []
    lose(2)
    with pytest.raises(OperationalError, match="gone"):
        stage.a.store.remove_all_jobs()


def test_an_id_that_was_taken_before_is_a_conflict_though_an_answer_was_lost(stage, lose):
    store = stage.a.store
    store.add_jobs(jobs(stage, "a"))
    with pytest.raises(ConflictingIdError):
        store.add_jobs(jobs(stage, "a"))
    transaction = store._database.transaction
    tried = []

    @contextmanager
    def lost_before_the_commit(*given):
        tried.append("a try")
        if len(tried) == 1:
            raise OperationalError("", {}, Exception("gone"), connection_invalidated=True)
        with transaction(*given) as connection:
            yield connection

    store._database.transaction = lost_before_the_commit
    with pytest.raises(ConflictingIdError, match="'a'"):
        store.add_jobs([*jobs(stage, "a", name="another"), *jobs(stage, "b")])
    assert len(tried) == 2
    assert [job.id for job in store.get_all_jobs()] == ["a"]


def test_one_of_ones_own_among_those_that_were_taken_is_a_conflict(stage):
    store = stage.a.store
    ours, theirs = jobs(stage, "a", "b")
    store.add_jobs([ours])
    stage.b.store.add_jobs(jobs(stage, "b", name="theirs"))
    written = store._parts.editing._written([ours, theirs])
    assert store._parts.editing._are_there(written[:1]) is True
    assert store._parts.editing._are_there(written) is False
    assert store._parts.editing._are_there(store._parts.editing._written(jobs(stage, "c"))) is False


# -- the pickled next fire time --------------------------------------------------------------------------------------


def test_pickles_behind_their_column_are_brought_up_to_it_past_those_that_are_not(
    stage, monkeypatch
):
    monkeypatch.setattr(editing, "_CHUNK", 2)
    for name in "abcde":
        stage.a.add(name)
    later = NOW + INTERVAL
    stage.place.change(
        "UPDATE {t} SET next_run_time = :due WHERE id IN ('d', 'e')", due=later / SECOND
    )
    stage.place.change("UPDATE {t} SET job_state = :blob WHERE id = 'c'", blob=b"?")
    assert stage.a.store._parts.editing.write_back("abcde") == 2
    kept = dict(stage.place.rows("SELECT id, job_state FROM {t} WHERE id <> 'c'"))
    moments = {name: pickle.loads(blob)["next_run_time"] for name, blob in kept.items()}
    assert moments == {"a": moment(NOW), "b": moment(NOW), "d": moment(later), "e": moment(later)}
