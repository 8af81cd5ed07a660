"""The trigger with a constant distance in real time."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st

from apscheduler._engine.instants import DAY, LATEST, SECOND, from_us, to_us
from apscheduler.triggers import interval as module
from apscheduler.triggers.interval import IntervalTrigger

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2030, 1, 1, tzinfo=UTC)
ZONES = sorted(available_timezones() - {"localtime"})

instants = st.integers(0, to_us(datetime(2100, 1, 1, tzinfo=UTC)))
steps = st.integers(1, 400 * DAY)
zones = st.sampled_from(ZONES).map(ZoneInfo)


def every(step, start, zone=UTC, **options):
    return IntervalTrigger(
        seconds=step / SECOND, start_date=from_us(start, zone), timezone=zone, **options
    )


def series(trigger, now, count):
    found, previous = [], None
    while len(found) < count:
        previous = trigger.get_next_fire_time(previous, now)
        if previous is None:
            break
        now = previous
        found.append(previous.isoformat())
    return found


@given(instants, steps, instants, zones)
def test_it_fires_at_multiples_of_the_interval_from_its_start(start, step, now, zone):
    trigger = every(step, start, zone)
    first = trigger.next_us(None, now)
    assert first >= max(start, now)
    assert (first - start) % step == 0
    assert first - step < max(start, now)
    fired = trigger.get_next_fire_time(None, from_us(now, zone))
    for _ in range(5):
        assert fired.tzinfo is zone
        assert fired == fired.astimezone(UTC)
        assert fired.replace(tzinfo=None) == fired.astimezone(UTC).astimezone(zone).replace(
            tzinfo=None
        )
        following = trigger.get_next_fire_time(fired, fired)
        assert to_us(following) == trigger.next_us(to_us(fired), now) == to_us(fired) + step
        fired = following


@given(instants, st.integers(1, 10_000), st.integers(0, 100_000), st.integers(0, 100_000))
def test_looking_back_agrees_with_going_forwards(start, step, late, end):
    trigger = every(step, 0, end_date=from_us(start + end, UTC))
    now, walked = start + late, [start]
    while (following := trigger.next_us(walked[-1], now)) is not None and following <= now:
        walked.append(following)
    assert trigger.latest_us(start, now) == walked[-1]
    assert trigger.count_us(start, walked[-1], 10**9) == len(walked)
    assert trigger.count_us(start, walked[-1], 3) == min(len(walked), 3)


@pytest.mark.trap(25)
def test_thirty_years_of_seconds_cost_no_walk():
    trigger = every(SECOND, 0)
    late = 30 * 365 * DAY
    assert trigger.latest_us(SECOND, late + 7) == late
    assert trigger.count_us(SECOND, late, 10**12) == late // SECOND


@pytest.mark.trap(41)
@pytest.mark.trap(53)
@pytest.mark.parametrize("zone", [BERLIN, pytz.timezone("Europe/Berlin")], ids=["zoneinfo", "pytz"])
def test_days_are_real_time_so_the_wall_time_moves_with_the_clocks(zone):
    trigger = IntervalTrigger(days=7, start_date="2021-03-25 09:00:00", timezone=zone)
    assert series(trigger, NOW.replace(year=2021), 2) == [
        "2021-03-25T09:00:00+01:00",
        "2021-04-01T10:00:00+02:00",
    ]


@pytest.mark.trap(37)
def test_hours_go_on_evenly_through_a_repeated_hour():
    trigger = IntervalTrigger(hours=1, start_date="2021-10-31 01:30:00", timezone=BERLIN)
    assert series(trigger, NOW.replace(year=2021), 4) == [
        "2021-10-31T01:30:00+02:00",
        "2021-10-31T02:30:00+02:00",
        "2021-10-31T02:30:00+01:00",
        "2021-10-31T03:30:00+01:00",
    ]


def test_the_end_date_is_included():
    trigger = IntervalTrigger(days=1, start_date="2030-01-01", end_date="2030-01-03", timezone=UTC)
    assert len(series(trigger, NOW, 9)) == 3
    assert trigger.step_us == 0


def test_after_the_last_year_there_is_nothing():
    trigger = IntervalTrigger(days=3650, start_date="1990-01-01", timezone=BERLIN)
    late = datetime(9995, 1, 1, tzinfo=BERLIN)
    assert trigger.get_next_fire_time(None, late) is None
    assert trigger.get_next_fire_time(late, late) is None
    assert trigger.next_us(LATEST - 1, 0) is None


@pytest.mark.trap(67)
def test_an_interval_of_nothing_is_a_second_as_in_3x():
    trigger = IntervalTrigger(timezone=UTC)
    assert (trigger.interval, trigger.interval_length) == (timedelta(seconds=1), 1)


@pytest.mark.trap(67)
@pytest.mark.parametrize(
    "parts", [{"seconds": -1}, {"minutes": 1, "seconds": -61}, {"weeks": -0.1}]
)
def test_a_negative_interval_is_refused(parts):
    with pytest.raises(ValueError, match="an interval cannot be negative"):
        IntervalTrigger(**parts)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"seconds": "5"}, TypeError, "made of numbers, not seconds='5'"),
        ({"hours": None, "days": "1"}, TypeError, "not days='1', hours=None"),
        ({"jitter": -1}, ValueError, "cannot be -1: give 0 to "),
        ({"jitter": float("nan")}, ValueError, "cannot be nan"),
        ({"jitter": "5"}, TypeError, "jitter must be a number of seconds or None, not str"),
        ({"jitter": True}, TypeError, "jitter must be a number"),
        ({"start_date": 5}, TypeError, "start_date must be a datetime"),
        ({"end_date": "soon"}, ValueError, "end_date cannot be read"),
        ({"timezone": 5}, TypeError, "a timezone must be a name"),
        ({"timezone": "Europe/Berlim"}, LookupError, "did you mean Europe/Berlin"),
        (
            {"start_date": "2030-01-02", "end_date": "2030-01-01", "timezone": "UTC"},
            ValueError,
            "end_date 2030-01-01 00:00:00 UTC lies before start_date 2030-01-02 00:00:00 UTC",
        ),
        ({"days": 10**9}, OverflowError, "magnitude"),
    ],
)
def test_a_wrong_argument_is_refused_at_once(options, error, words):
    with pytest.raises(error, match=words):
        IntervalTrigger(**options)


def test_parts_may_be_fractions_and_add_up():
    trigger = IntervalTrigger(1, 2, 3, 4, 5.5, timezone=UTC)
    assert trigger.interval == timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5.5)
    assert trigger.interval_length == 788645.5
    assert trigger.step_us == 788_645_500_000


def test_without_a_start_the_first_run_is_one_interval_from_now(monkeypatch):
    class Clock:
        @staticmethod
        def now(zone):
            return NOW.astimezone(zone)

    monkeypatch.setattr(module, "datetime", Clock)
    trigger = IntervalTrigger(hours=1, timezone=BERLIN)
    assert trigger.start_date.isoformat() == "2030-01-01T02:00:00+01:00"


def test_a_scheduler_with_its_own_clock_sets_the_start():
    trigger = IntervalTrigger(seconds=5, timezone=BERLIN)
    trigger.begin_at(to_us(NOW))
    assert trigger.start_date == NOW + timedelta(seconds=5)
    assert trigger.get_next_fire_time(None, NOW) == NOW + timedelta(seconds=5)
    fixed = IntervalTrigger(seconds=5, start_date=NOW)
    fixed.begin_at(0)
    assert fixed.start_date == NOW


@pytest.mark.parametrize(
    ("options", "zone"),
    [
        ({"timezone": "Asia/Tokyo", "start_date": NOW}, ZoneInfo("Asia/Tokyo")),
        ({"start_date": NOW.astimezone(BERLIN)}, BERLIN),
        ({"start_date": "2029-01-01", "end_date": NOW}, UTC),
        ({"start_date": pytz.timezone("Europe/Berlin").localize(datetime(2030, 1, 1))}, BERLIN),
    ],
)
def test_the_zone_is_the_given_one_else_that_of_the_dates(options, zone):
    assert IntervalTrigger(seconds=5, **options).timezone is zone


@pytest.mark.trap(30)
@pytest.mark.trap(32)
@given(instants, st.integers(1, 10**9), st.floats(0, 10**5), instants)
def test_jitter_delays_runs_and_leaves_the_schedule_in_place(start, step, jitter, now):
    trigger = every(step, start, jitter=jitter)
    previous = None
    for _ in range(5):
        planned = every(step, start).next_us(None, now if previous is None else previous + 1)
        fired = trigger.next_us(previous, now)
        assert planned <= fired <= planned + jitter * SECOND
        previous = fired


@pytest.mark.trap(31)
def test_jitter_ends_at_the_end_date():
    end = NOW + timedelta(seconds=90)
    trigger = IntervalTrigger(minutes=1, start_date=NOW, end_date=end, jitter=3600)
    fired = trigger.get_next_fire_time(NOW, NOW)
    assert NOW + timedelta(seconds=60) <= fired <= end
    assert trigger.get_next_fire_time(fired, fired) is None


def test_looking_back_with_jitter_gives_the_undelayed_times():
    trigger = every(10 * SECOND, 0, jitter=3)
    assert trigger.latest_us(12 * SECOND, 45 * SECOND) == 40 * SECOND
    assert trigger.latest_us(42 * SECOND, 45 * SECOND) == 42 * SECOND


@pytest.mark.trap(49)
@pytest.mark.trap(105)
@pytest.mark.parametrize(
    "change", [{}, {"version": 1}, {"timezone": "UTC"}, {"jitter": -3}, {"timezone": "local"}]
)
@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: (None, state)])
def test_states_of_3x_are_read(change, wrap):
    state = {
        "version": 2,
        "timezone": UTC,
        "start_date": NOW,
        "end_date": None,
        "interval": timedelta(seconds=5),
        "jitter": None,
    } | change
    trigger = IntervalTrigger.__new__(IntervalTrigger)
    trigger.__setstate__(wrap(state))
    again = pickle.loads(pickle.dumps(trigger))
    assert again.__getstate__() == trigger.__getstate__()
    assert again.interval_length == 5
    assert again.next_us(None, 0) >= to_us(NOW)


def test_its_attributes_can_be_set_as_in_3x():
    trigger = IntervalTrigger(hours=1, start_date=NOW, timezone=UTC)
    trigger.interval = timedelta(minutes=5)
    trigger.timezone = BERLIN
    trigger.jitter = 3
    trigger.end_date = NOW + timedelta(days=1)
    assert (trigger.interval, trigger.interval_length) == (timedelta(minutes=5), 300)
    assert (trigger.jitter, trigger.end_date) == (3, NOW + timedelta(days=1))
    trigger.jitter = trigger.end_date = None
    found = trigger.get_next_fire_time(NOW, NOW)
    assert (found, found.tzinfo) == (NOW + timedelta(minutes=5), BERLIN)


def test_a_state_of_a_later_release_is_refused():
    with pytest.raises(ValueError, match=r"stored in version 3 .* reads versions up to 2"):
        IntervalTrigger.__new__(IntervalTrigger).__setstate__({"version": 3})


def test_it_is_shown_as_in_3x():
    trigger = IntervalTrigger(
        days=1, start_date=date(2030, 1, 1), end_date="2031-01-01", timezone=BERLIN, jitter=5
    )
    assert str(trigger) == "interval[1 day, 0:00:00]"
    assert repr(trigger) == (
        "<IntervalTrigger (interval=datetime.timedelta(days=1), "
        "start_date='2030-01-01 00:00:00 CET', end_date='2031-01-01 00:00:00 CET', jitter=5, "
        "timezone='Europe/Berlin')>"
    )


def test_a_subclass_that_overrides_the_datetime_method_is_asked_through_it():
    class Doubled(IntervalTrigger):
        def get_next_fire_time(self, previous_fire_time, now):
            return now + 2 * self.interval

    trigger = Doubled(seconds=5, start_date=NOW)
    assert (trigger.native, trigger.step_us) == (False, 0)
    assert trigger.next_us(None, 0) == 10 * SECOND


def test_the_first_fire_behind_a_clock_change_is_one_interval_away() -> None:
    now = datetime(2024, 10, 27, 1, 52, tzinfo=BERLIN)
    trigger = IntervalTrigger(hours=2, timezone=BERLIN)
    trigger.begin_at(to_us(now))
    first = trigger.get_next_fire_time(None, now)
    assert first.isoformat() == "2024-10-27T02:52:00+01:00"  # 3.11.3 gives 03:52


def test_an_empty_text_is_no_start_and_no_jitter():
    trigger = IntervalTrigger(hours=1, start_date="", jitter="", timezone=UTC)
    plain = IntervalTrigger(hours=1, timezone=UTC)
    assert timedelta(0) <= plain.start_date - trigger.start_date < timedelta(minutes=1)
    assert (trigger.jitter, IntervalTrigger(hours=1, jitter=False).jitter) == (None, None)


@pytest.mark.parametrize("name", ["start_date", "end_date", "jitter"])
@pytest.mark.parametrize("nothing", [[], (), {}, b""])
def test_what_is_empty_otherwise_is_refused(name, nothing):
    with pytest.raises(TypeError, match=name):
        IntervalTrigger(hours=1, **{name: nothing})
