"""Workers that die, hang or poison: in our own process pool and in a pool of concurrent.futures."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest

from apscheduler.executors.base import WorkerDiedError
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.executors.pool import ProcessPoolExecutor
from apscheduler.history.outcomes import Outcome
from tests.executors import sample_jobs


def futures_pool(workers=1):
    context = multiprocessing.get_context("spawn")
    return FuturesExecutor(concurrent.futures.ProcessPoolExecutor(workers, mp_context=context))


@pytest.mark.trap(88)
def test_a_killed_worker_fails_its_run_and_no_other(started, make_claim, recorder):
    executor = started(ProcessPoolExecutor(1))
    killed = make_claim(sample_jobs.kill_self, id="killed")
    others = [make_claim(sample_jobs.add, number) for number in range(5)]
    executor.submit_claims([*others[:2], killed, *others[2:]])
    recorder.wait(6)
    results = {result.fire: result for result in recorder.results}
    died = results[killed.fires[0]]
    assert died.outcome is Outcome.FAILED
    assert isinstance(died.exception, WorkerDiedError)
    assert "SIGKILL" in str(died.exception)
    assert sorted(r.retval for r in recorder.results if r is not died) == [1, 2, 3, 4, 5]


def test_the_exit_code_of_a_worker_that_ended_is_named(started, make_claim, recorder):
    executor = started(ProcessPoolExecutor(1))
    executor.submit_claims([make_claim(sample_jobs.exit_process)])
    assert "exit code 7" in str(recorder.wait()[0].exception)


def test_a_job_that_swallows_its_timeout_costs_its_process(started, make_claim, recorder, caplog):
    executor = started(ProcessPoolExecutor(1))
    executor.submit_claims([make_claim(sample_jobs.pid)])
    first = recorder.wait(1)[0].retval
    executor.submit_claims(
        [make_claim(sample_jobs.hang_and_swallow, 30, timeout=0.2), make_claim(sample_jobs.pid)]
    )
    (_, hung, after) = recorder.wait(3)
    assert hung.outcome is Outcome.TIMED_OUT
    assert hung.finished - hung.started < 1_200_000
    assert after.retval != first
    assert "killed" in caplog.text


def test_the_replacement_runs_the_rest_of_a_claim(started, make_claim, recorder, tmp_path):
    executor = started(ProcessPoolExecutor(1))
    claim = make_claim(sample_jobs.kill_first, str(tmp_path / "mark"), fires=3)
    executor.submit_claims([claim])
    recorder.wait(3, 1)
    assert recorder.outcomes == [Outcome.FAILED, Outcome.EXECUTED, Outcome.EXECUTED]


def test_what_ended_is_told_before_a_longer_call_behind_it_has_ended(
    started, make_claim, recorder, tmp_path
):
    there, awaited = str(tmp_path), str(tmp_path / "awaited")
    executor = started(ProcessPoolExecutor(1))
    executor.submit_claims([make_claim(sample_jobs.wait_for, there) for _ in range(200)])
    recorder.wait(200)
    paths = [there] * 50 + [awaited]
    executor.submit_claims([make_claim(sample_jobs.wait_for, path) for path in paths])
    recorder.wait(250)
    Path(awaited).touch()
    assert [result.retval for result in recorder.wait(251)] == [*[there] * 250, awaited]


def test_coroutines_run_in_the_main_thread_of_a_worker(started, make_claim, recorder):
    executor = started(ProcessPoolExecutor(1))
    executor.submit_claims([make_claim(sample_jobs.thread_it_runs_in) for _ in range(2)])
    assert [result.retval for result in recorder.wait(2)] == ["MainThread"] * 2


def test_quick_calls_behind_one_that_turns_slow_go_elsewhere(started, make_claim, recorder):
    executor = started(ProcessPoolExecutor(2))
    quick = [make_claim(sample_jobs.slow_if, 0.0) for _ in range(200)]
    executor.submit_claims(quick)
    recorder.wait(200)
    slow = make_claim(sample_jobs.slow_if, 1.5)
    executor.submit_claims([make_claim(sample_jobs.slow_if, 0.0) for _ in range(20)])
    executor.submit_claims([slow])
    executor.submit_claims([make_claim(sample_jobs.slow_if, 0.0) for _ in range(200)])
    recorder.wait(421)
    assert recorder.results[-1].fire == slow.fires[0]
    assert {result.outcome for result in recorder.results} == {Outcome.EXECUTED}


@pytest.mark.parametrize("size", [1, 100_000, 3_000_000])
def test_large_arguments_and_values_travel(started, make_claim, recorder, size):
    executor = started(ProcessPoolExecutor(1))
    data = b"x" * size
    executor.submit_claims(
        [make_claim(sample_jobs.length, data), make_claim(sample_jobs.large, size)]
    )
    recorder.wait(2)
    assert {
        len(r.retval) if isinstance(r.retval, bytes) else r.retval for r in recorder.results
    } == {size}


def test_an_initializer_that_raises_fails_the_jobs_with_its_words(started, make_claim, recorder):
    executor = started(ProcessPoolExecutor(1, {"initializer": sample_jobs.fail}))
    executor.submit_claims([make_claim(sample_jobs.nothing) for _ in range(3)])
    for result in recorder.wait(3):
        assert isinstance(result.exception, WorkerDiedError)
        assert "boom" in str(result.exception)


def test_an_initializer_that_ends_its_process_does_not_loop(started, make_claim, recorder):
    executor = started(ProcessPoolExecutor(1, {"initializer": sample_jobs.exit_process}))
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    assert "exit code 7" in str(recorder.wait()[0].exception)


def test_the_options_reach_the_workers(started, make_claim, recorder):
    options = {
        "mp_context": "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn",
        "initializer": sample_jobs.remember,
        "initargs": ("me",),
        "max_tasks_per_child": 2,
    }
    executor = started(ProcessPoolExecutor(1, options))
    for number in range(4):
        executor.submit_claims([make_claim(sample_jobs.pid_and_memory)])
        recorder.wait(number + 1)
    said = [result.retval for result in recorder.results]
    assert {memory for _, memory in said} == {"me"}
    assert said[0] == said[1] != said[2] == said[3]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"mp_contxt": "fork"}, TypeError, "mp_context"),
        ({"mp_context": "spwan"}, ValueError, "spawn"),
        ({"max_tasks_per_child": 0}, ValueError, "at least 1"),
        ({"max_tasks_per_child": "2"}, TypeError, "an integer or None, not '2'"),
        ({"initializer": 3}, TypeError, "callable"),
    ],
)
def test_bad_options_are_refused_in_words(options, error, words):
    with pytest.raises(error, match=words):
        ProcessPoolExecutor(pool_kwargs=options)


def test_shutdown_leaves_no_process_behind(started, make_claim, recorder):
    executor = started(ProcessPoolExecutor(2))
    executor.submit_claims([make_claim(sample_jobs.pid) for _ in range(4)])
    recorder.wait(4)
    processes = [worker.process for worker in executor._pool._manager.workers]
    path = executor._pool._manager.crew.board.path
    executor.shutdown(wait=True)
    assert [process.exitcode for process in processes] == [0] * len(processes)
    assert not Path(path).exists()


@pytest.mark.trap(87)
@pytest.mark.trap(88)
def test_a_broken_pool_is_built_again_with_its_options(started, make_claim, recorder):
    executor = started(futures_pool())
    broken = executor._pool
    executor.submit_claims([make_claim(sample_jobs.kill_self)])
    (result,) = recorder.wait(1)
    assert isinstance(result.exception, WorkerDiedError)
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    assert recorder.wait(2)[1].retval == 2
    assert executor._pool is not broken
    assert executor._pool._max_workers == 1
    assert executor._pool._mp_context is broken._mp_context


def test_a_process_of_a_futures_pool_that_swallows_its_timeout_is_left_behind(
    started, make_claim, recorder
):
    executor = started(futures_pool())
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    recorder.wait(1)
    executor.submit_claims(
        [
            make_claim(sample_jobs.hang_and_swallow, 3, timeout=0.2),
            make_claim(sample_jobs.add, 1),
            make_claim(sample_jobs.add, 2),
            make_claim(sample_jobs.add, 3),
        ]
    )
    results = recorder.wait(5)
    hung = next(result for result in results if result.outcome is Outcome.TIMED_OUT)
    assert hung.finished - hung.started < 1_200_000


def test_a_stopped_idle_worker_does_not_hold_the_others_up(started, make_claim, recorder):
    executor = started(ProcessPoolExecutor(2))
    meet = [make_claim(sample_jobs.hang, 0.2) for _ in range(2)]
    executor.submit_claims(meet)
    recorder.wait(2)
    stopped = executor._pool._manager.workers[0].process.pid
    os.kill(stopped, signal.SIGSTOP)
    try:
        executor.submit_claims([make_claim(sample_jobs.length, b"x" * 1_000_000)])
        executor.submit_claims([make_claim(sample_jobs.add, 1) for _ in range(5)])
        recorder.wait(7)
    finally:
        os.kill(stopped, signal.SIGCONT)
    recorder.wait(8)


def test_while_a_job_with_a_long_timeout_runs_the_manager_sleeps(
    started, make_claim, recorder, tmp_path
):
    executor = started(ProcessPoolExecutor(1))
    executor.submit_claims([make_claim(sample_jobs.pid)])
    recorder.wait(1)  # its worker is there
    began, go = tmp_path / "began", tmp_path / "go"
    executor.submit_claims([make_claim(sample_jobs.say_and_wait, began, go, timeout=3600)])
    try:
        sample_jobs.wait_for(began)
        pause = executor._pool._manager._pause()
    finally:
        go.touch()
    recorder.wait(2)
    assert pause > 3000


def test_a_listener_may_shut_the_pool_down(started, make_claim, recorder):
    executor = started(ProcessPoolExecutor(1))
    done = threading.Event()
    settle = recorder.settle

    def settle_and_shut(claim, result):
        executor.shutdown(wait=True)
        done.set()
        return settle(claim, result)

    recorder.settle = settle_and_shut
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    assert done.wait(20)
    recorder.wait(1)


@pytest.mark.trap(88)
def test_what_a_broken_pool_had_not_begun_runs_in_the_new_one(started, make_claim, recorder):
    executor = started(futures_pool())
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    recorder.wait(1)
    claims = [make_claim(sample_jobs.add, number) for number in range(6)]
    executor.submit_claims([make_claim(sample_jobs.kill_self), *claims])
    recorder.wait(8)
    assert recorder.outcomes.count(Outcome.FAILED) == 1
    assert sorted(result.retval or 0 for result in recorder.results) == [0, 0, 1, 2, 3, 4, 5, 6]


def test_a_futures_pool_whose_workers_cannot_start_fails_its_jobs(started, make_claim, recorder):
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(
        1, mp_context=context, initializer=sample_jobs.exit_process
    )
    executor = started(FuturesExecutor(pool))
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    assert isinstance(recorder.wait(1)[0].exception, WorkerDiedError)
