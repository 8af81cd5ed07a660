"""Running claims and plain jobs in the calling thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from types import SimpleNamespace

import pytest

from apscheduler import current_run
from apscheduler.executors._claiming import OwnExecutor
from apscheduler.executors._threads.runner import Runner, under_way
from apscheduler.executors.base import now_us
from apscheduler.history.outcomes import Outcome
from apscheduler.job import Job
from apscheduler.loops.coroutines import CoroutineRunner
from apscheduler.runs.context import lane_workers
from tests.executors import sample_jobs

EXECUTED, FAILED, MISSED, TIMED_OUT = (
    Outcome.EXECUTED,
    Outcome.FAILED,
    Outcome.MISSED,
    Outcome.TIMED_OUT,
)


class Executor(OwnExecutor):
    """An executor that submits nothing: its runner is the test's."""

    def _submit(self, items):
        return []


class Here(Runner):
    """A runner in the test's thread; its watchdog is the test's."""

    def __init__(self, owner):
        super().__init__(owner)
        self.ident = threading.get_ident()
        self.watched = []
        self.replaced = []
        self.unwatched_runs = 0
        self.no_thread = False

    def why_late(self):
        return "others were first"

    def watchdog(self):
        if self.no_thread:
            raise RuntimeError("can't start new thread")
        return SimpleNamespace(add=self.watched.append)

    def replace(self, rest):
        self.replaced.append(rest)
        return "somebody else goes on"

    def unwatched(self):
        self.unwatched_runs += 1


@pytest.fixture
def owner(started):
    return started(Executor())


@pytest.fixture
def runner(owner):
    runner = Here(owner)
    lane_workers[runner.ident] = runner
    yield runner
    del lane_workers[runner.ident]
    runner.close()


def plain(make_job, func, *args, late=0.0, **options):
    job = make_job(func, *args, **options)
    job._fire, job._busy = now_us() - round(late * 1e6), 1
    return job


def take(runner, *items):
    """Run the items; return what was at work when there were no more."""
    seen = []
    runner.take_items(deque(items).popleft, lambda: seen.append(runner.current))
    return seen


def test_what_a_runner_needs_of_its_place_is_asked_of_its_kind(owner):
    runner = Runner(owner)
    for ask in (runner.why_late, runner.watchdog, lambda: runner.replace(None), runner.unwatched):
        with pytest.raises(NotImplementedError):
            ask()


def test_a_new_runner_runs_nothing(owner):
    runner = Runner(owner)
    assert (runner.current, runner.ident, runner.abandoned) == (None, 0, False)
    assert (runner.under_way(), runner.current_run()) == (None, None)
    assert runner.replaceable


# -- plain jobs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loud", [True, False])
def test_plain_jobs_run_until_nothing_waits(
    runner, owner, make_job, recorder, scheduler, loud, caplog
):
    if loud:
        caplog.set_level(logging.DEBUG)
        owner._info = True
    good = [plain(make_job, sample_jobs.add, number) for number in range(2)]
    good.append(plain(make_job, sample_jobs.double, 4))
    bad = plain(make_job, sample_jobs.fail)
    late = plain(make_job, sample_jobs.add, 9, late=5, grace=1)
    assert take(runner, bad, late, *good) == [None]
    results = recorder.results
    assert [each.outcome for each in results] == [FAILED, MISSED, *([EXECUTED] * 3 if loud else [])]
    assert results[1].reason == "others were first"
    assert results[1].started == 0
    assert 0 < results[0].started <= results[0].finished
    assert "in fail" in results[0].traceback
    values = [each.retval for each in (results[2:] if loud else recorder.events)]
    assert values == [1, 2, 8]
    assert [job._busy for job in (bad, late, *good)] == [0] * 5
    for job in good:
        assert job._ledger.entry(job._last).outcome is EXECUTED
    assert len([text for text in caplog.messages if "executed successfully" in text]) == 3 * loud
    assert len([text for text in caplog.messages if " starts " in text]) == 4 * loud


