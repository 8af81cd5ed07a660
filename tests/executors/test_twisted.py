"""Twisted's reactor as an executor's loop, with a reactor that the test drives."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from apscheduler import current_run
from apscheduler.executors.twisted import TwistedExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.context import make_context
from tests.executors import sample_jobs

task = pytest.importorskip("twisted.internet.task", reason="Twisted is not installed")
defer = pytest.importorskip("twisted.internet.defer")
threadable = pytest.importorskip("twisted.python.threadable")
twisted_port = pytest.importorskip("apscheduler.loops.twisted")

SECONDS = 20


class Pool:
    """A thread pool that runs what it has when it is told to."""

    def __init__(self):
        self.calls = []

    def callInThreadWithCallback(self, on_result, function, *args):  # noqa: N802 - Twisted's word
        self.calls.append((on_result, function, args))

    def run(self):
        on_result, function, args = self.calls.pop(0)
        on_result(True, function(*args))


class Reactor(task.Clock):
    """A clock, with what else a port needs of a reactor."""

    def __init__(self):
        super().__init__()
        self.running = True
        self.triggers = []
        self.pool = Pool()
        self.from_threads = []

    def addSystemEventTrigger(self, phase, event, function):  # noqa: N802 - Twisted's word
        self.triggers.append((phase, event, function))

    def callFromThread(self, function, *args):  # noqa: N802 - Twisted's word
        self.from_threads.append((function, args))

    def getThreadPool(self):  # noqa: N802 - Twisted's word
        return self.pool

    def turn(self):
        while self.from_threads:
            function, args = self.from_threads.pop(0)
            function(*args)

    def end(self):
        ((phase, event, function),) = self.triggers
        assert (phase, event) == ("after", "shutdown")
        function()


@pytest.fixture
def reactor():
    return Reactor()


@pytest.fixture
def port(reactor):
    return twisted_port.TwistedPort(reactor)


@pytest.fixture
def executor(scheduler, reactor, started):
    scheduler._reactor = reactor
    return started(TwistedExecutor())


@pytest.fixture
def _here(monkeypatch):
    """Have this thread be the reactor's."""
    monkeypatch.setattr(threadable, "ioThread", threading.get_ident())


async def waiting(deferred):
    return await deferred


# -- the port ------------------------------------------------------------------------------------------


def test_calls_come_to_the_reactor_until_it_has_ended(port, reactor):
    seen = []
    port.call(seen.append, 1)
    port.call_soon_threadsafe(lambda: seen.append(2))
    assert seen == []
    reactor.turn()
    assert seen == [1, 2]
    assert (port.is_running(), port.is_closed()) == (True, False)
    reactor.running = False
    assert (port.is_running(), port.is_closed()) == (False, False)
    reactor.running = True
    reactor.end()
    assert (port.is_running(), port.is_closed()) == (False, True)
    with pytest.raises(RuntimeError, match="the reactor has ended"):
        port.call(seen.append, 3)


def test_a_planned_call_can_be_cancelled_at_any_time(port, reactor):
    seen = []
    made, cancelled = port.later(5, lambda: seen.append(1)), port.later(5, lambda: seen.append(2))
    cancelled.cancel()
    cancelled.cancel()
    reactor.advance(4.9)
    assert seen == []
    reactor.advance(0.1)
    made.cancel()
    assert seen == [1]


def test_it_is_known_which_thread_is_the_reactors(port, monkeypatch):
    monkeypatch.setattr(threadable, "ioThread", threading.get_ident())
    assert port.is_here()
    monkeypatch.setattr(threadable, "ioThread", -1)
    assert not port.is_here()


def test_a_coroutine_is_awaited_to_its_end(port):
    ends, deferred = [], defer.Deferred()
    running = port.start(waiting(deferred), lambda: ends.append(1))
    assert ends == []
    deferred.callback(7)
    assert ends == [1]
    assert running.called
    port.start(waiting(defer.Deferred()), lambda: ends.append(2)).cancel()
    assert ends == [1, 2]
    assert port.forgive() is None


def test_what_a_listener_left_is_awaited(port):
    values, deferred = [], defer.Deferred()
    port.finish(waiting(deferred)).addCallback(values.append)
    deferred.callback(7)
    assert values == [7]


# -- awaiting for a thread --------------------------------------------------------------------------------


def asked_by_a_thread(port, awaitable, context=None, started=None):
    """Have a thread wait for an awaitable; return what it is told."""
    said = []

    def wait():
        try:
            said.append(port.result_of(awaitable, context, started))
        except BaseException as exc:
            said.append(exc)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, said


