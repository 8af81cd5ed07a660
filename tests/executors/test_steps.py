"""The steps of a run, each alone, and their order in every driver of this process."""

from __future__ import annotations

import asyncio
import logging
import pickle
from functools import partial
from types import SimpleNamespace

import pytest
from executors.loop_of_a_test import Executor

from apscheduler import current_run
from apscheduler.executors._attempt import steps
from apscheduler.executors._attempt.steps import next_attempt
from apscheduler.executors._child import calls
from apscheduler.executors._child.calls import Call
from apscheduler.executors._wire.calls import Facts
from apscheduler.executors.base import now_us, run_coroutine_job, run_job
from apscheduler.executors.debug import DebugExecutor
from apscheduler.history.outcomes import Outcome


@pytest.fixture
def owner(started):
    return started(DebugExecutor())


def begin(owner, claim):
    return next_attempt(owner, claim, lambda: "others were first")


def test_late_fire_times_are_missed_on_the_way_to_the_next_that_may_start(
    owner, make_claim, recorder
):
    claim = make_claim(print, late=5, grace=1, fires=3)
    claim.fires[2] = claim.fires[2] + 5_000_000
    claim = type(claim)(claim.job, claim.fires, recorder)
    attempt = begin(owner, claim)
    assert (attempt.fire, attempt.started) == (claim.begun, claim.begun_at)
    assert attempt.fire == claim.fires[2]
    assert [each.reason for each in recorder.results] == ["others were first"] * 2
    assert recorder.released == []


def test_a_claim_without_a_fire_time_left_is_released(owner, make_claim, recorder):
    claim = make_claim(print)
    claim.take(claim.fires[0])
    assert begin(owner, claim) is None
    assert recorder.released == [claim]


def test_what_an_attempt_came_to_is_settled(owner, make_claim, recorder):
    claim = make_claim(print, fires=3)
    begin(owner, claim).returned(7)
    begin(owner, claim).raised(ValueError("boom"))
    begin(owner, claim).cancelled(RuntimeError(), "called off")
    told = [(each.outcome, each.retval, each.reason) for each in recorder.results]
    assert told == [
        (Outcome.EXECUTED, 7, None),
        (Outcome.FAILED, None, None),
        (Outcome.CANCELLED, None, "called off"),
    ]
    assert all(0 < each.started <= each.finished for each in recorder.results)


def test_a_timeout_frees_the_claim_with_its_last_fire_time_only(owner, make_claim, recorder):
    claim = make_claim(print, fires=2)
    for left in (1, 0):
        begin(owner, claim).time_out()
        assert (len(claim.unsettled), recorder.released) == (left, [] if left else [claim])
    assert recorder.outcomes == [Outcome.TIMED_OUT] * 2


# -- every driver ------------------------------------------------------------------------------------------


def in_threads(started, claim, recorder):
    started(DebugExecutor()).submit_claims([claim])


def in_a_task(started, claim, recorder):
    executor = started(Executor())
    executor.submit_claims([claim])
    while executor.port.tasks[0].step():
        pass


def in_a_greenlet(started, claim, recorder):
    gevent = pytest.importorskip("gevent")
    from apscheduler.executors.gevent import GeventExecutor

    started(GeventExecutor()).submit_claims([claim])
    gevent.wait()


def by_run_job(started, claim, recorder):
    run_job(*arguments(claim))


def by_run_coroutine_job(started, claim, recorder):
    asyncio.run(run_coroutine_job(*arguments(claim)))


def arguments(claim):
    job = claim.job
    return job, "default", [job._at(fire) for fire in claim.fires], "apscheduler.executors.default"


@pytest.mark.parametrize(
    "driver",
    [in_threads, in_a_task, in_a_greenlet, by_run_job, by_run_coroutine_job],
)
def test_every_driver_goes_through_the_steps_in_order(
    driver, started, make_claim, recorder, monkeypatch, caplog
):
    caplog.set_level(logging.WARNING, "asyncio")
    caplog.set_level(logging.DEBUG, "apscheduler")  # the last call is the handler's level too
    seen = []
    monkeypatch.setattr(steps, "reached", seen.append)

    async def job():
        seen.append((current_run().fire_id, len(caplog.messages)))

    claim = make_claim(job, fires=2)
    driver(started, claim, recorder)
    starts, ends = (
        [i for i, text in enumerate(caplog.messages) if word in text]
        for word in (" starts ", "successfully")
    )
    assert (len(starts), len(ends)) == (2, 2)
    assert seen == [
        step
        for fire, start in zip(claim.fires, starts, strict=True)
        for step in ("run.starting", (f"job@{fire}", start + 1), "run.ended")
    ]
    assert all(start < end for start, end in zip(starts, ends, strict=True))


@pytest.mark.parametrize("driver", [in_threads, in_a_task, in_a_greenlet])
def test_no_driver_calls_what_may_not_start_here(driver, started, make_claim, recorder):
    given, called = [], []

    def give_back(claim):
        given.append(claim)
        assert all(map(claim.take, claim.fires))

    recorder.give_back = give_back

    async def job():
        called.append(1)

    claim = make_claim(job)
    claim.lead = SimpleNamespace(held=False)
    driver(started, claim, recorder)
    assert (called, given, recorder.results) == ([], [claim], [])


# -- a worker process --------------------------------------------------------------------------------------


def public(attempt):
    return {name for name in dir(attempt) if not name.startswith("_")}


def test_an_attempt_has_the_same_names_in_a_worker_process():
    assert public(steps.Attempt) - public(calls.Attempt) == {"cancelled", "claim", "owner"}
    assert public(calls.Attempt) <= public(steps.Attempt)


seen: list[object] = []


async def seen_run():
    seen.append("job")


def raises():
    seen.append("job")
    raise ValueError("boom")


@pytest.mark.parametrize(
    ("job", "timeout", "end"),
    [
        (seen_run, None, "returned"),
        (seen_run, 30, "returned"),
        (raises, None, "raised"),
        (raises, 30, "raised"),
        (partial(asyncio.sleep, 20), 0.01, "time_out"),
    ],
)
def test_a_worker_process_goes_through_the_steps_in_order(
    job, timeout, end, monkeypatch, suites_alarm, own_runner
):
    seen.clear()

    def noted(name):
        step = getattr(calls.Attempt, name)

        def note(self, *args):
            seen.append(name)
            assert (current_run() is None) == (name != "call")
            return step(self, *args)

        return note

    names = ("context", "call", "returned", "raised", "time_out")
    monkeypatch.setattr(
        calls, "Attempt", type("Noted", (calls.Attempt,), {name: noted(name) for name in names})
    )
    fires = [now_us(), now_us() - 5_000_000, now_us() + 1]
    facts = Facts("me", "store", fires, 4_000_000, 1, timeout, 1, None)
    call = Call(pickle.dumps((job, (), {}, None), 5), facts)
    answers = list(call.run(seen.append))
    asked = [] if end == "time_out" else ["job"]
    first = [0, "context", "call", *asked, end]
    assert seen == [*first, 1, 2, *first[1:]]
    assert answers[1].outcome == "missed"
