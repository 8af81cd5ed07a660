"""Private names of 3.x that other projects use: they are there and mean the same."""

from __future__ import annotations

import logging
import weakref
from datetime import UTC, datetime, timedelta
from importlib import import_module
from threading import RLock
from unittest.mock import MagicMock, Mock, patch
from zoneinfo import ZoneInfo

import pytest

from apscheduler import events as ev
from apscheduler.executors import base as executors_base
from apscheduler.executors.base import BaseExecutor, MaxInstancesReachedError, run_job
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.base import STATE_STOPPED, BaseScheduler
from apscheduler.testing import DictStore, ManualScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PATCHED_NOW = datetime(2041, 7, 4, 12, tzinfo=UTC)


def do_nothing():
    pass


def add(a, b):
    return a + b


class Smallest(BaseScheduler):
    """What 3.x asks of a subclass, and nothing more."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.woken = 0

    def wakeup(self):
        self.woken += 1

    def shutdown(self, wait=True):
        super().shutdown(wait)


class OneFireTime(BaseTrigger):
    """A trigger as others write it: of 3.x's one method."""

    def get_next_fire_time(self, previous_fire_time, now):
        return None if previous_fire_time else BEGIN + HOUR


class SortingStore(DictStore):
    """A store as others write it: what it lists is put in order with 3.x's private method."""

    def get_all_jobs(self):
        jobs = sorted(super().get_all_jobs(), key=lambda job: job.next_run_time or EARLIEST)
        self._fix_paused_jobs_sorting(jobs)
        return jobs


class InPlaceExecutor(BaseExecutor):
    """An executor as others write it."""

    def _do_submit_job(self, job, run_times):
        try:
            told = run_job(job, job._jobstore_alias, run_times, self._logger.name)
        except BaseException as exc:
            self._run_job_error(job.id, exc, exc.__traceback__)
        else:
            self._run_job_success(job.id, told)


class HeldExecutor(BaseExecutor):
    def _do_submit_job(self, job, run_times):
        pass


class FrozenDatetime(datetime):
    @classmethod
    def now(cls, tz=None):
        return PATCHED_NOW.astimezone(tz)


@pytest.fixture
def scheduler():
    made = ManualScheduler()
    made.start()
    return made


def mock_scheduler():
    return Mock(BaseScheduler, timezone=UTC, _create_lock=MagicMock(), _dispatch_event=Mock())


# -- the scheduler -------------------------------------------------------------------------------------------


def test_a_subclass_needs_only_wakeup_and_shutdown():
    scheduler = Smallest(timezone=UTC)
    ran = []
    scheduler.add_executor(DebugExecutor())
    scheduler.add_job(ran.append, args=[1])
    scheduler.start()
    assert scheduler.woken
    assert scheduler._process_jobs() is None
    assert ran == [1]
    scheduler.shutdown()
    assert scheduler.state == STATE_STOPPED


@pytest.mark.parametrize(
    ("module", "name", "loop", "call"),
    [
        ("asyncio", "run_in_event_loop", "_eventloop", "call_soon_threadsafe"),
        ("tornado", "run_in_ioloop", "_ioloop", "add_callback"),
        ("twisted", "run_in_reactor", "_reactor", "callFromThread"),
    ],
)
def test_a_decorated_method_returns_at_once_and_the_loop_runs_it(module, name, loop, call):
    run_in_loop = getattr(import_module(f"apscheduler.schedulers.{module}"), name)
    calls = []

    class Owner:
        @run_in_loop
        def method(self, *args, **kwargs):
            """Say what it is for."""
            calls.append((args, kwargs))
            return "unheard"

    owner = Owner()
    setattr(owner, loop, Mock())
    assert owner.method(1, a=2) is None
    assert calls == []
    (given,) = getattr(getattr(owner, loop), call).call_args_list
    function, *args = given.args
    function(*args, **given.kwargs)
    assert calls == [((1,), {"a": 2})]
    assert Owner.method.__doc__ == "Say what it is for."


