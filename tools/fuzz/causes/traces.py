"""What the causes read out of traces and programs."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from tools.fuzz.comparing import Difference

_OF_MISSES = {"JOB_MISSED", "JOB_SUBMITTED"}

NO_JOBS = "    No scheduled jobs"
"""The line of a job store without jobs in what print_jobs() writes."""
_TIME_IN_A_TEXT = re.compile(r"(next run at: [^)]*|paused)\)$", re.MULTILINE)


def counts_of_removed(difference: Difference, job_id: Any) -> tuple[int, int]:
    theirs, ours = (
        [entry[:2] for entry in told if entry[0] == "event" and entry[2].get("job_id") == job_id]
        for told in difference.told
    )
    removed = ["event", "JOB_REMOVED"]
    return theirs.count(removed), ours.count(removed)


def is_stored(difference: Difference) -> bool:
    """Return whether the program keeps its jobs in SQL stores."""
    kinds = stores_of(difference).values()
    return bool(kinds) and "memory" not in kinds


def stores_of(difference: Difference) -> dict[str, str]:
    """Return the kinds of the stores of the program's first scheduler; none where the step that makes it was left out."""
    news = [step["stores"] for step in difference.steps if step["do"] == "new"]
    return news[0] if news else {}


def counted_in(told: list[Any], without: AbstractSet[str] = frozenset()) -> Counter[str]:
    """Return how often each run and each event is told.

    :param without: jobs whose misses are not counted, nor what was submitted
    """
    return Counter(
        json.dumps(entry)
        for entry in told
        if entry[0] == "run"
        or (entry[0] == "event" and not (entry[1] in _OF_MISSES and entry[2]["job_id"] in without))
    )


def may_be_of(difference: Difference, step: dict[str, Any]) -> bool:
    """Return whether a step may be of the job that differs, as far as that can be told."""
    ids = ids_of(difference)
    given = step.get("id") or step.get("kwargs", {}).get("id", *step.get("args", [])[:1] or [None])
    return not ids or not given or given in ids


def given_to_it(difference: Difference) -> list[dict[str, Any]]:
    """Return the steps, those of listeners and jobs too, that may be of the job that differs."""
    steps = (*difference.steps, *map(inner_of, difference.steps))
    return [step for step in steps if may_be_of(difference, step)]


def ids_of(difference: Difference) -> set[Any]:
    """Return the ids of the jobs of which the entries tell, or which they list in other ways."""
    entries = difference.theirs, difference.ours
    if any(entry[0] == "run" for entry in entries):
        return {entry[2].get("job_id") for entry in told_apart(difference) if entry[0] == "event"}
    told = {entry[2]["job_id"] for entry in entries if entry[0] == "event" and "job_id" in entry[2]}
    if all(entry[0] == "jobs" for entry in entries):
        theirs, ours = ({json.dumps(job) for job in entry[2]} for entry in entries)
        told |= {json.loads(job)[0] for job in theirs ^ ours}
    return told


def told_apart(difference: Difference) -> list[Any]:
    """Return the runs and events that one side tells more often in the pass in which the traces part."""
    return [json.loads(entry) for entry in apart(*difference.told)]


def apart(theirs: list[Any], ours: list[Any]) -> Counter[str]:
    """Return the runs and events of which one of two lists has more."""
    one, other = counted_in(theirs), counted_in(ours)
    return (one - other) + (other - one)


def inner_of(step: dict[str, Any]) -> dict[str, Any]:
    """Return the step that a step's listener or job takes, an empty one if there is none."""
    args = step.get("kwargs", {}).get("args")
    raw = args[0] if isinstance(args, list) and args and isinstance(args[0], dict) else {}
    found: dict[str, Any] = step.get("step") or raw.get("value") or {}
    return found


def jobs_in(value: Any) -> list[dict[str, Any]]:
    return [job for job, _ in jobs_and_stores_in(value)]


def jobs_and_stores_in(value: Any) -> list[tuple[dict[str, Any], str | None]]:
    """Return the jobs that an entry shows, each with the alias of its store."""
    if isinstance(value, dict):
        if "job" in value:
            return [(value["job"], value.get("alias"))]
        return [job for each in value.values() for job in jobs_and_stores_in(each)]
    return [job for e in value for job in jobs_and_stores_in(e)] if isinstance(value, list) else []


def fire_of(entry: list[Any]) -> str:
    return str(entry[2].get("scheduled_run_time", {}).get("moment", ""))


def gap_of(difference: Difference) -> timedelta:
    """Return how far apart the first moments are that differ, 0 if other things differ."""
    theirs, ours = (moments_in(each) for each in (difference.theirs, difference.ours))
    gaps = [abs(one - other) for one, other in zip(theirs, ours, strict=False) if one != other]
    return gaps[0] if gaps and len(theirs) == len(ours) else timedelta()


def moments_in(value: Any) -> list[datetime]:
    if isinstance(value, dict):
        if "moment" in value:
            return [datetime.fromisoformat(value["moment"])]
        return moments_in(list(value.values()))
    if isinstance(value, list):
        return [moment for each in value for moment in moments_in(each)]
    return []


def listed_in(entry: list[Any]) -> list[tuple[str, str]]:
    """Return the next fire time and the rest of all jobs of an answer; for those of a text, none if it has one."""
    answer = entry[1] if entry[0] == "returned" else None
    if isinstance(answer, dict) and isinstance(answer.get("list"), list):
        jobs = [each for each in answer["list"] if "job" in each]
        return [(_instant_of(each["job"]["next_run_time"]), json.dumps(each)) for each in jobs]
    text = answer if isinstance(answer, str) and "Jobstore " in answer else ""
    lines = (line for line in text.splitlines() if line != NO_JOBS)
    return [("paused)" if line.endswith(" paused)") else "", line) for line in lines]


def _instant_of(moment: Any) -> str:
    return "None" if moment is None else str([each.astimezone(UTC) for each in moments_in(moment)])


def without_time(value: Any, job_id: Any) -> Any:
    """Return an entry without the next fire time of one job, or of any in a text; what is listed, in an order of its own."""
    if isinstance(value, dict):
        if value.get("id") == job_id and "next_run_time" in value:
            return value | {"next_run_time": ""}
        shorter = {key: without_time(each, job_id) for key, each in value.items()}
        if isinstance(shorter.get("list"), list):
            shorter["list"].sort(key=json.dumps)
        return shorter
    if isinstance(value, list):
        if value[:1] == ["jobs"]:
            listed = [[*job[:2], ""] if job[0] == job_id else job for job in value[2]]
            return [*value[:2], sorted(listed, key=json.dumps)]
        return [without_time(each, job_id) for each in value]
    if isinstance(value, str) and "Jobstore " in value:
        return sorted(_TIME_IN_A_TEXT.sub("", value).splitlines())
    return value


def without_times(value: Any) -> Any:
    """Return an answer without the next fire times of any job."""
    if isinstance(value, dict):
        kept = {key: without_times(each) for key, each in value.items() if key != "next_run_time"}
        if isinstance(kept.get("list"), list):
            kept["list"].sort(key=json.dumps)
        return kept
    if isinstance(value, list):
        return [without_times(each) for each in value]
    return without_time(value, None)


def trigger_of(step: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the name and the arguments of the trigger that a step gives to a job."""
    given = step.get("kwargs", {})
    trigger = given.get("trigger")
    if isinstance(trigger, dict):
        return trigger.get("name"), trigger.get("kwargs", {})
    return trigger, given
