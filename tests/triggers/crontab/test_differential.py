"""The crontab trigger beside cronsim and croniter: the same times, or one of the differences that the docs explain."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from croniter.croniter import CroniterError
from cronsim import CronSim, CronSimError
from triggers.clock_changes import transitions

from apscheduler.triggers.crontab import CrontabTrigger
from tools import ROOT, commands

PAGE = ROOT / "docs" / "reference" / "crontab.md"
COUNT = 20_000 if os.environ.get(commands.LONG_MARK) else 1_000
FEW = 5
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Tokyo",
]
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]

Times = list[datetime]


def cronsim(expression: str, start: datetime, *, backwards: bool) -> Times:
    found = CronSim(expression, start, reverse=backwards)
    return [fire.astimezone(UTC) for fire in islice(found, FEW)]


def croniter_times(expression: str, start: datetime, *, backwards: bool) -> Times:
    walk = croniter(expression, start)
    step = walk.get_prev if backwards else walk.get_next
    return [step(datetime).astimezone(UTC) for _ in range(FEW)]


PEERS: dict[str, Callable[..., Times]] = {"cronsim": cronsim, "croniter": croniter_times}


def ours(expression: str, start: datetime, *, backwards: bool = False) -> Times:
    """Return fire times strictly after, or before, the start: so count both peers."""
    trigger = CrontabTrigger(expression, start.tzinfo)
    edge = start.astimezone(UTC) + timedelta(microseconds=-1 if backwards else 1)
    fires: Iterator[datetime] = trigger.fire_times(edge, backwards=backwards)
    return [fire.astimezone(UTC) for fire in islice(fires, FEW)]


# -- the differences, by the peers' names and what they depend on -----------------------------------------


def fields(expression: str) -> tuple[str, str]:
    parts = expression.split()
    return parts[2], parts[4]


def both_days_restrict(expression: str) -> bool:
    return "*" not in fields(expression)


def star_and_step(expression: str, _times: Times, _start: datetime) -> bool:
    return both_days_restrict(expression) and any(f.startswith("*") for f in fields(expression))


def step_of_one_value(expression: str, _times: Times, _start: datetime) -> bool:
    return re.search(r"(?<![0-9])([0-9]+)-\1/", expression) is not None


def range_of_one_value(expression: str, _times: Times, _start: datetime) -> bool:
    return re.search(r"(?<![0-9])([0-9]+)-\1(?![0-9])", expression) is not None


def before_1970(_expression: str, times: Times, start: datetime) -> bool:
    return any(moment.year < 1970 for moment in [*times, start])


def half_hour_change(expression: str, times: Times, start: datetime) -> bool:
    return str(start.tzinfo) == "Australia/Lord_Howe" and clock_change_near(
        expression, times, start
    )


def impossible_date(_expression: str, times: Times, _start: datetime) -> bool:
    return not times


def started_in_second_pass(_expression: str, _times: Times, start: datetime) -> bool:
    return bool(start.fold)


def whole_day_field(expression: str, _times: Times, _start: datetime) -> bool:
    day, weekday = fields(expression)
    alone = (f"0 0 {day} * *", f"0 0 * * {weekday}")
    masks = [CrontabTrigger(each, "UTC")._table.days.mask(2026, 1) for each in alone]
    return both_days_restrict(expression) and (1 << 31) - 1 in masks


def special_weekday(expression: str, _times: Times, _start: datetime) -> bool:
    return any(mark in fields(expression)[1] for mark in "#L")


def clock_change_near(_expression: str, times: Times, start: datetime) -> bool:
    zone = str(start.tzinfo)
    instants = [*times, start.astimezone(UTC)]
    years = {moment.year for moment in instants}
    changes = [change for year in years for change in transitions(zone, year)]
    low, high = min(instants) - timedelta(days=1), max(instants) + timedelta(days=1)
    return any(low <= change <= high for change in changes)


REASONS: dict[str, tuple[str, Callable[[str, Times, datetime], bool]]] = {
    "cronsim-star-step": ("cronsim", star_and_step),
    "cronsim-one-value-step": ("cronsim", step_of_one_value),
    "cronsim-impossible-date": ("cronsim", impossible_date),
    "cronsim-before-1970": ("cronsim", before_1970),
    "cronsim-half-hour": ("cronsim", half_hour_change),
    "cronsim-second-pass": ("cronsim", started_in_second_pass),
    "croniter-one-value-range": ("croniter", range_of_one_value),
    "croniter-before-1970": ("croniter", before_1970),
    "croniter-impossible-date": ("croniter", impossible_date),
    "croniter-whole-field": ("croniter", whole_day_field),
    "croniter-special-weekday": ("croniter", special_weekday),
    "croniter-clock-change": ("croniter", clock_change_near),
}


def random_field(pick: random.Random, low: int, high: int, names: list[str]) -> str:
    kind = pick.random()
    if kind < 0.35:
        return "*"
    if kind < 0.5:
        return f"*/{pick.randint(1, max(2, (high - low) // 2))}"
    parts = []
    for _ in range(pick.choice([1, 1, 2, 3])):
        first, last = sorted(pick.randint(low, high) for _ in range(2))
        one = names[first - low] if first - low < len(names) and pick.random() < 0.3 else f"{first}"
        parts.append(
            pick.choice([one, one, f"{first}-{last}", f"{first}-{last}/{pick.randint(1, 7)}"])
        )
    return ",".join(parts)


def random_expression(pick: random.Random) -> str:
    day = random_field(pick, 1, 31, []) if pick.random() < 0.8 else pick.choice(["L", "1,L"])
    weekday = random_field(pick, 0, 7, DAYS)
    if pick.random() < 0.2:
        weekday = pick.choice(["1#2", "5L", "0#5", "6#1,3"])
    hour = (
        pick.choice(["0", "2", "3", "1,2,3"])
        if pick.random() < 0.3
        else random_field(pick, 0, 23, [])
    )
    if pick.random() < 0.3:
        return f"{random_field(pick, 0, 59, [])} {hour} * * *"
    return f"{random_field(pick, 0, 59, [])} {hour} {day} {random_field(pick, 1, 12, MONTHS)} {weekday}"


def random_start(pick: random.Random, zone: str) -> datetime:
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=pick.randrange(2_500_000))
    changes = transitions(zone, start.year)
    if changes and pick.random() < 0.5:
        start = pick.choice(changes) + timedelta(minutes=pick.randrange(-1500, 240))
    return start.replace(second=0).astimezone(ZoneInfo(zone))


@pytest.mark.slow
@pytest.mark.parametrize("peer", PEERS)
def test_every_difference_is_one_that_is_explained(peer):
    pick = random.Random(31)
    seen: Counter[str] = Counter()
    for _ in range(COUNT):
        expression = random_expression(pick)
        start = random_start(pick, pick.choice(ZONES))
        for backwards in (False, True):
            wanted = ours(expression, start, backwards=backwards)
            try:
                found = PEERS[peer](expression, start, backwards=backwards)
            except (CroniterError, CronSimError):
                found = []
            if found == wanted and found:
                seen["same"] += 1
                continue
            reasons = [
                name
                for name, (whose, applies) in REASONS.items()
                if whose == peer and applies(expression, wanted + found, start)
            ]
            assert reasons, (expression, start, backwards, wanted, found)
            seen.update(reasons[:1])
    assert seen["same"] > COUNT, seen


# -- the table of the docs -----------------------------------------------------------------------------------

ROW = re.compile(r"^\| `(?P<name>cron\w+-[\w-]+)` \| (?P<cells>.*) \|$", re.MULTILINE)


def documented() -> dict[str, list[str]]:
    """Return the table's rows by name: expression, zone and start, our next time, theirs, why."""
    found = ROW.finditer(PAGE.read_text("utf-8"))
    return {
        match["name"]: [cell.strip(" `") for cell in match["cells"].split(" | ")] for match in found
    }


def test_the_docs_explain_each_reason():
    assert documented().keys() == REASONS.keys()


@pytest.mark.parametrize("name", REASONS)
def test_the_documented_example_is_a_difference_and_is_shown_as_it_is(name):
    expression, place, our_next, their_next, why = documented()[name]
    zone, day, time, *offset = place.split()
    start = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo(zone))
    if offset:
        start = datetime.fromisoformat(f"{day}T{time}{offset[0]}").astimezone(ZoneInfo(zone))
    peer, applies = REASONS[name]
    wanted = ours(expression, start)
    found: Times = []
    try:
        found = PEERS[peer](expression, start, backwards=False)
        theirs = shown(found, zone)
    except (CroniterError, CronSimError):
        theirs = "an error"
    assert (shown(wanted, zone), theirs) == (our_next, their_next)
    assert our_next != their_next
    assert applies(expression, wanted + found, start)
    assert len(why) > 20


def shown(times: Times, zone: str) -> str:
    return f"{times[0].astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %z}" if times else "none"
