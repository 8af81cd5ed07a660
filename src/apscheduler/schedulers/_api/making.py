"""Makes executors and job stores from a configuration; an error about an unknown option says what the class takes."""

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
