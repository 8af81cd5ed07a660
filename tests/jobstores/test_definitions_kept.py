"""A run that may have to start again has the definition it needs, though its job has gone since.

Whoever ends a job, and by whichever fire, leaves its definition in every row of it that is not settled; so does who puts
a job in its place that never fires. Only a job that somebody removed takes its waiting runs with it.
"""

from __future__ import annotations

import pytest
from cluster.rules import LEASE, Stage
from databases import SERVERS, Place

from apscheduler._engine.instants import SECOND
from apscheduler.cluster import lease as lease_module
from apscheduler.cluster import membership as membership_module
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import ManualScheduler
from apscheduler.testing._contract_jobs import INTERVAL, NOW, moment, once
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

PLACES = ("sqlite", *(pytest.param(name, marks=pytest.mark.slow) for name in SERVERS))
DELIVERIES = ("at_most_once", "at_least_once")


@pytest.fixture(params=PLACES)
def stage(request, tmp_path, monkeypatch):
    place = Place(request.param, tmp_path)
    stage = Stage(place)
    monkeypatch.setattr(lease_module, "boot_us", stage.clock)
    monkeypatch.setattr(membership_module, "boot_us", stage.clock)
    yield stage
    stage.close()
    place.close()


def note(*words) -> None:
    """Do nothing: a job of the editor's."""


def times(count: int) -> IntervalTrigger:
    """Return a trigger with so many fire times."""
    end = NOW + (count - 1) * INTERVAL
    return IntervalTrigger(
        seconds=INTERVAL // SECOND, start_date=moment(NOW), end_date=moment(end), timezone="UTC"
    )


def jobs(stage) -> list[str]:
    return [row[0] for row in stage.place.rows("SELECT id FROM {t}")]


def give_back(node, claimed) -> None:
    for each in claimed.batch.claims:
        node.store.give_back(each)
    node.store._session.outbox.flush()


def claim_free(node, now: int = NOW):
    node.store._session.claiming.look_for_free_runs()
    return node.claim(now)


def settle(node, claimed) -> None:
    claimed.finish(Outcome.EXECUTED)
    node.store._session.outbox.flush()


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_one_shot_jobs_that_were_given_back_run_elsewhere(stage, delivery):
    for number in range(5):
        stage.a.add(f"job-{number}", trigger=once(NOW), delivery=delivery, args=(number,))
    give_back(stage.a, stage.a.claim())
    assert jobs(stage) == []
    claimed = claim_free(stage.b)
    assert sorted((each.job.id, each.job.args) for each in claimed.batch.claims) == [
        (f"job-{number}", (number,)) for number in range(5)
    ]
    settle(stage.b, claimed)
    kept = stage.place.rows("SELECT state FROM {t}_runs WHERE job_state IS NOT NULL")
    assert [state for state, _, _ in stage.rows("job-3")] == [10]
    assert kept == []


def ended_by(stage, way: str, delivery: str):
    """Have one node run a job's first fire while another one ends the job by its last; return the claim."""
    options = {
        "skipped": {"trigger": times(2)},
        "missed": {"trigger": times(2), "misfire_grace_time": 1, "max_instances": 9},
        "coalesced": {"trigger": times(4), "coalesce": True, "max_instances": 9},
        "run": {"trigger": times(2), "max_instances": 9},
    }[way]
    stage.a.add("job", delivery=delivery, args=("of the job",), **options)
    first = stage.a.claim()
    stage.b.claim(NOW + 3 * INTERVAL)
    assert jobs(stage) == []
    return first


