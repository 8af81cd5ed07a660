"""The claims of one executor in somebody else's pool: how they go in, what is said of them, how the pool ends."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import ThreadPoolExecutor as Threads
from functools import partial
from multiprocessing import get_context
from types import SimpleNamespace

import pytest
from executors import sample_jobs
from executors.pools_of_others import Keeping, begun_beside

from apscheduler.executors._foreign import board as call_board
from apscheduler.executors._foreign import pool as pool_module
from apscheduler.executors._foreign import threads as pool_threads
from apscheduler.executors._foreign.kinds import nothing
from apscheduler.executors._wire import cells
from apscheduler.executors.base import InterpreterEndingError
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.context import lane_workers

SECONDS = 20


@pytest.fixture
def pool():
    return Keeping()


@pytest.fixture
def executor(started, pool):
    return started(FuturesExecutor(pool))


@pytest.fixture
def runs(executor):
    return executor._engine


def until(condition):
    pause = threading.Event()
    for _ in range(SECONDS * 1000):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError


# -- in ------------------------------------------------------------------------------------------------------


def test_a_pool_of_processes_starts_one_before_the_first_run(started):
    seen = []

    class Noting(ProcessPoolExecutor):
        def submit(self, function, /, *args, **kwargs):
            seen.append((function, args))
            raise RuntimeError("the first job tells what is wrong")

    pool = Noting(1, mp_context=get_context("spawn"))
    started(FuturesExecutor(pool))
    assert seen == [(nothing, ())]
    threads = Threads(1)
    executor = started(FuturesExecutor(threads))
    assert threads._threads == set()
    executor.shutdown()


def test_what_the_pool_refuses_comes_back_and_leaves_nothing(runs, executor, pool, make_claim):
    claims = [make_claim(sample_jobs.nothing) for _ in range(3)]
    submit = pool.submit

    def refuse_the_first(*call):
        if pool.calls or pool.ended:
            return submit(*call)
        pool.ended.append("asked")
        raise ValueError("not now")

    pool.submit = refuse_the_first
    ((refused, exc),) = executor.submit_claims(claims)
    assert (refused, str(exc)) == (claims[0], "not now")
    assert executor.in_flight() == claims[1:]


def test_what_a_pool_of_processes_raises_may_refuse_to_be_set_anything(started, make_claim):
    class Refusing(ProcessPoolExecutor):
        def submit(self, function, /, *args, **kwargs):
            if function is not nothing:
                sample_jobs.raise_frozen()

    executor = started(FuturesExecutor(Refusing(1, mp_context=get_context("spawn"))))
    ((_, exc),) = executor.submit_claims([make_claim(sample_jobs.nothing)])
    assert exc == sample_jobs.FrozenError(5)


def test_a_closed_executor_refuses_everything(executor, pool, make_claim):
    executor._engine.closed = True
    ((_, exc),) = executor.submit_claims([make_claim(sample_jobs.nothing)])
    assert "this executor was shut down" in str(exc)
    assert pool.calls == []


def test_ctrl_c_in_the_middle_cancels_what_was_not_handed_over(
    executor, pool, make_claim, recorder
):
    claims = [make_claim(sample_jobs.nothing, fires=2) for _ in range(3)]
    submit = pool.submit

    def interrupted_at_the_second(*call):
        if pool.calls:
            raise KeyboardInterrupt
        return submit(*call)

    pool.submit = interrupted_at_the_second
    with pytest.raises(KeyboardInterrupt):
        executor.submit_claims(claims)
    assert recorder.outcomes == [Outcome.CANCELLED] * 4
    assert recorder.released == claims[1:]
    assert executor.in_flight() == claims[:1]
    assert "Ctrl-C" in recorder.results[0].reason


def test_ctrl_c_after_the_pool_began_with_a_run_lets_that_go_on(
    executor, pool, make_claim, recorder
):
    claims = [make_claim(sample_jobs.nothing) for _ in range(2)]
    submit, begun = pool.submit, []

    def interrupted(*call):
        submit(*call)
        begun.append(begun_beside(pool))
        raise KeyboardInterrupt

    pool.submit = interrupted
    with pytest.raises(KeyboardInterrupt):
        executor.submit_claims(claims)
    assert [each.fire for each in recorder.results] == claims[1].fires
    assert executor.in_flight() == claims[:1]
    ((board, slot, number),) = begun
    board.end(slot, number, 0, call_board.EXECUTED)
    recorder.wait(2)
    assert recorder.outcomes == [Outcome.CANCELLED, Outcome.EXECUTED]


# -- pools that take a call and do not say so ------------------------------------------------------------------


class Deaf:
    """What a pool returns that listens to nobody."""

    def add_done_callback(self, callback):
        raise OSError("deaf")


def raise_after(_future):
    raise OSError("the monitor failed")


def exit_after(_future):
    raise SystemExit


AFTER = {
    "raises": raise_after,
    "exits": exit_after,
    "returns nothing": lambda future: None,
    "returns the value": lambda future: 5,
    "returns what is deaf": lambda future: Deaf(),
}


def spoilt(kind, after, wait, *args, **options):
    """Return a pool that takes a call, waits, and then says something else than its future."""

    class Spoilt(kind):
        def submit(self, function, /, *args, **kwargs):
            future = super().submit(function, *args, **kwargs)
            if function is nothing:
                return future
            wait()
            return after(future)

    return Spoilt(*args, **options)


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER)
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_run_that_a_pool_began_with_and_did_not_take_is_told_as_it_was(
    started, make_claim, recorder, tmp_path, kind, after
):
    began, go = tmp_path / "began", tmp_path / "go"
    wait = partial(sample_jobs.wait_for, began)
    if kind == "threads":
        pool = spoilt(Threads, after, wait, 1)
    else:
        pool = spoilt(ProcessPoolExecutor, after, wait, 1, mp_context=get_context("spawn"))
    executor = started(FuturesExecutor(pool))
    claim = make_claim(sample_jobs.say_and_wait, began, go)
    assert executor.submit_claims([claim]) == []
    assert (recorder.results, executor.in_flight()) == ([], [claim])
    go.touch()
    (result,) = recorder.wait(1)
    assert result.outcome is Outcome.EXECUTED
    assert result.started
    executor.shutdown(wait=True)
    assert executor.in_flight() == []


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER)
@pytest.mark.parametrize("kind", ["threads", "others", "processes"])
def test_a_run_that_a_pool_took_and_did_not_say_so_is_not_started(
    started, make_claim, recorder, tmp_path, kind, after
):
    free, ran = tmp_path / "free", tmp_path / "ran"
    if kind == "others":
        pool = spoilt(Keeping, after, int)
    elif kind == "threads":
        pool = spoilt(Threads, after, int, 1)
    else:
        pool = spoilt(ProcessPoolExecutor, after, int, 1, mp_context=get_context("spawn"))
    if kind != "others":
        super(type(pool), pool).submit(sample_jobs.wait_for, free)
    executor = started(FuturesExecutor(pool))
    claim = make_claim(sample_jobs.say_and_wait, ran, ran)
    ((refused, _),) = executor.submit_claims([claim])
    assert refused is claim
    assert executor.in_flight() == []
    free.touch()
    if kind == "others":
        pool.run_here()
        pool.run_beside()
    else:
        super(type(pool), pool).shutdown(wait=True)
    assert not ran.exists()
    assert recorder.results == []


def test_a_run_whose_future_failed_in_advance_is_not_started(
    started, make_claim, recorder, tmp_path
):
    def failed(_future):
        future = Future()
        future.set_exception(ConnectionError("lost"))
        return future

    free, ran = tmp_path / "free", tmp_path / "ran"
    pool = spoilt(Threads, failed, int, 1)
    super(type(pool), pool).submit(sample_jobs.wait_for, free)
    executor = started(FuturesExecutor(pool))
    assert executor.submit_claims([make_claim(sample_jobs.say_and_wait, ran, ran)]) == []
    (result,) = recorder.wait(1)
    assert (result.outcome, str(result.exception)) == (Outcome.FAILED, "lost")
    free.touch()
    executor.shutdown(wait=True)
    assert not ran.exists()


@pytest.mark.parametrize(("returned", "kind"), [(None, "NoneType"), (5, "int")])
def test_what_a_pool_returned_in_place_of_a_future_is_said(
    executor, pool, make_claim, returned, kind
):
    pool.submit = lambda *_: returned
    ((_, exc),) = executor.submit_claims([make_claim(sample_jobs.nothing)])
    assert str(exc) == f"Keeping.submit returned a {kind}, which is no future"


def test_a_pool_that_refuses_at_the_interpreters_end_is_not_asked_for_another(
    executor, pool, make_claim, monkeypatch
):
    def refuse(*_):
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    pool.submit = refuse
    monkeypatch.setattr(pool_module, "interpreter_is_ending", lambda: True)
    ((_, exc),) = executor.submit_claims([make_claim(sample_jobs.nothing)])
    assert isinstance(exc, InterpreterEndingError)
    assert "futures" in str(exc.__cause__)


def test_a_job_that_cannot_go_there_is_settled_and_not_in_the_pool(started, make_claim, recorder):
    class NeverAsked(ProcessPoolExecutor):
        def submit(self, function, /, *args, **kwargs):
            assert function is nothing

    executor = started(FuturesExecutor(NeverAsked(1, mp_context=get_context("spawn"))))
    assert executor.submit_claims([make_claim(sample_jobs.add, threading.Lock())]) == []
    assert recorder.outcomes == [Outcome.FAILED]
    assert executor.in_flight() == []


def test_a_call_of_an_unknown_number_is_not_run(runs, executor, pool, make_claim, recorder):
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    (submission,) = runs.open()
    runs.run_here(submission.number + 1)
    assert recorder.results == []
    runs.run_here(submission.number)
    assert recorder.wait(1)[0].retval == 2


# -- what others ask -----------------------------------------------------------------------------------------


def test_a_call_is_under_way_while_the_board_shows_it(runs, executor, pool, make_claim):
    claim = make_claim(sample_jobs.nothing, fires=2)
    executor.submit_claims([claim])
    (submission,) = runs.open()
    assert (executor.under_way(), executor.running_count(), runs.busy_count()) == ([], 0, 1)
    board, slot, number = begun_beside(pool)
    ((found, fire, began),) = executor.under_way()
    assert (found, fire) == (claim, claim.fires[0])
    assert claim.fires[0] - 1000 <= began <= executor._now_us()
    assert executor.running_count() == 1
    board.end(slot, number, 0, call_board.EXECUTED)
    assert executor.under_way() == []
    board.go_on(slot, number, 1)
    assert executor.under_way()[0][1] == claim.fires[1]
    board.go_on(slot, number, 2)  # more than was sent: the board is another one's
    assert executor.under_way() == []
    runs.forget(submission)


def test_a_call_in_a_thread_here_is_under_way_where_its_claim_stands(
    runs, executor, pool, make_claim
):
    claim = make_claim(sample_jobs.nothing)
    executor.submit_claims([claim])
    (submission,) = runs.open()
    submission.begin_here()
    assert executor.running_count() == 1
    claim.begun, claim.begun_at = claim.fires[0], 77
    assert executor.under_way() == [(claim, claim.fires[0], 77)]
    runs.forget(submission)


def test_a_future_that_says_it_runs_is_believed(runs, executor, pool, make_claim):
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    (submission,) = runs.open()
    future = submission.future
    assert executor.running_count() == 0
    future.set_running_or_notify_cancel()
    assert executor.running_count() == 1
    submission.future = object()
    assert executor.running_count() == 0
    runs.forget(submission)


def test_why_something_waited_is_said(runs, executor, pool, make_claim):
    waited = "it waited in the pool of executor 'default'"
    assert runs.why_late() == waited
    pool._max_workers = 2
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    assert runs.why_late() == waited
    assert runs.threads.why_late() == waited
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    assert runs.why_late() == "all 2 workers of executor 'default' were busy"
    del pool._max_workers
    assert runs.why_late() == waited
    for submission in runs.open():
        runs.forget(submission)


# -- the end -----------------------------------------------------------------------------------------------------


def test_an_end_waits_for_what_is_in_the_pool_and_takes_the_board_away(
    runs, executor, pool, make_claim, recorder
):
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    board = runs.open()[0].board
    answer = pool.run_beside()
    timer = threading.Timer(0.05, pool.answer, (answer,))
    timer.start()
    executor.shutdown(wait=True)
    assert recorder.outcomes == [Outcome.EXECUTED]
    assert pool.ended == [True]
    assert board.path not in cells._owners
    until(lambda: runs.collector.thread is None)


@pytest.mark.parametrize("kind", ["in flight", "idle", "standard"])
def test_a_pool_that_is_not_waited_for_is_shut_down_when_it_is_idle(
    started, make_claim, recorder, kind
):
    pool = type(
        "Pool",
        (Keeping,),
        {"__module__": "concurrent.futures.thread"} if kind == "standard" else {},
    )()
    executor = started(FuturesExecutor(pool))
    if kind != "idle":
        executor.submit_claims([make_claim(sample_jobs.add, 1)])
    executor.shutdown(wait=False)
    assert pool.ended == ([] if kind == "in flight" else [False])
    if kind != "idle":
        pool.answer(pool.run_beside())
        assert recorder.wait(1)[0].outcome is Outcome.EXECUTED
    until(lambda: executor._engine.collector.thread is None)
    until(lambda: pool.ended == [False])


def test_a_pool_that_cannot_be_shut_down_late_is_a_word_in_the_log(
    executor, pool, make_claim, recorder, caplog
):
    asked = threading.Event()

    def fail(*, wait):
        asked.set()
        raise KeyError("no")

    pool.shutdown = fail
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    executor.shutdown(wait=False)
    thread = executor._engine.collector.thread
    pool.answer(pool.run_beside())
    assert asked.wait(SECONDS)
    thread.join(SECONDS)
    assert "the pool of executor 'default' could not be shut down" in caplog.text
    pool.shutdown = lambda wait=True: None


# -- threads of a pool -------------------------------------------------------------------------------------------


def test_a_pool_of_threads_has_one_more_for_one_that_hangs(started, make_claim, recorder, caplog):
    pool, held = Threads(1), threading.Lock()
    executor = started(FuturesExecutor(pool))
    executor.timeout_grace = 0.02
    claims = [make_claim(held.acquire, timeout=0.02), make_claim(sample_jobs.nothing)]
    with held:  # who waits for it is not interrupted
        executor.submit_claims(claims)
        recorder.wait(2)
        until(lambda: "its thread is left behind, and the pool got another one" in caplog.text)
    assert recorder.outcomes == [Outcome.TIMED_OUT, Outcome.EXECUTED]
    assert pool._max_workers == 2
    executor.shutdown()


class Runner:
    """A thread that does not come back, with what it runs."""

    def __init__(self, claim):
        self.current = claim


def hanging(runs, executor, claim):
    executor.submit_claims([claim])
    submission = runs.open()[-1]
    assert submission.begin_here()
    return submission


def test_a_pool_of_others_is_not_grown_by_us(runs, executor, pool, make_claim):
    pool._max_workers = 4
    other = hanging(runs, executor, make_claim(sample_jobs.nothing))
    claim = make_claim(sample_jobs.nothing)
    submission = hanging(runs, executor, claim)
    said = runs.threads.replace_thread(Runner(claim), None)
    assert said == "its thread is left behind"
    assert pool._max_workers == 4
    assert len(pool.calls) == 2
    assert submission.stuck
    assert not other.stuck
    assert runs.open() == [other]
    runs.forget(other)


def test_what_of_the_claim_waits_in_the_pool_is_not_given_up_with_the_thread(
    runs, executor, make_claim
):
    claim = make_claim(sample_jobs.nothing)
    executor.submit_claims([claim])
    (waiting,) = runs.open()
    runs.threads.replace_thread(Runner(claim), None)
    assert runs.open() == [waiting]
    assert not waiting.stuck
    runs.forget(waiting)


def test_a_rest_that_the_pool_does_not_take_fails(runs, executor, pool, make_claim, recorder):
    claim = make_claim(sample_jobs.nothing, fires=3)
    hanging(runs, executor, claim)
    claim.take(claim.fires[0])

    def refuse(*_):
        raise ValueError("full")

    pool.submit = refuse
    runs.threads.replace_thread(Runner(claim), claim)
    assert [each.fire for each in recorder.results] == claim.fires[1:]
    assert recorder.outcomes == [Outcome.FAILED] * 2
    assert "full" in str(recorder.results[0].exception)
    assert recorder.released == [claim]


def test_a_pool_of_threads_that_takes_no_look_any_more_is_no_error(started, make_claim):
    pool = Threads(1)
    executor = started(FuturesExecutor(pool))
    pool.shutdown()
    runner = Runner(make_claim(sample_jobs.nothing))
    said = executor._engine.threads.replace_thread(runner, None)
    assert "got another one" in said


def test_a_submission_that_may_not_begin_is_left_alone(runs, executor, pool, make_claim, recorder):
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    (submission,) = runs.open()
    submission.revoke()
    pool.run_here()
    assert recorder.results == []
    assert runs.open() == [submission]
    runs.forget(submission)


def test_an_executor_has_one_watchdog_which_ends_with_it(runs, executor, make_claim):
    executor.timeout_grace = 0.25
    watchdog = runs.threads.watchdog()
    assert runs.threads.watchdog() is watchdog
    assert watchdog.grace == 0.25
    closed = []
    watchdog.close = lambda: closed.append(1)
    executor.shutdown()
    assert closed == [1]


def test_a_thread_is_known_by_its_runner(runs, executor, pool, make_claim):
    seen = []
    here = threading.get_ident()

    def ask():
        seen.append(pool_threads.runs_here(here))

    executor.submit_claims([make_claim(ask)])
    assert pool_threads.runs_here(here) is False
    pool.run_here()
    assert seen == [True]
    lane_workers[here] = SimpleNamespace()
    try:
        assert pool_threads.runs_here(here) is False
    finally:
        del lane_workers[here]
