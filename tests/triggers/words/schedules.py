"""Random triggers from few values, so that many of them are alike though they are written differently."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from dateutil import tz

from apscheduler.calendars import BusinessDays, ClosedDays, DailyBlackout, OpenDays
from apscheduler.calendars.base import Calendar
from apscheduler.calendars.windows import Blackout, Blackouts
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from apscheduler.triggers.rrule import RRuleTrigger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from apscheduler.triggers.base import BaseTrigger

ZONES = [
    *("UTC", UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=2), "CEST"), "Etc/UTC"),
    *("Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Beirut"),
    *("Pacific/Apia", tz.gettz("Europe/Berlin"), "Europe/Berlin"),
]
MOMENTS = [
    *(None, None, None, "2026-01-01", "2026-10-25 02:30:00", "2018-11-04 00:00:00"),
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, 0, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, 0, 2, tzinfo=UTC),
]
JITTERS = [None, None, None, None, 0, 5, 5.0, 0.5]
SECONDS = ["0", "0", "0", "0-0", "*", "0-59", "30", "*/20", "0,20,40"]
MINUTES = [
    *("0", "30", "0,30", "*/30", "*", "0-59", "*/1", "0-29", "*/15", "0,15,30,45", "0-59/15"),
    *("*/7", "5", "5,10", "5-10", "7,19,31", "1-58/3"),
    *("1-9/2", "1,3,5,7,9", "1,3,4,5,9"),
]
HOURS = [
    *("0", "1", "2", "2,3", "2-3", "*", "0-23", "*/2", "0-22/2", "9-17", "9-11,14-16", "23"),
    *("0,6,12,18", "*/6", "1-7/2", "0,12", "9,10,11,14,15,16", "8,12,17"),
]
MONTHS = ["*", "*", "*", "1-12", "1", "1,7", "10-11", "10,11", "*/2", "3", "12"]
NAMED_MONTHS = ["jan", "jan,jul", "oct-nov"]
CRON_DAYS = [
    *(
        None,
        "*",
        "*",
        "1-31",
        "1",
        "1,15",
        "1-7",
        "8-14",
        "1-15,16-31",
        "last",
        "31",
        "*/2",
        "1-31/2",
    ),
    *("2nd fri", "last sun", "1st mon,2nd mon", "2nd mon,1st mon", "1st sun", "4", "13"),
]
CRON_WEEKDAYS = [
    *(None, "*", "0-6", "mon-sun", "mon-fri", "0-4", "mon,tue,wed,thu,fri", "fri", "4"),
    *("sat,sun", "5-6", "mon,wed", "sun", "6", "mon-fri/2"),
]
YEARS = [None, None, None, "*", "2018-2026", "2026", "2026,2027", "2026-2027", "2011"]
WEEKS = [None, None, None, None, "*", "1-53", "1", "44-45", "44,45", "*/2"]
CRONTAB_DAYS = [
    *(
        "*",
        "*",
        "?",
        "1-31",
        "1",
        "1,15",
        "15,1",
        "1-7",
        "L",
        "L,1",
        "15W",
        "1W",
        "31",
        "*/2",
        "1-31/2",
    ),
    "13",
]
CRONTAB_WEEKDAYS = [
    *("*", "*", "?", "0-6", "1-7", "1-5", "MON-FRI", "+1-5", "5", "FRI", "+5", "FRI#2", "+FRI#2"),
    *("5#2", "5L", "FRI#L", "0", "7", "SUN", "0,6", "SAT,SUN", "0-4"),
]
LENIENT = [
    "0 22-2 * * *",
    "0 0 L-3 * *",
    "0 0 LW * *",
    "0 0 * * fri-mon",
    "0/15 * * * *",
    "0 0 l * *",
]
NICKNAMES = ["@daily", "@midnight", "@hourly", "@weekly", "@monthly", "@yearly"]
DST = ["debian", "debian", "ocps", "utc-line"]
MOST_CHILDREN = 3

RULES = [
    *(
        "FREQ=DAILY",
        "RRULE:FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=1",
        "FREQ=HOURLY;INTERVAL=24",
        "freq=daily",
    ),
    *(
        "FREQ=WEEKLY;BYDAY=MO,TU",
        "FREQ=WEEKLY;BYDAY=TU,MO",
        "FREQ=MONTHLY;BYDAY=-1FR",
        "FREQ=DAILY;COUNT=3",
    ),
    "DTSTART:20260101T000000\nRRULE:FREQ=DAILY",
    "RRULE:FREQ=DAILY\nEXDATE:20261025T023000",
]


def _calendars() -> list[Any]:
    return [
        *(
            BusinessDays(),
            BusinessDays(weekend=["fri", "sat"]),
            BusinessDays("DE"),
            BusinessDays("de"),
            "freeze",
        ),
        *({"2026-10-26", "2026-10-25"}, {"2026-10-25", "2026-10-26"}, ClosedDays(["2026-10-25"])),
        *(
            OpenDays(lambda day: day.day < 15),
            OpenDays(lambda day: day.day < 20),
            OpenDays({"2026-10-25"}),
        ),
        *(
            DailyBlackout("02:00", "03:00"),
            DailyBlackout("02:00:00", "03:00"),
            DailyBlackout("02:00", "02:59:59.5"),
        ),
        *(
            DailyBlackout("02:00", "03:00", ["sun"]),
            DailyBlackout("02:00", "03:00", timezone="UTC"),
        ),
        DailyBlackout("02:00", "02:59"),
        DailyBlackout("02:00:30", "03:00"),
        DailyBlackout("02:00", "03:00", reason="backup"),
        Blackout("2026-10-01", "2026-10-25 02:30:00", timezone="UTC"),
        Blackout("2026-10-01 00:00:00Z", "2026-10-25 02:30:00.000001", timezone="UTC"),
        Blackout("2026-10-01", "2026-10-25 02:30:00", timezone="Europe/Berlin", reason="freeze"),
        Blackouts(Blackout("2026-10-01", None, timezone="UTC")),
        Blackouts(),
    ]


CALENDARS = _calendars()


def calendar_objects() -> list[Any]:
    """Return calendars, made anew, without those that are named or given as plain sets."""
    return [each for each in _calendars() if isinstance(each, Calendar)]


CLOSED = ["drop", "drop", "next", "previous"]

Options = dict[str, Any]


def limits(random: Random) -> Options:
    end = random.choice([None, None, None, "2027-01-01", datetime(2027, 1, 1, tzinfo=UTC)])
    return {
        "timezone": random.choice(ZONES),
        "start_date": random.choice(MOMENTS),
        "end_date": end,
        "jitter": random.choice(JITTERS),
    }


def cron(random: Random) -> Options:
    found = {
        "second": random.choice([None, *SECONDS]),
        "minute": random.choice([None, *MINUTES]),
        "hour": random.choice([None, *HOURS]),
        "day": random.choice(CRON_DAYS),
        "month": random.choice([None, *MONTHS, *NAMED_MONTHS]),
        "day_of_week": random.choice(CRON_WEEKDAYS),
        "week": random.choice(WEEKS),
        "year": random.choice(YEARS),
    }
    few = random.sample(sorted(found), random.randint(1, 3))
    return {**{name: found[name] for name in few}, **limits(random)}


def crontab(random: Random) -> Options:
    expression = " ".join(
        random.choice(pool) for pool in (MINUTES, HOURS, CRONTAB_DAYS, MONTHS, CRONTAB_WEEKDAYS)
    )
    lenient = random.random() < 0.2
    choice = random.random()
    if choice < 0.3:
        expression = (
            f"{random.choice(['0', '30', '0,30'])} {random.choice(['*', '2', '0', '*/2'])} * * *"
        )
    elif choice < 0.4:
        expression = f"{random.choice(SECONDS)} {expression}"
    elif choice < 0.5:
        expression = f"0 {expression} {random.choice(['*', '1970-2199', '2026'])}"
    elif choice < 0.6:
        expression = random.choice(NICKNAMES)
    elif lenient:
        expression = random.choice(LENIENT)
    return {
        "expression": expression,
        "lenient": lenient,
        "dst": random.choice(DST),
        **limits(random),
    }


def interval(random: Random) -> Options:
    distance = random.choice(
        [
            *({"days": 1}, {"hours": 24}, {"hours": 23, "minutes": 60}, {"weeks": 1}, {"days": 7}),
            *(
                {"minutes": 90},
                {"hours": 1.5},
                {"seconds": 90.5},
                {"seconds": 90},
                {"minutes": 1, "seconds": 30.5},
            ),
            *({"hours": 1}, {"minutes": 60}, {"seconds": 1}, {"seconds": 0}, {"seconds": 0.000001}),
            {"days": 45},
        ]
    )
    found = {**distance, **limits(random)}
    found["start_date"] = found["start_date"] or "2026-01-01"
    return found


def calendarinterval(random: Random) -> Options:
    distance = random.choice(
        [
            *({"days": 1}, {"days": 7}, {"weeks": 1}, {"weeks": 1, "days": 1}, {"days": 8}),
            *(
                {"months": 1},
                {"months": 12},
                {"years": 1},
                {"years": 1, "months": 1},
                {"months": 13},
            ),
            *({"months": 1, "days": 1}, {"months": 2}),
        ]
    )
    at = random.choice([{}, {"hour": 0}, {"hour": 2, "minute": 30}, {"hour": 2, "second": 30}])
    return {
        **distance,
        **at,
        "timezone": random.choice(ZONES),
        "start_date": random.choice(["2026-01-31", "2026-02-28", "2018-11-03", "2026-01-01"]),
        "end_date": random.choice([None, None, "2028-12-31"]),
        "jitter": random.choice(JITTERS),
    }


def once(random: Random) -> Options:
    return {
        "run_date": random.choice([each for each in MOMENTS if each is not None]),
        "timezone": random.choice(ZONES),
    }


def rrule(random: Random) -> Options:
    return {
        "rrule": random.choice(RULES),
        **limits(random),
        "start_date": random.choice(MOMENTS[3:]),
    }


def calendars(random: Random) -> Options:
    chosen = random.sample(CALENDARS, random.randint(1, 2))
    return {"calendars": chosen if len(chosen) > 1 else chosen[0], "closed": random.choice(CLOSED)}


KINDS: list[tuple[Any, Any]] = [
    (CronTrigger, cron),
    (CronTrigger, cron),
    (CrontabTrigger, crontab),
    (CrontabTrigger, crontab),
    (IntervalTrigger, interval),
    (CalendarIntervalTrigger, calendarinterval),
    (DateTrigger, once),
    (RRuleTrigger, rrule),
]


class Plan:
    """How to make a trigger: made anew each time, and changed in one place."""

    def __init__(
        self, cls: Any, draw: Any, options: Options, children: list[Plan] | None = None
    ) -> None:
        self.cls, self.draw, self.options, self.children = cls, draw, options, children

    def make(self) -> BaseTrigger:
        if self.children is None:
            return self.cls(**self.options)
        made = [child.make() for child in self.children]
        return self.cls(made[0] if self.cls is CalendarTrigger else made, **self.options)

    def parts(self) -> Iterator[Plan]:
        """Yield the plan and those within it."""
        yield self
        for child in self.children or ():
            yield from child.parts()

    def changed(self, random: Random) -> Plan:
        """Return the plan with one option drawn anew, or with another child."""
        if self.children is not None and random.random() < 0.8:
            children = list(self.children)
            place = random.randrange(len(children))
            children[place] = children[place].changed(random)
            if random.random() < 0.1 and self.cls is not CalendarTrigger:
                children.append(plan(random, deep=False))
            return Plan(self.cls, self.draw, self.options, children)
        fresh = self.draw(random)
        name = random.choice(sorted({*fresh, *self.options}))
        if "expression" in fresh and random.random() < 0.5:
            name = "expression"
        options = {key: value for key, value in self.options.items() if key != name}
        if name == "expression" and random.random() < 0.8:
            options[name] = _with_another_field(self.options[name], random)
        elif name in fresh:
            options[name] = fresh[name]
        return Plan(self.cls, self.draw, options, self.children)


def _with_another_field(expression: str, random: Random) -> str:
    fields = expression.split()
    if len(fields) == 5:
        place = random.choice([0, 1, 2, 3, 4, 4])
        pools = [MINUTES, HOURS, CRONTAB_DAYS, MONTHS, CRONTAB_WEEKDAYS]
        weekday = fields[4]
        if place == 4 and random.random() < 0.5:
            fields[4] = weekday.removeprefix("+") if weekday[0] == "+" else f"+{weekday}"
        else:
            fields[place] = random.choice(pools[place])
    return " ".join(fields)


def plan(random: Random, *, deep: bool = True) -> Plan:
    """Return a random plan of a trigger that can be made."""
    while True:
        if deep and random.random() < 0.15:
            children = [
                plan(random, deep=random.random() < 0.2)
                for _ in range(random.randint(1, MOST_CHILDREN))
            ]
            cls = random.choice([AndTrigger, OrTrigger, CalendarTrigger, CalendarTrigger])
            draw = calendars if cls is CalendarTrigger else _jitter
            found = Plan(cls, draw, draw(random), children)
        else:
            cls, draw = random.choice(KINDS)
            found = Plan(cls, draw, draw(random))
        if makeable(found):
            return found


NO_LIMITS = ("start_date", "end_date", "jitter")


def fields_alone(random: Random) -> Plan:
    """Return a plan of a cron trigger of one or two fields, in one zone."""
    options = {name: each for name, each in cron(random).items() if name not in NO_LIMITS}
    few = random.sample(sorted(set(options) - {"timezone"}), random.randint(0, len(options) - 1))
    options = {name: each for name, each in options.items() if name not in few[1:]}
    return Plan(CronTrigger, cron, {**options, "timezone": "Europe/Berlin"})


def expressions_alone(random: Random) -> Plan:
    """Return a plan of a crontab trigger of which two fields are not of the commonest, in one zone."""
    pools = [MINUTES, HOURS, CRONTAB_DAYS, MONTHS, CRONTAB_WEEKDAYS]
    parts = ["30", "2", "*", "*", "*"]
    for place in random.sample(range(5), random.choice([1, 2, 2])):
        parts[place] = random.choice(pools[place])
    dst = random.choice(DST)
    return Plan(
        CrontabTrigger,
        crontab,
        {"expression": " ".join(parts), "dst": dst, "timezone": "Europe/Berlin"},
    )


def dates_alone(random: Random) -> Plan:
    """Return a plan of a trigger that its dates and zone make."""
    cls, draw = random.choice(
        [
            (IntervalTrigger, interval),
            (DateTrigger, once),
            (CronTrigger, limits),
            (RRuleTrigger, rrule),
        ]
    )
    options = draw(random)
    if cls is IntervalTrigger:
        options = {**limits(random), "hours": 1, "start_date": options["start_date"]}
    elif cls is RRuleTrigger:
        options["rrule"] = "FREQ=DAILY"
    options["timezone"] = random.choice(["Europe/Berlin", "UTC"])
    found = Plan(cls, draw, options)
    return found if makeable(found) else dates_alone(random)


def makeable(found: Plan) -> bool:
    """Return whether the trigger's arguments go together."""
    try:
        found.make()
    except (ValueError, TypeError):
        return False
    return True


def _jitter(random: Random) -> Options:
    return {"jitter": random.choice(JITTERS)}
