"""Signed JSON: values come back as they were, within limits, and nothing is parsed unless it is verified."""

from __future__ import annotations

import json
import pickle
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
import pytz
from dateutil.tz import gettz
from hypothesis import given
from hypothesis import strategies as st
from serializers.documents import (
    HERE,
    SERIALIZER,
    forged,
    there_and_back,
)
from serializers.states import (
    BERLIN,
    CALLABLES,
    NEW,
    OLD,
    VALUES,
    state_of,
)

from apscheduler.serializers import (
    BadSignatureError,
    DeserializationError,
    NewerVersionError,
    SerializationError,
    SignedJSONSerializer,
    SignedPickleSerializer,
    UnknownKeyError,
    UnsignedError,
)
from apscheduler.serializers._plain import DEPTH_LIMIT, SIZE_LIMIT
from apscheduler.triggers.cron import CronTrigger


def anatomy(value):
    """Return what equality leaves out: classes, zones, folds, signs of zero, NaN."""
    kind = type(value)
    if kind in (list, tuple):
        return kind, [anatomy(each) for each in value]
    if kind in (set, frozenset):
        return kind, sorted(map(repr, map(anatomy, value)))
    if kind is dict:
        return kind, sorted(repr((anatomy(key), anatomy(each))) for key, each in value.items())
    if kind is datetime or kind is time:
        return kind, value.isoformat(), value.fold, type(value.tzinfo), repr(value.tzinfo)
    return kind, repr(value)


# -- values ---------------------------------------------------------------------------------------------------

ZONES = st.one_of(
    st.none(),
    st.just(UTC),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Etc/GMT+5"]).map(ZoneInfo),
    st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone),
)
KEYLIKE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=8),
    st.sampled_from(["$tuple", "$dict", "$", "$app:x"]),
    st.binary(max_size=8),
    st.dates(),
    st.datetimes(timezones=ZONES),
    st.times(timezones=ZONES),
    st.timedeltas(),
    st.uuids(),
    st.decimals(allow_nan=False),
    ZONES,
)
LEAVES = st.one_of(KEYLIKE, st.floats(), st.sampled_from([Decimal("NaN"), Decimal("sNaN")]))
HASHABLE = st.recursive(
    KEYLIKE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.frozensets(inner, max_size=3)
    ),
    max_leaves=5,
)
NESTED = st.recursive(
    st.one_of(LEAVES, HASHABLE),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(HASHABLE, inner, max_size=4),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
        st.sets(HASHABLE, max_size=4),
    ),
    max_leaves=20,
)


@given(NESTED)
def test_nested_values_come_back_as_they_were(value):
    assert anatomy(there_and_back(value)) == anatomy(value)


@pytest.mark.parametrize(
    "value", VALUES, ids=lambda value: f"{type(value).__name__}-{len(repr(value))}"
)
def test_a_value_comes_back_as_it_was(value):
    assert anatomy(there_and_back(value)) == anatomy(value)


@given(NESTED)
def test_the_same_value_always_gives_the_same_bytes(value):
    data = SERIALIZER.dumps(state_of(args=(value,)), **HERE)
    again = SERIALIZER.loads(data, **HERE)
    assert SERIALIZER.dumps(again, **HERE) == data


def test_bytes_depend_neither_on_the_order_of_a_dict_nor_on_that_of_a_set():
    one = {"a": 1, "b": {1: 2, None: 4}, "c": set("abcdefgh")}
    other = {"c": set("hgfedcba"), "b": {None: 4, 1: 2}, "a": 1}
    assert SERIALIZER.dumps(state_of(kwargs=one), **HERE) == SERIALIZER.dumps(
        state_of(kwargs=other), **HERE
    )


@pytest.mark.parametrize("fold", [0, 1])
def test_a_moment_of_a_doubled_hour_stays_itself(fold):
    moment = datetime(2030, 10, 27, 2, 30, tzinfo=BERLIN, fold=fold)
    found = there_and_back(moment)
    assert (found.fold, found.tzinfo) == (fold, BERLIN)
    assert found.utcoffset() == timedelta(hours=2 - fold)


