"""A trigger of a user says itself, by the parts that ours are made of."""

# ruff: noqa: RUF001 - Chinese is written with full-width punctuation

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from apscheduler.calendars import BusinessDays
from apscheduler.triggers import parts
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.combining import AndTrigger, BaseCombiningTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from apscheduler.triggers.parts import Days, Foreign, Listed, OnClock, Worded, limits

ZONE = "Europe/Berlin"
NOON = OnClock(Days(), Listed(("12:00",)), parts.Limits(ZONE))
START = datetime(2030, 1, 1, tzinfo=UTC)


class Once(BaseTrigger):
    def get_next_fire_time(self, previous_fire_time, now):
        return now if previous_fire_time is None else None

    def __repr__(self):
        return "<Once>"


class Noon(Once):
    def says(self):
        return NOON


class Later(CronTrigger):
    def get_next_fire_time(self, previous_fire_time, now):
        found = super().get_next_fire_time(previous_fire_time, now)
        return None if found is None else found + timedelta(minutes=1)


def cron(cls=CronTrigger, **fields):
    return cls(**(fields or {"hour": 12}), timezone=ZONE)


def test_what_a_trigger_of_a_user_says_is_put_into_each_language():
    assert Noon().describe() == "every day at 12:00, Europe/Berlin"
    assert Noon().describe("zh") == "每天 12:00（Europe/Berlin）"
    assert Once().says() == Foreign("<Once>")


def test_parts_of_a_users_trigger_are_found_within_others():
    both = OrTrigger([Noon(), Once()])
    assert both.says() == parts.Combined(together=False, said=(NOON, Foreign("<Once>")))
    assert both.describe("zh").startswith("以下任一项到期时：【每天 12:00")
    closed = CalendarTrigger(Noon(), BusinessDays("DE"))
    assert closed.describe().startswith("[every day at 12:00, Europe/Berlin] unless closed by")


def test_a_trigger_may_say_what_another_one_says():
    class Wrapper(Once):
        def says(self):
            return cron().says()

    assert Wrapper().says() == cron().says()
    assert Wrapper().describe() == cron().describe()


def test_triggers_that_say_the_same_fire_alike_and_others_say_something_else():
    assert cron().says() == cron().says() != cron(hour=13).says()
    hourly = IntervalTrigger(hours=1, start_date=START)
    assert hourly.says() == IntervalTrigger(minutes=60, start_date=START).says()
    both = [DateTrigger(START), hourly]
    assert OrTrigger(both).says() != AndTrigger(both).says()


def test_a_subclass_that_fires_otherwise_says_its_name_until_it_says_itself_anew():
    class LaterInWords(Later):
        def says(self):
            return OnClock(Days(), Listed(("12:01",)), limits(self.timezone))

    class Another(LaterInWords):
        def at(self, instant):
            return super().at(instant) + timedelta(0)

    assert cron(Later).says() == Foreign(repr(cron(Later)))
    assert cron(LaterInWords).describe() == "every day at 12:01, Europe/Berlin"
    assert cron(Another).says() == Foreign(repr(cron(Another)))
    assert OrTrigger([cron(Another)]).says().said == (Foreign(repr(cron(Another))),)


def test_a_mixin_may_write_the_words():
    class Words:
        def says(self):
            return NOON

    class Mixed(Words, Later):
        pass

    assert cron(Mixed).describe() == Noon().describe()


def test_a_combination_of_a_user_says_its_name():
    class Neither(BaseCombiningTrigger):
        def get_next_fire_time(self, previous_fire_time, now):
            return None

    assert Neither([cron()]).says() == Foreign(repr(Neither([cron()])))


def test_an_object_or_a_class_whose_method_was_replaced_is_described_by_its_name(monkeypatch):
    class Renamed(CronTrigger):
        pass

    trigger = cron(Renamed)
    words = trigger.describe()
    trigger.get_next_fire_time = Once().get_next_fire_time
    assert trigger.describe().startswith("as this trigger says: <Renamed")
    del trigger.get_next_fire_time
    with monkeypatch.context() as patch:
        patch.setattr(CronTrigger, "get_next_fire_time", Later.get_next_fire_time)
        assert cron(Renamed).describe().startswith("as this trigger says: <Renamed")
    assert trigger.describe() == words


def test_words_of_a_trigger_are_within_others_in_their_language():
    class Own(Once):
        def describe(self, locale="en"):
            return {"en": "now and then", "zh": "偶尔"}[locale]

    class Said(Once):
        def says(self):
            return Worded(Own().describe)

    for trigger in (Own(), Said()):
        assert trigger.describe("zh") == "偶尔"
        assert "【偶尔】" in OrTrigger([trigger]).describe("zh")
        assert "[now and then]" in OrTrigger([trigger]).describe()


def test_words_of_a_trigger_may_be_built_on_those_of_its_class():
    class Loud(CronTrigger):
        def describe(self, locale="en"):
            return super().describe(locale).upper()

    assert cron(Loud).describe() == "EVERY DAY AT 12:00, EUROPE/BERLIN"


@pytest.mark.parametrize("wrong", ["every day", None, SimpleNamespace()])
def test_a_value_that_is_no_part_is_refused_with_what_to_return(wrong):
    class Wrong(Once):
        def says(self):
            return wrong

    with pytest.raises(
        TypeError, match=re.escape("apscheduler.triggers.parts, not " + type(wrong).__name__)
    ):
        Wrong().describe()


def test_all_parts_that_are_offered_are_put_into_words():
    offered = {getattr(parts, name) for name in parts.__all__}
    moment = parts.moment(START, UTC)
    zone = limits(UTC, end=START, jitter=5)
    for said in (
        parts.Once(moment, parts.zone_name(UTC)),
        parts.Every(1, 30, "0", moment, zone),
        parts.OnDates(1, 0, "10:00", START.date(), None, False, zone),
        parts.AtStart(),
        OnClock(
            Days(
                parts.Dates((1,), positions=(parts.Position(parts.LAST, 4),)),
                parts.Weekdays((4,)),
                either=True,
            ),
            parts.Fields((1, 2), None, (0,)),
            zone,
        ),
        OnClock(Days(), parts.Stepped(3600, 0, ()), zone),
    ):
        assert type(said) in offered

        class Says(Once):
            def says(self):
                return said  # noqa: B023 - asked at once

        assert Says().describe() != Says().describe("zh")
