"""Of a pass: what is told in it, in which order, and what becomes of jobs that are edited while it goes on."""

from __future__ import annotations

import copy
import json
from collections import Counter
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tools.fuzz.causes.starts import ANSWERS
from tools.fuzz.causes.traces import (
    NO_JOBS,
    apart,
    counted_in,
    counts_of_removed,
    fire_of,
    ids_of,
    is_stored,
    jobs_and_stores_in,
    jobs_in,
    may_be_of,
    moments_in,
    stores_of,
    without_time,
    without_times,
)
from tools.fuzz.comparing import step_of

if TYPE_CHECKING:
    from tools.fuzz.comparing import Difference

_MANY_MISSES = 100
_PORTIONS_OF_A_PASS = 100

_ENDS = {"JOB_EXECUTED", "JOB_ERROR", "JOB_MISSED"}

_FATES = {"JOB_ERROR", "JOB_MISSED", "JOB_REMOVED"}

_EDITS = {"modify_job", "pause_job", "resume_job", "reschedule_job"}


def seen_from_inside_a_run(difference: Difference) -> bool:
    """Return whether a job sees what its store has of it while it runs, or who is told of its end its next fire time."""
    ours, theirs = difference.ours, difference.theirs
    if theirs[0] not in ANSWERS or ours[0] not in ANSWERS:
        return False
    told = next((entry for entry in reversed(difference.before) if entry[0] == "listener"), None)
    if difference.inside == "listener" and told is not None and told[2] in _ENDS:
        return bool(without_times(theirs) == without_times(ours)) or _has_left(difference)
    return difference.inside == "call"


def _has_left(difference: Difference) -> bool:
    """Return whether nothing differs but jobs whose last run has just ended: they have left ours."""
    ended = {
        (entry[2]["job_id"], entry[2].get("jobstore"))
        for entry in difference.told[1]
        if entry[0] == "event" and entry[1] in _ENDS
    }
    texts = [without_times(each)[1] for each in (difference.theirs, difference.ours)]
    if all(isinstance(text, list) and any("Jobstore " in line for line in text) for text in texts):
        lines, left = (Counter(line for line in text if line != NO_JOBS) for text in texts)
        return not left - lines and 0 < (lines - left).total() <= len(ended)
    theirs, ours = (
        {(job["id"], alias): without_times(job) for job, alias in jobs_and_stores_in(each)}
        for each in (difference.theirs, difference.ours)
    )
    gone = theirs.keys() - ours.keys()
    kept = {key: job for key, job in theirs.items() if key not in gone}
    return bool(gone) and gone <= ended and kept == ours


def ours_keeps_a_job_without_its_executor(difference: Difference) -> bool:
    """Return whether ours tells that a job's executor is not there, or lists the job where 3.11.3 has removed it."""
    theirs, ours = difference.theirs, difference.ours
    if theirs[0] == "jobs" == ours[0]:
        return len(theirs[2]) < len(ours[2]) and all(job in ours[2] for job in theirs[2])
    is_left = ours[0] == "passed" or _tells_less_only_of(difference, theirs)
    if theirs[:2] == ["event", "JOB_REMOVED"] and is_left:  # left to others for a minute
        given = [step for step in difference.steps if may_be_of(difference, step)]
        return is_stored(difference) and any("executor" in step.get("kwargs", {}) for step in given)
    failures = {
        entry[2].get("job_id")
        for entry in difference.told[1]
        if entry[:2] == ["event", "JOB_ERROR"] and entry[2].get("exception") == "LookupError"
    }
    is_fate = ours[0] == "event" and ours[1] in {"JOB_ERROR", "JOB_MISSED"}
    if is_fate and ours[2].get("job_id") in failures:
        return True
    kept = [_without(told, failures, _FATES) for told in difference.told]
    one, other = map(counted_in, kept)
    more = other - one
    is_all = not one - other and more == more & _added_while_taken(difference.told[0])
    return kept[0] != difference.told[0] and is_all


def _tells_less_only_of(difference: Difference, entry: list[Any]) -> bool:
    """Return whether ours tells the same of the pass but for one event."""
    one, other = map(counted_in, difference.told)
    return one - other == Counter([json.dumps(entry)]) and not other - one


def _without(told: list[Any], jobs: set[str], names: set[str]) -> list[Any]:
    """Return what is told without the events of these names of some jobs."""
    return [
        entry
        for entry in told
        if entry[0] != "event" or entry[1] not in names or entry[2].get("job_id") not in jobs
    ]


