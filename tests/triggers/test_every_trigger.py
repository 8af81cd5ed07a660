"""What holds for every trigger, checked against slow walks: all zones, 1970 to 2100, most often near clock changes."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler._engine.instants import HOUR, MINUTE, SECOND, from_us, to_us
from apscheduler.calendars import ClosedDays
from apscheduler.triggers import combining
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from apscheduler.triggers.rrule import RRuleTrigger

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
FIRST = to_us(datetime(1970, 1, 2, tzinfo=UTC))
LAST = to_us(datetime(2100, 1, 1, tzinfo=UTC))
PROBE = timedelta(days=6)


@pytest.fixture(autouse=True, scope="module")
def _short_patience():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(combining, "ROUNDS", 200)
        yield


@cache
def zone_of(name):
    return ZoneInfo(name)


@cache
def transitions(name, first_year=1970, last_year=2100):
    """The instants at which the zone's offset changes, to the minute."""
    zone, found = zone_of(name), []
    at, end = datetime(first_year, 1, 2, tzinfo=UTC), datetime(last_year, 1, 1, tzinfo=UTC)
    offset = at.astimezone(zone).utcoffset()
    while at < end:
        following = at + PROBE
        shown = following.astimezone(zone).utcoffset()
        if shown != offset:
            found.append(to_us(halved(zone, at, following, offset)))
        at, offset = following, shown
    return found


def halved(zone, low, high, offset):
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(second=0, microsecond=0)


def exists(moment):
    again = moment.astimezone(UTC).astimezone(moment.tzinfo)
    return again.replace(tzinfo=None) == moment.replace(tzinfo=None) and again.fold == moment.fold


def walk(trigger, now, many):
    """The first fire times by the public method, each asked with the one before."""
    found, previous = [], None
    while len(found) < many:
        previous = trigger.get_next_fire_time(previous, now)
        if previous is None:
            break
        found.append(previous)
        now = max(now, previous, key=to_us)
    return found


def walk_us(trigger, now, end, many=2000):
    found, previous = [], trigger.next_us(None, now)
    while previous is not None and previous <= end and len(found) < many:
        found.append(previous)
        previous = trigger.next_us(previous, max(now, previous))
    return found


