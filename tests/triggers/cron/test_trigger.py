"""The cron trigger as an object: its bounds, jitter, texts and stored states."""

from __future__ import annotations

import base64
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from apscheduler.triggers.cron import CronTrigger

# Written by 3.11.3, its zone replaced by pytz's as older releases stored it:
# pickle.dumps(CronTrigger(day='last sun,*/3', month='jan-mar', day_of_week='mon-fri,sun', hour=1,
#     start_date='2024-01-01', end_date='2031-02-03 04:05:06', jitter=0, timezone=pytz.timezone('Asia/Tokyo')), 2)
STORED_BY_3_11_3 = "gAJjYXBzY2hlZHVsZXIudHJpZ2dlcnMuY3JvbgpDcm9uVHJpZ2dlcgpxACmBcQF9cQIoWAcAAAB2ZXJzaW9ucQNLAlgIAAAAdGltZXpvbmVxBGNweXR6Cl9wCnEFKFgKAAAAQXNpYS9Ub2t5b3EGTQSDSwBYAwAAAExNVHEHdHEIUnEJWAoAAABzdGFydF9kYXRlcQpjZGF0ZXRpbWUKZGF0ZXRpbWUKcQtjX2NvZGVjcwplbmNvZGUKcQxYCwAAAAfDqAEBAAAAAAAAcQ1YBgAAAGxhdGluMXEOhnEPUnEQY19fYnVpbHRpbl9fCmdldGF0dHIKcRFjem9uZWluZm8KWm9uZUluZm8KcRJYCQAAAF91bnBpY2tsZXEThnEUUnEVaAZLAYZxFlJxF4ZxGFJxGVgIAAAAZW5kX2RhdGVxGmgLaAxYCwAAAAfDrwIDBAUGAAAAcRtoDoZxHFJxHWgXhnEeUnEfWAYAAABmaWVsZHNxIF1xIShjYXBzY2hlZHVsZXIudHJpZ2dlcnMuY3Jvbi5maWVsZHMKQmFzZUZpZWxkCnEiKYFxI31xJChYBAAAAG5hbWVxJVgEAAAAeWVhcnEmWAoAAABpc19kZWZhdWx0cSeIWAsAAABleHByZXNzaW9uc3EoXXEpY2Fwc2NoZWR1bGVyLnRyaWdnZXJzLmNyb24uZXhwcmVzc2lvbnMKQWxsRXhwcmVzc2lvbgpxKimBcSt9cSxYBAAAAHN0ZXBxLU5zYmF1YmNhcHNjaGVkdWxlci50cmlnZ2Vycy5jcm9uLmZpZWxkcwpNb250aEZpZWxkCnEuKYFxL31xMChoJVgFAAAAbW9udGhxMWgniWgoXXEyY2Fwc2NoZWR1bGVyLnRyaWdnZXJzLmNyb24uZXhwcmVzc2lvbnMKTW9udGhSYW5nZUV4cHJlc3Npb24KcTMpgXE0fXE1KGgtTlgFAAAAZmlyc3RxNksBWAQAAABsYXN0cTdLA3ViYXViY2Fwc2NoZWR1bGVyLnRyaWdnZXJzLmNyb24uZmllbGRzCkRheU9mTW9udGhGaWVsZApxOCmBcTl9cTooaCVYAwAAAGRheXE7aCeJaChdcTwoY2Fwc2NoZWR1bGVyLnRyaWdnZXJzLmNyb24uZXhwcmVzc2lvbnMKV2Vla2RheVBvc2l0aW9uRXhwcmVzc2lvbgpxPSmBcT59cT8oaC1OWAoAAABvcHRpb25fbnVtcUBLBVgHAAAAd2Vla2RheXFBSwZ1YmgqKYFxQn1xQ2gtSwNzYmV1YmNhcHNjaGVkdWxlci50cmlnZ2Vycy5jcm9uLmZpZWxkcwpXZWVrRmllbGQKcUQpgXFFfXFGKGglWAQAAAB3ZWVrcUdoJ4hoKF1xSGgqKYFxSX1xSmgtTnNiYXViY2Fwc2NoZWR1bGVyLnRyaWdnZXJzLmNyb24uZmllbGRzCkRheU9mV2Vla0ZpZWxkCnFLKYFxTH1xTShoJVgLAAAAZGF5X29mX3dlZWtxTmgniWgoXXFPKGNhcHNjaGVkdWxlci50cmlnZ2Vycy5jcm9uLmV4cHJlc3Npb25zCldlZWtkYXlSYW5nZUV4cHJlc3Npb24KcVApgXFRfXFSKGgtTmg2SwBoN0sEdWJoUCmBcVN9cVQoaC1OaDZLBmg3SwZ1YmV1YmgiKYFxVX1xVihoJVgEAAAAaG91cnFXaCeJaChdcVhjYXBzY2hlZHVsZXIudHJpZ2dlcnMuY3Jvbi5leHByZXNzaW9ucwpSYW5nZUV4cHJlc3Npb24KcVkpgXFafXFbKGgtTmg2SwFoN0sBdWJhdWJoIimBcVx9cV0oaCVYBgAAAG1pbnV0ZXFeaCeIaChdcV9oWSmBcWB9cWEoaC1OaDZLAGg3SwB1YmF1YmgiKYFxYn1xYyhoJVgGAAAAc2Vjb25kcWRoJ4hoKF1xZWhZKYFxZn1xZyhoLU5oNksAaDdLAHViYXViZVgGAAAAaml0dGVycWhLAHViLg=="


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.trap(66)
def test_start_and_end_are_part_of_the_span():
    trigger = CronTrigger(
        minute="*/10",
        start_date="2030-01-01 00:10:00",
        end_date="2030-01-01 00:30:00",
        timezone="UTC",
    )
    first = trigger.get_next_fire_time(None, at(2020, 1, 1))
    assert first == at(2030, 1, 1, 0, 10)
    assert trigger.get_next_fire_time(None, at(2030, 1, 1, 0, 20)) == at(2030, 1, 1, 0, 20)
    assert trigger.get_next_fire_time(at(2030, 1, 1, 0, 20), at(2030, 1, 1, 0, 20)) == at(
        2030, 1, 1, 0, 30
    )
    assert trigger.get_next_fire_time(at(2030, 1, 1, 0, 30), at(2030, 1, 1, 0, 30)) is None
    # The window in which marks are read off must end with the end date, too.
    assert trigger.get_next_fire_time(None, at(2030, 1, 1, 0, 30)) == at(2030, 1, 1, 0, 30)
    assert trigger.get_next_fire_time(None, at(2030, 1, 1, 0, 30, 0, 1)) is None


