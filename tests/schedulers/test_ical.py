"""Coming runs as a calendar file, read back by the library ``icalendar``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler.calendars import BusinessDays
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers._api.ical import escaped, folded
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.cron import CronTrigger

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def work() -> None:
    pass


@pytest.fixture
def scheduler():
    made = ManualScheduler(clock=FakeClock(NOW))
    made.start()
    yield made
    made.shutdown()


def events(text):
    read = icalendar.Calendar.from_ical(text)
    assert read.errors == []
    assert read["VERSION"] == "2.0"
    assert read["PRODID"]
    return list(read.walk("VEVENT"))


def test_each_coming_run_is_an_event(scheduler):
    scheduler.add_job(
        work, "cron", hour=9, timezone="Europe/Berlin", id="one", name="Report, daily; ü"
    )
    scheduler.add_job(work, "date", run_date="2027-01-02 12:00:00", id="two")
    scheduler.add_job(work, "cron", hour=3, id="paused", next_run_time=None)
    found = events(scheduler.to_ical(days=3))
    assert [(str(event["SUMMARY"]), event["DTSTART"].dt) for event in found] == [
        ("Report, daily; ü", NOW + timedelta(hours=8)),
        ("Report, daily; ü", NOW + timedelta(days=1, hours=8)),
        ("Report, daily; ü", NOW + timedelta(days=2, hours=8)),
        ("work", NOW + timedelta(days=1, hours=12)),
    ]
    assert {event["DTSTAMP"].dt for event in found} == {NOW}
    assert "2027-01-01 09:00:00 CET" in found[0]["DESCRIPTION"]
    assert "job one" in found[0]["DESCRIPTION"]
    assert all(event.errors == [] for event in found)


def test_a_run_keeps_its_identifier_from_one_export_to_the_next(scheduler):
    scheduler.add_job(work, "cron", hour=9, id="one")
    scheduler.add_job(work, "cron", hour=9, id="two")
    first = {event["DTSTART"].dt: event["UID"] for event in events(scheduler.to_ical(jobs=["one"]))}
    scheduler.clock.advance(3600)
    again = {event["DTSTART"].dt: event["UID"] for event in events(scheduler.to_ical(jobs=["one"]))}
    assert first.items() <= again.items() | {(max(first), first[max(first)])}
    both = [event["UID"] for event in events(scheduler.to_ical())]
    assert len(set(both)) == len(both) == 60


def test_what_calendars_drop_is_not_exported(scheduler):
    scheduler.add_job(work, "cron", hour=9, calendar=BusinessDays())
    days = [event["DTSTART"].dt.day for event in events(scheduler.to_ical(days=7))]
    assert days == [1, 4, 5, 6, 7]


def test_a_job_whose_calendar_is_unknown_has_no_coming_runs(scheduler, caplog):
    scheduler.add_calendar("banking", BusinessDays())
    scheduler.add_job(work, CalendarTrigger(CronTrigger(hour=9), "banking"))
    scheduler.remove_calendar("banking")
    assert events(scheduler.to_ical()) == []
    assert "no coming runs" in caplog.text


def test_a_limit_is_said_in_the_log_and_in_the_last_event(scheduler, caplog):
    scheduler.add_job(work, "interval", seconds=1)
    found = events(scheduler.to_ical(days=30, limit=5))
    assert len(found) == 5
    assert "left out" in found[-1]["DESCRIPTION"]
    assert "left out" not in found[0]["DESCRIPTION"]
    assert "more than 5 runs" in caplog.text
    caplog.clear()
    assert len(events(scheduler.to_ical(days=timedelta(seconds=4.5), limit=5))) == 4
    assert not caplog.text


def test_pending_jobs_are_exported_too():
    scheduler = ManualScheduler(clock=FakeClock(NOW))
    scheduler.add_job(work, "cron", hour=9)
    assert len(events(scheduler.to_ical(days=2))) == 2


def test_jobs_are_chosen_by_id_object_and_store(scheduler):
    scheduler.add_jobstore("memory", "other")
    job = scheduler.add_job(work, "date", run_date="2027-01-02 12:00:00", id="one")
    scheduler.add_job(work, "date", run_date="2027-01-03 12:00:00", id="two", jobstore="other")
    assert len(events(scheduler.to_ical())) == 2
    assert len(events(scheduler.to_ical(jobs=[job]))) == 1
    assert len(events(scheduler.to_ical(jobs=["two"], jobstore="other"))) == 1
    assert len(events(scheduler.to_ical(jobstore="other"))) == 1
    with pytest.raises(JobLookupError):
        scheduler.to_ical(jobs=["three"])
    with pytest.raises(KeyError):
        scheduler.to_ical(jobstore="nowhere")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"days": 0}, ValueError),
        ({"days": float("nan")}, ValueError),
        ({"days": 1e300}, ValueError),
        ({"days": "30"}, TypeError),
        ({"limit": 0}, ValueError),
        ({"jobs": "one"}, TypeError),
        ({"jobs": [7]}, TypeError),
    ],
)
def test_wrong_arguments_are_refused(scheduler, options, error):
    with pytest.raises(error):
        scheduler.to_ical(**options)


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=300))
def test_any_name_comes_back_from_lines_of_75_octets(name):
    scheduler = ManualScheduler(clock=FakeClock(NOW))
    scheduler.add_job(work, "date", run_date="2027-01-02 12:00:00", name=name)
    text = scheduler.to_ical()
    lines = text.split("\r\n")
    assert lines.pop() == ""
    assert all(len(line.encode()) <= 75 for line in lines)
    assert not any("\n" in line or "\r" in line for line in lines)
    (event,) = events(text)
    expected = name.replace("\r\n", "\n").replace("\r", "\n")
    expected = "".join(
        "\ufffd" if (ord(each) < 32 and each != "\n") or each == "\x7f" else each
        for each in expected
    )
    assert str(event["SUMMARY"]).strip() == expected.strip()


def test_folding_and_escaping_follow_the_standard():
    assert escaped("a,b;c\\d\ne\x00") == "a\\,b\\;c\\\\d\\ne\ufffd"
    assert folded("x" * 75) == "x" * 75
    assert folded("x" * 76) == "x" * 75 + "\r\n x"
    assert folded("x" * 74 + "ü") == "x" * 74 + "\r\n ü"
