"""Asks a job for its due fire times and plans them: the one place to which each claim of each store comes for its plan.

Foreign code is called here: a trigger, a calendar, a ``_get_run_times`` that replaces ours. A store calls this with no
lock held, and what is raised costs this job only.
"""

from __future__ import annotations

from functools import partial

from apscheduler._engine.instants import NEVER, from_us, to_us
from apscheduler._engine.open_planning import plan_open
from apscheduler._engine.planning import Plan, Rollup, fire_after, plan, without
from apscheduler.job import CATCH_UP_LIMIT
from apscheduler.job_hooks import has_own_run_times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from apscheduler.job import Job

    Planner = Callable[[Job, int, int], Plan]


class HeldBackError(Exception):
    """A ``_get_run_times`` that replaces ours gives no fire time for a job that is due."""


def plan_job(job: Job, due: int, now: int) -> Plan:
    """Return what becomes of a job's due fire times.

    :param due: the first of them, microseconds UTC
    :param now: the instant up to which they are due, likewise
    :raises HeldBackError: if a ``_get_run_times`` that replaces ours gives none
    :raises BaseException: whatever a trigger or a calendar of others raises
    """
    grace = None if job._grace == NEVER else job._grace
    series = job._series()
    make = plan_open if series.guarded else plan
    if has_own_run_times(job):
        return make(series, due, now, coalesce=job.coalesce, grace=grace, limit=CATCH_UP_LIMIT)
    whole = partial(make, series, due, now, coalesce=False, grace=None, limit=CATCH_UP_LIMIT)
    return _plan_asked(job, now, whole)


def plan_since(since: int, reason: str) -> Planner:
    """Return a planner like :func:`plan_job` by which fire times before ``since`` are missed.

    :param since: microseconds UTC
    :param reason: why, for the ledger
    """

    def planned(job: Job, due: int, now: int) -> Plan:
        return without(plan_job(job, due, now), since, reason)

    return planned


def _plan_asked(job: Job, now: int, whole: Callable[[], Plan]) -> Plan:
    """Return the plan for the fire times that a ``_get_run_times`` that replaces ours gives.

    :param whole: makes our own plan without ``coalesce``
    """
    run = list(dict.fromkeys(map(to_us, job._get_run_times(from_us(now, job._zone())))))
    if not run:
        raise HeldBackError(f"{job.id!r} is due, and its _get_run_times() gives no fire time")
    planned = whole()
    if planned.run[-1:] != run[-1:]:
        planned.next = fire_after(job._series(), run[-1], now)
    rolled = None
    if job.coalesce and len(run) > 1:
        rolled = Rollup(len(run) - 1, run[0], run[-2])
        run = run[-1:]
    return Plan(run, planned.next, rolled, None, planned.dropped)
