"""A catch-up in portions, in every kind of executor: in order, one at a time, all of it, told as submitted once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cluster import work
from cluster.support import judge
from databases import Place

from apscheduler._engine.instants import SECOND, to_us
from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_SUBMITTED
from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler

pytestmark = pytest.mark.slow

WAIT = 120.0
COUNT = 60
HALF_AN_HOUR = timedelta(minutes=30)


class OfThirdParty(BaseExecutor):
    """An executor as others wrote them for 3.x: a thread per submission, answers by events."""

    def _do_submit_job(self, job, run_times):
        def run():
            events = run_job(job, job._jobstore_alias, run_times, self._logger.name)
            self._run_job_success(job.id, events)

        threading.Thread(target=run).start()


EXECUTORS = {
    "threads": lambda: ThreadPoolExecutor(4),
    "processes": lambda: ProcessPoolExecutor(2),
    "futures-threads": lambda: FuturesExecutor(concurrent.futures.ThreadPoolExecutor(2)),
    "futures-processes": lambda: FuturesExecutor(concurrent.futures.ProcessPoolExecutor(2)),
    "debug": DebugExecutor,
    "third-party": OfThirdParty,
}


@pytest.fixture
def place(tmp_path):
    place = Place("sqlite", tmp_path)
    yield place
    place.close()


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "marks"
    path.touch()
    return str(path)


async def mark_and_yield(log: str) -> None:
    """A coroutine job that lets others have the loop."""
    work.run(log)
    await asyncio.sleep(0)


class Told:
    """Counts events, and says when all runs have ended."""

    def __init__(self, wanted: int = COUNT) -> None:
        self.submitted: list[list[datetime]] = []
        self.ended = 0
        self.wanted = wanted
        self.all = threading.Event()

    def __call__(self, event) -> None:
        if event.code == EVENT_JOB_SUBMITTED:
            self.submitted.append(event.scheduled_run_times)
            return
        self.ended += 1
        if self.ended >= self.wanted:
            self.all.set()


def add_catch_up(scheduler, function, log: str) -> list[int]:
    """Add a job with overdue fire times, and return them."""
    last = datetime.now(UTC).replace(microsecond=0)
    first = last - timedelta(seconds=COUNT - 1)
    scheduler.add_job(
        *(function, "interval"),
        seconds=1,
        start_date=first,
        end_date=last,
        next_run_time=first,
        id="job",
        args=[log],
        coalesce=False,
        misfire_grace_time=None,
    )
    return [to_us(first) + number * SECOND for number in range(COUNT)]


def check(fires: list[int], log: str, told: Told, place: Place) -> None:
    marks = [(mark.fire, mark.phase) for mark in judge.read(log)]
    assert marks == [(fire, phase) for fire in fires for phase in ("start", "end")]
    assert [[to_us(time) for time in times] for times in told.submitted] == [fires]
    rows = place.rows("SELECT state, COUNT(*) FROM {t}_runs GROUP BY state")
    assert [tuple(row) for row in rows] == [(10, COUNT)]


@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_catch_up_runs_in_order_one_at_a_time_and_is_submitted_once(place, log, kind):
    scheduler = BackgroundScheduler(
        jobstores={"default": place.store()},
        executors={"default": EXECUTORS[kind]()},
        timezone="UTC",
    )
    told = Told()
    scheduler.add_listener(told, EVENT_JOB_EXECUTED | EVENT_JOB_SUBMITTED)
    scheduler.start(paused=True)
    try:
        fires = add_catch_up(scheduler, "cluster.work:run", log)
        scheduler.resume()
        assert told.all.wait(WAIT), told.ended
    finally:
        scheduler.shutdown()
    check(fires, log, told, place)


@pytest.mark.parametrize("function", [mark_and_yield, work.run])
def test_a_catch_up_in_an_event_loop_leaves_the_loop_free(place, log, function):
    told = Told()

    async def main() -> list[int]:
        scheduler = AsyncIOScheduler(
            jobstores={"default": place.store()},
            executors={"default": AsyncIOExecutor()},
            timezone="UTC",
        )
        scheduler.add_listener(told, EVENT_JOB_EXECUTED | EVENT_JOB_SUBMITTED)
        scheduler.start(paused=True)
        fires = add_catch_up(scheduler, function, log)
        scheduler.resume()
        for _ in range(int(WAIT / 0.01)):  # the loop turns meanwhile
            if told.all.is_set():
                break
            await asyncio.sleep(0.01)
        await asyncio.to_thread(scheduler.shutdown)
        return fires

    check(asyncio.run(main()), log, told, place)


@pytest.mark.parametrize("what", ["pause the scheduler", "pause the job", "remove the job"])
def test_what_was_claimed_goes_on_whatever_becomes_of_the_job(place, log, what):
    changed = threading.Event()
    told = Told()

    def listen(event) -> None:
        told(event)
        if told.ended == COUNT // 3:
            if what == "pause the scheduler":
                scheduler.pause()
            elif what == "pause the job":
                scheduler.pause_job("job")
            else:
                scheduler.remove_job("job")
            changed.set()

    scheduler = BackgroundScheduler(jobstores={"default": place.store()}, timezone="UTC")
    scheduler.add_listener(listen, EVENT_JOB_EXECUTED | EVENT_JOB_SUBMITTED)
    scheduler.start(paused=True)
    try:
        first = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=COUNT) + HALF_AN_HOUR
        scheduler.add_job(
            *("cluster.work:run", "interval"),
            hours=1,
            start_date=first,
            next_run_time=first,
            id="job",
            args=[log],
            coalesce=False,
            misfire_grace_time=None,
        )
        scheduler.resume()
        assert told.all.wait(WAIT), told.ended
        assert changed.is_set()
    finally:
        scheduler.shutdown()
    fires = [to_us(first + timedelta(hours=number)) for number in range(COUNT)]
    check(fires, log, told, place)


def test_a_shutdown_in_the_middle_leaves_the_rest_to_the_next_start(place, log):
    """The pool takes nothing more from the shutdown on, and what it has comes to its end."""
    begun = threading.Event()
    told = Told()

    def listen(event) -> None:
        told(event)
        if told.ended >= COUNT // 3:
            begun.set()

    def started():
        scheduler = BackgroundScheduler(jobstores={"default": place.store()}, timezone="UTC")
        scheduler.add_listener(listen, EVENT_JOB_EXECUTED | EVENT_JOB_SUBMITTED)
        scheduler.start(paused=True)
        return scheduler

    first = started()
    fires = add_catch_up(first, "cluster.work:run", log)
    first.resume()
    assert begun.wait(WAIT)
    first.shutdown()
    states = {row[0] for row in place.rows("SELECT state FROM {t}_runs")}
    assert states <= {0, 10}
    second = started()
    second.resume()
    try:
        assert told.all.wait(WAIT), told.ended
    finally:
        second.shutdown()
    marks = [(mark.fire, mark.phase) for mark in judge.read(log)]
    assert marks == [(fire, phase) for fire in fires for phase in ("start", "end")]
