"""Why a fire time did not run, in the words that the ledger and the log use."""

from __future__ import annotations

from apscheduler._engine.instants import NEVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from apscheduler.job import Job

COALESCED = "rolled into a later fire time, because coalesce is set"
TOO_MANY = "too many runs were overdue to catch up one by one"

MOVED_BY_ANOTHER = "another program moved this job's next fire time without a row (APScheduler 3.x on the same table?)"


def replanned(before: str, now: str, moment: datetime) -> str:
    """Return why a fire time that was planned will not come.

    :param before: the version of the zone data that it was computed with
    :param now: the version by which it is due at ``moment``
    """
    return f"planned by zone data {before}; by {now} it is due at {moment}"


def skipped(job: Job, held: str | None = None) -> str:
    """Return why no further instance was started.

    :param held: who else holds one, in words
    """
    noun = "instance was" if job.max_instances == 1 else "instances were"
    whose = f" ({held})" if held else ""
    return (
        f"{job.max_instances} {noun} still running{whose}, and max_instances is {job.max_instances}"
    )


def no_executor(job: Job) -> LookupError:
    """Return the error for a job whose executor is not there."""
    hint = " and resume it" if job._due == NEVER else ""
    return LookupError(
        f"there is no executor {job.executor!r}; add_executor() it, or modify the job{hint}"
    )
