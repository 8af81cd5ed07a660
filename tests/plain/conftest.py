"""Fixtures of the stores for one process; their tests are left out where a client library is not installed."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest
from cluster.support.servers import require
from plain.beside import Reference
from plain.running import started
from plain.servers import Etcd, ZooKeeper

CLIENTS = {
    "test_etcd.py": "etcd3gw",
    "test_mongodb.py": "pymongo",
    "test_redis.py": "redis",
    "test_rethinkdb.py": "rethinkdb",
    "test_rethinkdb_connection.py": "rethinkdb",
    "test_zookeeper.py": "kazoo",
}
required = os.environ.get("REQUIRE_SERVICES") == "1"
collect_ignore = [
    name for name, client in CLIENTS.items() if not required and find_spec(client) is None
]


def pytest_report_header():
    """Say what is left out."""
    return [f"left out: {name} ({CLIENTS[name]} is not installed)" for name in collect_ignore]


@pytest.fixture
def reference(reference_python):
    return Reference(reference_python)


@pytest.fixture
def scheduler(place):
    made = started(place.store())
    yield made
    made.shutdown()


@pytest.fixture(scope="session")
def etcd():
    require(Etcd)
    with Etcd() as server:
        yield server


@pytest.fixture(scope="session")
def zookeeper():
    require(ZooKeeper)
    with ZooKeeper() as server:
        yield server
