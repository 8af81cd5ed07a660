"""What a job store's subclass, a mixin, a patch or an attribute puts in the place of a method is asked.

``stores.py`` plays one scenario here and on 3.11.3, whose answers are golden data.
"""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from unittest import mock

import pytest
from databases import Place
from overrides.playing import played_by, played_here

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.base import BaseTrigger
from tools import ROOT

PROGRAM = ROOT / "tests/overrides/stores.py"
GOLDEN = json.loads((ROOT / "tests/data/overrides-of-stores-3.11.3.json").read_text("utf-8"))
KINDS = ("memory", "sqlite-memory", "sqlite", "postgresql", "mariadb")
ran: list[str] = []


def test_what_is_overridden_is_asked_where_3x_asks_it() -> None:
    ours = played_here(PROGRAM)
    missing = {
        f"{kind}: {way}: {step}: {name}"
        for kind, ways in GOLDEN.items()
        for way, steps in ways.items()
        for step, names in steps.items()
        for name in set(names) - set(ours[kind][way][step])
    }
    assert missing == set()


def test_the_golden_data_are_what_the_reference_says(reference_python) -> None:
    assert played_by(reference_python, PROGRAM) == GOLDEN


# -- programs of our own ----------------------------------------------------------------------------------


class Still(BaseScheduler):
    """A scheduler whose passes are made by hand."""

    def wakeup(self):
        pass

    def shutdown(self, wait=True):
        super().shutdown(wait)


def run(name: str) -> None:
    ran.append(name)


def soon() -> datetime:
    return datetime.now(UTC) - timedelta(milliseconds=1)


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


@pytest.fixture(params=KINDS)
def kind(request, tmp_path) -> Any:
    """A store's class, which is made without arguments."""
    if request.param == "memory":
        yield MemoryJobStore
        return
    place = Place(request.param, tmp_path)

    class Stored(SQLAlchemyJobStore):
        def __init__(self):
            super().__init__(place.url, tablename=place.table)

    yield Stored
    place.close()


@pytest.fixture
def started():
    """Start a scheduler on a store."""
    schedulers = []

    def start(store: Any) -> Any:
        scheduler = Still(
            jobstores={"default": store},
            executors={"default": DebugExecutor()},
            job_defaults={"misfire_grace_time": None},
        )
        scheduler.start()
        scheduler._dispatcher.polls = False  # waits are those for the next due job
        schedulers.append(scheduler)
        return scheduler

    yield start
    for scheduler in schedulers:
        scheduler.shutdown()


def add_due(scheduler: Any, name: str, **options: Any) -> Any:
    return scheduler.add_job(
        run, "interval", hours=1, args=[name], id=name, next_run_time=soon(), **options
    )


def gated(cls: Any) -> Any:
    class Gated(cls):
        """Gives no job to a pass while it is closed: a standby."""

        is_open = False

        def get_due_jobs(self, now):
            return super().get_due_jobs(now) if self.is_open else []

    return Gated()


@pytest.mark.trap(113)
def test_a_gate_holds_jobs_back_and_lets_them_go(kind, started) -> None:
    store = gated(kind)
    scheduler = started(store)
    add_due(scheduler, "a")
    assert 0 < scheduler._process_jobs() <= 0.25
    assert ran == []
    store.is_open = True
    assert scheduler._process_jobs() > 3000
    assert ran == ["a"]
    assert scheduler.get_runs()[0].outcome == "executed"
    scheduler._process_jobs()
    assert ran == ["a"]


def test_a_job_that_has_ended_still_shows_when_it_was_due(kind, started) -> None:
    class Reading(kind):
        def get_due_jobs(self, now):
            return super().get_due_jobs(now)

    scheduler = started(Reading())
    moment = soon()
    job = scheduler.add_job(run, "date", run_date=moment, args=["a"], id="a")
    scheduler._process_jobs()
    assert ran == ["a"]
    assert scheduler.get_job("a") is None
    assert job.next_run_time == moment


def test_a_read_chooses_and_orders(kind, started) -> None:
    class Backwards(kind):
        def get_due_jobs(self, now):
            return [job for job in reversed(super().get_due_jobs(now)) if job.id != "b"]

    scheduler = started(Backwards())
    for name in "abc":
        add_due(scheduler, name)
    scheduler._process_jobs()
    assert ran == ["c", "a"]


@pytest.mark.parametrize("way", ["instance", "class"])
def test_a_patch_is_asked_as_long_as_it_is_there(kind, started, way) -> None:
    store = kind()
    scheduler = started(store)
    add_due(scheduler, "a")
    owner = store if way == "instance" else kind
    with mock.patch.object(owner, "get_due_jobs", return_value=[]) as gate:
        scheduler._process_jobs()
    assert gate.called
    assert ran == []
    scheduler._process_jobs()
    assert ran == ["a"]
    add_due(scheduler, "b")
    scheduler._process_jobs()
    assert ran == ["a", "b"]


