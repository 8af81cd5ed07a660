"""The RethinkDB store: the contract of plain stores, 3.11.3 beside it, and what is special to RethinkDB.

Against a double of the server (``rethink_double.py``), to which the real driver speaks: no server package of RethinkDB
installs on Debian 12. What RethinkDB itself does is not shown by these tests.
"""

from __future__ import annotations

from math import inf, nextafter

import pytest
from plain.beside import BesideReference
from plain.rethink_place import RethinkPlace
from plain.running import FUNCTION, RunsFromPlace, started
from rethinkdb.errors import ReqlOpFailedError
from rethinkdb.ql2_pb2 import Term

from apscheduler._engine.instants import SECOND
from apscheduler.jobstores._rows import LATEST_SECONDS
from apscheduler.jobstores.rethinkdb import RethinkDBJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing._contract_jobs import NOW, moment
from apscheduler.testing.contracts import PlainStoreContract

LONGEST_ID = 127  # where the contract has 150: RethinkDB takes no longer keys


@pytest.fixture
def place():
    made = RethinkPlace()
    yield made
    made.close()


@pytest.fixture
def other_place():
    made = RethinkPlace()
    yield made
    made.close()


class TestRethinkDBStore(PlainStoreContract):
    def make_store(self):
        self.place = RethinkPlace()
        return self.place.store()

    def teardown_method(self):
        super().teardown_method()
        self.place.close()

    def test_ids_are_any_text(self):
        ids = ["with space", "quo'te\"", "slash/\\", "定时任务", "%s{}", "x" * LONGEST_ID]
        for job_id in ids:
            self.add(job_id)
        assert sorted(self.listed()) == sorted(ids)
        assert all(self.store.lookup_job(job_id).id == job_id for job_id in ids)


class TestBesideReference(BesideReference):
    pass


class TestRuns(RunsFromPlace):
    pass


@pytest.mark.parametrize("options", [{"database": ""}, {"database": None}, {"table": ""}])
def test_an_empty_name_is_refused(options):
    with pytest.raises(ValueError, match="must not be empty"):
        RethinkDBJobStore(**options)


def test_an_argument_that_the_driver_does_not_know_is_refused_before_the_start(place):
    with pytest.raises(TypeError, match="bogus"):
        place.store(bogus=1)


def test_the_constructor_takes_its_arguments_by_position(place):
    client = place.connect()
    store = RethinkDBJobStore("base", "kept", client, 3, port=1)
    assert (store.database, store.table_name, store.pickle_protocol) == ("base", "kept", 3)
    assert (store.client, store.connect_args) == (client, {"port": 1})
    assert str(store.table) == "r.db('base').table('kept')"
    assert repr(store) == "<RethinkDBJobStore (connection=None)>"
    client.close()


def test_database_table_and_index_are_made_by_the_first_start_only(place):
    creations = {Term.TermType.DB_CREATE, Term.TermType.TABLE_CREATE, Term.TermType.INDEX_CREATE}
    for expected in (creations, set()):
        place.double.asked.clear()
        started(place.store()).shutdown()
        assert {term[0] for term in place.double.asked} & creations == expected
    assert place.table.indexes == ["next_run_time"]


def test_a_database_that_another_process_makes_meanwhile_is_taken(place):
    def make(term):
        if term[0] == Term.TermType.DB_CREATE:
            place.double.tables.databases["kept"] = {}

    place.double.on_query = make
    started(place.store()).shutdown()
    assert place.documents == {}


def test_a_database_that_cannot_be_made_is_told(place):
    store = place.store()
    missing = store.r.db("missing").table("jobs")
    with pytest.raises(ReqlOpFailedError, match="does not exist"):
        store._make("next_run_time", store.r.db_list(), missing.index_create("next_run_time"))
    store.shutdown()


def test_two_tables_of_one_server_are_two_stores(scheduler, place):
    scheduler.add_jobstore(place.store(table="others"), "other")
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    scheduler.add_job(FUNCTION, "interval", ["b"], seconds=10, id="a", jobstore="other")
    scheduler.advance(10)
    assert [run.job_id for run in scheduler.get_runs()] == ["a", "a"]
    scheduler.remove_all_jobs("other")
    assert [job.args for job in scheduler.get_jobs()] == [("a",)]


def test_an_answer_in_portions_is_read_to_its_end(scheduler, place):
    place.double.batch = 2
    for number in range(5):
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id=f"{number}")
    scheduler.advance(10)
    assert len(scheduler.get_runs()) == len(scheduler.get_jobs()) == 5