def told_in_another_order(difference: Difference) -> bool:
    """Return whether both sides tell the same runs and events of a pass in which jobs or listeners called the scheduler."""
    theirs, ours = difference.told
    many = _jobs_with_many_misses(ours)
    one, other = (counted_in(told, without=many) for told in (theirs, _without_ends_at_once(ours)))
    more = other - one
    alike = not one - other and more == more & _added_while_taken(theirs)
    is_moved = [each for each in theirs if each[0] != "returned"] != [
        each for each in ours if each[0] != "returned"
    ]
    return _has_calls_in_a_pass(difference) and (
        (alike and is_moved) or _differs_in_calls_only(theirs, ours)
    )


def _differs_in_calls_only(theirs: list[Any], ours: list[Any]) -> bool:
    """Return whether both sides tell and call the same in another order, and beyond it only what calls come to differs.

    A listener that is called earlier meets jobs that the pass removes later.
    """
    (told, calls), (other, others) = _apart_from_calls(theirs), _apart_from_calls(ours)
    is_moved = told != other and counted_in(told) == counted_in(other)
    return is_moved and bool(calls) and calls.keys() == others.keys()


def _apart_from_calls(told: list[Any]) -> tuple[list[Any], Counter[str]]:
    """Return what a pass tells itself, and how often jobs and listeners take which step; nothing if one has no end."""
    outside, calls, depth = [], Counter[str](), 0
    for entry in told:
        if entry[0] == "inner":
            calls[json.dumps(entry)] += not depth
            depth += 1
        elif entry[0] in {"returned", "raised"} and depth:
            depth -= 1
        elif not depth:
            outside.append(entry)
    return ([], Counter()) if depth else (outside, calls)


def _added_while_taken(theirs: list[Any]) -> Counter[str]:
    """Return the additions that 3.11.3 refuses in a pass because it removes the job later in it."""
    found: Counter[str] = Counter()
    removed = [entry[2]["job_id"] for entry in theirs if entry[:2] == ["event", "JOB_REMOVED"]]
    for before, entry in pairwise(theirs):
        is_refused = entry[0] == "raised" and entry[1][0] == "ConflictingIdError"
        if step_of(before).get("name") == "add_job" and is_refused:
            given = before[1]["kwargs"]
            job_id, alias = given.get("id"), given.get("jobstore", "default")
            if job_id in removed:
                details = {"alias": None, "job_id": job_id, "jobstore": alias, "exception": None}
                found[json.dumps(["event", "JOB_ADDED", details])] += 1
    return found


def _without_ends_at_once(told: list[Any]) -> list[Any]:
    """Return what is told without the removal, right where it is added, of a job that has no fire time."""
    return [
        entry
        for before, entry in pairwise([[], *told])
        if entry[:2] != ["event", "JOB_REMOVED"]
        or before[:2] != ["event", "JOB_ADDED"]
        or entry[2]["job_id"] != before[2]["job_id"]
    ]


def in_a_pass_that_raises(difference: Difference) -> bool:
    """Return whether 3.11.3's pass fails at a job that was removed in it, and ours goes on.

    What a listener adds may come before a shutdown of the pass there, and here after it: then it waits for the next start.
    """
    theirs, ours = difference.told
    fails = _raised_by_the_pass(theirs) == "JobLookupError" and _raised_by_the_pass(ours) is None
    many = _jobs_with_many_misses(ours)
    one, other = (counted_in(told, without=many) for told in (theirs, ours))
    only_theirs = one - other
    added = Counter[str]()
    if _both_tell(difference, "SCHEDULER_SHUTDOWN"):
        added = _additions_that_wait(ours)
    return _has_calls_in_a_pass(difference) and fails and only_theirs <= added


def _additions_that_wait(told: list[Any]) -> Counter[str]:
    """Return as events what was added after the scheduler's shutdown."""
    names = [entry[1] if entry[0] == "event" else "" for entry in told]
    after = pairwise(told[names.index("SCHEDULER_SHUTDOWN") :])
    return Counter(
        json.dumps(["event", "JOB_ADDED", _of_job(job, step_of(call)["kwargs"])])
        for call, answer in after
        if step_of(call).get("name") == "add_job"
        for job in jobs_in(answer)
    )


