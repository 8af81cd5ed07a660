"""What watches one run, at the moments at which a run and its timeout meet."""

from __future__ import annotations

import asyncio
import threading

import pytest

from apscheduler.executors._coroutines import CoroutineRunner
from apscheduler.executors._watchdog import Watch, watched_call
from apscheduler.executors.futures import FuturesExecutor


def nothing():
    pass


async def forever():
    await asyncio.Event().wait()


def elsewhere():
    """Return the number of a thread that has ended: nothing is raised in it."""
    thread = threading.Thread(target=nothing)
    thread.start()
    thread.join()
    return thread.ident


def test_a_run_that_becomes_a_task_after_its_timeout_is_cancelled_at_once():
    async def become_a_task():
        watch = Watch(elsewhere(), 1.0, nothing, nothing)
        assert watch.expire()
        task = asyncio.ensure_future(forever())
        watch.awaiting(asyncio.get_running_loop(), task)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)
        assert not watch.finish()

    asyncio.run(become_a_task())


def test_a_run_that_becomes_a_task_in_time_goes_on():
    async def become_a_task():
        watch = Watch(elsewhere(), 1.0, nothing, nothing)
        task = asyncio.ensure_future(asyncio.sleep(0, result=5))
        watch.awaiting(asyncio.get_running_loop(), task)
        assert await asyncio.wait_for(task, 10) == 5
        assert watch.finish()

    asyncio.run(become_a_task())


def test_a_timeout_while_the_loop_is_made_cancels_the_task_and_loses_no_loop(monkeypatch):
    watch = Watch(threading.get_ident(), 1.0, nothing, nothing)
    make, made, begun = asyncio.events.new_event_loop, [], []

    def make_late():
        assert watch.expire()
        watch.press()
        made.append(make())
        return made[0]

    async def told():
        begun.append(1)
        await forever()

    monkeypatch.setattr(asyncio.events, "new_event_loop", make_late)
    runner = CoroutineRunner()
    value, error, in_time = watched_call(watch, lambda: runner.run(told(), None, watch))
    assert (value, type(error), in_time) == (None, asyncio.CancelledError, False)
    assert begun == [1]
    (loop,) = made
    assert loop.is_closed()


@pytest.mark.parametrize(
    "pool", [5, None, "pool", object()], ids=["number", "none", "text", "object"]
)
def test_what_is_no_pool_is_refused_where_it_is_given(pool):
    with pytest.raises(TypeError, match=r"a pool with a submit\(\) method is needed"):
        FuturesExecutor(pool)
