"""Triggers under calendars, apart from a scheduler: moving to open days, wire formats, what is refused."""

from __future__ import annotations

import pickle
import sys
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler._engine.instants import to_us
from apscheduler.calendars import (
    Blackout,
    Blackouts,
    BusinessDays,
    ClosedDays,
    DailyBlackout,
    OpenDays,
    daysets,
)
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2027, 1, 1, tzinfo=UTC)


def fires(trigger, start=START):
    fire = trigger.get_next_fire_time(None, start)
    while fire is not None:
        yield fire
        fire = trigger.get_next_fire_time(fire, fire)


def test_the_last_business_day_of_each_month():
    trigger = CalendarTrigger(
        CronTrigger(day="last", hour=17, timezone=BERLIN), BusinessDays("DE"), "previous"
    )
    found = [f"{each:%a %m-%d %H}" for each in islice(fires(trigger), 12)]
    assert found == [
        *("Fri 01-29 17", "Fri 02-26 17", "Wed 03-31 17", "Fri 04-30 17", "Mon 05-31 17"),
        *("Wed 06-30 17", "Fri 07-30 17", "Tue 08-31 17", "Thu 09-30 17", "Fri 10-29 17"),
        *("Tue 11-30 17", "Fri 12-31 17"),
    ]


def test_the_next_business_day_where_the_first_is_closed():
    trigger = CalendarTrigger(
        CronTrigger(day=1, hour=9, timezone=BERLIN), BusinessDays("DE"), "next"
    )
    found = list(islice(fires(trigger), 5))
    assert [f"{each:%a %m-%d}" for each in found] == [
        *("Mon 01-04", "Mon 02-01", "Mon 03-01", "Thu 04-01", "Mon 05-03"),
    ]
    assert trigger.moved_from(found[0]).date() == date(2027, 1, 1)
    assert trigger.moved_from(found[1]) is None


@st.composite
def schedules(draw):
    hours = ",".join(map(str, draw(st.sets(st.integers(0, 23), min_size=1, max_size=3))))
    days = draw(st.sampled_from(("*", "1,15,last", "*/3", "last sun")))
    base = CronTrigger(day=days, hour=hours, minute=draw(st.sampled_from((0, 30))), timezone=BERLIN)
    first = draw(st.dates(date(2026, 1, 1), date(2027, 12, 1)))
    closed = draw(st.sets(st.integers(0, 40), max_size=25))
    days_off = {first + timedelta(days=number) for number in closed}
    return base, first, BusinessDays(days_off or None)


@given(schedules(), st.sampled_from(("next", "previous")))
def test_moved_fire_times_are_those_of_a_slow_walk_in_both_directions(schedule, closed):
    base, first, calendar = schedule
    trigger = CalendarTrigger(base, calendar, closed)
    begin = datetime.combine(first, time(), BERLIN)
    window = (begin + timedelta(days=5), begin + timedelta(days=45))
    expected = set()
    for fire in fires(base, begin - timedelta(days=60)):
        if fire > begin + timedelta(days=110):
            break
        image = moved(fire, calendar, 1 if closed == "next" else -1)
        if window[0] <= image < window[1]:
            expected.add(to_us(image))
    found = []
    for fire in fires(trigger, window[0]):
        if fire >= window[1]:
            break
        found.append(to_us(fire))
    assert found == sorted(expected)
    for before, after in pairwise(found):
        assert trigger.latest_us(found[0], after - 1) == before
        assert trigger.latest_us(found[0], after) == after
    if found:
        assert trigger.count_us(found[0], found[-1], 10_000) == len(found)


def moved(fire, calendar, step):
    if calendar.why_day_closed(fire.date()) is None:
        return fire
    day = fire.date()
    while calendar.why_day_closed(day) is not None:
        day += timedelta(days=step)
    shown = datetime.combine(day, fire.time(), BERLIN)
    image = shown.astimezone(UTC).astimezone(BERLIN)
    if image.time() != fire.time():  # in a gap: the instant after it
        while (
            image.astimezone(UTC).astimezone(BERLIN).utcoffset()
            == (image - timedelta(minutes=30)).astimezone(UTC).astimezone(BERLIN).utcoffset()
        ):
            image = (image.astimezone(UTC) - timedelta(minutes=30)).astimezone(BERLIN)
        image = image.replace(hour=3, minute=0)
    return image


