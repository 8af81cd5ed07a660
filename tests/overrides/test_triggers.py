"""What a class that is not ours overrides is asked: triggers, cron fields, cron expressions.

``triggers.py`` plays one scenario here and on 3.11.3, whose answers are golden data. What follows beside it are the triggers
that 3.x does not have, and the places where a trigger is asked by others than itself.
"""

from __future__ import annotations

import gc
import json
from abc import ABC
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from overrides.playing import played_by, played_here
from overrides.recording import by_name, on_instance, patched, subclass, with_mixin

from apscheduler.calendars import ClosedDays
from apscheduler.testing.manual import ManualScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.cron.expressions import AllExpression, RangeExpression
from apscheduler.triggers.cron.fields import BaseField, DayOfMonthField
from apscheduler.triggers.crontab import CrontabTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from apscheduler.triggers.rrule import RRuleTrigger
from tools import ROOT

PROGRAM = ROOT / "tests/overrides/triggers.py"
GOLDEN = json.loads((ROOT / "tests/data/overrides-of-triggers-3.11.3.json").read_text("utf-8"))
NOW = datetime(2030, 6, 12, 12, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ASKED = ("get_next_fire_time", "_apply_jitter")
KINDS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "cron": (CronTrigger, {"hour": "*", "timezone": UTC}),
    "interval": (IntervalTrigger, {"hours": 1, "start_date": NOW, "timezone": UTC}),
    "date": (DateTrigger, {"run_date": NOW + HOUR}),
    "calendarinterval": (
        CalendarIntervalTrigger,
        {"days": 1, "start_date": NOW.date(), "timezone": UTC},
    ),
    "and": (AndTrigger, {"triggers": [CronTrigger(hour="*", timezone=UTC)]}),
    "or": (OrTrigger, {"triggers": [CronTrigger(hour="*", timezone=UTC)]}),
    "crontab": (CrontabTrigger, {"expression": "0 * * * *", "timezone": UTC}),
    "rrule": (RRuleTrigger, {"rrule": "FREQ=HOURLY", "start_date": NOW}),
    "calendar": (
        CalendarTrigger,
        {"trigger": CronTrigger(hour="*", timezone=UTC), "calendars": ClosedDays({NOW.date()})},
    ),
}
JITTERED = [kind for kind in KINDS if kind != "date"]


def test_what_is_overridden_is_asked_and_decides_as_in_3x() -> None:
    assert played_here(PROGRAM) == GOLDEN


def test_the_golden_data_are_what_the_reference_says(reference_python) -> None:
    assert played_by(reference_python, PROGRAM) == GOLDEN


# -- each of ours ---------------------------------------------------------------------------------------------


def later(cls: type[Any]) -> type[Any]:
    """A subclass whose fire times come 30 seconds later than those of its base."""

    class Later(cls):  # type: ignore[misc]
        def get_next_fire_time(self, previous_fire_time, now):
            found = super().get_next_fire_time(previous_fire_time, now)
            return found and found + timedelta(seconds=30)

    return Later


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [subclass, with_mixin, by_name])
def test_a_method_that_calls_the_one_of_its_base_is_asked(kind, make) -> None:
    cls, options = KINDS[kind]
    expected = cls(**options).get_next_fire_time(None, NOW)
    asked: set[str] = set()
    assert make(cls, ASKED, asked)(**options).get_next_fire_time(None, NOW) == expected
    assert "get_next_fire_time" in asked


@pytest.mark.parametrize("kind", KINDS)
def test_the_integers_say_what_the_overridden_method_says(kind) -> None:
    cls, options = KINDS[kind]
    plain, own = cls(**options), later(cls)(**options)
    found = own.next_us(None, 1_907_582_460_000_000)
    assert found == plain.next_us(None, 1_907_582_460_000_000) + 30_000_000
    assert not own.native


@pytest.mark.parametrize("kind", JITTERED)
@pytest.mark.parametrize("way", ["subclass", "mixin", "patch", "base", "instance"])
def test_a_jitter_of_ones_own_is_asked_for(kind, way) -> None:
    cls, options = KINDS[kind]
    if kind != "calendar":
        options = {**options, "jitter": 5}
    given = []

    def moved(self, next_fire_time, jitter, now):
        given.append((jitter, now))
        return next_fire_time and next_fire_time + timedelta(seconds=7)

    expected = cls(**{**options, **({"jitter": None} if "jitter" in options else {})})
    times = 2 if way == "base" and kind in ("and", "or", "calendar") else 1  # its child has one too
    wanted = expected.get_next_fire_time(None, NOW) + timedelta(seconds=7 * times)
    if way == "subclass":
        trigger = type("Own", (cls,), {"_apply_jitter": moved})(**options)
    elif way == "mixin":
        trigger = type("Own", (type("Mixin", (), {"_apply_jitter": moved}), cls), {})(**options)
    elif way == "instance":
        trigger = type("Own", (cls,), {})(**options)
        trigger._apply_jitter = moved.__get__(trigger)
    else:
        trigger = cls(**options)
    patch = {"patch": cls, "base": BaseTrigger}.get(way)
    with mock.patch.object(patch, "_apply_jitter", moved) if patch else mock.MagicMock():
        assert trigger.get_next_fire_time(None, NOW) == wanted
        assert not trigger.native
    assert given[-1] == (options.get("jitter"), NOW)
    assert len(given) == times


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "calendar"])
def test_a_patch_is_used_as_long_as_it_lasts(kind) -> None:
    cls, options = KINDS[kind]
    trigger = cls(**options)
    before = OrTrigger([trigger]).get_next_fire_time(None, NOW)
    with mock.patch.object(cls, "get_next_fire_time", lambda self, p, n: None if p else NOW):
        assert OrTrigger([trigger]).get_next_fire_time(None, NOW) == NOW
        assert not trigger.native
    assert OrTrigger([trigger]).get_next_fire_time(None, NOW) == before


