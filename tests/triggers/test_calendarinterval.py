"""The trigger that fires at one wall time, days apart."""

from __future__ import annotations

import pickle
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apscheduler._engine.instants import DAY, SECOND, from_us, to_us
from apscheduler.triggers import calendarinterval as module
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2030, 1, 1, tzinfo=UTC)
ZONES = sorted(available_timezones() - {"localtime"})
# Clocks that jump at night, by half an hour, by two hours, over midnight, over a whole day.
RESTLESS = [
    "Africa/Casablanca",
    "America/Nuuk",
    "America/Sao_Paulo",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
]

zones = st.sampled_from(RESTLESS) | st.sampled_from(ZONES)
intervals = st.fixed_dictionaries(
    {},
    optional={
        "years": st.integers(0, 3),
        "months": st.integers(0, 30),
        "weeks": st.integers(0, 5),
        "days": st.integers(0, 40),
    },
).filter(lambda parts: any(parts.values()))


def existing(day, at, zone):
    """Return the first instant at which the zone's clock shows this, by asking the zone alone."""
    wall = datetime.combine(day, at, zone)
    there = wall.astimezone(UTC)
    return (
        there if there.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None) else None
    )


def following(day, years=0, months=0, weeks=0, days=0):
    year, month = day.year, day.month
    while years or months:
        year, month = year + years + (month + months - 1) // 12, (month + months - 1) % 12 + 1
        if day.day <= monthrange(year, month)[1]:
            break
    return date(year, month, day.day) + timedelta(weeks=weeks, days=days)


def oracle(start, at, zone, parts, count):
    found, day = [], start
    while len(found) < count:
        instant = existing(day, at, zone)
        if instant is not None:
            found.append(to_us(instant))
        day = following(day, **parts)
    return found


def walk(trigger, count):
    found = [trigger.next_us(None, 0)]
    while len(found) < count:
        found.append(trigger.next_us(found[-1], found[-1]))
    return found


@pytest.mark.trap(40)
@pytest.mark.trap(43)
@pytest.mark.trap(44)
@given(
    zones,
    st.dates(date(1970, 1, 3), date(2090, 1, 1)),
    st.times().map(lambda t: t.replace(microsecond=0, fold=0)),
    intervals,
)
def test_it_fires_on_every_existing_day_forwards_and_backwards(name, start, at, parts):
    zone = ZoneInfo(name)
    trigger = CalendarIntervalTrigger(
        **parts, hour=at.hour, minute=at.minute, second=at.second, start_date=start, timezone=zone
    )
    expected = oracle(start, at, zone, parts, 12)
    assert walk(trigger, 12) == expected
    fired = trigger.get_next_fire_time(None, NOW)
    assert fired.tzinfo is zone
    assert (fired.time(), to_us(fired)) == (at, expected[0])
    for index in range(1, 12):
        assert trigger.latest_us(expected[0], expected[index]) == expected[index]
        assert trigger.latest_us(expected[0], expected[index] - 1) == expected[index - 1]
        assert trigger.latest_us(expected[index - 1], expected[11]) == expected[11]
    assert trigger.count_us(expected[0], expected[-1], 100) == 12


@given(st.sampled_from(RESTLESS), st.integers(0, 23), st.sampled_from([0, 15, 30, 45]), st.data())
def test_daily_times_around_a_transition_are_right(name, hour, minute, data):
    zone = ZoneInfo(name)
    moved = data.draw(st.sampled_from(transitions(zone)))
    start, at = moved - timedelta(days=3), time(hour, minute)
    trigger = CalendarIntervalTrigger(
        days=1, hour=hour, minute=minute, start_date=start, timezone=zone
    )
    assert walk(trigger, 6) == oracle(start, at, zone, {"days": 1}, 6)


def transitions(zone):
    days = [date(2005, 1, 1) + timedelta(days=n) for n in range(365 * 25)]
    offsets = [datetime.combine(day, time(), zone).utcoffset() for day in days]
    return [day for day, a, b in zip(days, offsets, offsets[1:], strict=False) if a != b]


@pytest.mark.trap(43)
def test_nuuk_fires_on_the_day_after_its_clocks_moved():
    trigger = CalendarIntervalTrigger(
        days=1, hour=23, minute=30, start_date="2024-03-29", timezone="America/Nuuk"
    )
    shown = [from_us(instant, trigger.timezone).isoformat() for instant in walk(trigger, 3)]
    assert shown == [
        "2024-03-29T23:30:00-02:00",
        "2024-03-31T23:30:00-01:00",  # on the 30th clocks went from 23:00 to 24:00
        "2024-04-01T23:30:00-01:00",
    ]


