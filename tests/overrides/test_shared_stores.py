"""Subclasses of ``SQLAlchemyJobStore`` stay shared: what they are asked limits and follows the claim."""

from __future__ import annotations

import pickle
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from databases import Place
from sqlalchemy import Column, Double, LargeBinary, MetaData, String, Table, select

from apscheduler.events import EVENT_JOBSTORE_DOUBTED
from apscheduler.executors.debug import DebugExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.serializers import SignedPickleSerializer

SHARED = ("sqlite", "postgresql", "mariadb")
ran: list[str] = []


class Still(BaseScheduler):
    """A scheduler whose passes are made by hand."""

    def wakeup(self):
        pass

    def shutdown(self, wait=True):
        super().shutdown(wait)


def run(name: str) -> None:
    ran.append(name)


def soon() -> datetime:
    return datetime.now(UTC) - timedelta(milliseconds=1)


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


@pytest.fixture(params=SHARED)
def place(request, tmp_path):
    made = Place(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture
def started(place):
    """Start a scheduler on a store of a class."""
    schedulers = []

    def start(cls: Any, **options: Any) -> Any:
        store = cls(place.url, tablename=place.table, **options)
        scheduler = Still(
            jobstores={"default": store},
            executors={"default": DebugExecutor()},
            job_defaults={"misfire_grace_time": None},
        )
        scheduler.start()
        schedulers.append(scheduler)
        return scheduler

    yield start
    for scheduler in schedulers:
        if scheduler.state:
            scheduler.shutdown()


def add_due(scheduler: Any, name: str, **options: Any) -> Any:
    return scheduler.add_job(
        run, "interval", hours=1, args=[name], id=name, next_run_time=soon(), **options
    )


def store_of(scheduler: Any) -> Any:
    return scheduler._jobstores["default"]


class Gated(SQLAlchemyJobStore):
    """A standby: no job while it is closed."""

    is_open = False

    def get_due_jobs(self, now):
        return super().get_due_jobs(now) if self.is_open else []


def given_back(scheduler: Any, name: str) -> None:
    """Have a run that was claimed by a scheduler and not begun given back as it ends."""

    class Refusing(DebugExecutor):
        inline = False

        def submit_claims(self, items):
            for claim in items:
                claim.sink.give_back(claim)
            return []

    add_due(scheduler, name, delivery="at_least_once")
    scheduler.remove_executor("default")
    scheduler.add_executor(Refusing(), "default")
    scheduler._process_jobs()
    scheduler.shutdown()


@pytest.mark.trap(113)
def test_a_standby_leaves_all_to_others_until_it_is_opened(started) -> None:
    standby, active = started(Gated), started(SQLAlchemyJobStore)
    for name in "ab":
        add_due(active, name)
    standby._process_jobs()
    assert ran == []
    active._process_jobs()
    assert sorted(ran) == ["a", "b"]
    store_of(standby).is_open = True
    add_due(active, "c")
    standby._process_jobs()
    active._process_jobs()
    assert sorted(ran) == ["a", "b", "c"]


def test_a_gate_holds_back_the_runs_of_others_too(started) -> None:
    given_back(started(SQLAlchemyJobStore), "a")
    standby = started(Gated)
    standby._process_jobs()
    assert ran == []
    store = store_of(standby)
    store.is_open = True
    store._session.claiming.look_for_free_runs()
    standby._process_jobs()
    assert ran == ["a"]


def test_a_read_that_asks_not_ours_lets_free_runs_go_when_anything_runs(started) -> None:
    class Own(SQLAlchemyJobStore):
        def get_due_jobs(self, now):
            return [job for job in self.get_all_jobs() if job.next_run_time <= now]

    given_back(started(SQLAlchemyJobStore), "a")
    scheduler = started(Own)
    scheduler._process_jobs()
    assert ran == []
    add_due(scheduler, "b")
    store_of(scheduler)._session.claiming.look_for_free_runs()
    scheduler._process_jobs()
    assert sorted(ran) == ["a", "b"]


def test_each_fire_time_is_claimed_once_though_both_ask(started) -> None:
    class Asking(SQLAlchemyJobStore):
        other: Any = None

        def get_due_jobs(self, now):
            found = super().get_due_jobs(now)
            if self.other is not None:
                self.other._process_jobs()  # after it was read, and before it is claimed
            return found

    first, second = started(Asking), started(Asking)
    for name in "abc":
        add_due(first, name)
    store_of(first).other = second
    first._process_jobs()
    store_of(first).other = None
    first._process_jobs()
    assert sorted(ran) == ["a", "b", "c"]


class Scrambled(SQLAlchemyJobStore):
    """A store of the community's kind: bytes of its own, read by ``_reconstitute_job``."""

    def _scrambled(self, job):
        return bytes(255 - byte for byte in pickle.dumps(job.__getstate__(), 4))

    def _moment(self, job):
        return job.next_run_time and job.next_run_time.timestamp()

    def add_job(self, job):
        values = {
            "id": job.id,
            "next_run_time": self._moment(job),
            "job_state": self._scrambled(job),
        }
        with self.engine.begin() as connection:
            connection.execute(self.jobs_t.insert().values(**values))

    def update_job(self, job):
        values = {"next_run_time": self._moment(job), "job_state": self._scrambled(job)}
        with self.engine.begin() as connection:
            connection.execute(
                self.jobs_t.update().where(self.jobs_t.c.id == job.id).values(**values)
            )

    def _reconstitute_job(self, job_state):
        state = pickle.loads(bytes(255 - byte for byte in job_state))
        job = Job.__new__(Job)
        job.__setstate__(state)
        job._scheduler, job._jobstore_alias = self._scheduler, self._alias
        return job


def test_a_store_with_bytes_of_its_own(started) -> None:
    doubts = []
    scheduler = started(Scrambled)
    scheduler.add_listener(doubts.append, EVENT_JOBSTORE_DOUBTED)
    add_due(scheduler, "a")
    scheduler.add_job(run, args=["b"], id="b")
    scheduler._process_jobs()
    assert sorted(ran) == ["a", "b"]
    assert [job.id for job in scheduler.get_jobs()] == ["a"]
    for name in ("A", "AA"):
        scheduler.modify_job("a", next_run_time=soon(), name=name)
        scheduler._process_jobs()
        assert scheduler.get_job("a").name == name
    assert ran.count("a") == 3
    scheduler.pause_job("a")
    assert scheduler.get_job("a").next_run_time is None
    scheduler.resume_job("a")
    scheduler.reschedule_job("a", trigger="interval", minutes=5)
    scheduler.shutdown()
    again = started(Scrambled)
    job = again.get_job("a")
    assert job.trigger.interval == timedelta(minutes=5)
    store = store_of(again)
    with store.engine.connect() as connection:
        (blob,) = connection.execute(select(store.jobs_t.c.job_state)).one()
    assert store._reconstitute_job(bytes(blob)).next_run_time == job.next_run_time
    assert doubts == []


def test_a_signed_store_restores_by_a_method_that_asks_ours(started) -> None:
    class Marking(SQLAlchemyJobStore):
        def _reconstitute_job(self, job_state):
            job = super()._reconstitute_job(job_state)
            job.args = ("marked",)
            return job

    scheduler = started(Marking, serializer=SignedPickleSerializer({"one": "k" * 32}))
    add_due(scheduler, "a")
    scheduler._process_jobs()
    scheduler.modify_job("a", next_run_time=soon())
    scheduler._process_jobs()
    assert ran == ["marked", "marked"]


@pytest.mark.trap(112)
def test_each_restored_job_is_asked_for(started) -> None:
    scheduler = started(SQLAlchemyJobStore)
    store = store_of(scheduler)
    add_due(scheduler, "a")
    scheduler._process_jobs()
    real, asked = store._reconstitute_job, []

    def restore(state: bytes) -> Any:
        asked.append(1)
        return real(state)

    for _ in range(2):
        scheduler.modify_job("a", next_run_time=soon())
        asked.clear()
        with mock.patch.object(store, "_reconstitute_job", restore):
            scheduler._process_jobs()
        assert asked
    assert ran == ["a"] * 3


def test_rows_are_chosen_by_conditions(started) -> None:
    class Tenants(SQLAlchemyJobStore):
        def _get_jobs(self, *conditions):
            return super()._get_jobs(*conditions, self.jobs_t.c.id.like("mine%"))

    scheduler = started(Tenants)
    add_due(scheduler, "mine1")
    add_due(scheduler, "other")
    scheduler._process_jobs()
    assert ran == ["mine1"]
    assert [job.id for job in scheduler.get_jobs()] == ["mine1"]


def test_what_has_ended_may_be_kept(started) -> None:
    class Keeping(SQLAlchemyJobStore):
        def remove_job(self, job_id):
            kept = self.jobs_t.update().where(self.jobs_t.c.id == job_id)
            with self.engine.begin() as connection:
                assert connection.execute(kept.values(next_run_time=None)).rowcount == 1

    scheduler = started(Keeping)
    scheduler.add_job(run, args=["a"], id="a")
    scheduler._process_jobs()
    scheduler._process_jobs()
    assert ran == ["a"]
    assert scheduler.get_job("a").next_run_time is None


def test_a_last_run_that_is_given_back_outlives_its_job(started) -> None:
    class Noting(SQLAlchemyJobStore):
        def remove_job(self, job_id):
            super().remove_job(job_id)

    class Refusing(DebugExecutor):
        inline = False

        def submit_claims(self, items):
            for claim in items:
                claim.sink.give_back(claim)
            return []

    first = started(Noting)
    first.remove_executor("default")
    first.add_executor(Refusing(), "default")
    first.add_job(run, args=["a"], id="a", delivery="at_least_once")
    first._process_jobs()
    assert first.get_jobs() == []
    first.shutdown()
    started(SQLAlchemyJobStore)._process_jobs()
    assert ran == ["a"]


def test_a_store_that_names_the_next_look_is_heeded_between_polls(started) -> None:
    class Slow(SQLAlchemyJobStore):
        says: Any = None

        def get_next_run_time(self):
            return self.says

    scheduler, other = started(Slow), started(SQLAlchemyJobStore)
    scheduler._process_jobs()
    add_due(other, "a")
    scheduler._process_jobs()  # by a poll: the store says that there is nothing
    assert ran == []
    store_of(scheduler).says = soon()
    scheduler._process_jobs()
    assert ran == ["a"]


def test_a_store_that_is_asked_each_second_gets_there(started) -> None:
    class Soon(SQLAlchemyJobStore):
        def get_next_run_time(self):
            return datetime.now(UTC) + timedelta(seconds=0.3)

    scheduler, other = started(Soon), started(SQLAlchemyJobStore)
    scheduler._process_jobs()
    add_due(other, "a")
    until = time.monotonic() + 20
    while not ran and time.monotonic() < until:
        scheduler._process_jobs()
    assert ran == ["a"]


def test_an_edit_is_made_again_where_another_was_faster(started) -> None:
    class Racing(SQLAlchemyJobStore):
        between: Any = None

        def update_job(self, job):
            act, self.between = self.between, None
            if act:
                act()
            super().update_job(job)

    scheduler, other = started(Racing), started(SQLAlchemyJobStore)
    scheduler.add_job(run, "interval", hours=1, args=["a"], id="a", next_run_time=None)
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    store_of(scheduler).between = lambda: other.modify_job("a", next_run_time=later)
    scheduler.resume_job("a")
    assert scheduler.get_job("a").next_run_time < later
    store_of(scheduler).between = lambda: other.modify_job("a", next_run_time=later)
    scheduler.modify_job("a", name="mine")
    job = scheduler.get_job("a")
    assert (job.name, job.next_run_time) == ("mine", later)


def test_a_plain_store_asks_nothing_more(started) -> None:
    scheduler = started(SQLAlchemyJobStore)
    with mock.patch("apscheduler.jobstores._sql.changing.hooks.Ask", side_effect=AssertionError):
        add_due(scheduler, "a")
        scheduler._process_jobs()
    assert ran == ["a"]


# -- tables that belong to somebody else ------------------------------------------------------------------------


class OfMigrations(SQLAlchemyJobStore):
    """Leaves the making of tables to somebody else, as its authors did on 3.x."""

    def start(self, scheduler, alias):
        BaseJobStore.start(self, scheduler, alias)


def table_of_migrations(store: Any) -> Table:
    return Table(
        f"{store.jobs_t.name}_own",
        MetaData(),
        Column("id", String(191), primary_key=True),
        Column("next_run_time", Double),
        Column("job_state", LargeBinary(60_000), nullable=False),
        Column("tenant", String(20), server_default="x"),
    )


class OnATableOfItsOwn(SQLAlchemyJobStore):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.jobs_t = table_of_migrations(self)


@pytest.mark.parametrize("cls", [OfMigrations, OnATableOfItsOwn])
def test_jobs_of_a_table_that_migrations_made_run_and_stay_in_it(started, place, cls) -> None:
    made = cls(place.url, tablename=place.table)
    made.jobs_t.create(made.engine)
    assert BackgroundScheduler(jobstores={"default": made}).get_runs() == []
    for name in ("a", "b"):
        scheduler = started(cls)
        add_due(scheduler, name)
        scheduler._process_jobs()
        scheduler.shutdown()
    with made.engine.connect() as connection:
        ids = connection.scalars(select(made.jobs_t.c.id).order_by(made.jobs_t.c.id)).all()
    assert (ran, ids) == (["a", "b"], ["a", "b"])
    store = cls(place.url, tablename=place.table)
    runs = BackgroundScheduler(jobstores={"default": store}).get_runs()
    assert sorted(each.job_id for each in runs) == ["a", "b"]
    made.engine.dispose()


def test_a_job_table_of_ones_own_is_made_where_it_is_missing(started) -> None:
    scheduler = started(OnATableOfItsOwn)
    add_due(scheduler, "a")
    scheduler._process_jobs()
    assert ran == ["a"]
    assert [job.id for job in scheduler.get_jobs()] == ["a"]
