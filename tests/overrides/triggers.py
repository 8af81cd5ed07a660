"""Which methods of triggers, cron fields and expressions are asked, and what comes of it: one scenario, played anywhere.

Run by 3.11.3 in an environment of its own, from outside a checkout, it writes the golden data:

    python -E tests/overrides/triggers.py > tests/data/overrides-of-triggers-3.11.3.json
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from recording import by_name, on_instance, patched, subclass, with_mixin

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers import base
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger, expressions, fields
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(
    2030, 6, 12, 12, 1, tzinfo=ZONE
)  # far from clock changes, which 3.11.3 cannot pass in order
START = datetime(2030, 1, 1, 0, 0, tzinfo=ZONE)
ASKED = ("get_next_fire_time", "_apply_jitter")
CRON = (*ASKED, "_increment_field_value", "_set_field_value")


def children(*minutes):
    return [CronTrigger(minute=each, timezone=ZONE) for each in minutes]


TRIGGERS = {
    "cron": (CronTrigger, CRON, lambda cls: cls(minute="*/7", hour="2-5", timezone=ZONE)),
    "cron with an end": (
        CronTrigger,
        ASKED,
        lambda cls: cls(hour=3, end_date=NOW + timedelta(days=2), timezone=ZONE),
    ),
    "interval": (
        IntervalTrigger,
        ASKED,
        lambda cls: cls(seconds=90, start_date=START, timezone=ZONE),
    ),
    "interval with an end": (
        IntervalTrigger,
        ASKED,
        lambda cls: cls(hours=1, start_date=START, end_date=NOW + timedelta(hours=2)),
    ),
    "date": (DateTrigger, ASKED, lambda cls: cls(NOW + timedelta(hours=1))),
    "calendarinterval": (
        CalendarIntervalTrigger,
        ASKED,
        lambda cls: cls(days=2, hour=3, start_date="2030-06-10", timezone=ZONE),
    ),
    # Children that 3.11.3 can combine without hanging.
    "and": (AndTrigger, ASKED, lambda cls: cls(children("*/5", "*/5"))),
    "or": (OrTrigger, ASKED, lambda cls: cls(children("*/5", "*/10"))),
}


def fires(trigger, many=4):
    found, previous, now = [], None, NOW
    while len(found) < many:
        previous = trigger.get_next_fire_time(previous, now)
        found.append(None if previous is None else previous.isoformat())
        if previous is None:
            break
        now = previous + timedelta(milliseconds=1)
    return found


class Still(BaseScheduler):
    """A scheduler whose passes are made by hand."""

    def wakeup(self):
        pass

    def shutdown(self, wait=True):
        super().shutdown(wait)


class Now(datetime):
    """Says that it is ``NOW``: which fields of a cron trigger are asked depends on the time of day."""

    @classmethod
    def now(cls, tz=None):
        return NOW.astimezone(tz)


base.datetime = Now


def nothing():
    pass


def scheduled(trigger, asked):
    """Return what is asked when a job is added, and when it is due."""
    scheduler = Still(executors={"default": DebugExecutor()}, timezone=ZONE)
    scheduler.start()
    asked.clear()
    job = scheduler.add_job(nothing, trigger, misfire_grace_time=None)
    added = sorted(asked)
    job.modify(next_run_time=NOW - timedelta(milliseconds=1))
    asked.clear()
    scheduler._process_jobs()
    due = sorted(asked)
    scheduler.shutdown()
    return {"added": added, "due": due}


def seen(trigger, asked):
    asked.clear()
    found = fires(trigger)
    names = sorted(asked)
    return {"fires": found, "asked": names, **scheduled(trigger, asked)}


def play_triggers():
    result = {}
    for case, (cls, names, make) in TRIGGERS.items():
        asked: set[str] = set()
        rows = {
            "subclass": seen(make(subclass(cls, names, asked)), asked),
            "mixin": seen(make(with_mixin(cls, names, asked)), asked),
            "by name": seen(make(by_name(cls, names, asked)), asked),
        }
        early = make(cls)
        with patched(cls, names, asked):
            rows["patch"] = seen(make(cls), asked)
            rows["patch, later"] = seen(early, asked)
        rows["unpatched"] = seen(early, asked)
        free = type(f"Free{cls.__name__}", (cls,), {})
        rows["instance"] = seen(on_instance(make(free), names, asked), asked)
        for each in names:
            alone = subclass(cls, [each], asked)
            rows[f"subclass, {each} alone"] = seen(make(alone), asked)
        result[case] = rows
    return result


# -- fields and expressions ---------------------------------------------------------------------------------

FIELD = ("get_min", "get_max", "get_value", "get_next_value")
FIELD_TEXTS = {
    "year": "2031-2040/3",
    "month": "feb,aug",
    "day": "last,2nd fri",
    "week": "24-30",
    "day_of_week": "mon-thu",
    "hour": "*/6",
    "minute": "20",
    "second": "5-50/15",
}
EXPRESSIONS = {
    "AllExpression": ("hour", "*/6"),
    "RangeExpression": ("hour", "5-20/4"),
    "MonthRangeExpression": ("month", "jul-sep"),
    "WeekdayRangeExpression": ("day_of_week", "tue-thu"),
    "WeekdayPositionExpression": ("day", "2nd fri"),
    "LastDayOfMonthExpression": ("day", "last"),
}


def cron_with(name, field):
    fields_map = {**CronTrigger.FIELDS_MAP, name: field}
    return type("Own", (CronTrigger,), {"FIELDS_MAP": fields_map})


def play_fields():
    result = {}
    for name, text in FIELD_TEXTS.items():
        cls = CronTrigger.FIELDS_MAP[name]
        asked: set[str] = set()
        rows = {}
        for way, make in (("subclass", subclass), ("mixin", with_mixin), ("by name", by_name)):
            own = cron_with(name, make(cls, FIELD, asked))
            rows[way] = seen(own(timezone=ZONE, **{name: text}), asked)
        for method in ("compile_expressions", "compile_expression"):
            own = cron_with(name, subclass(cls, [method], asked))
            asked.clear()
            found = fires(own(timezone=ZONE, **{name: text}))
            rows[method] = {"fires": found, "asked": sorted(asked)}
        early = CronTrigger(timezone=ZONE, **{name: text})
        with patched(cls, FIELD, asked):
            rows["patch"] = seen(CronTrigger(timezone=ZONE, **{name: text}), asked)
            rows["patch, later"] = seen(early, asked)
        for field in early.fields:
            if field.name == name:
                on_instance(field, FIELD, asked)
        rows["instance"] = seen(early, asked)
        result[name] = rows
    return result


def play_expressions():
    result = {}
    for kind, (name, text) in EXPRESSIONS.items():
        cls = getattr(expressions, kind)
        asked: set[str] = set()
        rows = {}
        for way, make in (("subclass", subclass), ("mixin", with_mixin), ("by name", by_name)):
            mine = make(cls, ("get_next_value", "validate_range"), asked)
            base = CronTrigger.FIELDS_MAP[name]
            field = type("OwnField", (base,), {"COMPILERS": [mine, *base.COMPILERS]})
            asked.clear()
            trigger = cron_with(name, field)(timezone=ZONE, **{name: text})
            made = sorted(asked)
            rows[way] = {"made": made, **seen(trigger, asked)}
        early = CronTrigger(timezone=ZONE, **{name: text})
        with patched(cls, ["get_next_value"], asked):
            rows["patch"] = seen(CronTrigger(timezone=ZONE, **{name: text}), asked)
            rows["patch, later"] = seen(early, asked)
        for field in early.fields:
            if field.name == name:
                on_instance(field.expressions[0], ["get_next_value"], asked)
        rows["instance"] = seen(early, asked)
        result[kind] = rows
    return result


# -- own expressions and attributes -------------------------------------------------------------------------


class Odd(expressions.AllExpression):
    """Odd values only."""

    value_re = fields.re.compile("odd$")

    def __init__(self):
        super().__init__(None)

    def get_next_value(self, date, field):
        value = field.get_value(date)
        value += (value + 1) % 2
        return value if value <= field.get_max(date) else None


class Even(Odd):
    """Even values only."""

    value_re = fields.re.compile("even$")

    def get_next_value(self, date, field):
        value = field.get_value(date) + field.get_value(date) % 2
        return value if value <= field.get_max(date) else None


class Never(Odd):
    """No value."""

    value_re = fields.re.compile("never$")

    def get_next_value(self, date, field):
        return None


class Weekend(Odd):
    """Asks the date, not the value."""

    value_re = fields.re.compile("weekend$")

    def get_next_value(self, date, field):
        while date.weekday() < 5:
            if date.day == field.get_max(date):
                return None
            date = date.replace(day=date.day + 1)
        return date.day


def own_fields():
    mine = [Odd, Even, Never, Weekend]
    return {
        name: type("Own", (cls,), {"COMPILERS": [*mine, *cls.COMPILERS]})
        for name, cls in CronTrigger.FIELDS_MAP.items()
    }


OWN = [
    {"day": "odd"},
    {"day": "even"},
    {"day": "odd,2,4"},
    {"day": "weekend"},
    {"day": "weekend", "hour": "odd"},
    {"hour": "odd"},
    {"hour": "even", "minute": "odd"},
    {"minute": "odd", "second": 30},
    {"second": "even"},
    {"month": "even"},
    {"month": "odd", "day": "last"},
    {"week": "odd"},
    {"week": "even", "day_of_week": "sat"},
    {"day_of_week": "odd"},
    {"year": "odd"},
    {"year": "even", "month": "feb"},
    {"year": "never"},
]


def play_own():
    cls = type("Own", (CronTrigger,), {"FIELDS_MAP": own_fields()})
    return {json.dumps(each): fires(cls(timezone=ZONE, **each), 8) for each in OWN}


def _ended(trigger):
    trigger.end_date = datetime(2030, 6, 14, 12, tzinfo=ZONE)


def _begun(trigger):
    trigger.start_date = datetime(2031, 1, 1, tzinfo=ZONE)


def _elsewhere(trigger):
    trigger.timezone = ZoneInfo("Asia/Tokyo")


def _other_fields(trigger):
    trigger.fields = CronTrigger(hour=9, timezone=ZONE).fields


def _other_field(trigger):
    trigger.fields = [*trigger.fields[:5], fields.BaseField("hour", "9"), *trigger.fields[6:]]


class OwnStart(CronTrigger):
    """Sets the attributes of 3.x itself."""

    def __init__(self, hour):
        self.timezone = ZONE
        self.start_date = datetime(2030, 7, 1, tzinfo=ZONE)
        self.end_date = None
        self.jitter = None
        self.fields = [
            self.FIELDS_MAP[name](name, hour if name == "hour" else "*" if position < 5 else 0)
            for position, name in enumerate(self.FIELD_NAMES)
        ]


def play_attributes():
    changes = (_ended, _begun, _elsewhere, _other_fields, _other_field)
    result = {}
    for change in changes:
        trigger = CronTrigger(hour=3, timezone=ZONE)
        change(trigger)
        result[change.__name__] = fires(trigger)
    result["all of them"] = fires(OwnStart(7))
    date = DateTrigger(NOW)
    date.run_date = NOW + timedelta(hours=1)
    result["run_date"] = fires(date)
    interval = IntervalTrigger(hours=1, start_date=START, timezone=ZONE)
    interval.end_date = NOW + timedelta(hours=2)
    result["interval end_date"] = fires(interval)
    interval = IntervalTrigger(hours=1, start_date=START, timezone=ZONE)
    interval.start_date = NOW + timedelta(hours=2)
    result["interval start_date"] = fires(interval)
    return result


def play():
    return {
        "triggers": play_triggers(),
        "fields": play_fields(),
        "expressions": play_expressions(),
        "own": play_own(),
        "attributes": play_attributes(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(play(), indent=1, sort_keys=True) + "\n")