# -- who else asks --------------------------------------------------------------------------------------------


def fired_by(trigger: Any, hours: int = 3, **options: Any) -> list[str]:
    """Return when a job of this trigger runs in some hours, with the clock at 12:01."""
    found: list[str] = []
    scheduler = ManualScheduler()
    scheduler.advance_to(NOW)
    scheduler.start()
    scheduler.add_job(
        lambda: found.append(f"{scheduler.clock.now():%H:%M:%S}"),
        trigger,
        misfire_grace_time=None,
        **options,
    )
    for _ in range(hours * 60):
        scheduler.advance(60)
    scheduler.shutdown()
    return found


def every_hour(cls: type[Any] = CronTrigger, **options: Any) -> Any:
    if cls is IntervalTrigger:
        return cls(hours=1, start_date=NOW - timedelta(minutes=1), timezone=UTC, **options)
    return cls(hour="*", timezone=UTC, **options)


@pytest.mark.parametrize("cls", [CronTrigger, IntervalTrigger])
def test_a_scheduler_asks_a_patch_made_after_the_job_was_added(cls) -> None:
    seen: list[datetime] = []
    original = cls.get_next_fire_time

    def noting(self, previous_fire_time, now):
        found = original(self, previous_fire_time, now)
        seen.append(found)
        return found and found + timedelta(minutes=1)

    scheduler = ManualScheduler()
    scheduler.advance_to(NOW)
    scheduler.start()
    ran: list[str] = []
    scheduler.add_job(
        lambda: ran.append(f"{scheduler.clock.now():%H:%M}"),
        every_hour(cls),
        misfire_grace_time=None,
    )
    scheduler.advance(HOUR)
    with mock.patch.object(cls, "get_next_fire_time", noting):
        scheduler.advance(HOUR)
        assert seen
    scheduler.advance(HOUR)
    scheduler.shutdown()
    assert ran == ["13:00", "14:00", "15:01"]


def test_a_holiday_trigger_is_asked_once_per_fire() -> None:
    asked: list[datetime | None] = []

    class WorkingHours(CronTrigger):
        def get_next_fire_time(self, previous_fire_time, now):
            asked.append(previous_fire_time)
            found = super().get_next_fire_time(previous_fire_time, now)
            while found is not None and found.hour == 14:
                found = super().get_next_fire_time(found, found)
            return found

    assert fired_by(every_hour(WorkingHours), 4) == ["13:00:00", "15:00:00", "16:00:00"]
    assert len(asked) == 4  # when it was added, and after each run


@pytest.mark.parametrize("make", [AndTrigger, OrTrigger])
def test_a_combination_asks_its_children(make) -> None:
    trigger = make([later(CronTrigger)(hour="*", timezone=UTC)])
    assert fired_by(trigger) == ["13:00:30", "14:00:30", "15:00:30"]


def test_calendars_stand_over_what_was_overridden() -> None:
    trigger = CalendarTrigger(
        later(CronTrigger)(hour="*", timezone=UTC), ClosedDays({NOW.date() + timedelta(days=9)})
    )
    assert fired_by(trigger) == ["13:00:30", "14:00:30", "15:00:30"]
    assert trigger.get_next_fire_time(None, NOW) == NOW.replace(hour=13, minute=0, second=30)


def test_a_patched_class_is_not_described_as_before() -> None:
    trigger = every_hour()
    with mock.patch.object(CronTrigger, "get_next_fire_time", return_value=None):
        assert trigger.describe().startswith("as this trigger says")
        assert trigger.preview(3, NOW) == []
    assert trigger.describe().startswith("every hour")
    assert len(trigger.preview(3, NOW)) == 3


# -- fields ---------------------------------------------------------------------------------------------------


class Odd(AllExpression):
    """Odd values."""

    from re import compile as _compile

    value_re = _compile("odd$")

    def __init__(self) -> None:
        super().__init__(None)

    def get_next_value(self, date, field):
        value = field.get_value(date)
        value += (value + 1) % 2
        return value if value <= field.get_max(date) else None

    def __str__(self) -> str:
        return "odd"


