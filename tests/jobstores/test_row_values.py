"""What a row of a SQL store may hold, and how what is none of it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.engine import make_url

from apscheduler._engine.instants import EARLIEST, LATEST, from_us, to_us
from apscheduler.jobstores._rows import (
    LAST_GENERATION,
    Times,
    bytes_of,
    check_generation,
    id_text,
)
from apscheduler.jobstores._sql.connection.addresses import Secrets

MOMENT = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_jobs_bytes_are_bytes_whatever_the_driver_gives(kind):
    found = bytes_of(kind(b"x"))
    assert (type(found), found) == (bytes, b"x")


@pytest.mark.parametrize("value", ["x", None, 7])
def test_what_is_no_bytes_is_refused(value):
    with pytest.raises(TypeError, match="bytes are expected"):
        bytes_of(value)


def test_an_id_is_shown_as_it_is_and_what_is_no_text_in_short():
    assert id_text("job") == "job"
    assert id_text(7) == "7"
    assert id_text(b"x") == "b'x'"


@pytest.mark.parametrize("generation", [0, 1, LAST_GENERATION - 1])
def test_a_generation_can_be_counted_on_from(generation):
    check_generation(generation)


@pytest.mark.parametrize("generation", [-1, LAST_GENERATION, 2**70, "1", 1.5, None])
def test_what_cannot_be_counted_on_from_is_no_generation(generation):
    with pytest.raises(ValueError, match="a number from 0 on is expected"):
        check_generation(generation)


def test_a_time_is_shown_in_the_zone_that_is_asked_for():
    times, zone = Times(), timezone(timedelta(hours=3))
    shown = times.shown("fire_us", to_us(MOMENT), zone)
    assert (shown, shown.utcoffset()) == (MOMENT, timedelta(hours=3))
    assert times.shown_or_none("fire_us", to_us(MOMENT)) == MOMENT
    assert times.shown_or_none("fire_us", None) is None
    assert times.faults == []


@pytest.mark.parametrize(
    ("instant", "year", "fault"),
    [
        ("soon", 1, "fire_us is 'soon'"),
        (1.5, 1, "fire_us is 1.5"),
        (2**62, 9999, f"fire_us is {2**62}"),
        (-(2**62), 1, f"fire_us is {-(2**62)}"),
    ],
)
def test_what_is_no_time_is_shown_as_the_nearest_one_and_noted(instant, year, fault):
    times = Times()
    shown = times.shown("fire_us", instant)
    assert times.faults == [fault]
    assert abs(shown.year - year) <= 1 or shown == from_us(EARLIEST, UTC)


def test_the_ends_of_time_are_shown_in_utc_where_the_zone_cannot():
    times = Times()
    ahead, behind = timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))
    for instant, zone in ((LATEST, ahead), (EARLIEST, behind)):
        assert to_us(times.shown("fire_us", instant, zone)) == instant
    assert times.faults == []


@pytest.mark.parametrize(
    "value",
    [
        b"p4ssw0rd-x",
        bytearray(b"p4ssw0rd-x"),
        {"a": "p4ssw0rd-x"},
        {"a": {"b": ["p4ssw0rd-x"]}},
        ("p4ssw0rd-x",),
        {"p4ssw0rd-x"},
        [b"p4ssw0rd-x", 7],
        "key=p4ssw0rd-x;other=1",
    ],
    ids=str,
)
def test_a_secret_is_masked_whatever_it_is_wrapped_in(value):
    secrets = Secrets(make_url("sqlite://"), {"connect_args": {"mine": value}})
    assert secrets.mask("refused: p4ssw0rd-x (7)") == "refused: *** (7)"


def test_what_is_no_text_is_no_secret():
    secrets = Secrets(make_url("sqlite://"), {"connect_args": {"mine": 7, "timeout": "p4ssw0rd"}})
    assert secrets.mask("7 p4ssw0rd") == "7 p4ssw0rd"
