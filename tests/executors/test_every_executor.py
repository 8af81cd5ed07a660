"""What every executor does alike, whatever it runs jobs in."""

from __future__ import annotations

import concurrent.futures
import gc
import multiprocessing
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from unittest.mock import Mock

import pytest

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED
from apscheduler.executors.base import (
    JobTimeoutError,
    MaxInstancesReachedError,
    now_us,
)
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.executors.pool import BasePoolExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Claim
from tests.executors import sample_jobs


class InlinePool(concurrent.futures.Executor):
    """A pool of someone else, of a kind that is not known."""

    def submit(self, fn, /, *args, **kwargs):
        future = concurrent.futures.Future()
        future.set_result(fn(*args, **kwargs))
        return future


def spawned_pool(workers=2):
    context = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(workers, mp_context=context)


MAKERS = {
    "debug": DebugExecutor,
    "threads": lambda: ThreadPoolExecutor(2),
    "processes": lambda: ProcessPoolExecutor(2),
    "futures-threads": lambda: FuturesExecutor(concurrent.futures.ThreadPoolExecutor(2)),
    "futures-processes": lambda: FuturesExecutor(spawned_pool()),
    "futures-other": lambda: BasePoolExecutor(InlinePool()),
}
PROCESSES = {"processes", "futures-processes"}
NO_TIMEOUTS = {"futures-other"}


@pytest.fixture(scope="module", params=MAKERS)
def running(request):
    """The executor of each kind, started once for this module."""
    executor = MAKERS[request.param]()
    scheduler = Mock(spec=["_create_lock"], _create_lock=threading.RLock)
    executor.start(scheduler, request.param)
    executor.kind = request.param
    yield executor
    executor.shutdown()


def run(executor, recorder, claims, results=None):
    assert executor.submit_claims(claims) == []
    return recorder.wait(results or len(claims), len(claims))


def test_a_job_gets_its_arguments_and_its_value_comes_back(running, make_claim, recorder):
    (result,) = run(running, recorder, [make_claim(sample_jobs.add, 2, b=3)])
    assert (result.outcome, result.retval) == (Outcome.EXECUTED, 5)
    assert 0 < result.started <= result.finished


def test_an_exception_is_the_outcome_and_has_its_traceback(running, make_claim, recorder):
    (result,) = run(running, recorder, [make_claim(sample_jobs.fail)])
    assert result.outcome is Outcome.FAILED
    assert isinstance(result.exception, ValueError)
    assert str(result.exception) == "boom"
    assert "in fail" in result.traceback
    assert "apscheduler" not in result.traceback


@pytest.mark.parametrize(
    "func",
    [
        sample_jobs.double,
        sample_jobs.Doubler(),
        sample_jobs.returns_coroutine,
        partial(sample_jobs.double),
    ],
    ids=["function", "callable", "plain function", "partial"],
)
@pytest.mark.trap(90)
@pytest.mark.trap(94)
def test_a_coroutine_runs_to_its_end(running, make_claim, recorder, func):
    (result,) = run(running, recorder, [make_claim(func, 21)])
    assert (result.outcome, result.retval) == (Outcome.EXECUTED, 42)


def test_a_coroutine_that_raises_has_failed(running, make_claim, recorder):
    (result,) = run(running, recorder, [make_claim(sample_jobs.fail_async)])
    assert result.outcome is Outcome.FAILED
    assert "in fail_async" in result.traceback


@pytest.mark.parametrize("func", [sample_jobs.whoami, sample_jobs.whoami_async])
def test_a_job_can_ask_which_run_it_is(running, make_claim, recorder, func):
    claim = make_claim(func, id="me")
    (result,) = run(running, recorder, [claim])
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=claim.fires[0])
    assert result.retval == ("me", "default", moment, 1, f"me@{claim.fires[0]}")