@pytest.mark.trap(66)
def test_a_start_date_in_the_past_changes_nothing():
    trigger = CronTrigger(hour=5, start_date="2001-01-01", timezone="UTC")
    assert trigger.get_next_fire_time(None, at(2024, 1, 1, 6)) == at(2024, 1, 2, 5)


def test_an_end_within_an_hour_cuts_off_what_comes_after_it():
    trigger = CronTrigger(second="*", end_date="2030-01-01 00:05:00.5", timezone="UTC")
    now = at(2030, 1, 1, 0, 4, 58)
    found = []
    previous = None
    while (previous := trigger.get_next_fire_time(previous, now)) is not None:
        found.append(previous.second)
        now = previous
    assert found == [58, 59, 0]
    instant = 1_893_456_300_000_000
    assert trigger.latest_us(instant - 5, instant + 60_000_000) == instant
    assert trigger.count_us(instant - 60_000_000, instant + 60_000_000, 1000) == 61


@pytest.mark.parametrize(
    ("previous", "now", "expected"),
    [
        ((0, 20), (0, 10), (0, 10)),
        ((0, 20), (0, 20), (0, 30)),
        ((0, 20), (0, 35), (0, 30)),
        (None, (0, 20), (0, 20)),
        (None, (0, 20, 0, 1), (0, 30)),
        ((0, 20, 0, 500), (0, 20, 0, 500), (0, 30)),
    ],
)
def test_the_next_fire_time_is_searched_from_previous_or_now_as_in_3x(previous, now, expected):
    trigger = CronTrigger(minute="*/10", timezone="UTC")
    before = None if previous is None else at(2030, 1, 1, *previous)
    for _ in range(2):  # searched, then read off the remembered hour
        found = trigger.get_next_fire_time(before, at(2030, 1, 1, *now))
        assert found == at(2030, 1, 1, *expected)


def test_naive_datetimes_are_read_in_the_local_zone():
    trigger = CronTrigger(minute="*/10", timezone="UTC")
    local = datetime(2030, 1, 1, 0, 20)
    expected = local.astimezone(UTC)
    assert trigger.get_next_fire_time(None, local) == expected