def until(condition):
    pause = threading.Event()
    for _ in range(SECONDS * 1000):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError


def test_a_thread_is_told_what_the_reactor_awaited(port, reactor):
    seen = []

    async def look():
        return current_run().fire_id

    context = make_context("job", "default", None, 5)
    thread, said = asked_by_a_thread(port, look(), context, lambda *parts: seen.append(parts))
    until(lambda: reactor.from_threads)
    reactor.turn()
    thread.join(SECONDS)
    assert said == ["job@5"]
    ((where, deferred),) = seen
    assert where is port
    assert isinstance(deferred, defer.Deferred)
    assert current_run() is None


@pytest.mark.parametrize("exc", [ValueError("boom"), TimeoutError("the job's own")])
def test_a_thread_is_told_what_was_raised(port, reactor, exc):
    async def fail():
        raise exc

    thread, said = asked_by_a_thread(port, fail())
    until(lambda: reactor.from_threads)
    reactor.turn()
    thread.join(SECONDS)
    assert said == [exc]


def test_a_thread_waits_as_long_as_the_reactor_runs(port, reactor, monkeypatch):
    monkeypatch.setattr(twisted_port, "_LOOK_SECONDS", 0.01)
    looked = threading.Event()
    ask = port.is_running

    def is_running():
        looked.set()
        return ask()

    monkeypatch.setattr(port, "is_running", is_running)
    deferred = defer.Deferred()
    thread, said = asked_by_a_thread(port, deferred)
    until(lambda: reactor.from_threads)
    reactor.turn()
    assert looked.wait(SECONDS)
    looked.clear()
    assert looked.wait(SECONDS)
    assert said == []
    reactor.end()
    thread.join(SECONDS)
    (exc,) = said
    assert isinstance(exc, RuntimeError)
    assert "the reactor ended before the job did" in str(exc)


# -- the executor ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_here")
def test_a_coroutine_job_runs_in_the_reactor(executor, make_claim, recorder):
    deferred = defer.Deferred()
    claim = make_claim(waiting, deferred)
    assert executor.submit_claims([claim]) == []
    assert executor.in_flight() == [claim]
    deferred.callback(7)
    assert recorder.results[0].retval == 7
    assert recorder.released == [claim]
    assert executor.in_flight() == []


@pytest.mark.usefixtures("_here")
def test_a_job_beyond_its_timeout_is_cancelled_where_it_waits(
    executor, reactor, make_claim, recorder
):
    seen = []

    async def waits():
        try:
            await defer.Deferred()
        except defer.CancelledError as exc:
            seen.append(exc)
            raise

    executor.submit_claims([make_claim(waits, timeout=5)])
    reactor.advance(5)
    assert recorder.outcomes == [Outcome.TIMED_OUT]
    assert len(seen) == 1
    assert executor.in_flight() == []


@pytest.mark.usefixtures("_here")
def test_a_function_runs_in_the_reactors_pool(executor, reactor, make_claim, recorder):
    claim = make_claim(sample_jobs.add, 1)
    executor.submit_claims([claim])
    assert recorder.results == []
    reactor.pool.run()
    assert recorder.results[0].retval == 2
    assert executor.in_flight() == [claim]
    reactor.turn()
    assert executor.in_flight() == []
    assert executor._runs.why_late() == "the event loop or the reactor's thread pool was busy"


@pytest.mark.usefixtures("_here")
def test_a_function_that_waits_for_a_thread_is_called_off_at_an_end(
    executor, reactor, make_claim, recorder
):
    executor.submit_claims([make_claim(sample_jobs.add, 1)])
    (deferred,) = executor._pending_futures
    executor.shutdown(wait=False)
    assert deferred.called
    assert recorder.outcomes == [Outcome.CANCELLED]
    assert recorder.results[0].reason == "the scheduler was shut down"
    reactor.pool.run()
    assert len(recorder.results) == 1


def test_a_scheduler_without_a_reactor_is_refused(scheduler):
    with pytest.raises(RuntimeError, match="TwistedExecutor needs a scheduler with a reactor"):
        TwistedExecutor().start(scheduler, "x")
    scheduler._reactor = None
    with pytest.raises(RuntimeError, match="FakeScheduler has none"):
        TwistedExecutor().start(scheduler, "x")


def test_only_what_is_planned_is_cancelled():
    told = []
    call = SimpleNamespace(active=lambda: False, cancel=lambda: told.append(1))
    twisted_port.Call(call).cancel()
    assert told == []