@pytest.mark.trap(44)
@pytest.mark.parametrize(
    ("parts", "start", "days"),
    [
        ({"months": 1}, "2021-01-31", ["2021-01-31", "2021-03-31", "2021-05-31", "2021-07-31"]),
        ({"years": 1}, "2020-02-29", ["2020-02-29", "2024-02-29", "2028-02-29", "2032-02-29"]),
        ({"months": 1, "days": 1}, "2020-01-31", ["2020-01-31", "2020-04-01", "2020-05-02"]),
        ({"months": 1, "weeks": 1}, "2020-01-31", ["2020-01-31", "2020-04-07", "2020-05-14"]),
    ],
)
def test_days_that_a_month_does_not_have_are_passed_over(parts, start, days):
    trigger = CalendarIntervalTrigger(**parts, start_date=start, timezone=BERLIN)
    assert [str(trigger.at(i).date()) for i in walk(trigger, len(days))] == days


@pytest.mark.trap(45)
@pytest.mark.parametrize("parts", [{"months": 12}, {"years": 3000}, {"days": 400}, {"years": 1}])
def test_it_ends_with_the_calendar(parts):
    trigger = CalendarIntervalTrigger(**parts, start_date="9998-12-30", timezone=UTC)
    first = trigger.next_us(None, 0)
    last = trigger.next_us(first, first)
    assert last is None or trigger.next_us(last, last) is None
    assert trigger.latest_us(first, first + 300 * DAY) == first


def test_the_first_run_is_that_of_the_start_date_even_in_the_past():
    trigger = CalendarIntervalTrigger(days=1, hour=5, start_date="2021-01-31", timezone=UTC)
    assert trigger.get_next_fire_time(None, NOW) == datetime(2021, 1, 31, 5, tzinfo=UTC)


def test_the_end_date_is_included():
    trigger = CalendarIntervalTrigger(
        days=3, hour=5, start_date="2021-01-31", end_date="2021-02-06", timezone=BERLIN
    )
    last = walk(trigger, 3)[-1]
    assert trigger.next_us(last, last) is None
    assert trigger.latest_us(walk(trigger, 1)[0], last + 30 * DAY) == last


@given(zones, st.dates(date(1990, 1, 1), date(2050, 1, 1)), intervals, st.integers(1, 200_000))
def test_jitter_delays_runs_and_leaves_the_dates_in_place(name, start, parts, jitter):
    zone = ZoneInfo(name)
    plain = CalendarIntervalTrigger(**parts, hour=3, start_date=start, timezone=zone)
    trigger = CalendarIntervalTrigger(
        **parts, hour=3, start_date=start, timezone=zone, jitter=jitter
    )
    planned = walk(plain, 40)
    fired = walk(trigger, 5)
    assert fired == sorted(set(fired))
    for instant in fired:
        assert any(base <= instant <= base + jitter * SECOND for base in planned)


def test_jitter_ends_with_the_end_date():
    trigger = CalendarIntervalTrigger(
        days=1, hour=23, start_date="2030-01-01", end_date="2030-01-01", timezone=UTC, jitter=10**6
    )
    assert trigger.get_next_fire_time(None, NOW).date() == date(2030, 1, 1)


def test_without_a_start_date_it_begins_today(monkeypatch):
    class Clock:
        @staticmethod
        def now():
            return datetime(2030, 1, 1, 23)

    monkeypatch.setattr(module, "datetime", Clock)
    assert CalendarIntervalTrigger(days=1, timezone=UTC).start_date == date(2030, 1, 1)


