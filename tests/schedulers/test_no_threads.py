"""A process that can start no thread for a while, as at a limit of its container: afterwards all goes on."""

from __future__ import annotations

import sys

import pytest
from schedulers.scripts import Script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="it limits its own address space"),
]

LIMIT = """
import resource, sqlite3, time
from pathlib import Path
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

FILE = str(Path(__file__).with_name("jobs.sqlite"))
ran = []

def run(name):
    ran.append(name)

def exhaust():
    # A thread's stack is larger than what may be had.
    threading.stack_size(512 * 1024 * 1024)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 128 * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    try:
        threading.Thread(target=print).start()
    except RuntimeError:
        return
    raise AssertionError("threads can be started")

def relieve():
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    threading.stack_size(0)

def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True

def executed(count):
    connection = sqlite3.connect(FILE)
    rows = connection.execute("SELECT job_id FROM apscheduler_jobs_runs WHERE state = 10").fetchall()
    connection.close()
    return len(rows) == count

def store(**options):
    return SQLAlchemyJobStore(f"sqlite:///{FILE}", **options)
"""


def said(tmp_path, text: str) -> list[str]:
    script = Script(tmp_path, LIMIT, text)
    out, errors = script.running.communicate(timeout=100)
    assert script.running.returncode == 0, errors
    return out.splitlines()


def test_outcomes_are_written_and_the_shutdown_is_clean(tmp_path):
    text = """
    scheduler = BackgroundScheduler(jobstores={"default": store()})
    scheduler.start()
    exhaust()
    scheduler.add_job(run, args=["first"], **PATIENT)
    wait_for(lambda: ran == ["first"])
    relieve()
    scheduler.add_job(run, args=["second"], **PATIENT)
    wait_for(lambda: ran == ["first", "second"])
    say("written", wait_for(lambda: executed(2)))
    scheduler.shutdown()
    left = [each.name for each in threading.enumerate() if each.name.startswith("APScheduler")]
    say("left", [name for name in left if name != "APScheduler call watch"])
    """
    assert said(tmp_path, text) == ["written True", "left []"]


def test_a_start_that_gets_no_thread_leaves_nothing_running_and_can_be_tried_again(tmp_path):
    text = """
    scheduler = BackgroundScheduler()
    exhaust()
    try:
        scheduler.start()
    except RuntimeError:
        say("refused", scheduler.running)
    relieve()
    scheduler.start()
    scheduler.add_job(run, args=["first"], **PATIENT)
    say("runs", wait_for(lambda: ran))
    scheduler.shutdown()
    """
    assert said(tmp_path, text) == ["refused False", "runs True"]


def test_a_store_that_gets_no_thread_at_its_start_can_be_started_again(tmp_path):
    text = """
    scheduler = BackgroundScheduler(jobstores={"default": store()})
    exhaust()
    try:
        scheduler.start()
    except RuntimeError:
        say("refused", scheduler.running)
    relieve()
    scheduler.start()
    scheduler.add_job(run, args=["first"], **PATIENT)
    say("runs", wait_for(lambda: ran))
    say("watched", "APScheduler call watch" in {each.name for each in threading.enumerate()})
    scheduler.shutdown()
    """
    assert said(tmp_path, text) == ["refused False", "runs True", "watched True"]


def test_a_node_does_not_live_without_a_heartbeat(tmp_path):
    text = """
    scheduler = BackgroundScheduler(jobstores={"default": store(lease=600)})
    scheduler.start(paused=True)
    exhaust()
    scheduler.resume()
    scheduler.add_job(run, args=["first"], **PATIENT)
    said = threading.Event()
    handler = logging.Handler()
    handler.emit = lambda record: said.set()
    logging.getLogger("apscheduler").addHandler(handler)
    said.wait(20)
    relieve()
    say("runs", wait_for(lambda: ran))
    names = lambda: {each.name for each in threading.enumerate()}
    say("beats", wait_for(lambda: "APScheduler heartbeat" in names()))
    say("nodes", len(scheduler.nodes()))
    scheduler.shutdown()
    """
    assert said(tmp_path, text) == ["runs True", "beats True", "nodes 1"]


def test_in_an_event_loop_the_next_look_comes_all_the_same(tmp_path):
    text = """
    import asyncio
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    async def main():
        scheduler = AsyncIOScheduler(jobstores={"default": store()})
        scheduler.start(paused=True)
        scheduler.add_job(run, args=["first"], **PATIENT)
        exhaust()
        scheduler.resume()
        for _ in range(20):
            await asyncio.sleep(0.02)
        relieve()
        deadline = time.monotonic() + 20
        while not ran and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        say("runs", ran)
        await scheduler.ashutdown()

    asyncio.run(main())
    """
    assert said(tmp_path, text) == ["runs ['first']"]
