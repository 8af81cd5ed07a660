"""Tells whether a scheduler's method is ours, or overridden by a subclass, a mixin, a patch or an attribute.

An overridden method has to be called. So this package takes its short cuts (add jobs together, compute and write a next
fire time in one step, leave out events that nobody listens to) only if the methods that they bypass are its own.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def is_as_made(scheduler: Any, name: str, own: Any) -> bool:
    """Return whether a scheduler's method is our function ``own``; quick enough to be asked for each job and pass."""
    return getattr(type(scheduler), name) is own and name not in scheduler.__dict__


def is_ours(method: Any) -> bool:
    """Return whether a (bound) method is written in this package."""
    function = getattr(method, "__func__", method)
    module = getattr(function, "__globals__", {}).get("__name__", "")
    return isinstance(module, str) and module.partition(".")[0] == "apscheduler"
