"""What an executor does not take: each fire time gets its outcome, and the job goes on, whatever raises meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_SUBMITTED,
)
from apscheduler.executors.base import BaseExecutor, MaxInstancesReachedError
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.runs.claims import Claim, Result
from apscheduler.schedulers._dispatch.announcing import Announcer
from apscheduler.schedulers._dispatch.handing_over import HandOver, is_inline
from apscheduler.testing import FakeClock, ManualScheduler

START = datetime(2030, 1, 1, tzinfo=UTC)


class Taking(BaseExecutor):
    """Does with a batch what it was told; takes plain jobs too where ``lane`` is set."""

    def __init__(self, act, *, lane=False):
        super().__init__()
        self.act, self.lane, self.batches = act, lane, []

    def submit_claims(self, items):
        self.batches.append(list(items))
        return self.act(items)

    def _do_submit_job(self, job, run_times):
        raise NotImplementedError

    def _heed_hooks(self):
        return not self.lane


class Keeping(Taking):
    """Knows what it has taken."""

    def __init__(self, act, *, lane=False):
        super().__init__(act, lane=lane)
        self.held = []

    def in_flight(self):
        return self.held


def refuses(exc):
    """Return what refuses each item for this reason."""
    return lambda items: [(item, exc) for item in items]


def interrupts(items):
    raise KeyboardInterrupt


class OfOthers(MemoryJobStore):
    """A store that others claim from too."""

    def __init__(self):
        super().__init__()
        self.given = []

    def give_back(self, claim):
        self.given.append(claim.job.id)
        return True


@pytest.fixture
def make():
    """Return a maker of started schedulers with jobs that are due at once, and then each ten seconds."""
    made = []

    def maker(executor, *ids, cls=ManualScheduler, store=None, **options):
        scheduler = cls(
            clock=FakeClock(START),
            executors={"default": executor},
            jobstores={} if store is None else {"default": store},
        )
        made.append(scheduler)
        scheduler.start()
        for job_id in ids:
            scheduler.add_job(
                *(print, "interval"),
                **{"id": job_id, "seconds": 10, "start_date": START, "max_instances": 1, **options},
            )
        return scheduler

    yield maker
    for each in made:
        each.shutdown(wait=False)


def found(scheduler, *names):
    """Return what the ledger says, by job and time."""
    runs = sorted(scheduler.get_runs(), key=lambda run: (run.job_id, run.fire_time))
    return [tuple(getattr(run, name) for name in ("job_id", "outcome", *names)) for run in runs]


lanes = pytest.mark.parametrize("lane", [True, False], ids=["plain jobs", "claims"])


# -- refused --------------------------------------------------------------------------------------------


@lanes
def test_what_is_refused_has_failed_and_the_job_goes_on(make, lane):
    executor = Taking(refuses(OSError("full")), lane=lane)
    scheduler = make(executor, "a", "b")
    scheduler.tick()
    assert found(scheduler, "error", "started_at") == [
        ("a", "failed", "OSError: full", None),
        ("b", "failed", "OSError: full", None),
    ]
    scheduler.advance(10)
    assert len(executor.batches) == 2
    assert [outcome for _, outcome in found(scheduler)] == ["failed"] * 4


@lanes
def test_what_an_executor_raises_refuses_its_whole_share(make, lane):
    def act(items):
        raise OSError("full")

    scheduler = make(Taking(act, lane=lane), "a", "b")
    scheduler.tick()
    assert found(scheduler) == [("a", "failed"), ("b", "failed")]


def test_a_claim_beyond_the_executors_own_count_is_skipped_and_told(make):
    told = []
    executor = Taking(lambda items: [(each, MaxInstancesReachedError(each.job)) for each in items])
    scheduler = make(executor, "a")
    scheduler.add_listener(told.append, EVENT_JOB_MAX_INSTANCES)
    scheduler.tick()
    assert found(scheduler, "started_at") == [("a", "skipped", None)]
    assert "one instance too many" in scheduler.get_runs()[0].reason
    assert [(event.job_id, event.scheduled_run_times) for event in told] == [("a", [START])]
    scheduler.advance(10)
    assert len(executor.batches) == 2


@lanes
def test_a_refusal_while_the_scheduler_stops_is_no_failure(make, lane):
    def act(items):
        scheduler.pause()
        return refuses(OSError("shut down"))(items)

    scheduler = make(Taking(act, lane=lane), "a")
    scheduler.tick()
    assert found(scheduler, "started_at") == [("a", "cancelled", None)]


def test_what_is_refused_while_the_scheduler_stops_is_left_to_others_where_there_are_any(make):
    def act(items):
        if len(executor.batches) > 1:
            scheduler.pause()
        return refuses(OSError("shut down"))(items)

    store, executor = OfOthers(), Taking(act)
    scheduler = make(executor, "a", store=store)
    scheduler.tick()
    assert (store.given, found(scheduler)) == ([], [("a", "failed")])
    scheduler.advance(10)
    assert (store.given, found(scheduler)) == (["a"], [("a", "failed")])


def test_an_executor_that_is_removed_meanwhile_is_named(make):
    scheduler = make(Taking(refuses(OSError("full")), lane=True), "a")
    scheduler.add_listener(lambda event: scheduler.remove_executor("default"), EVENT_JOB_SUBMITTED)
    scheduler.tick()
    text = "LookupError: executor 'default' was removed meanwhile"
    assert found(scheduler, "error") == [("a", "failed", text)]


@pytest.mark.parametrize(
    ("executor", "inline"),
    [
        (SimpleNamespace(inline=True), True),
        (SimpleNamespace(inline=False), False),
        (SimpleNamespace(), False),
        (Mock(), False),
        (None, False),
    ],
    ids=["inline", "not", "of someone else", "a mock", "none"],
)
def test_only_an_executor_that_says_so_is_inline(executor, inline):
    assert is_inline(executor) is inline


# -- what raises while a refusal is told ----------------------------------------------------------------


class Hooked(ManualScheduler):
    """A scheduler of someone's who cannot tell of failures."""

    def _dispatch_event(self, event):
        if event.code == EVENT_JOB_ERROR:
            raise OSError("nobody to tell")
        super()._dispatch_event(event)


