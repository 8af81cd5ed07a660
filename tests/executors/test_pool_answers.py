"""What the end of a pool's future means for its claim, where answers are taken as they come."""

from __future__ import annotations

import logging
import os
from concurrent.futures import BrokenExecutor
from concurrent.futures import ThreadPoolExecutor as Threads

import pytest
from executors import sample_jobs
from executors.pools_of_others import Keeping, OfThisHost, begun_beside

from apscheduler.executors._child import calls as child_calls
from apscheduler.executors._foreign import answers as pool_answers
from apscheduler.executors._foreign import away, host
from apscheduler.executors._foreign import board as call_board
from apscheduler.executors._foreign.answers import CALLED_OFF, started_us
from apscheduler.executors._wire import calls
from apscheduler.executors.base import JobTimeoutError, WorkerDiedError
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.history.outcomes import Outcome

CODES = {
    Outcome.EXECUTED: call_board.EXECUTED,
    Outcome.FAILED: call_board.FAILED,
    Outcome.TIMED_OUT: call_board.TIMED_OUT,
    Outcome.MISSED: call_board.MISSED,
    Outcome.CANCELLED: call_board.REFUSED,
}


@pytest.fixture(autouse=True)
def _at_once(answered_at_once):
    pass


@pytest.fixture
def pool():
    return OfThisHost()


@pytest.fixture
def executor(started, pool):
    return started(FuturesExecutor(pool))


@pytest.fixture
def gone(monkeypatch):
    pids = set()
    monkeypatch.setattr(host, "is_gone", pids.__contains__)
    return pids


@pytest.fixture
def given_back(recorder):
    """The claims that were given back."""
    claims = []
    recorder.give_back = claims.append
    return claims


def submitted(executor, *claims):
    assert executor.submit_claims(claims) == []
    return executor._engine.open()[-1]


def settled(recorder, count=1):
    assert len(recorder.results) == count
    assert len(recorder.released) == 1
    return recorder.results


# -- futures that say how it went --------------------------------------------------------------------------


def test_answers_are_outcomes_and_what_has_none_was_called_off(
    executor, pool, make_claim, recorder, caplog
):
    caplog.set_level(logging.INFO)
    claim = make_claim(sample_jobs.nothing, fires=3)
    submitted(executor, claim)
    one, two, three = claim.fires
    failed = (two, calls.FAILED, 5, 6, None, ((None, "X", "y"), "", "", []))
    pool.answer([(one, calls.EXECUTED, 3, 2_500_003, None, None), failed])
    results = settled(recorder, 3)
    assert recorder.outcomes == [Outcome.EXECUTED, Outcome.FAILED, Outcome.CANCELLED]
    assert [(each.fire, each.started) for each in results] == [(one, 3), (two, 5), (three, 0)]
    assert results[2].reason == CALLED_OFF
    assert executor.in_flight() == []
    (said,) = [each for each in caplog.messages if "executed successfully" in each]
    assert "in 2.500 s (due 20" in said


def test_what_the_pool_raises_is_the_outcome(executor, pool, make_claim, recorder):
    submitted(executor, make_claim(sample_jobs.nothing, fires=2))
    problem = ValueError("not of the job")
    pool.fail(problem)
    results = settled(recorder, 2)
    assert recorder.outcomes == [Outcome.FAILED] * 2
    assert {each.exception for each in results} == {problem}
    assert executor.in_flight() == []


class Unreadable:
    """What nobody may look at."""

    def _raise(self, *_):
        raise SystemExit

    __eq__ = __bool__ = __len__ = __iter__ = _raise
    __hash__ = None


STRANGE = {
    "number": 17,
    "text": "ok",
    "what was returned, wrapped": {"r": []},
    "nothing, wrapped": {},
    "unreadable": Unreadable(),
    "rows of others": [("ok", 1)],
    "rows of others, as long": [(1, "executed", 0, 0, None, None)],
    "rows of nobody": [(Unreadable(), [], 0, 0, None, None)],
}


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
def test_a_call_whose_future_brings_something_else_was_not_started_where_the_board_says_so(
    executor, pool, make_claim, recorder, strange
):
    submitted(executor, make_claim(sample_jobs.nothing, fires=2))
    pool.answer(strange)
    results = settled(recorder, 2)
    assert recorder.outcomes == [Outcome.FAILED] * 2
    assert {each.started for each in results} == {0}
    assert executor.in_flight() == []
    assert pool.run_beside() == away.AGAIN


