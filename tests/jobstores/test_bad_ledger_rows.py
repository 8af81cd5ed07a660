"""Rows of the ledger and of the nodes that nobody could have meant are shown as such, and cost the others nothing."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from databases import SHARED, Place
from sqlalchemy import text

from apscheduler.cluster.membership import Membership
from apscheduler.testing import FakeClock, ManualScheduler

pytestmark = pytest.mark.slow

FAR, NOW = 9 * 10**18, 1_893_456_000_000_000
ran = []


def note(name):
    ran.append(name)


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def scheduler(place):
    ran.clear()
    scheduler = ManualScheduler(jobstores={"default": place.store()}, clock=FakeClock())
    scheduler.start()
    scheduler.add_job(note, "interval", seconds=10, id="good", args=["good"])
    scheduler.advance(15)
    yield scheduler
    scheduler.shutdown()


WHOLE = {
    "generation": 0,
    "kind": 0,
    "state": 10,
    "token": 1,
    "node": 0,
    "node_name": "n",
    "batch": 0,
    "lead": NOW,
    "attempt": 1,
    "delivery": 0,
    "count": 1,
    "last_us": None,
    "seq": NOW,
    "claimed_us": NOW,
    "started_us": NOW,
    "finished_us": NOW,
}
DAMAGES = {
    "fire_us": FAR,
    "started_us": FAR,
    "finished_us": -FAR,
    "last_us": FAR,
    "state": 99,
}
SQLITE_DAMAGES = {
    "fire_us": "soon",
    "started_us": b"\xff",
    "finished_us": 1.5,
    "last_us": "late",
    "state": "done",
}


def insert(place, job_id, **values):
    row = {**WHOLE, "job_id": job_id, "fire_us": NOW, **values}
    columns, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    if place.kind == "mariadb":
        columns = columns.replace("lead", "`lead`")
    with place.engine().begin() as connection:
        connection.execute(
            text(f"INSERT INTO {place.table}_runs ({columns}) VALUES ({marks})"), row
        )


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_bad_row_of_the_ledger_is_shown_with_what_is_wrong(place, scheduler):
    damages = {f"bad {column}": (column, value) for column, value in DAMAGES.items()}
    if place.kind == "sqlite":
        damages |= {
            f"odd {column}": pair
            for column, *pair in zip(
                SQLITE_DAMAGES, SQLITE_DAMAGES, SQLITE_DAMAGES.values(), strict=True
            )
        }
    for job_id, (column, value) in damages.items():
        insert(place, job_id, **{column: value})
    insert(place, "uncounted", count=-5)
    runs = {run.job_id: run for run in scheduler.get_runs(limit=1000)}
    assert runs.keys() == {*damages, "good", "uncounted"}
    for job_id, (column, value) in damages.items():
        assert f"{column} is {value!r}" in runs[job_id].reason
        assert f"{place.table}_runs" in runs[job_id].reason
        assert runs[job_id].fire_time.tzinfo is not None
    assert runs["bad fire_us"].fire_time == datetime.max.replace(tzinfo=UTC)
    assert runs["bad state"].outcome is None
    assert runs["good"].reason is None
    counts = scheduler.outcome_counts()
    assert counts == {
        "executed": 1 + len(damages) - sum(name.endswith("state") for name in damages)
    }
    scheduler.advance(20)
    assert ran == ["good"] * 3


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_bad_live_and_free_runs_are_listed_and_neither_run_nor_stop_anything(place, scheduler):
    ((blob,),) = place.rows("SELECT job_state FROM {t} WHERE id = 'good'")
    insert(place, "ghost", fire_us=FAR, state=0, job_state=bytes(blob), seq=1)
    own = scheduler._jobstores["default"]._session.membership.lease.epoch
    insert(place, "live", fire_us=-FAR, state=1, seq=2, node=own)
    insert(place, "odd", state=7, seq=3)
    if place.kind == "sqlite":
        insert(place, "texts", fire_us="soon", state=0, job_state=bytes(blob), seq=4)
    scheduler._jobstores["default"]._session.claiming.look_for_free_runs()
    scheduler.advance(20)
    assert ran == ["good"] * 3
    running = {run.job_id: run.reason for run in scheduler.get_running()}
    assert f"fire_us is {FAR}" in running["ghost"]
    assert f"fire_us is {-FAR}" in running["live"]
    assert "state is 7" in running["odd"]
    assert len(running) == (4 if place.kind == "sqlite" else 3)


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_bad_row_of_a_node_stops_no_heartbeat_and_is_listed(place, scheduler, caplog):
    columns = "epoch, name, pid, beat, batch, lease_us, lease_until, started_us"
    rows = [(7, "dead", 1, 1, 0, 1, -FAR, -FAR), (8, "far", 1, 1, 0, 10**6, FAR, FAR)]
    if place.kind == "sqlite":
        rows.append((9, "odd", "x", "beats", 0, "long", "later", "before"))
    with place.engine().begin() as connection:
        for row in rows:
            values = ", ".join(map(repr, row))
            connection.execute(
                text(f"INSERT INTO {place.table}_nodes ({columns}) VALUES ({values})")
            )
    assert {"dead", "far"} <= {node.name for node in scheduler.nodes()}
    membership: Membership = scheduler._jobstores["default"]._session.membership
    with caplog.at_level(logging.WARNING):
        membership.beat()
        membership.beat()
    assert caplog.text == ""
    assert "dead" not in {node.name for node in scheduler.nodes()}
    scheduler.advance(20)
    assert ran == ["good"] * 3


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_run_of_a_dead_node_that_is_no_time_is_closed_like_the_others(place, scheduler, caplog):
    for job_id, fire in (("first", FAR), ("second", NOW)):
        insert(place, job_id, fire_us=fire, state=1, node=77, node_name="gone", started_us=None)
    with caplog.at_level(logging.ERROR):
        scheduler._jobstores["default"]._session.membership.beat()
    assert "Job 'first'" in caplog.text
    assert "Job 'second'" in caplog.text
    runs = {run.job_id: run for run in scheduler.get_runs(outcome="lost")}
    assert runs.keys() == {"first", "second"}


def test_a_ledger_with_a_number_that_is_a_text_can_be_pruned(tmp_path):
    place = Place("sqlite", tmp_path)
    scheduler = ManualScheduler(jobstores={"default": place.store(history=2)}, clock=FakeClock())
    scheduler.start()
    insert(place, "bad", seq="last")
    insert(place, "worse", seq="later")
    insert(place, "worst", seq="latest")
    assert scheduler._jobstores["default"].prune() == 0
    scheduler.shutdown()
    place.close()
