"""An edit that computes a next fire time, and a claim that comes between its computing and its writing."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from unittest.mock import patch

import pytest
from databases import SHARED, Place

from apscheduler._engine.instants import NEVER, SECOND, to_us
from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_SUBMITTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.history.rows import RunQuery
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers._api import changing
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import DictStore, FakeClock, ManualScheduler
from apscheduler.testing._contract_jobs import INTERVAL, NOW, claim, moment, repeating
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.interval import IntervalTrigger

BEFORE = moment(NOW - SECOND)
OTHER = IntervalTrigger(seconds=2 * INTERVAL // SECOND, start_date=moment(NOW), timezone=UTC)
"""Another schedule whose fire times are some of :func:`repeating`'s."""


class Setting:
    """A scheduler, and whoever claims beside it."""

    def __init__(self, kind, folder) -> None:
        self.place = Place(kind, folder) if kind in SHARED else None
        store = {"memory": MemoryJobStore, "plain": partial(DictStore, copies=True)}.get(kind)
        self.scheduler = ManualScheduler(
            jobstores={"default": store() if store else self.place.store()},
            clock=FakeClock(BEFORE),
        )
        self.scheduler.start()
        self.other = self.scheduler._claiming_store("default")
        self._beside = None
        if self.place is not None:
            self._beside = ManualScheduler(clock=FakeClock(BEFORE))
            self._beside.start()
            self.other = self.place.store()
            self._beside.add_jobstore(self.other, "shared")
        self.scheduler.add_job(os.getpid, repeating(NOW), id="job", misfire_grace_time=None)

    def claim(self, now=NOW):
        """Have the other one claim, and run, what is due."""
        claimed = claim(self.other, now)
        claimed.finish()
        return [fire for job_id, fire in claimed.fires if job_id == "job"]

    @property
    def due(self) -> int:
        return self.scheduler.get_job("job")._due

    def outcomes(self) -> list[int]:
        runs = self.other.runs(RunQuery(job_id="job"))
        return sorted(to_us(run.fire_time) for run in runs if run.outcome is Outcome.EXECUTED)

    def close(self):
        for scheduler in (self.scheduler, self._beside):
            if scheduler is not None:
                scheduler.shutdown()
        if self.place is not None:
            self.place.close()


@pytest.fixture(params=["memory", "plain", *SHARED])
def setting(request, tmp_path):
    setting = Setting(request.param, tmp_path)
    yield setting
    setting.close()


def resume(scheduler):
    scheduler.resume_job("job")


def reschedule_alike(scheduler):
    scheduler.reschedule_job("job", trigger=repeating(NOW))


def reschedule(scheduler):
    scheduler.reschedule_job("job", trigger=OTHER)


def modify_trigger(scheduler):
    scheduler.modify_job("job", trigger=OTHER)


COMPUTED = [resume, reschedule_alike, reschedule, modify_trigger]


@pytest.mark.parametrize("edit", COMPUTED)
def test_what_was_claimed_after_an_edit_computed_is_not_claimed_again(setting, edit):
    first_after = changing.first_after
    claimed = []

    def computes_and_is_slow(*args, **options):
        first = first_after(*args, **options)
        if not claimed:
            claimed.extend(setting.claim())
        return first

    with patch.object(changing, "first_after", computes_and_is_slow):
        setting.scheduler.clock.advance(0.9)
        edit(setting.scheduler)
        setting.scheduler.clock.advance(0.2)
    assert claimed == [NOW]
    assert setting.claim() == []
    assert setting.due > NOW
    assert setting.outcomes() == [NOW]


def replace(scheduler):
    scheduler.add_job(os.getpid, repeating(NOW), id="job", replace_existing=True)


def replace_keeping_time(scheduler):
    options = {"replace_existing": True, "keep_next_run_time": True}
    scheduler.add_job(os.getpid, repeating(NOW), id="job", **options)