def test_the_time_beside_the_state_says_when_a_job_is_due(scheduler, place):
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    place.documents["a"]["next_run_time"] = (NOW + 3) / SECOND
    store = scheduler._jobstores["default"]
    assert store.get_due_jobs(moment(NOW + 2)) == []
    # The double of an instant may be its neighbour, where it was computed in another way.
    place.documents["a"]["next_run_time"] = nextafter((NOW + 3) / SECOND, inf)
    (job,) = store.get_due_jobs(moment(NOW + 3))
    assert job.next_run_time == moment(NOW + 3)


def test_a_job_may_wait_to_the_end_of_the_calendar(scheduler, place):
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    place.documents["a"]["next_run_time"] = LATEST_SECONDS
    assert scheduler._jobstores["default"].get_next_run_time().year == 9999


def write_anew(scheduler, store, place):
    job = scheduler.get_job("good")
    job.id = "bad"
    store.update_job(job)


def remove_in_store_and_look(scheduler, store, place):
    place.documents.clear()
    store.lookup_job("bad")


def remove_in_store_and_list(scheduler, store, place):
    place.documents.clear()
    store.get_all_jobs()


@pytest.mark.parametrize(
    "action",
    [
        write_anew,
        remove_in_store_and_look,
        remove_in_store_and_list,
        lambda scheduler, store, place: store.remove_job("bad"),
        lambda scheduler, store, place: store.remove_all_jobs(),
    ],
)
def test_a_job_that_is_gone_or_written_anew_is_not_in_quarantine(scheduler, place, action):
    for job_id in ("bad", "good"):
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id=job_id)
    place.spoil("bad")
    store = scheduler._jobstores["default"]
    assert store.why_quarantined("bad")
    action(scheduler, store, place)
    assert store.quarantined() == []


@pytest.mark.parametrize("odd", ["soon", 1e300, -1e300, {"a": 1}, [5]])
def test_a_document_whose_time_is_none_is_quarantined_and_hides_no_other(scheduler, place, odd):
    for job_id in ("bad", "good"):
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id=job_id)
    place.documents["bad"]["next_run_time"] = odd
    scheduler.advance(10)
    assert [run.job_id for run in scheduler.get_runs()] == ["good"]
    assert [job.id for job in scheduler.get_jobs()] == ["good"]
    (kept,) = scheduler.get_quarantined()
    assert (kept.job_id, kept.next_run_time) == ("bad", None)
    assert "seconds since 1970" in kept.reason


@pytest.mark.parametrize("fields", [{}, {"job_state": None}, {"job_state": "text"}])
def test_a_document_without_a_state_is_quarantined(scheduler, place, fields):
    scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
    place.documents["odd"] = {"id": "odd", "next_run_time": NOW / SECOND, **fields}
    assert [job.id for job in scheduler.get_jobs()] == ["a"]
    (kept,) = scheduler.get_quarantined()
    assert (kept.job_id, kept.next_run_time) == ("odd", moment(NOW))
    assert scheduler._jobstores["default"].get_next_run_time() == moment(NOW + 10 * SECOND)


def test_what_a_subclass_asks_for_besides_holds_jobs_back(place):
    class Gate(RethinkDBJobStore):
        def _get_jobs(self, predicate=None):
            if predicate is not None:
                predicate &= self.r.row["id"] != "held"
            return super()._get_jobs(predicate)

    scheduler = started(Gate(**place.options))
    for job_id in ("held", "free"):
        scheduler.add_job(FUNCTION, "date", ["a"], run_date=moment(NOW + SECOND), id=job_id)
    scheduler.advance(5)
    assert [run.job_id for run in scheduler.get_runs()] == ["free"]
    scheduler.shutdown()


def test_an_id_that_the_server_refuses_is_no_conflict(scheduler):
    with pytest.raises(ValueError, match=r"RethinkDB refuses the job .* Primary key too long"):
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="x" * (LONGEST_ID + 1))
    assert scheduler.get_jobs() == []


@pytest.mark.parametrize("by", ["alias", "configuration"])
def test_it_is_made_by_its_alias(place, by):
    made = BackgroundScheduler()
    if by == "alias":
        made.add_jobstore("rethinkdb", "kept", **place.options)
    else:
        made.configure(
            {"apscheduler.jobstores.kept.type": "rethinkdb"}
            | {f"apscheduler.jobstores.kept.{name}": value for name, value in place.options.items()}
        )
    made.start(paused=True)
    made.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a", jobstore="kept")
    assert list(place.documents) == ["a"]
    made.shutdown()
