"""Conversions between what users write and what is kept."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import pytest
import pytz
import tzlocal
from dateutil import tz as dateutil_tz
from hypothesis import given
from hypothesis import strategies as st

from apscheduler import moments
from apscheduler.moments import (
    asbool,
    asdate,
    asint,
    astimezone,
    convert_to_datetime,
    datetime_ceil,
    datetime_repr,
    datetime_to_utc_timestamp,
    datetime_utc_add,
    local_zone,
    localize,
    normalize,
    timedelta_seconds,
    timezone_repr,
    utc_timestamp_to_datetime,
)

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = sorted(available_timezones() - {"localtime"})
DATEUTIL_BERLIN = dateutil_tz.gettz("Europe/Berlin")


@pytest.mark.parametrize(("text", "number"), [("5", 5), (" -7 ", -7), (None, None), (5.7, 5)])
def test_asint_reads_numbers_and_keeps_none(text, number):
    assert asint(text) == number


@pytest.mark.parametrize("word", ["true", "yes", "ON", " y ", "t", "1", True, 1, 2.5])
def test_asbool_knows_words_for_true(word):
    assert asbool(word) is True


@pytest.mark.parametrize("word", ["false", "No", "off", "n", "f", " 0 ", False, None, 0, []])
def test_asbool_knows_words_for_false(word):
    assert asbool(word) is False


def test_asbool_refuses_other_words():
    with pytest.raises(ValueError, match="'maybe' is neither true nor false: write one of"):
        asbool("maybe")


@pytest.mark.trap(46)
@pytest.mark.trap(47)
@pytest.mark.parametrize(
    ("given", "zone"),
    [
        (None, None),
        ("Europe/Berlin", BERLIN),
        ("UTC", UTC),
        (BERLIN, BERLIN),
        (UTC, UTC),
        (timezone(timedelta(hours=2)), timezone(timedelta(hours=2))),
        (pytz.timezone("Europe/Berlin"), BERLIN),
        (pytz.utc, ZoneInfo("UTC")),
        (pytz.FixedOffset(90), timezone(timedelta(minutes=90))),
        (DATEUTIL_BERLIN, DATEUTIL_BERLIN),
    ],
)
def test_zones_of_every_library_are_taken_without_a_warning(given, zone):
    assert astimezone(given) == zone


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Europe/Berlim", "no time zone 'Europe/Berlim'; did you mean Europe/Berlin"),
        ("utc", "did you mean UTC"),
        ("local", "'local' is not the name of a time zone: leave the timezone out"),
        ("qqqqqqqqq", "expected a name of the tz database"),
    ],
)
def test_an_unknown_zone_is_refused_with_the_closest_names(name, words):
    with pytest.raises(ZoneInfoNotFoundError, match=words):
        astimezone(name)


@pytest.mark.parametrize("name", ["", "../etc/passwd", "/etc/localtime"])
def test_a_text_that_can_be_no_zone_is_refused(name):
    with pytest.raises(ValueError, match="there is no time zone"):
        astimezone(name)


@pytest.mark.parametrize("given", [0, 5, [], b"UTC"])
def test_a_zone_of_another_type_is_refused(given):
    with pytest.raises(TypeError, match="must be a name like 'Europe/Berlin' or a tzinfo"):
        astimezone(given)


@pytest.mark.trap(48)
@pytest.mark.parametrize("error", [ZoneInfoNotFoundError("x"), ValueError("x"), OSError("x")])
def test_utc_is_used_with_a_warning_where_no_local_zone_is_found(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(tzlocal, "get_localzone", fail)
    with pytest.warns(UserWarning, match="local time zone cannot be found"):
        assert local_zone() is UTC


def test_the_local_zone_is_tzlocals(monkeypatch):
    monkeypatch.setattr(tzlocal, "get_localzone", lambda: BERLIN)
    assert local_zone() is BERLIN


def test_asdate_reads_iso_dates_and_keeps_the_rest():
    assert asdate("2020-01-02") == date(2020, 1, 2)
    assert asdate(None) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-1-2", datetime(2020, 1, 2, tzinfo=BERLIN)),
        ("2020-01-02 3:4:5", datetime(2020, 1, 2, 3, 4, 5, tzinfo=BERLIN)),
        ("2020-01-02T03:04:05.000123", datetime(2020, 1, 2, 3, 4, 5, 123, tzinfo=BERLIN)),
        ("2020-01-02 03:04:05Z", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (date(2020, 7, 2), datetime(2020, 7, 2, tzinfo=BERLIN)),
        (datetime(2020, 7, 2, 1), datetime(2020, 7, 2, 1, tzinfo=BERLIN)),
        (None, None),
    ],
)
def test_what_names_no_zone_is_read_in_the_zone_given(text, moment):
    assert convert_to_datetime(text, BERLIN, "run_date") == moment
    assert convert_to_datetime(text, "Europe/Berlin", "run_date") == moment


def test_a_text_with_an_offset_keeps_it():
    moment = convert_to_datetime("2020-01-02 03:04:05-05:30", BERLIN, "run_date")
    assert moment.isoformat() == "2020-01-02T03:04:05-05:30"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "2020-1-2 3:4",
        "2020-01-02 03",
        " 2020-01-02",
        "2020-01-02 03:04:05+0200",
        "٢٠٢٠-01-02",
    ],
)
def test_other_texts_are_refused_with_the_format_that_is_expected(text):
    with pytest.raises(ValueError, match=r"end_date cannot be read from .* write it as YYYY-MM-DD"):
        convert_to_datetime(text, UTC, "end_date")


@pytest.mark.parametrize(
    ("text", "why"),
    [("2020-13-02", "month must be in"), ("2020-01-02 25:00:00", "hour must be in")],
)
def test_a_moment_that_no_calendar_has_is_refused_with_the_reason(text, why):
    with pytest.raises(ValueError, match=f"run_date .* no moment of the calendar: {why}"):
        convert_to_datetime(text, UTC, "run_date")


@pytest.mark.parametrize("given", [5, 5.5, True, timedelta(1)])
def test_another_type_is_refused_by_name(given):
    with pytest.raises(TypeError, match="run_date must be a datetime, a date or a text"):
        convert_to_datetime(given, UTC, "run_date")


def test_a_naive_moment_without_any_zone_is_refused():
    with pytest.raises(ValueError, match=r"run_date .* names no time zone"):
        convert_to_datetime(datetime(2020, 1, 1), None, "run_date")
    with pytest.raises(TypeError, match="tz must be a name or a tzinfo"):
        convert_to_datetime(datetime(2020, 1, 1), 5, "run_date")


@pytest.mark.trap(50)
@pytest.mark.parametrize("zone", [BERLIN, DATEUTIL_BERLIN], ids=["zoneinfo", "dateutil"])
def test_a_wall_time_in_a_gap_is_shown_as_the_one_after_it(zone):
    moment = localize(datetime(2021, 3, 28, 2, 30), zone)
    assert moment.isoformat() == "2021-03-28T03:30:00+02:00"


def test_pytz_zones_are_asked_by_their_own_methods():
    zone = pytz.timezone("Europe/Berlin")
    assert localize(datetime(2021, 6, 1), zone).isoformat() == "2021-06-01T00:00:00+02:00"
    assert normalize(zone.localize(datetime(2021, 3, 28, 2, 30))).isoformat() == (
        "2021-03-28T03:30:00+02:00"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert localize(datetime(2021, 6, 1), pytz.FixedOffset(60)).utcoffset() == timedelta(
            hours=1
        )


def test_a_naive_datetime_stays_naive_as_in_3x():
    moment = datetime(2030, 6, 1, 12, 30)
    assert normalize(moment) == moment
    assert datetime_utc_add(moment, timedelta(hours=1)) == datetime(2030, 6, 1, 13, 30)


wall_times = st.datetimes(datetime(1970, 1, 3), datetime(2100, 1, 1))


@given(wall_times, st.sampled_from(ZONES), st.integers(0, 1))
def test_a_normalized_datetime_is_the_same_instant_and_exists(wall, name, fold):
    zone = ZoneInfo(name)
    moment = wall.replace(tzinfo=zone, fold=fold)
    normal = normalize(moment)
    assert normal.astimezone(UTC) == moment.astimezone(UTC)
    assert normal.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == normal.replace(
        tzinfo=None
    )


@given(wall_times, st.sampled_from(ZONES), st.timedeltas(timedelta(-9), timedelta(9)))
def test_adding_real_time_ignores_what_clocks_do(wall, name, delta):
    moment = localize(wall, ZoneInfo(name))
    later = datetime_utc_add(moment, delta)
    assert later.astimezone(UTC) - moment.astimezone(UTC) == delta
    assert later.tzinfo is moment.tzinfo


@given(wall_times, st.sampled_from(ZONES))
def test_a_ceiling_is_the_next_whole_second(wall, name):
    moment = localize(wall, ZoneInfo(name))
    up = datetime_ceil(moment)
    assert up.microsecond == 0
    assert timedelta(0) <= up.astimezone(UTC) - moment.astimezone(UTC) < timedelta(seconds=1)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_timestamps_round_trip_to_the_microsecond(moment):
    assert utc_timestamp_to_datetime(datetime_to_utc_timestamp(moment)) == moment


def test_timestamps_of_nothing_and_of_naive_datetimes():
    assert datetime_to_utc_timestamp(None) is None
    assert utc_timestamp_to_datetime(None) is None
    assert datetime_to_utc_timestamp(datetime(2020, 1, 1)) == 1577836800.0
    assert datetime_to_utc_timestamp(datetime(1950, 1, 1, 0, 0, 0, 5, UTC)) == -631151999.999995


def test_timedeltas_in_seconds():
    assert timedelta_seconds(timedelta(days=1, seconds=5, microseconds=3)) == 86405.000003


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (None, "None"),
        (datetime(2020, 7, 1, tzinfo=BERLIN), "2020-07-01 00:00:00 CEST"),
        (datetime(2020, 7, 1, 1, 2, 3, 4, tzinfo=UTC), "2020-07-01 01:02:03 UTC"),
        (datetime(2020, 7, 1), "2020-07-01 00:00:00 "),
    ],
)
def test_datetimes_are_shown_as_in_3x(moment, text):
    assert datetime_repr(moment) == text


def test_zones_are_shown_by_their_key_else_by_their_repr():
    assert timezone_repr(BERLIN) == "Europe/Berlin"
    assert timezone_repr(UTC) == "datetime.timezone.utc"


def test_no_zone_library_but_zoneinfo_is_named_in_the_module():
    assert not {"pytz", "dateutil", "tzlocal"} & set(vars(moments))