@pytest.mark.parametrize(
    "func",
    [
        sample_jobs.raise_system_exit,
        sample_jobs.raise_keyboard_interrupt,
        sample_jobs.raise_generator_exit,
    ],
)
def test_even_a_base_exception_costs_its_own_run_only(running, make_claim, recorder, func):
    run(running, recorder, [make_claim(func)])
    assert recorder.outcomes == [Outcome.FAILED]
    running.submit_claims([make_claim(sample_jobs.nothing)])
    assert recorder.wait(2)[1].outcome is Outcome.EXECUTED


@pytest.mark.parametrize(
    "func",
    [sample_jobs.raise_bad_init, sample_jobs.raise_bad_reduce, sample_jobs.raise_bad_text],
)
@pytest.mark.trap(88)
def test_an_exception_that_does_not_travel_is_still_told(running, make_claim, recorder, func):
    (result,) = run(running, recorder, [make_claim(func)])
    assert result.outcome is Outcome.FAILED
    assert f"in {func.__name__}" in result.traceback


@pytest.mark.trap(88)
@pytest.mark.parametrize("func", [sample_jobs.return_bomb, sample_jobs.return_unpicklable])
def test_a_value_that_does_not_travel_fails_its_run_in_words(running, make_claim, recorder, func):
    (result,) = run(running, recorder, [make_claim(func)])
    if running.kind not in PROCESSES:
        assert result.outcome is Outcome.EXECUTED
        return
    assert result.outcome is Outcome.FAILED
    assert "return" in str(result.exception)


def test_arguments_that_do_not_pickle_fail_their_run_in_words(running, make_claim, recorder):
    (result,) = run(running, recorder, [make_claim(sample_jobs.add, threading.Lock())])
    assert result.outcome is Outcome.FAILED
    assert running.kind not in PROCESSES or "pickled" in str(result.exception)


def test_a_run_that_comes_too_late_is_missed_and_not_called(running, make_claim, recorder):
    claim = make_claim(sample_jobs.fail, late=5, grace=1)
    claim.late_because = "the machine slept"
    (result,) = run(running, recorder, [claim])
    assert (result.outcome, result.reason) == (Outcome.MISSED, "the machine slept")


def test_all_fire_times_of_a_claim_run_one_after_another(running, make_claim, recorder):
    claim = make_claim(sample_jobs.nothing, fires=5)
    results = run(running, recorder, [claim], 5)
    assert [result.fire for result in results] == claim.fires
    assert recorder.outcomes == [Outcome.EXECUTED] * 5


def test_a_fire_time_that_someone_else_settled_is_not_run(running, make_claim, recorder):
    claim = make_claim(sample_jobs.nothing, fires=3)
    claim.take(claim.fires[1])
    results = run(running, recorder, [claim], 2)
    assert [result.fire for result in results] == [claim.fires[0], claim.fires[2]]


TIMED_JOBS = {
    "busy": sample_jobs.busy,
    "hanging": sample_jobs.hang,
    "coroutine": sample_jobs.hang_async,
}


@pytest.mark.parametrize("how", TIMED_JOBS)
def test_a_job_that_does_not_end_is_timed_out_in_time(running, make_claim, recorder, how):
    if running.kind in NO_TIMEOUTS:
        pytest.skip("a pool that is not known runs jobs in the submitting thread here")
    running.submit_claims([make_claim(sample_jobs.nothing)])
    recorder.wait(1)
    claim = make_claim(TIMED_JOBS[how], 1.2, timeout=0.2)
    (_, result) = run(running, recorder, [claim], 2)
    lateness = result.finished - result.started - 200_000
    assert result.outcome is Outcome.TIMED_OUT
    assert isinstance(result.exception, JobTimeoutError)
    assert "its timeout of 0.2 s" in str(result.exception)
    assert lateness < (1_000_000 if running.kind in PROCESSES else 300_000)


