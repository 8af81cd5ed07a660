"""What a thread gets that waits for a coroutine in the scheduler's loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from apscheduler.loops import port as ports
from apscheduler.loops.port import AsyncioPort


@pytest.fixture
def loop(monkeypatch):
    """Return a loop that runs in a thread of its own."""
    monkeypatch.setattr(ports, "_LOOK_SECONDS", 0.01)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    if loop.is_running():
        loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def times_out():
    await asyncio.sleep(0.03)
    raise TimeoutError("the job's own")


def test_a_timeout_of_the_job_is_its_own_and_not_that_of_a_look(loop):
    with pytest.raises(TimeoutError, match="the job's own"):
        AsyncioPort(loop).result_of(times_out(), None, None)


def test_who_waits_is_told_where_the_loop_ends_before_the_job(loop):
    async def waits():
        loop.call_soon(loop.stop)
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="the event loop ended before the job did"):
        AsyncioPort(loop).result_of(waits(), None, None)
    loop.run_until_complete(asyncio.sleep(0))  # the task takes its cancellation
