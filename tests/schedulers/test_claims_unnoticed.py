"""Small promises of claims and plans that one changed line would break without a word."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from databases import SHARED, Place

from apscheduler._engine.instants import SECOND
from apscheduler._engine.planning import Plan, Rollup, without
from apscheduler.executors.debug import DebugExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores.base import ClaimRequest
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.runs.asking import plan_job
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.testing._contract_jobs import NOW, ContractSink, make_job
from apscheduler.triggers.base import BaseTrigger

START = datetime(2030, 1, 1, 12, tzinfo=UTC)  # a Tuesday


def test_several_jobs_get_timeout_and_delivery_from_the_defaults():
    defaults = {"timeout": 5, "delivery": "at_least_once"}
    scheduler = ManualScheduler(job_defaults=defaults)
    first, second = scheduler.add_jobs(
        [
            {"func": os.getpid, "trigger": "interval", "hours": 1},
            {
                "func": os.getpid,
                "trigger": "interval",
                "hours": 1,
                "timeout": 7,
                "delivery": "at_most_once",
            },
        ]
    )
    assert (first.timeout, first.delivery) == (5, "at_least_once")
    assert (second.timeout, second.delivery) == (7, "at_most_once")


@pytest.mark.parametrize("earlier", [[], ["coalesced"], ["missed"], ["coalesced", "missed"]])
def test_what_is_taken_out_of_a_plan_is_recorded_from_its_first_fire_time_on(earlier):
    rolled = {"coalesced": Rollup(3, 10, 30), "missed": Rollup(2, 1, 5)}
    plan = without(Plan([40, 50, 60], 70, **{name: rolled[name] for name in earlier}), 60, "why")
    (first, count) = {
        0: (40, 2),
        1: (rolled[earlier[0]].first, rolled[earlier[0]].count + 2) if earlier else (0, 0),
        2: (1, 7),
    }[len(earlier)]
    assert (plan.run, plan.next) == ([60], 70)
    record = plan.missed
    assert (record.first, record.last, record.count, record.reason) == (first, 50, count, "why")


class Hourly(BaseTrigger):
    """A trigger as users write them: it cannot look back."""

    def get_next_fire_time(self, previous_fire_time, now):
        return now if previous_fire_time is None else previous_fire_time + timedelta(hours=1)


def test_a_foreign_trigger_under_a_calendar_runs_once_after_an_outage_with_coalesce():
    ran = []
    scheduler = ManualScheduler(clock=FakeClock(START))
    scheduler.start()
    scheduler.add_job(
        lambda: ran.append(scheduler.clock.now()),
        Hourly(),
        calendar={START.date() - timedelta(days=1)},
        id="job",
        next_run_time=START + timedelta(hours=1),
        coalesce=True,
        misfire_grace_time=None,
    )
    scheduler.clock.advance(5 * 3600 + 60)
    scheduler.tick()
    assert len(ran) == 1
    executed, coalesced = scheduler.get_runs("job")
    if executed.outcome is Outcome.COALESCED:
        executed, coalesced = coalesced, executed
    assert (executed.outcome, executed.fire_time) == (
        Outcome.EXECUTED,
        START + timedelta(hours=5),
    )
    assert (coalesced.outcome, coalesced.count) == (Outcome.COALESCED, 4)
    assert (coalesced.fire_time, coalesced.last_fire_time) == (
        START + timedelta(hours=1),
        START + timedelta(hours=4),
    )
    assert scheduler.get_job("job").next_run_time == START + timedelta(hours=6)


@pytest.mark.parametrize("order", [("near", "far"), ("far", "near")])
def test_the_loop_wakes_for_the_nearer_of_two_stores(order):
    stores = {name: MemoryJobStore() for name in order}
    scheduler = ManualScheduler(jobstores=stores, clock=FakeClock(START))
    scheduler.start()
    for name, hours in (("near", 1), ("far", 5)):
        scheduler.add_job(os.getpid, "interval", hours=hours, jobstore=name)
    assert scheduler.tick() == 3600
    assert scheduler._dispatcher.wake_at == scheduler.clock.now_us() + 3600 * SECOND


@pytest.mark.parametrize("kind", SHARED)
def test_no_executor_is_given_more_than_its_slots_hold(kind, tmp_path):
    place = Place(kind, tmp_path)
    scheduler = ManualScheduler()
    for alias in ("few", "many"):
        scheduler.add_executor(DebugExecutor(), alias)
    store = place.store()
    store.start(scheduler, "default")
    try:
        store.add_jobs(
            [
                make_job(scheduler, f"{alias} {n}", executor=alias)
                for alias in ("few", "many")
                for n in range(5)
            ]
        )
        request = ClaimRequest(
            *(NOW, 100, {}, ("few", "many").__contains__, plan_job, lambda *_: None),
            *(ContractSink(store), {"few": 2, "many": 100}),
        )
        batch = store.claim_due(request)
        aliases = [claim.job.executor for claim in batch.claims]
        assert (aliases.count("few"), aliases.count("many")) == (2, 5)
        assert request.slots == {"few": 2, "many": 100}
    finally:
        store._session.open.clear()
        store.shutdown()
        place.close()
