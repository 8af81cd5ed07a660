"""Whatever stands in the state table, jobs run: what cannot be read there is as good as not there, and is written anew."""

from __future__ import annotations

import logging
import threading

import pytest
from click.testing import CliRunner
from databases import Place
from zones.old_notes import OLD, clocks, compared

from apscheduler.cli import main
from apscheduler.jobstores._sql.guarding.identity import Identity, from_text, unread_in
from apscheduler.testing import ManualScheduler
from apscheduler.zones.clocks import from_text as clocks_from

DEEP = "[" * 100_000
IDENTITY, DATA, CLOCKS = "identity", "zone data", f"zone clocks {OLD}"
NAMES = (IDENTITY, DATA, CLOCKS, "addition 1", "addition 2", "something of a later version")
FIRST = str(clocks().since // 10**6)
TEXTS = {
    "nothing": None,
    "empty": "",
    "words": "no JSON",
    "a quote": "'; --",
    "null": "null",
    "true": "true",
    "a number": "5",
    "a huge number": "9" * 5000,
    "no number": "NaN",
    "a text": '"2001a"',
    "a list": "[1,2]",
    "lists": "[[[]]]",
    "an object": "{}",
    "deep": DEEP,
    "deep inside": '{"file": ' + DEEP,
    "long": '{"x": "%s"}' % ("x" * 1_000_000),
    "members of other kinds": '{"file": [1], "created": {}, "database": null, "table": true, "system": 1.5, "timeline": "x"}',
    "infinite": '{"file": 1e999, "timeline": 1e999, "span": [1e999, 1e999], "clocks": []}',
    "a huge timeline": '{"timeline": %s}' % ("9" * 400),
    "a negative timeline": '{"timeline": -5}',
    "clocks that are none": '{"span": [0, 9], "clocks": 5}',
    "a span that is none": '{"span": "ab", "clocks": []}',
    "a span of texts": '{"span": ["a", "b"], "clocks": []}',
    "a span of three": '{"span": [1, 2, 3], "clocks": []}',
    "a huge span": '{"span": [%s, 9], "clocks": []}' % ("9" * 400),
    "zones of numbers": '{"span": [FIRST, 9999999999], "clocks": [[[5], [[FIRST, 0]]]]}',
    "zones of lists": '{"span": [0, 9], "clocks": [[[[]], [[0, 0]]]]}',
    "no moves": '{"span": [FIRST, 9999999999], "clocks": [[["Asia/Tokyo"], []]]}',
    "moves of texts": '{"span": [0, 9999999999], "clocks": [[["Asia/Tokyo"], [["a", "b"]]]]}',
    "a later first move": '{"span": [0, 9999999999], "clocks": [[["Asia/Tokyo"], [[9999999990, 0]]]]}',
    "an offset of years": '{"span": [0, 9999999999], "clocks": [[["Asia/Tokyo"], [[0, 99999999999]]]]}',
}
TEXTS = {said: text and text.replace("FIRST", FIRST) for said, text in TEXTS.items()}
NUMBERS = {"nothing": None, "negative": -1, "the highest": 2**63 - 1}


def nothing() -> None:
    """Be a job."""


@pytest.fixture(params=["sqlite"])
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def ended(monkeypatch):
    """What ended a thread."""
    found: list = []
    monkeypatch.setattr(threading, "excepthook", found.append)
    return found


def filled(place) -> None:
    """Store a job, with notes of zone data that are older than today's."""
    scheduler = ManualScheduler(jobstores={"default": place.store(follow_zone_data=False)})
    scheduler.start()
    options = {"id": "a", "seconds": 10, "timezone": "Asia/Tokyo", "misfire_grace_time": None}
    scheduler.add_job(nothing, "interval", **options)
    scheduler._jobstores["default"]._session.rezoning._notes.write(OLD, clocks())
    place.change("INSERT INTO {t}_state (name, number) VALUES (:name, 5)", name=NAMES[-1])
    scheduler.shutdown()


def cleared(place) -> None:
    place.change("DELETE FROM {t}")
    place.change("DELETE FROM {t}_state WHERE name = :name", name=NAMES[-1])


def works(place) -> None:
    """Start on what is there, run the job, tend the notes, adopt, and end."""
    scheduler = ManualScheduler(jobstores={"default": place.store()})
    scheduler.start()
    store = scheduler._jobstores["default"]
    try:
        compared(store)
        store._session.rezoning.tend()
        compared(store)
        before = ran(scheduler)
        scheduler.advance(20)
        assert store.held is None
        assert ran(scheduler) > before
        assert [node.is_self for node in scheduler.nodes()] == [True]
        scheduler.adopt_store()
        scheduler.advance(20)
        assert store.held is None
    finally:
        scheduler.shutdown()


def ran(scheduler) -> int:
    return len(scheduler.get_runs(outcome="executed", limit=10_000))


def kept(place, name: str):
    return place.rows("SELECT number, text FROM {t}_state WHERE name = :name", name=name)[0]


def lines(caplog) -> list[str]:
    assert not [each for each in caplog.records if each.levelno > logging.WARNING]
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


@pytest.mark.parametrize("said", TEXTS)
def test_any_text_under_all_names_lets_jobs_run(place, ended, caplog, said):
    filled(place)
    place.change("UPDATE {t}_state SET text = :text", text=TEXTS[said])
    works(place)
    assert all(len(line) < 600 for line in lines(caplog))
    number, text = kept(place, IDENTITY)
    assert number > 0, "it was adopted"
    assert unread_in(text) is None
    assert not ended


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_any_text_under_one_name_lets_jobs_run(place, ended, caplog, name):
    for text in TEXTS.values():
        filled(place)
        place.change("UPDATE {t}_state SET text = :text WHERE name = :name", text=text, name=name)
        works(place)
        cleared(place)
    assert all(len(line) < 600 for line in lines(caplog))
    assert not ended


@pytest.mark.parametrize("value", NUMBERS.values(), ids=NUMBERS)
def test_any_number_under_any_name_lets_jobs_run(place, ended, caplog, value):
    filled(place)
    place.change("UPDATE {t}_state SET number = :value", value=value)
    works(place)
    assert 0 < kept(place, IDENTITY)[0] < 2**60
    lines(caplog)
    assert not ended


@pytest.mark.parametrize("value", [b"\xff\x00", b"[1]", "\ud800 \x00", "'x'"], ids=ascii)
def test_what_only_sqlite_can_hold_lets_jobs_run(place, ended, caplog, value):
    for name in NAMES:
        filled(place)
        statement = "UPDATE {t}_state SET number = :value, text = :value WHERE name = :name"
        if isinstance(value, str) and not value.isprintable():  # bytes that are no UTF-8, as text
            statement = statement.replace(":value", "CAST(:value AS TEXT)")
        raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        place.change(statement, value=raw if "CAST" in statement else value, name=name)
        works(place)
        cleared(place)
    lines(caplog)
    assert not ended


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "said",
    ["nothing", "a list", "deep", "members of other kinds", "a huge timeline", "a huge span"],
)
def test_any_text_under_any_name_lets_jobs_run_on_a_server(place, ended, caplog, said):
    for name in NAMES:
        filled(place)
        values = {"text": TEXTS[said], "name": name}
        place.change(
            "UPDATE {t}_state SET text = :text, number = NULL WHERE name = :name", **values
        )
        works(place)
        cleared(place)
    assert not [line for line in lines(caplog) if "promoted" in line]
    assert not ended


