"""A call in a worker process, asked in this one: what it answers, what it is given, and what it leaves behind."""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import pickle
import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from types import SimpleNamespace

import pytest

from apscheduler import current_run
from apscheduler.executors._child import calls, coroutines, ctrl_c
from apscheduler.executors._child.calls import Call, resolve
from apscheduler.executors._foreign.away import pickled_somehow
from apscheduler.executors._wire import calls as wire_calls
from apscheduler.executors._wire import errors
from apscheduler.executors._wire.calls import (
    READY,
    Answer,
    Facts,
    answer_from,
    pack_call,
    pack_calls,
    pack_greeting,
    pack_replies,
    unpack_calls,
    unpack_said,
)
from apscheduler.executors._wire.errors import unpack_error
from tests.executors import sample_jobs

NOW = 5_000_000
"""The instant at which the clock stands (microseconds UTC)."""
LONG = 10**15


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, suites_alarm, own_runner):
    monkeypatch.setattr(calls, "_resolved", {})
    monkeypatch.setattr(calls, "clocks", SimpleNamespace(now_us=lambda: NOW))


def called(what, *args, fires=(NOW,), grace=LONG, timeout=None, start_by=None, zone=None, **kwargs):
    blob = pickle.dumps((what, args, kwargs, zone))
    return Call(blob, Facts("me", "store", list(fires), grace, 3, timeout, 8, start_by))


def answers(*parts, **options):
    return list(called(*parts, **options).run())


# -- answers -------------------------------------------------------------------------------------------


def test_a_value_comes_back_pickled_and_none_as_it_is():
    ((fire, outcome, started, finished, value, error),) = answers(sample_jobs.add, 2, b=3)
    assert (fire, outcome, started, finished, error) == (NOW, "executed", NOW, NOW, None)
    assert pickle.loads(value) == 5
    assert answers(sample_jobs.nothing) == [(NOW, "executed", NOW, NOW, None, None)]


@pytest.mark.parametrize("func", [sample_jobs.double, sample_jobs.Doubler()])
def test_what_is_left_to_be_awaited_is_awaited(func):
    ((*_, value, _),) = answers(func, 21)
    assert pickle.loads(value) == 42


@pytest.mark.parametrize("timeout", [None, 30])
@pytest.mark.parametrize("func", [sample_jobs.fail, sample_jobs.fail_async])
def test_what_was_raised_comes_back_as_an_exception(func, timeout):
    ((_, outcome, started, _, value, error),) = answers(func, timeout=timeout)
    exc, frames, _ = unpack_error(error)
    assert (outcome, started, value, str(exc)) == ("failed", NOW, None, "boom")
    assert func.__name__ in frames


def test_a_fire_time_has_an_answer_whatever_is_raised_on_the_way(monkeypatch):
    def fail(exc):
        raise SystemExit(3)

    monkeypatch.setattr(calls, "pack_error", fail)
    both = answers(sample_jobs.fail, fires=[NOW, NOW + 1])
    assert [each[:5] for each in both] == [
        (NOW, "failed", NOW, NOW, None),
        (NOW + 1, "failed", NOW, NOW, None),
    ]
    exc, _, _ = unpack_error(both[0].error)
    assert str(exc) == "SystemExit: what became of the call cannot be told: SystemExit: 3"


def test_every_fire_time_fails_where_the_function_cannot_be_loaded():
    both = answers(sample_jobs.Bomb(), fires=[NOW, NOW + 1])
    assert [each[:5] for each in both] == [
        (NOW, "failed", 0, NOW, None),
        (NOW + 1, "failed", 0, NOW, None),
    ]
    exc, frames, _ = unpack_error(both[1].error)
    assert "cannot be loaded in the worker process: RuntimeError: exploded" in str(exc)
    assert "_explode" in frames


def test_a_value_that_does_not_pickle_is_named():
    ((_, outcome, started, _, _, error),) = answers(sample_jobs.return_unpicklable)
    assert (outcome, started) == ("failed", NOW)
    assert "TypeError: the function returned a lock, which cannot be pickled" in str(
        unpack_error(error)[0]
    )


def test_a_fire_time_is_missed_beyond_its_grace_and_not_at_it():
    fires = [NOW - 11, NOW - 10]
    late, in_time = answers(sample_jobs.nothing, fires=fires, grace=10)
    assert late == (NOW - 11, "missed", 0, NOW, None, None)
    assert in_time.outcome == "executed"


def test_no_function_is_called_once_its_lease_is_over(monkeypatch):
    monkeypatch.setattr(calls.clocks, "boot_us", lambda: 100, raising=False)
    assert answers(sample_jobs.fail, start_by=100) == [(NOW, "fenced", 0, NOW, None, None)]
    assert answers(sample_jobs.nothing, start_by=101)[0].outcome == "executed"


