"""Executors and job stores made from a configuration: a name that their class does not take is answered with those it takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from apscheduler.names import known_to, not_taken
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_UNEXPECTED: Final = re.compile(r"unexpected keyword argument '(\w+)'")


def make_plugin(cls: Callable[..., Any], what: str, options: Mapping[str, Any]) -> Any:
    """Return an object of a class.

    :param what: what it is for, in words: "executor 'threadpool'"
    :raises TypeError: for options that it does not take
    """
    try:
        return cls(**options)
    except TypeError as exc:
        says = f"{getattr(cls, '__name__', cls)} does not take "
        if str(exc).startswith(says):  # it has looked itself
            raise TypeError(line(f"{what} does not take {str(exc).removeprefix(says)}")) from exc
        known, takes_others = known_to(cls)
        unknown = [name for name in options if name not in known]
        if takes_others:  # only whom it hands them to can say
            found = _UNEXPECTED.search(str(exc))
            unknown = [name for name in unknown if found is not None and name == found[1]]
        if not unknown:
            raise
        raise TypeError(not_taken(what, unknown, known)) from exc
