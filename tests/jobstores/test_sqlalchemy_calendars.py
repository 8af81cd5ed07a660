"""Calendars on a shared store: drops are rows, and who does not know a name leaves the job to others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apscheduler.calendars import Blackouts, BusinessDays
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import FakeClock, ManualScheduler

ran = []


def work() -> None:
    ran.append(1)


@pytest.fixture
def node(tmp_path):
    ran.clear()
    made = []

    def start():
        store = SQLAlchemyJobStore(f"sqlite:///{tmp_path / 'jobs.db'}")
        scheduler = ManualScheduler(
            jobstores={"default": store}, clock=FakeClock(datetime.now(UTC))
        )
        made.append(scheduler)
        return scheduler

    yield start
    for scheduler in made:
        if scheduler.running:
            scheduler.shutdown()


def test_a_drop_is_a_row_of_the_ledger_and_costs_no_instance(node):
    scheduler = node()
    scheduler.start()
    day = scheduler.clock.now().date()
    due = scheduler.clock.now() + timedelta(seconds=1)
    scheduler.add_job(
        work, "interval", hours=1, start_date=due, id="report", calendar={day, due.date()}
    )
    scheduler.add_job(work, "interval", hours=1, start_date=due, id="free")
    scheduler.advance(2)
    (run,) = scheduler.get_runs("report")
    assert (run.outcome, run.fire_time) == ("skipped", due)
    assert f"{due.date()} is a closed day" in run.reason
    assert scheduler.get_running() == []
    assert [str(run.outcome) for run in scheduler.get_runs("free")] == ["executed"]
    assert scheduler.get_job("report").next_run_time == due + timedelta(hours=1)


def test_overdue_open_and_closed_fire_times_are_rows_of_their_own(node):
    scheduler = node()
    scheduler.start()
    start = scheduler.clock.now() - timedelta(days=20)
    scheduler.add_job(
        work,
        "interval",
        hours=6,
        start_date=start,
        next_run_time=start,
        id="report",
        calendar=BusinessDays(),
        misfire_grace_time=None,
    )
    scheduler.tick()
    counts = {}
    for run in scheduler.get_runs("report"):
        counts[str(run.outcome)] = counts.get(str(run.outcome), 0) + run.count
    assert counts.pop("executed") == 1
    assert sum(counts.values()) == 80
    assert 16 <= counts["skipped"] <= 28
    assert ran == [1]


def test_a_process_without_the_name_leaves_the_job_to_one_that_has_it(node, caplog):
    first, second = node(), node()
    first.start()
    second.start()
    first.add_calendar("deploys", Blackouts())
    due = first.clock.now() + timedelta(seconds=1)
    first.add_job(
        work, "date", run_date=due, id="deploy", calendar="deploys", misfire_grace_time=None
    )
    for scheduler in (first, second):
        scheduler.clock.advance(2)
    second.tick()
    assert ran == []
    assert "there is no calendar 'deploys' on this scheduler" in caplog.text
    (bad,) = second.get_quarantined()
    assert (bad.job_id, bad.reason) == ("deploy", "this scheduler has no calendar 'deploys'")
    assert second.get_job("deploy").next_run_time == due
    assert first.get_quarantined() == []
    first.tick()
    assert ran == [1]
    assert [str(run.outcome) for run in first.get_runs("deploy")] == ["executed"]