def test_it_is_said_what_a_future_brought_in_place_of_the_answer(
    executor, pool, make_claim, recorder
):
    submitted(executor, make_claim(sample_jobs.nothing))
    pool.answer({"r": 1})
    (result,) = settled(recorder)
    assert "its pool's future brought a dict in place of" in str(result.exception)


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
def test_a_call_that_ran_is_told_by_the_board_where_its_future_brings_something_else(
    executor, pool, make_claim, recorder, strange
):
    submitted(executor, make_claim(sample_jobs.nothing))
    pool.run_beside()
    pool.answer(strange)
    (result,) = settled(recorder)
    assert (result.outcome, result.retval) == (Outcome.EXECUTED, None)
    assert "what it returned did not arrive" in result.reason
    assert executor.in_flight() == []


def test_a_call_that_runs_on_is_open_until_the_board_says_more(
    executor, pool, make_claim, recorder
):
    submission = submitted(executor, make_claim(sample_jobs.nothing, fires=2))
    board, slot, number = begun_beside(pool)
    pool.answer("ok")
    assert recorder.results == []
    board.end(slot, number, 0, call_board.EXECUTED)
    assert board.go_on(slot, number, 1)
    board.end(slot, number, 1, call_board.FAILED)
    executor._engine.settling.look_after(submission)
    settled(recorder, 2)
    assert recorder.outcomes == [Outcome.EXECUTED, Outcome.FAILED]


def test_a_call_that_may_run_elsewhere_is_lost_where_its_future_brings_something_else(
    started, make_claim, recorder
):
    pool = Keeping()
    submitted(started(FuturesExecutor(pool)), make_claim(sample_jobs.nothing))
    pool.answer("ok")
    (result,) = settled(recorder)
    assert result.outcome is Outcome.LOST
    assert "brought a str in place of" in result.reason


def test_a_call_ends_on_the_board_whatever_is_raised_on_its_way(
    executor, pool, make_claim, recorder, monkeypatch
):
    def fail(exc):
        raise SystemExit(3)

    monkeypatch.setattr(child_calls, "pack_error", fail)
    submission = submitted(executor, make_claim(sample_jobs.fail))
    answer = pool.run_beside()
    assert submission.seen().codes == (call_board.FAILED,)
    pool.answer(answer)
    assert "cannot be told: SystemExit: 3" in str(settled(recorder)[0].exception)


def test_a_future_that_cannot_be_asked_costs_no_other_one(
    executor, pool, make_claim, recorder, caplog
):
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    executor._engine.settling.take_safely(submission, object())
    (result,) = settled(recorder)
    assert isinstance(result.exception, AttributeError)
    assert "executor 'default' met an error of its own" in caplog.text


def raised_once(told, kind):
    """Raise when it is called for the first time, as a listener or a store may."""
    left = [kind]

    def once(*args):
        if left:
            raise left.pop()
        return told(*args)

    return once


