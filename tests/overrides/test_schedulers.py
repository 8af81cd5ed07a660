"""What a scheduler's subclass, a mixin, a patch or an attribute puts in the place of a method is asked.

``schedulers.py`` plays one scenario here and on 3.11.3, whose answers are golden data.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from overrides.playing import played_by, played_here

from apscheduler import events
from apscheduler.events import EVENT_JOB_REMOVED
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.testing.manual import ManualScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.util import undefined
from tools import ROOT

PROGRAM = ROOT / "tests/overrides/schedulers.py"
GOLDEN = json.loads((ROOT / "tests/data/overrides-of-schedulers-3.11.3.json").read_text("utf-8"))
# What 3.11.3 asks at a step and ours does not, by name. Each stands in compatibility.md.
DIFFERENT: dict[str, set[str]] = {}


def test_what_is_overridden_is_asked_where_3x_asks_it() -> None:
    ours = played_here(PROGRAM)
    missing = {
        f"{way}: {step}: {name}"
        for way, steps in GOLDEN.items()
        for step, names in steps.items()
        for name in set(names) - set(ours[way][step]) - DIFFERENT.get(step, set())
    }
    assert missing == set()


def test_the_golden_data_are_what_the_reference_says(reference_python) -> None:
    assert played_by(reference_python, PROGRAM) == GOLDEN


# -- adding -------------------------------------------------------------------------------------------------


class OnlySome(ManualScheduler):
    """Takes only jobs whose ids begin with an ``a``."""

    def _real_add_job(self, job, jobstore_alias, replace_existing):
        if job.id.startswith("a"):
            super()._real_add_job(job, jobstore_alias, replace_existing)


def ids(scheduler: Any) -> list[str]:
    return sorted(job.id for job in scheduler.get_jobs())


def test_pending_jobs_that_are_alike_are_added_one_by_one() -> None:
    scheduler = OnlySome()
    for name in ("a1", "b1", "a2", "b2"):
        scheduler.add_job(print, "interval", hours=1, id=name)
    scheduler.start()
    scheduler.add_jobs([{"func": print, "id": name} for name in ("a3", "b3", "a4")])
    assert ids(scheduler) == ["a1", "a2", "a3", "a4"]
    scheduler.shutdown()


def test_a_pending_job_that_is_refused_is_asked_for_once() -> None:
    asked = []

    class Refusing(ManualScheduler):
        def _real_add_job(self, job, jobstore_alias, replace_existing):
            asked.append(job.id)
            if job.id == "b":
                raise ConflictingIdError(job.id)
            super()._real_add_job(job, jobstore_alias, replace_existing)

    scheduler = Refusing()
    for name in ("a", "b", "c"):
        scheduler.add_job(print, "interval", hours=1, id=name)
    with pytest.raises(ConflictingIdError):
        scheduler.start()
    assert asked == ["a", "b", "c"]


class Of3x(ManualScheduler):
    """With an ``add_job`` of 3.x's signature."""

    def add_job(
        self,
        func,
        trigger=None,
        args=None,
        kwargs=None,
        id=None,
        name=None,
        misfire_grace_time=undefined,
        coalesce=undefined,
        max_instances=undefined,
        next_run_time=undefined,
        jobstore="default",
        executor="default",
        replace_existing=False,
        **trigger_args,
    ):
        assert not {"timeout", "delivery"} & trigger_args.keys()
        return super().add_job(
            func,
            trigger,
            args,
            kwargs,
            id,
            f"own {name}",
            misfire_grace_time,
            coalesce,
            max_instances,
            next_run_time,
            jobstore,
            executor,
            replace_existing,
            **trigger_args,
        )


def test_a_decorator_gives_only_what_it_was_given() -> None:
    scheduler = Of3x()
    scheduler.scheduled_job("interval", hours=1, id="a", name="A")(print)
    assert scheduler.get_job("a").name == "own A"
    with pytest.raises(AssertionError):
        scheduler.scheduled_job("interval", hours=1, id="b", timeout=5)(print)


