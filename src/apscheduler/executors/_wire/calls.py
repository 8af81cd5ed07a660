"""The form in which a job's call crosses the pipe, and its answers on the way back.

The user's objects travel as bytes inside our own plain tuples. So an object that cannot be pickled or unpickled fails
its own run, and never breaks the channel. Worker processes import this module, so it must stay cheap to import.

A call is ``(blob, facts)``. ``blob`` is the pickled ``(function or its reference, args, kwargs, zone)``. ``facts`` is
``(job id, store alias, fires, grace, attempt, timeout, token, start by)``. The answer for each fire time is
``(fire, outcome, started, finished, value, error)``, where ``value`` is the pickled return value or ``None``. How an
exception travels is described in ``errors.py``.
"""

from __future__ import annotations

import pickle
from typing import Any

from apscheduler.executors._wire.errors import Error

EXECUTED, FAILED, MISSED, TIMED_OUT = "executed", "failed", "missed", "timed_out"
FENCED = "fenced"
"""The function was not called, because the claim's lease had ended before that."""

Facts = tuple[str, str, list[int], int, int, float | None, int, int | None]
Answer = tuple[int, str, int, int, Any, Error | None]


def pack_call(job: Any, fire: int) -> bytes:
    """Return what another process needs to call the job's function.

    :raises Exception: whatever pickling raises
    """
    func = job.func
    ref = getattr(job, "func_ref", None)
    is_plain = func.__class__.__name__ == "function" and isinstance(ref, str)
    what = ref if is_plain else func
    zone = job._at(fire).tzinfo
    try:
        return pickle.dumps((what, job.args, job.kwargs, zone), 5)
    except Exception:  # noqa: BLE001 - the zone may not pickle; if something else does not, this raises again
        return pickle.dumps((what, job.args, job.kwargs, None), 5)
