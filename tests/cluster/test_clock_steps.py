"""One process's clock is set while it shares a store: nothing runs before its time, nothing stands still.

The clock is set by libfaketime, which leaves the steady clocks alone; the judge's clock is steady.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cluster.processes import PATHS
from cluster.support import judge
from databases import SHARED, Place

from apscheduler._engine.instants import SECOND
from apscheduler.schedulers.background import BackgroundScheduler

pytestmark = pytest.mark.slow

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
JOBS = 3
LEASE = 15.0
PHASE = 7 * SECOND
"""Longer than two heartbeats."""
EARLY = 60_000
SILENCE = 10 * SECOND
"""Far less than a step, and enough for a busy machine."""
STEPS = ("-60", "+0", "+60", "+3600", "-3600", "+0")
"""From a slow clock that is set right on."""


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def library():
    if not LIBRARIES:
        reason = "libfaketime is not installed (Debian's package libfaketime)"
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return LIBRARIES[0]


class SteppedClock:
    """What libfaketime reads."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.path = folder / "clock"
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, by: str) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(by, encoding="ascii")
        fresh.replace(self.path)


def started(place, folder, name, **environment):
    paths = {"PYTHONPATH": os.pathsep.join(PATHS)}
    script = Path(__file__).with_name("stepped.py")
    with (folder / f"{name}.log").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, str(script), place.url, place.table, str(LEASE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **paths, **environment},
        )
    assert int(process.stdout.readline()), name
    return process


def true_now() -> int:
    return time.time_ns() // 1000


def wait_for_marks(log: str, until: int) -> list[judge.Mark]:
    """Wait until fires that are due after an instant have been run, and return all marks."""
    deadline = time.monotonic() + 60
    while True:
        marks = judge.read(log)
        if any(mark.fire > until for mark in marks):
            return marks
        assert time.monotonic() < deadline, f"a minute of silence, {len(marks)} marks"
        time.sleep(0.1)


def add_jobs(place, log: str) -> None:
    scheduler = BackgroundScheduler(jobstores={"default": place.store()}, timezone="UTC")
    scheduler.start(paused=True)
    first = datetime.now(UTC) + timedelta(seconds=2)
    for number in range(JOBS):
        scheduler.add_job(
            *("cluster.work:run", "interval"),
            seconds=1,
            start_date=first + timedelta(seconds=number / JOBS),
            args=[log],
            id=f"job-{number}",
            misfire_grace_time=60,
            coalesce=False,
            max_instances=100,
        )
    scheduler.shutdown()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_clock_that_is_set_makes_no_process_run_the_future_or_stand_still(
    place, tmp_path, library
):
    log = str(tmp_path / "marks")
    Path(log).touch()
    add_jobs(place, log)
    base = true_now() - time.clock_gettime_ns(judge.CLOCK) // 1000
    clock = SteppedClock(tmp_path, library)
    clock.set(STEPS[0])
    processes = [
        started(place, tmp_path, "stepped", **clock.environment),
        started(place, tmp_path, "steady"),
    ]
    try:
        for step in STEPS:
            clock.set(step)
            marks = wait_for_marks(log, true_now() + PHASE)
        assert {mark.pid for mark in marks} == {process.pid for process in processes}
    finally:
        for process in processes:
            process.kill()  # libfaketime may hold up a thread that is waited for
            process.communicate()
    said = {name: (tmp_path / f"{name}.log").read_text() for name in ("stepped", "steady")}
    marks = judge.read(log)
    starts = [mark for mark in marks if mark.phase == "start"]
    early = [
        (each.fire - each.at - base) / SECOND
        for each in starts
        if each.at + base < each.fire - EARLY
    ]
    assert early == [], said
    moments = sorted(each.at for each in starts)
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert max(gaps) < SILENCE, said
    doubled = [key for key, n in Counter((m.job, m.fire) for m in starts).items() if n > 1]
    assert doubled == []
    for number in range(JOBS):
        fires = sorted(each.fire for each in starts if each.job == f"job-{number}")
        assert fires == list(range(fires[0], fires[-1] + 1, SECOND)), said
    assert place.rows("SELECT COUNT(*) FROM {t}_runs WHERE state NOT IN (10, 0, 1)") == [(0,)], said
    assert "This host's clock was set" in said["stepped"]
    # libfaketime has a short time.sleep() raise EINVAL now and then, so the other process only.
    assert "Traceback" not in said["steady"]
