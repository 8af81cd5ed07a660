"""Whether a method of a scheduler is ours: one that a subclass, a mixin, a patch or an attribute puts in its place is asked.

The short cuts of this package (jobs added together, a next fire time computed and written in one step, events that nobody
listens to) are taken only past methods of its own.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def is_as_made(scheduler: Any, name: str, own: Any) -> bool:
    """Return whether a scheduler's method is this function of ours: the quick question, for each job and pass."""
    return getattr(type(scheduler), name) is own and name not in scheduler.__dict__


def is_ours(method: Any) -> bool:
    """Return whether a (bound) method is written in this package."""
    function = getattr(method, "__func__", method)
    module = getattr(function, "__globals__", {}).get("__name__", "")
    return isinstance(module, str) and module.partition(".")[0] == "apscheduler"