def test_the_base_class_alone_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        BaseScheduler()


def test_process_jobs_returns_the_seconds_to_wait_or_none(scheduler):
    assert scheduler._process_jobs() is None
    scheduler.add_job(do_nothing, "interval", hours=1)
    assert scheduler._process_jobs() == 3600
    scheduler.add_job(do_nothing, "interval", hours=1, next_run_time=BEGIN + timedelta(seconds=1.5))
    assert scheduler._process_jobs() == 1.5
    scheduler.pause()
    assert scheduler._process_jobs() is None


def test_the_registries_are_dictionaries_by_alias():
    store, executor = MemoryJobStore(), DebugExecutor()
    scheduler = ManualScheduler(jobstores={"s": store}, executors={"e": executor})
    assert scheduler._jobstores == {"s": store}
    assert scheduler._executors == {"e": executor}
    assert scheduler._lookup_jobstore("s") is store
    assert scheduler._lookup_executor("e") is executor
    for lookup in (scheduler._lookup_jobstore, scheduler._lookup_executor):
        with pytest.raises(KeyError, match="'x'"):
            lookup("x")


def test_the_locks_are_context_managers_that_may_be_taken_again(scheduler):
    assert isinstance(scheduler._create_lock(), type(RLock()))
    with scheduler._jobstores_lock, scheduler._jobstores_lock:
        scheduler.add_job(do_nothing, "interval", hours=1)


def test_the_loggers_and_defaults_lie_where_they_lay(scheduler):
    assert scheduler._logger is logging.getLogger("apscheduler.scheduler")
    assert scheduler._job_defaults == {
        "misfire_grace_time": 1,
        "coalesce": True,
        "max_instances": 1,
    }
    assert scheduler.jobstore_retry_interval == 10
    assert scheduler.timezone is UTC


def test_listeners_are_pairs_of_callback_and_mask(scheduler):
    listener = Mock()
    scheduler.add_listener(listener, ev.EVENT_JOB_ADDED)
    assert scheduler._listeners == [(listener, ev.EVENT_JOB_ADDED)]
    event = ev.SchedulerEvent(ev.EVENT_JOB_ADDED)
    scheduler._dispatch_event(event)
    scheduler._dispatch_event(ev.SchedulerEvent(ev.EVENT_JOB_REMOVED))
    listener.assert_called_once_with(event)


@pytest.mark.parametrize("way", ["appended", "put in the list's place"])
def test_a_listener_that_is_put_into_the_list_is_told(way):
    scheduler, told = ManualScheduler(), []
    scheduler.start()

    def listener(event):
        told.append(event.code)

    if way == "appended":
        scheduler._listeners.append((listener, ev.EVENT_ALL))
    else:
        scheduler._listeners = [(listener, ev.EVENT_ALL)]
    scheduler.add_job(do_nothing, id="a")
    scheduler.tick()
    scheduler.pause()
    scheduler._listeners.clear()
    scheduler.resume()
    scheduler.shutdown()
    assert told == [
        ev.EVENT_JOB_ADDED,
        ev.EVENT_JOB_EXECUTED,
        ev.EVENT_JOB_REMOVED,
        ev.EVENT_JOB_SUBMITTED,
        ev.EVENT_SCHEDULER_PAUSED,
    ]


def test_pending_jobs_are_triples_of_job_store_and_whether_to_replace():
    scheduler = ManualScheduler()
    job = scheduler.add_job(do_nothing, "interval", hours=1, jobstore="s", replace_existing=True)
    assert scheduler._pending_jobs == [(job, "s", True)]


def test_lookup_job_returns_the_job_and_its_stores_alias():
    scheduler = ManualScheduler()
    job = scheduler.add_job(do_nothing, "interval", id="a", hours=1)
    assert scheduler._lookup_job("a", None) == (job, None)
    scheduler.start()
    assert scheduler._lookup_job("a", None) == (job, "default")
    assert scheduler._lookup_job("a", "default") == (job, "default")
    with pytest.raises(JobLookupError, match="'b'"):
        scheduler._lookup_job("b", None)
    with pytest.raises(JobLookupError, match="'a'"):
        scheduler._lookup_job("a", "other")


