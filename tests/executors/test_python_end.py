"""What is waited for by Python and by event loops: who is asked, when, and what is said."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from types import SimpleNamespace

import pytest
from executors.loop_of_a_test import Executor, wait_once

from apscheduler.executors._ending import python_end
from apscheduler.executors._ending import waits as waits_module
from apscheduler.loops.port import AsyncioPort
from apscheduler.runs.context import lane_workers
from tests.executors import sample_jobs

TEXT = "Somebody waits for %s"


class Runs:
    """Runs that are waited for by others."""

    def __init__(self, **waited_for):
        self.left = waited_for

    def waited_for(self):
        return dict(self.left)


@pytest.fixture
def registered(monkeypatch):
    """What Python is to call before it waits, in a program that has watched nothing yet."""
    calls = []
    monkeypatch.setattr(threading, "_register_atexit", calls.append)
    monkeypatch.setattr(python_end, "_called_before", set())
    monkeypatch.setattr(python_end, "_watched", set())
    monkeypatch.setattr(python_end, "_told_in", 0)
    monkeypatch.setattr(python_end, "_pid", os.getpid())
    return calls


@pytest.fixture
def asked(monkeypatch):
    """What was to be told later: the question and the text."""
    calls = []
    monkeypatch.setattr(python_end, "tell_later", lambda *words: calls.append(words))
    return calls


# -- the end of Python ------------------------------------------------------------------------------------------


def test_python_is_asked_for_a_call_once_and_again_when_a_further_module_waits(
    registered, monkeypatch
):
    thread, process = "concurrent.futures.thread", "concurrent.futures.process"
    monkeypatch.delitem(sys.modules, process, raising=False)
    monkeypatch.setitem(sys.modules, thread, SimpleNamespace())
    python_end.name_what_is_left(Runs())
    python_end.name_what_is_left(Runs())
    assert len(registered) == 1
    monkeypatch.setitem(sys.modules, process, SimpleNamespace())
    python_end.name_what_is_left(Runs())
    assert len(registered) == 2


def test_a_python_that_takes_no_call_any_more_is_no_error(registered, monkeypatch):
    def refuse(function):
        raise RuntimeError("can't register atexit after shutdown")

    monkeypatch.setattr(threading, "_register_atexit", refuse)
    python_end.name_what_is_left(Runs())
    monkeypatch.delattr(threading, "_register_atexit")
    python_end.name_what_is_left(Runs())
    assert python_end._called_before == set()


def test_the_end_asks_once_what_all_runs_are_waited_for(registered, asked):
    runs = [Runs(a="job a"), Runs(b="job b")]  # held: nobody else does
    for each in runs:
        python_end.name_what_is_left(each)
    for call in registered * 2:
        call()
    ((waited_for, text),) = asked
    assert waited_for() == {"a": "job a", "b": "job b"}
    assert text is waits_module.BY_PYTHON


def test_a_child_of_a_fork_does_not_speak_for_its_parent(registered, asked, monkeypatch):
    runs = Runs(a="job a")
    python_end.name_what_is_left(runs)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    registered[0]()
    assert asked == []
    own = Runs(b="job b")
    python_end.name_what_is_left(own)
    registered[0]()
    assert asked[0][0]() == {"b": "job b"}


@pytest.mark.parametrize(("daemon", "is_told"), [(False, False), (True, True)])
def test_a_scheduler_that_goes_on_is_no_end(registered, asked, monkeypatch, daemon, is_told):
    python_end.name_what_is_left(Runs())
    others = [SimpleNamespace(name="APScheduler", daemon=daemon)]
    monkeypatch.setattr(threading, "enumerate", lambda: others)
    registered[0]()
    assert bool(asked) is is_told


# -- the words ----------------------------------------------------------------------------------------------------


def test_only_what_was_there_at_first_and_still_is_is_told(caplog):
    runs = Runs(b="job b past its timeout", c="job c", d="job d")
    waits_module.tell_left({"a": "job a", "b": "job b", "c": "job c"}, runs.waited_for, TEXT)
    assert caplog.messages == ["Somebody waits for job b past its timeout, job c"]
    assert caplog.records[0].name == "apscheduler.executors"
    waits_module.tell_left({"a": "job a"}, runs.waited_for, TEXT)
    assert len(caplog.messages) == 1


def test_it_is_told_by_a_thread_that_holds_nothing_up(monkeypatch):
    told, threads = threading.Event(), []

    def tell(*words):
        threads.append(threading.current_thread())
        told.set()

    monkeypatch.setattr(waits_module, "PATIENCE", 0.0)
    monkeypatch.setattr(waits_module, "tell_left", tell)
    waits_module.tell_later(Runs(a="job a").waited_for, TEXT)
    assert told.wait(20)
    assert threads[0].daemon


@pytest.mark.parametrize("left", [{}, {"a": "job a"}])
def test_no_thread_is_no_error_and_none_is_wanted_where_nothing_is_left(monkeypatch, left):
    tried = []

    def refuse(thread):
        tried.append(thread)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    waits_module.tell_later(Runs(**left).waited_for, TEXT)
    assert len(tried) == len(left)


# -- what a loop's threads have -------------------------------------------------------------------------------------


def test_functions_are_waited_for_from_their_submission_to_the_threads_end(
    started, make_claim, registered
):
    executor = started(Executor())
    runs = executor._runs

    def look():
        seen.append(runs.waited_for())
        workers = list(lane_workers.values())  # of other tests, too
        (runner,) = [each for each in workers if getattr(each, "_runs", None) is runs]
        runs.replace_thread(runner, None)
        runner.abandoned = True
        seen.append(runs.waited_for())

    seen = []
    claim, coroutine = make_claim(look, id="look"), make_claim(wait_once, id="coroutine")
    executor.submit_claims([coroutine])
    assert set(python_end._watched) == set()
    executor.submit_claims([claim])
    assert set(python_end._watched) == {runs}
    assert runs.waited_for() == {claim: "look"}
    executor.threads[0].function()
    assert seen == [{claim: "look"}, {claim: "look past its timeout"}]
    assert runs.waited_for() == {}
    executor.port.tasks[0].coroutine.close()


def test_what_was_called_off_is_not_waited_for(started, make_claim, registered):
    executor = started(Executor())
    executor.submit_claims([make_claim(sample_jobs.nothing)])
    executor.shutdown(wait=False)
    assert executor._runs.waited_for() == {}


# -- the end of an asyncio loop -------------------------------------------------------------------------------------


def test_a_loop_calls_before_it_waits_for_its_threads():
    called = []

    async def main():
        port = AsyncioPort(asyncio.get_running_loop())
        return port.before_end(lambda: called.append(port.is_here()))

    kept = asyncio.run(main())
    assert called == [True]
    del kept


def test_a_loop_that_has_closed_its_generators_calls_nobody():
    async def main():
        loop = asyncio.get_running_loop()
        await loop.shutdown_asyncgens()
        return AsyncioPort(loop).before_end(lambda: None)

    assert asyncio.run(main()) is None


def test_a_loop_that_knows_no_generators_calls_nobody():
    async def main():
        sys.set_asyncgen_hooks(None, None)
        return AsyncioPort(asyncio.get_running_loop()).before_end(lambda: None)

    assert asyncio.run(main()) is None