@pytest.mark.parametrize("way", ["skipped", "missed", "coalesced", "run"])
def test_a_job_that_ended_by_whichever_fire_is_completed_after_a_crash(stage, way):
    ended_by(stage, way, "at_least_once")
    stage.bury(stage.a, by=stage.b)
    again = claim_free(stage.b, NOW + 3 * INTERVAL)
    assert [(each.job.args, each.attempt, each.fires) for each in again.batch.claims] == [
        (("of the job",), 2, [NOW])
    ]
    settle(stage.b, again)
    assert stage.rows()[0] == (10, 3, 2)


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("way", ["skipped", "missed", "coalesced", "run"])
def test_a_run_is_given_back_after_another_node_ended_its_job(stage, way, delivery):
    first = ended_by(stage, way, delivery)
    give_back(stage.a, first)
    again = claim_free(stage.b, NOW + 3 * INTERVAL)
    assert [each.job.args for each in again.batch.claims] == [("of the job",)]


def test_a_run_of_the_schedule_before_is_completed_too(stage):
    stage.a.add("job", trigger=times(9), delivery="at_least_once", max_instances=9)
    stage.a.claim()
    job = stage.b.store.lookup_job("job")
    changes = {"trigger": once(NOW + INTERVAL), "next_run_time": moment(NOW + INTERVAL)}
    stage.b.store.modify_job(job, job._checked(changes))
    settle(stage.b, stage.b.claim(NOW + INTERVAL))
    assert jobs(stage) == []
    stage.bury(stage.a, by=stage.b)
    assert claim_free(stage.b, NOW + INTERVAL).fires == [("job", NOW)]


NEVER_AGAIN = {"trigger": "cron", "year": 2020}


@pytest.fixture
def editor(stage):
    """A scheduler that only edits the jobs of the stage."""
    scheduler = ManualScheduler(jobstores={"default": stage.place.store(lease=LEASE)})
    scheduler.start(paused=True)
    yield scheduler
    scheduler.shutdown()


def replace_by_one_that_never_fires(editor):
    editor.add_job(note, id="job", replace_existing=True, **NEVER_AGAIN)


def replace_several(editor):
    other = {"func": note, "trigger": "interval", "hours": 1, "id": "other"}
    never = {"func": note, "id": "job", **NEVER_AGAIN}
    editor.add_jobs([{**each, "replace_existing": True} for each in (other, never)])


def keep_its_time(editor):
    editor.add_job(note, id="job", replace_existing=True, keep_next_run_time=True, **NEVER_AGAIN)


def resume_after_its_end(editor):
    editor.modify_job("job", next_run_time=None, trigger=CronTrigger(year=2020, timezone="UTC"))
    assert editor.resume_job("job") is None


ENDS = (replace_by_one_that_never_fires, replace_several, keep_its_time, resume_after_its_end)


@pytest.mark.parametrize("end", ENDS)
def test_what_runs_of_a_job_that_no_user_removed_is_completed_after_a_crash(stage, editor, end):
    stage.a.add("job", trigger=times(9), delivery="at_least_once", args=("old",))
    stage.a.claim()
    end(editor)
    assert "job" not in jobs(stage)
    stage.bury(stage.a, by=stage.b)
    again = claim_free(stage.b)
    assert [(each.job.id, each.attempt) for each in again.batch.claims] == [("job", 2)]
    settle(stage.b, again)
    assert stage.rows() == [(10, 3, 2)]


def test_a_store_that_watches_removals_is_asked_and_the_runs_are_kept_all_the_same(stage):
    class Watching(SQLAlchemyJobStore):
        def remove_job(self, job_id):
            removed.append(job_id)
            super().remove_job(job_id)

    removed: list[str] = []
    store = Watching(stage.place.url, tablename=stage.place.table, lease=LEASE)
    scheduler = ManualScheduler(jobstores={"default": store})
    scheduler.start(paused=True)
    stage.a.add("job", trigger=times(9), delivery="at_least_once")
    stage.a.claim()
    replace_by_one_that_never_fires(scheduler)
    scheduler.shutdown()
    assert removed == ["job"]
    stage.bury(stage.a, by=stage.b)
    assert [each.attempt for each in claim_free(stage.b).batch.claims] == [2]


