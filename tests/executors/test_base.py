"""The contract of every executor, with one that does nothing by itself."""

from __future__ import annotations

import asyncio
import os
import pickle
import threading
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from apscheduler.events import (
    EVENT_JOB_CANCELLED,
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MISSED,
    JobExecutionEvent,
)
from apscheduler.executors import base
from apscheduler.executors.base import (
    BaseExecutor,
    JobTimeoutError,
    MaxInstancesReachedError,
    WorkerDiedError,
)
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import ALL, Answered, Claim, Result
from apscheduler.runs.context import current_run
from tests.executors import sample_jobs

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Keeping(BaseExecutor):
    """Keeps what 3.x's way brings it, or raises what the test gave it."""

    def __init__(self):
        super().__init__()
        self.kept = []
        self.raises = None

    def _do_submit_job(self, job, run_times):
        if self.raises is not None:
            raise self.raises
        self.kept.append((job, run_times))


@pytest.fixture
def executor(started):
    return started(Keeping(), "mine")


@pytest.fixture
def given_back(recorder):
    claims = []
    recorder.give_back = claims.append
    return claims


def told(claim, code=EVENT_JOB_EXECUTED, index=0, **about):
    moment = claim.job._at(claim.fires[index])
    return JobExecutionEvent(code, claim.job.id, "default", moment, **about)


# -- 3.x's way in ---------------------------------------------------------------------------------------


def test_instances_are_counted_and_forgotten_with_their_answers(executor, make_job, recorder):
    job = make_job(sample_jobs.nothing, max_instances=2)
    for _ in range(2):
        executor.submit_job(job, [MOMENT])
    with pytest.raises(MaxInstancesReachedError, match=r"'job' has reached .*instances \(2\)"):
        executor.submit_job(job, [MOMENT])
    assert executor._instances == {"job": 2}
    executor._run_job_success("job", [])
    assert executor._instances == {"job": 1}
    executor.submit_job(job, [MOMENT])
    executor._run_job_error("job", ValueError())
    executor._run_job_success("job", None)
    assert executor._instances == {}
    executor._run_job_success("job", None)
    assert executor._instances == {}


def test_what_was_refused_is_no_instance(executor, make_job):
    job = make_job(sample_jobs.nothing)
    executor.raises = SystemExit()
    with pytest.raises(SystemExit):
        executor.submit_job(job, [MOMENT])
    executor.raises = None
    executor.submit_job(job, [MOMENT])
    assert executor.kept == [(job, [MOMENT])]


def test_a_job_that_is_gone_leaves_its_id_free(executor, make_job):
    job = make_job(sample_jobs.nothing)
    executor.submit_job(job, [MOMENT])
    executor.forget_job("another")
    assert executor._instances == {"job": 1}
    executor.forget_job("job")
    executor.submit_job(job, [MOMENT])


def test_events_without_a_claim_go_to_the_scheduler(executor, recorder):
    events = [JobExecutionEvent(EVENT_JOB_EXECUTED, "job", "default", MOMENT) for _ in range(2)]
    executor._run_job_success("job", events)
    assert recorder.events == events


def test_an_error_without_a_claim_is_logged_with_its_traceback(executor, caplog):
    try:
        sample_jobs.fail()
    except ValueError as caught:
        exc = caught
    executor._run_job_error("job", exc)
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == (
        "apscheduler.executors.mine",
        "Could not run job job",
    )
    assert record.exc_info == (ValueError, exc, exc.__traceback__)
    given = exc.__traceback__.tb_next
    executor._run_job_error("job", exc, given)
    assert caplog.records[1].exc_info[2] is given


# -- the engine's way in ------------------------------------------------------------------------------------


def test_a_claim_goes_3xs_way_with_what_is_open_of_it(executor, make_claim):
    claim = make_claim(sample_jobs.nothing, fires=3)
    claim.take(claim.fires[1])
    assert executor.submit_claims([claim]) == []
    ((job, run_times),) = executor.kept
    assert job is claim.job
    assert run_times == [job._at(claim.fires[0]), job._at(claim.fires[2])]
    assert claim.begun == ALL


@pytest.mark.parametrize("why", ["settled", "no lead"])
def test_a_claim_that_may_not_begin_is_given_back(executor, make_claim, given_back, why):
    claim, following = make_claim(sample_jobs.nothing), make_claim(sample_jobs.nothing, id="b")
    if why == "settled":
        claim.take(claim.fires[0])
    else:
        claim.lead = SimpleNamespace(held=False)
        following.lead = SimpleNamespace(held=True)
    assert executor.submit_claims([claim, following]) == []
    assert given_back == [claim]
    assert [job.id for job, _ in executor.kept] == ["b"]
    assert "job" not in executor._open_claims


def test_a_claim_that_is_refused_comes_back_with_why(executor, make_claim):
    claims = [make_claim(sample_jobs.nothing) for _ in range(2)]
    executor.raises = problem = ValueError("no")
    assert executor.submit_claims(claims) == [(claims[0], problem), (claims[1], problem)]
    assert executor._open_claims == {}


