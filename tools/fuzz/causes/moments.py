"""Of moments: zones, days and clock changes."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tools.fuzz.causes.traces import (
    counted_in,
    counts_of_removed,
    gap_of,
    given_to_it,
    is_stored,
    listed_in,
    moments_in,
    trigger_of,
    without_time,
)
from tools.fuzz.comparing import same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.fuzz.comparing import Difference

_NONE = timedelta()


def from_a_day_in_another_zone(difference: Difference) -> bool:
    """Return whether a calendar interval was given a fire time, at once or later, that has another day in its zone."""
    differs = difference.what["do"] in {"advance", "follow"} or gap_of(difference) > timedelta()
    steps = given_to_it(difference)
    given = [step.get("kwargs", {}).get("next_run_time") for step in steps]
    return differs and any(
        _has_two_days(moment, trigger_zone, zone)
        for zone in _zones_of(difference)
        for trigger_zone in _zones_of_calendar_intervals(steps, zone)
        for moment in given
    )


def _has_two_days(given: Any, trigger_zone: tzinfo, scheduler_zone: tzinfo) -> bool:
    if not _is_a_moment(given):
        return False
    moment = datetime.fromisoformat(given["text"])
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_named_zone(given.get("zone")) or scheduler_zone)
    return moment.date() != moment.astimezone(trigger_zone).date()


def _zones_of_calendar_intervals(
    steps: list[dict[str, Any]], scheduler_zone: tzinfo
) -> Iterator[tzinfo]:
    for step in steps:
        name, kwargs = trigger_of(step)
        if name == "calendarinterval":
            is_made = isinstance(step["kwargs"]["trigger"], dict)
            own = ZoneInfo("Europe/Berlin") if is_made else scheduler_zone
            yield _named_zone(kwargs.get("timezone")) or own


def _zones_of(difference: Difference) -> list[tzinfo]:
    """Return the zones of the program's schedulers."""
    return [
        _named_zone(new.get("options", {}).get("timezone"))
        or _named_zone(new.get("gconfig", {}).get("apscheduler.timezone"))
        or ZoneInfo("Europe/Berlin")
        for new in difference.steps
        if new["do"] == "new"
    ]


def _named_zone(given: Any) -> tzinfo | None:
    """Return the zone that a program means by a name, or by hours ahead of UTC (``+2``, ``-3.5``)."""
    name = str(given.get("name") if isinstance(given, dict) else given)
    with suppress(ValueError, LookupError):
        if name[:1] in {"+", "-"}:
            return timezone(timedelta(hours=float(name)))
        return ZoneInfo("UTC" if name == "utc" else name)
    return None


def hours_apart(difference: Difference) -> bool:
    """Return whether moments differ by what clocks are changed by."""
    return gap_of(difference) in {timedelta(minutes=30), timedelta(hours=1)}


def at_the_wrong_hour(difference: Difference) -> bool:
    """Return whether moments differ by what clocks are changed by, or by less and within a day of such a change.

    The zone whose clocks are changed is a trigger's: it may be another than the one in which a moment is shown.
    """
    day = timedelta(days=1)
    if hours_apart(difference):
        return True
    named = _named_zones(difference.steps)
    for moment, shown in (*_shown_moments(difference.theirs), *_shown_moments(difference.ours)):
        around = [moment + each for each in (-day, 0 * day, day)]
        if any(
            len({each.astimezone(zone).utcoffset() for each in around}) > 1
            for zone in (shown, *named)
        ):
            return timedelta() < gap_of(difference) < timedelta(hours=1)
    return False


def first_at_the_wrong_hour(difference: Difference) -> bool:
    """Return whether moments differ as the fire times of an interval do that began at the wrong hour.

    Where the interval is longer than the hours by which clocks are changed, one series may have left a fire time behind that
    the other still has before it.
    """
    if at_the_wrong_hour(difference):
        return True
    gap = gap_of(difference)
    changes = (timedelta(minutes=30), timedelta(hours=1))
    return gap > _NONE and any(
        _NONE in {(gap - change) % length, (gap + change) % length}
        for length in _lengths_of_intervals(difference)
        for change in changes
        if length > change
    )