def test_a_run_is_told_only_where_somebody_listens(runner, make_job, recorder, scheduler):
    scheduler._lane_sink.mask = 0
    job = plain(make_job, sample_jobs.add, 1)
    take(runner, job)
    assert recorder.events == []
    assert job._busy == 0


@pytest.mark.parametrize("loud", [True, False])
def test_a_run_that_is_just_in_time_is_not_late(
    runner, owner, make_job, recorder, scheduler, monkeypatch, loud
):
    owner._info = loud
    scheduler._lane_sink.mask = 0
    owner._now_us = lambda: 5_000_000
    jobs = [plain(make_job, sample_jobs.nothing, grace=1) for _ in range(2)]
    jobs[0]._fire, jobs[1]._fire = 4_000_000, 3_999_999
    take(runner, *jobs)
    assert [each.outcome for each in recorder.results] == [*([EXECUTED] * loud), MISSED]


def test_it_goes_on_as_long_as_it_is_told_to_wait(runner, make_job, recorder):
    jobs = deque([plain(make_job, sample_jobs.add, 1)])
    waits = []

    def wait():
        waits.append(runner.current)
        jobs.append(plain(make_job, sample_jobs.add, 2))
        return len(waits) < 2

    runner.take_items(jobs.popleft, wait)
    assert waits == [None, None]
    assert [event.retval for event in recorder.events] == [2, 3]


def test_what_runs_is_said_while_it_runs(runner, make_job, make_claim, recorder):
    seen = []

    def look():
        seen.append((runner.under_way(), current_run().fire_id))

    job, claim = plain(make_job, look, id="plain"), make_claim(look, id="claim")
    take(runner, job, claim)
    (first, first_id), (second, second_id) = seen
    assert first == (job, job._fire, runner.started)
    assert first_id == f"plain@{job._fire}"
    assert second == (claim, claim.fires[0], claim.begun_at)
    assert second_id == f"claim@{claim.fires[0]}"
    runner.current = job
    assert runner.under_way() is None  # it is settled
    assert under_way(claim) is None


# -- claims -----------------------------------------------------------------------------------------------------


def test_claims_run_from_where_they_stand(runner, make_claim, recorder):
    claim, other = make_claim(sample_jobs.add, 1, fires=3), make_claim(sample_jobs.add, 2)
    claim.take(claim.fires[0])
    take(runner, claim, other)
    assert [each.fire for each in recorder.results] == [*claim.fires[1:], other.fires[0]]
    assert [each.retval for each in recorder.results] == [2, 2, 3]
    assert recorder.released == [claim, other]


def test_a_claim_that_comes_late_says_why(runner, make_claim, recorder):
    slept = make_claim(sample_jobs.fail, late=5, grace=1)
    slept.late_because = "asleep"
    take(runner, make_claim(sample_jobs.fail, late=5, grace=1), slept)
    assert [each.reason for each in recorder.results] == ["others were first", "asleep"]


def test_a_claim_whose_lease_is_over_is_given_back(runner, make_claim, recorder):
    given_back = []
    recorder.give_back = given_back.append
    claim = make_claim(sample_jobs.fail)
    claim.lead = SimpleNamespace(held=False)
    take(runner, claim)
    assert given_back == [claim]
    assert (recorder.results, recorder.released) == ([], [])
    assert claim.begun == claim.fires[0]


def test_coroutines_of_one_thread_share_a_loop_until_it_closes(runner, make_claim, recorder):
    async def loop():
        return asyncio.get_running_loop(), current_run().fire_id

    claims = [make_claim(loop) for _ in range(2)]
    take(runner, *claims)
    (first, one), (second, two) = (each.retval for each in recorder.results)
    assert first is second
    assert [one, two] == [f"job@{claim.fires[0]}" for claim in claims]
    runner.close()
    assert first.is_closed()


