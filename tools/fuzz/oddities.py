"""Programs with one value in one place that nobody would mean, for every place and every such value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tools.fuzz.arguments import MARK, ODD

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES: tuple[Any, ...] = (
    *ODD,
    False,
    1.0,
    -1.5,
    2,
    10**12,
    "3",
    "now",
    "UTC",
    "2024-02-01",
    ["x"],
    {"x": 1},
    {MARK: "set", "items": ["a"]},
    {MARK: "date", "text": "2024-02-01"},
    {MARK: "time", "text": "09:00"},
    {MARK: "datetime", "text": "2024-02-01T00:00:00"},
)
ATTRIBUTES = (
    *("misfire_grace_time", "coalesce", "max_instances", "name", "next_run_time", "args", "kwargs"),
    *("id", "executor", "func", "trigger"),
)
DEFAULTS = ("misfire_grace_time", "coalesce", "max_instances")
OPTIONS = ("timezone", "job_defaults", "jobstore_retry_interval", "jobstores", "executors")
_MEMBERS = {"triggers": [{MARK: "trigger", "name": "cron", "kwargs": {"minute": 5}}]}
_BOUNDS = ("start_date", "end_date", "timezone", "jitter")
TRIGGERS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "date": ({"run_date": "2024-01-10 14:00:00"}, ("run_date", "timezone")),
    "interval": ({"hours": 1}, ("weeks", "days", "hours", "minutes", "seconds", *_BOUNDS)),
    "calendarinterval": (
        {"days": 1, "start_date": "2024-01-01"},
        ("years", "months", "weeks", "days", "hour", "minute", "second", *_BOUNDS),
    ),
    "cron": (
        {"minute": 5},
        ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second", *_BOUNDS),
    ),
    "and": (_MEMBERS, ("triggers", "jitter")),
    "or": (_MEMBERS, ("triggers", "jitter")),
}
"""Of each kind, arguments that are right, and the names of all."""
_BY_ID = (
    "pause_job",
    "resume_job",
    "remove_job",
    "get_job",
    "modify_job",
    "reschedule_job",
)
_OF_A_STORE = ("get_jobs", "remove_all_jobs")
_LATER = {"do": "advance", "seconds": 3600, "passes": 3}
Step = dict[str, Any]


def programs() -> Iterator[dict[str, Any]]:
    """Yield them all; each one's ``seed`` is what it is about."""
    for value in VALUES:
        for what, steps in _with(value):
            yield {
                "seed": f"{what}: {value!r}",
                "now": "2024-01-10T11:30:00+00:00",
                "look": True,
                "watch": True,
                "steps": [*steps, _LATER],
            }


def _with(value: Any) -> Iterator[tuple[str, list[Step]]]:
    yield from _of_jobs(value)
    yield from _of_triggers(value)
    yield from _of_schedulers(value)
    yield from _of_calls(value)


def _of_jobs(value: Any) -> Iterator[tuple[str, list[Step]]]:
    for name in (*ATTRIBUTES, "jobstore", "replace_existing"):
        yield f"add pending, {name}", [_new(), _add(**{name: value}), _call("start")]
        yield f"add, {name}", [_new(), _call("start"), _add(**{name: value})]
    for name in ATTRIBUTES:
        changed = _call("modify_job", "a", **{name: value})
        yield f"modify pending, {name}", [_new(), _add(), changed, _call("start")]
        yield f"modify, {name}", [_new(), _call("start"), _add(), changed]


def _of_triggers(value: Any) -> Iterator[tuple[str, list[Step]]]:
    for kind, (right, names) in TRIGGERS.items():
        for name in names:
            if name == "jitter" and _is_a_jitter(value):
                continue  # each side's fire times are random
            if (kind, name, value) == ("calendarinterval", "start_date", None):
                continue  # it begins with the present day, which is the real one's for 3.11.3
            kwargs = right | {name: value}
            trigger = {MARK: "trigger", "name": kind, "kwargs": kwargs}
            yield f"{kind}, {name}", [_new(), _call("start"), _add(trigger=trigger)]
            named = _call("add_job", _NOTE, id="a", trigger=kind, **kwargs)
            yield f"add {kind}, {name}", [_new(), _call("start"), named]
            again = _call("reschedule_job", "a", trigger=kind, **kwargs)
            yield f"reschedule {kind}, {name}", [_new(), _call("start"), _add(), again]


def _is_a_jitter(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 10**9


def _of_schedulers(value: Any) -> Iterator[tuple[str, list[Step]]]:
    tail = [_call("start"), _add()]
    for name in DEFAULTS:
        yield f"job_defaults, {name}", [_new({"job_defaults": {name: value}}), *tail]
        yield f"gconfig, {name}", [_new(gconfig={f"apscheduler.job_defaults.{name}": value}), *tail]
    for name in OPTIONS:
        yield f"option, {name}", [_new({name: value}), *tail]
        yield f"gconfig, {name}", [_new(gconfig={f"apscheduler.{name}": value}), *tail]


def _of_calls(value: Any) -> Iterator[tuple[str, list[Step]]]:
    for name in _BY_ID:
        yield f"{name}, id", [_new(), _call("start"), _add(), _call(name, value)]
        in_store = _call(name, "a", jobstore=value)
        yield f"{name}, jobstore", [_new(), _call("start"), _add(), in_store]
        yield f"{name} pending, jobstore", [_new(), _add(), in_store, _call("start")]
    for name in _OF_A_STORE:
        of_store = _call(name, jobstore=value)
        yield f"{name}, jobstore", [_new(), _call("start"), _add(), of_store]
        yield f"{name} pending, jobstore", [_new(), _add(), of_store, _call("start")]


_NOTE = {MARK: "callable", "name": "note"}


def _new(options: dict[str, Any] | None = None, gconfig: dict[str, Any] | None = None) -> Step:
    return {
        "do": "new",
        "stores": {"default": "memory"},
        "options": {"timezone": "Europe/Berlin"} | (options or {}),
        "gconfig": gconfig or {},
    }


def _add(**given: Any) -> Step:
    right = {"func": _NOTE, "trigger": "interval", "hours": 1, "id": "a"}
    if "trigger" in given:
        del right["hours"]
    return _call("add_job", **(right | given))


def _call(name: str, /, *args: Any, **kwargs: Any) -> Step:
    return {"do": "call", "name": name, "args": list(args), "kwargs": kwargs}
