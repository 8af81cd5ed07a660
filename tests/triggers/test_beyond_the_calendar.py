"""Steps and delays so long that they lead past the year 9999."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apscheduler.testing import FakeClock, ManualScheduler

START = datetime(2030, 1, 1, tzinfo=UTC)
LONG = 10**12


@pytest.fixture
def scheduler():
    made = ManualScheduler(clock=FakeClock(START), timezone=UTC)
    made.start()
    return made


@pytest.mark.parametrize("unit", ["minutes", "seconds"])
def test_an_interval_without_a_fire_time_is_told_and_not_kept(scheduler, unit, caplog):
    job = scheduler.add_job(print, "interval", **{unit: LONG})
    assert (job.next_run_time, scheduler.get_jobs()) == (None, [])
    assert "its trigger has no fire time from now on" in caplog.text
    assert "interval" in str(job)


@pytest.mark.parametrize("unit", ["minutes", "seconds"])
def test_an_interval_with_a_start_fires_once(scheduler, unit):
    job = scheduler.add_job(print, "interval", start_date=START, **{unit: LONG})
    assert job.next_run_time == START
    assert job.trigger.get_next_fire_time(START, START) is None


def ran():
    """Run by the tests, without output."""


@pytest.mark.parametrize("where", ["memory", "sql"])
@pytest.mark.parametrize(
    ("now", "when"),
    [
        (START, {"weeks": 10**6}),
        (START, {"weeks": 420_000}),
        (datetime(9999, 12, 31, 23, 30, tzinfo=UTC), {"hours": 1}),
        (datetime(9999, 3, 1, tzinfo=UTC), {"days": 360}),
    ],
)
def test_a_job_whose_interval_leads_beyond_ends_with_its_run(now, when, where, caplog):
    caplog.set_level("INFO")
    scheduler = ManualScheduler(clock=FakeClock(now), timezone=UTC)
    if where == "sql":
        scheduler.add_jobstore("sqlalchemy", url="sqlite://")
    scheduler.start()
    scheduler.add_job(ran, "interval", start_date=now, id="a", **when)
    scheduler.tick()
    assert [run.outcome for run in scheduler.get_runs()] == ["executed"]
    assert scheduler.get_jobs() == []
    scheduler.shutdown()
    assert "a has no further fire time" in caplog.text


@pytest.mark.parametrize("unit", ["years", "months", "weeks", "days"])
def test_so_does_a_calendar_interval(scheduler, unit):
    job = scheduler.add_job(print, "calendarinterval", start_date="2030-01-01", **{unit: LONG})
    assert job.next_run_time == START
    assert job.trigger.get_next_fire_time(START, START) is None


@pytest.mark.parametrize(
    ("trigger", "when"),
    [("interval", {"hours": 1}), ("cron", {"hour": 3}), ("calendarinterval", {"days": 1})],
)
def test_a_run_is_delayed_to_the_end_of_the_calendar_at_most(scheduler, trigger, when):
    with pytest.raises(ValueError, match="cannot be 1000000000000: give 0 to"):
        scheduler.add_job(print, trigger, jitter=LONG, **when)
    longest = 9999 * 366 * 86_400
    delayed = [scheduler.add_job(print, trigger, jitter=longest, **when) for _ in range(200)]
    times = [job.next_run_time for job in delayed]
    assert all(time > START for time in times)
    assert max(times).year == 9999