@pytest.mark.trap(30)
def test_jitter_only_delays_and_always_advances():
    trigger = CronTrigger(second="*/10", jitter=25, timezone="UTC")
    plain = CronTrigger(second="*/10", timezone="UTC")
    previous = 1_700_000_000_000_000
    for _ in range(500):
        fire = trigger.next_us(previous, previous - 12_000_000)
        assert fire > previous
        base = plain.next_us(previous, previous)
        assert base <= fire <= base + 25_000_000
        previous = fire


@pytest.mark.trap(31)
def test_jitter_is_clipped_at_the_end_date():
    trigger = CronTrigger(
        second="*/10", jitter=1000, end_date="2030-01-01 00:00:30", timezone="UTC"
    )
    end = at(2030, 1, 1, 0, 0, 30)
    found = [trigger.get_next_fire_time(None, at(2030, 1, 1, 0, 0, 25)) for _ in range(20)]
    assert set(found) == {end}


@pytest.mark.trap(32)
def test_jitter_leaves_the_schedule_itself_alone():
    trigger = CronTrigger(minute="*/10", jitter=120, timezone="UTC")
    instant = 1_893_456_000_000_000
    assert trigger.latest_us(instant, instant + 3_599_000_000) == instant + 3_000_000_000
    assert trigger.count_us(instant, instant + 3_599_000_000, 100) == 6


@pytest.mark.parametrize(
    ("jitter", "error"), [(-1, ValueError), ("5", TypeError), (True, TypeError)]
)
def test_an_unusable_jitter_is_refused(jitter, error):
    with pytest.raises(error, match="jitter"):
        CronTrigger(hour=1, jitter=jitter)


@pytest.mark.parametrize("given", [{"timezone": 5}, {"start_date": 5}, {"end_date": object()}])
def test_a_wrong_type_is_a_type_error(given):
    with pytest.raises(TypeError):
        CronTrigger(**{"hour": 1, "timezone": "UTC", **given})


@pytest.mark.parametrize(
    ("given", "text", "representation"),
    [
        (
            {"hour": 1, "minute": "*/5"},
            "cron[hour='1', minute='*/5']",
            "<CronTrigger (hour='1', minute='*/5', timezone='UTC')>",
        ),
        ({}, "cron[]", "<CronTrigger (, timezone='UTC')>"),
        (
            {"month": "JAN-mar, feb", "day": "LAST,2nd  Fri", "hour": "3-3", "second": "07"},
            "cron[month='jan-mar,feb', day='last,2nd fri', hour='3', second='7']",
            "<CronTrigger (month='jan-mar,feb', day='last,2nd fri', hour='3', second='7', timezone='UTC')>",
        ),
        (
            {
                "week": "1-10/3",
                "jitter": 3,
                "timezone": "Europe/Berlin",
                "start_date": "2020-01-01",
                "end_date": "2021-02-03 04:05:06.7",
            },
            "cron[week='1-10/3']",
            "<CronTrigger (week='1-10/3', start_date='2020-01-01 00:00:00 CET', end_date='2021-02-03 04:05:06 CET', jitter=3, timezone='Europe/Berlin')>",
        ),
        (
            {"hour": 1, "timezone": timezone(timedelta(hours=2))},
            "cron[hour='1']",
            "<CronTrigger (hour='1', timezone='UTC+02:00')>",
        ),
    ],
)
def test_its_texts_are_those_of_3x(given, text, representation):
    trigger = CronTrigger(**{"timezone": "UTC", **given})
    assert (str(trigger), repr(trigger)) == (text, representation)


def test_without_a_zone_the_dates_zone_is_taken():
    eastern = ZoneInfo("America/New_York")
    start = datetime(2020, 1, 1, tzinfo=eastern)
    assert CronTrigger(hour=1, start_date=start).timezone is eastern
    assert CronTrigger(hour=1, end_date=start).timezone is eastern
    assert CronTrigger(hour=1, start_date=date(2020, 1, 1), timezone=eastern).start_date == start


@pytest.mark.trap(46)
def test_a_fixed_offset_of_pytz_is_accepted():
    pytz = pytest.importorskip("pytz")
    trigger = CronTrigger(hour=2, timezone=pytz.FixedOffset(60))
    found = trigger.get_next_fire_time(None, at(2024, 1, 1))
    assert found is not None
    assert found.isoformat() == "2024-01-01T02:00:00+01:00"


@pytest.mark.trap(47)
def test_a_zone_of_dateutil_is_accepted():
    tz = pytest.importorskip("dateutil.tz")
    trigger = CronTrigger(hour=2, minute=30, timezone=tz.gettz("Europe/Berlin"))
    found = trigger.get_next_fire_time(None, at(2024, 3, 30, 5))
    assert found is not None
    assert found.isoformat() == "2024-03-31T03:30:00+02:00"