def test_an_offset_keeps_its_name():
    found = there_and_back(timezone(timedelta(hours=1), "home"))
    assert (found.tzname(None), found.utcoffset(None)) == ("home", timedelta(hours=1))


@pytest.mark.parametrize("is_dst", [False, True])
def test_a_moment_of_pytz_becomes_the_same_instant_of_zoneinfo(is_dst):
    moment = pytz.timezone("Europe/Berlin").localize(datetime(2030, 10, 27, 2, 30), is_dst=is_dst)
    found = there_and_back(moment)
    assert found.timestamp() == moment.timestamp()
    assert (found.tzinfo, found.fold, found.hour) == (BERLIN, 0 if is_dst else 1, 2)


def test_zones_of_pytz_become_the_standard_librarys_in_triggers_and_times():
    offset = pytz.FixedOffset(-90)
    assert there_and_back(time(3, tzinfo=offset)).tzinfo == timezone(timedelta(minutes=-90))
    trigger = CronTrigger(hour=3, timezone=BERLIN)
    trigger.timezone = pytz.timezone("Europe/Berlin")
    assert there_and_back(trigger).timezone is BERLIN


def test_the_state_of_a_job_comes_back_whole():
    state = state_of(timeout=5, delivery="at_least_once", next_run_time=None)
    found = SERIALIZER.loads(SERIALIZER.dumps(state, **HERE), **HERE)
    assert repr(found.pop("trigger")) == repr(state.pop("trigger"))
    assert found == state
    assert type(found["args"]) is tuple


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), r"args\[0\] is a builtins.object, which signed JSON does not know.* types="),
        ([1, {"x": (Fraction(1, 2),)}], r"args\[0\]\[1\]\['x'\]\[0\] is a fractions.Fraction"),
        ({(1, object()): 1}, r"args\[0\] key\[1\] is a builtins.object"),
        ({5: print}, r"args\[0\]\[5\] is a builtins.builtin_function_or_method"),
        (frozenset({Fraction(1)}), "Fraction"),
        (IntEnum("Level", "LOW").LOW, "Level"),
        (StrEnum("Word", "A").A, "Word"),
        (datetime(2030, 1, 1, tzinfo=gettz("Europe/Berlin")), r"args\[0\]\[1\] is a dateutil.tz"),
        (10**5000, "too many digits"),
    ],
    ids=range(9),
)
def test_an_error_says_which_part_has_no_form(value, message):
    with pytest.raises(
        SerializationError, match=f"job 'job' cannot be written as JSON: its .*{message}"
    ):
        there_and_back(value)


def test_a_zone_that_others_could_not_find_is_refused():
    with open_zone() as file:
        zone = ZoneInfo.from_file(file, key="local")
    with pytest.raises(SerializationError, match="'local' is not in the tz database"):
        there_and_back(zone)


def open_zone():
    from importlib.resources import files

    return (files("tzdata.zoneinfo") / "UTC").open("rb")


# -- limits ---------------------------------------------------------------------------------------------------


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("wrap", [list, tuple, lambda v: {"a": v[0]}, lambda v: {1: v[0]}])
def test_values_are_read_back_up_to_the_depth_at_which_they_are_refused(wrap):
    value, blobs = [], []
    with suppress(SerializationError):
        for _ in range(DEPTH_LIMIT):
            value = wrap([value])
            blobs.append((SERIALIZER.dumps(state_of(args=(value,)), **HERE), value))
    assert DEPTH_LIMIT // 3 - 2 <= len(blobs) < DEPTH_LIMIT - 1
    for data, written in blobs:
        assert SERIALIZER.loads(data, **HERE)["args"] == (written,)


@pytest.mark.parametrize("levels", [DEPTH_LIMIT, 10_000])
def test_values_nested_too_deeply_or_in_themselves_are_refused(levels):
    with pytest.raises(SerializationError, match="nested too deeply"):
        there_and_back(nested(levels))
    endless = {}
    endless["x"] = endless
    with pytest.raises(SerializationError, match=r"args\[0\]\['x'\]\['x'\].*nested too deeply"):
        there_and_back(endless)


