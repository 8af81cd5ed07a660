"""What is known of other people's pools, asked of doubles and of the standard library's."""

from __future__ import annotations

import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import Pipe, get_context
from types import ModuleType, SimpleNamespace

import pytest

from apscheduler.executors._foreign import kinds as pools

SECONDS = 20


class Told:
    """A pool that notes what is done with it."""

    def __init__(self):
        self.told = []

    def close(self):
        self.told.append("close")

    def join(self):
        self.told.append("join")


class WithShutdown(Told):
    def shutdown(self, wait=True):
        self.told.append(("shutdown", wait))


def of_package(name, base=Told):
    return type("Pool", (base,), {"__module__": name})()


# -- what sort it is ------------------------------------------------------------------------------------------


def test_only_threads_of_this_interpreter_are_ours(monkeypatch):
    class Interpreters(ThreadPoolExecutor):
        pass

    with ThreadPoolExecutor(1) as threads, Interpreters(1) as others:
        assert pools.has_our_threads(threads)
        assert pools.has_our_threads(others)
        monkeypatch.setattr(pools, "_INTERPRETERS", Interpreters)
        assert pools.has_our_threads(threads)
        assert not pools.has_our_threads(others)
    assert not pools.has_our_threads(Told())


def test_a_pool_is_of_the_standard_library_unless_it_is_gevents():
    with ThreadPoolExecutor(1) as threads:
        assert pools.is_standard(threads)
    assert not pools.is_standard(Told())
    assert not pools.is_standard(of_package("concurrent.futures._base"))
    assert pools.is_standard(of_package("concurrent.futures.process"))
    gevents = of_package("gevent.threadpool", ThreadPoolExecutor)
    assert not pools.is_standard(gevents)
    gevents.shutdown()


def test_some_pools_are_known_to_stay_on_this_host():
    for name in ("loky.process_executor", "deadpool", "pebble", "gevent.pool"):
        assert pools.is_of_this_host(of_package(name))
    assert pools.is_of_this_host(of_package("concurrent.futures.thread"))
    assert not pools.is_of_this_host(of_package("dask.distributed"))


def test_the_interpreter_is_not_ending_until_the_main_thread_has(monkeypatch):
    assert not pools.interpreter_is_ending()
    monkeypatch.setattr(threading, "_SHUTTING_DOWN", True, raising=False)
    assert pools.interpreter_is_ending()
    monkeypatch.setattr(threading, "_SHUTTING_DOWN", False)
    monkeypatch.setattr(sys, "is_finalizing", lambda: True)
    assert pools.interpreter_is_ending()


# -- giving it work --------------------------------------------------------------------------------------------


def test_a_pool_is_given_function_and_arguments():
    seen = []

    class Plain:
        def submit(self, function, *args):
            seen.append((function, args))
            return "future"

    assert pools.submitter(Plain())((max, 1, 2), 30.0) == "future"
    assert seen == [(max, (1, 2))]


def test_a_pool_that_ends_processes_itself_is_told_when():
    seen = []

    class Deadpool:
        def submit(self, function, /, *args, deadpool_timeout=None):
            seen.append((args, deadpool_timeout))

    pools.submitter(Deadpool())((max, 1), 30.0)
    assert seen == [((1,), 30.0)]


def test_a_pool_whose_submit_wants_more_is_scheduled():
    seen = []

    class Pebble:
        def submit(self, function, timeout, *args):
            raise AssertionError

        def schedule(self, function, args=(), timeout=None):
            seen.append((function, args, timeout))

    pools.submitter(Pebble())((max, 1, 2), 30.0)
    assert seen == [(max, (1, 2), 30.0)]


@pytest.mark.parametrize("schedule", [None, "no function", lambda function, args: None])
def test_a_pool_that_can_be_given_nothing_is_refused(schedule):
    class Odd:
        def submit(self, function, timeout, extra=1, *args, key=None):
            raise AssertionError

    pool = Odd()
    pool.schedule = schedule
    with pytest.raises(TypeError, match=r"Odd\.submit\(function, timeout, extra=1,"):
        pools.submitter(pool)


def test_a_submit_without_a_signature_is_given_function_and_arguments():
    seen = []

    class Hidden:
        __signature__ = "none that Python can read"

        def __call__(self, *call):
            seen.append(call)

    pools.submitter(SimpleNamespace(submit=Hidden()))((max, 1), None)
    assert seen == [(max, 1)]
    assert pools._wanted(Hidden()) == (0, set())


def test_ctrl_c_is_kept_from_processes_that_start_and_from_nobody_else():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])

    def blocked():
        return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])

    processes = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with ThreadPoolExecutor(1) as threads:
        with pools.no_ctrl_c_for_workers(threads):
            assert not blocked()
        seen = []

        def fail():
            with pools.no_ctrl_c_for_workers(processes):
                seen.append(blocked())
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert seen == [True]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    processes.shutdown()


# -- its end ------------------------------------------------------------------------------------------------------