@pytest.mark.trap(105)
def test_a_state_stored_by_3_11_3_loads():
    pytest.importorskip("pytz")
    trigger = pickle.loads(base64.b64decode(STORED_BY_3_11_3))
    assert (
        repr(trigger)
        == "<CronTrigger (month='jan-mar', day='last sun,*/3', day_of_week='mon-fri,sun', hour='1', start_date='2024-01-01 00:00:00 JST', end_date='2031-02-03 04:05:06 JST', timezone='Asia/Tokyo')>"
    )
    found = trigger.get_next_fire_time(None, at(2026, 3, 1))
    assert found.isoformat() == "2026-03-04T01:00:00+09:00"


@pytest.mark.trap(105)
def test_the_stored_state_has_the_keys_and_classes_of_3x():
    trigger = CronTrigger(day="last", day_of_week="mon-fri", hour=1, timezone="UTC")
    trigger.get_next_fire_time(None, at(2024, 1, 1))
    state = trigger.__getstate__()
    assert list(state) == ["version", "timezone", "start_date", "end_date", "fields", "jitter"]
    assert state["version"] == 2
    assert [vars(field).keys() for field in state["fields"]] == [
        {"name": 1, "is_default": 1, "expressions": 1}.keys()
    ] * 8
    weekdays = state["fields"][4].expressions[0]
    assert vars(weekdays) == {"step": None, "first": 0, "last": 4}


def test_copies_and_pickles_fire_alike():
    trigger = CronTrigger(minute="*/7", second="3", jitter=None, timezone="Europe/Berlin")
    fire = trigger.next_us(None, 1_700_000_000_000_000)
    for other in (copy.copy(trigger), copy.deepcopy(trigger), pickle.loads(pickle.dumps(trigger))):
        assert other.next_us(None, 1_700_000_000_000_000) == fire
        assert repr(other) == repr(trigger)


def test_a_state_of_the_future_is_refused_with_what_to_do():
    state = CronTrigger(hour=1, timezone="UTC").__getstate__()
    with pytest.raises(ValueError, match=r"version 3.*upgrade"):
        CronTrigger.__new__(CronTrigger).__setstate__({**state, "version": 3})


def test_a_state_of_the_first_version_has_no_jitter():
    state = CronTrigger(hour=1, timezone="UTC").__getstate__()
    del state["version"], state["jitter"]
    trigger = CronTrigger.__new__(CronTrigger)
    trigger.__setstate__(state)
    assert trigger.jitter is None


def test_threads_may_share_a_trigger():
    trigger = CronTrigger(minute="*/5", timezone="Europe/Berlin")
    starts = range(1_711_800_000_000_000, 1_711_900_000_000_000, 97_000_000)
    expected = [
        CronTrigger(minute="*/5", timezone="Europe/Berlin").next_us(None, s) for s in starts
    ]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: [trigger.next_us(None, s) for s in starts], range(6)))
    assert all(answer == expected for answer in answers)


def test_fields_can_be_replaced_in_a_subclass():
    class Mine(CronTrigger):
        def get_next_fire_time(self, previous_fire_time, now):
            return None if previous_fire_time else now

    trigger = Mine(hour=1, timezone="UTC")
    assert trigger.next_us(None, 5) == 5
    assert trigger.next_us(5, 5) is None


def test_looking_back_leaves_jitter_aside_and_alone():
    trigger = CronTrigger(minute="*/5", jitter=60, timezone="UTC")
    now = at(2024, 1, 1, 12, 2)
    assert trigger.get_previous_fire_time(None, now) == at(2024, 1, 1, 12)
    moved = [trigger.get_next_fire_time(None, now) for _ in range(20)]
    assert any(fire != at(2024, 1, 1, 12, 5) for fire in moved)


def test_looking_back_keeps_to_start_and_end():
    trigger = CronTrigger(
        minute="*/5",
        start_date="2024-01-01 12:07:00",
        end_date="2024-01-01 12:21:00",
        timezone="UTC",
    )
    back = list(trigger.fire_times(at(2024, 1, 2), backwards=True))
    assert [fire.minute for fire in back] == [20, 15, 10]
    assert [fire.minute for fire in trigger.fire_times(at(2024, 1, 1))] == [10, 15, 20]
    again = trigger.get_previous_fire_time(back[0], at(2024, 1, 2))
    assert again == back[1]
    assert trigger.get_previous_fire_time(back[-1], at(2024, 1, 2)) is None
