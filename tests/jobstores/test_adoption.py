"""Stores written by 3.x are taken over as they are, and 3.x reads them afterwards. The reference runs by itself."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime

import pytest
from databases import SERVERS, SHARED, Place
from sqlalchemy import inspect

from apscheduler._engine.instants import SECOND, to_us
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import FakeClock, ManualScheduler

pytestmark = pytest.mark.slow

FILL = """
import sys
from datetime import datetime, timedelta, timezone
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
scheduler = BackgroundScheduler(
    jobstores={"default": SQLAlchemyJobStore(sys.argv[1], tablename=sys.argv[2])}, timezone="Europe/Berlin"
)
scheduler.start(paused=True)
options = {"misfire_grace_time": None}
start = datetime(2031, 5, 1, 12, tzinfo=timezone.utc)
scheduler.add_job("os.path:join", "interval", minutes=7, start_date=start, id="interval", args=["a", "b"], **options)
scheduler.add_job("os:getpid", "cron", hour="*/3", minute=30, id="cron", max_instances=3, coalesce=False, **options)
scheduler.add_job("os:getpid", "date", run_date=start, id="once", name="only once", **options)
scheduler.add_job("os:getpid", "interval", hours=1, id="paused", next_run_time=None)
scheduler.add_job("os:getpid", "calendarinterval", months=1, hour=2, minute=30, id="monthly",
                  start_date="2031-01-31", **options)
scheduler.shutdown()
"""
READ = """
import json, sys
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
scheduler = BackgroundScheduler(
    jobstores={"default": SQLAlchemyJobStore(sys.argv[1], tablename=sys.argv[2])}, timezone="Europe/Berlin"
)
scheduler.start(paused=True)
found = {}
for job in scheduler.get_jobs():
    moment, fires = job.next_run_time, []
    while moment is not None and len(fires) < 4:
        fires.append(moment.timestamp())
        moment = job.trigger.get_next_fire_time(moment, moment)
    found[job.id] = [str(job.trigger), job.name, list(job.args), job.max_instances, fires]
print(json.dumps(found))
scheduler.shutdown()
"""


def ask(reference_python, script, *args):
    done = subprocess.run(
        [reference_python, "-E", "-c", script, *args], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None


def described(jobs):
    """Return jobs of ours in the words of READ."""
    found = {}
    for job in jobs:
        moment, fires = job.next_run_time, []
        while moment is not None and len(fires) < 4:
            fires.append(moment.timestamp())
            moment = job.trigger.get_next_fire_time(moment, moment)
        found[job.id] = [str(job.trigger), job.name, list(job.args), job.max_instances, fires]
    return found


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.mark.trap(105)
@pytest.mark.slow
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_store_that_3x_filled_means_the_same_here_and_3x_reads_it_afterwards(
    place, reference_python
):
    ask(reference_python, FILL, place.url, place.table)
    written = ask(reference_python, READ, place.url, place.table)
    before = place.rows("SELECT * FROM {t} ORDER BY id")
    columns = inspect(place.engine()).get_columns(place.table)
    clock = FakeClock(datetime(2031, 5, 1, 11, tzinfo=UTC))
    scheduler = ManualScheduler(
        jobstores={"default": place.store(poll_interval=3600)},
        timezone="Europe/Berlin",
        clock=clock,
    )
    scheduler.start(paused=True)
    assert described(scheduler.get_jobs()) == written
    assert place.rows("SELECT * FROM {t} ORDER BY id") == before
    assert str(inspect(place.engine()).get_columns(place.table)) == str(columns)
    scheduler.resume()
    scheduler.advance(3600 + 15 * 60)
    ran = {(run.job_id, to_us(run.fire_time)) for run in scheduler.get_runs(limit=1000)}
    noon = to_us(datetime(2031, 5, 1, 12, tzinfo=UTC))
    assert {("interval", noon), ("interval", noon + 7 * 60 * SECOND), ("once", noon)} <= ran
    ours = described(scheduler.get_jobs())
    scheduler.shutdown()
    assert "once" not in ours
    assert ours["interval"][-1][0] == noon / SECOND + 21 * 60
    assert ask(reference_python, READ, place.url, place.table) == ours


def test_the_store_of_the_golden_data_is_adopted_without_a_change(tmp_path, data_folder):
    expected = json.loads((data_folder / "jobs-3.11.3.expected.json").read_text("utf-8"))
    path = tmp_path / "jobs.sqlite"
    shutil.copy(data_folder / "jobs-3.11.3.sqlite", path)

    def rows():
        with closing(sqlite3.connect(path)) as base:
            return base.execute("SELECT * FROM apscheduler_jobs ORDER BY id").fetchall()

    before = rows()
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(f"sqlite:///{path}")}, timezone="UTC"
    )
    scheduler.start(paused=True)
    jobs = {job.id: job for job in scheduler.get_jobs()}
    assert scheduler.get_quarantined() == []
    scheduler.shutdown()
    assert rows() == before
    assert set(jobs) == set(expected)
    for name, job in jobs.items():
        due = expected[name]["next_run_time"]
        assert (job.next_run_time.isoformat() if job.next_run_time else None) == due


@pytest.mark.parametrize("place", SERVERS, indirect=True)
def test_a_table_that_3x_made_in_the_servers_own_collation_is_worked_with(place):
    if place.kind == "mariadb":
        place.change(
            "CREATE TABLE {t} (id VARCHAR(191) COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY, "
            "next_run_time DOUBLE, job_state BLOB NOT NULL) CHARACTER SET utf8mb4"
        )
    else:
        place.change(
            "CREATE TABLE {t} (id VARCHAR(191) NOT NULL PRIMARY KEY, next_run_time FLOAT(25), job_state BYTEA NOT NULL)"
        )
    scheduler = ManualScheduler(
        jobstores={"default": place.store()},
        timezone="UTC",
        clock=FakeClock(datetime(2031, 5, 1, tzinfo=UTC)),
    )
    scheduler.start()
    scheduler.add_job("os:getpid", "interval", seconds=10, id="a")
    scheduler.add_job("os:getpid", "interval", seconds=10, id="Äöü €")
    scheduler.advance(35)
    assert len(scheduler.get_runs(outcome="executed")) == 6
    scheduler.shutdown()


@pytest.mark.trap(109)
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_table_with_further_columns_keeps_them(place):
    store = place.store()
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start(paused=True)
    scheduler.add_job("os:getpid", "interval", hours=1, id="a")
    scheduler.shutdown()
    place.change("ALTER TABLE {t} ADD COLUMN owner VARCHAR(20) DEFAULT 'nobody'")
    place.change("UPDATE {t} SET owner = 'me'")
    scheduler = BackgroundScheduler(jobstores={"default": place.store()}, timezone="UTC")
    scheduler.start(paused=True)
    scheduler.modify_job("a", name="changed")
    scheduler.add_job("os:getpid", "interval", hours=1, id="b")
    scheduler.shutdown()
    assert place.rows("SELECT id, owner FROM {t} ORDER BY id") == [("a", "me"), ("b", "nobody")]
