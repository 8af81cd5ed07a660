"""Random arguments: moments, zones, triggers and options, now and then odd ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

MARK = "$"
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "UTC",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Tokyo",
    "Europe/London",
)
NIGHTS = (
    "2024-03-30T21:00:00",
    "2024-10-26T21:00:00",
    "2024-03-10T04:00:00",
    "2024-11-03T03:00:00",
    "2024-04-06T12:00:00",
    "2024-10-05T12:00:00",
    "2024-02-28T20:00:00",
    "2023-12-31T18:00:00",
)
"""Moments in UTC before clocks change somewhere, before leap days and before new years."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
RANGES = {
    "year": (2023, 2026),
    "month": (1, 12),
    "day": (1, 31),
    "week": (1, 53),
    "day_of_week": (0, 6),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
}
ODD: tuple[Any, ...] = (
    None,
    "",
    "x",
    "5",
    0,
    -1,
    1.5,
    True,
    [],
    {},
    {MARK: "odd"},
    {MARK: "float", "text": "inf"},
    {MARK: "float", "text": "nan"},
    {MARK: "tuple", "items": ["a"]},
    {MARK: "callable", "name": "note"},
    {MARK: "timedelta", "seconds": 5},
)


class Arguments:
    """A source of arguments for one program.

    :param oddness: how probable an argument is that nobody would mean
    """

    def __init__(self, random: Random, now: datetime, scale: float, oddness: float) -> None:
        self.random = random
        self.now = now
        self.scale = scale
        self.oddness = oddness

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def odd(self) -> Any:
        return self.random.choice(ODD)

    def sane_or_odd(self, value: Any) -> Any:
        return self.odd() if self.chance(self.oddness) else value

    def sample(self, options: dict[str, Any], most: int) -> dict[str, Any]:
        """Return some of the options, each made only if it is taken."""
        names = self.random.sample(sorted(options), self.random.randint(0, min(most, len(options))))
        return {name: self.sane_or_odd(options[name]()) for name in names}

    # -- time -------------------------------------------------------------------------------------------

    def seconds(self) -> float:
        scaled = self.scale * self.random.choice((0.5, 1, 1, 2, 3, 5, 10))
        return max(1.0, float(round(scaled)))

    def moment(self) -> datetime:
        """Return an instant around the program's present."""
        offset = self.seconds() * self.random.choice((-2, -1, -0.5, 0, 0.5, 1, 1, 2, 4))
        moment = self.now + timedelta(seconds=round(offset))
        return moment.replace(microsecond=250_000) if self.chance(0.05) else moment

    def zone_name(self) -> str:
        return self.random.choice(ZONES)

    def zone(self) -> Any:
        name = self.zone_name()
        kind = self.random.random()
        if kind < 0.5:
            return name
        if kind < 0.6:
            return {MARK: "zone", "name": self.random.choice(("utc", "+2", "-3.5"))}
        return {MARK: "zone", "name": name}

    def later(self) -> Any:
        """Return a moment after most of the others."""
        if self.chance(0.05):
            return self.when()
        return self.written(self.moment() + timedelta(seconds=self.scale * 12, days=1))

    def when(self) -> Any:
        return self.written(self.moment())

    def written(self, moment: datetime) -> Any:
        """Return a moment in one of the forms in which users write it."""
        kind = self.random.random()
        if kind < 0.35:
            return {MARK: "datetime", "text": moment.astimezone(UTC).isoformat()}
        if kind < 0.5:
            zone = self.zone_name()
            return {
                MARK: "datetime",
                "text": moment.replace(tzinfo=None).isoformat(),
                "zone": zone,
                "fold": self.random.choice((0, 0, 1)),
            }
        if kind < 0.65:
            return {MARK: "datetime", "text": moment.replace(tzinfo=None).isoformat()}
        if kind < 0.75:
            return {MARK: "date", "text": moment.date().isoformat()}
        if kind < 0.9:
            return moment.replace(tzinfo=None, microsecond=0).isoformat(" ")
        return self.random.choice(
            (
                moment.date().isoformat(),
                moment.isoformat(),
                moment.replace(tzinfo=None).isoformat("T"),
                moment.strftime("%Y-%m-%d %H:%M:%SZ"),
                moment.strftime("%Y-%m-%d %H:%M"),
            )
        )

    # -- triggers ---------------------------------------------------------------------------------------

    def trigger(self, depth: int = 0) -> tuple[str, dict[str, Any]]:
        """Return a trigger's name and arguments."""
        kinds = ["date", "interval", "interval", "cron", "cron", "calendarinterval"]
        if depth < 1 and self.chance(0.12):
            return self.random.choice(("and", "or", "or")), self._combining(depth)
        name = self.random.choice(kinds)
        kwargs: dict[str, Any] = getattr(self, f"_{name}")()
        return name, kwargs

    def trigger_object(self, depth: int = 0) -> Any:
        if self.chance(0.08):
            return {MARK: "crontab", "text": self.crontab(), "kwargs": self._zone_argument(0.5)}
        name, kwargs = self.trigger(depth)
        return {MARK: "trigger", "name": name, "kwargs": kwargs}

    def _zone_argument(self, probability: float) -> dict[str, Any]:
        return {"timezone": self.sane_or_odd(self.zone())} if self.chance(probability) else {}

    def _bounds(self) -> dict[str, Any]:
        found = self.sample({"start_date": self.when, "end_date": self.later}, 2)
        if self.chance(0.1):
            found["jitter"] = self.random.choice((None, None, 0))
        return found | self._zone_argument(0.35)

    def _combining(self, depth: int) -> dict[str, Any]:
        members = [self.trigger_object(depth + 1) for _ in range(self.random.choice((1, 2, 2, 3)))]
        return {"triggers": self.sane_or_odd(members)}

    def _date(self) -> dict[str, Any]:
        kwargs = {"run_date": self.sane_or_odd(self.when())} if self.chance(0.93) else {}
        return kwargs | self._zone_argument(0.3)

    def _interval(self) -> dict[str, Any]:
        total = self.seconds()
        for unit, size in (("weeks", 604800), ("days", 86400), ("hours", 3600), ("minutes", 60)):
            if total >= size and self.chance(0.8):
                kwargs: dict[str, Any] = {unit: self.sane_or_odd(max(1, round(total / size)))}
                break
        else:
            kwargs = {"seconds": self.sane_or_odd(total if self.chance(0.2) else int(total))}
        if self.chance(0.08):
            kwargs["seconds"] = self.random.choice((0, 1, 7, 0.5))
        return kwargs | self._bounds()

    def _calendarinterval(self) -> dict[str, Any]:
        sizes = {name: (lambda: self.random.choice((0, 1, 1, 2))) for name in ("years", "months")}
        sizes |= {name: (lambda: self.random.choice((0, 1, 2, 3))) for name in ("weeks", "days")}
        kwargs = self.sample(sizes, 2) or {"days": 1}
        times = {
            "hour": lambda: self.random.randint(0, 23),
            "minute": lambda: self.random.choice((0, 15, 30, 59)),
            "second": lambda: self.random.choice((0, 1, 59)),
        }
        kwargs |= self.sample(times, 3) | self._zone_argument(0.35)
        # Without one, each side begins with the present day: 3.11.3 with the real clock's.
        kwargs["start_date"] = self.sane_or_odd(self._day(-40, 3)) or "2024-01-01"
        return kwargs | self.sample({"end_date": lambda: self._day(4, 400)}, 1)

    def _day(self, earliest: int, latest: int) -> Any:
        day = (self.now + timedelta(days=self.random.randint(earliest, latest))).date()
        return self.random.choice(({MARK: "date", "text": day.isoformat()}, day.isoformat()))

    def _cron(self) -> dict[str, Any]:
        small = ("hour", "minute", "second")
        if self.scale < 900:
            small = ("minute", "second", "second")
        elif self.scale > 40_000:
            small = ("day", "day_of_week", "hour")
        names = {self.random.choice(small)}
        names |= set(self.random.sample(sorted(RANGES), self.random.choice((0, 0, 1, 1, 2))))
        return {name: self.sane_or_odd(self.expression(name)) for name in sorted(names)} | (
            self._bounds()
        )

    def expression(self, field: str) -> Any:
        parts = [self._part(field) for _ in range(1 if self.chance(0.8) else 2)]
        joined = self.random.choice((",", ",", ", ")).join(str(each) for each in parts)
        return parts[0] if len(parts) == 1 else joined

    def _part(self, field: str) -> Any:
        low, high = RANGES[field]
        first, last = sorted(self.random.randint(low, high) for _ in range(2))
        step = self.random.randint(1, max(1, (high - low) // 2))
        forms: list[Any] = ["*", f"*/{step}", first, str(first), f"{first}-{last}"]
        forms.append(f"{first}-{last}/{self.random.randint(1, max(1, last - first))}")
        if field in {"day_of_week", "month"}:
            names = WEEKDAYS if field == "day_of_week" else MONTHS
            one, other = sorted(self.random.choice(range(len(names))) for _ in range(2))
            forms += [names[one], f"{names[one]}-{names[other]}", names[other].upper()]
        if field == "day":
            weekday = self.random.choice(WEEKDAYS)
            forms += ["last", f"last {weekday}"]
            forms.append(f"{self.random.choice(('1st', '2nd', '3rd', '4th', '5th'))} {weekday}")
        if self.chance(self.oddness):
            forms = [f"{last}-{first}", high + 1, "*/0", "mon/2", "-1", "a-b", "1,,2", "*/999"]
        return self.random.choice(forms)

    def crontab(self) -> str:
        fields = ("minute", "hour", "day", "month", "day_of_week")
        parts = [
            "*" if self.chance(0.5) else str(self.expression(name)).replace(", ", ",")
            for name in fields
        ]
        if self.chance(self.oddness):
            parts.pop()
        return " ".join(parts)

    # -- jobs -------------------------------------------------------------------------------------------

    def how(self) -> dict[str, Any]:
        """Return what add_job and reschedule_job take for a trigger: an object, or a name and its arguments."""
        if self.chance(0.45):
            return {"trigger": self.trigger_object()}
        name, kwargs = self.trigger()
        if self.chance(self.oddness):
            name = self.odd()
        if self.chance(self.oddness):
            kwargs["colour"] = "red"
        return {"trigger": name, **kwargs}

    def job_options(self) -> dict[str, Any]:
        options = {
            "misfire_grace_time": lambda: self.random.choice((None, 1, 1, 60, 86400)),
            "coalesce": lambda: self.random.choice((True, False)),
            "max_instances": lambda: self.random.randint(1, 3),
            "name": lambda: self.random.choice(("first", "Überlauf", "two words")),
            "next_run_time": lambda: None if self.chance(0.3) else self.next_run_time(),
        }
        return self.sample(options, 3)

    def next_run_time(self) -> Any:
        moment = self.moment()
        if self.chance(0.7):
            return {MARK: "datetime", "text": moment.isoformat()}
        return {MARK: "datetime", "text": moment.replace(tzinfo=None).isoformat()}