def test_days_without_an_open_one_end_the_trigger():
    trigger = CalendarTrigger(
        CronTrigger(hour=9, timezone="UTC"), OpenDays([date(2027, 1, 5), date(2027, 1, 7)]), "next"
    )
    assert [each.day for each in fires(trigger)] == [5, 7]
    nothing = CalendarTrigger(
        CronTrigger(hour=9, timezone="UTC"), ClosedDays(lambda _: True), "next"
    )
    assert nothing.get_next_fire_time(None, START) is None


def test_it_says_why_a_moment_is_closed():
    trigger = CalendarTrigger(
        CronTrigger(hour="*", timezone=BERLIN),
        [ClosedDays({date(2027, 1, 6): "Epiphany"}), DailyBlackout("22:00", "06:00", ["mon"])],
    )
    assert trigger.why_closed(datetime(2027, 1, 6, 9, tzinfo=BERLIN)).endswith(
        "2027-01-06 is Epiphany"
    )
    assert "22:00 to 06:00" in trigger.why_closed(datetime(2027, 1, 5, 5, 59, tzinfo=BERLIN))
    assert trigger.why_closed(datetime(2027, 1, 5, 6, tzinfo=BERLIN)) is None
    assert trigger.why_closed(datetime(2027, 1, 5, 23, tzinfo=BERLIN)) is None


@given(
    st.integers(0, 23),
    st.integers(0, 23),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 9000),
)
def test_spans_of_a_daily_blackout_hold_for_all_their_instants(first, last, days, hours):
    line_zone = BERLIN
    calendar = DailyBlackout(time(first), time(last), days)
    moment = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(hours=hours, minutes=30)
    from apscheduler._engine.zones import zone_line

    line = zone_line(line_zone)
    span = calendar.span(to_us(moment), line)
    assert span.start <= to_us(moment) < span.end
    shown = moment.astimezone(BERLIN)
    expected = False
    for day in (shown.date(), shown.date() - timedelta(days=1)):
        if day.weekday() in days:
            begin = datetime.combine(day, time(first))
            end = datetime.combine(day + timedelta(days=last <= first), time(last))
            expected = expected or begin <= shown.replace(tzinfo=None) < end
    assert (span.reason is not None) is expected
    for instant in (span.start, span.end - 1):
        assert (calendar.span(instant, line).reason is None) is (span.reason is None)


def off(day):
    """Return whether a day is closed (stored by its name)."""
    return day.day == 13


@pytest.mark.parametrize(
    "calendar",
    [
        BusinessDays("US-CA", weekend=["fri", "sat"]),
        ClosedDays(off),
        ClosedDays(["2027-01-04"]),
        OpenDays({date(2027, 1, 5): "x"}),
        Blackout("2027-01-05", "2027-01-06", "audit", "UTC"),
        DailyBlackout("09:00", "10:00", ["tue"], timezone=BERLIN),
        "banking",
    ],
    ids=str,
)
def test_it_comes_back_from_a_pickle(calendar):
    trigger = CalendarTrigger(CronTrigger(hour=9, timezone=BERLIN), calendar)
    again = pickle.loads(pickle.dumps(trigger))
    assert (str(again), again.closed) == (str(trigger), "drop")
    if calendar != "banking":
        for fire in islice(fires(trigger), 20):
            assert again.why_closed(fire) == trigger.why_closed(fire)


def test_a_holidays_object_is_a_calendar():
    germany = holidays.country_holidays("DE")
    trigger = CalendarTrigger(CronTrigger(hour=9, timezone=BERLIN), germany)
    assert germany[date(2027, 1, 1)] in trigger.why_closed(datetime(2027, 1, 1, 9, tzinfo=BERLIN))


def test_a_lambda_works_until_it_must_be_stored():
    trigger = CalendarTrigger(
        CronTrigger(hour=9, timezone="UTC"), ClosedDays(lambda day: day.day == 1)
    )
    assert trigger.why_closed(START) is not None
    with pytest.raises(ValueError, match="add_calendar"):
        pickle.dumps(trigger)


