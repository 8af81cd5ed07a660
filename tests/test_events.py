"""Events: codes, masks, lazy times."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from apscheduler import events
from apscheduler._engine.instants import to_us
from apscheduler.events import (
    EVENT_ALL,
    EVENT_EVERYTHING,
    EVENT_JOB_ADDED,
    EVENT_JOB_CANCELLED,
    EVENT_JOB_COALESCED,
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_QUARANTINED,
    EVENT_JOB_SKIPPED,
    EVENT_JOBSTORE_DOUBTED,
    EVENT_JOBSTORE_ERROR,
    JobEvent,
    JobExecutionEvent,
    JobRollupEvent,
    JobSkippedEvent,
    JobSubmissionEvent,
    SchedulerEvent,
    StoreErrorEvent,
)
from apscheduler.triggers.interval import IntervalTrigger

FIRE = datetime(2030, 7, 1, 12, tzinfo=UTC)
NEWER = {
    EVENT_JOB_COALESCED,
    EVENT_JOB_CANCELLED,
    EVENT_JOBSTORE_ERROR,
    EVENT_JOB_QUARANTINED,
    EVENT_JOB_SKIPPED,
    EVENT_JOBSTORE_DOUBTED,
}


def codes():
    names = (name for name in dir(events) if name.startswith("EVENT_"))
    return {getattr(events, name) for name in names} - {EVENT_ALL, EVENT_EVERYTHING}


def test_all_is_what_it_is_in_3_x():
    assert EVENT_ALL == 131_071


def test_each_code_is_one_bit_of_its_own():
    assert sorted(codes()) == [1 << bit for bit in range(23)]
    assert sum(codes()) == EVENT_EVERYTHING


def test_newer_codes_are_outside_of_all():
    assert {code for code in codes() if not code & EVENT_ALL} == NEWER


def test_the_older_name_of_started_is_kept():
    assert events.EVENT_SCHEDULER_START == events.EVENT_SCHEDULER_STARTED == 1


@pytest.mark.parametrize(
    "event",
    [
        SchedulerEvent(1, "default"),
        StoreErrorEvent(EVENT_JOBSTORE_ERROR, "default", OSError("down")),
        JobEvent(EVENT_JOB_ADDED, "a", "default"),
        JobSubmissionEvent(events.EVENT_JOB_SUBMITTED, "a", "default", [FIRE]),
        JobRollupEvent(EVENT_JOB_COALESCED, "a", "default", 3, FIRE, FIRE),
        JobSkippedEvent(EVENT_JOB_SKIPPED, "a", "default", 1, FIRE, FIRE, "closed"),
        JobExecutionEvent(EVENT_JOB_EXECUTED, "a", "default", FIRE, retval=5),
    ],
    ids=lambda event: type(event).__name__,
)
def test_events_survive_a_pickle(event):
    copy = pickle.loads(pickle.dumps(event))
    assert type(copy) is type(event)
    before, after = vars(event), vars(copy)
    assert str(before.pop("exception", None)) == str(after.pop("exception", None))
    assert before == after
    assert str(event.code) in repr(event)


def test_the_scheduled_time_is_made_when_it_is_read():
    made = []

    class Trigger(IntervalTrigger):
        def at(self, instant):
            made.append(instant)
            return super().at(instant)

    trigger = Trigger(hours=1, timezone=ZoneInfo("Europe/Berlin"))
    event = JobExecutionEvent(EVENT_JOB_EXECUTED, "a", "default", (trigger, to_us(FIRE)))
    assert made == []
    assert event.scheduled_run_time.isoformat() == "2030-07-01T14:00:00+02:00"
    assert event.scheduled_run_time is event.scheduled_run_time
    assert made == [to_us(FIRE)]


def test_a_pickled_event_carries_the_time_and_no_trigger():
    trigger = IntervalTrigger(hours=1, timezone=UTC)
    event = JobExecutionEvent(EVENT_JOB_EXECUTED, "a", "default", (trigger, to_us(FIRE)))
    assert b"IntervalTrigger" not in (data := pickle.dumps(event))
    assert pickle.loads(data).scheduled_run_time == FIRE


def test_a_job_events_defaults_are_those_of_3_x():
    event = JobExecutionEvent(EVENT_JOB_ERROR, "a", "default", FIRE)
    assert (event.alias, event.retval, event.exception, event.traceback) == (None,) * 4
    assert event.scheduled_run_time is FIRE
    event.scheduled_run_time = FIRE.replace(year=2031)
    assert event.scheduled_run_time.year == 2031
