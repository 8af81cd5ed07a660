"""kill -9 in the middle of a catch-up: it costs a portion of it, and the rest runs in its order afterwards."""

from __future__ import annotations

import os
import signal
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

from apscheduler._engine.instants import SECOND, to_us
from apscheduler.jobstores._sql.claiming.catching_up import PORTION, portion_of
from apscheduler.schedulers.background import BackgroundScheduler

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc"),
]

LEASE = 600.0
"""Nothing here is to wait for its end: the process is provably gone."""
WAIT = 120.0
COUNT = 600
SECONDS = 0.001
"""How long a run takes, at least."""


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


def add(place, log: str, delivery: str) -> list[int]:
    scheduler = BackgroundScheduler(jobstores={"default": place.store()}, timezone="UTC")
    scheduler.start(paused=True)
    last = datetime.now(UTC).replace(microsecond=0)
    first = last - timedelta(seconds=COUNT - 1)
    scheduler.add_job(
        *("cluster.work:run", "interval"),
        seconds=1,
        start_date=first,
        end_date=last,
        next_run_time=first,
        id="job",
        args=[log, SECONDS],
        coalesce=False,
        misfire_grace_time=None,
        delivery=delivery,
    )
    scheduler.shutdown()
    return [to_us(first) + number * SECOND for number in range(COUNT)]


def kill_in_the_middle(place, log: str, count: int) -> None:
    """Start a process, and kill it when so many runs have begun."""
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
    while len(judge.read(log)) < 2 * count:
        assert time.monotonic() < deadline, "it does not run"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def run_the_rest(place) -> None:
    scheduler = BackgroundScheduler(jobstores={"default": place.store(lease=LEASE)}, timezone="UTC")
    scheduler.start()
    deadline = time.monotonic() + WAIT
    try:
        while place.rows("SELECT COUNT(*) FROM {t}_runs WHERE state < 10")[0][0]:
            assert time.monotonic() < deadline, "it does not come to an end"
            time.sleep(0.1)
    finally:
        scheduler.shutdown()


@pytest.mark.parametrize("killed_at", [0, 20, 250])
@pytest.mark.parametrize("delivery", ["at_most_once", "at_least_once"])
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_kill_costs_a_portion_of_a_catch_up(place, log, delivery, killed_at):
    fires = add(place, log, delivery)
    kill_in_the_middle(place, log, killed_at or 1)
    before = judge.read(log)
    run_the_rest(place)
    marks = judge.read(log)
    starts = Counter(each.fire for each in marks if each.phase == "start")
    rows = place.rows("SELECT fire_us, state FROM {t}_runs ORDER BY fire_us")
    lost = [fire for fire, state in rows if state == 16]
    assert [fire for fire, _ in rows] == fires
    assert {state for _, state in rows} <= {10, 16}
    most = portion_of(SECONDS * 1e6)
    assert most == PORTION / 1000
    again = [fire for fire, count in starts.items() if count > 1]
    if delivery == "at_most_once":
        assert len(lost) <= most
        assert again == []
        assert starts.keys() >= set(fires) - set(lost)
    else:
        assert lost == []
        assert len(again) <= most
        assert starts.keys() == set(fires)
    later = [each.fire for each in marks[len(before) :] if each.phase == "start"]
    assert later == sorted(later)
