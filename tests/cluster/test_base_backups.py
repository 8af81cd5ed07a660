"""Physical copies of a PostgreSQL server: what is noticed of them, and what nothing in the database can tell."""

from __future__ import annotations

import time

import pytest
from cluster.processes import Cluster
from cluster.support.servers import PostgresBackup, PostgresServer, require
from databases import PlaceOn

pytestmark = [pytest.mark.serial, pytest.mark.slow, pytest.mark.timeout(120)]

HELD = "not the one it was"


@pytest.fixture
def original():
    require(PostgresBackup)
    with PostgresServer(fsync=False) as server:
        yield server


@pytest.fixture
def backup(original):
    made = PostgresBackup(original)
    yield made
    made.close()


@pytest.fixture
def cluster(original, tmp_path):
    place = PlaceOn("postgresql", original.url)
    made = Cluster(place, tmp_path, lease=2.0)
    for number in range(3):
        made.add(f"job-{number}", seconds=0.5)
    yield made
    made.close()


def pids(marks) -> set[int]:
    return {each.pid for each in marks}


def test_a_base_backup_put_in_the_servers_place_is_held_by_those_who_lived_through_it(
    original, backup, cluster
):
    (worker,) = cluster.start_all(1)
    cluster.wait_until(lambda: len(cluster.marks()) >= 6)
    backup.take()
    before = len(cluster.marks())
    cluster.wait_until(lambda: len(cluster.marks()) >= before + 12)
    original.stop("fast")
    before = len(cluster.marks())
    backup.port = original.port
    backup.start()
    cluster.wait_until(lambda: HELD in worker.said())
    time.sleep(2)  # so long what it must not do could happen
    fires = [(each.job, each.fire) for each in cluster.marks() if each.phase == "start"]
    assert len(fires) == len(set(fires)), "a fire time ran twice"
    cluster.editor.adopt_store()
    before = len(cluster.marks())
    cluster.wait_until(lambda: len(cluster.marks()) >= before + 6)


def test_a_base_backup_started_beside_the_server_is_the_same_store_to_a_new_process(
    backup, cluster
):
    """As documented: all that the copy could be known by has come along."""
    (worker,) = cluster.start_all(1)
    cluster.wait_until(lambda: len(cluster.marks()) >= 6)
    backup.start()
    elsewhere = cluster.start(url=backup.url)
    elsewhere.wait_ready()
    cluster.wait_until(lambda: elsewhere.pid in pids(cluster.marks()), 30)
    assert HELD not in elsewhere.said()
    before = len(cluster.marks())
    cluster.wait_until(lambda: pids(cluster.marks()[before:]) == {worker.pid, elsewhere.pid})