def test_what_may_be_dropped_is_not_combined_but_wrapped():
    dropping = CalendarTrigger(CronTrigger(hour=9), BusinessDays())
    for cls in (AndTrigger, OrTrigger):
        with pytest.raises(TypeError, match="wrap the combination"):
            cls([dropping, CronTrigger(hour=10)])
    with pytest.raises(TypeError, match="as a list"):
        CalendarTrigger(dropping, BusinessDays())
    moving = CalendarTrigger(CronTrigger(hour=9, timezone="UTC"), BusinessDays(), "next")
    both = OrTrigger([moving, CronTrigger(hour=10, timezone="UTC")])
    found = [(each.day, each.hour) for each in islice(fires(both), 6)]
    assert found == [(1, 9), (1, 10), (2, 10), (3, 10), (4, 9), (4, 10)]
    wrapped = CalendarTrigger(
        OrTrigger([CronTrigger(hour=9), DateTrigger("2027-01-03")]), BusinessDays()
    )
    assert wrapped.guarded


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: BusinessDays("XX"), ValueError, "no country"),
        (lambda: BusinessDays("nyse"), ValueError, r"a market, .* holidays\.NYSE\(\)"),
        (
            lambda: BusinessDays(holidays.Germany),
            TypeError,
            r"not as its class: holidays\.Germany\(\)",
        ),
        (lambda: BusinessDays(dict), TypeError, r"not as its class: dict\(\)"),
        (lambda: BusinessDays("DE-ZZ"), ValueError, "no subdivision"),
        (lambda: BusinessDays(weekend=["son"]), ValueError, "did you mean"),
        (lambda: BusinessDays(weekend=range(7)), ValueError, "all seven"),
        (lambda: ClosedDays([]), ValueError, "at least one day"),
        (lambda: ClosedDays(["2027-13-01"]), ValueError, "2027-13-01"),
        (lambda: ClosedDays([START]), TypeError, "has a time"),
        (lambda: Blackout("2027-01-02", "2027-01-01"), ValueError, "holds no time"),
        (lambda: DailyBlackout("25:00", "06:00"), ValueError, "time of day"),
        (lambda: DailyBlackout("22:00", "06:00", []), ValueError, "never come"),
        (lambda: CalendarTrigger("cron", BusinessDays()), TypeError, "wraps a trigger"),
        (lambda: CalendarTrigger(CronTrigger(), []), ValueError, "at least one calendar"),
        (lambda: CalendarTrigger(CronTrigger(), " "), ValueError, "name of a calendar cannot be"),
        (lambda: CalendarTrigger(CronTrigger(), 7), TypeError, "not 7"),
        (lambda: BusinessDays(weekend="sat"), TypeError, "a list of weekdays such as"),
        (lambda: ClosedDays(7), TypeError, "days are given as dates, .* not 7"),
        (lambda: ClosedDays([7]), TypeError, "dates or texts like '2027-01-01', not 7"),
        (lambda: Blackouts(BusinessDays()), TypeError, "holds Blackout objects"),
        (lambda: Blackout(START, reason=7), TypeError, "reason is a text"),
        (lambda: DailyBlackout(22, "06:00"), TypeError, "start is a time of day without a zone"),
        (
            lambda: DailyBlackout("22:00", time(6, tzinfo=UTC)),
            TypeError,
            r"end is a time of day without a zone .*timezone=",
        ),
    ],
)
def test_wrong_arguments_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_calendar_alone_says_why_a_moment_is_closed_in_the_moments_own_zone():
    nights = DailyBlackout("22:00", "06:00")
    assert nights.why_closed(datetime(2027, 1, 1, 23, tzinfo=BERLIN)) == (
        "a blackout from 22:00 to 06:00"
    )
    assert nights.why_closed(datetime(2027, 1, 1, 21, tzinfo=UTC)) is None


@pytest.mark.parametrize("calendar", [ClosedDays(["2027-01-01"]), Blackout(START), BusinessDays()])
def test_what_a_later_release_has_stored_is_not_guessed_at(calendar):
    again = type(calendar).__new__(type(calendar))
    with pytest.raises(ValueError, match="version"):
        again.__setstate__({**calendar.__getstate__(), "version": 99})


def test_where_the_library_of_holidays_is_missing_its_way_to_install_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "holidays", None)
    daysets._checked_country.cache_clear()
    with pytest.raises(ImportError, match=r"'DE' .* pip install 'tickwright\[calendars\]'"):
        BusinessDays("DE")