@pytest.mark.usefixtures("newest_zone_data")  # older data is a fault to the doctor
def test_an_identity_that_cannot_be_read_is_said_once_and_written_anew(place, caplog):
    filled(place)
    text = kept(place, IDENTITY)[1]
    place.change("UPDATE {t}_state SET number = 77, text = '[1,2]' WHERE name = 'identity'")
    asked = ["doctor", "--store", place.url, "--table", place.table]
    doctor = CliRunner().invoke(main, asked)
    assert "the next start writes it anew: '[1,2]'" in doctor.output
    scheduler = ManualScheduler(jobstores={"default": place.store(follow_zone_data=False)})
    scheduler.start()
    scheduler.advance(20)
    scheduler.shutdown()
    (line,) = [each for each in lines(caplog) if "identity" in each]
    assert "cannot be read, and is written anew: '[1,2]'" in line
    assert kept(place, IDENTITY) == (77, text), "others know when it was adopted"
    assert "cannot be read" not in CliRunner().invoke(main, asked).output


def test_zone_data_that_cannot_be_read_is_said_once(place, caplog):
    filled(place)
    place.change("UPDATE {t}_state SET text = 'x' WHERE name = :name", name=CLOCKS)
    works(place)
    (line,) = [each for each in lines(caplog) if "cannot be read" in each]
    assert line.startswith(f"The clocks of zone data {OLD} ")
    caplog.clear()
    cleared(place)
    filled(place)
    place.change("UPDATE {t}_state SET text = '[2]' WHERE name = :name", name=DATA)
    works(place)
    (line,) = [each for each in lines(caplog) if "cannot be read" in each]
    assert "planned with cannot be read ('[2]')" in line


@pytest.mark.parametrize(
    ("text", "parts", "timeline", "whole"),
    [
        ('{"file": "1", "timeline": 5}', {"file": "1"}, 5, True),
        ('{"file": 1, "timeline": null}', {"file": "1"}, None, True),
        ('{"file": "1", "later": "x"}', {"file": "1", "later": "x"}, None, True),
        ('{"file": "1", "later": [1]}', {"file": "1"}, None, True),
        ('{"file": null, "table": "2"}', {"table": "2"}, None, False),
        ('{"file": true, "table": "2"}', {"table": "2"}, None, False),
        ('{"table": "2", "timeline": "5"}', {"table": "2"}, None, False),
        ('{"table": "2", "timeline": true}', {"table": "2"}, None, False),
        ('{"table": "2", "timeline": 0}', {"table": "2"}, None, False),
        ('{"table": "2", "timeline": 4294967296}', {"table": "2"}, None, False),
    ],
)
def test_a_part_that_cannot_be_read_costs_itself_only(text, parts, timeline, whole):
    assert from_text(text) == Identity(parts, timeline)
    assert (unread_in(text) is None) is whole


@pytest.mark.parametrize(
    "kept",
    [None, "", "x", "[]", "[1,2]", '"x"', "5", DEEP, 5, b"\xff"],
    ids=lambda kept: ascii(kept)[:20],
)
def test_what_is_no_object_is_no_identity(kept):
    assert from_text(kept) is None
    assert unread_in(kept) is not None


def test_what_an_identity_says_of_a_part_is_short_and_can_be_printed():
    present = Identity({"file": "1"})
    for odd in ("x" * 10_000, "a\nb", "\ud800", ""):
        said = present.differs(Identity({"file": odd}))
        assert said.isprintable()
        assert len(said) < 300
    assert present.differs(Identity({"file": "2"})) == "the file is another one (1, not 2)"


def test_clocks_come_back_as_they_were_kept():
    assert clocks_from(clocks().text()) == clocks()


@pytest.mark.parametrize("said", [each for each in TEXTS if TEXTS[each] is not None])
def test_clocks_that_are_none_are_one_error(said):
    with pytest.raises(ValueError):
        clocks_from(TEXTS[said])
