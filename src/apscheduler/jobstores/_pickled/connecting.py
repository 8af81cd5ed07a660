"""Reads the keyword arguments that a store hands to its client, and names those that are wrong.

A configuration may give a text where the client takes a number. The client says so late (some do when they connect),
and seldom names the option. So each store lists its client's options that are numbers or truth values, and they are
read here. All other values reach the client as they were given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from apscheduler.amounts import read_option, read_truth
from apscheduler.names import known_to, not_taken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    Reader = Callable[[str, Any], Any]

_LAST_PORT: Final = 65535


def whole(name: str, value: Any) -> Any:
    """Return an option that is a whole number."""
    return _as_given(value, read_option(int, name, value, "a whole number"))


def port(name: str, value: Any) -> Any:
    """Return an option that is a port of TCP."""
    expected = f"a port, a whole number up to {_LAST_PORT}"
    number = read_option(int, name, value, expected)
    if not 0 <= number <= _LAST_PORT:
        raise ValueError(f"{name} must be {expected}, not {value!r}")
    return _as_given(value, number)


def seconds(name: str, value: Any) -> Any:
    """Return an option that is a number of seconds."""
    expected = "a number of seconds, 0 or more"
    number = read_option(float, name, value, expected)
    if not 0 <= number < math.inf:
        raise ValueError(f"{name} must be {expected}, not {value!r}")
    return _as_given(value, number)


def number(name: str, value: Any) -> Any:
    """Return an option that is a number."""
    return _as_given(value, read_option(float, name, value, "a number"))


def truth(name: str, value: Any) -> Any:
    """Return an option that is true or false."""
    return read_truth(name, value) if isinstance(value, str) else value


def or_none(read: Reader) -> Reader:
    """Return the reader of an option that may be ``None``."""
    return lambda name, value: None if value is None else read(name, value)


def _as_given(value: Any, read: Any) -> Any:
    return read if isinstance(value, str | bytes) else value


def read_arguments(arguments: Mapping[str, Any], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Return a client's keyword arguments as it takes them.

    :raises ValueError, TypeError, OverflowError: for one that is no number, or neither true nor false, with its name
    """
    return {
        name: readers[name](name, value) if name in readers else value
        for name, value in arguments.items()
    }


def connected(store: Any, connect: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Return a client made with these keyword arguments.

    :param store: the store that makes it
    :raises TypeError: for an argument that neither store nor client takes; it names the closest one that there is
    """
    try:
        return connect(**arguments)
    except TypeError as exc:
        known = _known(store, connect)
        unknown = [name for name in arguments if name not in known and repr(name) in str(exc)]
        if not unknown:
            raise
        raise _refusal(store, unknown, known) from exc


def check_names(store: Any, connect: Callable[..., Any], names: Iterable[str]) -> None:
    """Check the names of the arguments with which a client is made later.

    :raises TypeError: for an argument that neither store nor client takes; it names the closest one that there is
    """
    known = _known(store, connect)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise _refusal(store, unknown, known)


def _known(store: Any, connect: Callable[..., Any]) -> list[str]:
    return list(dict.fromkeys([*known_to(type(store))[0], *known_to(connect)[0]]))


def _refusal(store: Any, unknown: list[str], known: list[str]) -> TypeError:
    public = [name for name in known if not name.startswith("_")]
    return TypeError(not_taken(type(store).__name__, unknown, public))
