"""Says what the parts of a pool of processes need of it. For types only.

No module imports this one when a program runs: each does so below ``if TYPE_CHECKING``.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from apscheduler.executors._contract import Owner
from apscheduler.runs.claims import Claim


class Queueing(Protocol):
    """A pool as its workers see it, and whoever gives them calls."""

    owner: Owner
    """The executor. There is none before the pool's start; only then do the parts ask."""
    queue: deque[Claim]
    """The claims that wait for a worker, the next one first."""
    closing: bool
    """Whether the pool takes nothing more."""
    _max_workers: int

    @property
    def is_ending(self) -> bool:
        """Whether the interpreter is ending."""


class Managed(Queueing, Protocol):
    """A pool as its manager sees it."""

    def thread_ended(self) -> None:
        """Called by the manager's thread when it has nothing more to do."""