def test_the_next_look_is_when_the_store_says(kind, started) -> None:
    class Late(kind):
        says: Any = None

        def get_next_run_time(self):
            return self.says

    store = Late()
    scheduler = started(store)
    scheduler.add_job(run, "interval", hours=1, args=["a"])
    assert scheduler._process_jobs() is None
    store.says = datetime.now(UTC) + timedelta(minutes=10)
    assert 590 < scheduler._process_jobs() <= 600


def test_what_runs_is_what_the_read_returns(kind, started) -> None:
    class Renaming(kind):
        def get_due_jobs(self, now):
            jobs = []
            for job in super().get_due_jobs(now):
                other = type(job).__new__(type(job))
                other.__setstate__(job.__getstate__())
                other._scheduler, other._jobstore_alias = self._scheduler, self._alias
                other.args = ["other"]
                jobs.append(other)
            return jobs

    scheduler = started(Renaming())
    add_due(scheduler, "a")
    scheduler._process_jobs()
    assert ran == ["other"]
    assert scheduler.get_job("a").args == ("a",)
    scheduler.modify_job("a", next_run_time=soon())
    scheduler._process_jobs()
    assert ran == ["other", "other"]


def noting(cls: Any) -> Any:
    class Noting(cls):
        """Notes what is written after a claim, and may keep ours from writing it."""

        calls_super = True

        def __init__(self, *args, **kwargs):
            self.noted: list[Any] = []
            super().__init__(*args, **kwargs)

        def update_job(self, job):
            self.noted.append((job.id, job.next_run_time))
            if self.calls_super:
                super().update_job(job)

        def remove_job(self, job_id):
            found = self.lookup_job(job_id)
            self.noted.append((job_id, found and found.id))
            if self.calls_super:
                super().remove_job(job_id)

    return Noting()


@pytest.mark.parametrize("calls_super", [True, False])
def test_writes_are_called_after_the_claim(kind, started, calls_super) -> None:
    store = noting(kind)
    scheduler = started(store)
    add_due(scheduler, "a")
    scheduler.add_job(run, args=["b"], id="b")
    store.calls_super = calls_super
    scheduler._process_jobs()
    moment = scheduler.get_job("a").next_run_time
    assert moment > datetime.now(UTC)
    assert store.noted == [("a", moment), ("b", "b")]
    assert sorted(ran) == ["a", "b"]
    left = scheduler.get_job("b")
    assert left is None if calls_super else left.next_run_time is None
    scheduler._process_jobs()
    assert sorted(ran) == ["a", "b"]


def test_a_write_may_move_what_was_claimed(kind, started) -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)

    class Moving(kind):
        def update_job(self, job):
            job.next_run_time = later
            super().update_job(job)

    scheduler = started(Moving())
    add_due(scheduler, "a")
    wait = scheduler._process_jobs()
    assert ran == ["a"]
    assert wait > 80000 * 3
    assert scheduler.get_job("a").next_run_time == later


def test_a_write_may_bring_a_version_of_its_own_of_what_was_claimed(kind, started) -> None:
    class Renaming(kind):
        def update_job(self, job):
            version = pickle.loads(pickle.dumps(job))
            version._scheduler = job._scheduler
            version.name = "written"
            super().update_job(version)

    scheduler = started(Renaming())
    add_due(scheduler, "a")
    moment = scheduler.get_job("a").next_run_time
    scheduler._process_jobs()
    job = scheduler.get_job("a")
    assert (ran, job.name) == (["a"], "written")
    assert job.next_run_time > moment


def test_several_are_added_by_ones_own_add_job_and_replace_what_is_there(kind, started) -> None:
    class Noting(kind):
        noted: ClassVar[list[str]] = []

        def add_job(self, job):
            self.noted.append(job.id)
            super().add_job(job)

    store = Noting()
    scheduler = started(store)
    add_due(scheduler, "a")
    version = pickle.loads(pickle.dumps(scheduler.get_job("a")))
    version._scheduler, version.name = scheduler, "newer"
    store.add_jobs([version], replace=True)
    assert scheduler.get_job("a").name == "newer"
    assert store.noted == ["a", "a"]


def test_a_write_that_raises_costs_no_run(kind, started) -> None:
    class Failing(kind):
        fails = False

        def update_job(self, job):
            if self.fails:
                raise OSError("disk full")
            super().update_job(job)

    store = Failing()
    scheduler = started(store)
    scheduler.jobstore_retry_interval = 0
    add_due(scheduler, "a")
    add_due(scheduler, "b")
    store.fails = True
    scheduler._process_jobs()
    assert sorted(ran) == ["a", "b"]
    scheduler._dispatcher.stores._retry_at.clear()
    scheduler._process_jobs()
    assert sorted(ran) == ["a", "b"]
    assert len(scheduler.get_runs()) == 2


