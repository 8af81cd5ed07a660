"""The warning about fire times that came due again: the ledger has a run of each already, so they are not started."""

from __future__ import annotations

from apscheduler.texts import counted, line, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.job import Job

CAUSE = "fire times with a run"
"""The same for all jobs, so that the warning is logged at most every ten seconds."""


def said_of(passed: list[tuple[Job, list[int]]]) -> str:
    """Return the warning about jobs, each with its fire times that are not started."""
    job, fires = passed[0]
    times = str(job._at(fires[0]))
    if len(fires) > 1:
        times = f"{len(fires)} runs from {times} on"
    others = f" (and {counted(len(passed) - 1, 'job')} more)" if len(passed) > 1 else ""
    return (
        f"Job {line(name_of(job))}{others} is not started for {times}: the ledger has a run of that time already, or took "
        "none. If the next run time was set back in the database, set it by modify_job(next_run_time=...) instead"
    )