def _of_job(job: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return what an event tells of a job."""
    store = given.get("jobstore", "default")
    return {"alias": None, "job_id": job["id"], "jobstore": store, "exception": None}


def shut_down_in_its_pass(difference: Difference) -> bool:
    """Return whether the scheduler was shut down or paused in the pass, and 3.11.3 goes on with the jobs of its other stores.

    Or, where it was paused, with the other fire times of a catch-up of a SQL store.
    """
    theirs, ours = difference.told
    has_others = len(stores_of(difference)) > 1
    is_paused = _both_tell(difference, "SCHEDULER_PAUSED")
    if not _has_calls_in_a_pass(difference) or not counted_in(ours) <= counted_in(theirs):
        return False
    is_shut_down = _both_tell(difference, "SCHEDULER_SHUTDOWN")
    return (has_others and (is_shut_down or is_paused)) or (
        is_paused and _leaves_out_a_catch_up(difference)
    )


def counts_after_its_own_shutdown(difference: Difference) -> bool:
    """Return whether a job of a SQL store shut its scheduler down in its own run, and another one was made since."""
    shut = [step_of(entry).get("name") == "shutdown" for entry in difference.before]
    made = [step["do"] == "new" for step in difference.steps[: difference.step]]
    return is_stored(difference) and any(shut) and made.count(True) > 1


def given_back_at_a_shutdown(difference: Difference) -> bool:
    """Return whether a pass over a SQL store was shut down, and ours tells less only of fire times of a catch-up."""
    return _both_tell(difference, "SCHEDULER_SHUTDOWN") and _leaves_out_a_catch_up(difference)


def _both_tell(difference: Difference, event: str) -> bool:
    return all(["event", event] in [entry[:2] for entry in told] for told in difference.told)


def _leaves_out_a_catch_up(difference: Difference) -> bool:
    """Return whether ours tells less only of fire times of a catch-up of a SQL store."""
    theirs, ours = difference.told
    caught_up = {
        entry[2]["job_id"]
        for entry in ours
        if entry[:2] == ["event", "JOB_SUBMITTED"]
        and len(moments_in(entry[2]["scheduled_run_times"])) > 1
    }
    one, other = counted_in(theirs), counted_in(ours)
    less = [json.loads(entry) for entry in one - other]
    ends = [each for each in less if each[0] == "event"]
    is_of_catch_up = all(each[1] in _ENDS and each[2]["job_id"] in caught_up for each in ends)
    runs = sum((one - other).values()) - len(ends)
    is_less = other <= one and bool(ends) and runs <= len(ends)
    return is_stored(difference) and is_of_catch_up and is_less


def _raised_by_the_pass(told: list[Any]) -> str | None:
    """Return the name of the exception that ends a pass, ``None`` if it comes to its end."""
    within = 0
    for entry in told:
        if entry[0] == "inner":
            within += 1
        elif entry[0] in {"returned", "raised"}:
            if not within:
                return str(entry[1][0]) if entry[0] == "raised" else None
            within -= 1
    return None


def ours_runs_what_was_added(difference: Difference) -> bool:
    """Return whether a pass over a SQL store that catches up a job differs by what ours runs between its fire times.

    What is due anyway ends there, in another way at most where time goes by; more is told only of what was added, or became
    due, in the pass.
    """
    theirs, ours = difference.told
    is_pass = difference.what["do"] in {"advance", "follow"}
    if not (is_pass and is_stored(difference) and _catches_up(ours)):
        return False
    goes_on = any(entry[:2] == ["run", "slow"] for entry in theirs)
    added = {entry[2]["job_id"] for entry in ours if entry[:2] == ["event", "JOB_ADDED"]}
    one, other = (
        _events_in(told, _jobs_with_many_misses(ours), goes_on=goes_on) for told in (theirs, ours)
    )
    more = other - one
    refused = {entry[2]["job_id"] for entry in ours if entry[:2] == ["event", "JOB_MAX_INSTANCES"]}
    if goes_on and refused:  # of the job itself, which has become due again and again
        return {json.loads(entry)[2]["job_id"] for entry in (one - other) + more} <= refused
    if goes_on:
        return one <= other and not any(one[entry] for entry in more)
    runs = [
        Counter(json.dumps(each) for each in told if each[0] == "run") for told in (theirs, ours)
    ]
    jobs = {json.loads(entry)[2].get("job_id") for entry in more}
    return one <= other and runs[0] <= runs[1] and jobs <= added


def goes_on_in_the_next_pass(difference: Difference) -> bool:
    """Return whether a pass over a SQL store has caught up with as many portions as one pass may, and 3.11.3 goes on.

    A portion is one fire time at least, also of those that came too late.
    """
    theirs, ours = difference.told
    runs = [[each for each in told if each[0] == "run"] for told in (theirs, ours)]
    missed = [each for each in ours if each[:2] == ["event", "JOB_MISSED"]]
    is_full = len(runs[1]) + len(missed) >= _PORTIONS_OF_A_PASS
    is_less = counted_in(runs[1]) < counted_in(runs[0])
    return is_stored(difference) and _catches_up(ours) and is_full and is_less


def due_in_a_later_store(difference: Difference) -> bool:
    """Return whether time goes by in a pass over several stores, and ours runs what becomes due meanwhile in a later one.

    What 3.11.3 tells of the same jobs alone was due when the pass began.
    """
    theirs, ours = difference.told
    if not any(entry[:2] == ["run", "slow"] for entry in theirs):
        return _has_calls_in_a_pass(difference) and _is_of_what_was_added(theirs, ours)
    began = min(entry[4] for entry in theirs if entry[0] == "run")
    many = _jobs_with_many_misses(ours)
    one, other = (
        _events_in(_apart_from_calls(told)[0] or told, many, goes_on=False)
        for told in (theirs, ours)
    )
    less, more = ([json.loads(each)[2] for each in apart] for apart in (one - other, other - one))
    told = (each for each in more if "job_id" in each)
    jobs = {each["job_id"] for each in told if each.get("jobstore") != "default"}
    is_later = all(each.get("job_id") in jobs for each in less + more)
    were_due = all(_last_fire_of(each) <= began for each in less)
    return (
        bool(jobs) and is_later and were_due and all(_last_fire_of(each) > began for each in more)
    )


def _is_of_what_was_added(theirs: list[Any], ours: list[Any]) -> bool:
    """Return whether ours tells more, and only of jobs that were added in the pass to another store than the first."""
    one, other = counted_in(theirs), counted_in(ours)
    more = [json.loads(entry)[2] for entry in other - one if entry.startswith('["event"')]
    added = {entry[2]["job_id"] for entry in theirs if entry[:2] == ["event", "JOB_ADDED"]}
    are_later = all(each.get("jobstore", "default") != "default" for each in more)
    return (
        not one - other and bool(more) and are_later and {each["job_id"] for each in more} <= added
    )


def _last_fire_of(details: dict[str, Any]) -> str:
    """Return the instant of the last fire time of which an event tells; of one without any, one after all others."""
    found = moments_in([details.get("scheduled_run_time"), details.get("scheduled_run_times")])
    return max((each.isoformat() for each in found), default="9999")


def _catches_up(told: list[Any]) -> bool:
    """Return whether several fire times of one job end."""
    ends = [entry[2]["job_id"] for entry in told if entry[0] == "event" and entry[1] in _ENDS]
    return len(ends) > len(set(ends))


def _events_in(told: list[Any], many: set[str], *, goes_on: bool) -> Counter[str]:
    """Return how often each event is told.

    :param goes_on: whether it counts as one how a fire time ended
    """
    events = [json.loads(text) for text in counted_in(told, without=many).elements()]
    return Counter(
        json.dumps(["event", "ended", {"job_id": entry[2]["job_id"], "at": fire_of(entry)}])
        if goes_on and entry[1] in _ENDS
        else json.dumps(entry)
        for entry in events
        if entry[0] == "event"
    )


def _has_calls_in_a_pass(difference: Difference) -> bool:
    inside = difference.kinds & {"listener", "inner"}
    return difference.what["do"] in {"advance", "follow"} and bool(inside)


def _jobs_with_many_misses(told: list[Any]) -> set[str]:
    """Return the jobs of which ours tells no more misses than the page says, and one record for all before them."""
    missed = Counter(entry[2]["job_id"] for entry in told if entry[:2] == ["event", "JOB_MISSED"])
    return {job_id for job_id, count in missed.items() if count >= _MANY_MISSES}


def runs_again(difference: Difference) -> bool:
    """Return whether 3.11.3 tells an end of a stored fire time that both have told before, and ours does not."""
    theirs, ours = (_ended(told) for told in difference.told)
    return is_stored(difference) and bool((theirs - ours) & _ended(difference.before))


def _ended(told: list[Any]) -> set[tuple[str, str]]:
    """Return the jobs and the fire times of what has ended, or was missed."""
    found = [entry for entry in told if entry[0] == "event" and entry[1] in _ENDS]
    return {(entry[2]["job_id"], fire_of(entry)) for entry in found}


def edited_in_its_pass(difference: Difference) -> bool:
    """Return whether a job was edited, by itself or a listener, in a pass that ran it, which 3.11.3 writes over."""
    found: set[Any] = set()
    edited: set[Any] = set()
    for entry in (*difference.before, *difference.told[0]):
        if entry[0] in {"pass", "passed", "step"}:
            edited = set()
        elif entry[0] == "inner":
            edited |= _edited_by(step_of(entry))
        elif entry[0] == "event" and entry[1] == "JOB_SUBMITTED":
            found |= {entry[2]["job_id"]} & edited
    ids = ids_of(difference)
    is_pass = difference.what["do"] in {"advance", "follow"}
    return is_pass and bool(found & ids if ids else found)


def edited_before_its_turn(difference: Difference) -> bool:
    """Return whether both sides differ only in runs and events of jobs that were edited in that pass."""
    edited = {each for entry in difference.told[1] for each in _edited_by(step_of(entry))}
    theirs, ours = (_apart_from_calls(told)[0] or told for told in difference.told)
    told = [json.loads(entry) for entry in apart(theirs, ours)]
    events = [entry[2].get("job_id") for entry in told if entry[0] == "event"]
    return _has_calls_in_a_pass(difference) and bool(events) and edited.issuperset(events)


def removed_by_who_hears_of_an_earlier_store(difference: Difference) -> bool:
    """Return whether ours leaves out jobs of later stores that a listener has removed when an earlier one was served."""
    theirs, ours = difference.told
    heard = {
        entry[2].get("jobstore")
        for entry, listener, call in zip(ours, ours[1:], ours[2:], strict=False)
        if entry[:2] == ["event", "JOB_SUBMITTED"]
        and listener[0] == "listener"
        and str(step_of(call).get("name")).startswith("remove_")
    }
    less = [json.loads(each) for each in counted_in(theirs) - counted_in(ours)]
    stores = {entry[2].get("jobstore") for entry in less if entry[0] == "event"}
    return bool(heard and stores) and not heard & stores and counted_in(ours) <= counted_in(theirs)


def _edited_by(step: dict[str, Any]) -> set[Any]:
    """Return the id of the job that a step edits, if it does."""
    ids = {step.get("id", *step.get("args", [])[:1] or [None])}
    return ids if step.get("name") in _EDITS else set()


def taken_until_its_removal_is_told(difference: Difference) -> bool:
    """Return whether a job or a listener adds an id anew that has left ours, and 3.11.3 removes it later in the pass."""
    theirs, ours = difference.theirs, difference.ours
    if not _has_calls_in_a_pass(difference) or theirs[0] != "raised" or ours[0] != "event":
        return False
    is_taken = theirs[1][0] == "ConflictingIdError" and ours[1] == "JOB_ADDED"
    return is_taken and counts_of_removed(difference, ours[2]["job_id"])[0] > 0


def ours_has_started_it(difference: Difference) -> bool:
    """Return whether 3.11.3 gives a job the fire time for which it was submitted before, and ours a later one.

    What a listener prints then differs in times only.
    """
    theirs, ours = (copy.deepcopy(each) for each in (difference.theirs, difference.ours))
    if theirs[0] == "returned" == ours[0] and isinstance(theirs[1], str):
        alike = without_time(theirs, None) == without_time(ours, None)
        return difference.inside == "listener" and alike
    times = [
        (job_id, one, other)
        for (job_id, one), (_, other) in zip(_times_of(theirs), _times_of(ours), strict=False)
        if one < other
    ]
    submitted = _submitted(difference.before)
    started = [job_id for job_id, one, _ in times if (job_id, one[:1]) in submitted]
    return theirs == ours and bool(started)


def _times_of(entry: list[Any]) -> list[tuple[Any, list[datetime]]]:
    """Take the next fire times out of an entry and return them, each with its job's id."""
    if entry[0] == "jobs":
        entry[2].sort(key=lambda job: json.dumps(job[:2]))
        return [(job[0], moments_in(job.pop())) for job in entry[2]]
    return [(job["id"], moments_in(job.pop("next_run_time"))) for job in jobs_in(entry)]


def _submitted(told: list[Any]) -> list[tuple[str, list[datetime]]]:
    """Return the jobs and the fire times for which they were submitted."""
    return [
        (entry[2]["job_id"], [moment])
        for entry in told
        if entry[:2] == ["event", "JOB_SUBMITTED"]
        for moment in moments_in(entry[2]["scheduled_run_times"])
    ]


def ours_tells_fewer_misses(difference: Difference) -> bool:
    """Return whether 3.11.3 tells of an earlier miss than ours, or of one more, where ours tells of 100 of the job's."""
    theirs, ours = fire_of(difference.theirs), fire_of(difference.ours)
    many = _jobs_with_many_misses(difference.told[1])
    return difference.theirs[2]["job_id"] in many and (not ours or theirs < ours)
