"""What the library ``holidays`` knows of weekends, working weekend days and years, and how its objects are called.

Neighbours tried beyond the reported ones (CN, SA, IN, NYSE): every country that the library has, weekends that were moved
(SA in 2013, AE in 2022), objects of markets and sums of countries, explicit weekends, stored calendars, JSON.
"""

from __future__ import annotations

import pickle
import warnings
from datetime import UTC, date, datetime, timedelta

import holidays
import pytest

from apscheduler.calendars import BusinessDays, ClosedDays
from apscheduler.serializers.json import SignedJSONSerializer
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.cron import CronTrigger

COUNTRIES = sorted(holidays.list_supported_countries(include_aliases=False))
YEAR = [date(2025, 1, 1) + timedelta(days=number) for number in range(365)]


def is_open(calendar, day):
    return calendar.why_day_closed(day) is None


def test_business_days_of_every_country_are_its_working_days():
    for code in COUNTRIES:
        library = holidays.country_holidays(code, years=2025, language="en_US")
        calendar = BusinessDays(code)
        different = [
            day for day in YEAR if is_open(calendar, day) is not library.is_working_day(day)
        ]
        assert not different, code


@pytest.mark.parametrize("given", ["CN", holidays.country_holidays("CN")], ids=["code", "object"])
def test_working_weekend_days_are_open(given):
    calendar = BusinessDays(given)
    assert is_open(calendar, date(2025, 1, 26))  # a Sunday that makes up for the Spring Festival
    assert is_open(calendar, date(2025, 2, 8))
    assert calendar.why_day_closed(date(2025, 2, 9)) == "a Sunday"
    assert not is_open(calendar, date(2025, 1, 28))  # the festival itself
    for again in (pickle.loads(pickle.dumps(calendar)),):
        assert is_open(again, date(2025, 1, 26))
    strict = BusinessDays(given, weekend=["sat", "sun"])  # as it was said
    assert strict.why_day_closed(date(2025, 1, 26)) == "a Sunday"


@pytest.mark.parametrize(
    ("code", "day", "why"),
    [
        ("SA", date(2027, 1, 1), "a Friday"),
        ("SA", date(2027, 1, 3), None),
        ("SA", date(2012, 1, 5), "a Thursday"),  # Thursday and Friday until 2013
        ("AE", date(2020, 1, 3), "a Friday"),
        ("AE", date(2027, 1, 8), None),  # Saturday and Sunday since 2022
        ("IL", date(2027, 1, 3), None),
        ("IR", date(2027, 1, 2), None),
        ("DE", date(2027, 1, 2), "a Saturday"),
    ],
)
def test_the_weekend_is_that_of_the_country_and_its_time(code, day, why):
    assert BusinessDays(code).why_day_closed(day) == why
    assert BusinessDays(holidays.country_holidays(code)).why_day_closed(day) == why


def test_the_weekend_can_be_read_and_is_said_where_it_was_given():
    assert BusinessDays("SA").weekend == (4, 5)
    assert BusinessDays().weekend == BusinessDays([date(2027, 1, 1)]).weekend == (5, 6)
    assert str(BusinessDays("SA")) == "BusinessDays('SA')"
    given = BusinessDays("SA", weekend=["sat", "sun"])
    assert str(given) == "BusinessDays('SA', weekend=sat+sun)"
    assert str(BusinessDays(weekend=["sat", "sun"])) == "BusinessDays()"
    assert is_open(given, date(2027, 1, 8))


def test_a_calendar_that_was_stored_before_keeps_its_weekend():
    restored = BusinessDays.__new__(BusinessDays)
    restored.__setstate__({"version": 1, "holidays": ("country", "SA"), "weekend": [5, 6]})
    assert restored.why_day_closed(date(2027, 1, 2)) == "a Saturday"
    assert BusinessDays("SA").__getstate__()["weekend"] == [5, 6]  # what earlier releases read


@pytest.mark.parametrize("make", [lambda: BusinessDays("SA"), lambda: BusinessDays("SA", ["sun"])])
def test_it_is_the_same_as_json(make):
    trigger = CalendarTrigger(CronTrigger(hour=9, timezone=UTC), make())
    serializer = SignedJSONSerializer({"key": b"0123456789abcdef"}, callables=[print])
    written = serializer.dumps(
        {"func": "builtins:print", "trigger": trigger}, store="default", job_id="x"
    )
    again = serializer.loads(written, store="default", job_id="x")["trigger"]
    for hours in range(0, 24 * 14, 24):
        moment = datetime(2027, 1, 1, 9, tzinfo=UTC) + timedelta(hours=hours)
        assert again.why_closed(moment) == trigger.why_closed(moment)
    assert str(again) == str(trigger)


def test_no_country_warns_of_years_that_nobody_asked_for():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for code in COUNTRIES:
            trigger = CalendarTrigger(CronTrigger(hour=9, timezone=UTC), ClosedDays(code))
            str(BusinessDays(code)), str(trigger), BusinessDays(code).weekend
        india = CalendarTrigger(CronTrigger(hour=9, timezone=UTC), ClosedDays("IN"))
        assert "Republic Day" in str(india.why_closed(datetime(2027, 1, 26, 9, tzinfo=UTC)))
        assert "IN" in india.describe()
        by_object = CalendarTrigger(
            CronTrigger(hour=9, timezone=UTC), ClosedDays(holidays.country_holidays("IN"))
        )
        assert "IN" in by_object.describe()


NAMES = [
    (holidays.NYSE, "holidays of XNYS"),
    (lambda: holidays.financial_holidays("ECB"), "holidays of XECB"),
    (lambda: holidays.country_holidays("US", subdiv="CA"), "holidays of US-CA"),
    (lambda: holidays.country_holidays("CN"), "holidays of CN"),
    (
        lambda: holidays.country_holidays("US") + holidays.country_holidays("DE"),
        "holidays of US+DE",
    ),
    (holidays.HolidayBase, "HolidayBase"),
]


@pytest.mark.parametrize(("make", "name"), NAMES, ids=[name for _, name in NAMES])
def test_an_object_is_called_by_what_it_is_whatever_years_it_knows(make, name):
    given = make()
    calendars = [BusinessDays(given), ClosedDays(given)]
    before = list(map(str, calendars))
    assert before == [f"BusinessDays({name})", f"ClosedDays({name})"]
    for calendar in calendars:
        for year in (2024, 2025, 2031):
            calendar.why_day_closed(date(year, 12, 25))
    assert list(map(str, calendars)) == before


def test_other_mappings_are_called_by_their_dates():
    assert str(ClosedDays({date(2027, 1, 4): "x"})) == "ClosedDays(2027-01-04)"