def test_real_add_job_completes_a_job_and_stores_it(scheduler):
    trigger = IntervalTrigger(hours=1, start_date=BEGIN, timezone=UTC)
    job = Job(
        scheduler,
        "a",
        func=do_nothing,
        args=(),
        kwargs={},
        trigger=trigger,
        name="a",
        executor="default",
    )
    scheduler._real_add_job(job, "default", False)
    assert scheduler.get_job("a") == job
    assert (job._jobstore_alias, job.misfire_grace_time, job.coalesce) == ("default", 1, True)
    assert (job.max_instances, job.next_run_time) == (1, BEGIN)
    with pytest.raises(ConflictingIdError):
        scheduler._real_add_job(job, "default", False)
    scheduler._real_add_job(job, "default", True)


def test_triggers_are_made_from_name_and_arguments(scheduler):
    made = scheduler._create_trigger("interval", {"hours": 1})
    assert (type(made), made.timezone) == (IntervalTrigger, UTC)
    berlin = ZoneInfo("Europe/Berlin")
    assert scheduler._create_trigger("cron", {"timezone": berlin}).timezone == berlin
    assert scheduler._create_trigger(made, {}) is made
    assert type(scheduler._create_trigger(None, {})) is DateTrigger


def test_trigger_classes_and_plugins_are_tables_that_may_be_added_to(scheduler, monkeypatch):
    monkeypatch.setattr(BaseScheduler, "_trigger_classes", {})
    scheduler._create_trigger("interval", {"hours": 1})
    assert scheduler._trigger_classes == {"interval": IntervalTrigger}
    assert {"and", "calendarinterval", "cron", "date", "interval", "or"} <= set(
        scheduler._trigger_plugins
    )
    own = Mock()
    own.load.return_value = IntervalTrigger
    monkeypatch.setitem(BaseScheduler._trigger_plugins, "own", own)
    assert type(scheduler._create_trigger("own", {"hours": 1})) is IntervalTrigger


def test_a_subclass_may_say_what_the_default_parts_are():
    executor, store = DebugExecutor(), MemoryJobStore()

    class Own(Smallest):
        def _create_default_executor(self):
            return executor

        def _create_default_jobstore(self):
            return store

    scheduler = Own(timezone=UTC)
    scheduler.start()
    assert scheduler._executors == {"default": executor}
    assert scheduler._jobstores == {"default": store}


def test_a_subclass_may_take_options_of_its_own_in_configure():
    class Own(Smallest):
        def _configure(self, config):
            self.loop = config.get("event_loop")
            super()._configure(config)

    scheduler = Own({"apscheduler.event_loop": "x"}, timezone=UTC)
    assert (scheduler.loop, scheduler.timezone) == ("x", UTC)


# -- what tests of other projects patch --------------------------------------------------------------------------


def test_a_patched_localzone_is_the_schedulers_zone():
    tokyo = ZoneInfo("Asia/Tokyo")
    with patch("apscheduler.schedulers.base.get_localzone", return_value=tokyo):
        assert Smallest().timezone is tokyo


def test_a_patched_datetime_is_the_schedulers_time():
    with patch("apscheduler.schedulers.base.datetime", FrozenDatetime):
        scheduler = Smallest(timezone=UTC, executors={"default": DebugExecutor()})
        ran = []
        scheduler.start()
        scheduler.add_job(ran.append, DateTrigger(PATCHED_NOW), [1], misfire_grace_time=None)
        cron = scheduler.add_job(do_nothing, "cron", hour=13)
        assert cron.next_run_time == PATCHED_NOW + HOUR
        assert scheduler._process_jobs() == 3600
        assert ran == [1]