@st.composite
def places(draw):
    """A zone and an instant, most often within hours of a change of its clock."""
    name = draw(st.sampled_from(ZONES))
    changes = transitions(name)
    if changes and draw(st.integers(0, 4)):
        around = draw(st.sampled_from(changes))
        return zone_of(name), around + draw(st.integers(-300, 300)) * MINUTE
    return zone_of(name), draw(st.integers(FIRST // MINUTE, LAST // MINUTE)) * MINUTE


def calendar_dates(start, months, days):
    """The dates of a calendar interval, as its documentation tells: months first, then days."""
    day = start
    while True:
        yield day
        year, month = day.year, day.month
        for _ in range(1200 if months else 0):
            year, month = year + (month - 1 + months) // 12, (month - 1 + months) % 12 + 1
            if day.day <= monthrange(year, month)[1]:
                break
        day = date(year, month, day.day) + timedelta(days=days)


def calendar_fires(dates, at, zone):
    for day in dates:
        moment = datetime.combine(day, at, zone)
        if moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == datetime.combine(
            day, at
        ):
            yield moment


INTERVALS = st.one_of(
    st.tuples(st.just(0), st.integers(1, 40)),
    st.tuples(st.integers(1, 30), st.just(0)),
    st.tuples(st.integers(1, 14), st.integers(0, 33)),
)


@given(places(), INTERVALS, st.integers(0, 4))
def test_a_calendar_interval_fires_on_every_date_whose_wall_time_exists(place, interval, before):
    zone, instant = place
    months, days = interval
    target = from_us(instant, zone)
    start = target.date() - timedelta(days=before * (months * 31 + days))
    start = max(start, date(1970, 1, 2))
    at = target.time().replace(fold=0)
    trigger = CalendarIntervalTrigger(
        months=months,
        days=days,
        hour=at.hour,
        minute=at.minute,
        second=at.second,
        start_date=start,
        timezone=zone,
    )
    expected = list(islice(calendar_fires(calendar_dates(start, months, days), at, zone), 8))
    assert walk(trigger, target, 8) == expected
    assert [moment.isoformat() for moment in walk(trigger, target, 8)] == [
        moment.isoformat() for moment in expected
    ]


@pytest.mark.trap(40)
@pytest.mark.trap(43)
def test_a_daily_calendar_interval_misses_no_existing_wall_time_in_any_zone():
    wrong = []
    for name in ZONES:
        zone = zone_of(name)
        for change in transitions(name, 2019, 2027)[-4:]:
            for minutes in (-90, -30, 0, 30, 90):
                shown = from_us(change + minutes * MINUTE, zone)
                start, at = shown.date() - timedelta(days=2), time(shown.hour, shown.minute)
                trigger = CalendarIntervalTrigger(
                    days=1, hour=at.hour, minute=at.minute, start_date=start, timezone=zone
                )
                expected = list(islice(calendar_fires(calendar_dates(start, 0, 1), at, zone), 4))
                if walk(trigger, shown, 4) != expected:
                    wrong.append((name, start, at))
    assert wrong == []


@given(places(), st.integers(1, 10**12))
def test_an_interval_is_real_time_whatever_the_wall_clock_does(place, step):
    zone, instant = place
    start = from_us(instant, zone)
    trigger = IntervalTrigger(seconds=step / SECOND, start_date=start, timezone=zone)
    found = walk(trigger, start - timedelta(days=3), 6)
    step_us = trigger.interval // timedelta(microseconds=1)
    assert list(map(to_us, found)) == [instant + step_us * count for count in range(6)]
    assert all(moment.tzinfo is zone and exists(moment) for moment in found)


@given(places(), st.integers(1, 10**9), st.integers(0, 10**14))
def test_an_interval_that_began_long_ago_goes_on_at_its_own_beat(place, step, later):
    zone, instant = place
    trigger = IntervalTrigger(seconds=step, start_date=from_us(instant, zone), timezone=zone)
    now = from_us(instant + later, zone)
    found = to_us(trigger.get_next_fire_time(None, now))
    assert 0 <= found - to_us(now) < step * SECOND
    assert (found - instant) % (step * SECOND) == 0


@given(places(), st.booleans())
def test_a_date_fires_once_and_shows_a_wall_time_that_exists(place, naive):
    zone, instant = place
    given_date = from_us(instant, zone)
    trigger = (
        DateTrigger(given_date.replace(tzinfo=None), zone) if naive else DateTrigger(given_date)
    )
    (found,) = walk(trigger, given_date, 3)
    assert exists(found)
    assert found.replace(tzinfo=None) == given_date.replace(tzinfo=None)
    if not (naive and given_date.fold):
        assert to_us(found) == instant


def children(zone, instant):
    return st.one_of(
        st.builds(
            lambda step, shift: IntervalTrigger(
                seconds=step, start_date=from_us(instant + shift * MINUTE, zone), timezone=zone
            ),
            st.sampled_from([600, 900, 3600, 5400, 7200, 86_400]),
            st.integers(-300, 300),
        ),
        st.builds(
            lambda hour, minute: CronTrigger(hour=hour, minute=minute, timezone=zone),
            st.sampled_from(["*", "*/2", "1-3", "2"]),
            st.sampled_from(["0", "*/30", "15,45"]),
        ),
        st.builds(
            lambda minute, hour, dst: CrontabTrigger(
                f"{minute} {hour} * * *", timezone=zone, dst=dst
            ),
            st.sampled_from(["0", "*/30", "15,45"]),
            st.sampled_from(["*", "*/2", "1-3", "2"]),
            st.sampled_from(["debian", "ocps", "utc-line"]),
        ),
        st.builds(
            lambda days, hour: CalendarIntervalTrigger(
                days=days,
                hour=hour,
                start_date=from_us(instant, zone).date() - timedelta(days=3),
                timezone=zone,
            ),
            st.integers(1, 3),
            st.integers(0, 23),
        ),
        st.builds(
            lambda rule, days: RRuleTrigger(
                rule,
                start_date=from_us(instant, zone).date() - timedelta(days=days),
                timezone=zone,
            ),
            st.sampled_from(
                [
                    "FREQ=HOURLY;INTERVAL=2",
                    "FREQ=MINUTELY;INTERVAL=10",
                    "FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=15,45",
                ]
            ),
            st.integers(0, 3),
        ),
        st.builds(
            lambda shift: DateTrigger(from_us(instant + shift * MINUTE, zone)),
            st.integers(-600, 600),
        ),
    )


@st.composite
def moved(draw, zone, instant):
    """One that is moved from closed days."""
    inner = draw(children(zone, instant))
    today = from_us(instant, zone).date()
    closed = {today + timedelta(days=number) for number in draw(st.sets(st.integers(-2, 2)))}
    where = draw(st.sampled_from(["next", "previous"]))
    return CalendarTrigger(inner, ClosedDays(closed or [today]), where)


@st.composite
def families(draw):
    zone, instant = draw(places())
    child = children(zone, instant) | children(zone, instant) | moved(zone, instant)
    return instant, draw(st.lists(child, min_size=1, max_size=3))


def own_times(trigger, begin, end):
    """All fire times of a child from ``begin`` to ``end``, as it gives them when asked alone."""
    return {time for time in walk_us(trigger, begin, end) if time >= begin}


@given(families())
def test_or_fires_at_all_times_of_all_its_children_and_no_others(family):
    instant, triggers = family
    begin, end = instant - 4 * HOUR, instant + 26 * HOUR
    expected = sorted(set().union(*(own_times(trigger, begin, end) for trigger in triggers)))
    assert [time for time in walk_us(OrTrigger(triggers), begin, end) if time >= begin] == expected


@given(families())
def test_and_fires_where_all_its_children_do_and_nowhere_else(family):
    instant, triggers = family
    begin, end = instant - 4 * HOUR, instant + 26 * HOUR
    times = [own_times(trigger, begin, end) for trigger in triggers]
    expected = sorted(set.intersection(*times))
    assert [time for time in walk_us(AndTrigger(triggers), begin, end) if time >= begin] == expected


@st.composite
def triggers(draw):
    instant, members = draw(families())
    shape = draw(st.sampled_from(["child", "child", "or", "and", "nested"]))
    if shape == "child":
        return instant, members[0]
    if shape == "nested":
        return instant, OrTrigger([AndTrigger(members[:2]), *members[1:]])
    return instant, (OrTrigger if shape == "or" else AndTrigger)(members)


@given(triggers(), st.integers(0, 40 * 60))
def test_looking_back_finds_the_last_fire_time_of_a_forward_walk(family, minutes):
    instant, trigger = family
    series = walk_us(trigger, instant - 4 * HOUR, instant + 26 * HOUR)
    if not series:
        return
    first = series[len(series) // 3]
    now = min(first + minutes * MINUTE // 2, instant + 26 * HOUR)
    seen = [fire for fire in series if first <= fire <= now]
    assert trigger.latest_us(first, now) == seen[-1]
    assert trigger.count_us(first, seen[-1], 10_000) == len(seen)
    assert trigger.count_us(first, seen[-1], 3) == min(len(seen), 3)


@given(triggers())
def test_fire_times_grow_exist_and_are_the_same_in_both_vocabularies(family):
    instant, trigger = family
    now = from_us(instant, UTC)
    found = walk(trigger, now, 12)
    assert all(exists(moment) for moment in found)
    assert all(to_us(early) < to_us(late) for early, late in pairwise(found))
    assert walk_us(trigger, instant, LAST * 2, many=12) == list(map(to_us, found))


def latest_gaps():
    """The instant of each zone's latest gap between 2019 and 2027."""
    for name in ZONES:
        zone = zone_of(name)
        for change in transitions(name, 2019, 2027)[-2:]:
            if from_us(change, zone).utcoffset() > from_us(change - MINUTE, zone).utcoffset():
                yield name, change


def test_combinations_fire_where_their_children_do_in_a_gap_of_every_zone():
    found_by_chance = ("America/Halifax", to_us(datetime(1970, 4, 26, 6, tzinfo=UTC)))
    gaps = [found_by_chance, *latest_gaps()]
    assert len(gaps) > 100
    wrong = [(name, *found) for name, change in gaps for found in wrong_in_gap(name, change)]
    assert wrong == []


def wrong_in_gap(name, change):
    """What combinations with a cron whose fire a gap moves get wrong, walked from before it and from within."""
    zone = zone_of(name)
    start = from_us(change - 72 * HOUR, zone)
    every = IntervalTrigger(minutes=30, start_date=start, timezone=zone)
    jumped_over = from_us(change - 1, zone).replace(tzinfo=None) + timedelta(microseconds=1)
    for minute in (jumped_over.minute, (jumped_over.minute + 30) % 60):
        cron = CronTrigger(hour=jumped_over.hour, minute=minute, timezone=zone)
        for begin in (change - 52 * HOUR, change, change + 5 * MINUTE):
            end = begin + 56 * HOUR
            times = [own_times(trigger, begin, end) for trigger in (every, cron)]
            for cls, expected in (
                (AndTrigger, times[0] & times[1]),
                (OrTrigger, times[0] | times[1]),
            ):
                trigger = cls([every, cron])
                found = [time for time in walk_us(trigger, begin, end) if time >= begin]
                back = {trigger.latest_us(found[0], time) for time in found}
                if found != sorted(expected) or back != expected:
                    yield cls.__name__, minute, (begin - change) // MINUTE


@pytest.mark.trap(39)
@pytest.mark.trap(69)
@pytest.mark.parametrize("nested", [False, True])
def test_or_keeps_a_crons_fire_of_a_gap_though_another_child_fires_between(nested):
    zone = zone_of("Europe/Berlin")
    cron = CronTrigger(hour=2, minute=30, timezone=zone)
    every = IntervalTrigger(minutes=20, start_date="2021-03-28 00:00:00", timezone=zone)
    trigger = OrTrigger([OrTrigger([cron]) if nested else cron, every])
    found = walk(trigger, datetime(2021, 3, 28, 1, 30, tzinfo=zone), 6)
    shown = [moment.strftime("%H:%M") for moment in found]
    assert shown == ["01:40", "03:00", "03:20", "03:30", "03:40", "04:00"]
