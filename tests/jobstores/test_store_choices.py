"""What a SQL store is given: what is refused, what the defaults are, and a start without the right to make tables."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from jobstores.stages import CopiedPlace, add, ask
from sqlalchemy import create_engine, text

from apscheduler.jobstores import sqlalchemy as module
from apscheduler.jobstores._sql.guarding.alone import SharingRefusedError
from apscheduler.jobstores._sql.schema.migrations import SchemaError
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import ManualScheduler

ENGINE = create_engine("sqlite://")


@pytest.fixture
def started():
    """Start stores, and end them."""
    made = []

    def start(store):
        scheduler = ManualScheduler()
        made.append(store)
        store.start(scheduler, "default")
        return SimpleNamespace(store=store, scheduler=scheduler)

    yield start
    for each in made:
        each.shutdown()


# -- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lease", [0.999, 0, -1, float("nan")])
def test_a_lease_of_less_than_a_second_is_refused(lease):
    with pytest.raises(ValueError, match="lease must be at least 1 second"):
        SQLAlchemyJobStore("sqlite://", lease=lease)


@pytest.mark.parametrize("name", ["poll_interval", "connect_timeout", "answer_timeout"])
@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_time_that_is_not_positive_is_refused(name, seconds):
    with pytest.raises(ValueError, match=f"{name} must be more than 0 seconds"):
        SQLAlchemyJobStore("sqlite://", **{name: seconds})


@pytest.mark.parametrize(
    ("options", "connect", "answer"),
    [
        ({"lease": 30.0}, 10.0, 20.0),
        ({"lease": 16.0}, 16 / 3, 32 / 3),
        ({"lease": 1.0}, 2.0, 5.0),
        ({"connect_timeout": 0.5, "answer_timeout": 0.25, "poll_interval": 0.5}, 0.5, 0.25),
    ],
    ids=str,
)
def test_a_call_may_be_silent_for_a_part_of_the_lease_or_as_long_as_is_said(
    options, connect, answer
):
    watch = SQLAlchemyJobStore("sqlite://", **options)._database.watch
    assert (watch._connect, watch.answer) == pytest.approx((connect, answer))


def test_an_address_is_no_engine():
    with pytest.raises(LookupError, match="an address goes into url="):
        SQLAlchemyJobStore(engine="sqlite://")


def test_without_address_and_engine_there_is_no_store():
    with pytest.raises(ValueError, match="needs a url or an engine"):
        SQLAlchemyJobStore()


def test_an_engine_goes_before_an_address_and_can_be_named_by_a_text(monkeypatch):
    assert SQLAlchemyJobStore("sqlite:///nowhere", engine=ENGINE).engine is ENGINE
    monkeypatch.setitem(sys.modules, "settings_of_mine", SimpleNamespace(ENGINE=ENGINE))
    assert SQLAlchemyJobStore(engine="settings_of_mine:ENGINE").engine is ENGINE


def test_options_of_the_engine_reach_it(tmp_path):
    url = f"sqlite:///{tmp_path}/a.sqlite"
    assert SQLAlchemyJobStore(url, engine_options={"pool_size": 3}).engine.pool.size() == 3
    assert SQLAlchemyJobStore(url).engine.pool.size() == 5


# -- tables that somebody else makes --------------------------------------------------------------------------------


def test_without_tables_that_may_not_be_made_the_start_is_refused_with_what_would_make_them(
    tmp_path, started
):
    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path}/a.sqlite", create_tables=False)
    with pytest.raises(SchemaError, match="create_tables=False was given") as caught:
        started(store)
    said = str(caught.value)
    assert "step 0 of" in said
    assert said.endswith(store.ddl())
    with store.engine.begin() as connection:
        assert connection.execute(text("SELECT * FROM sqlite_master")).all() == []
        for statement in store.ddl().split(";\n"):
            connection.execute(text(statement))
    node = started(SQLAlchemyJobStore(str(store.engine.url), create_tables=False))
    add(node, "a")
    assert ask(node, 10).ids == ["a"]


def test_what_a_store_lacks_that_may_not_make_it_is_said_and_all_else_works(
    tmp_path, tables, started, caplog
):
    place = CopiedPlace(tables, tmp_path)
    place.change("ALTER TABLE {t}_runs DROP COLUMN permitted_us")
    node = started(place.store(create_tables=False))
    assert "catching up in portions" in caplog.text
    add(node, "a")
    claimed = ask(node, 10)
    assert claimed.ids == ["a"]
    claimed.finish()
    place.close()


# -- a file that one process may use alone ----------------------------------------------------------------------------


def alone(waits) -> SimpleNamespace:
    return SimpleNamespace(line="this process is alone on it", wait=waits, check=lambda *_: None)


def test_who_is_alone_on_a_file_says_so_and_waits_for_its_predecessor(
    tmp_path, tables, started, caplog, monkeypatch
):
    place = CopiedPlace(tables, tmp_path)
    waited = []

    def waits(listed, tell) -> None:
        waited.append(listed())
        tell("waiting for it")

    monkeypatch.setattr(module, "alone_on", lambda _: alone(waits))
    started(place.store())
    ((rows, now),) = waited
    assert rows == []
    assert now > 0
    said = [each.getMessage() for each in caplog.records]
    assert [each for each in said if each in ("this process is alone on it", "waiting for it")] == [
        "this process is alone on it",
        "waiting for it",
    ]
    place.close()


def test_who_may_not_share_a_file_leaves_nothing_behind(tmp_path, tables, monkeypatch):
    place = CopiedPlace(tables, tmp_path)
    guards = []
    made = SQLAlchemyJobStore._made_guard
    monkeypatch.setattr(
        SQLAlchemyJobStore, "_made_guard", lambda store: guards.append(made(store)) or guards[-1]
    )

    def refuses(listed, tell) -> None:
        raise SharingRefusedError("another process works with it")

    monkeypatch.setattr(module, "alone_on", lambda _: alone(refuses))
    store = place.store()
    with pytest.raises(SharingRefusedError):
        store.start(ManualScheduler(), "default")
    (guard,) = guards
    assert not guard._is_on, "it looks at no new connection"
    assert store._database.watch._thread is None
    assert store.engine.pool.checkedin() == 0
    assert store.held is None
    place.close()
