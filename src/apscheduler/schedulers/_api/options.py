"""A scheduler's options: from dictionaries, dotted keys and keywords to one checked configuration."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping

from apscheduler.names import hint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


SCHEDULER_OPTIONS: Final = frozenset(
    {
        "clock",
        "daemon",
        "event_loop",
        "executor",
        "executors",
        "handle_signals",
        "io_loop",
        "job_defaults",
        "jobstore_retry_interval",
        "jobstores",
        "leader_lock",
        "logger",
        "reactor",
        "standalone",
        "timezone",
    }
)
CHECKED_DEFAULTS: Final = (
    *("misfire_grace_time", "coalesce", "max_instances"),
    *("timeout", "delivery"),
)
"""The names of job defaults: first those of 3.11.3, then ours.

3.11.3's are in the order in which it reads them. So if several are wrong, the same one is refused as there.
"""
JOB_DEFAULTS: Final = frozenset(CHECKED_DEFAULTS)


class UnknownOptionWarning(UserWarning):
    """An option was given that nothing reads: most likely a misspelt name."""


def combine(
    gconfig: Mapping[str, Any], prefix: str | None, options: dict[str, Any]
) -> dict[str, Any]:
    """Return one nested configuration: the prefixed keys of ``gconfig``, then the keywords over them.

    :raises TypeError: if ``gconfig`` is no mapping, or a dotted key goes through something that is none
    """
    if not isinstance(gconfig, Mapping):
        raise TypeError(f"the configuration must be a mapping of option names, not {gconfig!r}")
    flat = dict(gconfig)
    if prefix:
        flat = {key[len(prefix) :]: value for key, value in flat.items() if key.startswith(prefix)}
    config: dict[str, Any] = {}
    for key, value in flat.items():
        _set_dotted(config, key, value)
    config.update(options)
    return config


def _set_dotted(config: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    place = config
    for part in path:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise TypeError(
                f"option {key!r} needs {part!r} to be a group of options, but it is {place!r}"
            )
    place[last] = value


def warn_unknown(given: Iterable[str], known: Iterable[str], what: str) -> None:
    """Warn about each unknown name, with the closest known one; the warning points to the line that called us."""
    for name in sorted(set(given) - set(known)):
        warnings.warn(
            f"{what} {name!r} is not known and has no effect; {hint(name, known)}",
            UnknownOptionWarning,
            stacklevel=_callers_level(),
        )


def _callers_level() -> int:
    """Return the stack level, seen from our caller, of the first frame outside of this package."""
    level, frame = 1, sys._getframe(1)
    while _is_ours(frame.f_globals.get("__name__")) and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    return level


def _is_ours(module_name: object) -> bool:
    return isinstance(module_name, str) and module_name.startswith("apscheduler.")


def group(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a group of options of the configuration.

    :raises TypeError: if it is there but no mapping
    """
    value = config.get(name) or {}
    if not isinstance(value, Mapping):
        raise TypeError(f"the option {name!r} must be a mapping, not {value!r}")
    return value


def checked_leader_lock(given: Any) -> Any:
    """Return the option ``leader_lock``, ``None`` where it is not given; what it names is looked up at the start.

    :raises TypeError: if it can be neither a path, nor an alias, nor a store
    """
    if given is None or given == "":
        return None
    is_store = hasattr(type(given), "get_due_jobs")
    if isinstance(given, str) or hasattr(type(given), "__fspath__") or is_store:
        return given
    raise TypeError(
        "leader_lock must be a file's path, the alias of a job store that processes share, or such a store, "
        f"not {given!r}"
    )
