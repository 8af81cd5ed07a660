"""An edit on a host whose clock is wrong computes what is due by the store's clock."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, timedelta
from types import SimpleNamespace

import pytest
from cluster.processes import PATHS
from cluster.support import judge
from cluster.test_clock_steps import library  # noqa: F401 - a fixture
from databases import SHARED, Place

from apscheduler._engine.instants import SECOND
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.testing._contract_jobs import INTERVAL, NOW, moment
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger


def work() -> None:
    """Do nothing."""


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


def host_now() -> int:
    return time.time_ns() // 1000


@pytest.fixture
def opened(place):
    """Start schedulers whose host's clock is wrong by so many seconds."""
    made = []

    def open_by(ahead: float, *, paused: bool) -> BackgroundScheduler:
        scheduler = BackgroundScheduler(jobstores={"default": place.store()}, timezone="UTC")
        made.append(scheduler)
        scheduler.start(paused=True)

        def wrong() -> int:
            return host_now() + round(ahead * SECOND)

        scheduler._clock = SimpleNamespace(now_us=wrong)
        store = scheduler._jobstores["default"]
        store._session.membership.offset._clock = store._clock = wrong
        if not paused:
            store._session.membership.ensure()  # it joins, as a scheduler that runs does
        return scheduler

    yield open_by
    for scheduler in made:
        scheduler.shutdown()


def add(scheduler):
    scheduler.add_job(work, "cron", second="*", id="job")


def add_several(scheduler):
    scheduler.add_jobs(
        [{"func": work, "trigger": "cron", "second": "*", "id": name} for name in ("job", "other")]
    )


def replace(scheduler):
    scheduler.add_job(work, "cron", second="*", id="job", jobstore="default")
    scheduler.add_job(work, "cron", second="*", id="job", replace_existing=True)


def replace_by_another(scheduler):
    scheduler.add_job(work, "cron", minute="*/7", id="job")
    scheduler.add_job(work, "cron", second="*", id="job", replace_existing=True)


def pause_and_resume(scheduler):
    add(scheduler)
    scheduler.pause_job("job")
    scheduler.resume_job("job")


def reschedule(scheduler):
    scheduler.add_job(work, "cron", minute="*/7", id="job")
    scheduler.reschedule_job("job", trigger="cron", second="*")


def modify(scheduler):
    scheduler.add_job(work, "cron", minute="*/7", id="job")
    scheduler.modify_job("job", trigger=CronTrigger(second="*"))


def by_interval(scheduler):
    scheduler.add_job(work, "interval", seconds=1, id="job")


def by_interval_made_before(scheduler):
    scheduler.add_job(work, IntervalTrigger(seconds=1), id="job")


def reschedule_to_interval(scheduler):
    add(scheduler)
    scheduler.reschedule_job("job", trigger="interval", seconds=1)


def at_once(scheduler):
    scheduler.add_job(work, id="job")


EDITS = [
    *(add, add_several, replace, replace_by_another, pause_and_resume, reschedule, modify),
    *(by_interval, by_interval_made_before, reschedule_to_interval, at_once),
]


@pytest.mark.parametrize(
    ("place", "edit"),
    [*(("postgresql", edit) for edit in EDITS), *(("mariadb", edit) for edit in EDITS[:3])],
    indirect=["place"],
)
@pytest.mark.parametrize("paused", [True, False], ids=["paused", "joined"])
@pytest.mark.parametrize("ahead", [3600, -2])
def test_a_job_is_next_due_from_the_stores_now_on(opened, edit, ahead, paused, caplog):
    scheduler = opened(ahead, paused=paused)
    before = host_now() // SECOND
    edit(scheduler)
    due = scheduler.get_job("job")._due / SECOND
    assert before - 0.2 <= due <= host_now() / SECOND + 1.2
    (line,) = [each for each in caplog.messages if "This host's clock is" in each]
    assert f" s {'ahead of' if ahead > 0 else 'behind'} the store's" in line


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("ahead", [0.6, -0.6])
@pytest.mark.parametrize("edit", [add, replace, pause_and_resume, reschedule, modify])
def test_less_than_a_second_counts_too(opened, edit, ahead):
    scheduler = opened(ahead, paused=True)
    while not 0.5 <= host_now() / SECOND % 1 <= 0.7:  # the wrong clock's second is another one
        time.sleep(0.01)
    second = host_now() // SECOND
    edit(scheduler)
    due = scheduler.get_job("job")._due // SECOND
    assert second + 1 <= due <= host_now() // SECOND + 1


# -- what the ledger says of an edit ------------------------------------------------------------------------------------


def manual(place, now=NOW):
    clock = FakeClock(moment(now))
    return ManualScheduler(jobstores={"default": place.store()}, clock=clock, timezone="UTC")


@pytest.fixture
def running(place):
    scheduler = manual(place)
    scheduler.start()
    yield scheduler
    scheduler.shutdown()


def every(seconds: int) -> IntervalTrigger:
    return IntervalTrigger(seconds=seconds, start_date=moment(NOW), timezone=UTC)


STEP = INTERVAL // SECOND