@pytest.mark.parametrize(
    ("module", "make"),
    [
        ("date", lambda: DateTrigger(timezone=UTC).run_date),
        ("interval", lambda: IntervalTrigger(hours=1, timezone=UTC).start_date - HOUR),
    ],
)
def test_a_patched_datetime_is_the_triggers_time(module, make):
    with patch(f"apscheduler.triggers.{module}.datetime", FrozenDatetime):
        assert make() == PATCHED_NOW


def test_a_patched_datetime_is_the_executors_time(scheduler):
    job = scheduler.add_job(add, "interval", [1, 2], hours=1)
    with patch("apscheduler.executors.base.datetime", FrozenDatetime):
        assert executors_base.now_us() == PATCHED_NOW.timestamp() * 1_000_000
        (in_time,) = run_job(job, "default", [PATCHED_NOW], "test")
        (late,) = run_job(job, "default", [PATCHED_NOW - HOUR], "test")
    assert (in_time.code, in_time.retval) == (ev.EVENT_JOB_EXECUTED, 3)
    assert late.code == ev.EVENT_JOB_MISSED


# -- the job -----------------------------------------------------------------------------------------------------------


def test_a_job_takes_a_mock_as_its_scheduler():
    scheduler = Mock(timezone=UTC)
    trigger = IntervalTrigger(hours=1, start_date=BEGIN, timezone=UTC)
    job = Job(
        scheduler, "a", func=do_nothing, args=(), kwargs={}, trigger=trigger, executor="default"
    )
    job._jobstore_alias = "s"
    job._modify(next_run_time=BEGIN)
    assert job._get_run_times(BEGIN + 2 * HOUR) == [BEGIN, BEGIN + HOUR, BEGIN + 2 * HOUR]
    job.modify(name="b")
    scheduler.modify_job.assert_called_once_with("a", "s", name="b")
    job.reschedule("interval", hours=2)
    scheduler.reschedule_job.assert_called_once_with("a", "s", "interval", hours=2)
    for method in ("pause", "resume", "remove"):
        getattr(job, method)()
        getattr(scheduler, f"{method}_job").assert_called_once_with("a", "s")


def test_a_job_is_made_anew_from_its_state(scheduler):
    job = scheduler.add_job(add, "interval", [1], {"b": 2}, id="a", hours=1)
    copy = Job.__new__(Job)
    copy.__setstate__(job.__getstate__())
    assert copy == job
    assert (copy.args, copy.kwargs, copy.next_run_time) == ((1,), {"b": 2}, BEGIN + HOUR)
    assert (copy._scheduler, copy._jobstore_alias) == (None, None)


def test_a_job_has_slots_and_can_be_referred_to_weakly(scheduler):
    job = scheduler.add_job(do_nothing, "interval", hours=1)
    assert {"_scheduler", "_jobstore_alias", "next_run_time", "__weakref__"} <= set(Job.__slots__)
    assert weakref.ref(job)() is job


def test_a_subclass_of_job_may_be_stored_and_run(scheduler):
    class Named(Job):
        __slots__ = ("extra",)

    ran = []
    job = Named(
        scheduler,
        "a",
        func=ran.append,
        args=[1],
        kwargs={},
        trigger=DateTrigger(BEGIN),
        name="a",
        executor="default",
    )
    scheduler._real_add_job(job, "default", False)
    assert scheduler.get_job("a") is job
    scheduler.tick()
    assert ran == [1]


# -- the store -------------------------------------------------------------------------------------------------------


def test_a_store_knows_its_scheduler_alias_and_logger():
    store, scheduler = MemoryJobStore(), Mock(timezone=UTC)
    store.start(scheduler, "s")
    assert (store._scheduler, store._alias) == (scheduler, "s")
    assert store._logger.name == "apscheduler.jobstores.s"


@pytest.fixture
def third_party():
    store = SortingStore(copies=True)
    scheduler = ManualScheduler(
        jobstores={"default": store}, executors={"default": InPlaceExecutor()}
    )
    scheduler.start()
    return scheduler, store


