"""Checks what the attributes of a job may be: each check returns the value as it is kept, or raises what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from sys import intern

from apscheduler._engine.instants import NEVER, SECOND, from_us, to_us
from apscheduler.amounts import read_option, read_truth
from apscheduler.callables import check_callable_args
from apscheduler.moments import convert_to_datetime
from apscheduler.names import closest
from apscheduler.references import get_callable_name, obj_to_ref, ref_to_obj
from apscheduler.texts import line
from apscheduler.triggers.base import BaseTrigger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, Protocol

    class Checked(Protocol):
        """What the checks need of the job whose attribute is set."""

        id: str
        _scheduler: Any

    class Called(Protocol):
        """What the check of the call needs of the job: what stays as it is."""

        func: Any
        args: tuple[Any, ...]
        kwargs: dict[str, Any]


DELIVERIES: Final = ("at_most_once", "at_least_once")
"""What a shared store promises about a run whose process dies: never a second start, or a completed run."""


@lru_cache(maxsize=64)
def grace_us(grace: float | None) -> int:
    """Return a grace time in microseconds, ``NEVER`` for no limit."""
    return NEVER if grace is None else round(grace * SECOND)


def _check_name(_job: Checked, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"name must be a nonempty string, not {value!r}")
    return value


def _check_grace(_job: Checked, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise TypeError(
            "misfire_grace_time must be a positive number of seconds, a timedelta, "
            f"or None for no limit, not {value!r}"
        )
    return value


def _check_timeout(_job: Checked, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"timeout must be seconds, a timedelta, or None for none, not {value!r}")
    if not 0 < value < NEVER / SECOND:
        raise ValueError(f"timeout must be more than 0 seconds, not {value!r}")
    return value


def _check_coalesce(_job: Checked, value: object) -> bool:
    return bool(value)


def _check_max_instances(_job: Checked, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise TypeError(f"max_instances must be a positive integer, not {value!r}")
    return value


def _check_delivery(_job: Checked, value: object) -> str:
    if value not in DELIVERIES:
        raise ValueError(
            f"delivery must be one of {', '.join(map(repr, DELIVERIES))}, not {value!r}"
        )
    return str(value)


def _check_trigger(job: Checked, value: object) -> BaseTrigger:
    if not isinstance(value, BaseTrigger):
        raise TypeError(
            f"trigger must be an instance of a trigger class, not {value!r} "
            "(reschedule() and add_job() take a trigger's name)"
        )
    return value.for_job(job.id)


def _check_executor(_job: Checked, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"executor must be the alias of an executor (a string), not {value!r}")
    return value


def _check_next_run_time(job: Checked, value: Any) -> datetime | None:
    moment = convert_to_datetime(value, job._scheduler.timezone, "next_run_time")
    return None if moment is None else _existing(moment)


def _existing(moment: datetime) -> datetime:
    """Return the datetime with a wall time that exists in its zone."""
    zone = moment.tzinfo
    return moment if zone is None or zone is UTC else from_us(to_us(moment), zone)


CHECKS: Final = {
    "name": _check_name,
    "misfire_grace_time": _check_grace,
    "timeout": _check_timeout,
    "coalesce": _check_coalesce,
    "delivery": _check_delivery,
    "max_instances": _check_max_instances,
    "trigger": _check_trigger,
    "executor": _check_executor,
    "next_run_time": _check_next_run_time,
}


def first_fault(job: Checked, changes: dict[str, Any], fault: Exception) -> Exception:
    """Return what is wrong with the first faulty change in 3.x's order, not in the order given."""
    for key, check in CHECKS.items():
        if key in changes:
            try:
                check(job, changes[key])
            except Exception as exc:  # noqa: BLE001 - it is returned
                return exc
    return fault if changes.keys() <= CHECKS.keys() else unknown_attributes(job, changes)


def check_call(job: Called, changes: dict[str, Any], approved: dict[str, Any]) -> None:
    """Approve ``func``, ``args`` and ``kwargs`` together, and take them out of the changes.

    :raises TypeError, ValueError, LookupError: if they are not right, or do not fit each other
    """
    func = changes.pop("func") if "func" in changes else job.func
    args = changes.pop("args") if "args" in changes else job.args
    kwargs = changes.pop("kwargs") if "kwargs" in changes else job.kwargs
    if isinstance(func, str):
        ref: str | None = func
        func = ref_to_obj(func)
    elif callable(func):
        try:
            ref = intern(obj_to_ref(func))  # one text for all jobs of a function
        except ValueError:
            ref = None  # fine in memory; a store that has to write the job down refuses it
    else:
        raise TypeError(
            f"func must be a callable or a text like 'package.module:function', not {func!r}"
        )
    if not hasattr(job, "name") and changes.get("name") is None:
        changes["name"] = get_callable_name(func)
    if args.__class__ is not tuple and (isinstance(args, str) or not isinstance(args, Iterable)):
        raise TypeError(f"args must be a list or tuple of arguments, not {args!r}")
    if kwargs.__class__ is not dict and not isinstance(kwargs, Mapping):
        raise TypeError(f"kwargs must be a mapping of argument names to values, not {kwargs!r}")
    if args.__class__ is not list or not hasattr(job, "args"):  # as in 3.x
        args = tuple(args)
    check_callable_args(func, args, kwargs)
    approved["func"] = func
    approved["func_ref"] = ref
    approved["args"] = args
    approved["kwargs"] = dict(kwargs)


def unknown_attributes(job: Checked, changes: dict[str, Any]) -> AttributeError:
    """Return the error for changes of unknown attributes, with the closest names."""
    unknown = [key for key in changes if key not in CHECKS]
    hints = [f"did you mean {near}?" for key in unknown if (near := closest(key, CHECKS))]
    return AttributeError(
        f"these attributes of job {getattr(job, 'id', '(new)')!r} cannot be modified: "
        + line(", ".join(unknown) + (f" ({' '.join(hints)})" if hints else ""))
    )


def checked_default(name: str, value: Any) -> Any:
    """Return a value of ``job_defaults`` as jobs take it; texts (of configuration files) are read.

    :raises ValueError, TypeError: if it is not right for the attribute
    """
    if isinstance(value, str) and name != "delivery":
        value = read_truth(name, value) if name == "coalesce" else _number(name, value)
    return CHECKS[name](_NO_JOB, value)


def _number(name: str, text: str) -> float | None:
    if name == "max_instances":
        return read_option(int, name, text, "a whole number above 0")
    if text.strip().lower() in {"", "none"}:
        return None
    try:
        return int(text)
    except ValueError:
        return read_option(float, name, text, 'a number of seconds, or "none" for no limit')


_NO_JOB: Any = None