def test_a_pool_ends_in_its_own_way():
    for wait in (True, False):
        pool = WithShutdown()
        pools.end_pool(pool, wait=wait)
        assert pool.told == [("shutdown", wait)]
    pool = Told()
    pools.end_pool(pool, wait=True)
    assert pool.told == ["close", "join"]
    pool = Told()
    pools.end_pool(pool, wait=False)
    assert pool.told == ["close"]
    pool.close = "no function"
    pool.told.clear()
    pools.end_pool(pool, wait=True)
    assert pool.told == ["join"]
    pools.end_pool(object(), wait=True)


def test_gevents_pool_is_ended_where_it_is_waited_for_alone():
    pool = of_package("gevent.threadpool", WithShutdown)
    pools.end_pool(pool, wait=False)
    assert pool.told == []
    pools.end_pool(pool, wait=True)
    assert pool.told == [("shutdown", True)]


def test_a_condition_is_waited_for_until_the_time_is_over():
    changed, held = threading.Condition(), []
    assert pools.wait_until(lambda: True, changed, Told(), 0) is True
    assert pools.wait_until(lambda: held, changed, Told(), 0.01) is False

    def change():
        with changed:
            held.append(1)
            changed.notify_all()

    threading.Timer(0.02, change).start()
    assert pools.wait_until(lambda: held, changed, Told(), SECONDS) is True


def test_gevents_pool_works_on_while_a_condition_is_waited_for(monkeypatch):
    pauses, changed = [], threading.Condition()
    gevent = ModuleType("gevent")
    gevent.sleep = pauses.append
    monkeypatch.setitem(sys.modules, "gevent", gevent)
    pool = of_package("gevent.threadpool")
    assert pools.wait_until(lambda: len(pauses) >= 3, changed, pool, None) is True
    assert pauses == [pools._PAUSE_SECONDS] * 3
    assert pools.wait_until(lambda: len(pauses) >= 5, changed, pool, SECONDS) is True
    moments = iter(range(100))
    monkeypatch.setattr(pools, "monotonic", lambda: next(moments))
    pauses.clear()
    assert pools.wait_until(lambda: False, changed, pool, 2) is False
    assert len(pauses) == 2  # at the third second time is over


def test_the_processes_of_a_broken_pool_are_waited_for():
    ends = [Pipe() for _ in range(2)]
    processes = {n: SimpleNamespace(sentinel=pair[0]) for n, pair in enumerate(ends)}
    processes[2] = SimpleNamespace()  # cleared away already
    pool = SimpleNamespace(_processes=processes)
    assert pools.processes_of(pool) == list(processes.values())
    over = threading.Event()

    def wait():
        pools.wait_for_end(pool)
        over.set()

    threading.Thread(target=wait).start()
    ends[0][1].close()
    assert not over.wait(0.05)
    ends[1][1].close()
    assert over.wait(SECONDS)
    for ours, _ in ends:
        ours.close()


def test_a_pool_without_processes_has_none():
    assert pools.processes_of(Told()) == []
    assert pools.processes_of(SimpleNamespace(_processes=None)) == []


# -- another one -----------------------------------------------------------------------------------------------------


def test_a_pool_is_built_again_with_its_options():
    def hello(_):
        pass

    with ThreadPoolExecutor(3, "crew", hello, ("x",)) as pool:
        fresh = pools.rebuilt(pool)
    assert fresh is not pool
    assert type(fresh) is ThreadPoolExecutor
    assert (fresh._max_workers, fresh._thread_name_prefix) == (3, "crew")
    assert (fresh._initializer, fresh._initargs) == (hello, ("x",))
    context = get_context("spawn")
    pool = ProcessPoolExecutor(2, mp_context=context, max_tasks_per_child=5)
    fresh = pools.rebuilt(pool)
    assert (fresh._max_workers, fresh._mp_context, fresh._max_tasks_per_child) == (2, context, 5)
    for each in (pool, fresh):
        each.shutdown()


def test_a_pool_whose_options_are_not_known_is_not_built_again():
    assert pools.rebuilt(Told()) is None
    with ThreadPoolExecutor(1) as pool:
        del pool._initargs
        assert pools.rebuilt(pool) is None


def test_lokys_pool_is_asked_of_loky(monkeypatch):
    class Odd:
        _max_workers = 4

    Odd.__name__ = "_ReusablePoolExecutor"
    assert "loky" not in sys.modules
    assert pools.rebuilt(Odd()) is None
    loky = SimpleNamespace(get_reusable_executor=lambda max_workers: ("fresh", max_workers))
    monkeypatch.setitem(sys.modules, "loky", loky)
    assert pools.rebuilt(Odd()) == ("fresh", 4)
    assert pools.rebuilt(Told()) is None


def test_a_pool_that_was_shut_down_is_revived_where_it_can_be():
    with ThreadPoolExecutor(2) as pool:
        assert pools.revived(pool) is pool
    fresh = pools.revived(pool)
    assert (fresh is pool, fresh._max_workers, fresh._shutdown) == (False, 2, False)
    processes = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    assert pools.revived(processes) is processes
    processes.shutdown()
    assert pools.revived(processes) is not processes
    odd = SimpleNamespace(_shutdown=True)
    assert pools.revived(odd) is odd
    mock = SimpleNamespace(_shutdown=threading.Event())
    assert pools.revived(mock) is mock


def test_a_look_whether_a_thread_is_needed_does_nothing():
    assert pools.nothing() is None