def test_fire_times_in_a_gap_are_moved_to_the_instant_after_it():
    trigger = CalendarTrigger(
        IntervalTrigger(days=1, start_date="2027-03-27 02:30:00", timezone=BERLIN),
        OpenDays([date(2027, 3, 28)]),
        "next",
    )
    assert f"{next(fires(trigger, START)):%m-%d %H:%M %Z}" == "03-28 03:00 CEST"


NUUK = ZoneInfo("America/Nuuk")  # its gap ends at midnight


@pytest.mark.parametrize(
    ("zone", "hours", "closed", "gap", "source"),
    [
        (BERLIN, "2-4", "2027-03-27", "2027-03-28T03:00", "27 02:30"),
        (NUUK, "22-23", "2027-03-26", "2027-03-28T00:00", "26 23:30"),
    ],
    ids=str,
)
def test_the_instant_after_a_gap_is_found_from_itself_as_from_before(
    zone, hours, closed, gap, source
):
    trigger = CalendarTrigger(
        CronTrigger(hour=hours, minute=30, timezone=zone), ClosedDays([closed]), "next"
    )
    end = datetime.fromisoformat(gap).replace(tzinfo=zone)
    instant = to_us(end)
    assert trigger.next_us(None, instant - 1) == trigger.next_us(None, instant) == instant
    assert trigger.next_us(None, instant + 1) > instant
    assert trigger.latest_us(instant - 10**12, instant) == instant
    assert f"{trigger.moved_from(end):%d %H:%M}" == source


def test_fire_times_of_a_closed_repeated_hour_are_moved_in_the_order_of_their_wall_times():
    inner = IntervalTrigger(
        minutes=45,
        start_date=datetime(2027, 10, 31, 1, 15, tzinfo=BERLIN),
        end_date=datetime(2027, 10, 31, 3, tzinfo=BERLIN),
    )
    trigger = CalendarTrigger(inner, ClosedDays(["2027-10-31"]), "next")
    assert [f"{each:%H:%M%z}" for each in fires(inner)] == [
        *("01:15+0200", "02:00+0200", "02:45+0200", "02:30+0100"),
    ]
    found = [to_us(each) for each in fires(trigger)]
    assert [f"{trigger.at(each):%d %H:%M}" for each in found] == [
        *("01 01:15", "01 02:00", "01 02:30", "01 02:45"),
    ]
    assert [trigger.latest_us(found[0], each) for each in found] == found


def test_looking_back_from_a_repeated_hour_finds_what_was_moved_to_its_first_time():
    inner = CronTrigger(month=10, day=30, hour=2, minute="15,30", timezone=BERLIN)
    trigger = CalendarTrigger(inner, ClosedDays(["2027-10-30"]), "next")
    first, second = (datetime(2027, 10, 31, 2, minute, tzinfo=BERLIN) for minute in (15, 30))
    repeated = datetime(2027, 10, 31, 2, 20, fold=1, tzinfo=BERLIN)
    assert list(islice(fires(trigger), 2)) == [first, second]
    assert trigger.latest_us(to_us(first), to_us(repeated)) == to_us(second)


def test_where_the_clock_went_back_over_midnight_both_directions_agree():
    zone = ZoneInfo("America/St_Johns")  # until 2011 at 00:01
    inner = CronTrigger(hour="*", minute=30, timezone=zone)
    trigger = CalendarTrigger(inner, ClosedDays(["2005-10-29"]), "previous")
    found = list(islice(fires(trigger, datetime(2005, 10, 30, 0, 0, 30, tzinfo=zone)), 4))
    assert [f"{each:%d %H:%M%z}" for each in found[:2]] == ["29 23:30-0330", "30 00:30-0330"]
    for each in found:
        assert trigger.latest_us(to_us(found[0]) - 10**12, to_us(each)) == to_us(each)


class Own(BaseTrigger):
    """A trigger of a user, for whom a bound calendar asks through another object."""

    def get_next_fire_time(self, previous_fire_time, now):
        return None

    def __str__(self):
        return "own"


class OwnWords(Own):
    def describe(self, locale="en"):
        return f"at full moon ({locale})"


@pytest.mark.parametrize("own", [Own(), OwnWords()])
@pytest.mark.parametrize("locale", ["en", "zh"])
def test_a_trigger_of_a_user_says_the_same_where_its_calendars_are_bound(own, locale):
    under = CalendarTrigger(own, "closed")
    bound = under.bound({})
    assert bound.describe(locale) == under.describe(locale)
    assert str(bound) == str(under)