@pytest.mark.parametrize("beside", [False, True], ids=["no loop", "a loop in the calling thread"])
def test_what_a_coroutine_raises_reaches_who_waits_for_it(beside):
    async def fail():
        raise KeyError("price")

    async def within():
        return runner.run_anywhere(fail(), None)

    runner = CoroutineRunner()
    try:
        with pytest.raises(KeyError, match="price"):
            asyncio.run(within()) if beside else runner.run_anywhere(fail(), None)
    finally:
        runner.close()


# -- errors of ours -----------------------------------------------------------------------------------------------


def test_what_an_error_of_ours_interrupted_has_failed(runner, make_job, make_claim, recorder):
    problem = KeyError("ours")
    job, claim = plain(make_job, sample_jobs.add, 1), make_claim(sample_jobs.add, 1, fires=2)
    for runner.current in (job, claim, None):
        assert runner.drop_current(problem) is False
    assert recorder.outcomes == [FAILED] * 3
    assert {each.started for each in recorder.results} == {0}
    assert {each.exception for each in recorder.results} == {problem}
    assert recorder.released == [claim]
    runner.current = job
    runner.drop_current(problem)  # it was settled before
    assert len(recorder.results) == 3


def test_a_runner_that_was_given_up_leaves_its_claim_to_another(runner, make_claim, recorder):
    runner.current = make_claim(sample_jobs.add, 1)
    runner.abandoned = True
    assert runner.drop_current(KeyError()) is True
    assert (recorder.results, recorder.released) == ([], [])


# -- timeouts --------------------------------------------------------------------------------------------------------


def test_a_run_that_ends_in_time_says_how(runner, make_claim, recorder):
    claims = [
        make_claim(func, *args, timeout=60)
        for func, args in [
            (sample_jobs.add, (1,)),
            (sample_jobs.fail, ()),
            (sample_jobs.double, (4,)),
        ]
    ]
    take(runner, *claims)
    assert recorder.outcomes == [EXECUTED, FAILED, EXECUTED]
    assert [each.retval for each in recorder.results] == [2, None, 8]
    assert all(0 < each.started <= each.finished for each in recorder.results)
    assert [watch.seconds for watch in runner.watched] == [60] * 3
    assert {watch.ident for watch in runner.watched} == {runner.ident}


def test_a_run_that_nobody_can_watch_runs_all_the_same(runner, make_claim, recorder):
    runner.no_thread = True
    take(runner, make_claim(sample_jobs.add, 1, timeout=60))
    assert recorder.outcomes == [EXECUTED]
    assert runner.unwatched_runs == 1


@pytest.mark.parametrize("raises", [True, False])
def test_a_run_that_comes_back_after_its_timeout_was_not_in_time(
    runner, make_claim, recorder, raises
):
    def swallows():
        with pytest.raises(TimeoutError):
            runner.watched[-1].expire()
        if raises:
            raise ValueError("boom")

    claim = make_claim(swallows, timeout=60, fires=2)
    take(runner, claim)
    assert recorder.outcomes == [TIMED_OUT] * 2
    assert [each.fire for each in recorder.results] == claim.fires
    assert 0 < recorder.results[0].started <= recorder.results[0].finished
    assert recorder.released == [claim]
    assert not runner.abandoned


def test_a_timeout_is_settled_when_it_is_known_and_the_claim_freed_with_its_last(
    runner, make_claim, recorder
):
    def waits():
        with pytest.raises(TimeoutError):
            runner.watched[-1].expire()
        runner.watched[-1].on_timeout()
        seen.append((len(recorder.results), len(recorder.released)))

    seen = []
    take(runner, make_claim(waits, timeout=60, fires=2))
    assert seen == [(1, 0), (2, 1)]
    assert recorder.outcomes == [TIMED_OUT] * 2


def test_a_claim_is_freed_at_its_timeout_where_others_have_settled_what_follows(
    runner, make_claim, recorder
):
    def waits():
        with pytest.raises(TimeoutError):
            runner.watched[-1].expire()
        claim.take(claim.fires[1])
        runner.watched[-1].on_timeout()
        seen.append(recorder.released[:])

    seen = []
    claim = make_claim(waits, timeout=60, fires=2)
    take(runner, claim)
    assert seen == [[claim]]