def test_each_fire_time_is_announced_and_a_refused_one_ends_the_call():
    announced = []

    def go_on(index):
        announced.append(index)
        return index < 1

    call = called(sample_jobs.nothing, fires=[NOW, NOW + 1, NOW + 2])
    assert [fire for fire, *_ in call.run(go_on)] == [NOW]
    assert announced == [0, 1]
    assert len(list(call.run(announced.append))) == 3


def test_a_call_beyond_its_timeout_has_timed_out_and_the_next_one_begins():
    pauses = [0, 20]
    first, second = [
        *called(_sleep_some, fires=[NOW, NOW + 1], timeout=0.02).run(
            lambda _: _PAUSES.append(pauses.pop())
        )
    ]
    assert first == (NOW, "timed_out", NOW, NOW, None, None)
    assert second == (NOW + 1, "executed", NOW, NOW, None, None)


_PAUSES = []


def _sleep_some():
    time.sleep(_PAUSES.pop())


# -- what the function sees ------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [None, 30])
@pytest.mark.parametrize("func", [sample_jobs.whoami, sample_jobs.whoami_async])
def test_the_function_sees_its_own_run_and_nobody_sees_it_afterwards(func, timeout):
    zone = timezone(timedelta(hours=2))
    for zoned, hours in ((zone, 2), (None, 0)):
        ((*_, value, _),) = answers(func, zone=zoned, timeout=timeout)
        job, store, moment, attempt, fire_id = pickle.loads(value)
        assert (job, store, attempt, fire_id) == ("me", "store", 3, f"me@{NOW}")
        assert moment == datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
        assert moment.utcoffset() == timedelta(hours=hours)
        assert current_run() is None


def test_each_fire_time_is_its_own_run():
    both = answers(sample_jobs.whoami, fires=[NOW, NOW + 1])
    assert [pickle.loads(each.value)[4] for each in both] == [f"me@{NOW}", f"me@{NOW + 1}"]


def test_the_token_of_the_claim_is_with_the_run():
    attempt = calls.attempt_at(called(sample_jobs.nothing), NOW)
    assert attempt.context().token == 8


def test_a_call_with_a_timeout_stays_in_its_thread_unless_nobody_else_looks_after_it():
    names = []

    def run(alone):
        call = called(sample_jobs.thread_it_runs_in, timeout=30)
        if alone:
            call.is_alone = True
        names.extend(pickle.loads(answer.value) for answer in call.run())

    for alone in (False, True):
        thread = threading.Thread(target=run, args=(alone,), name="the pool's")
        thread.start()
        thread.join()
    assert names == ["the pool's", "apscheduler-call"]


# -- what travels ---------------------------------------------------------------------------------------


def test_a_function_travels_by_its_reference_and_anything_else_as_it_is(make_job):
    job = make_job(sample_jobs.add, 1)
    job.func_ref = "somewhere:else"
    assert pickle.loads(pack_call(job, NOW))[:3] == ("somewhere:else", (1,), {})
    job.func = sample_jobs.Doubler()
    assert isinstance(pickle.loads(pack_call(job, NOW))[0], sample_jobs.Doubler)
    job.func, job.func_ref = sample_jobs.add, None
    assert pickle.loads(pack_call(job, NOW))[0] is sample_jobs.add


def test_a_zone_that_does_not_pickle_stays_at_home(make_job):
    class Local(tzinfo):
        pass

    job = make_job(sample_jobs.add, 1)
    assert pickle.loads(pack_call(job, NOW))[3] is UTC
    job = SimpleNamespace(func=sample_jobs.add, args=(1,), kwargs={})
    job._at = lambda fire: datetime(1970, 1, 1, tzinfo=Local())
    assert pickle.loads(pack_call(job, NOW)) == (sample_jobs.add, (1,), {}, None)