# -- changing -----------------------------------------------------------------------------------------------


class Rounding(ManualScheduler):
    """Moves each new fire time to the next full hour, and remembers what was changed."""

    def __init__(self) -> None:
        self.changed: list[set[str]] = []
        super().__init__()

    def modify_job(self, job_id, jobstore=None, **changes):
        self.changed.append(set(changes))
        moment = changes.get("next_run_time")
        if moment is not None:
            changes["next_run_time"] = moment.replace(minute=0, second=0) + timedelta(hours=1)
        return super().modify_job(job_id, jobstore, **changes)


@pytest.mark.parametrize("started", [True, False])
def test_rescheduling_and_resuming_go_through_modify_job(started) -> None:
    scheduler = Rounding()
    if started:
        scheduler.start()
    job = scheduler.add_job(print, "interval", days=9, id="a")
    job = scheduler.reschedule_job("a", trigger="interval", minutes=40)
    assert scheduler.changed == [{"trigger", "next_run_time"}]
    first = scheduler.clock.now() + timedelta(minutes=40)
    rounded = first.replace(minute=0, second=0) + timedelta(hours=1)
    assert job.next_run_time == rounded
    assert job.trigger.interval == timedelta(minutes=40)
    scheduler.pause_job("a")
    assert scheduler.get_job("a").next_run_time is None
    assert scheduler.resume_job("a").next_run_time == rounded
    scheduler.reschedule_job("a", trigger="interval", minutes=5, keep_paused=True)
    assert scheduler.changed[1:] == [
        {"next_run_time"},
        {"next_run_time"},
        {"trigger", "next_run_time"},
    ]
    if started:
        scheduler.shutdown()


def test_a_patched_modify_job_can_refuse() -> None:
    scheduler = ManualScheduler()
    scheduler.start()
    job = scheduler.add_job(print, "interval", days=9, id="a")
    before = job.next_run_time
    with mock.patch.object(scheduler, "modify_job", side_effect=PermissionError):
        for change in (job.pause, job.resume, lambda: job.reschedule("interval", minutes=1)):
            with pytest.raises(PermissionError):
                change()
    assert scheduler.get_job("a").next_run_time == before
    scheduler.shutdown()


def test_resuming_what_has_no_fire_time_left_removes_it() -> None:
    class Noting(ManualScheduler):
        removed: list[str] = []  # noqa: RUF012 - of this test

        def modify_job(self, job_id, jobstore=None, **changes):
            return super().modify_job(job_id, jobstore, **changes)

        def remove_job(self, job_id, jobstore=None, **options):
            self.removed.append(job_id)
            super().remove_job(job_id, jobstore, **options)

    class Ended(DateTrigger):
        def get_next_fire_time(self, previous_fire_time, now):
            return None

    scheduler = Noting()
    scheduler.start()
    scheduler.add_job(print, Ended(datetime(2030, 1, 1, tzinfo=UTC)), id="a", next_run_time=None)
    assert scheduler.resume_job("a") is None
    assert (Noting.removed, scheduler.get_jobs()) == (["a"], [])
    scheduler.shutdown()


# -- the end of a job ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("calls_super", [True, False])
def test_a_job_that_ends_is_removed_by_remove_job(calls_super) -> None:
    removed, told, ran = [], [], []

    class Keeping(ManualScheduler):
        def remove_job(self, job_id, jobstore=None, **options):
            removed.append((job_id, jobstore))
            if calls_super:
                super().remove_job(job_id, jobstore, **options)

    scheduler = Keeping()
    scheduler.start()
    scheduler.add_listener(lambda event: told.append(event.job_id), EVENT_JOB_REMOVED)
    for name in ("a", "b"):
        scheduler.add_job(ran.append, args=[name], id=name)
    scheduler.tick()
    scheduler.advance(10)
    assert removed == [("a", "default"), ("b", "default")]
    assert told == (["a", "b"] if calls_super else [])
    assert sorted(ran) == ["a", "b"]
    assert scheduler.get_jobs() == []
    scheduler.shutdown()


