"""The MongoDB store: the contract of plain stores, 3.11.3 beside it, and what is special to MongoDB.

Against a double of the server (``mongo_double.py``), to which the real driver speaks: no server package of MongoDB
installs on Debian 12. What MongoDB itself does is not shown by these tests.
"""

from __future__ import annotations

import pickle

import pytest
from plain.beside import BesideReference, Place, plain_state
from plain.mongo_double import MongoDouble
from plain.running import FUNCTION, RunsFromPlace, started
from pymongo import MongoClient
from pymongo.errors import ConfigurationError, InvalidOperation, ServerSelectionTimeoutError

from apscheduler._engine.instants import SECOND
from apscheduler.jobstores.mongodb import MongoDBJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing._contract_jobs import NOW, moment
from apscheduler.testing.contracts import PlainStoreContract


class MongoPlace(Place):
    store_class = MongoDBJobStore
    client = "pymongo"
    complaint = "UnpicklingError"

    def __init__(self) -> None:
        self.double = MongoDouble()
        self.double.__enter__()
        self.options = {"database": "kept", "host": "127.0.0.1", "port": self.double.port}

    @property
    def documents(self):
        return self.double.collections[("kept", "jobs")]

    def raw(self):
        found = {
            job_id: {**document, "job_state": plain_state(pickle.loads(document["job_state"]))}
            for job_id, document in self.documents.items()
        }
        return found, self.double.indexes

    def is_bare(self):
        return not self.double.collections

    def raw_bytes(self, job_id):
        return bytes(self.documents[job_id]["job_state"])

    def spoil(self, job_id):
        self.kept = self.raw_bytes(job_id)
        self.documents[job_id]["job_state"] = b"no pickle"

    def mend(self, job_id):
        self.documents[job_id]["job_state"] = self.kept

    def pause_in_store(self, job_id):
        self.documents[job_id]["next_run_time"] = None

    def close(self):
        self.double.__exit__()


@pytest.fixture
def place():
    made = MongoPlace()
    yield made
    made.close()


@pytest.fixture
def other_place():
    made = MongoPlace()
    yield made
    made.close()


@pytest.mark.trap(11)
class TestMongoDBStore(PlainStoreContract):
    def make_store(self):
        self.place = MongoPlace()
        return self.place.store()

    def teardown_method(self):
        super().teardown_method()
        self.place.close()


class TestBesideReference(BesideReference):
    pass


class TestRuns(RunsFromPlace):
    pass


@pytest.mark.parametrize("options", [{"database": ""}, {"database": None}, {"collection": ""}])
def test_an_empty_name_is_refused(options):
    with pytest.raises(ValueError, match="must not be empty"):
        MongoDBJobStore(**options)


def test_an_argument_that_the_client_does_not_know_is_refused():
    with pytest.raises(ConfigurationError):
        MongoDBJobStore(bogus=1)


def test_what_is_no_client_is_refused():
    with pytest.raises(TypeError):
        MongoDBJobStore(client=5)


def test_the_constructor_takes_its_arguments_by_position():
    client = MongoClient(connect=False)
    store = MongoDBJobStore("base", "kept", client, 3, port=1)
    assert store.client is client
    assert store.collection.full_name == "base.kept"
    assert store.pickle_protocol == 3
    with pytest.warns(DeprecationWarning, match="client"):
        assert store.connection is client
    client.close()


def test_writes_are_confirmed_where_nothing_else_is_said():
    for options, expected in (({}, 1), ({"w": 2}, 2)):
        store = MongoDBJobStore(connect=False, **options)
        assert store.client.write_concern.document == {"w": expected}
        store.shutdown()


def test_the_time_beside_the_state_says_when_a_job_is_due(scheduler, place):
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    place.documents["a"]["next_run_time"] = (NOW + 3) / SECOND
    store = scheduler._jobstores["default"]
    assert store.get_due_jobs(moment(NOW + 2)) == []
    (job,) = store.get_due_jobs(moment(NOW + 3))
    assert job.next_run_time == moment(NOW + 3)


@pytest.mark.parametrize("odd", ["tomorrow", float("inf"), -1e300])
def test_a_quarantined_document_whose_time_is_none_is_listed_all_the_same(scheduler, place, odd):
    scheduler.add_job("posixpath:join", "interval", ["a"], seconds=10, id="a")
    place.documents["a"].update(next_run_time=odd, job_state=b"no pickle")
    (kept,) = scheduler.get_quarantined()
    assert (kept.next_run_time, kept.is_paused) == (None, False)


def test_a_document_without_a_state_is_quarantined(scheduler, place):
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    place.documents["odd"] = {"_id": "odd", "next_run_time": NOW / SECOND}
    assert [job.id for job in scheduler.get_jobs()] == ["a"]
    (kept,) = scheduler.get_quarantined()
    assert (kept.job_id, kept.next_run_time) == ("odd", moment(NOW))
    assert scheduler._jobstores["default"].get_next_run_time() == moment(NOW + 10 * SECOND)


def test_what_a_subclass_asks_for_besides_holds_jobs_back(place):
    class Gate(MongoDBJobStore):
        def _get_jobs(self, conditions):
            return super()._get_jobs({**conditions, "_id": {"$ne": "held"}})

    scheduler = started(Gate(**place.options))
    for job_id in ("held", "free"):
        scheduler.add_job(FUNCTION, "date", ["a"], run_date=moment(NOW + SECOND), id=job_id)
    scheduler.advance(5)
    assert [run.job_id for run in scheduler.get_runs()] == ["free"]
    scheduler.shutdown()


def test_a_client_made_here_is_made_anew_with_a_new_start(place):
    store = place.store()
    scheduler = started(store)
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    scheduler.shutdown()
    with pytest.raises(InvalidOperation):
        store.get_all_jobs()
    scheduler.start()
    assert [job.id for job in scheduler.get_jobs()] == ["a"]
    scheduler.shutdown()


def test_a_store_without_a_server_raises_its_clients_error():
    store = MongoDBJobStore(host="127.0.0.1", port=1, serverSelectionTimeoutMS=200)
    with pytest.raises(ServerSelectionTimeoutError):
        store.start(None, "default")
    store.shutdown()


@pytest.mark.parametrize("by", ["alias", "configuration"])
def test_it_is_made_by_its_alias(place, by):
    made = BackgroundScheduler()
    if by == "alias":
        made.add_jobstore("mongodb", "kept", **place.options)
    else:
        made.configure(
            {"apscheduler.jobstores.kept.type": "mongodb"}
            | {f"apscheduler.jobstores.kept.{name}": value for name, value in place.options.items()}
        )
    made.start(paused=True)
    made.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a", jobstore="kept")
    assert list(place.documents) == ["a"]
    made.shutdown()