def test_another_pickler_of_the_pool_is_asked_where_the_plain_one_cannot(monkeypatch):
    lock = threading.Lock()
    asked = []

    def cannot(what):
        asked.append(what)
        raise TypeError("nor can I")

    for name in ("cloudpickle", "dill"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(TypeError, match="lock"):
        pickled_somehow(lock)
    monkeypatch.setitem(sys.modules, "cloudpickle", SimpleNamespace(dumps=cannot))
    monkeypatch.setitem(sys.modules, "dill", SimpleNamespace(dumps=lambda what: b"by dill"))
    assert pickled_somehow(lock) == b"by dill"
    assert asked == [lock]
    assert pickle.loads(pickled_somehow([1])) == [1]


class NothingOfOurs(pickle.Unpickler):
    """Finds no class of this package."""

    def find_class(self, module, name):
        assert not module.startswith("apscheduler"), (module, name)
        return super().find_class(module, name)


def plainly(message):
    return NothingOfOurs(io.BytesIO(message)).load()


def test_what_crosses_the_pipe_has_names_at_its_ends_and_none_on_the_way():
    facts = Facts("me", "store", [NOW], LONG, 3, None, 8, None)
    message = pack_calls([(1, b"blob", facts)])
    assert plainly(message) == [(1, b"blob", tuple(facts))]
    ((number, blob, named),) = unpack_calls(message)
    assert (number, blob, named) == (1, b"blob", tuple(facts))
    assert (Call(blob, named).facts, type(Call(blob, named).facts)) == (facts, Facts)
    (failed,) = answers(sample_jobs.fail)
    message = pack_replies([(1, failed, True), (2, None, True)])
    assert plainly(message) == [(1, tuple(failed), True), (2, None, True)]
    (_, answer, _), nothing = unpack_said(message)
    assert (answer_from(answer), type(answer_from(answer))) == (failed, Answer)
    assert nothing == (2, None, True)
    assert unpack_said(pack_greeting(READY, 7)) == plainly(pack_greeting(READY, 7)) == (READY, 7)


@pytest.mark.parametrize(
    ("module", "names"), [(wire_calls, ("Facts", "Answer")), (errors, ("Link", "Error"))]
)
def test_the_names_on_the_pipe_are_those_that_type_checkers_see(module, names):
    tree = ast.parse(inspect.getsource(module))
    declared = {
        node.name: tuple(each.target.id for each in node.body if isinstance(each, ast.AnnAssign))
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    assert {name: getattr(module, name)._fields for name in names} == {
        name: declared[name] for name in names
    }


# -- functions by name ------------------------------------------------------------------------------------


def test_a_function_is_found_by_its_name_in_a_module_that_nobody_has_imported(
    tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "brought_by_a_test.py").write_text("class A:\n    def b():\n        return 7\n")
    try:
        found = resolve("brought_by_a_test:A.b")
        assert found() == 7
        sys.modules["brought_by_a_test"].A = None
        assert resolve("brought_by_a_test:A.b") is found
    finally:
        sys.modules.pop("brought_by_a_test", None)


def test_a_function_of_a_known_module_is_that_modules(monkeypatch):
    known = SimpleNamespace(job=sample_jobs.add)
    monkeypatch.setitem(sys.modules, "no_file_has_this_name", known)
    assert resolve("no_file_has_this_name:job") is sample_jobs.add
    assert resolve(sample_jobs.fail) is sample_jobs.fail


# -- coroutines ----------------------------------------------------------------------------------------------


async def loop():
    return asyncio.get_running_loop()


async def interrupted():
    raise KeyboardInterrupt


def test_the_main_threads_coroutines_share_a_loop_until_one_is_interrupted():
    first = coroutines.run_coroutine(loop(), None)
    assert coroutines.run_coroutine(loop(), None) is first
    with pytest.raises(KeyboardInterrupt):
        coroutines.run_coroutine(interrupted(), None)
    assert first.is_closed()
    assert coroutines._runner is None
    second = coroutines.run_coroutine(loop(), None)
    assert second is not first
    assert not second.is_closed()


def test_a_coroutine_has_the_time_it_is_given():
    with pytest.raises(TimeoutError):
        coroutines.run_coroutine(asyncio.sleep(20), 0.01)
    assert coroutines.run_coroutine(sample_jobs.double(4), 20) == 8


def test_a_loop_of_another_thread_is_closed_after_its_coroutine():
    made = []
    thread = threading.Thread(target=lambda: made.append(coroutines.run_coroutine(loop(), None)))
    thread.start()
    thread.join()
    assert made[0].is_closed()
    assert coroutines._runner is None


# -- Ctrl-C ----------------------------------------------------------------------------------------------------


@pytest.fixture
def _ctrl_c(monkeypatch):
    monkeypatch.setattr(ctrl_c, "_signals_set", False)
    before = signal.getsignal(signal.SIGINT)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c")
def test_ctrl_c_is_the_schedulers_unless_the_program_has_its_own_way_with_it():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ctrl_c.leave_ctrl_c_alone()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ctrl_c.leave_ctrl_c_alone()  # once is enough: what the program sets later stays
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("_ctrl_c")
def test_a_handler_of_the_programs_own_stays():
    def own(*_):
        raise AssertionError

    signal.signal(signal.SIGINT, own)
    ctrl_c.leave_ctrl_c_alone()
    assert signal.getsignal(signal.SIGINT) is own


@pytest.mark.usefixtures("_ctrl_c")
def test_a_thread_of_a_program_leaves_its_signals_alone():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    failures = []

    def call():
        try:
            ctrl_c.leave_ctrl_c_alone()
        except ValueError as exc:
            failures.append(exc)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert failures == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
