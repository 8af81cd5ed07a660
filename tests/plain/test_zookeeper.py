"""The ZooKeeper store: the contract of plain stores, 3.11.3 beside it, and what is special to it. Needs a server."""

from __future__ import annotations

import secrets

import pytest
from kazoo.client import KazooClient
from kazoo.handlers.threading import KazooTimeoutError
from plain.beside import BesideReference, Place
from plain.documents import Documents, KeepsDocuments, plain_document
from plain.running import FUNCTION, RunsFromPlace, started

from apscheduler.jobstores.zookeeper import ZooKeeperJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing.contracts import PlainStoreContract


class ZooKeeperPlace(Documents, Place):
    store_class = ZooKeeperJobStore
    client = "kazoo"

    def __init__(self, server) -> None:
        self.path = f"/t/{secrets.token_hex(6)}"
        self.options = {"path": self.path, "hosts": server.url}
        self.kazoo = KazooClient(hosts=server.url)
        self.kazoo.start()

    def raw(self):
        names = self.kazoo.get_children(self.path)
        return {name: plain_document(self.raw_bytes(name)) for name in names}

    def is_bare(self):
        return self.kazoo.exists(self.path) is None

    def raw_bytes(self, job_id):
        return self.kazoo.get(f"{self.path}/{job_id}")[0]

    def write(self, job_id, raw):
        self.kazoo.set(f"{self.path}/{job_id}", raw)

    def remove(self, job_id):
        self.kazoo.delete(f"{self.path}/{job_id}")

    def close(self):
        if self.kazoo.exists(self.path):
            self.kazoo.delete(self.path, recursive=True)
        self.kazoo.stop()
        self.kazoo.close()


@pytest.fixture
def place(zookeeper):
    made = ZooKeeperPlace(zookeeper)
    yield made
    made.close()


@pytest.fixture
def other_place(zookeeper):
    made = ZooKeeperPlace(zookeeper)
    yield made
    made.close()


@pytest.mark.trap(16)
class TestZooKeeperStore(PlainStoreContract):
    @pytest.fixture(autouse=True)
    def _server(self, zookeeper):
        self.server = zookeeper

    def setup_method(self):
        """Wait for the fixture."""

    @pytest.fixture(autouse=True)
    def _store(self, _server):
        super().setup_method()

    def make_store(self):
        self.place = ZooKeeperPlace(self.server)
        return self.place.store()

    def teardown_method(self):
        super().teardown_method()
        self.place.close()


class TestBesideReference(BesideReference):
    pass


class TestRuns(RunsFromPlace):
    pass


class TestDocuments(KeepsDocuments):
    pass


REFUSED = [
    "a/b",
    "/",
    ".",
    "..",
    "\x00",
    "tab\t",
    "\x85",
    "\ue000",
    "\ufff0",
    "😀",
    "%:",
    "%:a%2Fb",
]


def test_an_id_that_names_no_node_is_kept_under_a_quoted_name(scheduler, place):
    plain = ["%", "a%2Fb", "% a", "a.b", "…", " "]
    for job_id in [*REFUSED, *plain]:
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id=job_id)
    assert {job.id for job in scheduler.get_jobs()} == {*REFUSED, *plain}
    names = set(place.kazoo.get_children(place.path))
    assert set(plain) < names
    assert "%:a%2Fb" in names  # that of "a/b"
    for job_id in [*REFUSED, *plain]:
        scheduler.pause_job(job_id)
        scheduler.remove_job(job_id)
    assert place.kazoo.get_children(place.path) == []


def test_a_node_that_goes_while_all_are_read_is_left_out(scheduler, place):
    for job_id in ("a", "b"):
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id=job_id)
    store = scheduler._jobstores["default"]
    children = store.client.get_children
    store.client.get_children = lambda path: [*children(path), "gone"]
    assert [job.id for job in scheduler.get_jobs()] == ["a", "b"]
    assert scheduler.get_quarantined() == []


def test_a_client_made_here_ends_with_the_scheduler_and_starts_again(place):
    store = place.store()
    scheduler = started(store)
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    scheduler.shutdown()
    assert not store.client.connected
    scheduler.start()
    assert [job.id for job in scheduler.get_jobs()] == ["a"]
    scheduler.shutdown()


@pytest.mark.parametrize("close", [False, True])
def test_a_given_client_is_started_and_stopped_when_that_is_asked_for(place, close):
    client = KazooClient(hosts=place.options["hosts"])
    store = ZooKeeperJobStore(place.path, client, close)
    scheduler = started(store)
    assert client.connected
    scheduler.shutdown()
    assert client.connected is not close
    if not close:
        client.stop()
        client.close()


def test_the_constructor_takes_its_arguments_by_position(place):
    store = ZooKeeperJobStore("path", place.kazoo, True, 3, hosts="unused")
    assert (store.path, store.client) == ("path", place.kazoo)
    assert (store.close_connection_on_exit, store.pickle_protocol) == (True, 3)


def test_a_store_whose_path_was_removed_is_empty_and_can_be_emptied(scheduler, place):
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    scheduler.remove_all_jobs()
    assert not place.kazoo.exists(place.path)
    scheduler.remove_all_jobs()
    assert scheduler.get_jobs() == []
    assert place.kazoo.exists(place.path)


def test_a_store_without_a_server_raises_its_clients_error():
    store = ZooKeeperJobStore(hosts="127.0.0.1:1", timeout=0.5, connection_retry={"max_tries": 0})
    store.client.start = lambda: KazooClient.start(store.client, timeout=0.5)
    with pytest.raises(KazooTimeoutError):
        store.start(None, "default")
    store.client.stop()
    store.client.close()


@pytest.mark.parametrize("by", ["alias", "configuration"])
def test_it_is_made_by_its_alias(place, by):
    made = BackgroundScheduler()
    if by == "alias":
        made.add_jobstore("zookeeper", "kept", **place.options)
    else:
        made.configure(
            {"apscheduler.jobstores.kept.type": "zookeeper"}
            | {f"apscheduler.jobstores.kept.{name}": value for name, value in place.options.items()}
        )
    made.start(paused=True)
    made.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a", jobstore="kept")
    assert list(place.raw()) == ["a"]
    made.shutdown()
