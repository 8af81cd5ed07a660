"""Four workers of a real web server on one PostgreSQL store, killed all the time: every fire time runs once.

``python3 dev.py test --long`` does it for a minute each; the same by hand:
``TICKWRIGHT_LONG=1 python -m pytest tests/servers/test_every_fire_once.py -s``.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from contextlib import suppress

import pytest
from cluster.processes import Cluster
from databases import Place
from servers.running import Server

from tools import commands

SECONDS = 60 if os.environ.get(commands.LONG_MARK) else 6
EVERY = 2.0
"""Seconds between two kills."""
LEASE = 2.0
JOBS = 20


@pytest.fixture
def cluster(tmp_path):
    place = Place("postgresql", tmp_path)
    made = Cluster(place, tmp_path, lease=LEASE)
    yield made
    made.close()
    place.close()


def alive(cluster) -> list[int]:
    own = os.getpid()
    return [each.pid for each in cluster.editor.nodes() if each.alive and each.pid != own]


def kill_one(cluster, dice) -> int:
    """Kill a worker that schedules now, unless it is the last one, and return how many that were."""
    pids = alive(cluster)
    with suppress(ProcessLookupError):
        if len(pids) > 1:
            os.kill(dice.choice(pids), signal.SIGKILL)
            return 1
    return 0


@pytest.mark.serial
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="these servers fork")
@pytest.mark.parametrize(
    ("server", "start"), [("gunicorn", "import"), ("uvicorn", "lifespan")], ids=lambda each: each
)
def test_four_workers_run_every_fire_time_once_while_they_are_killed(
    cluster, tmp_path, server, start
):
    for number in range(JOBS):
        cluster.add(
            f"job-{number}", seconds=0.5 if number % 2 else 1, max_instances=10, coalesce=False
        )
    place, dice = cluster.place, random.Random(4)
    told = {"url": place.url, "table": place.table, "lease": LEASE, "start": start}
    running = Server(server, tmp_path, workers=4, **told)
    killed = 0
    try:
        running.wait_until(lambda: len(alive(cluster)) >= 4, "four schedulers")
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            time.sleep(EVERY)  # what is tested is what the workers do in real time
            killed += kill_one(cluster, dice)
        until = cluster.rest()
    finally:
        running.end()
    verdict = cluster.verdict(until)
    sys.stdout.write(f"\n{server}: {SECONDS} s, {killed} workers killed, {verdict}\n")
    assert verdict.clean, str(verdict)
    assert killed >= SECONDS / EVERY / 2
    assert set(verdict.outcomes) <= {"executed", "lost"}
    assert verdict.outcomes["executed"] > 0.9 * JOBS * SECONDS
    assert verdict.outcomes["lost"] <= killed * JOBS
    assert len({each.pid for each in cluster.marks()}) > max(2, killed / 2)
