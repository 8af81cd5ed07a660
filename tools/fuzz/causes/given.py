"""Of what a program gives: odd arguments and certain triggers."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

from tools.fuzz.causes.traces import given_to_it, ids_of, jobs_in, trigger_of, without_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.fuzz.comparing import Difference

_STEP_BEHIND_A_NAME = re.compile(r"\b([a-z]{3})/\d+")

_PARTS_OF_A_CALENDAR_INTERVAL = {
    *("years", "months", "weeks", "days", "hour", "minute", "second"),
}


def an_or_of_triggers(difference: Difference) -> bool:
    """Return whether the job that differs, if that can be told, may be one with an Or."""
    return any(
        _has_an_or(step.get("kwargs", {}).get("trigger")) for step in given_to_it(difference)
    )


def _has_an_or(trigger: Any) -> bool:
    if not isinstance(trigger, dict):
        return bool(trigger == "or")
    members = trigger.get("kwargs", {}).get("triggers")
    return trigger.get("name") == "or" or any(
        map(_has_an_or, members if isinstance(members, list) else ())
    )


def an_ignored_step_of_a_weekday(difference: Difference) -> bool:
    """Return whether nothing differs but a trigger whose text has lost its step behind a name, and the fire time.

    Or one side has a pass more, in which such a job alone runs.
    """
    given = (json.dumps(step) for step in given_to_it(difference))
    if not any(_STEP_BEHIND_A_NAME.search(step) for step in given):
        return False
    theirs, ours = (copy.deepcopy(each) for each in (difference.theirs, difference.ours))
    if {theirs[0], ours[0]} == {"run", "passed"}:
        return len(ids_of(difference)) == 1
    if theirs[0] == "jobs" == ours[0]:  # the jobs with their fire times alone
        listed = [sorted(job[:2] for job in entry[2]) for entry in (theirs, ours)]
        return listed[0] == listed[1] and bool(theirs[1] == ours[1])
    if isinstance(theirs[-1], str) and isinstance(ours[-1], str):  # a listener prints the jobs
        printed = [*ours[:-1], _STEP_BEHIND_A_NAME.sub(r"\1", ours[-1])]
        return bool(without_time(printed, None) == without_time(theirs, None))
    pairs = list(zip(jobs_in(theirs), jobs_in(ours), strict=False))
    for one, other in pairs:
        one.pop("next_run_time")
        other.pop("next_run_time")
        text = other["trigger"].get("trigger", "")
        if text != one["trigger"].get("trigger", ""):
            other["trigger"]["trigger"] = _STEP_BEHIND_A_NAME.sub(r"\1", text)
    return bool(pairs) and theirs == ours


def a_default_that_is_no_whole_number(difference: Difference) -> bool:
    """Return whether a grace time that is a default is a float here, and its whole seconds in 3.11.3."""
    one, other = copy.deepcopy(difference.theirs), copy.deepcopy(difference.ours)
    theirs, ours = (
        [job.pop("misfire_grace_time") for job in jobs_in(each)] for each in (one, other)
    )
    whole = [int(grace) if isinstance(grace, float) else grace for grace in ours]
    return bool(one == other and whole == theirs != ours)


def a_text_as_arguments(difference: Difference) -> bool:
    """Return whether ``args`` is a text."""
    return isinstance(difference.taken[-1].get("kwargs", {}).get("args"), str)


def an_odd_part_of_a_calendar_interval(difference: Difference) -> bool:
    """Return whether some number of a calendar interval is none, or written as a float or a truth value.

    It shows where the trigger is given to a job, and later in the trigger's text.
    """
    steps = difference.taken
    if _without_triggers(difference.theirs) == _without_triggers(difference.ours):
        steps = [*steps, *given_to_it(difference)]
    return any(
        (type(value) is not int or value < 0)
        if name in _PARTS_OF_A_CALENDAR_INTERVAL
        else name in {"start_date", "end_date"} and not _is_a_date(value)
        for step in steps
        if "calendarinterval" in json.dumps(step)
        for trigger in _triggers(step.get("kwargs", {}))
        for name, value in trigger.items()
    )


def _without_triggers(entry: list[Any]) -> list[Any]:
    """Return an entry without the triggers of the jobs that it shows."""
    shown = copy.deepcopy(entry)
    for job in jobs_in(shown):
        job.pop("trigger", None)
    return shown


def _is_a_date(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, dict) and value.get("$") == "date")


def an_interval_in_an_and(difference: Difference) -> bool:
    """Return whether the job that differs, if that can be told, may be one with an interval of any kind in an And.

    Where a fire time was set, so counts a date in one, and a cron that has a start.
    """
    steps = given_to_it(difference)
    is_set = any(step.get("kwargs", {}).get("next_run_time") for step in steps)
    return any(
        member.get("name") in {"interval", "calendarinterval"} or (is_set and _has_a_start(member))
        for step in steps
        for member in _members_of_an_and(step)
    )


def _members_of_an_and(step: dict[str, Any]) -> list[dict[str, Any]]:
    name, kwargs = trigger_of(step)
    members = kwargs.get("triggers") if name == "and" else None
    listed = members if isinstance(members, list) else []
    return [each for each in listed if isinstance(each, dict)]


def _has_a_start(member: dict[str, Any]) -> bool:
    is_cron = member.get("name") == "cron"
    return member.get("name") == "date" or (is_cron and "start_date" in member.get("kwargs", {}))


def _triggers(kwargs: Any) -> Iterator[dict[str, Any]]:
    """Yield the arguments of the triggers in a step's."""
    if not isinstance(kwargs, dict):
        return
    yield kwargs
    trigger = kwargs.get("trigger")
    found = trigger.get("kwargs", {}) if isinstance(trigger, dict) else {}
    yield found
    members = found.get("triggers")
    for member in members if isinstance(members, list) else ():
        if isinstance(member, dict):
            yield member.get("kwargs", {})
