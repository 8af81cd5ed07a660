"""Adding, finding, changing and removing jobs."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event
from zoneinfo import ZoneInfo

import pytest

from apscheduler import events as ev
from apscheduler.jobstores.base import BaseJobStore, ConflictingIdError, JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.testing import ManualScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PATIENCE = 20


def do_nothing():
    pass


class Never(BaseTrigger):
    def get_next_fire_time(self, previous_fire_time, now):
        return None


class Counter:
    def __init__(self):
        self.count = 0

    def add(self, by=1):
        self.count += by

    __call__ = add


class Kept(BaseJobStore):
    """Outlives the process, as the scheduler sees it."""

    lookup_job = get_due_jobs = get_next_run_time = get_all_jobs = None
    add_job = update_job = remove_job = remove_all_jobs = None


@pytest.fixture
def scheduler():
    made = ManualScheduler()
    made.start()
    return made


@pytest.fixture
def background():
    made = BackgroundScheduler(timezone=UTC)
    made.start()
    yield made
    made.shutdown()


def hourly(scheduler, id="a", **options):
    return scheduler.add_job(do_nothing, "interval", id=id, hours=1, **options)


def ids(jobs):
    return [job.id for job in jobs]


def recorded(scheduler, mask):
    seen = []
    scheduler.add_listener(lambda event: seen.append((event.code, event.job_id)), mask)
    return seen


# -- adding ---------------------------------------------------------------------------------------------


def test_a_trigger_is_given_as_an_object_or_by_name(scheduler):
    trigger = IntervalTrigger(hours=1, start_date=BEGIN, timezone=UTC)
    assert scheduler.add_job(do_nothing, trigger).trigger is trigger
    named = scheduler.add_job(do_nothing, "interval", hours=1)
    assert (type(named.trigger), named.next_run_time) == (IntervalTrigger, BEGIN + HOUR)


def test_without_a_trigger_a_job_runs_once_at_once(scheduler):
    counter = Counter()
    job = scheduler.add_job(counter)
    assert isinstance(job.trigger, DateTrigger)
    assert job.next_run_time == BEGIN
    scheduler.tick()
    assert counter.count == 1
    assert scheduler.get_jobs() == []


@pytest.mark.trap(103)
def test_what_runs_is_a_function_a_method_a_partial_or_a_callable_object(scheduler):
    counter = Counter()
    for func in (counter.add, partial(counter.add, 10), counter, partial(Counter.add, counter)):
        scheduler.add_job(func)
    scheduler.tick()
    assert counter.count == 13


def test_what_runs_may_be_a_text_reference(scheduler):
    job = scheduler.add_job("operator:add", "interval", [1, 2], hours=1)
    assert (job.func(*job.args), job.func_ref, job.name) == (3, "operator:add", "add")


def test_arguments_reach_the_function(scheduler):
    calls = []

    def take(*args, **kwargs):
        calls.append((args, kwargs))

    scheduler.add_job(take, args=[1, 2], kwargs={"three": 3})
    scheduler.tick()
    assert calls == [((1, 2), {"three": 3})]


def test_arguments_may_be_given_by_position_in_the_order_of_3x(scheduler):
    order = ("f", "i", "n", 5, False, 2, BEGIN + HOUR, "default", "default", True)
    job = scheduler.add_job(print, "date", ["f"], {"end": ""}, *order[1:])
    assert (job.args, job.kwargs, job.id, job.name) == (("f",), {"end": ""}, "i", "n")
    assert (job.misfire_grace_time, job.coalesce, job.max_instances) == (5, False, 2)
    assert job.next_run_time == BEGIN + HOUR


def test_a_job_without_an_id_gets_a_random_one(scheduler):
    first, second = (scheduler.add_job(do_nothing, "interval", hours=1) for _ in range(2))
    assert first.id != second.id
    assert len(first.id) == 32


def test_a_next_run_time_comes_over_the_triggers_and_may_lie_in_the_past(scheduler):
    job = hourly(scheduler, next_run_time=BEGIN - HOUR)
    assert job.next_run_time == BEGIN - HOUR


def test_a_next_run_time_is_shown_in_the_zone_it_was_given_in(scheduler):
    given = datetime(2030, 6, 1, 12, tzinfo=ZoneInfo("Asia/Tokyo"))
    shown = hourly(scheduler, next_run_time=given).next_run_time
    assert (shown, shown.tzinfo) == (given, given.tzinfo)


def test_a_job_with_next_run_time_none_is_added_paused(scheduler):
    job = hourly(scheduler, next_run_time=None)
    assert job.next_run_time is None
    scheduler.advance(3 * HOUR)
    assert scheduler.get_runs() == []


@pytest.mark.trap(71)
@pytest.mark.parametrize("early", [False, True])
def test_a_job_without_any_fire_time_is_reported_and_not_kept(early, caplog):
    scheduler = ManualScheduler()
    seen = recorded(scheduler, ev.EVENT_JOB_ADDED | ev.EVENT_JOB_REMOVED)
    if not early:
        scheduler.start()
    job = scheduler.add_job(do_nothing, Never(), id="never")
    if early:
        scheduler.start()
    assert scheduler.get_jobs() == []
    assert job.next_run_time is None
    assert seen == [(ev.EVENT_JOB_ADDED, "never"), (ev.EVENT_JOB_REMOVED, "never")]
    assert "no fire time" in caplog.text


# -- pending ------------------------------------------------------------------------------------------------


@pytest.mark.trap(78)
def test_a_pending_job_has_no_next_run_time_until_the_start():
    scheduler = ManualScheduler()
    job = hourly(scheduler)
    assert job.pending
    with pytest.raises(AttributeError, match="pending"):
        _ = job.next_run_time
    scheduler.start()
    assert not job.pending
    assert job.next_run_time == BEGIN + HOUR


@pytest.mark.trap(78)
def test_jobs_are_found_changed_and_removed_before_the_start():
    scheduler = ManualScheduler()
    job, other = hourly(scheduler), hourly(scheduler, "b", jobstore="second")
    assert scheduler.get_job("a") is job
    assert scheduler.get_job("a", "second") is None
    assert scheduler.get_job("c") is None
    assert scheduler.get_jobs() == [job, other]
    assert scheduler.get_jobs("second") == [other]
    scheduler.modify_job("a", name="changed")
    assert job.name == "changed"
    scheduler.remove_job("b")
    assert ids(scheduler.get_jobs()) == ["a"]
    with pytest.raises(JobLookupError):
        scheduler.remove_job("b")
    scheduler.start()
    assert ids(scheduler.get_jobs()) == ["a"]
    assert scheduler.get_job("a").name == "changed"


def test_the_pending_jobs_of_one_store_are_removed_before_the_start():
    scheduler = ManualScheduler(jobstores={"second": "memory"})
    hourly(scheduler)
    hourly(scheduler, "b", jobstore="second")
    scheduler.remove_all_jobs("second")
    assert ids(scheduler.get_jobs()) == ["a"]
    hourly(scheduler, "b", jobstore="second")
    scheduler.remove_all_jobs()
    scheduler.start()
    assert scheduler.get_jobs() == []


def test_a_job_paused_before_the_start_stays_so():
    scheduler = ManualScheduler()
    job = hourly(scheduler)
    job.pause()
    scheduler.start()
    assert job.next_run_time is None


@pytest.mark.trap(79)
def test_two_pending_jobs_of_one_id_are_refused_when_the_second_is_added():
    scheduler = ManualScheduler()
    first = hourly(scheduler)
    with pytest.raises(ConflictingIdError, match="'a'"):
        hourly(scheduler)
    assert scheduler.get_jobs() == [first]
    hourly(scheduler, jobstore="second")  # another store, another job


@pytest.mark.trap(79)
def test_a_pending_job_is_replaced_by_a_second_one_that_may():
    scheduler = ManualScheduler()
    hourly(scheduler)
    scheduler.add_job(do_nothing, "interval", id="a", hours=2, replace_existing=True)
    scheduler.start()
    (job,) = scheduler.get_jobs()
    assert job.next_run_time == BEGIN + 2 * HOUR


def test_the_id_of_a_removed_pending_job_is_free_again():
    scheduler = ManualScheduler()
    hourly(scheduler).remove()
    hourly(scheduler)
    assert ids(scheduler.get_jobs()) == ["a"]


@pytest.mark.trap(20)
@pytest.mark.parametrize("host", [BackgroundScheduler, BlockingScheduler])
def test_waking_a_scheduler_that_was_never_started_does_nothing(host):
    scheduler = host(timezone=UTC)
    scheduler.wakeup()
    assert not scheduler.running


# -- scheduled_job ----------------------------------------------------------------------------------------------


def test_the_decorator_adds_the_function_and_returns_it(scheduler):
    counter = Counter()

    @scheduler.scheduled_job("interval", id="tick", name="ticker", hours=1)
    def tick():
        counter.add()

    scheduler.advance(2 * HOUR)
    tick()
    assert counter.count == 3
    assert scheduler.get_job("tick").name == "ticker"


def test_the_decorator_replaces_a_job_of_its_id(scheduler):
    hourly(scheduler)
    scheduler.scheduled_job("interval", id="a", hours=5)(do_nothing)
    assert scheduler.get_job("a").next_run_time == BEGIN + 5 * HOUR


@pytest.mark.trap(85)
def test_the_decorator_without_an_id_warns_on_a_store_that_outlives_the_process(monkeypatch):
    monkeypatch.setattr(Kept, "__abstractmethods__", frozenset())
    scheduler = ManualScheduler(jobstores={"default": Kept()})
    with pytest.warns(UserWarning, match="id=") as told:
        scheduler.scheduled_job("interval", hours=1)(do_nothing)
    assert told[0].filename == __file__
    scheduler.scheduled_job("interval", id="a", hours=1)(do_nothing)


@pytest.mark.trap(85)
def test_the_decorator_without_an_id_is_fine_in_memory(scheduler):
    scheduler.scheduled_job("interval", hours=1)(do_nothing)
    assert len(scheduler.get_jobs()) == 1


# -- ids that are taken -----------------------------------------------------------------------------------------


def test_a_taken_id_is_refused_and_nothing_changes(scheduler):
    hourly(scheduler)
    with pytest.raises(ConflictingIdError) as caught:
        scheduler.add_job(do_nothing, "interval", id="a", hours=9)
    assert caught.value.job_id == "a"
    assert scheduler.get_job("a").next_run_time == BEGIN + HOUR


@pytest.mark.trap(80)
def test_replacing_a_job_computes_its_next_fire_time_anew(scheduler):
    hourly(scheduler, next_run_time=BEGIN - HOUR)
    hourly(scheduler, name="new", replace_existing=True)
    (job,) = scheduler.get_jobs()
    assert (job.name, job.next_run_time) == ("new", BEGIN + HOUR)


def test_replacing_a_job_that_is_not_there_adds_it(scheduler):
    seen = recorded(scheduler, ev.EVENT_JOB_ADDED)
    hourly(scheduler, replace_existing=True)
    assert seen == [(ev.EVENT_JOB_ADDED, "a")]


# -- changing ------------------------------------------------------------------------------------------------------


def test_attributes_are_changed_by_the_scheduler_or_the_job(scheduler):
    job = hourly(scheduler)
    seen = recorded(scheduler, ev.EVENT_JOB_MODIFIED)
    assert scheduler.modify_job("a", name="one", max_instances=4) == job
    assert job.modify(coalesce=False) is job
    found = scheduler.get_job("a")
    assert (found.name, found.max_instances, found.coalesce) == ("one", 4, False)
    assert seen == [(ev.EVENT_JOB_MODIFIED, "a")] * 2


@pytest.mark.trap(82)
def test_a_new_trigger_object_gives_the_job_its_next_fire_time(scheduler):
    job = hourly(scheduler)
    job.modify(trigger=IntervalTrigger(hours=3, start_date=BEGIN, timezone=UTC))
    scheduler.advance(HOUR)
    assert job.next_run_time == BEGIN + 3 * HOUR


@pytest.mark.trap(82)
def test_a_new_trigger_and_a_next_run_time_are_both_taken(scheduler):
    trigger = IntervalTrigger(hours=3, start_date=BEGIN, timezone=UTC)
    job = hourly(scheduler).modify(trigger=trigger, next_run_time=BEGIN + HOUR / 2)
    assert (job.trigger, job.next_run_time) == (trigger, BEGIN + HOUR / 2)


@pytest.mark.trap(82)
def test_a_new_trigger_leaves_a_paused_job_paused(scheduler):
    job = hourly(scheduler, next_run_time=None)
    job.modify(trigger=IntervalTrigger(hours=3, timezone=UTC))
    assert job.next_run_time is None


@pytest.mark.trap(82)
def test_a_trigger_by_name_is_refused_with_the_way_that_takes_one(scheduler):
    job = hourly(scheduler)
    with pytest.raises(TypeError, match="reschedule"):
        job.modify(trigger="interval")
    assert job.next_run_time == BEGIN + HOUR


def test_of_several_changes_with_a_wrong_one_none_is_made(scheduler):
    job = hourly(scheduler)
    with pytest.raises(TypeError):
        job.modify(name="new", max_instances=0)
    with pytest.raises(AttributeError, match="did you mean name"):
        job.modify(max_instances=3, nam="new")
    assert (job.name, job.max_instances) == ("do_nothing", 1)


def test_the_id_of_a_job_stays(scheduler):
    with pytest.raises(ValueError, match="id"):
        hourly(scheduler).modify(id="b")


def test_rescheduling_replaces_the_trigger_from_now_on(scheduler):
    job = hourly(scheduler)
    scheduler.clock.advance(60)
    assert job.reschedule("interval", hours=2) is job
    assert job.next_run_time == BEGIN + 2 * HOUR + timedelta(minutes=1)
    assert scheduler.reschedule_job("a", trigger=DateTrigger(BEGIN + HOUR)).next_run_time == (
        BEGIN + HOUR
    )


@pytest.mark.trap(81)
def test_rescheduling_resumes_a_paused_job_unless_it_keeps_it_paused(scheduler):
    job = hourly(scheduler)
    job.pause()
    scheduler.reschedule_job("a", trigger="interval", hours=2, keep_paused=True)
    assert job.next_run_time is None
    scheduler.reschedule_job("a", trigger="interval", hours=2)
    assert job.next_run_time == BEGIN + 2 * HOUR


@pytest.mark.trap(81)
def test_keep_paused_does_nothing_to_a_job_that_is_not(scheduler):
    hourly(scheduler)
    job = scheduler.reschedule_job("a", trigger="interval", hours=2, keep_paused=True)
    assert job.next_run_time == BEGIN + 2 * HOUR


# -- pausing and resuming ----------------------------------------------------------------------------------------


def test_a_paused_job_does_not_run_until_it_is_resumed(scheduler):
    counter = Counter()
    job = scheduler.add_job(counter, "interval", hours=1)
    assert job.pause() is job
    scheduler.advance(2.5 * HOUR)
    assert (counter.count, job.next_run_time) == (0, None)
    job.resume()
    scheduler.advance(HOUR)
    assert counter.count == 1


@pytest.mark.trap(27)
def test_a_resumed_job_has_no_backlog(scheduler):
    counter = Counter()
    job = scheduler.add_job(
        counter, "interval", hours=1, coalesce=False, misfire_grace_time=None, start_date=BEGIN
    )
    job.pause()
    scheduler.advance(10 * HOUR + timedelta(minutes=1))
    job.resume()
    assert job.next_run_time == BEGIN + 11 * HOUR
    scheduler.tick()
    assert counter.count == 0


def test_resuming_a_job_whose_trigger_is_finished_removes_it(scheduler):
    hourly(scheduler, end_date=BEGIN + HOUR)
    scheduler.pause_job("a")
    scheduler.advance(2 * HOUR)
    seen = recorded(scheduler, ev.EVENT_ALL)
    assert scheduler.resume_job("a") is None
    assert scheduler.get_job("a") is None
    assert seen == [(ev.EVENT_JOB_REMOVED, "a")]


# -- removing -----------------------------------------------------------------------------------------------------


def test_a_removed_job_is_gone_and_announced(scheduler):
    job = hourly(scheduler)
    seen = recorded(scheduler, ev.EVENT_ALL)
    job.remove()
    assert (scheduler.get_jobs(), seen) == ([], [(ev.EVENT_JOB_REMOVED, "a")])


@pytest.mark.trap(12)
@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize(
    "call",
    [
        lambda scheduler: scheduler.remove_job("gone"),
        lambda scheduler: scheduler.modify_job("gone", name="x"),
        lambda scheduler: scheduler.pause_job("gone"),
        lambda scheduler: scheduler.resume_job("gone"),
        lambda scheduler: scheduler.reschedule_job("gone", trigger="interval", hours=1),
        lambda scheduler: scheduler.remove_job("gone", "default"),
        lambda scheduler: scheduler.remove_job("gone", "no such store"),
    ],
)
def test_a_job_that_is_not_there_is_named_by_the_error(call, running):
    scheduler = ManualScheduler()
    if running:
        scheduler.start()
    with pytest.raises(JobLookupError, match="'gone'") as caught:
        call(scheduler)
    assert caught.value.job_id == "gone"


@pytest.mark.trap(13)
def test_removing_what_is_not_there_can_be_fine(scheduler):
    scheduler.remove_job("gone", missing_ok=True)


def test_all_jobs_of_a_store_or_of_all_stores_are_removed(scheduler):
    scheduler.add_jobstore("memory", "second")
    seen = []
    scheduler.add_listener(lambda event: seen.append(event.alias), ev.EVENT_ALL_JOBS_REMOVED)
    hourly(scheduler)
    hourly(scheduler, "b", jobstore="second")
    scheduler.remove_all_jobs("second")
    assert ids(scheduler.get_jobs()) == ["a"]
    scheduler.remove_all_jobs()
    assert scheduler.get_jobs() == []
    assert seen == ["second", None]


@pytest.mark.trap(13)
def test_a_one_off_job_removed_while_it_runs_is_not_found_and_nothing_breaks(background):
    began, leave, done = Event(), Event(), Event()
    outcomes = []

    def wait():
        began.set()
        assert leave.wait(PATIENCE)

    def note(event):
        outcomes.append((event.code, event.job_id))
        done.set()

    background.add_listener(note, ev.EVENT_JOB_EXECUTED | ev.EVENT_JOB_ERROR)
    job = background.add_job(wait, id="once")
    assert began.wait(PATIENCE)
    with pytest.raises(JobLookupError, match="'once'"):
        job.remove()
    background.remove_job("once", missing_ok=True)
    leave.set()
    assert done.wait(PATIENCE)
    assert outcomes == [(ev.EVENT_JOB_EXECUTED, "once")]
    done.clear()
    background.add_job(do_nothing, id="once")
    assert done.wait(PATIENCE)
    assert outcomes == [(ev.EVENT_JOB_EXECUTED, "once")] * 2


def test_a_job_may_remove_itself(scheduler):
    ran = []

    def once():
        ran.append(1)
        scheduler.remove_job("self")

    scheduler.add_job(once, "interval", id="self", hours=1)
    scheduler.advance(3 * HOUR)
    assert (ran, scheduler.get_jobs()) == ([1], [])


# -- listing -------------------------------------------------------------------------------------------------------


def test_jobs_are_listed_by_next_run_time_and_the_paused_ones_last(scheduler):
    hourly(scheduler, "paused", next_run_time=None)
    hourly(scheduler, "late", next_run_time=BEGIN + 9 * HOUR)
    hourly(scheduler, "soon", next_run_time=BEGIN + HOUR)
    assert ids(scheduler.get_jobs()) == ["soon", "late", "paused"]


@pytest.mark.trap(19)
def test_jobs_of_one_instant_are_listed_by_id(scheduler):
    for name in ("2", "10", "1"):
        hourly(scheduler, name)
    assert ids(scheduler.get_jobs()) == ["1", "10", "2"]


def printed(scheduler, *args):
    out = io.StringIO()
    scheduler.print_jobs(*args, out=out)
    return out.getvalue()


def two_stores():
    scheduler = ManualScheduler(jobstores={"second": "memory", "empty": "memory"})
    hourly(scheduler, name="plain")
    hourly(scheduler, "b", name="stopped", next_run_time=None)
    hourly(scheduler, "c", name="elsewhere", next_run_time=BEGIN, jobstore="second")
    return scheduler


@pytest.mark.trap(14)
def test_the_printed_table_before_the_start():
    scheduler = two_stores()
    assert printed(scheduler) == (
        "Pending jobs:\n"
        "    plain (trigger: interval[1:00:00], pending)\n"
        "    stopped (trigger: interval[1:00:00], paused)\n"
        "    elsewhere (trigger: interval[1:00:00], next run at: 2030-01-01 00:00:00 UTC)\n"
    )
    assert printed(scheduler, "second").count("\n") == 2
    assert printed(ManualScheduler()) == "Pending jobs:\n    No pending jobs\n"


@pytest.mark.trap(14)
def test_the_printed_table_after_the_start():
    scheduler = two_stores()
    scheduler.start()
    assert printed(scheduler) == (
        "Jobstore default:\n"
        "    plain (trigger: interval[1:00:00], next run at: 2030-01-01 01:00:00 UTC)\n"
        "    stopped (trigger: interval[1:00:00], paused)\n"
        "Jobstore empty:\n"
        "    No scheduled jobs\n"
        "Jobstore second:\n"
        "    elsewhere (trigger: interval[1:00:00], next run at: 2030-01-01 00:00:00 UTC)\n"
    )
    assert printed(scheduler, "empty") == "Jobstore empty:\n    No scheduled jobs\n"
    assert printed(scheduler, "no such store") == ""


@pytest.mark.trap(14)
def test_the_table_goes_to_standard_output_unless_told_otherwise(scheduler, capsys):
    scheduler.print_jobs()
    assert capsys.readouterr().out == "Jobstore default:\n    No scheduled jobs\n"


@pytest.mark.trap(52)
def test_a_trigger_by_name_takes_the_schedulers_zone_and_a_trigger_object_keeps_its_own():
    scheduler = ManualScheduler(timezone="Asia/Tokyo")
    by_name = scheduler.add_job(print, "cron", hour=9)
    own = scheduler.add_job(print, CronTrigger(hour=9, timezone="Europe/Berlin"))
    assert str(by_name.trigger.timezone) == "Asia/Tokyo"
    assert str(own.trigger.timezone) == "Europe/Berlin"


@pytest.mark.trap(108)
@pytest.mark.parametrize("job_id", ["任务", "naïve", "a b\tc", "'; drop table jobs; --", "🙂"])
def test_an_id_is_any_text(job_id):
    scheduler = ManualScheduler()
    scheduler.start()
    scheduler.add_job(print, "interval", hours=1, id=job_id)
    scheduler.advance(3600)
    assert [run.job_id for run in scheduler.get_runs(job_id)] == [job_id]
    scheduler.remove_job(job_id)
    assert scheduler.get_job(job_id) is None
    scheduler.shutdown()
