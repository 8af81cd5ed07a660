"""When a store looks at the zone data that is noted in it, takes note of today's, and comes to an end with that.

Neighbours tried: nothing noted, newer and older data noted, stores in memory, data of unknown versions, looks that fail, overlap
or are ended in the middle.
"""

from __future__ import annotations

from threading import Event

import pytest
from databases import Place
from zones.old_notes import (
    DUBAI,
    LATER,
    NEW,
    NOW,
    OLD,
    PLANNED,
    RIGHT,
    TOKYO,
    WAIT,
    clocks,
    compared,
    due,
    noted,
    planned,
    started,
    tended,
)

from apscheduler.events import EVENT_JOB_SKIPPED
from apscheduler.jobstores._sql.zones import rezoning
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import ManualScheduler
from apscheduler.zones import data

pytestmark = pytest.mark.usefixtures("few_zones")


@pytest.fixture
def computed(monkeypatch):
    """Return the list of what the clocks of today were computed from."""
    calls, of_today = [], rezoning.of_today

    def counted(since, between):
        calls.append(since)
        return of_today(since, between)

    monkeypatch.setattr(rezoning, "of_today", counted)
    return calls


def note(store, version: str) -> None:
    store._session.rezoning._notes.write(version, None)


# -- when -------------------------------------------------------------------------------------------------------


def test_a_start_looks_where_other_data_is_noted_and_only_there(place):
    with started(place) as (_, store):
        assert store._session.rezoning.thread is None  # nothing is noted
        assert tended(store) == NEW
    with started(place) as (_, store):
        assert store._session.rezoning.thread is None
        note(store, OLD)
    with started(place, looked=False) as (_, store):
        assert store._session.rezoning.thread.daemon
        compared(store)
        assert noted(store) == NEW


def test_of_a_store_in_which_nothing_is_noted_todays_clocks_are_kept_without_a_word(place, caplog):
    with started(place) as (_, store):
        assert tended(store) == NEW
        kept = store._session.rezoning._notes.clocks(NEW)
    assert kept.moves == {TOKYO: [(NOW, 9 * 3600 * 10**6)], DUBAI: [(NOW, 4 * 3600 * 10**6)]}
    assert caplog.text == ""


def test_what_is_noted_is_looked_at_again_now_and_then(place):
    with started(place) as (_, store):
        assert tended(store) == NEW
        first = store._session.rezoning.thread
        assert tended(store) == NEW
        assert store._session.rezoning.thread is first
        note(store, LATER)
        assert tended(store) == NEW
        assert store._session.rezoning.thread is not first


def test_older_data_that_is_noted_is_left_to_the_next_start(place):
    planned(place, {})
    with started(place, looked=False) as (_, store):
        compared(store)
        note(store, OLD)
        assert tended(store) == OLD


def test_todays_clocks_are_computed_once_for_all_stores_of_a_process(place, tmp_path, computed):
    other = Place("sqlite", tmp_path)
    for each in (place, other):
        with started(each) as (_, store):
            assert tended(store) == NEW
            assert store._session.rezoning._notes.clocks(NEW) is not None
    other.close()
    assert computed == [NOW]


def test_a_look_that_fails_is_told(place, caplog, monkeypatch):
    def failing(*_):
        raise ZeroDivisionError("no clock")

    monkeypatch.setattr(rezoning, "of_today", failing)
    with started(place) as (_, store):
        assert tended(store) is None
    assert "Fire times could not be compared with the zone data in use" in caplog.text


# -- for whom ---------------------------------------------------------------------------------------------------


def test_without_the_option_nothing_is_noted(place):
    with started(place, follow_zone_data=False) as (_, store):
        assert tended(store) is None


def test_a_store_in_memory_takes_no_notes():
    store = SQLAlchemyJobStore("sqlite://")
    scheduler = ManualScheduler(jobstores={"default": store})
    scheduler.start()
    assert tended(store) is None
    scheduler.shutdown()


@pytest.mark.parametrize("used", [None, data.Source("/usr/share/zoneinfo", None)])
def test_data_of_an_unknown_version_is_neither_noted_nor_compared(place, monkeypatch, used):
    planned(place, {})
    monkeypatch.setattr(data, "in_use", lambda: used)
    with started(place) as (scheduler, store):
        assert tended(store) == OLD
        assert due(scheduler) == [PLANNED]


# -- the end ----------------------------------------------------------------------------------------------------


class Slow:
    """Zones whose clocks take as long as the store is not at its end, and a moment more."""

    def __init__(self, monkeypatch) -> None:
        self.begun, self.ended, self._free = Event(), Event(), Event()
        monkeypatch.setattr(rezoning, "of_today", self)

    def __call__(self, since, between):
        self.begun.set()
        while not between():
            if self._free.is_set():
                return clocks(tokyo=9)
        Event().wait(0.05)
        self.ended.set()
        return None

    def let_go(self) -> None:
        self._free.set()


def test_the_end_of_a_store_ends_a_look_and_waits_for_it(place, monkeypatch):
    slow = Slow(monkeypatch)
    with started(place) as (_, store):
        store._session.rezoning.tend()
        assert slow.begun.wait(WAIT)
        store._session.rezoning.stop()
        has_ended = slow.ended.is_set()
        slow.let_go()
        assert has_ended
        compared(store)
        assert noted(store) is None


def test_while_a_look_goes_on_there_is_no_other(place, monkeypatch):
    slow = Slow(monkeypatch)
    with started(place) as (_, store):
        store._session.rezoning.tend()
        first = store._session.rezoning.thread
        assert slow.begun.wait(WAIT)
        store._session.rezoning.tend()
        second = store._session.rezoning.thread
        slow.let_go()
        for thread in (first, second):
            thread.join(WAIT)
        assert second is first
        assert noted(store) == NEW


def test_at_the_end_the_job_at_hand_is_moved_and_no_more(place):
    planned(place, {}, {})
    store = place.store()
    scheduler = ManualScheduler(jobstores={"default": store})
    scheduler.add_listener(lambda _: store._session.rezoning._stop.set(), EVENT_JOB_SKIPPED)
    scheduler.start()
    compared(store)
    assert due(scheduler) == [RIGHT, PLANNED]
    assert noted(store) == OLD
    scheduler.shutdown()


@pytest.mark.parametrize(
    ("before", "after"), [(LATER, NEW), (NEW, NEW), (OLD, OLD), (None, None)], ids=str
)
def test_who_has_computed_fire_times_with_older_data_says_so_at_its_end(
    place, caplog, before, after
):
    with started(place) as (_, store):
        if before is not None:
            note(store, before)
        store._session.claiming.moved["a job"] = None  # it claimed one
    with started(place, follow_zone_data=False) as (_, store):
        assert noted(store) == after
    assert caplog.text == ""