def test_an_edit_between_the_claim_and_the_write_stands(kind, started) -> None:
    class Slow(kind):
        between: Any = None

        def update_job(self, job):
            act, self.between = self.between, None
            if act:
                act()
            super().update_job(job)

        def remove_job(self, job_id):
            act, self.between = self.between, None
            if act:
                act()
            super().remove_job(job_id)

    store = Slow()
    scheduler = started(store)
    add_due(scheduler, "a")
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    store.between = lambda: scheduler.modify_job("a", next_run_time=later, name="mine")
    scheduler._process_jobs()
    job = scheduler.get_job("a")
    assert (job.next_run_time, job.name) == (later, "mine")
    scheduler.add_job(run, args=["b"], id="b")
    store.between = lambda: scheduler.add_job(
        run, "interval", hours=1, args=["b"], id="b", replace_existing=True
    )
    scheduler._process_jobs()
    assert scheduler.get_job("b").next_run_time is not None
    assert sorted(ran) == ["a", "b"]


def test_several_are_added_one_by_one_and_all_or_none(kind, started) -> None:
    class Choosy(kind):
        def add_job(self, job):
            if job.id == "c":
                raise ConflictingIdError(job.id)
            super().add_job(job)

    scheduler = started(Choosy())
    with pytest.raises(ConflictingIdError):
        scheduler.add_jobs([{"func": run, "id": name, "args": [name]} for name in "abc"])
    assert scheduler.get_jobs() == []
    scheduler.add_jobs([{"func": run, "id": name, "args": [name]} for name in "ab"])
    assert [job.id for job in scheduler.get_jobs()] == ["a", "b"]


def test_a_trigger_that_raises_waits_longer_each_time(started) -> None:
    asked = []

    class Failing(BaseTrigger):
        def get_next_fire_time(self, previous_fire_time, now):
            asked.append(now)
            raise ValueError("no")

    store = gated(MemoryJobStore)
    store.is_open = True
    scheduler = started(store)
    add_due(scheduler, "a")
    add_due(scheduler, "b")
    job = store.lookup_job("a")
    job.trigger = Failing()
    job._refresh()
    for _ in range(3):
        scheduler._process_jobs()
    assert len(asked) == 1
    assert ran == ["b"]


def test_instances_are_counted_where_methods_are_asked(started) -> None:
    scheduler = started(noting(MemoryJobStore))
    job = add_due(scheduler, "a")
    held = []

    class Holding(DebugExecutor):
        inline = False

        def submit_claims(self, claims):
            held.extend(claims)
            return []

    scheduler.remove_executor("default")
    scheduler.add_executor(Holding(), "default")
    scheduler._process_jobs()
    job.modify(next_run_time=soon())
    scheduler._process_jobs()
    assert len(held) == 1
    assert [each.outcome for each in scheduler.get_runs()] == ["skipped"]
    for claim in held:
        claim.sink.release(claim)
    job.modify(next_run_time=soon())
    scheduler._process_jobs()
    assert len(held) == 2
    for claim in held:
        claim.sink.release(claim)


def test_a_store_that_overrides_nothing_is_claimed_the_short_way() -> None:
    store = MemoryJobStore()
    scheduler = Still(jobstores={"default": store}, executors={"default": DebugExecutor()})
    scheduler.start()
    add_due(scheduler, "a")
    scheduler._process_jobs()
    assert ran == ["a"]
    assert store._asked_claims is None
    scheduler.shutdown()


@pytest.mark.parametrize("method", ["update_job", "remove_job"])
def test_a_ctrl_c_in_a_write_keeps_no_claim_from_its_run(kind, started, method) -> None:
    store = kind()
    scheduler = started(store)
    add_due(scheduler, "a")
    scheduler.add_job(run, args=["b"], id="b")
    with (
        mock.patch.object(store, method, side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        scheduler._process_jobs()
    scheduler._process_jobs()
    assert sorted(ran) == ["a", "b"]
    assert sorted(each.outcome for each in scheduler.get_runs()) == ["executed"] * 2
    assert [job.id for job in scheduler.get_jobs()] == ["a"]


def test_a_job_that_could_not_be_removed_is_removed_by_the_next_pass(kind, started) -> None:
    store = noting(kind)
    scheduler = started(store)
    scheduler.jobstore_retry_interval = 0
    scheduler.add_job(run, args=["b"], id="b")
    with mock.patch.object(store, "remove_job", side_effect=OSError("no")):
        scheduler._process_jobs()
    assert [job.id for job in scheduler.get_jobs()] == ["b"]
    scheduler._dispatcher.stores._retry_at.clear()
    scheduler._process_jobs()
    assert scheduler.get_jobs() == []
    assert ran == ["b"]


def test_a_read_that_raises_claims_nothing_and_is_asked_again(kind, started) -> None:
    store = kind()
    scheduler = started(store)
    scheduler.jobstore_retry_interval = 0
    add_due(scheduler, "a")
    with mock.patch.object(store, "get_due_jobs", side_effect=OSError("away")):
        scheduler._process_jobs()
    assert ran == []
    scheduler._process_jobs()
    assert ran == ["a"]