def test_a_job_that_ends_within_its_timeout_is_executed(running, make_claim, recorder):
    results = run(
        running, recorder, [make_claim(sample_jobs.add, 1, timeout=30) for _ in range(20)]
    )
    assert {result.outcome for result in results} == {Outcome.EXECUTED}


def test_a_timeout_error_of_a_coroutines_own_is_a_failure(running, make_claim, recorder):
    (result,) = run(running, recorder, [make_claim(sample_jobs.time_out_async, timeout=30)])
    assert result.outcome is Outcome.FAILED
    assert (type(result.exception), str(result.exception)) == (TimeoutError, "the job's own")


def test_an_interrupted_claim_goes_on_with_its_next_fire_time(
    running, make_claim, recorder, tmp_path
):
    if running.kind in NO_TIMEOUTS:
        pytest.skip("a pool that is not known runs jobs in the submitting thread here")
    claim = make_claim(sample_jobs.hang_first, 0.6, str(tmp_path / "mark"), timeout=0.2, fires=3)
    results = run(running, recorder, [claim], 3)
    outcomes = {result.fire: result.outcome for result in results}
    assert [outcomes[fire] for fire in claim.fires] == [
        Outcome.TIMED_OUT,
        Outcome.EXECUTED,
        Outcome.EXECUTED,
    ]


def left_in_flight(executor):
    """Return what stays in flight: a claim is released a moment before its executor forgets it."""
    for _ in range(1000):
        if not executor.in_flight():
            break
        threading.Event().wait(0.005)
    return executor.in_flight()


def test_nothing_is_in_flight_when_everything_has_ended(running, make_claim, recorder):
    run(running, recorder, [make_claim(sample_jobs.nothing) for _ in range(10)])
    assert left_in_flight(running) == []


# -- 3.x's way in --------------------------------------------------------------------------------------


@pytest.fixture(params=MAKERS)
def fresh(request, scheduler):
    if request.param in PROCESSES:
        pytest.skip("the same code path, once is enough")
    executor = MAKERS[request.param]()
    executor.start(scheduler, "default")
    yield executor
    executor.shutdown()


def test_an_error_of_ours_is_the_outcome_of_the_run_it_met_and_of_no_other(
    fresh, make_claim, recorder, caplog
):
    settle, problem = recorder.settle, KeyError("of ours")

    def break_once(claim, result):
        recorder.settle = settle
        raise problem

    recorder.settle = break_once
    fresh.submit_claims([make_claim(sample_jobs.nothing)])
    (broken,) = recorder.wait(1)
    assert (broken.outcome, broken.exception) == (Outcome.FAILED, problem)
    assert "error of its own" in caplog.text
    fresh.submit_claims([make_claim(sample_jobs.add, 2)])
    assert recorder.wait(2)[1].retval == 3
    assert left_in_flight(fresh) == []


def wait_for_events(recorder, count):
    with recorder.changed:
        assert recorder.changed.wait_for(lambda: len(recorder.events) >= count, 10)
    return recorder.events


def test_a_job_submitted_the_old_way_gives_one_event_per_run_time(fresh, make_job, recorder):
    now = datetime.now(UTC)
    job = make_job(sample_jobs.add, 1, grace=60)
    fresh.submit_job(job, [now - timedelta(days=1), now])
    events = wait_for_events(recorder, 2)
    assert [event.code for event in events] == [EVENT_JOB_MISSED, EVENT_JOB_EXECUTED]
    assert [event.scheduled_run_time for event in events] == [now - timedelta(days=1), now]
    assert events[1].retval == 2


def test_a_failure_submitted_the_old_way_gives_an_error_event(fresh, make_job, recorder, caplog):
    fresh.submit_job(make_job(sample_jobs.fail), [datetime.now(UTC)])
    (event,) = wait_for_events(recorder, 1)
    assert event.code == EVENT_JOB_ERROR
    assert isinstance(event.exception, ValueError)
    assert "boom" in caplog.text