def _lengths_of_intervals(difference: Difference) -> Iterator[timedelta]:
    """Yield how long the intervals without a start are that the job that differs may have been given."""
    units = ("weeks", "days", "hours", "minutes", "seconds")
    for step in given_to_it(difference):
        name, kwargs = trigger_of(step)
        given = {unit: kwargs[unit] for unit in units if isinstance(kwargs.get(unit), int | float)}
        if name == "interval" and given and "start_date" not in kwargs:
            yield timedelta(**given)


def given_twice_in_a_repeated_hour(difference: Difference) -> bool:
    """Return whether 3.11.3 runs a fire time of a repeated hour twice, and nothing else differs."""
    one, other = map(counted_in, difference.told)
    more, less = (
        [json.loads(each) for each in (each.elements())] for each in (one - other, other - one)
    )
    ends = [each for each in more if each[:2] == ["event", "JOB_EXECUTED"]]
    submitted = [each for each in (*more, *less) if each[:2] == ["event", "JOB_SUBMITTED"]]
    runs = [each for each in more if each[0] == "run"]
    is_all = len(ends) + len(runs) + len(submitted) == len(more) + len(less)
    return (
        bool(ends)
        and len(ends) == len(runs)
        and is_all
        and all(_is_repeated(end, difference) for end in ends)
    )


def _is_repeated(end: list[Any], difference: Difference) -> bool:
    wall_times = [
        moment.astimezone(zone)
        for moment in moments_in(end[2])
        for zone in _named_zones(difference.steps)
    ]
    passes = (
        [each.replace(fold=fold).utcoffset() or _NONE for fold in (0, 1)] for each in wall_times
    )
    return any(first > second for first, second in passes)


def _shown_moments(value: Any) -> Iterator[tuple[datetime, ZoneInfo]]:
    if isinstance(value, dict) and "moment" in value:
        with suppress(ValueError, LookupError):
            yield datetime.fromisoformat(value["moment"]).astimezone(UTC), ZoneInfo(value["zone"])
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _shown_moments(each)


def on_the_day_after_a_gap(difference: Difference) -> bool:
    """Return whether ours fires in hour 0 of the day after clocks were set forward, and 3.11.3 later, or not at all."""
    theirs, ours = (list(_shown_moments(each)) for each in (difference.theirs, difference.ours))
    kinds = {difference.theirs[0], difference.ours[0]}
    if len(theirs) < len(ours) and (kinds in ({"returned"}, {"jobs"})):
        return all(_is_hour_0_after_a_gap(*each) for each in ours if each not in theirs)
    later = [one for one, other in zip(ours, theirs, strict=False) if one[0] < other[0]]
    if len(theirs) == len(ours) and later:
        moment, shown = later[0]
        zones = (shown, *_named_zones(difference.steps))
        return any(_is_hour_0_after_a_gap(moment, zone) for zone in zones)
    one, other = (_fires_in(told) for told in difference.told)
    if difference.theirs[:2] == ["event", "JOB_REMOVED"]:  # it finds no further fire time
        job_id = difference.theirs[2]["job_id"]
        told = one[job_id] | other[job_id]
        return not counts_of_removed(difference, job_id)[1] and any(
            _is_hour_0_after_a_gap(midnight, zone)
            for zone in _named_zones(difference.steps)
            for moment in told
            for midnight in _next_midnights(moment, zone)
        )
    more = {job_id: moments - one.get(job_id, set()) for job_id, moments in other.items()}
    apart = [moment for moments in more.values() for moment in moments]
    is_all = all(more.get(job_id) for job_id, moments in one.items() if moments - other[job_id])
    return bool(apart and is_all) and any(
        all(_is_hour_0_after_a_gap(moment, zone) for moment in apart)
        for zone in _named_zones(difference.steps)
    )


def in_the_hours_after_a_gap(difference: Difference) -> bool:
    """Return whether ours gives a moment right after clocks were set forward, and 3.11.3 a later one."""
    pairs = zip(_shown_moments(difference.theirs), _shown_moments(difference.ours), strict=False)
    apart = [(ours, theirs) for theirs, ours in pairs if ours != theirs]
    if not apart or apart[0][0][0] >= apart[0][1][0]:
        return False
    moment, shown = apart[0][0]
    before = moment - timedelta(hours=2)
    return any(
        (before.astimezone(zone).utcoffset() or _NONE)
        < (moment.astimezone(zone).utcoffset() or _NONE)
        for zone in (shown, *_named_zones(difference.steps))
    )