def test_a_remove_job_that_raises_costs_no_run(caplog) -> None:
    ran = []
    scheduler = ManualScheduler()
    scheduler.start()
    for name in ("a", "b"):
        scheduler.add_job(ran.append, args=[name], id=name)
    with mock.patch.object(scheduler, "remove_job", side_effect=OSError("no")):
        scheduler.tick()
    assert sorted(ran) == ["a", "b"]
    assert "could not be announced" in caplog.text
    scheduler.shutdown()


# -- events -------------------------------------------------------------------------------------------------

LIFE = ["ADDED", "MODIFIED", "EXECUTED", "SUBMITTED", "REMOVED"]


def life_of(scheduler: Any, seen: list[int]) -> set[str]:
    scheduler.start()
    scheduler.add_job(print, "interval", hours=1, id="a", args=[""], kwargs={"end": ""})
    scheduler.modify_job("a", name="A")
    scheduler.advance(3600)
    scheduler.remove_job("a")
    scheduler.shutdown()
    return {name for name in LIFE if getattr(events, f"EVENT_JOB_{name}") in seen}


@pytest.mark.parametrize("way", ["subclass", "mixin", "instance", "patch"])
def test_all_events_are_dispatched_where_nobody_listens(way) -> None:
    seen: list[int] = []

    def noting(self, event):
        seen.append(event.code)

    if way == "patch":
        with mock.patch.object(ManualScheduler, "_dispatch_event", noting):
            assert life_of(ManualScheduler(), seen) == set(LIFE)
        return
    if way == "instance":
        scheduler: Any = ManualScheduler()
        scheduler._dispatch_event = noting.__get__(scheduler)
    elif way == "mixin":
        mixin = type("Mixin", (), {"_dispatch_event": noting})
        scheduler = type("Mixed", (mixin, ManualScheduler), {})()
    else:
        scheduler = type("Own", (ManualScheduler,), {"_dispatch_event": noting})()
    assert life_of(scheduler, seen) == set(LIFE)


def test_listeners_are_told_what_they_asked_for_by_a_dispatch_of_ones_own() -> None:
    seen: list[int] = []
    heard: list[int] = []

    class Noting(ManualScheduler):
        def _dispatch_event(self, event):
            seen.append(event.code)
            super()._dispatch_event(event)

    scheduler = Noting()
    scheduler.add_listener(lambda event: heard.append(event.code), EVENT_JOB_REMOVED)
    assert life_of(scheduler, seen) == set(LIFE)
    assert heard == [EVENT_JOB_REMOVED]


# -- parts --------------------------------------------------------------------------------------------------


def test_an_executor_may_be_found_in_ones_own_way() -> None:
    class Forgiving(ManualScheduler):
        def _lookup_executor(self, alias):
            return super()._lookup_executor("default")

    ran: list[int] = []
    scheduler = Forgiving()
    scheduler.start()
    scheduler.add_job(ran.append, args=[1], executor="elsewhere")
    scheduler.tick()
    assert ran == [1]
    scheduler.shutdown()


def test_plugins_are_made_by_the_method_of_3x() -> None:
    made = []

    class Noting(ManualScheduler):
        def _create_plugin_instance(self, type_, alias, constructor_kwargs):
            made.append((type_, alias, sorted(constructor_kwargs)))
            return super()._create_plugin_instance(type_, alias, constructor_kwargs)

    scheduler = Noting(executors={"pool": {"type": "threadpool", "max_workers": 3}})
    scheduler.add_jobstore("memory", "other")
    scheduler.add_job(print, "interval", hours=1)
    assert made == [
        ("executor", "threadpool", ["max_workers"]),
        ("jobstore", "memory", []),
        ("trigger", "interval", ["hours", "timezone"]),
    ]