def test_a_store_and_an_executor_of_3x_work_end_to_end(third_party):
    scheduler, store = third_party
    told = []
    scheduler.add_listener(told.append, ev.EVENT_JOB_EXECUTED)
    job = scheduler.add_job(add, "interval", [1, 2], id="a", hours=1)
    assert list(store.rows) == ["a"]
    assert scheduler.tick() == 3600
    scheduler.advance(3 * HOUR)
    assert [event.retval for event in told] == [3, 3, 3]
    assert scheduler.get_job("a").next_run_time == BEGIN + 4 * HOUR
    assert [run.outcome.value for run in scheduler.get_runs("a")] == ["executed"] * 3
    assert scheduler.get_job("a").last_run.fire_time == BEGIN + 3 * HOUR
    assert job == scheduler.get_job("a")


def test_jobs_of_a_3x_store_are_changed_paused_replaced_and_removed(third_party):
    scheduler, store = third_party
    job = scheduler.add_job(do_nothing, "interval", id="a", hours=1)
    with pytest.raises(ConflictingIdError):
        scheduler.add_job(do_nothing, "interval", id="a", hours=1)
    job.modify(name="changed")
    assert scheduler.get_job("a").name == "changed"
    job.pause()
    assert scheduler.get_job("a").next_run_time is None
    assert scheduler.tick() is None
    scheduler.add_job(do_nothing, "interval", id="b", hours=2)
    assert [each.id for each in scheduler.get_jobs()] == ["b", "a"]
    scheduler.resume_job("a")
    assert scheduler.get_job("a").next_run_time == BEGIN + HOUR
    scheduler.add_job(do_nothing, "interval", id="a", hours=5, replace_existing=True)
    assert scheduler.get_job("a").next_run_time == BEGIN + 5 * HOUR
    scheduler.get_job("a").remove()
    assert list(store.rows) == ["b"]
    with pytest.raises(JobLookupError, match="'a'"):
        job.remove()
    scheduler.remove_all_jobs()
    assert store.rows == {}


def test_a_job_of_a_3x_store_is_removed_after_its_last_fire_time(third_party):
    scheduler, store = third_party
    scheduler.add_job(do_nothing, OneFireTime(), id="a")
    scheduler.advance(HOUR)
    assert store.rows == {}
    assert [run.outcome.value for run in scheduler.get_runs("a")] == ["executed"]


# -- the executor ------------------------------------------------------------------------------------------------


def test_an_executor_takes_a_mock_as_its_scheduler():
    scheduler = mock_scheduler()
    executor = InPlaceExecutor()
    executor.start(scheduler, "e")
    assert executor._logger.name == "apscheduler.executors.e"
    job = Mock(id="a", func=lambda: 7, args=(), kwargs={}, max_instances=1, misfire_grace_time=None)
    job._jobstore_alias = "s"
    executor.submit_job(job, [BEGIN])
    (event,) = (call.args[0] for call in scheduler._dispatch_event.call_args_list)
    assert (event.code, event.job_id, event.jobstore) == (ev.EVENT_JOB_EXECUTED, "a", "s")
    assert (event.retval, event.scheduled_run_time) == (7, BEGIN)


def test_an_executor_counts_instances_by_job_id():
    executor = HeldExecutor()
    executor.start(mock_scheduler(), "e")
    job = Mock(id="a", max_instances=2)
    executor.submit_job(job, [BEGIN])
    executor.submit_job(job, [BEGIN])
    assert executor._instances["a"] == 2
    with pytest.raises(MaxInstancesReachedError):
        executor.submit_job(job, [BEGIN])
    executor._run_job_success("a", [])
    executor._run_job_error("a", RuntimeError("lost"))
    assert not executor._instances["a"]


def test_a_pool_executor_shows_its_pool():
    assert ThreadPoolExecutor(3)._pool._max_workers == 3
