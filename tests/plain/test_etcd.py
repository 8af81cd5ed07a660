"""The etcd store: the contract of plain stores, 3.11.3 beside it, and what is special to etcd. Needs a server."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from types import SimpleNamespace

import etcd3gw
import pytest
from cluster.support.ports import HOST
from plain.beside import BesideReference, Place
from plain.documents import Documents, KeepsDocuments, plain_document
from plain.running import FUNCTION, RunsFromPlace, started

from apscheduler.jobstores.etcd import EtcdJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing._contract_jobs import moment
from apscheduler.testing.contracts import PlainStoreContract


class EtcdPlace(Documents, Place):
    store_class = EtcdJobStore
    client = "etcd3"  # what 3.11.3 speaks through

    def __init__(self, server) -> None:
        self.path = f"/t/{secrets.token_hex(6)}é定"
        self.options = {"path": self.path, "host": HOST, "port": server.port}
        self.etcd = etcd3gw.client(HOST, server.port, timeout=10)

    def ask(self, what):
        """Ask something about all keys of the place."""
        first, end = self.path.encode(), self.path.encode() + b"\xff"
        asked = {"key": b64encode(first).decode(), "range_end": b64encode(end).decode()}
        return self.etcd.post(self.etcd.get_url(what), json=asked)

    def raw(self):
        pairs = self.ask("/kv/range").get("kvs", [])
        return {b64decode(pair["key"]): plain_document(b64decode(pair["value"])) for pair in pairs}

    def raw_bytes(self, job_id):
        return self.etcd.get(f"{self.path}/{job_id}".encode())[0]

    def write(self, job_id, raw):
        self.etcd.put(f"{self.path}/{job_id}".encode(), raw)

    def remove(self, job_id):
        self.etcd.delete(f"{self.path}/{job_id}".encode())

    def close(self):
        self.ask("/kv/deleterange")
        self.etcd.session.close()


@pytest.fixture
def place(etcd):
    made = EtcdPlace(etcd)
    yield made
    made.close()


@pytest.fixture
def other_place(etcd, place):
    made = EtcdPlace(etcd)
    # Keys hold the path, so the comparison of both places needs the other one's without it.
    made.raw = lambda: {
        key.replace(made.path.encode(), place.path.encode()): value
        for key, value in EtcdPlace.raw(made).items()
    }
    yield made
    made.close()


class TestEtcdStore(PlainStoreContract):
    @pytest.fixture(autouse=True)
    def _server(self, etcd):
        self.server = etcd

    def setup_method(self):
        """Wait for the fixture."""

    @pytest.fixture(autouse=True)
    def _store(self, _server):
        super().setup_method()

    def make_store(self):
        self.place = EtcdPlace(self.server)
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


class LikeEtcd3:
    """A client in memory with the methods of etcd3's that 3.11.3 calls."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.closed = False
        self.transactions = SimpleNamespace(
            version=_Version,
            put=lambda key, value: lambda: self.values.__setitem__(key, value),
            delete=lambda key: lambda: self.values.pop(key),
        )

    def get(self, key):
        value = self.values.get(key)
        return value, None if value is None else SimpleNamespace(key=key.encode())

    def get_prefix(self, start):
        for key, value in self.values.items():
            if key.startswith(start):
                yield value, SimpleNamespace(key=key.encode())

    def put_if_not_exists(self, key, value):
        return self.values.setdefault(key, value) is value

    def transaction(self, compare, success, failure):
        (key,) = compare
        if key not in self.values:
            return False, []
        return True, [request() for request in success]

    def delete_prefix(self, start):
        for key in [key for key in self.values if key.startswith(start)]:
            del self.values[key]

    def close(self):
        self.closed = True


class _Version:
    def __init__(self, key) -> None:
        self.key = key

    def __gt__(self, number):
        assert number == 0
        return self.key


class TestADuckTypedClient(PlainStoreContract):
    def make_store(self):
        return EtcdJobStore("jobs", LikeEtcd3())

    def test_its_keys_are_those_of_the_gateway(self):
        self.add("a")
        assert list(self.store.client.values) == ["jobs/a"]


@pytest.mark.parametrize("close", [False, True])
def test_a_given_client_is_closed_when_that_is_asked_for(close):
    store = EtcdJobStore(client=LikeEtcd3(), close_connection_on_exit=close)
    started(store).shutdown()
    assert store.client.closed is close


@pytest.mark.parametrize("close", [False, True])
def test_a_store_can_be_used_again_after_a_shutdown(place, close):
    store = EtcdJobStore(**place.options, close_connection_on_exit=close)
    scheduler = started(store)
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    scheduler.shutdown()
    scheduler.start()
    assert [job.id for job in scheduler.get_jobs()] == ["a"]
    scheduler.shutdown()


def test_the_constructor_takes_its_arguments_by_position(place):
    store = EtcdJobStore("path", place.etcd, True, 3, host="unused")
    assert (store.path, store.client) == ("path", place.etcd)
    assert (store.close_connection_on_exit, store.pickle_protocol) == (True, 3)
    assert EtcdJobStore().client.timeout == 10
    assert EtcdJobStore(timeout=3).client.timeout == 3


def test_a_path_that_ends_in_a_slash_is_taken_as_3_11_3_does(place):
    store = EtcdJobStore(**{**place.options, "path": f"{place.path}/"})
    scheduler = started(store)
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    assert list(place.raw()) == [f"{place.path}//a".encode()]
    scheduler.shutdown()


def test_a_store_without_a_server_raises_its_clients_error():
    store = EtcdJobStore(host=HOST, port=1)
    store.start(None, "default")
    for call in (store.get_all_jobs, store.get_next_run_time):
        with pytest.raises(etcd3gw.exceptions.ConnectionFailedError):
            call()
    with pytest.raises(etcd3gw.exceptions.ConnectionFailedError):
        store.get_due_jobs(moment(0))


@pytest.mark.parametrize("by", ["alias", "configuration"])
def test_it_is_made_by_its_alias(place, by):
    if by == "alias":
        made = BackgroundScheduler()
        made.add_jobstore("etcd", "kept", **place.options)
    else:
        made = BackgroundScheduler()
        made.configure(
            {"apscheduler.jobstores.kept.type": "etcd"}
            | {f"apscheduler.jobstores.kept.{name}": value for name, value in place.options.items()}
        )
    made.start(paused=True)
    made.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a", jobstore="kept")
    assert list(place.raw()) == [f"{place.path}/a".encode()]
    made.shutdown()
