"""The job store and the export that 3.11.3 wrote: our classes read them, and they mean what they meant."""

from __future__ import annotations

import json
import pickle
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from apscheduler.job import Job

DATA = Path(__file__).parent / "data"
EXPECTED = json.loads((DATA / "jobs-3.11.3.expected.json").read_text("utf-8"))
PLAIN = (
    "coalesce",
    "executor",
    "func_ref",
    "kwargs",
    "max_instances",
    "misfire_grace_time",
    "name",
)


def rows():
    with closing(sqlite3.connect(f"file:{DATA / 'jobs-3.11.3.sqlite'}?mode=ro", uri=True)) as base:
        query = "SELECT id, next_run_time, job_state FROM apscheduler_jobs"
        return {name: (due, state) for name, due, state in base.execute(query)}


ROWS = rows()


def read(state):
    job = Job.__new__(Job)
    job.__setstate__(pickle.loads(state) if isinstance(state, bytes) else state)
    return job


def fires_after(job, count):
    found, previous = [], job.next_run_time
    while len(found) < count:
        previous = job.trigger.get_next_fire_time(previous, previous)
        if previous is None:
            break
        found.append(previous.isoformat())
    return found


def test_the_store_holds_exactly_the_jobs_that_are_described():
    assert set(ROWS) == set(EXPECTED)


@pytest.mark.trap(105)
@pytest.mark.parametrize("again", [False, True], ids=["as stored", "stored again by us"])
@pytest.mark.parametrize("name", EXPECTED)
def test_a_job_stored_by_the_reference_means_the_same_to_us(name, again):
    due, state = ROWS[name]
    meant = EXPECTED[name]
    job = read(state)
    if again:
        job = read(pickle.dumps(job.__getstate__(), pickle.HIGHEST_PROTOCOL))
    assert job.id == name
    assert {key: getattr(job, key) for key in PLAIN} == {key: meant[key] for key in PLAIN}
    assert list(job.args) == meant["args"]
    assert str(job.trigger) == meant["trigger"]
    assert repr(job.trigger) == meant["trigger_repr"]
    shown = job.next_run_time and job.next_run_time.isoformat()
    assert shown == meant["next_run_time"]
    assert (due is None) == (job.next_run_time is None)
    if due is not None:
        assert datetime.fromisoformat(shown).timestamp() == due


FOLLOWED = [name for name in EXPECTED if "following" in EXPECTED[name]]


@pytest.mark.trap(105)
@pytest.mark.parametrize("name", [name for name in FOLLOWED if not name.startswith("or-")])
def test_a_stored_trigger_goes_on_with_the_fire_times_it_had(name):
    job = read(ROWS[name][1])
    following = EXPECTED[name]["following"]
    assert fires_after(job, max(len(following), 1))[: len(following)] == following
    assert following or fires_after(job, 1) == []


@pytest.mark.trap(69)
def test_a_stored_or_goes_on_with_the_fire_times_it_had_and_the_date_that_was_starved():
    found = fires_after(read(ROWS["or-interval-date"][1]), 4)
    starved = "2030-01-01T03:00:00+00:00"
    assert found == sorted([*EXPECTED["or-interval-date"]["following"], starved])