def test_a_value_that_unfolds_to_billions_is_refused_soon():
    value = [1]
    for _ in range(60):
        value = [value, value]
    with pytest.raises(SerializationError, match="larger than 1000000 bytes"):
        there_and_back(value)


@pytest.mark.parametrize("value", ["x" * SIZE_LIMIT, b"x" * SIZE_LIMIT, [0] * SIZE_LIMIT])
def test_a_job_that_is_too_large_is_refused(value):
    with pytest.raises(SerializationError, match="1000000"):
        there_and_back(value)


def test_a_text_that_is_too_large_only_when_escaped_is_refused():
    value = "\x00" * (SIZE_LIMIT // 6)
    with pytest.raises(SerializationError, match="bytes as JSON, and at most 1000000"):
        there_and_back(value)
    assert there_and_back(value[:-200]) == value[:-200]


def test_bytes_that_are_too_many_are_not_even_verified():
    with pytest.raises(DeserializationError, match="have at most 1000000"):
        SERIALIZER.loads(b"x" * (SIZE_LIMIT + 2000), **HERE)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"format":1,"job":{"func":"builtins:print","args":'
        + b"[" * 90_000
        + b"]" * 90_000
        + b"}}",
        b'{"format":1,"job":{"func":"builtins:print","args":' + b"[" * 200 + b"]" * 200 + b"}}",
        b'{"format":1,"job":{"func":"builtins:print","args":' + b"9" * 9000 + b"}}",
        b'{"format":1,"job":{"func":"builtins:print","args":NaN}}',
        b'{"format":1,"job":{"func":"builtins:print"',
        b"\xff\xfe",
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"format":0,"job":{}}',
        b'{"format":"1","job":{}}',
        b'{"format":1,"job":[]}',
    ],
    ids=range(13),
)
def test_a_payload_that_is_no_job_is_an_error_of_ours(payload):
    with pytest.raises(DeserializationError, match="job 'job' in 'jobs' cannot be read"):
        SERIALIZER.loads(forged(payload), **HERE)


def test_a_later_format_asks_for_an_upgrade():
    with pytest.raises(NewerVersionError, match=r"version 2 of the JSON format.* up to 1: upgrade"):
        SERIALIZER.loads(forged({"format": 2, "jobs": []}), **HERE)


# -- signatures -----------------------------------------------------------------------------------------------


def test_nothing_is_parsed_unless_the_signature_is_right(monkeypatch):
    data = SERIALIZER.dumps(state_of(), **HERE)
    parsed, plain_loads = [], json.loads
    monkeypatch.setattr(json, "loads", lambda *a, **k: parsed.append(a) or plain_loads(*a, **k))
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x01
        with pytest.raises((BadSignatureError, UnsignedError, UnknownKeyError, NewerVersionError)):
            SERIALIZER.loads(bytes(changed), **HERE)
    for place in ({**HERE, "store": "other"}, {**HERE, "job_id": "other"}):
        with pytest.raises(BadSignatureError):
            SERIALIZER.loads(data, **place)
    assert parsed == []
    SERIALIZER.loads(data, **HERE)
    assert len(parsed) == 1


def test_keys_rotate():
    written = SignedJSONSerializer({"old": OLD}, callables=CALLABLES).dumps(state_of(), **HERE)
    rotating = SignedJSONSerializer({"new": NEW, "old": OLD}, callables=CALLABLES)
    assert SERIALIZER.loads(rotating.dumps(rotating.loads(written, **HERE), **HERE), **HERE)
    with pytest.raises(UnknownKeyError, match="'old'"):
        SERIALIZER.loads(written, **HERE)


def test_a_pickle_is_refused_signed_or_not():
    signed = SignedPickleSerializer({"new": NEW}).dumps(state_of(), **HERE)
    with pytest.raises(DeserializationError, match="written by SignedPickleSerializer"):
        SERIALIZER.loads(signed, **HERE)
    with pytest.raises(UnsignedError):
        SERIALIZER.loads(pickle.dumps(state_of()), **HERE)
