"""Tells whether a job's ``_modify`` and ``_get_run_times`` are ours, and asks a ``_modify`` that replaces ours.

Ours are looked up when this module is loaded, with the schedulers and so before programs put their own in their place.
"""

from __future__ import annotations

from apscheduler.job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OWN_MODIFY, OWN_RUN_TIMES = Job._modify, Job._get_run_times

_CHANGEABLE = (
    *("func", "func_ref", "args", "kwargs", "name", "trigger", "executor", "coalesce"),
    *("misfire_grace_time", "max_instances", "timeout", "delivery"),
)
_UNSET: Any = object()


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
