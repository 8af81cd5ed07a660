"""What watches one run, at the moments at which a run and its timeout meet."""

from __future__ import annotations

import asyncio
import heapq
import threading

import pytest

from apscheduler.executors._attempt import watchdog as watchdog_module
from apscheduler.executors._attempt.watchdog import Watch, Watchdog, watched_call
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.loops.coroutines import CoroutineRunner


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


# -- many watches -----------------------------------------------------------------------------------------------------


def held(dog):
    return [entry[3] for entry in dog._heap]


def test_runs_that_ended_in_time_are_not_kept_until_their_timeouts(monkeypatch):
    monkeypatch.setattr(watchdog_module, "_COMPACT_FROM", 8)
    dog = Watchdog("a watchdog of a test")
    dog._compact_at = 8
    going = Watch(elsewhere(), 5000.0, nothing, nothing)
    dog.add(going)
    for number in range(200):
        watch = Watch(elsewhere(), 3600.0 + number, nothing, nothing)
        dog.add(watch)
        assert watch.finish()
    assert len(held(dog)) <= 8 * 2
    assert going in held(dog)
    assert going.finish()
    dog.close()


def test_what_is_left_when_the_others_are_dropped_is_watched_in_order_of_time(monkeypatch):
    monkeypatch.setattr(watchdog_module, "_COMPACT_FROM", 8)
    dog = Watchdog("a watchdog of a test")
    watches = {}
    for seconds in (100, 900, 200, 1000, 1100, 300, 400):  # a heap, and none without its root
        watches[seconds] = Watch(elsewhere(), float(seconds), nothing, nothing)
        dog.add(watches[seconds])
    assert watches[100].finish()
    with dog._changed:
        dog._compact()
        order = [heapq.heappop(dog._heap)[3] for _ in range(6)]
        assert dog._heap == []
    assert order == [watches[seconds] for seconds in (200, 300, 400, 900, 1000, 1100)]
    dog.close()
