"""A job store that cannot be reached is reported once, in one line that says where it is and what becomes of its jobs."""

from __future__ import annotations

import socket

import pytest

from apscheduler.jobstores._plain.reaching import place_of, why_unreachable
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.testing import ManualScheduler


@pytest.fixture
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens here
        yield taken.getsockname()[1]


def redis_at(port: int) -> BaseJobStore:
    pytest.importorskip("redis")
    from apscheduler.jobstores.redis import RedisJobStore

    return RedisJobStore(host="127.0.0.1", port=port, password="hush", retry=None)


def etcd_at(port: int) -> BaseJobStore:
    pytest.importorskip("etcd3gw")
    from apscheduler.jobstores.etcd import EtcdJobStore

    return EtcdJobStore(host="127.0.0.1", port=port, timeout=1)


@pytest.mark.parametrize("store_at", [redis_at, etcd_at])
def test_a_store_that_is_away_at_the_start_is_one_readable_line(closed_port, store_at, caplog):
    scheduler = ManualScheduler(jobstores={"kept": store_at(closed_port)})
    scheduler.start()
    scheduler.tick()
    said = [each for each in caplog.records if each.levelname in ("WARNING", "ERROR")]
    (line,) = [each.getMessage() for each in said if each.name.startswith("apscheduler")]
    assert line == (
        f"Job store 'kept' at 127.0.0.1:{closed_port} is not reachable (Connection refused); "
        "its jobs wait and it is asked again in 10 s"
    )
    assert [each.exc_info for each in said if each.exc_info] == []
    assert "hush" not in caplog.text
    scheduler.shutdown()


def test_a_password_that_is_wrong_is_no_store_that_is_away():
    AuthenticationError = type("AuthenticationError", (Exception,), {})  # noqa: N806 - a class
    assert why_unreachable(AuthenticationError("wrong")) is None
    assert why_unreachable(OSError(28, "No space left on device")) is None


def test_why_a_store_is_away_is_the_systems_word_for_it():
    wrapped = RuntimeError("a store's own error")
    wrapped.__cause__ = ConnectionResetError(104, "Connection reset by peer")
    assert why_unreachable(wrapped) == "Connection reset by peer"
    assert (
        why_unreachable(socket.gaierror(-2, "Name or service not known"))
        == "Name or service not known"
    )
    assert why_unreachable(TimeoutError()) == "no answer in time"
    assert why_unreachable(type("AutoReconnect", (Exception,), {})("db: gone")) == "AutoReconnect"


def test_a_store_that_does_not_say_where_it_is_is_named_without():
    assert place_of(MemoryJobStore()) == ""


def test_every_store_with_a_server_says_where_that_is_and_no_secret():
    pytest.importorskip("pymongo")
    pytest.importorskip("kazoo")
    from apscheduler.jobstores.mongodb import MongoDBJobStore
    from apscheduler.jobstores.zookeeper import ZooKeeperJobStore

    mongo = MongoDBJobStore(host="mongodb://me:hush@db.example:1,other.example:2", connect=False)
    assert place_of(mongo) == " at db.example:1, other.example:2"
    assert place_of(ZooKeeperJobStore(hosts="zk.example:1")) == " at zk.example:1"
    assert place_of(redis_at(1)) == " at 127.0.0.1:1"
