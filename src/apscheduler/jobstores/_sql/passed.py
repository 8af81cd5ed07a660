"""Fire times that came due once more: the ledger has a run of each, so they are passed over, and that is said."""

from __future__ import annotations

from apscheduler.texts import counted, line, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.job import Job

CAUSE = "fire times with a run"
"""Jobs are many, and the cause is one: it is said at most every ten seconds."""


def said_of(passed: list[tuple[Job, list[int]]]) -> str:
    """Return what is to be said of jobs with the fire times that are not started."""
    job, fires = passed[0]
    times = str(job._at(fires[0]))
    if len(fires) > 1:
        times = f"{len(fires)} runs from {times} on"
    others = f" (and {counted(len(passed) - 1, 'job')} more)" if len(passed) > 1 else ""
    return (
        f"Job {line(name_of(job))}{others} is not started for {times}: the ledger has a run of that time already, or took "
        "none. If the next run time was set back in the database, set it by modify_job(next_run_time=...) instead"
    )
