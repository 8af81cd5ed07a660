"""Jobs that were stored under older zone data, and a start with newer data: by real files of zones."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import zoneinfo
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from databases import SHARED, Place
from sqlalchemy import event
from zones.apart.conftest import look_in, write

from apscheduler.events import EVENT_JOB_SKIPPED
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._sql.zones import rezoning
from apscheduler.jobstores._sql.zones.notes import ZoneNotes
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.serializers.json import SignedJSONSerializer
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.zones import data

# Vancouver keeps one clock all the year by newer data, and changed it twice a year before.
OLD, NEW = "2025b", data.package().version
TWICE_A_YEAR = {"America/Vancouver": "America/Los_Angeles"}
JANUARY = {"month": 1, "day": 15, "hour": 9, "timezone": "America/Vancouver"}
IN_JULY = {**JANUARY, "month": 7}


def noop():
    """Do nothing."""


@pytest.fixture(params=SHARED)
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def sqlite(tmp_path):
    place = Place("sqlite", tmp_path)
    yield place
    place.close()


@pytest.fixture
def old(shared):
    """Have old data in use."""
    before = zoneinfo.TZPATH
    write(shared, TWICE_A_YEAR, OLD)
    look_in([str(shared)])
    yield shared
    look_in(before)


@contextmanager
def started(place, *, heard=None, **options):
    store = place.store(**options)
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    if heard is not None:
        scheduler.add_listener(heard.append, EVENT_JOB_SKIPPED)
    scheduler.start(paused=True)
    try:
        compared(store)
        yield scheduler, store
    finally:
        scheduler.shutdown()


def compared(store):
    if store._session.rezoning.thread is not None:
        store._session.rezoning.thread.join()


def noted(store):
    """Have the store take note of the data in use, as half a minute after its start."""
    store._session.rezoning.tend()
    compared(store)
    return store._session.rezoning._notes.version()


def stored(place, *triggers, **options):
    """Store jobs with the data in use; return when they are due, in UTC."""
    with started(place, **options) as (scheduler, store):
        for number, trigger in enumerate(triggers):
            scheduler.add_job(noop, "cron", id=f"job {number}", **trigger)
        noted(store)
        return due(scheduler)


def due(scheduler):
    return [
        job.next_run_time.astimezone(UTC)
        for job in sorted(scheduler.get_jobs(), key=lambda job: job.id)
    ]


def test_a_fire_time_whose_clock_was_changed_keeps_its_wall_time(old, place, caplog):
    (planned,) = stored(place, JANUARY)
    assert planned.hour == 17
    look_in(())
    caplog.clear()
    heard = []
    with started(place, heard=heard) as (scheduler, store):
        (job,) = scheduler.get_jobs()
        assert job.next_run_time.hour == 9
        assert due(scheduler) == [planned - timedelta(hours=1)]
        (run,) = scheduler.get_runs("job 0")
        assert store._session.rezoning._notes.version() == NEW
    assert (run.outcome, run.fire_time.astimezone(UTC)) == (Outcome.SKIPPED, planned)
    assert run.reason.startswith(f"planned by zone data {OLD}; by {NEW} it is due at ")
    assert run.reason.endswith(str(job.next_run_time))
    assert [each.reason for each in heard] == [run.reason]
    lines = [line.getMessage() for line in caplog.records if line.levelno == logging.WARNING]
    assert len(lines) == 2
    assert "'job 0'" in lines[0]
    assert "1 next fire times were moved" in lines[1]


def test_the_job_runs_at_the_new_time_and_goes_on_by_the_new_clock(old, sqlite):
    (planned,) = stored(sqlite, JANUARY)
    look_in(())
    right = planned - timedelta(hours=1)
    with started(sqlite) as (scheduler, _):
        # As a program adds it at each of its starts: the row of what was planned bars nothing.
        scheduler.add_job(noop, "cron", id="job 0", replace_existing=True, **JANUARY)
        assert due(scheduler) == [right]
    clock = FakeClock(right - timedelta(seconds=1))
    scheduler = ManualScheduler(jobstores={"default": sqlite.store()}, clock=clock, timezone="UTC")
    scheduler.start()
    scheduler.advance(2)
    runs = {run.fire_time: run.outcome for run in scheduler.get_runs("job 0")}
    assert runs == {planned: Outcome.SKIPPED, right: Outcome.EXECUTED}
    (following,) = due(scheduler)
    scheduler.shutdown()
    assert following.replace(year=right.year) == right


def test_a_process_that_python_was_told_other_data_for_moves_it_too(old, sqlite):
    (planned,) = stored(sqlite, JANUARY)
    code = (
        "from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore as Store\n"
        "from apscheduler.schedulers.background import BackgroundScheduler\n"
        f"store = Store({sqlite.url!r}, tablename={sqlite.table!r})\n"
        "scheduler = BackgroundScheduler(jobstores={'default': store}, timezone='UTC')\n"
        "scheduler.start(paused=True)\n"
        "store._session.rezoning.thread.join()\n"
        "print(store.get_all_jobs()[0].next_run_time.isoformat())\n"
        "scheduler.shutdown()\n"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONTZPATH": "", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("-15T09:00:00-07:00\n")
    assert datetime.fromisoformat(done.stdout.strip()) == planned - timedelta(hours=1)


@pytest.mark.parametrize("serializer", [None, SignedJSONSerializer], ids=["pickle", "json"])
def test_what_the_change_does_not_touch_stays(old, sqlite, serializer):
    options = (
        {} if serializer is None else {"serializer": serializer({"a": "x" * 32}, callables=[noop])}
    )
    others = [
        IN_JULY,
        {**JANUARY, "timezone": "Europe/Berlin"},
        {"minute": "*/5", "timezone": "America/Vancouver"},
    ]
    before = stored(sqlite, *others, JANUARY, **options)
    look_in(())
    with started(sqlite, **options) as (scheduler, _):
        after = due(scheduler)
        assert after[:3] == before[:3]
        assert after[3] == before[3] - timedelta(hours=1)


def test_a_time_that_a_user_chose_stays(old, sqlite):
    stored(sqlite, JANUARY)
    with started(sqlite) as (scheduler, _):
        chosen = scheduler.get_job("job 0").next_run_time.replace(hour=8)
        scheduler.modify_job("job 0", next_run_time=chosen)
    look_in(())
    with started(sqlite) as (scheduler, store):
        assert due(scheduler) == [chosen.astimezone(UTC)]
        assert scheduler.get_runs("job 0") == []
        assert store._session.rezoning._notes.version() == NEW


def test_a_job_whose_right_time_has_gone_by_runs_once_more_when_it_was_planned(
    system, sqlite, caplog
):
    # By the new data a clock of this hour, two hours ahead of the old one.
    system({"America/Vancouver": "Etc/GMT+7"}, OLD)
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    wall = soon.astimezone(UTC) - timedelta(hours=7)
    at = {"hour": wall.hour, "minute": wall.minute, "second": wall.second}
    (planned,) = stored(sqlite, {**at, "timezone": "America/Vancouver"})
    assert planned == soon
    system({"America/Vancouver": "Etc/GMT+5"}, "2025c")
    caplog.clear()
    with started(sqlite) as (scheduler, _):
        assert due(scheduler) == [planned]
    assert "1 stay once more" in caplog.text


def test_a_paused_job_stays_paused(old, sqlite):
    stored(sqlite, JANUARY)
    with started(sqlite) as (scheduler, _):
        scheduler.pause_job("job 0")
    look_in(())
    with started(sqlite) as (scheduler, _):
        assert scheduler.get_job("job 0").next_run_time is None


def test_a_date_in_a_zone_keeps_its_wall_time_and_one_with_an_offset_its_instant(old, sqlite):
    year = datetime.now(UTC).year + 1
    with started(sqlite) as (scheduler, store):
        for name, zone in (("job 0", "America/Vancouver"), ("job 1", None)):
            date = f"{year}-01-15T09:00:00" + ("" if zone else "-08:00")
            scheduler.add_job(noop, "date", id=name, run_date=date, timezone=zone)
        noted(store)
        before = due(scheduler)
    look_in(())
    with started(sqlite) as (scheduler, _):
        after = due(scheduler)
    assert before[0] == before[1] == after[1] == after[0] + timedelta(hours=1)


def test_an_interval_keeps_its_distance(old, sqlite):
    stored(sqlite)
    with started(sqlite) as (scheduler, store):
        scheduler.add_job(noop, "interval", id="job 0", days=1, timezone="America/Vancouver")
        noted(store)
        before = due(scheduler)
    with sqlite.engine().begin() as connection:  # it has run once
        job = before[0] - timedelta(days=1)
        columns = "job_id, generation, kind, fire_us, state, token, node, node_name, batch, lead, attempt, delivery, count, seq, claimed_us"
        fire = round(job.timestamp() * 1_000_000)
        connection.exec_driver_sql(
            f"INSERT INTO {sqlite.table}_runs ({columns}) VALUES "
            f"('job 0', 0, 0, {fire}, 10, 1, 0, '', 0, {fire}, 1, 0, 1, {fire}, {fire})"
        )
    look_in(())
    with started(sqlite) as (scheduler, _):
        assert due(scheduler) == before


def test_a_claim_or_an_edit_in_between_wins(old, sqlite, monkeypatch):
    (planned,) = stored(sqlite, JANUARY)
    look_in(())
    mine = planned + timedelta(days=3)

    def edited(point):
        monkeypatch.setattr("apscheduler.jobstores._sql.changing.editing.reached", lambda _: None)
        with started(sqlite, follow_zone_data=False) as (scheduler, _):
            scheduler.modify_job("job 0", next_run_time=mine)

    monkeypatch.setattr("apscheduler.jobstores._sql.changing.editing.reached", edited)
    with started(sqlite) as (scheduler, _):
        assert due(scheduler) == [mine]
        assert scheduler.get_runs("job 0") == []


def test_a_process_with_older_data_moves_nothing_and_the_next_newer_one_looks_again(
    old, sqlite, caplog
):
    (planned,) = stored(sqlite, JANUARY)
    look_in(())
    with started(sqlite) as (scheduler, _):
        (right,) = due(scheduler)
    before = data.in_use()
    caplog.clear()
    look_in([str(old)])
    with started(sqlite) as (scheduler, store):
        assert due(scheduler) == [right]
        assert store._session.rezoning._notes.version() == OLD
        # It computes by its own data, as long as it is there.
        scheduler.modify_job("job 0", next_run_time=planned)
    assert f"The zone data in use here is {OLD}" in caplog.text
    look_in(())
    assert data.in_use() == before
    with started(sqlite) as (scheduler, store):
        assert due(scheduler) == [right]
        assert store._session.rezoning._notes.version() == NEW


def test_a_process_with_older_data_that_was_there_before_says_so_at_its_end(old, sqlite):
    with started(sqlite) as (scheduler, store):
        scheduler.add_job(noop, "cron", id="job 0", **JANUARY)
        assert noted(store) == OLD
        ZoneNotes(store._database, store._parts.tables).write(NEW, None)  # a newer one started
        store._session.claiming.moved["job 0"] = None  # and this one claims a job
    with started(sqlite) as (scheduler, store):
        assert store._session.rezoning._notes.version() == OLD


def test_jobs_are_read_in_pages_and_get_lines_up_to_a_bound(old, place, caplog, monkeypatch):
    monkeypatch.setattr(rezoning, "_PAGE", 5)
    stored(place, *([JANUARY] * 25))
    look_in(())
    caplog.clear()
    with started(place) as (scheduler, _):
        assert {each.hour for each in due(scheduler)} == {16}
        assert len(scheduler.get_runs(limit=100)) == 25
    assert caplog.text.count("was to run at") == 20
    assert "25 next fire times were moved" in caplog.text


def test_without_the_option_nothing_is_noted_or_moved(old, sqlite):
    (planned,) = stored(sqlite, JANUARY)
    look_in(())
    with started(sqlite, follow_zone_data=False) as (scheduler, store):
        assert due(scheduler) == [planned]
        assert noted(store) == OLD


def test_data_of_an_unknown_version_moves_nothing(old, system, sqlite):
    (planned,) = stored(sqlite, JANUARY)
    system({"America/Vancouver": "America/Phoenix"}, None)
    with started(sqlite) as (scheduler, store):
        assert due(scheduler) == [planned]
        assert noted(store) == OLD


def test_a_start_with_the_data_that_is_noted_asks_nothing_more(old, place):
    stored(place, JANUARY)
    store = place.store()
    asked = []
    event.listen(store.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start(paused=True)
    assert store._session.rezoning.thread is None
    about = [each for each in asked if "zone data" in each]
    scheduler.shutdown()
    assert len(about) == 1
    assert about[0].startswith("SELECT step")


def test_clocks_that_cannot_be_read_move_nothing(old, sqlite):
    (planned,) = stored(sqlite, JANUARY)
    sqlite.change("UPDATE {t}_state SET text = 'x' WHERE name LIKE 'zone clocks%'")
    look_in(())
    with started(sqlite) as (scheduler, store):
        assert due(scheduler) == [planned]
        assert store._session.rezoning._notes.version() == NEW
