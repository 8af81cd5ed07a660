"""A program with a shared store that ends without ``shutdown()``: known outcomes are written, what waits is given back."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from databases import Place
from schedulers.scripts import Script

pytestmark = pytest.mark.slow

PENDING, RUNNING = 0, 1

SHARED_STORE = """
import time
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

URL, TABLE = {url!r}, {table!r}
begun = threading.Semaphore(0)

def quick(seconds=0.02):
    begun.release()
    time.sleep(seconds)

def wait_for(count):
    assert all(begun.acquire(timeout=20) for _ in range(count)), "too few runs"

def store():
    return SQLAlchemyJobStore(URL, tablename=TABLE)

def made(kind=BackgroundScheduler, executor=None, **options):
    executor = executor or ThreadPoolExecutor(2)
    options = {{"executors": {{"default": executor}}, "timezone": "UTC", **options}}
    return kind(jobstores={{"default": store()}}, **options)
"""
MANY = """
def many(scheduler, count, seconds=0.02, delivery="at_most_once"):
    scheduler.add_jobs(
        [dict(func=quick, args=[seconds], id=f"job-{i}", misfire_grace_time=None, delivery=delivery) for i in range(count)]
    )
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    made = Place(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture
def run(place, tmp_path):
    def started(*parts):
        told = SHARED_STORE.format(url=place.url, table=place.table)
        return Script(tmp_path, told, MANY, *parts)

    return started


def left(place):
    """Return what the store has when the process has gone."""
    states = [row.state for row in place.rows("SELECT state FROM {t}_runs")]
    return SimpleNamespace(
        nodes=len(place.rows("SELECT name FROM {t}_nodes")),
        running=states.count(RUNNING),
        pending=states.count(PENDING),
        ended=len([state for state in states if state > RUNNING]),
        jobs=len(place.rows("SELECT id FROM {t}")),
    )


ENDINGS = {
    "it returns": "",
    "sys.exit": "sys.exit(0)",
    "an exception": "raise SystemError('of the program')",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_what_is_known_is_written_what_waits_is_given_back_and_the_node_signs_off(
    run, place, ending
):
    done = run(
        f"""
        scheduler = made()
        scheduler.start()
        many(scheduler, 60)
        wait_for(10)
        {ending}
        """
    ).end()
    assert done.err.count("Traceback") == ending.count("raise")
    found = left(place)
    assert (found.nodes, found.running) == (0, 0)
    assert found.ended >= 10
    assert found.ended + found.pending + found.jobs == 60


def test_what_waits_behind_a_long_run_is_given_back_at_once_and_the_run_comes_to_its_end(
    run, place
):
    script = run(
        """
        hold = Event()
        def long():
            say("held")
            hold.wait(20)

        def given_back():
            waiting = look.get_running()
            return len(waiting) == 1 and waiting[0].job_id == "long"

        def watch():
            deadline = time.monotonic() + 10
            while not given_back() and time.monotonic() < deadline:
                time.sleep(0.02)
            took = time.monotonic() - left_at
            say("given back", took < 2.0, [each.job_id for each in look.get_running()])
            hold.set()

        look = made()
        look.start(paused=True)
        scheduler = made(executor=ThreadPoolExecutor(1))
        scheduler.start()
        scheduler.add_job(long, id="long", **PATIENT)
        while not scheduler.get_running():
            time.sleep(0.01)
        many(scheduler, 3)
        left_at = time.monotonic()
        threading.Thread(target=watch, daemon=True).start()
        """
    )
    done = script.end()
    assert done.lines[0] == "held"
    assert done.lines[1].startswith("given back True"), done.lines
    found = left(place)
    assert (found.nodes, found.running) == (0, 0)
    assert found.ended + found.pending + found.jobs == 4


def test_fire_times_behind_the_running_one_of_one_claim_are_given_back(run, place):
    done = run(
        """
        from datetime import UTC, datetime, timedelta
        hold = Event()
        def each_second():
            begun.release()
            hold.wait(0.3)

        scheduler = made(executor=ThreadPoolExecutor(1))
        scheduler.start(paused=True)
        begin = datetime.now(UTC) - timedelta(seconds=30)
        scheduler.add_job(
            each_second, "interval", seconds=1, start_date=begin, next_run_time=begin, id="late",
            coalesce=False, misfire_grace_time=None, max_instances=1,
        )
        scheduler.resume()
        wait_for(1)
        """
    ).end()
    assert done.err == ""
    found = left(place)
    assert (found.nodes, found.running) == (0, 0)
    assert found.ended <= 3


@pytest.mark.parametrize("registered", ["before the start", "after it"])
def test_an_exit_handler_of_the_program_may_still_shut_it_down(run, place, registered):
    """It runs after our own, or before it."""
    register = "atexit.register(lambda: (scheduler.shutdown(), say(scheduler.running)))"
    before, after = (register, "") if registered == "before the start" else ("", register)
    done = run(
        f"""
        import atexit
        {before}
        scheduler = made()
        scheduler.start()
        {after}
        many(scheduler, 4)
        wait_for(4)
        """
    ).end()
    done.assert_clean()
    assert done.lines == ["False"]
    assert left(place).nodes == 0


def test_after_a_shutdown_that_does_not_wait_the_node_signs_off_at_the_end(run, place):
    done = run(
        """
        scheduler = made()
        scheduler.start()
        many(scheduler, 2, 0.4)
        wait_for(2)
        scheduler.shutdown(wait=False)
        """
    ).end()
    done.assert_clean()
    found = left(place)
    assert (found.nodes, found.running, found.ended) == (0, 0, 2)


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_forked_multiprocessing_child_that_returns_signs_off_too(run, place):
    done = run(
        """
        def child():
            scheduler = made()
            scheduler.start()
            many(scheduler, 6)
            wait_for(3)

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
        say("ended", process.exitcode)
        """
    ).end()
    assert done.lines == ["ended 0"]
    found = left(place)
    assert (found.nodes, found.running) == (0, 0)
    assert found.ended + found.pending + found.jobs == 6


def test_a_coroutine_job_that_its_loop_leaves_behind_is_cancelled_and_recorded(run, place):
    done = run(
        """
        import asyncio
        from apscheduler.executors.asyncio import AsyncIOExecutor
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        async def long():
            held.set()
            await asyncio.sleep(60)

        async def main():
            global held, scheduler
            held = asyncio.Event()
            scheduler = made(AsyncIOScheduler, AsyncIOExecutor())
            scheduler.start()
            scheduler.add_job(long, id="long", **PATIENT)
            await asyncio.wait_for(held.wait(), 20)

        asyncio.run(main())
        """
    ).end()
    assert done.running.returncode == 0
    found = left(place)
    assert (found.nodes, found.running, found.ended) == (0, 0, 1)


def test_a_run_that_dies_with_the_process_is_told_and_free_at_once(run, place):
    """A thread that was given up at its timeout goes on; nobody waits for it."""
    done = run(
        """
        def deaf():
            begun.release()
            until = time.monotonic() + 60
            while time.monotonic() < until:
                try:
                    time.sleep(20)
                except BaseException:
                    pass

        scheduler = made()
        scheduler.start()
        scheduler.add_job(deaf, id="once", delivery="at_most_once", **PATIENT)
        scheduler.add_job(deaf, id="again", delivery="at_least_once", **PATIENT)
        wait_for(2)
        scheduler.shutdown(timeout=0.2)
        """
    ).end(30)
    assert done.running.returncode == 0
    assert "still run" in done.err
    rows = place.rows("SELECT job_id, state, attempt, reason FROM {t}_runs ORDER BY job_id")
    states = {row.job_id: (row.state, row.attempt) for row in rows}
    assert states["again"] == (PENDING, 2)
    assert states["once"][0] > RUNNING
    assert "ended while it ran" in next(row.reason for row in rows if row.job_id == "once")
    assert left(place).nodes == 0


def test_the_next_start_runs_what_was_given_back(run, place):
    run(
        """
        scheduler = made()
        scheduler.start()
        many(scheduler, 30, delivery="at_least_once")
        wait_for(4)
        """
    ).end()
    done = run(
        """
        scheduler = made()
        scheduler.start()
        deadline = time.monotonic() + 20
        while scheduler.outcome_counts() != {"executed": 30} and time.monotonic() < deadline:
            time.sleep(0.05)
        say({str(each): count for each, count in scheduler.outcome_counts().items()})
        scheduler.shutdown()
        """
    ).end()
    assert done.lines == ["{'executed': 30}"]