def test_max_instances_are_counted_on_the_old_way(started, make_job, recorder):
    executor = started(ThreadPoolExecutor(3))
    hold = threading.Event()
    job = make_job(hold.wait, max_instances=2)
    for _ in range(2):
        executor.submit_job(job, [datetime.now(UTC)])
    with pytest.raises(MaxInstancesReachedError, match="maximum number"):
        executor.submit_job(job, [datetime.now(UTC)])
    hold.set()
    wait_for_events(recorder, 2)
    executor.shutdown()
    assert executor._instances == {}


@pytest.mark.parametrize("base", [ThreadPoolExecutor, DebugExecutor])
def test_a_subclass_that_overrides_submission_is_called(started, make_claim, recorder, base):
    submitted = []

    class Custom(base):
        def _do_submit_job(self, job, run_times):
            submitted.append(run_times)
            super()._do_submit_job(job, run_times)

    executor = started(Custom())
    assert executor.lane is False
    claim = make_claim(sample_jobs.add, 1)
    run(executor, recorder, [claim])
    assert len(submitted) == 1
    assert recorder.results[0].retval == 2
    assert recorder.results[0].started > 0


# -- ends -----------------------------------------------------------------------------------------------


@pytest.mark.trap(74)
@pytest.mark.parametrize("kind", ["debug", "threads", "futures-threads"])
def test_a_job_may_shut_its_own_executor_down(kind, started, make_claim, recorder):
    executor = started(MAKERS[kind]())
    (result,) = run(executor, recorder, [make_claim(lambda: executor.shutdown(wait=True))])
    assert result.outcome is Outcome.EXECUTED


@pytest.mark.trap(97)
@pytest.mark.parametrize("kind", ["threads", "futures-threads"])
def test_shutdown_waits_for_what_runs_and_what_is_queued(kind, started, make_claim, recorder):
    executor = started(MAKERS[kind]())
    begun, hold = threading.Event(), threading.Event()

    def job():
        begun.set()
        hold.wait()

    executor.submit_claims([make_claim(job) for _ in range(6)])
    begun.wait()
    threading.Timer(0.1, hold.set).start()
    executor.shutdown(wait=True)
    assert recorder.outcomes == [Outcome.EXECUTED] * 6


@pytest.mark.trap(72)
@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind != "futures-other"])
def test_an_executor_starts_again_after_its_shutdown(kind, started, make_claim, recorder):
    executor = started(MAKERS[kind]())
    run(executor, recorder, [make_claim(sample_jobs.nothing)])
    executor.shutdown()
    if kind != "debug":
        ((_, why),) = executor.submit_claims([make_claim(sample_jobs.nothing)])
        assert isinstance(why, RuntimeError)
    started(executor)
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    assert recorder.wait(2)[1].outcome is Outcome.EXECUTED


@pytest.mark.trap(100)
@pytest.mark.parametrize("kind", ["debug", "threads", "futures-threads"])
def test_ten_thousand_failing_runs_leave_nothing_behind(kind, started, make_job, monkeypatch):
    executor = started(MAKERS[kind]())
    monkeypatch.setattr(executor._logger, "disabled", True)

    class Counting:
        count = 0
        done = threading.Event()

        def settle(self, claim, result):
            assert claim.take(result.fire)
            self.count += 1
            return True

        def release(self, claim):
            if self.count % 1000 == 0:
                self.done.set()

    sink, job = Counting(), make_job(sample_jobs.fail)

    def thousand():
        sink.done.clear()
        executor.submit_claims([Claim(job, [now_us()], sink) for _ in range(1000)])
        assert sink.done.wait(20)

    thousand()
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            thousand()
        assert left_in_flight(executor) == []
        # The collector is off: cycles would show. Threads of other tests may work beside this one.
        left = Counter(map(type, gc.get_objects()))
    finally:
        gc.enable()
    assert (left[Claim] < 1000, left[ValueError] < 1000) == (True, True), left.most_common(9)
