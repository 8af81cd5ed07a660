"""What a SQL store keeps of zone data: one version, and the clocks by the last few."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError
from zones.old_notes import TOKYO, clocks, started

from apscheduler.jobstores._sql.zones.notes import ZoneNotes


@pytest.fixture
def notes(place):
    with started(place) as (_, store):
        yield ZoneNotes(store._database, store._parts.tables)


def kept(notes, version: str) -> int | None:
    """Return how far Tokyo is ahead by the clocks of a version, in hours."""
    found = notes.clocks(version)
    return found and found.moves[TOKYO][0][1] // (3600 * 10**6)


def test_nothing_is_noted_at_first(notes):
    assert notes.version() is None
    assert notes.clocks("2001a") is None


def test_a_version_is_noted_with_its_clocks(notes, place):
    notes.write("2001a", clocks(tokyo=8))
    assert notes.version() == "2001a"
    assert notes.clocks("2001a") == clocks(tokyo=8)
    assert notes.clocks("2001b") is None
    names = place.rows("SELECT name FROM {t}_state WHERE name LIKE 'zone %' ORDER BY name")
    assert [row[0] for row in names] == ["zone clocks 2001a", "zone data"]


def test_what_is_noted_later_takes_the_place_of_its_own_version_only(notes):
    notes.write("2001a", clocks(tokyo=7))
    notes.write("2001b", clocks(tokyo=8))
    notes.write("2001a", clocks(tokyo=9))
    assert notes.version() == "2001a"
    assert (kept(notes, "2001a"), kept(notes, "2001b")) == (9, 8)


def test_a_version_that_is_noted_alone_leaves_the_clocks(notes):
    notes.write("2001a", clocks(tokyo=7))
    notes.write("2001a", None)
    notes.write("2001b", None)
    assert notes.version() == "2001b"
    assert (kept(notes, "2001a"), kept(notes, "2001b")) == (7, None)


def test_the_clocks_of_the_three_newest_versions_are_kept_and_nothing_else_goes(notes, place):
    other = place.rows("SELECT name FROM {t}_state ORDER BY name")
    for version in ("2001b", "2001d", "2001a", "2001c"):
        notes.write(version, clocks())
    found = [kept(notes, version) for version in ("2001a", "2001b", "2001c", "2001d")]
    assert found == [None, 8, 8, 8]
    assert notes.version() == "2001c"
    left = place.rows("SELECT name FROM {t}_state WHERE name NOT LIKE 'zone %' ORDER BY name")
    assert left == other


@pytest.mark.parametrize(
    "text",
    [
        *("x", "{}", "[]", '{"span": [1, null], "clocks": []}'),
        '{"span": [0, 9], "clocks": [[["UTC"], []]]}',
        '{"span": [0, 9], "clocks": [[["UTC"], [[1, 0]]]]}',
        '{"span": [0, 9], "clocks": [[["UTC"], [[0, 90000]]]]}',
        '{"span": [0, 9], "clocks": [[["UTC"], [[0, "1"]]]]}',
        '{"span": [0, 9], "clocks": [[[7], [[0, 0]]]]}',
    ],
)
def test_clocks_that_cannot_be_read_are_as_good_as_none(notes, place, text):
    notes.write("2001a", clocks())
    place.change("UPDATE {t}_state SET text = :text WHERE name = 'zone clocks 2001a'", text=text)
    assert notes.clocks("2001a") is None
    assert notes.version() == "2001a"


def test_a_version_is_noted_although_another_process_is_first_to_insert_its_row(notes, monkeypatch):
    put, first = notes._put, ["zone data"]

    def late(connection, name, text):
        if name in first:
            first.remove(name)
            raise IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed"))
        put(connection, name, text)

    monkeypatch.setattr(notes, "_put", late)
    notes.write("2001a", clocks())
    assert first == []
    assert notes.version() == "2001a"
    assert notes.clocks("2001a") == clocks()