def test_a_scheduler_with_its_own_clock_sets_the_start():
    trigger = CalendarIntervalTrigger(days=1, timezone=timezone(timedelta(hours=-1)))
    trigger.begin_at(to_us(NOW))
    assert trigger.start_date == date(2029, 12, 31)
    fixed = CalendarIntervalTrigger(days=1, start_date="2031-01-01", timezone=UTC)
    fixed.begin_at(0)
    assert fixed.start_date == date(2031, 1, 1)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, ValueError, "not an interval of at least one day: give for example days=1"),
        ({"months": -1}, ValueError, "not an interval of at least one day"),
        ({"months": 1, "days": -30}, ValueError, "not an interval of at least one day"),
        ({"days": "1"}, TypeError, "days must be a whole number, not '1'"),
        ({"days": float("inf")}, TypeError, "days must be a whole number, not inf"),
        ({"days": 1, "hour": float("nan")}, TypeError, "hour must be a whole number, not nan"),
        ({"days": 1.5}, TypeError, "days must be a whole number, not 1.5"),
        ({"days": 1, "hour": "5"}, TypeError, "hour must be a whole number"),
        ({"days": 1, "hour": 25}, ValueError, "hour must be in 0..23"),
        ({"days": 1, "start_date": 5}, TypeError, "start_date must be a date or a text"),
        ({"days": 1, "start_date": "2030-1-1"}, ValueError, "isoformat"),
        ({"days": 1, "jitter": -5}, ValueError, "cannot be -5"),
        ({"days": 1, "timezone": "local"}, LookupError, "leave the timezone out"),
        (
            {"days": 1, "start_date": "2030-01-02", "end_date": "2030-01-01"},
            ValueError,
            "end_date 2030-01-01 lies before start_date 2030-01-02",
        ),
    ],
)
def test_a_wrong_argument_is_refused_at_once(options, error, words):
    with pytest.raises(error, match=words):
        CalendarIntervalTrigger(**options)


def test_a_start_given_with_a_time_is_its_day():
    trigger = CalendarIntervalTrigger(
        days=1, hour=9, start_date=datetime(2030, 1, 31, 15, 30), timezone="UTC"
    )
    assert trigger.start_date == date(2030, 1, 31)
    assert trigger.get_next_fire_time(None, datetime(2030, 1, 1, tzinfo=UTC)) == datetime(
        2030, 1, 31, 9, tzinfo=UTC
    )


def test_it_takes_no_positional_arguments_as_in_3x():
    with pytest.raises(TypeError, match="positional"):
        CalendarIntervalTrigger(1)


def test_it_is_shown_and_stored_as_in_3x():
    trigger = CalendarIntervalTrigger(
        years=1, months=2, weeks=3, days=4, hour=5, minute=6, second=7,
        start_date="2021-01-01", end_date="2022-01-01", timezone=UTC, jitter=5,
    )  # fmt: skip
    assert (
        repr(trigger)
        == str(trigger)
        == (
            "CalendarIntervalTrigger(years=1, months=2, weeks=3, days=4, time='05:06:07+00:00', "
            "start_date='2021-01-01', end_date='2022-01-01', timezone='datetime.timezone.utc')"
        )
    )
    assert trigger.__getstate__() == {
        "version": 1,
        "interval": [1, 2, 3, 4],
        "time": [5, 6, 7],
        "start_date": date(2021, 1, 1),
        "end_date": date(2022, 1, 1),
        "timezone": UTC,
        "jitter": 5,
    }
    again = pickle.loads(pickle.dumps(trigger))
    assert repr(again) == repr(trigger)
    assert again.latest_us(0, 0) == 0


def test_a_state_of_a_later_release_is_refused():
    with pytest.raises(ValueError, match=r"stored in version 2 .* reads versions up to 1"):
        CalendarIntervalTrigger.__new__(CalendarIntervalTrigger).__setstate__({"version": 2})


@given(zones, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_series_that_begins_off_schedule_is_followed_too(name, minutes, late):
    trigger = CalendarIntervalTrigger(days=2, hour=9, start_date="1970-02-01", timezone=name)
    first = minutes * 60 * SECOND + 40 * DAY
    now = first + late * 60 * SECOND
    assume(now - first < 300 * DAY)
    walked = [first]
    while (coming := trigger.next_us(walked[-1], now)) <= now:
        walked.append(coming)
    assert trigger.latest_us(first, now) == walked[-1]


def test_a_previous_fire_time_counts_by_its_day_in_the_triggers_zone() -> None:
    trigger = CalendarIntervalTrigger(weeks=2, start_date="2023-12-02", timezone="Asia/Kolkata")
    previous = datetime(2023, 12, 31, 23, 26, tzinfo=ZoneInfo("Europe/Berlin"))
    following = trigger.get_next_fire_time(previous, previous)
    assert following.isoformat() == "2024-01-15T00:00:00+05:30"  # 3.11.3 gives the 14th
