"""PostgreSQL behind poolers, and by other drivers: schedulers start, every change is seen, no run is missed."""

from __future__ import annotations

import importlib.util
import logging
import sys
import time
from threading import Event
from types import SimpleNamespace

import psycopg
import psycopg2
import pytest
from cluster.support.poolers import PgBouncer, Pgpool
from cluster.support.servers import require
from databases import Place
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from apscheduler.jobstores._checkup import findings
from apscheduler.jobstores._sql.connection.database import is_retryable
from apscheduler.jobstores._sql.membership import listening
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

pytestmark = [pytest.mark.serial, pytest.mark.slow, pytest.mark.timeout(120)]

CALL = "pooled_work:call"
WAIT = 30.0
VERSIONS = {
    "psycopg": psycopg.__version__,
    "psycopg2": psycopg2.__version__.split()[0],
}
POOLERS = {
    "PgBouncer, transactions": lambda url: PgBouncer(url, "transaction"),
    "PgBouncer, sessions": lambda url: PgBouncer(url, "session"),
    "pgpool-II": Pgpool,
}
PASSES_NOTIFICATIONS = {"PgBouncer, sessions", "pgpool-II"}


@pytest.fixture
def place():
    place = Place("postgresql", None)
    yield place
    place.close()


@pytest.fixture(params=POOLERS)
def pooler(request, place):
    require(Pgpool if request.param == "pgpool-II" else PgBouncer)
    with POOLERS[request.param](place.url) as pooler:
        pooler.name = request.param
        yield pooler


@pytest.fixture
def called(monkeypatch):
    called = Event()
    monkeypatch.setitem(sys.modules, "pooled_work", SimpleNamespace(call=called.set))
    return called


@pytest.fixture
def started():
    made = []

    def start(url, place, **options):
        paused = options.pop("paused", False)
        store = SQLAlchemyJobStore(url, tablename=place.table, **options)
        scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
        made.append(scheduler)
        scheduler.start(paused=paused)
        return scheduler

    yield start
    for scheduler in made:
        if scheduler.running:
            scheduler.shutdown()


def outcomes(scheduler):
    return {str(run.outcome) for run in scheduler.get_runs()} - {"None"}


def goes_on(called, times=15):
    for _ in range(times):
        called.clear()
        assert called.wait(WAIT)
    return True


@pytest.mark.parametrize("prepares", ["as usual", "never"])
def test_schedulers_work_behind_a_pooler(place, pooler, called, started, caplog, prepares):
    options = {"connect_args": {"prepare_threshold": None}} if prepares == "never" else {}
    with caplog.at_level(logging.WARNING):
        scheduler = started(pooler.url, place, engine_options=options)
        scheduler.add_job(CALL, "interval", seconds=0.2, misfire_grace_time=None)
        assert goes_on(called)
    assert outcomes(scheduler) <= {"executed", "coalesced"}  # a slow machine coalesces
    assert not [each for each in caplog.records if "failed" in each.getMessage()], caplog.text


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_the_doctor_names_the_driver_and_a_pooler(place, pooler, started, driver):
    started(place.url, place, paused=True)

    def found(url):
        asked = make_url(url).set(drivername=f"postgresql+{driver}")
        said = findings(asked.render_as_string(hide_password=False), place.table)
        return {topic: (text, remedy) for topic, text, remedy in said}

    direct, pooled = found(place.url), found(pooler.url)
    assert direct["driver"][0].startswith(f"{driver} {VERSIONS[driver]}, with postgresql ")
    assert direct["pooler"] == ("none was noticed", None)
    hides = pooler.name == "pgpool-II"  # it tells which process of the server answers
    assert pooled["pooler"][0].startswith("none was" if hides else "one is between")