def test_a_timeout_that_cannot_be_told_frees_the_claim_all_the_same(
    runner, make_claim, recorder, monkeypatch
):
    def fail(claim, result):
        claim.take(result.fire)
        raise OSError("the log is full")

    def hangs():
        with pytest.raises(TimeoutError):
            runner.watched[-1].expire()
        monkeypatch.setattr(recorder, "settle", fail)
        with pytest.raises(OSError, match="the log is full"):
            runner.watched[-1].on_timeout()
        assert runner.watched[-1].give_up()
        runner.watched[-1].on_stuck()

    claim = make_claim(hangs, timeout=60)
    assert take(runner, claim) == []
    assert recorder.released == [claim]


def test_a_run_has_its_outcome_before_others_take_what_follows_it(
    runner, make_claim, recorder, monkeypatch
):
    def hangs():
        with pytest.raises(TimeoutError):
            runner.watched[-1].expire()
        assert runner.watched[-1].give_up()
        runner.watched[-1].on_stuck()  # before ``on_timeout``, whose thread is slow

    claim = make_claim(hangs, timeout=60, fires=2)
    monkeypatch.setattr(Here, "replace", lambda *_: str(seen.append(claim.unsettled)))
    seen = []
    take(runner, claim)
    assert seen == [claim.fires[1:]]
    assert recorder.outcomes == [TIMED_OUT]


@pytest.mark.parametrize("replaceable", [True, False])
def test_a_thread_that_does_not_come_back_is_replaced_where_it_can_be(
    runner, make_claim, recorder, monkeypatch, caplog, replaceable
):
    monkeypatch.setattr(Here, "replaceable", replaceable)

    def hangs():
        with pytest.raises(TimeoutError):
            runner.watched[-1].expire()
        watch = runner.watched[-1]
        watch.on_timeout()
        assert watch.give_up()
        watch.on_stuck()

    claim, following = make_claim(hangs, timeout=60, fires=2), make_claim(sample_jobs.add, 1)
    seen = take(runner, claim, following)
    assert runner.abandoned is replaceable
    if replaceable:
        assert seen == []
        assert runner.replaced == [claim]
        assert claim.unsettled == claim.fires[1:]
        assert recorder.outcomes == [TIMED_OUT]
    else:
        assert recorder.outcomes == [TIMED_OUT, TIMED_OUT, EXECUTED]
        assert runner.replaced[1] is None  # nothing is left after the last one
    assert "job job was told to stop at its timeout of 60 s and does not: somebody" in caplog.text
    assert "in hangs" in caplog.text
    assert "job job has ended after all" in caplog.text


def test_a_thread_that_comes_back_while_it_is_given_up_runs_nothing_more(runner, make_claim):
    def comes_back():
        with pytest.raises(TimeoutError):
            runner.watched[-1].expire()
        assert runner.watched[-1].give_up()

    assert take(runner, make_claim(comes_back, timeout=60)) == []
    assert runner.abandoned


def test_a_loop_in_which_a_coroutine_was_timed_out_is_not_used_again(runner, make_claim, recorder):
    loops = []

    async def note():
        loops.append(asyncio.get_running_loop())
        if len(loops) == 1:
            runner.watched[-1].expire()
            await asyncio.sleep(20)

    take(runner, make_claim(note, timeout=60, fires=2))
    assert recorder.outcomes == [TIMED_OUT, EXECUTED]
    assert loops[0].is_closed()
    assert loops[1] is not loops[0]


def test_a_job_of_a_kind_of_its_own_is_run_aloud(runner, make_job, recorder):
    class Own(Job):
        __slots__ = ()

    job = plain(make_job, sample_jobs.double, 4)
    job.__class__ = Own
    take(runner, job)
    assert [each.retval for each in recorder.results] == [8]
