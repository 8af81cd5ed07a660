"""Asks a ``_modify`` or ``_get_run_times`` that replaces a job's own, where 3.x asks it."""

from __future__ import annotations

from apscheduler._engine.instants import from_us, to_us
from apscheduler._engine.planning import Plan, Rollup, fire_after
from apscheduler.job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

OWN_MODIFY, OWN_RUN_TIMES = Job._modify, Job._get_run_times

_CHANGEABLE = (
    *("func", "func_ref", "args", "kwargs", "name", "trigger", "executor", "coalesce"),
    *("misfire_grace_time", "max_instances", "timeout", "delivery"),
)
_UNSET: Any = object()


class HeldBackError(Exception):
    """A ``_get_run_times`` that replaces ours gives no fire time for a job that is due."""


def is_own_modify(job: Any) -> bool:
    """Return whether a job is changed by our ``_modify``."""
    return getattr(job._modify, "__func__", None) is OWN_MODIFY


def approved(job: Any, changes: dict[str, Any]) -> dict[str, Any]:
    """Return changes as they will be set; a ``_modify`` that replaces ours makes them on a copy of the job.

    :raises TypeError, ValueError, AttributeError: for the first that is wrong; the job is as it was
    """
    if is_own_modify(job):
        checked: dict[str, Any] = job._checked(changes)
        return checked
    copy = _copy_of(job)
    copy._modify(**changes)
    if hasattr(copy, "__dict__"):
        job.__dict__.update(copy.__dict__)
    found = {}
    for name in _CHANGEABLE:
        value = getattr(copy, name, _UNSET)
        if value is not _UNSET and value is not getattr(job, name, _UNSET):
            found[name] = value
    if any(
        getattr(copy, name, _UNSET) is not getattr(job, name, _UNSET) for name in ("_due", "_shown")
    ):
        found["next_run_time"] = copy.next_run_time
    return found


def _copy_of(job: Any) -> Any:
    copy = object.__new__(job.__class__)
    for cls in job.__class__.__mro__:
        for name in getattr(cls, "__slots__", ()):
            if name not in ("__weakref__", "__dict__", "next_run_time") and hasattr(job, name):
                setattr(copy, name, getattr(job, name))
    if hasattr(job, "__dict__"):
        copy.__dict__.update(job.__dict__)
    return copy


def has_own_run_times(job: Any) -> bool:
    """Return whether our own ``_get_run_times`` says which fire times of a job are due."""
    return getattr(job._get_run_times, "__func__", None) is OWN_RUN_TIMES


def plan_asked(job: Any, now: int, plan: Callable[[], Plan]) -> Plan:
    """Return the plan for the fire times that a ``_get_run_times`` that replaces ours gives.

    :param now: microseconds UTC
    :param plan: makes our own plan without ``coalesce``
    :raises HeldBackError: if it gives none
    """
    run = list(dict.fromkeys(map(to_us, job._get_run_times(from_us(now, job._zone())))))
    if not run:
        raise HeldBackError(f"{job.id!r} is due, and its _get_run_times() gives no fire time")
    planned = plan()
    if planned.run[-1:] != run[-1:]:
        planned.next = fire_after(job._series(), run[-1], now)
    rolled = None
    if job.coalesce and len(run) > 1:
        rolled = Rollup(len(run) - 1, run[0], run[-2])
        run = run[-1:]
    return Plan(run, planned.next, rolled, None, planned.dropped)