def _is_hour_0_after_a_gap(moment: datetime, zone: tzinfo) -> bool:
    """Return whether it is hour 0 of the first day after clocks were set forward, or of such a month or year."""
    local = moment.astimezone(zone)
    days = [2] if local.day > 1 else [2, 28] if local.month > 1 else range(2, 366, 26)
    befores = [(moment - timedelta(days=each)).astimezone(zone) for each in days]
    before = min(each.utcoffset() or _NONE for each in befores)
    return local.hour == 0 and before < (local.utcoffset() or _NONE)


def _next_midnights(moment: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Yield the midnights of the week after a fire time, which may be some days late or of a weekly job."""
    first = moment.astimezone(zone).date()
    for days in range(1, 9):
        day = first + timedelta(days=days)
        yield datetime(day.year, day.month, day.day, tzinfo=zone)


def _fires_in(told: list[Any]) -> defaultdict[str, set[datetime]]:
    """Return of each job the fire times that are told of."""
    found: defaultdict[str, set[datetime]] = defaultdict(set)
    for entry in told:
        if entry[0] == "event" and "job_id" in entry[2]:
            found[entry[2]["job_id"]].update(moments_in(entry[2]))
    return found


def one_instant_in_another_order(difference: Difference) -> bool:
    """Return whether the same jobs are listed, those of one next fire time in another order."""
    theirs, ours = (listed_in(each) for each in (difference.theirs, difference.ours))
    in_step = [time for time, _ in theirs] == [time for time, _ in ours]
    return is_stored(difference) and bool(theirs) and in_step and sorted(theirs) == sorted(ours)


def _is_a_moment(value: Any) -> bool:
    return isinstance(value, dict) and value.get("$") == "datetime"


def one_instant(difference: Difference) -> bool:
    """Return whether nothing differs but the zones of moments."""
    return bool(_without_zones(difference.theirs) == _without_zones(difference.ours))


def _without_zones(value: Any) -> Any:
    if isinstance(value, dict):
        if "moment" in value:
            return datetime.fromisoformat(value["moment"])
        return {key: _without_zones(each) for key, each in value.items()}
    return [_without_zones(each) for each in value] if isinstance(value, list) else value


def the_fire_time_of_a_new_trigger(difference: Difference) -> bool:
    """Return whether a job was given a trigger in the step, and nothing differs but that job's next fire time."""
    return any(
        _differs_in_time_only(difference, step.get("id", *step.get("args", [])[:1] or [None]))
        for step in (difference.what, *difference.taken_before)
        if step.get("name") in {"modify", "modify_job"} and "trigger" in step.get("kwargs", {})
    )


def _differs_in_time_only(difference: Difference, job_id: Any) -> bool:
    theirs, ours = (without_time(each, job_id) for each in (difference.theirs, difference.ours))
    return bool(theirs == ours)


def a_wall_time_that_does_not_exist(difference: Difference) -> bool:
    """Return whether nothing differs but a text in which 3.11.3 shows a wall time that clocks jump over, and ours the one after."""
    text = json.dumps(difference.theirs)
    return any(
        same(json.loads(_WALL_TIME.sub(partial(_existing, zone), text)), difference.ours)
        for zone in _named_zones(difference.steps)
    )


_WALL_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\S+?)(?=[\])\"])")


def _existing(zone: tzinfo, found: re.Match[str]) -> str:
    """Return the wall time in a text, with its zone's abbreviation, as the zone has it; as it is if it has it so."""
    wall = datetime.fromisoformat(found[1]).replace(tzinfo=zone)
    wall = wall if wall.tzname() == found[2] else wall.replace(fold=1)
    existing = wall.astimezone(UTC).astimezone(zone)
    is_there = existing.replace(tzinfo=None) == wall.replace(tzinfo=None)
    return found[0] if is_there else existing.strftime("%Y-%m-%d %H:%M:%S %Z")


def _named_zones(value: Any) -> list[tzinfo]:
    """Return the zones that a program names, and the one that it is played in."""
    names = set(_ZONE_NAME.findall(json.dumps(value)))
    return [zone for zone in map(_named_zone, ["Europe/Berlin", *sorted(names)]) if zone]


_ZONE_NAME = re.compile(r'"(?:timezone|zone|name)": "(\w+/\w+)"')