@lanes
def test_an_error_in_telling_costs_no_other_outcome(make, lane, caplog):
    scheduler = make(Taking(refuses(OSError("full")), lane=lane), "a", "b", cls=Hooked)
    scheduler.add_listener(print, EVENT_JOB_ERROR)
    scheduler.tick()
    assert found(scheduler) == [("a", "failed"), ("b", "failed")]
    assert "could not be announced" in caplog.text


@lanes
def test_a_ctrl_c_in_telling_costs_no_other_outcome(make, lane):
    scheduler = make(Taking(refuses(OSError("full")), lane=lane), "a", "b")
    scheduler.add_listener(interrupts, EVENT_JOB_ERROR)
    with pytest.raises(KeyboardInterrupt):
        scheduler.tick()
    assert found(scheduler) == [("a", "failed"), ("b", "failed")]


@lanes
def test_a_ctrl_c_in_telling_what_is_submitted_keeps_nothing_from_its_executor(make, lane):
    executor, told = Taking(lambda items: [], lane=lane), []

    def interrupt(event):
        told.append(event.job_id)
        raise KeyboardInterrupt

    scheduler = make(executor, "a", "b")
    scheduler.add_listener(interrupt, EVENT_JOB_SUBMITTED)
    with pytest.raises(KeyboardInterrupt):
        scheduler.tick()
    assert [len(batch) for batch in executor.batches] == [2]
    assert told == ["a", "b"]


