"""A store that says nothing any more: said within ten seconds, overcome, and no obstacle to a shutdown."""

from __future__ import annotations

import logging
import sys
import threading
import time
from threading import Event
from types import SimpleNamespace

import pytest
from cluster.support.proxy import Proxy
from databases import SERVERS, SHARED, Place
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

pytestmark = [pytest.mark.serial, pytest.mark.slow, pytest.mark.timeout(120)]

LEASE = 3.0
CALL = "silent_work:call"
WAIT = 30.0
"""Seconds that a thing is waited for at most."""


class Work:
    """A job's function that says each time that it was called."""

    def __init__(self, monkeypatch) -> None:
        self.called = Event()
        self.times = 0
        monkeypatch.setitem(sys.modules, "silent_work", SimpleNamespace(call=self.call))

    def call(self) -> None:
        self.times += 1
        self.called.set()

    def goes_on(self, within: float = WAIT) -> bool:
        self.called.clear()
        return self.called.wait(within)


class Lines(logging.Handler):
    """What was logged, and an event for a text that is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._news = threading.Condition()

    def emit(self, record) -> None:
        with self._news:
            self.lines += [self.format(record)]
            self._news.notify_all()

    def wait_for(self, words: str, within: float) -> bool:
        with self._news:
            return self._news.wait_for(lambda: any(words in line for line in self.lines), within)


@pytest.fixture
def work(monkeypatch):
    return Work(monkeypatch)


@pytest.fixture
def lines():
    handler = Lines()
    logging.getLogger("apscheduler").addHandler(handler)
    yield handler
    logging.getLogger("apscheduler").removeHandler(handler)


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def network(place):
    address = make_url(place.url)
    with Proxy(address.host, address.port) as proxy:
        through = address.set(host="127.0.0.1", port=proxy.port)
        yield SimpleNamespace(proxy=proxy, url=through.render_as_string(hide_password=False))


@pytest.fixture
def started():
    made = []

    def start(url, place, **options):
        store = SQLAlchemyJobStore(url, tablename=place.table, **options)
        scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
        made.append(scheduler)
        scheduler.start()
        return scheduler

    yield start
    for scheduler in made:
        if scheduler.running:
            scheduler.shutdown(wait=False)


def own_threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name.startswith("APScheduler")}


def end_of(threads: set[threading.Thread], within: float) -> set[threading.Thread]:
    """Return those that have not ended by then."""
    deadline = time.monotonic() + within
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {thread for thread in threads if thread.is_alive()}


@pytest.mark.parametrize("place", SERVERS, indirect=True)
def test_connections_that_went_silent_are_given_up_and_scheduling_goes_on(
    place, network, work, started
):
    scheduler = started(network.url, place, lease=LEASE)
    scheduler.add_job(CALL, "interval", seconds=0.2)
    assert work.goes_on()
    network.proxy.silence()
    time.sleep(0.5)  # what was under way when the connections went silent
    began = time.monotonic()
    assert work.goes_on()
    assert time.monotonic() - began < 12
    scheduler.shutdown()


@pytest.mark.parametrize("place", SERVERS, indirect=True)
def test_a_store_that_says_nothing_gets_a_line_within_ten_seconds(
    place, network, work, lines, started
):
    scheduler = started(network.url, place)  # with the usual lease
    scheduler.add_job(CALL, "interval", seconds=0.2)
    assert work.goes_on()
    network.proxy.hang()
    assert lines.wait_for("Job store 'default' has not answered for", 10)
    network.proxy.heal()


@pytest.mark.parametrize("place", SERVERS, indirect=True)
def test_a_shutdown_beside_a_silent_store_returns_within_its_bound_and_leaves_no_thread(
    place, network, work, lines, started
):
    before = own_threads()
    scheduler = started(network.url, place, lease=LEASE)
    scheduler.add_job(CALL, "interval", seconds=0.2)
    assert work.goes_on()
    network.proxy.hang()
    time.sleep(0.5)  # the loop, the ledger and the heartbeat meet the silence
    began = time.monotonic()
    scheduler.shutdown()
    assert time.monotonic() - began < 10 + LEASE
    assert not end_of(own_threads() - before, 40 + LEASE)
    assert [line for line in lines.lines if "could not" in line]


@pytest.mark.parametrize("place", SERVERS, indirect=True)
def test_a_shutdown_whose_store_has_vanished_leaves_no_thread(place, network, work, lines, started):
    before = own_threads()
    scheduler = started(network.url, place, lease=LEASE)
    scheduler.add_job(CALL, "interval", seconds=0.1)
    assert work.goes_on()
    network.proxy.cut()
    time.sleep(0.5)  # there are outcomes that cannot be written
    scheduler.shutdown()
    assert not end_of(own_threads() - before, 40 + LEASE)


@pytest.mark.parametrize("place", SERVERS, indirect=True)
def test_a_start_beside_a_silent_store_ends_with_an_error(place, network, started):
    network.proxy.hang()
    began = time.monotonic()
    with pytest.raises(Exception, match=r"time|[Ll]ost|closed"):
        started(network.url, place, lease=LEASE)
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("place", SERVERS, indirect=True)
def test_a_call_of_the_api_beside_a_silent_store_ends_with_an_error(place, network, started):
    scheduler = started(network.url, place, lease=LEASE, answer_timeout=1)
    network.proxy.hang()
    began = time.monotonic()
    for call in (scheduler.get_jobs, scheduler.get_runs, scheduler.nodes):
        with pytest.raises(Exception, match=r"time|[Ll]ost|closed"):
            call()
    assert time.monotonic() - began < 60


LOCKS = {
    "postgresql": "LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE",
    "mariadb": "LOCK TABLES {t} WRITE",
    "sqlite": "BEGIN EXCLUSIVE",
}


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_lock_of_an_outsider_gets_a_line_within_ten_seconds(place, work, lines, started):
    scheduler = started(place.url, place)
    scheduler.add_job(CALL, "interval", seconds=0.2)
    assert work.goes_on()
    engine = create_engine(place.url)
    if place.kind == "sqlite":
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as outsider:
        outsider.execute(text(LOCKS[place.kind].format(t=place.table)))
        assert lines.wait_for("Job store 'default' has not answered for", 10)
        if place.kind == "sqlite":
            outsider.execute(text("ROLLBACK"))
        elif place.kind == "mariadb":
            outsider.execute(text("UNLOCK TABLES"))
        outsider.rollback()
    engine.dispose()
    assert work.goes_on()
    scheduler.shutdown()