def test_ctrl_c_cancels_what_was_not_handed_over_and_leaves_the_rest(
    executor, make_claim, recorder
):
    claims = [make_claim(sample_jobs.nothing, id=name, fires=2) for name in "abc"]
    executor.submit_claims(claims[:1])
    executor.raises = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        executor.submit_claims(claims[1:])
    assert recorder.outcomes == [Outcome.CANCELLED] * 4
    for result in recorder.results:
        assert result.reason == "a Ctrl-C came while it was handed over"
        assert result.started == 0
    assert recorder.released == claims[1:]
    assert executor._open_claims == {"a": claims[:1]}


# -- answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (EVENT_JOB_EXECUTED, Outcome.EXECUTED),
        (EVENT_JOB_ERROR, Outcome.FAILED),
        (EVENT_JOB_MISSED, Outcome.MISSED),
        (EVENT_JOB_CANCELLED, Outcome.FAILED),
    ],
)
def test_an_event_is_the_outcome(executor, make_claim, recorder, code, outcome):
    claim = make_claim(sample_jobs.nothing)
    executor.submit_claims([claim])
    problem = ValueError("x")
    event = told(claim, code, retval=7, exception=problem, traceback="there")
    executor._run_job_success("job", [event])
    (result,) = recorder.results
    assert (result.fire, result.outcome, result.started) == (claim.fires[0], outcome, 0)
    assert (result.retval, result.exception, result.traceback) == (7, problem, "there")
    assert result.finished > 0
    assert recorder.released == [claim]
    assert recorder.events == [event]
    assert executor._open_claims == {}


def test_a_fire_time_without_an_event_is_lost(executor, make_claim, recorder):
    claim = make_claim(sample_jobs.nothing, fires=2)
    executor.submit_claims([claim])
    executor._run_job_success("job", [told(claim)])
    _, lost = recorder.results
    assert (lost.fire, lost.outcome, lost.started) == (claim.fires[1], Outcome.LOST, 0)
    assert lost.reason.startswith("executor 'mine' reported success without a word")
    assert lost.finished > 0


def test_an_error_is_the_outcome_of_all_that_is_open(executor, make_claim, recorder, caplog):
    claim = make_claim(sample_jobs.nothing, fires=2)
    executor.submit_claims([claim])
    problem = ValueError("x")
    executor._run_job_error("job", problem)
    assert [(r.fire, r.outcome, r.exception) for r in recorder.results] == [
        (fire, Outcome.FAILED, problem) for fire in claim.fires
    ]
    assert recorder.results[0].started == 0
    assert recorder.results[0].finished > 0
    assert recorder.released == [claim]
    assert caplog.records == []


@pytest.mark.parametrize("kept", [True, False])
def test_an_error_brings_the_traceback_that_it_has_or_that_comes_with_it(
    kept, executor, make_claim, recorder
):
    try:
        sample_jobs.fail()
    except ValueError as caught:
        exc = caught
    traceback = None if kept else exc.__traceback__
    if not kept:
        exc.__traceback__ = None  # as after a way through another process
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    executor._run_job_error("job", exc, traceback)
    (result,) = recorder.results
    assert ", in fail\n" in result.traceback
    assert result.story.startswith("Traceback (most recent call last):\n")
    assert result.exception is exc


def test_an_error_that_comes_with_no_traceback_at_all_is_told_too(executor, make_claim, recorder):
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    executor._run_job_error("job", ValueError("x"), "Traceback (most recent call last): …")
    assert recorder.outcomes == [Outcome.FAILED]


def test_events_answer_the_claim_whose_fire_time_they_have(executor, make_job, recorder):
    job = make_job(sample_jobs.nothing, max_instances=3)
    claims = [Claim(job, [fire], recorder) for fire in (1_000_000, 2_000_000, 3_000_000)]
    executor.submit_claims(claims)
    executor._run_job_success("job", [told(claims[1])])
    assert recorder.released == [claims[1]]
    executor._run_job_success("job", [])
    assert recorder.released == [claims[1], claims[0]]
    other = JobExecutionEvent(EVENT_JOB_EXECUTED, "job", "default", MOMENT)
    executor._run_job_success("job", [other])
    assert recorder.released == [claims[1], claims[0], claims[2]]
    assert recorder.results[-1].outcome is Outcome.LOST


def test_an_event_that_brings_its_result_is_that_result(executor, make_claim, recorder):
    claim = make_claim(sample_jobs.nothing)
    executor.submit_claims([claim])
    event = told(claim)
    known = Result(claim.fires[0], Outcome.TIMED_OUT, 1, 2)
    event.__dict__["_result"] = known
    executor._run_job_success("job", [event])
    assert [Answered(known)] == recorder.results
    assert recorder.events == [event]