class OddDays(DayOfMonthField):
    """Days of the month, the odd ones too."""

    COMPILERS = [Odd, *DayOfMonthField.COMPILERS]  # noqa: RUF012 - 3.x's public attribute


class Own(CronTrigger):
    """With odd days."""

    FIELDS_MAP = {**CronTrigger.FIELDS_MAP, "day": OddDays}  # noqa: RUF012 - 3.x's public attribute


def odd_days(**options: Any) -> Own:
    return Own(**{"day": "odd", "timezone": "Europe/Berlin", **options})


def days(found: list[Any]) -> list[int]:
    return [each.at.day for each in found]


def test_own_expressions_decide_the_days() -> None:
    trigger = odd_days()
    assert days(trigger.preview(4, NOW)) == [13, 15, 17, 19]
    assert trigger.describe().startswith("as this trigger says: <Own (day='odd'")
    assert fired_by(odd_days(hour="*"), 36)[0] == "22:00:00"  # midnight of the 13th in Berlin
    assert len(fired_by(odd_days(hour="*"), 48)) == 24


def test_own_expressions_look_back_too() -> None:
    back = odd_days(hour=10, minute="*/30").fire_times(NOW, backwards=True)
    found = [next(back) for _ in range(3)]
    assert [f"{each:%d %H:%M}" for each in found] == ["11 10:30", "11 10:00", "09 10:30"]


def test_own_expressions_keep_to_the_wall_clock() -> None:
    """At a gap and at a repeated hour, like fields of ours that say the same."""
    for start in (datetime(2030, 3, 30, 20, tzinfo=UTC), datetime(2030, 10, 26, 20, tzinfo=UTC)):
        for options in ({"hour": 2, "minute": 30}, {"hour": "*"}, {"hour": "2", "minute": "*/20"}):
            own = odd_days(**options)
            ours = CronTrigger(day="*/2", timezone="Europe/Berlin", **options)
            expected = [each.utc for each in ours.preview(12, start)]
            assert [each.utc for each in own.preview(12, start)] == expected


def test_what_never_matches_ends_with_a_word(caplog) -> None:
    class Never(Odd):
        def get_next_value(self, date, field):
            return None

    class Field(OddDays):
        COMPILERS = [Never]  # noqa: RUF012 - 3.x's public attribute

    class Empty(CronTrigger):
        FIELDS_MAP = {**CronTrigger.FIELDS_MAP, "day": Field}  # noqa: RUF012 - 3.x's public attribute

    with mock.patch("apscheduler.triggers.cron.asking.STEPS", 100):
        assert Empty(day="odd", timezone=UTC).get_next_fire_time(None, NOW) is None
    assert "its own fields matched nothing" in caplog.text


def test_a_subclass_that_changes_no_answer_is_compiled() -> None:
    class Quartz(RangeExpression):
        """Shown in another way."""

        def __str__(self) -> str:
            return f"#{super().__str__()}"

    class Field(BaseField):
        COMPILERS = [Quartz, AllExpression]  # noqa: RUF012 - 3.x's public attribute

    class Shown(CronTrigger):
        FIELDS_MAP = {**CronTrigger.FIELDS_MAP, "hour": Field}  # noqa: RUF012 - 3.x's public attribute

    trigger = Shown(hour="5-7", timezone=UTC)
    assert trigger.native
    assert str(trigger) == "cron[hour='#5-7']"


def test_fields_may_have_abstract_bases_beside_ours() -> None:
    class Field(BaseField, ABC):
        pass

    assert Field("hour", "5").get_next_value(NOW) is None
    assert isinstance(Field("hour", "5"), BaseField)


def test_a_patched_field_is_asked_as_long_as_the_patch_lasts() -> None:
    trigger = CronTrigger(hour="*", timezone=UTC)
    asked: set[str] = set()
    assert trigger.native
    with patched(DayOfMonthField, ["get_value"], asked):
        trigger.get_next_fire_time(None, NOW)
        assert asked == {"get_value"}
        assert not trigger.native
    assert CronTrigger(hour="*", timezone=UTC).native


def test_a_patch_of_the_class_stays_above_patched_fields() -> None:
    trigger = CronTrigger(hour="*", timezone=UTC)
    own = CronTrigger.get_next_fire_time
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CronTrigger, "get_next_fire_time", lambda *_: NOW)
        with patched(DayOfMonthField, ["get_value"], set()):
            assert trigger.get_next_fire_time(None, NOW) is NOW
        assert trigger.get_next_fire_time(None, NOW) is NOW
    assert CronTrigger.get_next_fire_time is own
    assert trigger.native


def test_a_cron_trigger_whose_fields_are_asked_can_be_collected() -> None:
    gc.collect()
    made = [odd_days() for _ in range(10)]
    del made
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is Own]


def test_on_an_object_that_takes_attributes_they_are_asked() -> None:
    asked: set[str] = set()
    trigger = on_instance(type("Free", (CronTrigger,), {})(hour="*", timezone=UTC), ASKED, asked)
    assert fired_by(trigger) == ["13:00:00", "14:00:00", "15:00:00"]
    assert asked == set(ASKED)
