"""A process that was killed in the middle of a run, and the one that is started in its place on the same host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster.processes import PATHS
from cluster.support import judge
from databases import SHARED, Place

from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_MAX_INSTANCES
from apscheduler.schedulers.background import BackgroundScheduler

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc"),
]

LEASE = 600.0
"""Nothing here is to wait for its end."""
WAIT = 60.0


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "marks"
    path.touch()
    return str(path)


@pytest.fixture
def killed(place, log):
    """A scheduler process that was killed in the middle of a run of the job "long"."""
    scheduler = BackgroundScheduler(jobstores={"default": place.store()}, timezone="UTC")
    scheduler.start(paused=True)
    job = {"trigger": "interval", "seconds": 1, "args": [log, 0], "misfire_grace_time": None}
    scheduler.add_job("cluster.work:run", id="long", **{**job, "args": [log, 3600]})
    scheduler.shutdown()
    process = subprocess.Popen(
        [
            *(sys.executable, str(Path(__file__).with_name("stepped.py"))),
            *(place.url, place.table, str(LEASE)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)},
    )
    deadline = time.monotonic() + WAIT
    while not judge.read(log):
        assert time.monotonic() < deadline, "it does not run"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return judge.read(log)[0].pid


@pytest.fixture
def restarted(place, killed):
    """Return a function that starts a scheduler and waits for the first event of a kind."""
    made = []

    def start(kind):
        from threading import Event

        told = Event()
        scheduler = BackgroundScheduler(
            jobstores={"default": place.store(lease=LEASE)}, timezone="UTC"
        )
        scheduler.add_listener(lambda _: told.set(), kind)
        made.append(scheduler)
        scheduler.start()
        assert told.wait(WAIT)
        return scheduler

    yield start
    for scheduler in made:
        scheduler.shutdown()


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_jobs_run_from_the_first_pass_on_and_none_is_skipped(place, log, restarted):
    place.change("UPDATE {t} SET next_run_time = next_run_time")  # the place is there
    scheduler = BackgroundScheduler(jobstores={"default": place.store()}, timezone="UTC")
    scheduler.start(paused=True)
    scheduler.modify_job("long", args=[log, 0])
    scheduler.shutdown()
    scheduler = restarted(EVENT_JOB_EXECUTED)
    runs = [(run.outcome, run.reason) for run in scheduler.get_runs("long", limit=1000)]
    outcomes = {outcome for outcome, _ in runs}
    assert outcomes <= {"lost", "executed", "coalesced"}, runs
    assert [outcome for outcome, _ in runs].count("lost") == 1
    assert len(scheduler.nodes()) == 1


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_on_another_host_the_lease_decides_and_the_reason_says_who_holds_the_run(
    place, restarted, caplog, killed
):
    place.change("UPDATE {t}_nodes SET boot = 'another'")
    scheduler = restarted(EVENT_JOB_MAX_INSTANCES)
    (reason,) = {run.reason for run in scheduler.get_runs("long", outcome="skipped", limit=1)}
    assert f"-{killed}-" in reason
    assert "held by " in reason
    assert ", last heard " in reason
    said = [each.getMessage() for each in caplog.records if " skipped " in each.getMessage()]
    assert ", last heard " in said[0]
    assert "would let it run" not in said[0]
    assert len(scheduler.nodes()) == 2
