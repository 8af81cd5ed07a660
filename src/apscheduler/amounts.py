"""Reads options that are numbers or truth values, also as texts of a configuration; errors say the option's name."""

from __future__ import annotations

from collections.abc import Callable

from apscheduler.moments import asbool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    T = TypeVar("T")


def read_option(read: Callable[[Any], T], name: str, value: Any, expected: str) -> T:
    """Return what a function such as ``int`` reads from an option's value.

    :param expected: what it must be, in words: ``a whole number``
    :raises TypeError, ValueError, OverflowError: what ``read`` raises, with the option's name and what was given
    """
    try:
        return read(value)
    except (TypeError, ValueError, OverflowError) as exc:
        # The error is of a built-in class: a subclass may not take a text.
        kind = next(
            each for each in (TypeError, OverflowError, ValueError) if isinstance(exc, each)
        )
        raise kind(f"{name} must be {expected}, not {value!r}") from None


def read_truth(name: str, value: Any) -> bool:
    """Return an option's value as a truth value.

    :raises ValueError: if a text means neither true nor false, with the option's name
    """
    try:
        return asbool(value)
    except ValueError as exc:
        raise ValueError(f"{name}: {exc}") from None


def checked_number(name: str, value: Any, expected: str) -> Any:
    """Return a value that is a number.

    :raises TypeError: if it is not
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be {expected}, not {value!r}")
    return value


def read_pickle_protocol(value: Any) -> int:
    """Return the option ``pickle_protocol`` as a number; ``None`` and numbers below 0 mean what they mean to ``pickle``.

    :raises TypeError, ValueError: if there is no such protocol
    """
    from operator import index
    from pickle import DEFAULT_PROTOCOL, HIGHEST_PROTOCOL

    if value is None:
        return DEFAULT_PROTOCOL
    expected = f"a pickle protocol, a whole number up to {HIGHEST_PROTOCOL}"
    protocol = read_option(
        int if isinstance(value, str) else index, "pickle_protocol", value, expected
    )
    if protocol > HIGHEST_PROTOCOL:
        raise ValueError(f"pickle_protocol must be {expected}, not {value!r}")
    return HIGHEST_PROTOCOL if protocol < 0 else protocol
