"""Makes executors and job stores from what users give; an error about an unknown option says what the class takes.

Users give an object, a plug-in's name, or (in a configuration) a dictionary with a ``type`` or a ``class``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping

from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.names import known_to, not_taken
from apscheduler.references import maybe_ref
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    MakePlugin = Callable[[str, str, Mapping[str, Any]], Any]
    """Makes an object of a plug-in: of which type, by which alias, with which options."""

_UNEXPECTED: Final = re.compile(r"unexpected keyword argument '(\w+)'")


def make_plugin(cls: Callable[..., Any], what: str, options: Mapping[str, Any]) -> Any:
    """Make an object of a class, and return it.

    :param what: what it is for, in words: "executor 'threadpool'"
    :raises TypeError: for options that it does not take
    """
    try:
        return cls(**options)
    except TypeError as exc:
        says = f"{getattr(cls, '__name__', cls)} does not take "
        if str(exc).startswith(says):  # the class has checked the options itself
            raise TypeError(line(f"{what} does not take {str(exc).removeprefix(says)}")) from exc
        known, takes_others = known_to(cls)
        unknown = [name for name in options if name not in known]
        if takes_others:  # only the function that gets the other options knows them
            found = _UNEXPECTED.search(str(exc))
            unknown = [name for name in unknown if found is not None and name == found[1]]
        if not unknown:
            raise
        raise TypeError(not_taken(what, unknown, known)) from exc


def made_from(kind: str, spec: Any, alias: str, make: MakePlugin) -> Any:
    """Make what a configuration has under one alias.

    :param kind: ``"executor"`` or ``"jobstore"``
    """
    convert, word = _KINDS[kind]
    if not isinstance(spec, Mapping):
        return convert(spec, f"{kind}s[{alias!r}]", {}, make)
    options = dict(spec)
    plugin, cls = options.pop("type", None), options.pop("class", None)
    if cls is not None:
        what = f"the {word} {alias!r} (class {cls if isinstance(cls, str) else cls.__name__})"
        return convert(make_plugin(maybe_ref(cls), what, options), alias, {}, make)
    if plugin is None:
        raise ValueError(
            f"cannot make the {kind} {alias!r}: give its 'type' (a name) or its 'class'"
        )
    return convert(plugin, alias, options, make)


def as_executor(given: Any, what: str, options: dict[str, Any], make: MakePlugin) -> BaseExecutor:
    """Return the given executor, or make one from a plug-in's name or a concurrent.futures pool.

    :raises TypeError: if it is none of these
    """
    if isinstance(given, BaseExecutor):
        return given
    if isinstance(given, str):
        made: BaseExecutor = make("executor", given, options)
        return made
    if _is_futures_pool(given):
        from apscheduler.executors.futures import FuturesExecutor

        return FuturesExecutor(given)
    raise TypeError(
        f"expected an executor, the name of one, or a concurrent.futures.Executor for {what}, "
        f"not {given!r}"
    )


def as_jobstore(given: Any, what: str, options: dict[str, Any], make: MakePlugin) -> BaseJobStore:
    """Return the given job store, or make one from a plug-in's name.

    :raises TypeError: if it is neither
    """
    if isinstance(given, BaseJobStore):
        return given
    if isinstance(given, str):
        made: BaseJobStore = make("jobstore", given, options)
        return made
    raise TypeError(f"expected a job store or the name of one for {what}, not {given!r}")


_KINDS: Final = {
    "executor": (as_executor, "executor"),
    "jobstore": (as_jobstore, "job store"),
}


def _is_futures_pool(given: object) -> bool:
    """Return whether this is a concurrent.futures.Executor, without importing that module first."""
    futures = sys.modules.get("concurrent.futures._base") or sys.modules.get("concurrent.futures")
    return futures is not None and isinstance(given, futures.Executor)
