"""Notices changes to what fields and expressions say, and tells the cron triggers.

A cron trigger whose fields and expressions are all plain is compiled to bit sets, and never asks them again. So their
classes notice what is changed by a subclass, a patch, or an attribute of an object.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

ASKED = frozenset(("get_min", "get_max", "get_value", "get_next_value", "REAL"))
"""What 3.x asks of fields and expressions when it looks for a fire time."""

listeners: list[Callable[[bool], None]] = []
"""Called after each change, with whether anything differs from what existing triggers have compiled."""

_patched: WeakSet[Watched] = WeakSet()
_objects_changed = False


class Watched(ABCMeta):
    """The metaclass of fields and expressions. It derives from ABCMeta so that they can have abstract bases too."""

    __instancecheck__ = type.__instancecheck__
    __subclasscheck__ = type.__subclasscheck__

    # What ASKED names in the class of this package; a subclass from elsewhere is compared with it.
    _originals: dict[str, Any]

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
        super().__init__(name, bases, namespace)
        if namespace.get("__module__", "").startswith("apscheduler.triggers.cron."):
            found = {each: getattr(cls, each, None) for each in ASKED}
            type.__setattr__(cls, "_originals", found)

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ASKED:
            cls._tell()

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        if name in ASKED:
            cls._tell()

    def _tell(cls) -> None:
        _patched.add(cls)
        _tell()

    @property
    def is_plain(cls) -> bool:
        """Whether all that is asked of its objects is as this package wrote it."""
        return all(getattr(cls, name, None) is said for name, said in cls._originals.items())


class Watchable(metaclass=Watched):
    """The base class of fields and expressions: notices changes to its objects."""

    def __setattr__(self, name: str, value: Any) -> None:
        global _objects_changed  # noqa: PLW0603 - once and for all: who holds the object is not known
        again = name == "expressions" and name in vars(self)
        super().__setattr__(name, value)
        if again or name in ASKED:
            _objects_changed = True
            _tell()


def is_plain(each: Any) -> bool:
    """Return whether a field or expression says what its class in this package says."""
    return isinstance(each, Watchable) and type(each).is_plain and ASKED.isdisjoint(vars(each))


def _tell() -> None:
    changed = _objects_changed or not all(cls.is_plain for cls in _patched)
    for listener in listeners:
        listener(changed)
