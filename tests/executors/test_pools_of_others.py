"""What becomes of runs in pools that call them off, lose them, repeat them, or say nothing."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import threading
import time
import weakref
from concurrent.futures import BrokenExecutor
from concurrent.futures import ThreadPoolExecutor as Threads
from functools import partial

import pytest
from executors import sample_jobs
from executors.pools_of_others import Keeping, OfThisHost, begun_beside

from apscheduler import clocks
from apscheduler.executors._child import coroutines
from apscheduler.executors._child.alarm import call_in_time
from apscheduler.executors._foreign import at_exit, away
from apscheduler.executors._foreign import calls as pool_calls
from apscheduler.executors._foreign import clocks as pool_clocks
from apscheduler.executors._foreign import host as same_host
from apscheduler.executors.base import WorkerDiedError, now_us
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.history.outcomes import Outcome


@pytest.fixture
def pool():
    return Keeping()


@pytest.fixture
def executor(started, pool):
    return started(FuturesExecutor(pool))


@pytest.fixture
def local(started):
    """An executor whose pool is known to run calls on this host only."""
    return started(FuturesExecutor(OfThisHost()))


@pytest.fixture
def gone(monkeypatch):
    """Say of processes that they are gone."""
    pids = set()
    for module in (pool_clocks, same_host):
        monkeypatch.setattr(module, "is_gone", pids.__contains__)
    monkeypatch.setattr(pool_clocks, "_GONE_SECONDS", 0.0)
    monkeypatch.setattr(pool_clocks, "_LOOK_SECONDS", 0.01)
    return pids


# -- calls are told apart ----------------------------------------------------------------------------


def test_no_two_calls_are_equal(executor, pool, make_claim):
    claim = make_claim(sample_jobs.add, 1)
    executor.submit_claims([claim, claim])
    (_, _, first), (_, _, second) = pool.calls
    assert first != second


def test_a_future_is_let_go_once_it_has_answered(executor, pool, make_claim, recorder):
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    answer = pool.run_beside()
    future, *_ = pool.calls.pop()
    held = weakref.ref(future)
    future.set_result(answer)
    recorder.wait(1)
    del future
    deadline = time.monotonic() + 5
    while held() is not None and time.monotonic() < deadline:
        gc.collect()
    assert held() is None


def test_a_call_that_is_begun_again_is_not_run_again(executor, pool, make_claim, recorder, gone):
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    begun_beside(pool)
    gone.add(os.getpid())
    pool.answer(pool.run_beside())
    (result,) = recorder.wait(1)
    assert isinstance(result.exception, WorkerDiedError)
    assert result.outcome is Outcome.FAILED
    assert result.started


# -- calls in this process ---------------------------------------------------------------------------


def test_a_call_in_a_thread_of_this_process_needs_no_answer(executor, pool, make_claim, recorder):
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    assert pool.run_here() is None
    (result,) = recorder.wait(1)
    assert (result.outcome, result.retval) == (Outcome.EXECUTED, 2)
    assert executor.in_flight() == []


def test_the_rest_of_a_claim_whose_thread_hangs_goes_to_the_pool_again(
    executor, pool, make_claim, recorder
):
    executor.timeout_grace = 0.1
    executor.submit_claims([make_claim(sample_jobs.hang, 1.0, fires=2, timeout=0.1)])
    hanging = threading.Thread(target=pool.run_here, args=(0,))
    hanging.start()
    assert recorder.wait(1, 0)[0].outcome is Outcome.TIMED_OUT
    deadline = time.monotonic() + 10
    while len(pool.calls) < 2:
        assert time.monotonic() < deadline
    hanging.join()
    pool.call_off()


# -- what the pool does not say ------------------------------------------------------------------------


def test_a_run_that_was_called_off_before_it_began_is_cancelled(local, make_claim, recorder):
    local.submit_claims([make_claim(sample_jobs.add, 1)])
    local._pool.call_off()
    (result,) = recorder.wait(1)
    assert (result.outcome, result.started) == (Outcome.CANCELLED, 0)
    assert "before it began" in result.reason


def test_what_waited_in_a_pool_of_threads_that_was_shut_down_is_cancelled(
    started, make_claim, recorder
):
    began, go_on = threading.Event(), threading.Event()

    def holds_the_worker():
        began.set()
        return go_on.wait(30)

    pool = Threads(1)
    executor = started(FuturesExecutor(pool))
    executor.submit_claims([make_claim(holds_the_worker), make_claim(sample_jobs.add, 1)])
    assert began.wait(30)
    pool.shutdown(wait=False, cancel_futures=True)
    (cancelled,) = recorder.wait(1)
    assert (cancelled.outcome, cancelled.started) == (Outcome.CANCELLED, 0)
    go_on.set()
    assert [each.outcome for each in recorder.wait(2)] == [Outcome.CANCELLED, Outcome.EXECUTED]


def test_where_nobody_knows_whether_it_had_begun_it_is_lost(executor, pool, make_claim, recorder):
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    pool.call_off()
    (result,) = recorder.wait(1)
    assert result.outcome is Outcome.LOST
    assert "not known" in result.reason


@pytest.mark.parametrize(
    ("func", "outcome"), [(sample_jobs.nothing, "executed"), (sample_jobs.fail, "failed")]
)
def test_a_run_that_was_given_up_in_its_middle_has_the_outcome_it_comes_to(
    executor, pool, make_claim, recorder, func, outcome
):
    executor.submit_claims([make_claim(func)])
    board, slot, number = begun_beside(pool)
    began = now_us()
    time.sleep(0.02)
    pool.call_off()
    board.end(slot, number, 0, away.CODES[outcome])
    (result,) = recorder.wait(1)
    assert result.outcome == outcome
    assert "did not arrive" in (result.reason or str(result.exception))
    assert result.started < began + 1000  # two clocks


def test_a_process_that_is_gone_ends_its_run_though_the_pool_says_nothing(
    executor, pool, make_claim, recorder, gone
):
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    begun_beside(pool)
    gone.add(os.getpid())
    (result,) = recorder.wait(1)
    assert isinstance(result.exception, WorkerDiedError)
    assert f"process {os.getpid()}" in str(result.exception)


def test_an_answer_that_never_comes_is_not_waited_for_beyond_the_timeout(
    executor, pool, make_claim, recorder
):
    executor.submit_claims([make_claim(sample_jobs.nothing, timeout=0.2)])
    board, slot, number = begun_beside(pool)
    board.end(slot, number, 0, away.CODES["executed"])
    (result,) = recorder.wait(1)
    assert result.outcome is Outcome.EXECUTED
    assert result.finished - result.started < 1_200_000


def test_a_call_that_hangs_in_another_process_is_timed_out_by_our_clock(
    executor, pool, make_claim, recorder
):
    executor.submit_claims([make_claim(sample_jobs.nothing, timeout=0.2, fires=2)])
    begun_beside(pool)
    (result,) = recorder.wait(1, 0)
    assert result.outcome is Outcome.TIMED_OUT
    deadline = time.monotonic() + 10
    while len(pool.calls) < 2:
        assert time.monotonic() < deadline
    pool.answer(pool.run_beside())
    assert recorder.wait(2, 1)[1].outcome is Outcome.EXECUTED


def test_what_had_not_begun_when_its_pool_broke_runs_in_the_next_one(started, make_claim, recorder):
    pools = [OfThisHost(), OfThisHost()]
    left = list(pools)
    executor = started(FuturesExecutor(lambda: left.pop(0)))
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    pools[0].fail(BrokenExecutor("a worker died"))
    deadline = time.monotonic() + 10
    while not pools[1].calls:
        assert time.monotonic() < deadline
    pools[1].answer(pools[1].run_beside())
    assert recorder.wait(1)[0].retval == 2


def test_what_was_kept_from_beginning_is_given_to_a_pool_again(started, make_claim, recorder):
    pool = OfThisHost()
    executor = started(FuturesExecutor(pool))
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    (submission,) = executor._engine.open()
    assert submission.revoke()
    assert pool.run_beside() == []
    pool.answer([])
    deadline = time.monotonic() + 10
    while len(pool.calls) < 2:
        assert time.monotonic() < deadline
    pool.answer(pool.run_beside())
    assert recorder.wait(1)[0].retval == 2
    assert recorder.outcomes == [Outcome.EXECUTED]


# -- other hosts ---------------------------------------------------------------------------------------


def test_on_another_host_a_lease_is_judged_by_the_clock_that_hosts_share(
    executor, pool, make_claim, recorder, monkeypatch
):
    class Lead:
        held = True
        until = clocks.boot_us() + 60_000_000

    claim = make_claim(sample_jobs.add, 1)
    claim.lead = Lead
    executor.submit_claims([claim])
    years = 10**15
    monkeypatch.setattr(clocks, "boot_us", lambda: years)
    pool.answer(pool.run_beside(host="another"))
    assert recorder.wait(1)[0].outcome is Outcome.EXECUTED


def test_on_another_host_a_call_that_hangs_is_left_behind_in_time():
    ended = []

    def beside():
        ended.append(call_in_time(partial(time.sleep, 1.5), 0.1, alone=True))

    thread = threading.Thread(target=beside)
    began = time.monotonic()
    thread.start()
    thread.join()
    assert ended == [(None, None, False)]
    assert time.monotonic() - began < 1.2


def test_calls_run_without_a_board_while_its_file_cannot_be_made_and_that_is_told_once(
    started, make_claim, recorder, caplog, monkeypatch
):
    def make(slots):
        raise OSError(errno.ENOSPC, "No space left on device")

    pool = OfThisHost()
    local = started(FuturesExecutor(pool))
    monkeypatch.setattr(pool_calls, "CallBoard", make)
    for _ in range(2):
        local.submit_claims([make_claim(sample_jobs.add, 1)])
        pool.answer(pool.run_beside())
    assert [each.retval for each in recorder.wait(2)] == [2, 2]
    (told,) = [each for each in caplog.records if "cannot make its file" in each.getMessage()]
    assert "No space left on device" in told.getMessage()
    monkeypatch.undo()
    local.submit_claims([make_claim(sample_jobs.add, 1)])
    assert pool.calls[-1][2][-1][-2] >= 0  # a slot on the board
    pool.answer(pool.run_beside())
    recorder.wait(3)


# -- coroutines ------------------------------------------------------------------------------------------


def test_a_coroutine_runs_beside_a_loop_that_the_thread_runs_already():
    async def kernel():
        return coroutines.run_coroutine(sample_jobs.double(21), None)

    with asyncio.Runner() as runner:
        assert runner.run(kernel()) == 42


def test_coroutines_of_two_threads_do_not_share_a_loop():
    meeting = threading.Barrier(2, timeout=10)
    said = []

    async def meet():
        meeting.wait()
        return 1

    threads = [
        threading.Thread(target=lambda: said.append(coroutines.run_coroutine(meet(), None)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [1, 1]


def test_a_coroutine_in_a_workers_thread_is_timed_out():
    said = []

    def call():
        said.append(call_in_time(partial(asyncio.sleep, 5), 0.1))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    ((_, _, in_time),) = said
    assert not in_time


# -- pools that are asked for, and others -----------------------------------------------------------------


class Shut(Keeping):
    def submit(self, function, *args):
        raise RuntimeError("cannot schedule new futures after shutdown")


def test_a_function_is_asked_again_when_its_pool_takes_nothing_more(started, make_claim):
    pools = [Shut(), Keeping()]
    left = list(pools)
    executor = started(FuturesExecutor(lambda: left.pop(0)))
    assert executor.submit_claims([make_claim(sample_jobs.add, 1)]) == []
    assert len(pools[1].calls) == 1


def test_a_function_that_has_no_other_pool_is_told_of_and_what_came_is_refused(
    started, make_claim, caplog
):
    left = [Shut()]
    executor = started(FuturesExecutor(lambda: left.pop(0)))
    ((_, exc),) = executor.submit_claims([make_claim(sample_jobs.add, 1)])
    assert "after shutdown" in str(exc)
    assert "asked for another pool and got none" in caplog.text
    assert "IndexError" in caplog.text


def test_a_pool_that_was_shut_down_by_others_refuses_in_its_own_words(started, make_claim):
    executor = started(FuturesExecutor(Shut()))
    ((_, exc),) = executor.submit_claims([make_claim(sample_jobs.add, 1)])
    assert "after shutdown" in str(exc)


class WantsMore:
    def submit(self, function, timeout, /, *args):
        raise AssertionError


class Scheduling(WantsMore, Keeping):
    def schedule(self, function, args=(), kwargs=None, timeout=None):
        self.limit = timeout
        return Keeping.submit(self, function, *args)


def test_a_submit_that_wants_more_than_a_function_is_refused_by_name():
    with pytest.raises(TypeError, match=r"WantsMore\.submit\(function, timeout, /, \*args\) wants"):
        FuturesExecutor(WantsMore())


def test_a_pool_with_schedule_is_driven_by_it(started, make_claim, recorder):
    pool = Scheduling()
    executor = started(FuturesExecutor(pool))
    executor.submit_claims([make_claim(sample_jobs.add, 1, timeout=3)])
    pool.answer(pool.run_beside())
    assert recorder.wait(1)[0].retval == 2
    assert pool.limit == 4.0


# -- the end ---------------------------------------------------------------------------------------------


def test_a_pool_that_is_not_waited_for_is_shut_down_after_its_last_run(
    executor, pool, make_claim, recorder
):
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    executor.shutdown(wait=False)
    assert pool.ended == []
    pool.answer(pool.run_beside())
    assert recorder.wait(1)[0].outcome is Outcome.EXECUTED
    deadline = time.monotonic() + 10
    while pool.ended != [False]:
        assert time.monotonic() < deadline


def test_at_the_end_of_the_program_what_runs_is_lost_and_what_has_not_begun_is_cancelled(
    local, make_claim, recorder, monkeypatch
):
    monkeypatch.setattr(at_exit, "_LEFT_SECONDS", 0.0)
    monkeypatch.setattr(at_exit, "_watched", {local._engine})
    pool = local._pool
    running, waiting = make_claim(sample_jobs.add, 1), make_claim(sample_jobs.add, 2)
    local.submit_claims([running])
    begun_beside(pool)
    local.submit_claims([waiting])
    at_exit._end()
    recorder.wait(2)
    outcomes = {result.fire: result for result in recorder.results}
    assert outcomes[running.fires[0]].outcome is Outcome.LOST
    assert f"while process {os.getpid()} ran it" in outcomes[running.fires[0]].reason
    assert outcomes[waiting.fires[0]].outcome is Outcome.CANCELLED
    assert pool.run_beside() == away.AGAIN  # and it stays like that


def test_what_comes_to_a_worker_after_it_was_called_off_does_not_begin(local, make_claim, recorder):
    local.submit_claims([make_claim(sample_jobs.fail)])
    (submission,) = local._engine.open()
    assert submission.revoke()
    assert local._pool.run_beside() == []