def test_what_others_add_behind_a_pooler_is_seen_soon(place, pooler, called, started, monkeypatch):
    monkeypatch.setattr(listening, "PATIENCE_SECONDS", 1.0)
    started(pooler.url, place, engine_options={"connect_args": {"prepare_threshold": None}})
    other = started(pooler.url, place, paused=True)
    time.sleep(4)  # polling slows down where notifications are believed in
    for _ in range(3):
        called.clear()
        began = time.monotonic()
        other.add_job(CALL, misfire_grace_time=None)
        assert called.wait(WAIT)
        assert time.monotonic() - began < 4  # of the five seconds between slow looks


def test_notifications_are_believed_in_only_where_they_come_back(
    place, pooler, started, caplog, monkeypatch
):
    monkeypatch.setattr(listening, "PATIENCE_SECONDS", 1.0)
    with caplog.at_level(logging.WARNING):
        scheduler = started(pooler.url, place)
        listener = scheduler._jobstores["default"]._parts.listener
        deadline = time.monotonic() + 10
        while not listener.hears and "Notifications of PostgreSQL" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert listener.hears == (pooler.name in PASSES_NOTIFICATIONS)


def test_a_listener_that_hears_itself_no_more_says_so_and_polls(
    place, started, monkeypatch, caplog
):
    monkeypatch.setattr(listening, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(listening, "ECHO_SECONDS", 0.5)
    listener = started(place.url, place)._jobstores["default"]._parts.listener
    deadline = time.monotonic() + WAIT
    while not listener.hears:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with caplog.at_level(logging.WARNING):
        monkeypatch.setattr(listener, "_take", lambda *_: None)  # what comes is lost on the way
        while listener.hears or "do not arrive" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.02)


DRIVERS = {
    "psycopg2": "postgresql+psycopg2",
    "pg8000": "postgresql+pg8000",
}


# pg8000 leaves the sockets of connections that broke to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("pooled", [False, True])
def test_other_drivers_work_too(place, called, started, driver, pooled):
    if importlib.util.find_spec(driver) is None:
        pytest.skip(f"{driver} is not installed")
    url = make_url(place.url).set(drivername=DRIVERS[driver])
    if not pooled:
        run_on(url, place, called, started)
        return
    require(PgBouncer)
    with PgBouncer(place.url, "transaction") as pooler:
        run_on(url.set(host="127.0.0.1", port=pooler.port), place, called, started)


def run_on(url, place, called, started):
    scheduler = started(url, place)
    scheduler.add_job(CALL, "interval", seconds=0.2, misfire_grace_time=None, id="50% of 100%")
    assert goes_on(called)
    assert outcomes(scheduler) <= {"executed", "coalesced"}  # a slow machine coalesces
    scheduler.shutdown()


@pytest.mark.parametrize("driver", ["psycopg", *DRIVERS])
def test_every_statement_with_a_percent_sign_is_understood(place, called, driver):
    if importlib.util.find_spec(driver) is None:
        pytest.skip(f"{driver} is not installed")
    url = make_url(place.url).set(drivername=f"postgresql+{driver}")
    store = SQLAlchemyJobStore(url, tablename=place.table)
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start(paused=True)
    try:
        scheduler.add_job(CALL, "interval", hours=1, id="50%", next_run_time=None)
        place.change("UPDATE {t} SET next_run_time = 1")
        found = []
        for part in range(3):
            values = {"now": 2.0, "limit": 10, "skip": 0, "part": part, "parts": 3}
            with store._database.reading() as connection:
                found += connection.execute(store._parts.statements.due_of_part, values).all()
        assert [row.id for row in found] == ["50%"]
    finally:
        scheduler.shutdown()


def test_a_deadlock_is_tried_again_by_every_driver(place):
    for driver in ("psycopg", *DRIVERS):
        if importlib.util.find_spec(driver) is None:
            continue
        engine = create_engine(make_url(place.url).set(drivername=f"postgresql+{driver}"))
        with pytest.raises(DBAPIError) as caught, engine.connect() as connection:
            connection.execute(
                text("DO $$ BEGIN RAISE EXCEPTION 'in German' USING ERRCODE = '40P01'; END $$")
            )
        assert is_retryable(caught.value), driver
        engine.dispose()
