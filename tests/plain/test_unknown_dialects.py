"""A SQL store on a database for which there is no claim protocol: 3.x's table in 3.x's way, beside 3.11.3 on SQLite."""

from __future__ import annotations

import pickle
import sqlite3
import tempfile
from pathlib import Path

import plain.stranger  # noqa: F401 - registers the dialect
import pytest
from plain.beside import BesideReference, Place, plain_state
from plain.running import RunsFromPlace
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine
from sqlalchemy.dialects import mssql, oracle
from sqlalchemy.schema import CreateTable

from apscheduler.jobstores import _checkup as checkup
from apscheduler.jobstores._plain.claims import PlainStore
from apscheduler.jobstores._sql.schema.tables import jobs_table, plain_jobs_table
from apscheduler.jobstores.base import BaseJobStore, ConflictingIdError
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.serializers import PickleSerializer
from apscheduler.testing import ManualScheduler
from apscheduler.testing._contract_jobs import NOW, make_job, moment
from apscheduler.testing.contracts import PlainStoreContract


class StrangerPlace(Place):
    store_class = SQLAlchemyJobStore
    client = "sqlalchemy"
    complaint = "UnpicklingError"

    def __init__(self, folder, name="jobs") -> None:
        self.file = folder / f"{name}.sqlite"
        self.options = {"url": f"sqlite:///{self.file}"}  # what 3.11.3 is given
        self.url = f"stranger:///{self.file}"

    def store(self, **more):
        return SQLAlchemyJobStore(self.url, **more)

    def rows(self, statement, *values):
        connection = sqlite3.connect(self.file)
        try:
            with connection:
                return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def raw(self):
        rows = self.rows("SELECT id, next_run_time, job_state FROM apscheduler_jobs ORDER BY id")
        return [(name, due, plain_state(pickle.loads(state))) for name, due, state in rows]

    def is_bare(self):
        return not self.rows("SELECT name FROM sqlite_master")

    def raw_bytes(self, job_id):
        ((state,),) = self.rows("SELECT job_state FROM apscheduler_jobs WHERE id = ?", job_id)
        return state

    def spoil(self, job_id):
        self.kept = self.raw_bytes(job_id)
        self.rows("UPDATE apscheduler_jobs SET job_state = ? WHERE id = ?", b"no pickle", job_id)

    def mend(self, job_id):
        self.rows("UPDATE apscheduler_jobs SET job_state = ? WHERE id = ?", self.kept, job_id)

    def pause_in_store(self, job_id):
        self.rows("UPDATE apscheduler_jobs SET next_run_time = NULL WHERE id = ?", job_id)


@pytest.fixture
def place(tmp_path):
    return StrangerPlace(tmp_path)


@pytest.fixture
def other_place(tmp_path):
    return StrangerPlace(tmp_path, "other")


class TestPlainSQLStore(PlainStoreContract):
    def make_store(self):
        self.folder = tempfile.TemporaryDirectory()
        return StrangerPlace(Path(self.folder.name)).store()

    def teardown_method(self):
        super().teardown_method()
        self.folder.cleanup()


class TestBesideReference(BesideReference):
    pass


class TestRuns(RunsFromPlace):
    def test_it_is_a_plain_store_for_one_process(self, place):
        store = place.store()
        assert isinstance(store, SQLAlchemyJobStore)
        assert isinstance(store, BaseJobStore)
        scheduler = BackgroundScheduler(jobstores={"default": store})
        assert isinstance(scheduler._claiming_store("default"), PlainStore)
        assert place.url in repr(store)

    def test_what_a_subclass_makes_of_a_jobs_state_is_what_runs(self, place):
        place.options = {"url": place.url}
        super().test_what_a_subclass_makes_of_a_jobs_state_is_what_runs(place)


def started(place, **options):
    scheduler = BackgroundScheduler(jobstores={"default": place.store(**options)}, timezone="UTC")
    scheduler.start(paused=True)
    return scheduler


def test_one_line_says_what_is_missing_and_what_has_it(place, caplog):
    started(place).shutdown()
    (said,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert "on stranger" in said
    assert "for one scheduler process" in said
    assert "PostgreSQL, MariaDB, MySQL or SQLite" in said


def test_only_3_xs_table_is_made(place):
    started(place).shutdown()
    tables = place.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
    assert tables == [("apscheduler_jobs",)]


def test_what_a_scheduler_is_asked_about_shared_stores_has_an_answer(place):
    scheduler = started(place)
    scheduler.add_job("os:getpid", "interval", hours=1, id="a")
    assert scheduler.nodes() == []
    assert scheduler.get_runs() == []
    assert scheduler.get_quarantined() == []
    store = scheduler._jobstores["default"]
    assert store.held is None
    assert store.leader_lock() is None
    assert "CREATE TABLE apscheduler_jobs" in store.ddl()
    scheduler.adopt_store()
    scheduler.shutdown()


def test_an_engine_of_ones_own_and_a_metadata_with_the_table_are_taken(place):
    metadata = MetaData()
    table = jobs_table(metadata, "apscheduler_jobs", None)
    table.append_column(Column("note", String(10)))
    Table("other", metadata, Column("id", Integer, primary_key=True))
    engine = create_engine(place.url)
    store = SQLAlchemyJobStore(engine=engine, metadata=metadata)
    store.start(ManualScheduler(), "default")
    store.add_job(make_job(store._scheduler, "a", NOW))
    assert place.rows("SELECT id, note FROM apscheduler_jobs") == [("a", None)]
    with pytest.raises(ConflictingIdError):
        store.add_job(make_job(store._scheduler, "a", NOW))
    assert store.get_next_run_time() == moment(NOW)
    store.shutdown()


def test_tables_are_not_made_where_others_make_them(place):
    with pytest.raises(Exception, match="no such table"):
        started(place, create_tables=False).get_jobs()


def test_what_cannot_be_honoured_is_refused(place):
    with pytest.raises(ValueError, match="serializer= needs PostgreSQL"):
        place.store(serializer=PickleSerializer(4))


def test_two_writers_of_one_id_are_told_apart_from_other_troubles(place, monkeypatch):
    scheduler = started(place)
    scheduler.add_job("os:getpid", "interval", hours=1, id="a")
    store = scheduler._jobstores["default"]
    # Between the look and the insert another process was faster.
    monkeypatch.setattr(type(store), "_has", lambda *_: False)
    with pytest.raises(ConflictingIdError):
        scheduler.add_job("os:getpid", "interval", hours=1, id="a")
    scheduler.shutdown()


def test_the_doctor_counts_its_jobs_and_there_is_nothing_to_adopt(place):
    scheduler = started(place)
    scheduler.add_job("os:getpid", "interval", hours=1, id="a")
    scheduler.shutdown()
    found, driver = checkup.findings(place.url, "apscheduler_jobs")
    assert driver == ("driver", f"sqlite3, with stranger {sqlite3.sqlite_version}", None)
    assert found[1] == "1 job in 'apscheduler_jobs', on stranger: for one scheduler process"
    ((_, said, _),) = checkup.findings(place.url, "nowhere")
    assert said.startswith("there is no table 'nowhere'")
    with pytest.raises(LookupError, match="keeps no identity"):
        checkup.adopt(place.url, "apscheduler_jobs")


@pytest.mark.parametrize("dialect", [oracle, mssql], ids=["oracle", "mssql"])
def test_its_table_can_be_said_in_other_dialects(dialect):
    speaking = dialect.dialect()
    table = plain_jobs_table(None, "apscheduler_jobs", None, speaking.name)
    made = str(CreateTable(table).compile(dialect=speaking))
    assert "next_run_time FLOAT(" in made
