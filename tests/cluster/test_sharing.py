"""Three real scheduler processes on one store: each fire time runs exactly once, whatever happens to them."""

from __future__ import annotations

import time

import pytest
from cluster.processes import Cluster
from databases import SHARED, Place


@pytest.fixture
def cluster(request, tmp_path):
    place = Place(request.param, tmp_path)
    made = Cluster(place, tmp_path)
    yield made
    made.close()
    place.close()


def let_pass(seconds: float) -> None:
    """Let the processes work for a while: what is tested is what they do in real time."""
    time.sleep(seconds)


@pytest.mark.serial
@pytest.mark.slow
@pytest.mark.trap(17)
@pytest.mark.timeout(180)
@pytest.mark.parametrize("cluster", SHARED, indirect=True)
def test_fifty_jobs_of_a_second_on_three_processes_run_each_fire_time_once(cluster):
    for number in range(50):
        # A machine so busy that a pass comes a second late makes two fire times due at once: both run.
        cluster.add(f"job-{number}", seconds=1, coalesce=False)
    cluster.start_all(3)
    let_pass(17)
    until = cluster.rest()
    cluster.end()
    verdict = cluster.verdict(until)
    assert verdict.clean, str(verdict)
    assert verdict.started == verdict.fires == verdict.outcomes["executed"]
    assert verdict.fires > 50 * 14
    assert len({each.pid for each in cluster.marks()}) > 1, "one process did all of it"