def replace_by_another_schedule(scheduler):
    scheduler.add_job(os.getpid, OTHER, id="job", replace_existing=True)


def replace_several(scheduler):
    jobs = [{"func": os.getpid, "trigger": OTHER, "id": name} for name in ("job", "more")]
    scheduler.add_jobs([{**job, "replace_existing": True} for job in jobs])


@pytest.mark.parametrize(
    "edit", [replace, replace_keeping_time, replace_by_another_schedule, replace_several]
)
def test_what_was_claimed_while_a_job_is_replaced_is_not_claimed_again(setting, edit):
    complete = setting.scheduler._complete
    claimed = []

    def computes_and_is_slow(job, store):
        complete(job, store)
        if not claimed:
            claimed.extend(setting.claim())

    with patch.object(setting.scheduler, "_complete", computes_and_is_slow):
        edit(setting.scheduler)
    assert claimed == [NOW]
    assert setting.claim() == []
    assert setting.due > NOW
    assert setting.outcomes() == [NOW]


@pytest.mark.parametrize("edit", [resume, reschedule_alike])
def test_an_edit_by_a_clock_that_lags_repeats_no_fire_time(setting, edit):
    assert setting.claim() == [NOW]
    edit(setting.scheduler)
    assert setting.due == NOW + INTERVAL
    assert setting.claim() == []
    assert setting.outcomes() == [NOW]


def test_a_job_that_its_user_sets_back_runs_again(setting):
    assert setting.claim() == [NOW]
    assert setting.claim(NOW + INTERVAL) == [NOW + INTERVAL]
    setting.scheduler.modify_job("job", next_run_time=moment(NOW))
    assert setting.due == NOW
    assert setting.claim(NOW) == [NOW]
    assert setting.due == NOW + INTERVAL
    assert setting.claim(NOW + INTERVAL) == [NOW + INTERVAL]
    assert setting.outcomes() == [NOW, NOW, NOW + INTERVAL, NOW + INTERVAL]


def test_a_fire_time_that_resuming_leads_back_to_starts_again_in_no_sql_store(setting):
    """As in 3.x, a calendar interval begins anew at its start when its job is resumed."""
    begun = moment(NOW) - timedelta(days=9, hours=1)
    days = CalendarIntervalTrigger(
        days=1, start_date=begun.date(), hour=begun.hour, minute=begun.minute, timezone=UTC
    )
    setting.scheduler.add_job(os.getpid, days, id="days", misfire_grace_time=None)
    seen = []
    setting.scheduler.add_listener(seen.append, EVENT_JOB_EXECUTED)
    for _ in range(2):
        setting.scheduler.resume_job("days")
        assert setting.scheduler.get_job("days").next_run_time.date() == begun.date()
        setting.scheduler.tick()
        assert setting.scheduler.get_job("days").next_run_time > moment(NOW)
    latest = [each.scheduled_run_time for each in seen if each.job_id == "days"]
    assert latest == [begun.replace(second=0, microsecond=0) + timedelta(days=9)] * (
        1 if setting.place else 2
    )


def test_a_job_that_was_paused_and_resumed_goes_on_where_it_is(setting):
    assert setting.claim() == [NOW]
    setting.scheduler.pause_job("job")
    assert setting.claim(NOW + INTERVAL) == []
    setting.scheduler.clock.advance(1.5 + INTERVAL / SECOND)
    assert setting.scheduler.resume_job("job") is not None
    assert setting.due == NOW + 2 * INTERVAL
    assert setting.claim(NOW + 2 * INTERVAL) == [NOW + 2 * INTERVAL]


EDITING: list[tuple[ManualScheduler, str, dict[str, object]]] = []


def edit_itself():
    for scheduler, edit, options in EDITING:
        getattr(scheduler, edit)("itself", **options)