@lanes
def test_a_ctrl_c_between_a_claim_and_its_executor_keeps_nothing_back(make, lane, monkeypatch):
    executor = Taking(lambda items: [], lane=lane)
    scheduler = make(executor, "a", "b")
    scheduler.add_listener(print, EVENT_JOB_SUBMITTED)
    monkeypatch.setattr(Announcer, "announce_removed", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        scheduler.tick()
    assert [len(batch) for batch in executor.batches] == [2]


def test_after_a_ctrl_c_the_further_fire_times_of_a_claim_have_their_outcome_too(make):
    executor = Taking(refuses(OSError("full")))
    scheduler = make(executor, "a", coalesce=False, misfire_grace_time=None)

    def interrupt_once(event):
        scheduler.remove_listener(interrupt_once)
        raise KeyboardInterrupt

    scheduler.add_listener(interrupt_once, EVENT_JOB_ERROR)
    scheduler.clock.advance(20)
    with pytest.raises(KeyboardInterrupt):
        scheduler.tick()
    assert found(scheduler) == [("a", "failed")] * 3
    scheduler.advance(10)
    assert len(executor.batches) == 2


def test_a_ctrl_c_at_each_announcement_costs_no_outcome_and_no_instance(make):
    executor = Taking(refuses(OSError("full")))
    scheduler = make(executor, "a", coalesce=False, misfire_grace_time=None)

    def interrupt(event):
        raise KeyboardInterrupt

    scheduler.add_listener(interrupt, EVENT_JOB_ERROR)
    scheduler.clock.advance(20)
    with pytest.raises(KeyboardInterrupt):
        scheduler.tick()
    scheduler.remove_listener(interrupt)
    assert found(scheduler) == [("a", "failed")] * 3
    scheduler.advance(10)
    assert len(executor.batches) == 2


@pytest.mark.parametrize("settled", [True, False])
def test_a_claim_is_let_go_only_once_nothing_of_it_is_left(make, settled):
    """What a store cannot settle stays its claim: it gives that back when it ends."""
    told = []

    def settle(item, result):
        told.append("settle")
        if settled:
            item.take(result.fire)
        raise OSError("disk full")

    def release(item):
        if item.take_release():
            told.append("release")

    sink = SimpleNamespace(settle=settle, release=release)
    item = Claim(SimpleNamespace(id="a", executor="default"), [1], sink)
    HandOver(
        make(Taking(refuses(OSError("full")))), SimpleNamespace(batch=None), None
    )._refuse_surely(item, OSError("full"))
    assert told == (["settle", "release"] if settled else ["settle", "settle"])


# -- a Ctrl-C in the executor ---------------------------------------------------------------------------


@lanes
def test_what_a_ctrl_c_kept_from_being_taken_is_cancelled_and_the_job_goes_on(make, lane):
    executor = Taking(interrupts, lane=lane)
    scheduler = make(executor, "a", "b")
    with pytest.raises(KeyboardInterrupt):
        scheduler.tick()
    reason = "a Ctrl-C came while it was handed over"
    assert found(scheduler, "reason", "started_at") == [
        ("a", "cancelled", reason, None),
        ("b", "cancelled", reason, None),
    ]
    with pytest.raises(KeyboardInterrupt):
        scheduler.advance(10)
    assert [len(batch) for batch in executor.batches] == [2, 2]


@lanes
def test_what_the_executor_had_taken_before_the_ctrl_c_is_left_to_it(make, lane):
    def take_one(items):
        executor.held = list(items)[:1]
        raise KeyboardInterrupt

    executor = Keeping(take_one, lane=lane)
    scheduler = make(executor, "a", "b", "c")
    with pytest.raises(KeyboardInterrupt):
        scheduler.tick()
    (held,) = executor.held
    (taken,) = {"a", "b", "c"} - {job_id for job_id, _ in found(scheduler)}
    assert taken == (held.id if lane else held.job.id)
    assert [outcome for _, outcome in found(scheduler)] == ["cancelled"] * 2
    executor.held = []


@lanes
def test_what_had_its_outcome_before_the_ctrl_c_keeps_it(make, lane):
    def settle_one(items):
        first, now = items[0], scheduler._now_us()
        if lane:
            scheduler._lane_sink.settle(first, Result(first._fire, Outcome.EXECUTED, now, now))
        else:
            first.sink.settle(first, Result(first.fires[0], Outcome.EXECUTED, now, now))
        raise KeyboardInterrupt

    executor = Taking(settle_one, lane=lane)
    scheduler = make(executor, "a", "b")
    with pytest.raises(KeyboardInterrupt):
        scheduler.tick()
    assert sorted(outcome for _, outcome in found(scheduler)) == ["cancelled", "executed"]


def test_a_ctrl_c_between_an_outcome_and_its_release_does_not_keep_the_jobs_place(make):
    """Otherwise a job of one instance would be skipped for ever."""

    def settle_one(items):
        for item in items:
            now = scheduler._now_us()
            item.sink.settle(item, Result(item.fires[0], Outcome.EXECUTED, now, now))
            raise KeyboardInterrupt

    executor = Taking(settle_one)
    scheduler = make(executor, "a")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            scheduler.tick()
        scheduler.clock.advance(10)
    assert found(scheduler) == [("a", "executed")] * 2