@pytest.mark.parametrize("kind", [KeyError, SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("what", ["settle", "release"])
@pytest.mark.parametrize("begun", [True, False])
def test_whatever_is_raised_while_an_answer_is_taken_the_claim_is_let_go(
    executor, pool, make_claim, recorder, caplog, what, kind, begun
):
    claim = make_claim(sample_jobs.nothing, fires=2)
    submitted(executor, claim)
    setattr(recorder, what, raised_once(getattr(recorder, what), kind))
    answer = [(fire, calls.EXECUTED, 3, 4, None, None) for fire in claim.fires]
    pool.answer(pool.run_beside() if begun else answer)
    settled(recorder, 2)
    assert executor.in_flight() == []
    assert "met an error of its own" in caplog.text


def test_a_log_that_raises_costs_no_outcome(executor, pool, make_claim, recorder, monkeypatch):
    def fail(*_, **__):
        raise SystemExit

    submission = submitted(executor, make_claim(sample_jobs.nothing))
    monkeypatch.setattr(executor._logger, "error", fail)
    executor._engine.settling.take_safely(submission, object())
    settled(recorder)


def test_where_nothing_can_be_settled_the_call_is_forgotten(
    executor, pool, make_claim, recorder, monkeypatch
):
    def fail(*_):
        raise SystemExit

    submitted(executor, make_claim(sample_jobs.nothing))
    monkeypatch.setattr(recorder, "settle", fail)
    pool.answer([])
    pool.answer("ok")
    settled(recorder, 0)
    assert executor.in_flight() == []


def test_an_empty_answer_is_sent_again_while_the_executor_is_open(
    executor, pool, make_claim, recorder
):
    submitted(executor, make_claim(sample_jobs.nothing))
    pool.answer([])
    assert len(pool.calls) == 2
    assert len(executor._engine.open()) == 1
    executor._engine.closed = True
    pool.answer([])
    assert settled(recorder)[0].outcome is Outcome.CANCELLED
    assert len(pool.calls) == 2


def test_an_empty_answer_of_a_settled_claim_is_its_end(executor, pool, make_claim, recorder):
    claim = make_claim(sample_jobs.nothing)
    submitted(executor, claim)
    claim.take(claim.fires[0])
    pool.answer([])
    settled(recorder, 0)
    assert len(pool.calls) == 1


# -- futures that were called off ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cancelled", "answered with nothing"])
def test_what_has_not_begun_and_is_called_off_is_cancelled(
    executor, pool, make_claim, recorder, how
):
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    if how == "cancelled":
        pool.call_off()
    else:
        pool.answer(None)
    (result,) = settled(recorder)
    assert (result.outcome, result.reason, result.started) == (Outcome.CANCELLED, CALLED_OFF, 0)
    assert submission.revoked
    assert executor.in_flight() == []


def test_what_a_thread_here_runs_is_told_by_that_thread(executor, pool, make_claim, recorder):
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    assert submission.begin_here()
    pool.call_off()
    assert (recorder.results, recorder.released) == ([], [])


def test_a_run_that_is_lost_says_when_it_had_begun(started, make_claim, recorder):
    pool = Keeping()
    executor = started(FuturesExecutor(pool))
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    begun_beside(pool)
    executor._engine.settling.lose(submission, "nobody knows")
    (result,) = settled(recorder)
    assert (result.outcome, result.reason) == (Outcome.LOST, "nobody knows")
    assert 0 < result.started <= result.finished
    assert executor.in_flight() == []


def test_a_run_that_is_lost_before_it_began_has_no_start(started, make_claim, recorder):
    pool = Keeping()
    submitted(started(FuturesExecutor(pool)), make_claim(sample_jobs.nothing))
    pool.call_off()
    assert settled(recorder)[0].started == 0


def test_a_claim_that_others_can_run_is_handed_back_and_not_settled(
    executor, pool, make_claim, recorder
):
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    recorder.hand_back = lambda claim: True
    executor._engine.settling.call_off(submission, "x")
    settled(recorder, 0)
    recorder.hand_back = lambda claim: False
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    executor._engine.settling.call_off(submission, "the end")
    assert recorder.results[0].reason == "the end"


# -- broken pools -----------------------------------------------------------------------------------------------


def several(started, kind, count):
    made = [kind() for _ in range(count)]
    left = list(made)
    return started(FuturesExecutor(lambda: left.pop(0))), made


def test_a_claim_is_sent_three_times_at_most(started, make_claim, recorder):
    executor, made = several(started, OfThisHost, 4)
    submitted(executor, make_claim(sample_jobs.nothing))
    for number, pool in enumerate(made[:3]):
        assert [len(each.calls) for each in made] == [1] * (number + 1) + [0] * (3 - number)
        assert len(executor._engine.open()) == 1
        pool.fail(BrokenExecutor("gone"))
    (result,) = settled(recorder)
    assert isinstance(result.exception, WorkerDiedError)
    assert "ended: BrokenExecutor: gone" in str(result.exception)
    assert isinstance(result.exception.__cause__, BrokenExecutor)
    assert made[3].calls == []


def test_a_claim_that_begins_while_its_pool_ends_is_not_sent_again(
    started, make_claim, recorder, monkeypatch
):
    executor, made = several(started, OfThisHost, 2)
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    monkeypatch.setattr(pool_answers, "wait_for_end", begun_beside)
    made[0].fail(BrokenExecutor("gone"))
    assert made[1].calls == []
    assert isinstance(submission.orphaned, WorkerDiedError)
    assert recorder.results == []


@pytest.mark.parametrize("why", ["another host", "closed", "no slot", "begun", "refused"])
def test_a_claim_is_not_sent_again_where_that_is_not_sure_or_not_wanted(
    started, make_claim, recorder, why
):
    executor, made = several(started, Keeping if why == "another host" else OfThisHost, 2)
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    if why == "closed":
        executor._engine.closed = True
    elif why == "no slot":
        submission.slot = -1
    elif why == "begun":
        board, slot, number = begun_beside(made[0])
        board.end(slot, number, 0, call_board.FAILED)
    elif why == "refused":
        made[1].submit = lambda *_: 1 / 0
    made[0].fail(BrokenExecutor("gone"))
    assert settled(recorder)[0].outcome is Outcome.FAILED
    assert made[1].calls == []
    assert executor.in_flight() == []


def test_a_pool_that_cannot_be_replaced_is_not_given_the_claim_again(
    executor, pool, make_claim, recorder
):
    submitted(executor, make_claim(sample_jobs.nothing))
    pool.fail(BrokenExecutor("gone"))
    assert settled(recorder)[0].outcome is Outcome.FAILED
    assert len(pool.calls) == 1


# -- what the board says -------------------------------------------------------------------------------------------


def test_a_run_whose_future_is_gone_goes_by_the_board(executor, pool, make_claim, recorder, gone):
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    board, slot, number = begun_beside(pool)
    pool.call_off()
    assert recorder.results == []
    assert "gave the run up in the middle" in str(submission.orphaned)
    assert submission.changed_at > 0
    assert executor._engine.clocks.pause() <= 0.1
    executor._engine.settling.look_after(submission)
    assert recorder.results == []
    board.end(slot, number, 0, call_board.EXECUTED)
    executor._engine.settling.look_after(submission)
    (result,) = settled(recorder)
    assert result.outcome is Outcome.EXECUTED
    assert "what it returned did not arrive: WorkerDiedError: its pool gave" in result.reason
    assert 0 < result.started <= result.finished


def test_a_call_that_its_pool_began_with_again_goes_by_the_board(executor, pool, make_claim):
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    begun_beside(pool)
    pool.answer(pool.run_beside())
    assert "its pool began with it again" in str(submission.orphaned)


def test_a_run_whose_future_may_tell_more_does_not_go_by_the_board(
    executor, pool, make_claim, recorder
):
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    board, slot, number = begun_beside(pool)
    board.end(slot, number, 0, call_board.EXECUTED)
    executor._engine.settling.look_after(submission)
    assert recorder.results == []


@pytest.mark.parametrize("outcome", CODES)
def test_the_board_tells_outcomes_apart(executor, pool, make_claim, recorder, outcome):
    submitted(executor, make_claim(sample_jobs.nothing, timeout=60))
    board, slot, number = begun_beside(pool)
    board.end(slot, number, 0, CODES[outcome])
    pool.fail(ValueError("late"))
    (result,) = settled(recorder)
    assert result.outcome is outcome
    assert bool(result.started) is (outcome not in (Outcome.MISSED, Outcome.CANCELLED))
    if outcome is Outcome.FAILED:
        assert "what it raised did not arrive" in str(result.exception)
    elif outcome is Outcome.TIMED_OUT:
        assert isinstance(result.exception, JobTimeoutError)
    elif outcome is Outcome.MISSED:
        assert "late to its worker" in result.reason
    elif outcome is Outcome.CANCELLED:
        assert result.reason == CALLED_OFF


def test_a_call_that_its_lease_forbade_is_given_back(
    executor, pool, make_claim, recorder, given_back
):
    claim = make_claim(sample_jobs.nothing)
    submitted(executor, claim)
    board, slot, number = begun_beside(pool)
    board.end(slot, number, 0, call_board.FENCED)
    pool.fail(ValueError("late"))
    assert given_back == [claim]


def test_of_several_fire_times_each_stands_where_the_board_has_it(
    executor, pool, make_claim, recorder, gone
):
    claim = make_claim(sample_jobs.nothing, fires=4)
    submitted(executor, claim)
    board, slot, number = begun_beside(pool)
    board.end(slot, number, 0, call_board.EXECUTED)
    board.go_on(slot, number, 1)
    board.end(slot, number, 1, call_board.EXECUTED)
    board.go_on(slot, number, 2)
    gone.add(os.getpid())
    pool.fail(KeyError("why"))
    results = settled(recorder, 4)
    assert [each.fire for each in results] == claim.fires
    executed, failed = Outcome.EXECUTED, Outcome.FAILED
    assert recorder.outcomes == [executed, executed, failed, Outcome.CANCELLED]
    assert "KeyError" in str(results[2].exception)
    assert results[0].started == results[0].finished  # when it began is not known any more
    assert 0 < results[2].started < results[2].finished
    assert results[3].started == 0


def test_of_many_fire_times_whose_ends_the_board_does_not_keep_nothing_is_claimed(
    executor, pool, make_claim, recorder
):
    claim = make_claim(sample_jobs.nothing, fires=22)
    submitted(executor, claim)
    pool.run_beside()
    pool.fail(ConnectionError("lost"))
    results = settled(recorder, 22)
    assert recorder.outcomes == [Outcome.EXECUTED] * 20 + [Outcome.LOST] * 2
    assert results[21].reason == "it ended; how did not arrive: ConnectionError: lost"
    assert results[21].started


@pytest.mark.parametrize("ends", [True, False])
def test_a_process_is_said_to_have_ended_only_where_it_has(
    executor, pool, make_claim, recorder, gone, ends
):
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    board, slot, number = begun_beside(pool)
    problem = ConnectionError("lost")
    pool.fail(problem)
    assert (recorder.results, submission.orphaned) == ([], problem)
    if ends:
        gone.add(os.getpid())
    else:
        board.end(slot, number, 0, call_board.EXECUTED)
    executor._engine.settling.look_after(submission)
    (result,) = settled(recorder)
    if ends:
        said = "the process that ran the job ended: ConnectionError: lost"
        assert str(result.exception) == said
        assert isinstance(result.exception, WorkerDiedError)
    else:
        said = "it returned; what it returned did not arrive: ConnectionError: lost"
        assert (result.outcome, result.reason) == (Outcome.EXECUTED, said)


def test_a_pool_of_threads_that_breaks_has_lost_no_process(started, make_claim, recorder):
    executor = started(FuturesExecutor(Threads(1, initializer=sample_jobs.fail)))
    assert executor.submit_claims([make_claim(sample_jobs.nothing)]) == []
    (result,) = recorder.wait(1)
    assert isinstance(result.exception, BrokenExecutor)
    assert "initializer failed" in str(result.exception)


@pytest.mark.parametrize(("timeout", "outcome"), [(60, "timed_out"), (None, "failed")])
def test_a_process_that_its_pool_ended_for_its_time_was_timed_out(
    executor, pool, make_claim, recorder, gone, timeout, outcome
):
    submitted(executor, make_claim(sample_jobs.nothing, fires=2, timeout=timeout))
    begun_beside(pool)
    gone.add(os.getpid())
    pool.fail(TimeoutError())
    assert [each.outcome for each in settled(recorder, 2)] == [outcome, Outcome.CANCELLED]


def test_a_start_on_the_clock_that_nobody_sets_is_told_in_utc(monkeypatch):
    monkeypatch.setattr(pool_answers, "monotonic", lambda: 107.5)
    assert started_us(105.0, 9_000_000) == 6_500_000
    assert started_us(0.0, 9_000_000) == 0


# -- runs that were given up ----------------------------------------------------------------------------------------


def test_a_run_that_ends_long_after_its_timeout_is_a_word_in_the_log(
    executor, pool, make_claim, recorder, caplog
):
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    submission.stuck = True
    pool.answer([])
    assert "job job has ended after all" in caplog.text
    assert recorder.results == []


def test_a_thread_of_ours_has_said_so_itself(executor, pool, make_claim, monkeypatch, caplog):
    monkeypatch.setattr(pool_answers, "has_our_threads", lambda pool: True)
    submission = submitted(executor, make_claim(sample_jobs.nothing))
    submission.stuck = True
    pool.answer([])
    assert "has ended after all" not in caplog.text