@pytest.mark.parametrize(
    ("edit", "options", "due"),
    [
        ("pause_job", {}, NEVER),
        ("modify_job", {"next_run_time": moment(NOW + 7 * SECOND)}, NOW + 7 * SECOND),
        ("reschedule_job", {"trigger": OTHER}, NOW + 2 * INTERVAL),
    ],
)
@pytest.mark.parametrize("by", ["itself", "a listener"])
def test_an_edit_in_the_pass_that_runs_the_job_stays(setting, edit, options, due, by):
    scheduler = setting.scheduler
    EDITING[:] = [(scheduler, edit, options)]
    func = edit_itself if by == "itself" else os.getpid
    scheduler.add_job(func, repeating(NOW), id="itself", misfire_grace_time=None)
    if by == "a listener":
        scheduler.add_listener(lambda event: edit_itself(), EVENT_JOB_EXECUTED)
    scheduler.remove_job("job")
    scheduler.clock.set(moment(NOW))
    scheduler._process_jobs()
    assert scheduler.get_job("itself")._due == due


@pytest.mark.parametrize("by", ["itself", "a listener"])
def test_a_job_that_is_removed_in_the_pass_that_runs_it_is_gone(setting, by):
    scheduler = setting.scheduler
    EDITING[:] = [(scheduler, "remove_job", {})]
    func = edit_itself if by == "itself" else os.getpid
    scheduler.add_job(
        func, repeating(NOW - SECOND), id="itself", next_run_time=BEFORE, misfire_grace_time=None
    )
    seen = []

    def listen(event):
        seen.append(event.job_id)
        if by == "a listener" and event.job_id == "itself":
            edit_itself()

    scheduler.add_listener(listen, EVENT_JOB_EXECUTED)
    scheduler.clock.set(moment(NOW))
    scheduler._process_jobs()
    assert seen == ["itself", "job"]
    assert [job.id for job in scheduler.get_jobs()] == ["job"]


def edit_another():
    for scheduler, edit, options in EDITING:
        getattr(scheduler, edit)("job", **options)


@pytest.mark.parametrize(
    ("edit", "options", "due"),
    [
        ("pause_job", {}, NEVER),
        ("modify_job", {"next_run_time": moment(NOW + 7 * SECOND)}, NOW + 7 * SECOND),
    ],
)
def test_a_job_that_is_edited_before_its_turn_in_a_pass_runs_as_it_was(setting, edit, options, due):
    scheduler = setting.scheduler
    EDITING[:] = [(scheduler, edit, options)]
    scheduler.add_job(edit_another, "date", run_date=moment(NOW - SECOND), misfire_grace_time=None)
    seen = []
    scheduler.add_listener(lambda event: seen.append(event.job_id), EVENT_JOB_EXECUTED)
    scheduler.clock.set(moment(NOW))
    scheduler._process_jobs()
    assert setting.due == due
    assert seen[1:] == ["job"]


