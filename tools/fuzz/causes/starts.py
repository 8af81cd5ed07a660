"""Of starts, of what waits for them, and of jobs that have no fire time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tools.fuzz.causes.traces import counts_of_removed, jobs_in, listed_in

if TYPE_CHECKING:
    from tools.fuzz.comparing import Difference

_AFTER_ADDED = (["event", "SCHEDULER_START"], ["event", "JOB_ADDED"])

ANSWERS = ("returned", "raised")


def ours_lets_go_of_a_job_without_a_fire_time(difference: Difference) -> bool:
    """Return whether 3.11.3 keeps a job without a next fire time where ours removes it."""
    theirs, ours = difference.theirs, difference.ours
    if theirs[0] == "jobs" == ours[0]:
        gone = [job for job in theirs[2] if job not in ours[2]]
        return bool(gone) and all(job[2] is None for job in gone) and len(ours[2]) < len(theirs[2])
    if theirs[0] == "returned" == ours[0] and ours[1] is None:  # a listener asks for it
        job = theirs[1].get("job", {}) if isinstance(theirs[1], dict) else {}
        return difference.inside == "listener" and job.get("next_run_time", "") is None
    if theirs[0] == "returned" == ours[0]:  # a listener lists it
        gone = [each for each in listed_in(theirs) if each not in listed_in(ours)]
        more = len(listed_in(theirs)) - len(listed_in(ours))
        is_paused = all(time in {"None", "paused)"} for time, _ in gone)
        is_less = 0 < len(gone) == more and is_paused
        return difference.inside == "listener" and (is_less or _lists_less_in_a_run(difference))
    if theirs[0] == "raised":  # a listener adds the id again, which 3.11.3 has kept
        is_added = theirs[1][0] == "ConflictingIdError" and ours[:2] == ["event", "JOB_ADDED"]
        return is_added and _has_left_ours(difference, ours[2]["job_id"])
    return (
        theirs[:2] != ours[:2]
        and ours[:2] == ["event", "JOB_REMOVED"]
        and (theirs[0] == "returned" or theirs[:2] in _AFTER_ADDED)
    )


def _lists_less_in_a_run(difference: Difference) -> bool:
    """Return whether a job's own call lists the same jobs but for such ones, whose next fire times it sees earlier."""
    theirs, ours = (jobs_in(each) for each in (difference.theirs, difference.ours))
    kept = {job["id"]: job | {"next_run_time": ""} for job in ours}
    gone = [job for job in theirs if job["id"] not in kept]
    others = {job["id"]: job | {"next_run_time": ""} for job in theirs if job["id"] in kept}
    is_inside = any(entry[0] == "run" for entry in difference.told[0])
    is_paused = all(job["next_run_time"] is None for job in gone)
    return is_inside and bool(gone) and is_paused and others == kept


def _has_left_ours(difference: Difference, job_id: Any) -> bool:
    """Return whether a job that was added in the step in which the traces part leaves ours in it, and stays in 3.11.3."""
    before = difference.before
    first = max((n for n, entry in enumerate(before) if entry[0] == "step"), default=0)
    added = [
        entry
        for entry in before[first:]
        if entry[:2] == ["event", "JOB_ADDED"] and entry[2]["job_id"] == job_id
    ]
    theirs, ours = counts_of_removed(difference, job_id)
    return bool(added) and theirs == 0 < ours


def in_a_start_that_is_listened_to(difference: Difference) -> bool:
    """Return whether listeners called the scheduler while a start stored its jobs."""
    inside = difference.kinds & {"listener", "inner"}
    return difference.what.get("name") == "start" and bool(inside)


def one_of_two_pending_jobs(difference: Difference) -> bool:
    """Return whether 3.11.3 lists two pending jobs of one id."""
    theirs = difference.theirs
    if theirs[0] == "returned" == difference.ours[0] and difference.what["do"] == "print":
        return "Pending jobs:" in str(theirs[1])
    if theirs[0] != "jobs" or theirs[1] != 0:
        return False
    ids = [job[0] for job in theirs[2]]
    return len(ids) > len(set(ids))


def after_a_start_that_failed(difference: Difference) -> bool:
    """Return whether a start fails, or 3.11.3 lists what has been stored as pending."""
    theirs, ours = difference.theirs, difference.ours
    if difference.what.get("name") == "start" and theirs[0] == "raised":
        return bool(ours[0] != "returned" or theirs[1][0] == "ConflictingIdError")
    listed = theirs[0] == "jobs" == ours[0] and not theirs[1]
    began = "raised" in difference.kinds and difference.what.get("name") == "start"
    return bool(listed and (began or any(each[1] or each[2] for each in theirs[2])))


def half_of_an_import(difference: Difference) -> bool:
    """Return whether 3.11.3 imports some jobs before it finds an id that is taken."""
    theirs, ours = difference.theirs, difference.ours
    if theirs[0] == "jobs" == ours[0]:
        return "raised" in difference.kinds and len(theirs[2]) > len(ours[2])
    is_refused = ours[0] == "raised" and ours[1][0] == "ConflictingIdError"
    return is_refused and theirs[:2] == ["event", "JOB_ADDED"]


def completed_by_a_start_that_failed(difference: Difference) -> bool:
    """Return whether 3.11.3 has given a job that waits its defaults and a fire time, which only such a start does."""
    theirs, ours = difference.theirs, difference.ours
    if difference.what["do"] == "follow":
        return bool(ours[0] == "raised" and ours[1][0] == "AttributeError")
    if theirs[0] == "returned" == ours[0]:
        pairs = zip(jobs_in(theirs[1]), jobs_in(ours[1]), strict=False)
        waiting = [(one, other) for one, other in pairs if one["pending"] and other["pending"]]
        names = ("misfire_grace_time", "coalesce", "max_instances", "next_run_time")
        return any(other[name] == "absent" != one[name] for one, other in waiting for name in names)
    return False


def ours_replaced_a_pending_job(difference: Difference) -> bool:
    """Return whether an id was added more than once before the start, the last time in the place of the others."""
    position = difference.steps.index(difference.what)
    added = [
        step["kwargs"].get("id")
        for step in difference.steps[:position]
        if step.get("name") == "add_job" or step["do"] == "decorate"
    ]
    return len(added) > len(set(added) - {None}) + added.count(None)


def ours_has_the_last_of_the_pending(difference: Difference) -> bool:
    """Return whether a job was added twice before the start, and 3.11.3 answers with the first one, ours with the last."""
    (theirs, *more), (ours, *others) = jobs_in(difference.theirs), jobs_in(difference.ours)
    is_one = not more and not others and theirs["id"] == ours["id"]
    return (
        is_one and theirs["pending"] and ours["pending"] and ours_replaced_a_pending_job(difference)
    )


def a_listener_was_added_twice(difference: Difference) -> bool:
    """Return whether the listener that 3.11.3 tells was added more than once and removed since."""
    name = difference.theirs[1]
    of_it = [step["do"] for step in difference.steps if step.get("name") == name]
    return sum(each in {"listen", "listen_again"} for each in of_it) > 1 and "unlisten" in of_it


def stopped(difference: Difference) -> bool:
    """Return whether the scheduler was not running at the last look."""
    looks = [entry for entry in difference.before if entry[0] == "jobs"]
    return not (looks and looks[-1][1])
