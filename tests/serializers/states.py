"""Job states for the serializers' tests, and what watches for imports."""

from __future__ import annotations

import builtins
import importlib.util
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from apscheduler.calendars import (
    Blackout,
    Blackouts,
    BusinessDays,
    ClosedDays,
    DailyBlackout,
    OpenDays,
)
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from apscheduler.triggers.rrule import RRuleTrigger

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2030, 1, 1, 9, tzinfo=BERLIN)
OLD, NEW = b"an old secret of 24 byte", b"a new secret of 24 bytes"
CALLABLES = ("builtins:print",)

TRIGGERS = {
    "date": DateTrigger(START),
    "date, second time of a doubled hour": DateTrigger(
        datetime(2030, 10, 27, 2, 30, fold=1, tzinfo=BERLIN)
    ),
    "interval": IntervalTrigger(minutes=7, start_date=START, timezone=BERLIN),
    "interval with an end": IntervalTrigger(
        hours=1, start_date=START, end_date=START + timedelta(hours=3), timezone="UTC"
    ),
    "interval of an offset": IntervalTrigger(
        seconds=0.25, start_date=START, timezone=timezone(timedelta(hours=-3, minutes=-30))
    ),
    "cron": CronTrigger(hour="2-4", minute="*/20", timezone=BERLIN),
    "cron of all forms": CronTrigger(
        year="2030-2040/2",
        month="jan-mar,7,oct",
        day="last,1st mon,last fri,3-9/3",
        week="*/2,1-40",
        hour="*,5",
        minute="0-30/7,59",
        second="*/13",
        start_date=START,
        end_date=datetime(2040, 1, 1, tzinfo=UTC),
        timezone=BERLIN,
    ),
    "crontab": CrontabTrigger("0 10 * * 1-5", timezone=BERLIN),
    "crontab of a job": CrontabTrigger(
        "0 H/20 22-2 L-3 * * 2020-2090", timezone=BERLIN, jitter=0, dst="ocps", lenient=True
    ).for_job("nightly"),
    "cron by weekday": CronTrigger(day_of_week="mon-wed,sun", timezone="America/New_York"),
    "calendarinterval": CalendarIntervalTrigger(
        months=1, days=2, hour=2, minute=30, start_date=date(2030, 1, 31), timezone=BERLIN
    ),
    "calendarinterval with an end": CalendarIntervalTrigger(
        weeks=1, start_date=date(2030, 1, 1), end_date=date(2030, 1, 20), timezone="UTC"
    ),
    "and": AndTrigger(
        [
            IntervalTrigger(minutes=10, start_date=START, timezone=BERLIN),
            CronTrigger(day_of_week="sat,sun", timezone=BERLIN),
        ]
    ),
    "or of or": OrTrigger(
        [
            DateTrigger(START + timedelta(minutes=5)),
            OrTrigger([IntervalTrigger(hours=5, start_date=START), CronTrigger(hour=3)]),
        ]
    ),
    "rrule": RRuleTrigger("DTSTART;TZID=Europe/Berlin:20300101T090000\nRRULE:FREQ=DAILY;BYDAY=MO"),
    "under calendars": CalendarTrigger(
        CronTrigger(hour=9, timezone=BERLIN),
        [
            BusinessDays([date(2030, 1, 2)], weekend=["fri"]),
            ClosedDays({date(2030, 1, 3): "a feast"}),
            OpenDays([date(2030, 1, 1) + timedelta(days=day) for day in range(300)]),
            Blackout(START + timedelta(days=30), None, "audit"),
            Blackouts(Blackout(None, START)),
            DailyBlackout("22:00", "06:00", ["mon"], "backup", BERLIN),
        ],
    ),
    "moved by calendars": CalendarTrigger(
        CronTrigger(day="last", hour=17, timezone=BERLIN), BusinessDays("DE-BY"), "previous"
    ),
    "jitter": OrTrigger(
        [
            IntervalTrigger(hours=5, start_date=START, jitter=0),
            CronTrigger(hour=3, jitter=0.0, timezone=BERLIN),
        ],
        jitter=0,
    ),
}

VALUES = (
    *(None, True, 0, -1, 2**80, 0.1, -0.0, float("inf"), "", "ä\x00\ud800", "$tuple"),
    *([], (), {}, set(), frozenset(), b"", b"\x00\xff"),
    *([1, (2, [3])], {"a": {"b": ()}}, {1: "one", "1": 1, None: 0, (1, "x"): [2]}),
    *({"$tuple": [1]}, {"$tuple": 1, "b": 2}, {1, "1", (2, 3)}, frozenset({frozenset({1})})),
    *(date(1, 1, 1), time(23, 59, 59, 999999), time(1, tzinfo=UTC, fold=1), timedelta(-1, 5, 7)),
    *(datetime(2030, 10, 27, 2, 30, tzinfo=BERLIN), datetime(2030, 3, 31, 2, 30, tzinfo=BERLIN)),
    *(datetime(2030, 1, 1), datetime(2030, 1, 1, tzinfo=timezone(timedelta(hours=1), "home"))),
    *(UTC, BERLIN, ZoneInfo("UTC"), timezone(timedelta(seconds=-1))),
)


touched = []


def touch():
    """Leave a trace."""
    touched.append("unpickled")


class Canary:
    """Unpickling it leaves a trace."""

    def __reduce__(self):
        return touch, ()


def state_of(**changes):
    """Return a job's state, as ``Job.__getstate__`` would give it."""
    return {
        "version": 1,
        "id": "job",
        "func": "builtins:print",
        "trigger": TRIGGERS["interval"],
        "executor": "default",
        "args": (1, "two"),
        "kwargs": {"end": ""},
        "name": "print",
        "misfire_grace_time": 1,
        "coalesce": True,
        "max_instances": 1,
        "next_run_time": START,
        **changes,
    }


def fires(trigger, count=5):
    """Return the first fire times, with what equality of datetimes does not see."""
    found, previous = [], None
    for _ in range(count):
        previous = trigger.get_next_fire_time(previous, previous or START - timedelta(days=1))
        if previous is None:
            break
        found.append((previous.isoformat(), str(previous.tzinfo), previous.fold))
    return found


class _Watcher:
    """Notes what is looked for, and finds nothing."""

    def __init__(self):
        self.seen = []

    def find_spec(self, name, path=None, target=None):
        self.seen.append(name)


@contextmanager
def imports_watched(monkeypatch):
    """Give the list of all imports that are asked for meanwhile, of modules that are loaded already too."""
    watcher = _Watcher()
    plain_import, plain_gcd = builtins.__import__, importlib._bootstrap._gcd_import

    def noted(name, *args, **kwargs):
        watcher.seen.append(name)
        return plain_import(name, *args, **kwargs)

    def noted_too(name, *args, **kwargs):  # importlib.import_module
        watcher.seen.append(name)
        return plain_gcd(name, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(sys, "meta_path", [watcher, *sys.meta_path])
        patch.setattr(importlib._bootstrap, "_gcd_import", noted_too)
        patch.setattr(builtins, "__import__", noted)
        yield watcher.seen
