"""Makes hints for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable

from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def closest(name: object, known: Iterable[str]) -> str | None:
    """Return the known name that is most like this one, whatever the case; ``None`` if none is close."""
    from difflib import get_close_matches

    names = list(known)
    near = get_close_matches(str(name), names, n=1)
    if near:
        return near[0]
    folded = {each.casefold(): each for each in reversed(names)}
    near = get_close_matches(str(name).casefold(), folded, n=1)
    return folded[near[0]] if near else None


def hint(name: object, known: Iterable[str]) -> str:
    """Return a question for the closest known name, or else the list of known names."""
    names = sorted(known)
    near = closest(name, names)
    return f"did you mean {near!r}?" if near else line(f"known are: {', '.join(names) or 'none'}")


def not_taken(
    what: str, unknown: Iterable[str], known: Iterable[str], others: Iterable[str] = ()
) -> str:
    """Return what to say of unknown arguments: each with the closest name, and then all that are taken.

    :param what: what was to take them, "the 'cron' trigger"
    :param others: names that could have been meant too, though they are not taken
    """
    taken = list(known)
    hints = [
        f"{key!r}"
        + (f" (did you mean {near!r}?)" if (near := closest(key, [*taken, *others])) else "")
        for key in unknown
    ]
    takes = f"takes {', '.join(taken)}" if taken else "has no options"
    return line(f"{what} does not take {', '.join(hints)}; it {takes}")


def known_to(cls: Any) -> tuple[list[str], bool]:
    """Return the names of a function's or class's arguments, and whether it takes any others (``**kwargs``)."""
    names, takes_others = _taken(cls)
    if takes_others:
        for base in getattr(cls, "__mro__", (cls,))[1:-1]:
            names += _taken(base)[0]
    return list(dict.fromkeys(names)), takes_others


def _taken(function: Any) -> tuple[list[str], bool]:
    from inspect import Parameter, signature

    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):
        return [], True
    by_name = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    names = [each.name for each in parameters if each.kind in by_name and each.name != "self"]
    return names, any(each.kind is each.VAR_KEYWORD for each in parameters)
