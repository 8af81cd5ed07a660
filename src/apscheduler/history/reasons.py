"""Why a fire time did not run, in the words that the ledger and the log use."""

from __future__ import annotations

from apscheduler._engine.planning import Rollup
from apscheduler.history.outcomes import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from apscheduler._engine.planning import Plan

COALESCED = "rolled into a later fire time, because coalesce is set"
TOO_MANY = "too many runs were overdue to catch up one by one"
NOT_OURS = "it was due while another scheduler led, or none"

MOVED_BY_ANOTHER = "another program moved this job's next fire time without a row (APScheduler 3.x on the same table?)"


def all_busy(workers: int, alias: str | None) -> str:
    """Return the reason of a run that waited for a worker."""
    if workers == 1:
        return f"the only worker of executor {alias!r} was busy"
    return f"all {workers} workers of executor {alias!r} were busy"


def rollups(plan: Plan, late: str | None, grace: int, now: int) -> list[tuple[Outcome, Rollup]]:
    """Return the records of a plan that stand for several fire times, each with its reason.

    :param late: why the first of them comes late, if it does
    :param grace: how late a run may start, in microseconds
    :param now: the time of the plan, on the clock of its fire times
    """
    found = []
    if plan.coalesced is not None:
        found.append((Outcome.COALESCED, _because(plan.coalesced, COALESCED)))
    if plan.missed is not None:
        all_are_late = late is not None and now - plan.missed.last > grace
        found.append((Outcome.MISSED, _because(plan.missed, late if all_are_late else TOO_MANY)))
    return found


def _because(rollup: Rollup, usual: str | None) -> Rollup:
    return Rollup(rollup.count, rollup.first, rollup.last, rollup.reason or usual)


def replanned(before: str, now: str, moment: datetime) -> str:
    """Return why a fire time that was planned will not come.

    :param before: the version of the zone data that it was computed with
    :param now: the version by which it is due at ``moment``
    """
    return f"planned by zone data {before}; by {now} it is due at {moment}"


def skipped(max_instances: int, held: str | None = None) -> str:
    """Return why no further instance of a job was started.

    :param held: who else holds one, in words
    """
    noun = "instance was" if max_instances == 1 else "instances were"
    whose = f" ({held})" if held else ""
    return f"{max_instances} {noun} still running{whose}, and max_instances is {max_instances}"


def refused(executor: str, max_instances: int) -> str:
    """Return why an instance was not started: the store had allowed it, but the executor did not take it."""
    return (
        f"executor {executor!r} refused it as one instance too many "
        f"(it answered MaxInstancesReachedError; max_instances is {max_instances})"
    )


def no_executor(executor: str, *, paused: bool) -> LookupError:
    """Return the error for a job whose executor is not there.

    :param paused: whether the store has paused the job for that
    """
    hint = " and resume it" if paused else ""
    return LookupError(
        f"there is no executor {executor!r}; add_executor() it, or modify the job{hint}"
    )