@pytest.mark.parametrize("place", SHARED, indirect=True)
@pytest.mark.parametrize(
    "edit",
    [
        lambda scheduler, trigger: scheduler.add_job(
            work, trigger, id="job", replace_existing=True
        ),
        lambda scheduler, trigger: scheduler.add_jobs(
            [{"func": work, "trigger": trigger, "id": "job", "replace_existing": True}]
        ),
        lambda scheduler, trigger: scheduler.reschedule_job("job", trigger=trigger),
        lambda scheduler, trigger: scheduler.modify_job("job", trigger=trigger),
    ],
    ids=["add_job", "add_jobs", "reschedule_job", "modify_job"],
)
def test_several_edits_in_a_row_hand_out_nothing_again(running, edit):
    running.add_job(work, every(STEP), id="job")
    running.tick()
    assert [run.fire_time for run in running.get_runs("job")] == [moment(NOW)]
    running.clock.set(
        moment(NOW - SECOND // 2)
    )  # the editing host lags behind the one that has run it
    for seconds in (STEP * 2, STEP, STEP * 2, STEP):
        edit(running, every(seconds))
        assert running.get_job("job").next_run_time == moment(NOW) + timedelta(seconds=seconds)


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_run_far_ahead_holds_no_edit_up(running, place):
    running.add_job(work, every(STEP), id="job")
    running.tick()
    store = running._jobstores["default"]
    store._session.outbox.flush()
    ahead = NOW + 1000 * INTERVAL
    place.change("UPDATE {t}_runs SET fire_us = :ahead", ahead=ahead)
    for _ in range(2):
        running.add_job(work, every(STEP), id="job", replace_existing=True)
        assert running.get_job("job").next_run_time == moment(NOW)
    running.pause_job("job")
    running.resume_job("job")
    assert running.get_job("job").next_run_time == moment(NOW)


@pytest.mark.parametrize("place", SHARED, indirect=True)
@pytest.mark.parametrize("fires", [1, 3])
def test_what_came_due_once_more_is_said(running, place, fires, caplog):
    options = {"coalesce": False, "misfire_grace_time": None}
    running.add_job(work, every(STEP), id="job", **options)
    running.clock.set(moment(NOW + (fires - 1) * INTERVAL))
    running.tick()
    assert len(running.get_runs("job")) == fires
    place.change("UPDATE {t} SET next_run_time = :due", due=NOW / SECOND)  # somebody's SQL
    running.clock.set(moment(NOW + fires * INTERVAL))
    running.tick()
    assert len(running.get_runs("job")) == fires + 1
    (line,) = [each for each in caplog.messages if "is not started for" in each]
    assert "the ledger has a run of that time already" in line
    assert "modify_job(next_run_time=...)" in line
    assert ("3 runs" in line) == (fires == 3)
    assert running.get_job("job").next_run_time == moment(NOW + (fires + 1) * INTERVAL)


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_many_jobs_that_came_due_once_more_are_one_line(running, place, caplog):
    for number in range(20):
        options = {"coalesce": False, "misfire_grace_time": None}
        running.add_job(work, every(STEP), id=f"job {number:02}", **options)
    running.tick()
    for back in range(1, 4):
        place.change("UPDATE {t} SET next_run_time = :due", due=NOW / SECOND)  # somebody's SQL
        running.clock.set(moment(NOW + back * INTERVAL))
        running.tick()
    (line,) = [each for each in caplog.messages if "is not started for" in each]
    assert "(and 19 jobs more)" in line


# -- a real wrong clock ---------------------------------------------------------------------------------------------------

SCRIPT = """
import sys, time
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
url, table, log = sys.argv[1:]
scheduler = BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(url, tablename=table)}, timezone="UTC")
scheduler.start(paused=True)
options = {"misfire_grace_time": None, "coalesce": False, "args": [log]}
scheduler.add_job("cluster.work:run", "cron", second="*", id="cron", **options)
scheduler.add_job("cluster.work:run", "interval", seconds=1, id="interval", **options)
scheduler.shutdown()
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", SHARED, indirect=True)
@pytest.mark.parametrize("step", ["+3600", "-3600"])
def test_jobs_that_a_host_with_a_wrong_clock_adds_run_from_now_on(place, step, library, tmp_path):  # noqa: F811
    log = str(tmp_path / "marks")
    (tmp_path / "marks").touch()
    worker = BackgroundScheduler(jobstores={"default": place.store()}, timezone="UTC")
    worker.start()
    began = host_now()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(PATHS),
        "LD_PRELOAD": str(library),
        "FAKETIME": step,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    command = [sys.executable, "-c", SCRIPT, place.url, place.table, log]
    subprocess.run(command, env=environment, check=True, timeout=60)
    added = host_now()
    deadline = time.monotonic() + 30
    while len(judge.read(log)) < 8 and time.monotonic() < deadline:
        time.sleep(0.1)
    worker.shutdown()
    marks = judge.read(log)
    assert {mark.job for mark in marks} == {"cron", "interval"}
    assert min(mark.fire for mark in marks) >= began
    assert min(mark.fire for mark in marks if mark.job == "cron") <= added + 3 * SECOND
