"""No store, however slow, holds the loop up: every statement waits until the loop has answered it.

This needs no stopwatch. A statement that the loop's own thread sends is a failure at once; one that is sent under a
lock for which the loop waits is never answered.
"""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hosts.drivers import PATIENCE
from hosts.told import ENDED, Told
from sqlalchemy import event

from apscheduler import events as ev
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers._hosts.callback import CallbackScheduler


class Sleeping:
    """What a job that a store can write down sleeps with, until the test is over."""

    host: Any = None
    began = threading.Event()
    over = threading.Event()


class Watched:
    """A database each of whose statements lasts until the loop has answered.

    :ivar in_loop: statements that held the loop up
    :ivar unanswered: statements during which the loop was held up by something else
    """

    def __init__(self, host, engine):
        self._host = host
        self.watching = False
        self.count = 0
        self.in_loop: list[str] = []
        self.unanswered: list[str] = []
        event.listen(engine, "before_cursor_execute", self._before)

    def _before(self, connection, cursor, statement, *rest):
        if not self.watching:
            return
        self.count += 1
        if threading.get_ident() == self._host.loop_thread:
            self.in_loop.append(statement)
            return
        answered = threading.Event()
        self._host.post(answered.set)
        given_up = time.monotonic() + PATIENCE / 3
        while self.watching and not answered.wait(0.01):
            if time.monotonic() > given_up:
                self.unanswered.append(statement)
                return


@pytest.fixture
def watched(host, made, tmp_path):
    """A scheduler on such a database, started; not yet watched."""
    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path}/jobs.db")
    scheduler = made(jobstores={"default": store})
    if not isinstance(scheduler, CallbackScheduler):
        pytest.skip("this host's loop is the scheduler's own")
    watched = Watched(host, store.engine)
    Sleeping.host = host
    Sleeping.began.clear()
    Sleeping.over.clear()
    watched.scheduler, watched.told = scheduler, Told(scheduler)
    host.start(scheduler)
    watched.watching = True
    yield watched
    watched.watching = False
    Sleeping.over.set()
    assert watched.count > 0
    assert watched.in_loop == []
    assert watched.unanswered == []


def seven():
    return 7


async def aseven():
    return 7


async def afail():
    raise ValueError("the job's own")


async def forever():
    Sleeping.began.set()
    while not Sleeping.over.is_set():
        await Sleeping.host.asleep(0.01)


@pytest.mark.parametrize("function", [seven, aseven, afail])
@pytest.mark.parametrize("delivery", ["at_most_once", "at_least_once"])
def test_runs_are_claimed_and_settled_beside_the_loop(watched, function, delivery):
    watched.scheduler.add_job(function, id="job", delivery=delivery)
    watched.told.wait_for(ENDED, "job")
    assert watched.scheduler.get_runs("job")[0].outcome in ("executed", "failed")


def test_a_recurring_job_goes_on_beside_the_loop(watched):
    watched.scheduler.add_job(aseven, "interval", seconds=0.05, id="job")
    watched.told.wait_for(ENDED, "job", 4)


def test_a_timeout_is_recorded_beside_the_loop(watched):
    watched.scheduler.add_job(forever, id="job", timeout=0.05, jobstore="default")
    watched.told.wait_for(ENDED, "job")
    assert watched.scheduler.get_runs("job")[0].outcome == "timed_out"


def test_what_is_missed_is_recorded_beside_the_loop(watched):
    due = datetime.now(UTC) - timedelta(seconds=30)
    watched.scheduler.add_job(
        aseven, "date", run_date=due, id="job", misfire_grace_time=1, next_run_time=due
    )
    watched.told.wait_for(ev.EVENT_JOB_MISSED, "job")


def test_listeners_in_the_loop_do_not_meet_a_lock_of_the_stores(watched):
    seen = []
    watched.scheduler.add_listener(lambda event: seen.append(watched.scheduler.running), ENDED)
    watched.scheduler.add_jobs([{"func": aseven, "id": str(number)} for number in range(20)])
    watched.told.wait_for(ENDED, count=20)
    assert seen == [True] * 20


def test_jobs_are_edited_from_another_thread_beside_the_loop(watched):
    scheduler = watched.scheduler
    scheduler.add_job(aseven, "interval", hours=1, id="job")
    scheduler.modify_job("job", name="another")
    scheduler.pause_job("job")
    scheduler.resume_job("job")
    assert [job.name for job in scheduler.get_jobs()] == ["another"]
    scheduler.remove_job("job")
    watched.told.wait_for(ev.EVENT_JOB_REMOVED, "job")


def test_a_shutdown_and_what_it_cancels_are_recorded_beside_the_loop(host, watched):
    watched.scheduler.add_job(forever, id="job")
    assert Sleeping.began.wait(PATIENCE)
    if hasattr(watched.scheduler, "ashutdown"):
        asyncio.run_coroutine_threadsafe(watched.scheduler.ashutdown(wait=False), host.loop).result(
            PATIENCE
        )
    else:
        watched.scheduler.shutdown(wait=False)
    if host.stops_coroutines:
        assert watched.told.wait_for(ENDED, "job").code == ev.EVENT_JOB_CANCELLED


def test_a_leader_lock_is_asked_beside_the_loop(host, made, monkeypatch, tmp_path):
    from apscheduler.cluster.leading import FileLock

    threads = []
    take = FileLock.take

    def taken(lock):
        threads.append(threading.get_ident())
        return take(lock)

    monkeypatch.setattr(FileLock, "take", taken)
    scheduler = made(leader_lock=str(tmp_path / "leader"))
    told = Told(scheduler)
    host.start(scheduler)
    scheduler.add_job(aseven, id="job")
    assert told.wait_for(ENDED, "job").retval == 7
    assert threads
    if isinstance(scheduler, CallbackScheduler):
        assert host.loop_thread not in threads