def test_a_job_that_is_removed_before_its_turn_in_a_pass_runs_once_more(setting):
    scheduler = setting.scheduler
    EDITING[:] = [(scheduler, "remove_job", {})]
    scheduler.add_job(edit_another, "date", run_date=moment(NOW - SECOND), misfire_grace_time=None)
    seen = []
    scheduler.add_listener(lambda event: seen.append(event.job_id), EVENT_JOB_EXECUTED)
    scheduler.clock.set(moment(NOW))
    for _ in range(2):
        scheduler._process_jobs()
        scheduler.clock.advance(INTERVAL // SECOND)
    assert seen[1:] == ["job"]
    assert scheduler.get_jobs() == []


def test_resuming_a_job_without_further_fire_times_removes_it(setting):
    until = IntervalTrigger(
        seconds=5, start_date=moment(NOW), end_date=moment(NOW + 1), timezone=UTC
    )
    setting.scheduler.add_job(os.getpid, until, id="ends")
    setting.scheduler.pause_job("ends")
    setting.scheduler.clock.advance(30)
    assert setting.scheduler.resume_job("ends") is None
    assert setting.scheduler.get_job("ends") is None


def generations(place) -> dict[str, int]:
    return {row[0]: row[1] for row in place.rows("SELECT job_id, generation FROM {t}_meta")}


@pytest.mark.parametrize("setting", SHARED, indirect=True)
def test_a_generation_begins_where_the_schedule_changes_and_nowhere_else(setting):
    scheduler, place = setting.scheduler, setting.place
    scheduler.add_job(os.getpid, repeating(NOW), id="other")
    scheduler.pause_job("job")
    scheduler.resume_job("job")
    scheduler.modify_job("job", name="changed", next_run_time=moment(NOW - 5 * SECOND))
    reschedule_alike(scheduler)
    replace(scheduler)
    assert generations(place) == {}
    for number, (job_id, trigger) in enumerate(
        [("other", OTHER), ("other", repeating(NOW)), ("job", OTHER)], 1
    ):
        scheduler.reschedule_job(job_id, trigger=trigger)
        assert generations(place)[job_id] == (number if job_id == "other" else 1)
    setting.claim()
    scheduler.modify_job("job", next_run_time=moment(NOW + 1))
    assert generations(place) == {"job": 1, "other": 2}
    scheduler.modify_job("job", next_run_time=moment(NOW))
    assert generations(place) == {"job": 2, "other": 2}


# -- a storm, by real clocks -----------------------------------------------------------------------------------------

starts: list[datetime] = []


def note():
    from apscheduler.runs.context import current_run

    starts.append(current_run().scheduled_time)


def storm(scheduler, start):
    number = 0
    while not done.wait(0.02):
        number += 1
        if number % 3 == 0:
            scheduler.resume_job("storm")
        else:
            seconds = 0.1 * (1 + number % 3)
            scheduler.reschedule_job("storm", trigger="interval", seconds=seconds, start_date=start)


done = threading.Event()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", *SHARED])
def test_a_storm_of_edits_starts_no_fire_time_twice(kind, tmp_path):
    place = Place(kind, tmp_path) if kind in SHARED else None
    starts.clear()
    done.clear()
    start = datetime.now(UTC).replace(microsecond=0)
    count = 2 if place else 1
    schedulers = []
    for _ in range(count):
        store = place.store(poll_interval=0.05) if place else MemoryJobStore()
        scheduler = BackgroundScheduler(
            jobstores={"default": store}, executors={"default": ThreadPoolExecutor(4)}, timezone=UTC
        )
        scheduler.start()
        schedulers.append(scheduler)
    try:
        schedulers[0].add_job(
            *(f"{__name__}:note", "interval"),
            seconds=0.1,
            start_date=start,
            misfire_grace_time=None,
            max_instances=9,
            id="storm",
        )
        threads = [threading.Thread(target=storm, args=(each, start)) for each in schedulers]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 80  # a machine that is busy; ten seconds are enough here
        while time.monotonic() < deadline and len(starts) < 40:
            done.wait(0.1)
        done.set()
        for thread in threads:
            thread.join(30)
    finally:
        done.set()
        for scheduler in schedulers:
            scheduler.shutdown()
        if place is not None:
            place.close()
    assert len(starts) > 20
    assert len(starts) == len(set(starts)), sorted(
        each for each in starts if starts.count(each) > 1
    )
    assert timedelta(0) < max(starts) - min(starts)


def test_a_listener_of_a_submission_may_remove_due_jobs_of_a_store_that_has_not_been_served():
    ran = []
    stores = {"default": MemoryJobStore(), "other": MemoryJobStore()}
    scheduler = ManualScheduler(jobstores=stores)
    scheduler.add_listener(lambda _: scheduler.remove_all_jobs("other"), EVENT_JOB_SUBMITTED)
    scheduler.start()
    for alias in ("other", "default"):
        scheduler.add_job(ran.append, "interval", args=[alias], seconds=1, jobstore=alias)
    scheduler.advance(1)
    assert ran == ["default"]
