"""Jobs under calendars: what is dropped is recorded with its reason, what is not known is not run."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from apscheduler.calendars import (
    Blackout,
    BusinessDays,
    ClosedDays,
    DailyBlackout,
    UnknownCalendarError,
)
from apscheduler.events import EVENT_JOB_SKIPPED
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.testing import DictStore, FakeClock, ManualScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.cron import CronTrigger

FRIDAY = datetime(2027, 1, 1, tzinfo=UTC)  # New Year's Day
ran: list[datetime] = []


def work() -> None:
    from apscheduler import current_run

    ran.append(current_run().scheduled_time)


STORES = {"memory": MemoryJobStore, "plain": partial(DictStore, copies=True)}


@pytest.fixture(params=STORES)
def scheduler(request):
    ran.clear()
    made = ManualScheduler(jobstores={"default": STORES[request.param]()}, clock=FakeClock(FRIDAY))
    made.start()
    yield made
    made.shutdown()


def outcomes(scheduler):
    return [
        (run.fire_time.strftime("%a %d %H:%M"), str(run.outcome), run.count, run.reason)
        for run in reversed(scheduler.get_runs())
    ]


# -- dropped ------------------------------------------------------------------------------------------------


def test_a_closed_day_is_a_recorded_outcome_with_its_reason(scheduler):
    told = []
    scheduler.add_listener(told.append, EVENT_JOB_SKIPPED)
    days = BusinessDays(["2027-01-01"])
    scheduler.add_job(work, "cron", hour=9, id="report", calendar=days)
    scheduler.advance(timedelta(days=4))
    assert outcomes(scheduler) == [
        (
            "Fri 01 09:00",
            "skipped",
            1,
            "closed by BusinessDays(2027-01-01): 2027-01-01 is a holiday",
        ),
        (
            "Sat 02 09:00",
            "skipped",
            1,
            "closed by BusinessDays(2027-01-01): 2027-01-02 is a Saturday",
        ),
        (
            "Sun 03 09:00",
            "skipped",
            1,
            "closed by BusinessDays(2027-01-01): 2027-01-03 is a Sunday",
        ),
        ("Mon 04 09:00", "executed", 1, None),
    ]
    assert [moment.day for moment in ran] == [4]
    assert [(event.job_id, event.first.day, event.count) for event in told] == [
        ("report", 1, 1),
        ("report", 2, 1),
        ("report", 3, 1),
    ]
    assert told[0].reason.endswith("2027-01-01 is a holiday")


def test_a_job_whose_last_fire_time_is_dropped_ends_with_a_record(scheduler):
    scheduler.add_job(work, "date", run_date="2027-01-02 09:00:00", calendar=BusinessDays())
    scheduler.advance(timedelta(days=2))
    assert [line[:2] for line in outcomes(scheduler)] == [("Sat 02 09:00", "skipped")]
    assert scheduler.get_jobs() == []
    assert ran == []


@pytest.mark.parametrize("coalesce", [True, False])
def test_overdue_fire_times_are_sorted_into_open_and_closed_ones(scheduler, coalesce):
    scheduler.add_job(
        work,
        "cron",
        hour="9,10",
        calendar=BusinessDays(),
        coalesce=coalesce,
        misfire_grace_time=None,
    )
    scheduler.clock.set(datetime(2027, 1, 5, 9, 30, tzinfo=UTC))
    scheduler.tick()
    counts = {}
    for run in scheduler.get_runs():
        counts[str(run.outcome)] = counts.get(str(run.outcome), 0) + run.count
    if coalesce:  # Fri 9 and 10, Mon 9 and 10, Tue 9 are open
        assert counts == {"executed": 1, "coalesced": 4, "skipped": 4}
        assert ran == [datetime(2027, 1, 5, 9, tzinfo=UTC)]
    else:
        assert counts == {"executed": 5, "skipped": 4}
        assert [moment.day for moment in ran] == [1, 1, 4, 4, 5]


def test_an_overdue_open_fire_time_runs_though_later_ones_are_closed(scheduler):
    scheduler.add_job(work, "cron", hour=9, calendar=BusinessDays(), misfire_grace_time=None)
    scheduler.clock.set(datetime(2027, 1, 3, 12, tzinfo=UTC))
    scheduler.tick()
    assert [line[:3] for line in outcomes(scheduler)] == [
        ("Sat 02 09:00", "skipped", 1),
        ("Sun 03 09:00", "skipped", 1),
        ("Fri 01 09:00", "executed", 1),
    ]


def test_years_of_overdue_seconds_take_bounded_work(scheduler):
    asked = []
    scheduler.add_job(
        work,
        "interval",
        seconds=1,
        calendar=ClosedDays(lambda day: asked.append(day) or day.day == 7),
    ) if not isinstance(scheduler._jobstores["default"], DictStore) else scheduler.add_job(
        work, "interval", seconds=1, calendar=BusinessDays()
    )
    scheduler.clock.set(datetime(2057, 1, 3, 12, tzinfo=UTC))
    scheduler.tick()
    assert len(ran) == 1 or scheduler.outcome_counts()["missed"] == 1
    assert len(asked) < 2_000
    assert len(scheduler.get_runs(limit=5000)) < 2_000


# -- names --------------------------------------------------------------------------------------------------


def test_a_freeze_by_name_holds_all_jobs_that_name_it(scheduler):
    scheduler.add_blackout(
        "deploys", "2027-01-01 06:00:00", "2027-01-01 08:00:00", reason="release 7"
    )
    for name in ("one", "two"):
        scheduler.add_job(work, "cron", hour="*", id=name, calendar="deploys")
    scheduler.add_job(work, "cron", hour="*", id="free")
    scheduler.advance(timedelta(hours=9))
    for name in ("one", "two"):
        skipped = scheduler.get_runs(name, outcome="skipped")
        assert [run.fire_time.hour for run in skipped] == [7, 6]
        assert skipped[0].reason == (
            "closed by calendar 'deploys': release 7 until 2027-01-01 08:00:00 UTC"
        )
    assert scheduler.get_runs("free", outcome="skipped") == []
    assert len(ran) == 3 * 10 - 2 * 2


def test_a_freeze_without_an_end_holds_until_it_is_lifted(scheduler):
    scheduler.add_calendar("deploys", Blackout("2028-01-01"))
    scheduler.add_job(work, "cron", hour="*", calendar="deploys")
    with pytest.raises(TypeError, match="no blackout can be added"):
        scheduler.add_blackout("deploys")
    scheduler.remove_calendar("deploys")
    scheduler.add_blackout("deploys", reason="audit")
    scheduler.advance(timedelta(hours=2))
    assert ran == []
    scheduler.clear_blackouts("deploys")
    scheduler.advance(timedelta(hours=2))
    assert [moment.hour for moment in ran] == [3, 4]
    assert [line[1] for line in outcomes(scheduler)] == ["skipped"] * 3 + ["executed"] * 2


def test_overdue_runs_do_not_start_within_a_blackout(scheduler):
    scheduler.add_job(
        work,
        "date",
        run_date="2027-01-01 21:00:00",
        calendar=DailyBlackout("22:00", "06:00", reason="backup"),
        misfire_grace_time=None,
    )
    scheduler.clock.set(datetime(2027, 1, 1, 23, tzinfo=UTC))
    scheduler.tick()
    assert ran == []
    (run,) = scheduler.get_runs()
    assert run.outcome == "skipped"
    assert run.reason.startswith("overdue, and now closed by DailyBlackout(22:00 to 06:00, backup)")


def test_a_calendar_that_is_not_registered_is_said_when_the_job_is_added(scheduler):
    scheduler.add_calendar("banking", BusinessDays())
    with pytest.raises(UnknownCalendarError, match="did you mean 'banking'"):
        scheduler.add_job(work, "cron", hour=9, calendar="bankin")
    assert scheduler.get_jobs() == []


def test_a_job_whose_calendar_went_away_is_kept_due_and_not_run(scheduler, caplog):
    scheduler.add_calendar("banking", BusinessDays())
    scheduler.add_job(
        work, "cron", hour=9, id="report", calendar="banking", misfire_grace_time=None
    )
    scheduler.remove_calendar("banking")
    scheduler.clock.set(datetime(2027, 1, 1, 9, tzinfo=UTC))
    scheduler.tick()
    assert ran == []
    assert outcomes(scheduler) == []
    assert "there is no calendar 'banking' on this scheduler" in caplog.text
    assert scheduler.get_job("report").next_run_time == datetime(2027, 1, 1, 9, tzinfo=UTC)
    scheduler.add_calendar("banking", BusinessDays())
    scheduler.clock.advance(120)
    scheduler.tick()
    assert [line[:2] for line in outcomes(scheduler)] == [("Fri 01 09:00", "executed")]


def test_a_name_may_stand_for_days_to_roll_by(scheduler):
    scheduler.add_calendar("banking", BusinessDays([date(2027, 1, 1)]))
    job = scheduler.add_job(work, "cron", day=1, hour=9, calendar="banking", closed="next")
    assert job.next_run_time == datetime(2027, 1, 4, 9, tzinfo=UTC)
    scheduler.advance(timedelta(days=4))
    assert [line[:2] for line in outcomes(scheduler)] == [("Mon 04 09:00", "executed")]
    # A day that is closed after the fire time was computed: said so, and moved on.
    job = scheduler.get_job(job.id)
    assert job.next_run_time == datetime(2027, 2, 1, 9, tzinfo=UTC)
    scheduler.add_calendar("banking", BusinessDays([date(2027, 2, 1)]), replace_existing=True)
    scheduler.advance(timedelta(days=29))
    assert [line[:2] for line in outcomes(scheduler)][1:] == [
        ("Mon 01 09:00", "skipped"),
        ("Tue 02 09:00", "executed"),
    ]


# -- the job's life -----------------------------------------------------------------------------------------


def test_rescheduling_keeps_the_calendars_unless_others_are_given(scheduler):
    job = scheduler.add_job(work, "cron", hour=9, id="report", calendar=BusinessDays())
    job.reschedule("cron", hour=10)
    trigger = scheduler.get_job("report").trigger
    assert isinstance(trigger, CalendarTrigger)
    assert str(trigger) == "cron[hour='10'] on open days of [BusinessDays()]"
    job.reschedule("cron", hour=10, calendar=None)
    assert isinstance(scheduler.get_job("report").trigger, CronTrigger)


def test_pausing_and_resuming_go_on_with_open_days(scheduler):
    job = scheduler.add_job(
        work, "cron", hour=9, id="report", calendar=BusinessDays(), closed="next"
    )
    scheduler.pause_job("report")
    scheduler.clock.set(datetime(2027, 1, 2, 12, tzinfo=UTC))
    scheduler.tick()
    scheduler.resume_job("report")
    assert scheduler.get_job("report").next_run_time == datetime(2027, 1, 4, 9, tzinfo=UTC)
    assert job.id == "report"


@pytest.mark.parametrize("calendar", [BusinessDays([FRIDAY.date()]), "banking"])
def test_jobs_are_exported_and_imported_with_their_calendars(scheduler, tmp_path, calendar):
    scheduler.add_calendar("banking", BusinessDays([FRIDAY.date()]))
    scheduler.add_job(work, "cron", hour=9, id="report", calendar=calendar)
    scheduler.add_job(work, "rrule", rrule="FREQ=DAILY;COUNT=2", id="twice")
    scheduler.export_jobs(tmp_path / "jobs.json")
    before = [(job.id, str(job.trigger), job.next_run_time) for job in scheduler.get_jobs()]
    scheduler.remove_all_jobs()
    scheduler.import_jobs(tmp_path / "jobs.json")
    assert [(job.id, str(job.trigger), job.next_run_time) for job in scheduler.get_jobs()] == before
    scheduler.advance(timedelta(hours=10))
    assert [run.outcome for run in scheduler.get_runs("report")] == ["skipped"]


def test_a_calendar_that_raises_costs_its_own_job_a_delay_only():
    ran.clear()
    scheduler = ManualScheduler(clock=FakeClock(FRIDAY))
    failing = [True]

    def closed(day):
        if failing:
            raise OSError("no answer")
        return False

    scheduler.add_job(work, "cron", hour=9, calendar=ClosedDays(closed), misfire_grace_time=None)
    scheduler.add_job(work, "cron", hour=10)
    scheduler.start()
    scheduler.clock.set(datetime(2027, 1, 1, 10, tzinfo=UTC))
    scheduler.tick()
    assert [moment.hour for moment in ran] == [10]
    failing.clear()
    scheduler.clock.advance(5)
    scheduler.tick()
    assert [moment.hour for moment in ran] == [10, 9]


def test_a_foreign_triggers_argument_named_calendar_stays_its_own():
    class Mine(BaseTrigger):
        def __init__(self, calendar, timezone=None):
            self.calendar = calendar

        def get_next_fire_time(self, previous_fire_time, now):
            return None

    scheduler = ManualScheduler()
    scheduler._trigger_classes = {"mine": Mine}
    made = scheduler._create_trigger("mine", {"calendar": "theirs"})
    assert isinstance(made, Mine)
    assert made.calendar == "theirs"


def test_foreign_triggers_obey_calendars_too(scheduler):
    scheduler.add_job(work, Hourly(), calendar=DailyBlackout("02:00", "04:00"))
    scheduler.clock.set(datetime(2027, 1, 1, 5, 30, tzinfo=UTC))
    scheduler.tick()
    counts = {}
    for run in scheduler.get_runs():
        counts[str(run.outcome)] = counts.get(str(run.outcome), 0) + run.count
    assert counts["skipped"] == 2
    assert sum(counts.values()) == 5


class Hourly(BaseTrigger):
    """Someone else's trigger: the datetime method alone."""

    def get_next_fire_time(self, previous_fire_time, now):
        if previous_fire_time is None:
            return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return previous_fire_time + timedelta(hours=1)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"closed": "next"}, TypeError, "give calendar= too"),
        ({"calendar": BusinessDays(), "closed": "nxt"}, ValueError, "did you mean 'next'"),
        ({"calendar": lambda day: True}, TypeError, r"ClosedDays\(…\) or OpenDays"),
        ({"calendar": Blackout("2027-01-01"), "closed": "next"}, ValueError, "none of these"),
        ({"calendar": []}, ValueError, "at least one"),
        ({"calendar": 7}, TypeError, "not 7"),
    ],
)
def test_wrong_arguments_are_refused_and_nothing_is_added(scheduler, arguments, error, words):
    with pytest.raises(error, match=words):
        scheduler.add_job(work, "cron", hour=9, **arguments)
    assert scheduler.get_jobs() == []


def test_registering_is_checked(scheduler):
    with pytest.raises(TypeError, match="takes a calendar"):
        scheduler.add_calendar("x", {date(2027, 1, 1)})
    for name in (" ", 7):
        with pytest.raises(TypeError, match="a calendar's name is a nonempty text"):
            scheduler.add_calendar(name, BusinessDays())
    scheduler.add_calendar("x", BusinessDays())
    with pytest.raises(ValueError, match="already is a calendar 'x'"):
        scheduler.add_calendar("x", BusinessDays())
    with pytest.raises(KeyError, match=r"did you mean 'x'|known are"):
        scheduler.remove_calendar("y")
    assert list(scheduler.get_calendars()) == ["x"]
