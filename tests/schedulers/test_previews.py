"""What a scheduler will run: all its jobs in order of time, and why some have nothing to show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler._engine.instants import to_us
from apscheduler.calendars import Blackout, BusinessDays
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.triggers.base import BaseTrigger

START = datetime(2026, 3, 28, 12, tzinfo=UTC)
ran: list[tuple[str, datetime]] = []


def work() -> None:
    from apscheduler import current_run

    run = current_run()
    ran.append((run.job_id, run.scheduled_time))


@pytest.fixture
def scheduler():
    made = ManualScheduler(clock=FakeClock(START), timezone="Europe/Berlin")
    yield made
    if made.running:
        made.shutdown()


class Sick(BaseTrigger):
    def get_next_fire_time(self, previous_fire_time, now):
        if previous_fire_time is None:
            return now + timedelta(minutes=1)
        raise RuntimeError("no tide table for this year")


class Counting(BaseTrigger):
    """Fires three times, and remembers it."""

    def __init__(self) -> None:
        self.left = 3

    def get_next_fire_time(self, previous_fire_time, now):
        self.left -= 1
        return (previous_fire_time or now) + timedelta(hours=1) if self.left >= 0 else None


class Standing(BaseTrigger):
    """Fires each microsecond: a preview of tomorrow is too far for it."""

    def get_next_fire_time(self, previous_fire_time, now):
        return (previous_fire_time or now) + timedelta(microseconds=1)


def rows(preview):
    return [(run.job_id, f"{run.at:%d %H:%M}") for run in preview]


@pytest.mark.parametrize("started", [False, True])
def test_all_jobs_come_in_order_of_time_before_the_start_and_after_it(scheduler, started) -> None:
    scheduler.add_job(work, "cron", hour="*/6", id="quarterly", name="quarter of a day")
    scheduler.add_job(work, "cron", hour=2, minute=30, id="nightly", name="the night's work")
    scheduler.add_job(work, "interval", hours=10, id="tens", start_date="2026-03-28 14:00:00")
    if started:
        scheduler.start()
    preview = scheduler.preview()
    assert rows(preview) == [
        *(("tens", "28 14:00"), ("quarterly", "28 18:00"), ("quarterly", "29 00:00"), ("tens", "29 00:00")),
        *(("nightly", "29 03:30"), ("quarterly", "29 06:00"), ("tens", "29 11:00"), ("quarterly", "29 12:00")),
    ]  # fmt: skip
    assert (preview.start, preview.end) == (START, START + timedelta(hours=24))
    assert (preview.truncated, preview.complete_until) == (False, preview.end)
    assert preview.unplanned == ()
    night = preview[4]
    assert (night.job_name, night.jobstore, night.utc) == (
        *("the night's work", "default"),
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    )
    assert str(night) == (
        "Sun 2026-03-29 03:30:00+02:00 CEST (02:30 does not exist on this day: the clocks go from 02:00 to "
        "03:00)  the night's work [nightly]"
    )
    assert str(preview).splitlines() == [str(run) for run in preview]


def test_a_limit_is_never_silent(scheduler) -> None:
    scheduler.add_job(work, "interval", minutes=1, id="often", start_date="2026-03-28 13:00:00")
    scheduler.start()
    preview = scheduler.preview(limit=10)
    assert len(preview) == 10
    assert preview.truncated
    assert preview.complete_until == START + timedelta(minutes=10)
    assert str(preview).endswith("... and more from 2026-03-28 13:10:00+01:00 on")
    assert not scheduler.preview(hours=10 / 60, limit=10).truncated
    assert len(scheduler.preview(hours=10 / 60, limit=10)) == 10


@pytest.mark.parametrize("started", [False, True])
def test_jobs_without_fire_times_are_named_with_the_reason(scheduler, started) -> None:
    scheduler.add_job(work, "interval", hours=1, id="paused", next_run_time=None)
    scheduler.add_job(work, "crontab", "@reboot", id="boot")
    scheduler.add_job(work, Sick(), id="sick")
    scheduler.add_job(work, "interval", hours=30, id="later")
    if started:
        scheduler.start(paused=True)
    preview = scheduler.preview()
    assert rows(preview) == [("sick", "28 13:01")]
    reasons = {each.job_id: (each.kind, each.reason) for each in preview.unplanned}
    assert reasons == {
        "paused": ("paused", "paused"),
        "boot": ("at_start", "waits for the next start of a scheduler"),
        "sick": ("error", "cannot be told: RuntimeError: no tide table for this year"),
    }
    assert "[paused] 已暂停" in str(scheduler.preview(locale="zh"))


def test_a_finished_pending_job_says_that_it_never_runs(scheduler) -> None:
    scheduler.add_job(work, "cron", year=2020, id="past")
    (only,) = scheduler.preview().unplanned
    assert (only.job_id, only.kind) == ("past", "never")


def test_what_is_due_already_is_overdue_once(scheduler) -> None:
    scheduler.add_job(work, "interval", minutes=10, id="often", start_date="2026-03-28 13:10:00")
    scheduler.start()
    scheduler.clock.advance(3600)
    preview = scheduler.preview(hours=0.5)
    assert rows(preview) == [
        ("often", f"28 {time}") for time in ("13:10", "14:00", "14:10", "14:20")
    ]
    assert [[remark.kind for remark in run.remarks] for run in preview] == [["overdue"], [], [], []]


def test_a_preview_of_another_day_leaves_out_what_will_be_done_by_then(scheduler) -> None:
    scheduler.add_job(work, "interval", hours=7, id="sevens", start_date="2026-03-28 13:30:00")
    scheduler.add_job(work, Counting(), id="three")
    scheduler.add_job(work, Standing(), id="standing")
    scheduler.add_job(
        work,
        "cron",
        hour="*",
        jitter=60,
        id="jittered",
        next_run_time=START + timedelta(minutes=61),
    )
    scheduler.start(paused=True)
    preview = scheduler.preview(hours=7, start=datetime(2026, 3, 29, 12))
    assert preview.start == datetime(2026, 3, 29, 10, tzinfo=UTC)
    assert [time for job, time in rows(preview) if job == "sevens"] == ["29 18:30"]
    assert [time for job, time in rows(preview) if job == "jittered"] == [
        f"29 {hour}:00" for hour in range(12, 19)
    ]
    assert {each.job_id: each.kind for each in preview.unplanned} == {"standing": "steps"}
    assert not [each for each in rows(preview) if each[0] == "three"]


def test_a_preview_changes_nothing(scheduler) -> None:
    job = scheduler.add_job(work, Counting(), id="three")
    scheduler.start()
    before = (job.trigger.left, job.next_run_time)
    assert len(scheduler.preview()) == 3
    assert (job.trigger.left, job.next_run_time) == before


def test_a_time_set_by_hand_comes_first_and_the_trigger_goes_on_from_it(scheduler) -> None:
    by_hand = START + timedelta(minutes=25)
    scheduler.add_job(work, "interval", hours=1, id="moved", next_run_time=by_hand)
    scheduler.start()
    assert rows(scheduler.preview(hours=3)) == [("moved", f"28 {hour}:25") for hour in (13, 14, 15)]


def test_calendars_of_the_scheduler_say_what_is_skipped(scheduler) -> None:
    scheduler.add_calendar(
        "freeze", Blackout("2026-03-28 15:00:00", "2026-03-28 16:00:00", "release", "UTC")
    )
    scheduler.add_job(work, "cron", hour="*", id="hourly", calendar="freeze")
    scheduler.add_job(
        work, "cron", day_of_week="sun", hour=9, id="office", calendar=BusinessDays(), closed="next"
    )
    scheduler.start()
    preview = scheduler.preview(hours=4)
    assert [[remark.kind for remark in run.remarks] for run in preview] == [[], [], [], ["skipped"]]
    assert "release" in preview[3].remarks[0].text
    (moved,) = [run for run in scheduler.preview(hours=48) if run.job_id == "office"]
    assert (f"{moved.at:%a %H:%M}", [remark.kind for remark in moved.remarks]) == (
        "Mon 09:00",
        ["moved"],
    )


def test_jobs_can_be_chosen_by_store_and_by_id(scheduler) -> None:
    scheduler.add_jobstore(MemoryJobStore(), "other")
    scheduler.add_job(work, "cron", hour=14, id="here")
    scheduler.add_job(work, "cron", hour=15, id="there", jobstore="other")
    for start in (lambda: None, scheduler.start):
        start()
        assert rows(scheduler.preview(jobstore="other")) == [("there", "28 15:00")]
        assert rows(scheduler.preview(job_id="here")) == [("here", "28 14:00")]
        with pytest.raises(JobLookupError):
            scheduler.preview(job_id="here", jobstore="other")
        with pytest.raises(JobLookupError):
            scheduler.preview(job_id="nowhere")
        with pytest.raises(KeyError, match="did you mean 'other'"):
            scheduler.preview(jobstore="othr")


def test_a_job_that_cannot_be_restored_is_named_too(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    store = SQLAlchemyJobStore(url)
    scheduler = ManualScheduler(clock=FakeClock(START), jobstores={"default": store})
    scheduler.add_job(work, "cron", hour=14, id="lost")
    scheduler.add_job(work, "cron", hour=15, id="kept")
    scheduler.start(paused=True)
    with store.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE apscheduler_jobs SET job_state = x'00' WHERE id = 'lost'"
        )
    scheduler.get_jobs()
    preview = scheduler.preview()
    scheduler.shutdown()
    assert [run.job_id for run in preview] == ["kept"]
    (lost,) = preview.unplanned
    assert (lost.job_id, lost.jobstore, lost.kind) == ("lost", "default", "quarantined")


@pytest.mark.parametrize(
    ("options", "error", "complaint"),
    [
        ({"hours": 0}, ValueError, "hours is how far"),
        ({"hours": -1}, ValueError, "hours is how far"),
        ({"hours": float("nan")}, ValueError, "hours is how far"),
        ({"hours": "24"}, TypeError, "number or a timedelta"),
        ({"hours": True}, TypeError, "number or a timedelta"),
        ({"limit": 0}, ValueError, "limit is how many"),
        ({"limit": 1.5}, ValueError, "limit is how many"),
        ({"start": "2026-05-01"}, TypeError, "start must be a datetime"),
        ({"locale": "fr"}, ValueError, "locale 'fr'"),
    ],
)
def test_what_cannot_be_meant_is_refused(scheduler, options, error, complaint) -> None:
    with pytest.raises(error, match=complaint):
        scheduler.preview(**options)


def test_a_window_may_reach_to_the_end_of_the_calendar(scheduler) -> None:
    scheduler.add_job(
        work, "cron", month=1, day=1, id="yearly", calendar=BusinessDays(), closed="next"
    )
    scheduler.start()
    preview = scheduler.preview(hours=1e12, limit=5)
    assert len(preview) == 5
    assert scheduler.preview(hours=timedelta(days=1)).end == START + timedelta(days=1)


triggers = st.one_of(
    st.tuples(
        st.just("cron"), st.fixed_dictionaries({"minute": st.sampled_from(["*/20", "7", "0,30"])})
    ),
    st.tuples(
        st.just("cron"), st.fixed_dictionaries({"hour": st.sampled_from(["2", "*/3", "1-3"])})
    ),
    st.tuples(st.just("interval"), st.fixed_dictionaries({"minutes": st.integers(20, 200)})),
    st.tuples(st.just("crontab"), st.fixed_dictionaries({"expression": st.just("30 2 * * *")})),
)


@given(st.lists(triggers, min_size=1, max_size=4), st.integers(0, 20))
def test_a_preview_is_what_comes(given_triggers, hours):
    ran.clear()
    scheduler = ManualScheduler(
        clock=FakeClock(START + timedelta(hours=hours)), timezone="Europe/Berlin"
    )
    for number, (name, options) in enumerate(given_triggers):
        scheduler.add_job(work, name, id=str(number), **options)
    scheduler.start()
    preview = scheduler.preview(hours=12)
    scheduler.advance(timedelta(hours=12) - timedelta(microseconds=1))
    scheduler.shutdown()
    assert sorted((run.job_id, run.utc) for run in preview) == sorted(
        (job_id, moment.astimezone(UTC)) for job_id, moment in ran
    )
    assert all(to_us(early.at) <= to_us(late.at) for early, late in pairwise(preview))
