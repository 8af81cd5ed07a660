"""Integer microseconds and datetimes, back and forth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler._engine.instants import DAY, EPOCH, LATEST, NEVER, duration_us, from_us, to_us

BERLIN = ZoneInfo("Europe/Berlin")


@given(
    st.integers(to_us(datetime(1, 1, 2, tzinfo=UTC)), LATEST - DAY), st.sampled_from([UTC, BERLIN])
)
def test_an_instant_comes_back_exactly_from_any_zone(instant, zone):
    assert to_us(from_us(instant, zone)) == instant


@given(st.timedeltas())
def test_a_duration_is_counted_exactly(delta):
    assert timedelta(microseconds=duration_us(delta)) == delta


def test_the_two_readings_of_a_repeated_hour_are_an_hour_apart():
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    assert to_us(first.replace(fold=1)) - to_us(first) == 3_600_000_000
    assert from_us(to_us(first.replace(fold=1)), BERLIN).fold == 1


def test_the_zone_of_a_datetime_does_not_change_its_instant():
    moment = datetime(2030, 1, 1, 12, tzinfo=UTC)
    assert to_us(moment) == to_us(moment.astimezone(timezone(timedelta(hours=-11.5))))


def test_the_epoch_is_zero_and_never_is_after_the_last_datetime():
    assert to_us(EPOCH) == 0
    assert to_us(datetime.max.replace(tzinfo=UTC)) == LATEST < NEVER


def test_a_naive_datetime_has_no_instant():
    with pytest.raises(TypeError):
        to_us(datetime(2030, 1, 1))