def test_a_scheduler_that_watches_removals_is_asked_when_a_job_cannot_be_resumed(stage):
    class Watching(ManualScheduler):
        def remove_job(self, job_id, jobstore=None, **more):
            removed.append(job_id)
            super().remove_job(job_id, jobstore, **more)

    removed: list[str] = []
    scheduler = Watching(jobstores={"default": stage.place.store(lease=LEASE)})
    scheduler.start(paused=True)
    stage.a.add("job", trigger=times(9), delivery="at_least_once")
    stage.a.claim()
    resume_after_its_end(scheduler)
    scheduler.shutdown()
    assert removed == ["job"]
    stage.bury(stage.a, by=stage.b)
    assert [each.attempt for each in claim_free(stage.b).batch.claims] == [2]


def reasons(stage) -> list[tuple[int, str]]:
    rows = stage.place.rows("SELECT state, reason FROM {t}_runs ORDER BY seq")
    return [tuple(row) for row in rows]


def test_what_was_given_back_of_a_job_that_somebody_removed_says_so(stage):
    stage.a.add("job", trigger=times(9))
    give_back(stage.a, stage.a.claim())
    stage.b.store.remove_job("job")
    assert claim_free(stage.b).fires == []
    assert reasons(stage) == [(17, "its job was removed before it could be started")]


def test_what_was_started_of_a_job_that_somebody_removed_says_so(stage):
    stage.a.add("job", trigger=times(9), delivery="at_least_once")
    stage.a.claim()
    stage.b.store.remove_job("job")
    stage.bury(stage.a, by=stage.b)
    assert claim_free(stage.b).fires == []
    assert reasons(stage) == [(17, "its job was removed before it could be started again")]


def test_a_job_of_the_same_id_lends_its_definition_to_no_run_of_the_one_before(stage):
    stage.a.add("job", trigger=times(9), args=("old",))
    give_back(stage.a, stage.a.claim())
    stage.b.store.remove_job("job")
    stage.b.add("job", due=NOW + INTERVAL, args=("new",))
    assert claim_free(stage.b).fires == []
    assert reasons(stage) == [(17, "its job was removed before it could be started")]


def test_a_run_of_a_job_that_ended_keeps_its_own_definition_beside_a_new_job_of_its_id(stage):
    stage.a.add("job", trigger=once(NOW), args=("old",))
    give_back(stage.a, stage.a.claim())
    stage.b.add("job", due=NOW + INTERVAL, args=("new",))
    assert [each.job.args for each in claim_free(stage.b).batch.claims] == [("old",)]
    later = stage.b.claim(NOW + INTERVAL)
    assert [each.job.args for each in later.batch.claims] == [("new",)]


def test_a_definition_that_cannot_be_loaded_here_waits_for_a_node_that_can(stage, monkeypatch):
    stage.a.add("job", trigger=once(NOW))
    give_back(stage.a, stage.a.claim())
    told = []
    stage.b.store._parts.loader._on_bad = lambda *words: told.append(words) or True
    monkeypatch.setattr(stage.b.store._parts.loader, "serializer", None)
    for _ in range(3):
        assert claim_free(stage.b).fires == []
    assert [state for state, _, _ in stage.rows()] == [0]
    assert len(told) == 1
    assert claim_free(stage.a).fires == [("job", NOW)]


def test_a_definition_that_cannot_be_loaded_is_told_once_beside_a_job_of_its_id_that_can(stage):
    stage.a.add("job", trigger=once(NOW))
    give_back(stage.a, stage.a.claim())
    stage.place.change("UPDATE {t}_runs SET job_state = :junk", junk=b"junk")
    stage.a.add("job", due=NOW + INTERVAL, max_instances=9)
    told = []
    stage.b.store._parts.loader._on_bad = lambda *_: told.append("bad") or True
    stage.b.store._parts.loader._on_good = lambda *_: told.append("good")
    for number in range(1, 4):
        assert claim_free(stage.b, NOW + number * INTERVAL).fires == [
            ("job", NOW + number * INTERVAL)
        ]
    assert told == ["bad"]