@pytest.mark.parametrize("fails", [True, False], ids=["an error", "no events"])
def test_what_is_known_of_a_run_is_forgotten_with_its_claim(executor, make_claim, recorder, fails):
    claim = make_claim(sample_jobs.nothing)
    executor.submit_claims([claim])
    known = Result(claim.fires[0], Outcome.EXECUTED, 1, 2)
    executor._know("job", known)
    if fails:
        executor._run_job_error("job", ValueError("of whoever called it"))
    else:
        executor._run_job_success("job", [])
    assert recorder.results[0].outcome is (Outcome.FAILED if fails else Outcome.EXECUTED)
    assert executor._known_ends == {}


def test_a_result_of_another_process_is_told_with_its_story(executor, make_claim):
    claim = make_claim(sample_jobs.nothing)

    def result_of(told_in):
        problem = pickle.loads(pickle.dumps(ValueError("x")))
        known = Result(claim.fires[0], Outcome.FAILED, 1, 2, exception=problem, story="so it was")
        known.told_in = told_in
        event = told(claim)
        event.__dict__["_result"] = known
        return executor._result_of(event)

    assert "so it was" in str(result_of(os.getpid() + 1).exception.__cause__)
    assert result_of(os.getpid()).exception.__cause__ is None


# -- the clock ---------------------------------------------------------------------------------------------------------


def test_the_clock_is_the_programs_unless_somebody_patches_it(monkeypatch):
    monkeypatch.setattr(base, "time_ns", lambda: 5_000_999)
    assert base.now_us() == 5000

    class Patched(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime(1970, 1, 1, 0, 0, 7, tzinfo=zone)

    monkeypatch.setattr(base, "datetime", Patched)
    assert base.now_us() == 7_000_000


def test_a_scheduler_with_a_clock_of_its_own_lends_it(scheduler, started):
    assert started(Keeping())._now_us is base.now_us
    scheduler._clock = SimpleNamespace(now_us=lambda: 42)
    assert started(Keeping())._now_us() == 42


def test_an_executor_that_was_started_knows_its_place(scheduler, started, monkeypatch):
    lock = threading.RLock()
    monkeypatch.setattr(scheduler, "_create_lock", lambda: lock)
    executor = started(Keeping(), "mine")
    assert (executor._scheduler, executor._alias, executor._lock) == (scheduler, "mine", lock)
    assert executor._logger.name == "apscheduler.executors.mine"
    monkeypatch.setattr(scheduler, "_create_lock", lambda: None)
    assert started(Keeping())._lock.acquire()


def test_an_executor_of_others_says_nothing_of_itself(executor):
    assert executor.capacity is None
    assert executor.free_slots() is None
    assert executor.under_way() == []
    assert executor._heed_hooks() is True
    assert executor.leave_behind() is None
    assert (executor.lane, executor.inline, executor.any_thread) == (False, False, False)


# -- 3.x's runners --------------------------------------------------------------------------------------------------------


def test_a_job_can_be_run_in_the_calling_thread(make_job):
    late = datetime.now(UTC) - timedelta(days=1)
    soon = datetime.now(timezone(timedelta(hours=2)))
    job = make_job(sample_jobs.whoami, grace=60)
    missed, executed = base.run_job(job, "mine", [late, soon], "apscheduler.executors.x")
    assert (missed.code, missed.scheduled_run_time) == (EVENT_JOB_MISSED, late)
    assert (executed.code, executed.jobstore) == (EVENT_JOB_EXECUTED, "mine")
    assert executed.retval[:3] == ("job", "mine", soon)
    assert current_run() is None


def test_a_job_can_be_run_in_the_running_loop(make_job):
    now = datetime.now(UTC)
    (event,) = asyncio.run(
        base.run_coroutine_job(make_job(sample_jobs.double, 4), "mine", [now], "x")
    )
    assert (event.code, event.retval) == (EVENT_JOB_EXECUTED, 8)


@pytest.mark.parametrize("error", [JobTimeoutError("late"), WorkerDiedError("gone")])
def test_errors_of_runs_are_pickled_by_the_path_that_users_know(error):
    text = pickle.dumps(error, 0)
    assert b"capscheduler.executors.base\n" in text
    again = pickle.loads(text)
    assert (type(again), str(again)) == (type(error), str(error))


def test_a_coroutine_job_can_be_run_in_the_calling_thread(make_job):
    now = datetime.now(UTC)
    job = make_job(sample_jobs.whoami_async)
    first, second = base.run_job(job, "mine", [now, now + timedelta(seconds=1)], "x")
    assert [event.code for event in (first, second)] == [EVENT_JOB_EXECUTED] * 2
    assert first.retval[:3] == ("job", "mine", now)
    assert current_run() is None


def test_in_the_running_loop_too_a_late_run_is_missed_and_a_cancelled_one_ends_all(make_job):
    now = datetime.now(UTC)
    late = make_job(sample_jobs.whoami, grace=60)
    (event,) = asyncio.run(base.run_coroutine_job(late, "mine", [now - timedelta(days=1)], "x"))
    assert event.code == EVENT_JOB_MISSED

    async def cancelled():
        raise asyncio.CancelledError

    async def both():
        await base.run_coroutine_job(make_job(cancelled), "mine", [now, now], "x")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(both())
