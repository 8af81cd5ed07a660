"""A coroutine function on a scheduler without a loop of its own: awaited to its end in a thread of the pool."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC

import pytest

from apscheduler.events import EVENT_JOB_EXECUTED
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import ManualScheduler


async def answers(value):
    await asyncio.sleep(0)
    return value


def gives(value):
    return answers(value)


@pytest.mark.parametrize("function", [answers, gives])
def test_what_it_returns_is_the_outcome_each_time(function):
    told, enough = [], threading.Event()

    def note(event):
        told.append(event.retval)
        if len(told) >= 2:
            enough.set()

    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_listener(note, EVENT_JOB_EXECUTED)
    scheduler.add_job(function, "interval", args=[42], seconds=0.02)
    scheduler.start()
    assert enough.wait(30)
    scheduler.shutdown()
    assert set(told) == {42}


kept: list[asyncio.Task] = []
ended_by: list[str] = []


async def leaves_a_task_behind():
    async def goes_on():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended_by.append("cancelled")
            raise

    kept.append(asyncio.create_task(goes_on()))
    await asyncio.sleep(0)
    return "left"


def test_a_task_that_it_leaves_behind_is_cancelled_and_the_thread_runs_on():
    ended_by.clear()
    scheduler = ManualScheduler()
    told = []
    scheduler.add_listener(lambda event: told.append(event.retval), EVENT_JOB_EXECUTED)
    scheduler.add_job(leaves_a_task_behind, "interval", minutes=1)
    scheduler.start()
    scheduler.advance(120)
    scheduler.shutdown()
    assert told == ["left", "left"]
    assert ended_by == ["cancelled", "cancelled"]
    assert all(task.cancelled() for task in kept)
    kept.clear()
